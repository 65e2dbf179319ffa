//! `xdpsim explain`: the way of one frame, found by replaying the capture up to its end.

use xdpsim_core::story::Step;
use xdpsim_core::{FrameNo, Stamp, StoryBook};

use super::progress::Bar;
use super::world::{self, Capture, World};
use crate::capture::ReadOptions;
use crate::cli::ExplainArgs;
use crate::exit::{Exit, Failure, Message};
use crate::explain::{Names, Story, Subject, document, render};
use crate::output::columns::counted;
use crate::output::stdout;
use crate::runner::{self, Finished, RunProgress, Settings};

/// Runs the command.
pub(super) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let world = world::load(&args.world)?;
    stdout::complain(&world.warnings);
    let [capture] = world.captures.as_slice() else {
        return Err(Failure::usage(
            "several captures, but one frame",
            "name the one capture that the frame is in",
        ));
    };
    let (steps, finished) = follow(args, &world, capture)?;
    let story = Story::new(&steps);
    let subject = Subject { capture: capture.name(), frame: args.frame, title: world.title.clone() };
    if story.is_empty() {
        return Err(not_there(&subject, finished));
    }
    // Behind a break the frame may have had company; what is told is what the readable part caused.
    let errors: Vec<Message> = finished.stopped.iter().map(Message::from).collect();
    let names = Names::new(&world.plan);
    match args.json {
        true => stdout::print(&document(names, &subject, &story, &errors))?,
        false => stdout::print(&render(names, &subject, &story))?,
    }
    for message in &errors {
        stdout::complain(&Failure::Plain(Exit::Input, message.clone()).render(super::colour()));
    }
    Ok(if errors.is_empty() { Exit::Fine } else { Exit::Input })
}

/// Replays the whole capture: what comes later can still wake, or purge, a frame.
fn follow(
    args: &ExplainArgs,
    world: &World,
    capture: &Capture,
) -> Result<(Vec<(Stamp, Step)>, Finished), Failure> {
    let options = ReadOptions { truncated: world.truncated, ..ReadOptions::default() };
    let mut reader = capture.open(&options)?;
    let bar = Bar::new(true, reader.file());
    let only = Some(FrameNo(args.frame - 1));
    let mut steps = Vec::new();
    let make_sink = move |_: usize| StoryBook { only, ..StoryBook::default() };
    let mut collect = |books: Vec<StoryBook>, progress: RunProgress| -> Result<(), Failure> {
        bar.update(progress);
        let told = books.into_iter().flat_map(|book| book.steps);
        steps.extend(told.map(|(at, _, step)| (at, step)));
        Ok(())
    };
    let settings = Settings { timing: world.timing, ..Settings::default() };
    let finished = runner::run(&world.plan, world.ingress, &mut reader, &settings, &make_sink, &mut collect)?;
    Ok((steps, finished))
}

fn not_there(subject: &Subject, finished: Finished) -> Failure {
    if let Some(error) = finished.stopped {
        return error.into();
    }
    let frames = finished.report.arrivals;
    let help = match frames {
        0 => "no frame of it was replayed".to_owned(),
        _ => format!("--frame takes 1 to {frames}"),
    };
    let holds = counted(frames, "frame", "frames");
    Failure::nothing(format!("{} has no frame {}: it holds {holds}", subject.capture, subject.frame), help)
}
