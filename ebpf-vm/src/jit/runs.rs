//! Runs: how generated code is entered, and what happens when it was left.

use std::ptr::NonNull;

use super::code::Entry;
use super::vm::{Answer, GO_ON, LEAVE, REDIRECT, Rare, STATUS_BITS, Vm, find_maps};
use super::{Programs, Start};
use crate::engine::Ended;
use crate::fault::Fault;
use crate::helpers::{Helpers, World};
use crate::host::{Host, Outcome, ProgIdx};
use crate::interp::resume::{self, Suspended, resume};
use crate::interp::{self, Limits};
use crate::memory::{self, MapIdx, Memory};

/// Runs of one program, one after the other, with the same memory and maps.
///
/// A run that has ended in its code leaves everything as the next one wants it: stack, maps, slabs. So only the first one
/// makes sure. It stays so, because in between nobody gets hold of more than the packet and the program's surroundings;
/// another host than [`Helpers`], which nobody here knows, could change its maps with every question.
pub struct Runs<'a, 'h, W> {
    memory: &'a mut Memory,
    host: Helpers<'h, W>,
    core: Core<'a>,
    /// The code, while all that [`Core::begin`] does is still true.
    begun: Option<Entry>,
}

impl<'a, 'h, W: World> Runs<'a, 'h, W> {
    #[inline(always)]
    pub(super) fn new(core: Core<'a>, memory: &'a mut Memory, host: Helpers<'h, W>) -> Self {
        Self { memory, host, core, begun: None }
    }

    /// A run that begins by itself.
    #[cold]
    #[inline(never)]
    fn run_first(&mut self) -> Result<Ended, Box<Fault>> {
        let Some(code) = self.core.begin(self.memory, &mut self.host) else {
            let r0 = self.core.interpret(self.memory, &mut self.host);
            return self.host.end(r0).map(Ended::with);
        };
        self.begun = Some(code).filter(|_| self.core.stays);
        self.core.vm.find_packet(self.memory);
        self.enter(code, None)
    }

    /// `lent`: a packet like the last one, which the code reads where it lies.
    #[inline(always)]
    fn enter(&mut self, code: Entry, lent: Option<&[u8]>) -> Result<Ended, Box<Fault>> {
        self.core.vm.lent = lent.map(NonNull::from);
        let r0 = match self.core.enter(code, self.memory, &mut self.host) {
            Left::Ended(r0) => r0,
            Left::Redirect { map, key, flags } => {
                if self.host.keep_redirect_map(map, key, flags) {
                    return Ok(Ended::KEPT);
                }
                match self.host.redirect_map(map, key, flags) {
                    Some(r0) => r0,
                    None => return self.go_on(lent),
                }
            }
            Left::Early => return self.go_on(lent),
        };
        self.host.end(Ok(r0)).map(Ended::with)
    }

    #[cold]
    #[inline(never)]
    fn go_on(&mut self, lent: Option<&[u8]>) -> Result<Ended, Box<Fault>> {
        // Whatever it does, the next run makes sure of everything again.
        self.begun = None;
        // Unless a helper has taken it in, and perhaps changed it.
        if let (Some(bytes), Some(_)) = (lent, self.core.vm.lent.take()) {
            self.memory.packet_like_last(bytes);
        }
        let r0 = self.core.go_on(self.memory, &mut self.host);
        self.host.end(r0).map(Ended::with)
    }
}

impl<W: World> crate::engine::Runs<W> for Runs<'_, '_, W> {
    #[inline(always)]
    fn packet_in(&mut self, bytes: &[u8], meta: u32, headroom: u32, tailroom: u32) {
        self.memory.packet_in_with_metadata(bytes, meta, headroom, tailroom);
    }

    #[inline(always)]
    fn run(&mut self) -> Result<Ended, Box<Fault>> {
        match self.begun {
            Some(code) => {
                self.core.vm.find_packet(self.memory);
                self.enter(code, None)
            }
            None => self.run_first(),
        }
    }

    #[inline(always)]
    fn run_like_last(&mut self, bytes: &[u8]) -> Option<Result<Ended, Box<Fault>>> {
        match self.begun {
            Some(code) if self.core.reads => {
                self.core.vm.packet = self.memory.lend(bytes)?;
                Some(self.enter(code, Some(bytes)))
            }
            _ => self.memory.packet_like_last(bytes).then(|| self.run()),
        }
    }

    #[inline(always)]
    fn memory(&self) -> &Memory {
        self.memory
    }

    #[inline(always)]
    fn world(&mut self) -> &mut W {
        self.host.world
    }
}

/// What runs of a program have in common.
pub(super) struct Core<'a> {
    programs: &'a Programs,
    entry: ProgIdx,
    limits: Limits,
    /// How the code begins; none if the interpreter has to run it.
    start: Option<&'a Start>,
    /// Is the next run ready for the code, if one has ended there? Of a program that begins the same way each time and
    /// clears its own stack.
    stays: bool,
    /// See [`Plan::reads`](super::plan::Plan::reads).
    reads: bool,
    /// The budget behind the first function's charge.
    left: u64,
    /// Between runs as at the beginning, but for what every run sets.
    vm: Vm,
}

