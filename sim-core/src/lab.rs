//! A bench for tests: ports, maps and programs from a scenario; send frames, run, look.
//!
//! Keeps everything in memory. For captures of any size feed a [`Domain`](crate::Domain) directly.

use std::collections::BTreeMap;
use std::ops::Range;

use xdpsim_devmap::{CpuId, DevId};

use crate::batch::{Batch, Desc, FrameNo, Ingress};
use crate::driver::Driver;
use crate::driver::veth::VethCounters;
use crate::engine::changes::ChangeFailed;
use crate::engine::cpu::PathCounts;
use crate::engine::domain::{Domain, Steered, Timing};
use crate::fate::Fate;
use crate::program::XdpProgram;
use crate::redirect::RedirectInfo;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::sink::{Recorder, Sink, StoryBook};
use crate::story::Step;
use crate::time::Nanos;
use crate::trace::Event;
use crate::world::{BuildError, Plan};

/// A scenario and the frames that are to be sent into it.
pub struct Lab {
    plan: Plan,
    timing: Timing,
    bytes: Vec<u8>,
    frames: Vec<Desc>,
    stamps: Vec<Nanos>,
    ports: Vec<DevId>,
    clock: Nanos,
    batch_max: usize,
    drivers: BTreeMap<String, Box<dyn Driver>>,
}

/// What happened.
pub struct Run {
    /// Counters.
    pub report: Report,
    /// Tracepoint events in order, CPU by CPU where CPUs are independent.
    pub events: Vec<Event>,
    /// How often each way through step 2 was taken.
    pub paths: PathCounts,
    /// Changes that the kernel would have refused.
    pub changes_failed: Vec<ChangeFailed>,
    names: BTreeMap<String, DevId>,
    deliveries: Vec<(DevId, FrameNo, Vec<u8>)>,
    infos: BTreeMap<CpuId, RedirectInfo>,
    veths: BTreeMap<DevId, VethCounters>,
}

impl Lab {
    /// Builds the scenario.
    ///
    /// # Errors
    /// What [`Plan::new`] says.
    pub fn new(scenario: &Scenario) -> Result<Self, BuildError> {
        Self::with_programs(scenario, BTreeMap::new())
    }

    /// Builds the scenario with programs of one's own instead of those of the same name.
    ///
    /// # Errors
    /// What [`Plan::with_programs`] says.
    pub fn with_programs(
        scenario: &Scenario,
        own: BTreeMap<String, Box<dyn XdpProgram>>,
    ) -> Result<Self, BuildError> {
        let plan = Plan::with_programs(scenario, own)?;
        Ok(Self {
            plan,
            timing: Timing::Capture,
            bytes: Vec::new(),
            frames: Vec::new(),
            stamps: Vec::new(),
            ports: Vec::new(),
            clock: Nanos(1),
            batch_max: usize::MAX,
            drivers: BTreeMap::new(),
        })
    }

    /// How frames arrive; at the times given by [`Lab::at`] unless changed.
    pub fn timing(&mut self, timing: Timing) -> &mut Self {
        self.timing = timing;
        self
    }

    /// Feeds the frames in batches of at most this many. The result must not depend on it.
    pub fn batches_of(&mut self, frames: usize) -> &mut Self {
        self.batch_max = frames.max(1);
        self
    }

    /// A driver of one's own behind a port.
    pub fn driver(&mut self, port: &str, driver: Box<dyn Driver>) -> &mut Self {
        self.drivers.insert(port.to_owned(), driver);
        self
    }

    /// The time at which the next frames arrive. Frames at the same time on the same queue are polled
    /// together, up to 64 at once.
    pub fn at(&mut self, time: Nanos) -> &mut Self {
        self.clock = time;
        self
    }

    /// A frame arrives on a port.
    ///
    /// # Panics
    /// If the scenario has no such port.
    pub fn send(&mut self, port: &str, bytes: &[u8]) -> &mut Self {
        self.send_with_head(port, bytes, Desc::HEADROOM)
    }

    /// A frame with an unusual headroom arrives on a port.
    ///
    /// # Panics
    /// If the scenario has no such port.
    pub fn send_with_head(&mut self, port: &str, bytes: &[u8], headroom: u16) -> &mut Self {
        let dev = self.plan.port(port).unwrap_or_else(|| panic!("the scenario has no port `{port}`"));
        let no = FrameNo(self.frames.len() as u64);
        let desc = Desc::arrived(self.bytes.len() as u32, bytes.len() as u32, no);
        self.frames.push(desc.with_head(headroom, 0));
        self.bytes.extend_from_slice(bytes);
        self.stamps.push(self.clock);
        self.ports.push(dev);
        self
    }

    /// Runs everything that was sent.
    #[must_use]
    pub fn run(&self) -> Run {
        let domains = (0..self.plan.domains()).map(|index| self.run_domain(index, Recorder::default()));
        self.collect(domains)
    }

    /// Runs everything that was sent, with the independent CPUs in turns of so many frames, the last one
    /// first if `backwards`: an order in which threads could do it. The result must not depend on it.
    #[must_use]
    pub fn run_in_turns(&self, frames: usize, backwards: bool) -> Run {
        let mut domains: Vec<_> =
            (0..self.plan.domains()).map(|index| (index, self.domain(index, Recorder::default()))).collect();
        if backwards {
            domains.reverse();
        }
        let mut first = 0;
        while first < self.frames.len() {
            let to = first.saturating_add(frames.max(1)).min(self.frames.len());
            domains.iter_mut().for_each(|(index, domain)| self.feed(domain, *index, first..to));
            first = to;
        }
        domains.iter_mut().for_each(|(_, domain)| domain.finish());
        domains.sort_by_key(|(index, _)| *index);
        self.collect(domains.into_iter().map(|(_, domain)| domain))
    }

