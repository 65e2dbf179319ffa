//! The questions that an update asks about its caller.
//!
//! A map stores devices and programs but knows neither: an interface index means something in the calling
//! task's network namespace only (MAP-12), a descriptor in its file table only.

use crate::{DevId, IfIndex, ProgFd, ProgInfo};

/// The task that makes an update.
pub trait UpdateEnv {
    /// The device with this index in the caller's network namespace.
    fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId>;

    /// The program behind a descriptor; `None` if it isn't open or no program.
    fn prog_by_fd(&self, fd: ProgFd) -> Option<ProgInfo>;

    /// Whether the kernel finds no memory for the new entry, which makes the update fail with ENOMEM.
    fn alloc_fails(&self) -> bool {
        false
    }
}
