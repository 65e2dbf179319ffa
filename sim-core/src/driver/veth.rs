//! `veth`: the receiving side of one end of a pair.
//!
//! Transmitting on one end puts frames into a ring of the other; a NAPI there polls them. Owns rings,
//! wake-up state and the `ethtool -S` counters; the poll itself is [`crate::engine`]'s.
//!
//! Rules: DRV-03 to DRV-06, DRV-09.

use xdpsim_devmap::{CpuId, Errno};

use super::ptr_ring::PtrRing;
use super::{Bulk, Xmit};
use crate::batch::Desc;
use crate::fate::Fate;
use crate::mutation::Mutations;

/// `ethtool -S` and netdev counters of one end (DRV-09).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VethCounters {
    /// Ring entries polled.
    pub xdp_packets: u64,
    /// Their bytes.
    pub xdp_bytes: u64,
    /// Successful `xdp_do_redirect()`.
    pub xdp_redirect: u64,
    /// Failed redirects, failed XDP_TX conversions.
    pub drops: u64,
    /// DROP, ABORTED and unknown verdicts.
    pub xdp_drops: u64,
    /// XDP_TX frames that the peer's ring took.
    pub xdp_tx: u64,
    /// XDP_TX frames that it did not take.
    pub xdp_tx_errors: u64,
    /// Redirected frames that the peer's ring took.
    pub xdp_xmit: u64,
    /// Redirected frames that it refused; not counted for ENXIO.
    pub xdp_xmit_errors: u64,
    /// Netdev counter of this end as a sender.
    pub tx_dropped: u64,
    /// Netdev counter of this end as a receiver.
    pub rx_dropped: u64,
}

/// One receive queue.
#[derive(Clone, Debug)]
pub(crate) struct VethRq {
    pub ring: PtrRing<Waiting>,
    /// `rx_notify_masked`: already woken, and not yet done.
    pub notify_masked: bool,
}

/// A frame in the ring.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    pub desc: Desc,
    /// Number of the device on which it had come in, and how it got here.
    pub from: u32,
    pub by: By,
}

/// How a frame got into a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// Redirected, or sent by the far end's stack.
    #[default]
    Xmit,
    /// XDP_TX.
    Tx,
    /// Sent as an skb, by a port in generic mode.
    Skb,
    /// From outside: sent by the far end's stack as an skb (DRV-10).
    Arrival,
}

/// The receiving side of one end.
#[derive(Clone, Debug)]
pub(crate) struct VethEnd {
    pub rq: Vec<VethRq>,
    /// Slots of each ring: as many as the kernel's, unless the fault plan says otherwise.
    slots: usize,
    pub counters: VethCounters,
}

impl VethEnd {
    pub fn new(queues: u16, slots: usize, mutations: Mutations) -> Self {
        let rq = VethRq { ring: new_ring(slots, mutations), notify_masked: false };
        Self { rq: vec![rq; usize::from(queues)], slots, counters: VethCounters::default() }
    }

    /// Empty rings without a history.
    pub fn renew_rings(&mut self, mutations: Mutations) {
        for rq in &mut self.rq {
            rq.ring = new_ring(self.slots, mutations);
        }
    }

    /// The queue that a transmitting CPU uses: `veth_select_rxq()`.
    #[inline]
    pub fn select_rxq(&self, cpu: CpuId) -> usize {
        usize::from(cpu.0) % self.rq.len()
    }
}

impl VethRq {
    /// `veth_xdp_xmit()` into this ring: in order, up to the first frame that is longer than `len_max`
    /// or finds the ring full (DRV-03).
    #[inline]
    pub fn take(&mut self, bulk: Bulk<'_>, from: u32, by: By, len_max: u32, mutations: Mutations) -> Xmit {
        if mutations.has(Mutations::VETH_SKIPS_LONG) {
            return self.take_what_fits(bulk, from, len_max);
        }
        let too_long = |slot: &u8| bulk.table[usize::from(*slot)].len > len_max;
        let fitting = bulk.slots.iter().position(too_long).unwrap_or(bulk.len());
        let sent = fitting.min(self.ring.free());
        let waiting = |slot: &u8| Waiting { desc: bulk.table[usize::from(*slot)], from, by };
        self.ring.produce_run(bulk.slots[..sent].iter().map(waiting));
        if sent < fitting {
            Xmit::some(sent, Fate::RingFull)
        } else if fitting < bulk.len() {
            Xmit { sent, err: None, refused: Fate::PeerTooLong, behind: Fate::Behind }
        } else {
            Xmit::all(sent)
        }
    }

    #[cold]
    fn take_what_fits(&mut self, bulk: Bulk<'_>, from: u32, len_max: u32) -> Xmit {
        let mut sent = 0;
        for i in 0..bulk.len() {
            if bulk.desc(i).len <= len_max && self.ring.free() > 0 {
                self.ring.produce(Waiting { desc: bulk.desc(i), from, by: By::Xmit });
                sent += 1;
            }
        }
        Xmit { sent, err: None, refused: Fate::PeerTooLong, behind: Fate::PeerTooLong }
    }
}

/// The answer when the peer is gone or has no NAPI (DRV-03).
pub(crate) fn no_napi() -> Xmit {
    Xmit::failed(Errno::ENXIO, Fate::NoNapi)
}

fn new_ring(slots: usize, mutations: Mutations) -> PtrRing<Waiting> {
    let mut ring = PtrRing::new(slots);
    if mutations.has(Mutations::RING_CLEARS_AT_ONCE) {
        ring.clear_at_once();
    }
    ring
}
