//! Going on where another engine has left a run.

use super::{Caller, FaultKind, Limits, Next, Run, SLOTS, State};
use crate::fault::{Fault, HelperFault};
use crate::host::{HelperCall, Host, Outcome, ProgIdx};
use crate::memory::{self, Memory};
use crate::op::Op;
use crate::program::Program;

/// A function that waits for another one to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspended {
    /// The instruction that called.
    pub pc: u32,
    /// How often it has passed a `may_goto`.
    pub loops: u32,
    /// R6 to R9.
    pub kept: [u64; 4],
}

/// A run as it was left. Memory has the stacks of all active functions.
#[derive(Debug)]
pub(crate) struct Left<'a> {
    /// The program of all active functions.
    pub prog: ProgIdx,
    /// The instruction that comes next, or the call of the helper that has answered.
    pub pc: u32,
    /// R0 to R10.
    pub regs: [u64; 11],
    /// How often the innermost function has passed a `may_goto`.
    pub loops: u32,
    /// The functions that wait, the outermost first.
    pub suspended: &'a [Suspended],
    /// Tail calls so far.
    pub tail_calls: u32,
    /// What is left of the budget.
    pub budget: u64,
    /// What the helper has answered.
    pub answer: Option<Result<Outcome, HelperFault>>,
}

/// Runs to the end.
///
/// # Errors
/// As [`super::run`].
pub(crate) fn resume<H: Host>(
    programs: &[Program],
    memory: &mut Memory,
    host: &mut H,
    limits: Limits,
    left: Left<'_>,
) -> Result<u64, Box<Fault>> {
    let mut regs = [0; SLOTS];
    regs[..11].copy_from_slice(&left.regs);
    let callers = left.suspended.iter().enumerate().map(|(frame, from)| {
        let [r6, r7, r8, r9] = from.kept;
        let kept = [r6, r7, r8, r9, memory::stack_address(frame)];
        Caller { prog: left.prog, pc: from.pc, kept, loops: from.loops, callback: None }
    });
    let callers = callers.collect();
    let mut state = State {
        programs,
        memory,
        limits,
        program: &programs[left.prog.0 as usize],
        prog: left.prog,
        pc: left.pc,
        regs,
        loops: left.loops,
        callers,
        tail_calls: left.tail_calls,
        left: left.budget,
    };
    let result = Run { state: &mut state, host }.go_on(left.answer);
    result.map_err(|kind| Box::new(state.fault(kind)))
}

impl<H: Host> Run<'_, '_, H> {
    fn go_on(&mut self, answer: Option<Result<Outcome, HelperFault>>) -> Result<u64, FaultKind> {
        if let (Some(answer), Op::Helper { id }) = (answer, self.state.program.ops()[self.state.pc as usize])
        {
            let [_, r1, r2, r3, r4, r5, ..] = self.state.regs;
            let call =
                HelperCall { id, args: [r1, r2, r3, r4, r5], prog: self.state.prog, pc: self.state.pc };
            match self.conclude(call, answer.map_err(|fault| FaultKind::Helper(id, fault))?)? {
                Next::On(slots) => self.state.pc += slots,
                Next::To(pc) => self.state.pc = pc,
                Next::End => return Ok(self.state.regs[0]),
            }
        }
        self.run_on(|_, _| {})
    }
}
