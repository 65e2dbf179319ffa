//! The common case without a file: `xdpsim replay in.pcap --ports 4 --broadcast --exclude-ingress`.
//!
//! Owns the scenario that these flags stand for.

use xdpsim_core::scenario::{KeySource, MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_devmap::{IfIndex, MapKind, RedirectFlags};

use super::limits;
use super::replay::ReplaySection;
use crate::capture::FRAME_BYTES_MAX;

/// What the flags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommonCase {
    /// How many ports there are, named "1", "2", … with these ifindexes; all ideal.
    pub ports: u32,
    /// On which of them frames arrive, from 1.
    pub ingress: u32,
    /// To all ports of the map? If not, to the port after the ingress (after the last comes the first).
    pub broadcast: bool,
    /// Leave the ingress out of the broadcast?
    pub exclude_ingress: bool,
}

impl Default for CommonCase {
    fn default() -> Self {
        Self { ports: 4, ingress: 1, broadcast: false, exclude_ingress: false }
    }
}

/// Flags that make no scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagsError {
    /// No ports, or too many.
    #[error("`--ports {0}`: expected 1 to {max} ports", max = limits::PORTS)]
    Ports(u32),
    /// No such port.
    #[error("there is no port {ingress}: `--ports {ports}` makes ports 1 to {ports}")]
    Ingress {
        /// The port named.
        ingress: u32,
        /// How many there are.
        ports: u32,
    },
    /// A flag without the one it belongs to.
    #[error("`--exclude-ingress` only means something with `--broadcast`")]
    ExcludeWithoutBroadcast,
}

/// The scenario that the flags stand for: a devmap `ports` with keys 0 to N-1 for ports 1 to N, and
/// one program on the ingress.
///
/// # Errors
/// Numbers out of range, and `exclude_ingress` without `broadcast`.
pub fn from_flags(case: &CommonCase) -> Result<(Scenario, ReplaySection), FlagsError> {
    let CommonCase { ports, ingress, broadcast, exclude_ingress } = *case;
    if !(1..=limits::PORTS as u32).contains(&ports) {
        return Err(FlagsError::Ports(ports));
    }
    if !(1..=ports).contains(&ingress) {
        return Err(FlagsError::Ingress { ingress, ports });
    }
    let program = match (broadcast, exclude_ingress) {
        (false, true) => return Err(FlagsError::ExcludeWithoutBroadcast),
        (false, false) => {
            let key = KeySource::Const(u64::from(ingress % ports));
            ProgramKind::RedirectMap { map: "ports".to_owned(), key, flags: 0 }
        }
        (true, exclude) => {
            let flags = if exclude { RedirectFlags::EXCLUDE_INGRESS } else { RedirectFlags::empty() };
            ProgramKind::Broadcast { map: "ports".to_owned(), flags }
        }
    };
    let mut scenario = Scenario {
        ports: (1..=ports).map(ideal).collect(),
        maps: vec![all_ports(ports)],
        programs: vec![ProgramSpec::xdp("forward", program)],
        ..Scenario::default()
    };
    scenario.ports[ingress as usize - 1].xdp = Some("forward".to_owned());
    Ok((scenario, ReplaySection { ingress: Some(ingress.to_string()), ..ReplaySection::default() }))
}

/// With an mtu that no frame of a capture exceeds: nothing is lost.
fn ideal(number: u32) -> PortSpec {
    let (ifindex, mtu) = (Some(IfIndex(number)), Some(FRAME_BYTES_MAX));
    PortSpec { ifindex, mtu, ..PortSpec::ideal(&number.to_string()) }
}

fn all_ports(ports: u32) -> MapSpec {
    let map = MapSpec::new("ports", MapKind::Devmap, ports);
    (1..=ports).fold(map, |map, number| map.with(number - 1, &number.to_string()))
}
