//! Programs made ready: the function of each instruction is chosen.
//!
//! An instruction's own function first; then, where a sequence begins that there is a function for
//! ([`super::sequences`]), that one. The instructions inside of it keep theirs: jumps may lead to them.

use super::calculate::{Goto, Second, Swap, Wide, alu_place, calculation, comparison, cond_place};
use super::call::{ByReference, Exit, Helper, Lookup, RedirectMap};
use super::step::{Code, Where, one};
use super::{Core, Instr, access, sequences};
use crate::analysis::{self, Kind};
use crate::helpers::id;
use crate::insn::{Reg, Size};
use crate::op::{AtomicOp, Op, Operand, Order, Width};
use crate::program::Program;

/// Does an instruction, which is followed by these, and perhaps some of them: the slot that comes next, or
/// [`super::DONE`] or [`super::ASK`].
pub(super) type Handler = fn(&mut Core<'_>, &Instr, &[Instr]) -> u32;

/// Makes a program ready.
pub(super) fn program(program: &Program) -> Vec<Instr> {
    let places = places(program);
    let ops = (0..).zip(program.ops()).zip(&places);
    let (codes, mut instrs): (Vec<Code>, Vec<Instr>) =
        ops.map(|((pc, op), place)| instruction(pc, op, *place)).unzip();
    let ops = program.ops();
    for at in 0..instrs.len() {
        if let Some(handler) = sequences::beginning(&codes[at..], &ops[at..]) {
            instrs[at].handler = handler;
        }
    }
    instrs
}

/// Where each access is likely to lead.
fn places(program: &Program) -> Vec<Kind> {
    let mut places = vec![Kind::Unknown; program.ops().len()];
    for block in analysis::analyse(program).iter().flat_map(|function| &function.blocks) {
        let mut state = block.state.clone();
        let slots = block.start as usize..block.end as usize;
        for (op, place) in program.ops()[slots.clone()].iter().zip(&mut places[slots]) {
            if let Op::Load { base, off, .. } | Op::Store { base, off, .. } | Op::Atomic { base, off, .. } =
                *op
            {
                *place = state.place(base, off);
            }
            state.step(op);
        }
    }
    places
}

/// The operation at a slot: what it does, and the instruction with its own function.
fn instruction(pc: u32, op: &Op, place: Kind) -> (Code, Instr) {
    let code = code(pc, op, place);
    let Some(handler) = handler(code) else { return (Code::Other, Instr::with(one::<ByReference>)) };
    (code, fields(pc, op, Instr::with(handler)))
}

/// What an operation does.
fn code(pc: u32, op: &Op, place: Kind) -> Code {
    let is_reg = |src| matches!(src, Operand::Reg(_));
    match *op {
        Op::Alu { width, op, src, .. } => Code::Calculate(alu_place(op), width == Width::W64, is_reg(src)),
        Op::Branch { width, cond, src, target, .. } => {
            Code::Branch(cond_place(cond), width == Width::W64, is_reg(src), target <= pc)
        }
        Op::Goto { target } => Code::Goto(target <= pc),
        Op::Wide { .. } => Code::Wide,
        Op::Second => Code::Second,
        Op::Order { order, size, .. } if order != Order::Little => Code::Swap(size.bytes() as usize),
        Op::Load { size, signed, .. } => match region(place) {
            Some(Where::Context) if size != Size::W => Code::LoadAny(by_place(size), signed),
            Some(region) if !signed => Code::Load(region, size.bytes() as usize),
            _ => Code::LoadAny(by_place(size), signed),
        },
        Op::Store { size, src, .. } => match region(place) {
            Some(region) if region != Where::Context => {
                Code::Store(region, size.bytes() as usize, is_reg(src))
            }
            _ => Code::StoreAny(by_place(size), is_reg(src)),
        },
        Op::Atomic { size: Size::Dw, op: AtomicOp::Add, fetch: false, .. }
            if region(place) == Some(Where::Value) =>
        {
            Code::Count
        }
        Op::Helper { id: id::MAP_LOOKUP_ELEM } => Code::Lookup,
        Op::Helper { id: id::REDIRECT_MAP } => Code::RedirectMap,
        Op::Helper { .. } => Code::Helper,
        Op::Exit => Code::Exit,
        _ => Code::Other,
    }
}

fn region(place: Kind) -> Option<Where> {
    match place {
        Kind::Packet => Some(Where::Packet),
        Kind::Stack(_) | Kind::SomeStack => Some(Where::Stack),
        Kind::Value { .. } => Some(Where::Value),
        Kind::Context(_) => Some(Where::Context),
        _ => None,
    }
}

fn by_place(size: Size) -> usize {
    match size {
        Size::B => 0,
        Size::H => 1,
        Size::W => 2,
        Size::Dw => 3,
    }
}

/// The function of one instruction by itself.
fn handler(code: Code) -> Option<Handler> {
    Some(match code {
        Code::Calculate(op, wide, reg) => calculation(op, wide, reg)?,
        Code::Branch(cond, wide, reg, back) => comparison(cond, wide, reg, back)?,
        Code::Goto(true) => one::<Goto<true>>,
        Code::Goto(false) => one::<Goto<false>>,
        Code::Wide => one::<Wide>,
        Code::Second => one::<Second>,
        Code::Swap(2) => one::<Swap<2>>,
        Code::Swap(4) => one::<Swap<4>>,
        Code::Swap(8) => one::<Swap<8>>,
        Code::Lookup => one::<Lookup>,
        Code::RedirectMap => one::<RedirectMap>,
        Code::Helper => one::<Helper>,
        Code::Exit => one::<Exit>,
        _ => return access::accessing(code),
    })
}

/// The fields that an operation's function looks at.
fn fields(pc: u32, op: &Op, plain: Instr) -> Instr {
    let with = |dst, src| match src {
        Operand::Imm(imm) => Instr { dst, imm, ..plain },
        Operand::Reg(src) => Instr { dst, src, ..plain },
    };
    // How many instructions are jumped over, or, backward, to which slot.
    let jump = |target: u32| if target <= pc { target } else { target - pc - 1 };
    match *op {
        Op::Alu { dst, src, .. } => with(dst, src),
        Op::Branch { dst, src, target, .. } => Instr { target: jump(target), ..with(dst, src) },
        Op::Goto { target } => Instr { target: jump(target), ..plain },
        Op::Wide { dst, value } => {
            let (imm, target) = (value.bits() as i32, (value.bits() >> 32) as u32);
            Instr { dst, imm, target, ..plain }
        }
        Op::Order { dst, .. } => Instr { dst, ..plain },
        Op::Load { dst, base, off, .. } => Instr { off, ..with(dst, Operand::Reg(base)) },
        Op::Store { base, off, src, .. } => Instr { off, ..with(base, src) },
        Op::Atomic { base, off, src, .. } => Instr { off, ..with(base, Operand::Reg(src)) },
        Op::Helper { id } => Instr { target: id.0, ..plain },
        _ => plain,
    }
}

impl Instr {
    fn with(handler: Handler) -> Self {
        Self { handler, dst: Reg::R0, src: Reg::R0, off: 0, imm: 0, target: 0 }
    }
}
