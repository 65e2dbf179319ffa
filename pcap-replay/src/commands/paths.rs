//! `xdpsim explain` without `--frame`: all frames, grouped by the path that they took.

use std::convert::Infallible;

use xdpsim_core::StoryBook;

use super::feeds::Taking;
use super::progress::Bar;
use super::world::{self, Capture, World};
use crate::capture::CaptureError;
use crate::cli::{ExplainArgs, PathsArgs};
use crate::exit::{Exit, Failure, Message};
use crate::explain::Names;
use crate::feed::Feed;
use crate::output::columns::counted;
use crate::output::stdout;
use crate::paths::{Choosing, Group, Groups, Shown, Summary, Tally, Wanted, WantedError, document, render};
use crate::pcap_filter::{FilterError, PcapFilter};
use crate::runner::{self, RunProgress, Settings};

/// What a run over all captures came to.
struct Found {
    groups: Vec<Group>,
    others: Tally,
    /// Frames that the capture filter let through.
    frames: u64,
    arrivals: u64,
    errors: Vec<Message>,
    exit: Exit,
}

/// Runs the command.
pub(super) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let world = world::load(&args.world)?;
    stdout::complain(&world.warnings);
    let PathsArgs { fate, errno, rule, port, .. } = &args.paths;
    let wanted = Wanted::new(&world.plan, fate, errno, rule, port)?;
    let filter = args.paths.filter.as_deref().map(PcapFilter::new).transpose()?;
    let found = find(args, &world, filter.as_ref())?;
    let exit = found.exit.max(found.nothing(&world, &wanted)?);
    print(args, &world, &wanted, &found)?;
    Ok(exit)
}

/// Replays every capture from the scenario's start.
fn find(args: &ExplainArgs, world: &World, filter: Option<&PcapFilter>) -> Result<Found, Failure> {
    let mut groups = Groups::new(world.plan.domains());
    let (mut arrivals, mut errors, mut exit) = (0, Vec::new(), Exit::Fine);
    for capture in &world.captures {
        match replay(args, world, capture, filter, &mut groups) {
            Ok((frames, broken)) => {
                arrivals += frames;
                errors.extend(broken);
            }
            Err(Failure::Plain(Exit::Input, message)) => errors.push(message),
            Err(failure) => return Err(failure),
        }
    }
    if !errors.is_empty() {
        exit = Exit::Input;
    }
    let (groups, others) = groups.finish();
    let frames = groups.iter().map(|group| group.tally.frames).sum::<u64>() + others.frames;
    if filter.is_none() && frames != arrivals {
        return Err(Failure::internal(format!("{arrivals} frames arrived, but {frames} took a path")));
    }
    Ok(Found { groups, others, frames, arrivals, errors, exit })
}

/// Replays one capture; returns the frames that arrived, and why it ended early.
fn replay(
    args: &ExplainArgs,
    world: &World,
    capture: &Capture,
    filter: Option<&PcapFilter>,
    groups: &mut Groups,
) -> Result<(u64, Option<Message>), Failure> {
    let mut source = Choosing::new(open(world, capture)?, filter);
    let chosen = source.chosen();
    let bar = Bar::new(true, &capture.name());
    let mut collect = |books: Vec<StoryBook>, progress: RunProgress| -> Result<(), Infallible> {
        bar.update(progress);
        for (domain, book) in books.into_iter().enumerate() {
            groups.take(domain, book.steps, |frame| filter.is_none() || chosen.take(frame));
        }
        Ok(())
    };
    let settings = Settings { timing: world.timing, threads: threads(&args.paths), ..Settings::default() };
    let make_sink = |_: usize| StoryBook::default();
    let run = runner::run(&world.plan, world.ingress, &mut source, &settings, &make_sink, &mut collect);
    let Ok(finished) = run;
    if groups.next_capture() > 0 {
        return Err(Failure::internal("a frame's story has no end"));
    }
    Ok((finished.report.arrivals, finished.stopped.as_ref().map(Message::from)))
}

/// Opens a capture to be told of. Steps of a batch are kept until they are grouped, and a broadcast makes
/// some for each port: the more ports, the smaller the batches.
pub(super) fn open(world: &World, capture: &Capture) -> Result<Feed, CaptureError> {
    const LARGEST: usize = 256 * 1024;
    const SMALLEST: usize = 16 * 1024;
    let ports = world.plan.ports().count();
    let mut taking = Taking::all(world);
    taking.read.buffer_bytes = (LARGEST * 8 / ports.max(1)).clamp(SMALLEST, LARGEST);
    taking.feed(std::slice::from_ref(capture))
}

fn threads(args: &PathsArgs) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or_else(all, usize::from)
}

impl Found {
    /// A question that no frame answers is no success.
    fn nothing(&self, world: &World, wanted: &Wanted) -> Result<Exit, Failure> {
        let files = captures(world).join(", ");
        if self.frames > 0 && self.groups.iter().any(|group| wanted.has(&group.path)) {
            return Ok(Exit::Fine);
        }
        if let Some(message) = self.errors.first() {
            return Err(Failure::Plain(Exit::Input, message.clone()));
        }
        Err(match (self.arrivals, self.frames) {
            (0, _) => {
                let message = format!("{files}: no frame in it, so nothing was replayed");
                Failure::nothing(message, "`tshark -r FILE` shows what a capture holds")
            }
            (frames, 0) => {
                let frames = counted(frames, "frame", "frames");
                let message = format!("{files}: the capture filter lets none of {frames} through");
                Failure::nothing(message, "`tcpdump -r FILE FILTER` shows what it lets through")
            }
            _ => {
                let paths = counted(self.groups.len() as u64, "path", "paths");
                let message = format!("none of {paths} answers the filter");
                Failure::nothing(message, "`xdpsim explain` without filters tells all paths")
            }
        })
    }
}

fn print(args: &ExplainArgs, world: &World, wanted: &Wanted, found: &Found) -> Result<(), Failure> {
    let names = Names::new(&world.plan);
    let paths = found.groups.len();
    let groups: Vec<Group> = found.groups.iter().filter(|group| wanted.has(&group.path)).cloned().collect();
    let captures = captures(world);
    if args.json {
        let summary = Summary { captures: &captures, frames: found.frames, paths };
        return stdout::print(&document(names, &summary, &groups, &found.others, &found.errors));
    }
    let source = match captures.as_slice() {
        [one] => one.clone(),
        all => counted(all.len() as u64, "capture", "captures"),
    };
    let shown = Shown {
        source: &source,
        title: &world.title,
        frames: found.frames,
        paths,
        several: captures.len() > 1,
        top: if args.paths.top == 0 { usize::MAX } else { args.paths.top },
    };
    let mut text = render(names, &shown, &groups, &found.others);
    if let Some(group) = groups.first() {
        let Tally { capture, first, .. } = &group.tally;
        let number = first.first().copied().unwrap_or(1);
        text.push_str(&format!(
            "One frame, step by step: {}\n",
            world.explain(&args.world, *capture, number)
        ));
    }
    stdout::print(&text)?;
    for message in &found.errors {
        stdout::complain(&Failure::Plain(Exit::Input, message.clone()).render(super::colour()));
    }
    Ok(())
}

fn captures(world: &World) -> Vec<String> {
    world.captures.iter().map(Capture::name).collect()
}

impl From<WantedError> for Failure {
    fn from(error: WantedError) -> Self {
        Self::usage(error.to_string(), error.help)
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Self {
        Self::usage(error.to_string(), error.help())
    }
}
