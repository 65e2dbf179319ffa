//! What arrives: captures put together for one run.
//!
//! Owns how captures become one stream of frames: a part of one ([`Limited`]), the same again ([`Looped`]),
//! one after the other ([`Chained`]), several by time ([`Merged`]), and on which port each frame arrives where
//! that is not one port for all ([`Mapped`]). Reading and formats are [`crate::capture`]'s; the frames go to
//! [`crate::runner`].
//!
//! All of this works on tables of frames: one dynamic call for each, none for a frame.

mod chained;
mod limited;
mod looped;
mod mapped;
mod merged;

use std::sync::{Arc, OnceLock};

use xdpsim_core::{Batch, DevId, FrameNo, Ingress};

pub use chained::Chained;
pub use limited::Limited;
pub use looped::Looped;
pub use mapped::{InterfacePorts, Mapped};
pub use merged::Merged;

use crate::capture::{CaptureError, CaptureReader, Fill, FrameTable, Progress, Resolution};
use crate::runner::Source;

/// A run of frames, and where they arrive.
#[derive(Debug, Default)]
pub struct FeedTable {
    /// The frames.
    pub frames: FrameTable,
    /// The port of each; empty if all arrive on the run's one ingress.
    pub ports: Vec<DevId>,
}

/// Something that tables are filled from.
pub trait Input: Send {
    /// Replaces what is in the table by the next frames; `false` at the end.
    ///
    /// # Errors
    /// At a break, after all frames before it.
    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError>;

    /// How far reading is.
    fn progress(&self) -> Progress;

    /// The finest resolution of the stamps so far.
    fn resolution(&self) -> Resolution;

    /// The captures of a chain, as far as they were read; none for other inputs.
    fn take_parts(&mut self) -> Vec<Part> {
        Vec::new()
    }
}

impl Input for Box<dyn Input> {
    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError> {
        (**self).fill(table)
    }

    fn progress(&self) -> Progress {
        (**self).progress()
    }

    fn resolution(&self) -> Resolution {
        (**self).resolution()
    }

    fn take_parts(&mut self) -> Vec<Part> {
        (**self).take_parts()
    }
}

impl Input for CaptureReader {
    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError> {
        Ok(CaptureReader::fill(self, &mut table.frames)? != Fill::End)
    }

    fn progress(&self) -> Progress {
        CaptureReader::progress(self)
    }

    fn resolution(&self) -> Resolution {
        CaptureReader::resolution(self)
    }
}

/// What was read of one capture of a chain.
#[derive(Debug)]
pub struct Part {
    /// Number in the run of its first frame.
    pub first: FrameNo,
    /// How many frames it gave.
    pub frames: u64,
    /// Why not all.
    pub error: Option<CaptureError>,
}

/// The frames of a run, as [`crate::runner`] takes them.
pub struct Feed {
    input: Box<dyn Input>,
    /// Known once the first frames were read.
    resolution: Arc<OnceLock<Resolution>>,
    /// Frames and bytes by port, of those that do not arrive on the run's one ingress.
    received: Vec<(u64, u64)>,
}

impl Feed {
    /// Frames from here.
    #[must_use]
    pub fn new(input: Box<dyn Input>) -> Self {
        Self { input, resolution: Arc::default(), received: Vec::new() }
    }

    /// The stamps' resolution, to be looked at while the feed is being read.
    #[must_use]
    pub fn resolution(&self) -> Arc<OnceLock<Resolution>> {
        Arc::clone(&self.resolution)
    }

    /// Frames and bytes that came in on each port, by its `DevId`; empty if all came in on the run's one
    /// ingress.
    #[must_use]
    pub fn received(&self) -> &[(u64, u64)] {
        &self.received
    }

    /// See [`Input::take_parts`].
    pub fn take_parts(&mut self) -> Vec<Part> {
        self.input.take_parts()
    }

    fn count(&mut self, table: &FeedTable) {
        for (index, &DevId(port)) in table.ports.iter().enumerate() {
            let port = port as usize;
            if port >= self.received.len() {
                self.received.resize(port + 1, (0, 0));
            }
            let (frames, bytes) = &mut self.received[port];
            *frames += 1;
            *bytes += table.frames.frame(index).len() as u64;
        }
    }
}

impl Source for Feed {
    type Table = FeedTable;

    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError> {
        let more = self.input.fill(table)?;
        self.resolution.get_or_init(|| self.input.resolution());
        if more {
            self.count(table);
        }
        Ok(more)
    }

    fn batch<'a>(table: &'a FeedTable, ingress: Ingress<'a>) -> Batch<'a> {
        match table.ports.is_empty() {
            true => table.frames.batch(ingress),
            false => table.frames.batch(Ingress::Each(&table.ports)),
        }
    }

    fn progress(&self) -> Progress {
        self.input.progress()
    }
}
