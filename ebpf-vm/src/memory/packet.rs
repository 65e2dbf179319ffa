//! The packet: a buffer with headroom in front and tailroom behind.

use super::BASE;

/// Which addresses can be accessed, as code that the JIT has made compares them: kept beside the bounds, so that a run
/// does not have to find it out.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct Window {
    /// The address of the first byte.
    pub lo: u64,
    /// How many bytes from there on can be the first of an access of 1, 2, 4 and 8 bytes.
    pub limits: [u64; 4],
}

/// A frame in its buffer. `data_meta <= data <= data_end`; only what is between the first and the last of
/// them can be accessed.
///
/// The buffer is kept from frame to frame. What a program may uncover is zero all the same: bytes in front of the
/// frame are cleared before the next one comes in, but only those that may have been written; behind the
/// frame, whoever grows it clears what it grows into.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// What follows from the bounds.
    pub(super) window: Window,
    /// As long as the longest frame so far needed.
    pub(super) buffer: Box<[u8]>,
    /// How much of it this frame has, tailroom included.
    size: u32,
    meta: u32,
    data: u32,
    end: u32,
    /// Everything in front of this offset is zero.
    clean: u32,
    /// How the last frame came in, while nobody has moved its bounds or written in front of it: the next one is nearly
    /// always like it.
    filled: Filled,
    pub(super) dirty: bool,
}

/// How a frame came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filled {
    /// Of metadata and data.
    len: u64,
    headroom: u32,
    meta: u32,
    tailroom: u32,
}

impl Filled {
    /// In no way that another frame could come in.
    const NONE: Self = Self { len: u64::MAX, headroom: 0, meta: 0, tailroom: 0 };
}

impl Default for Filled {
    fn default() -> Self {
        Self::NONE
    }
}

/// Bytes that are copied at once.
const CHUNK: usize = 16;
/// Where chunks of a short frame begin: behind an Ethernet header, at distances that no field of the headers that follow
/// it crosses.
const STARTS: [usize; 5] = [0, 14, 30, 46, 62];

/// Copies bytes; short frames, of which there are most, without a call.
///
/// A program reads fields as soon as they are there, and a load that needs bytes of two stores waits until both are out of
/// the core's store buffer: at 30, where IPv4 has its destination, that made every frame wait for the one before. So
/// no chunk ends inside of a field.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    const LONGEST: usize = STARTS[STARTS.len() - 1] + CHUNK;
    if from.len() < CHUNK || from.len() > LONGEST || to.len() != from.len() {
        return copy_any(to, from);
    }
    let last = from.len() - CHUNK;
    // First, because others shall end what it begins.
    copy_chunk(to, from, last);
    let [starts @ .., _] = STARTS;
    if last > starts[starts.len() - 1] {
        // Frames of 64 bytes are among them: no comparison but this one.
        return starts.into_iter().for_each(|at| copy_chunk(to, from, at));
    }
    for at in starts {
        if at < last {
            copy_chunk(to, from, at);
        }
    }
}

#[inline(always)]
fn copy_chunk(to: &mut [u8], from: &[u8], at: usize) {
    if let (Some(to), Some(from)) = (to[at..].first_chunk_mut::<CHUNK>(), from[at..].first_chunk::<CHUNK>()) {
        *to = *from;
    }
}

/// A function of its own, or else the compiler makes one call of all copies.
#[inline(never)]
fn copy_any(to: &mut [u8], from: &[u8]) {
    to.copy_from_slice(from);
}

impl Packet {
    /// Copies metadata and frame in, of which the first `meta` bytes are metadata: have the bounds changed?
    #[inline(always)]
    pub(super) fn fill(&mut self, bytes: &[u8], meta: u32, headroom: u32, tailroom: u32) -> bool {
        let start = headroom as usize;
        let end = start + bytes.len();
        let filled = Filled { len: bytes.len() as u64, headroom, meta, tailroom };
        let new = self.filled != filled;
        if new {
            self.make_room((headroom, headroom + meta, end as u32, end as u32 + tailroom));
            self.filled = filled;
        }
        self.dirty = false;
        copy(&mut self.buffer[start..end], bytes);
        new
    }

    /// Copies a frame into the bounds of the last one: `false` if they do not fit, or were moved.
    #[inline(always)]
    pub(super) fn refill(&mut self, bytes: &[u8]) -> bool {
        let fits = self.filled.len == bytes.len() as u64;
        if fits {
            self.dirty = false;
            copy(&mut self.buffer[self.meta as usize..][..bytes.len()], bytes);
        }
        fits
    }

    /// A frame within the bounds of the last one that is to be read where it lies: where its buffer would begin there. None
    /// as for [`Packet::refill`].
    #[inline(always)]
    pub(super) fn lend(&mut self, bytes: &[u8]) -> Option<*const u8> {
        if self.filled.len != bytes.len() as u64 {
            return None;
        }
        self.dirty = false;
        Some(bytes.as_ptr().wrapping_sub(self.meta as usize))
    }

