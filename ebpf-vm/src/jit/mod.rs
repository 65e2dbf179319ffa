//! Programs as machine code, made by Cranelift: every access still checked.
//!
//! [`crate::analysis`] says what each register probably holds; the code compares the real address with the real
//! bounds of that (see [`emit`]). Whatever does not fit, and everything rare, leaves the code: registers and
//! place go back to [`vm::Vm`], and the reference interpreter goes on from there, to the end of the run. So there
//! is one place where faults get their words, and leaving is always right. Results, memory, faults and
//! budget are those of [`crate::interp::run`].
//!
//! **Where `unsafe` is.** This module alone has it: [`code`] makes memory executable and takes function pointers
//! from it; [`runs`] calls the code; [`trampolines`] turns pointers, which went through it, back into references.
//! What is emitted is sound under these conditions:
//!
//! 1. An access of the stack or the context goes to a constant offset that was compared with their size when it
//!    was emitted; the register is not used. Any other is compared, when it happens, with bounds that
//!    [`vm::Vm`] or the slab has; or [`crate::Memory`] has said where it may go.
//! 2. Bounds and addresses in [`vm::Vm`] are found anew after everything that can change them: helpers, which
//!    get all of memory, and the begin and end of functions; and at a run's beginning, unless nobody could change
//!    them since the last one has ended ([`Runs`]).
//! 3. A packet that is lent ([`Runs`]) is as long as the bounds in memory say, and borrowed while the code runs. Code that
//!    may get one never writes to the packet by itself; helpers find it in memory, as all packets.
//! 4. Stacks of eight functions are there from the start, so they do not move while functions call each other.
//! 5. Nothing unwinds through generated code: it calls nothing that panics, but for hosts, and those inside of
//!    `catch_unwind`.
//!
//! **Limits.** A program of more than [`MAX_SLOTS`] slots, or what comes after [`MAX_ALL_SLOTS`] in all, is left to
//! the interpreter: so translating takes bounded time and memory, whatever an object holds.

#![allow(unsafe_code, reason = "machine code is called; see above")]

mod code;
mod emit;
mod plan;
mod runs;
mod shapes;
#[cfg(test)]
mod tests;
mod trampolines;
mod vm;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::fault::Fault;
use crate::helpers::{Helpers, MapSet, World, id};
use crate::host::{Host, ProgIdx};
use crate::interp::Limits;
use crate::memory::Memory;
use crate::op::{Constant, Op};
use crate::program::Program;
use code::{Code, Entry};
use plan::Plan;
use runs::Core;
pub use runs::Runs;
use shapes::Shapes;
use vm::Needs;

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
    /// Has the program no other function?
    alone: bool,
    /// Does it begin with the same registers whenever it begins? Then the code knows them.
    fresh: bool,
    /// See [`Plan::reads`].
    reads: bool,
    deepest: u32,
}

struct Programs {
    programs: Vec<Program>,
    plans: Vec<Option<Plan>>,
    starts: Vec<Option<Start>>,
    /// Keeps `starts` alive.
    _code: Code,
    needs: Needs,
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
        Self::with_maps(programs, &MapSet::default())
    }

    /// The same for programs that run with these maps, or clones of them: the code looks up in arrays and hashes by
    /// itself then. With other maps it asks the host, as ever.
    ///
    /// # Errors
    /// As for [`Jit::new`].
    pub fn with_maps(programs: &[Program], maps: &MapSet) -> Result<Self, JitError> {
        let shapes = Shapes::of(programs, maps);
        let tail_calls =
            programs.iter().flat_map(Program::helpers).any(|(_, helper)| helper == id::TAIL_CALL);
        let mut slots = 0;
        let plan = |program: &Program| {
            slots += program.ops().len();
            let fits = program.ops().len() <= MAX_SLOTS && slots <= MAX_ALL_SLOTS;
            fits.then(|| Plan::new(program, tail_calls))
        };
        let plans: Vec<_> = programs.iter().map(plan).collect();
        let code = Code::new(programs, &plans, &shapes)?;
        let maps = programs.iter().flat_map(Program::ops).filter_map(map).max();
        let maps = maps.map_or(0, |map| map + 1);
        let start = |(at, plan): (usize, &Option<Plan>)| {
            let (code, plan) = (code.entry(at)?, plan.as_ref()?);
            let length = plan.functions[0].end;
            let (alone, fresh, reads) = (plan.is_alone(), plan.fresh, plan.reads);
            Some(Start { code, length, exact: plan.exact, alone, fresh, reads, deepest: plan.deepest(0) })
        };
        let starts = plans.iter().enumerate().map(start).collect();
        let needs = Needs { maps, looks: shapes.looks() as u32 };
        let programs = programs.to_vec();
        Ok(Self(Arc::new(Programs { programs, plans, starts, _code: code, needs })))
    }

    /// The programs as they were given.
    #[must_use]
    pub fn programs(&self) -> &[Program] {
        &self.0.programs
    }

    /// Runs a program, as [`crate::interp::run`] does.
    ///
    /// # Errors
    /// As for [`crate::interp::run`].
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
        Core::new(&self.0, entry, limits).run(memory, host)
    }

    /// The same for one run after the other: what does not change is found once.
    #[inline]
    #[must_use]
    pub fn runs<'a, 'h, W: World>(
        &'a self,
        entry: ProgIdx,
        memory: &'a mut Memory,
        host: Helpers<'h, W>,
        limits: Limits,
    ) -> Runs<'a, 'h, W> {
        Runs::new(Core::new(&self.0, entry, limits), memory, host)
    }
}

/// The map whose handle or value an instruction has.
fn map(op: &Op) -> Option<u32> {
    match op {
        Op::Wide { value: Constant::Map(map) | Constant::Value { map, .. }, .. } => Some(map.0),
        _ => None,
    }
}
