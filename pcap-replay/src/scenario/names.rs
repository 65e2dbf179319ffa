//! Everything that has a name, known before anything is read that refers to it.
//!
//! Owns the heads of ports, maps and programs (name, kind and what a reference depends on), their
//! uniqueness, and looking references up. The rest of each section is read by its own module.
//!
//! Rules: MAP-06, MAP-16.

use std::collections::BTreeMap;

use xdpsim_devmap::{AttachType, IfIndex, MapKind};

use super::diag::{Problem, Sink};
use super::fields::{Fields, Loc, clip};
use super::source::Span;
use super::suggest;

/// The namespace that exists without being named.
pub(super) const INIT: &str = "init";
const NAME_CHARS_MAX: usize = 64;

/// Kinds of port, without what belongs to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortClass {
    Ideal,
    Nic,
    Veth,
    Upper,
}

/// What references to a port depend on.
#[derive(Clone, Debug)]
pub(super) struct PortHead<'a> {
    pub(super) name: Loc<&'a str>,
    pub(super) class: PortClass,
    pub(super) netns: &'a str,
    pub(super) ifindex: Option<Loc<u32>>,
    /// The port of the scenario that a veth names as its peer; a veth without one has a far end.
    pub(super) peer: Option<Loc<&'a str>>,
}

impl PortHead<'_> {
    fn has_far_end(&self) -> bool {
        self.class == PortClass::Veth && self.peer.is_none()
    }
}

/// What references to a map depend on.
#[derive(Clone, Debug)]
pub(super) struct MapHead<'a> {
    pub(super) name: Loc<&'a str>,
    pub(super) kind: MapKind,
    pub(super) max_entries: u32,
    pub(super) value_size: u32,
}

/// What references to a program depend on.
#[derive(Clone, Debug)]
pub(super) struct ProgramHead<'a> {
    pub(super) name: Loc<&'a str>,
    pub(super) attach: AttachType,
    pub(super) frags: bool,
}

/// All names of a scenario.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    pub(super) netns: Vec<&'a str>,
    pub(super) ports: Vec<PortHead<'a>>,
    pub(super) maps: Vec<MapHead<'a>>,
    pub(super) programs: Vec<ProgramHead<'a>>,
    port_index: BTreeMap<&'a str, usize>,
    map_index: BTreeMap<&'a str, usize>,
    program_index: BTreeMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    pub(super) fn add_port(&mut self, sink: &mut Sink, head: PortHead<'a>) {
        if unique(sink, &mut self.port_index, "port", &head.name, self.ports.len()) {
            self.ports.push(head);
        }
    }

    pub(super) fn add_map(&mut self, sink: &mut Sink, head: MapHead<'a>) {
        if unique(sink, &mut self.map_index, "map", &head.name, self.maps.len()) {
            self.maps.push(head);
        }
    }

    pub(super) fn add_program(&mut self, sink: &mut Sink, head: ProgramHead<'a>) {
        if unique(sink, &mut self.program_index, "program", &head.name, self.programs.len()) {
            self.programs.push(head);
        }
    }
}
