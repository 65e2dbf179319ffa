//! A whole random scenario with its traffic.

use proptest::prelude::*;
use xdpsim_devmap::IfIndex;

use super::{Arrival, Vocabulary, changes, maps, optional, ports, programs, traffic};
use crate::engine::domain::Timing;
use crate::profile::{KernelVersion, Profile};
use crate::scenario::{PortKind, ProgramKind, Scenario};

/// Keys of every map.
const KEYS: u32 = 12;
/// Programs for ports, and as many for entries.
const PROGRAMS: usize = 3;

/// A scenario and its traffic. Ports are called `p0`, `p1` …
#[derive(Clone, Debug)]
pub struct World {
    /// The scenario; it always builds.
    pub scenario: Scenario,
    /// How the frames arrive.
    pub timing: Timing,
    /// The frames, in order.
    pub arrivals: Vec<Arrival>,
}

/// What a world may contain beside ports, maps and programs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Probability that operations fail on purpose.
    pub faults: f64,
    /// Probability that things change under traffic.
    pub changes: f64,
}

impl World {
    /// All kinds of worlds.
    pub fn any() -> impl Strategy<Value = Self> {
        Self::within(Limits { faults: 0.12, changes: 0.25 })
    }

    /// Worlds with faults and changes as often as told.
    pub fn within(limits: Limits) -> impl Strategy<Value = Self> {
        (2..10usize).prop_flat_map(move |n| {
            let words = Self::vocabulary(n);
            let house = (
                ports::any(&words),
                maps::of_devices(&words.maps[0], &words),
                maps::of_devices(&words.maps[1], &words),
                prop::collection::vec(programs::on_port(&words), PROGRAMS),
                prop::collection::vec(programs::on_entry(&words), PROGRAMS),
            );
            let life = (
                optional(limits.faults, prop::collection::vec(changes::fault(&words), 1..4)),
                optional(limits.changes, prop::collection::vec(changes::timed(&words), 1..5)),
                kernel(),
                prop_oneof![3 => Just(Timing::Capture), 1 => Just(Timing::Asap)],
                1..4u8,
                prop_oneof![5 => Just(1u16), 1 => Just(2)],
            );
            (house, life, traffic::any(n)).prop_map(move |(house, life, arrivals)| {
                let (
                    (ports, map, other, on_ports, on_entries),
                    (faults, changes, kernel, timing, hops_max, cpus),
                ) = (house, life);
                let scenario = Scenario {
                    profile: Profile { kernel, ..Profile::default() },
                    netns: words.netns.clone(),
                    programs: programs::load(&words, &on_ports, &on_entries),
                    maps: vec![map, other],
                    ports,
                    hops_max,
                    cpus,
                    faults,
                    changes,
                    ..Scenario::default()
                };
                Self { scenario, timing, arrivals }
            })
        })
    }

    /// The names in a world of `n` ports.
    #[must_use]
    pub fn vocabulary(n: usize) -> Vocabulary {
        let numbered = |what: &str, n: usize| (0..n).map(|i| format!("{what}{i}")).collect();
        Vocabulary {
            ports: numbered("p", n),
            ifindexes: (0..n as u32 + 2).map(IfIndex).collect(),
            maps: vec!["map".into(), "other".into()],
            outer_maps: Vec::new(),
            keys: KEYS,
            port_programs: numbered("on_port_", PROGRAMS),
            entry_programs: numbered("on_entry_", PROGRAMS),
            netns: vec!["ns".into()],
        }
    }

    /// The name of the port on which a frame arrives.
    #[must_use]
    pub fn port_of(&self, arrival: &Arrival) -> String {
        self.scenario.ports[arrival.port].name.clone()
    }

    /// The same world with ideal ports in the place of rings: no frame comes back, none is refused by a
    /// driver, and CPUs are independent of each other. Switches would tie them together, so there are none.
    #[must_use]
    pub fn without_rings(mut self) -> Self {
        for port in &mut self.scenario.ports {
            if port.kind != PortKind::Upper {
                port.kind = PortKind::Ideal;
            }
        }
        for program in &mut self.scenario.programs {
            if let ProgramKind::LearningSwitch { map, .. } = &program.kind {
                program.kind = ProgramKind::FlowHash { map: map.clone(), targets: KEYS };
            }
        }
        self
    }

    /// The same world with this many CPUs and as many queues on each port.
    #[must_use]
    pub fn with_cpus(mut self, cpus: u16) -> Self {
        self.scenario.cpus = cpus;
        for port in &mut self.scenario.ports {
            port.queues = cpus;
        }
        self
    }
}

/// A kernel of each sort that rules tell apart.
fn kernel() -> impl Strategy<Value = KernelVersion> {
    let version = |major, minor| Just(KernelVersion { major, minor });
    prop_oneof![8 => version(6, 12), 1 => version(6, 1), 1 => version(6, 8)]
}
