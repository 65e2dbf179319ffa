//! Captured frames on their way in: a table of descriptors over one stretch of bytes.
//!
//! Owns the shape only. Where the bytes come from (a file, a pipe, a test) is the caller's
//! business; which queue and CPU a frame reaches is decided in [`crate::rss`].

use xdpsim_devmap::DevId;

use crate::time::Nanos;

/// A frame's number in the run, from 0, in the order of arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameNo(pub u64);

impl std::fmt::Display for FrameNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Where one frame lies, 16 bytes. A poll, a ring and a bulk queue pass these around instead of
/// frames; nothing is reference counted (`ARCHITECTURE.md`, "Frames").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Desc {
    /// Offset of the first byte of data in its buffer.
    pub off: u32,
    /// Bytes of data, fragments included.
    pub len: u32,
    /// The low 32 bits of the frame's number; the engine knows the rest.
    pub frame: u32,
    /// Which buffer, and the frags bit.
    pub buf: u8,
    /// How many veth hops brought it here.
    pub hops: u8,
    /// Headroom and metadata length, packed by [`Desc::with_head`].
    pub head: u16,
}

impl Desc {
    /// Headroom that the kernel documents for XDP (`XDP_PACKET_HEADROOM`).
    pub const HEADROOM: u16 = 256;
    /// Buffer number of the batch that is being fed.
    pub const BATCH: u8 = 0;
    /// Buffer number of the write arena.
    pub const ARENA: u8 = 1;
    /// Buffer number of the frames that outlived their batch.
    pub const KEPT: u8 = 2;
    const BUF_MASK: u8 = 0x3;
    const FRAGS: u8 = 0x80;
    const ROOM_MASK: u16 = 0x3ff;
    const META_SHIFT: u32 = 10;

    /// A frame of `len` bytes at `off` of the batch, with the usual headroom and no metadata.
    #[must_use]
    #[inline]
    pub const fn arrived(off: u32, len: u32, frame: FrameNo) -> Self {
        Self { off, len, frame: frame.0 as u32, buf: Self::BATCH, hops: 0, head: Self::HEADROOM }
    }

    /// The same frame with this headroom (at most 1023) and metadata length (a multiple of 4, at
    /// most 252), both in bytes.
    #[must_use]
    #[inline]
    pub const fn with_head(self, headroom: u16, meta_len: u16) -> Self {
        let head = (headroom & Self::ROOM_MASK) | ((meta_len / 4) << Self::META_SHIFT);
        Self { head, ..self }
    }

    /// Bytes between the start of the buffer and the data, metadata included.
    #[must_use]
    #[inline]
    pub const fn headroom(self) -> u16 {
        self.head & Self::ROOM_MASK
    }

    /// Bytes of metadata directly in front of the data.
    #[must_use]
    #[inline]
    pub const fn meta_len(self) -> u16 {
        (self.head >> Self::META_SHIFT) * 4
    }

    /// Is there room for `struct xdp_frame` in front of data and metadata (RED-02)?
    #[must_use]
    #[inline]
    pub const fn converts(self) -> bool {
        self.headroom() >= self.meta_len() + crate::frame::XDP_FRAME_SIZE as u16
    }

    /// The buffer's number: [`Desc::BATCH`], [`Desc::ARENA`] or [`Desc::KEPT`].
    #[must_use]
    #[inline]
    pub const fn buffer(self) -> u8 {
        self.buf & Self::BUF_MASK
    }

    /// Its number in the run, where `latest` has been read by now.
    #[must_use]
    #[inline]
    pub const fn number(self, latest: FrameNo) -> FrameNo {
        let behind = (latest.0 as u32).wrapping_sub(self.frame);
        FrameNo(latest.0 - behind as u64)
    }

    /// Moved to another buffer.
    #[must_use]
    #[inline]
    pub const fn moved(self, buffer: u8, off: u32) -> Self {
        Self { buf: (self.buf & !Self::BUF_MASK) | buffer, off, ..self }
    }

    /// Does the frame have fragments behind its linear part (DRV-10)?
    #[must_use]
    #[inline]
    pub const fn has_frags(self) -> bool {
        self.buf & Self::FRAGS != 0
    }

    /// The same frame with or without fragments.
    #[must_use]
    #[inline]
    pub const fn with_frags(self, frags: bool) -> Self {
        let buf = if frags { self.buf | Self::FRAGS } else { self.buf & !Self::FRAGS };
        Self { buf, ..self }
    }
}

/// On which port the frames of a batch arrive.
#[derive(Clone, Copy, Debug)]
pub enum Ingress<'a> {
    /// All on this one.
    One(DevId),
    /// Each on its own: one entry per frame.
    Each(&'a [DevId]),
}

impl Ingress<'_> {
    /// The port of the batch's frame `index`.
    #[must_use]
    #[inline]
    pub fn of(&self, index: usize) -> DevId {
        match self {
            Self::One(dev) => *dev,
            Self::Each(devs) => devs[index],
        }
    }
}

/// A run of captured frames in order of arrival, borrowed from whoever read them.
///
/// `frames[i]` and `stamps[i]` describe frame number `first + i`; offsets point into `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Number of the first frame.
    pub first: FrameNo,
    /// What the descriptors point into.
    pub bytes: &'a [u8],
    /// One descriptor a frame.
    pub frames: &'a [Desc],
    /// One timestamp a frame; they may run backward.
    pub stamps: &'a [Nanos],
    /// Where the frames arrive.
    pub ingress: Ingress<'a>,
}

impl Batch<'_> {
    /// Does the next frame come later than frame `i`, where time has come to `clock`? The last frame's
    /// successor is not known.
    #[inline]
    pub(crate) fn is_alone(&self, i: usize, clock: Nanos) -> bool {
        self.stamps.get(i + 1).is_some_and(|&next| next > self.stamps[i].max(clock))
    }
}
