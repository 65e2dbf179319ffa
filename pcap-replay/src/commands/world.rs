//! What is simulated and what arrives there: files and flags to a plan and captures.
//!
//! Owns how a scenario, flags and built-in parts go together.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use xdpsim_core::netdev::Kind;
use xdpsim_core::{DevId, KernelVersion, Plan, Scenario, Timing};

use crate::builtin;
use crate::capture::{CaptureError, CaptureReader, ReadOptions, Truncated};
use crate::cli::{TimingArg, TruncatedArg, WorldArgs};
use crate::exit::Failure;
use crate::output::columns::counted;
use crate::scenario::{self, CommonCase, Parsed, ReplaySection, Source};

/// Everything that a run needs.
pub(super) struct World {
    pub plan: Plan,
    pub ingress: DevId,
    pub timing: Timing,
    pub truncated: Truncated,
    pub captures: Vec<Capture>,
    /// What is simulated, as part of a line.
    pub title: String,
    /// What the scenario is warned about, rendered; empty for none.
    pub warnings: String,
    /// Line of each change in the scenario file.
    pub change_lines: Vec<usize>,
    /// Neither a scenario nor a capture nor flags: somebody who looks around.
    pub is_example: bool,
}

/// Where frames come from.
pub(super) enum Capture {
    BuiltIn,
    File(PathBuf),
}

impl Capture {
    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Self::BuiltIn => builtin::NAME.to_owned(),
            Self::File(path) if path == Path::new("-") => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    pub fn open(&self, options: &ReadOptions) -> Result<CaptureReader, CaptureError> {
        match self {
            Self::BuiltIn => builtin::open(options),
            Self::File(path) => CaptureReader::open(path, options),
        }
    }
}

impl World {
    /// The command that tells the story of a frame, as it would have to be typed.
    pub fn explain(&self, args: &WorldArgs, capture: usize, frame: u64) -> String {
        let mut words = vec!["xdpsim".to_owned(), "explain".to_owned()];
        words.extend(sort_files(args).0.iter().map(|path| path.display().to_string()));
        if let Some(Capture::File(path)) = self.captures.get(capture) {
            words.push(path.display().to_string());
        }
        words.extend(again(args));
        words.push(format!("--frame {frame}"));
        words.join(" ")
    }
}

/// The flags about the world as they were given.
fn again(args: &WorldArgs) -> Vec<String> {
    let value = |value: Option<&str>, flag: &str| value.map(|value| format!("--{flag} {value}"));
    let name = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let timing = name(args.timing.as_ref().and_then(TimingArg::to_possible_value));
    let truncated = name(args.truncated.as_ref().and_then(TruncatedArg::to_possible_value));
    let words = [
        value(args.ports.map(|ports| ports.to_string()).as_deref(), "ports"),
        args.broadcast.then(|| "--broadcast".to_owned()),
        args.exclude_ingress.then(|| "--exclude-ingress".to_owned()),
        value(args.ingress.as_deref(), "ingress"),
        value(timing.as_deref(), "timing"),
        value(truncated.as_deref(), "truncated"),
        value(args.kernel.map(|kernel| kernel.to_string()).as_deref(), "kernel"),
    ];
    words.into_iter().flatten().collect()
}

/// Where the ports come from.
enum Ports {
    File(PathBuf),
    Flags,
    BuiltIn,
}

/// Reads the scenario, resolves names, builds the plan.
pub(super) fn load(args: &WorldArgs) -> Result<World, Failure> {
    let (scenarios, captures) = sort_files(args);
    let ports = choose_ports(args, &scenarios, &captures)?;
    let is_example = matches!(ports, Ports::BuiltIn) && captures.is_empty();
    let mut loaded = match &ports {
        Ports::File(path) => from_file(path)?,
        Ports::Flags => from_flags(args)?,
        Ports::BuiltIn => Loaded::parsed(scenario::builtin().map_err(Failure::Scenario)?, "built-in example"),
    };
    if let Some(kernel) = args.kernel {
        loaded.scenario.profile.kernel = kernel;
    }
    let plan = loaded.plan()?;
    let ingress = ingress(&plan, args.ingress.as_deref().or(loaded.replay.ingress.as_deref()))?;
    let timing = timing(args, &loaded.replay);
    Ok(World {
        ingress,
        timing,
        truncated: truncated(args, &loaded.replay),
        captures: if captures.is_empty() { vec![Capture::BuiltIn] } else { captures },
        title: title(&loaded, &plan, ingress, timing),
        warnings: loaded.warnings(),
        change_lines: loaded.change_lines(),
        is_example,
        plan,
    })
}

/// What ends in .toml is a scenario, all else a capture.
fn sort_files(args: &WorldArgs) -> (Vec<PathBuf>, Vec<Capture>) {
    let is_scenario = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "toml");
    let scenarios = args.files.iter().filter(is_scenario).cloned().collect();
    let captures = args.files.iter().filter(|path| !is_scenario(path)).chain(&args.read);
    (scenarios, captures.cloned().map(Capture::File).collect())
}

