//! Fetching bytes ahead of a walk that can't.
//!
//! Where a record begins is known only when the one before it was read, so a walk over records in memory
//! waits for one cache miss after the other. One look at each line of the next stretch, all independent
//! of each other, runs at the memory's bandwidth and leaves the walk with cache hits. Measured on captures
//! in memory: 64-byte frames from 120 to 200 million a second, IMIX from 10 to 37.

/// Longer suits long frames better (16 KiB: IMIX 45 million), shorter short ones (4 KiB: 64 bytes 220).
const STRETCH_BYTES: usize = 8 * 1024;
const LINE_BYTES: usize = 64;

/// Touches the stretch at `at` and returns where it ends.
#[inline(never)]
pub(super) fn warm_up(bytes: &[u8], at: usize) -> usize {
    let end = (at + STRETCH_BYTES).min(bytes.len());
    let seen = bytes[at..end].chunks(LINE_BYTES).fold(0, |seen, line| seen | line[0]);
    std::hint::black_box(seen);
    // Behind a stretch that the window cuts off there is nothing to warm.
    if end == bytes.len() { usize::MAX } else { end }
}
