//! What leaves by a port against a capture that was accepted earlier: frame by frame, byte by byte.
//!
//! Timestamps are not compared. Both sides are streamed: neither has to fit into memory.

use std::path::Path;

use xdpsim_core::{Delivery, DevId, FrameNo, Ingress, Sink, Stamp};

use crate::capture::{CaptureError, CaptureReader, Fill, FrameTable, ReadOptions};
use crate::output::tape::merged;

/// A frame of a capture of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The capture's place, from 0.
    pub capture: usize,
    /// The frame's number in it, from 1.
    pub frame: u64,
}

/// Where the two sides part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What the golden capture has.
    pub expected: String,
    /// What the run has.
    pub found: String,
    /// The frame of the run, if it has one there.
    pub origin: Option<Origin>,
}

/// A golden capture on its way.
pub struct Golden {
    /// The port.
    pub port: DevId,
    /// None if the file cannot be read, or not further.
    reader: Option<CaptureReader>,
    table: FrameTable,
    /// The next frame's place in the table.
    next: usize,
    /// Frames of the run so far.
    left: u64,
    last: Option<Origin>,
    difference: Option<Difference>,
}

impl Golden {
    /// Opens the file. One that cannot be opened differs from everything.
    #[must_use]
    pub fn open(port: DevId, file: &Path) -> Self {
        let (reader, difference) = match CaptureReader::open(file, &options()) {
            Ok(reader) => (Some(reader), None),
            Err(error) => (None, Some(unreadable(&error))),
        };
        Self { port, reader, table: FrameTable::default(), next: 0, left: 0, last: None, difference }
    }

    /// A frame left by the port.
    pub fn left(&mut self, origin: Origin, bytes: &[u8]) {
        self.left += 1;
        self.last = Some(origin);
        if self.difference.is_some() {
            return;
        }
        let place = self.left;
        let difference = match self.advance() {
            Err(error) => Some(unreadable(&error)),
            Ok(None) => Some(Difference {
                expected: format!("no more than {} frames", place - 1),
                found: format!("frame {place}: {}", bytes_from(bytes, 0)),
                origin: Some(origin),
            }),
            Ok(Some(golden)) => differ(golden, bytes).map(|at| Difference {
                expected: format!("frame {place}: {}", bytes_from(golden, at)),
                found: format!("frame {place}: {}", bytes_from(bytes, at)),
                origin: Some(origin),
            }),
        };
        self.difference = difference;
    }

    /// The run is over: the difference, if there is one, and how many frames left.
    #[must_use]
    pub fn finish(mut self) -> (Option<Difference>, u64) {
        if self.difference.is_none() {
            let place = self.left + 1;
            self.difference = match self.advance() {
                Ok(None) => None,
                Err(error) => Some(unreadable(&error)),
                Ok(Some(golden)) => Some(Difference {
                    expected: format!("frame {place}: {}", bytes_from(golden, 0)),
                    found: format!("no more than {} frames", place - 1),
                    origin: self.last,
                }),
            };
        }
        (self.difference, self.left)
    }

    /// The next frame of the file.
    fn advance(&mut self) -> Result<Option<&[u8]>, CaptureError> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        while self.next == self.table.len() {
            match reader.fill(&mut self.table)? {
                Fill::Frames(_) => self.next = 0,
                Fill::End => return Ok(None),
            }
        }
        let batch = self.table.batch(Ingress::One(self.port));
        let frame = batch.frames[self.next];
        self.next += 1;
        Ok(batch.bytes.get(frame.off as usize..frame.off as usize + frame.len as usize))
    }
}

fn options() -> ReadOptions {
    ReadOptions { buffer_bytes: 64 * 1024, ..ReadOptions::default() }
}

fn unreadable(error: &CaptureError) -> Difference {
    let missing = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    Difference {
        expected: "a golden capture".to_owned(),
        found: format!("{error}{missing}; `--update` writes it"),
        origin: None,
    }
}

/// The first byte that differs; where one is the other's beginning, the end of the shorter.
fn differ(a: &[u8], b: &[u8]) -> Option<usize> {
    let both = a.len().min(b.len());
    (0..both).find(|&at| a[at] != b[at]).or((a.len() != b.len()).then_some(both))
}

/// Some bytes of a frame.
fn bytes_from(bytes: &[u8], at: usize) -> String {
    const SHOWN: usize = 12;
    let len = bytes.len();
    match bytes.get(at..) {
        None | Some([]) => format!("{len} bytes"),
        Some(rest) => {
            let hex: Vec<String> = rest.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
            let more = if rest.len() > SHOWN { " …" } else { "" };
            format!("{len} bytes, from byte {at} on {}{more}", hex.join(" "))
        }
    }
}

/// A frame that left.
#[derive(Clone, Copy, Debug)]
struct Left {
    at: Stamp,
    arrival: xdpsim_core::Nanos,
    port: DevId,
    frame: FrameNo,
    off: usize,
    len: usize,
}

/// Keeps what left in one batch.
#[derive(Debug, Default)]
pub struct Egress {
    list: Vec<Left>,
    bytes: Vec<u8>,
}

impl Sink for Egress {
    const DELIVERIES: bool = true;

    fn delivered(&mut self, delivery: Delivery<'_>) {
        let Delivery { at, arrival, port, frame, bytes, .. } = delivery;
        self.list.push(Left { at, arrival, port, frame, off: self.bytes.len(), len: bytes.len() });
        self.bytes.extend_from_slice(bytes);
    }
}

impl Egress {
    /// What all domains yielded in a batch, in order: port, frame, its arrival, bytes.
    ///
    /// # Errors
    /// The first that `with` answers.
    pub fn each<E>(
        domains: &[Self],
        mut with: impl FnMut(DevId, FrameNo, xdpsim_core::Nanos, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let lists: Vec<&[Left]> = domains.iter().map(|egress| egress.list.as_slice()).collect();
        merged(
            &lists,
            |left| left.at,
            |domain, left| {
                let bytes = &domains[domain].bytes[left.off..left.off + left.len];
                with(left.port, left.frame, left.arrival, bytes)
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_is_found() {
        assert_eq!(differ(b"abc", b"abc"), None);
        assert_eq!(differ(b"abc", b"aXc"), Some(1));
        assert_eq!(differ(b"abc", b"ab"), Some(2));
        assert_eq!(differ(b"", b"a"), Some(0));
    }

    #[test]
    fn bytes_are_shown_from_there_on() {
        assert_eq!(bytes_from(b"\x01\x02", 1), "2 bytes, from byte 1 on 02");
        assert_eq!(bytes_from(b"\x01\x02", 2), "2 bytes");
        assert_eq!(bytes_from(&[0; 20], 4), format!("20 bytes, from byte 4 on {}…", "00 ".repeat(12)));
    }
}
