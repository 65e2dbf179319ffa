//! The reference interpreter: one operation after the other, every access through the segments.
//!
//! It decides what a program means; faster engines must agree with it, faults included.
//!
//! **Budget.** A run may do so much work and no more. Charged are, in instructions: a function's length
//! whenever one begins (start, call, callback, tail call), and the span of every jump backward that is
//! taken. Between two charges execution only moves forward, so what is charged is at least what is
//! executed, and an engine needs no counter in straight-line code.

mod access;
pub mod alu;
#[cfg(feature = "jit")]
pub(crate) mod resume;
pub mod threaded;

use crate::fault::{Denied, Fault, FaultKind, HelperFault};
use crate::host::{Callback, HelperCall, HelperId, Host, Outcome, ProgIdx};
use crate::insn::Reg;
use crate::memory::{self, Memory};
use crate::op::{Op, Operand, Width};
use crate::program::Program;

/// Tail calls of one run (`MAX_TAIL_CALL_CNT`); one more finds nothing.
pub const MAX_TAIL_CALLS: u32 = 33;
/// Active functions of one program (`MAX_CALL_FRAMES`).
pub const MAX_CALL_FRAMES: usize = 8;
/// How often a function's `may_goto`s are passed before they are taken (`BPF_MAX_LOOPS`).
pub const MAX_LOOPS: u32 = 8 << 20;
/// Stack of its callers at which a function of a program can't make a tail call.
pub const MAX_TAIL_CALL_STACK: u32 = 256;

/// How much a run may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, as charged.
    pub budget: u64,
}

impl Default for Limits {
    /// 64 Mi instructions: more than any program needs that the verifier accepts without loops of
    /// helpers, and a fraction of a second.
    fn default() -> Self {
        Self { budget: 1 << 26 }
    }
}

/// Runs `programs[entry]` on the packet in `memory`: R0 at its end, 64 bits of which XDP uses 32.
///
/// # Errors
/// What the program did that no program may do. Memory is then as the program left it.
///
/// # Panics
/// If there is no such program.
pub fn run<H: Host>(
    programs: &[Program],
    entry: ProgIdx,
    memory: &mut Memory,
    host: &mut H,
    limits: Limits,
) -> Result<u64, Box<Fault>> {
    run_observed(programs, entry, memory, host, limits, |_, _| {})
}

/// The same; `observe` sees program and slot of every instruction before it is executed.
///
/// # Errors
/// As for [`run`].
///
/// # Panics
/// If there is no such program.
pub fn run_observed<H: Host>(
    programs: &[Program],
    entry: ProgIdx,
    memory: &mut Memory,
    host: &mut H,
    limits: Limits,
    observe: impl FnMut(ProgIdx, u32),
) -> Result<u64, Box<Fault>> {
    let mut state = State::new(programs, entry, memory, limits);
    Run { state: &mut state, host }.finish(observe).map_err(|kind| Box::new(state.fault(kind)))
}

/// Registers are kept in a power of two, so that a number modulo it needs no test.
const SLOTS: usize = 16;

/// What goes on when a function ends.
struct Caller {
    prog: ProgIdx,
    /// The instruction that called.
    pc: u32,
    /// R6 to R10.
    kept: [u64; 5],
    loops: u32,
    /// The helper that wanted the function to run, and how far it was.
    callback: Option<(HelperCall, u64)>,
}

/// A run: what the current function has, and who is to go on after it.
struct State<'a> {
    programs: &'a [Program],
    memory: &'a mut Memory,
    limits: Limits,
    program: &'a Program,
    prog: ProgIdx,
    pc: u32,
    regs: [u64; SLOTS],
    loops: u32,
    callers: Vec<Caller>,
    tail_calls: u32,
    left: u64,
}

/// A run with who answers its calls.
struct Run<'r, 'a, H: ?Sized> {
    state: &'r mut State<'a>,
    host: &'r mut H,
}

/// What an instruction leads to.
enum Next {
    /// The next one, so many slots on.
    On(u32),
    /// This slot.
    To(u32),
    /// The end of the run.
    End,
}

impl<'a> State<'a> {
    #[inline]
    fn new(programs: &'a [Program], entry: ProgIdx, memory: &'a mut Memory, limits: Limits) -> Self {
        let mut regs = [0; SLOTS];
        regs[1] = memory::context_address();
        regs[10] = memory.stack.restart();
        Self {
            programs,
            memory,
            limits,
            program: &programs[entry.0 as usize],
            prog: entry,
            pc: 0,
            regs,
            loops: 0,
            callers: Vec::new(),
            tail_calls: 0,
            left: limits.budget,
        }
    }
}

