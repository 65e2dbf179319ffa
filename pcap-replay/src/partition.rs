//! `--partition slice:m/n`: a part of a corpus for one of several machines.
//!
//! Captures are dealt out like cards: the first to part 1, the second to part 2, and after part n to part 1
//! again, so parts are of one size however the captures are sorted. Runs of parts are put together again by
//! [`crate::output::merge`].

use std::fmt;
use std::str::FromStr;

/// One of so many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    part: u32,
    of: u32,
}

impl Partition {
    /// Part `part` of `of`, both from 1; `None` if there is no such part.
    #[must_use]
    pub fn new(part: u32, of: u32) -> Option<Self> {
        (1..=of).contains(&part).then_some(Self { part, of })
    }

    /// Which part, from 1.
    #[must_use]
    pub fn part(self) -> u32 {
        self.part
    }

    /// Of how many.
    #[must_use]
    pub fn of(self) -> u32 {
        self.of
    }

    /// The place in the whole corpus of this part's capture `index`, both from 0.
    #[must_use]
    pub fn place(self, index: usize) -> usize {
        index * self.of as usize + self.part as usize - 1
    }

    /// What this part has of a list.
    #[must_use]
    pub fn pick<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.part as usize - 1).step_by(self.of as usize).collect()
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slice:{}/{}", self.part, self.of)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.strip_prefix("slice:").and_then(|rest| rest.split_once('/'));
        let parsed = numbers.and_then(|(part, of)| Self::new(part.parse().ok()?, of.parse().ok()?));
        parsed.ok_or_else(|| "expected slice:M/N with 1 ≤ M ≤ N, such as slice:2/5".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capture_is_in_exactly_one_part() {
        for of in 1..5 {
            let mut seen = vec![0; 11];
            for part in 1..=of {
                let partition = Partition::new(part, of).expect("there is such a part");
                for (index, place) in partition.pick((0..seen.len()).collect()).into_iter().enumerate() {
                    assert_eq!(partition.place(index), place);
                    seen[place] += 1;
                }
            }
            assert_eq!(seen, [1; 11]);
        }
    }

    #[test]
    fn what_is_no_part_is_refused() {
        assert_eq!("slice:2/3".parse(), Ok(Partition { part: 2, of: 3 }));
        assert_eq!(Partition { part: 2, of: 3 }.to_string(), "slice:2/3");
        for wrong in ["slice:0/3", "slice:4/3", "slice:1/0", "hash:1/2", "1/2", "slice:1", "slice:-1/2", ""] {
            assert!(wrong.parse::<Partition>().is_err(), "{wrong}");
        }
    }
}
