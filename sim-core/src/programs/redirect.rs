//! The programs that are a single redirect helper call.
//!
//! A key that never changes has a type of its own, so that nothing but the helper runs for a frame.

use xdpsim_devmap::{IfIndex, MapId, RedirectFlags, XdpAction};

use crate::frame::FrameMut;
use crate::poll::Decided;
use crate::program::{Ctx, PollFrames, XdpProgram, run_each};
use crate::scenario::KeySource;

/// `return bpf_redirect(ifindex, flags)`.
#[derive(Clone, Copy, Debug)]
pub struct Redirect {
    ifindex: IfIndex,
    flags: u64,
}

impl Redirect {
    /// The program that redirects to `ifindex`.
    #[must_use]
    pub const fn new(ifindex: IfIndex, flags: u64) -> Self {
        Self { ifindex, flags }
    }
}

impl XdpProgram for Redirect {
    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        ctx.redirect(self.ifindex, self.flags)
    }

    fn is_uniform(&self) -> bool {
        true
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(*self)
    }
}

/// `return bpf_redirect_map(&map, key, flags)` with one key for all frames.
#[derive(Clone, Copy, Debug)]
pub struct RedirectMap {
    map: MapId,
    key: u64,
    flags: u64,
}

impl RedirectMap {
    /// The program that redirects to entry `key` of `map`. All 64 bits reach the helper (HLP-10); the
    /// low two bits of `flags` are the verdict where there is no entry.
    #[must_use]
    pub const fn new(map: MapId, key: u64, flags: u64) -> Self {
        Self { map, key, flags }
    }
}

impl XdpProgram for RedirectMap {
    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        ctx.redirect_map(self.map, self.key, self.flags)
    }

    fn is_uniform(&self) -> bool {
        true
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(*self)
    }
}

/// `return bpf_redirect_map(&map, key, flags)` with a key that is found anew for each frame.
#[derive(Clone, Debug)]
pub struct RedirectMapBy {
    map: MapId,
    key: KeySource,
    flags: u64,
}

impl RedirectMapBy {
    /// The program that takes its key from `key`; else as [`RedirectMap::new`].
    #[must_use]
    pub const fn new(map: MapId, key: KeySource, flags: u64) -> Self {
        Self { map, key, flags }
    }

    #[inline(always)]
    fn key(&self, ctx: &Ctx<'_>, frame: &FrameMut<'_>) -> u64 {
        match self.key {
            KeySource::Const(key) => key,
            KeySource::IngressIfindex => u64::from(ctx.ingress_ifindex.0),
            KeySource::RxQueueIndex => u64::from(ctx.rx_queue_index.0),
            KeySource::FrameByte { offset, modulo } => byte_rem(frame, offset, modulo.max(1)),
        }
    }
}

/// A byte of the frame, 0 where it has none, and a mask: a division would be the dearest step of all.
#[inline(always)]
fn byte_and(frame: &FrameMut<'_>, offset: u32, mask: u32) -> u64 {
    u64::from(u32::from(frame.byte(offset).unwrap_or(0)) & mask)
}

/// The same modulo something that isn't zero.
#[inline(always)]
fn byte_rem(frame: &FrameMut<'_>, offset: u32, modulo: u32) -> u64 {
    u64::from(u32::from(frame.byte(offset).unwrap_or(0)) % modulo)
}

impl XdpProgram for RedirectMapBy {
    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let key = self.key(ctx, frame);
        ctx.redirect_map(self.map, key, self.flags)
    }

    fn run_poll(&mut self, ctx: &mut Ctx<'_>, poll: &mut PollFrames<'_>, out: &mut Decided) {
        match self.key {
            KeySource::FrameByte { offset, modulo } if self.flags & !RedirectFlags::ACTION_MASK == 0 => {
                let (map, flags) = (self.map, self.flags);
                match modulo.max(1) {
                    modulo if modulo.is_power_of_two() => {
                        let mask = modulo - 1;
                        ctx.redirect_map_each(map, flags, poll, out, |frame| byte_and(frame, offset, mask));
                    }
                    modulo => {
                        ctx.redirect_map_each(map, flags, poll, out, |frame| byte_rem(frame, offset, modulo));
                    }
                }
            }
            _ => run_each(self, ctx, poll, out),
        }
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}
