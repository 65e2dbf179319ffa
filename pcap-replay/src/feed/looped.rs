//! The same input again and again, each pass right after the one before.

use xdpsim_core::{FrameNo, Nanos};

use super::{FeedTable, Input};
use crate::capture::{CaptureError, Progress, Resolution};

/// Opens an input whose first frame has this number.
pub type Open = Box<dyn FnMut(FrameNo) -> Result<Box<dyn Input>, CaptureError> + Send>;

/// An input that is read several times.
///
/// Frames are numbered on from pass to pass. Each pass begins where the one before ended, plus one mean gap
/// between frames, so that its timestamps go on too.
pub struct Looped {
    open: Open,
    input: Box<dyn Input>,
    passes_left: u32,
    passes_done: u64,
    frames: u64,
    pass: Pass,
    delay: Nanos,
}

/// What a pass has been like so far, with the stamps as they were captured.
#[derive(Clone, Copy, Default)]
struct Pass {
    first: Option<Nanos>,
    latest: Nanos,
    frames: u64,
}

impl Pass {
    /// From the first frame to where the next pass begins.
    fn span(self) -> Nanos {
        let span = self.latest.0.saturating_sub(self.first.unwrap_or_default().0);
        Nanos(span.saturating_add(span / self.frames.saturating_sub(1).max(1)))
    }
}

impl Looped {
    /// So many passes, at least one.
    ///
    /// # Errors
    /// If the input cannot be opened.
    pub fn new(mut open: Open, passes: u32) -> Result<Self, CaptureError> {
        let input = open(FrameNo(0))?;
        Ok(Self {
            open,
            input,
            passes_left: passes.saturating_sub(1),
            passes_done: 0,
            frames: 0,
            pass: Pass::default(),
            delay: Nanos::ZERO,
        })
    }

    fn take_in(&mut self, table: &mut FeedTable) {
        let stamps = table.frames.stamps();
        self.pass.first = self.pass.first.or(stamps.first().copied());
        self.pass.latest = stamps.iter().copied().fold(self.pass.latest, Nanos::max);
        self.pass.frames += stamps.len() as u64;
        self.frames += stamps.len() as u64;
        table.frames.delay(self.delay);
    }
}

impl Input for Looped {
    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError> {
        loop {
            if self.input.fill(table)? {
                self.take_in(table);
                return Ok(true);
            }
            // An empty pass would only be followed by more of them.
            if self.passes_left == 0 || self.pass.frames == 0 {
                return Ok(false);
            }
            self.delay = self.delay.after(self.pass.span());
            self.pass = Pass::default();
            self.passes_left -= 1;
            self.passes_done += 1;
            self.input = (self.open)(FrameNo(self.frames))?;
        }
    }

    fn progress(&self) -> Progress {
        let Progress { taken, total } = self.input.progress();
        let passes = self.passes_done + 1 + u64::from(self.passes_left);
        let done = total.unwrap_or_default().saturating_mul(self.passes_done);
        Progress { taken: taken.saturating_add(done), total: total.map(|total| total.saturating_mul(passes)) }
    }

    fn resolution(&self) -> Resolution {
        self.input.resolution()
    }
}
