//! From a scenario to a world: names resolved, maps filled, programs loaded, CPUs put into domains.
//!
//! A [`Plan`] is checked once; each domain is built from it on the thread that will run it, so that no
//! two threads' states share a cache line. Rules: MAP-02, MAP-06, MAP-07, MAP-12, MAP-16, RED-03.

use std::collections::BTreeMap;
use std::sync::Arc;

use xdpsim_devmap::{
    AttachType, CpuId, DevId, DevmapValue, Errno, IfIndex, MapAttr, MapId, MapKey, MapTable, MapValue,
    NetnsId, ProgFd, ProgId, ProgInfo, ProgType, QueueId, UpdateEnv, UpdateFlags,
};

use crate::batch::FrameNo;
use crate::driver::DriverState;
use crate::driver::nic::TxRing;
use crate::driver::veth::VethEnd;
use crate::engine::arrival::RxQueue;
use crate::engine::changes::{Act, Changes};
use crate::engine::cpu::Cpu;
use crate::engine::domain::{Domain, Timing};
use crate::engine::env::World;
use crate::engine::faults::{Fault, Faults};
use crate::frame::Store;
use crate::netdev::{Device, DeviceTable, Features, Kind};
use crate::program::{Effects, Sharing, XdpProgram};
use crate::redirect::is_devmap;
use crate::rss::RxQueues;
use crate::scenario::{Action, At, EntryValue, PeerSpec, PortKind, PortSpec, Scenario};
use crate::sink::Sink;
use crate::time::Nanos;

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

/// A checked scenario, ready to be run.
pub struct Plan {
    scenario: Scenario,
    world: World,
    ports: usize,
    changes: Changes,
    faults: Faults,
    /// For each domain, its CPUs.
    domains: Vec<Vec<CpuId>>,
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
            maps: MapTable::default(),
            programs: Arc::new(Vec::new()),
            netns: std::iter::once("init".to_owned()).chain(scenario.netns.iter().cloned()).collect(),
            hops_max: scenario.hops_max,
            decide_first: false,
            version: 0,
        };
        add_devices(&mut world, scenario)?;
        create_maps(&mut world, scenario)?;
        load_programs(&mut world, scenario, own)?;
        world.devices.refresh(&scenario.profile);
        attach_programs(&mut world, scenario)?;
        fill_maps(&mut world, scenario)?;
        world.changed();
        let changes = resolve_changes(&world, scenario)?;
        let faults = resolve_faults(&world, scenario)?;
        let queue_cpus = queue_cpus(scenario, world.devices.len());
        let steering = world.devices.iter().map(|(dev, device)| {
            let rss = scenario.ports.get(dev.0 as usize).map_or_else(Default::default, |port| port.rss);
            RxQueues::new(rss, device.queues)
        });
        let steering = steering.collect();
        let domains = partition(&world, scenario, &faults);
        let ports = scenario.ports.len();
        Ok(Self { scenario: scenario.clone(), world, ports, changes, faults, domains, steering, queue_cpus })
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
        self.domains.iter().position(|cpus| cpus.contains(&cpu)).unwrap_or(0)
    }

    /// Builds one domain. Call it on the thread that will run it.
    #[must_use]
    pub fn domain<S: Sink>(&self, index: usize, timing: Timing, ledger_on: bool, sink: S) -> Domain<S> {
        let (world, scenario) = (self.world.clone(), &self.scenario);
        let (devices, mutations) = (world.devices.len(), scenario.profile.mutations);
        let ids = &self.domains[index];
        let cpu = |&id: &CpuId| Cpu::new(id, devices, &world.programs, scenario.seed, ledger_on, mutations);
        let shared = |program: &Program| (program.sharing == Sharing::Shared).then(|| program.code.clone_box());
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
            drivers: (0..devices).map(|dev| driver(&world, DevId(dev as u32), port(dev))).collect(),
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
            sink,
            world,
        }
    }
}

fn driver(world: &World, dev: DevId, port: Option<&PortSpec>) -> DriverState {
    match (world.devices.get(dev).kind, port.map(|port| &port.kind)) {
        (Kind::Nic, Some(PortKind::Nic { rate, tx_ring })) => DriverState::Nic(TxRing::new(*rate, *tx_ring)),
        (Kind::Veth { .. }, _) => {
            DriverState::Veth(VethEnd::new(world.devices.get(dev).queues, world.profile.mutations))
        }
        (Kind::Upper, _) => DriverState::None,
        _ => DriverState::Ideal,
    }
}

