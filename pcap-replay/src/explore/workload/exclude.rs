//! Which ports a frame must not leave by.

use std::fmt;
use std::str::FromStr;

use super::members::choose;
use super::words::{WordError, number};
use crate::explore::random::Random;

/// The exclude groups of a workload, and which of them a frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclude {
    /// None at all.
    Nothing,
    /// The port on which the frame came in: a group for each port.
    Ingress,
    /// Ports are bonded, so many each; the frame's group has all members of its bond (MCAST-55).
    Bonds {
        /// Ports of a bond; the last bond may have fewer.
        members: u32,
    },
    /// Ports lie on so many segments, by turns; the frame's group has all ports of its segment.
    SplitHorizon {
        /// Segments.
        segments: u32,
    },
    /// Random sets; each frame has one of them, whatever its ingress.
    Arbitrary {
        /// How many sets.
        sets: u32,
        /// Ports in each.
        size: u32,
    },
}

impl Exclude {
    /// How many exclude groups there are with so many ports.
    pub(super) fn count(self, ports: u32) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Ingress => ports,
            Self::Bonds { members } => ports.div_ceil(members),
            Self::SplitHorizon { segments } => segments.min(ports),
            Self::Arbitrary { sets, .. } => sets,
        }
    }

    /// The exclude group of a frame that came in on this port.
    pub(super) fn of_frame(self, ingress: u32, ports: u32, random: &mut Random) -> Option<u32> {
        match self {
            Self::Nothing => None,
            Self::Ingress => Some(ingress - 1),
            Self::Bonds { members } => Some((ingress - 1) / members),
            Self::SplitHorizon { .. } => Some((ingress - 1) % self.count(ports)),
            Self::Arbitrary { sets, .. } => Some(random.below(sets)),
        }
    }

    /// Puts the ports of an exclude group in `out`, ascending. `core` has all ports.
    pub(super) fn ports(self, number: u32, core: &[u32], random: &mut Random, out: &mut Vec<u32>) {
        let ports = core.len() as u32;
        match self {
            Self::Nothing => {}
            Self::Ingress => out.push(number + 1),
            Self::Bonds { members } => {
                let first = number * members + 1;
                out.extend(first..(first + members).min(ports + 1));
            }
            Self::SplitHorizon { .. } => out.extend((number + 1..=ports).step_by(self.count(ports) as usize)),
            Self::Arbitrary { size, .. } => {
                choose(core, size.min(ports) as usize, random, out);
                out.sort_unstable();
            }
        }
    }
}

impl FromStr for Exclude {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        const EXPECTED: &str =
            "nothing, ingress, bonds:MEMBERS, split-horizon:SEGMENTS or arbitrary:SETSxSIZE";
        let wrong = || WordError { text: text.to_owned(), expected: EXPECTED };
        let some = |text: &str| number(text).filter(|n| (1..=super::PORTS_MAX).contains(n)).ok_or_else(wrong);
        let (word, value) = text.split_once(':').map_or((text, None), |(word, value)| (word, Some(value)));
        match (word, value) {
            ("nothing", None) => Ok(Self::Nothing),
            ("ingress", None) => Ok(Self::Ingress),
            ("bonds", value) => Ok(Self::Bonds { members: value.map_or(Ok(2), some)? }),
            ("split-horizon", value) => Ok(Self::SplitHorizon { segments: value.map_or(Ok(4), some)? }),
            ("arbitrary", value) => {
                let (sets, size) = value.unwrap_or("64x4").split_once('x').ok_or_else(wrong)?;
                Ok(Self::Arbitrary { sets: some(sets)?, size: some(size)? })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Exclude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Ingress => f.write_str("ingress"),
            Self::Bonds { members } => write!(f, "bonds:{members}"),
            Self::SplitHorizon { segments } => write!(f, "split-horizon:{segments}"),
            Self::Arbitrary { sets, size } => write!(f, "arbitrary:{sets}x{size}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(exclude: Exclude, ports: u32) -> Vec<Vec<u32>> {
        let core: Vec<u32> = (1..=ports).collect();
        let one = |number| {
            let mut out = Vec::new();
            exclude.ports(number, &core, &mut Random::new(1, &[number.into()]), &mut out);
            out
        };
        (0..exclude.count(ports)).map(one).collect()
    }

    #[test]
    fn patterns_are_read_as_they_are_written() {
        for text in ["nothing", "ingress", "bonds:4", "split-horizon:3", "arbitrary:9x5"] {
            assert_eq!(text.parse::<Exclude>().map(|exclude| exclude.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("bonds".parse(), Ok(Exclude::Bonds { members: 2 }));
        for text in ["", "ingress:2", "bonds:0", "bonds:x", "arbitrary:4", "arbitrary:4x0", "bond"] {
            assert!(text.parse::<Exclude>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_frame_is_never_sent_back_to_its_bond_or_segment() {
        for exclude in
            [Exclude::Ingress, Exclude::Bonds { members: 4 }, Exclude::SplitHorizon { segments: 3 }]
        {
            let groups = all(exclude, 10);
            for port in 1..=10 {
                let number = exclude.of_frame(port, 10, &mut Random::new(1, &[])).expect("has a group");
                assert!(groups[number as usize].contains(&port), "{exclude}: {port}");
            }
            let mut ports: Vec<u32> = groups.concat();
            ports.sort_unstable();
            assert_eq!(ports, (1..=10).collect::<Vec<u32>>(), "{exclude}: every port is in one group");
        }
    }

    #[test]
    fn groups_of_ports_that_are_fewer() {
        assert_eq!(all(Exclude::Bonds { members: 4 }, 6), [vec![1, 2, 3, 4], vec![5, 6]]);
        assert_eq!(all(Exclude::SplitHorizon { segments: 9 }, 2), [vec![1], vec![2]]);
        assert_eq!(all(Exclude::Arbitrary { sets: 1, size: 9 }, 3), [vec![1, 2, 3]]);
        assert_eq!(all(Exclude::Nothing, 3), Vec::<Vec<u32>>::new());
    }
}
