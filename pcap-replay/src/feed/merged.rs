//! Captures that were taken at several ports at once, by time.
//!
//! The order is that of `mergecap`: the earliest of the captures' next frames comes first, of equal ones that
//! of the first capture, and each capture keeps its own order. Frames are numbered in that order.

use xdpsim_core::{DevId, FrameNo, Nanos};

use super::{FeedTable, Input};
use crate::capture::{CaptureError, CaptureReader, Fill, FrameTable, Progress, Resolution};

/// Bytes of frames that one table takes, at least.
const TABLE_BYTES: usize = 256 * 1024;

/// One capture, and the port at which it was taken.
struct Lane {
    reader: CaptureReader,
    port: DevId,
    table: FrameTable,
    next: usize,
    ended: bool,
}

impl Lane {
    /// The stamp of its next frame, read if need be; `None` at the end.
    fn head(&mut self) -> Result<Option<Nanos>, CaptureError> {
        if self.next == self.table.len() && !self.ended {
            self.next = 0;
            // An error ends the run, so what the table holds then does not matter.
            self.ended = self.reader.fill(&mut self.table)? == Fill::End;
        }
        Ok(self.table.stamps().get(self.next).copied())
    }
}

/// Captures of several ports, merged.
pub struct Merged {
    lanes: Vec<Lane>,
    frames: u64,
    first: FrameNo,
    failure: Option<CaptureError>,
}

impl Merged {
    /// These captures, each arriving on its port; `first` is the number of the first frame.
    #[must_use]
    pub fn new(captures: Vec<(DevId, CaptureReader)>, first: FrameNo) -> Self {
        let lane =
            |(port, reader)| Lane { reader, port, table: FrameTable::default(), next: 0, ended: false };
        Self { lanes: captures.into_iter().map(lane).collect(), frames: 0, first, failure: None }
    }

    /// The lane whose frame is next.
    fn earliest(&mut self) -> Result<Option<usize>, CaptureError> {
        let mut earliest: Option<(Nanos, usize)> = None;
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(stamp) = lane.head()?
                && earliest.is_none_or(|(first, _)| stamp < first)
            {
                earliest = Some((stamp, place));
            }
        }
        Ok(earliest.map(|(_, place)| place))
    }

    fn take(&mut self, place: usize, table: &mut FeedTable) {
        let lane = &mut self.lanes[place];
        let (bytes, stamp) = (lane.table.frame(lane.next), lane.table.stamps()[lane.next]);
        table.frames.append(bytes, stamp);
        table.ports.push(lane.port);
        lane.next += 1;
    }
}

impl Input for Merged {
    fn fill(&mut self, table: &mut FeedTable) -> Result<bool, CaptureError> {
        if let Some(failure) = self.failure.take() {
            self.lanes.clear();
            return Err(failure);
        }
        table.frames.clear(FrameNo(self.first.0 + self.frames));
        table.ports.clear();
        while table.frames.used_bytes() < TABLE_BYTES {
            match self.earliest() {
                Ok(Some(place)) => self.take(place, table),
                Ok(None) => break,
                // Frames of the others that would come later are not told of: one of the ports is blind now.
                Err(error) if table.frames.is_empty() => {
                    self.lanes.clear();
                    return Err(error);
                }
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            }
        }
        self.frames += table.frames.len() as u64;
        Ok(!table.frames.is_empty())
    }

    fn progress(&self) -> Progress {
        let all = || self.lanes.iter().map(|lane| lane.reader.progress());
        let total = all().map(|progress| progress.total).sum();
        Progress { taken: all().map(|progress| progress.taken).sum(), total }
    }

    fn resolution(&self) -> Resolution {
        self.lanes.iter().map(|lane| lane.reader.resolution()).max().unwrap_or_default()
    }
}
