//! Where an access leads: a host address that was compared with the real bounds, or an exit.
//!
//! | kind | check |
//! |---|---|
//! | stack at a constant offset | none: the offset is inside of the stack, and the register is not asked |
//! | context at a constant offset | the same; loads only |
//! | packet | address - first < how many bytes can be the first one of such an access; once for all accesses by the same pointer that follow for sure ([`reach`](super::reach)) |
//! | value at a constant offset | once for the whole value in a block: its start with those that fit into the slab; the size with that of the slab's values |
//! | value anywhere | inside the map's first value, otherwise asks |
//! | the rest | as a packet, otherwise asks |
//!
//! Who asks gets the address from [`Memory`](crate::Memory), as the interpreter does, or leaves.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Value, types};

use super::{Emitter, Part};
use crate::analysis::Kind;
use crate::insn::{Reg, Size};
use crate::jit::plan::Track;
use crate::jit::trampolines::{EXACT, slot};
use crate::jit::vm::at;
use crate::memory::{self, BASE, CONTEXT_SIZE, FRAME_SIZE, MapIdx, slab_address};

/// An address that may be accessed now.
#[derive(Clone, Copy)]
pub(super) struct Host {
    pub base: Value,
    pub offset: i32,
    pub flags: MemFlagsData,
}

/// Is an access inside of so many bytes, which begin at `lo`?
fn inside(at: i32, size: Size, lo: i32, len: u32) -> bool {
    let from = i64::from(at) - i64::from(lo);
    from >= 0 && from + i64::from(size.bytes()) <= i64::from(len)
}

impl Emitter<'_, '_> {
    /// The address of an access, as the program has it.
    pub(super) fn address(&mut self, base: Reg, off: i16) -> Value {
        let base = self.get(base);
        if off == 0 { base } else { self.builder.ins().iadd_imm_s(base, i64::from(off)) }
    }

    /// Accesses to the program's memory: little-endian on every machine, at any address.
    pub(super) fn guest(&self, part: Part) -> MemFlagsData {
        self.flags(part).with_endianness(cranelift_codegen::ir::Endianness::Little)
    }

    /// Where an access leads. When this has not left, it may happen.
    pub(super) fn place(&mut self, (base, off): (Reg, i16), size: Size, write: bool) -> Host {
        match self.state.place(base, off) {
            Kind::Stack(at) if inside(at, size, -(FRAME_SIZE as i32), FRAME_SIZE) => {
                self.use_stack(at, size);
                let part = if self.source.plan.exact { Part::Stack } else { Part::Data };
                let (base, top) = self.stack_top;
                Host { base, offset: top + at, flags: self.guest(part) }
            }
            Kind::Context(at) if !write && inside(at, size, 0, CONTEXT_SIZE) => {
                let flags = self.guest(Part::Context);
                Host { base: self.memory, offset: memory::at::CONTEXT + at, flags }
            }
            Kind::Stack(_) | Kind::Context(_) => {
                self.exit_always();
                Host { base: self.stack_top.0, offset: 0, flags: self.guest(Part::Data) }
            }
            Kind::Packet => {
                let pointer = self.get(base);
                let to = i32::from(off) + size.bytes() as i32;
                if !self.block.inside(pointer, off.into(), to) {
                    self.check_packet(base, pointer);
                }
                self.packet_byte(pointer, off, write)
            }
            Kind::Value { map, at: Some(at) } if at >= 0 => {
                let (pointer, end) = (self.get(base), at + size.bytes() as i32);
                if let Some(host) = self.whole_value(map, pointer, at - i32::from(off), end, write) {
                    return Host { base: host, offset: at, flags: self.guest(Part::Data) };
                }
                let addr = self.address(base, off);
                self.value(map, at, addr, size, write)
            }
            Kind::Value { map, .. } => {
                let addr = self.address(base, off);
                self.first_value(map, addr, size, write)
            }
            _ => self.anywhere(base, off, size, write),
        }
    }

    /// Leaves unless the current access, and all that follow by the same pointer, are inside the packet.
    ///
    /// A program that a verifier accepts has compared the pointer for all of them before the first one; of another one,
    /// the interpreter finds out which access is the one outside.
    fn check_packet(&mut self, base: Reg, pointer: Value) {
        let (from, to) = self.reach(base);
        let span = to - from;
        let size = Size::ALL.into_iter().find(|size| size.bytes() as i32 == span);
        let fits = self.in_packet(pointer, from, size.unwrap_or(Size::B));
        self.exit_unless(fits);
        if size.is_none() {
            // The first byte is inside, so the sum does not wrap.
            let fits = self.in_packet(pointer, to - 1, Size::B);
            self.exit_unless(fits);
        }
        self.block.found_inside(pointer, from, to);
    }

    /// Is an access inside the packet? The distance of the base is calculated for itself, because others have the same.
    fn in_packet(&mut self, base: Value, off: i32, size: Size) -> Value {
        let lo = self.found_at(memory::at::PACKET_LO);
        let from = self.builder.ins().isub(base, lo);
        let from = if off == 0 { from } else { self.builder.ins().iadd_imm_s(from, i64::from(off)) };
        let limit = self.memory_load(memory::at::PACKET_LIMITS + 8 * number(size));
        self.builder.ins().icmp(IntCC::UnsignedLessThan, from, limit)
    }

    /// The packet's byte at an address that is inside.
    fn packet_byte(&mut self, base: Value, off: i16, write: bool) -> Host {
        if write {
            assert!(!self.source.plan.reads, "a plan has overlooked a store to the packet");
            let yes = self.builder.ins().iconst(types::I8, 1);
            let flags = self.flags(Part::Written);
            self.builder.ins().store(flags, yes, self.memory, memory::at::PACKET_DIRTY);
        }
        let buffer = self.found_at(memory::at::PACKET_BUFFER);
        let base = self.builder.ins().iadd(buffer, base);
        Host { base, offset: i32::from(off) - BASE as i32, flags: self.guest(Part::Data) }
    }

