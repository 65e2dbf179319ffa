//! The plan: a checked scenario, and the domains that are built from it.
//!
//! A domain is built on the thread that will run it, so that no two threads' states share a cache line.
//! Rules: RSS-08.

use std::collections::BTreeMap;
use std::sync::Arc;

use xdpsim_devmap::{CpuId, DevId, MapTable, ProgId, QueueId};

use super::{BuildError, Program, changes, check_ranges, devices, maps, programs};
use crate::batch::FrameNo;
use crate::driver::DriverState;
use crate::driver::nic::TxRing;
use crate::driver::veth::VethEnd;
use crate::engine::arrival::RxQueue;
use crate::engine::changes::Changes;
use crate::engine::cpu::Cpu;
use crate::engine::domain::{Domain, Timing};
use crate::engine::env::World;
use crate::engine::faults::Faults;
use crate::frame::Store;
use crate::kin::Kin;
use crate::netdev::{Device, DeviceTable, Kind};
use crate::program::{Sharing, XdpProgram};
use crate::rss::RxQueues;
use crate::scenario::{PortKind, PortSpec, Scenario};
use crate::sink::Sink;
use crate::time::Nanos;

/// A checked scenario, ready to be run.
pub struct Plan {
    scenario: Scenario,
    world: World,
    ports: usize,
    changes: Changes,
    faults: Faults,
    /// For each domain, its CPUs.
    domains: Vec<Vec<CpuId>>,
    /// For each CPU, its domain.
    domain_of_cpu: Vec<usize>,
    steering: Vec<RxQueues>,
    queue_cpus: Vec<Vec<CpuId>>,
}

impl Plan {
    /// Resolves and checks a scenario whose programs are all built in.
    ///
    /// # Errors
    /// The first thing that cannot be built.
    pub fn new(scenario: &Scenario) -> Result<Self, BuildError> {
        Self::with_programs(scenario, BTreeMap::new())
    }

    /// The same, with programs of one's own: they replace the code of the scenario's program of the same
    /// name.
    ///
    /// # Errors
    /// The first thing that cannot be built.
    pub fn with_programs(
        scenario: &Scenario,
        own: BTreeMap<String, Box<dyn XdpProgram>>,
    ) -> Result<Self, BuildError> {
        check_ranges(scenario)?;
        let mut world = World {
            profile: scenario.profile,
            devices: DeviceTable::default(),
            maps: MapTable::with_mutations(scenario.profile.mutations.of_maps()),
            programs: Arc::new(Vec::new()),
            netns: std::iter::once("init".to_owned()).chain(scenario.netns.iter().cloned()).collect(),
            hops_max: scenario.hops_max,
            decide_first: false,
            version: 0,
        };
        devices::add_devices(&mut world, scenario)?;
        maps::create_maps(&mut world, scenario)?;
        programs::load_programs(&mut world, scenario, own)?;
        world.devices.refresh(&scenario.profile);
        programs::attach_programs(&mut world, scenario)?;
        maps::fill_maps(&mut world, scenario)?;
        world.changed();
        let changes = changes::resolve_changes(&world, scenario)?;
        let faults = changes::resolve_faults(&world, scenario)?;
        let queue_cpus = queue_cpus(scenario, world.devices.len());
        let steering = world.devices.iter().map(|(dev, device)| {
            let rss = scenario.ports.get(dev.0 as usize).map_or_else(Default::default, |port| port.rss);
            RxQueues::new(rss, device.queues)
        });
        let steering = steering.collect();
        let domains = partition(&world, scenario, &faults, &changes);
        let mut domain_of_cpu = vec![0; usize::from(scenario.cpus)];
        for (index, cpus) in domains.iter().enumerate() {
            cpus.iter().for_each(|cpu| domain_of_cpu[usize::from(cpu.0)] = index);
        }
        let ports = scenario.ports.len();
        Ok(Self {
            scenario: scenario.clone(),
            world,
            ports,
            changes,
            faults,
            domains,
            domain_of_cpu,
            steering,
            queue_cpus,
        })
    }

    /// How many domains: the most threads that can be of use.
    #[must_use]
    pub fn domains(&self) -> usize {
        self.domains.len()
    }

