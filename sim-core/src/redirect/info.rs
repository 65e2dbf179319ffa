//! Redirect info: what a helper remembers until `xdp_do_redirect()` consumes it.
//!
//! One per execution context (HLP-20). Rules: HLP-02, HLP-11, HLP-12, HLP-19, HLP-21, MCAST-05, MCAST-41.

use xdpsim_devmap::{Entry, MapId, MapKind, RedirectFlags};

use crate::mutation::Mutations;

/// `map_id` that, with no map type, means "an ifindex is armed".
pub const IFINDEX_ARMED: u32 = i32::MAX as u32;

/// `map_id` that, with no map type, means "a CPU or an AF_XDP socket is armed": which one does not matter here.
pub const ELSEWHERE_ARMED: u32 = u32::MAX;

/// What the last helper call of this frame reported; not part of the kernel's state, kept so that the
/// ledger can say *why* a verdict came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Note {
    /// No helper was called for this frame.
    #[default]
    NoCall = 0,
    /// The last call armed a target.
    Armed = 1,
    /// The last call's lookup failed (HLP-04, HLP-12).
    Missed = 2,
    /// The last call's flags were refused (HLP-03).
    BadFlags = 3,
}

/// What RFC v1's helper found under the forward key. Remembered, but not used for forwarding (MCAST-05).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Early {
    /// That helper was not called.
    #[default]
    NotAsked,
    /// No group.
    Missing,
    /// This one: the kernel's `tgt_value`.
    Found(MapId),
}

/// `struct bpf_redirect_info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedirectInfo {
    /// An ifindex or a map key, as the helper got it.
    pub tgt_index: u64,
    /// The entry that the lookup found.
    pub tgt_value: Option<Entry>,
    /// The map to walk: set for broadcast, and by the multicast patches' helpers.
    pub map: Option<MapId>,
    /// The exclude map of `bpf_redirect_map_multi()`.
    pub ex_map: Option<MapId>,
    /// What RFC v1's helper found.
    pub early: Early,
    /// BROADCAST and EXCLUDE_INGRESS, set for broadcast only; of `bpf_redirect_map_multi()` its own flag.
    pub flags: RedirectFlags,
    /// The map's id, or [`IFINDEX_ARMED`].
    pub map_id: u32,
    /// DEVMAP, DEVMAP_HASH, or nothing (BPF_MAP_TYPE_UNSPEC); for RFC v1 a map of maps.
    pub map_type: Option<MapKind>,
    /// What the last call of this frame reported.
    pub note: Note,
}

impl RedirectInfo {
    /// Arms a redirect to an ifindex; `tgt_value`, `map` and `flags` stay (HLP-02).
    #[inline]
    pub fn arm_ifindex(&mut self) {
        self.map_id = IFINDEX_ARMED;
        self.map_type = None;
    }

    /// Is an ifindex armed?
    #[inline]
    #[must_use]
    pub fn ifindex_armed(&self) -> bool {
        self.map_type.is_none() && self.map_id == IFINDEX_ARMED
    }

    /// Arms a redirect that leaves what is modelled.
    pub(crate) fn arm_elsewhere(&mut self, key: u64) {
        (self.tgt_index, self.tgt_value) = (key, None);
        (self.map_id, self.map_type) = (ELSEWHERE_ARMED, None);
        (self.map, self.flags) = (None, RedirectFlags::empty());
    }

    /// Is such a redirect armed?
    #[inline]
    #[must_use]
    pub fn elsewhere_armed(&self) -> bool {
        self.map_type.is_none() && self.map_id == ELSEWHERE_ARMED
    }

    /// Before 6.11 each run of a program begins with nothing armed; index, entry, map and flags stay (HLP-20.d).
    pub fn disarm(&mut self) {
        self.map_id = 0;
        self.map_type = None;
    }

    /// `xdp_do_redirect()` takes what it needs and clears the rest, whether it succeeds or not; index
    /// and entry stay (HLP-19).
    #[inline]
    pub fn consume(&mut self, mutations: Mutations) {
        if mutations.has(Mutations::RI_NOT_CONSUMED) {
            return;
        }
        self.disarm();
        self.flags = RedirectFlags::empty();
    }

    /// A new frame's program begins.
    #[inline]
    pub(crate) fn begin_frame(&mut self) {
        self.note = Note::NoCall;
    }
}
