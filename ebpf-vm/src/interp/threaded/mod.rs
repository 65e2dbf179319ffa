//! A faster interpreter: each instruction is a function that was chosen when the program was made ready.
//!
//! A function does its instruction and calls the next one's; a jump that is taken, and anything that may
//! leave the program, returns to a loop. So the depth of calls is bounded by [`FUEL`] in every build,
//! whether or not the compiler makes the last call a jump. What is rare is left to the reference
//! interpreter, on the same state: calls, helpers, atomic operations, and the end.
//!
//! It agrees with the reference in everything: results, memory, faults with their registers, budget.

mod handlers;

use super::{Limits, Run, SLOTS};
use crate::fault::{Fault, FaultKind};
use crate::host::{Host, ProgIdx};
use crate::memory::Memory;
use crate::op::Op;
use crate::program::Program;

/// Instructions that call each other before the loop is asked again.
const FUEL: u32 = 64;
/// What a function returns instead of a slot when the run is over.
const STOP: u32 = u32::MAX;

/// The run, and why it stopped if that was a fault.
struct Machine<'a, H> {
    run: Run<'a, H>,
    fault: Option<FaultKind>,
}

/// Does an instruction and perhaps those after it: the slot that comes next, or [`STOP`].
type Handler<H> = fn(&mut Machine<'_, H>, &[Instr<H>], &Instr<H>, u32, u32) -> u32;

/// An instruction that is ready to run; what of its fields means something is its function's to know.
struct Instr<H> {
    handler: Handler<H>,
    dst: u8,
    src: u8,
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
pub struct Threaded<H> {
    programs: Vec<Program>,
    codes: Vec<Vec<Instr<H>>>,
}

impl<H: Host> Threaded<H> {
    /// Makes programs ready; tail calls name them by their place.
    #[must_use]
    pub fn new(programs: Vec<Program>) -> Self {
        let ready = |program: &Program| program.ops().iter().map(handlers::ready).collect();
        Self { codes: programs.iter().map(ready).collect(), programs }
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
    pub fn run(
        &self,
        entry: ProgIdx,
        memory: &mut Memory,
        host: &mut H,
        limits: Limits,
    ) -> Result<u64, Box<Fault>> {
        let run = Run::new(&self.programs, entry, memory, host, limits);
        let mut machine = Machine { run, fault: None };
        if let Err(kind) = machine.run.charge_function(0) {
            return Err(Box::new(machine.run.fault(kind)));
        }
        let mut pc = 0;
        while pc != STOP {
            // Calls of programs and returns from them change which it is.
            let code = &self.codes[machine.run.prog.0 as usize];
            pc = handlers::go(&mut machine, code, pc, FUEL);
        }
        match machine.fault {
            None => Ok(machine.run.regs[0]),
            Some(kind) => Err(Box::new(machine.run.fault(kind))),
        }
    }
}

impl<H: Host> Machine<'_, H> {
    /// The run is over.
    #[cold]
    fn stop(&mut self, pc: u32, kind: FaultKind) -> u32 {
        self.run.pc = pc;
        self.fault = Some(kind);
        STOP
    }

    /// A jump is taken.
    #[inline(always)]
    fn jump(&mut self, pc: u32, target: u32) -> u32 {
        if target <= pc
            && let Err(kind) = self.run.charge(pc - target + 1)
        {
            return self.stop(pc, kind);
        }
        target
    }

    #[inline(always)]
    fn get(&self, reg: u8) -> u64 {
        self.run.regs[usize::from(reg) % SLOTS]
    }

    #[inline(always)]
    fn set(&mut self, reg: u8, value: u64) {
        self.run.regs[usize::from(reg) % SLOTS] = value;
    }

    /// Lets the reference interpreter do an instruction.
    fn step(&mut self, pc: u32, op: Op) -> u32 {
        self.run.pc = pc;
        match self.run.step(op) {
            Ok(super::Next::On(slots)) => self.run.pc + slots,
            Ok(super::Next::To(pc)) => pc,
            Ok(super::Next::End) => STOP,
            Err(kind) => self.stop(self.run.pc, kind),
        }
    }
}
