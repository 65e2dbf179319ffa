//! Attachments of programs to devices.

use std::os::fd::{AsFd, OwnedFd};

use super::error::BpfError;
use super::prog::{Prog, attach_type};
use super::sys;

/// `XDP_FLAGS_SKB_MODE`.
const SKB_MODE: u32 = 1 << 1;
/// `XDP_FLAGS_DRV_MODE`.
const DRV_MODE: u32 = 1 << 2;

/// A program attached to a device. Dropping it detaches; a device that goes does, too.
#[derive(Debug)]
pub struct XdpLink(OwnedFd);

impl XdpLink {
    /// Attaches in native mode to the device with this index in the calling thread's namespace.
    ///
    /// # Errors
    /// What the kernel says: EINVAL for a devmap program (MAP-16), EBUSY if there is a program already.
    pub fn native(prog: &Prog, ifindex: u32) -> Result<Self, BpfError> {
        sys::link_create(prog.as_fd(), ifindex, attach_type::XDP, DRV_MODE).map(Self)
    }

    /// The same in generic mode.
    ///
    /// # Errors
    /// As [`XdpLink::native`].
    pub fn generic(prog: &Prog, ifindex: u32) -> Result<Self, BpfError> {
        sys::link_create(prog.as_fd(), ifindex, attach_type::XDP, SKB_MODE).map(Self)
    }

    /// Puts another program in its place.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn update(&self, prog: &Prog) -> Result<(), BpfError> {
        sys::link_update(self.0.as_fd(), prog.as_fd())
    }
}
