//! What the JIT needs of memory: where things are, so that its code can go there by itself.
//!
//! All of this is safe: references and slices, which the JIT turns into addresses.

use super::{Access, CONTEXT_SIZE, Memory, STACK, Slab, split};
use crate::insn::Size;

impl Memory {
    /// The packet's bytes that can be accessed, and the address of the first.
    #[inline]
    pub(crate) fn packet_window(&mut self) -> (u64, &mut [u8]) {
        let lo = self.packet.data_meta();
        (lo.into(), self.packet.window())
    }

    /// Something was written to the packet.
    #[inline]
    pub(crate) fn packet_written(&mut self) {
        self.packet.touch();
    }

    /// `struct xdp_md`.
    #[inline]
    pub(crate) fn context_bytes(&self) -> &[u8; CONTEXT_SIZE as usize] {
        &self.context
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
