//! Step 1 of the multicast patches: what their helpers check and remember.
//!
//! Out of the way of mainline: [`Ctx::redirect_map`] comes here only with a map that mainline refuses.
//!
//! Rules: MCAST-01 to MCAST-07, MCAST-30, MCAST-37, MCAST-39 to MCAST-41.

use xdpsim_devmap::{GroupIndex, MapId, MapKey, RedirectFlags, XdpAction};

use crate::mutation::Mutations;
use crate::program::Ctx;
use crate::redirect::info::{Early, Note};
use crate::redirect::is_devmap;
use crate::rules::Rules;
use crate::story::HelperCall;

/// BPF_F_EXCLUDE_INGRESS of `bpf_redirect_map_multi()`: not mainline's bit (MCAST-40).
pub const MULTI_EXCLUDE_INGRESS: u64 = 1;

impl Ctx<'_> {
    /// The rules that are active: which of the helpers there are.
    #[inline]
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// `bpf_redirect_map_multi(map, ex_map, flags)`: a copy to every entry of `map` whose device is not in
    /// `ex_map`. Nothing is looked up yet.
    ///
    /// Returns XDP_REDIRECT, or XDP_ABORTED: for any flag but [`MULTI_EXCLUDE_INGRESS`], for an exclude map
    /// that is no DEVMAP_HASH (from v7 on), and for every call that a verifier would refuse
    /// ([`Rules::check_redirect_map_multi`]): there are no fallback bits.
    pub fn redirect_map_multi(&mut self, map: MapId, ex_map: Option<MapId>, flags: u64) -> XdpAction {
        let returned = self.arm_two_maps(map, ex_map, flags);
        let refused = returned != XdpAction::REDIRECT;
        if let Some(log) = &mut self.log {
            log.push(HelperCall::RedirectMulti { map, ex_map, flags, returned, refused });
        }
        returned
    }

    fn arm_two_maps(&mut self, map: MapId, ex_map: Option<MapId>, flags: u64) -> XdpAction {
        let known = match self.mutations.has(Mutations::MULTI_FLAG_OF_MAINLINE) {
            true => RedirectFlags::EXCLUDE_INGRESS.bits(),
            false => MULTI_EXCLUDE_INGRESS,
        };
        let loads = self.rules.check_redirect_map_multi(self.maps, map, ex_map).is_ok();
        if flags & !known != 0 || !loads || !self.takes_as_exclude_map(ex_map) {
            return self.refuse_flags(flags);
        }
        let ri = &mut *self.ri;
        (ri.tgt_index, ri.tgt_value) = (0, None);
        (ri.map, ri.ex_map) = (Some(map), ex_map);
        (ri.map_id, ri.map_type) = (map.0, self.maps.kind(map));
        ri.flags = RedirectFlags::from_bits_retain(flags);
        ri.note = Note::Armed;
        XdpAction::REDIRECT
    }

    /// The one check of the exclude map that is left to the helper (MCAST-39).
    fn takes_as_exclude_map(&self, ex_map: Option<MapId>) -> bool {
        let Rules::TwoMaps { version } = self.rules else { return false };
        let kind = ex_map.and_then(|ex_map| self.maps.kind(ex_map));
        match kind {
            Some(xdpsim_devmap::MapKind::DevmapHash) | None => true,
            Some(kind) => is_devmap(kind) && !version.excludes_by_hash_only(),
        }
    }

    /// `bpf_redirect_map()` on a map that is no device map: the RFC's, or nothing that a verifier lets pass.
    #[cold]
    pub(in crate::redirect) fn redirect_groups(&mut self, map: MapId, index: u64, flags: u64) -> XdpAction {
        let kind = self.maps.kind(map).filter(|&kind| self.rules.takes_groups(kind));
        let Some(kind) = kind.filter(|_| flags & !RedirectFlags::ACTION_MASK == 0) else {
            return self.refuse_flags(flags);
        };
        let index = GroupIndex::from_argument(index);
        let found = self.maps.inner(map, forward_key(index, self.mutations));
        let ri = &mut *self.ri;
        ri.early = found.map_or(Early::Missing, Early::Found);
        ri.tgt_value = None;
        ri.map = None;
        if found.is_none() {
            return self.missed(flags);
        }
        ri.tgt_index = u64::from(index.0);
        ri.map = Some(map);
        (ri.map_id, ri.map_type) = (map.0, Some(kind));
        ri.flags = RedirectFlags::empty();
        ri.note = Note::Armed;
        XdpAction::REDIRECT
    }

    /// What somebody who reads along learns of it.
    #[cold]
    pub(in crate::redirect) fn log_group_call(
        &mut self,
        map: MapId,
        index: u64,
        flags: u64,
        returned: XdpAction,
    ) {
        let refused = self.ri.note == Note::BadFlags;
        let found = match self.ri.early {
            Early::Found(inner) if !refused => Some(inner),
            _ => None,
        };
        let index = GroupIndex::from_argument(index);
        if let Some(log) = &mut self.log {
            log.push(HelperCall::RedirectGroups { map, index, flags, returned, found, refused });
        }
    }
}

/// The key of the forward group (MCAST-02), but for a planted fault.
pub(crate) fn forward_key(index: GroupIndex, mutations: Mutations) -> MapKey {
    match mutations.has(Mutations::RFC_KEYS_SHIFTED) {
        true => MapKey(index.0 >> 16),
        false => index.forward(),
    }
}
