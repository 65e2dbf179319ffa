//! What is measured, and what is promised of it.

use xdpsim_benches::{Case, Output, Traffic, Workload};

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At least this part of the read bandwidth, in percent.
    OfRead(f64),
    /// At least so many million frames a second.
    Frames(f64),
    /// At least so many million copies a second.
    Copies(f64),
    /// Without books: at most so many percent faster than with.
    GainAtMost(f64),
    /// With events: at most so many percent slower than without.
    CostAtMost(f64),
    /// At least so many times as fast as on one thread.
    Times(f64),
}

impl Target {
    /// The case that this one is compared with, if the promise is a comparison.
    pub fn base(self, case: Case) -> Option<Case> {
        match self {
            Self::GainAtMost(_) | Self::CostAtMost(_) => Some(case.keeping(Output::Books)),
            Self::Times(_) => Some(case.on_threads(1)),
            Self::OfRead(_) | Self::Frames(_) | Self::Copies(_) => None,
        }
    }
}

/// Every case with its promises. A case that another is compared with stands before it.
pub fn all() -> Vec<(Case, Vec<Target>)> {
    use Target::{Copies, CostAtMost, Frames, GainAtMost, OfRead, Times};
    let one = Case::small(Workload::UnicastOne);
    let per_frame = Case::small(Workload::UnicastPerFrame);
    let random = Case::small(Workload::UnicastRandom(8));
    let bc8 = Case::small(Workload::Broadcast(8));
    let bc32 = Case::small(Workload::Broadcast(32));
    let queues = Case::small(Workload::TwoQueues);
    let imix = |workload| Case::new(Traffic::Imix, workload);
    let mut list = vec![
        (one, vec![OfRead(30.0)]),
        (per_frame, vec![]),
        (random, vec![OfRead(15.0)]),
        (bc8, vec![OfRead(17.0), Copies(250.0)]),
        (bc32, vec![OfRead(8.0), Copies(400.0)]),
        (Case::small(Workload::VethOne), vec![OfRead(20.0)]),
        (Case::small(Workload::VethBroadcast(8)), vec![Copies(150.0)]),
        (Case::small(Workload::VethBroadcast(32)), vec![]),
        (imix(Workload::UnicastOne), vec![OfRead(45.0)]),
        (imix(Workload::UnicastPerFrame), vec![]),
        (imix(Workload::Broadcast(8)), vec![]),
        (one.polls_of_one(), vec![Frames(25.0)]),
        (per_frame.polls_of_one(), vec![]),
        (bc8.polls_of_one(), vec![]),
        (one.frame_by_frame(), vec![]),
        (random.frame_by_frame(), vec![]),
        (bc8.frame_by_frame(), vec![]),
        (bc32.frame_by_frame(), vec![]),
        (queues, vec![]),
        (queues.on_threads(2), vec![Times(1.7)]),
    ];
    for case in [one, per_frame, bc8, bc32] {
        list.push((case.keeping(Output::Nothing), vec![GainAtMost(10.0)]));
        list.push((case.keeping(Output::Events), vec![CostAtMost(45.0)]));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_is_measured_too() {
        let list = all();
        for (case, targets) in &list {
            for base in targets.iter().filter_map(|target| target.base(*case)) {
                assert!(list.iter().any(|(other, _)| *other == base), "{}", base.name());
            }
        }
    }
}
