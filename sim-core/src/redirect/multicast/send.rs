//! A copy for one target, in the mode of the port: native mode queues it, generic mode transmits it now.
//!
//! Rules: MCAST-26, MCAST-27, MCAST-29, MCAST-33, MCAST-44, MCAST-47.

use xdpsim_devmap::{DevId, Entry};

use super::bug::Bug;
use crate::engine::cpu::Cpu;
use crate::engine::env::Env;
use crate::fate::Skip;
use crate::netdev::Refusal;
use crate::redirect::enqueue::Refused;
use crate::sink::Sink;
use crate::story::Step;
use crate::trace::Event;

impl Cpu {
    /// Does the device take this frame? `frags`: do its fragments count? Generic mode asks for no features
    /// (MCAST-29).
    pub(super) fn target_takes<S: Sink>(
        &self,
        env: &Env<'_, S>,
        slot: u8,
        dev: DevId,
        frags: bool,
    ) -> Result<(), Refusal> {
        let (desc, device) = (self.poll.desc(slot), env.world.devices.get(dev));
        match self.generic {
            true => device.accepts_skb(desc.len),
            false => device.accepts(desc.len, frags && desc.has_frags(), &env.world.profile),
        }
    }

    /// A clone for a target that takes it. `len_max`: what a native one may have, headroom included.
    pub(super) fn send_clone<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        to: Entry,
        len_max: u32,
    ) -> Result<(), Refused> {
        match self.generic {
            true => self.generic_clone(env, slot, (to.dev, to.prog)),
            false => {
                let cloned = self.enqueue_clone(env, slot, to, len_max);
                cloned.map_err(|fate| Refused { fate, target: Some(to.dev) })
            }
        }
    }

    /// The frame itself for a target that takes it.
    pub(super) fn send_original<S: Sink>(
        &mut self,
        env: &mut Env<'_, S>,
        slot: u8,
        to: Entry,
    ) -> Result<(), Refused> {
        if self.generic {
            return self.generic_entry(env, slot, (to.dev, to.prog), false);
        }
        self.bq_enqueue(env, slot, to.dev, to.prog, false);
        Ok(())
    }

    /// A target got nothing.
    pub(super) fn left_out<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, dev: DevId, skip: Skip) {
        self.ledger.skipped(self.poll.dev, dev, skip, 1);
        self.tell(env, slot, Step::Skipped { dev, skip });
    }

    /// What the posted code would have done to memory here.
    pub(super) fn tell_bug<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, bug: Bug) {
        env.event(Event::Bug { bug, ifindex: self.poll.ifindex });
        self.tell(env, slot, Step::Bug { bug });
    }

    /// The same, if only the native path has the bug.
    pub(super) fn tell_native_bug<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8, bug: Bug) {
        if !self.generic {
            self.tell_bug(env, slot, bug);
        }
    }
}
