//! What a map asks about a program before it takes it as an entry's program.
//!
//! The facts only; which of them a map insists on is decided in [`crate::owner`] and at the update.

use crate::ProgId;

/// The type a program was loaded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProgType {
    /// `BPF_PROG_TYPE_XDP`.
    Xdp,
    /// Any other.
    Other,
}

/// The attach type a program was loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttachType {
    /// To a device (`BPF_XDP`).
    Xdp,
    /// To an entry of a DEVMAP or DEVMAP_HASH (`BPF_XDP_DEVMAP`).
    Devmap,
    /// To an entry of a CPUMAP (`BPF_XDP_CPUMAP`).
    Cpumap,
}

/// The facts about a loaded program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProgInfo {
    /// Its id.
    pub id: ProgId,
    /// Its type.
    pub prog_type: ProgType,
    /// What it may be attached to.
    pub attach_type: AttachType,
    /// Whether it accepts frames in several buffers.
    pub frags: bool,
    /// Whether it runs as compiled code.
    pub jited: bool,
    /// Whether it was loaded for one device.
    pub device_bound: bool,
}
