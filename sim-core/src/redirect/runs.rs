//! Step 2 for whole runs of equal decisions: the fast form.
//!
//! Gives what [`super::enqueue`] and [`super::broadcast`] give frame by frame, in the same order;
//! `ARCHITECTURE.md`, "Two paths", says under which conditions, and a property test holds the two
//! equal. A run that does not meet them takes the frame path.

use xdpsim_devmap::{DevId, MapId, ProgId};

use super::broadcast::{Excluded, clone_len_max};
use crate::batch::Desc;
use crate::engine::cpu::Cpu;
use crate::engine::env::{Env, World};
use crate::fate::{Fate, Skip};
use crate::ledger::Ledger;
use crate::mutation::Mutations;
use crate::poll::{Decision, Kind, Poll};
use crate::sink::Sink;
use crate::trace::Event;

/// So many equal decisions in a row are worth the bookkeeping of a run.
const RUN_MIN: usize = 4;

/// A broadcast's targets as they are for one ingress, until maps or devices change.
#[derive(Clone, Debug)]
struct Group {
    map: MapId,
    exclude: bool,
    ingress: DevId,
    /// In the order of the walk.
    targets: Vec<(DevId, Option<ProgId>)>,
    /// The smallest `limit` of all targets and of those that are excluded.
    limit_min: u32,
    /// A device twice: its copies cannot be queued target by target (BRD-11).
    duplicate: bool,
    /// Whom it leaves out, whatever the frame.
    skipped: Vec<(DevId, Skip)>,
    /// Frames that used it; times `skipped` goes into the books when it is dropped.
    uses: u64,
}

/// The compiled groups of one CPU.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    list: Vec<Group>,
    version: u64,
}

impl Groups {
    /// Books what the groups skipped and forgets them.
    pub fn retire(&mut self, ledger: &mut Ledger) {
        for group in self.list.drain(..) {
            for (dev, skip) in group.skipped {
                ledger.skipped(group.ingress, dev, skip, group.uses);
            }
        }
    }

    fn find(&mut self, world: &World, ledger: &mut Ledger, key: (MapId, bool, DevId)) -> Option<usize> {
        if self.version != world.version && !world.profile.mutations.has(Mutations::FAST_KEEPS_GROUPS) {
            self.retire(ledger);
            self.version = world.version;
        }
        let known = self.list.iter().position(|group| (group.map, group.exclude, group.ingress) == key);
        known.or_else(|| {
            self.list.push(Group::compile(world, key)?);
            Some(self.list.len() - 1)
        })
    }
}

impl Group {
    /// Walks the map once. `None`: more upper devices than BRD-08 allows, every frame is an error.
    #[cold]
    fn compile(world: &World, (map, exclude, ingress): (MapId, bool, DevId)) -> Option<Self> {
        let excluded = Excluded::of(world, ingress, exclude).ok()?;
        let (mut targets, mut skipped) = (Vec::new(), Vec::new());
        for (_, entry) in world.maps.targets(map) {
            let device = world.devices.get(entry.dev);
            let refusal = device.accepts(0, false, &world.profile).err().map(Skip::from);
            match refusal.or_else(|| excluded.skip(world, entry.dev)) {
                Some(skip) => skipped.push((entry.dev, skip)),
                None => targets.push((entry.dev, entry.prog)),
            }
        }
        // Whoever is excluded is compared, too: a frame too long for it is skipped for that (BRD-05).
        let excluded = skipped.iter().filter(|(_, skip)| matches!(skip, Skip::Ingress | Skip::Upper));
        let compared = targets.iter().map(|&(dev, _)| dev).chain(excluded.map(|&(dev, _)| dev));
        let limit_min = compared.map(|dev| world.devices.get(dev).limit).min().unwrap_or(0);
        let mut sorted: Vec<DevId> = targets.iter().map(|&(dev, _)| dev).collect();
        sorted.sort_unstable();
        let duplicate = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        Some(Self { map, exclude, ingress, targets, limit_min, duplicate, skipped, uses: 0 })
    }
}

/// Can every frame of the poll be cloned (BRD-10)?
#[inline]
fn clones_fit<S: Sink>(env: &Env<'_, S>, poll: &Poll) -> bool {
    let whole = clone_len_max(env.world, poll.dev);
    let data = whole.saturating_sub(u32::from(Desc::HEADROOM));
    whole == u32::MAX || (poll.len_max() <= data && !poll.odd_heads())
}

