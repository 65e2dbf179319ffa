//! Receive queues: where frames wait between their arrival and the poll.
//!
//! Owns the queues of ideal and `nic` ports, and when an interrupt is due. A veth's arrivals wait in
//! its ring, if it has one. Rules: RSS-08, RSS-10 to RSS-12.

use std::collections::VecDeque;

use xdpsim_devmap::{DevId, QueueId};

use super::domain::{Domain, Feed, Steered, Timing};
use super::softirq::NapiId;
use crate::batch::{Batch, Desc, FrameNo};
use crate::driver::DriverState;
use crate::driver::veth::{By, Waiting};
use crate::fate::Fate;
use crate::frame::VETH_LINEAR_MAX;
use crate::poll::NAPI_BUDGET;
use crate::sink::Sink;
use crate::time::Nanos;
use crate::trace::Stamp;

/// With so many frames waiting the interrupt is raised whatever its delay (RSS-12).
pub(crate) const RX_FRAMES_MAX: usize = 256;

/// One receive queue of an ideal or `nic` port.
#[derive(Clone, Debug, Default)]
pub(crate) struct RxQueue {
    waiting: VecDeque<Desc>,
}

impl RxQueue {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes at most `max` frames, in one or two stretches.
    #[inline]
    pub fn take(&mut self, max: usize, mut with: impl FnMut(&[Desc])) -> usize {
        let n = self.waiting.len().min(max);
        let (front, back) = self.waiting.as_slices();
        let cut = n.min(front.len());
        with(&front[..cut]);
        if n > cut {
            with(&back[..n - cut]);
        }
        self.waiting.drain(..n);
        n
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Desc> {
        self.waiting.iter_mut()
    }
}

/// An interrupt that will be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Armed {
    pub due: Nanos,
    /// Order among equals: the frame that armed it.
    pub by: FrameNo,
    pub napi: NapiId,
    pub cpu: usize,
}

impl<S: Sink> Domain<S> {
    /// A frame comes in on a queue, now.
    pub(crate) fn arrive(&mut self, mut desc: Desc, napi: NapiId, no: FrameNo, feed: &Feed<'_>) {
        let cpu = self.cpu_of(napi);
        self.cpus[cpu].ledger.arrived(1, u64::from(desc.len));
        let device = self.world.devices.get(napi.dev);
        if !device.registered || !device.up {
            return self.lose_arrival(cpu, napi.dev, desc, Fate::NotReceived, no);
        }
        let waiting = if device.is_veth() {
            // An skb with less headroom is copied to get it (DRV-10).
            if desc.headroom() < Desc::HEADROOM {
                desc = desc.with_head(Desc::HEADROOM, 0);
            }
            desc = desc.with_frags(desc.len > VETH_LINEAR_MAX);
            if !device.napi && !device.runs_generic() {
                if S::PASSED {
                    self.split(feed).0.pass(napi.dev, desc);
                }
                return self.lose_arrival(cpu, napi.dev, desc, Fate::Passed, no);
            }
            let polled = device.napi;
            match if polled {
                self.arrive_in_ring(desc, napi)
            } else {
                Some(self.arrive_in_queue(desc, napi))
            } {
                Some(waiting) => waiting,
                None => return self.lose_arrival(cpu, napi.dev, desc, Fate::RingFull, no),
            }
        } else {
            self.arrive_in_queue(desc, napi)
        };
        let due = self.now.after(self.rx_usecs[napi.dev.0 as usize]);
        self.arm(cpu, napi, due, no, waiting, feed);
    }

    /// In the queue of an ideal or `nic` port, or of a veth in generic mode that nobody polls: there the
    /// backlog has it, whose frames come one by one. Says how many wait then.
    fn arrive_in_queue(&mut self, desc: Desc, napi: NapiId) -> usize {
        let queue = &mut self.rx[napi.dev.0 as usize][usize::from(napi.queue.0)];
        queue.waiting.push_back(desc);
        queue.len()
    }

    /// As an skb from the far end's stack (DRV-10); how many wait then, or `None` if the ring is full,
    /// which counts as the far end's drop. A ring that takes no more cannot wait either (RSS-12).
    fn arrive_in_ring(&mut self, desc: Desc, napi: NapiId) -> Option<usize> {
        let DriverState::Veth(end) = &mut self.drivers[napi.dev.0 as usize] else { return None };
        let ring = &mut end.rq[usize::from(napi.queue.0)].ring;
        if ring.free() > 0 {
            ring.produce(Waiting { desc, from: napi.dev.0, by: By::Arrival });
            return Some(if ring.free() == 0 { RX_FRAMES_MAX } else { ring.len() });
        }
        let sender = self.world.devices.get(napi.dev).peer()?;
        if let DriverState::Veth(far) = &mut self.drivers[sender.0 as usize] {
            far.counters.tx_dropped += 1;
        }
        None
    }

    /// Whole polls of the one queue that everything arrives on, straight out of the table.
    pub(crate) fn arrive_polls(&mut self, napi: NapiId, frames: &[Desc], first: FrameNo, feed: &Feed<'_>) {
        let cpu = self.cpu_of(napi);
        for (i, poll) in frames.chunks_exact(NAPI_BUDGET).enumerate() {
            let bytes = poll.iter().map(|desc| u64::from(desc.len)).sum();
            self.cpus[cpu].ledger.arrived(poll.len() as u64, bytes);
            self.rx[napi.dev.0 as usize][usize::from(napi.queue.0)].waiting.extend(poll);
            self.trigger = FrameNo(first.0 + ((i + 1) * NAPI_BUDGET) as u64 - 1);
            self.interrupt(cpu, napi, feed);
        }
    }

