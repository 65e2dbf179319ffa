//! `xdpsim replay`: every capture from the scenario's start, counted and, if asked for, written.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use xdpsim_core::{Batch, ChangeFailed, Ingress, Report};

use super::outputs;
use super::progress::Bar;
use super::world::{self, Capture, World};
use crate::capture::{CaptureError, CaptureReader, FrameTable, Progress, ReadOptions, Resolution};
use crate::cli::ReplayArgs;
use crate::exit::{Exit, Failure, Message};
use crate::output::captures::{Captures, CapturesOptions};
use crate::output::events::Events;
use crate::output::tape::{Deliveries, Tape};
use crate::output::totals::{CaptureDone, Totals};
use crate::output::{json, ports, stdout, table};
use crate::runner::EPOCH_BYTES;
use crate::runner::{self, Finished, RunProgress, Settings, Source};

/// What a replay came to.
#[derive(Default)]
struct Outcome {
    totals: Totals,
    changes_failed: BTreeSet<(usize, xdpsim_core::Errno)>,
    changes_left: usize,
    errors: Vec<Message>,
    exit: Option<Exit>,
}

/// Runs the command.
pub(super) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    if args.json && args.events.as_deref() == Some(Path::new("-")) {
        return Err(Failure::usage(
            "`--json` and `--events -` both write to standard output",
            "give the events a file: --events events.jsonl",
        ));
    }
    let world = world::load(&args.world)?;
    if !args.quiet {
        stdout::complain(&world.warnings);
    }
    let outs = outputs::plan(args, &world)?;
    let mut events = args.events.as_deref().map(Events::create).transpose()?;
    let mut outcome = Outcome::default();
    for (capture, out) in world.captures.iter().zip(outs) {
        replay_one(args, &world, capture, out, events.as_mut(), &mut outcome)?;
    }
    if let Some(events) = events {
        events.finish()?;
    }
    outcome.judge();
    print(args, &world, &outcome)?;
    Ok(outcome.exit.unwrap_or(Exit::Fine))
}

/// Opens, replays and counts one capture.
fn replay_one(
    args: &ReplayArgs,
    world: &World,
    capture: &Capture,
    out: Option<CapturesOptions>,
    events: Option<&mut Events>,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let options = ReadOptions {
        truncated: world.truncated,
        buffer_bytes: buffer_bytes(world, out.is_some() || events.is_some()),
        ..ReadOptions::default()
    };
    let reader = match capture.open(&options) {
        Ok(reader) => reader,
        Err(error) => {
            outcome.failed(Message::from(&error), Exit::Input);
            outcome.totals.add_failed(capture.name(), Message::from(&error));
            return Ok(());
        }
    };
    let mut run = Run { args, world, source: Watched::new(reader), out, events };
    let finished = run.dispatch()?;
    outcome.add(capture.name(), finished);
    Ok(())
}

/// What is kept of a batch grows with the ports, so the batches of many ports are smaller. Several threads
/// want larger ones.
fn buffer_bytes(world: &World, kept: bool) -> usize {
    const WHOLE: usize = 1024 * 1024;
    const SMALLEST: usize = 16 * 1024;
    let ports = world.plan.ports().count();
    match kept {
        true => (WHOLE * 8 / ports.max(1)).clamp(SMALLEST, WHOLE),
        false if world.plan.domains() > 1 => EPOCH_BYTES,
        false => WHOLE,
    }
}

/// One capture on its way.
struct Run<'a> {
    args: &'a ReplayArgs,
    world: &'a World,
    source: Watched,
    out: Option<CapturesOptions>,
    events: Option<&'a mut Events>,
}

impl Run<'_> {
    /// A sink is as cheap as what it is asked for, which is known at compile time.
    fn dispatch(&mut self) -> Result<Finished, Failure> {
        match (self.events.is_some(), self.out.is_some()) {
            (false, false) => self.run::<false, false>(),
            (false, true) => self.run::<false, true>(),
            (true, false) => self.run::<true, false>(),
            (true, true) => self.run::<true, true>(),
        }
    }

    fn run<const EVENTS: bool, const DELIVERIES: bool>(&mut self) -> Result<Finished, Failure> {
        let Self { args, world, source, out, events } = self;
        let settings = Settings { timing: world.timing, threads: threads(args), ledger: true };
        let bar = Bar::new(!args.no_progress && !args.quiet, source.reader.file());
        let resolution = source.resolution.clone();
        let mut captures: Option<Captures> = None;
        let make_sink = |_: usize| Tape::<EVENTS, DELIVERIES>::default();
        let mut collect =
            |tapes: Vec<Tape<EVENTS, DELIVERIES>>, progress: RunProgress| -> Result<(), Failure> {
                bar.update(progress);
                if let Some(events) = events {
                    let lists: Vec<_> = tapes.iter().map(|tape| tape.events.as_slice()).collect();
                    events.write(&lists)?;
                }
                // A capture without a single frame leaves no files behind.
                if let (Some(options), true) = (&out, progress.frames > 0) {
                    let captures = match &mut captures {
                        Some(captures) => captures,
                        none => {
                            let resolution = resolution.get().copied().unwrap_or_default();
                            none.insert(Captures::create(&world.plan, options, resolution)?)
                        }
                    };
                    let lists: Vec<&Deliveries> = tapes.iter().map(|tape| &tape.deliveries).collect();
                    captures.write(&lists)?;
                }
                Ok(())
            };
        let finished = runner::run(&world.plan, world.ingress, source, &settings, &make_sink, &mut collect)?;
        captures.map_or(Ok(()), Captures::finish)?;
        Ok(finished)
    }
}

