//! The kernel's networking: anonymous namespaces, links in them, sockets at their ends, counters.
//!
//! Nothing here has a name outside the process: a namespace lives as long as a file descriptor refers to
//! it, and its links die with it. So a run leaves nothing behind, however it ends.
//!
//! Owns every system call that is not bpf(2); `unsafe` is in `sys` and `region` only. Errors are
//! [`NetError`]: what was tried, on what, and the kernel's errno.

mod links;
mod netns;
mod packet;
mod region;
mod routes;
mod stats;
mod sys;
mod xsk;

use std::io;

pub use links::{Links, VethEnd};
pub use netns::{Inside, Netns};
pub use packet::PacketSocket;
pub use routes::set_sysctl;
pub use stats::{Drops, DropsReader, PortStats};
pub use sys::{allow_cpus, cpus_allowed};
pub use xsk::{XskConfig, XskSocket};

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct NetError {
    /// What was tried, on what.
    pub what: String,
    /// The kernel's answer.
    pub source: io::Error,
}

impl NetError {
    /// This attempt failed like that.
    #[must_use]
    pub fn new(what: impl Into<String>, source: io::Error) -> Self {
        Self { what: what.into(), source }
    }

    /// The positive errno, 0 if it was not the kernel's answer.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(0)
    }
}

/// Names the attempt in an I/O result.
trait Tried<T> {
    /// With `what` in front of the error.
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, NetError>;
}

impl<T> Tried<T> for io::Result<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, NetError> {
        self.map_err(|source| NetError::new(what(), source))
    }
}
