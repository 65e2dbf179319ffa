//! What is measured: traffic and worlds.

use std::convert::Infallible;

use xdpsim::capture::synth::{Sizes, Synth};
use xdpsim::runner::{Finished, MemorySource, Settings, run};
use xdpsim_core::scenario::{
    KeySource, MapSpec, PeerSpec, PortKind, PortSpec, ProgramKind, ProgramSpec, Rss,
};
use xdpsim_core::{DevId, MapKind, Path, Plan, RedirectFlags, Scenario, Sink};

/// Bytes of a batch when a capture is scanned in place.
pub const WINDOW: usize = 128 << 10;

/// The same where threads wait for each other at the end of each batch, as the command reads then.
const EPOCH_WINDOW: usize = xdpsim::runner::EPOCH_BYTES;

/// The byte of a frame that random targets are chosen by: the low one of the UDP source port, as good as
/// random from frame to frame.
pub const KEY_BYTE: u32 = 35;

fn window_of(plan: &Plan) -> usize {
    if plan.domains() > 1 { EPOCH_WINDOW } else { WINDOW }
}

/// The frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// All 64 bytes.
    Small,
    /// 64, 594 and 1518 bytes as 7 : 4 : 1.
    Imix,
}

impl Traffic {
    /// A capture in memory.
    #[must_use]
    pub fn capture(self, frames: u64) -> Vec<u8> {
        let sizes = match self {
            Self::Small => Sizes::Small,
            Self::Imix => Sizes::Imix,
        };
        Synth { frames, sizes, flows: 4096, ..Synth::default() }.to_vec()
    }
}

/// Where the frames go. Beside the targets there is always a port that is down and the ingress, which is
/// excluded: a broadcast meets both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// DEVMAP, always the same key: the program runs once a poll.
    UnicastOne,
    /// The same port, but the key is a byte of the frame modulo 1: the program runs on every frame.
    UnicastPerFrame,
    /// DEVMAP, key from a byte of the frame, so many ports.
    UnicastRandom(u32),
    /// Broadcast to so many ports, ingress excluded, one more port down.
    Broadcast(u32),
    /// DEVMAP to one veth whose far end polls.
    VethOne,
    /// DEVMAP, key from a byte of the frame, to so many veths whose far ends poll.
    VethRandom(u32),
    /// Broadcast to so many veths whose far ends poll.
    VethBroadcast(u32),
    /// Two RX queues on two CPUs by flow hash, unicast.
    TwoQueues,
}

impl Workload {
    /// A name for reports.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::UnicastOne => "unicast to one port".to_owned(),
            Self::UnicastPerFrame => "unicast to one port, program per frame".to_owned(),
            Self::UnicastRandom(n) => format!("unicast to {n} ports at random"),
            Self::Broadcast(n) => format!("broadcast to {n} ports"),
            Self::VethOne => "unicast to one veth".to_owned(),
            Self::VethRandom(n) => format!("unicast to {n} veths at random"),
            Self::VethBroadcast(n) => format!("broadcast to {n} veths"),
            Self::TwoQueues => "unicast, two RX queues".to_owned(),
        }
    }

    /// Copies that leave per frame.
    #[must_use]
    pub fn copies(self) -> u64 {
        match self {
            Self::Broadcast(n) | Self::VethBroadcast(n) => u64::from(n),
            _ => 1,
        }
    }

    /// Is every frame sent to all ports?
    #[must_use]
    pub fn is_broadcast(self) -> bool {
        matches!(self, Self::Broadcast(_) | Self::VethBroadcast(_))
    }

    /// Ports that frames can leave by.
    #[must_use]
    pub fn targets(self) -> u32 {
        match self {
            Self::UnicastRandom(n) | Self::Broadcast(n) => n,
            Self::VethRandom(n) | Self::VethBroadcast(n) => n,
            _ => 1,
        }
    }

    fn port_kind(self) -> PortKind {
        match self {
            Self::VethOne | Self::VethRandom(_) | Self::VethBroadcast(_) => PortKind::Veth {
                peer: PeerSpec::FarEnd { mtu: 1500, gro: true, xdp: false, up: true, queues: 1 },
                gro: false,
            },
            _ => PortKind::Ideal,
        }
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(self) -> Scenario {
        let targets = self.targets();
        let mut ports = vec![PortSpec::ideal("ingress")];
        let mut map = MapSpec::new("ports", MapKind::Devmap, targets + 2).with(targets + 1, "ingress");
        for i in 0..targets {
            let name = format!("port{i}");
            ports.push(PortSpec::new(&name, self.port_kind()));
            map = map.with(i, &name);
        }
        ports.push(PortSpec { up: false, ..PortSpec::ideal("down") });
        map = map.with(targets, "down");
        ports[0].xdp = Some("program".to_owned());
        if self == Self::TwoQueues {
            ports[0].queues = 2;
            ports[0].rss = Rss::Toeplitz;
        }
        let cpus = if self == Self::TwoQueues { 2 } else { 1 };
        let programs = vec![ProgramSpec::xdp("program", self.program())];
        Scenario { cpus, ports, maps: vec![map], programs, ..Scenario::default() }
    }

    fn program(self) -> ProgramKind {
        let map = "ports".to_owned();
        match self {
            Self::Broadcast(_) | Self::VethBroadcast(_) => {
                ProgramKind::Broadcast { map, flags: RedirectFlags::EXCLUDE_INGRESS }
            }
            Self::UnicastRandom(_) | Self::UnicastPerFrame | Self::VethRandom(_) => {
                let key = KeySource::FrameByte { offset: KEY_BYTE, modulo: self.targets() };
                ProgramKind::RedirectMap { map, key, flags: 0 }
            }
            _ => ProgramKind::RedirectMap { map, key: KeySource::Const(0), flags: 0 },
        }
    }

    /// The scenario, built; frame by frame if asked for.
    ///
    /// # Panics
    /// If the scenario is wrong, which a test excludes.
    #[must_use]
    pub fn plan(self, path: Path) -> Plan {
        let mut scenario = self.scenario();
        scenario.profile.path = path;
        Plan::new(&scenario).expect("the workload's scenario builds")
    }
}

/// Runs a plan over a capture in memory; frames arrive on the first port.
///
/// # Panics
/// If the capture is broken, which a test excludes.
pub fn replay<S: Sink + Send>(
    plan: &Plan,
    capture: &[u8],
    settings: &Settings,
    make_sink: &(dyn Fn(usize) -> S + Sync),
    collect: &mut dyn FnMut(Vec<S>),
) -> Finished {
    let mut source = MemorySource::new(capture, window_of(plan)).expect("a capture");
    let mut collect = |sinks, _| {
        collect(sinks);
        Ok::<(), Infallible>(())
    };
    let finished = run(plan, DevId(0), &mut source, settings, make_sink, &mut collect);
    let Ok(finished) = finished;
    assert!(finished.stopped.is_none(), "the capture is whole");
    finished
}
