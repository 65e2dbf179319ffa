//! LPM_TRIE: the longest prefix that a key begins with.
//!
//! Of tries of IPv4 addresses the answers to whole addresses are kept until the trie changes, a thousand of them: a frame
//! is seldom the first one to where it goes.
//!
//! A key is a length in bits (32 bits, of the machine's byte order: little endian here) and the bytes of an
//! address, the highest bit first. Iteration is in the kernel's order: a prefix after all longer ones within
//! it, lower addresses first.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use xdpsim_devmap::Errno;

use super::keys::KeyIndex;
use super::values::{Caller, Values};
use super::{UPDATE_EXIST, UPDATE_NOEXIST};
use crate::memory::Slab;

/// The length in front of the bytes.
const HEADER: usize = 4;
/// The longest key: 2048 bits.
const MAX_KEY: usize = HEADER + 256;

/// A trie, though kept as a table of prefixes and the lengths that occur.
#[derive(Clone, Debug)]
pub(super) struct Lpm {
    /// Keys without bits beyond their length.
    keys: KeyIndex,
    values: Values,
    /// Keys as they were given, in the order of iteration.
    given: BTreeMap<Prefix, Vec<u8>>,
    /// How many prefixes have this length.
    lengths: Vec<u32>,
    /// The lengths that some prefix has, the longest first.
    present: Vec<u32>,
    /// Answers for whole IPv4 addresses; none in tries of other keys.
    recent: Box<[Recent]>,
    /// How often the trie was changed, from 1: answers of before are none.
    epoch: u64,
}

/// What a lookup found: the same will be found until the trie changes.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    epoch: u64,
    address: u32,
    element: Option<NonZeroU32>,
}

/// Answers that are kept: a power of two.
const RECENT: usize = 1024;

/// A prefix without bits beyond its length, ordered as the kernel iterates.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix(Vec<u8>);

impl Prefix {
    fn len(&self) -> u32 {
        length(&self.0)
    }
}

impl Ord for Prefix {
    fn cmp(&self, other: &Self) -> Ordering {
        let common = common_bits(&self.0[HEADER..], &other.0[HEADER..]);
        if common >= self.len().min(other.len()) {
            return other.len().cmp(&self.len());
        }
        self.0[HEADER..].cmp(&other.0[HEADER..])
    }
}

impl PartialOrd for Prefix {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn length(key: &[u8]) -> u32 {
    key.first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes))
}

/// How many bits two addresses have in common from the start.
fn common_bits(a: &[u8], b: &[u8]) -> u32 {
    let mut bits = 0;
    for (a, b) in a.iter().zip(b) {
        let same = (a ^ b).leading_zeros();
        bits += same;
        if same < 8 {
            break;
        }
    }
    bits
}

/// The key with this length, and no bits beyond.
fn cut(key: &[u8], bits: u32, to: &mut [u8; MAX_KEY]) {
    let bytes = bits.div_ceil(8) as usize;
    to[..HEADER].copy_from_slice(&bits.to_le_bytes());
    to[HEADER..key.len()].fill(0);
    to[HEADER..HEADER + bytes].copy_from_slice(&key[HEADER..HEADER + bytes]);
    if !bits.is_multiple_of(8) {
        to[HEADER + bytes - 1] &= !(0xff >> (bits % 8));
    }
}

impl Lpm {
    pub fn new(key_size: u32, capacity: u32, values: Values) -> Self {
        let max_bits = (key_size as usize - HEADER) * 8;
        Self {
            keys: KeyIndex::new(key_size, capacity),
            values,
            given: BTreeMap::new(),
            lengths: vec![0; max_bits + 1],
            present: Vec::new(),
            recent: if max_bits == 32 { vec![Recent::default(); RECENT].into() } else { Box::default() },
            epoch: 1,
        }
    }

    fn max_bits(&self) -> u32 {
        self.lengths.len() as u32 - 1
    }

    pub fn len(&self) -> u32 {
        self.keys.len()
    }

    /// The element of the longest prefix that matches.
    pub fn find(&mut self, key: &[u8]) -> Option<u32> {
        match key.as_array() {
            Some(key) => self.find_ipv4(key),
            None => self.find_any(key),
        }
    }

