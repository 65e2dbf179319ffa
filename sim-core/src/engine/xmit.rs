//! `ndo_xdp_xmit()` of every kind of port, and the books about its answer.

use std::collections::VecDeque;

use xdpsim_devmap::{CpuId, DevId, Errno, QueueId};

use super::env::Env;
use super::softirq::NapiId;
use crate::batch::Desc;
use crate::driver::veth::{By, no_napi};
use crate::driver::{Bulk, DriverState, Xmit, XmitFlags};
use crate::fate::Fate;
use crate::ledger::Ledger;
use crate::mutation::Mutations;
use crate::netdev::Kind;
use crate::scenario::FaultKind;
use crate::sink::{Delivery, Sink};
use crate::story::Step;

impl<S: Sink> Env<'_, S> {
    /// Does the driver take any bulk whole, whatever happens?
    #[inline]
    pub fn takes_everything(&self, dev: DevId) -> bool {
        matches!(self.drivers[dev.0 as usize], DriverState::Ideal) && self.faults.is_empty()
    }

    /// Calls the driver with a bulk. Who is woken joins `poll_list` of the calling CPU.
    #[allow(clippy::too_many_arguments)]
    #[inline]
    pub fn ndo_xdp_xmit(
        &mut self,
        cpu: CpuId,
        dev: DevId,
        bulk: Bulk<'_>,
        from: DevId,
        by: By,
        flags: XmitFlags,
        poll_list: &mut VecDeque<NapiId>,
    ) -> Xmit {
        match self.faults.xmit(dev) {
            None | Some(FaultKind::Clone | FaultKind::Convert | FaultKind::Ring(_)) => {
                self.driver_xmit(cpu, dev, bulk, from, by, flags, poll_list)
            }
            Some(FaultKind::XmitShort(most)) => {
                // What the driver takes it really has: only the rest is as the plan says.
                let cut = Bulk { slots: &bulk.slots[..bulk.len().min(usize::from(most))], ..bulk };
                let xmit = self.driver_xmit(cpu, dev, cut, from, by, flags, poll_list);
                if xmit.sent < cut.len() { xmit } else { Xmit::some(xmit.sent, Fate::DriverShort) }
            }
            Some(FaultKind::Xmit(errno)) => Xmit::failed(errno, Fate::DriverFault),
        }
    }

    #[allow(clippy::too_many_arguments)]
    #[inline]
    fn driver_xmit(
        &mut self,
        cpu: CpuId,
        dev: DevId,
        bulk: Bulk<'_>,
        from: DevId,
        by: By,
        flags: XmitFlags,
        poll_list: &mut VecDeque<NapiId>,
    ) -> Xmit {
        match &mut self.drivers[dev.0 as usize] {
            DriverState::Ideal => Xmit::all(bulk.len()),
            DriverState::Nic(ring) => ring.xmit(bulk, self.stamp.time),
            DriverState::Veth(_) => self.veth_xdp_xmit(cpu, dev, bulk, from, by, flags, poll_list),
            DriverState::None => Xmit::some(0, Fate::DeviceGone),
            DriverState::Custom(driver) => driver.xmit(bulk, flags, self.stamp.time).within(bulk.len()),
        }
    }

    /// `veth_xdp_xmit()` (DRV-03): into the ring of the peer's queue for this CPU.
    #[allow(clippy::too_many_arguments)]
    fn veth_xdp_xmit(
        &mut self,
        cpu: CpuId,
        dev: DevId,
        bulk: Bulk<'_>,
        from: DevId,
        by: By,
        flags: XmitFlags,
        poll_list: &mut VecDeque<NapiId>,
    ) -> Xmit {
        if !XmitFlags::all().contains(flags) {
            return Xmit::failed(Errno::EINVAL, Fate::DriverFault);
        }
        let world = self.world;
        let Kind::Veth { peer, .. } = world.devices.get(dev).kind else { return no_napi() };
        let end = world.devices.get(peer);
        if !end.napi {
            self.count_veth(dev, |own| own.tx_dropped += if by == By::Xmit { bulk.len() as u64 } else { 0 });
            return no_napi();
        }
        let mutations = world.profile.mutations;
        let own_mtu = mutations.has(Mutations::VETH_OWN_MTU);
        let len_max = if own_mtu { world.devices.get(dev).frame_len_max() } else { end.frame_len_max() };
        let DriverState::Veth(rx) = &mut self.drivers[peer.0 as usize] else { return no_napi() };
        let queue = rx.select_rxq(cpu);
        let rq = &mut rx.rq[queue];
        let xmit = rq.take(bulk, from.0, by, len_max, mutations);
        if flags.contains(XmitFlags::FLUSH) && !rq.notify_masked {
            rq.notify_masked = true;
            poll_list.push_back(NapiId { dev: peer, queue: QueueId(queue as u16) });
        }
        if by == By::Xmit {
            let (sent, lost) = (xmit.sent as u64, (bulk.len() - xmit.sent) as u64);
            if lost > 0 {
                rx.counters.rx_dropped += lost;
            }
            self.count_veth(dev, |own| {
                own.xdp_xmit += sent;
                own.xdp_xmit_errors += lost;
                own.tx_dropped += lost;
            });
        }
        xmit
    }

    /// Changes the counters of a veth end.
    #[inline]
    pub fn count_veth(&mut self, dev: DevId, count: impl FnOnce(&mut crate::driver::veth::VethCounters)) {
        if let DriverState::Veth(end) = &mut self.drivers[dev.0 as usize] {
            count(&mut end.counters);
        }
    }

    /// The first `sent` frames of a bulk that came in on one port were taken.
    #[allow(clippy::too_many_arguments)]
    #[inline]
    pub fn sent(
        &mut self,
        ledger: &mut Ledger,
        dev: DevId,
        from: DevId,
        bulk: Bulk<'_>,
        sent: usize,
        bytes: u64,
    ) {
        if self.world.devices.get(dev).is_veth() {
            if S::STORY {
                self.tell_hops(dev, bulk, sent);
            }
            return;
        }
        let arrivals = self.arrivals;
        ledger.end(from, Some(dev), Fate::Delivered, sent as u64, bytes, |i| arrivals.number(bulk.desc(i)));
        if S::DELIVERIES {
            self.deliver(dev, bulk, sent);
        }
        if S::STORY {
            for i in 0..sent {
                self.tell_end(bulk.desc(i), Some(dev), Fate::Delivered);
            }
        }
    }

    /// A bulk that was not taken whole, or whose frames came in on several ports.
    pub fn book_one_by_one(
        &mut self,
        ledger: &mut Ledger,
        dev: DevId,
        bulk: Bulk<'_>,
        xmit: &Xmit,
        origin: impl Fn(usize) -> DevId,
        by: By,
    ) {
        for i in 0..bulk.len() {
            let desc = bulk.desc(i);
            let one = Bulk { slots: &bulk.slots[i..=i], table: bulk.table };
            if i < xmit.sent {
                if !matches!(self.drivers[dev.0 as usize], DriverState::Nic(_)) {
                    self.sent(ledger, dev, origin(i), one, 1, u64::from(desc.len));
                }
                continue;
            }
            let fate = if i == xmit.sent { xmit.refused } else { xmit.behind };
            let fate = if by == By::Tx && fate == Fate::NoNapi { Fate::TxNoNapi } else { fate };
            let number = self.arrivals.number(desc);
            match (fate, xmit.err) {
                (Fate::DriverFault, Some(errno)) => {
                    ledger.driver_fault(origin(i), dev, errno, 1, u64::from(desc.len), |_| number);
                }
                _ => ledger.end(origin(i), Some(dev), fate, 1, u64::from(desc.len), |_| number),
            }
            if S::STORY {
                let errno = xmit.err.or(fate.errno());
                self.sink.step(self.stamp, number, Step::End { fate, egress: Some(dev), errno });
            }
        }
        // A ring knows when its frames leave only for the bulk as a whole.
        if matches!(self.drivers[dev.0 as usize], DriverState::Nic(_)) {
            for i in 0..xmit.sent {
                let (desc, number) = (bulk.desc(i), self.arrivals.number(bulk.desc(i)));
                ledger.end(origin(i), Some(dev), Fate::Delivered, 1, u64::from(desc.len), |_| number);
                if S::STORY {
                    self.tell_end(desc, Some(dev), Fate::Delivered);
                }
            }
            if S::DELIVERIES {
                self.deliver(dev, bulk, xmit.sent);
            }
        }
    }

    pub fn deliver(&mut self, dev: DevId, bulk: Bulk<'_>, sent: usize) {
        for i in 0..sent {
            let departure = match &self.drivers[dev.0 as usize] {
                DriverState::Nic(ring) => ring.departure(i, sent, self.stamp.time),
                _ => self.stamp.time,
            };
            self.deliver_one(dev, bulk.desc(i), departure);
        }
    }

    /// Gives one frame that left by a port to the sink.
    pub fn deliver_one(&mut self, port: DevId, desc: Desc, departure: crate::time::Nanos) {
        let frame = self.arrivals.number(desc);
        let bytes = self.store.bytes(self.input, desc);
        let arrival = self.arrivals.stamp(frame);
        self.sink.delivered(Delivery { at: self.stamp, departure, port, frame, arrival, bytes });
    }

    /// Gives one frame that a port passed to the stack to the sink.
    pub fn pass(&mut self, port: DevId, desc: Desc) {
        let frame = self.arrivals.number(desc);
        self.sink.passed(port, frame, self.store.bytes(self.input, desc));
    }

    /// Tells the story of a bulk at its driver.
    pub fn tell_xmit(&mut self, dev: DevId, bulk: Bulk<'_>, xmit: &Xmit, flush: bool) {
        let (of, sent, err) = (bulk.len() as u8, xmit.sent as u8, xmit.err);
        for i in 0..bulk.len() {
            let step = Step::Xmit { dev, position: i as u8, of, sent, err, flush };
            self.sink.step(self.stamp, self.arrivals.number(bulk.desc(i)), step);
        }
    }

    fn tell_hops(&mut self, dev: DevId, bulk: Bulk<'_>, sent: usize) {
        let Some(to) = self.world.devices.get(dev).peer() else { return };
        let woken = match &self.drivers[to.0 as usize] {
            DriverState::Veth(end) => end.rq.iter().any(|rq| rq.notify_masked),
            _ => false,
        };
        for i in 0..sent {
            let step = Step::Hop { from: dev, to, woken };
            self.sink.step(self.stamp, self.arrivals.number(bulk.desc(i)), step);
        }
    }

    /// Tells a frame's end.
    pub fn tell_end(&mut self, desc: Desc, egress: Option<DevId>, fate: Fate) {
        let step = Step::End { fate, egress, errno: fate.errno() };
        self.sink.step(self.stamp, self.arrivals.number(desc), step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::domain::{Feed, Timing};
    use crate::poll::POLL_SLOTS;
    use crate::scenario::{PeerSpec, PortKind, PortSpec, Scenario};
    use crate::sink::NullSink;
    use crate::{FrameNo, Plan};

    /// Nobody in the model passes such flags, but a driver does not know that.
    /// Rule: DRV-03.a
    #[test]
    fn veth_refuses_flags_that_it_does_not_know() {
        let peer = PeerSpec::FarEnd { mtu: 1500, gro: true, xdp: false, up: true, queues: 1 };
        let ports = vec![PortSpec::new("veth", PortKind::Veth { peer, gro: false })];
        let plan = Plan::new(&Scenario { ports, ..Scenario::default() }).expect("builds");
        let mut domain = plan.domain(0, Timing::Capture, true, NullSink);
        let feed = Feed { bytes: &[0; 60], first: FrameNo(0), latest: FrameNo(0), stamps: &[] };
        let (mut env, _, _) = domain.split(&feed);
        let table = [Desc::arrived(0, 60, FrameNo(0)); POLL_SLOTS];
        let bulk = Bulk { slots: &[0], table: &table };
        let mut xmit = |flags| {
            let flags = XmitFlags::from_bits_retain(flags);
            env.ndo_xdp_xmit(CpuId(0), DevId(0), bulk, DevId(0), By::Xmit, flags, &mut VecDeque::new())
        };
        assert_eq!(xmit(2).err, Some(Errno::EINVAL));
        assert_eq!(xmit(3).sent, 0);
        assert_eq!((xmit(1).sent, xmit(0).sent), (1, 1));
    }
}
