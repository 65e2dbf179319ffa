//! The programs that are a single redirect helper call.
//!
//! A key that never changes has a type of its own, so that nothing but the helper runs for a frame.

use xdpsim_devmap::{IfIndex, MapId, XdpAction};

use crate::frame::FrameMut;
use crate::program::{Ctx, XdpProgram};
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
            KeySource::FrameByte { offset, modulo } => {
                let byte = u32::from(frame.byte(offset).unwrap_or(0));
                let modulo = modulo.max(1);
                // A division would be the dearest step of the whole frame.
                u64::from(if modulo.is_power_of_two() { byte & (modulo - 1) } else { byte % modulo })
            }
        }
    }
}

impl XdpProgram for RedirectMapBy {
    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let key = self.key(ctx, frame);
        ctx.redirect_map(self.map, key, self.flags)
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}
