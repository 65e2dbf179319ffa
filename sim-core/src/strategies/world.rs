//! A whole random scenario with its traffic.

use proptest::prelude::*;
use xdpsim_devmap::{GroupIndex, IfIndex, MapKind, RedirectFlags};

use super::{Arrival, Vocabulary, changes, maps, optional, ports, programs, traffic};
use crate::engine::domain::Timing;
use crate::profile::{KernelVersion, Profile};
use crate::rules::Rules;
use crate::scenario::{EntrySpec, EntryValue, KeySource, MapSpec, Op, PortKind, ProgramKind, Scenario};

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

    /// The same world under these rules: what was broadcast goes to forward group 1, the world's first map, but
    /// not to exclude group 1, its second one, by an index into the map `groups`.
    #[must_use]
    pub fn by_groups(mut self, rules: Rules) -> Self {
        self.scenario.profile.rules = rules;
        let maps = &mut self.scenario.maps;
        maps[1].kind = maps[0].kind;
        let inner = |map: &MapSpec| EntryValue::Map(map.name.clone());
        let keys = [GroupIndex(Self::INDEX).forward(), GroupIndex(Self::INDEX).exclude()];
        let groups = keys.iter().zip(maps.iter());
        let entries = groups.map(|(key, map)| EntrySpec { key: key.0, value: inner(map) }).collect();
        maps.push(MapSpec { entries, ..MapSpec::new("groups", MapKind::HashOfMaps, 4) });
        self.scenario.programs.iter_mut().for_each(|program| to_groups(&mut program.kind));
        self
    }

    /// Forward group 1 and exclude group 1.
    const INDEX: u32 = 0x0001_0001;

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

/// Broadcasts become calls with an index.
fn to_groups(kind: &mut ProgramKind) {
    let broadcast = RedirectFlags::BROADCAST.bits();
    let call = || ("groups".to_owned(), u64::from(World::INDEX));
    match kind {
        ProgramKind::Broadcast { .. } => {
            let (map, index) = call();
            *kind = ProgramKind::RedirectMap { map, key: KeySource::Const(index), flags: 0 };
        }
        ProgramKind::Script(cycle) => {
            for op in cycle.iter_mut().flatten() {
                if matches!(op, Op::RedirectMap { flags, .. } if *flags & broadcast != 0) {
                    let (map, key) = call();
                    *op = Op::RedirectMap { map, key, flags: 0 };
                }
            }
        }
        _ => {}
    }
}

/// A kernel of each sort that rules tell apart.
fn kernel() -> impl Strategy<Value = KernelVersion> {
    let version = |major, minor| Just(KernelVersion { major, minor });
    prop_oneof![8 => version(6, 12), 1 => version(6, 1), 1 => version(6, 8)]
}
