//! Ports, far ends and upper devices become devices with numbers.
//!
//! Rules: RED-03, DRV-02.

use xdpsim_devmap::{DevId, IfIndex, NetnsId};

use super::{BuildError, unknown};
use crate::engine::env::World;
use crate::netdev::{Device, DeviceTable, Features, Kind};
use crate::scenario::{PeerSpec, PortKind, PortSpec, Scenario};

pub(super) fn add_devices(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for port in &scenario.ports {
        if world.devices.by_name(&port.name).is_some() {
            return Err(BuildError::Duplicate { what: "port", name: port.name.clone() });
        }
        let netns = netns_of(world, port)?;
        world.devices.add(device(port, netns));
    }
    number_devices(world, scenario)?;
    for (id, port) in scenario.ports.iter().enumerate() {
        let dev = DevId(id as u32);
        if let PortKind::Veth { peer, .. } = &port.kind {
            let peer = match peer {
                PeerSpec::Port(name) => named_peer(world, scenario, port, name)?,
                PeerSpec::FarEnd { .. } => add_far_end(world, dev, port, peer),
            };
            let far_end = false;
            world.devices.get_mut(dev).kind = Kind::Veth { peer, far_end };
        }
        for upper in &port.uppers {
            let upper = world.devices.by_name(upper).ok_or_else(|| unknown("port", upper))?;
            world.devices.get_mut(dev).uppers.push(upper);
        }
    }
    Ok(())
}

pub(super) fn netns_of(world: &World, port: &PortSpec) -> Result<NetnsId, BuildError> {
    let name = port.netns.as_deref();
    world.netns(name).ok_or_else(|| unknown("namespace", name.unwrap_or("init")))
}

pub(super) fn device(port: &PortSpec, netns: NetnsId) -> Device {
    let (kind, mtu, gro) = match &port.kind {
        PortKind::Ideal => (Kind::Ideal, 65535, false),
        PortKind::Nic { .. } => (Kind::Nic, 1500, false),
        PortKind::Veth { gro, .. } => (Kind::Veth { peer: DevId(0), far_end: false }, 1500, *gro),
        PortKind::Upper => (Kind::Upper, 1500, false),
    };
    Device {
        name: port.name.clone(),
        kind,
        netns,
        ifindex: IfIndex(0),
        registered: true,
        up: port.up,
        mtu: port.mtu.unwrap_or(mtu),
        gro,
        gro_seen: gro,
        passes_all: false,
        queues: port.queues,
        mode: port.mode,
        prog: None,
        prog_frags: false,
        uppers: Vec::new(),
        features_fixed: port.features,
        features: Features::empty(),
        limit: 0,
        napi: false,
    }
}

/// Numbers that the scenario gives first, the others in order from the first free one.
pub(super) fn number_devices(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for (id, port) in scenario.ports.iter().enumerate() {
        let Some(ifindex) = port.ifindex else { continue };
        let netns = world.devices.get(DevId(id as u32)).netns;
        if ifindex.0 == 0 || world.devices.by_index(netns, ifindex).is_some() {
            return Err(BuildError::Duplicate { what: "ifindex", name: ifindex.to_string() });
        }
        world.devices.get_mut(DevId(id as u32)).ifindex = ifindex;
    }
    for (id, port) in scenario.ports.iter().enumerate() {
        if port.ifindex.is_none() {
            let netns = world.devices.get(DevId(id as u32)).netns;
            let free = FirstIfIndex::free(&world.devices, netns);
            world.devices.get_mut(DevId(id as u32)).ifindex = free;
        }
    }
    Ok(())
}

/// Finds free interface numbers.
pub(crate) struct FirstIfIndex;

impl FirstIfIndex {
    /// The first number from 1 that no device of the namespace has.
    pub fn free(devices: &DeviceTable, netns: NetnsId) -> IfIndex {
        let mut used: Vec<u32> =
            devices.iter().filter(|(_, one)| one.netns == netns).map(|(_, one)| one.ifindex.0).collect();
        used.sort_unstable();
        let mut free = 1;
        for number in used {
            if number == free {
                free += 1;
            }
        }
        IfIndex(free)
    }
}

pub(super) fn named_peer(
    world: &World,
    scenario: &Scenario,
    port: &PortSpec,
    name: &str,
) -> Result<DevId, BuildError> {
    let peer = world.devices.by_name(name).ok_or_else(|| unknown("port", name))?;
    let back = scenario.ports.get(peer.0 as usize).map(|peer| &peer.kind);
    match back {
        Some(PortKind::Veth { peer: PeerSpec::Port(back), .. })
            if *back == port.name && name != port.name =>
        {
            Ok(peer)
        }
        _ => Err(BuildError::Range {
            what: "peer",
            name: port.name.clone(),
            problem: format!("`{name}` must be a veth that names `{}` as its peer", port.name),
        }),
    }
}

/// A far end lives in a namespace of its own, so no number of it is in anybody's way.
pub(super) fn add_far_end(world: &mut World, dev: DevId, port: &PortSpec, peer: &PeerSpec) -> DevId {
    let PeerSpec::FarEnd { mtu, gro, xdp, up, queues } = *peer else { return dev };
    let netns = NetnsId(u32::MAX - dev.0);
    let far = device(&PortSpec::new(&format!("{}.peer", port.name), PortKind::Upper), netns);
    world.devices.add(Device {
        kind: Kind::Veth { peer: dev, far_end: true },
        ifindex: IfIndex(1),
        mtu,
        gro,
        gro_seen: gro,
        passes_all: xdp,
        up,
        queues,
        ..far
    })
}
