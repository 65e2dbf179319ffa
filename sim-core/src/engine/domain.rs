//! A domain: CPUs that share nothing with others, and all they work on.
//!
//! Fed with batches; owns time. The same batches give the same output, however they are cut and on
//! whatever thread this runs.

use std::collections::BTreeMap;

use xdpsim_devmap::{CpuId, DevId, MapTable, QueueId};

use super::arrival::{Armed, RxQueue};
use super::changes::Changes;
use super::cpu::{Cpu, PathCounts};
use super::env::{Arrivals, Env, World};
use super::faults::Faults;
use super::softirq::NapiId;
use crate::batch::{Batch, FrameNo, Ingress};
use crate::driver::veth::VethCounters;
use crate::driver::{Driver, DriverState};
use crate::fate::Fate;
use crate::frame::Store;
use crate::ledger::Ledger;
use crate::poll::NAPI_BUDGET;
use crate::program::XdpProgram;
use crate::redirect::RedirectInfo;
use crate::rss::RxQueues;
use crate::sink::Sink;
use crate::time::{BitRate, Nanos};
use crate::trace::Stamp;

/// When frames arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// At their timestamps, or now if those run backward.
    #[default]
    Capture,
    /// Back to back: a queue's interrupt is raised when 64 frames wait in it. On a `nic` with a rate
    /// they take the time that its line needs, else none.
    Asap,
}

/// A frame that another part of the run has already assigned to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steered {
    /// Its place in the batch.
    pub index: u32,
    /// Its queue.
    pub queue: QueueId,
}

/// What a batch offers while it is being fed.
#[derive(Clone, Copy)]
pub(crate) struct Feed<'a> {
    pub bytes: &'a [u8],
    pub first: FrameNo,
    pub latest: FrameNo,
    pub stamps: &'a [Nanos],
}

/// CPUs that share nothing with others.
pub struct Domain<S: Sink> {
    pub(crate) world: World,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) rx: Vec<Vec<RxQueue>>,
    pub(crate) rx_usecs: Vec<Nanos>,
    pub(crate) steering: Vec<RxQueues>,
    /// CPU (as an index into `cpus`) of each queue of each port.
    pub(crate) queue_cpus: Vec<Vec<usize>>,
    pub(crate) drivers: Vec<DriverState>,
    pub(crate) store: Store,
    pub(crate) shared: Vec<Option<Box<dyn XdpProgram>>>,
    pub(crate) faults: Faults,
    pub(crate) changes: Changes,
    pub(crate) armed: Vec<Armed>,
    pub(crate) timing: Timing,
    /// Line rate of each port, for back-to-back arrivals.
    pub(crate) line: Vec<Option<BitRate>>,
    pub(crate) line_free: Vec<Nanos>,
    pub(crate) now: Nanos,
    pub(crate) clock: Nanos,
    pub(crate) trigger: FrameNo,
    pub(crate) latest: FrameNo,
    pub(crate) began: Option<Nanos>,
    pub(crate) kept_stamps: BTreeMap<FrameNo, Nanos>,
    /// What happens to the maps during the current frame's walk (MCAST-34).
    pub(crate) later_maps: Vec<(u32, MapTable)>,
    pub(crate) told_first_call: bool,
    pub(crate) sink: S,
}

impl<S: Sink> Domain<S> {
    /// All frames of a batch arrive; this is the only domain.
    pub fn feed(&mut self, batch: &Batch<'_>) {
        let feed = self.begin(batch);
        let n = batch.frames.len();
        let mut i = 0;
        while i < n {
            if let Some((napi, polls)) = self.whole_polls(batch, i) {
                let frames = &batch.frames[i..i + polls * NAPI_BUDGET];
                self.arrive_polls(napi, frames, FrameNo(batch.first.0 + i as u64), &feed);
                i += frames.len();
                continue;
            }
            if self.timing == Timing::Capture && batch.stamps[i] > self.clock && self.changes.is_done() {
                self.run_due(batch.stamps[i], &feed);
            }
            if let Some(napi) = self.takes_frames_alone(batch)
                && batch.is_alone(i, self.clock)
            {
                self.began.get_or_insert(self.clock.max(batch.stamps[i]));
                i += self.poll_alone(napi, batch, i, &feed);
                continue;
            }
            self.advance_clock(batch, i..i + 1);
            self.feed_one(batch, i, None, &feed);
            i += 1;
        }
        self.end(&feed);
    }

