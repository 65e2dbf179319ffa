//! Where frames' bytes live, and how a program reads and writes one.
//!
//! Bytes are in the batch that is being fed, in the write arena, or, if they outlived their batch, in
//! the kept buffer; descriptors say which. The batch is read-only: the first write copies the frame
//! into the arena, with its headroom in front. Nothing is reference counted; [`Store::promote`] moves
//! what rings and queues still hold before the buffers are reused.
//!
//! Rules: DVP-04, DVP-05, DRV-10, RED-02 (sizes).

use xdpsim_devmap::Errno;

use crate::batch::{Desc, FrameNo};
use crate::profile::Bounds;

/// Bytes that `struct xdp_frame` takes at the start of the headroom.
pub const XDP_FRAME_SIZE: u32 = 40;
/// Bytes of shared info that are reserved at the end of the buffer.
pub const SHARED_INFO_SIZE: u32 = 320;
/// The most bytes that an skb's linear part has in front of a program on a veth (DRV-10).
pub const VETH_LINEAR_MAX: u32 = 4096 - Desc::HEADROOM as u32 - SHARED_INFO_SIZE;

/// The buffers that a domain owns.
#[derive(Debug, Default)]
pub struct Store {
    arena: Vec<u8>,
    kept: Vec<u8>,
    next: Vec<u8>,
}

impl Store {
    /// Arena size beyond which it is emptied at the next opportunity, in bytes.
    pub const ARENA_SOFT_MAX: usize = 4 << 20;
    /// Arena size beyond which it is worth a look whether it can be emptied, in bytes.
    pub(crate) const WORTH_A_LOOK: usize = 64 << 10;

    /// The frame's data, fragments included. `input` is the batch's bytes.
    #[must_use]
    #[inline]
    pub fn bytes<'a>(&'a self, input: &'a [u8], desc: Desc) -> &'a [u8] {
        let buffer = match desc.buffer() {
            Desc::BATCH => input,
            Desc::ARENA => &self.arena,
            _ => &self.kept,
        };
        &buffer[desc.off as usize..desc.off as usize + desc.len as usize]
    }

    /// How much has been written since the arena was last emptied.
    #[must_use]
    pub fn arena_len(&self) -> usize {
        self.arena.len()
    }

    /// Forgets what was written last. Nobody may hold a descriptor into it.
    pub fn truncate_arena(&mut self, len: usize) {
        self.arena.truncate(len);
    }

    /// Empties the arena. Nobody may hold a descriptor into it.
    pub fn clear_arena(&mut self) {
        self.arena.clear();
    }

    /// Begins to move all live frames out of batch, arena and the kept buffer.
    pub fn promote(&mut self) {
        self.next.clear();
    }

    /// Moves one live frame, headroom and metadata included.
    pub fn promote_one(&mut self, input: &[u8], desc: &mut Desc) {
        let front = self.front_of(*desc);
        let start = desc.off as usize - front;
        let end = desc.off as usize + desc.len as usize;
        let bytes = match desc.buffer() {
            Desc::BATCH => &input[start..end],
            Desc::ARENA => &self.arena[start..end],
            _ => &self.kept[start..end],
        };
        let off = self.next.len() + front;
        self.next.extend_from_slice(bytes);
        *desc = desc.moved(Desc::KEPT, off as u32);
    }

    /// Ends the move: the old buffers are free.
    pub fn promoted(&mut self) {
        std::mem::swap(&mut self.kept, &mut self.next);
        self.next.clear();
        self.arena.clear();
    }

    /// How many bytes in front of the data really exist: none in a batch, and only metadata is worth
    /// keeping elsewhere.
    fn front_of(&self, desc: Desc) -> usize {
        if desc.buffer() == Desc::BATCH { 0 } else { usize::from(desc.meta_len()) }
    }

    /// Copies a frame to the end of the arena with its headroom in front.
    fn copy_to_arena(&mut self, input: &[u8], desc: Desc) -> Desc {
        let front = self.front_of(desc);
        let room = usize::from(desc.headroom());
        let base = self.arena.len();
        self.arena.resize(base + room - front, 0);
        let start = desc.off as usize - front;
        let end = desc.off as usize + desc.len as usize;
        match desc.buffer() {
            Desc::BATCH => self.arena.extend_from_slice(&input[start..end]),
            Desc::ARENA => self.arena.extend_from_within(start..end),
            _ => self.arena.extend_from_slice(&self.kept[start..end]),
        }
        desc.moved(Desc::ARENA, (base + room) as u32)
    }
}

