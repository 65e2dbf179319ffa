//! The machine that programs of one domain share, and what is noted while they run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xdpsim_core::frame::FrameMark;
use xdpsim_core::{Ctx, Domain, FrameMut, FrameNo, KernelVersion, MapId, Sink, XdpAction};
use xdpsim_vm::fib::Fib;
use xdpsim_vm::machine::MapName;
use xdpsim_vm::machine::coverage::{Coverage, Hits};
use xdpsim_vm::maps::Kind;
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{self as vm, Machine, MapIdx, Memory, ProgIdx};

use super::code::Code;
use super::contents::{self, Differs};
use super::faults::Faults;
use super::surroundings::Surroundings;
use super::told::{Tellings, Told};
use super::trace::{Path, Trace, TracedRun};
use super::verdicts::VerdictsByProgram;

/// A machine and what its programs redirect to. Copied for each domain as it is before the run.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Programs and maps.
    pub machine: Machine,
    /// What the programs did that no program may do.
    pub faults: Faults,
    /// How often each instruction ran, if somebody wants to know.
    pub hits: Option<Hits>,
    /// By map: the DEVMAP of the model, if it is one.
    targets: Arc<[Option<MapId>]>,
    kernel: KernelVersion,
    fib: Arc<Fib>,
    stop: Option<Arc<FirstFault>>,
    trace: Option<Trace>,
    told: Tellings,
    /// Names of all maps.
    names: Arc<[String]>,
    /// Those that are ring buffers.
    rings: Arc<[MapIdx]>,
}

/// The first fault of a run that is to stop there; all copies of a stage share it.
#[derive(Debug, Default)]
pub struct FirstFault(Mutex<Option<(FrameNo, String)>>);

impl FirstFault {
    /// Number of the frame and the whole story, if there was a fault.
    #[must_use]
    pub fn told(&self) -> Option<(FrameNo, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, number: FrameNo, story: impl FnOnce() -> String) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(known, _)| number < *known) {
            *first = Some((number, story()));
        }
    }
}

/// More headroom than a descriptor can tell.
const ROOM_MAX: u32 = 1023;

impl Stage {
    pub(super) fn new(machine: Machine, targets: Vec<Option<MapId>>) -> Self {
        let (faults, targets, kernel) = (Faults::default(), targets.into(), KernelVersion::V6_12);
        let (names, told) =
            (machine.map_names().map(|(_, map)| map.name.clone()).collect(), Tellings::default());
        let is_ring = |map: &MapName| Kind::from_number(map.spec.map_type) == Some(Kind::Ringbuf);
        let rings = machine.map_names().filter(|(_, map)| is_ring(map)).map(|(at, _)| at).collect();
        let (hits, stop, trace, fib) = (None, None, None, Arc::default());
        Self { machine, faults, hits, targets, kernel, fib, stop, trace, told, names, rings }
    }

    pub(super) fn with_fib(self, fib: Fib) -> Self {
        Self { fib: Arc::new(fib), ..self }
    }

    /// Does somebody want to know every instruction?
    pub(super) fn is_watched(&self) -> bool {
        self.hits.is_some() || self.trace.is_some()
    }

    /// Runs a program on a frame; what it wrote is written to the frame. A fault is XDP_ABORTED.
    pub(super) fn run(&mut self, program: ProgIdx, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        take_in(self.machine.memory_mut(), frame);
        let (machine, fields, mut world) = self.surroundings(ctx);
        world.frame = frame.mark();
        let verdict = machine.run(program, fields, &mut world);
        let action = match verdict {
            Ok(verdict) => XdpAction(verdict),
            Err(fault) => self.fault(&fault, ctx, frame),
        };
        if self.machine.memory().packet().is_dirty() {
            put_back(self.machine.memory(), frame);
        }
        action
    }

