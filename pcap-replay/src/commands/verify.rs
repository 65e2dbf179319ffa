//! `xdpsim verify`: the same on the model and on the running kernel.
//!
//! Owns what the arguments mean. Playing and comparing are [`xdpsim_oracle`]'s.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use xdpsim_core::{Ingress, Nanos};
use xdpsim_oracle::adapt::{Adapted, adapt};
use xdpsim_oracle::bench::Bench;
use xdpsim_oracle::campaign::{self, DataCampaign, DataFailure, DataReport};
use xdpsim_oracle::compare::compare;
use xdpsim_oracle::maps::{self, MapCampaign, MapFailure, MapReport};
use xdpsim_oracle::model::{self, Options};
use xdpsim_oracle::need::{self, Need};

use super::world::{self, World};
use crate::capture::{Fill, FrameTable, ReadOptions};
use crate::cli::VerifyArgs;
use crate::exit::{Exit, Failure};
use crate::output::columns::{counted, grouped};
use crate::output::{json, stdout};

/// Map operations for each case, and at least so many that every clause is exercised often enough.
const MAP_OPERATIONS_PER_CASE: u64 = 5;
const MAP_OPERATIONS_MIN: u64 = 500_000;

/// Runs the command.
pub(super) fn run(args: &VerifyArgs) -> Result<Exit, Failure> {
    let missing = need::missing(&Need::KERNEL);
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let what = format!("verify needs {}", missing.join(", "));
        return Err(Failure::usage(
            what,
            "run it as root, on Linux, outside of containers that take that away",
        ));
    }
    let options = Options::host().map_err(|why| Failure::usage(why, "verify on a kernel from 6.1 on"))?;
    match args.random {
        Some(cases) => random(args, cases, options),
        None => scenario(args, options),
    }
}

/// The user's scenario and capture.
fn scenario(args: &VerifyArgs, mut options: Options) -> Result<Exit, Failure> {
    let world = world::load(&args.world)?;
    stdout::complain(&world.warnings);
    let mut exit = Exit::Nothing;
    for index in 0..world.captures.len() {
        let (frames, more) = frames(&world, index, args.limit)?;
        if frames.is_empty() {
            continue;
        }
        let count = frames.len() as u64;
        let refused = |why: &dyn std::fmt::Display| {
            Failure::usage(
                format!("this cannot be played on a kernel: {why}"),
                "docs/verify.md says what can",
            )
        };
        let ingress = world.ingress.0 as usize;
        let adapted =
            adapt(world.plan.scenario(), ingress, world.timing, frames).map_err(|why| refused(&why))?;
        let mut bench = Bench::new(&adapted.case.house()).map_err(|why| refused(&why))?;
        options.polled = bench.polled().map_err(|why| refused(&why))?;
        let model = model::play(&adapted.case, &options).map_err(|error| Failure::build(&error))?;
        let kernel = bench.play(&adapted.case, &model).map_err(|why| refused(&why))?;
        let difference = compare(&model, &kernel, &adapted.case)
            .map(|found| found.report(&adapted.case, &kernel, &options));
        let events = kernel.events.len() as u64;
        let deliveries = kernel.deliveries.values().map(|frames| frames.len() as u64).sum();
        let seen = Seen { count, more, events, deliveries };
        let name = world.captures[index].name();
        say(args, &name, &options, &adapted, &seen, difference.as_deref())?;
        let this = if difference.is_none() { Exit::Fine } else { Exit::Internal };
        exit = if exit == Exit::Nothing { this } else { exit.max(this) };
    }
    if exit == Exit::Nothing {
        return Err(Failure::nothing("no frame in any capture", "nothing was compared"));
    }
    Ok(exit)
}

/// What was compared.
struct Seen {
    count: u64,
    /// Does the capture go on?
    more: bool,
    events: u64,
    deliveries: u64,
}

/// Frames with the times at which they were captured.
type Stamped = Vec<(Nanos, Vec<u8>)>;

/// The first frames of a capture, and whether it goes on.
fn frames(world: &World, index: usize, limit: u64) -> Result<(Stamped, bool), Failure> {
    let options = ReadOptions { truncated: world.truncated, ..ReadOptions::default() };
    let mut reader = world.captures[index].open(&options)?;
    let mut table = FrameTable::default();
    let mut frames = Vec::new();
    while reader.fill(&mut table)? != Fill::End {
        let batch = table.batch(Ingress::One(world.ingress));
        for (desc, stamp) in batch.frames.iter().zip(batch.stamps) {
            if frames.len() as u64 == limit {
                return Ok((frames, true));
            }
            let off = desc.off as usize;
            frames.push((*stamp, batch.bytes[off..off + desc.len as usize].to_vec()));
        }
    }
    Ok((frames, false))
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    capture: &'a str,
    kernel: String,
    frames: u64,
    whole_capture: bool,
    deliveries: u64,
    events: u64,
    notes: &'a [String],
    difference: Option<&'a str>,
}

