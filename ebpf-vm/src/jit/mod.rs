//! Programs as machine code, made by Cranelift: every access still checked.
//!
//! [`crate::analysis`] says what each register probably holds; the code compares the real address with the real
//! bounds of that (see [`emit`]). Whatever does not fit, and everything rare, leaves the code: registers and
//! place go back to [`vm::Vm`], and the reference interpreter goes on from there, to the end of the run. So there
//! is one place where faults get their words, and leaving is always right. Results, memory, faults and
//! budget are those of [`crate::interp::run`].
//!
//! **Where `unsafe` is.** This module alone has it: [`code`] makes memory executable and takes function pointers
//! from it; [`trampolines`] turns pointers, which went through generated code, back into references; here the
//! code is called. What is emitted is sound under these conditions:
//!
//! 1. An access of the stack or the context goes to a constant offset that was compared with their size when it
//!    was emitted; the register is not used. Any other is compared, when it happens, with bounds that
//!    [`vm::Vm`] or the slab has; or [`crate::Memory`] has said where it may go.
//! 2. Bounds and addresses in [`vm::Vm`] are found anew after everything that can change them: helpers, which
//!    get all of memory, and the begin and end of functions.
//! 3. Stacks of eight functions are there from the start, so they do not move while functions call each other.
//! 4. Nothing unwinds through generated code: it calls nothing that panics, but for hosts, and those inside of
//!    `catch_unwind`.
//!
//! **Limits.** A program of more than [`MAX_SLOTS`] slots, or what comes after [`MAX_ALL_SLOTS`] in all, is left to
//! the interpreter: so translating takes bounded time and memory, whatever an object holds.

#![allow(unsafe_code, reason = "machine code is called; see above")]

mod code;
mod emit;
mod plan;
#[cfg(test)]
mod tests;
mod trampolines;
mod vm;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::fault::Fault;
use crate::host::{Host, Outcome, ProgIdx};
use crate::interp::resume::{Left, Suspended, resume};
use crate::interp::{self, Limits};
use crate::memory::{self, Memory};
use crate::op::{Constant, Op};
use crate::program::Program;
use code::{Code, Entry};
use plan::Plan;
use trampolines::TableFor;
use vm::{Answer, GO_ON, Vm};

/// Most slots of a program that is translated.
pub const MAX_SLOTS: usize = 8192;
/// Most slots of all programs that are translated together.
pub const MAX_ALL_SLOTS: usize = 32 * 1024;

/// Why there is no machine code.
#[derive(Debug, Error)]
pub enum JitError {
    /// Cranelift does not know this machine.
    #[error("there is no JIT for this machine: {0}; use the engine `interpreter`")]
    Unsupported(String),
    /// Boxed slices are laid out in an unexpected way.
    #[error("this build lays out memory in a way that the JIT does not know; use the engine `interpreter`")]
    Layout,
    /// Cranelift could not translate a program.
    #[error("a program cannot be translated: {0}; use the engine `interpreter`")]
    Compile(String),
}

impl JitError {
    fn compile(error: impl fmt::Debug) -> Self {
        Self::Compile(format!("{error:?}"))
    }
}

/// How a program begins.
struct Start {
    code: Entry,
    /// What is charged.
    length: u32,
    exact: bool,
    deepest: u32,
}

struct Programs {
    programs: Vec<Program>,
    plans: Vec<Option<Plan>>,
    starts: Vec<Option<Start>>,
    /// Keeps `starts` alive.
    _code: Code,
    /// How many maps the code names.
    maps: usize,
}

/// Programs as machine code. Clones share it.
///
/// ```
/// use xdpsim_vm::jit::Jit;
/// use xdpsim_vm::{Insn, Limits, Memory, NoHelpers, ProgIdx, Program};
///
/// let pass = Insn { code: 0xb7, imm: 2, ..Insn::default() };
/// let exit = Insn { code: 0x95, ..Insn::default() };
/// let jit = Jit::new(&[Program::decode(&[pass, exit], 0)?])?;
/// let mut memory = Memory::new();
/// memory.packet_in(&[0; 64], 256, 320);
/// let verdict = jit.run(ProgIdx(0), &mut memory, &mut NoHelpers, Limits::default())?;
/// assert_eq!(verdict, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Jit(Arc<Programs>);

impl fmt::Debug for Jit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jit").field("programs", &self.0.programs).finish_non_exhaustive()
    }
}

impl Jit {
    /// Translates programs; tail calls name them by their place.
    ///
    /// # Errors
    /// The machine has no JIT, or a program cannot be translated.
    pub fn new(programs: &[Program]) -> Result<Self, JitError> {
        let mut slots = 0;
        let plan = |program: &Program| {
            slots += program.ops().len();
            let fits = program.ops().len() <= MAX_SLOTS && slots <= MAX_ALL_SLOTS;
            fits.then(|| Plan::new(program))
        };
        let plans: Vec<_> = programs.iter().map(plan).collect();
        let code = Code::new(programs, &plans)?;
        let maps = programs.iter().flat_map(Program::ops).filter_map(map).max();
        let maps = maps.map_or(0, |map| map as usize + 1);
        let start = |(at, plan): (usize, &Option<Plan>)| {
            let (code, plan) = (code.entry(at)?, plan.as_ref()?);
            let length = plan.functions[0].end;
            Some(Start { code, length, exact: plan.exact, deepest: plan.deepest(0) })
        };
        let starts = plans.iter().enumerate().map(start).collect();
        Ok(Self(Arc::new(Programs { programs: programs.to_vec(), plans, starts, _code: code, maps })))
    }

