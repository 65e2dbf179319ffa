//! What an encoding is tried with: groups, exclude groups, frames and changes.
//!
//! Owns the meaning of the workload's words. Nothing is stored but what a capture taught: a made-up group is a
//! function of seed, ports and its number, so a million groups take no memory here.

mod changes;
mod exclude;
mod members;
mod words;

pub use changes::Change;
pub use exclude::Exclude;
pub use members::{Members, Size};
pub use words::{Popularity, WordError};

use std::sync::Arc;

use super::learn::Learnt;
use super::random::Random;

/// Most ports of a workload.
pub const PORTS_MAX: u32 = 65_535;
/// Most groups of a workload.
pub const GROUPS_MAX: u32 = 1 << 24;

/// What each random stream is for.
mod stream {
    pub const CORE: u64 = 1;
    pub const GROUP: u64 = 2;
    pub const EXCLUDE: u64 = 3;
    pub const FRAMES: u64 = 4;
    pub const CHANGES: u64 = 5;
    pub const RANKS: u64 = 6;
}

/// What all cells of a sweep have in common.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Where the random numbers begin.
    pub seed: u64,
    /// How many ports a group has, and which.
    pub members: Members,
    /// Which ports are taken away.
    pub exclude: Exclude,
    /// Which groups frames go to.
    pub popularity: Popularity,
    /// Of a hundred frames, so many have no exclude group.
    pub plain: u32,
    /// What a capture taught, instead of groups that are made up.
    pub learnt: Option<Arc<Learnt>>,
}

/// The workload of a cell.
#[derive(Clone, Debug)]
pub struct Workload {
    shape: Shape,
    ports: u32,
    groups: u32,
    /// All ports in random order: the first ones are those that groups have in common.
    core: Vec<u32>,
}

/// A frame: send to every port of `group` that is not in `exclude`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Number of the forward group, from 0.
    pub group: u32,
    /// Number of the exclude group, from 0.
    pub exclude: Option<u32>,
    /// The port on which it came in, from 1.
    pub ingress: u32,
}

impl Workload {
    /// A workload of this many ports and groups.
    #[must_use]
    pub fn new(shape: &Shape, ports: u32, groups: u32) -> Self {
        let mut core: Vec<u32> = (1..=ports).collect();
        let mut random = Random::new(shape.seed, &[stream::CORE, ports.into()]);
        for i in (1..ports).rev() {
            core.swap(i as usize, random.below(i + 1) as usize);
        }
        Self { shape: shape.clone(), ports, groups, core }
    }

    /// How many ports there are; they are numbered from 1.
    #[must_use]
    pub fn ports(&self) -> u32 {
        self.ports
    }

    /// How many forward groups there are.
    #[must_use]
    pub fn groups(&self) -> u32 {
        self.groups
    }

    /// How many exclude groups there are.
    #[must_use]
    pub fn excludes(&self) -> u32 {
        self.shape.exclude.count(self.ports)
    }

    /// Puts the ports of a forward group in `out`, in ascending order.
    pub fn group(&self, number: u32, out: &mut Vec<u32>) {
        out.clear();
        match &self.shape.learnt {
            Some(learnt) => out.extend(learnt.members(number)),
            None => self.shape.members.draw(&self.core, &mut self.random_of_group(number), out),
        }
    }

    /// Puts the ports of an exclude group in `out`, in ascending order.
    pub fn exclude(&self, number: u32, out: &mut Vec<u32>) {
        out.clear();
        let mut random = Random::new(self.shape.seed, &[stream::EXCLUDE, self.ports.into(), number.into()]);
        self.shape.exclude.ports(number, &self.core, &mut random, out);
    }

    /// How many members all forward groups have together; none of them is drawn for that.
    #[must_use]
    pub fn entries(&self) -> u64 {
        let size = |group| match &self.shape.learnt {
            Some(learnt) => learnt.members(group).count() as u64,
            None => self.shape.members.count(self.ports, &mut self.random_of_group(group)).into(),
        };
        (0..self.groups).map(size).sum()
    }

    fn random_of_group(&self, number: u32) -> Random {
        Random::new(self.shape.seed, &[stream::GROUP, self.ports.into(), number.into()])
    }

    /// Frames, the same in every call.
    pub fn frames(&self, count: usize) -> Vec<Frame> {
        let mut random =
            Random::new(self.shape.seed, &[stream::FRAMES, self.ports.into(), self.groups.into()]);
        (0..count).map(|_| self.frame(&mut random)).collect()
    }

    fn frame(&self, random: &mut Random) -> Frame {
        let learnt = self.shape.learnt.as_ref().and_then(|learnt| learnt.frame(random));
        let (group, ingress) = learnt.unwrap_or_else(|| (self.popular(random), 1 + random.below(self.ports)));
        let exclude = match random.percent(self.shape.plain) {
            true => None,
            false => self.shape.exclude.of_frame(ingress, self.ports, random),
        };
        Frame { group, exclude, ingress }
    }

    fn popular(&self, random: &mut Random) -> u32 {
        match self.shape.popularity {
            Popularity::Uniform => random.below(self.groups),
            // Popular groups lie anywhere, not side by side.
            Popularity::Skewed => {
                let rank = random.skewed(self.groups);
                Random::new(self.shape.seed, &[stream::RANKS, rank.into()]).below(self.groups)
            }
        }
    }

    /// Joins and leaves, the same in every call: a port that is a member leaves, one that is not joins.
    pub fn changes(&self, count: usize) -> Vec<Change> {
        let mut random =
            Random::new(self.shape.seed, &[stream::CHANGES, self.ports.into(), self.groups.into()]);
        changes::draw(self, count, &mut random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn shape(exclude: Exclude) -> Shape {
        let members = Members { size: Size::Exactly(8), overlap: 50 };
        Shape { seed: 1, members, exclude, popularity: Popularity::Uniform, plain: 0, learnt: None }
    }

    #[test]
    fn a_workload_is_a_function_of_its_seed() {
        let of = |seed, groups| {
            let workload = Workload::new(&Shape { seed, ..shape(Exclude::Ingress) }, 64, groups);
            let mut group = Vec::new();
            workload.group(3, &mut group);
            (group, workload.frames(50), workload.changes(50))
        };
        assert_eq!(of(1, 16), of(1, 16));
        assert_ne!(of(1, 16), of(2, 16));
        assert_eq!(of(1, 16).0, of(1, 1_024).0, "a group does not depend on how many others there are");
    }

    #[test]
    fn frames_name_groups_ports_and_exclude_groups_that_exist() {
        for exclude in [
            Exclude::Ingress,
            Exclude::Bonds { members: 3 },
            Exclude::SplitHorizon { segments: 5 },
            Exclude::Arbitrary { sets: 7, size: 4 },
        ] {
            for (ports, popularity) in [(1, Popularity::Uniform), (10, Popularity::Skewed)] {
                let shape = Shape { popularity, plain: 20, ..shape(exclude) };
                let workload = Workload::new(&shape, ports, 9);
                let frames = workload.frames(400);
                assert!(frames.iter().any(|frame| frame.exclude.is_none()));
                for frame in frames {
                    assert!(frame.group < 9 && (1..=ports).contains(&frame.ingress));
                    assert!(frame.exclude.is_none_or(|number| number < workload.excludes()), "{exclude}");
                }
            }
        }
    }
}
