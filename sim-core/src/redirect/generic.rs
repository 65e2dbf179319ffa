//! Step 2 in generic mode: `xdp_do_generic_redirect()`.
//!
//! Each target gets its skb at once, after the program of its entry; there is no step 3. Broadcast walks the
//! map as native mode does, but ends at the first target that refuses. What other walks need is
//! [`Cpu::generic_entry`] and [`Cpu::generic_clone`].
//!
//! A clone that its target refuses is freed again, which nobody sees; so the books count clones only when
//! the target is fine.
//!
//! Rules: GEN-01 to GEN-10, GEN-12, GEN-13, BRD-08, RED-03, TRC-03 to TRC-06.

use xdpsim_devmap::{DevId, IfIndex, MapId, ProgId};

use super::broadcast::Excluded;
use super::enqueue::Refused;
use crate::batch::Desc;
use crate::engine::cpu::Cpu;
use crate::engine::env::Env;
use crate::engine::generic::without_meta;
use crate::fate::Fate;
use crate::frame::FrameMut;
use crate::mutation::Mutations;
use crate::netdev::Refusal;
use crate::poll::{Decision, Kind, missed};
use crate::sink::Sink;
use crate::story::{DropReason, Step};

/// A target: the device, and the program of its entry.
pub(crate) type Target = (DevId, Option<ProgId>);