/// A frame in the hands of a program: `struct xdp_buff`.
///
/// ```
/// use xdpsim_core::frame::{FrameMut, Store};
/// use xdpsim_core::profile::Bounds;
/// use xdpsim_core::{Desc, FrameNo};
///
/// let input = [0u8; 60];
/// let (mut store, mut desc) = (Store::default(), Desc::arrived(0, 60, FrameNo(0)));
/// let mut frame = FrameMut::new(&mut store, &input, &mut desc, Bounds::default());
/// frame.data_mut()[0] = 2;                 // copies: the capture stays as it was
/// frame.adjust_head(-4)?;                  // room for a VLAN tag
/// assert_eq!((frame.len(), frame.data()[4]), (64, 2));
/// assert_eq!(input[0], 0);
/// # Ok::<(), xdpsim_devmap::Errno>(())
/// ```
pub struct FrameMut<'a> {
    store: &'a mut Store,
    input: &'a [u8],
    desc: &'a mut Desc,
    bounds: Bounds,
    private: bool,
}

/// See [`FrameMut::mark`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameMark(u32);

/// See [`FrameMut::buffer`]: the descriptor's last bytes, as they lie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer(u32);

impl Buffer {
    /// Of no frame: there is no such buffer.
    pub const NONE: Self = Self(u32::MAX);
}

/// See [`FrameMut::linear`]. All lengths are in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Linear<'a> {
    /// `data_meta` to `data_end`: metadata, then the linear part.
    pub bytes: &'a [u8],
    /// How much of that is metadata.
    pub meta: u32,
    /// What is in front of the metadata.
    pub headroom: u32,
    /// As [`FrameMut::tailroom`].
    pub tailroom: u32,
}

impl FrameMark {
    /// Its number in the run, where `latest` has been read by now.
    pub(crate) fn number(self, latest: FrameNo) -> FrameNo {
        Desc { frame: self.0, ..Desc::default() }.number(latest)
    }
}

impl<'a> FrameMut<'a> {
    /// The frame behind `desc`, in a buffer of one page; frames too long for it have a buffer that just
    /// fits, as on an ideal port.
    #[inline(always)]
    pub fn new(store: &'a mut Store, input: &'a [u8], desc: &'a mut Desc, bounds: Bounds) -> Self {
        Self { store, input, desc, bounds, private: false }
    }

    /// The same, writing where the bytes are if they are in the arena already; a deliberate fault
    /// for tests of DVP-05.
    pub(crate) fn shared(mut self) -> Self {
        self.private = self.desc.buffer() == Desc::ARENA;
        self
    }

    /// Length in bytes, fragments included: `bpf_xdp_get_buff_len()`.
    #[inline]
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u32 {
        self.desc.len
    }

    /// Bytes from `data` to `data_end`: the linear part.
    #[inline]
    #[must_use]
    pub fn linear_len(&self) -> u32 {
        if self.desc.has_frags() { self.desc.len.min(VETH_LINEAR_MAX) } else { self.desc.len }
    }

