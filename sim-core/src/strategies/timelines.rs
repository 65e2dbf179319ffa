//! Random timelines: when frames arrive.

use proptest::prelude::*;

use crate::time::Nanos;

/// Arrival times of so many frames: the sum of these gaps, in turn. The first frame arrives at 1 ns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Nanoseconds before each frame; used again from the start when there are more frames.
    pub gaps: Vec<u64>,
}

impl Timeline {
    /// The arrival times of `frames` frames.
    pub fn times(&self, frames: usize) -> impl Iterator<Item = Nanos> {
        let gaps = self.gaps.iter().copied().chain(std::iter::repeat_n(0, usize::from(self.gaps.is_empty())));
        let gaps: Vec<u64> = gaps.collect();
        let mut now = Nanos(1);
        (0..frames).map(move |i| {
            if i > 0 {
                now = now.after(Nanos(gaps[(i - 1) % gaps.len()]));
            }
            now
        })
    }
}

/// All at once, so that a poll takes up to 64.
pub fn at_once() -> impl Strategy<Value = Timeline> + Clone {
    Just(Timeline { gaps: vec![0] })
}

/// One after the other at equal distances: a poll for each.
pub fn steady() -> impl Strategy<Value = Timeline> + Clone {
    (1..2_000u64).prop_map(|gap| Timeline { gaps: vec![gap] })
}

/// Bursts of up to 130 frames with pauses in between.
pub fn bursts() -> impl Strategy<Value = Timeline> + Clone {
    let burst = prop_oneof![3 => 1..20usize, 2 => Just(64usize), 1 => 60..130usize];
    prop::collection::vec((burst, 1..100_000u64), 1..4).prop_map(|bursts| {
        let gaps = |(frames, pause): (usize, u64)| std::iter::repeat_n(0, frames - 1).chain([pause]);
        Timeline { gaps: bursts.into_iter().flat_map(gaps).collect() }
    })
}

/// Any of them.
pub fn any_timeline() -> impl Strategy<Value = Timeline> + Clone {
    prop_oneof![2 => at_once(), 2 => steady(), 3 => bursts()]
}
