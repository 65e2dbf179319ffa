//! Tables of frames: what one fill of a reader delivers.
//!
//! Owns the descriptors, the stamps and the buffer they point into, and reuses all of it from fill to
//! fill. Two tables can be alive at once: nothing in them points back into the reader.

use xdpsim_core::{Batch, Desc, FrameNo, Ingress, Nanos};

use super::error::Break;
use super::format::Stop;
use super::interface::InterfaceNo;
use super::reader::Truncated;
use super::{FRAME_BYTES_MAX, PAD_BYTES_MAX};

/// A frame that waits for its padding.
#[derive(Clone, Copy, Debug)]
struct Pad {
    index: usize,
    original: u32,
}

/// Descriptors and stamps of a run of frames, without the bytes.
#[derive(Debug, Default)]
pub struct FrameIndex {
    first: FrameNo,
    frames: Vec<Desc>,
    stamps: Vec<Nanos>,
    /// Empty while all frames are of `interface`.
    interfaces: Vec<InterfaceNo>,
    interface: InterfaceNo,
    truncated: u64,
    pads: Vec<Pad>,
    pad_bytes: usize,
}

impl FrameIndex {
    /// How many frames there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Number of the first frame in the run.
    #[must_use]
    pub fn first(&self) -> FrameNo {
        self.first
    }

    /// The interface of each frame, or `None` if all are of [`FrameIndex::interface`].
    #[must_use]
    pub fn interfaces(&self) -> Option<&[InterfaceNo]> {
        (!self.interfaces.is_empty()).then_some(&self.interfaces)
    }

    /// The interface of the last frame, and of all where [`FrameIndex::interfaces`] is `None`.
    #[must_use]
    pub fn interface(&self) -> InterfaceNo {
        self.interface
    }

    /// How many of the frames the capture had truncated.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.truncated
    }

    /// The run as the engine takes it; `bytes` are those that it was filled from.
    #[must_use]
    pub fn batch<'a>(&'a self, bytes: &'a [u8], ingress: Ingress<'a>) -> Batch<'a> {
        Batch { first: self.first, bytes, frames: &self.frames, stamps: &self.stamps, ingress }
    }

    pub(super) fn clear(&mut self, first: FrameNo) {
        self.first = first;
        self.frames.clear();
        self.stamps.clear();
        self.interfaces.clear();
        self.truncated = 0;
        self.pads.clear();
        self.pad_bytes = 0;
    }

    /// Adds a frame of the interface that [`FrameIndex::switch_interface`] was last told. `off` fits:
    /// buffers end far below 4 GiB.
    #[inline(always)]
    pub(super) fn push(&mut self, off: usize, len: u32, stamp: Nanos) {
        let frame = FrameNo(self.first.0 + self.frames.len() as u64);
        self.frames.push(Desc::arrived(off as u32, len, frame));
        self.stamps.push(stamp);
        if !self.interfaces.is_empty() {
            self.interfaces.push(self.interface);
        }
    }

    /// Number of the frame that is pushed next.
    pub(super) fn next_number(&self) -> FrameNo {
        FrameNo(self.first.0 + self.frames.len() as u64)
    }

    /// Forgets all frames but the first `len`.
    fn truncate(&mut self, len: usize) {
        self.frames.truncate(len);
        self.stamps.truncate(len);
        self.interfaces.truncate(len);
    }

    /// Adds frames that follow each other; as [`FrameIndex::push`].
    pub(super) fn extend(&mut self, frames: &[Desc], stamps: &[Nanos]) {
        self.frames.extend_from_slice(frames);
        self.stamps.extend_from_slice(stamps);
        if !self.interfaces.is_empty() {
            self.interfaces.resize(self.frames.len(), self.interface);
        }
    }

    /// The frames pushed from now on are of this interface.
    pub(super) fn switch_interface(&mut self, interface: InterfaceNo) {
        if interface != self.interface && !self.frames.is_empty() && self.interfaces.is_empty() {
            self.interfaces.resize(self.frames.len(), self.interface);
        }
        self.interface = interface;
    }

    /// Notes that the frame about to be pushed is shorter than it was; `Err` if it must not be.
    #[cold]
    pub(super) fn note_truncated(&mut self, original: u32, mode: Truncated) -> Result<(), Stop> {
        if mode == Truncated::Pad {
            if original > FRAME_BYTES_MAX {
                return Err(Stop::Broken(Break::PadTooLong { original }));
            }
            if self.pad_bytes + original as usize > PAD_BYTES_MAX {
                return Err(Stop::Full);
            }
            self.pad_bytes += original as usize;
            self.pads.push(Pad { index: self.frames.len(), original });
        }
        self.truncated += 1;
        Ok(())
    }
}

