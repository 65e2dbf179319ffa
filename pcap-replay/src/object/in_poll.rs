//! A program on the frames of a poll: what runs have in common happens once.

use xdpsim_core::frame::Buffer;
use xdpsim_core::poll::Decided;
use xdpsim_core::program::PollFrames;
use xdpsim_core::{Ctx, XdpAction};
use xdpsim_vm::engine::{Runs, UseRuns};
use xdpsim_vm::{Fault, ProgIdx};

use super::kept::Place;
use super::stage::{Stage, put_back};
use super::surroundings::Surroundings;
use super::verdicts::Verdicts;

impl Stage {
    /// Runs a program on all frames of a poll, whose verdicts are recorded and counted; else as [`Stage::run`].
    #[inline(always)]
    pub(super) fn run_poll(
        &mut self,
        program: ProgIdx,
        ctx: &mut Ctx<'_>,
        poll: &mut PollFrames<'_>,
        out: &mut Decided,
        verdicts: &mut Verdicts,
    ) {
        let mut from = 0;
        while from < poll.len() {
            let stopped = self.run_until_fault(program, ctx, poll, from, out, verdicts);
            let Some((i, fault)) = stopped else { return };
            let mut frame = poll.frame(i);
            let action = self.fault(&fault, ctx, &frame);
            if self.machine.memory().packet().is_dirty() {
                put_back(self.machine.memory(), &mut frame);
            }
            out.verdict(i, action, ctx);
            verdicts.count(action, 1);
            from = i + 1;
        }
    }

    /// Runs a program on the frames from `from` on, up to the first fault: the frame's place, and what it did.
    #[inline(always)]
    fn run_until_fault(
        &mut self,
        program: ProgIdx,
        ctx: &mut Ctx<'_>,
        poll: &mut PollFrames<'_>,
        from: usize,
        out: &mut Decided,
        verdicts: &mut Verdicts,
    ) -> Option<(usize, Box<Fault>)> {
        let (machine, fields, mut world) = self.surroundings(ctx);
        world.place = Some(Place::new(world.ctx, from, out, verdicts));
        let stopped = machine.with_runs(program, fields, &mut world, InPoll { poll, from });
        world.settle();
        stopped
    }
}

/// The frames of a poll from one on, up to the first fault.
struct InPoll<'a, 'p> {
    poll: &'a mut PollFrames<'p>,
    from: usize,
}

impl<'s, 'c> UseRuns<Surroundings<'s, 'c>> for InPoll<'_, '_> {
    /// The frame's place, and what the program did.
    type Out = Option<(usize, Box<Fault>)>;

    #[inline(always)]
    fn use_runs(self, runs: &mut impl Runs<Surroundings<'s, 'c>>) -> Self::Out {
        let mut last = Buffer::NONE;
        for i in self.from..self.poll.len() {
            let frame = self.poll.frame(i);
            runs.world().frame = frame.mark();
            let mut ended = None;
            // As the last one, nearly always.
            if last == frame.buffer() {
                ended = runs.run_like_last(frame.with_meta());
            }
            let ended = ended.unwrap_or_else(|| {
                let linear = frame.linear();
                runs.packet_in(linear.bytes, linear.meta, linear.headroom, linear.tailroom);
                last = frame.buffer();
                runs.run()
            });
            let ended = match ended {
                Ok(ended) => ended,
                Err(fault) => return Some((i, fault)),
            };
            if runs.memory().packet().is_dirty() {
                put_back(runs.memory(), &mut self.poll.frame(i));
            }
            if let Some(verdict) = ended.verdict() {
                runs.world().end(XdpAction(verdict));
            }
        }
        None
    }
}
