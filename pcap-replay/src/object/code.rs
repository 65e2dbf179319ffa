//! A program of an object as the engine runs it.

use std::any::Any;
use std::sync::{Arc, Mutex};

use xdpsim_core::poll::Decided;
use xdpsim_core::program::PollFrames;
use xdpsim_core::{Ctx, Effects, FrameMut, Kin, Sharing, XdpAction, XdpProgram};
use xdpsim_vm::ProgIdx;

use super::facts::Facts;
use super::stage::{Shared, Stage, lock};
use super::verdicts::Verdicts;

/// A program on the machine that it shares with others.
pub struct Code {
    stage: Shared,
    program: ProgIdx,
    sharing: Sharing,
    effects: Effects,
    name: Arc<str>,
    verdicts: Verdicts,
}

impl Code {
    /// A program under its name in the scenario.
    pub(super) fn new(name: &str, stage: &Shared, program: ProgIdx, facts: &Facts) -> Self {
        let (stage, name) = (Arc::clone(stage), name.into());
        let (sharing, effects) = (facts.sharing(), facts.effects(program));
        Self { stage, program, sharing, effects, name, verdicts: Verdicts::default() }
    }

    /// The program's name in the scenario, and what it returned so far.
    pub(super) fn verdicts(&self) -> (&str, &Verdicts) {
        (&self.name, &self.verdicts)
    }

    pub(super) fn stage(&self) -> &Shared {
        &self.stage
    }
}

impl XdpProgram for Code {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let stage: &mut Stage = &mut lock(&self.stage);
        let act = match stage.is_watched() {
            false => stage.run(self.program, ctx, frame),
            true => stage.run_watched(self.program, ctx, frame),
        };
        self.verdicts.count(act, 1);
        stage.end_poll(ctx.frame_number(frame));
        act
    }

    /// One lock and one look at what is wanted for all frames of a poll.
    fn run_poll(&mut self, ctx: &mut Ctx<'_>, poll: &mut PollFrames<'_>, out: &mut Decided) {
        let stage: &mut Stage = &mut lock(&self.stage);
        if stage.is_watched() {
            for i in 0..poll.len() {
                ctx.begin();
                let act = stage.run_watched(self.program, ctx, &mut poll.frame(i));
                self.verdicts.count(act, 1);
                out.verdict(i, act, ctx);
            }
        } else {
            stage.run_poll(self.program, ctx, poll, out, &mut self.verdicts);
        }
        if let Some(last) = poll.len().checked_sub(1) {
            stage.end_poll(ctx.frame_number(&poll.frame(last)));
        }
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        self.clone_with(&mut Kin::default())
    }

    fn clone_with(&self, kin: &mut Kin) -> Box<dyn XdpProgram> {
        let stage = kin.share(&self.stage, |template| Mutex::new(lock(template).clone()));
        Box::new(Self { stage, name: Arc::clone(&self.name), verdicts: Verdicts::default(), ..*self })
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn sharing(&self) -> Sharing {
        self.sharing
    }

    fn effects(&self) -> Effects {
        self.effects
    }
}