fn choose_ports(args: &WorldArgs, scenarios: &[PathBuf], captures: &[Capture]) -> Result<Ports, Failure> {
    let flags = args.ports.is_some() || args.broadcast || args.exclude_ingress;
    let twice =
        captures.iter().filter(|capture| matches!(capture, Capture::File(path) if path == Path::new("-")));
    if twice.count() > 1 {
        return Err(Failure::usage("standard input (`-`) is there twice", "it can be read once"));
    }
    match scenarios {
        [] if flags || !captures.is_empty() => Ok(Ports::Flags),
        [] => Ok(Ports::BuiltIn),
        [one] if flags => Err(Failure::usage(
            format!(
                "`--ports`, `--broadcast` and `--exclude-ingress` stand for a scenario, and {} is one",
                one.display()
            ),
            "leave out either the file or the flags",
        )),
        [one] => Ok(Ports::File(one.clone())),
        [first, second, ..] => Err(Failure::usage(
            format!("two scenarios: {} and {}", first.display(), second.display()),
            "one run simulates one scenario; captures can be several",
        )),
    }
}

/// A scenario with what is known about where it comes from.
struct Loaded {
    scenario: Scenario,
    replay: ReplaySection,
    name: String,
    parsed: Option<Parsed>,
}

impl Loaded {
    fn parsed(parsed: Parsed, name: &str) -> Self {
        let (scenario, replay) = (parsed.scenario.clone(), parsed.replay.clone());
        Self { scenario, replay, name: name.to_owned(), parsed: Some(parsed) }
    }

    fn plan(&mut self) -> Result<Plan, Failure> {
        Plan::new(&self.scenario).map_err(|error| match self.parsed.take() {
            Some(parsed) => Failure::Scenario(parsed.refused(&error)),
            None => Failure::build(&error),
        })
    }

    fn warnings(&self) -> String {
        self.parsed.as_ref().map(|parsed| parsed.warnings.render(super::colour())).unwrap_or_default()
    }

    fn change_lines(&self) -> Vec<usize> {
        let Some(parsed) = &self.parsed else { return Vec::new() };
        let source = parsed.warnings.source();
        parsed.spans.changes.iter().map(|span| source.position(span.start).line).collect()
    }
}

fn from_file(path: &Path) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    let source = Source::read(path).map_err(|error| Failure::unreadable(&name, &error.to_string()))?;
    let parsed = scenario::parse(&source).map_err(Failure::Scenario)?;
    Ok(Loaded::parsed(parsed, &name))
}

fn from_flags(args: &WorldArgs) -> Result<Loaded, Failure> {
    let defaults = CommonCase::default();
    let ports = args.ports.unwrap_or(defaults.ports);
    let ingress = match args.ingress.as_deref() {
        None => defaults.ingress,
        Some(name) => name.parse().map_err(|_| no_port(name, (1..=ports).map(|port| port.to_string())))?,
    };
    let case =
        CommonCase { ports, ingress, broadcast: args.broadcast, exclude_ingress: args.exclude_ingress };
    let (scenario, replay) = scenario::from_flags(&case)
        .map_err(|error| Failure::usage(error.to_string(), "`xdpsim replay --help` has examples"))?;
    let ports = counted(u64::from(ports), "ideal port", "ideal ports");
    let to = match (args.broadcast, args.exclude_ingress) {
        (false, _) => "redirect to the next one",
        (true, false) => "broadcast to all",
        (true, true) => "broadcast to all but the ingress",
    };
    Ok(Loaded { scenario, replay, name: format!("{ports}, {to}"), parsed: None })
}

/// The port on which frames arrive.
fn ingress(plan: &Plan, name: Option<&str>) -> Result<DevId, Failure> {
    let names =
        || plan.ports().filter(|(_, port)| port.kind != Kind::Upper).map(|(_, port)| port.name.clone());
    let Some(name) = name else {
        // The scenario's reader has made sure that there is a port.
        return plan.ports().next().map(|(dev, _)| dev).ok_or_else(|| no_port("", names()));
    };
    let dev = plan.port(name).ok_or_else(|| no_port(name, names()))?;
    if plan.device(dev).kind == Kind::Upper {
        return Err(Failure::usage(
            format!("`--ingress {name}`: frames cannot arrive on a port of kind `upper`"),
            format!("ports that receive: {}", listed(names())),
        ));
    }
    Ok(dev)
}

fn no_port(name: &str, names: impl Iterator<Item = String>) -> Failure {
    Failure::usage(format!("`--ingress {name}`: there is no such port"), format!("ports: {}", listed(names)))
}

/// Names for a message, not more than fit a line.
fn listed(mut names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = names.by_ref().take(SHOWN).collect();
    let more = names.count();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

fn timing(args: &WorldArgs, replay: &ReplaySection) -> Timing {
    match (args.timing, replay.timing) {
        (Some(TimingArg::Capture), _) => Timing::Capture,
        (Some(TimingArg::Asap), _) => Timing::Asap,
        (None, scenario::Timing::Capture) => Timing::Capture,
        (None, scenario::Timing::Asap) => Timing::Asap,
    }
}

fn truncated(args: &WorldArgs, replay: &ReplaySection) -> Truncated {
    match (args.truncated, replay.truncated) {
        (Some(TruncatedArg::AsCaptured), _) => Truncated::AsCaptured,
        (Some(TruncatedArg::Pad), _) => Truncated::Pad,
        (None, scenario::Truncated::AsCaptured) => Truncated::AsCaptured,
        (None, scenario::Truncated::Pad) => Truncated::Pad,
    }
}

fn title(loaded: &Loaded, plan: &Plan, ingress: DevId, timing: Timing) -> String {
    let timing = match timing {
        Timing::Capture => "at the capture's times",
        Timing::Asap => "back to back",
    };
    let kernel: KernelVersion = loaded.scenario.profile.kernel;
    format!("{}: frames arrive on {} {timing}, kernel {kernel}", loaded.name, plan.device(ingress).name)
}
