//! Changes of instructions.

use xdpsim_vm::Insn;

use super::frames::Random;

/// Bits of a code that say how wide an access is.
const SIZE: u8 = 0x18;
/// Bits that say which calculation or comparison.
const OPERATION: u8 = 0xf0;

fn class(insn: &Insn) -> u8 {
    insn.code & 7
}

fn is_access(insn: &Insn) -> bool {
    (1..=3).contains(&class(insn))
}

fn is_branch(insn: &Insn) -> bool {
    matches!(class(insn), 5 | 6) && !matches!(insn.code & OPERATION, 0x80 | 0x90)
}

/// A little more or less, most of the time.
fn nudged(random: &mut Random, value: i32) -> i32 {
    match random.below(8) {
        0 => random.next() as i32,
        1 => value.wrapping_neg(),
        2 => random.pick(&[0, 1, -1, 4096, 1 << 16, i32::MAX, i32::MIN]),
        _ => value.wrapping_add(random.pick(&[-8, -4, -2, -1, 1, 1, 2, 4, 8, 16, 64])),
    }
}

/// Changes a field of one instruction.
fn change(random: &mut Random, insns: &mut [Insn]) {
    let at = random.below(insns.len() as u64) as usize;
    if at > 0 && insns[at - 1].code == 0x18 {
        return;
    }
    let insn = &mut insns[at];
    match random.below(6) {
        0 if is_access(insn) || is_branch(insn) => insn.off = nudged(random, insn.off.into()) as i16,
        1 if is_access(insn) => insn.code = insn.code & !SIZE | random.pick(&[0, 8, 0x10, 0x18]),
        2 if is_branch(insn) => {
            let operations = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
            insn.code = insn.code & !OPERATION | random.pick(&operations);
        }
        3 => insn.dst = random.below(11) as u8,
        4 => insn.src = random.below(11) as u8,
        // Offsets of accesses and constants of comparisons and sums are where bounds are.
        _ if is_access(insn) => insn.off = nudged(random, insn.off.into()) as i16,
        _ => insn.imm = nudged(random, insn.imm),
    }
}

/// One or two changes.
pub fn mutate(random: &mut Random, insns: &mut [Insn]) {
    for _ in 0..1 + random.below(2) {
        change(random, insns);
    }
}

/// Lengths that a program may compare a frame with: its constants.
pub fn bounds(insns: &[Insn]) -> Vec<u32> {
    let constants = insns.iter().filter(|insn| !is_access(insn) && insn.code != 0x85).map(|insn| insn.imm);
    let ends = insns.iter().filter(|insn| is_access(insn)).map(|insn| i32::from(insn.off));
    let mut all: Vec<u32> = constants
        .chain(ends)
        .filter_map(|at| u32::try_from(at).ok())
        .filter(|at| (1..300).contains(at))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}
