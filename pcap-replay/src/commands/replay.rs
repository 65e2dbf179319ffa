//! `xdpsim replay`: captures from the scenario's start, counted and, if asked for, written.

use std::path::Path;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::feeds::Taking;
use super::job::{Done, Job, Setting, Streams};
use super::outputs;
use super::progress::Bar;
use super::world::{self, World};
use crate::cli::{CapturesArg, ReplayArgs};
use crate::exit::{Exit, Failure};
use crate::object;
use crate::output::annotated::Annotated;
use crate::output::columns::counted;
use crate::output::events::Events;
use crate::output::results::{Part, Results};
use crate::output::{json, ports, stdout, table, told};

/// Runs the command.
pub(super) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    check_standard_output(args)?;
    let world = world::load_seeded(&args.world, args.corpus.seed)?;
    if !args.quiet {
        stdout::complain(&world.warnings);
    }
    prepare_objects(args, &world)?;
    let taking = Taking::new(&world, &args.corpus)?;
    let (jobs, part) = jobs(args, &world)?;
    let mut streams = Streams {
        events: args.events.as_deref().map(Events::create).transpose()?,
        annotated: args
            .write
            .as_deref()
            .map(|file| Annotated::create(file, &world.plan, args.stamp))
            .transpose()?,
    };
    let mut results =
        Results { about: world.title.clone(), part, notes: world.notes.clone(), ..Results::default() };
    replay_all(args, &world, &taking, &jobs, &mut streams, &mut results)?;
    streams.events.map_or(Ok(()), Events::finish)?;
    streams.annotated.map_or(Ok(()), Annotated::finish)?;
    write_coverage(args, &world, &results)?;
    if let Some(file) = &args.program_events {
        told::write(file, &results)?;
    }
    results.ports = ports::rows(&world.plan, &results.totals);
    print(args, &world, &results)?;
    Ok(results.exit())
}

