//! Loads, stores, atomic operations, and the accesses that are refused.

use super::*;
use crate::fault::Why;
use crate::insn::Size;
use crate::memory::{self, Slab, slab_address};

/// `r6 = ctx->data`
const DATA: Insn = i(0x61, 6, 1, 0, 0);

fn why(insns: &[Insn]) -> Why {
    let (_, kind) = fault(insns);
    let FaultKind::Access(denied) = kind else { panic!("{kind:?} is no access") };
    denied.why
}

/// `ctx->data` alone is the address: the packet is segment 0.
#[test]
fn loads_are_little_endian_and_zero_extended() {
    let load = |code| r0(&[DATA, i(code, 0, 6, 1, 0), EXIT]);
    let expected = [0x01, 0x0201, 0x0403_0201, 0x0807_0605_0403_0201];
    assert_eq!([0x71, 0x69, 0x61, 0x79].map(load), expected);
}

#[test]
fn sign_extending_loads() {
    let load = |code| r0(&[i(0x7a, 10, 0, -8, -0x7f7f_7f80), i(code, 0, 10, -8, 0), EXIT]);
    let expected = [-0x80i64, -0x7f80, -0x7f7f_7f80].map(|value| value as u64);
    assert_eq!([0x91, 0x89, 0x81].map(load), expected);
}

#[test]
fn stores_write_the_low_bytes_and_no_others() {
    let stored = |code: u8, src: u8, imm: i32| {
        let store = i(code, 10, src, -8, imm);
        r0(&[i(0x7a, 10, 0, -8, 0), mov(2, -2), store, i(0x79, 0, 10, -8, 0), EXIT])
    };
    let expected = [0xfe, 0xfffe, 0xffff_fffe, 0xffff_ffff_ffff_fffe];
    assert_eq!([0x73, 0x6b, 0x63, 0x7b].map(|code| stored(code, 2, 0)), expected, "registers");
    assert_eq!([0x72, 0x6a, 0x62, 0x7a].map(|code| stored(code, 0, -2)), expected, "constants");
}

/// Memory is 0xff..ff0f before, the register 0x1_0000_0035. What is fetched is zero-extended.
#[test]
fn atomic_operations_of_both_widths() {
    let after = |code: u8, imm: i32, result: Insn| {
        let [r2, r2_high] = wide(2, 0x1_0000_0035);
        r0(&[i(0x7a, 10, 0, -8, -0xf1), r2, r2_high, mov(0, -0xf1), i(code, 10, 2, -8, imm), result, EXIT])
    };
    let (memory, register) = (i(0x79, 0, 10, -8, 0), mov_reg(0, 2));
    let wide = [0x00, 0x40, 0x50, 0xa0, 0xe1].map(|imm| after(0xdb, imm, memory));
    assert_eq!(
        wide,
        [0xffff_ff44, 0xffff_ffff_ffff_ff3f, 0x1_0000_0005, 0xffff_fffe_ffff_ff3a, 0x1_0000_0035]
    );
    let narrow = [0x00, 0x40, 0x50, 0xa0, 0xe1].map(|imm| after(0xc3, imm, memory) as u32);
    assert_eq!(narrow, [0xffff_ff44, 0xffff_ff3f, 0x05, 0xffff_ff3a, 0x35]);
    assert_eq!(after(0xc3, 0xe1, memory) >> 32, 0xffff_ffff, "the neighbouring bytes stay");
    let fetched = [0x01, 0x41, 0x51, 0xa1, 0xe1].map(|imm| after(0xdb, imm, register));
    assert_eq!(fetched, [-0xf1i64 as u64; 5]);
    let fetched = [0x01, 0x41, 0x51, 0xa1, 0xe1].map(|imm| after(0xc3, imm, register));
    assert_eq!(fetched, [0xffff_ff0f; 5]);
    assert_eq!(after(0xdb, 0x00, register), 0x1_0000_0035, "without fetch the register stays");
}

/// Compares with R0, in 32 bits with its lower half; R0 gets what was there, whether it was equal or not.
#[test]
fn compare_and_exchange() {
    let after = |code: u8, r0_before: u64, result: Insn| {
        let [low, high] = wide(0, r0_before);
        r0(&[i(0x7a, 10, 0, -8, 7), mov(2, 9), low, high, i(code, 10, 2, -8, 0xf1), result, EXIT])
    };
    let (memory, register) = (i(0x79, 0, 10, -8, 0), mov_reg(0, 0));
    assert_eq!((after(0xdb, 7, memory), after(0xdb, 7, register)), (9, 7));
    assert_eq!((after(0xdb, 8, memory), after(0xdb, 8, register)), (7, 7));
    assert_eq!((after(0xdb, 0x1_0000_0007, memory), after(0xc3, 0x1_0000_0007, memory)), (7, 9));
    assert_eq!(after(0xc3, 0x1_0000_0008, register), 7, "the upper half is zero");
}

