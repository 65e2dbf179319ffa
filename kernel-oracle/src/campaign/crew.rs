//! Threads that play a campaign's houses, each one house after the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{DataFailure, DataReport};
use crate::net::cpus_allowed;

/// So many keep a CPU busy: about three quarters of a case's time is waiting.
const THREADS_PER_CPU: usize = 4;

/// How many threads this process may well use.
pub(super) fn threads() -> usize {
    THREADS_PER_CPU * cpus_allowed().map_or(1, |cpus| cpus.len())
}

/// Plays a house by its number; the second argument hears of cases that are over.
type PlayHouse<'a> = dyn Fn(u64, &mut dyn FnMut(u64)) -> Result<DataReport, DataFailure> + Sync + 'a;

/// Plays houses 0 to `houses` - 1. What comes out is what one thread would have found in their order: up to
/// the first house that fails, all are played.
pub(super) fn play(
    threads: usize,
    houses: u64,
    progress: &mut (dyn FnMut(u64) + Send),
    house: &PlayHouse<'_>,
) -> Result<DataReport, DataFailure> {
    let (next, end) = (AtomicU64::new(0), AtomicU64::new(houses));
    let outcomes = Mutex::new(BTreeMap::new());
    let progress = Mutex::new((0, progress));
    let seen = |cases: u64| {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.0 += cases;
        let sum = progress.0;
        (progress.1)(sum);
    };
    let work = || {
        loop {
            let no = next.fetch_add(1, Ordering::Relaxed);
            if no >= end.load(Ordering::Relaxed) {
                break;
            }
            let outcome = house(no, &mut |cases| seen(cases));
            if outcome.is_err() {
                // Houses behind it don't matter any more; those before it do.
                end.fetch_min(no, Ordering::Relaxed);
            }
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(no, outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut sum = DataReport::default();
    for outcome in outcomes.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
        sum.merge(&outcome.map_err(|failure| failure.after(sum.cases))?);
    }
    Ok(sum)
}
