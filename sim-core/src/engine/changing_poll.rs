//! A poll in the middle of which maps change: what another CPU can do between a helper call and the enqueue, or
//! during a walk.
//!
//! Goes frame by frame and gives the world back in between, so that it can be changed; every other poll borrows
//! it once. Rules: MCAST-05, MCAST-08, MCAST-34.

use super::changes::Moment;
use super::cpu::Cpu;
use super::domain::{Domain, Feed};
use super::env::Env;
use crate::batch::FrameNo;
use crate::sink::Sink;

impl<S: Sink> Domain<S> {
    /// Runs the poll that has begun on a CPU, with the changes that are due in it.
    #[cold]
    pub(super) fn run_changing_poll(&mut self, at: usize, feed: &Feed<'_>) {
        let cpu = &self.cpus[at];
        let Some(prog) = cpu.current_prog else { return self.on_cpu(at, feed, Cpu::run_poll) };
        let slots = cpu.poll.leftover.len()..cpu.poll.len();
        self.on_cpu(at, feed, |cpu, env| {
            cpu.open_poll(env);
            if cpu.generic {
                cpu.forget_queue(env);
            }
        });
        for slot in slots {
            let frame = self.on_cpu(at, feed, |cpu, env| {
                cpu.decide_one(env, prog, slot);
                env.arrivals.number(cpu.poll.desc(slot as u8))
            });
            self.change_before_enqueue(frame, feed);
            self.foresee_walk(frame);
            self.on_cpu(at, feed, |cpu, env| match cpu.generic {
                true => cpu.act_generic(env, slot as u8),
                false => cpu.act(env, slot as u8),
            });
            self.settle_walk();
        }
        if !self.cpus[at].generic {
            self.on_cpu(at, feed, Cpu::end_poll);
        }
    }

    fn on_cpu<T>(
        &mut self,
        at: usize,
        feed: &Feed<'_>,
        work: impl FnOnce(&mut Cpu, &mut Env<'_, S>) -> T,
    ) -> T {
        let (mut env, cpus, _) = self.split(feed);
        env.stamp.cpu = cpus[at].id.0;
        work(&mut cpus[at], &mut env)
    }

    /// The first change of this frame at such a moment.
    fn take_change(
        &mut self,
        frame: FrameNo,
        is: impl Fn(Moment) -> bool,
    ) -> Option<(Moment, usize, super::changes::Act)> {
        let changes = &mut self.changes.in_polls;
        let place = changes.iter().rposition(|&(no, moment, ..)| no == frame && is(moment))?;
        let (_, moment, index, act) = changes.remove(place);
        Some((moment, index, act))
    }

    fn change_before_enqueue(&mut self, frame: FrameNo, feed: &Feed<'_>) {
        while let Some((_, index, act)) = self.take_change(frame, |moment| moment == Moment::BeforeEnqueue) {
            self.make_change(index, act, feed);
        }
    }

    /// Makes the changes of the walk to come, keeps what the maps are after each, and takes them back: the
    /// walk gets to them entry by entry.
    fn foresee_walk(&mut self, frame: FrameNo) {
        let before = self.world.maps.clone();
        while let Some((moment, index, act)) =
            self.take_change(frame, |moment| moment != Moment::BeforeEnqueue)
        {
            let Moment::InWalk(visited) = moment else { continue };
            self.try_change(index, act);
            self.later_maps.push((visited, self.world.maps.clone()));
        }
        self.world.maps = before;
    }

    /// After the walk all of them have happened, whether it got so far or not.
    fn settle_walk(&mut self) {
        if let Some((_, maps)) = self.later_maps.pop() {
            self.world.maps = maps;
            self.later_maps.clear();
            self.world.changed();
        }
    }
}
