//! A machine's place in a scenario: its DEVMAPs become the scenario's maps, its programs the scenario's code.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use xdpsim_core::scenario::MapSpec;
use xdpsim_core::{MapId, MapKind, XdpProgram};
use xdpsim_vm::machine::MapName;
use xdpsim_vm::maps::Kind;
use xdpsim_vm::{Machine, MapIdx};

use super::code::Code;
use super::facts::Facts;
use super::load::ObjectError;
use super::stage::{Stage, Template};

/// The redirect maps of a machine.
pub(super) struct Maps {
    /// By map of the machine: what it is in the scenario, if it is a DEVMAP.
    behind: Vec<Option<MapSpec>>,
}

impl Maps {
    pub fn of(machine: &Machine) -> Self {
        Self { behind: machine.map_names().map(|(at, map)| behind(machine, at, map)).collect() }
    }

    /// The DEVMAPs, empty, in the order in which they are created.
    pub fn specs(&self) -> impl Iterator<Item = MapSpec> {
        self.behind.iter().flatten().cloned()
    }

    /// A DEVMAP's name in the scenario.
    pub fn name(&self, map: MapIdx) -> Option<&str> {
        self.behind.get(map.0 as usize)?.as_ref().map(|spec| spec.name.as_str())
    }

    /// What the machine's programs redirect to, where [`Maps::specs`] have these ids.
    pub fn targets(&self, ids: &[MapId]) -> Vec<Option<MapId>> {
        let mut ids = ids.iter().copied();
        self.behind.iter().map(|map| map.as_ref().and_then(|_| ids.next())).collect()
    }
}

fn behind(machine: &Machine, at: MapIdx, map: &MapName) -> Option<MapSpec> {
    let kind = match Kind::from_number(map.spec.map_type) {
        Some(Kind::Devmap) => MapKind::Devmap,
        Some(Kind::DevmapHash) => MapKind::DevmapHash,
        _ => return None,
    };
    let twice = machine.map_names().any(|(other, known)| other != at && known.name == map.name);
    let name = match twice {
        true => format!("{}:{}", machine.objects()[map.object].name, map.name),
        false => map.name.clone(),
    };
    let spec = MapSpec::new(&name, kind, map.spec.max_entries);
    Some(MapSpec { value_size: map.spec.value_size, ..spec })
}

/// Programs by their names in a scenario.
pub type Programs = BTreeMap<String, Boxed>;

/// Any program.
pub(super) type Boxed = Box<dyn XdpProgram>;

/// The code of these programs, all on one machine.
pub(super) fn programs(
    machine: Machine,
    maps: &Maps,
    wanted: impl Iterator<Item = String>,
) -> Result<(Programs, Template), ObjectError> {
    let facts = Facts::of(&machine);
    let places: Vec<_> = wanted.map(|name| (machine.program(&name), name)).collect();
    // The scenario has no other maps.
    let ids: Vec<MapId> = (1..).map(MapId).take(maps.specs().count()).collect();
    let stage = Arc::new(Mutex::new(Stage::new(machine, maps.targets(&ids))));
    let mut code = Programs::new();
    for (place, name) in places {
        let place = place.map_err(|error| ObjectError::Program {
            object: String::new(),
            what: error.to_string(),
            help: "name one of them".to_owned(),
        })?;
        let one = Code::new(&name, &stage, place, &facts);
        code.insert(name, Box::new(one));
    }
    Ok((code, Template::new(&stage)))
}