    /// The frames of a batch that belong to this domain arrive, in order; others' only move the clock.
    pub fn feed_steered(&mut self, batch: &Batch<'_>, frames: &[Steered]) {
        let feed = self.begin(batch);
        if let Some(dev) = self.takes_whole_polls(batch) {
            self.arrive_steered(dev, batch, frames, &feed);
            return self.end(&feed);
        }
        let mut seen = 0;
        for steered in frames {
            let i = steered.index as usize;
            self.others_arrive(batch, seen..i, &feed);
            self.advance_clock(batch, i..i + 1);
            seen = i + 1;
            self.feed_one(batch, i, Some(steered.queue), &feed);
        }
        self.others_arrive(batch, seen..batch.frames.len(), &feed);
        self.end(&feed);
    }

    /// Frames of other domains move the clock, and changes are made before them as before one's own.
    #[inline]
    fn others_arrive(&mut self, batch: &Batch<'_>, range: std::ops::Range<usize>, feed: &Feed<'_>) {
        if self.changes.is_done() {
            return self.advance_clock(batch, range);
        }
        for i in range {
            self.advance_clock(batch, i..i + 1);
            self.make_due_changes(FrameNo(batch.first.0 + i as u64), feed);
        }
    }

    /// Changes that are due before this frame of the run.
    #[inline]
    fn make_due_changes(&mut self, no: FrameNo, feed: &Feed<'_>) {
        let began = *self.began.get_or_insert(self.clock);
        if self.changes.due(no, self.clock, began) {
            self.make_changes(no, began, feed);
        }
    }

    /// No more frames: what waits is polled, what is left in rings is booked as stuck.
    pub fn finish(&mut self) {
        let feed = Feed { bytes: &[], first: self.latest, latest: self.latest, stamps: &[] };
        self.run_rest(&feed);
        let (mut env, cpus, _) = self.split(&feed);
        for cpu in cpus {
            cpu.groups.retire(&mut cpu.ledger);
            cpu.strand_queues(&mut env);
        }
        self.strand_rings();
    }

