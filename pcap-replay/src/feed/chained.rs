//! Captures one after the other, as one run: the state goes on, and so do the frames' numbers.

use xdpsim_core::FrameNo;

use super::{FeedTable, Input, Part};
use crate::capture::{CaptureError, Progress, Resolution};

/// Opens the capture with this place in the chain; its first frame has this number in the run.
pub type OpenNext = Box<dyn FnMut(usize, FrameNo) -> Result<Box<dyn Input>, CaptureError> + Send>;

/// Captures in a row. One that cannot be opened or read to its end does not keep the next ones from being
/// read: its error is kept with what was read of it.
pub struct Chained {
    open: OpenNext,
    captures: usize,
    input: Option<Box<dyn Input>>,
    parts: Vec<Part>,
    frames: u64,
    taken: u64,
    resolution: Resolution,
}

impl Chained {
    /// So many captures.
    #[must_use]
    pub fn new(open: OpenNext, captures: usize) -> Self {
        Self {
            open,
            captures,
            input: None,
            parts: Vec::new(),
            frames: 0,
            taken: 0,
            resolution: Resolution::default(),
        }
    }

    fn ended(&mut self, error: Option<CaptureError>) {
        if let Some(input) = self.input.take() {
            self.taken += input.progress().taken;
        }
        if let Some(part) = self.parts.last_mut() {
            part.error = error;
        }
    }
}

impl Input for Chained {
    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError> {
        loop {
            if let Some(input) = &mut self.input {
                match input.fill(table) {
                    Ok(true) => {
                        let frames = table.frames.len() as u64;
                        self.frames += frames;
                        self.resolution = self.resolution.max(input.resolution());
                        if let Some(part) = self.parts.last_mut() {
                            part.frames += frames;
                        }
                        return Ok(true);
                    }
                    Ok(false) => self.ended(None),
                    Err(error) => self.ended(Some(error)),
                }
            } else if self.parts.len() == self.captures {
                return Ok(false);
            } else {
                let first = FrameNo(self.frames);
                let opened = (self.open)(self.parts.len(), first);
                let (input, error) =
                    opened.map_or_else(|error| (None, Some(error)), |input| (Some(input), None));
                self.input = input;
                self.parts.push(Part { first, frames: 0, error });
            }
        }
    }

    fn progress(&self) -> Progress {
        let now = self.input.as_ref().map_or(0, |input| input.progress().taken);
        Progress { taken: self.taken + now, total: None }
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn take_parts(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.parts)
    }
}
