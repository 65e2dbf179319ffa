//! What stands behind a port: one call per flush, a batch in, an accepted count or an errno out.
//!
//! Rules: FLU-04, FLU-09, DRV-03 to DRV-08 ([`veth`]), and the `nic` ring.

pub mod nic;
pub mod ptr_ring;
pub mod veth;

use bitflags::bitflags;
use xdpsim_devmap::Errno;

use crate::batch::Desc;
use crate::fate::Fate;
use crate::poll::POLL_SLOTS;
use crate::time::Nanos;
use nic::TxRing;
use veth::VethEnd;

bitflags! {
    /// Flags of `ndo_xdp_xmit()`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct XmitFlags: u32 {
        /// XDP_XMIT_FLUSH: nothing more comes in this poll, tell the other side.
        const FLUSH = 1;
    }
}

impl XmitFlags {
    /// FLUSH or nothing.
    #[inline]
    #[must_use]
    pub fn flush(flush: bool) -> Self {
        if flush { Self::FLUSH } else { Self::empty() }
    }
}

/// What a bulk of frames looks like to a driver: slots of a table.
#[derive(Clone, Copy)]
pub struct Bulk<'a> {
    /// The frames in order, by slot.
    pub slots: &'a [u8],
    /// Where slots point.
    pub table: &'a [Desc; POLL_SLOTS],
}

impl Bulk<'_> {
    /// The i-th frame.
    #[inline]
    #[must_use]
    pub fn desc(&self, i: usize) -> Desc {
        self.table[usize::from(self.slots[i])]
    }

    /// How many frames.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// No frames?
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

/// What became of a bulk (the first `sent` frames are the driver's, the rest is
/// freed by the caller).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xmit {
    /// Frames taken, in order from the first.
    pub sent: usize,
    /// The negative result, if it was one; then `sent` is 0.
    pub err: Option<Errno>,
    /// Fate of the first frame that was not taken.
    pub refused: Fate,
    /// Fate of those behind it.
    pub behind: Fate,
}

impl Xmit {
    /// All taken.
    #[inline]
    #[must_use]
    pub fn all(n: usize) -> Self {
        Self { sent: n, err: None, refused: Fate::Delivered, behind: Fate::Delivered }
    }

    /// The first `sent` taken, the rest refused for one reason.
    #[must_use]
    pub fn some(sent: usize, why: Fate) -> Self {
        Self { sent, err: None, refused: why, behind: why }
    }

    /// What a driver may answer for `n` frames at most; an errno means that none was taken.
    #[must_use]
    pub(crate) fn within(self, n: usize) -> Self {
        let sent = if self.err.is_some() { 0 } else { self.sent.min(n) };
        Self { sent, ..self }
    }

    /// None taken.
    #[must_use]
    pub fn failed(errno: Errno, why: Fate) -> Self {
        Self { sent: 0, err: Some(errno), refused: why, behind: why }
    }
}

/// A driver that a crate above brings along: netkit, sockets, tests.
pub trait Driver: Send {
    /// `ndo_xdp_xmit()`: takes frames from the first on, as many as it can.
    fn xmit(&mut self, bulk: Bulk<'_>, flags: XmitFlags, now: Nanos) -> Xmit;

    /// A copy in the same state.
    fn clone_box(&self) -> Box<dyn Driver>;
}

/// The drivers, fast ones first. What a frame's way behind an accepting driver is depends on the kind.
pub(crate) enum DriverState {
    /// Takes everything at once.
    Ideal,
    /// A TX ring and a line.
    Nic(TxRing),
    /// One end of a veth pair: its receive side.
    Veth(VethEnd),
    /// No `ndo_xdp_xmit`.
    None,
    /// Somebody else's.
    Custom(Box<dyn Driver>),
}

impl DriverState {
    /// Does a ring hold frames that somebody will still read?
    pub fn holds_frames(&self) -> bool {
        match self {
            Self::Veth(end) => end.rq.iter().any(|rq| !rq.ring.is_empty()),
            _ => false,
        }
    }

    /// The frames in its rings.
    pub fn descs_mut(&mut self) -> impl Iterator<Item = &mut Desc> {
        let end = match self {
            Self::Veth(end) => Some(end),
            _ => None,
        };
        let rings = end.into_iter().flat_map(|end| end.rq.iter_mut());
        rings.flat_map(|rq| rq.ring.iter_mut()).map(|waiting| &mut waiting.desc)
    }
}
