//! Step 2: `xdp_do_redirect()` puts the frame into a bulk queue.
//!
//! Converts, dispatches, checks the target, stores, traces, in this order. Broadcast is in
//! [`super::broadcast`].
//!
//! Rules: RED-01 to RED-13, ENQ-01 to ENQ-06, TRC-03 to TRC-06.

use xdpsim_devmap::{DevId, Errno, IfIndex, MapId, NetnsId, ProgId};

use crate::engine::cpu::Cpu;
use crate::engine::env::Env;
use crate::fate::Fate;
use crate::mutation::Mutations;
use crate::poll::{Decision, Kind, missed};
use crate::redirect::bulk_queue::BULK_SIZE;
use crate::rules::Rules;
use crate::sink::Sink;
use crate::story::Step;
use crate::trace::{Event, MAP_ID_IFINDEX};

/// A redirect that failed, and the port that it was meant for if one was found.
pub(crate) struct Refused {
    pub fate: Fate,
    pub target: Option<DevId>,
}

impl Refused {
    pub fn nowhere(fate: Fate) -> Self {
        Self { fate, target: None }
    }
}

impl Cpu {
    /// `xdp_do_redirect()` for one frame of the poll. A success says nothing about delivery (RED-09).
    pub(crate) fn xdp_do_redirect<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, decision: Decision) {
        let index_before = self.event_index(slot);
        if env.mutated(Mutations::EVENT_BEFORE_ENQUEUE) {
            self.trace_redirect(env, slot, decision, None, index_before);
        }
        let result = self.redirect(env, slot, decision);
        // After the enqueue: a devmap program that ran in its partial flush has its say (RED-13).
        let index = match env.mutated(Mutations::EVENT_KEY_AT_VERDICT) {
            true => index_before,
            false => self.event_index(slot),
        };
        match result {
            Ok(()) => {
                self.done.redirect_ok += 1;
                if !env.mutated(Mutations::EVENT_BEFORE_ENQUEUE) {
                    self.trace_redirect(env, slot, decision, None, index);
                }
            }
            Err(refused) => {
                self.trace_redirect(env, slot, decision, refused.fate.errno(), index);
                self.redirect_failed(env, slot, &refused);
            }
        }
    }

    fn redirect<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        decision: Decision,
    ) -> Result<(), Refused> {
        if decision.kind.is_multicast() {
            return self.multicast(env, slot, decision);
        }
        if !self.converts(env, slot) {
            return Err(Refused::nowhere(Fate::NotConverted));
        }
        match decision.kind {
            Kind::Device => self.redirect_to_device(env, slot, DevId(decision.value), decision.prog()),
            Kind::IfIndex => self.redirect_to_ifindex(env, slot, decision),
            Kind::Broadcast => self.broadcast(env, slot, MapId(decision.value), decision.detail != 0),
            Kind::NoMap => Err(Refused::nowhere(Fate::NoMap)),
            _ => Err(Refused::nowhere(Fate::NoTarget)),
        }
    }

    /// What a helper of the multicast patches has armed; they convert when they have found their groups
    /// (MCAST-28, MCAST-46).
    #[cold]
    pub(super) fn multicast<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        decision: Decision,
    ) -> Result<(), Refused> {
        let map = MapId(decision.value);
        match (decision.kind, env.world.profile.rules) {
            (Kind::Groups, Rules::RfcV1 { literal }) => self.multicast_rfc(env, slot, map, literal),
            (_, Rules::TwoMaps { version }) => {
                self.multicast_two_maps(env, slot, (map, decision.detail != 0), version)
            }
            _ => Err(Refused::nowhere(Fate::NoTarget)),
        }
    }

    /// `xdp_convert_buff_to_frame()` (RED-02). The reserved tail cannot be overrun here: the helpers
    /// that move the end refuse.
    pub(crate) fn converts<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8) -> bool {
        self.poll.desc(slot).converts() && !env.faults.convert_fails(self.poll.dev)
    }

    fn redirect_to_device<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        dev: DevId,
        prog: Option<ProgId>,
    ) -> Result<(), Refused> {
        let desc = self.poll.desc(slot);
        let target = env.world.devices.get(dev);
        if let Err(refusal) = target.accepts(desc.len, desc.has_frags(), &env.world.profile) {
            return Err(Refused { fate: refusal.into(), target: Some(dev) });
        }
        self.bq_enqueue(env, slot, dev, prog, false);
        Ok(())
    }

    /// The ifindex counts in the namespace of the ingress, now (RED-03).
    fn redirect_to_ifindex<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        decision: Decision,
    ) -> Result<(), Refused> {
        let after_miss = missed(decision.detail);
        if S::STORY && after_miss {
            self.tell(env, slot, Step::MissAsIfIndex { ifindex: IfIndex(decision.value) });
        }
        let netns = match env.mutated(Mutations::IFINDEX_IN_INIT) {
            true => NetnsId::INIT,
            false => env.world.devices.get(self.poll.dev).netns,
        };
        let found = env.world.devices.by_index(netns, IfIndex(decision.value));
        let result = match found {
            Some(dev) => self.redirect_to_device(env, slot, dev, None),
            None => Err(Refused::nowhere(Fate::NoDevice)),
        };
        result.map_err(|refused| if after_miss { refused.after_miss() } else { refused })
    }

    /// `bq_enqueue()`: stores a frame that passed all checks.
    #[inline]
    pub(crate) fn bq_enqueue<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        dev: DevId,
        prog: Option<ProgId>,
        clone: bool,
    ) {
        let queue = &self.queues[dev.0 as usize];
        let short = queue.len() == BULK_SIZE - 1 && env.mutated(Mutations::BULK_OF_15);
        if queue.is_full() || short {
            if S::STORY {
                self.tell(env, slot, Step::PartialFlush { dev });
            }
            self.bq_xmit_all(env, dev, env.mutated(Mutations::PARTIAL_FLUSH_WAKES));
        }
        let (dev_rx, len) = (self.poll.dev, self.poll.desc(slot).len);
        self.list(dev, dev_rx, prog, env.world.profile.mutations);
        let queue = &mut self.queues[dev.0 as usize];
        if env.mutated(Mutations::PROGRAM_PER_ENTRY) {
            self.entry_progs.insert((dev, queue.len()), prog);
        }
        queue.push(slot, len);
        if S::STORY {
            let (position, first) = (queue.len() as u8 - 1, queue.prog());
            self.tell(env, slot, Step::Enqueued { dev, position, clone, prog: first, own_prog: prog });
        }
        if env.mutated(Mutations::FLUSH_AT_16) && self.queues[dev.0 as usize].is_full() {
            self.bq_xmit_all(env, dev, false);
        }
    }

    /// The first frame since the last final flush puts the queue on the list and gives it its program
    /// and ingress (ENQ-02).
    #[inline]
    pub(crate) fn list(&mut self, dev: DevId, dev_rx: DevId, prog: Option<ProgId>, mutations: Mutations) {
        let queue = &mut self.queues[dev.0 as usize];
        if queue.listed {
            queue.later(dev_rx, prog, mutations);
            if mutations.has(Mutations::LIST_RENEWED) {
                self.flush_list.renew(dev);
            }
        } else {
            queue.listed = true;
            queue.first(dev_rx, prog);
            self.flush_list.push_head(dev);
        }
    }

    /// On an error the driver frees the frame; others of the poll are not affected (RED-11).
    #[cold]
    fn redirect_failed<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, refused: &Refused) {
        self.end_slot(env, slot, refused.target, refused.fate);
        self.done.drops += 1;
    }

    /// `tgt_index` as the event will print it: read when the event is emitted, but for a poll that was
    /// decided as a whole.
    #[inline]
    pub(crate) fn event_index(&self, slot: u8) -> u32 {
        match self.decided_first {
            true => self.decided.key(usize::from(slot)).index,
            false => self.ri.tgt_index as u32,
        }
    }

    /// `xdp_redirect` or `xdp_redirect_err` (TRC-03 to TRC-06).
    #[inline]
    pub(crate) fn trace_redirect<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        decision: Decision,
        err: Option<Errno>,
        index: u32,
    ) {
        if !S::EVENTS {
            return;
        }
        let key = self.decided.key(usize::from(slot));
        let by_ifindex = decision.kind == Kind::IfIndex;
        let (to_ifindex, map_index) = if by_ifindex { (index, 0) } else { (key.to_ifindex, index) };
        let map_id = if by_ifindex { MAP_ID_IFINDEX } else { key.map_id };
        let event = Event::Redirect {
            prog_id: self.prog_id(),
            ifindex: self.poll.ifindex,
            err,
            to_ifindex: IfIndex(to_ifindex),
            map_id,
            map_index,
        };
        env.event(event);
    }
}

impl Refused {
    /// The same failure of a redirect that a failed lookup had armed (HLP-12).
    pub(super) fn after_miss(self) -> Self {
        let fate = match self.fate {
            Fate::NoDevice => Fate::StaleNoDevice,
            Fate::NoXmit | Fate::NoSg => Fate::StaleNoXmit,
            Fate::Down => Fate::StaleDown,
            Fate::TooLong => Fate::StaleTooLong,
            other => other,
        };
        Self { fate, ..self }
    }
}
