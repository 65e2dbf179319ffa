//! `xdpsim explain --frame`: the way of one frame, found by replaying the capture up to its end.

use xdpsim_core::story::Step;
use xdpsim_core::{FrameNo, Stamp, StoryBook};

use super::feeds::Taking;
use super::paths;
use super::progress::Bar;
use super::world::{self, World};
use crate::cli::ExplainArgs;
use crate::exit::{Exit, Failure, Message};
use crate::explain::{Names, Story, Subject, document, render};
use crate::output::columns::counted;
use crate::output::stdout;
use crate::runner::{self, Finished, RunProgress, Settings, Source};

/// Runs the command.
pub(super) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let Some(frame) = args.frame else { return paths::run(args) };
    let world = world::load(&args.world)?;
    stdout::complain(&world.warnings);
    let [capture] = world.captures.as_slice() else {
        return Err(Failure::usage(
            "several captures, but one frame",
            "name the one capture that the frame is in",
        ));
    };
    let feed = Taking::all(&world).feed(std::slice::from_ref(capture))?;
    let subject = Subject { capture: capture.name(), frame, title: world.title.clone() };
    tell(&world, feed, &subject, args.json)
}

/// Replays a capture and tells the story of one frame of it.
pub(super) fn tell(
    world: &World,
    mut source: impl Source,
    subject: &Subject,
    json: bool,
) -> Result<Exit, Failure> {
    if let Some(objects) = &world.objects {
        objects.trace(FrameNo(subject.frame - 1));
    }
    let (steps, finished) = follow(world, &mut source, &subject.capture, FrameNo(subject.frame - 1))?;
    let story = Story::new(&steps);
    if story.is_empty() {
        return Err(not_there(subject, finished));
    }
    // Behind a break the frame may have had company; what is told is what the readable part caused.
    let errors: Vec<Message> = finished.stopped.iter().map(Message::from).collect();
    let names = Names::new(&world.plan);
    let runs = finished.objects.traced();
    match json {
        true => stdout::print(&document(names, subject, &story, &runs, &errors))?,
        false => {
            let mut text = render(names, subject, &story);
            runs.iter().for_each(|run| text.push_str(&format!("\n{}", run.render())));
            stdout::print(&text)?;
        }
    }
    for message in &errors {
        stdout::complain(&Failure::Plain(Exit::Input, message.clone()).render(super::colour()));
    }
    Ok(if errors.is_empty() { Exit::Fine } else { Exit::Input })
}

/// Replays the whole capture: what comes later can still wake, or purge, a frame.
fn follow(
    world: &World,
    source: &mut impl Source,
    file: &str,
    frame: FrameNo,
) -> Result<(Vec<(Stamp, Step)>, Finished), Failure> {
    let bar = Bar::new(true, file);
    let only = Some(frame);
    let mut steps = Vec::new();
    let make_sink = move |_: usize| StoryBook { only, ..StoryBook::default() };
    let mut collect = |books: Vec<StoryBook>, progress: RunProgress| -> Result<(), Failure> {
        bar.update(progress);
        let told = books.into_iter().flat_map(|book| book.steps);
        steps.extend(told.map(|(at, _, step)| (at, step)));
        Ok(())
    };
    let settings = Settings { timing: world.timing, ..Settings::default() };
    let finished = runner::run(&world.plan, world.ingress, source, &settings, &make_sink, &mut collect)?;
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