    /// The machine, and what its programs see around it; the frame's number is still missing.
    #[inline(always)]
    pub(super) fn surroundings<'a, 'c>(
        &'a mut self,
        ctx: &'a mut Ctx<'c>,
    ) -> (&'a mut Machine, ContextFields, Surroundings<'a, 'c>) {
        let fields = ContextFields {
            ingress_ifindex: ctx.ingress_ifindex.0,
            rx_queue_index: ctx.rx_queue_index.0.into(),
            egress_ifindex: ctx.egress_ifindex.map_or(0, |ifindex| ifindex.0),
        };
        let world = Surroundings {
            frame: FrameMark::default(),
            place: None,
            ctx,
            targets: &self.targets,
            kernel: self.kernel,
            fib: &self.fib,
            names: &self.names,
            told: &mut self.told,
        };
        (&mut self.machine, fields, world)
    }

    /// The same for who wants to know every instruction.
    #[cold]
    pub(super) fn run_watched(
        &mut self,
        program: ProgIdx,
        ctx: &mut Ctx<'_>,
        frame: &mut FrameMut<'_>,
    ) -> XdpAction {
        take_in(self.machine.memory_mut(), frame);
        let mut path = Path::default();
        let (mut hits, trace) = (self.hits.take(), self.trace.take());
        let number = ctx.frame_number(frame);
        let (machine, fields, mut world) = self.surroundings(ctx);
        world.frame = frame.mark();
        let traced = trace.as_ref().is_some_and(|trace| trace.frame == number);
        let verdict = machine.run_observed(program, fields, &mut world, |program, slot| {
            if let Some(hits) = &mut hits {
                hits.count(program, slot);
            }
            if traced {
                path.step(program, slot);
            }
        });
        (self.hits, self.trace) = (hits, trace);
        if let (true, Some(trace)) = (traced, &mut self.trace) {
            let (lines, more) = path.lines(&self.machine);
            trace.runs.push(TracedRun {
                program: self
                    .machine
                    .program_at(program)
                    .map(|(_, known)| known.name.clone())
                    .unwrap_or_default(),
                ingress_ifindex: fields.ingress_ifindex,
                egress_ifindex: ctx.egress_ifindex.map(|ifindex| ifindex.0),
                lines,
                more,
                verdict: verdict.as_ref().ok().map(|&verdict| XdpAction(verdict).to_string()),
                fault: verdict.as_ref().err().map(|fault| self.machine.story(fault).to_string()),
            });
        }
        let action = verdict.map_or_else(|fault| self.fault(&fault, ctx, frame), XdpAction);
        if self.machine.memory().packet().is_dirty() {
            put_back(self.machine.memory(), frame);
        }
        action
    }

    /// After a poll: whoever reads ring buffers has read them.
    #[inline]
    pub(super) fn end_poll(&mut self, last: FrameNo) {
        if !self.rings.is_empty() {
            self.empty_rings(last);
        }
    }

    fn empty_rings(&mut self, last: FrameNo) {
        let Self { machine, told, names, rings, .. } = self;
        for &ring in rings.iter() {
            let name = || names[ring.0 as usize].clone();
            // Other kinds would refuse: these are rings.
            _ = machine.take_records(ring, |record| told.tell(record, || Told::ring(last, name(), record)));
        }
    }

    #[cold]
    pub(super) fn fault(&mut self, fault: &vm::Fault, ctx: &mut Ctx<'_>, frame: &FrameMut<'_>) -> XdpAction {
        let number: FrameNo = ctx.frame_number(frame);
        self.faults.note(&self.machine, fault, number, ctx.ingress_ifindex.0);
        if let Some(stop) = &self.stop {
            stop.note(number, || self.machine.story(fault).to_string());
        }
        // The verdict is not what a helper returned.
        ctx.begin();
        XdpAction::ABORTED
    }
}

#[inline(always)]
fn take_in(memory: &mut Memory, frame: &FrameMut<'_>) {
    let linear = frame.linear();
    memory.packet_in_with_metadata(linear.bytes, linear.meta, linear.headroom, linear.tailroom);
}

#[inline(never)]
pub(super) fn put_back(memory: &Memory, frame: &mut FrameMut<'_>) {
    let packet = memory.packet();
    let (_, headroom, _) = packet.bounds();
    frame.put(headroom.min(ROOM_MAX) as u16, packet.metadata(), packet.frame());
}

