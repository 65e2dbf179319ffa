//! Runs a plan over a capture: reads, steers, feeds, collects.
//!
//! The one entry point of `replay`, `explain` and the benchmarks. Domains (CPUs that share nothing) run
//! on as many threads as asked for, each built on the thread that runs it; what comes out does not
//! depend on how many there are.

mod barrier;
mod source;
mod threads;

use xdpsim_core::{ChangeFailed, DevId, Domain, Ingress, PathCounts, Plan, Report, Sink, Timing};

use crate::capture::{CaptureError, Progress};
use crate::object::Aftermath;

pub use source::{MemorySource, Source};

/// How much to read at a time where several threads wait for each other after each batch: less makes them
/// wait more than work (two threads: 1.5 times one with 1 MiB, 1.8 with this).
pub const EPOCH_BYTES: usize = 4 << 20;

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When frames arrive.
    pub timing: Timing,
    /// Threads at most; more than there are domains are of no use.
    pub threads: usize,
    /// Keep books? Only a measurement of what they cost switches them off.
    pub ledger: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { timing: Timing::Capture, threads: 1, ledger: true }
    }
}

/// A run that has come to its end, or to a break in its capture.
#[derive(Debug)]
pub struct Finished {
    /// The counters.
    pub report: Report,
    /// How often each way through step 2 was taken.
    pub paths: PathCounts,
    /// Changes that the kernel would have refused.
    pub changes_failed: Vec<ChangeFailed>,
    /// Changes for which the capture was too short.
    pub changes_left: usize,
    /// The machines on which programs of objects ran.
    pub objects: Aftermath,
    /// Why the capture ended early; everything before was replayed.
    pub stopped: Option<CaptureError>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct RunProgress {
    /// Frames fed so far.
    pub frames: u64,
    /// How far reading is.
    pub read: Progress,
}

/// Runs a plan over everything that a source gives, all of it arriving on one port.
///
/// `make_sink` gives each domain its sink, and a new one after each batch; the filled ones go to
/// `collect` on the calling thread, one per domain in order.
///
/// # Errors
/// What `collect` says; a broken capture is no error but a [`Finished::stopped`].
pub fn run<S, C, E>(
    plan: &Plan,
    ingress: DevId,
    source: &mut C,
    settings: &Settings,
    make_sink: &(dyn Fn(usize) -> S + Sync),
    collect: &mut dyn FnMut(Vec<S>, RunProgress) -> Result<(), E>,
) -> Result<Finished, E>
where
    S: Sink + Send,
    C: Source,
{
    let threads = settings.threads.clamp(1, plan.domains());
    if plan.domains() > 1 {
        threads::run(plan, ingress, source, settings, threads, make_sink, collect)
    } else {
        run_alone(plan, ingress, source, settings, make_sink, collect)
    }
}

/// One domain: no steering, no threads.
fn run_alone<S: Sink, C: Source, E>(
    plan: &Plan,
    ingress: DevId,
    source: &mut C,
    settings: &Settings,
    make_sink: &(dyn Fn(usize) -> S + Sync),
    collect: &mut dyn FnMut(Vec<S>, RunProgress) -> Result<(), E>,
) -> Result<Finished, E> {
    let mut domain = plan.domain(0, settings.timing, settings.ledger, make_sink(0));
    let mut table = C::Table::default();
    let mut frames = 0;
    let stopped = loop {
        match source.fill(&mut table) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
        let batch = C::batch(&table, Ingress::One(ingress));
        frames += batch.frames.len() as u64;
        domain.feed(&batch);
        let filled = std::mem::replace(domain.sink_mut(), make_sink(0));
        collect(vec![filled], RunProgress { frames, read: source.progress() })?;
    };
    domain.finish();
    let mut finished = Finished::new(stopped);
    finished.add(plan, &domain);
    collect(vec![domain.into_sink()], RunProgress { frames, read: source.progress() })?;
    Ok(finished)
}

impl Finished {
    fn new(stopped: Option<CaptureError>) -> Self {
        Self {
            report: Report::default(),
            paths: PathCounts::default(),
            changes_failed: Vec::new(),
            changes_left: 0,
            objects: Aftermath::default(),
            stopped,
        }
    }

    /// Adds a finished domain. Every domain makes the same changes to its own copy of the world.
    fn add<S: Sink>(&mut self, plan: &Plan, domain: &Domain<S>) {
        self.report.add(plan, domain);
        self.paths = self.paths.plus(domain.path_counts());
        self.objects.add(domain);
        let left = domain.changes_left();
        for failed in domain.changes_failed() {
            if !self.changes_failed.contains(failed) {
                self.changes_failed.push(*failed);
            }
        }
        self.changes_left = self.changes_left.max(left);
    }
}
