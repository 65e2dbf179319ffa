//! Step 3: `xdp_do_flush()` hands every queue to its driver.
//!
//! Devices in reverse order of their first frame (FLU-03); frames of one device in order. What the
//! driver does not take is freed here, not there (FLU-09).
//!
//! Rules: FLU-01 to FLU-09, ENQ-03, TRC-07.

use xdpsim_devmap::DevId;

use super::devmap_prog::Kept;
use crate::driver::veth::By;
use crate::driver::{Bulk, Xmit, XmitFlags};
use crate::engine::cpu::Cpu;
use crate::engine::env::Env;
use crate::fate::Fate;
use crate::mutation::Mutations;
use crate::sink::Sink;
use crate::trace::Event;

/// The numbers of the frames that a devmap program kept: they stand at the front of their own table.
const KEPT_SLOTS: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl Cpu {
    /// `xdp_do_flush()`: all queues of this CPU.
    pub(crate) fn xdp_do_flush<S: Sink>(&mut self, env: &mut Env<'_, S>) {
        while let Some(dev) = self.flush_list.pop_head(env.world.profile.mutations) {
            self.bq_xmit_all(env, dev, true);
            self.queues[dev.0 as usize].listed = false;
        }
    }

    /// `bq_xmit_all()`: one queue. `flush` is the driver's XDP_XMIT_FLUSH: only the final flush of a
    /// poll has it.
    pub(crate) fn bq_xmit_all<S: Sink>(&mut self, env: &mut Env<'_, S>, dev: DevId, flush: bool) {
        let queue = &self.queues[dev.0 as usize];
        let queued = queue.len();
        if queued == 0 {
            return;
        }
        let prog = queue.prog().or_else(|| self.own_prog(env, dev));
        let plain = prog.is_none() && self.poll.leftover.is_empty();
        if !S::STORY && plain && env.takes_everything(dev) {
            return self.xmit_all_taken(env, dev);
        }
        let from = queue.dev_rx;
        let (sent, offered, err) = match prog {
            Some(prog) => {
                let mut kept = std::mem::take(&mut self.kept);
                let written = env.store.arena_len();
                self.run_devmap_prog(env, dev, prog, &mut kept);
                let xmit = self.xmit_kept(env, dev, &kept, flush);
                let offered = kept.n;
                self.kept = kept;
                if !env.world.devices.get(dev).is_veth() && !env.mutated(Mutations::CLONES_SHARE_BYTES) {
                    // Nobody but a ring keeps what the program wrote.
                    env.store.truncate_arena(written);
                }
                (xmit.sent, offered, xmit.err)
            }
            None => {
                let xmit = self.xmit_queue(env, dev, flush);
                (xmit.sent, queued, xmit.err)
            }
        };
        self.queues[dev.0 as usize].clear();
        if S::EVENTS {
            let lost_by = if env.mutated(Mutations::DROPS_WITHOUT_PROGRAM) { offered } else { queued };
            env.event(Event::DevmapXmit {
                from_ifindex: env.world.devices.get(from).ifindex,
                to_ifindex: env.world.devices.get(dev).ifindex,
                drops: (lost_by - sent) as u32,
                sent: sent as u32,
                err,
            });
        }
    }

    /// A queue whose driver takes everything: the books, and nothing else.
    #[inline(always)]
    fn xmit_all_taken<S: Sink>(&mut self, env: &mut Env<'_, S>, dev: DevId) {
        let queue = &mut self.queues[dev.0 as usize];
        let bulk = Bulk { slots: queue.slots(), table: self.poll.table() };
        let (sent, bytes, from) = (bulk.len() as u64, u64::from(queue.bytes), queue.dev_rx);
        let arrivals = env.arrivals;
        let number = |i: usize| arrivals.number(bulk.desc(i));
        self.ledger.end(from, Some(dev), Fate::Delivered, sent, bytes, number);
        if S::DELIVERIES {
            env.deliver(dev, bulk, bulk.len());
        }
        if S::EVENTS {
            env.event(Event::DevmapXmit {
                from_ifindex: env.world.devices.get(from).ifindex,
                to_ifindex: env.world.devices.get(dev).ifindex,
                drops: 0,
                sent: sent as u32,
                err: None,
            });
        }
        queue.clear();
    }

    /// The queue as it is.
    #[inline]
    fn xmit_queue<S: Sink>(&mut self, env: &mut Env<'_, S>, dev: DevId, flush: bool) -> Xmit {
        let queue = &self.queues[dev.0 as usize];
        let bulk = Bulk { slots: queue.slots(), table: self.poll.table() };
        let flags = XmitFlags::flush(flush);
        let xmit = env.ndo_xdp_xmit(self.id, dev, bulk, queue.dev_rx, By::Xmit, flags, &mut self.poll_list);
        if S::STORY {
            env.tell_xmit(dev, bulk, &xmit, flush);
        }
        let leftover = !self.poll.leftover.is_empty();
        if xmit.sent == bulk.len() && !leftover {
            env.sent(&mut self.ledger, dev, queue.dev_rx, bulk, xmit.sent, u64::from(queue.bytes));
        } else {
            let origin = |i: usize| if leftover { self.poll.ingress_of(bulk.slots[i]) } else { queue.dev_rx };
            env.book_one_by_one(&mut self.ledger, dev, bulk, &xmit, origin, By::Xmit);
        }
        xmit
    }

    /// What the devmap program kept. Nothing kept: the driver is not called at all, and whoever waits
    /// for a wake-up waits on (FLU-06).
    fn xmit_kept<S: Sink>(&mut self, env: &mut Env<'_, S>, dev: DevId, kept: &Kept, flush: bool) -> Xmit {
        if kept.n == 0 && !env.mutated(Mutations::EMPTY_BULK_FLUSHES) {
            return Xmit::all(0);
        }
        let from = self.queues[dev.0 as usize].dev_rx;
        let bulk = Bulk { slots: &KEPT_SLOTS[..kept.n], table: &kept.table };
        let flags = XmitFlags::flush(flush);
        let xmit = env.ndo_xdp_xmit(self.id, dev, bulk, from, By::Xmit, flags, &mut self.poll_list);
        if S::STORY {
            env.tell_xmit(dev, bulk, &xmit, flush);
        }
        let origin = |i: usize| self.poll.ingress_of(kept.slot[i]);
        env.book_one_by_one(&mut self.ledger, dev, bulk, &xmit, origin, By::Xmit);
        xmit
    }
}
