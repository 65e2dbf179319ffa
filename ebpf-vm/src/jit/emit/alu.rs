//! Calculations and comparisons, exactly as [`crate::interp::alu`] has them.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::Emitter;
use crate::insn::{Reg, Size};
use crate::op::{AluOp, Cond, Operand, Order, Width};

impl Emitter<'_, '_> {
    /// Sets a register; 32 bits are zero-extended.
    fn set_width(&mut self, width: Width, dst: Reg, value: Value) {
        let value = match width {
            Width::W64 => value,
            Width::W32 => self.builder.ins().uextend(types::I64, value),
        };
        self.set(dst, value);
    }

    pub(super) fn alu(&mut self, width: Width, op: AluOp, dst: Reg, src: Operand) {
        if let (AluOp::Mov, Width::W64, Operand::Reg(src)) = (op, width, src) {
            let value = self.get(src);
            return self.set(dst, value);
        }
        let b = self.operand(width, src);
        let a = if op == AluOp::Mov { b } else { self.narrow(width, dst) };
        let value = match op {
            AluOp::Add => self.builder.ins().iadd(a, b),
            AluOp::Sub => self.builder.ins().isub(a, b),
            AluOp::Mul => self.builder.ins().imul(a, b),
            AluOp::Or => self.builder.ins().bor(a, b),
            AluOp::And => self.builder.ins().band(a, b),
            AluOp::Xor => self.builder.ins().bxor(a, b),
            // Distances count modulo the width, in Cranelift too.
            AluOp::Lsh => self.builder.ins().ishl(a, b),
            AluOp::Rsh => self.builder.ins().ushr(a, b),
            AluOp::Arsh => self.builder.ins().sshr(a, b),
            AluOp::Mov => b,
            AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod => match src {
                Operand::Imm(by) => self.divide_by(op, a, by, b),
                Operand::Reg(_) => self.divide(op, a, b),
            },
        };
        self.set_width(width, dst, value);
    }

    /// By a constant, which is not zero.
    fn divide_by(&mut self, op: AluOp, a: Value, by: i32, b: Value) -> Value {
        match (op, by) {
            (AluOp::Div | AluOp::Mod | AluOp::Sdiv | AluOp::Smod, 0) => self.divide(op, a, b),
            (AluOp::Div, _) => self.builder.ins().udiv(a, b),
            (AluOp::Mod, _) => self.builder.ins().urem(a, b),
            (AluOp::Sdiv, -1) => self.builder.ins().ineg(a),
            (AluOp::Sdiv, _) => self.builder.ins().sdiv(a, b),
            (_, -1) => self.builder.ins().bxor(a, a),
            (..) => self.builder.ins().srem(a, b),
        }
    }

    /// By anything. A machine may trap on a division by zero, and on the smallest number by -1: neither reaches
    /// it.
    fn divide(&mut self, op: AluOp, a: Value, b: Value) -> Value {
        let of = self.builder.func.dfg.value_type(a);
        let (zero, one) = (self.builder.ins().iconst(of, 0), self.builder.ins().iconst(of, 1));
        let by_zero = self.builder.ins().icmp(IntCC::Equal, b, zero);
        let safe = self.builder.ins().select(by_zero, one, b);
        match op {
            AluOp::Div => {
                let result = self.builder.ins().udiv(a, safe);
                self.builder.ins().select(by_zero, zero, result)
            }
            AluOp::Mod => {
                let result = self.builder.ins().urem(a, safe);
                self.builder.ins().select(by_zero, a, result)
            }
            AluOp::Sdiv => {
                let minus = self.builder.ins().icmp_imm_s(IntCC::Equal, b, -1);
                let safe = self.builder.ins().select(minus, one, safe);
                let result = self.builder.ins().sdiv(a, safe);
                let negative = self.builder.ins().ineg(a);
                let result = self.builder.ins().select(minus, negative, result);
                self.builder.ins().select(by_zero, zero, result)
            }
            _ => {
                let minus = self.builder.ins().icmp_imm_s(IntCC::Equal, b, -1);
                let safe = self.builder.ins().select(minus, one, safe);
                let result = self.builder.ins().srem(a, safe);
                self.builder.ins().select(by_zero, a, result)
            }
        }
    }

    pub(super) fn neg(&mut self, width: Width, dst: Reg) {
        let value = self.narrow(width, dst);
        let value = self.builder.ins().ineg(value);
        self.set_width(width, dst, value);
    }

    pub(super) fn mov_sx(&mut self, width: Width, from: Size, dst: Reg, src: Reg) {
        let value = self.get(src);
        let value = self.sign_extended(from, value);
        let value = match width {
            Width::W64 => value,
            Width::W32 => {
                let low = self.builder.ins().ireduce(types::I32, value);
                self.builder.ins().uextend(types::I64, low)
            }
        };
        self.set(dst, value);
    }

    /// The lowest bytes of 64 bits, sign-extended.
    fn sign_extended(&mut self, from: Size, value: Value) -> Value {
        if from == Size::Dw {
            return value;
        }
        let low = self.builder.ins().ireduce(super::access::of(from), value);
        self.builder.ins().sextend(types::I64, low)
    }

    pub(super) fn order(&mut self, order: Order, size: Size, dst: Reg) {
        let value = self.get(dst);
        let low = match size {
            Size::Dw => value,
            _ => self.builder.ins().ireduce(super::access::of(size), value),
        };
        let turned = match (order, size) {
            (Order::Little, _) | (_, Size::B) => low,
            _ => self.builder.ins().bswap(low),
        };
        let value = match size {
            Size::Dw => turned,
            _ => self.builder.ins().uextend(types::I64, turned),
        };
        self.set(dst, value);
    }

    /// Is `dst cond src`?
    pub(super) fn compare(&mut self, width: Width, cond: Cond, dst: Reg, src: Operand) -> Value {
        let (a, b) = (self.narrow(width, dst), self.operand(width, src));
        let code = match cond {
            Cond::Eq => IntCC::Equal,
            Cond::Ne => IntCC::NotEqual,
            Cond::Gt => IntCC::UnsignedGreaterThan,
            Cond::Ge => IntCC::UnsignedGreaterThanOrEqual,
            Cond::Lt => IntCC::UnsignedLessThan,
            Cond::Le => IntCC::UnsignedLessThanOrEqual,
            Cond::Sgt => IntCC::SignedGreaterThan,
            Cond::Sge => IntCC::SignedGreaterThanOrEqual,
            Cond::Slt => IntCC::SignedLessThan,
            Cond::Sle => IntCC::SignedLessThanOrEqual,
            Cond::Set => {
                let common = self.builder.ins().band(a, b);
                return self.builder.ins().icmp_imm_s(IntCC::NotEqual, common, 0);
            }
        };
        self.builder.ins().icmp(code, a, b)
    }
}