#[test]
fn load_acquire_and_store_release_are_loads_and_stores() {
    for code in [0xd3, 0xcb, 0xc3, 0xdb] {
        let store = i(code, 10, 2, -8, 0x110);
        let insns = [i(0x7a, 10, 0, -8, 0), mov(2, 0x55), store, i(code, 0, 10, -8, 0x100), EXIT];
        assert_eq!(r0(&insns), 0x55, "{code:#x}");
    }
    assert_eq!(why(&[i(0xcb, 0, 10, -7, 0x100), EXIT]), Why::Misaligned);
}

#[test]
fn atomic_operations_need_aligned_addresses() {
    assert_eq!(why(&[mov(2, 1), i(0xdb, 10, 2, -12, 0), EXIT]), Why::Misaligned);
    assert_eq!(r0(&[mov(0, 0), mov(2, 1), i(0xc3, 10, 2, -12, 0), EXIT]), 0);
}

#[test]
fn the_packet_ends_where_its_data_ends() {
    assert_eq!(r0(&[DATA, i(0x71, 0, 6, 63, 0), EXIT]), 63);
    assert_eq!(why(&[DATA, i(0x71, 0, 6, 64, 0), EXIT]), Why::OutOfBounds);
    assert_eq!(why(&[DATA, i(0x79, 0, 6, 57, 0), EXIT]), Why::OutOfBounds);
    assert_eq!(why(&[DATA, i(0x71, 0, 6, -1, 0), EXIT]), Why::OutOfBounds);
}

#[test]
fn a_fault_says_what_where_and_the_bounds() {
    let insns = [DATA, mov(0, 7), i(0x62, 6, 0, 62, 1), EXIT];
    let fault = result(&insns).expect_err("two bytes too far");
    assert_eq!((fault.pc, fault.regs[0], fault.depth), (2, 7, 1));
    let expected = "instruction 2: write of 4 bytes at 0x1013e: outside of the packet (0x10100 to 0x10140)";
    assert_eq!(fault.to_string(), expected);
}

#[test]
fn null_is_no_address() {
    assert_eq!(why(&[mov(6, 0), i(0x71, 0, 6, 0, 0), EXIT]), Why::Null);
    assert_eq!(why(&[mov(6, 0), i(0x7a, 6, 0, 120, 0), EXIT]), Why::Null);
}

#[test]
fn the_context_can_be_read_only() {
    assert_eq!(r0(&[i(0x61, 0, 1, 4, 0), EXIT]), 0x1_0000 + 256 + FRAME as u64);
    assert_eq!(why(&[i(0x62, 1, 0, 0, 0), EXIT]), Why::ReadOnly);
    assert_eq!(why(&[i(0x61, 0, 1, 24, 0), EXIT]), Why::OutOfBounds);
}

#[test]
fn the_stack_has_512_bytes_that_are_zero() {
    assert_eq!(r0(&[i(0x79, 0, 10, -512, 0), EXIT]), 0);
    assert_eq!(why(&[i(0x71, 0, 10, -513, 0), EXIT]), Why::StackOverflow);
    assert_eq!(why(&[i(0x71, 0, 10, 0, 0), EXIT]), Why::OutOfBounds);
}

#[test]
fn handles_and_functions_are_no_memory() {
    let [handle, handle_high] = wide(2, memory::handle_address(memory::MapIdx(0)));
    assert_eq!(why(&[handle, handle_high, i(0x71, 0, 2, 0, 0), EXIT]), Why::NotMemory);
    let [function, function_high] = wide(2, memory::function_address(0));
    assert_eq!(why(&[function, function_high, i(0x72, 2, 0, 0, 0), EXIT]), Why::NotMemory);
}

/// The neighbouring value is as far away as anything else.
#[test]
fn each_map_value_has_bounds_of_its_own() {
    let mut memory = frame();
    let values = memory.add_slab(Slab::slots(12, 3).expect("small"));
    let constants = memory.add_slab(Slab::slots(8, 1).expect("small").read_only());
    memory.slab_mut(values).value_mut(1).copy_from_slice(b"abcdefghijkl");
    let second = slab_address(values, memory.slab(values).offset(1));
    assert_eq!(memory.load(second + 4, Size::Dw), Ok(u64::from_le_bytes(*b"efghijkl")));
    let past = memory.load(second + 5, Size::Dw).expect_err("one byte too far");
    assert_eq!(
        (past.why, past.region.map(|r| (r.lo, r.hi))),
        (Why::OutOfBounds, Some((second, second + 12)))
    );
    // Between two values there are bytes that belong to none.
    assert_eq!(memory.load(second + 12, Size::B).map_err(|denied| denied.why), Err(Why::OutOfBounds));
    let constant = slab_address(constants, 0);
    assert_eq!(memory.load(constant, Size::Dw), Ok(0));
    assert_eq!(memory.store(constant, Size::B, 1).map_err(|denied| denied.why), Err(Why::ReadOnly));
    let nowhere = memory.load(slab_address(memory::MapIdx(2), 0), Size::B).expect_err("no such map");
    assert_eq!(nowhere.region, None);
}
