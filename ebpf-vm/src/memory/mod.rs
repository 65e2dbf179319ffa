//! What a program can reach: segments with exact bounds, named by the upper half of an address.
//!
//! | segment | what | bounds |
//! |---|---|---|
//! | 0 | packet | `data_meta` to `data_end` |
//! | 1 | stack | 512 bytes for each active function, with gaps between them |
//! | 2 | context (`struct xdp_md`), read-only | 24 bytes |
//! | 3 | map handles | none: opaque |
//! | 4 | functions, as callbacks | none: opaque |
//! | 5 | keys that walks over maps show, read-only | each key by itself |
//! | 16 + m | values of map m | each value by itself |
//!
//! The packet is segment 0, so the 32 bits of `ctx->data` are the whole pointer. In every segment offsets
//! begin at [`BASE`], so address 0 is never valid and a pointer that runs backward out of a segment still
//! names it. Maps keep their values here ([`Slab`]); a map's code knows which slot belongs to which key.

#[cfg(feature = "jit")]
mod direct;
mod keys;
mod near;
mod packet;
mod slab;
mod stack;

use std::fmt;

#[cfg(feature = "jit")]
pub(crate) use direct::at;
pub use packet::Packet;
#[cfg(feature = "jit")]
pub(crate) use slab::Direct;
pub use slab::Slab;
pub use stack::{FRAME_SIZE, Stack};

use crate::fault::{Access, Denied, Why};
use crate::insn::Size;
use keys::Keys;

/// Where offsets begin in every segment.
pub const BASE: u32 = 0x1_0000;

const STACK: u32 = 1;
const CONTEXT: u32 = 2;
const HANDLES: u32 = 3;
const FUNCTIONS: u32 = 4;
const KEYS: u32 = 5;
const VALUES: u32 = 16;

/// Bytes of `struct xdp_md`.
pub const CONTEXT_SIZE: u32 = 24;

/// A map's number in a run: index of its [`Slab`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapIdx(pub u32);

const fn address(segment: u32, offset: u32) -> u64 {
    (segment as u64) << 32 | offset as u64
}

/// The context's address: R1 of a program.
#[must_use]
pub const fn context_address() -> u64 {
    address(CONTEXT, BASE)
}

/// Where an active function's stack ends: its R10.
#[inline]
pub(crate) const fn stack_address(frame: usize) -> u64 {
    address(STACK, stack::bounds(frame).1)
}

/// The address that stands for a map in a program: helpers take it, nobody can read it.
#[must_use]
pub const fn handle_address(map: MapIdx) -> u64 {
    address(HANDLES, BASE.wrapping_add(map.0))
}

/// The map that a handle stands for. Whether it exists is the caller's to know.
#[must_use]
pub fn handle_map(addr: u64) -> Option<MapIdx> {
    let (segment, offset) = split(addr);
    (segment == HANDLES).then(|| MapIdx(offset.wrapping_sub(BASE)))
}

/// The address that stands for the function whose first instruction is slot `pc`.
#[must_use]
pub const fn function_address(pc: u32) -> u64 {
    address(FUNCTIONS, BASE.wrapping_add(pc))
}

/// The slot that a function's address stands for. Whether a function begins there is not looked at.
#[must_use]
pub fn function_pc(addr: u64) -> Option<u32> {
    let (segment, offset) = split(addr);
    (segment == FUNCTIONS).then(|| offset.wrapping_sub(BASE))
}

/// The address of the byte at `offset` of a map's slab. Maps without values have no memory there.
#[must_use]
pub const fn slab_address(map: MapIdx, offset: u32) -> u64 {
    address(VALUES.wrapping_add(map.0), BASE.wrapping_add(offset))
}

const fn split(addr: u64) -> (u32, u32) {
    ((addr >> 32) as u32, addr as u32)
}