    /// Frames that are already assigned to queues, of which each is polled when 64 wait in it.
    pub(crate) fn arrive_steered(
        &mut self,
        dev: DevId,
        batch: &Batch<'_>,
        frames: &[Steered],
        feed: &Feed<'_>,
    ) {
        if !frames.is_empty() {
            self.began.get_or_insert(self.clock);
        }
        for steered in frames {
            let desc = batch.frames[steered.index as usize];
            let no = FrameNo(batch.first.0 + u64::from(steered.index));
            let napi = NapiId { dev, queue: steered.queue };
            let cpu = self.cpu_of(napi);
            self.cpus[cpu].ledger.arrived(1, u64::from(desc.len));
            let queue = &mut self.rx[dev.0 as usize][usize::from(steered.queue.0)];
            queue.waiting.push_back(desc);
            let waiting = queue.len();
            if waiting == 1 || waiting == NAPI_BUDGET {
                let due = self.now.after(self.rx_usecs[dev.0 as usize]);
                self.arm(cpu, napi, due, no, waiting, feed);
            }
        }
    }

    fn arm(&mut self, cpu: usize, napi: NapiId, due: Nanos, by: FrameNo, waiting: usize, feed: &Feed<'_>) {
        let full = match self.timing {
            Timing::Asap => waiting >= NAPI_BUDGET,
            Timing::Capture => waiting >= RX_FRAMES_MAX,
        };
        if full {
            self.armed.retain(|armed| armed.napi != napi);
            self.trigger = by;
            self.interrupt(cpu, napi, feed);
        } else if waiting == 1 || !self.armed.iter().any(|armed| armed.napi == napi) {
            self.armed.push(Armed { due, by, napi, cpu });
        }
    }

    /// The queue's interrupt: its NAPI joins the CPU's list, and the softirq runs.
    fn interrupt(&mut self, cpu: usize, napi: NapiId, feed: &Feed<'_>) {
        self.schedule(cpu, napi);
        self.run_softirqs(cpu, feed);
    }

    fn schedule(&mut self, cpu: usize, napi: NapiId) {
        if let DriverState::Veth(end) = &mut self.drivers[napi.dev.0 as usize] {
            end.rq[usize::from(napi.queue.0)].notify_masked = true;
        }
        self.cpus[cpu].poll_list.push_back(napi);
    }

    /// Raises all interrupts that are due before `time`, in order; equal ones together, CPU by CPU.
    pub(crate) fn run_due(&mut self, time: Nanos, feed: &Feed<'_>) {
        self.run_armed(|due| due < time, feed);
    }

    /// Raises all interrupts that are armed: no frame will come any more.
    pub(crate) fn run_rest(&mut self, feed: &Feed<'_>) {
        self.run_armed(|_| true, feed);
    }

    #[inline]
    fn run_armed(&mut self, is_due: impl Fn(Nanos) -> bool, feed: &Feed<'_>) {
        while let [one] = self.armed[..] {
            if !is_due(one.due) {
                return;
            }
            self.armed.clear();
            self.now = self.now.max(one.due);
            self.trigger = Stamp::ALL_ARRIVED;
            self.interrupt(one.cpu, one.napi, feed);
        }
        while let Some(due) = self.armed.iter().map(|armed| armed.due).min().filter(|&due| is_due(due)) {
            let mut now: Vec<Armed> = Vec::new();
            self.armed.retain(|armed| {
                let due_now = armed.due == due;
                if due_now {
                    now.push(*armed);
                }
                !due_now
            });
            now.sort_unstable();
            self.now = self.now.max(due);
            self.trigger = Stamp::ALL_ARRIVED;
            for armed in &now {
                self.schedule(armed.cpu, armed.napi);
            }
            for cpu in 0..self.cpus.len() {
                self.run_softirqs(cpu, feed);
            }
        }
    }

    /// Frames that wait on a port that was taken down are lost with it (RSS-10).
    #[cold]
    pub(crate) fn purge_dead_queues(&mut self, feed: &Feed<'_>) {
        for id in 0..self.rx.len() {
            let dev = DevId(id as u32);
            let device = self.world.devices.get(dev);
            if device.registered && device.up {
                continue;
            }
            for queue in 0..self.rx[id].len() {
                let napi = NapiId { dev, queue: QueueId(queue as u16) };
                self.armed.retain(|armed| armed.napi != napi);
                let cpu = self.cpu_of(napi);
                for desc in std::mem::take(&mut self.rx[id][queue].waiting) {
                    let no = self.split(feed).0.arrivals.number(desc);
                    self.lose_arrival(cpu, dev, desc, Fate::NotReceived, no);
                }
            }
        }
    }

    /// A frame that does not even get to a queue; or goes to the stack past XDP.
    #[cold]
    fn lose_arrival(&mut self, cpu: usize, dev: DevId, desc: Desc, fate: Fate, no: FrameNo) {
        self.cpus[cpu].ledger.end(dev, None, fate, 1, u64::from(desc.len), |_| no);
        if S::STORY {
            let step = crate::story::Step::End { fate, egress: None, errno: fate.errno() };
            let at = Stamp { time: self.now, trigger: no, cpu: self.cpus[cpu].id.0 };
            self.sink.step(at, no, step);
        }
    }
}
