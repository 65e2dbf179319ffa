//! One CPU for a bench: bulk queues are per CPU, and a case is played on one.

use super::error::BenchError;
use crate::net::{allow_cpus, cpus_allowed};

/// The thread is on one CPU as long as this lives.
#[derive(Debug)]
pub(super) struct Pinned {
    before: Vec<usize>,
    /// Where it is.
    pub cpu: usize,
}

impl Pinned {
    /// On one of the CPUs that the thread may use; each bench of the process on the next one.
    pub fn somewhere() -> Result<Self, BenchError> {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let asked = |error| crate::net::NetError::new("ask for the thread's CPUs", error);
        let before = cpus_allowed().map_err(asked)?;
        let cpu = before[NEXT.fetch_add(1, Ordering::Relaxed) % before.len()];
        allow_cpus(&[cpu]).map_err(|error| crate::net::NetError::new(format!("pin to CPU {cpu}"), error))?;
        Ok(Self { before, cpu })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // If it can't, the thread is merely slower.
        _ = allow_cpus(&self.before);
    }
}
