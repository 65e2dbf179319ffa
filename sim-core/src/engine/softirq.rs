//! `net_rx_action()`: the poll list of one CPU.
//!
//! Owns the order of polls, the budgets and the lifetime of redirect info: one context per run, over
//! all polls of all devices in it. Rules: HLP-20 to HLP-22, DRV-07, FLU-01.

use xdpsim_devmap::{DevId, QueueId};

use super::cpu::Done;
use super::domain::{Domain, Feed};
use crate::batch::Batch;
use crate::driver::DriverState;
use crate::frame::Store;
use crate::poll::{NAPI_BUDGET, SOFTIRQ_BUDGET};
use crate::profile::KernelVersion;
use crate::redirect::RedirectInfo;
use crate::sink::Sink;
use crate::trace::Stamp;

/// A NAPI instance: one receive queue of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NapiId {
    pub dev: DevId,
    pub queue: QueueId,
}

impl NapiId {
    /// The backlog of the CPU, a NAPI of its own.
    pub const BACKLOG: Self = Self { dev: DevId(u32::MAX), queue: QueueId(0) };
}

impl<S: Sink> Domain<S> {
    /// Runs softirqs on a CPU until nobody waits to be polled.
    pub(crate) fn run_softirqs(&mut self, cpu: usize, feed: &Feed<'_>) {
        while !self.cpus[cpu].poll_list.is_empty() {
            self.net_rx_action(cpu, feed);
            self.tidy_arena(feed);
        }
    }

    /// One softirq run. Who is scheduled meanwhile is polled in the same run, unless somebody has used
    /// up a whole poll: then the run ends, and with it the redirect info. (Before 6.4 they wait for the next run, with a new budget: DRV-07.)
    fn net_rx_action(&mut self, cpu: usize, feed: &Feed<'_>) {
        self.begin_context(cpu);
        self.poll_lists(cpu, SOFTIRQ_BUDGET, feed);
    }

    /// Frames that are polled one by one at once, from the batch's `from`-th on, until one is not alone or
    /// somebody was woken; says how many there were. Receive queue, interrupt and the lists of the softirq
    /// are passed by, with the same result.
    pub(crate) fn poll_alone(
        &mut self,
        napi: NapiId,
        batch: &Batch<'_>,
        from: usize,
        feed: &Feed<'_>,
    ) -> usize {
        let fresh = self.world.profile.kernel >= KernelVersion::BPF_NET_CONTEXT;
        let (at, mut clock) = (self.cpu_of(napi), self.clock);
        let (mut env, cpus, _) = self.split(feed);
        let cpu = &mut cpus[at];
        env.stamp.cpu = cpu.id.0;
        let mut i = from;
        while batch.is_alone(i, clock)
            && (i == from || (cpu.poll_list.is_empty() && env.store.arena_len() < Store::WORTH_A_LOOK))
        {
            clock = clock.max(batch.stamps[i]);
            (env.stamp.time, env.stamp.trigger) = (clock, Stamp::ALL_ARRIVED);
            if fresh {
                cpu.ri = RedirectInfo::default();
            }
            cpu.ledger.arrived(1, u64::from(batch.frames[i].len));
            if i == from {
                cpu.begin_poll(&mut env, napi.dev, napi.queue);
            } else {
                // The same queue again, and the poll before flushed everything.
                cpu.poll.clear();
                cpu.done = Done::default();
            }
            cpu.poll.push(batch.frames[i]);
            cpu.run_poll(&mut env);
            i += 1;
        }
        (self.clock, self.now) = (clock, clock);
        if i > from {
            self.trigger = Stamp::ALL_ARRIVED;
        }
        if !self.cpus[at].poll_list.is_empty() {
            self.poll_lists(at, SOFTIRQ_BUDGET - 1, feed);
            self.run_softirqs(at, feed);
        }
        self.tidy_arena(feed);
        i - from
    }

