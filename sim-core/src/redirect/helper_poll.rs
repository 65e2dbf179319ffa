//! Step 1 in a poll: fast forms of `return bpf_redirect_map()`, for the end of a program and for one that is nothing else.
//!
//! Both give what [`super::helper`] gives frame by frame. For a whole poll, the trick is that a helper call that finds its entry
//! sets all of the redirect info, and the verdict then consumes it: of a stretch of such frames only the last
//! one leaves a trace. So the last one takes the ordinary call, and so do all of a stretch in which a key is
//! not there.
//!
//! Rules: HLP-04, HLP-10, HLP-19.

use xdpsim_devmap::{Devmap, Entry, Map, MapId, MapKey, RedirectFlags, XdpAction};

use crate::frame::FrameMut;
use crate::poll::{Decided, Decision, Key};
use crate::program::{Ctx, PollFrames};

/// Frames that are looked at together: two short loops over them are faster than a long one.
const STRETCH: usize = 32;

/// A map that programs end with a redirect by: see [`Ctx::returns`].
#[derive(Clone, Copy, Debug)]
pub struct Returns<'a> {
    map: MapId,
    /// Where its entries are, if a call that finds one has nothing to do but to redirect.
    devmap: Option<&'a Devmap>,
}

impl<'a> Ctx<'a> {
    /// What `return bpf_redirect_map(map, key(frame), verdict)` does, on every frame of the poll.
    /// `verdict`: the low two bits of the helper's flags (HLP-04), to which it is cut.
    ///
    /// For the [`XdpProgram::run_poll`](crate::XdpProgram::run_poll) of a program that is just this call;
    /// its `run` has to do the same, frame by frame.
    #[inline(always)]
    pub fn redirect_map_each(
        &mut self,
        map: MapId,
        verdict: u64,
        poll: &mut PollFrames<'_>,
        out: &mut Decided,
        key: impl Fn(&FrameMut<'_>) -> u64,
    ) {
        let maps = self.maps;
        match maps.get(map) {
            Some(Map::Devmap(devmap)) if self.mutations.is_empty() => {
                self.each(map, verdict, poll, out, key, |key| devmap.entry(key));
            }
            Some(Map::DevmapHash(devmap)) if self.mutations.is_empty() => {
                self.each(map, verdict, poll, out, key, |key| devmap.entry(key));
            }
            _ => self.each(map, verdict, poll, out, key, |_| None),
        }
    }

    /// For [`Ctx::return_redirect_map`] on this map in a poll.
    #[must_use]
    pub fn returns(&self, map: MapId) -> Returns<'a> {
        let devmap = match self.maps.get(map) {
            Some(Map::Devmap(devmap)) if self.is_usual() => Some(devmap),
            _ => None,
        };
        Returns { map, devmap }
    }

    /// Does nobody want to know of single calls?
    fn is_usual(&self) -> bool {
        self.mutations.is_empty() && !self.keep_keys && self.log.is_none()
    }

    /// What `return bpf_redirect_map(map, key, flags)` does at the end of a program that ran on frame `i` of a poll: the
    /// call, and its verdict.
    ///
    /// For an [`XdpProgram::run_poll`](crate::XdpProgram::run_poll) of one's own, in place of
    /// [`Ctx::redirect_map`] and [`Decided::verdict`].
    #[inline(always)]
    pub fn return_redirect_map(
        &mut self,
        returns: &Returns<'a>,
        key: u64,
        flags: u64,
        i: usize,
        out: &mut Decided,
    ) -> XdpAction {
        let entry = returns.devmap.and_then(|devmap| devmap.redirect_lookup(MapKey::from_argument(key)));
        match entry {
            Some(entry) if flags & !RedirectFlags::ACTION_MASK == 0 => {
                out.decide(i, Decision::device(entry));
                self.ri.spend(key, entry);
                XdpAction::REDIRECT
            }
            _ => self.one(returns.map, flags, i, key, out),
        }
    }

    #[inline(always)]
    fn each<'m>(
        &mut self,
        map: MapId,
        verdict: u64,
        poll: &mut PollFrames<'_>,
        out: &mut Decided,
        key: impl Fn(&FrameMut<'_>) -> u64,
        entry: impl Fn(MapKey) -> Option<&'m Entry>,
    ) {
        let mut keys = [0; STRETCH];
        for from in (0..poll.len()).step_by(STRETCH) {
            let keys = &mut keys[..STRETCH.min(poll.len() - from)];
            for (i, slot) in (from..).zip(keys.iter_mut()) {
                *slot = key(&poll.frame(i));
            }
            let entry = |key: &u64| entry(MapKey::from_argument(*key));
            let decided = out.stretch_mut(from, keys.len());
            let found = keys.iter().zip(decided).all(|(key, decided)| match entry(key) {
                Some(entry) => {
                    *decided = Decision::device(*entry).pack();
                    true
                }
                None => false,
            });
            if found && self.keep_keys {
                for (i, key) in (from..).zip(keys.iter()) {
                    let to_ifindex = entry(key).map_or(0, |entry| entry.ifindex.0);
                    out.keep(i, Key { map_id: map.0, index: *key as u32, to_ifindex });
                }
            }
            // Where it finds its entry, calling the helper twice is like calling it once.
            let ordinary = if found { keys.len() - 1 } else { 0 };
            for (i, key) in (from + ordinary..).zip(&keys[ordinary..]) {
                self.begin();
                self.one(map, verdict & 3, i, *key, out);
            }
        }
    }

    /// The ordinary call.
    #[inline(never)]
    fn one(&mut self, map: MapId, flags: u64, i: usize, key: u64, out: &mut Decided) -> XdpAction {
        let act = self.redirect_map(map, key, flags);
        out.verdict(i, act, self);
        act
    }
}
