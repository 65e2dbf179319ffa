//! The backlog of a CPU: skbs on their way from one end of a veth pair to the other, where no program of
//! the driver takes them out of a ring.
//!
//! One queue for all devices, polled like a NAPI (`process_backlog()`): what is put into it meanwhile is
//! taken in the same poll, up to its budget. Only what is transmitted as an skb gets here, that is, in
//! generic mode. Rules: GEN-01, GEN-02.

use std::collections::VecDeque;

use xdpsim_devmap::{DevId, QueueId};

use super::cpu::Cpu;
use super::env::Env;
use super::softirq::NapiId;
use crate::batch::Desc;
use crate::driver::veth::Waiting;
use crate::poll::NAPI_BUDGET;
use crate::sink::Sink;

/// With more skbs than this in the queue no further one is taken: `net.core.netdev_max_backlog`.
pub(crate) const BACKLOG_MAX: usize = 1000;

/// `softnet_data.input_pkt_queue` and `process_queue`.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    input: VecDeque<Arrived>,
    /// What the current poll has taken over.
    process: VecDeque<Arrived>,
    scheduled: bool,
}

/// An skb and the device that receives it.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    dev: DevId,
    waiting: Waiting,
}

impl Backlog {
    /// `enqueue_to_backlog()`: is there room? Joins the poll list if it waits for nothing yet.
    pub fn enqueue(&mut self, dev: DevId, waiting: Waiting, poll_list: &mut VecDeque<NapiId>) -> bool {
        if self.input.len() > BACKLOG_MAX {
            return false;
        }
        if !std::mem::replace(&mut self.scheduled, true) {
            poll_list.push_back(NapiId::BACKLOG);
        }
        self.input.push_back(Arrived { dev, waiting });
        true
    }

    /// The next skb; none: the backlog has nothing to do.
    fn next(&mut self) -> Option<Arrived> {
        if self.process.is_empty() {
            std::mem::swap(&mut self.process, &mut self.input);
        }
        let next = self.process.pop_front();
        self.scheduled = next.is_some();
        next
    }

    /// Does nobody wait?
    pub fn is_empty(&self) -> bool {
        self.input.is_empty() && self.process.is_empty()
    }

    /// All that wait, to move their bytes.
    pub fn descs_mut(&mut self) -> impl Iterator<Item = &mut Desc> {
        self.process.iter_mut().chain(&mut self.input).map(|arrived| &mut arrived.waiting.desc)
    }
}

impl Cpu {
    /// `process_backlog()`: says how many skbs it took, at most a poll's budget.
    pub(crate) fn process_backlog<S: Sink>(&mut self, env: &mut Env<'_, S>) -> usize {
        for work in 0..NAPI_BUDGET {
            let Some(arrived) = self.backlog.next() else { return work };
            self.netif_receive_skb(env, arrived);
        }
        NAPI_BUDGET
    }

    /// An skb is at the other end of its pair: in the stack of a far end, or before a port's program.
    fn netif_receive_skb<S: Sink>(&mut self, env: &mut Env<'_, S>, Arrived { dev, mut waiting }: Arrived) {
        let Some(sender) = env.world.devices.get(dev).peer() else { return };
        if env.is_plain_far_end(dev) {
            self.end_at_far_end(env, sender, &[waiting]);
            return;
        }
        if S::DELIVERIES {
            env.deliver_one(sender, waiting.desc, env.stamp.time);
        }
        self.ledger.hopped(sender, 1, u64::from(waiting.desc.len));
        if waiting.desc.hops >= env.world.hops_max {
            return self.end_hops(env, dev, waiting);
        }
        waiting.desc.hops += 1;
        self.begin_poll(env, dev, QueueId(0));
        self.poll.push(waiting.desc);
        self.run_poll(env);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full queue takes no more; what a poll has taken over does not count.
    ///
    /// Rule: GEN-05.a
    #[test]
    fn a_full_backlog_takes_no_more() {
        let (mut backlog, mut list) = (Backlog::default(), VecDeque::new());
        let mut enqueue = |backlog: &mut Backlog| backlog.enqueue(DevId(0), Waiting::default(), &mut list);
        assert!((0..=BACKLOG_MAX).all(|_| enqueue(&mut backlog)));
        assert!(!enqueue(&mut backlog));
        assert!(backlog.next().is_some());
        assert!((0..=BACKLOG_MAX).all(|_| enqueue(&mut backlog)));
        assert!(!enqueue(&mut backlog));
        assert_eq!(list, [NapiId::BACKLOG], "scheduled once");
    }

    #[test]
    fn an_empty_backlog_is_scheduled_anew() {
        let (mut backlog, mut list) = (Backlog::default(), VecDeque::new());
        for polls in 1..=2 {
            assert!(backlog.enqueue(DevId(0), Waiting::default(), &mut list));
            assert_eq!(list.len(), polls);
            assert!(backlog.next().is_some() && backlog.next().is_none() && backlog.is_empty());
        }
    }
}
