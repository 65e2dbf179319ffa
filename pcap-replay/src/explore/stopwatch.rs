//! Measured times of lookups and updates: the only figures that differ from run to run.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use xdpsim_devmap::groups::encoding::{Encoding, Query};

use super::results::Times;
use super::trial::apply;
use super::workload::Change;

/// A round takes at least so long.
const ROUND: Duration = Duration::from_millis(1);
/// The best of so many rounds counts: what disturbs makes times longer, never shorter.
const ROUNDS: usize = 5;

/// Measures, one cell at a time; others may be built meanwhile.
#[derive(Debug, Default)]
pub(super) struct Stopwatch(Mutex<()>);

impl Stopwatch {
    /// Measures an encoding. Changes come in pairs, the second of which takes the first one back.
    pub(super) fn measure(
        &self,
        encoding: &mut dyn Encoding,
        queries: &[Query],
        changes: &[Change],
    ) -> Times {
        let _alone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ports = Vec::new();
        let lookup_nanos = best(queries.len(), |i| {
            // It was delivered before, so it is no error now.
            let _ = encoding.deliver(&queries[i], &mut ports);
            black_box(ports.last());
        });
        let mask_nanos = encoding.mask_words().map(|words| {
            let mut mask = vec![0; words];
            best(queries.len(), |i| {
                let _ = encoding.mask(&queries[i], &mut mask);
                black_box(mask.last());
            })
        });
        let change_nanos = best(changes.len(), |i| {
            let _ = black_box(apply(encoding, &changes[i]));
        });
        Times { lookup_nanos, mask_nanos, change_nanos }
    }
}

/// Nanoseconds of one call; `one` is called with 0 to `count` - 1 by turns, always an even number of times.
fn best(count: usize, mut one: impl FnMut(usize)) -> f64 {
    let mut calls = 2;
    let mut round = |calls: usize| {
        let began = Instant::now();
        (0..count.max(1)).cycle().take(calls).for_each(&mut one);
        began.elapsed()
    };
    let mut time = round(calls);
    while time < ROUND {
        calls *= 2;
        time = round(calls);
    }
    let others = (1..ROUNDS).map(|_| round(calls));
    others.fold(time, Duration::min).as_secs_f64() * 1e9 / calls as f64
}
