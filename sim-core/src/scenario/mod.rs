//! A scenario as a value: kernel, namespaces, CPUs, ports, maps, programs, timed changes.
//!
//! Owns the shape, its defaults and its text ([`Scenario::to_toml`]). Reading TOML is the command's business;
//! resolving names, checking and building the world is [`crate::world`]'s. Everything refers to everything by
//! name, as a person writes it.

mod change;
mod group;
mod port;
mod program;
mod text;

pub use change::{Action, At, Change, FaultKind, FaultSpec};
pub use group::{ETHERTYPES, ExcludeSource, GroupSource};
pub use port::{PeerSpec, PortKind, PortSpec, Rss};
pub use program::{KeySource, Op, ProgramKind, ProgramSpec};
use xdpsim_devmap::MapKind;

use crate::profile::Profile;

/// Everything a run needs beside the frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Which kernel, page size and path.
    pub profile: Profile,
    /// How many simulated CPUs poll (at least 1).
    pub cpus: u16,
    /// Network namespaces beside `init`, by name.
    pub netns: Vec<String>,
    /// How many veth hops a frame may make before the run gives up on it (HLP-18); 1 to 255.
    pub hops_max: u8,
    /// Seed of the programs' random numbers.
    pub seed: u64,
    /// The ports, in the order of the scenario; their `DevId`s count from 0 in this order.
    pub ports: Vec<PortSpec>,
    /// The maps, in the order in which they are created; inner maps before outer ones.
    pub maps: Vec<MapSpec>,
    /// The programs, in the order in which they are loaded.
    pub programs: Vec<ProgramSpec>,
    /// What changes while frames flow.
    pub changes: Vec<Change>,
    /// Which operations fail on purpose.
    pub faults: Vec<FaultSpec>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            cpus: 1,
            netns: Vec::new(),
            hops_max: 64,
            seed: 0,
            ports: Vec::new(),
            maps: Vec::new(),
            programs: Vec::new(),
            changes: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// A map and what it holds when the run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSpec {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: MapKind,
    /// Its size.
    pub max_entries: u32,
    /// 4 (ifindex) or 8 (ifindex and program); the kernel's other answers are errors (MAP-01).
    pub value_size: u32,
    /// Entries in the order in which they are written: order matters for hash maps (BRD-03).
    pub entries: Vec<EntrySpec>,
}

impl MapSpec {
    /// An empty map with 8-byte values.
    #[must_use]
    pub fn new(name: &str, kind: MapKind, max_entries: u32) -> Self {
        Self { name: name.to_owned(), kind, max_entries, value_size: 8, entries: Vec::new() }
    }

    /// The same map with one more entry that points at a port.
    #[must_use]
    pub fn with(mut self, key: u32, port: &str) -> Self {
        self.entries
            .push(EntrySpec { key, value: EntryValue::Port { port: port.to_owned(), program: None } });
        self
    }

    /// The same map with one more entry that carries a devmap program.
    #[must_use]
    pub fn with_program(mut self, key: u32, port: &str, program: &str) -> Self {
        let value = EntryValue::Port { port: port.to_owned(), program: Some(program.to_owned()) };
        self.entries.push(EntrySpec { key, value });
        self
    }
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySpec {
    /// The key.
    pub key: u32,
    /// What it maps to.
    pub value: EntryValue,
}

/// What an entry maps to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryValue {
    /// A port, by name, with an optional devmap program. The update is made in the port's own
    /// namespace, so every port can be named whatever its ifindex (MAP-12).
    Port {
        /// The port's name.
        port: String,
        /// The devmap program's name.
        program: Option<String>,
    },
    /// An inner map, by name.
    Map(String),
}
