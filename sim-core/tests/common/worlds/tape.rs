//! Runs a random world in different ways and keeps all that can be seen from outside.

use std::collections::BTreeMap;

use xdpsim_core::driver::veth::VethCounters;
use xdpsim_core::redirect::RedirectInfo;
use xdpsim_core::{
    Batch, ChangeFailed, CpuId, Delivery, Desc, DevId, Domain, Event, FrameNo, Ingress, Nanos, Path,
    PathCounts, Plan, Report, Sink, Stamp, Steered,
};

use xdpsim_core::strategies::World;

/// How a world is run; none of it may change the result.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub path: Path,
    /// Frames of a batch.
    pub batch: usize,
    pub feed: Feed,
    /// Domains from the last to the first.
    pub backwards: bool,
}

/// Who assigns frames to queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The caller.
    Steered,
    /// The domain, if it is the only one.
    Whole,
}

impl Way {
    pub const AUTO: Self =
        Self { path: Path::Auto, batch: usize::MAX, feed: Feed::Steered, backwards: false };
    pub const FRAMES: Self = Self { path: Path::FrameByFrame, ..Self::AUTO };
}

/// Everything that a sink is given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tape {
    pub events: Vec<(Stamp, Event)>,
    pub deliveries: Vec<Left>,
}

/// A delivery with its bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    pub at: Stamp,
    pub departure: Nanos,
    pub port: DevId,
    pub frame: FrameNo,
    pub arrival: Nanos,
    pub bytes: Vec<u8>,
}

impl Sink for Tape {
    const EVENTS: bool = true;
    const DELIVERIES: bool = true;

    fn event(&mut self, at: Stamp, event: Event) {
        self.events.push((at, event));
    }

    fn delivered(&mut self, delivery: Delivery<'_>) {
        let Delivery { at, departure, port, frame, arrival, bytes } = delivery;
        self.deliveries.push(Left { at, departure, port, frame, arrival, bytes: bytes.to_vec() });
    }
}

/// All that a run shows.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// One tape a domain.
    pub tapes: BTreeMap<usize, Tape>,
    pub report: Report,
    pub infos: BTreeMap<CpuId, RedirectInfo>,
    pub veths: BTreeMap<DevId, VethCounters>,
    pub failed: Vec<ChangeFailed>,
}

impl Outcome {
    pub fn events(&self) -> impl Iterator<Item = &(Stamp, Event)> {
        self.tapes.values().flat_map(|tape| &tape.events)
    }

    pub fn deliveries(&self) -> impl Iterator<Item = &Left> {
        self.tapes.values().flat_map(|tape| &tape.deliveries)
    }

    /// What differs first, in words short enough for a failing test.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let events = self.events().zip(other.events()).position(|(a, b)| a != b);
        let deliveries = self.deliveries().zip(other.deliveries()).position(|(a, b)| a != b);
        let what = if let Some(at) = events {
            let pair = (self.events().nth(at), other.events().nth(at));
            format!("event {at}: {pair:?}")
        } else if let Some(at) = deliveries {
            let pair = (self.deliveries().nth(at), other.deliveries().nth(at));
            format!("delivery {at}: {pair:?}")
        } else if self.report != other.report {
            format!("the report: {:#?} and {:#?}", self.report, other.report)
        } else if self != other {
            let show = |one: &Self| {
                let counts = (one.events().count(), one.deliveries().count());
                format!("{counts:?} {:?} {:?} {:?}", one.infos, one.veths, one.failed)
            };
            format!("{} and {}", show(self), show(other))
        } else {
            return None;
        };
        Some(what)
    }
}

/// Running worlds.
pub trait Play {
    /// The world, checked.
    fn plan(&self, path: Path) -> Plan;
    /// Runs it.
    fn run(&self, way: Way) -> (Outcome, PathCounts);
}

