//! Seeded numbers, the same on every machine: no floats, no clock.

/// A generator (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of this seed and purpose; streams of other parts have nothing to do with it.
    #[must_use]
    pub fn new(seed: u64, parts: &[u64]) -> Self {
        let mut random = Self(seed);
        for &part in parts {
            random.0 = random.number() ^ part;
        }
        random
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0 if that is 0.
    pub fn below(&mut self, end: u32) -> u32 {
        // The product's upper half: even but for one part in 2^32.
        (((self.number() >> 32) * u64::from(end)) >> 32) as u32
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// A number below `end`, small ones more often: each doubling of ranks has the same share, which is about
    /// Zipf's law with exponent 1.
    pub fn skewed(&mut self, end: u32) -> u32 {
        let octave = self.below(end.checked_ilog2().map_or(0, |log| log + 1));
        let first = 1u32 << octave.min(31);
        (first - 1 + self.below(first)).min(end.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_end_and_reach_all_below_it() {
        let mut random = Random::new(1, &[2, 3]);
        for draw in [Random::below, Random::skewed] {
            for end in [1, 2, 7, 64] {
                let mut seen = vec![false; end as usize];
                (0..8_000).for_each(|_| seen[draw(&mut random, end) as usize] = true);
                assert!(seen.iter().all(|&seen| seen), "{end}");
            }
            assert_eq!(draw(&mut random, 0), 0);
        }
    }

    #[test]
    fn small_ranks_come_more_often() {
        let mut random = Random::new(1, &[]);
        let first = (0..10_000).filter(|_| random.skewed(1_023) == 0).count();
        assert!((800..1_200).contains(&first), "{first} of 10,000 in the first of ten octaves");
    }

    #[test]
    fn streams_are_told_apart_by_their_parts() {
        let of = |parts: &[u64]| Random::new(1, parts).number();
        assert_eq!(of(&[1, 2]), of(&[1, 2]));
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[1]), of(&[]));
    }
}
