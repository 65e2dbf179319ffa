//! Frames of a poll whose program ended with the same redirect: carried out together.
//!
//! Most programs that redirect end with `return bpf_redirect_map()`. The call then changes what is remembered for
//! `xdp_do_redirect()` and nothing else, and it is the core that does both; so it is enough that it has happened before
//! anything else looks there (HLP-04, HLP-19).

use xdpsim_core::poll::Decided;
use xdpsim_core::{Ctx, MapId, XdpAction};
use xdpsim_vm::MapIdx;

use super::verdicts::Verdicts;

/// Where the frames of a poll are decided, one after the other.
pub(super) struct Place<'a> {
    out: &'a mut Decided,
    verdicts: &'a mut Verdicts,
    /// Everything in front of this frame is decided.
    decided: usize,
    /// The frames from there up to the current one end with this redirect.
    by: By,
    keys: [u64; STRETCH],
    kept: usize,
}

/// Frames that are kept at most: as many as the core looks at together.
const STRETCH: usize = 32;

#[derive(Clone, Copy)]
struct By {
    map: MapIdx,
    flags: u64,
    of: MapId,
}

impl By {
    /// A map that no program has.
    const NONE: Self = Self { map: MapIdx(u32::MAX), flags: 0, of: MapId(0) };
}

impl<'a> Place<'a> {
    /// Before the frame `from` of the poll.
    pub fn new(ctx: &mut Ctx<'_>, from: usize, out: &'a mut Decided, verdicts: &'a mut Verdicts) -> Self {
        ctx.begin();
        Self { out, verdicts, decided: from, by: By::NONE, keys: [0; STRETCH], kept: 0 }
    }

    /// The current frame's program ends with this redirect: `true` if it is kept, because the frames in front ended so, too.
    #[inline(always)]
    pub fn keep(&mut self, map: MapIdx, key: u64, flags: u64) -> bool {
        if (self.by.map, self.by.flags) != (map, flags) {
            return false;
        }
        let Some(slot) = self.keys.get_mut(self.kept) else { return false };
        *slot = key;
        self.kept += 1;
        true
    }

    /// The same where they did not, or where there is no room for more.
    pub fn keep_first(&mut self, ctx: &mut Ctx<'_>, by: (MapIdx, MapId), key: u64, flags: u64) -> bool {
        self.settle(ctx);
        let (map, of) = by;
        self.by = if ctx.redirects_in_stretches(of, flags) { By { map, flags, of } } else { By::NONE };
        self.keep(map, key, flags)
    }

    /// Carries out what is kept: afterwards all is as at the beginning of the current frame.
    #[inline(always)]
    pub fn settle(&mut self, ctx: &mut Ctx<'_>) {
        if self.kept > 0 {
            self.carry_out(ctx);
        }
    }

    #[inline(never)]
    fn carry_out(&mut self, ctx: &mut Ctx<'_>) {
        let By { of, flags, .. } = self.by;
        let n = std::mem::take(&mut self.kept);
        let redirected = ctx.redirect_map_stretch(of, flags, self.decided, &self.keys[..n], self.out);
        self.verdicts.count(XdpAction::REDIRECT, redirected);
        self.verdicts.count(XdpAction(flags as u32), n - redirected);
        self.decided += n;
        ctx.begin();
    }

    /// The current frame's verdict.
    #[inline(always)]
    pub fn decide(&mut self, ctx: &mut Ctx<'_>, verdict: XdpAction) {
        self.settle(ctx);
        self.out.verdict(self.decided, verdict, ctx);
        self.verdicts.count(verdict, 1);
        self.decided += 1;
        ctx.begin();
    }
}
