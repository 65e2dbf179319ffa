//! One scenario: run over its captures, judged, and accepted if that was asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeTable;
use xdpsim_core::{DevId, FrameNo, Nanos, NullSink};

use super::find::Found;
use crate::capture::{CaptureWriter, Format, ReadOptions, Resolution, WriteOptions};
use crate::cli::WorldArgs;
use crate::commands::feeds::Taking;
use crate::commands::world::{self, Capture, World};
use crate::exit::{Exit, Failure, Message};
use crate::expect::golden::{Egress, Golden, Origin};
use crate::expect::judge::{Broken, ElementDiffers, Fix, Observed, judge};
use crate::expect::look::Look;
use crate::expect::report::{Case, Verdict};
use crate::expect::update;
use crate::object::Differs;
use crate::output::ports;
use crate::output::totals::CaptureDone;
use crate::runner::{self, Finished, RunProgress, Settings};
use crate::scenario::{self, Expectation, Expected, Source};

/// Tests a scenario; `None` for a file that is none.
pub(super) fn run(found: &Found, update: bool) -> Option<Case> {
    let name = found.path.display().to_string();
    let source = match Source::read(&found.path) {
        Ok(source) => source,
        Err(error) => {
            return Some(Case::failed(name.clone(), Failure::unreadable(&name, &error.to_string())));
        }
    };
    if !found.named && !expects(source.text()) {
        return None;
    }
    let test = match scenario::parse(&source) {
        Ok(parsed) => Test { found, source, expectations: parsed.expect },
        Err(problems) => return Some(Case::failed(name, Failure::Scenario(problems))),
    };
    Some(test.run(update).unwrap_or_else(|failure| Case::failed(name, failure)))
}

/// Has the text a key `expect` at its top, whatever else is wrong with it?
fn expects(text: &str) -> bool {
    DeTable::parse_recoverable(text).0.get_ref().contains_key("expect")
}

struct Test<'a> {
    found: &'a Found,
    source: Source,
    expectations: Option<Vec<Expectation>>,
}

impl Test<'_> {
    fn run(&self, update: bool) -> Result<Case, Failure> {
        let file = self.found.path.display().to_string();
        let lines = self.list().iter().map(|one| (self.line(one), one.expected.to_string())).collect();
        let case = |world: Option<&World>, frames, verdict| {
            let captures =
                world.map_or_else(Vec::new, |world| world.captures.iter().map(Capture::name).collect());
            Case { file: file.clone(), captures, frames, expectations: lines, verdict }
        };
        let to_fill = update && self.expectations.is_some();
        if self.list().is_empty() && !to_fill {
            return Ok(case(None, 0, Verdict::Unexpecting));
        }
        let args = WorldArgs { files: vec![self.found.path.clone()], ..WorldArgs::default() };
        let world = world::load(&args)?;
        let seen = self.observe(&world)?;
        if self.list().is_empty() {
            self.write(update::fill(self.source.text(), &seen))?;
            return Ok(case(Some(&world), seen.totals.arrivals, Verdict::Updated(0)));
        }
        let verdict = match self.judge(&world, &args, &seen) {
            broken if broken.is_empty() => Verdict::Passed,
            broken if update => self.accept(&world, &broken)?,
            broken => Verdict::Broken(broken.into_iter().map(|(_, broken)| broken).collect()),
        };
        Ok(case(Some(&world), seen.totals.arrivals, verdict))
    }

    fn list(&self) -> &[Expectation] {
        self.expectations.as_deref().unwrap_or_default()
    }

    fn line(&self, expectation: &Expectation) -> usize {
        self.source.position(expectation.at.start).line
    }

    /// The golden captures: port and file.
    fn golden(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let folder = self.found.path.parent().unwrap_or(Path::new(""));
        self.list().iter().filter_map(move |one| match &one.expected {
            Expected::Golden(port, file) => Some((port.as_str(), folder.join(file))),
            _ => None,
        })
    }

    /// Replays all captures.
    fn observe(&self, world: &World) -> Result<Observed, Failure> {
        let port = |(port, file): (&str, PathBuf)| {
            Some((port.to_owned(), Golden::open(world.plan.port(port)?, &file)))
        };
        let mut golden: BTreeMap<String, Golden> = self.golden().filter_map(port).collect();
        let mut seen = Observed::default();
        for (number, capture) in world.captures.iter().enumerate() {
            let finished = if golden.is_empty() {
                count(world, capture)?
            } else {
                follow(world, capture, &mut |port, frame, _, bytes| {
                    let origin = Origin { capture: number, frame: frame.0 + 1 };
                    let golden = golden.values_mut().filter(|golden| golden.port == port);
                    golden.for_each(|golden| golden.left(origin, bytes));
                    Ok(())
                })?
            };
            self.compare_elements(&mut seen, capture, &finished);
            add(&mut seen, capture, finished)?;
        }
        if seen.totals.arrivals == 0 {
            return Err(Failure::nothing(
                "no frame in any of its captures, so nothing was tested",
                "`[replay]` and `captures = [\"in.pcap\"]` name captures, relative to the scenario's folder",
            ));
        }
        seen.ports = ports::rows(&world.plan, &seen.totals);
        let parted = |(port, golden): (String, Golden)| Some((port, golden.finish().0?));
        seen.golden = golden.into_iter().filter_map(parted).collect();
        Ok(seen)
    }

    /// What objects' maps hold after a capture; each capture is replayed from the start.
    fn compare_elements(&self, seen: &mut Observed, capture: &Capture, finished: &Finished) {
        for one in self.list() {
            let Expected::Element { map, key, value } = &one.expected else { continue };
            let Some(Differs { expected, found }) = finished.objects.compare(map, key, value) else {
                continue;
            };
            let differs = ElementDiffers { capture: capture.name(), expected, found };
            seen.elements.entry((map.clone(), key.clone())).or_insert(differs);
        }
    }

    fn judge(&self, world: &World, args: &WorldArgs, seen: &Observed) -> Vec<(&Expectation, Broken)> {
        let mut broken: Vec<(&Expectation, Broken)> =
            self.list().iter().filter_map(|one| Some((one, judge(one, self.line(one), seen)?))).collect();
        for (_, broken) in &mut broken {
            for look in &mut broken.look_at {
                let command = |&frame: &u64| world.explain(args, look.capture, frame);
                look.command = look.frames.first().map(command);
            }
            if broken.look_at.iter().all(|look| look.command.is_none()) {
                broken.look_at.push(self.table());
            }
        }
        broken
    }

    /// Where no frame can be named.
    fn table(&self) -> Look {
        let command = Some(format!("xdpsim replay {}", self.found.path.display()));
        Look { command, ..Look::new("all counters and all losses".to_owned()) }
    }

    /// `--update`: the text and the golden captures follow what was found.
    fn accept(&self, world: &World, broken: &[(&Expectation, Broken)]) -> Result<Verdict, Failure> {
        let counts: Vec<(&Expectation, &Broken)> =
            broken.iter().map(|(one, broken)| (*one, broken)).collect();
        for (one, _) in broken.iter().filter(|(_, broken)| broken.fix == Fix::Rewrite) {
            if let Expected::Golden(port, file) = &one.expected {
                let folder = self.found.path.parent().unwrap_or(Path::new(""));
                rewrite(world, port, &folder.join(file))?;
            }
        }
        self.write(update::accept(self.source.text(), &counts))?;
        Ok(Verdict::Updated(broken.len()))
    }

    fn write(&self, text: Option<String>) -> Result<(), Failure> {
        let name = self.found.path.display().to_string();
        let text = text.ok_or_else(|| Failure::internal(format!("{name}: cannot be edited")))?;
        if text == self.source.text() {
            return Ok(());
        }
        std::fs::write(&self.found.path, text).map_err(|error| Failure::output(&name, &error))
    }
}

