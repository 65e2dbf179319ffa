//! Calculations and jumps: a function for each, with its operation and width known to the compiler.

use super::{Core, Handler, Instr};
use crate::interp::alu;
use crate::op::{AluOp, Cond, Width};

const ALU: [AluOp; 14] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::Sdiv,
    AluOp::Mod,
    AluOp::Smod,
    AluOp::Or,
    AluOp::And,
    AluOp::Xor,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Arsh,
    AluOp::Mov,
];
const CONDS: [Cond; 11] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Gt,
    Cond::Ge,
    Cond::Lt,
    Cond::Le,
    Cond::Set,
    Cond::Sgt,
    Cond::Sge,
    Cond::Slt,
    Cond::Sle,
];

#[inline(always)]
const fn width(wide: bool) -> Width {
    if wide { Width::W64 } else { Width::W32 }
}

#[inline(always)]
pub(super) fn operand(core: &Core<'_>, instr: &Instr, reg: bool) -> u64 {
    if reg { core.get(instr.src) } else { i64::from(instr.imm) as u64 }
}

fn calculate<const OP: usize, const WIDE: bool, const REG: bool>(
    core: &mut Core<'_>,
    instr: &Instr,
    rest: &[Instr],
) -> u32 {
    let value = alu::calculate(width(WIDE), ALU[OP], core.get(instr.dst), operand(core, instr, REG));
    core.set(instr.dst, value);
    core.on(rest)
}

fn branch<const COND: usize, const WIDE: bool, const REG: bool>(
    core: &mut Core<'_>,
    instr: &Instr,
    rest: &[Instr],
) -> u32 {
    if alu::holds(width(WIDE), CONDS[COND], core.get(instr.dst), operand(core, instr, REG)) {
        return core.skip(rest, instr.target);
    }
    core.on(rest)
}

fn branch_back<const COND: usize, const WIDE: bool, const REG: bool>(
    core: &mut Core<'_>,
    instr: &Instr,
    rest: &[Instr],
) -> u32 {
    if alu::holds(width(WIDE), CONDS[COND], core.get(instr.dst), operand(core, instr, REG)) {
        return core.back(rest, instr.target);
    }
    core.on(rest)
}

pub(super) fn goto(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    core.skip(rest, instr.target)
}

pub(super) fn goto_back(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    core.back(rest, instr.target)
}

pub(super) fn wide(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    core.set(instr.dst, u64::from(instr.target) << 32 | u64::from(instr.imm as u32));
    core.skip(rest, 1)
}

/// Whatever has no function of its own here.
pub(super) fn by_reference(core: &mut Core<'_>, _: &Instr, rest: &[Instr]) -> u32 {
    core.ask(rest)
}

/// The function of one operation, for both widths and both kinds of operand.
macro_rules! by_width_and_operand {
    ($function:ident, $op:literal, $width:expr, $reg:expr) => {
        match ($width, $reg) {
            (Width::W32, false) => $function::<$op, false, false>,
            (Width::W32, true) => $function::<$op, false, true>,
            (Width::W64, false) => $function::<$op, true, false>,
            (Width::W64, true) => $function::<$op, true, true>,
        }
    };
}

/// The same for a list of operations, by their place in it.
macro_rules! by_op {
    ($function:ident, $list:expr, $op:expr, $width:expr, $reg:expr, [$($n:literal)*]) => {
        match $list.iter().position(|op| *op == $op) {
            $(Some($n) => by_width_and_operand!($function, $n, $width, $reg),)*
            _ => by_reference,
        }
    };
}

pub(super) fn calculation(op: AluOp, width: Width, reg: bool) -> Handler {
    by_op!(calculate, ALU, op, width, reg, [0 1 2 3 4 5 6 7 8 9 10 11 12 13])
}

pub(super) fn comparison(cond: Cond, width: Width, reg: bool) -> Handler {
    by_op!(branch, CONDS, cond, width, reg, [0 1 2 3 4 5 6 7 8 9 10])
}

pub(super) fn comparison_back(cond: Cond, width: Width, reg: bool) -> Handler {
    by_op!(branch_back, CONDS, cond, width, reg, [0 1 2 3 4 5 6 7 8 9 10])
}
