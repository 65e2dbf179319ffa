//! An object on N ports, with nothing else said: `xdpsim replay --object fwd.o --ports 4 in.pcap`.
//!
//! Owns what such a run assumes: ideal ports `1` to `N`, the program on all of them, and what the DEVMAPs begin with.

use serde_json::Value;
use xdpsim_core::scenario::{MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::{AttachType, MapKind};
use xdpsim_vm::Machine;
use xdpsim_vm::load::{Attach, Program};
use xdpsim_vm::maps::Kind;

use super::choose;
use super::contents::{self, Wrong};
use super::load::{ObjectError, Options, Source};
use super::machine::{Maps, Programs, programs};
use super::stage::Template;
use crate::scenario::{self, CommonCase, Contents, Element, Problem, Problems};

/// Under which keys DEVMAPs hold the ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// 0 to N-1 for ports 1 to N.
    #[default]
    Index,
    /// 1 to N: each port's ifindex.
    IfIndex,
}

/// What the flags say.
#[derive(Clone, Debug)]
pub struct OnPorts {
    /// How many ports there are, named "1", "2", … with these ifindexes; all ideal.
    pub ports: u32,
    /// The program for the ports; it may be left out if there is only one.
    pub program: Option<String>,
    /// How DEVMAPs are filled.
    pub keys: Keys,
    /// What maps and variables begin with; DEVMAPs that it names are not filled otherwise.
    pub contents: Option<Contents>,
}

impl Default for OnPorts {
    fn default() -> Self {
        Self { ports: 4, program: None, keys: Keys::Index, contents: None }
    }
}

/// A scenario with the code of its programs.
pub struct Ready {
    /// What is simulated.
    pub scenario: Scenario,
    /// The programs, for [`xdpsim_core::Plan::with_programs`].
    pub code: Programs,
    /// The objects behind them.
    pub template: Template,
    /// What was assumed, a line each.
    pub notes: Vec<String>,
}

/// Makes the scenario that the flags stand for.
///
/// # Errors
/// If the object cannot be loaded, or it is not clear which program is meant.
pub fn on_ports(source: &Source, case: &OnPorts, options: &Options) -> Result<Ready, ObjectError> {
    let common = CommonCase { ports: case.ports, ..CommonCase::default() };
    let (mut scenario, _) = scenario::from_flags(&common)?;
    scenario.maps.clear();
    let mut object = source.load(options)?;
    let mut problems = Vec::new();
    let (globals, elements) = case
        .contents
        .as_ref()
        .map_or((&[][..], &[][..]), |contents| (contents.globals.as_slice(), contents.elements.as_slice()));
    for global in globals {
        if let Err(wrong) = contents::set_global(&mut object, &global.0.value, &global.1.value) {
            problems.push(contents::wrong_global(global, wrong));
        }
    }
    let named = case.program.as_deref().or(source.program.as_deref());
    let program = choose::for_ports(&object, named)?.clone();
    let entry = choose::for_entries(&object).cloned();
    let mut machine = Machine::builder().object(object).engine(options.engine).build()?;
    let maps = Maps::of(&machine);
    let mut notes = vec![format!("program `{}` on all ports", program.name)];
    for spec in maps.specs() {
        let given: Vec<&Element> = elements.iter().filter(|element| element.map.value == spec.name).collect();
        scenario.maps.push(match given.as_slice() {
            [] => fill(spec, case, entry.as_ref(), &mut notes),
            given => as_given(spec, given, case.ports, entry.as_ref(), &mut problems),
        });
    }
    for element in elements {
        let devmap = scenario.maps.iter().any(|map| map.name == element.map.value);
        if let (false, Err(wrong)) = (devmap, contents::write(&mut machine, element)) {
            problems.push(wrong.of(element));
        }
    }
    if let (Some(contents), false) = (&case.contents, problems.is_empty()) {
        let mut all = Problems::none(contents.source.clone());
        problems.into_iter().for_each(|problem| all.add(problem));
        return Err(ObjectError::Contents(all));
    }
    scenario.programs = [Some(&program), entry.as_ref()]
        .into_iter()
        .flatten()
        .map(|program| spec(source, program, &maps))
        .collect();
    scenario.ports.iter_mut().for_each(|port: &mut PortSpec| port.xdp = Some(program.name.clone()));
    let wanted = scenario.programs.iter().map(|spec| spec.name.clone());
    let (code, template) = programs(machine, &maps, wanted)?;
    Ok(Ready { scenario, code, template, notes })
}