/// Adds what came of a capture. Counters of a part of it would be judged as if they were of all.
fn add(seen: &mut Observed, capture: &Capture, finished: Finished) -> Result<(), Failure> {
    if let Some(error) = &finished.stopped {
        return Err(Failure::Plain(Exit::Input, Message::from(error)));
    }
    if !finished.report.is_balanced() {
        return Err(Failure::internal(format!("{}: the books do not balance", capture.name())));
    }
    for (program, verdicts) in finished.objects.verdicts() {
        seen.verdicts.entry(program.clone()).or_default().add(verdicts);
    }
    let done = CaptureDone { file: capture.name(), frames: finished.report.arrivals, error: None };
    seen.totals.add(&finished.report, done);
    Ok(())
}

fn settings(world: &World) -> Settings {
    Settings { timing: world.timing, ..Settings::default() }
}

fn options(world: &World) -> ReadOptions {
    ReadOptions { truncated: world.truncated, buffer_bytes: 256 * 1024, ..ReadOptions::default() }
}

/// Replays a capture for its counters.
fn count(world: &World, capture: &Capture) -> Result<Finished, Failure> {
    let mut reader = Taking::reading(world, options(world)).feed(std::slice::from_ref(capture))?;
    let none = &mut |_: Vec<NullSink>, _: RunProgress| Ok::<(), Failure>(());
    runner::run(&world.plan, world.ingress, &mut reader, &settings(world), &|_| NullSink, none)
}

/// What is done with a frame that leaves: port, frame, arrival, bytes.
type WithFrame<'a> = dyn FnMut(DevId, FrameNo, Nanos, &[u8]) -> Result<(), Failure> + 'a;

/// Replays a capture and tells of every frame that leaves: port, frame, arrival, bytes.
fn follow(world: &World, capture: &Capture, left: &mut WithFrame<'_>) -> Result<Finished, Failure> {
    let mut reader = Taking::reading(world, options(world)).feed(std::slice::from_ref(capture))?;
    let collect = &mut |egress: Vec<Egress>, _: RunProgress| Egress::each(&egress, &mut *left);
    runner::run(&world.plan, world.ingress, &mut reader, &settings(world), &|_| Egress::default(), collect)
}

/// Writes a golden capture: what leaves by the port, stamped as it arrived.
fn rewrite(world: &World, port: &str, file: &Path) -> Result<(), Failure> {
    let golden = file.canonicalize().ok();
    let mut inputs = world.captures.iter().flat_map(Capture::files);
    if golden.is_some() && inputs.any(|input| input.canonicalize().ok() == golden) {
        let message = format!("{} would be read and written", file.display());
        return Err(Failure::usage(message, "name another golden capture"));
    }
    if let Some(folder) = file.parent() {
        let cannot = format!("{}: cannot create the directory", folder.display());
        std::fs::create_dir_all(folder).map_err(|error| Failure::output(&cannot, &error))?;
    }
    let is_pcap = file.extension().is_some_and(|ending| ending == "pcap");
    let format = if is_pcap { Format::Pcap } else { Format::PcapNg };
    let write = WriteOptions { format, resolution: Resolution::Nanos, interface: port.to_owned() };
    let mut writer = CaptureWriter::create(file, &write)?;
    let wanted = world.plan.port(port);
    for capture in &world.captures {
        follow(world, capture, &mut |port, _, arrival, bytes| {
            if Some(port) == wanted {
                writer.write(arrival, bytes, bytes.len() as u32)?;
            }
            Ok(())
        })?;
    }
    Ok(writer.finish()?)
}