impl Cpu {
    /// `xdp_do_generic_redirect()` for one skb of the poll.
    pub(crate) fn xdp_do_generic_redirect<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        decision: Decision,
    ) {
        if !env.mutated(Mutations::GENERIC_KEEPS_META) {
            let skb = self.poll.desc_mut(usize::from(slot));
            *skb = without_meta(*skb);
        }
        let early = env.mutated(Mutations::GENERIC_EVENT_FIRST);
        if early {
            let index = self.event_index(slot);
            self.trace_redirect(env, slot, decision, None, index);
        }
        let result = match decision.kind {
            Kind::IfIndex => self.generic_to_ifindex(env, slot, decision),
            Kind::Device => self.generic_entry(env, slot, (DevId(decision.value), decision.prog()), false),
            Kind::Broadcast => self.generic_multi(env, slot, MapId(decision.value), decision.detail != 0),
            Kind::NoMap => Err(Refused::nowhere(Fate::NoMap)),
            Kind::Groups | Kind::TwoMaps => self.multicast(env, slot, decision),
            _ => Err(Refused::nowhere(Fate::NoTarget)),
        };
        // A devmap program that ran has its say (RED-13), and the transmit is over (GEN-10).
        let index = self.event_index(slot);
        match result {
            // An ifindex's event came before the transmit.
            Ok(()) if decision.kind == Kind::IfIndex || early => {}
            Ok(()) => self.trace_redirect(env, slot, decision, None, index),
            Err(refused) => {
                self.trace_redirect(env, slot, decision, refused.fate.errno(), index);
                self.tell(env, slot, Step::Freed { reason: DropReason::Xdp });
                self.end_slot(env, slot, refused.target, refused.fate);
            }
        }
    }

    /// The ifindex counts in the namespace of the ingress, now (RED-03).
    fn generic_to_ifindex<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        decision: Decision,
    ) -> Result<(), Refused> {
        let (ifindex, after_miss) = (IfIndex(decision.value), missed(decision.detail));
        if S::STORY && after_miss {
            self.tell(env, slot, Step::MissAsIfIndex { ifindex });
        }
        let netns = env.world.devices.get(self.poll.dev).netns;
        let found = env.world.devices.by_index(netns, ifindex).ok_or(Refused::nowhere(Fate::NoDevice));
        let found = found.and_then(|dev| self.takes_skb(env, slot, dev).map(|()| dev));
        let dev = found.map_err(|refused| if after_miss { refused.after_miss() } else { refused })?;
        let index = self.event_index(slot);
        self.trace_redirect(env, slot, decision, None, index);
        self.hand_over(env, slot, (dev, None), false)
    }

    /// `dev_map_redirect_multi()`: the map's entries in order, until one refuses (GEN-04).
    fn generic_multi<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        map: MapId,
        exclude: bool,
    ) -> Result<(), Refused> {
        let world = env.world;
        let excluded = Excluded::of(world, self.poll.dev, exclude)?;
        let mut last: Option<Target> = None;
        for (_, entry) in world.maps.targets(map) {
            if let Some(skip) = excluded.skip(world, entry.dev) {
                self.skipped(env, slot, entry.dev, skip);
                continue;
            }
            if env.mutated(Mutations::GENERIC_SKIPS_BAD) && self.takes_skb(env, slot, entry.dev).is_err() {
                continue;
            }
            if let Some(before) = last.replace((entry.dev, entry.prog)) {
                self.generic_clone(env, slot, before)?;
            }
        }
        match last {
            Some(target) => self.generic_entry(env, slot, target, false),
            None if env.mutated(Mutations::NOBODY_IS_ERROR) => Err(Refused::nowhere(Fate::NoMap)),
            None => {
                self.end_slot(env, slot, None, Fate::Nobody);
                Ok(())
            }
        }
    }

    /// `dev_map_redirect_clone()`: one more skb with the same data, for a target. Those with fragments are
    /// not cloned (GEN-08).
    pub(crate) fn generic_clone<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        target: Target,
    ) -> Result<(), Refused> {
        let refuse = |fate| Err(Refused { fate, target: Some(target.0) });
        if self.poll.desc(slot).has_frags() && !env.mutated(Mutations::GENERIC_CLONES_FRAGS) {
            return refuse(Fate::CloneFrags);
        }
        if env.faults.clone_fails(target.0) {
            return refuse(Fate::CloneFailed);
        }
        self.generic_entry(env, slot, target, true)
    }

    /// `dev_map_generic_redirect()`: checks the target, runs the entry's program, transmits.
    pub(crate) fn generic_entry<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        target: Target,
        clone: bool,
    ) -> Result<(), Refused> {
        self.takes_skb(env, slot, target.0)?;
        self.hand_over(env, slot, target, clone)
    }

    /// `xdp_ok_fwd_dev()`; no feature is asked for (GEN-02).
    fn takes_skb<S: Sink>(&self, env: &Env<'_, S>, slot: u8, dev: DevId) -> Result<(), Refused> {
        let (skb, device) = (self.poll.desc(slot), env.world.devices.get(dev));
        let checked = match env.mutated(Mutations::GENERIC_ASKS_FEATURES) {
            true => device.accepts(skb.len, skb.has_frags(), &env.world.profile),
            false => device.accepts_skb(skb.len),
        };
        let fate = |refusal| match refusal {
            Refusal::NoXmit | Refusal::NoSg => Fate::NoXmit,
            Refusal::Down => Fate::Down,
            Refusal::TooLong => Fate::TooLong,
        };
        checked.map_err(|refusal| Refused { fate: fate(refusal), target: Some(dev) })
    }

    /// From here on the redirect is a success, whatever becomes of the skb (GEN-05, GEN-06).
    fn hand_over<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        (dev, prog): Target,
        clone: bool,
    ) -> Result<(), Refused> {
        if clone {
            self.ledger.clones += 1;
        }
        let prog = match env.mutated(Mutations::GENERIC_FIRST_PROGRAM) {
            true => *self.entry_progs.entry((dev, 0)).or_insert(prog),
            false => prog,
        };
        self.tell(env, slot, Step::GenericRedirect { dev, clone, prog });
        let written = env.store.arena_len();
        let mut skb = self.poll.desc(slot);
        let kept = prog.is_none_or(|prog| self.run_inline(env, slot, &mut skb, (dev, prog)));
        let taken = !kept || self.generic_xdp_tx(env, skb, dev);
        if !env.world.devices.get(dev).is_veth() && !env.mutated(Mutations::CLONES_SHARE_BYTES) {
            // Nobody but a ring or a backlog keeps what the program wrote.
            env.store.truncate_arena(written);
        }
        if !taken && env.mutated(Mutations::GENERIC_XMIT_ERROR) {
            self.ledger.clones += 1; // The books still have to balance.
            return Err(Refused { fate: Fate::Down, target: Some(dev) });
        }
        Ok(())
    }

    /// `dev_map_bpf_prog_run_skb()`: the entry's own program, now, on a private copy of what it writes
    /// (GEN-07). Is the skb still there afterwards?
    fn run_inline<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        skb: &mut Desc,
        (dev, prog): (DevId, ProgId),
    ) -> bool {
        let Some(mut program) = self.take_program(env, prog) else { return false };
        let to = env.world.devices.get(dev).ifindex;
        std::mem::swap(&mut self.random, &mut self.entry_random);
        let mut ctx = self.ctx::<S>(env.world, env.stamp, env.arrivals.latest);
        ctx.egress_ifindex = Some(to);
        if env.world.disarms() {
            ctx.ri.disarm();
        }
        let mut frame = FrameMut::new(env.store, env.input, skb, env.world.profile.bounds());
        if env.world.profile.mutations.has(Mutations::CLONES_SHARE_BYTES) {
            frame = frame.shared();
        }
        let act = program.run(&mut ctx, &mut frame);
        std::mem::swap(&mut self.random, &mut self.entry_random);
        self.put_program(env, prog, program);
        if env.mutated(Mutations::CLONES_SHARE_BYTES) {
            *self.poll.desc_mut(usize::from(slot)) = *skb;
        }
        self.tell_entry(env, slot, dev, prog, act);
        match self.entry_fate(env, dev, prog, act, *skb) {
            Some(fate) => {
                self.end_one(env, slot, dev, fate, skb.len);
                false
            }
            None => true,
        }
    }
}