/// A buffer of a capture and the frames in it; reuse it from [`fill`](super::CaptureReader::fill) to fill.
#[derive(Debug, Default)]
pub struct FrameTable {
    bytes: Vec<u8>,
    used: usize,
    index: FrameIndex,
}

impl FrameTable {
    /// How many frames there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Number of the first frame in the run.
    #[must_use]
    pub fn first(&self) -> FrameNo {
        self.index.first()
    }

    /// The interface of each frame, or `None` if all are of [`FrameTable::interface`].
    #[must_use]
    pub fn interfaces(&self) -> Option<&[InterfaceNo]> {
        self.index.interfaces()
    }

    /// The interface of all frames where [`FrameTable::interfaces`] is `None`.
    #[must_use]
    pub fn interface(&self) -> InterfaceNo {
        self.index.interface()
    }

    /// How many of the frames the capture had truncated (padded or not).
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.index.truncated()
    }

    /// The frames as the engine takes them, arriving on these ports.
    #[must_use]
    pub fn batch<'a>(&'a self, ingress: Ingress<'a>) -> Batch<'a> {
        self.index.batch(&self.bytes[..self.used], ingress)
    }

    /// The stamps of the frames.
    #[must_use]
    pub fn stamps(&self) -> &[Nanos] {
        &self.index.stamps
    }

    /// The bytes of frame `index` of the table.
    #[must_use]
    pub fn frame(&self, index: usize) -> &[u8] {
        let desc = self.index.frames[index];
        &self.bytes[desc.off as usize..desc.off as usize + desc.len as usize]
    }

    /// Bytes of the buffer that are in use.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.used
    }

    /// Forgets all frames but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.index.truncate(len);
    }

    /// All frames come later by `span`.
    pub fn delay(&mut self, span: Nanos) {
        self.index.stamps.iter_mut().for_each(|stamp| *stamp = stamp.after(span));
    }

    /// Empties the table for frames that are not read into it but appended; `first` is the number of the
    /// first.
    pub fn clear(&mut self, first: FrameNo) {
        self.restart(first, &[]);
    }

    /// Appends a copy of a frame.
    pub fn append(&mut self, bytes: &[u8], stamp: Nanos) {
        let (from, end) = (self.used, self.used + bytes.len());
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[from..end].copy_from_slice(bytes);
        self.used = end;
        self.index.push(from, bytes.len() as u32, stamp);
    }

    /// Empties the table; the bytes begin with what the last fill left over.
    pub(super) fn restart(&mut self, first: FrameNo, carry: &[u8]) {
        self.index.clear(first);
        self.reload(carry);
    }

    /// Replaces the bytes, when the last ones held no frame.
    pub(super) fn reload(&mut self, carry: &[u8]) {
        if self.bytes.len() < carry.len() {
            self.bytes.resize(carry.len(), 0);
        }
        self.bytes[..carry.len()].copy_from_slice(carry);
        self.used = carry.len();
    }

    /// The rest of the buffer up to `want` bytes, to read into.
    pub(super) fn room(&mut self, want: usize) -> &mut [u8] {
        if self.bytes.len() < want {
            self.bytes.resize(want, 0);
        }
        &mut self.bytes[self.used..want.max(self.used)]
    }

    pub(super) fn add_read(&mut self, read: usize) {
        self.used += read;
    }

    pub(super) fn parts(&mut self) -> (&[u8], &mut FrameIndex) {
        (&self.bytes[..self.used], &mut self.index)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Appends padded copies of the frames that wait for it, behind the bytes read.
    pub(super) fn pad(&mut self) {
        for &Pad { index, original } in &self.index.pads {
            let desc = &mut self.index.frames[index];
            let (from, len) = (desc.off as usize, desc.len as usize);
            let end = self.used + original as usize;
            if self.bytes.len() < end {
                self.bytes.resize(end, 0);
            }
            self.bytes.copy_within(from..from + len, self.used);
            self.bytes[self.used + len..end].fill(0);
            (desc.off, desc.len) = (self.used as u32, original);
            self.used = end;
        }
        self.index.pads.clear();
    }
}
