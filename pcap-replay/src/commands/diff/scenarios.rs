//! Two scenarios over the same captures, frame by frame.
//!
//! Both runs go on at the same time on a thread each, and hand over the paths of the frames that are
//! through; memory goes with what the one is ahead of the other, and with the distinct paths.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use xdpsim_core::{FrameNo, StoryBook};

use super::told::Told;
use crate::cli::{DiffArgs, WorldArgs};
use crate::commands::paths;
use crate::commands::world::{self, World};
use crate::exit::{Exit, Failure, Message};
use crate::feed::Feed;
use crate::output::stdout;
use crate::paths::{Follower, FramePath, Tally};
use crate::runner::{self, Finished, Settings};

/// Batches that one run can be ahead of the comparison.
const AHEAD: usize = 4;
/// Legs of distinct paths that are kept of each run.
const LEGS_MAX: usize = 1 << 20;

/// A path's number in the order in which its run met it; none for those that there was no room for.
pub(super) type PathNo = Option<u32>;
/// Frames that are through.
type Through = Vec<(FrameNo, PathNo)>;

/// What is compared.
#[derive(Default)]
pub(super) struct Compared {
    pub frames: u64,
    /// Frames by their paths in the one and in the other.
    pub pairs: HashMap<(PathNo, PathNo), Tally>,
    pub errors: Vec<Message>,
}

/// The paths of one run.
#[derive(Default)]
pub(super) struct Known {
    numbers: HashMap<FramePath, u32>,
    legs: usize,
}

/// Runs the command.
pub(super) fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    if args.captures.iter().any(|path| path.as_os_str() == "-") {
        let help = "write it into a file first: both scenarios read the captures";
        return Err(Failure::usage("`xdpsim diff` cannot read standard input", help));
    }
    let (before, after) = (load(args, &args.before)?, load(args, &args.after)?);
    let mut known = (Known::default(), Known::default());
    let mut compared = Compared::default();
    for number in 0..before.captures.len() {
        compare(&before, &after, number, &mut known, &mut compared)?;
    }
    if compared.frames == 0 && compared.errors.is_empty() {
        let help = "`tshark -r FILE` shows what a capture holds";
        return Err(Failure::nothing("no frame in any capture, so nothing was compared", help));
    }
    let told = Told::new(args, (&before, &after), &known, compared);
    told.print(args.json)?;
    Ok(told.exit())
}

fn load(args: &DiffArgs, scenario: &PathBuf) -> Result<World, Failure> {
    let files = std::iter::once(scenario).chain(&args.captures).cloned().collect();
    let world = world::load(&WorldArgs {
        files,
        ingress: args.ingress.iter().cloned().collect(),
        timing: args.timing,
        truncated: args.truncated,
        kernel: args.kernel,
        ..WorldArgs::default()
    })?;
    stdout::complain(&world.warnings);
    Ok(world)
}

/// Replays one capture in both.
fn compare(
    before: &World,
    after: &World,
    number: usize,
    known: &mut (Known, Known),
    compared: &mut Compared,
) -> Result<(), Failure> {
    let open = |world: &World| paths::open(world, &world.captures[number]);
    let (one, other) = match (open(before), open(after)) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(error), _) | (_, Err(error)) => {
            compared.errors.push(Message::from(&error));
            return Ok(());
        }
    };
    let (to_one, from_one) = sync_channel(AHEAD);
    let (to_other, from_other) = sync_channel(AHEAD);
    let finished = std::thread::scope(|scope| {
        let (known_before, known_after) = (&mut known.0, &mut known.1);
        let run_one = scope.spawn(move || replay(before, one, known_before, &to_one));
        let run_other = scope.spawn(move || replay(after, other, known_after, &to_other));
        let unpaired = pair(number, from_one, from_other, compared);
        let join = |run: std::thread::ScopedJoinHandle<'_, Finished>| {
            run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        join(run_one);
        (join(run_other), unpaired)
    });
    match finished {
        (_, 1..) => Err(Failure::internal("a frame has a story in one scenario only")),
        (finished, 0) => {
            compared.errors.extend(finished.stopped.iter().map(Message::from));
            Ok(())
        }
    }
}

/// One run; what comes of its frames goes to `through`.
fn replay(world: &World, mut feed: Feed, known: &mut Known, through: &SyncSender<Through>) -> Finished {
    let mut followers: Vec<Follower> = (0..world.plan.domains()).map(|_| Follower::default()).collect();
    let mut collect = |books: Vec<StoryBook>, _| -> Result<(), std::convert::Infallible> {
        let mut list = Vec::new();
        for (follower, book) in followers.iter_mut().zip(books) {
            follower
                .take(book.steps, &mut |_| true, &mut |frame, path| list.push((frame, known.number(path))));
        }
        // Nobody takes it any more only if the comparison has panicked.
        let _ = through.send(list);
        Ok(())
    };
    let settings = Settings { timing: world.timing, ..Settings::default() };
    let make_sink = |_: usize| StoryBook::default();
    let Ok(finished) =
        runner::run(&world.plan, world.ingress, &mut feed, &settings, &make_sink, &mut collect);
    finished
}

/// Brings the two runs' frames together; returns how many have no counterpart.
fn pair(
    capture: usize,
    before: Receiver<Through>,
    after: Receiver<Through>,
    compared: &mut Compared,
) -> usize {
    let mut waiting: (BTreeMap<FrameNo, PathNo>, BTreeMap<FrameNo, PathNo>) = Default::default();
    loop {
        let lists = (before.recv().ok(), after.recv().ok());
        if let (None, None) = lists {
            return waiting.0.len() + waiting.1.len();
        }
        waiting.0.extend(lists.0.into_iter().flatten());
        for (frame, after) in lists.1.into_iter().flatten().chain(std::mem::take(&mut waiting.1)) {
            match waiting.0.remove(&frame) {
                None => _ = waiting.1.insert(frame, after),
                Some(before) => {
                    compared.frames += 1;
                    compared.pairs.entry((before, after)).or_default().add(capture, frame);
                }
            }
        }
    }
}

impl Known {
    fn number(&mut self, path: FramePath) -> PathNo {
        if let Some(&number) = self.numbers.get(&path) {
            return Some(number);
        }
        self.legs += path.size();
        let number = self.numbers.len() as u32;
        (self.legs <= LEGS_MAX).then(|| *self.numbers.entry(path).or_insert(number))
    }

    /// The paths by their numbers.
    pub fn paths(&self) -> Vec<&FramePath> {
        let mut paths: Vec<(&u32, &FramePath)> =
            self.numbers.iter().map(|(path, number)| (number, path)).collect();
        paths.sort_unstable_by_key(|(number, _)| **number);
        paths.into_iter().map(|(_, path)| path).collect()
    }
}
