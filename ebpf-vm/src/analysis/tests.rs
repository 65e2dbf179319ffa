//! What is found out, and that it is found out in time.

use super::*;
use crate::insn::{Insn, Reg};
use crate::memory::MapIdx;

const EXIT: Insn = i(0x95, 0, 0, 0, 0);

const fn i(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

fn program(insns: &[Insn]) -> Program {
    Program::decode(insns, 4).expect("a test's program is legal")
}

/// What a register holds before the last instruction.
fn at_end(insns: &[Insn], reg: u8) -> Kind {
    let program = program(insns);
    let functions = analyse(&program);
    let block = functions[0].blocks.last().expect("there is one");
    let mut state = block.state.clone();
    for op in &program.ops()[block.start as usize..block.end as usize - 1] {
        state.step(op);
    }
    state.kind(Reg::new(reg).expect("it exists"))
}

#[test]
fn pointers_are_followed_through_calculations() {
    let data = i(0x61, 2, 1, 0, 0);
    assert_eq!(at_end(&[EXIT], 1), Kind::Context(0));
    assert_eq!(at_end(&[data, i(0x07, 2, 0, 0, 14), EXIT], 2), Kind::Packet);
    assert_eq!(at_end(&[data, i(0x61, 3, 1, 16, 0), i(0x0f, 3, 2, 0, 0), EXIT], 3), Kind::Packet);
    let key = [i(0xbf, 2, 10, 0, 0), i(0x07, 2, 0, 0, -4)];
    assert_eq!(at_end(&[&key[..], &[EXIT]].concat(), 2), Kind::Stack(-4));
    assert_eq!(at_end(&[&key[..], &[i(0x0f, 2, 0, 0, 0), EXIT]].concat(), 2), Kind::SomeStack);
    assert_eq!(at_end(&[&key[..], &[i(0x27, 2, 0, 0, 2), EXIT]].concat(), 2), Kind::Unknown);
}

/// A lookup in map 2, and a field of what it found.
const LOOKUP: [Insn; 7] = [
    i(0x18, 1, 1, 0, 2),
    i(0, 0, 0, 0, 0),
    i(0xbf, 2, 10, 0, 0),
    i(0x07, 2, 0, 0, -4),
    i(0x62, 10, 0, -4, 7),
    i(0x85, 0, 0, 0, 1),
    i(0x07, 0, 0, 0, 8),
];

#[test]
fn a_lookup_answers_with_a_value_of_its_map() {
    let value = |at| Kind::Value { map: MapIdx(2), at };
    assert_eq!(at_end(&[&LOOKUP[..], &[EXIT]].concat(), 0), value(Some(8)));
    assert_eq!(at_end(&[&LOOKUP[..], &[i(0x0f, 0, 6, 0, 0), EXIT]].concat(), 0), value(None));
    assert_eq!(at_end(&[&LOOKUP[..], &[EXIT]].concat(), 1), Kind::Unknown, "calls lose R1 to R5");
}

#[test]
fn a_word_on_the_stack_is_remembered_until_something_else_is_written() {
    let spill = [i(0x7b, 10, 1, -16, 0), i(0x79, 3, 10, -16, 0)];
    assert_eq!(at_end(&[spill[0], spill[1], EXIT], 3), Kind::Context(0));
    for between in [i(0x72, 10, 0, -9, 0), i(0x7b, 7, 0, 0, 0), i(0x85, 0, 0, 0, 999)] {
        assert_eq!(at_end(&[spill[0], between, spill[1], EXIT], 3), Kind::Unknown, "{between:?}");
    }
    // Beside it, into the packet, and by a helper that reads only.
    let lookup = [i(0x61, 6, 1, 0, 0), i(0x7b, 6, 7, 0, 0), i(0x7b, 10, 7, -24, 0)];
    assert_eq!(at_end(&[&[spill[0]], &lookup[..], &LOOKUP, &[spill[1], EXIT]].concat(), 3), Kind::Context(0));
}

#[test]
fn paths_that_disagree_leave_nothing() {
    let two = |a, b| [i(0x15, 1, 0, 2, 0), a, i(0x05, 0, 0, 1, 0), b, EXIT];
    let stack = i(0xbf, 3, 10, 0, 0);
    assert_eq!(at_end(&two(stack, stack), 3), Kind::Stack(0));
    assert_eq!(at_end(&two(stack, i(0xbf, 3, 1, 0, 0)), 3), Kind::Unknown);
    assert_eq!(at_end(&two(i(0xb7, 3, 0, 0, 1), i(0xb7, 3, 0, 0, 2)), 3), Kind::Unknown);
}

fn first(insns: &[Insn]) -> (Function, Program) {
    let program = program(insns);
    (analyse(&program).remove(0), program)
}

#[test]
fn bytes_that_are_read_first_must_be_cleared() {
    let (written, _) = first(&[i(0x7a, 10, 0, -8, 1), i(0x79, 0, 10, -8, 0), EXIT]);
    assert_eq!((written.zero, written.deepest), (Bytes::NONE, 8));
    let (half, _) = first(&[i(0x62, 10, 0, -8, 1), i(0x79, 0, 10, -8, 0), EXIT]);
    assert_eq!(half.zero, Bytes::range(-4, 4));
    // A key is read as far as the stack goes: how long it is is not known here.
    let (key, _) = first(&[&LOOKUP[..], &[EXIT]].concat());
    assert_eq!(key.zero, Bytes::NONE);
    // What only one path writes is cleared for the other one.
    let (maybe, _) = first(&[i(0x15, 1, 0, 1, 0), i(0x7a, 10, 0, -16, 1), EXIT]);
    assert_eq!(maybe.zero, Bytes::range(-16, 8));
}

#[test]
fn what_was_never_written_is_known_at_every_place() {
    let (function, program) = first(&[i(0x7a, 10, 0, -8, 1), i(0x72, 10, 0, -9, 1), EXIT]);
    let below = |bytes: u32| Bytes::range(-512, 512 - bytes);
    assert_eq!([0, 1, 2].map(|pc| function.unwritten(&program, pc)), [below(0), below(8), below(9)]);
}

#[test]
fn a_stack_that_is_lent_is_found() {
    let lends = |insns: &[Insn]| first(insns).0.lends_stack;
    assert!(!lends(&[&LOOKUP[..], &[EXIT]].concat()));
    let callee = [i(0xb7, 0, 0, 0, 0), EXIT];
    assert!(!lends(&[&[i(0x85, 0, 1, 0, 1), EXIT], &callee[..]].concat()));
    assert!(lends(&[&[i(0xbf, 1, 10, 0, 0), i(0x85, 0, 1, 0, 1), EXIT], &callee[..]].concat()));
    assert!(lends(&[i(0xbf, 3, 10, 0, 0), i(0x0f, 3, 7, 0, 0), i(0x72, 3, 0, 0, 0), EXIT]));
}

/// Every turn of the loop moves all registers and slots on, so nothing would ever settle by itself.
#[test]
fn a_hostile_loop_is_given_up() {
    let mut insns = vec![];
    for nest in 0..2000_u32 {
        let reg = (nest % 9) as u8;
        insns.extend([i(0x07, reg, 0, 0, 1), i(0x7b, 10, reg, -8 * (1 + i16::from(reg)), 0)]);
        insns.push(i(0x15, reg, 0, -((insns.len() as i16).min(3000)), 5));
    }
    insns.push(EXIT);
    let (function, _) = first(&insns);
    assert!(function.blocks.len() > 2000);
}

#[test]
fn a_function_that_others_call_has_no_context() {
    let insns = [i(0xb7, 1, 0, 0, 0), i(0x15, 2, 0, 1, 0), i(0x85, 0, 1, 0, -3), EXIT];
    let program = program(&insns);
    assert_eq!(analyse(&program)[0].blocks[0].state.kind(Reg::R1), Kind::Unknown);
}
