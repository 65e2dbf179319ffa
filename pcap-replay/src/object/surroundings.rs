//! The world that an object's program sees: the core's context, answered in the program's terms.
//!
//! What redirects do is the core's business (HLP-01 to HLP-17); here a map's place in the machine becomes the
//! model's map.

use xdpsim_core::poll::Decided;
use xdpsim_core::redirect::helper_poll::Returns;
use xdpsim_core::rules::Rules;
use xdpsim_core::{CpuId, Ctx, Errno, FrameMut, FrameNo, IfIndex, KernelVersion, MapId, MapKey, XdpAction};
use xdpsim_vm::MapIdx;
use xdpsim_vm::fib::Fib;
use xdpsim_vm::helpers::World;
use xdpsim_vm::maps::Kind;

use super::told::{Tellings, Told};

/// A program's surroundings for one run.
pub(super) struct Surroundings<'a, 'c> {
    pub ctx: &'a mut Ctx<'c>,
    /// By map: the map of the model, if it is a DEVMAP or holds them.
    pub targets: &'a [Option<MapId>],
    pub kernel: KernelVersion,
    pub fib: &'a Fib,
    /// The frame that the program runs on.
    pub frame: FrameNo,
    /// Its place, in a poll whose verdicts are recorded.
    pub place: Option<Place<'a, 'c>>,
    /// By map.
    pub names: &'a [String],
    pub told: &'a mut Tellings,
}

/// Where a frame's verdict is recorded.
pub(super) struct Place<'a, 'c> {
    pub out: &'a mut Decided,
    /// The frame's place in its poll.
    pub i: usize,
    /// Is that done already?
    pub decided: bool,
    /// The map that the last program to do so ended with a redirect by.
    pub returns: Option<(MapIdx, Returns<'c>)>,
}

impl Surroundings<'_, '_> {
    /// Before a run on the i-th frame of a poll.
    #[inline(always)]
    pub fn begin(&mut self, i: usize, frame: &FrameMut<'_>) {
        self.ctx.begin();
        self.frame = self.ctx.frame_number(frame);
        if let Some(place) = &mut self.place {
            (place.i, place.decided) = (i, false);
        }
    }

    /// The programs end with this map.
    #[cold]
    fn find(&mut self, map: MapIdx) {
        let returns = self.devmap(map).map(|of| (map, self.ctx.returns(of)));
        if let Some(place) = &mut self.place {
            place.returns = returns;
        }
    }

    /// The run's verdict.
    #[inline(always)]
    pub fn end(&mut self, verdict: XdpAction) {
        if let Some(place) = self.place.as_mut().filter(|place| !place.decided) {
            place.out.verdict(place.i, verdict, self.ctx);
        }
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
        self.ctx.redirect(ifindex, flags).0.into()
    }

    #[inline]
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64 {
        match self.devmap(map) {
            Some(map) => self.ctx.redirect_map(map, key, flags).0.into(),
            // Asked of DEVMAPs only.
            None => 0,
        }
    }

    #[inline(always)]
    fn return_redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64 {
        if self.place.as_ref().is_some_and(|place| place.returns.is_none_or(|(known, _)| known != map)) {
            self.find(map);
        }
        match &mut self.place {
            Some(Place { out, i, decided, returns: Some((_, returns)) }) => {
                *decided = true;
                self.ctx.return_redirect_map(returns, key, flags, *i, out).0.into()
            }
            _ => self.redirect_map(map, key, flags),
        }
    }

    fn redirect_groups(&mut self, map: MapIdx, index: u64, flags: u64) -> Option<u64> {
        let map = self.devmap(map)?;
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
        Some(self.ctx.redirect_map_multi(map, ex_map, flags).0.into())
    }

    fn has_target(&mut self, map: MapIdx, key: u32) -> bool {
        self.devmap(map).is_some_and(|map| self.ctx.lookup(map, MapKey(key)).is_some())
    }

    fn redirect_elsewhere(&mut self, target: Option<(MapIdx, Kind, u64)>) -> u64 {
        let key = target.map_or(0, |(.., key)| key);
        self.ctx.redirect_elsewhere(target.is_some(), key, 0).0.into()
    }

    fn event(&mut self, map: MapIdx, slot: u32, data: &[u8]) -> Result<(), Errno> {
        let (frame, names) = (self.frame, self.names);
        let name = || names.get(map.0 as usize).cloned().unwrap_or_default();
        self.told.tell(data, || Told::perf(frame, name(), slot, data));
        Ok(())
    }

    fn print(&mut self, text: &[u8]) {
        let frame = self.frame;
        self.told.tell(text, || Told::print(frame, text));
    }

    fn fib(&self) -> &Fib {
        self.fib
    }

    fn kernel(&self) -> (u16, u16) {
        (self.kernel.major, self.kernel.minor)
    }
}