/// Upper bounds on what an untrusted scenario can ask for.
pub mod limits {
    /// Simulated CPUs.
    pub const CPUS: u16 = 256;
    /// Ports.
    pub const PORTS: usize = 1024;
    /// Receive queues of a port.
    pub const QUEUES: u16 = 256;
    /// Programs; their ids fit 16 bits.
    pub const PROGRAMS: usize = 4096;
    /// Entries of all maps that are there at the start.
    pub const ENTRIES: usize = 1 << 20;
}

fn check_ranges(scenario: &Scenario) -> Result<(), BuildError> {
    let range = |what, name: &str, problem: String| {
        Err(BuildError::Range { what, name: name.to_owned(), problem })
    };
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
    Ok(())
}

fn add_devices(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for port in &scenario.ports {
        if world.devices.by_name(&port.name).is_some() {
            return Err(BuildError::Duplicate { what: "port", name: port.name.clone() });
        }
        let netns = netns_of(world, port)?;
        world.devices.add(device(port, netns));
    }
    number_devices(world, scenario)?;
    for (id, port) in scenario.ports.iter().enumerate() {
        let dev = DevId(id as u32);
        if let PortKind::Veth { peer, .. } = &port.kind {
            let peer = match peer {
                PeerSpec::Port(name) => named_peer(world, scenario, port, name)?,
                PeerSpec::FarEnd { .. } => add_far_end(world, dev, port, peer),
            };
            let far_end = false;
            world.devices.get_mut(dev).kind = Kind::Veth { peer, far_end };
        }
        for upper in &port.uppers {
            let upper = world.devices.by_name(upper).ok_or_else(|| unknown("port", upper))?;
            world.devices.get_mut(dev).uppers.push(upper);
        }
    }
    Ok(())
}

fn netns_of(world: &World, port: &PortSpec) -> Result<NetnsId, BuildError> {
    let name = port.netns.as_deref();
    world.netns(name).ok_or_else(|| unknown("namespace", name.unwrap_or("init")))
}

fn device(port: &PortSpec, netns: NetnsId) -> Device {
    let (kind, mtu, gro) = match &port.kind {
        PortKind::Ideal => (Kind::Ideal, 65535, false),
        PortKind::Nic { .. } => (Kind::Nic, 1500, false),
        PortKind::Veth { gro, .. } => (Kind::Veth { peer: DevId(0), far_end: false }, 1500, *gro),
        PortKind::Upper => (Kind::Upper, 1500, false),
    };
    Device {
        name: port.name.clone(),
        kind,
        netns,
        ifindex: IfIndex(0),
        registered: true,
        up: port.up,
        mtu: port.mtu.unwrap_or(mtu),
        gro,
        gro_seen: gro,
        passes_all: false,
        queues: port.queues,
        prog: None,
        prog_frags: false,
        uppers: Vec::new(),
        features_fixed: port.features,
        features: Features::empty(),
        limit: 0,
        napi: false,
    }
}

/// Numbers that the scenario gives first, the others in order from the first free one.
fn number_devices(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for (id, port) in scenario.ports.iter().enumerate() {
        let Some(ifindex) = port.ifindex else { continue };
        let netns = world.devices.get(DevId(id as u32)).netns;
        if ifindex.0 == 0 || world.devices.by_index(netns, ifindex).is_some() {
            return Err(BuildError::Duplicate { what: "ifindex", name: ifindex.to_string() });
        }
        world.devices.get_mut(DevId(id as u32)).ifindex = ifindex;
    }
    for (id, port) in scenario.ports.iter().enumerate() {
        if port.ifindex.is_none() {
            let netns = world.devices.get(DevId(id as u32)).netns;
            let free = FirstIfIndex::free(&world.devices, netns);
            world.devices.get_mut(DevId(id as u32)).ifindex = free;
        }
    }
    Ok(())
}

/// Finds free interface numbers.
pub(crate) struct FirstIfIndex;

impl FirstIfIndex {
    /// The first number from 1 that no device of the namespace has.
    pub fn free(devices: &DeviceTable, netns: NetnsId) -> IfIndex {
        let mut used: Vec<u32> =
            devices.iter().filter(|(_, one)| one.netns == netns).map(|(_, one)| one.ifindex.0).collect();
        used.sort_unstable();
        let mut free = 1;
        for number in used {
            if number == free {
                free += 1;
            }
        }
        IfIndex(free)
    }
}

fn named_peer(
    world: &World,
    scenario: &Scenario,
    port: &PortSpec,
    name: &str,
) -> Result<DevId, BuildError> {
    let peer = world.devices.by_name(name).ok_or_else(|| unknown("port", name))?;
    let back = scenario.ports.get(peer.0 as usize).map(|peer| &peer.kind);
    match back {
        Some(PortKind::Veth { peer: PeerSpec::Port(back), .. }) if *back == port.name && name != port.name => {
            Ok(peer)
        }
        _ => Err(BuildError::Range {
            what: "peer",
            name: port.name.clone(),
            problem: format!("`{name}` must be a veth that names `{}` as its peer", port.name),
        }),
    }
}