    /// The byte of a slab for an address, and whether an access there is inside of the slab.
    fn in_slab(&mut self, map: MapIdx, addr: Value, size: Size, write: bool) -> (Value, Value) {
        let first = slab_address(map, 0) as i64;
        let from = self.builder.ins().iadd_imm_s(addr, first.wrapping_neg());
        let limits = if write { at::STORES } else { at::LOADS };
        let limit = self.slab(map, limits + 8 * i64::from(number(size)));
        (from, self.builder.ins().icmp(IntCC::UnsignedLessThan, from, limit))
    }

    fn slab_byte(&mut self, map: MapIdx, from: Value) -> Host {
        let bytes = self.slab(map, at::BYTES);
        let base = self.builder.ins().iadd(bytes, from);
        Host { base, offset: 0, flags: self.guest(Part::Data) }
    }

    /// A byte of a value, so far behind its start.
    fn value(&mut self, map: MapIdx, at: i32, addr: Value, size: Size, write: bool) -> Host {
        let (from, in_slab) = self.in_slab(map, addr, size, write);
        let value_size = self.slab(map, at::VALUE_SIZE);
        let end = i64::from(at) + i64::from(size.bytes());
        let in_value = self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, value_size, end);
        let fits = self.builder.ins().band(in_slab, in_value);
        self.exit_unless(fits);
        self.slab_byte(map, from)
    }

    /// A byte that is perhaps in a map's only value: variables are.
    fn first_value(&mut self, map: MapIdx, addr: Value, size: Size, write: bool) -> Host {
        let (from, in_slab) = self.in_slab(map, addr, size, write);
        let value_size = self.slab(map, at::VALUE_SIZE);
        let end = self.builder.ins().iadd_imm_s(from, i64::from(size.bytes()));
        let in_value = self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, value_size);
        let fits = self.builder.ins().band(in_slab, in_value);
        self.or_ask(fits, Kind::Value { map, at: None }, addr, size, write, |this| {
            this.slab_byte(map, from).base
        })
    }

    /// Any address: tries the packet.
    fn anywhere(&mut self, base: Reg, off: i16, size: Size, write: bool) -> Host {
        let addr = self.address(base, off);
        let fits = self.in_packet(addr, 0, size);
        self.or_ask(fits, Kind::Unknown, addr, size, write, |this| {
            let host = this.packet_byte(addr, 0, write);
            this.builder.ins().iadd_imm_s(host.base, i64::from(host.offset))
        })
    }

    /// An address that is known if a condition holds, and is asked for otherwise.
    fn or_ask(
        &mut self,
        known: Value,
        kind: Kind,
        addr: Value,
        size: Size,
        write: bool,
        fast: impl FnOnce(&mut Self) -> Value,
    ) -> Host {
        let [found, ask, on] = [(); 3].map(|()| self.builder.create_block());
        let base = self.builder.append_block_param(on, types::I64);
        self.builder.set_cold_block(ask);
        self.builder.ins().brif(known, found, &[], ask, &[]);
        self.builder.seal_block(found);
        self.builder.seal_block(ask);

        self.builder.switch_to_block(found);
        let host = fast(self);
        self.builder.ins().jump(on, &[BlockArg::Value(host)]);

        self.builder.switch_to_block(ask);
        let no_stack = self.source.plan.exact || matches!(kind, Kind::Value { .. });
        let how = number(size) as u64 | if no_stack { EXACT } else { 0 };
        let how = self.builder.ins().iconst(types::I64, how as i64);
        let which = if write { slot::WRITABLE } else { slot::READABLE };
        let host = self.call_table(self.sigs.resolve, which, &[self.vm, addr, how]);
        let nowhere = self.builder.ins().icmp_imm_s(IntCC::Equal, host, 0);
        self.exit_if(nowhere);
        self.builder.ins().jump(on, &[BlockArg::Value(host)]);

        self.builder.seal_block(on);
        self.builder.switch_to_block(on);
        Host { base, offset: 0, flags: self.guest(Part::Data) }
    }

    /// Counts use of the stack, where that is not known beforehand.
    fn use_stack(&mut self, at: i32, size: Size) {
        let depth = at.unsigned_abs();
        let track = self.source.plan.track;
        if track == Track::Nothing || depth <= self.counted {
            return;
        }
        self.counted = depth;
        let flags = self.flags(Part::Used);
        let used = self.vm_load(types::I64, at::USED);
        let before = self.builder.ins().load(types::I32, flags, used, 0);
        let deeper = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, before, i64::from(depth));
        let (count, on) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(count);
        self.builder.ins().brif(deeper, count, &[], on, &[]);
        self.builder.seal_block(count);
        self.builder.switch_to_block(count);
        if track == Track::Count {
            let depth = self.builder.ins().iconst(types::I32, i64::from(depth));
            self.builder.ins().store(flags, depth, used, 0);
        } else {
            let addr = self.address(Reg::R10, at as i16);
            let len = self.builder.ins().iconst(types::I64, i64::from(size.bytes()));
            let answer = self.call_table(self.sigs.touch, slot::TOUCH, &[self.vm, addr, len]);
            self.exit_if(answer);
        }
        self.builder.ins().jump(on, &[]);
        self.builder.seal_block(on);
        self.builder.switch_to_block(on);
    }
}

/// A size's place in tables.
fn number(size: Size) -> i32 {
    match size {
        Size::B => 0,
        Size::H => 1,
        Size::W => 2,
        Size::Dw => 3,
    }
}
