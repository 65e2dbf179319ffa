//! Arithmetic and comparisons, with BPF's results where a processor would trap (RFC 9669, section 4).

use crate::insn::Size;
use crate::op::{AluOp, Cond, Order, Width};

/// `a op b`; of 32 bits the upper half of the result is zero.
#[inline]
#[must_use]
pub fn calculate(width: Width, op: AluOp, a: u64, b: u64) -> u64 {
    match width {
        Width::W64 => calculate64(op, a, b),
        Width::W32 => calculate32(op, a as u32, b as u32).into(),
    }
}

fn calculate64(op: AluOp, a: u64, b: u64) -> u64 {
    match op {
        AluOp::Add => a.wrapping_add(b),
        AluOp::Sub => a.wrapping_sub(b),
        AluOp::Mul => a.wrapping_mul(b),
        AluOp::Div => a.checked_div(b).unwrap_or(0),
        AluOp::Mod => a.checked_rem(b).unwrap_or(a),
        AluOp::Sdiv if b == 0 => 0,
        AluOp::Sdiv => (a as i64).wrapping_div(b as i64) as u64,
        AluOp::Smod if b == 0 => a,
        AluOp::Smod => (a as i64).wrapping_rem(b as i64) as u64,
        AluOp::Or => a | b,
        AluOp::And => a & b,
        AluOp::Xor => a ^ b,
        AluOp::Lsh => a.wrapping_shl(b as u32),
        AluOp::Rsh => a.wrapping_shr(b as u32),
        AluOp::Arsh => (a as i64).wrapping_shr(b as u32) as u64,
        AluOp::Mov => b,
    }
}

fn calculate32(op: AluOp, a: u32, b: u32) -> u32 {
    match op {
        AluOp::Add => a.wrapping_add(b),
        AluOp::Sub => a.wrapping_sub(b),
        AluOp::Mul => a.wrapping_mul(b),
        AluOp::Div => a.checked_div(b).unwrap_or(0),
        AluOp::Mod => a.checked_rem(b).unwrap_or(a),
        AluOp::Sdiv if b == 0 => 0,
        AluOp::Sdiv => (a as i32).wrapping_div(b as i32) as u32,
        AluOp::Smod if b == 0 => a,
        AluOp::Smod => (a as i32).wrapping_rem(b as i32) as u32,
        AluOp::Or => a | b,
        AluOp::And => a & b,
        AluOp::Xor => a ^ b,
        AluOp::Lsh => a.wrapping_shl(b),
        AluOp::Rsh => a.wrapping_shr(b),
        AluOp::Arsh => (a as i32).wrapping_shr(b) as u32,
        AluOp::Mov => b,
    }
}

/// `-a`
#[inline]
#[must_use]
pub fn negate(width: Width, a: u64) -> u64 {
    match width {
        Width::W64 => a.wrapping_neg(),
        Width::W32 => (a as u32).wrapping_neg().into(),
    }
}

/// The lowest bytes of `a`, sign-extended to 64 bits.
#[inline]
#[must_use]
pub fn sign_extend(from: Size, a: u64) -> u64 {
    match from {
        Size::B => a as i8 as u64,
        Size::H => a as i16 as u64,
        Size::W => a as i32 as u64,
        Size::Dw => a,
    }
}

/// The lowest bytes of `a` in another order, zero-extended. The machine is little-endian.
#[inline]
#[must_use]
pub fn reorder(order: Order, size: Size, a: u64) -> u64 {
    let turn = order != Order::Little;
    match (size, turn) {
        (Size::B, _) => a & 0xff,
        (Size::H, false) => (a as u16).into(),
        (Size::H, true) => (a as u16).swap_bytes().into(),
        (Size::W, false) => (a as u32).into(),
        (Size::W, true) => (a as u32).swap_bytes().into(),
        (Size::Dw, false) => a,
        (Size::Dw, true) => a.swap_bytes(),
    }
}

/// `a cond b`
#[inline]
#[must_use]
pub fn holds(width: Width, cond: Cond, a: u64, b: u64) -> bool {
    let (a, b) = match width {
        Width::W64 => (a, b),
        // Sign-extended, so that one comparison of 64 bits serves both kinds: the order of unsigned
        // numbers stays the same.
        Width::W32 => (a as i32 as u64, b as i32 as u64),
    };
    let (signed_a, signed_b) = (a as i64, b as i64);
    match cond {
        Cond::Eq => a == b,
        Cond::Ne => a != b,
        Cond::Gt => a > b,
        Cond::Ge => a >= b,
        Cond::Lt => a < b,
        Cond::Le => a <= b,
        Cond::Set => a & b != 0,
        Cond::Sgt => signed_a > signed_b,
        Cond::Sge => signed_a >= signed_b,
        Cond::Slt => signed_a < signed_b,
        Cond::Sle => signed_a <= signed_b,
    }
}