/// A far end lives in a namespace of its own, so no number of it is in anybody's way.
fn add_far_end(world: &mut World, dev: DevId, port: &PortSpec, peer: &PeerSpec) -> DevId {
    let PeerSpec::FarEnd { mtu, gro, xdp, up, queues } = *peer else { return dev };
    let netns = NetnsId(u32::MAX - dev.0);
    let far = device(&PortSpec::new(&format!("{}.peer", port.name), PortKind::Upper), netns);
    world.devices.add(Device {
        kind: Kind::Veth { peer: dev, far_end: true },
        ifindex: IfIndex(1),
        mtu,
        gro,
        gro_seen: gro,
        passes_all: xdp,
        up,
        queues,
        ..far
    })
}

fn create_maps(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for spec in &scenario.maps {
        if world.maps.by_name(&spec.name).is_some() {
            return Err(BuildError::Duplicate { what: "map", name: spec.name.clone() });
        }
        let mut attr = MapAttr::devmap(&spec.name, spec.max_entries);
        attr.kind = spec.kind;
        attr.value_size = if is_devmap(spec.kind) { spec.value_size } else { 4 };
        attr.inner = spec.entries.iter().find_map(|entry| match &entry.value {
            EntryValue::Map(name) => world.maps.by_name(name),
            EntryValue::Port { .. } => None,
        });
        let refused = |errno| BuildError::Refused { what: format!("creating map `{}`", spec.name), errno };
        world.maps.create(&attr).map_err(refused)?;
    }
    Ok(())
}

fn load_programs(
    world: &mut World,
    scenario: &Scenario,
    mut own: BTreeMap<String, Box<dyn XdpProgram>>,
) -> Result<(), BuildError> {
    let mut programs: Vec<Program> = Vec::new();
    for spec in &scenario.programs {
        if programs.iter().any(|known| known.name == spec.name) {
            return Err(BuildError::Duplicate { what: "program", name: spec.name.clone() });
        }
        let mut used = Vec::new();
        let maps = &world.maps;
        let code = crate::programs::build(&spec.kind, &mut |name: &str| {
            let map = maps.by_name(name)?;
            used.push(map);
            Some(map)
        });
        let code = code.map_err(|error| unknown("map", &error.0))?;
        let code = own.remove(&spec.name).unwrap_or(code);
        let info = ProgInfo {
            id: ProgId(programs.len() as u32 + 1),
            prog_type: ProgType::Xdp,
            attach_type: spec.attach,
            frags: spec.frags,
            jited: true,
            device_bound: false,
        };
        let refused = |errno| BuildError::Refused { what: format!("loading program `{}`", spec.name), errno };
        world.maps.load_program(&info, &used).map_err(refused)?;
        let (sharing, effects) = (code.sharing(), code.effects());
        programs.push(Program { name: spec.name.clone(), info, code, sharing, effects });
    }
    world.programs = Arc::new(programs);
    Ok(())
}

fn attach_programs(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for (id, port) in scenario.ports.iter().enumerate() {
        let Some(name) = &port.xdp else { continue };
        let prog = program(world, name)?;
        let refused = |errno| {
            let what = format!("attaching program `{name}` to port `{}`", port.name);
            BuildError::Refused { what, errno }
        };
        let info = world.program(prog).info;
        if info.attach_type != AttachType::Xdp {
            return Err(refused(Errno::EINVAL));
        }
        let page_size = world.profile.page_size;
        let attached = world.devices.attach(DevId(id as u32), Some((prog, info.frags)), page_size);
        attached.map_err(|refusal| refused(refusal.errno))?;
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

fn fill_maps(world: &mut World, scenario: &Scenario) -> Result<(), BuildError> {
    for spec in &scenario.maps {
        let id = map(world, &spec.name)?;
        for entry in &spec.entries {
            let update = resolve_update(world, id, entry.key, &entry.value, UpdateFlags::ANY)?;
            let refused = |errno| {
                let what = format!("writing key {} of map `{}`", entry.key, spec.name);
                BuildError::Refused { what, errno }
            };
            apply_update(world, update).map_err(refused)?;
        }
    }
    Ok(())
}

fn resolve_update(
    world: &World,
    map_id: MapId,
    key: u32,
    value: &EntryValue,
    flags: UpdateFlags,
) -> Result<Act, BuildError> {
    let key = MapKey(key);
    Ok(match value {
        EntryValue::Map(name) => Act::UpdateInner { map: map_id, key, inner: map(world, name)?, flags },
        EntryValue::Port { port, program: name } => {
            let prog = name.as_deref().map(|name| program(world, name)).transpose()?;
            Act::UpdateDev { map: map_id, key, port: device_named(world, port)?, prog, flags }
        }
    })
}

/// `bpf_map_update_elem()` as the scenario's author would call it: in the port's own namespace.
pub(crate) fn apply_update(world: &mut World, update: Act) -> Result<(), Errno> {
    match update {
        Act::UpdateDev { map, key, port, prog, flags } => {
            let device = world.devices.get(port);
            let caller = Caller { devices: &world.devices, netns: device.netns, programs: &world.programs };
            let prog_fd = prog.map(|id| ProgFd(id.0 as i32));
            let value = MapValue::Dev(DevmapValue { ifindex: device.ifindex, prog_fd });
            world.maps.update(map, key, value, flags, &caller)
        }
        Act::UpdateInner { map, key, inner, flags } => {
            let caller =
                Caller { devices: &world.devices, netns: NetnsId::INIT, programs: &world.programs };
            world.maps.update(map, key, MapValue::Inner(inner), flags, &caller)
        }
        _ => Ok(()),
    }
}

/// The task that updates a map.
struct Caller<'a> {
    devices: &'a DeviceTable,
    netns: NetnsId,
    programs: &'a [Program],
}

impl UpdateEnv for Caller<'_> {
    fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId> {
        self.devices.by_index(self.netns, ifindex)
    }

    fn prog_by_fd(&self, fd: ProgFd) -> Option<ProgInfo> {
        let index = usize::try_from(fd.0).ok()?.checked_sub(1)?;
        self.programs.get(index).map(|program| program.info)
    }
}

