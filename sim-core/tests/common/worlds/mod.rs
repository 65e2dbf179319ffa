//! Random worlds: scenarios and traffic that reach every corner of the redirect path, and a tape of all
//! that a run shows.
//!
//! A world is drawn as small plain data ([`World`]), which proptest can shrink, and built from that. It
//! always builds: names exist, pairs are pairs, programs fit their maps.

#![allow(dead_code, missing_docs)]

pub mod ports;
pub mod programs;
pub mod tape;
pub mod traffic;

use proptest::prelude::*;
use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, FaultKind, FaultSpec, MapSpec, PortKind, ProgramKind, Scenario,
};
use xdpsim_core::{Errno, FrameNo, KernelVersion, MapKind, Nanos, Profile, Timing, UpdateFlags};

use programs::{ENTRY_PROGRAMS, MAPS, PORT_PROGRAMS};
use traffic::Arrival;

/// Keys of every map.
pub const KEYS: u32 = 12;

/// A scenario and its traffic.
#[derive(Clone, Debug)]
pub struct World {
    pub scenario: Scenario,
    pub timing: Timing,
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

    pub fn within(limits: Limits) -> impl Strategy<Value = Self> {
        (2..10usize).prop_flat_map(move |n| {
            let entry_program = programs::on_entry(n);
            let house = (
                ports::any(n),
                prop::array::uniform2(map_of(n)),
                prop::collection::vec(programs::on_port(n), PORT_PROGRAMS),
                prop::collection::vec(entry_program, ENTRY_PROGRAMS),
            );
            let life = (
                optional(limits.faults, prop::collection::vec(fault(n), 1..4)),
                optional(limits.changes, prop::collection::vec(change(n), 1..5)),
                prop_oneof![8 => Just("6.12"), 1 => Just("6.1"), 1 => Just("6.8")],
                prop_oneof![3 => Just(Timing::Capture), 1 => Just(Timing::Asap)],
                1..4u8,
                prop_oneof![5 => Just(1u16), 1 => Just(2)],
            );
            (house, life, traffic::any(n)).prop_map(|(house, life, arrivals)| {
                let ((ports, maps, on_ports, on_entries), (faults, changes, kernel, timing, hops, cpus)) =
                    (house, life);
                let mut scenario = Scenario { hops_max: hops, cpus, faults, changes, ..Scenario::default() };
                scenario.profile = Profile { kernel: version(kernel), ..Profile::default() };
                scenario.netns = vec!["ns".into()];
                scenario.ports = ports::build(&ports);
                scenario.programs = programs::load(on_ports, on_entries);
                scenario.maps = MAPS.iter().zip(maps).map(|(name, map)| map.build(name)).collect();
                Self { scenario, timing, arrivals }
            })
        })
    }
}

impl World {
    /// The same world with ideal ports in the place of rings: no frame comes back, none is refused by a
    /// driver, and CPUs are independent of each other. Switches would tie them together, so there are none.
    pub fn without_rings(mut self) -> Self {
        for port in &mut self.scenario.ports {
            if port.kind != PortKind::Upper {
                port.kind = PortKind::Ideal;
            }
        }
        for program in &mut self.scenario.programs {
            if matches!(program.kind, ProgramKind::LearningSwitch { .. }) {
                program.kind = ProgramKind::FlowHash { map: MAPS[0].into(), targets: KEYS };
            }
        }
        self
    }

    /// The same world with this many CPUs and as many queues on each port.
    pub fn with_cpus(mut self, cpus: u16) -> Self {
        self.scenario.cpus = cpus;
        for port in &mut self.scenario.ports {
            port.queues = cpus;
        }
        self
    }
}

