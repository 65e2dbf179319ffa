//! Accesses of which an engine has an idea where they lead: each is compared with the bounds of that one region.
//!
//! None means that the idea was wrong, or that more than a glance is needed; nothing has changed then, and the general
//! path ([`Memory::load`], [`Memory::store`]) decides.

use super::{BASE, CONTEXT, CONTEXT_SIZE, Memory, STACK, VALUES, address, split};

impl Memory {
    /// Bytes of the packet.
    #[inline(always)]
    pub(crate) fn in_packet<const N: usize>(&self, addr: u64) -> Option<&[u8; N]> {
        self.packet.near(addr)
    }

    /// Bytes of the packet, to be written.
    #[inline(always)]
    pub(crate) fn in_packet_mut<const N: usize>(&mut self, addr: u64) -> Option<&mut [u8; N]> {
        self.packet.near_mut(addr)
    }

    /// Bytes of the innermost function's stack, which ends at `top`.
    #[inline(always)]
    pub(crate) fn in_stack<const N: usize>(&mut self, top: u64, addr: u64) -> Option<&mut [u8; N]> {
        self.stack.near(top, addr)
    }

    /// A key on the stack, for a helper.
    #[inline(always)]
    pub(crate) fn key<const N: usize>(&self, addr: u64) -> Option<&[u8; N]> {
        let (segment, offset) = split(addr);
        if segment == STACK { self.stack.key(offset) } else { None }
    }

    /// A field of the context.
    #[inline(always)]
    pub(crate) fn in_context(&self, addr: u64) -> Option<u32> {
        let at = addr.wrapping_sub(address(CONTEXT, BASE));
        if at > u64::from(CONTEXT_SIZE) - 4 {
            return None;
        }
        self.context.get(at as usize..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
    }

    /// Bytes of a map's value.
    #[inline(always)]
    pub(crate) fn in_value<const N: usize>(&self, addr: u64) -> Option<&[u8; N]> {
        let (segment, offset) = split(addr);
        self.slabs.get(segment.wrapping_sub(VALUES) as usize)?.near(offset)
    }

    /// Bytes of a map's value, to be written.
    #[inline(always)]
    pub(crate) fn in_value_mut<const N: usize>(&mut self, addr: u64) -> Option<&mut [u8; N]> {
        let (segment, offset) = split(addr);
        self.slabs.get_mut(segment.wrapping_sub(VALUES) as usize)?.near_mut(offset)
    }
}
