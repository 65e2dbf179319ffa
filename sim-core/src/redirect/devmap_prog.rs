//! Devmap programs: run at the flush, on all frames of a queue, before the driver.
//!
//! The program is the queue's, not the entry's (ENQ-04). Rules: DVP-01 to DVP-09.

use xdpsim_devmap::{DevId, ProgId, QueueId, XdpAction};

use crate::batch::Desc;
use crate::engine::cpu::Cpu;
use crate::engine::env::Env;
use crate::fate::Fate;
use crate::frame::FrameMut;
use crate::mutation::Mutations;
use crate::poll::POLL_SLOTS;
use crate::program::XdpProgram;
use crate::redirect::bulk_queue::BULK_SIZE;
use crate::sink::Sink;
use crate::story::Step;
use crate::trace::Event;

/// What a program left of a queue: descriptors of its own, because clones must not see each other's
/// writes (DVP-05).
pub(crate) struct Kept {
    /// The frames in order, at the front.
    pub table: Box<[Desc; POLL_SLOTS]>,
    /// Slot of each in the poll.
    pub slot: [u8; BULK_SIZE],
    /// How many.
    pub n: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { table: Box::new([Desc::default(); POLL_SLOTS]), slot: [0; BULK_SIZE], n: 0 }
    }
}

impl Kept {
    fn keep(&mut self, desc: Desc, slot: u8) {
        self.table[self.n] = desc;
        self.slot[self.n] = slot;
        self.n += 1;
    }
}

impl Cpu {
    /// `dev_map_bpf_prog_run()`: PASS keeps a frame, everything else frees it.
    pub(crate) fn run_devmap_prog<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        dev: DevId,
        prog: ProgId,
        kept: &mut Kept,
    ) {
        kept.n = 0;
        if env.mutated(Mutations::PROGRAM_PER_ENTRY) {
            return self.run_own_progs(env, dev, kept);
        }
        let Some(mut program) = self.take_program(env, prog) else { return };
        let queue = self.queues[dev.0 as usize].clone();
        let armed = self.ri;
        std::mem::swap(&mut self.random, &mut self.entry_random);
        for &slot in queue.slots() {
            self.run_on_entry(env, (slot, dev, queue.dev_rx), (prog, program.as_mut()), kept);
        }
        std::mem::swap(&mut self.random, &mut self.entry_random);
        self.put_program(env, prog, program);
        if env.mutated(Mutations::ENTRY_CALLS_IDLE) {
            self.ri = armed;
        }
    }

    /// The program on one frame of a queue.
    fn run_on_entry<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        (slot, dev, dev_rx): (u8, DevId, DevId),
        (prog, program): (ProgId, &mut dyn XdpProgram),
        kept: &mut Kept,
    ) {
        let mut desc = self.poll.desc(slot);
        let act = {
            let from = env.world.devices.get(dev_rx).ifindex;
            let to = Some(env.world.devices.get(dev).ifindex);
            let mut ctx = self.ctx::<S>(env.world, env.stamp, env.arrivals.latest);
            (ctx.ingress_ifindex, ctx.egress_ifindex, ctx.rx_queue_index) = (from, to, QueueId(0));
            if env.world.disarms() {
                ctx.ri.disarm();
            }
            let mut frame = FrameMut::new(env.store, env.input, &mut desc, env.world.profile.bounds());
            if env.world.profile.mutations.has(Mutations::CLONES_SHARE_BYTES) {
                frame = frame.shared();
            }
            program.run(&mut ctx, &mut frame)
        };
        if env.mutated(Mutations::CLONES_SHARE_BYTES) {
            *self.poll.desc_mut(usize::from(slot)) = desc;
        }
        self.tell_entry(env, slot, dev, prog, act);
        match self.entry_fate(env, dev, prog, act, desc) {
            Some(fate) => self.end_one(env, slot, dev, fate, desc.len),
            None => kept.keep(desc, slot),
        }
    }

    /// A planted fault: each frame runs the program of its own entry, if that has one.
    #[cold]
    fn run_own_progs<S: Sink>(&mut self, env: &mut Env<'_, S>, dev: DevId, kept: &mut Kept) {
        let queue = self.queues[dev.0 as usize].clone();
        for (place, &slot) in queue.slots().iter().enumerate() {
            let own = self.entry_progs.remove(&(dev, place)).flatten();
            let Some((prog, mut program)) = own.and_then(|prog| Some((prog, self.take_program(env, prog)?)))
            else {
                kept.keep(self.poll.desc(slot), slot);
                continue;
            };
            self.run_on_entry(env, (slot, dev, queue.dev_rx), (prog, program.as_mut()), kept);
            self.put_program(env, prog, program);
        }
    }

    /// The same fault: some program of a queue's entries, whose first has none.
    pub(crate) fn own_prog<S: Sink>(&self, env: &Env<'_, S>, dev: DevId) -> Option<ProgId> {
        if !env.mutated(Mutations::PROGRAM_PER_ENTRY) {
            return None;
        }
        (0..BULK_SIZE).find_map(|place| self.entry_progs.get(&(dev, place)).copied().flatten())
    }

    /// What a verdict means for the frame: `None` keeps it (DVP-02).
    pub(super) fn entry_fate<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        dev: DevId,
        prog: ProgId,
        act: XdpAction,
        desc: Desc,
    ) -> Option<Fate> {
        if act == XdpAction::DROP {
            return Some(Fate::EntryDropped);
        }
        let tx_kept = act == XdpAction::TX && env.mutated(Mutations::ENTRY_TX_KEPT);
        if act == XdpAction::PASS || tx_kept {
            return if desc.converts() { None } else { Some(Fate::EntryOverrun) };
        }
        let ifindex = env.world.devices.get(dev).ifindex;
        env.event(Event::Exception { prog_id: prog, act, ifindex });
        Some(if act == XdpAction::ABORTED { Fate::EntryAborted } else { Fate::EntryUnsupported })
    }

    /// Tells of a devmap program's run, after its helper calls.
    pub(super) fn tell_entry<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        dev: DevId,
        prog: ProgId,
        act: XdpAction,
    ) {
        if S::STORY {
            for call in std::mem::take(&mut self.log) {
                self.tell(env, slot, Step::Helper(call));
            }
            self.tell(env, slot, Step::EntryProgram { dev, prog, act });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::FrameNo;
    use crate::engine::domain::{Feed, Timing};
    use crate::scenario::{PortSpec, Scenario};
    use crate::sink::NullSink;
    use crate::world::Plan;

    /// No helper lets a program go so far; the check is the kernel's second line.
    ///
    /// Rule: DVP-02.b
    #[test]
    fn a_frame_that_lost_the_room_for_its_header_is_dropped() {
        let scenario = Scenario { ports: vec![PortSpec::ideal("a")], ..Scenario::default() };
        let plan = Plan::new(&scenario).unwrap_or_else(|error| panic!("{error}"));
        let mut domain = plan.domain(0, Timing::Capture, true, NullSink);
        let feed = Feed { bytes: &[], first: FrameNo(0), latest: FrameNo(0), stamps: &[] };
        let (mut env, cpus, _) = domain.split(&feed);
        let mut fate = |headroom, meta| {
            let desc = Desc::arrived(0, 60, FrameNo(0)).with_head(headroom, meta);
            cpus[0].entry_fate(&mut env, DevId(0), ProgId(1), XdpAction::PASS, desc)
        };
        assert_eq!([fate(40, 0), fate(48, 8)], [None; 2]);
        assert_eq!([fate(39, 0), fate(48, 12)], [Some(Fate::EntryOverrun); 2]);
    }
}
