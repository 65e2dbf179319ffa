//! Step 1: `bpf_redirect()` and `bpf_redirect_map()`.
//!
//! A helper looks its target up, remembers it in the [`RedirectInfo`] and returns the verdict that the
//! program should return. Nothing is sent here.
//!
//! Rules: HLP-01 to HLP-11, HLP-16.

use xdpsim_devmap::{Entry, IfIndex, MapId, MapKey, MapKind, RedirectFlags, XdpAction};

use super::info::{Note, RedirectInfo};
use crate::mutation::Mutations;
use crate::program::Ctx;
use crate::story::HelperCall;

impl Ctx<'_> {
    /// `bpf_redirect(ifindex, flags)`: the target is found, or not, when the verdict is acted on.
    ///
    /// Returns XDP_REDIRECT, or XDP_ABORTED for any flag (HLP-01).
    pub fn redirect(&mut self, ifindex: IfIndex, flags: u64) -> XdpAction {
        let returned = if flags != 0 {
            self.ri.note = Note::BadFlags;
            XdpAction::ABORTED
        } else {
            self.ri.tgt_index = u64::from(ifindex.0);
            self.ri.arm_ifindex();
            self.ri.note = Note::Armed;
            XdpAction::REDIRECT
        };
        if let Some(log) = &mut self.log {
            log.push(HelperCall::Redirect { ifindex, flags, returned });
        }
        returned
    }

    /// `bpf_redirect_map(map, key, flags)` for DEVMAP and DEVMAP_HASH.
    ///
    /// Returns XDP_REDIRECT; XDP_ABORTED for flags that the map type does not know (HLP-03, HLP-05);
    /// the low two bits of `flags` if the key is not there and no broadcast is asked for (HLP-04).
    /// Also XDP_ABORTED for a map of another kind, which a verifier would refuse (HLP-17). Under the rules of
    /// [RFC v1](crate::rules::Rules) a map of devmaps is taken, too: `key` is an index of two group numbers
    /// then, and only the low two bits are flags (MCAST-01, MCAST-30).
    #[inline(always)]
    pub fn redirect_map(&mut self, map: MapId, key: u64, flags: u64) -> XdpAction {
        let target = self.maps.redirect_target(map, MapKey::from_argument(key));
        let returned = self.arm_map(map, key, flags, target);
        if self.log.is_some() {
            match target {
                None if self.maps.kind(map).is_some_and(|kind| self.rules.takes_groups(kind)) => {
                    self.log_group_call(map, key, flags, returned);
                }
                _ => self.log_map_call(map, key, flags, returned, target.and_then(|(_, found)| found)),
            }
        }
        returned
    }

    /// `bpf_redirect_map(map, key, flags)` for CPUMAP and XSKMAP, which are not kept here: the caller knows
    /// whether the entry is there. A frame that is redirected so ends as
    /// [`Fate::NotModelled`](crate::Fate::NotModelled).
    pub fn redirect_elsewhere(&mut self, found: bool, key: u64, flags: u64) -> XdpAction {
        let returned = if flags & !RedirectFlags::ACTION_MASK != 0 {
            self.refuse_flags(flags)
        } else if !found {
            self.ri.tgt_value = None;
            self.missed(flags)
        } else {
            self.ri.arm_elsewhere(key);
            self.ri.note = Note::Armed;
            XdpAction::REDIRECT
        };
        if let Some(log) = &mut self.log {
            log.push(HelperCall::Elsewhere { key, flags, returned, found });
        }
        returned
    }

    #[cold]
    fn log_map_call(&mut self, map: MapId, key: u64, flags: u64, returned: XdpAction, found: Option<Entry>) {
        let refused = self.ri.note == Note::BadFlags;
        let found = if refused { None } else { found };
        if let Some(log) = &mut self.log {
            log.push(HelperCall::RedirectMap { map, key, flags, returned, found, refused });
        }
    }

    /// `__bpf_xdp_redirect_map()`, in its order (HLP-03).
    #[inline(always)]
    fn arm_map(
        &mut self,
        map: MapId,
        key: u64,
        flags: u64,
        target: Option<(MapKind, Option<Entry>)>,
    ) -> XdpAction {
        let known = RedirectFlags::ACTION_MASK | RedirectFlags::all().bits();
        let Some((kind, found)) = target.filter(|_| flags & !known == 0) else {
            return match target {
                None => self.redirect_groups(map, key, flags),
                Some(_) => self.refuse_flags(flags),
            };
        };
        let found = match found {
            Some(_) if key >> 32 != 0 && self.mutations.has(Mutations::KEY_NOT_CUT) => None,
            found => found,
        };
        let ri = &mut *self.ri;
        ri.tgt_value = found;
        let broadcast = flags & RedirectFlags::BROADCAST.bits() != 0;
        if found.is_none() && !broadcast {
            return self.missed(flags);
        }
        ri.tgt_index = key;
        ri.map_id = map.0;
        ri.map_type = Some(kind);
        ri.note = Note::Armed;
        if broadcast {
            ri.map = Some(map);
            ri.flags = RedirectFlags::from_bits_retain(flags & !RedirectFlags::ACTION_MASK);
        } else {
            ri.map = None;
            ri.flags = RedirectFlags::empty();
        }
        XdpAction::REDIRECT
    }

    /// A failed lookup does not disarm: an *ifindex* equal to the old index is armed now (HLP-12).
    pub(in crate::redirect) fn missed(&mut self, flags: u64) -> XdpAction {
        self.ri.arm_ifindex();
        if self.mutations.has(Mutations::MISS_DISARMS) {
            *self.ri = RedirectInfo::default();
        }
        self.ri.note = Note::Missed;
        XdpAction((flags & RedirectFlags::ACTION_MASK) as u32)
    }

    #[cold]
    pub(in crate::redirect) fn refuse_flags(&mut self, flags: u64) -> XdpAction {
        if self.mutations.has(Mutations::BAD_FLAGS_DISARM) {
            *self.ri = RedirectInfo::default();
        }
        self.ri.note = Note::BadFlags;
        if self.mutations.has(Mutations::BAD_FLAGS_FALL_BACK) {
            return XdpAction((flags & RedirectFlags::ACTION_MASK) as u32);
        }
        XdpAction::ABORTED
    }
}