impl<'a> Core<'a> {
    #[inline(always)]
    pub fn new(programs: &'a Programs, entry: ProgIdx, limits: Limits) -> Self {
        let start = programs.starts.get(entry.0 as usize).and_then(Option::as_ref);
        let left = start.and_then(|start| limits.budget.checked_sub(start.length.into()));
        let start = start.filter(|_| left.is_some());
        let stays = start.is_some_and(|start| start.fresh && start.exact);
        let reads = start.is_some_and(|start| start.reads);
        let vm = Vm::new(entry, programs.needs);
        Self { programs, entry, limits, start, stays, reads, left: left.unwrap_or(0), vm }
    }

    /// One run by itself.
    #[inline(always)]
    pub fn run<H: Host>(&mut self, memory: &mut Memory, host: &mut H) -> Result<u64, Box<Fault>> {
        let Some(code) = self.begin(memory, host) else { return self.interpret(memory, host) };
        self.vm.find_packet(memory);
        let r0 = match self.enter(code, memory, host) {
            Left::Ended(r0) => Some(r0),
            Left::Redirect { map, key, flags } => host.redirect_map(map, key, flags),
            Left::Early => None,
        };
        match r0 {
            Some(r0) => Ok(r0),
            None => self.go_on(memory, host),
        }
    }

    /// Makes everything ready for the code: none if the interpreter must run it, and then nothing has happened.
    #[inline(always)]
    fn begin<H: Host>(&mut self, memory: &mut Memory, host: &mut H) -> Option<Entry> {
        let needs = self.programs.needs;
        let start = self.start.filter(|_| memory.slabs().len() >= needs.maps as usize)?;
        let entries = find_maps(host, needs.looks)?;
        memory.stack.begin(!start.exact, start.deepest);
        self.vm.serve::<H>();
        (self.vm.entries, self.vm.cpu) = (entries, host.cpu().into());
        self.vm.stack = memory.stack.direct().1.as_ptr();
        if !start.fresh {
            self.vm.complete(0);
            self.vm.find_first_stack(memory, start.alone);
        }
        Some(start.code)
    }

    /// The code, after [`Core::begin`].
    #[inline(always)]
    fn enter<H: Host>(&mut self, code: Entry, memory: &mut Memory, host: &mut H) -> Left {
        self.vm.left = self.left;
        // While the code runs, it reaches memory and host through these pointers alone.
        self.vm.between(memory, host);
        let status = code(&raw mut self.vm);
        match status {
            // SAFETY: code that has ended has stored R0.
            GO_ON => Left::Ended(unsafe { self.vm.regs[0].assume_init() }),
            LEAVE => Left::Early,
            // SAFETY: it has returned that.
            _ => Left::redirect(status, unsafe { self.vm.redirect() }),
        }
    }

    /// The interpreter, from the start.
    #[cold]
    fn interpret<H: Host>(&mut self, memory: &mut Memory, host: &mut H) -> Result<u64, Box<Fault>> {
        interp::run(&self.programs.programs, self.entry, memory, host, self.limits)
    }

    /// The code was left: another program's code goes on, or the interpreter.
    #[cold]
    #[inline(never)]
    fn go_on<H: Host>(&mut self, memory: &mut Memory, host: &mut H) -> Result<u64, Box<Fault>> {
        let programs = self.programs;
        // The next run begins as the first one did, even if this one panics.
        let mut vm = std::mem::replace(&mut self.vm, Vm::new(self.entry, programs.needs));
        let fresh = self.start.is_some_and(|start| start.fresh);
        let mut regs = vm.complete(if fresh { vm.saved } else { u32::MAX });
        while let Some(code) = programs.tail_call(&mut vm, &regs, memory) {
            vm.between(memory, host);
            let status = code(&raw mut vm);
            regs = vm.complete(u32::MAX);
            let ended = match status {
                GO_ON => Some(regs[0]),
                LEAVE => None,
                _ => host.redirect_map(MapIdx(status >> STATUS_BITS), regs[2], regs[3]),
            };
            if let Some(r0) = ended {
                return Ok(r0);
            }
        }
        programs.take_over(vm, regs, memory, host, self.limits)
    }
}

/// How code was left.
enum Left {
    /// At the program's end: R0.
    Ended(u64),
    /// At its last call, a redirect, whose answer is R0. It is asked for here rather than from inside of the code: no
    /// detour, and what is compiled here knows the host.
    Redirect { map: MapIdx, key: u64, flags: u64 },
    /// Before its end.
    Early,
}

impl Left {
    #[inline(always)]
    fn redirect(status: u32, [key, flags]: [u64; 2]) -> Self {
        debug_assert_eq!(status & ((1 << STATUS_BITS) - 1), REDIRECT);
        Self::Redirect { map: MapIdx(status >> STATUS_BITS), key, flags }
    }
}

impl Programs {
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
        let left = resume::Left {
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
