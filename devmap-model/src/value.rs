//! The values of a DEVMAP or DEVMAP_HASH: as written, as read back, and as a program finds them.
//!
//! Rules: MAP-02.

use crate::{DevId, IfIndex, ProgFd, ProgId};

/// What an update writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DevmapValue {
    /// The device, by its index in the caller's namespace. 0 clears a DEVMAP's slot (MAP-03).
    pub ifindex: IfIndex,
    /// The program for frames to this entry. `None` where the value has 4 bytes only; zero and below mean
    /// the same (MAP-02).
    pub prog_fd: Option<ProgFd>,
}

impl DevmapValue {
    /// A device without a program.
    pub const fn device(ifindex: IfIndex) -> DevmapValue {
        DevmapValue { ifindex, prog_fd: None }
    }

    /// A device with a program.
    pub const fn with_program(ifindex: IfIndex, fd: ProgFd) -> DevmapValue {
        DevmapValue { ifindex, prog_fd: Some(fd) }
    }
}

/// What a lookup through the system call reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DevmapInfo {
    /// The index that was written.
    pub ifindex: IfIndex,
    /// The id of the entry's program; `None` is read as 0.
    pub prog_id: Option<ProgId>,
}

/// A live entry, as a program's lookup finds it.
///
/// Read once per frame, so it is small (16 bytes, in an `Option` too) and copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The device itself: resolved once, when the entry was written (MAP-12).
    pub dev: DevId,
    /// The index that was written, which is the device's in *its* namespace.
    pub ifindex: IfIndex,
    /// The program that frames to this entry pass.
    pub prog: Option<ProgId>,
}

impl Entry {
    /// What the system call reads back from this entry.
    pub const fn info(self) -> DevmapInfo {
        DevmapInfo { ifindex: self.ifindex, prog_id: self.prog }
    }
}
