//! Seeded numbers, with a liking for the edges of arithmetic.

/// A generator (splitmix64): equal seeds, equal programs.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// 64-bit numbers where something changes: signs, widths, overflow.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    u64::MAX,
    0x7f,
    0x80,
    0xffff,
    0x8000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000,
];

impl Random {
    /// The numbers of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them; there is one at least.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// 64 bits, half of the time an edge.
    pub fn word(&mut self) -> u64 {
        if self.chance(50) { self.pick(&EDGES) } else { self.bits() }
    }

    /// A constant, half of the time an edge.
    pub fn imm(&mut self) -> i32 {
        self.word() as i32
    }
}
