//! Random sequences of operations, against the plain model in `reference`.

use crate::common;
use crate::reference;
use common::*;
use proptest::prelude::*;
use reference::{Asked, Plain, Program, Row, Shape};
use xdpsim_devmap::*;

/// Keys at which something changes: small ones, the border between near and far slots, the ends.
const KEYS: [u32; 16] =
    [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 4_095, 4_096, 4_097, 1 << 31, (1 << 31) + 1, u32::MAX];

/// Open and closed descriptors, good and bad programs, and what counts as none.
const FDS: [ProgFd; 10] = [
    ProgFd(0),
    ProgFd(-7),
    PROG,
    FRAGS_PROG,
    XDP_PROG,
    CPUMAP_PROG,
    BOUND_PROG,
    OTHER_PROG,
    SLOW_PROG,
    CLOSED,
];

#[derive(Clone, Debug)]
enum Op {
    Update { key: u32, ifindex: u32, fd: Option<ProgFd>, bits: u64, inside: bool, poor: bool },
    Delete { key: u32 },
    DeviceGone { dev: u32 },
    Load { fd: ProgFd },
}

fn key() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..10u32, 2 => proptest::sample::select(&KEYS[..]), 1 => any::<u32>()]
}

fn op() -> impl Strategy<Value = Op> {
    let fd = prop_oneof![4 => Just(None), 2 => Just(Some(PROG)), 2 => proptest::sample::select(&FDS[..]).prop_map(Some)];
    let ifindex = prop_oneof![8 => 1..6u32, 1 => Just(0), 1 => 20..23u32];
    let bits = prop_oneof![6 => Just(0), 3 => 1..6u64, 1 => any::<u64>()];
    let rare = || proptest::bool::weighted(0.1);
    let update = (key(), ifindex, fd, bits, any::<bool>(), rare()).prop_map(
        |(key, ifindex, fd, bits, inside, poor)| Op::Update { key, ifindex, fd, bits, inside, poor },
    );
    let devices = prop_oneof![1001..1006u32, 2001..2006u32];
    let programs = proptest::sample::select(&FDS[2..9]);
    prop_oneof![
        10 => update,
        3 => key().prop_map(|key| Op::Delete { key }),
        1 => devices.prop_map(|dev| Op::DeviceGone { dev }),
        1 => programs.prop_map(|fd| Op::Load { fd }),
    ]
}

fn shape(hash: bool) -> impl Strategy<Value = Shape> {
    let odd = [0, 4_096, 4_097, 1 << 31, (1 << 31) + 1, u32::MAX];
    let max_entries = prop_oneof![8 => 1..10u32, 2 => proptest::sample::select(odd.to_vec())];
    let key_size = prop_oneof![30 => Just(4), 1 => 0..9u32];
    let value_size = prop_oneof![20 => Just(8), 9 => Just(4), 1 => 0..13u32];
    let flags = prop_oneof![20 => Just(0), 9 => (0..8u32).prop_map(|bits| bits << 2), 1 => any::<u32>()];
    (key_size, value_size, max_entries, flags).prop_map(move |(key_size, value_size, max_entries, flags)| {
        Shape { hash, key_size, value_size, max_entries, flags }
    })
}

/// The same devices by index in another namespace, with numbers of their own.
fn inside() -> Task {
    Task { devices: (1..=4).map(|index| (index, 2000 + index)).collect(), ..task() }
}

fn plain(fd: ProgFd) -> Option<Program> {
    task().programs.get(&fd.0).map(|prog| Program {
        id: prog.id.0,
        devmap: prog.attach_type == AttachType::Devmap,
        xdp: prog.prog_type == ProgType::Xdp,
        frags: prog.frags,
        jited: prog.jited,
        bound: prog.device_bound,
    })
}

fn number(result: Result<(), Errno>) -> i32 {
    result.map_or_else(|errno| -errno.number(), |()| 0)
}

fn row((key, entry): (MapKey, Entry)) -> Row {
    let program = entry.prog.map_or(0, |id| id.0);
    Row { key: key.0, device: entry.dev.0, ifindex: entry.ifindex.0, program }
}

