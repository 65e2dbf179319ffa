//! Comparisons, jumps and the budget.

use super::*;

/// Is the jump taken, with both operand forms?
fn taken(op: u8, class: u8, a: u64, b: i32) -> bool {
    let [a0, a1] = wide(1, a);
    let jump = |form: Insn| r0(&[a0, a1, mov(2, b), mov(0, 1), form, mov(0, 0), EXIT]) == 1;
    let (constant, register) = (jump(i(class | op, 1, 0, 1, b)), jump(i(class | op | 0x08, 1, 2, 1, 0)));
    assert_eq!(constant, register, "{op:#x} of class {class}: the two forms differ");
    constant
}

#[test]
fn comparisons_of_64_and_of_32_bits() {
    // Operation, operands; taken in 64 bits, in 32.
    let rows: [(u8, u64, i32, bool, bool); 24] = [
        (0x10, 0x1_0000_0005, 5, false, true),
        (0x10, 5, 5, true, true),
        (0x50, 0x1_0000_0005, 5, true, false),
        (0x50, 4, 5, true, true),
        (0x20, 5, -1, false, false),
        (0x20, 0x1_0000_0000, 1, true, false),
        (0x30, u64::MAX, -1, true, true),
        (0x30, 4, 5, false, false),
        (0xa0, 5, -1, true, true),
        (0xa0, 0x1_0000_0000, 1, false, true),
        (0xb0, u64::MAX, -1, true, true),
        (0xb0, 6, 5, false, false),
        (0x40, 0x1_0000_0000, -1, true, false),
        (0x40, 6, 2, true, true),
        (0x60, 5, -1, true, true),
        (0x60, 0x8000_0000, 0, true, false),
        (0x70, u64::MAX, -1, true, true),
        (0x70, 0xffff_ffff, 0, true, false),
        (0xc0, 5, -1, false, false),
        (0xc0, 0x8000_0000, 0, false, true),
        (0xd0, u64::MAX, -1, true, true),
        (0xd0, 0x8000_0000, 0, false, true),
        (0x40, 4, 2, false, false),
        (0x10, 5, -5, false, false),
    ];
    for (op, a, b, wide, narrow) in rows {
        let both = (taken(op, 0x05, a, b), taken(op, 0x06, a, b));
        assert_eq!(both, (wide, narrow), "{op:#x}: {a:#x}, {b}");
    }
}

#[test]
fn goto_and_gotol() {
    assert_eq!(r0(&[mov(0, 1), i(0x05, 0, 0, 1, 0), mov(0, 2), EXIT]), 1);
    assert_eq!(r0(&[mov(0, 1), i(0x06, 0, 0, 0, 1), mov(0, 2), EXIT]), 1);
}

/// Backward too: the sum of 1 to 10.
#[test]
fn a_loop_ends_by_its_condition() {
    let sum = [mov(0, 0), mov(1, 10), i(0x0f, 0, 1, 0, 0), i(0x17, 1, 0, 0, 1), i(0x55, 1, 0, -3, 0), EXIT];
    assert_eq!(r0(&sum), 55);
}

/// 1 + 1 instructions are charged at the start, then one for each round.
#[test]
fn an_endless_loop_meets_the_budget() {
    let insns = [i(0x05, 0, 0, -1, 0), EXIT];
    let limits = Limits { budget: 100 };
    let fault = run_programs(&[decoded(&insns)], &mut frame(), &mut NoHelpers, limits);
    let fault = fault.expect_err("no end");
    assert_eq!((fault.pc, fault.kind), (0, FaultKind::Budget { limit: 100 }));
    assert!(fault.to_string().contains("not finished after 100 instructions"), "{fault}");
}

/// Passed 2^23 times, then taken.
#[test]
fn may_goto_leaves_a_loop_that_runs_for_too_long() {
    let insns = [mov(0, 0), i(0xe5, 0, 0, 2, 0), i(0x07, 0, 0, 0, 1), i(0x05, 0, 0, -3, 0), EXIT];
    let r0 = run_programs(&[decoded(&insns)], &mut frame(), &mut NoHelpers, Limits::default());
    assert_eq!(r0, Ok(1 << 23));
}
