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
mod shapes;
#[cfg(test)]
mod tests;
mod trampolines;
mod vm;

use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;

use thiserror::Error;

use crate::fault::Fault;
use crate::helpers::{self, MapSet, id};
use crate::host::{Host, Outcome, ProgIdx};
use crate::interp::resume::{Left, Suspended, resume};
use crate::interp::{self, Limits};
use crate::memory::{self, MapIdx, Memory};
use crate::op::{Constant, Op};
use crate::program::Program;
use code::{Code, Entry};
use plan::Plan;
use shapes::Shapes;
use trampolines::TableFor;
use vm::{Answer, GO_ON, LEAVE, Needs, REDIRECT, Rare, STATUS_BITS, Vm, find_maps};

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
    deepest: u32,
}

/// What a run begins with.
struct Begun<'a> {
    start: &'a Start,
    /// The budget behind the first function's charge.
    left: u64,
    entries: *const helpers::Entry,
    cpu: u64,
    stack: *const u8,
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
            let (alone, fresh) = (plan.is_alone(), plan.fresh);
            Some(Start { code, length, exact: plan.exact, alone, fresh, deepest: plan.deepest(0) })
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
        // From here on memory and host are reached through these pointers alone, until the run is over.
        let (memory, host): (*mut Memory, *mut H) = (memory, host);
        // SAFETY: both are borrowed for as long as this function runs.
        let begun = unsafe { all.begin(entry, &mut *memory, &mut *host, limits.budget) };
        let Some(Begun { start, left, entries, cpu, stack }) = begun else {
            // SAFETY: no generated code runs.
            return unsafe { interp::run(&all.programs, entry, &mut *memory, &mut *host, limits) };
        };
        let mut vm = Vm {
            regs: [const { MaybeUninit::uninit() }; 11],
            left,
            memory,
            table: TableFor::<H>::TABLE,
            entries,
            cpu,
            pc: 0,
            saved: 0,
            loops: 0,
            helper: 0,
            status: GO_ON,
            stack_top: std::ptr::null_mut(),
            used: std::ptr::null_mut(),
            host: host.cast(),
            prog: entry,
            tail_calls: 0,
            depth: 0,
            needs: all.needs,
            stack,
            rare: None,
        };
        if !start.fresh {
            vm.complete(0);
            // SAFETY: no generated code runs.
            vm.find_first_stack(unsafe { &mut *memory }, start.alone);
        }
        let status = (start.code)(&raw mut vm);
        let ended = match status {
            // SAFETY: code that has ended has stored R0.
            GO_ON => Some(unsafe { vm.regs[0].assume_init() }),
            LEAVE => None,
            // SAFETY: it has returned that; and no generated code runs, so the host is not used elsewhere.
            _ => unsafe { redirect(status, vm.redirect(), &mut *host) },
        };
        if let Some(r0) = ended {
            // Nothing rare has happened: then the code would have been left.
            std::mem::forget(vm);
            return Ok(r0);
        }
        // SAFETY: no generated code runs, and `go_on` lets it run only where it does not use these references.
        unsafe { all.go_on(vm, start.fresh, memory, host, limits) }
    }
}

/// A program's last call is a redirect, which is not asked for from inside of its code: no detour, and what is compiled
/// here knows the host. None: the interpreter does the call.
#[inline(always)]
fn redirect<H: Host>(status: u32, [key, flags]: [u64; 2], host: &mut H) -> Option<u64> {
    debug_assert_eq!(status & ((1 << STATUS_BITS) - 1), REDIRECT);
    host.redirect_map(MapIdx(status >> STATUS_BITS), key, flags)
}

/// The map whose handle or value an instruction has.
fn map(op: &Op) -> Option<u32> {
    match op {
        Op::Wide { value: Constant::Map(map) | Constant::Value { map, .. }, .. } => Some(map.0),
        _ => None,
    }
}

