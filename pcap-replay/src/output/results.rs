//! What a replay of a whole corpus, or of a part of it, comes to: everything that its report says.
//!
//! Errors and exit code follow from what became of the captures, so that results that were put together from
//! parts are those of one run ([`super::merge`]).

use std::collections::BTreeSet;

use xdpsim_core::{ChangeFailed, Errno};

use super::ports::PortRow;
use super::totals::Totals;
use crate::exit::{Exit, Failure, Message};
use crate::partition::Partition;

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
}

impl Results {
    /// What went wrong, in the order of the captures.
    #[must_use]
    pub fn errors(&self) -> Vec<Message> {
        let errors: Vec<Message> =
            self.totals.captures.iter().filter_map(|capture| capture.error.clone()).collect();
        if errors.is_empty() {
            self.nothing().map(|failure| failure.messages()).unwrap_or_default()
        } else {
            errors
        }
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
