//! One thing to measure: traffic, a workload, and how the run is made.

use xdpsim::runner::{Finished, Settings};
use xdpsim_core::fate::{Fate, Skip};
use xdpsim_core::report::SkipKey;
use xdpsim_core::{NullSink, Path, Plan, Timing};

use crate::digest::digests;
use crate::event_buffer::EventBuffers;
use crate::workload::{Traffic, Workload, replay};

/// What a run leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The books.
    Books,
    /// Not even those.
    Nothing,
    /// The books, and events in a buffer.
    Events,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The frames.
    pub traffic: Traffic,
    /// Where they go.
    pub workload: Workload,
    /// Fast path allowed?
    pub path: Path,
    /// Polls of 64, or of one.
    pub timing: Timing,
    /// Threads at most.
    pub threads: usize,
    /// What is kept.
    pub output: Output,
}

impl Case {
    /// Polls of 64 on one thread, with books, without events.
    #[must_use]
    pub const fn new(traffic: Traffic, workload: Workload) -> Self {
        let (path, timing, output) = (Path::Auto, Timing::Asap, Output::Books);
        Self { traffic, workload, path, timing, threads: 1, output }
    }

    /// All 64 bytes.
    #[must_use]
    pub const fn small(workload: Workload) -> Self {
        Self::new(Traffic::Small, workload)
    }

    /// Frames arrive one by one: each is a poll of its own.
    #[must_use]
    pub const fn polls_of_one(self) -> Self {
        Self { timing: Timing::Capture, ..self }
    }

    /// Without the fast path.
    #[must_use]
    pub const fn frame_by_frame(self) -> Self {
        Self { path: Path::FrameByFrame, ..self }
    }

    /// With this output.
    #[must_use]
    pub const fn keeping(self, output: Output) -> Self {
        Self { output, ..self }
    }

    /// On so many threads.
    #[must_use]
    pub const fn on_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// What is special about it, for reports.
    #[must_use]
    pub fn name(self) -> String {
        let imix = if self.traffic == Traffic::Imix { "IMIX, " } else { "" };
        let timing = if self.timing == Timing::Capture { ", polls of one" } else { "" };
        let path = if self.path == Path::FrameByFrame { ", frame path" } else { "" };
        let output = match self.output {
            Output::Books => "",
            Output::Nothing => ", ledger off",
            Output::Events => ", events on",
        };
        let threads = if self.threads > 1 { ", two threads" } else { "" };
        format!("{imix}{}{timing}{path}{output}{threads}", self.workload.name())
    }

    /// Builds the world, so that only the run is measured.
    #[must_use]
    pub fn prepare(self) -> Prepared {
        Prepared { case: self, plan: self.workload.plan(self.path), buffers: EventBuffers::default() }
    }
}

/// A case with its world.
pub struct Prepared {
    /// What is measured.
    pub case: Case,
    plan: Plan,
    buffers: EventBuffers,
}

impl Prepared {
    fn settings(&self) -> Settings {
        let Case { timing, threads, output, .. } = self.case;
        Settings { timing, threads, ledger: output != Output::Nothing }
    }

    /// The run that is measured.
    #[must_use]
    pub fn run(&self, capture: &[u8]) -> Finished {
        let (plan, settings) = (&self.plan, self.settings());
        if self.case.output != Output::Events {
            return replay(plan, capture, &settings, &|_| NullSink, &mut |_| ());
        }
        let make_sink = |_: usize| self.buffers.take();
        replay(plan, capture, &settings, &make_sink, &mut |filled| self.buffers.give_back(filled))
    }

    /// Did a run over `frames` frames do what the case says?
    ///
    /// # Panics
    /// If not: then its time means nothing.
    pub fn check(&self, finished: &Finished, frames: u64) {
        let (report, workload, name) = (&finished.report, self.case.workload, self.case.name());
        assert_eq!(report.arrivals, frames, "{name}: arrivals");
        let copies = frames * workload.copies();
        assert_eq!(report.clones, copies - frames, "{name}: clones");
        self.check_path(finished, frames);
        if self.case.output == Output::Nothing {
            assert!(report.ends.is_empty() && report.skips.is_empty(), "{name}: the ledger is not off");
            return;
        }
        assert!(report.is_balanced(), "{name}: the books do not balance");
        assert_eq!(report.count(Fate::Delivered), copies, "{name}: delivered");
        let targets = workload.targets();
        for port in 0..targets {
            let delivered = report.delivered(&format!("port{port}")).0;
            match workload {
                // Some of a few hundred possible bytes are more frequent than others.
                Workload::UnicastRandom(_) | Workload::VethRandom(_) => {
                    let share = frames / u64::from(targets);
                    assert!(
                        delivered > share / 2 && delivered < share * 2,
                        "{name}: port {port}: {delivered}"
                    );
                }
                _ => assert_eq!(delivered, frames, "{name}: port {port}"),
            }
        }
        let skipped = |target: &str, skip| {
            let (ingress, target) = ("ingress".to_owned(), target.to_owned());
            report.skips.get(&SkipKey { ingress, target, skip }).copied().unwrap_or(0)
        };
        let left_out = if workload.is_broadcast() { frames } else { 0 };
        assert_eq!(skipped("ingress", Skip::Ingress), left_out, "{name}: ingress excluded");
        assert_eq!(skipped("down", Skip::Down), left_out, "{name}: port down");
    }

    /// Is it the path that the case is about?
    fn check_path(&self, finished: &Finished, frames: u64) {
        let (paths, name) = (finished.paths, self.case.name());
        match self.case.path {
            Path::FrameByFrame => assert_eq!(paths.frames, frames, "{name}: {paths:?}"),
            Path::Auto if self.case.timing == Timing::Asap => {
                assert_eq!(paths.frames, 0, "{name}: {paths:?}");
            }
            Path::Auto => {}
        }
    }

    /// Runs it once over a capture of `frames` frames and compares what left each port with the frame
    /// path on one thread.
    ///
    /// # Panics
    /// If anything is not as it should be.
    pub fn check_prefix(&self, capture: &[u8], frames: u64) {
        self.check(&self.run(capture), frames);
        let books = Settings { ledger: true, ..self.settings() };
        let reference = self.case.workload.plan(Path::FrameByFrame);
        let expected = digests(&reference, capture, &Settings { threads: 1, ..books });
        let name = self.case.name();
        assert_eq!(digests(&self.plan, capture, &books), expected, "{name}: not what the frame path gives");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_case_passes_its_own_checks() {
        let unicast = Case::small(Workload::UnicastOne);
        let broadcast = Case::small(Workload::Broadcast(8));
        let cases = [
            unicast,
            unicast.polls_of_one(),
            Case::small(Workload::UnicastPerFrame).keeping(Output::Events),
            Case::new(Traffic::Imix, Workload::UnicastRandom(8)),
            broadcast.keeping(Output::Nothing),
            broadcast.keeping(Output::Events),
            broadcast.frame_by_frame(),
            Case::small(Workload::VethOne),
            Case::small(Workload::VethRandom(8)),
            Case::small(Workload::VethBroadcast(8)).polls_of_one(),
            Case::small(Workload::TwoQueues).on_threads(2),
        ];
        for case in cases {
            let frames = 3000;
            case.prepare().check_prefix(&case.traffic.capture(frames), frames);
        }
    }

    #[test]
    #[should_panic(expected = "arrivals")]
    fn a_run_over_too_few_frames_does_not_pass() {
        let prepared = Case::small(Workload::UnicastOne).prepare();
        let finished = prepared.run(&Traffic::Small.capture(99));
        prepared.check(&finished, 100);
    }
}