/// What is to be noted while programs of objects run.
fn prepare_objects(args: &ReplayArgs, world: &World) -> Result<(), Failure> {
    let wanted = [
        (args.coverage.is_some(), "--coverage"),
        (args.stop_on_fault, "--stop-on-fault"),
        (args.program_events.is_some(), "--program-events"),
    ];
    if let (true, Some(objects)) = (args.program_events.is_some(), &world.objects) {
        objects.keep_tellings();
    }
    match (&world.objects, wanted.into_iter().find(|(is, _)| *is)) {
        (None, Some((_, flag))) => Err(Failure::usage(
            format!("`{flag}` is about programs of objects, and none runs here"),
            "name one: `--object fwd.o`",
        )),
        (Some(objects), Some(_)) if args.coverage.is_some() => {
            objects.count_hits();
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Which lines of C ran, over all captures.
fn write_coverage(args: &ReplayArgs, world: &World, results: &Results) -> Result<(), Failure> {
    let (Some(file), Some(objects), Some(hits)) = (&args.coverage, &world.objects, &results.hits) else {
        return Ok(());
    };
    let coverage = objects.coverage(hits);
    if coverage.files.is_empty() {
        return Err(Failure::usage(
            "the object does not carry its lines of source, so there is nothing to cover",
            "compile it with `clang -g`",
        ));
    }
    let cannot = format!("{}: cannot write the coverage", file.display());
    std::fs::write(file, coverage.to_lcov("xdpsim")).map_err(|error| Failure::output(&cannot, &error))?;
    let (lines, executed) = coverage.totals();
    if !args.quiet {
        stdout::complain(&format!("coverage: {executed} of {lines} lines of C ran\n"));
    }
    Ok(())
}

/// Standard output has room for one.
fn check_standard_output(args: &ReplayArgs) -> Result<(), Failure> {
    let is_stdout = |path: &Option<std::path::PathBuf>| path.as_deref() == Some(Path::new("-"));
    let wanted = [
        (args.json, "--json", ""),
        (is_stdout(&args.events), "--events -", "give the events a file: --events events.jsonl"),
        (is_stdout(&args.write), "--write -", "give the capture a file: --write run.pcapng"),
    ];
    let mut wanted = wanted.into_iter().filter(|(is, ..)| *is);
    match (wanted.next(), wanted.next()) {
        (Some((_, one, _)), Some((_, two, help))) => {
            Err(Failure::usage(format!("`{one}` and `{two}` both write to standard output"), help))
        }
        _ => Ok(()),
    }
}

/// What is to be run, and which part of the corpus that is.
fn jobs<'a>(args: &ReplayArgs, world: &'a World) -> Result<(Vec<Job<'a>>, Option<Part>), Failure> {
    if args.corpus.captures == CapturesArg::Chain {
        for (given, flag) in
            [(args.corpus.partition.is_some(), "--partition"), (args.corpus.passes.is_some(), "--loop")]
        {
            if given {
                return Err(Failure::usage(
                    format!("`{flag}` and `--captures chain` exclude each other"),
                    "captures of a chain depend on each other: name them in the order in which they follow",
                ));
            }
        }
        let out = outputs::plan(args, world, &world.captures[..1])?.into_iter().next().flatten();
        return Ok((vec![Job { captures: &world.captures, out }], None));
    }
    let outs = outputs::plan(args, world, &world.captures)?;
    let captures = world.captures.chunks(1);
    let jobs: Vec<Job<'_>> = captures.zip(outs).map(|(captures, out)| Job { captures, out }).collect();
    let Some(partition) = args.corpus.partition else { return Ok((jobs, None)) };
    let part = Part { partition, captures: jobs.len() };
    Ok((partition.pick(jobs), Some(part)))
}

/// Runs all jobs, side by side unless they write to one file; adds them up in their order.
fn replay_all(
    args: &ReplayArgs,
    world: &World,
    taking: &Taking,
    jobs: &[Job<'_>],
    streams: &mut Streams,
    results: &mut Results,
) -> Result<(), Failure> {
    /// Jobs per thread whose results wait to be added in order.
    const AHEAD: usize = 16;
    let threads = threads(args);
    let at_once = threads.min(jobs.len()).max(1);
    let bar = Bar::over(!args.no_progress && !args.quiet, jobs.iter().flat_map(|job| job.captures));
    let stop = world.objects.as_ref().filter(|_| args.stop_on_fault).map(object::Template::watch_for_faults);
    let setting = Setting { world, taking, threads: threads / at_once, stop: stop.as_deref() };
    if at_once == 1 || args.stop_on_fault || streams.events.is_some() || streams.annotated.is_some() {
        let setting = Setting { threads, ..setting };
        return jobs.iter().try_for_each(|job| {
            job.run(&setting, streams, bar.track())?.add_to(results, world);
            Ok(())
        });
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(at_once).build();
    let pool =
        pool.map_err(|error| Failure::usage(format!("cannot start threads: {error}"), "try --threads 1"))?;
    for some in jobs.chunks(at_once * AHEAD) {
        let run = |job: &Job<'_>| job.run(&setting, &mut Streams::default(), bar.track());
        let done: Vec<Result<Done, Failure>> = pool.install(|| some.par_iter().map(run).collect());
        for done in done {
            done?.add_to(results, world);
        }
    }
    Ok(())
}

/// As many threads as there are processors, unless told otherwise; more than there are independent CPUs
/// and captures are never started.
fn threads(args: &ReplayArgs) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or_else(all, usize::from)
}

fn print(args: &ReplayArgs, world: &World, results: &Results) -> Result<(), Failure> {
    if args.json {
        stdout::print(&json::replay(results))?;
    } else if !args.quiet && results.totals.arrivals > 0 {
        let mut text = table::replay(&world.title, &results.totals, &results.ports, |capture, frame| {
            explain(args, world, results, capture, frame)
        });
        let of = |capture: usize| results.totals.captures.get(capture).map(|done| done.file.clone());
        text.push_str(&results.faults.render(of));
        text.push_str(&notes(world, results));
        if world.is_example {
            text.push_str(OWN);
        }
        let taken = [&args.events, &args.write].into_iter().flatten().any(|file| file == Path::new("-"));
        match taken {
            true => stdout::complain(&text),
            false => stdout::print(&text)?,
        }
    }
    for message in results.errors() {
        stdout::complain(&Failure::Plain(message.exit(), message).render(super::colour()));
    }
    Ok(())
}

/// The command that tells the story of a frame; none if `explain` cannot do what this run did.
fn explain(
    args: &ReplayArgs,
    world: &World,
    results: &Results,
    capture: usize,
    frame: u64,
) -> Option<String> {
    let corpus = &args.corpus;
    let chain = corpus.captures == CapturesArg::Chain && world.captures.len() > 1;
    let plain = !chain && corpus.passes.is_none() && corpus.seed.is_none() && corpus.interface.is_empty();
    let place = results.part.map_or(capture, |part| part.partition.place(capture));
    plain.then(|| world.explain(&args.world, place, frame))
}

/// Changes that were not made: whoever wrote them expects them to have been.
fn notes(world: &World, results: &Results) -> String {
    let mut notes: String = world.notes.iter().map(|note| format!("note: {note}\n")).collect();
    for failed in results.changes_failed() {
        let line =
            world.change_lines.get(failed.index).map_or_else(String::new, |line| format!(" in line {line}"));
        let (number, errno) = (failed.index + 1, failed.errno);
        notes.push_str(&format!("note: change {number}{line} was not made: the kernel answers {errno}\n"));
    }
    if results.changes_left > 0 {
        let left = counted(results.changes_left as u64, "change", "changes");
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
