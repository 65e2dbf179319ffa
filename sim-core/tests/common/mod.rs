//! What the rule tests share: scenarios in a few lines, and what to look for in a run.

#![allow(dead_code, missing_docs)]

pub mod groups;
pub mod probe;

use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{Op, PeerSpec, PortKind, PortSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::{Errno, Event, IfIndex, RedirectFlags, XdpAction};

pub const BROADCAST: u64 = RedirectFlags::BROADCAST.bits();
pub const EXCLUDE_INGRESS: u64 = RedirectFlags::EXCLUDE_INGRESS.bits();

/// Ideal ports; the first has ifindex 1, the second 2, and so on.
pub fn ideal(names: &[&str]) -> Scenario {
    let ports = names.iter().map(|name| PortSpec::ideal(name)).collect();
    Scenario { ports, ..Scenario::default() }
}

/// A veth port with a far end that takes frames (GRO on).
pub fn veth(name: &str) -> PortSpec {
    far_end(name, 1500, true, true)
}

/// A veth port with a far end like this.
pub fn far_end(name: &str, mtu: u32, gro: bool, up: bool) -> PortSpec {
    let peer = PeerSpec::FarEnd { mtu, gro, xdp: false, up, queues: 1 };
    PortSpec::new(name, PortKind::Veth { peer, gro: false })
}

/// Both ends of a veth pair as ports.
pub fn pair(one: &str, other: &str, gro: bool) -> [PortSpec; 2] {
    [(one, other), (other, one)]
        .map(|(name, peer)| PortSpec::new(name, PortKind::Veth { peer: PeerSpec::Port(peer.into()), gro }))
}

/// Attaches a script: the port's frame 0 runs the first, frame 1 the second, round and round.
pub fn script(scenario: &mut Scenario, port: &str, cycle: Vec<Vec<Op>>) {
    attach(scenario, port, ProgramKind::Script(cycle));
}

/// Attaches a program with frags support, called `on_` and the port's name, instead of an earlier one.
pub fn attach(scenario: &mut Scenario, port: &str, kind: ProgramKind) {
    let name = format!("on_{port}");
    scenario.programs.retain(|program| program.name != name);
    scenario.programs.push(ProgramSpec { frags: true, ..ProgramSpec::xdp(&name, kind) });
    let port = scenario.ports.iter_mut().find(|one| one.name == port);
    port.expect("a port of the scenario").xdp = Some(name);
}

/// Loads a devmap program with frags support, so that it fits the maps that [`attach`]ed programs use.
pub fn entry_program(scenario: &mut Scenario, name: &str, kind: ProgramKind) {
    scenario.programs.push(ProgramSpec { frags: true, ..ProgramSpec::devmap(name, kind) });
}

/// `return bpf_redirect_map(&map, key, flags)`.
pub fn to_key(map: &str, key: u64, flags: u64) -> Vec<Op> {
    vec![call(map, key, flags), Op::ReturnHelper]
}

/// `bpf_redirect_map(&map, key, flags)`.
pub fn call(map: &str, key: u64, flags: u64) -> Op {
    Op::RedirectMap { map: map.into(), key, flags }
}

/// `bpf_redirect(ifindex, 0)`.
pub fn call_ifindex(ifindex: u32) -> Op {
    Op::Redirect { ifindex: IfIndex(ifindex), flags: 0 }
}

/// `return bpf_redirect(ifindex, 0)`.
pub fn to_ifindex(ifindex: u32) -> Vec<Op> {
    vec![call_ifindex(ifindex), Op::ReturnHelper]
}

pub const PASS: Op = Op::Return(XdpAction::PASS);
pub const DROP: Op = Op::Return(XdpAction::DROP);
pub const TX: Op = Op::Return(XdpAction::TX);
pub const REDIRECT: Op = Op::Return(XdpAction::REDIRECT);

/// A frame of 60 bytes whose first byte is `mark`.
pub fn frame(mark: u8) -> Vec<u8> {
    let mut bytes = vec![0; 60];
    bytes[0] = mark;
    bytes
}

/// Builds the scenario.
pub fn lab(scenario: &Scenario) -> Lab {
    Lab::new(scenario).unwrap_or_else(|error| panic!("{error}"))
}

/// Builds the scenario, sends this many frames to a port at once, marked 0, 1, 2 …, and runs.
pub fn burst(scenario: &Scenario, port: &str, frames: u8) -> Run {
    let mut lab = lab(scenario);
    for mark in 0..frames {
        lab.send(port, &frame(mark));
    }
    lab.run()
}

/// (from, to, sent, drops, err) of every `xdp_devmap_xmit`, in order.
pub fn xmits(run: &Run) -> Vec<(u32, u32, u32, u32, Option<Errno>)> {
    let xmit = |event: &Event| match *event {
        Event::DevmapXmit { from_ifindex, to_ifindex, drops, sent, err } => {
            Some((from_ifindex.0, to_ifindex.0, sent, drops, err))
        }
        _ => None,
    };
    run.events.iter().filter_map(xmit).collect()
}

/// (to_ifindex, map_id, map_index, err) of every redirect event, in order.
pub fn redirects(run: &Run) -> Vec<(u32, u32, u32, Option<Errno>)> {
    let redirect = |event: &Event| match *event {
        Event::Redirect { err, to_ifindex, map_id, map_index, .. } => {
            Some((to_ifindex.0, map_id, map_index, err))
        }
        _ => None,
    };
    run.events.iter().filter_map(redirect).collect()
}

/// The errno of every redirect, in order.
pub fn errors(run: &Run) -> Vec<Option<Errno>> {
    redirects(run).into_iter().map(|(.., err)| err).collect()
}