/// What an address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionKind {
    /// The packet with its metadata.
    Packet,
    /// The stack of an active function; 0 is the outermost.
    Stack {
        /// Which function.
        frame: u32,
    },
    /// `struct xdp_md`.
    Context,
    /// Map handles.
    Handle,
    /// Functions.
    Function,
    /// A key that a walk over a map shows to its callback.
    Key,
    /// A value of a map, or a record of a ring buffer.
    Value {
        /// The map.
        map: MapIdx,
        /// The value's slot.
        slot: u32,
    },
}

/// What an address names, and from where to where it may be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// What.
    pub kind: RegionKind,
    /// Address of its first byte.
    pub lo: u64,
    /// Address after its last byte.
    pub hi: u64,
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RegionKind::Packet => f.write_str("the packet")?,
            RegionKind::Stack { frame } => write!(f, "the stack of active function {frame}")?,
            RegionKind::Context => f.write_str("the context")?,
            RegionKind::Handle => return f.write_str("a map's handle"),
            RegionKind::Function => return f.write_str("a function"),
            RegionKind::Key => f.write_str("a map's key")?,
            RegionKind::Value { map, slot } => write!(f, "value {slot} of map {}", map.0)?,
        }
        write!(f, " ({:#x} to {:#x})", self.lo, self.hi)
    }
}

/// Fields of the context that are not the packet's bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContextFields {
    /// `ingress_ifindex`.
    pub ingress_ifindex: u32,
    /// `rx_queue_index`.
    pub rx_queue_index: u32,
    /// `egress_ifindex`: 0 but in devmap programs.
    pub egress_ifindex: u32,
}

/// All segments of a run. Kept between runs: nothing is allocated for a frame once buffers have grown.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    packet: Packet,
    context: [u8; CONTEXT_SIZE as usize],
    pub(crate) stack: Stack,
    slabs: Box<[Slab]>,
    keys: Keys,
}

impl Memory {
    /// Without packet and maps.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the values of the next map.
    ///
    /// # Panics
    /// After four billion maps.
    pub fn add_slab(&mut self, slab: Slab) -> MapIdx {
        let map = MapIdx(u32::try_from(self.slabs.len()).expect("fewer maps than addresses"));
        let mut slabs = std::mem::take(&mut self.slabs).into_vec();
        slabs.push(slab);
        self.slabs = slabs.into_boxed_slice();
        map
    }

    /// A map's values.
    ///
    /// # Panics
    /// If there is no such map.
    #[must_use]
    #[inline]
    pub fn slab(&self, map: MapIdx) -> &Slab {
        &self.slabs[map.0 as usize]
    }

    /// A map's values.
    ///
    /// # Panics
    /// If there is no such map.
    pub fn slab_mut(&mut self, map: MapIdx) -> &mut Slab {
        &mut self.slabs[map.0 as usize]
    }

    /// Shows a key to the callback of a walk over a map, until [`Memory::pop_key`]: its address.
    pub fn push_key(&mut self, key: &[u8]) -> u64 {
        address(KEYS, self.keys.push(key))
    }

    /// The key that was shown last is gone.
    pub fn pop_key(&mut self) {
        self.keys.pop();
    }

    /// All keys are gone: no walk is active.
    pub fn clear_keys(&mut self) {
        self.keys.clear();
    }

    /// How many maps there are.
    #[must_use]
    pub fn maps(&self) -> u32 {
        self.slabs.len() as u32
    }

    /// The packet.
    #[must_use]
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    /// Copies a frame in, without metadata. Room around it is in bytes; what the program uncovers of it is zero.
    pub fn packet_in(&mut self, frame: &[u8], headroom: u32, tailroom: u32) {
        self.packet_in_with_metadata(frame, 0, headroom, tailroom);
    }

    /// The same, with metadata: the first `meta` of `bytes`. The headroom is what is in front of the metadata.
    ///
    /// # Panics
    /// If there are fewer bytes than metadata.
    #[inline(always)]
    pub fn packet_in_with_metadata(&mut self, bytes: &[u8], meta: u32, headroom: u32, tailroom: u32) {
        assert!(meta as usize <= bytes.len(), "{meta} bytes of metadata in {} bytes", bytes.len());
        if self.packet.fill(bytes, meta, headroom, tailroom) {
            self.refresh_context();
        }
    }

