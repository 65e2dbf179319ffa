//! Programs: slots that were decoded and checked, so that execution is total.

mod decode;

use crate::check::{CheckError, MAX_SLOTS, Problem};
use crate::host::HelperId;
use crate::insn::Insn;
use crate::op::{Constant, Op};

/// A program that can be executed: every jump leads to an instruction of its function, no function runs
/// on into the next, and all registers exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    ops: Vec<Op>,
    /// First slots of all functions, in order; the first is 0.
    entries: Vec<u32>,
}

impl Program {
    /// Decodes and checks instructions. Maps are named by their index in the run, of which there are
    /// `maps`; an index is what stands where a loader of the kernel writes a descriptor.
    ///
    /// # Errors
    /// The first instruction that can't be executed, and why.
    pub fn decode(insns: &[Insn], maps: u32) -> Result<Self, CheckError> {
        let fail = |pc: usize, problem| CheckError { pc: pc as u32, problem };
        match insns.len() {
            0 => return Err(fail(0, Problem::Empty)),
            slots if slots > MAX_SLOTS => return Err(fail(MAX_SLOTS, Problem::TooLong { slots })),
            _ => {}
        }
        let mut ops = Vec::with_capacity(insns.len());
        while let Some(insn) = insns.get(ops.len()) {
            let pc = ops.len();
            let op = decode::slot(insns, pc, *insn, maps).map_err(|problem| fail(pc, problem))?;
            ops.push(op);
            if matches!(op, Op::Wide { .. }) {
                ops.push(Op::Second);
            }
        }
        let entries = entries(&ops).map_err(|(pc, problem)| fail(pc, problem))?;
        let program = Self { ops, entries };
        program.check_functions().map_err(|(pc, problem)| fail(pc, problem))?;
        Ok(program)
    }

    /// All instructions, by slot.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// First slots of all functions, in order; the first is 0.
    #[must_use]
    pub fn functions(&self) -> &[u32] {
        &self.entries
    }

    /// The function that a slot belongs to: its first slot, and the slot after its last.
    #[must_use]
    pub fn function_at(&self, pc: u32) -> (u32, u32) {
        let next = self.entries.partition_point(|entry| *entry <= pc);
        let end = self.entries.get(next).copied().unwrap_or(self.ops.len() as u32);
        (self.entries[next - 1], end)
    }

    /// The slots that call helpers, and which.
    pub fn helpers(&self) -> impl Iterator<Item = (u32, HelperId)> {
        self.ops.iter().enumerate().filter_map(|(pc, op)| match op {
            Op::Helper { id } => Some((pc as u32, *id)),
            _ => None,
        })
    }

    fn check_functions(&self) -> Result<(), (usize, Problem)> {
        let ends = self.entries[1..].iter().copied().chain([self.ops.len() as u32]);
        for (&start, end) in self.entries.iter().zip(ends) {
            let (start, end) = (start as usize, end as usize);
            let leads_on = !matches!(self.ops[end - 1], Op::Exit | Op::Goto { .. });
            if leads_on {
                return Err((end - 1, Problem::FallsOff));
            }
            for (pc, op) in self.ops[start..end].iter().enumerate() {
                self.check_jump(op, start..end).map_err(|problem| (start + pc, problem))?;
            }
        }
        Ok(())
    }

    fn check_jump(&self, op: &Op, function: std::ops::Range<usize>) -> Result<(), Problem> {
        let (Op::Goto { target } | Op::Branch { target, .. } | Op::MayGoto { target }) = *op else {
            return Ok(());
        };
        let inside = function.contains(&(target as usize)) && self.ops[target as usize] != Op::Second;
        if inside { Ok(()) } else { Err(Problem::Jump { target: target.into() }) }
    }
}

/// Where functions begin: at the start, where calls lead, and where callbacks point.
fn entries(ops: &[Op]) -> Result<Vec<u32>, (usize, Problem)> {
    let mut entries = vec![0];
    for (pc, op) in ops.iter().enumerate() {
        let target = match *op {
            Op::Call { target } => target,
            Op::Wide { value: Constant::Function(target), .. } => target,
            _ => continue,
        };
        match ops.get(target as usize) {
            None | Some(Op::Second) => return Err((pc, Problem::Call { target: target.into() })),
            Some(_) => entries.push(target),
        }
    }
    entries.sort_unstable();
    entries.dedup();
    Ok(entries)
}

#[cfg(test)]
mod tests;