fn resolve_changes(world: &World, scenario: &Scenario) -> Result<Changes, BuildError> {
    let mut changes = Changes::default();
    for (index, change) in scenario.changes.iter().enumerate() {
        let act = resolve_action(world, &change.action)?;
        match change.at {
            At::Frame(no) => changes.by_frame.push((no, index, act)),
            At::Time(time) => changes.by_time.push((time, index, act)),
        }
    }
    changes.by_frame.sort_by_key(|&(at, index, _)| std::cmp::Reverse((at, index)));
    changes.by_time.sort_by_key(|&(at, index, _)| std::cmp::Reverse((at, index)));
    Ok(changes)
}

fn resolve_action(world: &World, action: &Action) -> Result<Act, BuildError> {
    let dev = |name: &str| device_named(world, name);
    Ok(match action {
        Action::SetUp { port, up } => Act::SetUp(dev(port)?, *up),
        Action::SetMtu { port, mtu } => Act::SetMtu(dev(port)?, *mtu),
        Action::SetGro { port, on } => Act::SetGro(dev(port)?, *on),
        Action::AddUpper { port, upper } => Act::AddUpper(dev(port)?, dev(upper)?),
        Action::RemoveUpper { port, upper } => Act::RemoveUpper(dev(port)?, dev(upper)?),
        Action::SetNetns { port, netns } => {
            let name = netns.as_deref();
            let netns = world.netns(name).ok_or_else(|| unknown("namespace", name.unwrap_or("init")))?;
            Act::SetNetns(dev(port)?, netns)
        }
        Action::Unregister { port } => Act::Unregister(dev(port)?),
        Action::SetXdp { port, program: name } => {
            let prog = name.as_deref().map(|name| program(world, name)).transpose()?;
            Act::SetXdp(dev(port)?, prog)
        }
        Action::UpdateEntry { map: name, key, value, flags } => {
            resolve_update(world, map(world, name)?, *key, value, *flags)?
        }
        Action::DeleteEntry { map: name, key } => Act::DeleteEntry { map: map(world, name)?, key: MapKey(*key) },
    })
}

fn resolve_faults(world: &World, scenario: &Scenario) -> Result<Faults, BuildError> {
    let fault = |spec: &crate::scenario::FaultSpec| {
        let dev = device_named(world, &spec.port)?;
        Ok(Fault { dev, kind: spec.kind, nth: spec.nth, seen: 0 })
    };
    scenario.faults.iter().map(fault).collect::<Result<_, _>>().map(Faults)
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
/// with one state for all, a ring that several CPUs fill, a fault that counts over all CPUs: then
/// everything is one domain.
fn partition(world: &World, scenario: &Scenario, faults: &Faults) -> Vec<Vec<CpuId>> {
    let all: Vec<CpuId> = (0..scenario.cpus).map(CpuId).collect();
    let shared = world.programs.iter().any(|program| program.sharing == Sharing::Shared);
    let rings = world.devices.iter().any(|(_, device)| !matches!(device.kind, Kind::Ideal | Kind::Upper));
    if shared || rings || !faults.is_empty() {
        vec![all]
    } else {
        all.into_iter().map(|cpu| vec![cpu]).collect()
    }
}
