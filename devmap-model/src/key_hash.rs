//! A hash table from keys to anything, the same in every run.
//!
//! The standard table's own hasher is seeded at random. Nothing here may iterate over the table (order is
//! kept elsewhere), so a fixed hasher is enough to make every answer reproducible, and it is faster.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table from a map's keys to `V`.
pub(crate) type KeyTable<V> = HashMap<u32, V, BuildHasherDefault<KeyHasher>>;

/// Spreads one 32-bit key over 64 bits by a multiplication and a fold of the high half.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

/// 2^64 divided by the golden ratio, made odd: consecutive keys land far apart.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for KeyHasher {
    #[inline]
    fn write_u32(&mut self, key: u32) {
        let product = u64::from(key).wrapping_add(self.0).wrapping_mul(SPREAD);
        self.0 = product ^ (product >> 32);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::hash::BuildHasher;

    fn hash(key: u32) -> u64 {
        BuildHasherDefault::<KeyHasher>::default().hash_one(key)
    }

    /// The same in every process and on every machine.
    #[test]
    fn the_hash_is_fixed() {
        assert_eq!(hash(0), 0);
        assert_eq!(hash(1), 0x9e37_79b9_e17d_05ac);
    }

    /// Keys that differ in high bits only, and runs of keys, spread over the low and the high bits.
    #[test]
    fn keys_spread() {
        for shift in [0, 8, 16, 24] {
            let hashes: Vec<u64> = (0..256u32).map(|n| hash(n << shift)).collect();
            let low: BTreeSet<u64> = hashes.iter().map(|hash| hash & 0x3ff).collect();
            let high: BTreeSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
            assert!(low.len() > 128, "{} of 256 with shift {shift}", low.len());
            assert!(high.len() > 64, "{} of 128 with shift {shift}", high.len());
        }
    }

    /// Longer keys than the maps use don't all collide.
    #[test]
    fn bytes_are_hashed_in_order() {
        let of = |bytes: &[u8]| {
            let mut hasher = KeyHasher::default();
            hasher.write(bytes);
            hasher.finish()
        };
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[1, 2]), of(&[1, 3]));
        assert_eq!(of(&[7]), hash(7));
    }
}
