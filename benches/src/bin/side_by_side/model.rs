//! The model's side: the entry point of `xdpsim replay` over a capture in memory, on one thread.

use std::hint::black_box;
use std::time::Instant;

use xdpsim::runner::{Finished, Settings};
use xdpsim_benches::digest::digests;
use xdpsim_benches::workload::replay;
use xdpsim_core::{NullSink, Path, Plan, Timing};

use crate::failure::Failure;
use crate::measure::{Run, Side};
use crate::row::Row;
use crate::traffic::{CAPTURE_ROUNDS, ROUND};

/// Frames come back to back, in polls of 64; the books are kept.
const SETTINGS: Settings = Settings { timing: Timing::Asap, threads: 1, ledger: true };

/// A row's world in the model.
pub struct ModelSide<'a> {
    row: &'a Row,
    plan: Plan,
    capture: &'a [u8],
    copies: Vec<u64>,
}

impl<'a> ModelSide<'a> {
    /// `capture` has [`CAPTURE_ROUNDS`], `round` one. On the round, what leaves each port, in which order
    /// and with which bytes, must be what the frame-by-frame path gives.
    pub fn new(row: &'a Row, capture: &'a [u8], round: &[u8]) -> Result<Self, Failure> {
        let plan = row.plan(Path::Auto)?;
        let reference = row.plan(Path::FrameByFrame)?;
        let mut side = Self { row, plan, capture, copies: Vec::new() };
        if digests(&side.plan, round, &SETTINGS) != digests(&reference, round, &SETTINGS) {
            return Err(side.differs("what leaves is not what the frame-by-frame path gives".to_owned()));
        }
        let finished = side.replay(round);
        side.copies = side.delivered(&finished);
        Ok(side)
    }

    /// Copies that leave by each target in a round.
    pub fn copies(&self) -> &[u64] {
        &self.copies
    }

    fn replay(&self, capture: &[u8]) -> Finished {
        replay(&self.plan, capture, &SETTINGS, &|_| NullSink, &mut |_| ())
    }

    fn delivered(&self, finished: &Finished) -> Vec<u64> {
        self.row.target_names().map(|port| finished.report.delivered(&port).0).collect()
    }

    fn check(&self, finished: &Finished) -> Result<(), Failure> {
        let report = &finished.report;
        let frames = CAPTURE_ROUNDS * ROUND;
        if !report.is_balanced() || report.arrivals != frames {
            let what = format!("{} of {frames} frames arrived, or the books do not balance", report.arrivals);
            return Err(self.differs(what));
        }
        let expected: Vec<u64> = self.copies.iter().map(|copies| copies * CAPTURE_ROUNDS).collect();
        let delivered = self.delivered(finished);
        if delivered != expected {
            return Err(self.differs(format!("{delivered:?} copies left the ports, expected {expected:?}")));
        }
        Ok(())
    }

    fn differs(&self, what: String) -> Failure {
        Failure::Differs { side: "model", row: self.row.name.clone(), what }
    }
}

impl Side for ModelSide<'_> {
    fn run(&mut self, rounds: u64) -> Result<Run, Failure> {
        let mut run = Run::default();
        while run.rounds < rounds {
            let start = Instant::now();
            let finished = self.replay(black_box(self.capture));
            run.time += start.elapsed();
            run.rounds += CAPTURE_ROUNDS;
            self.check(&finished)?;
        }
        Ok(run)
    }
}
