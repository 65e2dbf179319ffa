//! What a case puts into the kernel: its maps and programs, and the ids that both sides call them by.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd};

use xdpsim_core::Scenario;
use xdpsim_core::scenario::{EntryValue, MapSpec, ProgramSpec};
use xdpsim_devmap::{DevmapInfo, Errno, IfIndex, MapId, MapInfo, MapKind, ProgId, UpdateFlags};

use super::error::{BenchError, Tried, answer};
use super::gate::Flavour;
use super::rooms::{RoomNo, Rooms};
use crate::bpf::{Map, MapCreate, Prog};
use crate::compile::{self, Loaded};

/// Where each port's device is, by the port's name.
pub(super) type Addresses = BTreeMap<String, (RoomNo, IfIndex)>;

/// The maps and programs of a case, in the scenario's order.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    specs: &'a [MapSpec],
    maps: Vec<Map>,
    programs: Vec<Loaded>,
    specs_of_programs: &'a [ProgramSpec],
    /// The kernel's id of each map and program; the model counts them from 1.
    pub map_ids: Vec<u32>,
    pub prog_ids: Vec<u32>,
}

impl<'a> Contents<'a> {
    /// Creates the maps, then loads the programs.
    pub fn load(scenario: &'a Scenario) -> Result<Self, BenchError> {
        let mut contents = Self {
            specs: &scenario.maps,
            maps: Vec::new(),
            programs: Vec::new(),
            specs_of_programs: &scenario.programs,
            map_ids: Vec::new(),
            prog_ids: Vec::new(),
        };
        for spec in &scenario.maps {
            let map = contents.create(spec)?;
            contents.map_ids.push(map.id().tried(|| format!("ask for the id of map `{}`", spec.name))?);
            contents.maps.push(map);
        }
        for spec in &scenario.programs {
            let loaded = compile::load(spec, &mut |name| contents.map(name).map(AsFd::as_fd))?;
            let id = loaded.prog.id().tried(|| format!("ask for the id of program `{}`", spec.name))?;
            contents.prog_ids.push(id);
            contents.programs.push(loaded);
        }
        Ok(contents)
    }

    fn create(&self, spec: &MapSpec) -> Result<Map, BenchError> {
        let inner = spec.entries.iter().find_map(|entry| match &entry.value {
            EntryValue::Map(name) => self.map(name),
            EntryValue::Port { .. } => None,
        });
        let value_size = if holds_devices(spec) { spec.value_size } else { 4 };
        let create = MapCreate {
            inner_map_fd: inner.map_or(0, AsRawFd::as_raw_fd),
            ..MapCreate::new(spec.kind.number(), 4, value_size, spec.max_entries, &spec.name)
        };
        Map::create(&create).tried(|| format!("create map `{}`", spec.name))
    }

    fn map(&self, name: &str) -> Option<&Map> {
        // Maps that do not exist yet have a spec, but nothing at their place.
        self.maps.get(self.specs.iter().position(|spec| spec.name == name)?)
    }

    /// A program and its number in the model.
    pub fn program(&self, name: &str) -> Result<(&Prog, ProgId), BenchError> {
        let index = self.specs_of_programs.iter().position(|spec| spec.name == name);
        let index = index.ok_or_else(|| BenchError::Case(format!("no program is called `{name}`")))?;
        Ok((&self.programs[index].prog, ProgId(number(index))))
    }

    /// Which dispatcher can call a program.
    pub fn flavour(&self, name: &str) -> Flavour {
        let frags = self.specs_of_programs.iter().any(|spec| spec.name == name && spec.frags);
        if frags { Flavour::Frags } else { Flavour::Linear }
    }

    /// Writes what the maps hold at first; the thread moves to the namespaces of the ports.
    pub fn fill(&self, rooms: &Rooms, addresses: &Addresses) -> Result<Vec<Result<(), Errno>>, BenchError> {
        let mut results = Vec::new();
        for spec in self.specs {
            for entry in &spec.entries {
                let flags = UpdateFlags::ANY;
                results.push(self.update(rooms, addresses, &spec.name, entry.key, &entry.value, flags)?);
            }
        }
        Ok(results)
    }