    /// Copies a frame in that has as much metadata and room as the one before: `false` if that one's bounds are not those of
    /// these bytes, or were moved; then nothing has happened.
    #[inline(always)]
    pub fn packet_like_last(&mut self, bytes: &[u8]) -> bool {
        self.packet.refill(bytes)
    }

    /// Moves the packet's bounds: offsets into its buffer ([`Packet::buffer`]), where the headroom begins at 0.
    ///
    /// # Panics
    /// If they are not `meta <= data <= end`, inside the buffer: adjusting helpers refuse that before.
    pub fn move_packet(&mut self, meta: u32, data: u32, end: u32) {
        self.packet.set_bounds(meta, data, end);
        self.refresh_context();
    }

    /// The packet's buffer, headroom and tailroom included: for helpers that clear what they grow into. The packet
    /// counts as written.
    pub fn packet_buffer(&mut self) -> &mut [u8] {
        self.packet.buffer_mut()
    }

    /// Sets the context's other fields.
    #[inline]
    pub fn set_context(&mut self, fields: ContextFields) {
        let words = [fields.ingress_ifindex, fields.rx_queue_index, fields.egress_ifindex];
        for (to, word) in self.context[12..].chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    }

    #[inline]
    fn refresh_context(&mut self) {
        let words = [self.packet.data(), self.packet.data_end(), self.packet.data_meta()];
        for (to, word) in self.context.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    }

