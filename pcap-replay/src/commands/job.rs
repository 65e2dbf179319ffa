//! One run: captures in, counters and files out.

use xdpsim_core::{FrameNo, Report};

use super::feeds::Taking;
use super::progress::Track;
use super::world::{Capture, World};
use crate::capture::{CaptureError, Resolution};
use crate::exit::{Failure, Message};
use crate::feed::{Feed, Part};
use crate::object::FirstFault;
use crate::output::annotated::{Annotated, Annotations, Recorded};
use crate::output::captures::{Captures, CapturesOptions};
use crate::output::events::Events;
use crate::output::results::Results;
use crate::output::tape::{Deliveries, Tape};
use crate::output::totals::CaptureDone;
use crate::runner::{self, EPOCH_BYTES, Finished, RunProgress, Settings};

/// What is replayed in one go, from the scenario's start.
pub(super) struct Job<'a> {
    /// One capture, or all of a chain.
    pub captures: &'a [Capture],
    /// Where a capture per port goes.
    pub out: Option<CapturesOptions>,
}

/// What all jobs have in common.
pub(super) struct Setting<'a> {
    pub world: &'a World,
    pub taking: &'a Taking,
    /// Threads that one job may use.
    pub threads: usize,
    /// The run ends where this is told.
    pub stop: Option<&'a FirstFault>,
}

/// Files that all jobs write to, one after the other.
#[derive(Default)]
pub(super) struct Streams {
    pub events: Option<Events>,
    pub annotated: Option<Annotated>,
}

/// What came of a job.
pub(super) struct Done {
    captures: Vec<CaptureDone>,
    firsts: Vec<FrameNo>,
    finished: Option<Finished>,
    /// Frames and bytes by port; empty if all arrived on the one ingress.
    received: Vec<(u64, u64)>,
}

impl Job<'_> {
    /// Opens, replays, writes and counts.
    pub fn run(
        &self,
        setting: &Setting<'_>,
        streams: &mut Streams,
        track: Track<'_>,
    ) -> Result<Done, Failure> {
        let keeps = self.out.is_some() || streams.events.is_some() || streams.annotated.is_some();
        let mut taking = setting.taking.clone();
        taking.read.buffer_bytes = buffer_bytes(setting.world, keeps);
        let feed = match taking.feed(self.captures) {
            Ok(feed) => feed,
            Err(error) => return Ok(self.unopened(&error)),
        };
        let mut run = Run { setting, feed, out: self.out.as_ref(), streams, track };
        let finished = run.dispatch()?;
        let (parts, received) = (run.feed.take_parts(), run.feed.received().to_vec());
        let (captures, firsts) = self.captures_done(&finished, parts);
        Ok(Done { captures, firsts, finished: Some(finished), received })
    }

    fn unopened(&self, error: &CaptureError) -> Done {
        let error = Some(Message::from(error));
        let done = CaptureDone { file: self.captures[0].name(), frames: 0, error };
        Done { captures: vec![done], firsts: vec![FrameNo(0)], finished: None, received: Vec::new() }
    }

    fn captures_done(&self, finished: &Finished, parts: Vec<Part>) -> (Vec<CaptureDone>, Vec<FrameNo>) {
        let unbalanced = (!finished.report.is_balanced()).then(|| unbalanced(&finished.report));
        if let [only] = self.captures {
            let error = unbalanced.or(finished.stopped.as_ref().map(Message::from));
            let done = CaptureDone { file: only.name(), frames: finished.report.arrivals, error };
            return (vec![done], vec![FrameNo(0)]);
        }
        let rest = self.captures.iter().skip(parts.len());
        let mut firsts: Vec<FrameNo> = parts.iter().map(|part| part.first).collect();
        firsts.extend(rest.clone().map(|_| FrameNo(finished.report.arrivals)));
        let read = self.captures.iter().zip(parts).map(|(capture, part)| CaptureDone {
            file: capture.name(),
            frames: part.frames,
            error: part.error.as_ref().map(Message::from),
        });
        // A limit was reached before them.
        let unread = rest.map(|capture| CaptureDone { file: capture.name(), frames: 0, error: None });
        let mut done: Vec<CaptureDone> = read.chain(unread).collect();
        if let (Some(last), Some(message)) = (done.last_mut(), unbalanced) {
            last.error = Some(message);
        }
        (done, firsts)
    }
}

impl Done {
    /// Adds it to what came of the jobs before.
    pub fn add_to(self, results: &mut Results, world: &World) {
        let Some(finished) = self.finished else {
            return self.captures.into_iter().for_each(|done| {
                results.totals.captures.push(done);
            });
        };
        let Finished { report, changes_failed, changes_left, objects, .. } = finished;
        match (&mut results.hits, objects.hits()) {
            (Some(all), Some(hits)) => all.add(&hits),
            (none, hits) => *none = hits.or(none.take()),
        }
        let first_capture = results.totals.captures.len();
        let place = |frame: u64| {
            let within = self.firsts.partition_point(|first| first.0 <= frame).saturating_sub(1);
            let before = self.firsts.get(within).map_or(0, |first| first.0);
            (first_capture + within, frame - before + 1)
        };
        results.faults.add_run(&objects.faults(), place);
        results.tell(&objects.tellings(), place);
        results.changes_failed.extend(changes_failed.iter().map(|failed| (failed.index, failed.errno)));
        results.changes_left = results.changes_left.max(changes_left);
        for ((_, port), &received) in world.plan.ports().zip(&self.received) {
            results.totals.receive(&port.name, received);
        }
        if self.received.is_empty() {
            let ingress = &world.plan.device(world.ingress).name;
            results.totals.receive(ingress, (report.arrivals, report.arrival_bytes));
        }
        results.totals.add_run(&report, self.captures, &self.firsts);
    }
}