impl Cpu {
    /// Acts on all decisions of the poll, run by run.
    pub(crate) fn act_on_all<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        let n = self.poll.len();
        let plain = env.faults.is_empty() && !self.poll.any_frags() && self.poll.all_convert();
        let mut i = 0;
        while i < n {
            let decision = self.decided.of(i);
            if plain && decision.kind == Kind::Device {
                let next = self.unicast_mixed(env, i, n);
                if next > i {
                    i = next;
                    continue;
                }
            }
            let end = match decision.kind {
                Kind::Device | Kind::Broadcast if plain => self.run_end(i, n),
                _ => i + 1,
            };
            let taken = match decision.kind {
                Kind::Device if plain => self.unicast_run(env, decision, i, end),
                Kind::Broadcast if plain => self.broadcast_run(env, decision, i, end),
                _ => false,
            };
            if !taken {
                self.paths.frames += (end - i) as u64;
                for slot in i..end {
                    self.act(env, slot as u8);
                }
            }
            i = end;
        }
    }

    /// A poll of one frame for a port that takes everything: into an empty queue and, at the end of this
    /// poll, out of it again, without the queue. `false`: not such a poll, nothing done.
    #[inline]
    pub(crate) fn pass_through<S: Sink>(&mut self, env: &mut Env<'_, S>) -> bool {
        let (decision, desc) = (self.decided.of(0), self.poll.desc(0));
        let alone = self.poll.len() == 1 && self.flush_list.is_empty();
        if !alone || decision.kind != Kind::Device || decision.prog != 0 {
            return false;
        }
        let (dev, from) = (DevId(decision.value), self.poll.dev);
        let accepted = desc.len < env.world.devices.get(dev).limit && !desc.has_frags() && desc.converts();
        if !accepted || !env.takes_everything(dev) {
            return false;
        }
        self.trace_run(env, decision, 0, 1);
        self.done.redirect_ok += 1;
        self.paths.unicast_runs += 1;
        let number = env.arrivals.number(desc);
        self.ledger.end(from, Some(dev), Fate::Delivered, 1, u64::from(desc.len), |_| number);
        if S::DELIVERIES {
            env.deliver_one(dev, desc, env.stamp.time);
        }
        if S::EVENTS {
            env.event(Event::DevmapXmit {
                from_ifindex: self.poll.ifindex,
                to_ifindex: env.world.devices.get(dev).ifindex,
                drops: 0,
                sent: 1,
                err: None,
            });
        }
        true
    }

    /// Where the run of decisions that equal the `from`-th ends.
    #[inline]
    fn run_end(&self, from: usize, n: usize) -> usize {
        let what = &self.decided.packed()[from..n];
        from + what.iter().take_while(|&decision| *decision == what[0]).count()
    }

    /// Frames to changing devices, one by one, up to a run, to a frame that is no such one or to one that
    /// its device does not take. Says where it stopped.
    #[inline]
    fn unicast_mixed<S: Sink>(&mut self, env: &mut Env<'_, S>, from: usize, n: usize) -> usize {
        let mut next = from;
        loop {
            let (to, full) = self.store_mixed(env.world, next, n);
            if S::EVENTS {
                for slot in next..to {
                    self.trace_run(env, self.decided.of(slot), slot, 1);
                }
            }
            next = to;
            match full {
                Some(dev) => self.bq_xmit_all(env, dev, false),
                None => break,
            }
        }
        self.done.redirect_ok += (next - from) as u64;
        self.paths.unicast_runs += (next - from) as u64;
        next
    }

    /// The same, as far as no queue is full: where it stopped, and which queue is.
    #[inline(always)]
    fn store_mixed(&mut self, world: &World, from: usize, n: usize) -> (usize, Option<DevId>) {
        let (what, descs) = (&self.decided.packed()[..n], &self.poll.table()[..n]);
        let mutations = world.profile.mutations;
        for slot in from..n {
            let decision = what[slot];
            let run =
                what[slot..].first_chunk::<RUN_MIN>().is_some_and(|chunk| *chunk == [decision; RUN_MIN]);
            let Some(dev) = decision.device().filter(|_| !run) else { return (slot, None) };
            let len = descs[slot].len;
            if len >= world.devices.get(dev).limit && !mutations.has(Mutations::FAST_IGNORES_LENGTH) {
                return (slot, None);
            }
            let queue = &mut self.queues[dev.0 as usize];
            if queue.is_full() {
                return (slot, Some(dev));
            }
            if queue.listed {
                queue.later(self.poll.dev, decision.unpack().prog(), mutations);
            } else {
                queue.listed = true;
                queue.first(self.poll.dev, decision.unpack().prog());
                self.flush_list.push_head(dev);
            }
            queue.push(slot as u8, len);
        }
        (n, None)
    }

    /// Frames to one device with one program. `false`: not legal, nothing done.
    #[inline]
    fn unicast_run<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        decision: Decision,
        from: usize,
        to: usize,
    ) -> bool {
        let dev = DevId(decision.value);
        let fits = self.poll.len_max() < env.world.devices.get(dev).limit;
        if !fits && !env.mutated(Mutations::FAST_IGNORES_LENGTH) {
            return false;
        }
        self.paths.unicast_runs += (to - from) as u64;
        let mut i = from;
        while i < to {
            if self.queues[dev.0 as usize].is_full() {
                self.bq_xmit_all(env, dev, false);
            }
            let count = self.chunk(env, self.queues[dev.0 as usize].room(), to - i);
            self.list(dev, self.poll.dev, decision.prog(), env.world.profile.mutations);
            let bytes = self.poll.bytes(i, i + count);
            self.queues[dev.0 as usize].push_run(i, count, bytes);
            self.trace_run(env, decision, i, count);
            i += count;
        }
        self.done.redirect_ok += (to - from) as u64;
        true
    }

    /// Frames to a whole group, target by target. `false`: not legal, nothing done.
    ///
    /// A chunk is what fits into every target's queue. So all partial flushes of a chunk fall on its
    /// first frame, in the order of the walk, as they do frame by frame.
    fn broadcast_run<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        decision: Decision,
        from: usize,
        to: usize,
    ) -> bool {
        let key = (MapId(decision.value), decision.detail != 0, self.poll.dev);
        let Some(index) = self.groups.find(env.world, &mut self.ledger, key) else { return false };
        let group = &mut self.groups.list[index];
        let fits = self.poll.len_max() < group.limit_min || env.mutated(Mutations::FAST_IGNORES_LENGTH);
        let unique = !group.duplicate || env.mutated(Mutations::FAST_IGNORES_DUPLICATES);
        let clonable = group.targets.len() < 2 || clones_fit(env, &self.poll);
        if group.targets.is_empty() || !fits || !unique || !clonable {
            return false;
        }
        let frames = (to - from) as u64;
        group.uses += frames;
        let targets = std::mem::take(&mut group.targets);
        let mut i = from;
        while i < to {
            let room = self.make_room(env, &targets);
            let count = self.chunk(env, room, to - i);
            self.push_to_all(env, &targets, i, count);
            self.trace_run(env, decision, i, count);
            i += count;
        }
        self.paths.broadcast_runs += frames;
        self.done.redirect_ok += frames;
        self.ledger.clones += frames * (targets.len() as u64 - 1);
        self.groups.list[index].targets = targets;
        true
    }

    /// Frames of the next chunk.
    #[inline]
    fn chunk<S: Sink>(&self, env: &Env<'_, S>, room: usize, left: usize) -> usize {
        // The planted fault fills all queues to the brim of an empty one, as long as that is defined.
        let room = if env.mutated(Mutations::FAST_WHOLE_RUNS) { room.min(8) } else { room };
        room.min(left)
    }

    /// Flushes the full queues in the order of the walk; says how many frames fit everywhere then.
    #[inline]
    fn make_room<S: Sink>(&mut self, env: &mut Env<'_, S>, targets: &[(DevId, Option<ProgId>)]) -> usize {
        let early = env.mutated(Mutations::FAST_WHOLE_RUNS);
        let mut room = usize::MAX;
        for &(dev, _) in targets {
            let level = self.queues[dev.0 as usize].len();
            if self.queues[dev.0 as usize].is_full() || (early && level > 8) {
                self.bq_xmit_all(env, dev, false);
            }
            room = room.min(self.queues[dev.0 as usize].room());
        }
        room
    }

    #[inline]
    fn push_to_all<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        targets: &[(DevId, Option<ProgId>)],
        from: usize,
        count: usize,
    ) {
        let bytes = self.poll.bytes(from, from + count);
        for &(dev, prog) in targets {
            if env.mutated(Mutations::FAST_IGNORES_DUPLICATES) && self.queues[dev.0 as usize].room() < count {
                self.bq_xmit_all(env, dev, false);
            }
            self.list(dev, self.poll.dev, prog, env.world.profile.mutations);
            self.queues[dev.0 as usize].push_run(from, count, bytes);
        }
    }

    #[inline]
    fn trace_run<S: Sink>(&mut self, env: &mut Env<'_, S>, decision: Decision, from: usize, count: usize) {
        if S::EVENTS {
            for slot in from..from + count {
                let index = self.event_index(slot as u8);
                self.trace_redirect(env, slot as u8, decision, None, index);
            }
        }
    }
}