fn apply(maps: &mut MapTable, id: MapId, op: &Op) -> i32 {
    match *op {
        Op::Update { key, ifindex, fd, bits, inside: within, poor } => {
            let task = Task { out_of_memory: poor, ..if within { inside() } else { task() } };
            let value = MapValue::Dev(DevmapValue { ifindex: IfIndex(ifindex), prog_fd: fd });
            number(maps.update(id, MapKey(key), value, flags(bits), &task))
        }
        Op::Delete { key } => number(maps.delete(id, MapKey(key))),
        Op::DeviceGone { dev } => {
            maps.device_gone(DevId(dev));
            0
        }
        Op::Load { fd } => number(maps.load_program(&prog(fd), &[id])),
    }
}

fn apply_plain(model: &mut Plain, op: &Op) -> i32 {
    match *op {
        Op::Update { key, ifindex, fd, bits, inside, poor } => {
            let device = match (inside, ifindex) {
                (true, 1..=4) => Some(2000 + ifindex),
                (false, 1..=20) => Some(1000 + ifindex),
                _ => None,
            };
            let fd = fd.unwrap_or(ProgFd(0));
            let asked = Asked { ifindex, device, fd: fd.0, program: plain(fd), out_of_memory: poor };
            model.update(key, asked, bits)
        }
        Op::Delete { key } => model.delete(key),
        Op::DeviceGone { dev } => {
            model.device_gone(dev);
            0
        }
        Op::Load { fd } => model.load(plain(fd).expect("only open ones are loaded")),
    }
}

/// Everything that can be read from the two is equal.
fn compare(maps: &MapTable, id: MapId, model: &Plain, extra: u32) -> Result<(), TestCaseError> {
    let rows: Vec<Row> = maps.targets(id).map(row).collect();
    prop_assert_eq!(&rows, &model.walk());
    prop_assert_eq!(maps.has_programs(), rows.iter().any(|row| row.program != 0));
    for key in KEYS.into_iter().chain(rows.iter().map(|row| row.key)).chain([extra]) {
        let expected = model.find(key);
        prop_assert_eq!(
            maps.redirect_lookup(id, MapKey(key)).map(|entry| row((MapKey(key), entry))),
            expected
        );
        let read = read(maps, id, key).map(|(ifindex, id)| (ifindex, id.unwrap_or(0))).ok();
        prop_assert_eq!(read, expected.map(|row| (row.ifindex, row.program)));
        let next = maps.get_next_key(id, Some(MapKey(key)));
        prop_assert_eq!(next.map(|key| key.0).map_err(|errno| -errno.number()), model.next_key(Some(key)));
    }
    let first = maps.get_next_key(id, None);
    prop_assert_eq!(first.map(|key| key.0).map_err(|errno| -errno.number()), model.next_key(None));
    Ok(())
}

fn run(shape: Shape, ops: &[Op]) -> Result<(), TestCaseError> {
    let mut maps = MapTable::default();
    let created = maps.create(&MapAttr {
        kind: if shape.hash { MapKind::DevmapHash } else { MapKind::Devmap },
        name: "m".into(),
        key_size: shape.key_size,
        value_size: shape.value_size,
        max_entries: shape.max_entries,
        flags: MapFlags::from_bits_retain(shape.flags),
        inner: None,
    });
    let (id, mut model) = match (created, Plain::create(shape)) {
        (Ok(id), Ok(model)) => (id, model),
        (created, expected) => {
            prop_assert_eq!(created.map(|_| ()).map_err(|errno| -errno.number()), expected.map(|_| ()));
            return Ok(());
        }
    };
    for op in ops {
        let (before, version) = (model.walk(), maps.version());
        prop_assert_eq!(apply(&mut maps, id, op), apply_plain(&mut model, op), "{:?}", op);
        let extra = if let Op::Update { key, .. } | Op::Delete { key } = *op { key } else { 6 };
        compare(&maps, id, &model, extra)?;
        prop_assert!(maps.version() > version || model.walk() == before, "an unseen change: {:?}", op);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(6_000))]

    /// A DEVMAP does what the plain model does.
    #[test]
    fn a_devmap_equals_the_reference(shape in shape(false), ops in proptest::collection::vec(op(), 0..40)) {
        run(shape, &ops)?;
    }

    /// A DEVMAP_HASH does what the plain model does.
    #[test]
    fn a_devmap_hash_equals_the_reference(shape in shape(true), ops in proptest::collection::vec(op(), 0..40)) {
        run(shape, &ops)?;
    }
}
