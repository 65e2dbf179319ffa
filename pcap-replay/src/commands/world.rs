//! What is simulated and what arrives there: files and flags to a plan and captures.
//!
//! Owns how a scenario, flags and built-in parts go together.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use xdpsim_core::{DevId, KernelVersion, Plan, Scenario, Timing};

use super::{ingress, objects};
use crate::builtin;
use crate::capture::{CaptureError, CaptureReader, ENDINGS, ReadOptions, Truncated, captures_in};
use crate::cli::{KeysArg, TimingArg, TruncatedArg, WorldArgs};
use crate::exit::Failure;
use crate::feed::InterfacePorts;
use crate::object;
use crate::output::columns::counted;
use crate::scenario::{self, CommonCase, Parsed, ReplaySection, Source};

/// Everything that a run needs.
pub(super) struct World {
    pub plan: Plan,
    pub ingress: DevId,
    pub timing: Timing,
    pub truncated: Truncated,
    pub captures: Vec<Capture>,
    /// The ports that interfaces of pcapng files are named after, if the scenario says so.
    pub interfaces: Option<InterfacePorts>,
    /// What is simulated, as part of a line.
    pub title: String,
    /// What the scenario is warned about, rendered; empty for none.
    pub warnings: String,
    /// Line of each change in the scenario file.
    pub change_lines: Vec<usize>,
    /// The objects whose programs run, if there are any.
    pub objects: Option<object::Template>,
    /// What was assumed about an object that came without a scenario.
    pub notes: Vec<String>,
    /// Neither a scenario nor a capture nor flags: somebody who looks around.
    pub is_example: bool,
}

/// Where frames come from.
#[derive(Clone)]
pub(super) enum Capture {
    BuiltIn,
    File(PathBuf),
    /// Taken at several ports, to be merged by time.
    Together(Vec<(DevId, PathBuf)>),
}

impl Capture {
    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Self::BuiltIn => builtin::NAME.to_owned(),
            Self::File(path) => file_name(path),
            Self::Together(files) => {
                let names: Vec<String> = files.iter().map(|(_, path)| file_name(path)).collect();
                names.join(" + ")
            }
        }
    }

    /// The files that it reads.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let (one, several) = match self {
            Self::BuiltIn => (None, [].as_slice()),
            Self::File(path) => (Some(path.as_path()), [].as_slice()),
            Self::Together(files) => (None, files.as_slice()),
        };
        one.into_iter().chain(several.iter().map(|(_, path)| path.as_path()))
    }

    pub fn open(&self, options: &ReadOptions) -> Result<CaptureReader, CaptureError> {
        match self {
            Self::BuiltIn => builtin::open(options),
            Self::File(path) => CaptureReader::open(path, options),
            Self::Together(_) => {
                let source = std::io::Error::other(
                    "captures of several ports cannot be merged here, only by `replay` and `explain`",
                );
                Err(CaptureError::Open { file: self.name(), source })
            }
        }
    }
}

fn file_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

