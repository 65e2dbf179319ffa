//! The callers, devices and programs that the tests of this crate share.
#![allow(dead_code, reason = "each test file uses a part")]

use proptest::test_runner::{Config, RngSeed};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use xdpsim_devmap::*;

/// A devmap program without frags.
pub const PROG: ProgFd = ProgFd(3);
/// A devmap program with frags.
pub const FRAGS_PROG: ProgFd = ProgFd(4);
/// A program for devices.
pub const XDP_PROG: ProgFd = ProgFd(5);
/// A program for a CPUMAP's entries.
pub const CPUMAP_PROG: ProgFd = ProgFd(6);
/// A devmap program that was loaded for one device.
pub const BOUND_PROG: ProgFd = ProgFd(7);
/// A program of another type that has the devmap's attach number.
pub const OTHER_PROG: ProgFd = ProgFd(8);
/// A devmap program that is interpreted.
pub const SLOW_PROG: ProgFd = ProgFd(9);
/// Not open.
pub const CLOSED: ProgFd = ProgFd(99);

/// A calling task: what its namespace and its file table hold.
#[derive(Clone, Debug)]
pub struct Task {
    pub devices: BTreeMap<u32, u32>,
    pub programs: BTreeMap<i32, ProgInfo>,
    pub out_of_memory: bool,
}

impl UpdateEnv for Task {
    fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId> {
        self.devices.get(&ifindex.0).map(|dev| DevId(*dev))
    }
    fn prog_by_fd(&self, fd: ProgFd) -> Option<ProgInfo> {
        self.programs.get(&fd.0).copied()
    }
    fn alloc_fails(&self) -> bool {
        self.out_of_memory
    }
}

/// The program behind a descriptor of [`task`]; its id is 100 + the descriptor.
pub fn prog(fd: ProgFd) -> ProgInfo {
    task().programs[&fd.0]
}

/// A task with the devices 1 to 20 (index n is device 1000 + n) and all the programs above.
pub fn task() -> Task {
    let plain = |fd: ProgFd| ProgInfo {
        id: ProgId(100 + fd.0 as u32),
        prog_type: ProgType::Xdp,
        attach_type: AttachType::Devmap,
        frags: false,
        jited: true,
        device_bound: false,
    };
    let programs = [
        (PROG.0, plain(PROG)),
        (FRAGS_PROG.0, ProgInfo { frags: true, ..plain(FRAGS_PROG) }),
        (XDP_PROG.0, ProgInfo { attach_type: AttachType::Xdp, ..plain(XDP_PROG) }),
        (CPUMAP_PROG.0, ProgInfo { attach_type: AttachType::Cpumap, ..plain(CPUMAP_PROG) }),
        (BOUND_PROG.0, ProgInfo { device_bound: true, ..plain(BOUND_PROG) }),
        (OTHER_PROG.0, ProgInfo { prog_type: ProgType::Other, ..plain(OTHER_PROG) }),
        (SLOW_PROG.0, ProgInfo { jited: false, ..plain(SLOW_PROG) }),
        // Descriptor 0 is open: only its number keeps it from being used (MAP-02).
        (0, plain(ProgFd(0))),
    ];
    let devices = (1..=20).map(|index| (index, 1000 + index)).collect();
    Task { devices, programs: programs.into(), out_of_memory: false }
}

/// A table with one map.
pub fn table(attr: &MapAttr) -> (MapTable, MapId) {
    let mut maps = MapTable::default();
    let id = maps.create(attr).expect("the attributes are valid");
    (maps, id)
}

/// A value without a program.
pub fn port(ifindex: u32) -> MapValue {
    MapValue::Dev(DevmapValue::device(IfIndex(ifindex)))
}

/// A value with a program.
pub fn port_with(ifindex: u32, fd: ProgFd) -> MapValue {
    MapValue::Dev(DevmapValue::with_program(IfIndex(ifindex), fd))
}

/// Updates with `BPF_ANY` as [`task`].
pub fn set(maps: &mut MapTable, id: MapId, key: u32, value: MapValue) -> Result<(), Errno> {
    maps.update(id, MapKey(key), value, UpdateFlags::ANY, &task())
}

/// Flags from their number.
pub fn flags(bits: u64) -> UpdateFlags {
    UpdateFlags::from_bits_retain(bits)
}

/// The index and program id that the system call reads.
pub fn read(maps: &MapTable, id: MapId, key: u32) -> Result<(u32, Option<u32>), Errno> {
    match maps.lookup(id, MapKey(key))? {
        MapInfo::Dev(info) => Ok((info.ifindex.0, info.prog_id.map(|id| id.0))),
        MapInfo::Inner(inner) => panic!("a device map answered with map {inner}"),
    }
}

/// The keys of a broadcast, in order.
pub fn walk(maps: &MapTable, id: MapId) -> Vec<u32> {
    maps.targets(id).map(|(key, _)| key.0).collect()
}

/// The keys that the system call's walk visits, in order.
pub fn keys(maps: &MapTable, id: MapId) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    while let Ok(key) = maps.get_next_key(id, found.last().map(|key| MapKey(*key))) {
        found.push(key.0);
        assert!(found.len() <= 100, "the walk doesn't end: {found:?}");
    }
    found
}

/// A property test's configuration. The seed is in the output of a failed test.
pub fn cases(cases: u32) -> Config {
    let mut config = Config { cases, failure_persistence: None, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().hash_one(cases));
    }
    if let RngSeed::Fixed(seed) = config.rng_seed {
        println!("replay: PROPTEST_RNG_SEED={seed} cargo test -p xdpsim-devmap");
    }
    config
}