    fn collect(&self, domains: impl Iterator<Item = Domain<Recorder>>) -> Run {
        let mut run = Run {
            report: Report::default(),
            events: Vec::new(),
            paths: PathCounts::default(),
            changes_failed: Vec::new(),
            names: self.plan.ports().map(|(dev, device)| (device.name.clone(), dev)).collect(),
            deliveries: Vec::new(),
            infos: BTreeMap::new(),
            veths: BTreeMap::new(),
        };
        domains.for_each(|domain| run.add(&self.plan, domain));
        run
    }

    /// The story of one frame.
    #[must_use]
    pub fn story(&self, frame: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        for index in 0..self.plan.domains() {
            let book = StoryBook { only: Some(FrameNo(frame)), ..StoryBook::default() };
            let book = self.run_domain(index, book).into_sink();
            steps.extend(book.steps.into_iter().map(|(_, _, step)| step));
        }
        steps
    }

    /// What was built.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    fn run_domain<S: Sink>(&self, index: usize, sink: S) -> Domain<S> {
        let mut domain = self.domain(index, sink);
        let mut first = 0;
        while first < self.frames.len() {
            let to = first.saturating_add(self.batch_max).min(self.frames.len());
            self.feed(&mut domain, index, first..to);
            first = to;
        }
        domain.finish();
        domain
    }

    fn domain<S: Sink>(&self, index: usize, sink: S) -> Domain<S> {
        let mut domain = self.plan.domain(index, self.timing, true, sink);
        for (port, driver) in &self.drivers {
            if let Some(dev) = self.plan.port(port) {
                domain.set_driver(dev, driver.clone_box());
            }
        }
        domain
    }

    fn feed<S: Sink>(&self, domain: &mut Domain<S>, index: usize, frames: Range<usize>) {
        let batch = Batch {
            first: FrameNo(frames.start as u64),
            bytes: &self.bytes,
            frames: &self.frames[frames.clone()],
            stamps: &self.stamps[frames.clone()],
            ingress: Ingress::Each(&self.ports[frames]),
        };
        domain.feed_steered(&batch, &self.steered(&batch, index));
    }

    fn steered(&self, batch: &Batch<'_>, domain: usize) -> Vec<Steered> {
        let mut steered = Vec::new();
        for (i, desc) in batch.frames.iter().enumerate() {
            let dev = batch.ingress.of(i);
            let bytes = &batch.bytes[desc.off as usize..(desc.off + desc.len) as usize];
            let queue = self.plan.queue(dev, bytes, FrameNo(batch.first.0 + i as u64));
            if self.plan.domain_of(dev, queue) == domain {
                steered.push(Steered { index: i as u32, queue });
            }
        }
        steered
    }
}

impl Run {
    fn add(&mut self, plan: &Plan, domain: Domain<Recorder>) {
        self.report.add(plan, &domain);
        self.paths = self.paths.plus(domain.path_counts());
        self.changes_failed.extend_from_slice(domain.changes_failed());
        for cpu in 0..plan.scenario().cpus {
            if let Some(info) = domain.redirect_info(CpuId(cpu)) {
                self.infos.insert(CpuId(cpu), *info);
            }
        }
        for (dev, _) in plan.ports() {
            if let Some(counters) = domain.veth_counters(dev) {
                self.veths.insert(dev, counters);
            }
        }
        let recorder = domain.into_sink();
        self.events.extend(recorder.events.into_iter().map(|(_, event)| event));
        self.deliveries.extend(recorder.deliveries);
    }

    /// The frames that left by a port, in order.
    ///
    /// # Panics
    /// If the scenario has no such port.
    #[must_use]
    pub fn frames(&self, port: &str) -> Vec<Vec<u8>> {
        let dev = self.names.get(port).unwrap_or_else(|| panic!("the scenario has no port `{port}`"));
        let by_port = self.deliveries.iter().filter(|(by, ..)| by == dev);
        by_port.map(|(_, _, bytes)| bytes.clone()).collect()
    }

    /// The numbers of the frames that left by a port, in order.
    ///
    /// # Panics
    /// If the scenario has no such port.
    #[must_use]
    pub fn numbers(&self, port: &str) -> Vec<u64> {
        let dev = self.names.get(port).unwrap_or_else(|| panic!("the scenario has no port `{port}`"));
        self.deliveries.iter().filter(|(by, ..)| by == dev).map(|(_, no, _)| no.0).collect()
    }

    /// All deliveries in order: port, frame, bytes.
    #[must_use]
    pub fn deliveries(&self) -> &[(DevId, FrameNo, Vec<u8>)] {
        &self.deliveries
    }

    /// For tests of those who look at deliveries.
    #[cfg(test)]
    pub(crate) fn deliveries_mut(&mut self) -> &mut Vec<(DevId, FrameNo, Vec<u8>)> {
        &mut self.deliveries
    }

    /// Did nothing leave by this port?
    #[must_use]
    pub fn is_silent(&self, port: &str) -> bool {
        self.numbers(port).is_empty()
    }

    /// Frames with this fate.
    #[must_use]
    pub fn count(&self, fate: Fate) -> u64 {
        self.report.count(fate)
    }

    /// Redirect info of a CPU after the run.
    #[must_use]
    pub fn redirect_info(&self, cpu: u16) -> Option<RedirectInfo> {
        self.infos.get(&CpuId(cpu)).copied()
    }

    /// `ethtool -S` of a veth port.
    #[must_use]
    pub fn veth(&self, port: &str) -> Option<VethCounters> {
        self.veths.get(self.names.get(port)?).copied()
    }
}
