//! What the JIT needs of memory: where things are, so that its code can go there by itself.
//!
//! All of this is safe: places of fields, references and slices. Boxed slices are read as an address and a length,
//! which `jit/code.rs` makes sure of.

use super::{Access, Memory, STACK, Slab, split};
use crate::insn::Size;

/// Places in [`Memory`], as generated code names them.
pub(crate) mod at {
    use std::mem::offset_of;

    use super::super::packet::{Packet, Window};
    use super::super::stack::Stack;
    use super::Memory;

    /// `struct xdp_md`.
    pub const CONTEXT: i32 = offset_of!(Memory, context) as i32;
    /// The address of the first slab.
    pub const SLABS: i32 = offset_of!(Memory, slabs) as i32;
    /// Where the stack of the first function begins.
    pub const STACK: i32 = (offset_of!(Memory, stack) + offset_of!(Stack, bytes)) as i32;
    const PACKET: usize = offset_of!(Memory, packet);
    /// Where the packet's buffer begins, headroom included: address [`BASE`](super::super::BASE) of a program.
    pub const PACKET_BUFFER: i32 = (PACKET + offset_of!(Packet, buffer)) as i32;
    /// One byte: was the packet written to?
    pub const PACKET_DIRTY: i32 = (PACKET + offset_of!(Packet, dirty)) as i32;
    const WINDOW: usize = PACKET + offset_of!(Packet, window);
    /// [`Window::lo`]
    pub const PACKET_LO: i32 = (WINDOW + offset_of!(Window, lo)) as i32;
    /// [`Window::limits`]
    pub const PACKET_LIMITS: i32 = (WINDOW + offset_of!(Window, limits)) as i32;
}

impl Memory {
    /// A frame with as much metadata and room as the one before, for a program that only reads: where code finds the
    /// packet's buffer if the frame stays where it is. None as for [`Memory::packet_like_last`].
    ///
    /// What is in memory is an older frame then: before anybody else looks, [`Memory::packet_like_last`] takes it in.
    #[inline(always)]
    pub(crate) fn lend(&mut self, bytes: &[u8]) -> Option<*const u8> {
        self.packet.lend(bytes)
    }

    /// Where the packet's buffer begins.
    #[inline(always)]
    pub(crate) fn packet_start(&self) -> *const u8 {
        self.packet.buffer.as_ptr()
    }

    /// The values of all maps.
    #[inline]
    pub(crate) fn slabs(&self) -> &[Slab] {
        &self.slabs
    }

    /// Is this an address in the stack's segment?
    #[inline]
    pub(crate) fn is_stack(addr: u64) -> bool {
        split(addr).0 == STACK
    }

    /// Counts use of the stack: is it allowed?
    pub(crate) fn stack_used(&mut self, addr: u64, len: u32) -> bool {
        self.touch_stack(Access { addr, len, write: false }).is_ok()
    }

    /// The bytes of a program's load. Counts use of the stack.
    pub(crate) fn readable(&mut self, addr: u64, size: Size) -> Option<&[u8]> {
        let access = Access { addr, len: size.bytes(), write: false };
        if split(addr).0 == STACK {
            self.touch_stack(access).ok()?;
        }
        self.locate(access).ok()
    }

    /// The bytes of a program's store. Counts use of the stack.
    pub(crate) fn writable(&mut self, addr: u64, size: Size) -> Option<&mut [u8]> {
        self.bytes_mut(addr, size.bytes()).ok()
    }
}