/// A list that is there with this probability, else empty.
fn optional<T: Clone + std::fmt::Debug>(
    probability: f64,
    list: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = Vec<T>> {
    (prop::bool::weighted(probability), list).prop_map(|(there, list)| if there { list } else { Vec::new() })
}

pub fn port_name(index: usize) -> String {
    format!("p{index}")
}

fn version(text: &str) -> KernelVersion {
    text.parse().expect("a version")
}

/// A map, with its entries in the order in which they are written.
#[derive(Clone, Debug)]
pub struct MapDraw {
    hash: bool,
    entries: Vec<(u32, usize, Option<usize>)>,
}

impl MapDraw {
    fn build(&self, name: &str) -> MapSpec {
        let kind = if self.hash { MapKind::DevmapHash } else { MapKind::Devmap };
        let map = MapSpec::new(name, kind, KEYS);
        self.entries.iter().fold(map, |map, &(key, port, program)| match program {
            None => map.with(key, &port_name(port)),
            Some(program) => map.with_program(key, &port_name(port), &programs::entry_name(program)),
        })
    }
}

/// Each port at most once in half of the maps; whatever comes in the others.
fn map_of(n: usize) -> impl Strategy<Value = MapDraw> {
    let program = prop::option::weighted(0.2, 0..ENTRY_PROGRAMS);
    let keys = Just((0..KEYS).collect::<Vec<_>>()).prop_shuffle();
    let each_once = Just((0..n).collect::<Vec<_>>()).prop_shuffle();
    let some = prop::collection::vec((0..n, program.clone()), 0..12);
    let distinct = (each_once, 1..=n, prop::collection::vec(program, n))
        .prop_map(|(ports, used, programs)| ports.into_iter().zip(programs).take(used).collect::<Vec<_>>());
    (any::<bool>(), keys, prop_oneof![3 => distinct, 2 => some]).prop_map(|(hash, keys, targets)| {
        let entries = keys.into_iter().zip(targets).map(|(key, (port, program))| (key, port, program));
        MapDraw { hash, entries: entries.collect() }
    })
}

fn fault(n: usize) -> impl Strategy<Value = FaultSpec> {
    let kind = prop_oneof![
        Just(FaultKind::Clone),
        Just(FaultKind::Convert),
        Just(FaultKind::Xmit(Errno::ENXIO)),
        (0..16u8).prop_map(FaultKind::XmitShort),
    ];
    (0..n, kind, 1..9u64).prop_map(|(port, kind, nth)| FaultSpec { port: port_name(port), kind, nth })
}

fn change(n: usize) -> impl Strategy<Value = Change> {
    let port = (0..n).prop_map(port_name);
    let map = prop::sample::select(MAPS.to_vec()).prop_map(str::to_owned);
    let program = prop::option::of((0..PORT_PROGRAMS).prop_map(programs::port_name));
    let entry_program = prop::option::weighted(0.3, (0..ENTRY_PROGRAMS).prop_map(programs::entry_name));
    let entry = (port.clone(), entry_program).prop_map(|(port, program)| EntryValue::Port { port, program });
    let update = |(map, key, value)| Action::UpdateEntry { map, key, value, flags: UpdateFlags::ANY };
    let action = prop_oneof![
        3 => (port.clone(), any::<bool>()).prop_map(|(port, up)| Action::SetUp { port, up }),
        2 => (port.clone(), ports::mtu()).prop_map(|(port, mtu)| Action::SetMtu { port, mtu }),
        1 => (port.clone(), any::<bool>()).prop_map(|(port, on)| Action::SetGro { port, on }),
        1 => (port.clone(), port.clone()).prop_map(|(port, upper)| Action::AddUpper { port, upper }),
        1 => (port.clone(), port.clone()).prop_map(|(port, upper)| Action::RemoveUpper { port, upper }),
        1 => (port.clone(), any::<bool>())
            .prop_map(|(port, ns)| Action::SetNetns { port, netns: ns.then(|| "ns".into()) }),
        1 => port.clone().prop_map(|port| Action::Unregister { port }),
        2 => (port, program).prop_map(|(port, program)| Action::SetXdp { port, program }),
        3 => (map.clone(), 0..KEYS, entry).prop_map(update),
        2 => (map, 0..KEYS).prop_map(|(map, key)| Action::DeleteEntry { map, key }),
    ];
    let at = prop_oneof![
        2 => (0..200u64).prop_map(|no| At::Frame(FrameNo(no))),
        1 => (0..3000u64).prop_map(|time| At::Time(Nanos(time))),
    ];
    (at, action).prop_map(|(at, action)| Change { at, action })
}