    /// The port with this name.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<DevId> {
        self.world.devices.by_name(name).filter(|dev| (dev.0 as usize) < self.ports)
    }

    /// The scenario's ports in its order, with name and ifindex; far ends are none.
    pub fn ports(&self) -> impl Iterator<Item = (DevId, &Device)> {
        self.world.devices.iter().take(self.ports)
    }

    /// A device, far ends included.
    #[must_use]
    pub fn device(&self, dev: DevId) -> &Device {
        self.world.devices.get(dev)
    }

    /// A program's name.
    #[must_use]
    pub fn program_name(&self, id: ProgId) -> &str {
        &self.world.program(id).name
    }

    /// All maps.
    #[must_use]
    pub fn maps(&self) -> &MapTable {
        &self.world.maps
    }

    /// The scenario it was made from.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Which queue a frame reaches (RSS-*).
    #[inline]
    #[must_use]
    pub fn queue(&self, dev: DevId, frame: &[u8], no: FrameNo) -> QueueId {
        self.steering[dev.0 as usize].queue(frame, no)
    }

    /// Which domain polls a queue.
    #[must_use]
    pub fn domain_of(&self, dev: DevId, queue: QueueId) -> usize {
        let cpu = self.queue_cpus[dev.0 as usize][usize::from(queue.0)];
        self.domain_of_cpu[usize::from(cpu.0)]
    }

    /// Builds one domain. Call it on the thread that will run it.
    #[must_use]
    pub fn domain<S: Sink>(&self, index: usize, timing: Timing, ledger_on: bool, sink: S) -> Domain<S> {
        let (world, scenario) = (self.world.clone(), &self.scenario);
        let (devices, mutations) = (world.devices.len(), scenario.profile.mutations);
        let ids = &self.domains[index];
        let cpu = |&id: &CpuId| Cpu::new(id, devices, &world.programs, scenario.seed, ledger_on, mutations);
        let mut kin = Kin::default();
        let shared = |program: &Program| {
            (program.sharing == Sharing::Shared).then(|| program.code.clone_with(&mut kin))
        };
        let local = |cpus: &Vec<CpuId>| {
            cpus.iter().map(|cpu| ids.iter().position(|id| id == cpu).unwrap_or(0)).collect()
        };
        let port = |dev: usize| scenario.ports.get(dev);
        let spec_rate = |dev: usize| match port(dev).map(|port| &port.kind) {
            Some(PortKind::Nic { rate, .. }) => *rate,
            _ => None,
        };
        Domain {
            cpus: ids.iter().map(cpu).collect(),
            rx: world.devices.iter().map(|(_, one)| vec![RxQueue::default(); one.queues.into()]).collect(),
            rx_usecs: (0..devices).map(|dev| port(dev).map_or(Nanos::ZERO, |port| port.rx_usecs)).collect(),
            steering: self.steering.clone(),
            queue_cpus: self.queue_cpus.iter().map(local).collect(),
            drivers: (0..devices).map(|dev| driver(&world, &self.scenario, DevId(dev as u32))).collect(),
            store: Store::default(),
            shared: world.programs.iter().map(shared).collect(),
            faults: self.faults.clone(),
            changes: self.changes.clone(),
            armed: Vec::new(),
            timing,
            line: (0..devices).map(spec_rate).collect(),
            line_free: vec![Nanos::ZERO; devices],
            now: Nanos::ZERO,
            clock: Nanos::ZERO,
            trigger: FrameNo(0),
            latest: FrameNo(0),
            began: None,
            kept_stamps: BTreeMap::new(),
            later_maps: Vec::new(),
            told_first_call: false,
            sink,
            world,
        }
    }
}

fn driver(world: &World, scenario: &Scenario, dev: DevId) -> DriverState {
    let port: Option<&PortSpec> = scenario.ports.get(dev.0 as usize);
    match (world.devices.get(dev).kind, port.map(|port| &port.kind)) {
        (Kind::Nic, Some(PortKind::Nic { rate, tx_ring })) => DriverState::Nic(TxRing::new(*rate, *tx_ring)),
        (Kind::Veth { .. }, _) => {
            let slots = changes::ring_slots(world, scenario, dev);
            DriverState::Veth(VethEnd::new(world.devices.get(dev).queues, slots, world.profile.mutations))
        }
        (Kind::Upper, _) => DriverState::None,
        _ => DriverState::Ideal,
    }
}

fn queue_cpus(scenario: &Scenario, devices: usize) -> Vec<Vec<CpuId>> {
    let of_port = |dev: usize| -> Vec<CpuId> {
        let port = scenario.ports.get(dev);
        let queues = port.map_or(1, |port| port.queues);
        let fixed = |queue: u16| port.and_then(|port| port.queue_cpus.get(usize::from(queue)).copied());
        (0..queues).map(|queue| fixed(queue).unwrap_or(CpuId(queue % scenario.cpus))).collect()
    };
    (0..devices).map(of_port).collect()
}

/// Which CPUs can run on threads of their own: all of them if nothing ties them together. A program
/// with one state for all, a ring that several CPUs fill, a fault that counts over all CPUs, a change in
/// the middle of a poll, an event that comes once: then everything is one domain.
fn partition(world: &World, scenario: &Scenario, faults: &Faults, changes: &Changes) -> Vec<Vec<CpuId>> {
    let all: Vec<CpuId> = (0..scenario.cpus).map(CpuId).collect();
    let shared = world.programs.iter().any(|program| program.sharing == Sharing::Shared);
    let rings = world.devices.iter().any(|(_, device)| !matches!(device.kind, Kind::Ideal | Kind::Upper));
    let tied = changes.any_in_polls() || world.profile.rules.is_literal();
    if shared || rings || tied || !faults.is_empty() {
        vec![all]
    } else {
        all.into_iter().map(|cpu| vec![cpu]).collect()
    }
}