impl State<'_> {
    fn fault(&self, kind: FaultKind) -> Fault {
        let depth = self.callers.len() as u32 + 1;
        let regs = std::array::from_fn(|reg| self.regs[reg]);
        Fault { kind, prog: self.prog, pc: self.pc, regs, depth }
    }

    fn get(&self, reg: Reg) -> u64 {
        self.regs[reg.index() % SLOTS]
    }

    fn set(&mut self, reg: Reg, value: u64) {
        self.regs[reg.index() % SLOTS] = value;
    }

    fn operand(&self, operand: Operand) -> u64 {
        match operand {
            Operand::Imm(imm) => i64::from(imm) as u64,
            Operand::Reg(reg) => self.get(reg),
        }
    }

    /// The call that the current instruction makes.
    #[inline]
    fn call(&self, id: HelperId) -> HelperCall {
        let [_, r1, r2, r3, r4, r5, ..] = self.regs;
        HelperCall { id, args: [r1, r2, r3, r4, r5], prog: self.prog, pc: self.pc }
    }

    /// What needs nobody to answer calls.
    fn step(&mut self, op: Op) -> Result<Next, FaultKind> {
        match op {
            Op::Alu { width, op, dst, src } => {
                self.set(dst, alu::calculate(width, op, self.get(dst), self.operand(src)));
            }
            Op::Neg { width, dst } => self.set(dst, alu::negate(width, self.get(dst))),
            Op::MovSx { width, from, dst, src } => {
                let value = alu::sign_extend(from, self.get(src));
                self.set(dst, if width == Width::W32 { value as u32 as u64 } else { value });
            }
            Op::Order { order, size, dst } => self.set(dst, alu::reorder(order, size, self.get(dst))),
            Op::Wide { dst, value } => {
                self.set(dst, value.bits());
                return Ok(Next::On(2));
            }
            Op::Second => {}
            Op::Load { size, signed, dst, base, off } => self.load(size, signed, dst, base, off)?,
            Op::LoadAcquire { size, dst, base, off } => self.load_acquire(size, dst, base, off)?,
            Op::Store { size, base, off, src } => self.store(size, base, off, self.operand(src))?,
            Op::StoreRelease { size, base, off, src } => {
                self.memory.aligned(self.at(base, off), size)?;
                self.store(size, base, off, self.get(src))?;
            }
            Op::Atomic { size, op, fetch, base, off, src } => {
                self.atomic(size, op, fetch, self.at(base, off), src)?;
            }
            Op::Goto { target } => return self.jump(target),
            Op::Branch { width, cond, dst, src, target } => {
                if alu::holds(width, cond, self.get(dst), self.operand(src)) {
                    return self.jump(target);
                }
            }
            Op::MayGoto { target } => {
                if self.loops == MAX_LOOPS {
                    return self.jump(target);
                }
                self.loops += 1;
            }
            Op::Call { target } => return self.enter(target, None),
            Op::Helper { id } => return Err(FaultKind::Helper(id, HelperFault::Unknown)),
            Op::Exit => return Ok(Next::End),
        }
        Ok(Next::On(1))
    }

    fn charge(&mut self, instructions: u32) -> Result<(), FaultKind> {
        match self.left.checked_sub(instructions.into()) {
            Some(left) => self.left = left,
            None => return Err(FaultKind::Budget { limit: self.limits.budget }),
        }
        Ok(())
    }

    fn charge_function(&mut self, pc: u32) -> Result<(), FaultKind> {
        let (start, end) = self.program.function_at(pc);
        self.charge(end - start)
    }

    fn jump(&mut self, target: u32) -> Result<Next, FaultKind> {
        if target <= self.pc {
            self.charge(self.pc - target + 1)?;
        }
        Ok(Next::To(target))
    }

    /// A function begins; its arguments are in place.
    fn enter(&mut self, target: u32, callback: Option<(HelperCall, u64)>) -> Result<Next, FaultKind> {
        if self.memory.stack.chain() == MAX_CALL_FRAMES {
            return Err(FaultKind::CallDepth);
        }
        self.charge_function(target)?;
        let [_, _, _, _, _, _, r6, r7, r8, r9, r10, ..] = self.regs;
        let kept = [r6, r7, r8, r9, r10];
        self.callers.push(Caller { prog: self.prog, pc: self.pc, kept, loops: self.loops, callback });
        self.regs[10] = self.memory.stack.push(false);
        self.loops = 0;
        Ok(Next::To(target))
    }

    fn callback(&mut self, call: HelperCall, callback: Callback) -> Result<Next, FaultKind> {
        let target = memory::function_pc(callback.function)
            .filter(|pc| self.program.functions().binary_search(pc).is_ok())
            .ok_or(FaultKind::NoSuchFunction { target: callback.function })?;
        let next = self.enter(target, Some((call, callback.state)))?;
        self.regs[1..6].copy_from_slice(&callback.args);
        Ok(next)
    }

    /// The current function ends, and a program with a stack of its own takes its place.
    fn tail_call(&mut self, prog: ProgIdx) -> Result<Next, FaultKind> {
        if self.tail_calls == MAX_TAIL_CALLS {
            return Ok(Next::On(1));
        }
        let bytes = self.memory.stack.of_callers();
        if bytes >= MAX_TAIL_CALL_STACK {
            return Err(FaultKind::TailCallStack { bytes });
        }
        let missing = FaultKind::NoSuchFunction { target: prog.0.into() };
        self.program = self.programs.get(prog.0 as usize).ok_or(missing)?;
        self.prog = prog;
        self.tail_calls += 1;
        self.loops = 0;
        self.memory.stack.pop();
        self.regs[10] = self.memory.stack.push(true);
        self.pc = 0;
        self.charge_function(0)?;
        Ok(Next::To(0))
    }
}

