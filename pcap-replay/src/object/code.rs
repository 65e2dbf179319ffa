//! A program of an object as the engine runs it.

use std::any::Any;
use std::sync::{Arc, Mutex};

use xdpsim_core::poll::Decided;
use xdpsim_core::program::PollFrames;
use xdpsim_core::{Ctx, Effects, FrameMut, Kin, Sharing, XdpAction, XdpProgram};
use xdpsim_vm::ProgIdx;

use super::stage::{Shared, Stage, lock};

/// A program on the machine that it shares with others.
pub struct Code {
    stage: Shared,
    program: ProgIdx,
    sharing: Sharing,
    effects: Effects,
}

impl Code {
    pub(super) fn new(stage: &Shared, program: ProgIdx, sharing: Sharing, effects: Effects) -> Self {
        Self { stage: Arc::clone(stage), program, sharing, effects }
    }

    pub(super) fn stage(&self) -> &Shared {
        &self.stage
    }
}

impl XdpProgram for Code {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let stage: &mut Stage = &mut lock(&self.stage);
        let act = stage.run(self.program, ctx, frame);
        stage.end_poll(ctx.frame_number(frame));
        act
    }

    /// One lock and one look at what is wanted for all frames of a poll.
    fn run_poll(&mut self, ctx: &mut Ctx<'_>, poll: &mut PollFrames<'_>, out: &mut Decided) {
        let stage: &mut Stage = &mut lock(&self.stage);
        for i in 0..poll.len() {
            ctx.begin();
            let act = stage.run(self.program, ctx, &mut poll.frame(i));
            out.verdict(i, act, ctx);
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
        Box::new(Self { stage, ..*self })
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