impl Play for World {
    fn plan(&self, path: Path) -> Plan {
        let mut scenario = self.scenario.clone();
        scenario.profile.path = path;
        Plan::new(&scenario).unwrap_or_else(|error| panic!("{error}: {:#?}", self.scenario))
    }

    fn run(&self, way: Way) -> (Outcome, PathCounts) {
        let plan = self.plan(way.path);
        let (mut outcome, mut paths) = (Outcome::default(), PathCounts::default());
        let mut order: Vec<usize> = (0..plan.domains()).collect();
        if way.backwards {
            order.reverse();
        }
        for index in order {
            let domain = run_domain(self, &plan, index, way);
            paths = paths.plus(domain.path_counts());
            outcome.add(&plan, index, domain);
        }
        (outcome, paths)
    }
}

fn run_domain(world: &World, plan: &Plan, index: usize, way: Way) -> Domain<Tape> {
    let mut domain = plan.domain(index, world.timing, true, Tape::default());
    let devs: Vec<DevId> = world.arrivals.iter().map(|one| dev(plan, one.port)).collect();
    let same = devs.windows(2).all(|pair| pair[0] == pair[1]);
    let mut first = 0;
    for arrivals in world.arrivals.chunks(way.batch.max(1)) {
        // A buffer of its own for each batch: who keeps a frame for longer must have copied it.
        let (mut bytes, mut frames, mut stamps) = (Vec::new(), Vec::new(), Vec::new());
        for (i, one) in arrivals.iter().enumerate() {
            let no = first + i;
            let desc = Desc::arrived(bytes.len() as u32, one.len, FrameNo(no as u64));
            frames.push(desc.with_head(one.head.unwrap_or(Desc::HEADROOM), 0));
            bytes.extend(one.bytes(no));
            stamps.push(one.at);
        }
        let ingress = match devs.first() {
            Some(&dev) if same && way.feed == Feed::Whole => Ingress::One(dev),
            _ => Ingress::Each(&devs[first..first + arrivals.len()]),
        };
        let first_no = FrameNo(first as u64);
        let batch = Batch { first: first_no, bytes: &bytes, frames: &frames, stamps: &stamps, ingress };
        match way.feed {
            Feed::Whole if plan.domains() == 1 => domain.feed(&batch),
            _ => domain.feed_steered(&batch, &steered(plan, &batch, index)),
        }
        first += arrivals.len();
    }
    domain.finish();
    domain
}

fn dev(plan: &Plan, port: usize) -> DevId {
    plan.port(&plan.scenario().ports[port].name).expect("a port of the world")
}

/// The frames of a batch that a domain receives.
fn steered(plan: &Plan, batch: &Batch<'_>, domain: usize) -> Vec<Steered> {
    let mut steered = Vec::new();
    for (i, desc) in batch.frames.iter().enumerate() {
        let dev = batch.ingress.of(i);
        let bytes = &batch.bytes[desc.off as usize..(desc.off + desc.len) as usize];
        let queue = plan.queue(dev, bytes, FrameNo(batch.first.0 + i as u64));
        if plan.domain_of(dev, queue) == domain {
            steered.push(Steered { index: i as u32, queue });
        }
    }
    steered
}

impl Outcome {
    fn add(&mut self, plan: &Plan, index: usize, domain: Domain<Tape>) {
        self.report.add(plan, &domain);
        self.failed.extend_from_slice(domain.changes_failed());
        for cpu in (0..plan.scenario().cpus).map(CpuId) {
            self.infos.extend(domain.redirect_info(cpu).map(|info| (cpu, *info)));
        }
        for (dev, device) in plan.ports() {
            let ends = [Some(dev), device.peer()].into_iter().flatten();
            for end in ends {
                // Each domain has drivers of its own; a veth is used by one of them only.
                let Some(counters) = domain.veth_counters(end) else { continue };
                let known = self.veths.entry(end).or_default();
                if counters != VethCounters::default() {
                    *known = counters;
                }
            }
        }
        self.tapes.insert(index, domain.into_sink());
    }
}
