//! A barrier that spins: an epoch takes a tenth of a millisecond, waking a sleeper a tenth of that.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Lets a fixed number of threads wait for each other, again and again.
pub(super) struct SpinBarrier {
    threads: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

/// Somebody will never arrive.
#[derive(Debug)]
pub(super) struct Broken;

impl SpinBarrier {
    pub fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Waits until all threads are here.
    pub fn wait(&self) -> Result<(), Broken> {
        /// After so many looks the thread we wait for is probably not running: let it.
        const SPINS: u32 = 4_000;
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Release);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return Ok(());
        }
        let mut spins = 0;
        while self.round.load(Ordering::Acquire) == round {
            if self.broken.load(Ordering::Acquire) {
                return Err(Broken);
            }
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        Ok(())
    }

    /// This thread will not come back: nobody is to wait for it.
    pub fn leave(&self) {
        self.broken.store(true, Ordering::Release);
    }
}

/// Calls [`SpinBarrier::leave`] when a thread ends early, in a panic too.
pub(super) struct LeaveOnDrop<'a>(pub &'a SpinBarrier);

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
