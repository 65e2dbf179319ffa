//! The program that sends every frame to everybody.

use xdpsim_devmap::{MapId, RedirectFlags, XdpAction};

use crate::frame::FrameMut;
use crate::program::{Ctx, XdpProgram};

/// `return bpf_redirect_map(&map, 0, BPF_F_BROADCAST | flags)`.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast {
    map: MapId,
    flags: u64,
}

impl Broadcast {
    /// The program that sends a copy to each entry of `map`. `flags` come on top of BROADCAST.
    #[must_use]
    pub const fn new(map: MapId, flags: RedirectFlags) -> Self {
        Self { map, flags: RedirectFlags::BROADCAST.bits() | flags.bits() }
    }
}

impl XdpProgram for Broadcast {
    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        ctx.redirect_map(self.map, 0, self.flags)
    }

    fn is_uniform(&self) -> bool {
        true
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(*self)
    }
}
