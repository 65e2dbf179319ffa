//! What registers and stack slots hold, found out before a program runs: hints for engines, no proofs.
//!
//! A forward dataflow over one function at a time. Every register and every aligned stack slot has a [`Kind`];
//! where paths meet, what they disagree about is unknown. An engine compares the real address with the real
//! bounds of what the kind names, so a wrong kind costs time, never memory safety. Only offsets into the stack and
//! the context that are the same on all paths go unchecked, and those do not depend on the register at all.
//!
//! Of each byte of the stack it is also known whether it was written for certain, perhaps, or not at all. The
//! content of a stack is zero at the beginning; [`Function::zero`] says which bytes must really be cleared for
//! that, because they may be read first.
//!
//! It ends, and in linear time: a block is visited [`VISITS`] times at most, then nothing is known of it.

mod flow;
mod helper;
mod kind;
mod state;
#[cfg(test)]
mod tests;

pub use flow::{Block, VISITS};
pub use kind::Kind;
pub use state::{Bytes, State};

use crate::host::HelperId;
use crate::op::Op;
use crate::program::Program;

/// What is known of a function of a program.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its first slot.
    pub start: u32,
    /// The slot after its last.
    pub end: u32,
    /// The parts that are executed from their first to their last instruction, in order; only those that
    /// can be reached.
    pub blocks: Vec<Block>,
    /// Bytes of the stack that must be cleared when the function begins, if the engine does not clear all of it.
    pub zero: Bytes,
    /// The deepest access to the stack at a constant offset or by a helper, in bytes below R10.
    pub deepest: u32,
    /// Does it access its stack at offsets that are not constant, or lend it to another function?
    pub lends_stack: bool,
}

impl Function {
    /// Which bytes of the stack are certainly unwritten before the instruction at `pc`.
    #[must_use]
    pub fn unwritten(&self, program: &Program, pc: u32) -> Bytes {
        let after = self.blocks.partition_point(|block| block.start <= pc);
        let Some(block) = after.checked_sub(1).map(|at| &self.blocks[at]) else { return Bytes::NONE };
        let mut state = block.state.clone();
        for op in &program.ops()[block.start as usize..pc as usize] {
            state.step(op);
        }
        state.may.without(Bytes::ALL)
    }
}

/// What the first five registers hold at each call of a helper that can be reached: the call's slot, R1 to R5.
#[must_use]
pub fn arguments(program: &Program, helper: HelperId) -> Vec<(u32, [Kind; 5])> {
    let mut calls = Vec::new();
    for block in analyse(program).iter().flat_map(|function| &function.blocks) {
        let mut state = block.state.clone();
        for (pc, op) in (block.start..block.end).zip(&program.ops()[block.start as usize..]) {
            if matches!(op, Op::Helper { id } if *id == helper) {
                calls.push((pc, state.arguments()));
            }
            state.step(op);
        }
    }
    calls
}

/// Looks at all functions of a program, in order.
#[must_use]
pub fn analyse(program: &Program) -> Vec<Function> {
    program
        .functions()
        .iter()
        .map(|start| {
            let (start, end) = program.function_at(*start);
            flow::function(program, start, end)
        })
        .collect()
}
