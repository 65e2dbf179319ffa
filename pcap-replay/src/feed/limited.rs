//! The first frames of an input, and no more.

use super::{FeedTable, Input, Part};
use crate::capture::{CaptureError, Progress, Resolution};

/// An input that ends early.
pub struct Limited<I> {
    input: I,
    taken: u64,
    most: u64,
}

impl<I: Input> Limited<I> {
    /// At most so many frames. What comes behind them is not read, so a break there is not reported.
    pub fn new(input: I, frames: u64) -> Self {
        Self { input, taken: 0, most: frames }
    }
}

impl<I: Input> Input for Limited<I> {
    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError> {
        let left = self.most - self.taken;
        if left == 0 || !self.input.fill(table)? {
            return Ok(false);
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        table.frames.truncate(left);
        table.ports.truncate(left);
        self.taken += table.frames.len() as u64;
        Ok(true)
    }

    fn progress(&self) -> Progress {
        self.input.progress()
    }

    fn resolution(&self) -> Resolution {
        self.input.resolution()
    }

    fn take_parts(&mut self) -> Vec<Part> {
        let mut parts = self.input.take_parts();
        // The last one gave more than was taken of it.
        for part in &mut parts {
            part.frames = part.frames.min(self.taken.saturating_sub(part.first.0));
        }
        parts
    }
}