    /// A program's load, zero-extended.
    ///
    /// # Errors
    /// The access is outside of what may be read.
    pub fn load(&mut self, addr: u64, size: Size) -> Result<u64, Denied> {
        let access = Access { addr, len: size.bytes(), write: false };
        if split(addr).0 == STACK {
            self.touch_stack(access)?;
        }
        let mut word = [0; 8];
        let bytes = self.locate(access)?;
        word[..bytes.len()].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(word))
    }

    /// A program's store of a value's low bytes.
    ///
    /// # Errors
    /// The access is outside of what may be written.
    pub fn store(&mut self, addr: u64, size: Size, value: u64) -> Result<(), Denied> {
        let len = size.bytes();
        self.bytes_mut(addr, len)?.copy_from_slice(&value.to_le_bytes()[..len as usize]);
        Ok(())
    }

    /// Is this a multiple of the width, as atomic operations need it?
    pub(crate) fn aligned(&self, addr: u64, size: Size) -> Result<(), Denied> {
        if addr.is_multiple_of(size.bytes().into()) {
            return Ok(());
        }
        let access = Access { addr, len: size.bytes(), write: true };
        Err(Denied { why: Why::Misaligned, ..self.deny(access) })
    }

    /// Bytes that a helper reads. (Unlike a load, this does not count as use of the stack.)
    ///
    /// # Errors
    /// The access is outside of what may be read.
    #[inline]
    pub fn bytes(&self, addr: u64, len: u32) -> Result<&[u8], Denied> {
        self.locate(Access { addr, len, write: false })
    }

    /// Bytes that a helper writes.
    ///
    /// # Errors
    /// The access is outside of what may be written.
    pub fn bytes_mut(&mut self, addr: u64, len: u32) -> Result<&mut [u8], Denied> {
        let access = Access { addr, len, write: true };
        let (segment, offset) = split(addr);
        match segment {
            0 if self.packet.has(offset, len) => return Ok(self.packet.bytes_mut(offset, len)),
            STACK => {
                self.touch_stack(access)?;
                return Ok(self.stack.bytes_mut(offset, len));
            }
            VALUES.. => {
                let index = (segment - VALUES) as usize;
                if let Some(range) = self.slabs.get(index).and_then(|slab| slab.writable(offset, len)) {
                    return Ok(self.slabs[index].range_mut(range));
                }
            }
            _ => {}
        }
        Err(self.deny(access))
    }

    /// Copies bytes as a helper does, between any two places; they may overlap only if they are equal.
    ///
    /// # Errors
    /// One of them may not be accessed so; then part of the bytes may have been copied.
    pub fn copy(&mut self, from: u64, to: u64, len: u32) -> Result<(), Denied> {
        self.bytes(from, len)?;
        self.bytes_mut(to, len)?;
        let mut chunk = [0; 64];
        for at in (0..len).step_by(chunk.len()) {
            let part = &mut chunk[..(len - at).min(64) as usize];
            part.copy_from_slice(self.bytes(from + u64::from(at), part.len() as u32)?);
            self.bytes_mut(to + u64::from(at), part.len() as u32)?.copy_from_slice(part);
        }
        Ok(())
    }

    /// The bytes of an access, as far as reading is concerned.
    #[inline]
    fn locate(&self, access: Access) -> Result<&[u8], Denied> {
        let Access { addr, len, .. } = access;
        let (segment, offset) = split(addr);
        let found = match segment {
            0 => self.packet.has(offset, len).then(|| self.packet.bytes(offset, len)),
            STACK => self.stack.bytes(offset, len),
            CONTEXT => offset
                .checked_sub(BASE)
                .and_then(|at| self.context.get(at as usize..(at as usize).saturating_add(len as usize))),
            KEYS => self.keys.bytes(offset, len),
            HANDLES..VALUES => None,
            VALUES.. => self.slabs.get((segment - VALUES) as usize).and_then(|slab| slab.bytes(offset, len)),
        };
        found.ok_or_else(|| self.deny(access))
    }

    /// Counts use of the stack; says whether it is there and not too deep.
    fn touch_stack(&mut self, access: Access) -> Result<(), Denied> {
        let (_, offset) = split(access.addr);
        self.stack.touch(offset, access.len).map_err(|why| Denied { why, ..self.deny(access) })
    }

    /// Words for an access that is not allowed.
    #[cold]
    fn deny(&self, access: Access) -> Denied {
        let region = self.region(access.addr);
        let inside = |region: Region| {
            access.addr >= region.lo && access.addr.saturating_add(u64::from(access.len)) <= region.hi
        };
        let why = match region.map(|region| (region, region.kind)) {
            Some((_, RegionKind::Packet)) if access.addr < u64::from(BASE) => Why::Null,
            Some((_, RegionKind::Handle | RegionKind::Function)) => Why::NotMemory,
            Some((region, RegionKind::Stack { .. })) if access.addr < region.lo => Why::StackOverflow,
            Some((region, _)) if access.write && inside(region) => Why::ReadOnly,
            _ => Why::OutOfBounds,
        };
        Denied { access, why, region }
    }

    /// What an address names, or is nearest to in its segment.
    #[must_use]
    pub fn region(&self, addr: u64) -> Option<Region> {
        let (segment, offset) = split(addr);
        let (kind, (lo, hi)) = match segment {
            0 => (RegionKind::Packet, (self.packet.data_meta(), self.packet.data_end())),
            STACK => {
                let (frame, bounds) = self.stack.nearest(offset)?;
                (RegionKind::Stack { frame }, bounds)
            }
            CONTEXT => (RegionKind::Context, (BASE, BASE + CONTEXT_SIZE)),
            HANDLES => (RegionKind::Handle, (0, 0)),
            FUNCTIONS => (RegionKind::Function, (0, 0)),
            KEYS => (RegionKind::Key, self.keys.nearest(offset)?),
            _ => {
                let map = MapIdx(segment.checked_sub(VALUES)?);
                let (slot, bounds) = self.slabs.get(map.0 as usize)?.nearest(offset)?;
                (RegionKind::Value { map, slot }, bounds)
            }
        };
        Some(Region { kind, lo: address(segment, lo), hi: address(segment, hi) })
    }
}

#[cfg(test)]
mod tests;
