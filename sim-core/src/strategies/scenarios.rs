//! Random scenarios around a program: some ports, a map of all of them, and the program on each.

use proptest::prelude::*;
use xdpsim_devmap::{MapId, XdpAction};

use super::{maps, ports};
use crate::scenario::{MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};

/// The map's name.
pub const MAP: &str = "ports";

/// The map, as a program in Rust names it to its helpers.
pub const MAP_ID: MapId = MapId(1);

/// Most ports of a scenario drawn here.
const PORTS_MAX: u32 = 8;

/// A program of this name on each of 2 to 8 ports called `p1`, `p2` … with the ifindexes 1, 2 …, and a device
/// map `ports` in which every port has its ifindex as key.
///
/// The program is there by name only (it passes everything): to be replaced by one in Rust
/// ([`crate::kit::Property::program`]). Ports are ideal, a NIC's or a container's; some are down. Shrinks
/// towards two ideal ports.
pub fn around(program: &str) -> impl Strategy<Value = Scenario> + use<> {
    around_program(ProgramSpec::xdp(program, ProgramKind::Verdict(XdpAction::PASS)))
}

/// The same around a program that a scenario file can name; it may use the map `ports`.
pub fn around_program(program: ProgramSpec) -> impl Strategy<Value = Scenario> + use<> {
    let program = ProgramSpec { frags: true, ..program };
    (prop::collection::vec(ports::plain(), 2..=PORTS_MAX as usize), maps::kind()).prop_map(
        move |(plain, kind)| {
            let named = |(i, port): (usize, PortSpec)| PortSpec {
                name: format!("p{}", i + 1),
                xdp: Some(program.name.clone()),
                ..port
            };
            let ports: Vec<PortSpec> = plain.into_iter().enumerate().map(named).collect();
            let map = MapSpec::new(MAP, kind, PORTS_MAX + 1);
            let keyed = ports.iter().enumerate();
            let map = keyed.fold(map, |map, (i, port)| map.with(i as u32 + 1, &port.name));
            Scenario { ports, maps: vec![map], programs: vec![program.clone()], ..Scenario::default() }
        },
    )
}
