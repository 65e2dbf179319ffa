//! A case: what is played on both sides.

use xdpsim_core::Scenario;
use xdpsim_core::scenario::PortSpec;

/// What stays from case to case: namespaces and ports. All ports are veths or uppers, and all have explicit
/// ifindexes.
///
/// A veth's other end is a far end, or a port of the house (then both ends run programs, and what one sends
/// the other receives in the same softirq: HLP-22). An upper with ifindex 1 is its namespace's loopback
/// device, which is there without being made. Uppers are down.
#[derive(Clone, Debug, PartialEq)]
pub struct House {
    /// Namespaces beside the initial one, by name.
    pub netns: Vec<String>,
    /// The ports.
    pub ports: Vec<PortSpec>,
}

/// How frames come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inject {
    /// Sent by a socket at the far end: each arrives as an skb and is polled alone (DRV-10).
    Socket,
    /// Through the far end's `ndo_xdp_xmit`: all wait in the ring, then one NAPI poll takes up to 64.
    Poll,
}

/// Frames that come in together.
#[derive(Clone, Debug, PartialEq)]
pub struct Burst {
    /// Index of the port among the scenario's.
    pub port: usize,
    /// How.
    pub how: Inject,
    /// Their bytes, in order.
    pub frames: Vec<Vec<u8>>,
}

/// A scenario and what comes in.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Ports, maps, programs and changes; changes happen before the frame with the number they name.
    pub scenario: Scenario,
    /// The bursts, in order; each is over before the next begins.
    pub bursts: Vec<Burst>,
}

impl Case {
    /// The part that can be reused.
    #[must_use]
    pub fn house(&self) -> House {
        House { netns: self.scenario.netns.clone(), ports: self.scenario.ports.clone() }
    }
}
