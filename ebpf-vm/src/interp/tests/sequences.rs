//! Sequences that the fast interpreter does at once: with any registers, also such as they were not made for.

use super::*;
use crate::interp::threaded::Threaded;

/// A generator of numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn insn(&mut self, code: u8, regs: &[u8]) -> Insn {
        let (dst, src) = (self.pick(regs), self.pick(regs));
        let imm = self.pick(&[0, 1, 13, 32, 51, 0xffff, -1]);
        let imm = match code {
            0x74 | 0x64 => imm & 31,
            0x77 | 0x67 => imm & 63,
            _ => imm,
        };
        // Reserved fields are zero.
        if code & 0x08 != 0 { i(code, dst, src, 0, 0) } else { i(code, dst, 0, 0, imm) }
    }
}

/// What rotations, sums and copies consist of: operations with registers and constants, 64 and 32 bits.
const CALCULATIONS: [u8; 20] = [
    0xbf, 0xbf, 0xbf, 0xbc, 0xbc, 0xb4, 0xb7, 0x77, 0x67, 0x4f, 0x0f, 0xaf, 0x07, 0x1f, 0x74, 0x64, 0x4c,
    0x0c, 0xa4, 0x54,
];
/// The sequences themselves, whose registers are chosen anew.
const PATTERNS: [&[u8]; 8] = [
    &[0xbf, 0x77, 0x67, 0x4f, 0xaf],
    &[0xbf, 0x77, 0x0f, 0x67, 0x4f],
    &[0x0f, 0xbf, 0x77, 0xbf, 0x67, 0x4f],
    &[0xbc, 0x74, 0x54, 0x0c, 0xbc, 0x74, 0x0c, 0xa4],
    &[0x71, 0x71, 0x64, 0x4c, 0xb4, 0x56],
    &[0x71, 0x71, 0x64, 0x4c, 0x66, 0x16, 0x16],
    &[0xbf, 0x07, 0x2d],
    &[0x77, 0x2f, 0xbf, 0x0f],
];

/// A program that ends with a fault, which shows all registers.
fn program(random: &mut Random) -> Vec<Insn> {
    let mut insns = vec![i(0x61, 6, 1, 0, 0), i(0x61, 7, 1, 4, 0)];
    for reg in [0, 1, 2, 3] {
        insns.extend(wide(reg, random.below(1 << 30) << random.below(34)));
    }
    while insns.len() < 40 {
        let regs: &[u8] = if random.below(4) == 0 { &[0, 1, 2, 3] } else { &[1, 2] };
        let one = [random.pick(&CALCULATIONS)];
        let codes: &[u8] = if random.below(2) == 0 { &one } else { random.pick(&PATTERNS) };
        for code in codes {
            let insn = random.insn(*code, regs);
            insns.push(match code {
                // Loads of bytes of the packet, and jumps over the next instruction.
                0x71 => Insn { src: 6, off: random.below(70) as i16, imm: 0, ..insn },
                0x2d | 0x56 | 0x66 | 0x16 => Insn { off: 1, ..insn },
                _ => insn,
            });
        }
    }
    insns.extend([i(0xb7, 4, 0, 0, 0), i(0x79, 5, 4, 0, 0), EXIT]);
    insns
}

#[test]
fn sequences_do_what_their_instructions_do() {
    const PROGRAMS: u64 = 4000;
    let mut random = Random(11);
    for _ in 0..PROGRAMS {
        let programs = [decoded(&program(&mut random))];
        let limits = Limits::default();
        let expected = run(&programs, ProgIdx(0), &mut frame(), &mut NoHelpers, limits);
        let threaded = Threaded::new(programs.to_vec());
        let shown = threaded.run(ProgIdx(0), &mut frame(), &mut NoHelpers, limits);
        assert_eq!(shown, expected, "{:?}", programs[0].ops());
    }
}
