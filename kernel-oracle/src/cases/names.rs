//! What cases in a house may name.

use xdpsim_core::scenario::{PeerSpec, PortKind, PortSpec};
use xdpsim_core::strategies::Vocabulary;
use xdpsim_devmap::IfIndex;

use crate::case::House;

/// Keys of the device maps.
pub(super) const KEYS: u32 = 12;
/// Device maps that programs use, and maps that are in a map of maps.
pub(super) const MAPS: [&str; 2] = ["map", "other"];
pub(super) const INNER: [&str; 2] = ["inner0", "inner1"];
pub(super) const OUTER: &str = "outer";
/// Programs of entries.
pub(super) const ENTRY_PROGRAMS: [&str; 3] = ["entry0", "entry1", "entry2"];
/// A devmap program without support for fragments: no map of the case takes it (MAP-06.d).
pub(super) const ODD_PROGRAM: &str = "odd";

/// Is it a veth whose other end is a far end?
pub(super) fn has_far_end(port: &PortSpec) -> bool {
    matches!(port.kind, PortKind::Veth { peer: PeerSpec::FarEnd { .. }, .. })
}

/// Is it one end of a pair whose ends both are ports?
pub(super) fn in_pair(port: &PortSpec) -> bool {
    matches!(port.kind, PortKind::Veth { peer: PeerSpec::Port(_), .. })
}

/// Ports of the house on which bursts come in, by index.
pub(super) fn receivers(house: &House) -> Vec<usize> {
    let receives = |port: &PortSpec| port.xdp.is_some() && has_far_end(port);
    (0..house.ports.len()).filter(|&i| receives(&house.ports[i])).collect()
}

/// Ports that take a frame of 100 bytes and whose far end gets it.
pub(super) fn good_targets(house: &House) -> Vec<usize> {
    let good = |port: &PortSpec| {
        let far = matches!(
            port.kind,
            PortKind::Veth { peer: PeerSpec::FarEnd { mtu: 100.., xdp: true, up: true, .. }, .. }
        );
        far && port.up && port.mtu.is_none_or(|mtu| mtu >= 100)
    };
    (0..house.ports.len()).filter(|&i| good(&house.ports[i])).collect()
}

/// The names for programs, entries and changes of a case. Each veth is there twice as often as all others,
/// of which three are there.
pub(super) fn vocabulary(house: &House, inner: bool, pair: bool) -> Vocabulary {
    let veths = house.ports.iter().filter(|port| has_far_end(port) || (pair && in_pair(port)));
    let others = house.ports.iter().filter(|port| port.kind == PortKind::Upper);
    let spread = others.clone().count().div_ceil(3).max(1);
    let others = others.step_by(spread);
    let ports = veths.clone().chain(veths).chain(others).map(|port| port.name.clone()).collect();
    let numbers = house.ports.iter().filter(|port| !in_pair(port) || pair).filter_map(|port| port.ifindex);
    let mut ifindexes: Vec<IfIndex> = numbers.chain([IfIndex(0), IfIndex(77)]).collect();
    ifindexes.sort_unstable();
    ifindexes.dedup();
    let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    Vocabulary {
        ports,
        ifindexes,
        maps: names(&MAPS),
        outer_maps: if inner { names(&[OUTER]) } else { Vec::new() },
        keys: KEYS,
        port_programs: house.ports.iter().filter_map(|port| port.xdp.clone()).collect(),
        entry_programs: names(&ENTRY_PROGRAMS),
        netns: house.netns.clone(),
    }
}