fn unbalanced(report: &Report) -> Message {
    let ended: u64 = report.ends.values().map(|tally| tally.frames).sum();
    Failure::internal_message(format!(
        "the books do not balance: {} arrivals + {} copies, but {ended} fates",
        report.arrivals, report.clones
    ))
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

/// A job on its way.
struct Run<'a> {
    setting: &'a Setting<'a>,
    feed: Feed,
    out: Option<&'a CapturesOptions>,
    streams: &'a mut Streams,
    track: Track<'a>,
}

impl Run<'_> {
    /// A sink is as cheap as what it is asked for, which is known at compile time.
    fn dispatch(&mut self) -> Result<Finished, Failure> {
        match (self.streams.events.is_some(), self.out.is_some(), self.streams.annotated.is_some()) {
            (false, _, true) => self.annotate::<false>(),
            (true, _, true) => self.annotate::<true>(),
            (false, false, false) => self.run::<false, false>(),
            (false, true, false) => self.run::<false, true>(),
            (true, false, false) => self.run::<true, false>(),
            (true, true, false) => self.run::<true, true>(),
        }
    }

    fn run<const EVENTS: bool, const DELIVERIES: bool>(&mut self) -> Result<Finished, Failure> {
        let Self { setting, feed, out, streams, track } = self;
        let world = setting.world;
        let settings = Settings { timing: world.timing, threads: setting.threads, ledger: true };
        let mut writing = Writing { world, options: *out, resolution: feed.resolution(), captures: None };
        let make_sink = |_: usize| Tape::<EVENTS, DELIVERIES>::default();
        let mut collect =
            |tapes: Vec<Tape<EVENTS, DELIVERIES>>, progress: RunProgress| -> Result<(), Failure> {
                track.update(progress);
                write_events(streams.events.as_mut(), tapes.iter())?;
                writing.write(tapes.iter(), progress)?;
                stop_at_fault(setting)
            };
        let finished = runner::run(&world.plan, world.ingress, feed, &settings, &make_sink, &mut collect)?;
        writing.finish()?;
        Ok(finished)
    }

    /// With every step of every frame: on one thread, so that what is known at the end of a batch does not
    /// depend on how many there are.
    fn annotate<const EVENTS: bool>(&mut self) -> Result<Finished, Failure> {
        let Self { setting, feed, out, streams, track } = self;
        let world = setting.world;
        let Streams { events, annotated: Some(annotated) } = &mut **streams else {
            return Err(Failure::internal("an annotated capture without a file"));
        };
        let settings = Settings { timing: world.timing, threads: 1, ledger: true };
        let mut writing = Writing { world, options: *out, resolution: feed.resolution(), captures: None };
        let mut recorded = Recorded::new(feed, world.ingress);
        let arrived = recorded.arrived();
        let make_sink = |_: usize| Annotations::<EVENTS>::default();
        let mut collect = |notes: Vec<Annotations<EVENTS>>, progress: RunProgress| -> Result<(), Failure> {
            track.update(progress);
            write_events(events.as_mut(), notes.iter().map(|notes| &notes.tape))?;
            writing.write(notes.iter().map(|notes| &notes.tape), progress)?;
            annotated.write(&notes, &arrived)?;
            stop_at_fault(setting)
        };
        let finished =
            runner::run(&world.plan, world.ingress, &mut recorded, &settings, &make_sink, &mut collect)?;
        annotated.end_run(finished.report.arrivals)?;
        writing.finish()?;
        Ok(finished)
    }
}

/// What was written up to the end of the batch stays.
fn stop_at_fault(setting: &Setting<'_>) -> Result<(), Failure> {
    match setting.stop.and_then(FirstFault::told) {
        Some((frame, story)) => Err(Failure::fault(format!("frame {}: {story}", frame.0 + 1))),
        None => Ok(()),
    }
}

fn write_events<'a, const EVENTS: bool, const DELIVERIES: bool>(
    events: Option<&mut Events>,
    tapes: impl Iterator<Item = &'a Tape<EVENTS, DELIVERIES>>,
) -> Result<(), Failure> {
    let Some(events) = events else { return Ok(()) };
    let lists: Vec<_> = tapes.map(|tape| tape.events.as_slice()).collect();
    events.write(&lists)
}

/// The captures per port of a job; made when the first frame is there, so that a capture without a single
/// frame leaves no files behind.
struct Writing<'a> {
    world: &'a World,
    options: Option<&'a CapturesOptions>,
    resolution: std::sync::Arc<std::sync::OnceLock<Resolution>>,
    captures: Option<Captures>,
}

impl Writing<'_> {
    fn write<'t, const EVENTS: bool, const DELIVERIES: bool>(
        &mut self,
        tapes: impl Iterator<Item = &'t Tape<EVENTS, DELIVERIES>>,
        progress: RunProgress,
    ) -> Result<(), Failure> {
        let (Some(options), true) = (self.options, progress.frames > 0) else { return Ok(()) };
        let captures = match &mut self.captures {
            Some(captures) => captures,
            none => {
                let resolution = self.resolution.get().copied().unwrap_or_default();
                none.insert(Captures::create(&self.world.plan, options, resolution)?)
            }
        };
        let lists: Vec<&Deliveries> = tapes.map(|tape| &tape.deliveries).collect();
        Ok(captures.write(&lists)?)
    }

    fn finish(self) -> Result<(), Failure> {
        Ok(self.captures.map_or(Ok(()), Captures::finish)?)
    }
}
