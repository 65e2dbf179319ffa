//! Loads, stores and atomic operations, once it is known where they lead.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

use super::Emitter;
use super::place::Host;
use crate::analysis::Kind;
use crate::insn::{Reg, Size};
use crate::op::{AtomicOp, Operand};

/// An integer of this size.
pub(super) fn of(size: Size) -> Type {
    match size {
        Size::B => types::I8,
        Size::H => types::I16,
        Size::W => types::I32,
        Size::Dw => types::I64,
    }
}

impl Emitter<'_, '_> {
    pub(super) fn load(&mut self, size: Size, signed: bool, dst: Reg, at: (Reg, i16)) {
        let host = self.place(at, size, false);
        let value = self.read(host, size);
        let value = match size {
            Size::Dw => value,
            _ if signed => self.builder.ins().sextend(types::I64, value),
            _ => self.builder.ins().uextend(types::I64, value),
        };
        self.set(dst, value);
    }

    pub(super) fn store(&mut self, size: Size, at: (Reg, i16), src: Operand) {
        let host = self.place(at, size, true);
        let value = match src {
            Operand::Imm(imm) => self.builder.ins().iconst(of(size), mask(size, imm.into())),
            Operand::Reg(reg) => {
                let value = self.get(reg);
                self.low(size, value)
            }
        };
        self.write(host, value);
        match self.state.place(at.0, at.1) {
            Kind::Stack(at) => self.block.stored(at, size, value),
            // Where nobody has a pointer into the stack, only the helpers that get one write to it.
            _ if self.source.plan.exact => {}
            _ => self.block.forget_stack(),
        }
    }

    /// One thread runs a program and its memory, so reading and writing in turn is atomic.
    pub(super) fn atomic(&mut self, size: Size, op: AtomicOp, fetch: bool, at: (Reg, i16), src: Reg) {
        self.aligned(at, size);
        let host = self.place(at, size, true);
        self.block.forget_stack();
        let old = self.read(host, size);
        let with = self.get(src);
        let with = self.low(size, with);
        let new = match op {
            AtomicOp::Add => self.builder.ins().iadd(old, with),
            AtomicOp::Or => self.builder.ins().bor(old, with),
            AtomicOp::And => self.builder.ins().band(old, with),
            AtomicOp::Xor => self.builder.ins().bxor(old, with),
            AtomicOp::Xchg => with,
            AtomicOp::Cmpxchg => {
                let expected = self.get(Reg::R0);
                let expected = self.low(size, expected);
                let equal = self.builder.ins().icmp(IntCC::Equal, old, expected);
                self.builder.ins().select(equal, with, old)
            }
        };
        self.write(host, new);
        if fetch {
            let old = match size {
                Size::Dw => old,
                _ => self.builder.ins().uextend(types::I64, old),
            };
            self.set(if op == AtomicOp::Cmpxchg { Reg::R0 } else { src }, old);
        }
    }

    /// Leaves if the address is not a multiple of the size.
    pub(super) fn aligned(&mut self, (base, off): (Reg, i16), size: Size) {
        let bytes = i64::from(size.bytes());
        if let Kind::Stack(at) = self.state.place(base, off) {
            // R10 is a multiple of 16.
            if i64::from(at) % bytes != 0 {
                self.exit_always();
            }
            return;
        }
        let addr = self.address(base, off);
        let rest = self.builder.ins().band_imm_u(addr, bytes - 1);
        self.exit_if(rest);
    }

    /// The lowest bytes of a register.
    fn low(&mut self, size: Size, value: Value) -> Value {
        match size {
            Size::Dw => value,
            _ => self.builder.ins().ireduce(of(size), value),
        }
    }

    fn read(&mut self, host: Host, size: Size) -> Value {
        self.builder.ins().load(of(size), host.flags, host.base, host.offset)
    }

    fn write(&mut self, host: Host, value: Value) {
        self.builder.ins().store(host.flags, value, host.base, host.offset);
    }
}

/// The low bytes of a constant, as an instruction takes it.
fn mask(size: Size, imm: i64) -> i64 {
    match size {
        Size::Dw => imm,
        _ => imm & ((1 << (8 * size.bytes())) - 1),
    }
}