impl<H: Host + ?Sized> Run<'_, '_, H> {
    fn finish(&mut self, observe: impl FnMut(ProgIdx, u32)) -> Result<u64, FaultKind> {
        self.state.charge_function(0)?;
        self.run_on(observe)
    }

    fn run_on(&mut self, mut observe: impl FnMut(ProgIdx, u32)) -> Result<u64, FaultKind> {
        loop {
            observe(self.state.prog, self.state.pc);
            let op = self.state.program.ops()[self.state.pc as usize];
            match self.step(op)? {
                Next::On(slots) => self.state.pc += slots,
                Next::To(pc) => self.state.pc = pc,
                Next::End => return Ok(self.state.regs[0]),
            }
        }
    }

    fn step(&mut self, op: Op) -> Result<Next, FaultKind> {
        match op {
            Op::Helper { id } => self.helper(id),
            Op::Exit => self.leave(),
            _ => self.state.step(op),
        }
    }

    /// The current function ends: back to who called it, or to the helper that wanted it to run.
    fn leave(&mut self) -> Result<Next, FaultKind> {
        let state = &mut *self.state;
        let Some(caller) = state.callers.pop() else { return Ok(Next::End) };
        state.memory.stack.pop();
        state.prog = caller.prog;
        state.program = &state.programs[caller.prog.0 as usize];
        state.pc = caller.pc;
        state.regs[6..11].copy_from_slice(&caller.kept);
        state.loops = caller.loops;
        let Some((call, progress)) = caller.callback else { return Ok(Next::On(1)) };
        let outcome = self.host.resume(&call, progress, state.regs[0], state.memory);
        self.conclude(call, outcome.map_err(|fault| FaultKind::Helper(call.id, fault))?)
    }

    fn helper(&mut self, id: HelperId) -> Result<Next, FaultKind> {
        let outcome = self.host.call(&self.state.call(id), self.state.memory);
        self.answered(id, outcome)
    }

    /// What the current instruction called has answered.
    fn answered(&mut self, id: HelperId, outcome: Result<Outcome, HelperFault>) -> Result<Next, FaultKind> {
        self.conclude(self.state.call(id), outcome.map_err(|fault| FaultKind::Helper(id, fault))?)
    }

    fn conclude(&mut self, call: HelperCall, outcome: Outcome) -> Result<Next, FaultKind> {
        match outcome {
            Outcome::Return(r0) => self.state.regs[0] = r0,
            Outcome::Unchanged => {}
            Outcome::TailCall(prog) => return self.state.tail_call(prog),
            Outcome::Callback(callback) => return self.state.callback(call, callback),
        }
        Ok(Next::On(1))
    }
}

impl From<Denied> for FaultKind {
    fn from(denied: Denied) -> Self {
        Self::Access(denied)
    }
}

#[cfg(test)]
mod tests;
