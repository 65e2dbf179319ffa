//! A faster interpreter: each instruction has a function that was chosen when the program was made ready.
//!
//! A function does its instruction, or a sequence of several that begins with it ([`sequences`]), and calls the next
//! one's. What it calls on is a window: the slots from here to the window's end, at most [`WINDOW`]. A jump forward
//! inside of it goes on with what is left; any other jump, and the end of the window, returns to a loop that opens
//! the next one. So windows only shrink, and the depth of calls is bounded in every build, whether or not the
//! compiler makes the last call a jump.
//!
//! Helpers are called from inside ([`call`]), and what goes on with a result in R0 never leaves. A function that meets
//! something else than it was made for changes nothing and returns: the reference interpreter does that instruction, on
//! the same state. So it does what is rare (calls of functions, callbacks, tail calls), and all faults come from
//! there.
//!
//! It agrees with the reference in everything: results, memory, faults with their registers, budget.

mod access;
mod calculate;
mod call;
mod ready;
mod sequences;
mod step;

use super::{Limits, Next, Run, SLOTS, State};
use crate::fault::{Fault, FaultKind, HelperFault};
use crate::host::{Host, Outcome, ProgIdx};
use crate::insn::Reg;
use crate::memory::Memory;
use crate::op::Op;
use crate::program::Program;
use ready::Handler;

/// Slots of a window.
const WINDOW: usize = 256;
/// What a function returns instead of a slot: the reference is to do the instruction at [`Core::at`], or to draw the
/// conclusion from [`Core::answer`].
const ASK: u32 = u32::MAX;
/// The same: the run is over.
const DONE: u32 = ASK - 1;

/// A run as the functions of instructions see it.
struct Core<'a> {
    state: State<'a>,
    host: &'a mut (dyn Host + 'a),
    /// The slot after the window.
    end: u32,
    /// The instruction that the reference is to do.
    at: u32,
    /// What the helper that this instruction calls has answered, if that was more than a result.
    answer: Option<Result<Outcome, HelperFault>>,
}

/// An instruction that is ready to run; what of its fields means something is its function's to know.
#[derive(Clone, Copy)]
struct Instr {
    handler: Handler,
    dst: Reg,
    src: Reg,
    off: i16,
    imm: i32,
    target: u32,
}

/// Programs that are ready to run.
///
/// ```
/// use xdpsim_vm::interp::threaded::Threaded;
/// use xdpsim_vm::{Insn, Limits, Memory, NoHelpers, ProgIdx, Program};
///
/// let pass = Insn { code: 0xb7, imm: 2, ..Insn::default() };
/// let exit = Insn { code: 0x95, ..Insn::default() };
/// let ready = Threaded::new(vec![Program::decode(&[pass, exit], 0)?]);
/// let mut memory = Memory::new();
/// memory.packet_in(&[0; 64], 256, 320);
/// let verdict = ready.run(ProgIdx(0), &mut memory, &mut NoHelpers, Limits::default())?;
/// assert_eq!(verdict, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Threaded {
    programs: Vec<Program>,
    codes: Vec<Vec<Instr>>,
    /// Instructions of each program's first function.
    lengths: Vec<u32>,
}

impl std::fmt::Debug for Threaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Threaded").field("programs", &self.programs).finish_non_exhaustive()
    }
}

impl Threaded {
    /// Makes programs ready; tail calls name them by their place.
    #[must_use]
    pub fn new(programs: Vec<Program>) -> Self {
        let lengths = programs.iter().map(|program| program.function_at(0).1).collect();
        Self { codes: programs.iter().map(ready::program).collect(), lengths, programs }
    }

    /// The programs as they were given.
    #[must_use]
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// Runs a program, as [`super::run`] does.
    ///
    /// # Errors
    /// As for [`super::run`].
    ///
    /// # Panics
    /// If there is no such program.
    pub fn run<H: Host>(
        &self,
        entry: ProgIdx,
        memory: &mut Memory,
        host: &mut H,
        limits: Limits,
    ) -> Result<u64, Box<Fault>> {
        self.run_with(entry, memory, host, limits)
    }

