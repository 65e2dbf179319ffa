//! Measuring, one repetition after the other.

use std::hint::black_box;
use std::time::{Duration, Instant};

use xdpsim::runner::{MemorySource, Source};
use xdpsim_benches::workload::WINDOW;
use xdpsim_benches::yardstick::{best_read, read_all};
use xdpsim_benches::{Case, Prepared, Traffic};

use crate::list::{self, Target};
use crate::rows::Row;

/// Frames of each case of which every copy is compared with the frame path.
const PREFIX: u64 = 20_000;

/// A capture with what the machine does with its bytes.
struct Capture {
    traffic: Traffic,
    bytes: Vec<u8>,
    frames: u64,
    /// The best reading.
    read: Duration,
    /// The best walk over the record headers.
    scan: Duration,
}

impl Capture {
    fn new(traffic: Traffic, frames: u64) -> Self {
        let bytes = traffic.capture(frames);
        let read = best_read(&bytes, 2);
        Self { traffic, bytes, frames, read, scan: Duration::MAX }
    }

    fn measure(&mut self) -> Result<(), String> {
        let bytes = &self.bytes;
        let (read, _) = timed(|| black_box(read_all(black_box(bytes))));
        let (scan, whole) = timed(|| scan(black_box(bytes)));
        whole?;
        (self.read, self.scan) = (self.read.min(read), self.scan.min(scan));
        Ok(())
    }

    fn rows(&self) -> [Row; 2] {
        let name = if self.traffic == Traffic::Imix { "IMIX" } else { "64 bytes" };
        let row =
            |what: &str, time| Row::new(format!("{name}: {what}"), self.frames, 0, time).of_read(self.read);
        let mut read = row("one core reads the capture", self.read);
        read.note = format!("{:.1} GB/s", self.bytes.len() as f64 / self.read.as_secs_f64() / 1e9);
        [read, row("walk over the record headers", self.scan)]
    }
}

/// A case on its way.
struct Measured {
    prepared: Prepared,
    targets: Vec<Target>,
    capture: usize,
    best: Duration,
}

/// Measures the case called `only`, or else all whose names contain it, and what those are compared with.
pub fn rows(frames: u64, reps: u32, only: &str) -> Result<Vec<Row>, String> {
    let mut captures = [Capture::new(Traffic::Small, frames), Capture::new(Traffic::Imix, frames / 4)];
    let mut cases = chosen(only);
    if cases.is_empty() {
        return Err(format!("no workload has `{only}` in its name"));
    }
    check(&cases, &captures);
    for rep in 1..=reps {
        eprintln!("repetition {rep} of {reps}");
        captures.iter_mut().try_for_each(Capture::measure)?;
        for case in &mut cases {
            let bytes = &captures[case.capture].bytes;
            let (time, _) = timed(|| case.prepared.run(black_box(bytes)));
            case.best = case.best.min(time);
        }
    }
    let mut rows: Vec<Row> = captures.iter().flat_map(Capture::rows).collect();
    rows.extend(cases.iter().map(|case| row(case, &cases, &captures)));
    Ok(rows)
}

fn chosen(only: &str) -> Vec<Measured> {
    let all = list::all();
    let is_a_name = all.iter().any(|(case, _)| case.name() == only);
    let wanted = |case: &Case| if is_a_name { case.name() == only } else { case.name().contains(only) };
    let bases: Vec<Case> = all
        .iter()
        .filter(|(case, _)| wanted(case))
        .flat_map(|(case, targets)| targets.iter().filter_map(|target| target.base(*case)))
        .collect();
    let chosen = all.into_iter().filter(|(case, _)| wanted(case) || bases.contains(case));
    chosen
        .map(|(case, targets)| {
            let capture = usize::from(case.traffic == Traffic::Imix);
            Measured { prepared: case.prepare(), targets, capture, best: Duration::MAX }
        })
        .collect()
}

/// Every case once over the whole capture for its books, and over a prefix for what left each port.
fn check(cases: &[Measured], captures: &[Capture; 2]) {
    eprintln!("checking {} workloads", cases.len());
    let prefixes = [Traffic::Small, Traffic::Imix].map(|traffic| traffic.capture(PREFIX));
    for case in cases {
        case.prepared.check_prefix(&prefixes[case.capture], PREFIX);
        let Capture { bytes, frames, .. } = &captures[case.capture];
        case.prepared.check(&case.prepared.run(bytes), *frames);
    }
}

fn row(measured: &Measured, all: &[Measured], captures: &[Capture; 2]) -> Row {
    let case = measured.prepared.case;
    let capture = &captures[measured.capture];
    let copies = capture.frames * case.workload.copies();
    let mut row = Row::new(case.name(), capture.frames, copies, measured.best).of_read(capture.read);
    for &target in &measured.targets {
        let base = target.base(case).and_then(|base| all.iter().find(|other| other.prepared.case == base));
        row.judge(target, base.map(|base| base.best));
    }
    row
}

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = run();
    (start.elapsed(), result)
}

/// Finds all frames, and nothing else.
fn scan(bytes: &[u8]) -> Result<(), String> {
    let mut source = MemorySource::new(bytes, WINDOW).map_err(|error| error.to_string())?;
    let mut table = <MemorySource<'_> as Source>::Table::default();
    while source.fill(&mut table).map_err(|error| error.to_string())? {}
    Ok(())
}
