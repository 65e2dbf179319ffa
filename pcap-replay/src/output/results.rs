//! What a replay of a whole corpus, or of a part of it, comes to: everything that its report says.
//!
//! Errors and exit code follow from what became of the captures, so that results that were put together from
//! parts are those of one run ([`super::merge`]).

use std::collections::BTreeSet;

use xdpsim_core::{ChangeFailed, Errno, Fate};

use super::columns::{counted, grouped};
use super::faults::FaultRows;
use super::ports::PortRow;
use super::totals::Totals;
use crate::exit::{Exit, Failure, Message};
use crate::object::{Tellings, Told};
use crate::partition::Partition;
use xdpsim_vm::machine::coverage::Hits;

/// Which part of a corpus was replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which of how many.
    pub partition: Partition,
    /// Captures of the whole corpus.
    pub captures: usize,
}

/// All that a report says.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// What was simulated, as part of a line.
    pub about: String,
    /// Which part of a corpus this is of; `None` for all of it.
    pub part: Option<Part>,
    /// The sum over all captures.
    pub totals: Totals,
    /// The same by port.
    pub ports: Vec<PortRow>,
    /// Changes that the kernel would have refused, with its answer.
    pub changes_failed: BTreeSet<(usize, Errno)>,
    /// Changes for which every capture was too short.
    pub changes_left: usize,
    /// What programs of objects did that no program may do.
    pub faults: FaultRows,
    /// How often each instruction of objects ran, if that was counted.
    pub hits: Option<Hits>,
    /// What programs of objects told user space: capture, then frame in it.
    pub told: Vec<(usize, Told)>,
    /// How much more there was than is kept.
    pub told_more: u64,
    /// What was assumed about an object that came without a scenario, a line each.
    pub notes: Vec<String>,
}

/// What programs told that is kept of all captures together; the rest is only counted.
const TOLD_MAX: usize = 1 << 20;

impl Results {
    /// Adds what programs of a run told; `place` says of which capture a frame is, and its number there from 1.
    pub fn tell(&mut self, told: &Tellings, place: impl Fn(u64) -> (usize, u64)) {
        let (kept, count) = told.kept();
        let room = TOLD_MAX.saturating_sub(self.told.len()).min(kept.len());
        self.told_more += count - room as u64;
        self.told.extend(kept[..room].iter().map(|told| {
            let (capture, frame) = place(told.frame - 1);
            (capture, Told { frame, ..told.clone() })
        }));
    }

    /// What went wrong, in the order of the captures.
    #[must_use]
    pub fn errors(&self) -> Vec<Message> {
        let errors: Vec<Message> =
            self.totals.captures.iter().filter_map(|capture| capture.error.clone()).collect();
        let errors = if errors.is_empty() {
            self.nothing().map(|failure| failure.messages()).unwrap_or_default()
        } else {
            errors
        };
        errors.into_iter().chain(self.findings()).collect()
    }

    /// What a green run must not hide.
    fn findings(&self) -> impl Iterator<Item = Message> {
        let faults = self.faults.count();
        let fault = (faults > 0).then(|| {
            let what =
                format!("programs did {} times what a kernel's verifier lets nobody do", grouped(faults));
            Failure::finding(
                "fault",
                what,
                "the report names each place; `--stop-on-fault` tells the whole story of the first",
            )
        });
        let ends = self.totals.ends.iter().filter(|(key, _)| key.fate == Fate::NotModelled);
        let frames: u64 = ends.map(|(_, end)| end.frames).sum();
        let elsewhere = (frames > 0).then(|| {
            let frames = counted(frames, "frame was", "frames were");
            let what = format!("{frames} redirected to CPUs or AF_XDP sockets, which are not modelled");
            Failure::finding("not_modelled", what, "what became of them is not known; all else holds")
        });
        fault.into_iter().chain(elsewhere)
    }

    /// How a command that has these results ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.errors().iter().map(Message::exit).max().unwrap_or(Exit::Fine)
    }

    /// The changes that failed.
    #[must_use]
    pub fn changes_failed(&self) -> Vec<ChangeFailed> {
        self.changes_failed.iter().map(|&(index, errno)| ChangeFailed { index, errno }).collect()
    }

    /// A run in which nothing was replayed is no success.
    fn nothing(&self) -> Option<Failure> {
        if self.totals.arrivals > 0 {
            return None;
        }
        let files: Vec<&str> = self.totals.captures.iter().map(|done| done.file.as_str()).collect();
        Some(match (files.as_slice(), self.part) {
            ([], Some(Part { partition, captures })) => Failure::nothing(
                format!("{partition} of {captures} captures is empty, so nothing was replayed"),
                "fewer parts than captures leave none empty",
            ),
            _ => Failure::nothing(
                format!("{}: no frame in it, so nothing was replayed", files.join(", ")),
                "`tshark -r FILE` shows what a capture holds",
            ),
        })
    }
}
