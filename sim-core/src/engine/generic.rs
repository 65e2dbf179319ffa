//! A poll of a port whose program runs in generic mode: `do_xdp_generic()` for one skb after the other.
//!
//! The driver has no program and hands everything to the stack. There each skb is through, transmitted
//! included, before the next one's program runs; nothing is queued, so there is nothing to flush. Redirect
//! info is the softirq's (HLP-20). Rules: GEN-01, GEN-05, GEN-08, GEN-09, GEN-12, HLP-21.

use xdpsim_devmap::{DevId, ProgId, QueueId, XdpAction};

use super::cpu::Cpu;
use super::env::Env;
use super::start_xmit::{Softnet, Started};
use crate::batch::Desc;
use crate::driver::Bulk;
use crate::fate::Fate;
use crate::mutation::Mutations;
use crate::poll::Kind;
use crate::sink::Sink;
use crate::story::{DropReason, Step};
use crate::trace::Event;

/// Headroom that an skb without enough of it gets comes in steps of this size: `NET_SKB_PAD`.
const NET_SKB_PAD: u16 = 64;

impl Cpu {
    /// Runs the program on each frame of the poll and acts at once.
    pub(super) fn run_generic<S: Sink>(&mut self, env: &mut Env<'_, S>, id: ProgId) {
        self.decided_first = false;
        self.forget_queue(env);
        let frags = env.world.devices.get(self.poll.dev).prog_frags;
        let Some(mut program) = self.take_program(env, id) else { return };
        let (from, to) = (self.poll.leftover.len(), self.poll.len());
        for slot in from..to {
            if env.mutated(Mutations::GENERIC_OWN_CONTEXT) {
                self.ri = Default::default();
            }
            self.make_skb(slot, frags);
            self.run_on(env, slot, program.as_mut());
            self.act_generic(env, slot as u8);
        }
        self.paths.frames += (to - from) as u64;
        self.put_program(env, id, program);
        self.entry_progs.clear();
    }

    /// A veth does not record on which queue an skb came.
    pub(super) fn forget_queue<S: Sink>(&mut self, env: &Env<'_, S>) {
        if env.world.devices.get(self.poll.dev).is_veth() {
            self.poll.queue = QueueId(0);
        }
    }

    /// The frame as the program will see it.
    pub(super) fn make_skb(&mut self, slot: usize, frags: bool) {
        let skb = self.poll.desc_mut(slot);
        *skb = for_program(*skb, frags);
    }

    /// What the stack does with a verdict.
    pub(super) fn act_generic<S: Sink>(&mut self, env: &mut Env<'_, S>, slot: u8) {
        let decision = self.decided.of(usize::from(slot));
        match decision.kind {
            Kind::Pass | Kind::Elsewhere => self.act(env, slot),
            Kind::Drop | Kind::Aborted | Kind::Unknown => {
                self.tell(env, slot, Step::Freed { reason: DropReason::NotSpecified });
                self.act(env, slot);
            }
            Kind::Tx => {
                let skb = self.poll.desc(slot);
                self.generic_xdp_tx(env, skb, self.poll.dev);
            }
            _ => self.xdp_do_generic_redirect(env, slot, decision),
        }
    }

    /// `generic_xdp_tx()`: through the device's ordinary transmit function, now. Says whether it was taken;
    /// nobody but the books wants to know (GEN-05).
    pub(crate) fn generic_xdp_tx<S: Sink>(&mut self, env: &mut Env<'_, S>, skb: Desc, dev: DevId) -> bool {
        let from = self.poll.dev;
        // Slot 0 of a table that is free at this moment.
        self.kept.table[0] = without_meta(skb);
        let bulk = Bulk { slots: &[0], table: &self.kept.table };
        let softnet = Softnet { cpu: self.id, backlog: &mut self.backlog, poll_list: &mut self.poll_list };
        let started = env.ndo_start_xmit(dev, bulk, from, softnet);
        let number = env.arrivals.number(skb);
        if S::STORY {
            let taken = started == Started::Taken;
            env.sink.step(env.stamp, number, Step::StartXmit { dev, taken });
        }
        let (fate, errno) = match started {
            Started::Taken => {
                match env.world.devices.get(dev).peer() {
                    None => env.sent(&mut self.ledger, dev, from, bulk, 1, u64::from(skb.len)),
                    Some(to) if S::STORY => {
                        env.sink.step(env.stamp, number, Step::Hop { from: dev, to, woken: true });
                    }
                    Some(_) => {}
                }
                return true;
            }
            Started::Dropped(fate, errno) => (fate, errno),
            Started::Busy(fate) => {
                let ifindex = env.world.devices.get(dev).ifindex;
                env.event(Event::Exception { prog_id: self.prog_id(), act: XdpAction::TX, ifindex });
                (fate, None)
            }
        };
        match (fate, errno) {
            (Fate::DriverFault, Some(errno)) => {
                self.ledger.driver_fault(from, dev, errno, 1, u64::from(skb.len), |_| number);
            }
            _ => self.ledger.end(from, Some(dev), fate, 1, u64::from(skb.len), |_| number),
        }
        if S::STORY {
            let step = Step::End { fate, egress: Some(dev), errno: errno.or(fate.errno()) };
            env.sink.step(env.stamp, number, step);
        }
        false
    }
}

/// The skb as `netif_receive_generic_xdp()` gives it to a program: with the headroom that native mode has,
/// linear if the program knows no fragments (GEN-08), and without metadata that somebody had put there.
fn for_program(skb: Desc, frags: bool) -> Desc {
    let missing = Desc::HEADROOM.saturating_sub(skb.headroom());
    let room = match frags {
        true => skb.headroom() + missing,
        false => skb.headroom() + missing.next_multiple_of(NET_SKB_PAD),
    };
    skb.with_head(room, 0).with_frags(skb.has_frags() && frags)
}

/// Metadata goes with an skb to the stack only: who gets it next, a devmap program or another device's
/// program, sees none.
pub(crate) fn without_meta(skb: Desc) -> Desc {
    skb.with_head(skb.headroom(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::FrameNo;

    /// Rule: GEN-08.b
    #[test]
    fn programs_get_room_and_a_linear_skb_if_they_need_one() {
        let skb =
            |room, meta, frags| Desc::arrived(0, 5000, FrameNo(0)).with_head(room, meta).with_frags(frags);
        assert_eq!(for_program(skb(256, 0, true), true), skb(256, 0, true));
        assert_eq!(for_program(skb(256, 0, true), false), skb(256, 0, false));
        assert_eq!(for_program(skb(300, 8, false), false), skb(300, 0, false));
        assert_eq!(for_program(skb(242, 0, false), false), skb(306, 0, false));
        assert_eq!(for_program(skb(242, 0, true), true), skb(256, 0, true));
    }
}
