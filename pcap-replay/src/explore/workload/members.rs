//! Which ports a group has.

use std::fmt;
use std::str::FromStr;

use super::words::{WordError, number};
use crate::explore::random::Random;

/// How many ports a group has, and how much groups have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Members {
    /// How many.
    pub size: Size,
    /// Of a hundred members of a group, so many are ports that all groups have; the others are drawn from the
    /// rest.
    pub overlap: u32,
}

/// How many ports a group has; more than there are means all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Always as many.
    Exactly(u32),
    /// Something from this to that, all equally often.
    Between(u32, u32),
    /// So many of a hundred ports, at least one.
    Percent(u32),
}

impl Size {
    fn draw(self, ports: u32, random: &mut Random) -> u32 {
        let size = match self {
            Self::Exactly(size) => size,
            Self::Between(from, to) => from + random.below(to - from + 1),
            Self::Percent(percent) => (u64::from(ports) * u64::from(percent) / 100).max(1) as u32,
        };
        size.min(ports)
    }
}

impl Members {
    /// How many ports the group has that [`Members::draw`] would make of these numbers.
    pub(super) fn count(&self, ports: u32, random: &mut Random) -> u32 {
        self.size.draw(ports, random)
    }

    /// Puts the ports of a group in `out`, ascending. `core` has all ports; its first ones are those that groups
    /// have in common.
    pub(super) fn draw(&self, core: &[u32], random: &mut Random, out: &mut Vec<u32>) {
        let size = self.size.draw(core.len() as u32, random) as usize;
        let common = (size * self.overlap as usize).div_ceil(100).min(size);
        let (shared, others) = core.split_at(common);
        out.extend(shared);
        choose(others, size - common, random, out);
        out.sort_unstable();
    }
}

/// Puts `count` different ports of `from` in `out` (Floyd's algorithm: each selection is equally likely).
pub(super) fn choose(from: &[u32], count: usize, random: &mut Random, out: &mut Vec<u32>) {
    let mut taken = vec![false; from.len()];
    for last in from.len() - count..from.len() {
        let drawn = random.below(last as u32 + 1) as usize;
        let index = if taken[drawn] { last } else { drawn };
        taken[index] = true;
        out.push(from[index]);
    }
}

impl FromStr for Size {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        const EXPECTED: &str =
            "a number such as 16, a range such as 4-32, or a part of the ports such as 25%";
        let wrong = || WordError { text: text.to_owned(), expected: EXPECTED };
        let size = |text: &str| number(text).filter(|&size| size <= super::PORTS_MAX).ok_or_else(wrong);
        if let Some(percent) = text.strip_suffix('%') {
            return Ok(Self::Percent(size(percent).ok().filter(|&part| part <= 100).ok_or_else(wrong)?));
        }
        match text.split_once('-') {
            None => size(text).map(Self::Exactly),
            Some((from, to)) => match (size(from)?, size(to)?) {
                (from, to) if from <= to => Ok(Self::Between(from, to)),
                _ => Err(wrong()),
            },
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(size) => write!(f, "{size}"),
            Self::Between(from, to) => write!(f, "{from}-{to}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for text in ["16", "4-32", "25%", "0", "100%"] {
            assert_eq!(text.parse::<Size>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "x", "5-4", "-3", "101%", "1-", "65536", "4294967296"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn members_are_different_and_as_many_as_asked_for() {
        let core: Vec<u32> = (1..=40).rev().collect();
        for overlap in [0, 30, 100] {
            for (size, expected) in [(Size::Exactly(8), 8), (Size::Exactly(90), 40), (Size::Percent(25), 10)]
            {
                let mut group = Vec::new();
                Members { size, overlap }.draw(&core, &mut Random::new(7, &[]), &mut group);
                assert_eq!(group.len(), expected);
                assert!(group.is_sorted_by(|a, b| a < b), "{group:?}");
                let common = (expected * overlap as usize).div_ceil(100);
                assert!(core[..common].iter().all(|port| group.contains(port)));
            }
        }
    }

    #[test]
    fn every_port_is_chosen_equally_often() {
        let mut counts = [0u32; 10];
        let from: Vec<u32> = (0..10).collect();
        let mut random = Random::new(3, &[]);
        for _ in 0..10_000 {
            let mut chosen = Vec::new();
            choose(&from, 3, &mut random, &mut chosen);
            chosen.iter().for_each(|&port| counts[port as usize] += 1);
        }
        assert!(counts.iter().all(|count| (2_800..3_200).contains(count)), "{counts:?}");
    }
}
