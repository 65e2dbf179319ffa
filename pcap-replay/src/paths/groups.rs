//! Equal paths, counted.
//!
//! Bounded by the legs of all distinct paths: frames on paths that are first met when there is no room
//! left are counted together. The bound holds for each domain, which sees the same frames on any number of
//! threads, so what is counted does not depend on them.

use std::collections::HashMap;

use xdpsim_core::FrameNo;

use super::follow::Follower;
use super::leg::FramePath;

/// Legs of distinct paths that are kept over all domains, some 60 bytes each.
const LEGS_MAX: usize = 1 << 20;
/// How many frame numbers are kept of a path.
pub const FIRST: usize = 4;

/// Frames that took the same path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub frames: u64,
    /// The capture that `first` is of, from 0 in the order of the command line.
    pub capture: usize,
    /// The lowest numbers, from 1, in the first capture that had any.
    pub first: Vec<u64>,
}

impl Tally {
    /// Counts a frame.
    pub fn add(&mut self, capture: usize, frame: FrameNo) {
        if self.frames == 0 {
            self.capture = capture;
        }
        self.frames += 1;
        if self.capture == capture {
            self.keep(frame.0 + 1);
        }
    }

    fn keep(&mut self, number: u64) {
        if self.first.len() == FIRST && self.first.last().is_some_and(|&last| last < number) {
            return;
        }
        let place = self.first.partition_point(|&other| other < number);
        self.first.insert(place, number);
        self.first.truncate(FIRST);
    }

    fn merge(&mut self, other: &Self) {
        if self.frames == 0 || (other.frames > 0 && other.capture < self.capture) {
            (self.capture, self.first) = (other.capture, other.first.clone());
        } else if other.capture == self.capture {
            other.first.iter().for_each(|&number| self.keep(number));
        }
        self.frames += other.frames;
    }
}

/// A path and its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The path.
    pub path: FramePath,
    /// The frames.
    pub tally: Tally,
}

/// The paths of all domains.
#[derive(Debug, Default)]
pub struct Groups {
    domains: Vec<Domain>,
    capture: usize,
}

#[derive(Debug, Default)]
struct Domain {
    follower: Follower,
    found: HashMap<FramePath, Tally>,
    legs: usize,
    others: Tally,
}

impl Groups {
    /// Groups of a run with this many domains.
    #[must_use]
    pub fn new(domains: usize) -> Self {
        Self { domains: (0..domains).map(|_| Domain::default()).collect(), capture: 0 }
    }

    /// Takes the next steps of a domain. `wanted` is asked once for each frame.
    pub fn take(
        &mut self,
        domain: usize,
        steps: impl IntoIterator<Item = (xdpsim_core::Stamp, FrameNo, xdpsim_core::story::Step)>,
        mut wanted: impl FnMut(FrameNo) -> bool,
    ) {
        let (capture, legs_max) = (self.capture, LEGS_MAX / self.domains.len());
        let Domain { follower, found, legs, others } = &mut self.domains[domain];
        follower.take(steps, &mut wanted, &mut |frame, path| {
            if let Some(tally) = found.get_mut(&path) {
                return tally.add(capture, frame);
            }
            let size = path.size();
            if *legs + size > legs_max {
                return others.add(capture, frame);
            }
            *legs += size;
            found.entry(path).or_default().add(capture, frame);
        });
    }

    /// What comes now is the next capture. Returns the frames that are still under way, of which there must
    /// be none.
    pub fn next_capture(&mut self) -> usize {
        self.capture += 1;
        self.domains.iter().map(|domain| domain.follower.under_way()).sum()
    }

    /// All paths, the commonest first, and the frames whose paths there was no room for.
    #[must_use]
    pub fn finish(self) -> (Vec<Group>, Tally) {
        let (mut all, mut others) = (HashMap::<FramePath, Tally>::new(), Tally::default());
        for domain in self.domains {
            others.merge(&domain.others);
            for (path, tally) in domain.found {
                all.entry(path).or_default().merge(&tally);
            }
        }
        let mut groups: Vec<Group> = all.into_iter().map(|(path, tally)| Group { path, tally }).collect();
        let order = |group: &Group| {
            (std::cmp::Reverse(group.tally.frames), group.tally.capture, group.tally.first.clone())
        };
        groups.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.path.cmp(&b.path)));
        (groups, others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(capture: usize, numbers: &[u64]) -> Tally {
        let mut tally = Tally::default();
        numbers.iter().for_each(|&number| tally.add(capture, FrameNo(number)));
        tally
    }

    #[test]
    fn the_lowest_numbers_of_the_first_capture_stay() {
        let mut sum = tally(1, &[9, 3, 5]);
        sum.merge(&tally(1, &[4, 7]));
        assert_eq!(sum, Tally { frames: 5, capture: 1, first: vec![4, 5, 6, 8] });
        sum.merge(&tally(0, &[80]));
        assert_eq!(sum, Tally { frames: 6, capture: 0, first: vec![81] });
        sum.merge(&tally(2, &[1]));
        assert_eq!(sum, Tally { frames: 7, capture: 0, first: vec![81] });
        let mut none = Tally::default();
        none.merge(&tally(2, &[1]));
        assert_eq!(none, Tally { frames: 1, capture: 2, first: vec![2] });
    }
}
