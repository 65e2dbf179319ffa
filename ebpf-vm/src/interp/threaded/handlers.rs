//! A function for each kind of instruction, with its operation and width known to the compiler.

use super::{Handler, Instr, Machine};
use crate::fault::FaultKind;
use crate::host::Host;
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

/// Goes on at a slot, unless it is time to ask the loop.
#[inline(always)]
pub(super) fn go<H: Host>(m: &mut Machine<'_, H>, code: &[Instr<H>], pc: u32, fuel: u32) -> u32 {
    match code.get(pc as usize) {
        Some(instr) if fuel > 0 => (instr.handler)(m, code, instr, pc, fuel - 1),
        _ => pc,
    }
}

#[inline(always)]
const fn width(wide: bool) -> Width {
    if wide { Width::W64 } else { Width::W32 }
}

#[inline(always)]
fn operand<H: Host>(m: &Machine<'_, H>, instr: &Instr<H>, reg: bool) -> u64 {
    if reg { m.get(instr.src) } else { i64::from(instr.imm) as u64 }
}

fn calculate<H: Host, const OP: usize, const WIDE: bool, const REG: bool>(
    m: &mut Machine<'_, H>,
    code: &[Instr<H>],
    instr: &Instr<H>,
    pc: u32,
    fuel: u32,
) -> u32 {
    let value = alu::calculate(width(WIDE), ALU[OP], m.get(instr.dst), operand(m, instr, REG));
    m.set(instr.dst, value);
    go(m, code, pc + 1, fuel)
}

fn branch<H: Host, const COND: usize, const WIDE: bool, const REG: bool>(
    m: &mut Machine<'_, H>,
    code: &[Instr<H>],
    instr: &Instr<H>,
    pc: u32,
    fuel: u32,
) -> u32 {
    if alu::holds(width(WIDE), CONDS[COND], m.get(instr.dst), operand(m, instr, REG)) {
        return m.jump(pc, instr.target);
    }
    go(m, code, pc + 1, fuel)
}

fn goto<H: Host>(m: &mut Machine<'_, H>, _: &[Instr<H>], instr: &Instr<H>, pc: u32, _: u32) -> u32 {
    m.jump(pc, instr.target)
}

fn load<H: Host, const SIZE: usize, const SIGNED: bool>(
    m: &mut Machine<'_, H>,
    code: &[Instr<H>],
    instr: &Instr<H>,
    pc: u32,
    fuel: u32,
) -> u32 {
    let addr = m.get(instr.src).wrapping_add_signed(instr.off.into());
    match m.run.memory.load(addr, SIZES[SIZE]) {
        Ok(value) => m.set(instr.dst, if SIGNED { alu::sign_extend(SIZES[SIZE], value) } else { value }),
        Err(denied) => return m.stop(pc, FaultKind::Access(denied)),
    }
    go(m, code, pc + 1, fuel)
}

fn store<H: Host, const SIZE: usize, const REG: bool>(
    m: &mut Machine<'_, H>,
    code: &[Instr<H>],
    instr: &Instr<H>,
    pc: u32,
    fuel: u32,
) -> u32 {
    let addr = m.get(instr.dst).wrapping_add_signed(instr.off.into());
    let value = operand(m, instr, REG);
    if let Err(denied) = m.run.memory.store(addr, SIZES[SIZE], value) {
        return m.stop(pc, FaultKind::Access(denied));
    }
    go(m, code, pc + 1, fuel)
}

/// Whatever has no function of its own here.
fn by_reference<H: Host>(m: &mut Machine<'_, H>, _: &[Instr<H>], _: &Instr<H>, pc: u32, _: u32) -> u32 {
    m.step(pc, m.run.program.ops()[pc as usize])
}

/// The function of one operation, for both widths and both kinds of operand.
macro_rules! by_width_and_operand {
    ($function:ident, $op:literal, $width:expr, $reg:expr) => {
        match ($width, $reg) {
            (Width::W32, false) => $function::<H, $op, false, false>,
            (Width::W32, true) => $function::<H, $op, false, true>,
            (Width::W64, false) => $function::<H, $op, true, false>,
            (Width::W64, true) => $function::<H, $op, true, true>,
        }
    };
}

/// The same for a list of operations, by their place in it.
macro_rules! by_op {
    ($function:ident, $list:expr, $op:expr, $width:expr, $reg:expr, [$($n:literal)*]) => {
        match $list.iter().position(|op| *op == $op) {
            $(Some($n) => by_width_and_operand!($function, $n, $width, $reg),)*
            _ => by_reference::<H>,
        }
    };
}

fn calculation<H: Host>(op: AluOp, width: Width, reg: bool) -> Handler<H> {
    by_op!(calculate, ALU, op, width, reg, [0 1 2 3 4 5 6 7 8 9 10 11 12 13])
}

fn comparison<H: Host>(cond: Cond, width: Width, reg: bool) -> Handler<H> {
    by_op!(branch, CONDS, cond, width, reg, [0 1 2 3 4 5 6 7 8 9 10])
}

fn loading<H: Host>(size: Size, signed: bool) -> Handler<H> {
    match (size, signed) {
        (Size::B, false) => load::<H, 0, false>,
        (Size::H, false) => load::<H, 1, false>,
        (Size::W, false) => load::<H, 2, false>,
        (Size::Dw, _) => load::<H, 3, false>,
        (Size::B, true) => load::<H, 0, true>,
        (Size::H, true) => load::<H, 1, true>,
        (Size::W, true) => load::<H, 2, true>,
    }
}

fn storing<H: Host>(size: Size, reg: bool) -> Handler<H> {
    match (size, reg) {
        (Size::B, false) => store::<H, 0, false>,
        (Size::H, false) => store::<H, 1, false>,
        (Size::W, false) => store::<H, 2, false>,
        (Size::Dw, false) => store::<H, 3, false>,
        (Size::B, true) => store::<H, 0, true>,
        (Size::H, true) => store::<H, 1, true>,
        (Size::W, true) => store::<H, 2, true>,
        (Size::Dw, true) => store::<H, 3, true>,
    }
}

fn number(reg: Reg) -> u8 {
    reg.index() as u8
}

/// Makes an operation ready.
pub(super) fn ready<H: Host>(op: &Op) -> Instr<H> {
    let nothing = Instr { handler: by_reference::<H>, dst: 0, src: 0, off: 0, imm: 0, target: 0 };
    let with = |handler, dst: Reg, src: Operand, off: i16, target: u32| {
        let (src, imm) = match src {
            Operand::Imm(imm) => (0, imm),
            Operand::Reg(reg) => (number(reg), 0),
        };
        Instr { handler, dst: number(dst), src, off, imm, target }
    };
    let is_reg = |src: Operand| matches!(src, Operand::Reg(_));
    match *op {
        Op::Alu { width, op, dst, src } => with(calculation(op, width, is_reg(src)), dst, src, 0, 0),
        Op::Branch { width, cond, dst, src, target } => {
            with(comparison(cond, width, is_reg(src)), dst, src, 0, target)
        }
        Op::Goto { target } => Instr { handler: goto::<H>, target, ..nothing },
        Op::Load { size, signed, dst, base, off } => {
            with(loading(size, signed), dst, Operand::Reg(base), off, 0)
        }
        Op::Store { size, base, off, src } => with(storing(size, is_reg(src)), base, src, off, 0),
        _ => nothing,
    }
}
