//! Memory that is shared with the kernel: an AF_XDP socket's packet buffer and rings.
//!
//! Every access is checked against the region's bounds. Rings are single producer, single consumer: one
//! index is written by us alone, the other by the kernel alone, and what lies between them belongs to one
//! side at a time.

#![allow(unsafe_code, reason = "memory shared with the kernel")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// A mapped region.
#[derive(Debug)]
pub(super) struct Region {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: owned memory that nobody refers to but through this value; the kernel's side does not care which
// thread the other side runs on.
unsafe impl Send for Region {}

impl Region {
    /// Fresh memory.
    pub(super) fn anonymous(len: usize) -> io::Result<Self> {
        Self::map(len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    }

    /// A ring of a socket.
    pub(super) fn shared(len: usize, socket: BorrowedFd<'_>, page: i64) -> io::Result<Self> {
        Self::map(len, libc::MAP_SHARED | libc::MAP_POPULATE, socket.as_raw_fd(), page)
    }

    fn map(len: usize, flags: i32, fd: i32, offset: i64) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping where the kernel finds room touches no memory of ours.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd, offset) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Self { base, len })
    }

    /// Where the kernel is told that it begins.
    pub(super) fn address(&self) -> u64 {
        self.base.as_ptr() as u64
    }

    /// Its bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Reads a ring's index; what the other side wrote before it is then visible.
    pub(super) fn load(&self, offset: usize) -> u32 {
        self.index(offset).load(Ordering::Acquire)
    }

    /// Publishes a ring's index; what was written before becomes visible with it.
    pub(super) fn store(&self, offset: usize, value: u32) {
        self.index(offset).store(value, Ordering::Release);
    }

    fn index(&self, offset: usize) -> &AtomicU32 {
        let at = self.at(offset, size_of::<AtomicU32>());
        assert!(at.cast::<AtomicU32>().is_aligned(), "offset {offset} of a ring's index is not aligned");
        // SAFETY: inside the mapping and aligned; both sides access it atomically only.
        unsafe { at.cast::<AtomicU32>().as_ref() }
    }

    /// Copies bytes out.
    pub(super) fn read(&self, offset: usize, to: &mut [u8]) {
        let (from, len) = (self.at(offset, to.len()), to.len());
        // SAFETY: inside the mapping; the ring's protocol gives these bytes to us at this time.
        unsafe { from.copy_to_nonoverlapping(NonNull::from(to).cast(), len) }
    }

    /// Copies bytes in.
    pub(super) fn write(&mut self, offset: usize, from: &[u8]) {
        let to = self.at(offset, from.len());
        // SAFETY: inside the mapping; the ring's protocol gives these bytes to us at this time.
        unsafe { to.copy_from_nonoverlapping(NonNull::from(from).cast(), from.len()) }
    }

    fn at(&self, offset: usize, len: usize) -> NonNull<u8> {
        let inside = offset.checked_add(len).is_some_and(|end| end <= self.len);
        assert!(inside, "{len} bytes at {offset} of a region of {}", self.len);
        // SAFETY: inside the mapping, or at its end.
        unsafe { self.base.add(offset) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping that was made in `map`; nothing refers to it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
