//! What decoding refuses, in the words that a user sees.

use super::*;

const EXIT: Insn = i(0x95, 0, 0, 0, 0);

const fn i(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

fn refused(insns: &[Insn]) -> (u32, Problem) {
    let error = Program::decode(insns, 2).expect_err("not executable");
    (error.pc, error.problem)
}

/// One instruction before an exit.
fn one(insn: Insn) -> Problem {
    let (pc, problem) = refused(&[insn, EXIT]);
    assert_eq!(pc, 0);
    problem
}

#[test]
fn a_program_has_instructions_and_not_too_many() {
    assert_eq!(refused(&[]), (0, Problem::Empty));
    let slots = MAX_SLOTS + 1;
    assert_eq!(refused(&vec![EXIT; slots]).1, Problem::TooLong { slots });
}

#[test]
fn registers_exist_and_r10_is_not_written() {
    assert_eq!(one(i(0xbf, 0, 11, 0, 0)), Problem::NoRegister { number: 11 });
    assert_eq!(one(i(0xb7, 15, 0, 0, 0)), Problem::NoRegister { number: 15 });
    for writing in [i(0xb7, 10, 0, 0, 0), i(0x79, 10, 1, 0, 0), i(0xdb, 1, 10, 0, 1), i(0x18, 10, 0, 0, 0)] {
        assert_eq!(one(writing), Problem::FramePointer, "{writing:?}");
    }
    assert!(Program::decode(&[i(0x7b, 10, 10, -8, 0), EXIT], 0).is_ok(), "it may be stored");
}

#[test]
fn reserved_fields_are_zero() {
    let insns = [
        i(0x07, 0, 1, 0, 0),
        i(0x0f, 0, 1, 0, 5),
        i(0x07, 0, 0, 1, 0),
        i(0xbf, 0, 1, 7, 0),
        i(0xbc, 0, 1, 32, 0),
        i(0xb7, 0, 0, 8, 0),
        i(0x87, 0, 0, 0, 1),
        i(0xd4, 0, 0, 0, 8),
        i(0x61, 0, 1, 0, 1),
        i(0x62, 1, 1, 0, 1),
        i(0x63, 1, 1, 0, 1),
        i(0x15, 0, 1, 0, 0),
        i(0x05, 0, 0, 0, 1),
        i(0x06, 0, 0, 1, 0),
        i(0x85, 1, 0, 0, 1),
        i(0x95, 0, 0, 0, 1),
        i(0x85, 0, 3, 0, 1),
    ];
    for insn in insns {
        assert_eq!(one(insn), Problem::Reserved { code: insn.code }, "{insn:?}");
    }
}

#[test]
fn unknown_codes_are_named() {
    for code in [0x00, 0x8f, 0xe7, 0xdf, 0xf5, 0x99, 0xe6, 0x96, 0x01, 0x82] {
        assert_eq!(one(i(code, 0, 0, 0, 0)), Problem::UnknownCode { code }, "{code:#x}");
    }
    for code in [0x20, 0x28, 0x30, 0x40, 0x48, 0x50] {
        assert_eq!(one(i(code, 0, 0, 0, 0)), Problem::LegacyLoad { code });
    }
    assert_eq!(one(i(0xdb, 1, 2, 0, 0x20)), Problem::UnknownAtomic { imm: 0x20 });
    assert_eq!(one(i(0xcb, 1, 2, 0, 0)), Problem::UnknownCode { code: 0xcb });
}

#[test]
fn constants_that_no_calculation_can_have() {
    assert_eq!(one(i(0x67, 0, 0, 0, 64)), Problem::Shift { by: 64, bits: 64 });
    assert_eq!(one(i(0xc4, 0, 0, 0, 32)), Problem::Shift { by: 32, bits: 32 });
    assert_eq!(one(i(0x77, 0, 0, 0, -1)), Problem::Shift { by: -1, bits: 64 });
    for (code, off) in [(0x37, 0), (0x97, 0), (0x34, 1), (0x94, 1)] {
        assert_eq!(one(i(code, 0, 0, off, 0)), Problem::DivideByZero);
    }
}

#[test]
fn a_constant_of_two_slots_has_both() {
    assert_eq!(refused(&[EXIT, i(0x18, 0, 0, 0, 0)]), (1, Problem::HalfConstant));
    assert_eq!(one(i(0x18, 0, 0, 0, 0)), Problem::HalfConstant);
    let wide = |src, imm, next| refused(&[i(0x18, 0, src, 0, imm), i(0, 0, 0, 0, next), EXIT]).1;
    assert_eq!(wide(1, 2, 0), Problem::NoMap { index: 2, maps: 2 });
    assert_eq!(wide(5, -1, 0), Problem::NoMap { index: -1, maps: 2 });
    assert_eq!(wide(3, 40, 0), Problem::KernelVariable { id: 40 });
    assert_eq!(wide(9, 0, 0), Problem::UnknownConstant { kind: 9 });
    assert_eq!(wide(4, 100, 0), Problem::Call { target: 101 });
    assert_eq!(wide(1, 0, 1), Problem::Reserved { code: 0x18 });
}

#[test]
fn jumps_stay_in_their_function() {
    assert_eq!(one(i(0x05, 0, 0, 1, 0)), Problem::Jump { target: 2 });
    assert_eq!(one(i(0x05, 0, 0, -2, 0)), Problem::Jump { target: -1 });
    assert_eq!(one(i(0x06, 0, 0, 0, i32::MAX)), Problem::Jump { target: 1 << 31 });
    let into_constant = [i(0x15, 0, 0, 1, 0), i(0x18, 0, 0, 0, 0), i(0, 0, 0, 0, 0), EXIT];
    assert_eq!(refused(&into_constant), (0, Problem::Jump { target: 2 }));
    let into_callee = [i(0x85, 0, 1, 0, 2), i(0x05, 0, 0, 1, 0), EXIT, i(0xb7, 0, 0, 0, 0), EXIT];
    assert_eq!(refused(&into_callee), (1, Problem::Jump { target: 3 }));
}

#[test]
fn functions_do_not_run_into_the_next() {
    assert_eq!(refused(&[i(0xb7, 0, 0, 0, 0)]), (0, Problem::FallsOff));
    let falls = [i(0x85, 0, 1, 0, 1), i(0xb7, 0, 0, 0, 0), EXIT];
    assert_eq!(refused(&falls), (1, Problem::FallsOff));
    assert_eq!(one(i(0x85, 0, 1, 0, 5)), Problem::Call { target: 6 });
    assert_eq!(one(i(0x85, 0, 2, 0, 77)), Problem::Kfunc { id: 77 });
}

#[test]
fn functions_and_helpers_are_listed() {
    let insns = [i(0x85, 0, 1, 0, 2), i(0x85, 0, 0, 0, 51), EXIT, i(0xb7, 0, 0, 0, 0), EXIT];
    let program = Program::decode(&insns, 0).expect("legal");
    assert_eq!(program.functions(), [0, 3]);
    assert_eq!((program.function_at(2), program.function_at(4)), ((0, 3), (3, 5)));
    assert_eq!(program.helpers().collect::<Vec<_>>(), [(1, HelperId(51))]);
}
