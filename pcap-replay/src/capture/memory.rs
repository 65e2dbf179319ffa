//! A capture that lies in memory, scanned in place.
//!
//! Owns the windows that are cut out of it; finding the frames in them is the code that the streaming
//! [`CaptureReader`](super::CaptureReader) runs. Truncated frames stay as captured.

use xdpsim_core::FrameNo;

use super::error::{Break, CaptureError};
use super::format::{Format, Stop};
use super::reader::Truncated;
use super::table::FrameIndex;

/// Reads a capture without copying it.
#[derive(Debug)]
pub struct MemoryCapture<'a> {
    file: String,
    bytes: &'a [u8],
    format: Format,
    at: usize,
    frames: u64,
    failure: Option<CaptureError>,
}

impl<'a> MemoryCapture<'a> {
    /// Reads the header; `file` is the capture's name in messages.
    ///
    /// # Errors
    /// As [`CaptureReader::open`](super::CaptureReader::open).
    pub fn new(file: &str, bytes: &'a [u8]) -> Result<Self, CaptureError> {
        let head = &bytes[..bytes.len().min(Format::HEAD_BYTES)];
        let (format, at) = Format::recognise(file, head)?;
        Ok(Self { file: file.to_owned(), bytes, format, at, frames: 0, failure: None })
    }

    /// Replaces what is in the index by the frames of about the next `window` bytes (at most 1 GiB), and
    /// returns the bytes that it points into; `None` at the end.
    ///
    /// # Errors
    /// At a break, once all frames before it were delivered; after that, `None`.
    pub fn scan(&mut self, index: &mut FrameIndex, window: usize) -> Result<Option<&'a [u8]>, CaptureError> {
        const WINDOW_MAX: usize = 1 << 30;
        let mut want = window.clamp(1, WINDOW_MAX);
        loop {
            index.clear(FrameNo(self.frames));
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.at == self.bytes.len() {
                return Ok(None);
            }
            let rest = &self.bytes[self.at..];
            let view = &rest[..want.min(rest.len())];
            let scan = self.format.scan(view, Truncated::AsCaptured, index);
            self.at += scan.consumed;
            self.frames += index.len() as u64;
            want = match scan.stop {
                Stop::Full => want,
                Stop::Broken(what) => self.fail(what),
                Stop::More(need) if need > rest.len() - scan.consumed && self.at < self.bytes.len() => {
                    let have = (rest.len() - scan.consumed) as u64;
                    self.fail(Break::Cut { have, need: need as u64 })
                }
                Stop::More(need) => window.clamp(1, WINDOW_MAX).max(need),
            };
            if !index.is_empty() {
                return Ok(Some(view));
            }
        }
    }

    fn fail(&mut self, what: Break) -> usize {
        let (file, packet, offset) = (self.file.clone(), self.frames + 1, self.at as u64);
        self.failure = Some(CaptureError::Broken { file, packet, offset, what });
        self.at = self.bytes.len();
        0
    }
}