    /// `data` to `data_end`.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let linear = self.linear_len() as usize;
        &self.store.bytes(self.input, *self.desc)[..linear]
    }

    /// The byte of `data` at an offset, if the linear part has one there.
    #[inline(always)]
    #[must_use]
    pub fn byte(&self, offset: u32) -> Option<u8> {
        // One comparison for the usual case: as it was captured, and without fragments.
        if self.desc.buf == Desc::BATCH {
            let at = self.desc.off as usize + offset as usize;
            return if offset < self.desc.len { self.input.get(at).copied() } else { None };
        }
        self.data().get(offset as usize).copied()
    }

    /// `data` to `data_end`, to write. The first write copies the frame.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.make_private();
        let (off, linear) = (self.desc.off as usize, self.linear_len() as usize);
        &mut self.store.arena[off..off + linear]
    }

    /// Where it lies.
    #[inline]
    pub(crate) fn desc(&self) -> Desc {
        *self.desc
    }

    /// What [`Ctx::marked`](crate::Ctx::marked) finds the frame's number by, as long as its poll lasts: for who needs
    /// the number of few of many frames.
    #[inline(always)]
    #[must_use]
    pub fn mark(&self) -> FrameMark {
        FrameMark(self.desc.frame)
    }

    /// Bytes between the start of the buffer and `data`, metadata included. No program can ask for them.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> u16 {
        self.desc.headroom()
    }

    /// By how many bytes `bpf_xdp_adjust_tail()` may move `data_end` on.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> u32 {
        if self.desc.has_frags() {
            return 0;
        }
        let filled = u32::from(self.desc.headroom()) + self.desc.len;
        self.bounds.page_size.saturating_sub(SHARED_INFO_SIZE).saturating_sub(filled)
    }

    /// The frame as somebody left it who had its linear part elsewhere and obeyed the helpers' limits:
    /// headroom (with metadata), metadata, `data` to `data_end`. Fragments stay as they were.
    pub fn put(&mut self, headroom: u16, meta: &[u8], data: &[u8]) {
        let (from, linear) = (self.desc.off as usize, self.linear_len() as usize);
        let fragments = from + linear..from + self.desc.len as usize;
        let len = data.len() + fragments.len();
        let arena = &mut self.store.arena;
        let base = arena.len() + usize::from(headroom);
        arena.resize(base - meta.len(), 0);
        arena.extend_from_slice(meta);
        arena.extend_from_slice(data);
        match self.desc.buffer() {
            Desc::BATCH => arena.extend_from_slice(&self.input[fragments]),
            Desc::ARENA => arena.extend_from_within(fragments),
            _ => arena.extend_from_slice(&self.store.kept[fragments]),
        }
        *self.desc = self.desc.moved(Desc::ARENA, base as u32).with_head(headroom, meta.len() as u16);
        self.desc.len = len as u32;
        self.private = true;
    }

    /// `data_meta` to `data`.
    #[must_use]
    pub fn meta(&self) -> &[u8] {
        let (off, len) = (self.desc.off as usize, usize::from(self.desc.meta_len()));
        match self.desc.buffer() {
            Desc::ARENA => &self.store.arena[off - len..off],
            Desc::KEPT => &self.store.kept[off - len..off],
            _ => &[],
        }
    }

    /// `data_meta` to `data_end`: metadata, then the linear part.
    #[inline(always)]
    #[must_use]
    pub fn with_meta(&self) -> &[u8] {
        if self.desc.buf == Desc::BATCH {
            // As it was captured, and without fragments: no metadata either.
            let (off, len) = (self.desc.off as usize, self.desc.len as usize);
            return &self.input[off..off + len];
        }
        let (off, linear) = (self.desc.off as usize, self.linear_len() as usize);
        let meta = self.meta().len();
        let buffer = match self.desc.buffer() {
            Desc::BATCH => self.input,
            Desc::ARENA => &self.store.arena,
            _ => &self.store.kept,
        };
        &buffer[off - meta..off + linear]
    }

    /// What the frame's buffer is like. Frames of a poll of which it is equal, and whose [`FrameMut::with_meta`] are
    /// equally long, have the same lengths in all of [`FrameMut::linear`].
    #[inline(always)]
    #[must_use]
    pub fn buffer(&self) -> Buffer {
        let Desc { buf, hops, head, .. } = *self.desc;
        Buffer(u32::from(buf) | u32::from(hops) << 8 | u32::from(head) << 16)
    }

    /// The linear part and the room around it, for who runs a program on a copy.
    #[inline(always)]
    #[must_use]
    pub fn linear(&self) -> Linear<'_> {
        let (bytes, room) = (self.with_meta(), u32::from(self.headroom()));
        // As it was captured, a frame has neither metadata nor fragments: so most know at compile time.
        let meta = if self.desc.buf == Desc::BATCH { 0 } else { bytes.len() as u32 - self.linear_len() };
        Linear { bytes, meta, headroom: room - meta, tailroom: self.tailroom() }
    }

    /// `data_meta` to `data`, to write.
    pub fn meta_mut(&mut self) -> &mut [u8] {
        self.make_private();
        let (off, len) = (self.desc.off as usize, usize::from(self.desc.meta_len()));
        &mut self.store.arena[off - len..off]
    }

    /// `bpf_xdp_adjust_head()`: moves `data` by `delta` bytes; metadata moves along.
    ///
    /// # Errors
    /// EINVAL if that would enter the frame header's 40 bytes or leave less than an Ethernet header.
    pub fn adjust_head(&mut self, delta: i32) -> Result<(), Errno> {
        let meta = u32::from(self.desc.meta_len());
        let room = i64::from(self.desc.headroom()) + i64::from(delta);
        let left = i64::from(self.linear_len()) - i64::from(delta);
        if room < i64::from(XDP_FRAME_SIZE + meta) || left < 14 {
            return Err(Errno::EINVAL);
        }
        self.make_private();
        let (off, meta) = (self.desc.off as usize, meta as usize);
        let to = (off as i64 + i64::from(delta)) as usize;
        self.store.arena.copy_within(off - meta..off, to - meta);
        self.desc.off = to as u32;
        self.desc.len = (i64::from(self.desc.len) - i64::from(delta)) as u32;
        *self.desc = self.desc.with_head(room.min(1023) as u16, self.desc.meta_len());
        Ok(())
    }

    /// `bpf_xdp_adjust_meta()`: moves `data_meta` by `delta` bytes (negative makes metadata longer).
    ///
    /// # Errors
    /// EINVAL if it would pass `data` or enter the frame header; EACCES for a length that is no
    /// multiple of 4 or too long: 252 bytes are the most (its length is kept in one byte), 32 on older
    /// kernels (RED-02).
    pub fn adjust_meta(&mut self, delta: i32) -> Result<(), Errno> {
        let len = i64::from(self.desc.meta_len()) - i64::from(delta);
        let room = i64::from(self.desc.headroom());
        if len < 0 || room - len < i64::from(XDP_FRAME_SIZE) {
            return Err(Errno::EINVAL);
        }
        if len % 4 != 0 || len > i64::from(self.bounds.meta_max) {
            return Err(Errno::EACCES);
        }
        self.make_private();
        *self.desc = self.desc.with_head(self.desc.headroom(), len as u16);
        Ok(())
    }

    /// `bpf_xdp_adjust_tail()`: moves `data_end` by `delta` bytes; new bytes are zero.
    ///
    /// # Errors
    /// EINVAL if that would leave less than an Ethernet header or run into the shared info at the end
    /// of the buffer; EOPNOTSUPP for a longer frame with fragments.
    pub fn adjust_tail(&mut self, delta: i32) -> Result<(), Errno> {
        let len = i64::from(self.desc.len) + i64::from(delta);
        if delta > 0 && self.desc.has_frags() {
            return Err(Errno::EOPNOTSUPP);
        }
        let end = i64::from(self.desc.headroom()) + len;
        let filled = u32::from(self.desc.headroom()) + self.desc.len;
        let buffer = i64::from(self.bounds.page_size.saturating_sub(SHARED_INFO_SIZE).max(filled));
        if len < 14 || (delta > 0 && end > buffer) {
            return Err(Errno::EINVAL);
        }
        match u32::try_from(delta) {
            Ok(0) => {}
            Ok(more) => self.grow_tail(more as usize),
            Err(_) => self.desc.len = len as u32,
        }
        Ok(())
    }

    /// Bytes that `data` was moved past stay in front of it, as in a kernel's page, so a frame that was
    /// written before is not copied again.
    fn grow_tail(&mut self, more: usize) {
        self.make_private();
        let end = self.desc.off as usize + self.desc.len as usize;
        let arena = &mut self.store.arena;
        let free = arena.len() - end;
        // Behind the last copy there is only what an earlier call cut off.
        if free < more {
            arena.resize(end + more, 0);
        }
        arena[end..end + more.min(free)].fill(0);
        self.desc.len += more as u32;
    }

    /// Makes sure that nobody else sees what is written.
    fn make_private(&mut self) {
        if !self.private {
            *self.desc = self.store.copy_to_arena(self.input, *self.desc);
            self.private = true;
        }
    }
}