impl World {
    /// The command that tells the story of a frame, as it would have to be typed.
    pub fn explain(&self, args: &WorldArgs, capture: usize, frame: u64) -> String {
        let mut words = vec!["xdpsim".to_owned(), "explain".to_owned()];
        words.extend(scenarios(args).map(|path| path.display().to_string()));
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
    let ingress: Vec<String> = args.ingress.iter().map(|ingress| format!("--ingress {ingress}")).collect();
    let words = [
        value(args.ports.map(|ports| ports.to_string()).as_deref(), "ports"),
        args.broadcast.then(|| "--broadcast".to_owned()),
        args.exclude_ingress.then(|| "--exclude-ingress".to_owned()),
        value(args.objects.object.as_deref(), "object"),
        value(args.objects.program.as_deref(), "prog"),
        (args.objects.keys == KeysArg::Ifindex).then(|| "--keys ifindex".to_owned()),
        value(args.objects.maps.as_ref().map(|file| file.display().to_string()).as_deref(), "maps"),
        value(args.objects.engine.map(|engine| engine.to_string()).as_deref(), "engine"),
        value(args.objects.btf.as_ref().map(|file| file.display().to_string()).as_deref(), "btf"),
        (!ingress.is_empty()).then(|| ingress.join(" ")),
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
    Object(String),
    BuiltIn,
}

/// Reads the scenario, resolves names, builds the plan.
pub(super) fn load(args: &WorldArgs) -> Result<World, Failure> {
    load_seeded(args, None)
}

/// The same with another seed than the scenario's.
pub(super) fn load_seeded(args: &WorldArgs, seed: Option<u64>) -> Result<World, Failure> {
    let scenarios: Vec<PathBuf> = scenarios(args).cloned().collect();
    let captures = captures(args)?;
    let lanes = has_lanes(args);
    let ports = choose_ports(args, &scenarios, &captures)?;
    let is_example = matches!(ports, Ports::BuiltIn) && captures.is_empty();
    let mut loaded = match &ports {
        Ports::File(path) => from_file(path, &objects::options(args)?)?,
        Ports::Flags => from_flags(args)?,
        Ports::Object(spec) => objects::from_flags(args, spec)?,
        Ports::BuiltIn => Loaded::parsed(scenario::builtin().map_err(Failure::Scenario)?, "built-in example"),
    };
    if let Some(kernel) = args.kernel {
        loaded.scenario.profile.kernel = kernel;
    }
    if let Some(seed) = seed {
        loaded.scenario.seed = seed;
    }
    let plan = loaded.plan()?;
    let lanes = if lanes { ingress::lanes(&plan, &args.ingress, &captures)? } else { Vec::new() };
    let ingress = match lanes.first() {
        Some((first, _)) => *first,
        None => ingress::one(&plan, args.ingress.first().or(loaded.replay.ingress.as_ref()))?,
    };
    let timing = timing(args, &loaded.replay);
    let by_interface = loaded.replay.interfaces && args.ingress.is_empty();
    let interfaces = if by_interface { ingress::interfaces(&plan, &["auto".to_owned()])? } else { None };
    let from: Vec<DevId> = if lanes.is_empty() { vec![ingress] } else { ingress::ports(&lanes) };
    let captures = match captures {
        _ if !lanes.is_empty() => vec![Capture::Together(lanes)],
        none if none.is_empty() => own_captures(&ports, &loaded.replay),
        some => some,
    };
    Ok(World {
        ingress,
        timing,
        truncated: truncated(args, &loaded.replay),
        captures,
        interfaces,
        title: title(&loaded, &plan, (&from, by_interface), timing),
        warnings: loaded.warnings(),
        change_lines: loaded.change_lines(),
        objects: loaded.objects,
        notes: loaded.notes,
        is_example,
        plan,
    })
}

/// Without captures on the command line: those that the scenario names, or made-up frames.
fn own_captures(ports: &Ports, replay: &ReplaySection) -> Vec<Capture> {
    match ports {
        Ports::File(scenario) if !replay.captures.is_empty() => {
            let folder = scenario.parent().unwrap_or(Path::new(""));
            replay.captures.iter().map(|file| Capture::File(folder.join(file))).collect()
        }
        _ => vec![Capture::BuiltIn],
    }
}

fn is_scenario(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
}

/// Of the files: what ends in .toml is a scenario.
fn scenarios(args: &WorldArgs) -> impl Iterator<Item = &PathBuf> {
    args.files.iter().filter(|path| is_scenario(path))
}

/// All else is a capture, or a directory of them.
fn captures(args: &WorldArgs) -> Result<Vec<Capture>, Failure> {
    let mut captures = Vec::new();
    for path in args.files.iter().filter(|path| !is_scenario(path)).chain(&args.read) {
        if path.is_dir() {
            let listed = captures_in(path)
                .map_err(|error| Failure::usage(error.to_string(), "name captures that can be read"))?;
            if listed.is_empty() {
                let known = ENDINGS.map(|ending| format!(".{ending}")).join(", ");
                return Err(Failure::nothing(
                    format!("{}: no capture in this directory", path.display()),
                    format!("captures in a directory end in {known}, also with .gz or .zst behind it"),
                ));
            }
            captures.extend(listed.into_iter().map(Capture::File));
        } else {
            captures.push(Capture::File(path.clone()));
        }
    }
    Ok(captures)
}

/// Are there captures of several ports? A port's name may have a `=`, but it is no file then.
fn has_lanes(args: &WorldArgs) -> bool {
    args.ingress.len() > 1 || args.ingress.iter().any(|ingress| ingress.contains('='))
}

fn choose_ports(args: &WorldArgs, scenarios: &[PathBuf], captures: &[Capture]) -> Result<Ports, Failure> {
    let flags = args.ports.is_some() || args.broadcast || args.exclude_ingress;
    let lanes =
        args.ingress.iter().filter_map(|ingress| ingress.split_once('=')).map(|(_, file)| Path::new(file));
    let files = captures.iter().flat_map(Capture::files).chain(lanes);
    if files.filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Failure::usage("standard input (`-`) is there twice", "it can be read once"));
    }
    match scenarios {
        [] if args.objects.object.is_some() => objects::alone(args).map(Ports::Object),
        [one] if args.objects.object.is_some() => Err(Failure::usage(
            format!("`--object` stands for a scenario, and {} is one", one.display()),
            "name the object in the scenario: `object = \"fwd.o\"` of a `[[program]]`",
        )),
        [] if flags || !captures.is_empty() || has_lanes(args) => Ok(Ports::Flags),
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
pub(super) struct Loaded {
    scenario: Scenario,
    replay: ReplaySection,
    name: String,
    parsed: Option<Parsed>,
    /// Code of programs that the scenario only names.
    code: object::Programs,
    objects: Option<object::Template>,
    notes: Vec<String>,
}

impl Loaded {
    fn parsed(parsed: Parsed, name: &str) -> Self {
        let (scenario, replay) = (parsed.scenario.clone(), parsed.replay.clone());
        Self { parsed: Some(parsed), ..Self::plain(scenario, replay, name.to_owned()) }
    }

    pub(super) fn plain(scenario: Scenario, replay: ReplaySection, name: String) -> Self {
        let (code, notes) = (object::Programs::new(), Vec::new());
        Self { scenario, replay, name, parsed: None, code, objects: None, notes }
    }

    pub(super) fn with_objects(
        self,
        code: object::Programs,
        objects: object::Template,
        notes: Vec<String>,
    ) -> Self {
        Self { code, objects: Some(objects), notes, ..self }
    }

    fn plan(&mut self) -> Result<Plan, Failure> {
        let code = std::mem::take(&mut self.code);
        if let Some(objects) = &self.objects {
            objects.set_kernel(self.scenario.profile.kernel);
        }
        Plan::with_programs(&self.scenario, code).map_err(|error| match self.parsed.take() {
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

fn from_file(path: &Path, options: &object::Options) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    let source = Source::read(path).map_err(|error| Failure::unreadable(&name, &error.to_string()))?;
    let mut parsed = scenario::parse(&source).map_err(Failure::Scenario)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let made = object::in_scenario(&mut parsed, folder, options).map_err(Failure::Scenario)?;
    let (code, objects) = made.map_or_else(Default::default, |(code, objects)| (code, Some(objects)));
    Ok(Loaded { code, objects, ..Loaded::parsed(parsed, &name) })
}

fn from_flags(args: &WorldArgs) -> Result<Loaded, Failure> {
    let defaults = CommonCase::default();
    let ports = args.ports.unwrap_or(defaults.ports);
    let number = |ingress: &String| {
        let name = ingress.split_once('=').map_or(ingress.as_str(), |(port, _)| port);
        name.parse().map_err(|_| ingress::no_port(name, (1..=ports).map(|port| port.to_string())))
    };
    let ingress = args.ingress.first().map_or(Ok(defaults.ingress), number)?;
    if args.ingress.len() > 1 && !args.broadcast {
        return Err(Failure::usage(
            "frames that arrive on several ports need a scenario or `--broadcast`",
            "without either, frames go to the port after the one ingress",
        ));
    }
    let case =
        CommonCase { ports, ingress, broadcast: args.broadcast, exclude_ingress: args.exclude_ingress };
    let (mut scenario, replay) = scenario::from_flags(&case)
        .map_err(|error| Failure::usage(error.to_string(), "`xdpsim replay --help` has examples"))?;
    let program = scenario.ports.iter().find_map(|port| port.xdp.clone());
    for other in args.ingress.iter().skip(1) {
        let other: u32 = number(other)?;
        if let Some(port) = scenario.ports.get_mut(other.wrapping_sub(1) as usize) {
            port.xdp.clone_from(&program);
        }
    }
    let ports = counted(u64::from(ports), "ideal port", "ideal ports");
    let to = match (args.broadcast, args.exclude_ingress) {
        (false, _) => "redirect to the next one",
        (true, false) => "broadcast to all",
        (true, true) => "broadcast to all but the ingress",
    };
    Ok(Loaded::plain(scenario, replay, format!("{ports}, {to}")))
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

fn title(loaded: &Loaded, plan: &Plan, (from, by_interface): (&[DevId], bool), timing: Timing) -> String {
    let timing = match timing {
        Timing::Capture => "at the capture's times",
        Timing::Asap => "back to back",
    };
    let kernel: KernelVersion = loaded.scenario.profile.kernel;
    let ports: Vec<&str> = from.iter().map(|&port| plan.device(port).name.as_str()).collect();
    let profile = loaded.scenario.profile;
    let rules = if profile.rules.is_mainline() { String::new() } else { format!(" with {}", profile.rules) };
    let from = match by_interface {
        true => "the ports of their interfaces".to_owned(),
        false => ports.join(", "),
    };
    format!("{}: frames arrive on {from} {timing}, kernel {kernel}{rules}", loaded.name)
}
