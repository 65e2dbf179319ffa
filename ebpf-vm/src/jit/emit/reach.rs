//! Which accesses follow for sure: what one comparison is good for.

use std::collections::BTreeSet;

use super::{Emitter, Source};
use crate::insn::{Reg, Size};
use crate::op::{AtomicOp, Op, Operand};

/// The slots of a function that jumps lead to.
pub(super) fn joins(source: &Source<'_>) -> BTreeSet<u32> {
    let ops = &source.program.ops()[source.function.start as usize..source.function.end as usize];
    let target = |op: &Op| match *op {
        Op::Goto { target } | Op::Branch { target, .. } | Op::MayGoto { target } => Some(target),
        _ => None,
    };
    ops.iter().filter_map(target).collect()
}

/// The base, offset and size of an access.
fn access(op: &Op) -> Option<(Reg, i16, Size)> {
    match *op {
        Op::Load { size, base, off, .. }
        | Op::LoadAcquire { size, base, off, .. }
        | Op::Store { size, base, off, .. }
        | Op::StoreRelease { size, base, off, .. }
        | Op::Atomic { size, base, off, .. } => Some((base, off, size)),
        _ => None,
    }
}

/// Does an instruction leave this register and the packet's bounds as they are, and lead on? Comparisons of registers
/// do not count: with one of them, a program finds out how long the packet is.
fn leaves(op: &Op, reg: Reg) -> bool {
    match *op {
        Op::Alu { dst, .. }
        | Op::Neg { dst, .. }
        | Op::MovSx { dst, .. }
        | Op::Order { dst, .. }
        | Op::Wide { dst, .. }
        | Op::Load { dst, .. }
        | Op::LoadAcquire { dst, .. } => dst != reg,
        Op::Atomic { fetch: true, op: AtomicOp::Cmpxchg, .. } => reg != Reg::R0,
        Op::Atomic { fetch: true, src, .. } => src != reg,
        Op::Atomic { .. } | Op::Second | Op::Store { .. } | Op::StoreRelease { .. } => true,
        Op::Branch { src, .. } => matches!(src, Operand::Imm(_)),
        Op::Goto { .. } | Op::MayGoto { .. } | Op::Helper { .. } | Op::Call { .. } | Op::Exit => false,
    }
}

impl Emitter<'_, '_> {
    /// The bytes, counted from the base, that the current instruction and those after it access, as far as nothing
    /// leads to them but this instruction.
    pub(super) fn reach(&self, base: Reg) -> (i32, i32) {
        let ops = self.source.program.ops();
        let (mut from, mut to) = (i32::MAX, i32::MIN);
        for pc in self.pc..self.source.function.end {
            let op = &ops[pc as usize];
            if pc != self.pc && self.joins.contains(&pc) {
                break;
            }
            if let Some((_, off, size)) = access(op).filter(|(by, ..)| *by == base) {
                from = from.min(off.into());
                to = to.max(i32::from(off) + size.bytes() as i32);
            }
            if !leaves(op, base) {
                break;
            }
        }
        (from, to)
    }
}
