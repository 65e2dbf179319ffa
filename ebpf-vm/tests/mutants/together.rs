//! Mutants in runs that follow each other, as a poll has them: with what runs have in common done once, and frames that
//! programs read where they lie.

use xdpsim_vm::Fault;
use xdpsim_vm::engine::{Runs, UseRuns};

use super::sides::{GUARD, HEADROOM, Recorder, TAILROOM};

/// Bytes of the pattern on both sides of a frame.
const MARGIN: usize = 320;

/// Frames, each between two margins.
pub struct Together(Vec<Vec<u8>>);

impl Together {
    /// Every other frame is made as long as the one before.
    pub fn new(frames: impl Iterator<Item = Vec<u8>>) -> Self {
        let (margin, mut last) = ([GUARD; MARGIN], None);
        let frames = frames.map(|mut frame| {
            match last.take() {
                Some(len) => frame.resize(len, 1),
                None => last = Some(frame.len()),
            }
            [&margin, frame.as_slice(), &margin].concat()
        });
        Self(frames.collect())
    }

    /// The frame of the run with this number.
    pub fn frame(&self, run: usize) -> &[u8] {
        let all = &self.0[run];
        &all[MARGIN..all.len() - MARGIN]
    }
}

/// What one of these runs shows.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    verdict: Result<Option<u32>, Box<Fault>>,
    /// Bounds and bytes, unless the run has left it alone.
    packet: Option<((u32, u32, u32), Vec<u8>)>,
    asked: Vec<(u32, u64, u64)>,
}

impl UseRuns<Recorder> for &Together {
    type Out = Vec<Shown>;

    fn use_runs(self, runs: &mut impl Runs<Recorder>) -> Vec<Shown> {
        let run = |number: usize| {
            let frame = self.frame(number);
            let again = (number % 2 == 1).then(|| runs.run_like_last(frame)).flatten();
            let ended = again.unwrap_or_else(|| {
                runs.packet_in(frame, 0, HEADROOM, TAILROOM);
                runs.run()
            });
            let packet = runs.memory().packet();
            let touched = packet.is_dirty() || ended.is_err();
            let packet = touched.then(|| (packet.bounds(), packet.output().to_vec()));
            let verdict = ended.map(xdpsim_vm::engine::Ended::verdict);
            Shown { verdict, packet, asked: std::mem::take(&mut runs.world().asked) }
        };
        (0..self.0.len()).map(run).collect()
    }
}

impl Shown {
    /// Did a fault end the run?
    pub fn is_fault(&self) -> bool {
        self.verdict.is_err()
    }
}
