//! What the JIT does beside being an engine: leaving at any depth, clean stacks, panics, limits.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::fault::{FaultKind, HelperFault};
use crate::host::{HelperCall, HelperId, NoHelpers, Outcome};
use crate::insn::Insn;
use crate::interp;
use crate::memory::{self, Slab};

const EXIT: Insn = i(0x95, 0, 0, 0, 0);

const fn i(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

fn jit(insns: &[Insn]) -> Jit {
    let program = Program::decode(insns, 1).expect("a test's program is legal");
    Jit::new(&[program]).expect("this machine has one")
}

fn frame() -> Memory {
    let mut memory = Memory::new();
    memory.add_slab(Slab::slots(8, 2).expect("small"));
    memory.packet_in(&[7; 64], 256, 320);
    memory
}

/// Both must agree, and then it is what the reference says.
fn run<H: Host + Clone>(insns: &[Insn], host: &H) -> Result<u64, Box<Fault>> {
    let (jit, limits) = (jit(insns), Limits { budget: 1000 });
    let (mut one, mut other) = (frame(), frame());
    let expected = interp::run(jit.programs(), ProgIdx(0), &mut one, &mut host.clone(), limits);
    assert_eq!(jit.run(ProgIdx(0), &mut other, &mut host.clone(), limits), expected);
    assert_eq!(one.packet().output(), other.packet().output());
    assert_eq!(one.slab(crate::MapIdx(0)).all(), other.slab(crate::MapIdx(0)).all());
    for frame in 0..one.stack.chain() {
        let top = memory::stack_address(frame);
        assert_eq!(one.bytes(top - 512, 512), other.bytes(top - 512, 512), "stack of function {frame}");
    }
    expected
}

/// Three functions, of which the last reads the packet out of bounds: R6 to R9 and the stacks of all of them are what
/// the interpreter needs to go on.
#[test]
fn it_is_left_from_the_innermost_of_many_functions() {
    let link = |number: i32| {
        [
            i(0xb7, 6, 0, 0, number),
            i(0x7b, 10, 6, -16, 0),
            i(0x85, 0, 1, 0, 3),
            i(0x79, 1, 10, -16, 0),
            i(0x0f, 0, 1, 0, 0),
            EXIT,
        ]
    };
    let last = |off| [i(0xb7, 0, 0, 0, 0), i(0x61, 2, 1, 0, 0), i(0x71, 0, 2, off, 0), EXIT];
    let all = |off| [&link(1)[..], &link(20), &last(off)].concat();
    assert_eq!(run(&all(63), &NoHelpers), Ok(7 + 21));
    let fault = run(&all(64), &NoHelpers).expect_err("outside");
    assert_eq!((fault.pc, fault.depth, fault.regs[6]), (14, 3, 20));
}

/// A loop that calls a function is stopped by the budget at the same place.
#[test]
fn the_budget_ends_at_the_same_place() {
    let calls =
        [i(0x07, 6, 0, 0, 1), i(0x85, 0, 1, 0, 2), i(0x05, 0, 0, -3, 0), EXIT, i(0x07, 6, 0, 0, 1), EXIT];
    let fault = run(&calls, &NoHelpers).expect_err("endless");
    assert!(matches!(fault.kind, FaultKind::Budget { .. }), "{fault}");
}

/// A value may be accessed up to its end; what is behind it belongs to none, and then comes another one.
#[test]
fn a_value_ends_where_it_ends() {
    let at = |off, size: u8| {
        [i(0x18, 1, 2, 0, 0), i(0, 0, 0, 0, 0), i(0x62 | size, 1, 0, off, 5), i(0xb7, 0, 0, 0, 0), EXIT]
    };
    assert_eq!(run(&at(4, 0), &NoHelpers), Ok(0));
    assert!(run(&at(5, 0), &NoHelpers).is_err());
    assert!(run(&at(8, 0x10), &NoHelpers).is_err());
    assert_eq!(run(&at(16, 0x10), &NoHelpers), Ok(0));
    assert!(run(&at(32, 0x10), &NoHelpers).is_err());
    assert!(run(&at(-1, 0x10), &NoHelpers).is_err());
}

/// Answers everything with a program's R1, or panics.
#[derive(Clone)]
struct Echo;

impl Host for Echo {
    fn call(&mut self, call: &HelperCall, memory: &mut Memory) -> Result<Outcome, HelperFault> {
        match call.id {
            HelperId(70) => panic!("a bug of the host"),
            // Everything that the code knows is gone.
            HelperId(71) => *memory = frame(),
            HelperId(72) => memory.move_packet(256, 260, 270),
            HelperId(73) => *memory.slab_mut(crate::MapIdx(0)) = Slab::empty(),
            _ => {}
        }
        Ok(Outcome::Return(call.args[0]))
    }
}

#[test]
fn a_host_can_change_all_of_memory() {
    for helper in [71, 72, 73] {
        for off in [3, 13, 14, 63, 64] {
            let insns = [
                i(0xbf, 6, 1, 0, 0),
                i(0x7a, 10, 0, -8, 3),
                i(0x85, 0, 0, 0, helper),
                i(0x61, 2, 6, 0, 0),
                i(0x71, 0, 2, off, 0),
                i(0x18, 1, 2, 0, 0),
                i(0, 0, 0, 0, 0),
                i(0x7b, 1, 0, 0, 0),
                i(0x79, 0, 10, -8, 0),
                EXIT,
            ];
            _ = run(&insns, &Echo);
        }
    }
}

#[test]
fn a_panic_of_the_host_goes_through() {
    let (jit, mut memory) = (jit(&[i(0x85, 0, 0, 0, 70), EXIT]), frame());
    let run = || jit.run(ProgIdx(0), &mut memory, &mut Echo, Limits::default());
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a bug of the host"));
}

/// A lookup that does not answer with the start of a value of its map.
#[test]
fn an_answer_that_is_no_value_is_not_taken_for_one() {
    for first in [8_i64, 9, 4, 16, 1 << 32] {
        let insns = [
            i(0x18, 1, 2, 0, 0),
            i(0, 0, 0, 0, 0),
            i(0x18, 2, 0, 0, first as i32),
            i(0, 0, 0, 0, (first >> 32) as i32),
            i(0x0f, 2, 1, 0, 0),
            i(0x18, 1, 1, 0, 0),
            i(0, 0, 0, 0, 0),
            i(0x85, 0, 0, 0, 1),
            i(0x79, 0, 0, 0, 0),
            EXIT,
        ];
        #[derive(Clone)]
        struct Second;
        impl Host for Second {
            fn call(&mut self, call: &HelperCall, _: &mut Memory) -> Result<Outcome, HelperFault> {
                Ok(Outcome::Return(call.args[1]))
            }
        }
        _ = run(&insns, &Second);
    }
}

#[test]
fn long_programs_are_interpreted() {
    let long = vec![i(0x07, 0, 0, 0, 1); MAX_SLOTS];
    let insns = [long, vec![EXIT]].concat();
    let jit = jit(&insns);
    assert!(jit.0.starts[0].is_none());
    let limits = Limits { budget: 100_000 };
    assert_eq!(jit.run(ProgIdx(0), &mut frame(), &mut NoHelpers, limits), Ok(MAX_SLOTS as u64));
}

/// As many jumps as there can be, all to the same place and back.
#[test]
fn hostile_programs_are_translated_in_bounded_time() {
    let mut insns: Vec<Insn> = (0..2000).map(|n| i(0x1d, (n % 10) as u8, 10, 2000 - n, 0)).collect();
    insns.extend((0..2000).map(|n| i(0x3d, (n % 10) as u8, 10, -1 - n, 0)));
    insns.push(EXIT);
    let start = std::time::Instant::now();
    drop(jit(&insns));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
