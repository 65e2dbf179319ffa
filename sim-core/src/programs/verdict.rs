//! The program that always answers the same.

use xdpsim_devmap::XdpAction;

use super::NO_REDIRECTS;
use crate::frame::FrameMut;
use crate::program::{Ctx, Effects, XdpProgram};

/// Returns one verdict for every frame: any number, as the kernel takes any.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    action: XdpAction,
}

impl Verdict {
    /// The program that returns `action`.
    #[must_use]
    pub const fn new(action: XdpAction) -> Self {
        Self { action }
    }
}

impl XdpProgram for Verdict {
    #[inline(always)]
    fn run(&mut self, _: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        self.action
    }

    /// Without a helper call a redirect depends on what earlier frames left behind (HLP-21).
    fn is_uniform(&self) -> bool {
        self.action != XdpAction::REDIRECT
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(*self)
    }

    fn effects(&self) -> Effects {
        NO_REDIRECTS
    }
}