    /// The programs as they were given.
    #[must_use]
    pub fn programs(&self) -> &[Program] {
        &self.0.programs
    }

    /// Runs a program, as [`interp::run`] does.
    ///
    /// # Errors
    /// As for [`interp::run`].
    ///
    /// # Panics
    /// If there is no such program.
    #[inline]
    pub fn run<H: Host>(
        &self,
        entry: ProgIdx,
        memory: &mut Memory,
        host: &mut H,
        limits: Limits,
    ) -> Result<u64, Box<Fault>> {
        let all = &*self.0;
        let table = TableFor::<H>::TABLE;
        // From here on memory and host are reached through these pointers alone, until the run is over.
        let (memory, host): (*mut Memory, *mut H) = (memory, host);
        let mut vm = Vm::new(entry, memory, host.cast(), table, all.maps, limits);
        // SAFETY: both are borrowed for as long as this function runs.
        let started = all.begin(&mut vm, unsafe { &mut *memory }, false);
        let Some(mut code) = started else {
            // SAFETY: no generated code runs.
            return unsafe { interp::run(&all.programs, entry, &mut *memory, &mut *host, limits) };
        };
        loop {
            let status = code(&raw mut vm);
            // SAFETY: no generated code runs.
            let (memory, host) = unsafe { (&mut *memory, &mut *host) };
            if vm.written != 0 {
                memory.packet_written();
            }
            if status == GO_ON {
                return Ok(vm.regs[0]);
            }
            if let Some(next) = all.tail_call(&mut vm, memory) {
                code = next;
                continue;
            }
            return all.take_over(vm, memory, host, limits);
        }
    }
}

/// The map whose handle or value an instruction has.
fn map(op: &Op) -> Option<u32> {
    match op {
        Op::Wide { value: Constant::Map(map) | Constant::Value { map, .. }, .. } => Some(map.0),
        _ => None,
    }
}

impl Programs {
    /// A program begins: its code. None if the interpreter must run it, and then nothing has happened.
    #[inline(always)]
    fn begin(&self, vm: &mut Vm, memory: &mut Memory, tail_call: bool) -> Option<Entry> {
        let start = self.starts.get(vm.prog.0 as usize)?.as_ref()?;
        let left = vm.left.checked_sub(start.length.into())?;
        if memory.slabs().len() < self.maps || vm.regs[1] != memory::context_address() {
            return None;
        }
        if tail_call {
            memory.stack.pop();
            memory.stack.enter(true, !start.exact, start.deepest);
        } else {
            memory.stack.begin(!start.exact, start.deepest);
        }
        vm.find(memory);
        vm.left = left;
        vm.status = GO_ON;
        vm.loops = 0;
        Some(start.code)
    }

    /// If the code was left for a tail call of the program's first function, and nothing stands against it: the
    /// other program's code.
    fn tail_call(&self, vm: &mut Vm, memory: &mut Memory) -> Option<Entry> {
        let Some(Answer::Outcome(Ok(Outcome::TailCall(prog)))) = vm.answer else { return None };
        if vm.frames != 1 || memory.stack.chain() != 1 {
            return None;
        }
        let from = std::mem::replace(&mut vm.prog, prog);
        let code = self.begin(vm, memory, true);
        if code.is_some() {
            vm.answer = None;
            vm.tail_calls += 1;
        } else {
            vm.prog = from;
        }
        code
    }

    /// The interpreter goes on.
    #[cold]
    fn take_over<H: Host>(
        &self,
        mut vm: Vm,
        memory: &mut Memory,
        host: &mut H,
        limits: Limits,
    ) -> Result<u64, Box<Fault>> {
        let answer = match vm.answer.take() {
            Some(Answer::Panic(panic)) => std::panic::resume_unwind(panic),
            Some(Answer::Outcome(outcome)) => Some(outcome),
            None => None,
        };
        let mut suspended = std::mem::take(&mut vm.waiting);
        suspended.reverse();
        if vm.is_same_stack(memory) {
            self.clean_stacks(&vm, memory, &suspended);
        }
        let left = Left {
            prog: vm.prog,
            pc: vm.pc,
            regs: vm.regs,
            loops: vm.loops,
            suspended: &suspended,
            tail_calls: vm.tail_calls,
            budget: vm.left,
            answer,
        };
        resume(&self.programs, memory, host, limits, left)
    }

    /// Makes zero what was never written and not cleared either.
    fn clean_stacks(&self, vm: &Vm, memory: &mut Memory, suspended: &[Suspended]) {
        let at = vm.prog.0 as usize;
        let Some(plan) = self.plans[at].as_ref().filter(|plan| plan.exact) else { return };
        let active = suspended.iter().map(|from| from.pc).chain([vm.pc]);
        for (frame, pc) in active.enumerate() {
            let (start, _) = self.programs[at].function_at(pc);
            if let Some(function) = plan.function(start) {
                memory.stack.clear_unwritten(frame, &function.unwritten(&self.programs[at], pc).0);
            }
        }
    }
}
