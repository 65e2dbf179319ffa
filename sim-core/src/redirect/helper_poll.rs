//! Step 1 in a poll: a fast form of `return bpf_redirect_map()`, at the end of many runs of a program or of one that is
//! nothing else.
//!
//! It gives what [`super::helper`] gives frame by frame. The trick is that a helper call that finds its entry
//! sets all of the redirect info, and the verdict then consumes it: of a stretch of such frames only the last
//! one leaves a trace. So the last one takes the ordinary call, and so do all of a stretch in which a key is
//! not there.
//!
//! Rules: HLP-04, HLP-10, HLP-19.

use xdpsim_devmap::{Entry, Map, MapId, MapKey, RedirectFlags, XdpAction};

use crate::frame::FrameMut;
use crate::poll::{Decided, Decision, Key};
use crate::program::{Ctx, PollFrames};

/// Frames that are looked at together: two short loops over them are faster than a long one.
const STRETCH: usize = 32;

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
        let mut keys = [0; STRETCH];
        for from in (0..poll.len()).step_by(STRETCH) {
            let keys = &mut keys[..STRETCH.min(poll.len() - from)];
            for (i, slot) in (from..).zip(keys.iter_mut()) {
                *slot = key(&poll.frame(i));
            }
            self.redirect_map_stretch(map, verdict, from, keys, out);
        }
    }

    /// May frames that end with `return bpf_redirect_map(map, key, flags)` be told to [`Ctx::redirect_map_stretch`]? If the
    /// map is a device map, the flags are nothing but the verdict for keys that are not there (HLP-04), and nobody wants
    /// to know of single calls.
    #[must_use]
    pub fn redirects_in_stretches(&self, map: MapId, flags: u64) -> bool {
        let known = matches!(self.maps.get(map), Some(Map::Devmap(_) | Map::DevmapHash(_)));
        known && flags & !RedirectFlags::ACTION_MASK == 0 && self.mutations.is_empty() && self.log.is_none()
    }

    /// What `return bpf_redirect_map(map, key, verdict)` does on frames that follow each other in a poll, `from` on: the
    /// call, and its verdict. Says of how many the verdict is XDP_REDIRECT; of the others it is `verdict`.
    ///
    /// For an [`XdpProgram::run_poll`](crate::XdpProgram::run_poll) of one's own, in place of
    /// [`Ctx::redirect_map`] and [`Decided::verdict`], where [`Ctx::redirects_in_stretches`].
    #[inline(never)]
    pub fn redirect_map_stretch(
        &mut self,
        map: MapId,
        verdict: u64,
        from: usize,
        keys: &[u64],
        out: &mut Decided,
    ) -> usize {
        let maps = self.maps;
        match maps.get(map) {
            Some(Map::Devmap(devmap)) if self.mutations.is_empty() => {
                self.stretch(map, verdict, from, keys, out, |key| devmap.entry(key))
            }
            Some(Map::DevmapHash(devmap)) if self.mutations.is_empty() => {
                self.stretch(map, verdict, from, keys, out, |key| devmap.entry(key))
            }
            _ => self.stretch(map, verdict, from, keys, out, |_| None),
        }
    }

    /// Frames that follow each other, with their keys.
    #[inline(always)]
    fn stretch<'m>(
        &mut self,
        map: MapId,
        verdict: u64,
        from: usize,
        keys: &[u64],
        out: &mut Decided,
        entry: impl Fn(MapKey) -> Option<&'m Entry>,
    ) -> usize {
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
            for (i, key) in (from..).zip(keys) {
                let to_ifindex = entry(key).map_or(0, |entry| entry.ifindex.0);
                out.keep(i, Key { map_id: map.0, index: *key as u32, to_ifindex });
            }
        }
        // Where it finds its entry, calling the helper twice is like calling it once.
        let before = if found { keys.len().saturating_sub(1) } else { 0 };
        let mut redirected = before;
        for (i, key) in (from + before..).zip(&keys[before..]) {
            self.begin();
            redirected += usize::from(self.one(map, verdict & 3, i, *key, out) == XdpAction::REDIRECT);
        }
        redirected
    }

    /// The ordinary call.
    #[inline(never)]
    fn one(&mut self, map: MapId, flags: u64, i: usize, key: u64, out: &mut Decided) -> XdpAction {
        let act = self.redirect_map(map, key, flags);
        out.verdict(i, act, self);
        act
    }
}