    fn run_with<'a>(
        &'a self,
        entry: ProgIdx,
        memory: &'a mut Memory,
        host: &'a mut (dyn Host + 'a),
        limits: Limits,
    ) -> Result<u64, Box<Fault>> {
        let state = State::new(&self.programs, entry, memory, limits);
        let mut core = Core { state, host, end: 0, at: 0, answer: None };
        self.finish(&mut core).map_err(|kind| Box::new(core.state.fault(kind)))
    }

    #[inline(always)]
    fn finish(&self, core: &mut Core<'_>) -> Result<u64, FaultKind> {
        core.state.charge(self.lengths[core.state.prog.0 as usize])?;
        let mut pc = 0;
        loop {
            // Tail calls, and returns from them, change which it is.
            pc = core.open(&self.codes[core.state.prog.0 as usize], pc);
            if pc == ASK {
                match core.by_reference()? {
                    Next::On(slots) => pc = core.state.pc + slots,
                    Next::To(to) => pc = to,
                    Next::End => pc = DONE,
                }
            }
            if pc == DONE {
                return Ok(core.state.regs[0]);
            }
        }
    }
}

impl Core<'_> {
    /// Goes on at a slot.
    fn open(&mut self, code: &[Instr], pc: u32) -> u32 {
        let end = (pc as usize + WINDOW).min(code.len());
        self.end = end as u32;
        self.on(code.get(pc as usize..end).unwrap_or_default())
    }

    /// The reference does what a function has left to it.
    #[cold]
    fn by_reference(&mut self) -> Result<Next, FaultKind> {
        self.state.pc = self.at;
        let op = self.state.program.ops()[self.at as usize];
        let mut run = Run { state: &mut self.state, host: &mut *self.host };
        match (op, self.answer.take()) {
            (Op::Helper { id }, Some(answer)) => run.answered(id, answer),
            _ => run.step(op),
        }
    }

    /// Goes on in the window, of which this is left.
    #[inline(always)]
    fn on(&mut self, rest: &[Instr]) -> u32 {
        match rest.split_first() {
            Some((instr, rest)) => (instr.handler)(self, instr, rest),
            None => self.end,
        }
    }

    /// The slot that this window begins at.
    #[inline(always)]
    fn slot(&self, rest: &[Instr]) -> u32 {
        self.end - rest.len() as u32
    }

    /// Leaves the instruction before these to the reference.
    #[inline(always)]
    fn ask(&mut self, rest: &[Instr]) -> u32 {
        self.at = self.slot(rest) - 1;
        ASK
    }

    /// Begins a new window at the instruction before these: what it does goes on behind this one's end.
    #[cold]
    fn again(&mut self, rest: &[Instr]) -> u32 {
        self.slot(rest) - 1
    }

    /// Jumps forward, over so many instructions.
    #[inline(always)]
    fn skip(&mut self, rest: &[Instr], slots: u32) -> u32 {
        match rest.get(slots as usize..) {
            Some(rest) => self.on(rest),
            None => self.slot(rest) + slots,
        }
    }

    /// Jumps to the instruction itself or one before it.
    #[inline(always)]
    fn back(&mut self, rest: &[Instr], target: u32) -> u32 {
        match self.state.left.checked_sub((self.slot(rest) - target).into()) {
            Some(left) => self.state.left = left,
            None => return self.ask(rest),
        }
        target
    }

    #[inline(always)]
    fn get(&self, reg: Reg) -> u64 {
        self.state.regs[reg.index() % SLOTS]
    }

    #[inline(always)]
    fn set(&mut self, reg: Reg, value: u64) {
        self.state.regs[reg.index() % SLOTS] = value;
    }
}
