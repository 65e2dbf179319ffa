//! Where frames come from, batch by batch: a file or pipe, or a capture in memory.

use xdpsim_core::{Batch, Ingress};

use crate::capture::{CaptureError, CaptureReader, Fill, FrameIndex, FrameTable, MemoryCapture, Progress};

/// Something that frames can be read from.
pub trait Source: Send {
    /// Holds one batch; reused.
    type Table: Default + Send + Sync;

    /// Fills a table with the next frames; `false` at the end.
    ///
    /// # Errors
    /// At a break of the capture, after all frames before it.
    fn fill(&mut self, table: &mut Self::Table) -> Result<bool, CaptureError>;

    /// The frames of a table, arriving here.
    fn batch<'a>(table: &'a Self::Table, ingress: Ingress<'a>) -> Batch<'a>;

    /// How far reading is.
    fn progress(&self) -> Progress;
}

impl Source for CaptureReader {
    type Table = FrameTable;

    fn fill(&mut self, table: &mut FrameTable) -> Result<bool, CaptureError> {
        Ok(CaptureReader::fill(self, table)? != Fill::End)
    }

    fn batch<'a>(table: &'a FrameTable, ingress: Ingress<'a>) -> Batch<'a> {
        table.batch(ingress)
    }

    fn progress(&self) -> Progress {
        CaptureReader::progress(self)
    }
}

/// A capture in memory, scanned in place.
pub struct MemorySource<'a> {
    capture: MemoryCapture<'a>,
    window: usize,
    taken: u64,
    total: u64,
}

impl<'a> MemorySource<'a> {
    /// Reads the header. `window` is how many bytes make a batch.
    ///
    /// # Errors
    /// If these bytes are no capture of Ethernet frames.
    pub fn new(bytes: &'a [u8], window: usize) -> Result<Self, CaptureError> {
        let capture = MemoryCapture::new("memory", bytes)?;
        Ok(Self { capture, window, taken: 0, total: bytes.len() as u64 })
    }
}

/// The frames of a window.
#[derive(Default)]
pub struct MemoryTable<'a> {
    index: FrameIndex,
    bytes: &'a [u8],
}

impl<'c> Source for MemorySource<'c> {
    type Table = MemoryTable<'c>;

    fn fill(&mut self, table: &mut MemoryTable<'c>) -> Result<bool, CaptureError> {
        let Some(bytes) = self.capture.scan(&mut table.index, self.window)? else { return Ok(false) };
        table.bytes = bytes;
        self.taken += bytes.len() as u64;
        Ok(true)
    }

    fn batch<'a>(table: &'a MemoryTable<'c>, ingress: Ingress<'a>) -> Batch<'a> {
        table.index.batch(table.bytes, ingress)
    }

    fn progress(&self) -> Progress {
        Progress { taken: self.taken, total: Some(self.total) }
    }
}