impl Programs {
    /// A run begins. None if the interpreter must run it, and then nothing has happened.
    #[inline(always)]
    fn begin<H: Host>(
        &self,
        prog: ProgIdx,
        memory: &mut Memory,
        host: &mut H,
        budget: u64,
    ) -> Option<Begun<'_>> {
        let start = self.starts.get(prog.0 as usize)?.as_ref()?;
        let left = budget.checked_sub(start.length.into())?;
        if memory.slabs().len() < self.needs.maps as usize {
            return None;
        }
        let entries = find_maps(host, self.needs.looks)?;
        let cpu = host.cpu().into();
        memory.stack.begin(!start.exact, start.deepest);
        Some(Begun { start, left, entries, cpu, stack: memory.stack.direct().1.as_ptr() })
    }

    /// The code was left: another program's code goes on, or the interpreter.
    ///
    /// # Safety
    /// The pointers are what the run has, and nobody else uses them now.
    #[cold]
    #[inline(never)]
    unsafe fn go_on<H: Host>(
        &self,
        mut vm: Vm,
        fresh: bool,
        memory: *mut Memory,
        host: *mut H,
        limits: Limits,
    ) -> Result<u64, Box<Fault>> {
        let saved = if fresh { vm.saved } else { u32::MAX };
        let mut regs = vm.complete(saved);
        loop {
            // SAFETY: the caller's.
            let next = self.tail_call(&mut vm, &regs, unsafe { &mut *memory });
            let Some(code) = next else {
                // SAFETY: the caller's.
                return unsafe { self.take_over(vm, regs, &mut *memory, &mut *host, limits) };
            };
            let status = code(&raw mut vm);
            regs = vm.complete(u32::MAX);
            let ended = match status {
                GO_ON => Some(regs[0]),
                LEAVE => None,
                // SAFETY: the caller's; no generated code runs.
                _ => redirect(status, [regs[2], regs[3]], unsafe { &mut *host }),
            };
            if let Some(r0) = ended {
                return Ok(r0);
            }
        }
    }

    /// Another program takes the place of the one that has left, if its code can.
    fn begin_other(&self, vm: &mut Vm, regs: &[u64; 11], memory: &mut Memory) -> Option<Entry> {
        let start = self.starts.get(vm.prog.0 as usize)?.as_ref()?;
        let left = vm.left.checked_sub(start.length.into())?;
        if memory.slabs().len() < self.needs.maps as usize || regs[1] != memory::context_address() {
            return None;
        }
        memory.stack.pop();
        memory.stack.enter(true, !start.exact, start.deepest);
        vm.find_first_stack(memory, start.alone);
        vm.regs[10].write(memory::stack_address(0));
        vm.left = left;
        (vm.status, vm.loops) = (GO_ON, 0);
        Some(start.code)
    }

    /// If the code was left for a tail call of the program's first function, and nothing stands against it: the
    /// other program's code.
    fn tail_call(&self, vm: &mut Vm, regs: &[u64; 11], memory: &mut Memory) -> Option<Entry> {
        let rare = vm.rare.as_ref()?;
        let Some(Answer::Outcome(Ok(Outcome::TailCall(prog)))) = rare.answer else { return None };
        if vm.depth != 0 || memory.stack.chain() != 1 {
            return None;
        }
        let from = std::mem::replace(&mut vm.prog, prog);
        let code = self.begin_other(vm, regs, memory);
        if code.is_some() {
            vm.rare().answer = None;
            vm.tail_calls += 1;
        } else {
            vm.prog = from;
        }
        code
    }

    /// The interpreter goes on.
    fn take_over<H: Host>(
        &self,
        mut vm: Vm,
        regs: [u64; 11],
        memory: &mut Memory,
        host: &mut H,
        limits: Limits,
    ) -> Result<u64, Box<Fault>> {
        let Rare { answer, waiting: mut suspended } = *vm.rare.take().unwrap_or_default();
        let answer = match answer {
            Some(Answer::Panic(panic)) => std::panic::resume_unwind(panic),
            Some(Answer::Outcome(outcome)) => Some(outcome),
            None => None,
        };
        suspended.reverse();
        if vm.is_same_stack(memory) {
            self.clean_stacks(&vm, memory, &suspended);
        }
        let left = Left {
            prog: vm.prog,
            pc: vm.pc,
            regs,
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
