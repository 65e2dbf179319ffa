//! `nic`: a TX ring that a line drains in virtual time.
//!
//! One ring per port, shared by all CPUs. A ring of n descriptors holds n - 1 frames; what does not fit
//! is refused from that frame on (FLU-04). Named profiles of real drivers come with rules of their own.

use std::collections::VecDeque;

use super::{Bulk, Xmit};
use crate::fate::Fate;
use crate::time::{BitRate, Nanos};

/// The ring and the line behind it.
#[derive(Clone, Debug)]
pub struct TxRing {
    rate: Option<BitRate>,
    usable: usize,
    /// When each frame in the ring will have left.
    leaving: VecDeque<Nanos>,
    /// When the line is free.
    free_at: Nanos,
}

impl TxRing {
    /// A ring of so many descriptors before a line of this rate; without a rate it drains at once.
    #[must_use]
    pub fn new(rate: Option<BitRate>, descriptors: u32) -> Self {
        let usable = descriptors.saturating_sub(1) as usize;
        Self { rate, usable, leaving: VecDeque::new(), free_at: Nanos::ZERO }
    }

    /// `ndo_xdp_xmit()`.
    pub fn xmit(&mut self, bulk: Bulk<'_>, now: Nanos) -> Xmit {
        let Some(rate) = self.rate else {
            // The line is infinitely fast, the ring is not: a bulk larger than it is cut.
            let sent = bulk.len().min(self.usable);
            return Xmit::some(sent, Fate::TxRingFull);
        };
        self.drain(now);
        for i in 0..bulk.len() {
            if self.leaving.len() >= self.usable {
                return Xmit::some(i, Fate::TxRingFull);
            }
            self.free_at = self.free_at.max(now).after(rate.wire_time(bulk.desc(i).len));
            self.leaving.push_back(self.free_at);
        }
        Xmit::all(bulk.len())
    }

    /// When the i-th of the `sent` frames that the last [`TxRing::xmit`] took will have left.
    #[must_use]
    pub fn departure(&self, i: usize, sent: usize, now: Nanos) -> Nanos {
        if self.rate.is_none() {
            return now;
        }
        self.leaving.len().checked_sub(sent - i).and_then(|at| self.leaving.get(at)).copied().unwrap_or(now)
    }

    fn drain(&mut self, now: Nanos) {
        while self.leaving.front().is_some_and(|&at| at <= now) {
            self.leaving.pop_front();
        }
    }
}
