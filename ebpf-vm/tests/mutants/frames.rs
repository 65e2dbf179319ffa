//! Frames: headers that the corpus's programs look at, cut off where they look, and random bytes.

/// Seeded numbers (SplitMix64).
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

/// Tags, both IPs, UDP, TCP or ICMP, extension headers.
fn headers(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..12).map(|_| random.pick(&[0, 1, 2, 255])).collect();
    for _ in 0..random.below(3) {
        bytes.extend(random.pick(&[[0x81, 0, 0, 5], [0x88, 0xa8, 0, 6]]));
    }
    let protocol = random.pick(&[17, 17, 6, 6, 1, 47, 0, 43, 60]);
    match random.below(5) {
        0 | 1 => {
            bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, protocol, 64]);
            bytes.extend([7; 32]);
            for _ in 0..random.below(4) {
                bytes.extend([random.pick(&[17, 6, 0, 60]), random.below(2) as u8, 0, 0, 0, 0, 0, 0]);
            }
        }
        2 | 3 => {
            bytes.extend([
                8,
                0,
                random.pick(&[0x45, 0x45, 0x46, 0x41]),
                0,
                0,
                40,
                0,
                0,
                0,
                0,
                64,
                protocol,
                0,
                0,
            ]);
            bytes.extend([10, 0, 0, 1, 10, 0, 0, random.below(4) as u8]);
        }
        _ => bytes.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]),
    }
    bytes.extend([0x12, 0xb5, random.pick(&[0, 0x12]), random.pick(&[53, 80, 0xb5]), 0, 8, 0, 0]);
    bytes.extend((0..random.below(200)).map(|at| at as u8));
    bytes
}

/// A frame: one in three cut off anywhere, one in three at one of these lengths, or a byte beside.
pub fn frame(random: &mut Random, bounds: &[u32]) -> Vec<u8> {
    let mut bytes = match random.below(8) {
        0 => (0..random.below(200)).map(|_| random.next() as u8).collect(),
        _ => headers(random),
    };
    match random.below(3) {
        0 => bytes.truncate(random.below(bytes.len() as u64 + 1) as usize),
        1 if !bounds.is_empty() => {
            let len = (random.pick(bounds) + random.pick(&[0, 1, 2])).saturating_sub(1);
            bytes.resize(len as usize, 9);
        }
        _ => {}
    }
    bytes
}
