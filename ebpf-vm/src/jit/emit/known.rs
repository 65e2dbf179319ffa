//! What is known at a place of a program, so that it need not be found out twice: bytes of the packet and values of maps
//! whose bounds were compared, and what was stored on the stack.
//!
//! It is forgotten where a jump may lead to, and where anybody else gets hold of memory. So what is known was found out
//! by instructions that have been executed whenever this one is.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::{Emitter, FOUND, Part};
use crate::insn::Size;
use crate::jit::vm::at;
use crate::memory::{self, MapIdx, slab_address};

/// A value of a map, all of it inside of its slab.
#[derive(Clone, Copy)]
struct Whole {
    /// The pointer that was compared.
    base: Value,
    map: MapIdx,
    /// The address of the value's first byte.
    host: Value,
}

/// A store to the stack.
#[derive(Clone, Copy)]
struct Stored {
    /// From R10.
    at: i32,
    size: Size,
    value: Value,
}

/// Bytes of the packet, all of them inside of its bounds.
#[derive(Clone, Copy)]
struct Inside {
    /// The pointer that was compared.
    base: Value,
    /// From there, to there, counted from the pointer.
    from: i32,
    to: i32,
}

/// What is known.
#[derive(Default)]
pub(super) struct Known {
    packet: Vec<Inside>,
    values: Vec<Whole>,
    stores: Vec<Stored>,
}

impl Known {
    /// It was found out that these bytes of the packet are inside.
    pub fn found_inside(&mut self, base: Value, from: i32, to: i32) {
        self.packet.push(Inside { base, from, to });
    }

    /// Are these bytes of the packet inside?
    pub fn inside(&self, base: Value, from: i32, to: i32) -> bool {
        self.packet.iter().any(|known| known.base == base && known.from <= from && to <= known.to)
    }

    /// Something was stored on the stack.
    pub fn stored(&mut self, at: i32, size: Size, value: Value) {
        self.stores.push(Stored { at, size, value });
    }

    /// Something else was stored, perhaps on the stack.
    pub fn forget_stack(&mut self) {
        self.stores.clear();
    }
}

impl Emitter<'_, '_> {
    /// Where a value begins whose byte `from` (constant) a register points to: all of it may be accessed then. None if
    /// nothing is known of the map's values, or they are not for writing.
    ///
    /// One comparison for the whole value: its start with the starts that fit into the slab. The size of a value is that
    /// of the slab's, or more: so no access inside of the value is outside of its bounds.
    pub(super) fn whole_value(
        &mut self,
        map: MapIdx,
        base: Value,
        from: i32,
        end: i32,
        write: bool,
    ) -> Option<Value> {
        let hint = self.source.shapes.value(map)?;
        if write && !hint.writable || from < 0 || i64::from(end) > i64::from(hint.size) {
            return None;
        }
        let known = self.block.values.iter().find(|known| known.base == base && known.map == map);
        if let Some(known) = known {
            return Some(known.host);
        }
        let first = slab_address(map, 0).wrapping_add(i64::from(from) as u64) as i64;
        let start = self.builder.ins().iadd_imm_s(base, first.wrapping_neg());
        let starts = self.slab(map, at::WHOLE + if hint.writable { 8 } else { 0 });
        let size = self.slab(map, at::VALUE_SIZE);
        let inside = self.builder.ins().icmp(IntCC::UnsignedLessThan, start, starts);
        let same = self.builder.ins().icmp_imm_u(IntCC::Equal, size, i64::from(hint.size));
        self.exit_unless(inside);
        self.exit_unless(same);
        let bytes = self.slab(map, at::BYTES);
        let host = self.builder.ins().iadd(bytes, start);
        self.block.values.push(Whole { base, map, host });
        Some(host)
    }

    /// The word of up to eight bytes at R10 + `at`, put together from what this block has stored there: so it need not
    /// wait for several stores. None if that is not all of it.
    pub(super) fn stored_word(&mut self, at: i32, len: i32) -> Option<Value> {
        let (mut pieces, mut covered) = (Vec::new(), 0_u8);
        for stored in self.block.stores.iter().rev() {
            let (from, size) = (stored.at - at, stored.size.bytes() as i32);
            if from + size <= 0 || from >= len {
                continue;
            }
            let inside = from >= 0 && from + size <= len;
            let bits = if inside { (((1_u16 << size) - 1) << from) as u8 } else { 0 };
            if !inside || covered & bits != 0 {
                return None;
            }
            covered |= bits;
            pieces.push((from, *stored));
        }
        if u16::from(covered) != (1 << len) - 1 {
            return None;
        }
        let mut word = None;
        for (from, stored) in pieces {
            let piece = match stored.size {
                Size::Dw => stored.value,
                _ => self.builder.ins().uextend(types::I64, stored.value),
            };
            let piece =
                if from == 0 { piece } else { self.builder.ins().ishl_imm_u(piece, i64::from(8 * from)) };
            word = Some(word.map_or(piece, |word| self.builder.ins().bor(word, piece)));
        }
        word
    }

    /// What a map's slab says of itself.
    pub(super) fn slab(&mut self, map: MapIdx, field: i64) -> Value {
        let flags = self.flags(Part::Slabs);
        let slabs = self.found_at(memory::at::SLABS);
        let offset = i64::from(map.0) * at::SLAB + field;
        match i32::try_from(offset) {
            Ok(offset) => self.builder.ins().load(types::I64, flags, slabs, offset),
            Err(_) => {
                let slab = self.builder.ins().iadd_imm_s(slabs, offset);
                self.builder.ins().load(types::I64, flags, slab, 0)
            }
        }
    }

    /// What memory has at one of the places of [`FOUND`].
    pub(super) fn found_at(&mut self, offset: i32) -> Value {
        let at = FOUND.iter().position(|known| *known == offset).unwrap_or(0);
        debug_assert_eq!(FOUND[at], offset);
        self.builder.use_var(self.found[at])
    }
}
