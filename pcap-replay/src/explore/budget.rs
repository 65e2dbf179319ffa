//! Memory that cells share: a cell waits until what its formula says is free.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that cells may take together.
#[derive(Debug)]
pub(super) struct Budget {
    whole: u64,
    free: Mutex<u64>,
    given_back: Condvar,
}

/// A part of a budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Part<'a> {
    of: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(whole: u64) -> Self {
        Self { whole, free: Mutex::new(whole), given_back: Condvar::new() }
    }

    /// Waits for so many bytes; none if there never are so many.
    pub(super) fn take(&self, bytes: u64) -> Option<Part<'_>> {
        if bytes > self.whole {
            return None;
        }
        let mut free = self.given_back.wait_while(self.free(), |free| *free < bytes);
        *free.as_deref_mut().unwrap_or_else(|poisoned| poisoned.get_mut()) -= bytes;
        Some(Part { of: self, bytes })
    }

    fn free(&self) -> MutexGuard<'_, u64> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        *self.of.free() += self.bytes;
        self.of.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn cells_never_have_more_than_the_whole_together() {
        let (budget, used) = (Budget::new(100), AtomicU64::new(0));
        assert!(budget.take(101).is_none());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (budget, used) = (&budget, &used);
                scope.spawn(move || {
                    for bytes in (0..200).map(|i| (i * 7 + thread * 13) % 101) {
                        let part = budget.take(bytes).expect("fits");
                        assert!(used.fetch_add(bytes, Ordering::SeqCst) + bytes <= 100);
                        used.fetch_sub(bytes, Ordering::SeqCst);
                        drop(part);
                    }
                });
            }
        });
        assert!(budget.take(100).is_some());
    }
}
