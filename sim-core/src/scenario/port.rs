//! A port as a scenario describes it.

use xdpsim_devmap::{CpuId, IfIndex};

use crate::netdev::{Features, XdpMode};
use crate::time::{BitRate, Nanos};

/// A netdev of the scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct PortSpec {
    /// Its name, unique in the scenario.
    pub name: String,
    /// Its ifindex; counted from 1 in its namespace, in scenario order, when absent.
    pub ifindex: Option<IfIndex>,
    /// Name of its namespace; `None` is the initial one.
    pub netns: Option<String>,
    /// What stands behind it.
    pub kind: PortKind,
    /// MTU; 65535 on an ideal port, else 1500, when absent.
    pub mtu: Option<u32>,
    /// Administratively up?
    pub up: bool,
    /// Number of receive queues.
    pub queues: u16,
    /// How a frame finds its receive queue.
    pub rss: Rss,
    /// Which CPU polls which queue; queue q on CPU q modulo the number of CPUs when empty.
    pub queue_cpus: Vec<CpuId>,
    /// How long the interrupt waits for more frames.
    pub rx_usecs: Nanos,
    /// Names of its upper devices: ports, or names that exist only as uppers (a bridge, a bond).
    pub uppers: Vec<String>,
    /// XDP feature bits that override what the kind would set.
    pub features: Option<Features>,
    /// Name of the XDP program attached at the start.
    pub xdp: Option<String>,
    /// Where its programs run.
    pub mode: XdpMode,
}

impl PortSpec {
    /// A port of this kind with the kind's defaults, up, one queue.
    #[must_use]
    pub fn new(name: &str, kind: PortKind) -> Self {
        Self {
            name: name.to_owned(),
            ifindex: None,
            netns: None,
            kind,
            mtu: None,
            up: true,
            queues: 1,
            rss: Rss::Toeplitz,
            queue_cpus: Vec::new(),
            rx_usecs: Nanos::ZERO,
            uppers: Vec::new(),
            features: None,
            xdp: None,
            mode: XdpMode::Native,
        }
    }

    /// An ideal port: takes every frame at once, mtu 65535.
    #[must_use]
    pub fn ideal(name: &str) -> Self {
        Self::new(name, PortKind::Ideal)
    }
}

/// What stands behind a port.
#[derive(Clone, Debug, PartialEq)]
pub enum PortKind {
    /// No ring, no line: accepts everything.
    Ideal,
    /// A TX ring that a line drains in virtual time.
    Nic {
        /// The line's rate; `None` drains at once.
        rate: Option<BitRate>,
        /// Descriptors in the ring; one less is usable.
        tx_ring: u32,
    },
    /// One end of a veth pair.
    Veth {
        /// The other end.
        peer: PeerSpec,
        /// GRO on this end: gives it a NAPI without a program (DRV-01, DRV-02).
        gro: bool,
    },
    /// Exists only to be another port's upper device; no redirect target, like a bridge.
    Upper,
}

/// The other end of a veth pair.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerSpec {
    /// A port of the scenario, by name; it names this one in turn.
    Port(String),
    /// A far end that only receives, in a namespace of its own.
    FarEnd {
        /// Its MTU (DRV-05).
        mtu: u32,
        /// GRO on it: without, it has no NAPI and this port is no target (DRV-02).
        gro: bool,
        /// A native XDP program on it that passes everything, as a container's agent might have.
        xdp: bool,
        /// Administratively up?
        up: bool,
        /// Its receive queues.
        queues: u16,
    },
}

impl Default for PeerSpec {
    /// As `ip link add` leaves it: mtu 1500, GRO off.
    fn default() -> Self {
        Self::FarEnd { mtu: 1500, gro: false, xdp: false, up: true, queues: 1 }
    }
}

/// How a frame finds its receive queue (RSS-*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rss {
    /// By Toeplitz hash of its flow.
    #[default]
    Toeplitz,
    /// By its number in the run.
    RoundRobin,
    /// Always queue 0.
    Fixed,
}