    /// The same for keys of 8 bytes.
    #[inline]
    pub fn find_ipv4(&mut self, key: &[u8; 8]) -> Option<u32> {
        const WHOLE: u32 = 32;
        // In two parts, as it was written: a load of both would wait for both stores.
        let ([bits @ .., _, _, _, _], [_, _, _, _, address @ ..]) = (*key, *key);
        let (bits, address) = (u32::from_le_bytes(bits), u32::from_be_bytes(address));
        let place = (address.wrapping_mul(0x9e37_79b1) >> 22) as usize;
        let place = if bits == WHOLE { place } else { usize::MAX };
        match self.recent.get(place) {
            Some(recent) if (recent.epoch, recent.address) == (self.epoch, address) => {
                return recent.element.map(|element| element.get() - 1);
            }
            _ if bits > self.max_bits() => return None,
            _ => {}
        }
        let found = self.present.iter().filter(|length| **length <= bits).find_map(|length| {
            let cut = address & u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let key = u64::from(cut.swap_bytes()) << 32 | u64::from(*length);
            self.keys.find_sized(&key.to_le_bytes())
        });
        if let Some(recent) = self.recent.get_mut(place) {
            let element = found.and_then(|element| NonZeroU32::new(element + 1));
            *recent = Recent { epoch: self.epoch, address, element };
        }
        found
    }

    fn find_any(&self, key: &[u8]) -> Option<u32> {
        let bits = length(key);
        if bits > self.max_bits() {
            return None;
        }
        let mut lengths = self.present.iter().copied().filter(|length| *length <= bits);
        let mut prefix = [0; MAX_KEY];
        lengths.find_map(|bits| {
            cut(key, bits, &mut prefix);
            self.keys.find(&prefix[..key.len()])
        })
    }

    /// One more prefix has this length, or one less.
    fn count(&mut self, bits: u32, more: bool) {
        let count = &mut self.lengths[bits as usize];
        *count = if more { *count + 1 } else { *count - 1 };
        match self.present.binary_search_by(|other| bits.cmp(other)) {
            Ok(at) if *count == 0 => drop(self.present.remove(at)),
            Err(at) => self.present.insert(at, bits),
            Ok(_) => {}
        }
    }

    pub fn update(&mut self, slab: &mut Slab, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let bits = length(key);
        if flags > UPDATE_EXIST || bits > self.max_bits() {
            return Err(Errno::EINVAL);
        }
        self.epoch += 1;
        let mut prefix = [0; MAX_KEY];
        cut(key, bits, &mut prefix);
        let prefix = &prefix[..key.len()];
        let element = match (self.keys.find(prefix), flags) {
            (Some(_), UPDATE_NOEXIST) => return Err(Errno::EEXIST),
            (None, UPDATE_EXIST) => return Err(Errno::ENOENT),
            (Some(_), _) => self.keys.replace(prefix).ok_or(Errno::ENOENT)?,
            (None, _) => {
                let element = self.keys.insert(prefix).ok_or(Errno::ENOSPC)?;
                self.count(bits, true);
                element
            }
        };
        self.values.write(slab, element, value, Caller::Control);
        self.given.insert(Prefix(prefix.to_vec()), key.to_vec());
        Ok(())
    }

    pub fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        let bits = length(key);
        if bits > self.max_bits() {
            return Err(Errno::EINVAL);
        }
        let mut prefix = [0; MAX_KEY];
        cut(key, bits, &mut prefix);
        let prefix = &prefix[..key.len()];
        self.epoch += 1;
        self.keys.remove(prefix).ok_or(Errno::ENOENT)?;
        self.count(bits, false);
        self.given.remove(&Prefix(prefix.to_vec()));
        Ok(())
    }

    /// The key after this one; the first one if it is not there.
    pub fn next(&self, key: Option<&[u8]>) -> Option<&[u8]> {
        let here = key.filter(|key| length(key) <= self.max_bits()).map(|key| {
            let mut prefix = [0; MAX_KEY];
            cut(key, length(key), &mut prefix);
            Prefix(prefix[..key.len()].to_vec())
        });
        let next = match here.filter(|prefix| self.given.contains_key(prefix)) {
            None => self.given.iter().next(),
            Some(prefix) => {
                use std::ops::Bound::{Excluded, Unbounded};
                self.given.range((Excluded(prefix), Unbounded)).next()
            }
        };
        next.map(|(_, given)| given.as_slice())
    }
}
