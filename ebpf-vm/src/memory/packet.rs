//! The packet: a buffer with headroom in front and tailroom behind.

use super::BASE;

/// A frame in its buffer. `data_meta <= data <= data_end`; only what is between the first and the last of
/// them can be accessed.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    buffer: Vec<u8>,
    meta: u32,
    data: u32,
    end: u32,
}

impl Packet {
    pub(super) fn fill(&mut self, frame: &[u8], headroom: u32, tailroom: u32) {
        self.buffer.clear();
        self.buffer.resize(headroom as usize, 0);
        self.buffer.extend_from_slice(frame);
        self.end = self.buffer.len() as u32;
        self.buffer.resize(self.buffer.len() + tailroom as usize, 0);
        (self.meta, self.data) = (headroom, headroom);
    }

    pub(super) fn set_bounds(&mut self, meta: u32, data: u32, end: u32) {
        let fits = meta <= data && data <= end && end as usize <= self.buffer.len();
        assert!(fits, "packet bounds {meta}, {data}, {end} in a buffer of {}", self.buffer.len());
        (self.meta, self.data, self.end) = (meta, data, end);
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

    /// Headroom, metadata, frame and tailroom.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn buffer_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
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
        &mut self.buffer[at..at + len as usize]
    }
}
