//! What the comparisons of virtual machine and kernel draw, from fixed seeds.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod frames;
pub mod words;

/// Seeded numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// The next one.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below this.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Frames that the corpus's parsers look at: tags, both IPs, extension headers, the blocked port, all cut off anywhere.
pub fn packet(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..12).map(|_| random.pick(&[0, 1, 2, 255])).collect();
    for _ in 0..random.below(6) {
        bytes.extend(random.pick(&[[0x81, 0, 0, 5], [0x88, 0xa8, 0, 6]]));
    }
    let protocol = random.pick(&[17, 17, 6, 0, 43, 60]);
    match random.below(4) {
        0 => {
            bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, protocol, 64]);
            bytes.extend([7; 32]);
            for _ in 0..random.below(4) {
                let (next, len) = (random.pick(&[17, 17, 0, 60]), random.below(2) as u8);
                bytes.extend([next, len, 0, 0, 0, 0, 0, 0]);
            }
        }
        1 | 2 => {
            bytes.extend([8, 0, random.pick(&[0x45, 0x46, 0x41]), 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0]);
            bytes.extend([10, 0, 0, 1, 10, 0, 0, random.below(4) as u8]);
        }
        _ => bytes.extend([8, 6]),
    }
    bytes.extend([0x12, 0xb5, 0x12, 0xb5, 0, 8, 0, 0]);
    bytes.extend((0..random.below(90)).map(|at| at as u8));
    if random.below(3) == 0 {
        bytes.truncate(random.below(bytes.len() as u64) as usize);
    }
    bytes.resize(bytes.len().max(14), 0);
    bytes
}