fn spec(source: &Source, program: &Program, maps: &Maps) -> ProgramSpec {
    let attach = match program.attach {
        Attach::Interface => AttachType::Xdp,
        Attach::Devmap => AttachType::Devmap,
        Attach::Cpumap => AttachType::Cpumap,
    };
    let kind = ProgramKind::Object {
        object: source.name.clone(),
        function: Some(program.name.clone()),
        maps: maps.specs().map(|spec| spec.name).collect(),
    };
    ProgramSpec { name: program.name.clone(), attach, frags: program.frags, kind }
}

/// A DEVMAP's entries as a file has them: `key = PORT`, or `key = { port = 2, program = "NAME" }`.
fn as_given(
    map: MapSpec,
    elements: &[&Element],
    ports: u32,
    entry: Option<&Program>,
    problems: &mut Vec<Problem>,
) -> MapSpec {
    elements.iter().fold(map, |map, element| {
        let number = |value: &Value| match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        let key = element.key.as_ref().map_or(Some(element.place as u32), |key| number(&key.value));
        let value = &element.value.value;
        let port = number(value.get("port").unwrap_or(value)).filter(|port| (1..=ports).contains(port));
        let program = value.get("program").map(|name| name.as_str().unwrap_or_default());
        let known = program.is_none_or(|name| entry.is_some_and(|entry| entry.name == name));
        match (key, port) {
            (None, _) => problems.push(Wrong::Key("expected a number".to_owned()).of(element)),
            (_, None) => {
                let what = format!("expected a port, 1 to {ports}, or {{ port = 1, program = \"NAME\" }}");
                problems.push(Wrong::Value(what).of(element));
            }
            (Some(key), Some(port)) if known => {
                return match program {
                    Some(program) => map.with_program(key, &port.to_string(), program),
                    None => map.with(key, &port.to_string()),
                };
            }
            _ => problems.push(Wrong::Value("no such program for entries".to_owned()).of(element)),
        }
        map
    })
}

/// All ports that have room, each with the object's only program for entries.
fn fill(map: MapSpec, case: &OnPorts, entry: Option<&Program>, notes: &mut Vec<String>) -> MapSpec {
    let first = match case.keys {
        Keys::Index => 0,
        Keys::IfIndex => 1,
    };
    let last = match map.kind {
        MapKind::Devmap => map.max_entries,
        _ => map.max_entries.saturating_add(first),
    };
    let program = entry.filter(|_| map.value_size == 8);
    let mut all = map;
    let mut filled = 0;
    for port in 1..=case.ports {
        let key = port - 1 + first;
        if key >= last {
            break;
        }
        filled = port;
        all = match program {
            Some(program) => all.with_program(key, &port.to_string(), &program.name),
            None => all.with(key, &port.to_string()),
        };
    }
    notes.push(told(&all, first, filled, case.ports, program));
    all
}

fn told(map: &MapSpec, first: u32, filled: u32, ports: u32, program: Option<&Program>) -> String {
    let kind = if map.kind == MapKind::Devmap { Kind::Devmap } else { Kind::DevmapHash };
    let (kind, name) = (kind.name(), &map.name);
    let with = program.map_or_else(String::new, |program| format!(", each with program `{}`", program.name));
    let room = match ports - filled {
        0 => String::new(),
        _ => format!("; it has no room for more (max_entries {})", map.max_entries),
    };
    match filled {
        0 => format!("{kind} `{name}` is empty{room}"),
        1 => format!("{kind} `{name}`: key {first} is port 1{with}{room}"),
        _ => format!(
            "{kind} `{name}`: keys {first} to {} are ports 1 to {filled}{with}{room}",
            first + filled - 1
        ),
    }
}
