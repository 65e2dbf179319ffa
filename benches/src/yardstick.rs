//! The yardstick: how fast one core reads the same capture from memory.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Reads all bytes once, as plainly as the machine can: a sum of 64-bit words in independent lanes.
#[must_use]
pub fn read_all(bytes: &[u8]) -> u64 {
    const LANES: usize = 32;
    let mut sums = [0u64; LANES];
    let (chunks, _) = bytes.as_chunks::<{ LANES * 8 }>();
    for chunk in chunks {
        let (words, _) = chunk.as_chunks::<8>();
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    sums.iter().fold(0, |sum, lane| sum.wrapping_add(*lane))
}

/// The best of `runs` readings.
#[must_use]
pub fn best_read(bytes: &[u8], runs: usize) -> Duration {
    best(runs, || {
        black_box(read_all(black_box(bytes)));
    })
}

/// The shortest of `runs` runs.
pub fn best(runs: usize, mut run: impl FnMut()) -> Duration {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..runs).map(|_| time(&mut run)).min().unwrap_or_default()
}
