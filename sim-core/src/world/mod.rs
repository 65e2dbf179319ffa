//! From a scenario to a world: names resolved, maps filled, programs loaded, CPUs put into domains.
//!
//! A [`Plan`] is checked once; each domain is built from it on the thread that will run it, so that no
//! two threads' states share a cache line. Rules: MAP-02, MAP-06, MAP-07, MAP-12, MAP-16, RED-03.

mod changes;
mod devices;
mod maps;
mod plan;
mod programs;

use xdpsim_devmap::{DevId, Errno, MapId, ProgId, ProgInfo};

use crate::driver::ptr_ring::VETH_RING_SIZE;
use crate::engine::env::World;
use crate::program::{Effects, Sharing, XdpProgram};
use crate::scenario::{Action, PeerSpec, PortKind, Scenario};

pub(crate) use devices::FirstIfIndex;
pub(crate) use maps::apply_update;
pub use plan::Plan;

/// A loaded program.
pub(crate) struct Program {
    pub name: String,
    pub info: ProgInfo,
    pub code: Box<dyn XdpProgram>,
    pub sharing: Sharing,
    pub effects: Effects,
}

/// Why a scenario cannot be built. The command finds most of these earlier, with line and column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A name that nothing has.
    #[error("no {what} is called `{name}`")]
    Unknown {
        /// Port, map, program or namespace.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name or number that is there twice.
    #[error("{what} `{name}` is there twice")]
    Duplicate {
        /// Port, map, program or ifindex.
        what: &'static str,
        /// The name or number.
        name: String,
    },
    /// A number out of its range.
    #[error("{what} of `{name}`: {problem}")]
    Range {
        /// What the number is.
        what: &'static str,
        /// Whose.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An operation that the kernel refuses.
    #[error("{what}: the kernel answers {errno}")]
    Refused {
        /// The operation, with its object.
        what: String,
        /// The errno.
        errno: Errno,
    },
}

fn unknown(what: &'static str, name: &str) -> BuildError {
    BuildError::Unknown { what, name: name.to_owned() }
}

/// Upper bounds on what an untrusted scenario can ask for.
pub mod limits {
    /// Simulated CPUs.
    pub const CPUS: u16 = 256;
    /// Ports.
    pub const PORTS: usize = 1024;
    /// Receive queues of a port.
    pub const QUEUES: u16 = 256;
    /// Receive queues of all ports and far ends together.
    pub const QUEUES_TOTAL: u64 = 4096;
    /// Bytes that all veth rings together could hold: 256 frames of the largest mtu in each.
    pub const RING_BYTES: u64 = 2 << 30;
    /// Programs; their ids fit 16 bits.
    pub const PROGRAMS: usize = 4096;
    /// Entries of all maps that are there at the start.
    pub const ENTRIES: usize = 1 << 20;
}

fn check_ranges(scenario: &Scenario) -> Result<(), BuildError> {
    let range =
        |what, name: &str, problem: String| Err(BuildError::Range { what, name: name.to_owned(), problem });
    if scenario.cpus == 0 || scenario.cpus > limits::CPUS {
        return range("cpus", "scenario", format!("1 to {} are possible", limits::CPUS));
    }
    if scenario.hops_max == 0 {
        return range("limits.hops", "scenario", "at least 1".to_owned());
    }
    if scenario.ports.is_empty() || scenario.ports.len() > limits::PORTS {
        return range("ports", "scenario", format!("1 to {} are possible", limits::PORTS));
    }
    if scenario.programs.len() > limits::PROGRAMS {
        return range("programs", "scenario", format!("at most {}", limits::PROGRAMS));
    }
    if scenario.maps.iter().map(|map| map.entries.len()).sum::<usize>() > limits::ENTRIES {
        return range("entries", "scenario", format!("at most {}", limits::ENTRIES));
    }
    for port in &scenario.ports {
        let far_queues = match &port.kind {
            PortKind::Veth { peer: PeerSpec::FarEnd { queues, .. }, .. } => *queues,
            _ => 1,
        };
        if [port.queues, far_queues].iter().any(|&n| n == 0 || n > limits::QUEUES) {
            return range("queues", &port.name, format!("1 to {} are possible", limits::QUEUES));
        }
        if port.queue_cpus.iter().any(|cpu| cpu.0 >= scenario.cpus) {
            return range("queue_cpus", &port.name, format!("there are {} CPUs", scenario.cpus));
        }
    }
    check_totals(scenario)
}

/// Products of numbers that are fine one by one.
fn check_totals(scenario: &Scenario) -> Result<(), BuildError> {
    let changed_mtu = scenario.changes.iter().filter_map(|change| match change.action {
        Action::SetMtu { mtu, .. } => Some(mtu),
        _ => None,
    });
    let changed_mtu = changed_mtu.max().unwrap_or(0);
    let (mut queues, mut ring_bytes) = (0, 0);
    for port in &scenario.ports {
        queues += u64::from(port.queues);
        let PortKind::Veth { peer, .. } = &port.kind else { continue };
        let mut end = |rings: u16, mtu: u32| {
            let frame = u64::from(mtu.max(changed_mtu)) + 18;
            ring_bytes += u64::from(rings) * VETH_RING_SIZE as u64 * frame;
        };
        end(port.queues, port.mtu.unwrap_or(1500));
        if let PeerSpec::FarEnd { queues: far, mtu, .. } = *peer {
            queues += u64::from(far);
            end(far, mtu);
        }
    }
    let range = |what, problem| Err(BuildError::Range { what, name: "scenario".to_owned(), problem });
    if queues > limits::QUEUES_TOTAL {
        return range("queues", format!("{queues} in all; at most {}", limits::QUEUES_TOTAL));
    }
    if ring_bytes > limits::RING_BYTES {
        let problem = format!(
            "the rings of its veths could hold {ring_bytes} bytes, at most {}: fewer of them, fewer queues, or \
             a smaller mtu",
            limits::RING_BYTES
        );
        return range("rings", problem);
    }
    Ok(())
}

fn program(world: &World, name: &str) -> Result<ProgId, BuildError> {
    let found = world.programs.iter().find(|program| program.name == name);
    found.map(|program| program.info.id).ok_or_else(|| unknown("program", name))
}

fn map(world: &World, name: &str) -> Result<MapId, BuildError> {
    world.maps.by_name(name).ok_or_else(|| unknown("map", name))
}

fn device_named(world: &World, name: &str) -> Result<DevId, BuildError> {
    world.devices.by_name(name).ok_or_else(|| unknown("port", name))
}