fn say(
    args: &VerifyArgs,
    capture: &str,
    options: &Options,
    adapted: &Adapted,
    seen: &Seen,
    difference: Option<&str>,
) -> Result<(), Failure> {
    if args.json {
        return stdout::print(&json::pretty(&Document {
            schema: json::SCHEMA,
            capture,
            kernel: options.kernel.to_string(),
            frames: seen.count,
            whole_capture: !seen.more,
            deliveries: seen.deliveries,
            events: seen.events,
            notes: &adapted.notes,
            difference,
        }));
    }
    let mut text = String::new();
    for note in &adapted.notes {
        text += &format!("note: {note}\n");
    }
    let frames = counted(seen.count, "frame", "frames");
    let first = if seen.more { "the first " } else { "" };
    match difference {
        None => {
            let (copies, events) = (grouped(seen.deliveries), grouped(seen.events));
            text += &format!(
                "{capture}: {first}{frames} on the model and on kernel {}: they agree\n\
                 {copies} deliveries byte for byte, {events} tracepoint events, all maps and counters\n",
                options.kernel
            );
        }
        Some(difference) => {
            text += &format!("{capture}: {first}{frames}: model and kernel differ\n{difference}\n")
        }
    }
    stdout::print(&text)
}

/// Random cases and map operations.
fn random(args: &VerifyArgs, cases: u64, options: Options) -> Result<Exit, Failure> {
    let kernel = options.kernel.to_string();
    let operations = cases.saturating_mul(MAP_OPERATIONS_PER_CASE).max(MAP_OPERATIONS_MIN);
    let maps = Steps::new("map operations", operations);
    let map_report = maps::campaign(&MapCampaign::new(operations, args.seed), &mut |done| maps.at(done));
    let map_took = maps.end();
    let map_report = match map_report {
        Ok(report) => report,
        Err(MapFailure::Difference(difference)) => return differ(args, &kernel, &difference.to_string()),
        Err(MapFailure::Machine(error)) => return Err(cannot(&error)),
    };
    let data = Steps::new("cases", cases);
    let what = DataCampaign::new(cases, args.seed, options);
    let data_report = campaign::campaign(&what, &mut |done| data.at(done));
    let data_took = data.end();
    match data_report {
        Ok(report) => agreed(args, &kernel, (&map_report, map_took), (&report, data_took)),
        Err(DataFailure::Difference(difference)) => differ(args, &kernel, &difference.to_string()),
        Err(error @ DataFailure::Paths { .. }) => Err(Failure::internal(error.to_string())),
        Err(error) => Err(cannot(&error)),
    }
}

fn cannot(error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("the campaign cannot go on: {error}"), "nothing can be said about the rules")
}

fn differ(args: &VerifyArgs, kernel: &str, difference: &str) -> Result<Exit, Failure> {
    match args.json {
        true => stdout::print(&json::pretty(&serde_json::json!({
            "schema": json::SCHEMA, "kernel": kernel, "seed": args.seed, "difference": difference,
        })))?,
        false => stdout::print(&format!("{difference}\n"))?,
    }
    Ok(Exit::Internal)
}

/// No difference. A clause that was hardly ever exercised makes the campaign one that proves too little.
fn agreed(
    args: &VerifyArgs,
    kernel: &str,
    (maps, map_took): (&MapReport, f64),
    (data, data_took): (&DataReport, f64),
) -> Result<Exit, Failure> {
    let mut all = data.exercised.clone();
    for (clause, times) in maps.exercised.counts() {
        all.count(clause.id(), times);
    }
    let rare: Vec<(String, u64)> = all.rare().map(|(clause, times)| (clause.to_owned(), times)).collect();
    if args.json {
        stdout::print(&json::pretty(&serde_json::json!({
            "schema": json::SCHEMA,
            "kernel": kernel,
            "seed": args.seed,
            "map_operations": maps.operations,
            "cases": data.cases,
            "frames": data.frames,
            "deliveries": data.copies,
            "difference": null,
            "clauses": all.by_clause,
            "rare": rare.iter().map(|(clause, _)| clause).collect::<Vec<_>>(),
        })))?;
    } else {
        let rate = |n: u64, secs: f64| grouped((n as f64 / secs.max(1e-3)) as u64);
        let mut text = format!(
            "{} map operations ({}/s) and {} cases ({}/s) on the model and on kernel {kernel}: no difference\n\
             {} frames came in, {} were captured; {} cases by sockets, {} with bursts of 16 to 64; \
             {} differences A without B, each carried in two ways\n\nHow often each clause was exercised:\n{all}",
            grouped(maps.operations),
            rate(maps.operations, map_took),
            grouped(data.cases),
            rate(data.cases, data_took),
            grouped(data.frames),
            grouped(data.copies),
            grouped(data.sockets),
            grouped(data.bursts),
            grouped(data.differences),
        );
        if !rare.is_empty() {
            let list: Vec<String> =
                rare.iter().map(|(clause, times)| format!("{clause} ({times})")).collect();
            text += &format!(
                "\nexercised fewer than 20 times, so not checked: {}\nhelp: more cases, or another seed\n",
                list.join(", ")
            );
        }
        stdout::print(&text)?;
    }
    Ok(if rare.is_empty() { Exit::Fine } else { Exit::Findings })
}

/// A progress bar over a number of steps, on a terminal only.
struct Steps {
    bar: Option<ProgressBar>,
    began: Instant,
}

impl Steps {
    fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let template = "{prefix} {wide_bar} {human_pos}/{human_len} {per_sec} {msg} {eta} left";
            let style = ProgressStyle::with_template(template);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_prefix(what)
        });
        Self { bar, began: Instant::now() }
    }

    fn at(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(format!("{} done", HumanCount(done)));
        }
    }

    /// Says how many seconds it took.
    fn end(&self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.began.elapsed().as_secs_f64()
    }
}