/// As many threads as there are processors, unless told otherwise; more than there are independent CPUs
/// are never started.
fn threads(args: &ReplayArgs) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or_else(all, usize::from)
}

/// A reader whose resolution can be asked for while it is being read.
struct Watched {
    reader: CaptureReader,
    /// Of the first frames; known once they were read.
    resolution: std::sync::Arc<OnceLock<Resolution>>,
}

impl Watched {
    fn new(reader: CaptureReader) -> Self {
        Self { reader, resolution: std::sync::Arc::default() }
    }
}

impl Source for Watched {
    type Table = FrameTable;

    fn fill(&mut self, table: &mut FrameTable) -> Result<bool, CaptureError> {
        let more = Source::fill(&mut self.reader, table)?;
        self.resolution.get_or_init(|| self.reader.resolution());
        Ok(more)
    }

    fn batch<'a>(table: &'a FrameTable, ingress: Ingress<'a>) -> Batch<'a> {
        <CaptureReader as Source>::batch(table, ingress)
    }

    fn progress(&self) -> Progress {
        Source::progress(&self.reader)
    }
}

impl Outcome {
    fn failed(&mut self, message: Message, exit: Exit) {
        self.errors.push(message);
        self.exit = self.exit.max(Some(exit));
    }

    fn add(&mut self, file: String, finished: Finished) {
        let Finished { report, changes_failed, changes_left, stopped, .. } = finished;
        let error = stopped.as_ref().map(Message::from);
        if !report.is_balanced() {
            self.unbalanced(&file, &report);
        }
        if let Some(message) = &error {
            self.failed(message.clone(), Exit::Input);
        }
        self.changes_failed.extend(changes_failed.iter().map(|failed| (failed.index, failed.errno)));
        self.changes_left = self.changes_left.max(changes_left);
        self.totals.add(&report, CaptureDone { file, frames: report.arrivals, error });
    }

    fn unbalanced(&mut self, file: &str, report: &Report) {
        let ended: u64 = report.ends.values().map(|tally| tally.frames).sum();
        let failure = Failure::internal(format!(
            "{file}: the books do not balance: {} arrivals + {} copies, but {ended} fates",
            report.arrivals, report.clones
        ));
        failure.messages().into_iter().for_each(|message| self.failed(message, Exit::Internal));
    }

    /// A run in which nothing was replayed is no success.
    fn judge(&mut self) {
        if self.totals.arrivals == 0 && self.exit.is_none() {
            let files: Vec<&str> = self.totals.captures.iter().map(|done| done.file.as_str()).collect();
            let message = format!("{}: no frame in it, so nothing was replayed", files.join(", "));
            let failure = Failure::nothing(message, "`tshark -r FILE` shows what a capture holds");
            failure.messages().into_iter().for_each(|message| self.failed(message, Exit::Nothing));
        }
    }

    fn changes_failed(&self) -> Vec<ChangeFailed> {
        self.changes_failed.iter().map(|&(index, errno)| ChangeFailed { index, errno }).collect()
    }
}

fn print(args: &ReplayArgs, world: &World, outcome: &Outcome) -> Result<(), Failure> {
    let ingress = &world.plan.device(world.ingress).name;
    let rows = ports::rows(&world.plan, ingress, &outcome.totals);
    if args.json {
        let failed = outcome.changes_failed();
        stdout::print(&json::replay(&outcome.totals, &rows, &failed, outcome.changes_left, &outcome.errors))?;
    } else if !args.quiet && outcome.totals.arrivals > 0 {
        let mut text = table::replay(&world.title, &outcome.totals, &rows, |capture, frame| {
            world.explain(&args.world, capture, frame)
        });
        text.push_str(&notes(world, outcome));
        if world.is_example {
            text.push_str(OWN);
        }
        match args.events.as_deref() == Some(Path::new("-")) {
            true => stdout::complain(&text),
            false => stdout::print(&text)?,
        }
    }
    for message in &outcome.errors {
        let exit = outcome.exit.unwrap_or(Exit::Input);
        stdout::complain(&Failure::Plain(exit, message.clone()).render(super::colour()));
    }
    Ok(())
}

/// Changes that were not made: whoever wrote them expects them to have been.
fn notes(world: &World, outcome: &Outcome) -> String {
    let mut notes = String::new();
    for failed in outcome.changes_failed() {
        let line =
            world.change_lines.get(failed.index).map_or_else(String::new, |line| format!(" in line {line}"));
        let (number, errno) = (failed.index + 1, failed.errno);
        notes.push_str(&format!("note: change {number}{line} was not made: the kernel answers {errno}\n"));
    }
    if outcome.changes_left > 0 {
        let left = crate::output::columns::counted(outcome.changes_left as u64, "change", "changes");
        notes.push_str(&format!("note: {left} never came: the capture ended before\n"));
    }
    notes
}

/// What to do after the example.
const OWN: &str = "
This was the built-in example. Your own capture:
  xdpsim replay in.pcap --ports 4 --broadcast --exclude-ingress -o out
  xdpsim replay host.toml in.pcap        with ports, maps and programs of your own: docs/scenario.md
  xdpsim explain --frame 42              why one frame of this example went where it went
";
