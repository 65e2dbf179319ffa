//! Programs made ready: the function of each instruction is chosen.

use super::handlers::{by_reference, calculation, comparison, comparison_back, goto, goto_back, wide};
use super::{Instr, access};
use crate::analysis::{self, Kind};
use crate::insn::Reg;
use crate::op::{Op, Operand};
use crate::program::Program;

/// Makes a program ready.
pub(super) fn program(program: &Program) -> Vec<Instr> {
    let places = places(program);
    let ops = (0..).zip(program.ops()).zip(&places);
    ops.map(|((pc, op), place)| instruction(pc, op, *place)).collect()
}

/// Where each access is likely to lead.
fn places(program: &Program) -> Vec<Kind> {
    let mut places = vec![Kind::Unknown; program.ops().len()];
    for block in analysis::analyse(program).iter().flat_map(|function| &function.blocks) {
        let mut state = block.state.clone();
        let slots = block.start as usize..block.end as usize;
        for (op, place) in program.ops()[slots.clone()].iter().zip(&mut places[slots]) {
            if let Op::Load { base, off, .. } | Op::Store { base, off, .. } = *op {
                *place = state.place(base, off);
            }
            state.step(op);
        }
    }
    places
}

/// Makes the operation at a slot ready.
fn instruction(pc: u32, op: &Op, place: Kind) -> Instr {
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
            Instr { off, ..with(access::loading(size, signed, place), dst, Operand::Reg(base)) }
        }
        Op::Store { size, base, off, src } => {
            Instr { off, ..with(access::storing(size, is_reg(src), place), base, src) }
        }
        _ => nothing,
    }
}

/// Does a jump lead backward, and to which slot, or over how many forward?
fn direction(pc: u32, target: u32) -> (bool, u32) {
    if target <= pc { (true, target) } else { (false, target - pc - 1) }
}
