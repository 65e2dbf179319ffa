//! The world that an object's program sees: the core's context, answered in the program's terms.
//!
//! What redirects do is the core's business (HLP-01 to HLP-17); here a map's place in the machine becomes the
//! model's map.

use xdpsim_core::frame::FrameMark;
use xdpsim_core::rules::Rules;
use xdpsim_core::{CpuId, Ctx, Errno, IfIndex, KernelVersion, MapId, MapKey, XdpAction};
use xdpsim_vm::MapIdx;
use xdpsim_vm::fib::Fib;
use xdpsim_vm::helpers::World;
use xdpsim_vm::maps::Kind;

use super::kept::Place;
use super::told::{Tellings, Told};

/// A program's surroundings for one run.
pub(super) struct Surroundings<'a, 'c> {
    pub ctx: &'a mut Ctx<'c>,
    /// By map: the map of the model, if it is a DEVMAP or holds them.
    pub targets: &'a [Option<MapId>],
    pub kernel: KernelVersion,
    pub fib: &'a Fib,
    /// The frame that the program runs on.
    pub frame: FrameMark,
    /// In a poll whose verdicts are recorded.
    pub place: Option<Place<'a>>,
    /// By map.
    pub names: &'a [String],
    pub told: &'a mut Tellings,
}

impl Surroundings<'_, '_> {
    /// A run on a frame of a poll has ended so.
    #[inline(always)]
    pub fn end(&mut self, verdict: XdpAction) {
        if let Some(place) = &mut self.place {
            place.decide(self.ctx, verdict);
        }
    }

    /// What the frames before have left to be done, before anything is done for this one.
    #[inline]
    pub fn settle(&mut self) {
        if let Some(place) = &mut self.place {
            place.settle(self.ctx);
        }
    }

    #[cold]
    fn keep_first(&mut self, map: MapIdx, key: u64, flags: u64) -> bool {
        let (Some(of), Some(place)) = (self.devmap(map), &mut self.place) else { return false };
        place.keep_first(self.ctx, (map, of), key, flags)
    }

    #[inline]
    fn devmap(&self, map: MapIdx) -> Option<MapId> {
        *self.targets.get(map.0 as usize)?
    }
}

impl World for Surroundings<'_, '_> {
    #[inline]
    fn cpu(&self) -> CpuId {
        self.ctx.cpu
    }

    #[inline]
    fn now(&self) -> u64 {
        self.ctx.now.0
    }

    fn random(&mut self) -> u32 {
        self.ctx.prandom_u32()
    }

    fn redirect(&mut self, ifindex: IfIndex, flags: u64) -> u64 {
        self.settle();
        self.ctx.redirect(ifindex, flags).0.into()
    }

    #[inline]
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64 {
        match self.devmap(map) {
            Some(map) => {
                self.settle();
                self.ctx.redirect_map(map, key, flags).0.into()
            }
            // Asked of DEVMAPs only.
            None => 0,
        }
    }

    #[inline(always)]
    fn keep_redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> bool {
        let kept = self.place.as_mut().is_some_and(|place| place.keep(map, key, flags));
        kept || self.keep_first(map, key, flags)
    }

    fn redirect_groups(&mut self, map: MapIdx, index: u64, flags: u64) -> Option<u64> {
        let map = self.devmap(map)?;
        self.settle();
        Some(self.ctx.redirect_map(map, index, flags).0.into())
    }

    fn redirect_map_multi(&mut self, map: MapIdx, ex_map: Option<MapIdx>, flags: u64) -> Option<u64> {
        if !matches!(self.ctx.rules(), Rules::TwoMaps { .. }) {
            return None;
        }
        let map = self.devmap(map)?;
        let ex_map = match ex_map {
            Some(ex_map) => Some(self.devmap(ex_map)?),
            None => None,
        };
        self.settle();
        Some(self.ctx.redirect_map_multi(map, ex_map, flags).0.into())
    }

    fn has_target(&mut self, map: MapIdx, key: u32) -> bool {
        self.devmap(map).is_some_and(|map| self.ctx.lookup(map, MapKey(key)).is_some())
    }

    fn redirect_elsewhere(&mut self, target: Option<(MapIdx, Kind, u64)>) -> u64 {
        self.settle();
        let key = target.map_or(0, |(.., key)| key);
        self.ctx.redirect_elsewhere(target.is_some(), key, 0).0.into()
    }

    fn event(&mut self, map: MapIdx, slot: u32, data: &[u8]) -> Result<(), Errno> {
        let (frame, names) = (self.ctx.marked(self.frame), self.names);
        let name = || names.get(map.0 as usize).cloned().unwrap_or_default();
        self.told.tell(data, || Told::perf(frame, name(), slot, data));
        Ok(())
    }

    fn print(&mut self, text: &[u8]) {
        let frame = self.ctx.marked(self.frame);
        self.told.tell(text, || Told::print(frame, text));
    }

    fn fib(&self) -> &Fib {
        self.fib
    }

    fn kernel(&self) -> (u16, u16) {
        (self.kernel.major, self.kernel.minor)
    }
}
