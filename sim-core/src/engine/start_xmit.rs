//! `ndo_start_xmit()` of every kind of port: one skb at a time, past the qdisc.
//!
//! Only generic mode transmits so; [`super::xmit`] is what native mode does. Rules: GEN-01, GEN-02, GEN-05.

use std::collections::VecDeque;

use xdpsim_devmap::{CpuId, DevId, Errno, QueueId};

use super::backlog::Backlog;
use super::env::Env;
use super::softirq::NapiId;
use crate::batch::Desc;
use crate::driver::veth::{By, Waiting};
use crate::driver::{Bulk, DriverState, XmitFlags};
use crate::fate::Fate;
use crate::frame::VETH_LINEAR_MAX;
use crate::netdev::Kind;
use crate::scenario::FaultKind;
use crate::sink::Sink;

/// What became of an skb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Started {
    /// The device has it.
    Taken,
    /// The device freed it (NET_XMIT_DROP); an errno is the fault plan's.
    Dropped(Fate, Option<Errno>),
    /// The device's queue is stopped, and the skb stays the caller's (NETDEV_TX_BUSY).
    Busy(Fate),
}

/// What a CPU has for who is woken.
pub(crate) struct Softnet<'a> {
    pub cpu: CpuId,
    pub backlog: &'a mut Backlog,
    pub poll_list: &'a mut VecDeque<NapiId>,
}

impl<S: Sink> Env<'_, S> {
    /// Transmits the only skb of a bulk, which came in on `from`.
    pub fn ndo_start_xmit(
        &mut self,
        dev: DevId,
        skb: Bulk<'_>,
        from: DevId,
        softnet: Softnet<'_>,
    ) -> Started {
        match self.faults.xmit(dev) {
            Some(FaultKind::Xmit(errno)) => return Started::Dropped(Fate::DriverFault, Some(errno)),
            Some(FaultKind::XmitShort(0)) => return Started::Busy(Fate::DriverShort),
            _ => {}
        }
        let now = self.stamp.time;
        let xmit = match &mut self.drivers[dev.0 as usize] {
            DriverState::Ideal | DriverState::None => return Started::Taken,
            DriverState::Veth(_) => return self.veth_xmit(dev, skb, from, softnet),
            DriverState::Nic(ring) => ring.xmit(skb, now),
            DriverState::Custom(driver) => driver.xmit(skb, XmitFlags::FLUSH, now).within(1),
        };
        match xmit.err {
            Some(errno) => Started::Dropped(xmit.refused, Some(errno)),
            None if xmit.sent == 0 => Started::Busy(xmit.refused),
            None => Started::Taken,
        }
    }

    /// `veth_xmit()`: to the other end's ring if a native program runs there, else to the backlog. With GRO
    /// alone the ring is passed by, as long as the sender segments in software (TSO is on by default).
    fn veth_xmit(&mut self, dev: DevId, skb: Bulk<'_>, from: DevId, softnet: Softnet<'_>) -> Started {
        let desc = skb.desc(0);
        let Kind::Veth { peer, .. } = self.world.devices.get(dev).kind else {
            return Started::Dropped(Fate::PeerDown, None);
        };
        let end = self.world.devices.get(peer);
        let refused = match end.up {
            false => Some(Fate::PeerDown),
            true if desc.len > end.frame_len_max() => Some(Fate::PeerTooLong),
            true => None,
        };
        if let Some(fate) = refused {
            self.count_veth(dev, |own| own.tx_dropped += 1);
            self.count_veth(peer, |rx| rx.rx_dropped += 1);
            return Started::Dropped(fate, None);
        }
        let waiting = Waiting { desc, from: from.0, by: By::Skb };
        let taken = match end.has_program() {
            true => self.veth_xdp_rx(peer, waiting, softnet.cpu, softnet.poll_list),
            false => softnet.backlog.enqueue(peer, waiting, softnet.poll_list),
        };
        if taken {
            return Started::Taken;
        }
        self.count_veth(dev, |own| own.tx_dropped += 1);
        Started::Dropped(if end.has_program() { Fate::RingFull } else { Fate::BacklogFull }, None)
    }

    /// `veth_xdp_rx()` and `__veth_xdp_flush()`: into the ring, and its reader is woken.
    fn veth_xdp_rx(
        &mut self,
        peer: DevId,
        mut waiting: Waiting,
        cpu: CpuId,
        poll_list: &mut VecDeque<NapiId>,
    ) -> bool {
        let DriverState::Veth(end) = &mut self.drivers[peer.0 as usize] else { return false };
        let queue = end.select_rxq(cpu);
        let rq = &mut end.rq[queue];
        if rq.ring.free() == 0 {
            return false;
        }
        // What the driver's program will need is made sure of when it is polled (DRV-10).
        let (len, room) = (waiting.desc.len, waiting.desc.headroom().max(Desc::HEADROOM));
        waiting.desc = waiting.desc.with_head(room, 0).with_frags(len > VETH_LINEAR_MAX);
        rq.ring.produce(waiting);
        if !rq.notify_masked {
            rq.notify_masked = true;
            poll_list.push_back(NapiId { dev: peer, queue: QueueId(queue as u16) });
        }
        true
    }
}
