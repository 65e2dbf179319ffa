//! A function for each kind of instruction, with its operation and width known to the compiler.

use super::{Core, Handler, Instr};
use crate::insn::{Reg, Size};
use crate::interp::alu;
use crate::op::{AluOp, Cond, Op, Operand, Width};

const SIZES: [Size; 4] = Size::ALL;
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
fn operand(core: &Core<'_>, instr: &Instr, reg: bool) -> u64 {
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

fn goto(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    core.skip(rest, instr.target)
}

fn goto_back(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    core.back(rest, instr.target)
}

fn wide(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    core.set(instr.dst, u64::from(instr.target) << 32 | u64::from(instr.imm as u32));
    core.skip(rest, 1)
}

fn load<const SIZE: usize, const SIGNED: bool>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let addr = core.get(instr.src).wrapping_add_signed(instr.off.into());
    match core.state.memory.load(addr, SIZES[SIZE]) {
        Ok(value) => core.set(instr.dst, if SIGNED { alu::sign_extend(SIZES[SIZE], value) } else { value }),
        Err(_) => return core.ask(rest),
    }
    core.on(rest)
}

fn store<const SIZE: usize, const REG: bool>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let addr = core.get(instr.dst).wrapping_add_signed(instr.off.into());
    let value = operand(core, instr, REG);
    match core.state.memory.store(addr, SIZES[SIZE], value) {
        Ok(()) => core.on(rest),
        Err(_) => core.ask(rest),
    }
}

/// Whatever has no function of its own here.
fn by_reference(core: &mut Core<'_>, _: &Instr, rest: &[Instr]) -> u32 {
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

fn calculation(op: AluOp, width: Width, reg: bool) -> Handler {
    by_op!(calculate, ALU, op, width, reg, [0 1 2 3 4 5 6 7 8 9 10 11 12 13])
}

fn comparison(cond: Cond, width: Width, reg: bool) -> Handler {
    by_op!(branch, CONDS, cond, width, reg, [0 1 2 3 4 5 6 7 8 9 10])
}

fn comparison_back(cond: Cond, width: Width, reg: bool) -> Handler {
    by_op!(branch_back, CONDS, cond, width, reg, [0 1 2 3 4 5 6 7 8 9 10])
}

fn loading(size: Size, signed: bool) -> Handler {
    match (size, signed) {
        (Size::B, false) => load::<0, false>,
        (Size::H, false) => load::<1, false>,
        (Size::W, false) => load::<2, false>,
        (Size::Dw, _) => load::<3, false>,
        (Size::B, true) => load::<0, true>,
        (Size::H, true) => load::<1, true>,
        (Size::W, true) => load::<2, true>,
    }
}

fn storing(size: Size, reg: bool) -> Handler {
    match (size, reg) {
        (Size::B, false) => store::<0, false>,
        (Size::H, false) => store::<1, false>,
        (Size::W, false) => store::<2, false>,
        (Size::Dw, false) => store::<3, false>,
        (Size::B, true) => store::<0, true>,
        (Size::H, true) => store::<1, true>,
        (Size::W, true) => store::<2, true>,
        (Size::Dw, true) => store::<3, true>,
    }
}

/// Makes the operation at a slot ready.
pub(super) fn ready(pc: u32, op: &Op) -> Instr {
    let nothing = Instr { handler: by_reference, dst: Reg::R0, src: Reg::R0, off: 0, imm: 0, target: 0 };
    let with = |handler, dst, src| match src {
        Operand::Imm(imm) => Instr { handler, dst, imm, ..nothing },
        Operand::Reg(src) => Instr { handler, dst, src, ..nothing },
    };
    let is_reg = |src| matches!(src, Operand::Reg(_));
    match *op {
        Op::Alu { width, op, dst, src } => with(calculation(op, width, is_reg(src)), dst, src),
        Op::Branch { width, cond, dst, src, target } => {
            let (back, target) = direction(pc, target);
            let handler = if back {
                comparison_back(cond, width, is_reg(src))
            } else {
                comparison(cond, width, is_reg(src))
            };
            Instr { target, ..with(handler, dst, src) }
        }
        Op::Goto { target } => {
            let (back, target) = direction(pc, target);
            Instr { handler: if back { goto_back } else { goto }, target, ..nothing }
        }
        Op::Wide { dst, value } => {
            let (imm, target) = (value.bits() as i32, (value.bits() >> 32) as u32);
            Instr { handler: wide, dst, imm, target, ..nothing }
        }
        Op::Load { size, signed, dst, base, off } => {
            Instr { off, ..with(loading(size, signed), dst, Operand::Reg(base)) }
        }
        Op::Store { size, base, off, src } => Instr { off, ..with(storing(size, is_reg(src)), base, src) },
        _ => nothing,
    }
}

/// Does a jump lead backward, and to which slot, or over how many forward?
fn direction(pc: u32, target: u32) -> (bool, u32) {
    if target <= pc { (true, target) } else { (false, target - pc - 1) }
}
