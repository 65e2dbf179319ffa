//! A capture of which only some frames are told of: all are replayed, since frames influence each other.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use xdpsim_core::{Batch, DevId, FrameNo, Ingress};

use crate::capture::{CaptureError, Progress};
use crate::pcap_filter::PcapFilter;
use crate::runner::Source;

/// Frames that a filter let through and that nothing has happened to yet. Bounded by what is read ahead
/// and what waits in receive queues.
#[derive(Clone, Debug, Default)]
pub struct Chosen(Arc<Mutex<BTreeSet<FrameNo>>>);

impl Chosen {
    /// Was this one let through? Answers once for each frame.
    #[must_use]
    pub fn take(&self, frame: FrameNo) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&frame)
    }
}

/// Reads from a source and remembers which frames a filter lets through.
pub struct Choosing<'a, S> {
    /// Where the frames come from.
    pub source: S,
    filter: Option<&'a PcapFilter>,
    chosen: Chosen,
}

impl<'a, S> Choosing<'a, S> {
    /// All frames of `source`, chosen by `filter`; without one nothing is remembered.
    #[must_use]
    pub fn new(source: S, filter: Option<&'a PcapFilter>) -> Self {
        Self { source, filter, chosen: Chosen::default() }
    }

    /// The frames that were let through, while reading goes on.
    #[must_use]
    pub fn chosen(&self) -> Chosen {
        self.chosen.clone()
    }
}

impl<S: Source> Source for Choosing<'_, S> {
    type Table = S::Table;

    fn fill(&mut self, table: &mut S::Table) -> Result<bool, CaptureError> {
        let more = self.source.fill(table)?;
        if let (Some(filter), true) = (self.filter, more) {
            let batch = S::batch(table, Ingress::One(DevId(0)));
            let mut chosen = self.chosen.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (place, frame) in batch.frames.iter().enumerate() {
                let from = frame.off as usize;
                if filter.lets_through(&batch.bytes[from..from + frame.len as usize]) {
                    chosen.insert(FrameNo(batch.first.0 + place as u64));
                }
            }
        }
        Ok(more)
    }

    fn batch<'t>(table: &'t S::Table, ingress: Ingress<'t>) -> Batch<'t> {
        S::batch(table, ingress)
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }
}
