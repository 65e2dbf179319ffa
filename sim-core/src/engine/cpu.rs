//! The state of one simulated CPU; nobody else touches it.

use std::collections::{BTreeMap, VecDeque};

use xdpsim_devmap::{CpuId, DevId, IfIndex, ProgId, QueueId};

use super::backlog::Backlog;
use super::env::{Env, World};
use super::softirq::NapiId;
use crate::batch::{Desc, FrameNo};
use crate::fate::Fate;
use crate::kin::Kin;
use crate::ledger::Ledger;
use crate::mutation::Mutations;
use crate::poll::{Decided, Poll};
use crate::program::{Ctx, Random, Sharing, XdpProgram};
use crate::redirect::RedirectInfo;
use crate::redirect::bulk_queue::{BulkQueue, FlushList};
use crate::redirect::devmap_prog::Kept;
use crate::redirect::runs::Groups;
use crate::sink::Sink;
use crate::story::{HelperCall, Step};
use crate::trace::Stamp;
use crate::world::Program;

/// What a poll did, for the driver's counters and its decision to flush.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub redirect_ok: u64,
    /// Failed redirects and failed conversions.
    pub drops: u64,
    /// DROP, ABORTED, unknown.
    pub verdict_drops: u64,
    /// XDP_TX frames queued.
    pub tx: u64,
}

/// How often each way through step 2 was taken, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathCounts {
    /// Frame by frame, the reference.
    pub frames: u64,
    /// Unicast runs.
    pub unicast_runs: u64,
    /// Broadcast runs, target by target.
    pub broadcast_runs: u64,
}

impl PathCounts {
    /// The sum of two counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            unicast_runs: self.unicast_runs + other.unicast_runs,
            broadcast_runs: self.broadcast_runs + other.broadcast_runs,
        }
    }
}

/// One CPU. Aligned so that two of them never share a cache line or its neighbour.
#[repr(align(128))]
pub(crate) struct Cpu {
    pub id: CpuId,
    pub ri: RedirectInfo,
    pub poll: Poll,
    pub decided: Decided,
    /// Is the current poll decided as a whole before its first enqueue?
    pub decided_first: bool,
    pub queues: Vec<BulkQueue>,
    pub flush_list: FlushList,
    /// XDP_TX frames of the current poll.
    pub tx_queue: BulkQueue,
    pub groups: Groups,
    pub kept: Kept,
    /// A planted fault's: the program of each frame's own entry, by place in a queue.
    pub entry_progs: BTreeMap<(DevId, usize), Option<ProgId>>,
    pub ledger: Ledger,
    pub done: Done,
    pub paths: PathCounts,
    pub programs: Vec<Option<Box<dyn XdpProgram>>>,
    pub current_prog: Option<ProgId>,
    /// Does it run in generic mode?
    pub generic: bool,
    pub random: Random,
    /// Devmap programs draw from a stream of their own: when they run depends on the path.
    pub entry_random: Random,
    pub log: Vec<HelperCall>,
    /// `softnet_data.poll_list`.
    pub poll_list: VecDeque<NapiId>,
    /// Skbs that wait for the stack (generic mode).
    pub backlog: Backlog,
    /// Who joins it when the current poll has been completed.
    pub woken_last: Option<NapiId>,
    /// Memory for the two lists that a softirq run has to itself; empty between runs.
    pub spare_list: VecDeque<NapiId>,
    pub repoll_list: VecDeque<NapiId>,
}

impl Cpu {
    pub fn new(
        id: CpuId,
        devices: usize,
        programs: &[Program],
        seed: u64,
        ledger_on: bool,
        mutations: Mutations,
    ) -> Self {
        let mut kin = Kin::default();
        let own = |program: &Program| {
            (program.sharing != Sharing::Shared).then(|| program.code.clone_with(&mut kin))
        };
        Self {
            id,
            ri: RedirectInfo::default(),
            poll: Poll::default(),
            decided: Decided::new(mutations),
            decided_first: false,
            queues: vec![BulkQueue::default(); devices],
            flush_list: FlushList::default(),
            tx_queue: BulkQueue::default(),
            groups: Groups::default(),
            kept: Kept::default(),
            entry_progs: BTreeMap::new(),
            ledger: Ledger::new(devices, ledger_on),
            done: Done::default(),
            paths: PathCounts::default(),
            programs: programs.iter().map(own).collect(),
            current_prog: None,
            generic: false,
            random: Random::new(seed, id),
            entry_random: Random::new(!seed, id),
            log: Vec::new(),
            poll_list: VecDeque::new(),
            backlog: Backlog::default(),
            woken_last: None,
            spare_list: VecDeque::new(),
            repoll_list: VecDeque::new(),
        }
    }