    fn begin<'a>(&mut self, batch: &Batch<'a>) -> Feed<'a> {
        let latest = FrameNo((batch.first.0 + batch.frames.len() as u64).saturating_sub(1));
        self.latest = self.latest.max(latest);
        Feed { bytes: batch.bytes, first: batch.first, latest: self.latest, stamps: batch.stamps }
    }

    /// The port on which frames can be taken poll by poll: back to back on a line that takes no time, no
    /// change to come.
    fn takes_whole_polls(&self, batch: &Batch<'_>) -> Option<DevId> {
        let Ingress::One(dev) = batch.ingress else { return None };
        let device = self.world.devices.get(dev);
        let plain = self.timing == Timing::Asap
            && self.line[dev.0 as usize].is_none()
            && self.changes.is_done()
            && device.registered
            && device.up
            && !device.is_veth();
        plain.then_some(dev)
    }

    /// How many whole polls begin with frame `i` of the batch: if all are on one queue where nobody waits.
    fn whole_polls(&self, batch: &Batch<'_>, i: usize) -> Option<(NapiId, usize)> {
        let dev = self.takes_whole_polls(batch)?;
        let polls = (batch.frames.len() - i) / NAPI_BUDGET;
        let rx = &self.rx[dev.0 as usize];
        let empty = rx.len() == 1 && rx[0].is_empty() && self.armed.is_empty();
        (polls > 0 && empty).then_some((NapiId { dev, queue: QueueId(0) }, polls))
    }

    /// The one queue on which frames may be polls of their own: nobody waits, no change is to come.
    #[inline]
    fn takes_frames_alone(&self, batch: &Batch<'_>) -> Option<NapiId> {
        let Ingress::One(dev) = batch.ingress else { return None };
        if self.timing != Timing::Capture || !self.armed.is_empty() || !self.changes.is_done() {
            return None;
        }
        let port = dev.0 as usize;
        let device = self.world.devices.get(dev);
        let plain = self.rx[port].len() == 1
            && self.rx_usecs[port] == Nanos::ZERO
            && device.registered
            && device.up
            && !device.is_veth()
            && !device.runs_generic();
        plain.then_some(NapiId { dev, queue: QueueId(0) })
    }

    /// Time as all frames up to here have seen it: a timestamp that runs backward does not turn it back.
    #[inline]
    fn advance_clock(&mut self, batch: &Batch<'_>, range: std::ops::Range<usize>) {
        match self.timing {
            Timing::Capture => {
                for &stamp in &batch.stamps[range] {
                    self.clock = self.clock.max(stamp);
                }
            }
            Timing::Asap => {
                for i in range {
                    let dev = batch.ingress.of(i).0 as usize;
                    if let Some(rate) = self.line[dev] {
                        self.line_free[dev] = self.line_free[dev].after(rate.wire_time(batch.frames[i].len));
                        self.clock = self.clock.max(self.line_free[dev]);
                    }
                }
            }
        }
    }

    #[inline]
    fn feed_one(&mut self, batch: &Batch<'_>, i: usize, queue: Option<QueueId>, feed: &Feed<'_>) {
        let no = FrameNo(batch.first.0 + i as u64);
        self.make_due_changes(no, feed);
        if self.clock > self.now {
            if self.timing == Timing::Capture {
                self.run_due(self.clock, feed);
            }
            self.now = self.clock;
        }
        let (dev, desc) = (batch.ingress.of(i), batch.frames[i]);
        let queue = queue.unwrap_or_else(|| {
            let bytes = &batch.bytes[desc.off as usize..desc.off as usize + desc.len as usize];
            self.steering[dev.0 as usize].queue(bytes, no)
        });
        self.arrive(desc, NapiId { dev, queue }, no, feed);
    }

    /// After a batch: what is due has run, what still waits no longer needs the batch.
    fn end(&mut self, feed: &Feed<'_>) {
        if self.timing == Timing::Capture {
            self.run_due(self.clock, feed);
        }
        self.promote(feed);
    }

    /// Which of this domain's CPUs polls a queue.
    #[inline]
    pub(crate) fn cpu_of(&self, napi: NapiId) -> usize {
        self.queue_cpus[napi.dev.0 as usize][usize::from(napi.queue.0)]
    }

    /// Splits the domain into what a CPU works on, the CPUs, and the receive queues.
    #[allow(clippy::type_complexity)]
    pub(crate) fn split<'a>(
        &'a mut self,
        feed: &Feed<'a>,
    ) -> (Env<'a, S>, &'a mut [Cpu], &'a mut [Vec<RxQueue>]) {
        let arrivals =
            Arrivals { first: feed.first, latest: feed.latest, stamps: feed.stamps, kept: &self.kept_stamps };
        let env = Env {
            world: &self.world,
            drivers: &mut self.drivers,
            store: &mut self.store,
            shared: &mut self.shared,
            faults: &mut self.faults,
            sink: &mut self.sink,
            arrivals,
            input: feed.bytes,
            stamp: Stamp { time: self.now, trigger: self.trigger, cpu: 0 },
            later: &self.later_maps,
            told_first_call: &mut self.told_first_call,
        };
        (env, &mut self.cpus, &mut self.rx)
    }

    /// Moves frames that outlive their batch.
    pub(crate) fn promote(&mut self, feed: &Feed<'_>) {
        if !self.anything_waits() {
            self.store.clear_arena();
            self.kept_stamps.clear();
            return;
        }
        let arrivals =
            Arrivals { first: feed.first, latest: feed.latest, stamps: feed.stamps, kept: &self.kept_stamps };
        let mut stamps = BTreeMap::new();
        let store = &mut self.store;
        store.promote();
        let waiting = self.rx.iter_mut().flatten().flat_map(RxQueue::iter_mut);
        let ringed = self.drivers.iter_mut().flat_map(DriverState::descs_mut);
        let queued = self.cpus.iter_mut().flat_map(Cpu::queued_descs_mut);
        for desc in waiting.chain(ringed).chain(queued) {
            if S::DELIVERIES {
                let no = arrivals.number(*desc);
                stamps.insert(no, arrivals.stamp(no));
            }
            store.promote_one(feed.bytes, desc);
        }
        store.promoted();
        self.kept_stamps = stamps;
    }

    fn anything_waits(&self) -> bool {
        self.rx.iter().flatten().any(|queue| !queue.is_empty())
            || self.drivers.iter().any(|driver| driver.holds_frames())
            || self.cpus.iter().any(Cpu::holds_frames)
    }

    /// Written frames are forgotten as soon as nobody holds them.
    pub(crate) fn tidy_arena(&mut self, feed: &Feed<'_>) {
        if self.store.arena_len() < Store::WORTH_A_LOOK {
            return;
        }
        let held = self.drivers.iter().any(|driver| driver.holds_frames())
            || self.cpus.iter().any(Cpu::holds_frames);
        if !held {
            self.store.clear_arena();
        } else if self.store.arena_len() > Store::ARENA_SOFT_MAX {
            self.promote(feed);
        }
    }

    /// Frames in rings that nobody was woken for (FLU-06, DRV-08).
    fn strand_rings(&mut self) {
        let feed = Feed { bytes: &[], first: self.latest, latest: self.latest, stamps: &[] };
        for id in 0..self.drivers.len() {
            self.empty_ring(DevId(id as u32), &feed, |by| match by {
                crate::driver::veth::By::Tx => Fate::TxStuck,
                _ => Fate::Stuck,
            });
        }
    }

    /// Books everything that is in the rings of a veth end as lost.
    pub(crate) fn empty_ring(
        &mut self,
        dev: DevId,
        feed: &Feed<'_>,
        fate: impl Fn(crate::driver::veth::By) -> Fate,
    ) {
        let Some(port) = self.world.devices.get(dev).peer() else { return };
        let (env, cpus, _) = self.split(feed);
        let DriverState::Veth(end) = &mut env.drivers[dev.0 as usize] else { return };
        for rq in &mut end.rq {
            while let Some(waiting) = rq.ring.consume() {
                let (number, fate) = (env.arrivals.number(waiting.desc), fate(waiting.by));
                let (from, len) = (DevId(waiting.from), u64::from(waiting.desc.len));
                // What came from outside was not to leave by anybody.
                let egress = (waiting.by != crate::driver::veth::By::Arrival).then_some(port);
                cpus[0].ledger.end(from, egress, fate, 1, len, |_| number);
                if S::STORY {
                    let step = crate::story::Step::End { fate, egress, errno: None };
                    env.sink.step(env.stamp, number, step);
                }
            }
            rq.notify_masked = false;
        }
    }

    /// The sink.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Gives the sink back.
    pub fn into_sink(self) -> S {
        self.sink
    }

    /// The books of each CPU.
    pub fn ledgers(&self) -> impl Iterator<Item = &Ledger> {
        self.cpus.iter().map(|cpu| &cpu.ledger)
    }

    /// Redirect info of a CPU as it is now.
    #[must_use]
    pub fn redirect_info(&self, cpu: CpuId) -> Option<&RedirectInfo> {
        self.cpus.iter().find(|one| one.id == cpu).map(|one| &one.ri)
    }

    /// How often each way through step 2 was taken.
    #[must_use]
    pub fn path_counts(&self) -> PathCounts {
        self.cpus.iter().fold(PathCounts::default(), |sum, cpu| sum.plus(cpu.paths))
    }

    /// The programs' copies that ran here, each as often as CPUs have one of their own.
    pub fn programs(&self) -> impl Iterator<Item = &dyn XdpProgram> {
        let own = self.cpus.iter().flat_map(|cpu| &cpu.programs);
        self.shared.iter().chain(own).flatten().map(Box::as_ref)
    }

    /// Counters of a veth end (DRV-09).
    #[must_use]
    pub fn veth_counters(&self, dev: DevId) -> Option<VethCounters> {
        match self.drivers.get(dev.0 as usize)? {
            DriverState::Veth(end) => Some(end.counters),
            _ => None,
        }
    }

    /// The maps as they are now.
    #[must_use]
    pub fn maps(&self) -> &MapTable {
        &self.world.maps
    }

    /// The receive rings of a veth end have already polled so many frames each: a ring that nobody fills
    /// anew has less room then (DRV-06). To be called before the first frame.
    pub fn age_rings(&mut self, dev: DevId, polled: u64) {
        if let Some(DriverState::Veth(end)) = self.drivers.get_mut(dev.0 as usize) {
            end.rq.iter_mut().for_each(|rq| rq.ring.age(polled));
        }
    }

    /// Between two batches, programs of others redirected on these CPUs. Where redirect info outlives
    /// softirqs (HLP-20.d), what is left is theirs: index 0, nothing armed.
    pub fn others_redirect(&mut self) {
        let feed = Feed { bytes: &[], first: self.latest, latest: self.latest, stamps: &[] };
        self.run_rest(&feed);
        self.cpus.iter_mut().for_each(|cpu| cpu.ri = RedirectInfo::default());
    }

    /// Puts a driver of one's own behind a port.
    pub fn set_driver(&mut self, dev: DevId, driver: Box<dyn Driver>) {
        self.drivers[dev.0 as usize] = DriverState::Custom(driver);
    }
}
