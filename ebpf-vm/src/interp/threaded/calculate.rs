//! Calculations, constants and jumps: a step for each, with its operation and width known to the compiler.

use super::ready::Handler;
use super::step::{Code, Step, Then, one};
use super::{Core, Instr};
use crate::insn::Size;
use crate::interp::alu;
use crate::op::{AluOp, Cond, Order, Width};

/// All calculations; steps know them by their place here.
pub(super) const ALU: [AluOp; 14] = [
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

/// All comparisons; likewise.
pub(super) const CONDS: [Cond; 11] = [
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

/// The place of a calculation.
pub(super) const fn alu_place(op: AluOp) -> usize {
    let mut at = 0;
    while ALU[at] as usize != op as usize {
        at += 1;
    }
    at
}

/// The place of a comparison.
pub(super) const fn cond_place(cond: Cond) -> usize {
    let mut at = 0;
    while CONDS[at] as usize != cond as usize {
        at += 1;
    }
    at
}

#[inline(always)]
const fn width(wide: bool) -> Width {
    if wide { Width::W64 } else { Width::W32 }
}

/// A second operand.
#[inline(always)]
pub(super) fn operand(core: &Core<'_>, instr: &Instr, reg: bool) -> u64 {
    if reg { core.get(instr.src) } else { i64::from(instr.imm) as u64 }
}

/// A calculation.
pub(super) struct Calculate<const OP: usize, const WIDE: bool, const REG: bool>;

impl<const OP: usize, const WIDE: bool, const REG: bool> Step for Calculate<OP, WIDE, REG> {
    const CODE: Code = Code::Calculate(OP, WIDE, REG);

    #[inline(always)]
    fn second(core: &Core<'_>, instr: &Instr) -> u64 {
        operand(core, instr, REG)
    }

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], first: u64, second: u64) -> Then {
        let value = alu::calculate(width(WIDE), ALU[OP], first, second);
        core.set(instr.dst, value);
        Then::On(value)
    }
}

/// A jump under a condition.
pub(super) struct Branch<const COND: usize, const WIDE: bool, const REG: bool, const BACK: bool>;

impl<const COND: usize, const WIDE: bool, const REG: bool, const BACK: bool> Step
    for Branch<COND, WIDE, REG, BACK>
{
    const CODE: Code = Code::Branch(COND, WIDE, REG, BACK);

    #[inline(always)]
    fn second(core: &Core<'_>, instr: &Instr) -> u64 {
        operand(core, instr, REG)
    }

    #[inline(always)]
    fn act(_: &mut Core<'_>, _: &Instr, _: &[Instr], first: u64, second: u64) -> Then {
        match (alu::holds(width(WIDE), CONDS[COND], first, second), BACK) {
            (false, _) => Then::On(first),
            (true, false) => Then::Forward,
            (true, true) => Then::Back,
        }
    }
}

/// A jump.
pub(super) struct Goto<const BACK: bool>;

impl<const BACK: bool> Step for Goto<BACK> {
    const CODE: Code = Code::Goto(BACK);

    #[inline(always)]
    fn act(_: &mut Core<'_>, _: &Instr, _: &[Instr], _: u64, _: u64) -> Then {
        if BACK { Then::Back } else { Then::Forward }
    }
}

/// The first slot of a constant of 64 bits.
pub(super) struct Wide;

impl Step for Wide {
    const CODE: Code = Code::Wide;

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], _: u64, _: u64) -> Then {
        let value = u64::from(instr.target) << 32 | u64::from(instr.imm as u32);
        core.set(instr.dst, value);
        Then::On(value)
    }
}

/// Its second slot.
pub(super) struct Second;

impl Step for Second {
    const CODE: Code = Code::Second;

    #[inline(always)]
    fn act(_: &mut Core<'_>, _: &Instr, _: &[Instr], _: u64, _: u64) -> Then {
        Then::On(0)
    }
}

/// To big-endian, 2 to 8 bytes.
pub(super) struct Swap<const N: usize>;

impl<const N: usize> Step for Swap<N> {
    const CODE: Code = Code::Swap(N);

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], first: u64, _: u64) -> Then {
        let size = match N {
            2 => Size::H,
            4 => Size::W,
            _ => Size::Dw,
        };
        let value = alu::reorder(Order::Big, size, first);
        core.set(instr.dst, value);
        Then::On(value)
    }
}

/// A jump under a condition by its direction.
type BranchOn<const COND: usize, const WIDE: bool, const REG: bool> = Branch<COND, WIDE, REG, false>;
type BranchBack<const COND: usize, const WIDE: bool, const REG: bool> = Branch<COND, WIDE, REG, true>;

/// For each place in a list, width and kind of operand.
macro_rules! by_place {
    ($at:expr, $wide:expr, $reg:expr, [$($n:literal)*], $step:ident) => {
        match ($at, $wide, $reg) {
            $(
                ($n, false, false) => Some(one::<$step<$n, false, false >> as Handler),
                ($n, false, true) => Some(one::<$step<$n, false, true >> as Handler),
                ($n, true, false) => Some(one::<$step<$n, true, false >> as Handler),
                ($n, true, true) => Some(one::<$step<$n, true, true >> as Handler),
            )*
            _ => None,
        }
    };
}

/// The function of a calculation.
pub(super) fn calculation(op: usize, wide: bool, reg: bool) -> Option<Handler> {
    by_place!(op, wide, reg, [0 1 2 3 4 5 6 7 8 9 10 11 12 13], Calculate)
}

/// The function of a comparison.
pub(super) fn comparison(cond: usize, wide: bool, reg: bool, back: bool) -> Option<Handler> {
    if back {
        by_place!(cond, wide, reg, [0 1 2 3 4 5 6 7 8 9 10], BranchBack)
    } else {
        by_place!(cond, wide, reg, [0 1 2 3 4 5 6 7 8 9 10], BranchOn)
    }
}
