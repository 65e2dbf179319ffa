//! Upper devices: bridges and macvlans.
//!
//! A device has one master at most, so of several uppers of a port each is a macvlan on top of it. Uppers
//! named `br...` are bridges, which ports can share, join and leave; all others are macvlans on the one port
//! that names them. The one with ifindex 1 is the loopback device, which is there. All of them stay down:
//! they are there to be found by the redirect code, and forward nothing.
//!
//! Rules: BRD-08.

use xdpsim_core::scenario::{PortKind, PortSpec};
use xdpsim_devmap::IfIndex;

use super::door::address;
use super::error::BenchError;
use super::rooms::{LO, Rooms};

/// Makes the bridges, puts ports under them, then makes the macvlans.
pub(super) fn build(ports: &[PortSpec], rooms: &Rooms) -> Result<(), BenchError> {
    let uppers = || {
        ports.iter().enumerate().filter(|(_, port)| port.kind == PortKind::Upper && port.ifindex != Some(LO))
    };
    for (index, upper) in uppers().filter(|(_, upper)| is_bridge(&upper.name)) {
        let (room, ifindex) = address(upper, rooms)?;
        let links = &rooms.room(room).links;
        links.bridge(&device(index), ifindex)?;
        for lower in lowers(ports, upper)? {
            links.set_master(address(lower, rooms)?.1, Some(ifindex))?;
        }
    }
    for (index, upper) in uppers().filter(|(_, upper)| !is_bridge(&upper.name)) {
        let (room, ifindex) = address(upper, rooms)?;
        let &[lower] = &*lowers(ports, upper)? else {
            let why = "it is on top of no port or several; call it `br...` to make it a bridge";
            return Err(BenchError::port(&upper.name, why));
        };
        rooms.room(room).links.macvlan(&device(index), ifindex, address(lower, rooms)?.1)?;
    }
    Ok(())
}

fn lowers<'a>(ports: &'a [PortSpec], upper: &PortSpec) -> Result<Vec<&'a PortSpec>, BenchError> {
    let lowers: Vec<_> = ports.iter().filter(|port| port.uppers.contains(&upper.name)).collect();
    match lowers.iter().find(|lower| lower.netns != upper.netns) {
        None => Ok(lowers),
        Some(lower) => {
            let why = format!("its lower device `{}` is in another namespace", lower.name);
            Err(BenchError::port(&upper.name, why))
        }
    }
}

/// The upper's ifindex, if it is one that ports can join and leave.
pub(super) fn bridge(ports: &[PortSpec], name: &str) -> Result<IfIndex, BenchError> {
    let upper = ports.iter().find(|port| port.name == name && is_bridge(name));
    upper.and_then(|upper| upper.ifindex).ok_or_else(|| {
        BenchError::port(name, "ports can join and leave bridges only; call it `br...` to make it one")
    })
}

fn is_bridge(name: &str) -> bool {
    name.starts_with("br")
}

fn device(index: usize) -> String {
    format!("u{index}")
}
