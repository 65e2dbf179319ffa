//! The flag words of helper calls, map updates and map creation.
//!
//! A set made with `from_bits_retain` keeps every raw bit: rejecting the bits that a call doesn't know
//! is part of what is modelled, so it happens in the call, never here.
//!
//! Rules: HLP-05.

use crate::XdpAction;
use bitflags::bitflags;

bitflags! {
    /// The `flags` argument of `bpf_redirect_map()`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct RedirectFlags: u64 {
        /// Send a copy to every entry of the map (`BPF_F_BROADCAST`).
        const BROADCAST = 8;
        /// Leave out the device the frame came in on (`BPF_F_EXCLUDE_INGRESS`).
        const EXCLUDE_INGRESS = 16;
    }
}

impl RedirectFlags {
    /// The low bits that hold the verdict for a failed lookup.
    pub const ACTION_MASK: u64 = 3;

    /// Whether the helper accepts these flags on a DEVMAP or DEVMAP_HASH (HLP-05).
    ///
    /// ```
    /// use xdpsim_devmap::RedirectFlags;
    /// assert!(RedirectFlags::from_bits_retain(8 | 16 | 3).allowed_on_devmap());
    /// assert!(!RedirectFlags::from_bits_retain(4).allowed_on_devmap());
    /// ```
    #[inline]
    pub const fn allowed_on_devmap(self) -> bool {
        self.bits() & !(RedirectFlags::all().bits() | RedirectFlags::ACTION_MASK) == 0
    }

    /// The verdict that the low bits ask for when the lookup fails (HLP-04).
    #[inline]
    pub const fn fallback(self) -> XdpAction {
        XdpAction((self.bits() & RedirectFlags::ACTION_MASK) as u32)
    }
}

bitflags! {
    /// The `flags` of a map update. The empty set is `BPF_ANY`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct UpdateFlags: u64 {
        /// Only create (`BPF_NOEXIST`).
        const NOEXIST = 1;
        /// Only change (`BPF_EXIST`).
        const EXIST = 2;
        /// Take the value's spin lock (`BPF_F_LOCK`); no redirect map has one.
        const LOCK = 4;
    }
}

impl UpdateFlags {
    /// Create or change (`BPF_ANY`).
    pub const ANY: UpdateFlags = UpdateFlags::empty();

    /// `BPF_EXIST` is the highest of three *numbers*, so a map takes 0, 1 and 2 but not 1 | 2.
    pub(crate) const fn is_known(self) -> bool {
        self.bits() <= UpdateFlags::EXIST.bits()
    }
}

bitflags! {
    /// The flags a map is created with, and reports.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct MapFlags: u32 {
        /// Allocate elements when they are inserted (`BPF_F_NO_PREALLOC`).
        const NO_PREALLOC = 0x1;
        /// One list of old elements per CPU (`BPF_F_NO_COMMON_LRU`).
        const NO_COMMON_LRU = 0x2;
        /// Allocate on a chosen memory node (`BPF_F_NUMA_NODE`).
        const NUMA_NODE = 0x4;
        /// The descriptor may only read (`BPF_F_RDONLY`).
        const RDONLY = 0x8;
        /// The descriptor may only write (`BPF_F_WRONLY`).
        const WRONLY = 0x10;
        /// Store build ids, not addresses (`BPF_F_STACK_BUILD_ID`).
        const STACK_BUILD_ID = 0x20;
        /// Start a hash from seed 0 (`BPF_F_ZERO_SEED`).
        const ZERO_SEED = 0x40;
        /// Programs may only read (`BPF_F_RDONLY_PROG`).
        const RDONLY_PROG = 0x80;
        /// Programs may only write (`BPF_F_WRONLY_PROG`).
        const WRONLY_PROG = 0x100;
        /// Copy on accept (`BPF_F_CLONE`).
        const CLONE = 0x200;
        /// The values can be mapped into memory (`BPF_F_MMAPABLE`).
        const MMAPABLE = 0x400;
        /// Keep elements when their descriptor closes (`BPF_F_PRESERVE_ELEMS`).
        const PRESERVE_ELEMS = 0x800;
        /// An array whose size may differ from the template's (`BPF_F_INNER_MAP`).
        const INNER_MAP = 0x1000;
    }
}

impl MapFlags {
    /// How the new descriptor may be used is no property of the map, so the map doesn't report it.
    const ACCESS: MapFlags = MapFlags::RDONLY.union(MapFlags::WRONLY);

    /// A descriptor that may only read and only write is refused.
    pub(crate) const fn is_one_access(self) -> bool {
        !self.contains(MapFlags::ACCESS)
    }

    /// Those that the map keeps and reports.
    pub(crate) const fn of_the_map(self) -> MapFlags {
        self.difference(MapFlags::ACCESS)
    }
}