    /// For a frame within these bounds, and its room.
    #[inline(never)]
    fn make_room(&mut self, bounds: (u32, u32, u32, u32)) {
        (self.meta, self.data, self.end, self.size) = bounds;
        if self.buffer.len() < self.size as usize {
            self.grow(self.size as usize);
        }
        if self.clean < self.meta {
            self.buffer[self.clean as usize..self.meta as usize].fill(0);
        }
        self.clean = self.meta;
        self.find_window();
    }

    #[cold]
    fn grow(&mut self, size: usize) {
        let mut buffer = std::mem::take(&mut self.buffer).into_vec();
        buffer.resize(size, 0);
        self.buffer = buffer.into_boxed_slice();
    }

    #[inline]
    fn find_window(&mut self) {
        let first = u64::from(self.end - self.meta) + 1;
        // Written out, because this happens for every frame.
        let less = |bytes| first.saturating_sub(bytes);
        let limits = [less(1), less(2), less(4), less(8)];
        self.window = Window { lo: self.data_meta().into(), limits };
    }

    pub(super) fn set_bounds(&mut self, meta: u32, data: u32, end: u32) {
        let fits = meta <= data && data <= end && end <= self.size;
        assert!(fits, "packet bounds {meta}, {data}, {end} in a buffer of {}", self.size);
        (self.meta, self.data, self.end) = (meta, data, end);
        self.find_window();
        self.clean = self.clean.min(meta);
        (self.filled, self.dirty) = (Filled::NONE, true);
    }

    /// Has anything been written to it, or its bounds been moved, since it came in? If not, it need not be
    /// copied back.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Offsets into [`Packet::buffer`]: metadata, data, end.
    #[must_use]
    pub fn bounds(&self) -> (u32, u32, u32) {
        (self.meta, self.data, self.end)
    }

    /// `ctx->data`.
    #[must_use]
    pub fn data(&self) -> u32 {
        BASE + self.data
    }

    /// `ctx->data_end`.
    #[must_use]
    pub fn data_end(&self) -> u32 {
        BASE + self.end
    }

    /// `ctx->data_meta`.
    #[must_use]
    pub fn data_meta(&self) -> u32 {
        BASE + self.meta
    }

    /// The frame's bytes, without metadata.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.buffer[self.data as usize..self.end as usize]
    }

    /// The metadata.
    #[must_use]
    pub fn metadata(&self) -> &[u8] {
        &self.buffer[self.meta as usize..self.data as usize]
    }

    /// Metadata, then the frame: what BPF_PROG_TEST_RUN gives back.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.buffer[self.meta as usize..self.end as usize]
    }

    /// Headroom, metadata, frame and tailroom. What is in the tailroom is not defined.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.buffer[..self.size as usize]
    }

    pub(super) fn buffer_mut(&mut self) -> &mut [u8] {
        (self.clean, self.filled, self.dirty) = (0, Filled::NONE, true);
        &mut self.buffer[..self.size as usize]
    }

    /// The bytes at an address, if they are inside the bounds.
    #[inline(always)]
    pub(super) fn near<const N: usize>(&self, addr: u64) -> Option<&[u8; N]> {
        self.buffer.get(self.place(addr, N)?..)?.first_chunk()
    }

    /// The same, to be written.
    #[inline(always)]
    pub(super) fn near_mut<const N: usize>(&mut self, addr: u64) -> Option<&mut [u8; N]> {
        let at = self.place(addr, N)?;
        self.dirty = true;
        self.buffer.get_mut(at..)?.first_chunk_mut()
    }

    #[inline(always)]
    fn place(&self, addr: u64, len: usize) -> Option<usize> {
        let at = addr.wrapping_sub(BASE.into());
        #[cfg(feature = "mutations")]
        let len = len - crate::mutations::packet_end().min(len as u64) as usize;
        // A sum that wraps belongs to a place that no buffer has.
        let inside = at >= self.meta.into() && at.wrapping_add(len as u64) <= self.end.into();
        inside.then_some(at as usize)
    }

    /// Is this inside the bounds?
    #[inline]
    pub(super) fn has(&self, offset: u32, len: u32) -> bool {
        let (offset, len) = (u64::from(offset), u64::from(len));
        offset >= u64::from(self.data_meta()) && offset + len <= u64::from(self.data_end())
    }

    /// What [`Packet::has`].
    #[inline]
    pub(super) fn bytes(&self, offset: u32, len: u32) -> &[u8] {
        let at = (offset - BASE) as usize;
        &self.buffer[at..at + len as usize]
    }

    /// What [`Packet::has`].
    #[inline]
    pub(super) fn bytes_mut(&mut self, offset: u32, len: u32) -> &mut [u8] {
        let at = (offset - BASE) as usize;
        self.dirty = true;
        &mut self.buffer[at..at + len as usize]
    }
}
