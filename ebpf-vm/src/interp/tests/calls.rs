//! Calls of functions, helpers and programs, and the stack that they share.

use super::*;
use crate::fault::{HelperFault, Why};
use crate::host::{Callback, HelperCall, HelperId, Outcome};
use crate::insn::Insn;
use crate::interp::{MAX_CALL_FRAMES, MAX_TAIL_CALLS};

/// Calls a function `distance` slots after the next instruction.
const fn call(distance: i32) -> Insn {
    i(0x85, 0, 1, 0, distance)
}

const fn helper(id: i32) -> Insn {
    i(0x85, 0, 0, 0, id)
}

/// R6 to R9 and the stack are the caller's own; R0 to R5 are shared.
#[test]
fn a_function_has_registers_and_stack_of_its_own() {
    let insns = [
        mov(6, 1),
        i(0x7a, 10, 0, -8, 2),
        mov(1, 40),
        call(4),
        i(0x0f, 0, 6, 0, 0),
        i(0x79, 1, 10, -8, 0),
        i(0x0f, 0, 1, 0, 0),
        EXIT,
        mov(6, 1000),
        i(0x79, 0, 10, -8, 0),
        i(0x0f, 0, 1, 0, 0),
        i(0x7a, 10, 0, -8, 77),
        EXIT,
    ];
    assert_eq!(r0(&insns), 43);
}

/// A pointer into the caller's stack works as long as the caller is active.
#[test]
fn a_function_can_write_its_callers_stack() {
    let callee = [i(0x7a, 1, 0, 0, 5), mov(0, 0), EXIT];
    let main = [mov_reg(1, 10), i(0x07, 1, 0, 0, -8), call(2), i(0x79, 0, 10, -8, 0), EXIT];
    assert_eq!(r0(&[&main[..], &callee].concat()), 5);
    // And not afterwards: the pointer that is returned leads to nothing.
    let (pc, kind) = fault(&[call(2), i(0x71, 0, 0, -8, 0), EXIT, mov_reg(0, 10), EXIT]);
    let FaultKind::Access(denied) = kind else { panic!("{kind:?}") };
    assert_eq!((pc, denied.why, denied.region), (1, Why::OutOfBounds, None));
}

/// A chain of so many functions, each of which uses so much stack.
fn chain(functions: usize, stack: i16) -> Vec<Insn> {
    let link = [i(0x72, 10, 0, -stack, 1), call(1), EXIT];
    let last = [i(0x72, 10, 0, -stack, 1), mov(0, 3), EXIT];
    [link.repeat(functions - 1), last.to_vec()].concat()
}

#[test]
fn eight_functions_may_be_active() {
    assert_eq!(r0(&chain(MAX_CALL_FRAMES, 1)), 3);
    let fault = result(&chain(MAX_CALL_FRAMES + 1, 1)).expect_err("one too many");
    assert_eq!((fault.kind, fault.depth), (FaultKind::CallDepth, 8));
}

/// What functions use is rounded up to 16 bytes and added up: 4 * 128 fit, 4 * 144 do not.
#[test]
fn active_functions_share_512_bytes_of_stack() {
    assert_eq!(r0(&chain(4, 128)), 3);
    assert_eq!(r0(&chain(8, 64)), 3);
    let (pc, kind) = fault(&chain(4, 129));
    let FaultKind::Access(denied) = kind else { panic!("{kind:?}") };
    assert_eq!((pc, denied.why), (9, Why::StackOverflow));
}

#[test]
fn a_stack_is_zero_whatever_was_there_before() {
    let callee = [i(0x79, 0, 10, -8, 0), i(0x7a, 10, 0, -8, 9), EXIT];
    let main = [call(4), mov_reg(6, 0), call(2), i(0x4f, 0, 6, 0, 0), EXIT];
    let mut memory = frame();
    let insns = [&main[..], &callee].concat();
    for _ in 0..2 {
        assert_eq!(run_with(&insns, &mut memory, &mut NoHelpers), Ok(0));
    }
}

/// A host for these tests: 1 adds its arguments, 2 runs a function R1 times, 12 is a tail call of R3.
#[derive(Clone, Default)]
struct Tester {
    indices: Vec<u64>,
}

impl Host for Tester {
    fn call(&mut self, call: &HelperCall, _: &mut Memory) -> Result<Outcome, HelperFault> {
        match call.id {
            HelperId(1) => Ok(Outcome::Return(call.args.iter().sum())),
            HelperId(2) => self.resume(call, 0, 0, &mut Memory::new()),
            HelperId(12) if call.args[2] == 99 => Ok(Outcome::Unchanged),
            HelperId(12) => Ok(Outcome::TailCall(ProgIdx(call.args[2] as u32))),
            _ => Err(HelperFault::Unknown),
        }
    }

