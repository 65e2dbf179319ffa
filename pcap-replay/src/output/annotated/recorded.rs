//! The frames as they arrived, kept until somebody has polled them: the pipeline shows only what left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use xdpsim_core::{Batch, DevId, FrameNo, Ingress, Nanos};

use super::lock;
use crate::capture::{CaptureError, Progress};
use crate::runner::Source;

/// A frame as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// On which port.
    pub port: DevId,
    /// Its timestamp.
    pub stamp: Nanos,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Frames that were read and that nobody has asked for yet. A run reads at most one batch ahead.
pub type Shared = Arc<Mutex<BTreeMap<FrameNo, Arrived>>>;

/// A source that remembers what it gave.
pub struct Recorded<'a, C> {
    source: &'a mut C,
    ingress: DevId,
    arrived: Shared,
}

impl<'a, C: Source> Recorded<'a, C> {
    /// Frames of this source; where it does not say so itself they arrive on `ingress`.
    pub fn new(source: &'a mut C, ingress: DevId) -> Self {
        Self { source, ingress, arrived: Shared::default() }
    }

    /// What was read.
    #[must_use]
    pub fn arrived(&self) -> Shared {
        Arc::clone(&self.arrived)
    }
}

impl<C: Source> Source for Recorded<'_, C> {
    type Table = C::Table;

    fn fill(&mut self, table: &mut C::Table) -> Result<bool, CaptureError> {
        let more = self.source.fill(table)?;
        if more {
            let batch = C::batch(table, Ingress::One(self.ingress));
            let frame = |(i, desc): (usize, &xdpsim_core::Desc)| {
                let bytes = batch.bytes[desc.off as usize..desc.off as usize + desc.len as usize].to_vec();
                let arrived = Arrived { port: batch.ingress.of(i), stamp: batch.stamps[i], bytes };
                (FrameNo(batch.first.0 + i as u64), arrived)
            };
            lock(&self.arrived).extend(batch.frames.iter().enumerate().map(frame));
        }
        Ok(more)
    }

    fn batch<'a>(table: &'a C::Table, ingress: Ingress<'a>) -> Batch<'a> {
        C::batch(table, ingress)
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }
}