    /// A new context: redirect info is zeroed (HLP-20).
    fn begin_context(&mut self, cpu: usize) {
        if self.world.profile.kernel >= KernelVersion::BPF_NET_CONTEXT {
            self.cpus[cpu].ri = RedirectInfo::default();
        }
    }

    fn poll_lists(&mut self, cpu: usize, budget: usize, feed: &Feed<'_>) {
        let at_once = self.world.profile.kernel >= KernelVersion::POLLS_WOKEN_AT_ONCE;
        let mut budget = budget as isize;
        let mut list = std::mem::take(&mut self.cpus[cpu].spare_list);
        let mut repoll = std::mem::take(&mut self.cpus[cpu].repoll_list);
        std::mem::swap(&mut list, &mut self.cpus[cpu].poll_list);
        loop {
            let Some(napi) = list.pop_front() else {
                if at_once && repoll.is_empty() && !self.cpus[cpu].poll_list.is_empty() {
                    std::mem::swap(&mut list, &mut self.cpus[cpu].poll_list);
                    continue;
                }
                break;
            };
            let work = self.napi_poll(cpu, napi, feed);
            if work == NAPI_BUDGET {
                repoll.push_back(napi);
            } else {
                self.napi_complete(cpu, napi);
            }
            let cpu = &mut self.cpus[cpu];
            cpu.poll_list.extend(cpu.woken_last.take());
            budget -= work as isize;
            if budget <= 0 {
                break;
            }
        }
        let cpu = &mut self.cpus[cpu];
        if !(list.is_empty() && repoll.is_empty()) {
            list.append(&mut cpu.poll_list);
            list.append(&mut repoll);
            std::mem::swap(&mut list, &mut cpu.poll_list);
        }
        (cpu.spare_list, cpu.repoll_list) = (list, repoll);
    }

    /// `napi_poll()`: at most 64 frames of one queue.
    fn napi_poll(&mut self, cpu: usize, napi: NapiId, feed: &Feed<'_>) -> usize {
        let (at, changing) = (cpu, self.changes.any_in_polls());
        let (mut env, cpus, rx) = self.split(feed);
        let cpu = &mut cpus[cpu];
        env.stamp.cpu = cpu.id.0;
        if napi == NapiId::BACKLOG {
            return cpu.process_backlog(&mut env);
        }
        let device = env.world.devices.get(napi.dev);
        let queue = &mut rx[napi.dev.0 as usize][usize::from(napi.queue.0)];
        // A veth has one in generic mode only, as long as it has no NAPI.
        if device.is_veth() && queue.is_empty() {
            if !device.napi {
                return 0;
            }
            if device.prog.is_none() && env.is_plain_far_end(napi.dev) {
                return cpu.poll_far_end(&mut env, napi);
            }
            cpu.begin_poll(&mut env, napi.dev, napi.queue);
            let taken = cpu.fill_from_ring(&mut env, napi);
            match changing {
                true => self.run_changing_poll(at, feed),
                false => cpu.run_poll(&mut env),
            }
            return taken;
        }
        if queue.is_empty() && cpu.flush_list.is_empty() {
            return 0;
        }
        cpu.begin_poll(&mut env, napi.dev, napi.queue);
        let taken = queue.take(NAPI_BUDGET, |frames| cpu.poll.extend(frames));
        match changing {
            true => self.run_changing_poll(at, feed),
            false => cpu.run_poll(&mut env),
        }
        taken
    }

    /// `napi_complete_done()`: a veth looks into its ring once more.
    fn napi_complete(&mut self, cpu: usize, napi: NapiId) {
        if napi == NapiId::BACKLOG {
            return;
        }
        if let DriverState::Veth(end) = &mut self.drivers[napi.dev.0 as usize] {
            let rq = &mut end.rq[usize::from(napi.queue.0)];
            rq.notify_masked = !rq.ring.is_empty() && self.world.devices.get(napi.dev).napi;
            if rq.notify_masked {
                self.cpus[cpu].poll_list.push_back(napi);
            }
        }
    }
}