    fn resume(
        &mut self,
        call: &HelperCall,
        done: u64,
        _: u64,
        _: &mut Memory,
    ) -> Result<Outcome, HelperFault> {
        let [rounds, function, extra, ..] = call.args;
        if done == rounds {
            return Ok(Outcome::Return(done));
        }
        self.indices.push(done);
        Ok(Outcome::Callback(Callback { function, args: [done, extra, 0, 0, 0], state: done + 1 }))
    }
}

#[test]
fn a_helper_gets_five_arguments_and_its_result_is_r0() {
    let insns = [mov(1, 1), mov(2, 2), mov(3, 4), mov(4, 8), mov(5, 16), helper(1), EXIT];
    assert_eq!(run_with(&insns, &mut frame(), &mut Tester::default()), Ok(31));
    let fault = result(&[helper(77), EXIT]).expect_err("nobody answers");
    assert_eq!(fault.kind, FaultKind::Helper(HelperId(77), HelperFault::Unknown));
    assert_eq!(fault.to_string(), "instruction 0: bpf_rc_repeat() (helper 77) does not exist here");
}

/// `bpf_loop`: the function adds its index to a sum on the caller's stack.
#[test]
fn a_helper_runs_a_function_of_the_program() {
    let main = [
        mov(1, 5),
        i(0x18, 2, 4, 0, 7),
        i(0, 0, 0, 0, 0),
        mov_reg(3, 10),
        i(0x07, 3, 0, 0, -8),
        helper(2),
        i(0x79, 1, 10, -8, 0),
        i(0x0f, 0, 1, 0, 0),
        EXIT,
    ];
    let function = [i(0x79, 3, 2, 0, 0), i(0x0f, 3, 1, 0, 0), i(0x7b, 2, 3, 0, 0), mov(0, 0), EXIT];
    let mut host = Tester::default();
    assert_eq!(run_with(&[&main[..], &function].concat(), &mut frame(), &mut host), Ok(5 + 10));
    assert_eq!(host.indices, [0, 1, 2, 3, 4]);
}

#[test]
fn a_callback_must_be_a_function_of_the_program() {
    let insns = [mov(1, 1), mov(2, 1234), helper(2), EXIT];
    let fault = run_with(&insns, &mut frame(), &mut Tester::default()).expect_err("1234 is no function");
    assert_eq!(fault.kind, FaultKind::NoSuchFunction { target: 1234 });
}

fn run_all(programs: &[&[Insn]]) -> Result<u64, Box<Fault>> {
    let programs: Vec<Program> = programs.iter().map(|insns| decoded(insns)).collect();
    run_programs(&programs, &mut frame(), &mut Tester::default(), Limits { budget: 10_000 })
}

/// Nothing after it runs; one that finds nothing leaves R0 as it was.
#[test]
fn a_tail_call_does_not_return() {
    let target = [i(0x61, 0, 1, 0, 0), EXIT];
    assert_eq!(run_all(&[&[mov(3, 1), helper(12), mov(0, 0), EXIT], &target]), Ok(0x1_0000 + 256));
    assert_eq!(run_all(&[&[mov(0, 5), mov(3, 99), helper(12), EXIT]]), Ok(5));
}

/// In a function it replaces the function: its caller goes on.
#[test]
fn a_tail_call_in_a_function_returns_to_its_caller() {
    let main = [call(2), i(0x07, 0, 0, 0, 1), EXIT, mov(3, 1), helper(12), mov(0, 100), EXIT];
    assert_eq!(run_all(&[&main, &[mov(0, 6), EXIT]]), Ok(7));
}

/// R6 counts in the packet's first byte, because a program begins without registers.
#[test]
fn the_34th_tail_call_finds_nothing() {
    let insns = [
        i(0x61, 6, 1, 0, 0),
        i(0x71, 0, 6, 0, 0),
        i(0x07, 0, 0, 0, 1),
        i(0x73, 6, 0, 0, 0),
        mov(3, 0),
        helper(12),
        EXIT,
    ];
    assert_eq!(run_all(&[&insns]), Ok(u64::from(MAX_TAIL_CALLS) + 1));
}

/// With a stack of its own: what callers use in the old program does not count in the new one.
#[test]
fn a_program_that_is_tail_called_has_512_bytes_of_stack() {
    let using = |callers: i16| {
        vec![i(0x72, 10, 0, -callers, 1), call(1), EXIT, i(0x72, 10, 0, -200, 1), mov(3, 1), helper(12), EXIT]
    };
    let deep = [i(0x72, 10, 0, -512, 1), mov(0, 4), EXIT];
    assert_eq!(run_all(&[&using(240), &deep]), Ok(4));
    let fault = run_all(&[&using(250), &deep]).expect_err("256 bytes and more are refused");
    assert_eq!(fault.kind, FaultKind::TailCallStack { bytes: 256 });
}

#[test]
fn a_fault_names_the_program_that_was_tail_called() {
    let fault = run_all(&[&[mov(3, 1), helper(12), EXIT], &[mov(0, 0), i(0x71, 0, 0, 0, 0), EXIT]]);
    let fault = fault.expect_err("null");
    assert_eq!((fault.prog, fault.pc), (ProgIdx(1), 1));
}