    /// The program of the current poll; asked for only where one runs.
    pub fn prog_id(&self) -> ProgId {
        self.current_prog.unwrap_or(ProgId(0))
    }

    /// Takes a program out to run it; this CPU's own or the shared one.
    pub fn take_program<S: Sink>(&mut self, env: &mut Env<'_, S>, id: ProgId) -> Option<Box<dyn XdpProgram>> {
        let index = id.0 as usize - 1;
        self.programs[index].take().or_else(|| env.shared[index].take())
    }

    /// Puts it back.
    pub fn put_program<S: Sink>(&mut self, env: &mut Env<'_, S>, id: ProgId, program: Box<dyn XdpProgram>) {
        let index = id.0 as usize - 1;
        match env.world.program(id).sharing {
            Sharing::Shared => env.shared[index] = Some(program),
            _ => self.programs[index] = Some(program),
        }
    }

    /// The context for a program of the current poll's port.
    #[inline]
    pub fn ctx<'a, S: Sink>(&'a mut self, world: &'a World, at: Stamp, latest: FrameNo) -> Ctx<'a> {
        let log = if S::STORY { Some(&mut self.log) } else { None };
        Ctx {
            ri: &mut self.ri,
            maps: &world.maps,
            random: &mut self.random,
            log,
            mutations: world.profile.mutations,
            rules: world.profile.rules,
            keep_keys: S::EVENTS,
            latest,
            ingress_ifindex: self.poll.ifindex,
            egress_ifindex: None::<IfIndex>,
            rx_queue_index: self.poll.queue,
            cpu: self.id,
            now: at.time,
        }
    }

    /// A frame of the poll ends before any driver saw it.
    pub fn end_slot<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, egress: Option<DevId>, fate: Fate) {
        let desc = self.poll.desc(slot);
        let (from, number) = (self.poll.ingress_of(slot), env.arrivals.number(desc));
        self.ledger.end(from, egress, fate, 1, u64::from(desc.len), |_| number);
        if S::PASSED && fate == Fate::Passed {
            env.pass(from, desc);
        }
        if S::STORY {
            env.tell_end(desc, egress, fate);
        }
    }

    /// A frame in a device's queue ends, with the length it has by now.
    pub fn end_one<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, egress: DevId, fate: Fate, len: u32) {
        let desc = self.poll.desc(slot);
        let (from, number) = (self.poll.ingress_of(slot), env.arrivals.number(desc));
        self.ledger.end(from, Some(egress), fate, 1, u64::from(len), |_| number);
        if S::STORY {
            env.tell_end(desc, Some(egress), fate);
        }
    }

    /// A step in the story of a frame of the poll.
    pub fn tell<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, step: Step) {
        if S::STORY {
            let frame = env.arrivals.number(self.poll.desc(slot));
            env.sink.step(env.stamp, frame, step);
        }
    }

    /// The queue that the poll is for.
    pub fn set_source(&mut self, dev: DevId, ifindex: IfIndex, queue: QueueId, prog: Option<ProgId>) {
        self.poll.dev = dev;
        self.poll.ifindex = ifindex;
        self.poll.queue = queue;
        self.current_prog = prog;
        self.done = Done::default();
    }

    /// Frames that an unflushed poll left in queues (FLU-07) and skbs of the backlog, to move their bytes.
    /// Which slots the former are does not matter: moving one too many is harmless.
    pub fn queued_descs_mut(&mut self) -> impl Iterator<Item = &mut Desc> {
        let n = if self.flush_list.is_empty() { 0 } else { self.poll.len() };
        self.poll.descs_mut(n).chain(self.backlog.descs_mut())
    }

    /// Does it hold frames between two polls?
    pub fn holds_frames(&self) -> bool {
        !self.flush_list.is_empty() || !self.backlog.is_empty()
    }

    /// The run is over and nobody will flush any more.
    pub fn strand_queues<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        while let Some(dev) = self.flush_list.pop_head(Mutations::empty()) {
            let queue = self.queues[dev.0 as usize].clone();
            for &slot in queue.slots() {
                self.end_slot(env, slot, Some(dev), Fate::Stuck);
            }
            self.queues[dev.0 as usize] = BulkQueue::default();
        }
    }
}