    /// `bpf_map_update_elem()` in the namespace of the port that is named.
    pub fn update(
        &self,
        rooms: &Rooms,
        addresses: &Addresses,
        name: &str,
        key: u32,
        value: &EntryValue,
        flags: UpdateFlags,
    ) -> Result<Result<(), Errno>, BenchError> {
        let map = self.known_map(name)?;
        let mut bytes = [0; 8];
        match value {
            EntryValue::Map(inner) => {
                let inner = self.known_map(inner)?.as_raw_fd();
                bytes[..4].copy_from_slice(&inner.to_ne_bytes());
            }
            EntryValue::Port { port, program } => {
                let address = addresses.get(port);
                let unknown = || BenchError::Case(format!("no port is called `{port}`"));
                let &(room, ifindex) = address.ok_or_else(unknown)?;
                rooms.go_to(room)?;
                bytes[..4].copy_from_slice(&ifindex.0.to_ne_bytes());
                if let Some(program) = program {
                    let fd = self.program(program)?.0.as_raw_fd();
                    bytes[4..].copy_from_slice(&fd.to_ne_bytes());
                }
            }
        }
        let result = map.update(&key.to_ne_bytes(), &bytes, flags.bits());
        answer(result.map_err(|error| error.number), || format!("update of key {key} of map `{name}`"))
    }

    /// `bpf_map_delete_elem()`.
    pub fn delete(&self, name: &str, key: u32) -> Result<Result<(), Errno>, BenchError> {
        let result = self.known_map(name)?.delete(&key.to_ne_bytes());
        answer(result.map_err(|error| error.number), || format!("delete of key {key} of map `{name}`"))
    }

    fn known_map(&self, name: &str) -> Result<&Map, BenchError> {
        self.map(name).ok_or_else(|| BenchError::Case(format!("no map is called `{name}`")))
    }

    /// What all maps hold, in the order of `get_next_key`, with the model's ids. A hash of maps is in the
    /// order of its keys.
    pub fn dump(&self) -> Result<BTreeMap<String, Vec<(u32, MapInfo)>>, BenchError> {
        let content = |(spec, map): (&MapSpec, &Map)| Ok((spec.name.clone(), self.entries(spec, map)?));
        self.specs.iter().zip(&self.maps).map(content).collect()
    }

    fn entries(&self, spec: &MapSpec, map: &Map) -> Result<Vec<(u32, MapInfo)>, BenchError> {
        let mut entries = Vec::new();
        let mut at: Option<u32> = None;
        let mut next = [0; 4];
        while map.next_key(at.map(u32::to_ne_bytes).as_ref().map(<[u8; 4]>::as_slice), &mut next).is_ok() {
            let mut value = [0; 8];
            if map.lookup(&next, &mut value).is_ok() {
                entries.push((u32::from_ne_bytes(next), self.info(spec, value)?));
            }
            at = Some(u32::from_ne_bytes(next));
        }
        if spec.kind == MapKind::HashOfMaps {
            // In the order of a hash with a random seed, which is no one's to compare.
            entries.sort_by_key(|(key, _)| *key);
        }
        Ok(entries)
    }

    fn info(&self, spec: &MapSpec, value: [u8; 8]) -> Result<MapInfo, BenchError> {
        let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| value[at + i]));
        let known = |ids: &[u32], id: u32| {
            let index = ids.iter().position(|known| *known == id);
            let stranger =
                || BenchError::Case(format!("map `{}` holds id {id}, which is no one's", spec.name));
            index.map(number).ok_or_else(stranger)
        };
        if !holds_devices(spec) {
            return Ok(MapInfo::Inner(MapId(known(&self.map_ids, word(0))?)));
        }
        let prog_id = match word(4) {
            0 => None,
            id => Some(ProgId(known(&self.prog_ids, id)?)),
        };
        Ok(MapInfo::Dev(DevmapInfo { ifindex: IfIndex(word(0)), prog_id }))
    }
}

/// The number of what is at this place: the model counts from 1.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index + 1).expect("few maps and programs")
}

fn holds_devices(spec: &MapSpec) -> bool {
    matches!(spec.kind, MapKind::Devmap | MapKind::DevmapHash)
}