/// A stage that several programs stand on.
pub(super) type Shared = Arc<Mutex<Stage>>;

pub(super) fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The objects of a plan, as they are before a run. Settings hold for all copies that are made later.
#[derive(Clone, Debug)]
pub struct Template(Shared);

impl Template {
    pub(super) fn new(stage: &Shared) -> Self {
        Self(Arc::clone(stage))
    }

    /// The kernel whose helpers answer.
    pub fn set_kernel(&self, kernel: KernelVersion) {
        lock(&self.0).kernel = kernel;
    }

    /// Keeps what programs tell user space.
    pub fn keep_tellings(&self) {
        lock(&self.0).told.wanted = true;
    }

    /// Counts how often each instruction runs. Programs run slower then.
    pub fn count_hits(&self) {
        let mut stage = lock(&self.0);
        stage.hits = Some(Hits::new(&stage.machine));
    }

    /// Follows what programs do with this frame.
    pub fn trace(&self, frame: FrameNo) {
        lock(&self.0).trace = Some(Trace { frame, runs: Vec::new() });
    }

    /// Notes the first fault with its whole story.
    #[must_use]
    pub fn watch_for_faults(&self) -> Arc<FirstFault> {
        Arc::clone(lock(&self.0).stop.get_or_insert_default())
    }

    /// Which lines of source the counted instructions are of.
    #[must_use]
    pub fn coverage(&self, hits: &Hits) -> Coverage {
        Coverage::of(&lock(&self.0).machine, hits)
    }
}

/// The stages of a run, when it is over.
#[derive(Clone, Default)]
pub struct Aftermath {
    stages: Vec<Shared>,
    verdicts: VerdictsByProgram,
}

impl std::fmt::Debug for Aftermath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} machines", self.stages.len())
    }
}

impl Aftermath {
    /// Adds the machines of a finished domain.
    pub fn add<S: Sink>(&mut self, domain: &Domain<S>) {
        for program in domain.programs() {
            let Some(code) = program.as_any().and_then(|any| any.downcast_ref::<Code>()) else { continue };
            let (name, verdicts) = code.verdicts();
            self.verdicts.entry(name.to_owned()).or_default().add(verdicts);
            if !self.stages.iter().any(|known| Arc::ptr_eq(known, code.stage())) {
                self.stages.push(Arc::clone(code.stage()));
            }
        }
    }

    /// Calls `look` with each machine that ran: one, unless CPUs shared nothing.
    pub fn each(&self, mut look: impl FnMut(&mut Stage)) {
        self.stages.iter().for_each(|stage| look(&mut lock(stage)));
    }

    /// How often each instruction ran, if that was counted.
    #[must_use]
    pub fn hits(&self) -> Option<Hits> {
        let mut all: Option<Hits> = None;
        self.each(|stage| match (&mut all, &stage.hits) {
            (Some(all), Some(hits)) => all.add(hits),
            (none, hits) => none.clone_from(hits),
        });
        all
    }

    /// What the programs returned.
    #[must_use]
    pub fn verdicts(&self) -> &VerdictsByProgram {
        &self.verdicts
    }

    /// The runs of the frame that was followed.
    #[must_use]
    pub fn traced(&self) -> Vec<TracedRun> {
        let mut all = Vec::new();
        self.each(|stage| all.extend(stage.trace.iter().flat_map(|trace| trace.runs.clone())));
        all
    }

    /// What the programs told user space.
    #[must_use]
    pub fn tellings(&self) -> Tellings {
        let mut all = Tellings::default();
        self.each(|stage| all.add(&stage.told));
        all
    }

    /// Compares an element of a map with what is expected of it; none if it is so.
    #[must_use]
    pub fn compare(&self, map: &str, key: &str, value: &serde_json::Value) -> Option<Differs> {
        let mut differs = None;
        self.each(|stage| {
            if let Ok(Some(found)) = contents::compare(&mut stage.machine, map, key, value) {
                differs.get_or_insert(found);
            }
        });
        differs
    }

    /// All faults together.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut all = Faults::default();
        self.each(|stage| all.add(&stage.faults));
        all
    }
}
