//! The three steps of a redirect, one file a step.
//!
//! 1. [`helper`]: `bpf_redirect()` and `bpf_redirect_map()` look the target up and remember it.
//! 2. [`enqueue`] and [`broadcast`]: `xdp_do_redirect()` puts the frame into per-CPU, per-device
//!    [`bulk_queue`]s.
//! 3. [`flush`]: `xdp_do_flush()` hands each queue to its driver, after its [`devmap_prog`].
//!
//! In generic mode [`generic`] is steps 2 and 3: nothing is queued.
//!
//! [`multicast`] is what the multicast patches would have made of steps 1 and 2.
//!
//! [`helper_poll`] and [`runs`] are the fast forms of steps 1 and 2: a whole poll, or whole runs of equal
//! decisions, at once where that is legal.

pub mod broadcast;
pub mod bulk_queue;
pub mod devmap_prog;
pub mod enqueue;
pub mod flush;
pub mod generic;
pub mod helper;
pub mod helper_poll;
pub mod info;
pub mod multicast;
pub mod runs;
#[cfg(test)]
mod tests;

pub use info::RedirectInfo;

use xdpsim_devmap::MapKind;

/// DEVMAP or DEVMAP_HASH?
#[inline]
#[must_use]
pub fn is_devmap(kind: MapKind) -> bool {
    matches!(kind, MapKind::Devmap | MapKind::DevmapHash)
}
