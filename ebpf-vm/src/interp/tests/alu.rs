//! Calculations, by the names of RFC 9669.

use super::*;

/// R0 of `r0 = a; r2 = b; code`, of which the operand is R2 or, without its bit, `b` itself.
fn of(code: u8, off: i16, a: u64, b: u64) -> u64 {
    let [a0, a1] = wide(0, a);
    let [b0, b1] = wide(2, b);
    match code & 0x08 {
        0 => r0(&[a0, a1, i(code, 0, 0, off, b as i32), EXIT]),
        _ => r0(&[a0, a1, b0, b1, i(code, 0, 2, off, 0), EXIT]),
    }
}

const MIN: u64 = i64::MIN as u64;
const MIN32: u64 = 0x8000_0000;
const MINUS: u64 = u64::MAX;

/// Each row: code, offset, operands, result. A constant operand is sign-extended to 64 bits; a 32-bit
/// result is zero-extended.
fn check(rows: &[(u8, i16, u64, u64, u64)]) {
    for &(code, off, a, b, expected) in rows {
        let got = of(code, off, a, b);
        assert_eq!(got, expected, "{code:#04x} with offset {off}: {a:#x}, {b:#x} gave {got:#x}");
    }
}

#[test]
fn add_sub_and_mul_wrap_around() {
    check(&[
        (0x07, 0, MINUS, 1, 0),
        (0x07, 0, 5, MINUS, 4),
        (0x0f, 0, MINUS, 2, 1),
        (0x04, 0, 0xffff_ffff_ffff_ffff, 1, 0),
        (0x0c, 0, 0x1_0000_0005, 0x1_0000_0006, 11),
        (0x17, 0, 0, 1, MINUS),
        (0x1f, 0, 5, 7, MINUS - 1),
        (0x14, 0, 0, 1, 0xffff_ffff),
        (0x1c, 0, 0x1_0000_0000, 1, 0xffff_ffff),
        (0x27, 0, 3, MINUS, MINUS - 2),
        (0x2f, 0, 1 << 63, 2, 0),
        (0x24, 0, 0x1_0000_0003, 3, 9),
        (0x2c, 0, 0x8000_0000, 2, 0),
    ]);
}

#[test]
fn unsigned_division_by_zero_is_zero_and_the_remainder_is_the_dividend() {
    check(&[
        (0x37, 0, 17, 5, 3),
        (0x37, 0, MINUS, MINUS, 1),
        (0x3f, 0, 17, 0, 0),
        (0x34, 0, 0xf_0000_0011, 5, 3),
        (0x3c, 0, 17, 0x1_0000_0000, 0),
        (0x97, 0, 17, 5, 2),
        (0x9f, 0, MINUS, 0, MINUS),
        (0x94, 0, 0x1_0000_0011, 5, 2),
        (0x9c, 0, MINUS, 0x1_0000_0000, 0xffff_ffff),
    ]);
}

#[test]
fn signed_division_truncates_and_never_traps() {
    check(&[
        (0x37, 1, -13i64 as u64, 3, -4i64 as u64),
        (0x3f, 1, MIN, MINUS, MIN),
        (0x3f, 1, 7, 0, 0),
        (0x34, 1, -13i64 as u64, 3, 0xffff_fffc),
        (0x3c, 1, MIN32, MINUS, MIN32),
        (0x3c, 1, MIN32, 0, 0),
        (0x97, 1, -13i64 as u64, 3, MINUS),
        (0x9f, 1, MIN, MINUS, 0),
        (0x9f, 1, -13i64 as u64, 0, -13i64 as u64),
        (0x94, 1, 13, -3i64 as u64, 1),
        (0x9c, 1, MIN32, MINUS, 0),
        (0x9c, 1, MINUS, 0, 0xffff_ffff),
    ]);
}

#[test]
fn bitwise_operations_and_moves() {
    check(&[
        (0x47, 0, 0x10, 0x8000_0001, 0xffff_ffff_8000_0011),
        (0x4f, 0, 0x10, 0x01, 0x11),
        (0x44, 0, 0x1_0000_0010, 1, 0x11),
        (0x4c, 0, 0x1_0000_0010, 1, 0x11),
        (0x57, 0, MINUS, 0x8000_0000, 0xffff_ffff_8000_0000),
        (0x5f, 0, 0x13, 0x31, 0x11),
        (0x54, 0, MINUS, MINUS, 0xffff_ffff),
        (0x5c, 0, MINUS, 0x1_0000_0001, 1),
        (0xa7, 0, 1, MINUS, MINUS - 1),
        (0xaf, 0, 0x13, 0x31, 0x22),
        (0xa4, 0, 0x1_0000_0001, MINUS, 0xffff_fffe),
        (0xac, 0, 0x13, 0x1_0000_0031, 0x22),
        (0xb7, 0, 5, MINUS, MINUS),
        (0xbf, 0, 5, MIN, MIN),
        (0xb4, 0, 5, MINUS, 0xffff_ffff),
        (0xbc, 0, 5, MINUS, 0xffff_ffff),
    ]);
}

#[test]
fn shifts_count_modulo_the_width() {
    check(&[
        (0x67, 0, 1, 63, MIN),
        (0x6f, 0, 1, 65, 2),
        (0x64, 0, 3, 31, MIN32),
        (0x6c, 0, 1, 33, 2),
        (0x77, 0, MIN, 63, 1),
        (0x7f, 0, MIN, 64, MIN),
        (0x74, 0, 0x1_8000_0000, 31, 1),
        (0x7c, 0, MIN32, 32, MIN32),
        (0xc7, 0, MIN, 63, MINUS),
        (0xcf, 0, MIN, 127, MINUS),
        (0xc4, 0, MIN32, 31, 0xffff_ffff),
        (0xcc, 0, MIN32, 63, 0xffff_ffff),
    ]);
}

#[test]
fn sign_extending_moves() {
    check(&[
        (0xbf, 8, 0, 0x180, 0xffff_ffff_ffff_ff80),
        (0xbf, 16, 0, 0x1_8000, 0xffff_ffff_ffff_8000),
        (0xbf, 32, 0, 0x1_8000_0000, 0xffff_ffff_8000_0000),
        (0xbc, 8, 0, 0x180, 0xffff_ff80),
        (0xbc, 16, 0, 0x7fff, 0x7fff),
    ]);
}

#[test]
fn negation() {
    let negated = |code, a: u64| {
        let [a0, a1] = wide(0, a);
        r0(&[a0, a1, i(code, 0, 0, 0, 0), EXIT])
    };
    assert_eq!((negated(0x87, 1), negated(0x87, MIN)), (MINUS, MIN));
    assert_eq!((negated(0x84, 1), negated(0x84, MIN32)), (0xffff_ffff, MIN32));
}

#[test]
fn byte_orders_are_a_little_endian_machines() {
    let ordered = |code, bits| {
        let [a0, a1] = wide(0, 0x0102_0304_0506_0708);
        r0(&[a0, a1, i(code, 0, 0, 0, bits), EXIT])
    };
    let little = [16, 32, 64].map(|bits| ordered(0xd4, bits));
    assert_eq!(little, [0x0708, 0x0506_0708, 0x0102_0304_0506_0708]);
    let turned = [0x0807, 0x0807_0605, 0x0807_0605_0403_0201];
    assert_eq!([16, 32, 64].map(|bits| ordered(0xdc, bits)), turned, "to big-endian");
    assert_eq!([16, 32, 64].map(|bits| ordered(0xd7, bits)), turned, "swap");
}
