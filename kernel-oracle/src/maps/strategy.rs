//! How sequences are drawn: mostly sensible operations on small maps, with every kind of nonsense among
//! them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xdpsim_devmap::MapKind;

use super::machine::{BRIDGE, GUEST, HERE, LO, NOWHERE, THERE};
use super::op::{CreateOp, DeviceOp, InnerRef, LoadFor, MapOp, MapRef, ProgRef, Space, Value};

/// What the operations of a sequence are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Device maps and what can be done to them without waiting.
    Plain,
    /// Maps of maps, too: the kernel waits for a grace period at each change of an outer map.
    Nested,
    /// Devices that come and go, too.
    Devices,
}

/// Operations per sequence: enough to fill a small map and to tie an owner, few enough to shrink well.
const LENGTH: std::ops::Range<usize> = 0..400;
/// The same where each operation may cost milliseconds.
const SLOW_LENGTH: std::ops::Range<usize> = 0..80;

/// Sequences of a mix. Each begins with two maps that are right.
pub fn sequence(mix: Mix) -> impl Strategy<Value = Vec<MapOp>> {
    let (length, kinds) = match mix {
        Mix::Plain => (LENGTH, &MapKind::ALL[..2]),
        Mix::Nested => (SLOW_LENGTH, &MapKind::ALL[..]),
        Mix::Devices => (SLOW_LENGTH, &MapKind::ALL[..2]),
    };
    (good(&[MapKind::Devmap]), good(&[MapKind::DevmapHash]), vec(op(mix, kinds), length))
        .prop_map(|(array, hash, ops)| [array, hash].map(MapOp::Create).into_iter().chain(ops).collect())
}

fn op(mix: Mix, kinds: &'static [MapKind]) -> impl Strategy<Value = MapOp> {
    let devices = if mix == Mix::Devices { 60 } else { 0 };
    let nested = if mix == Mix::Nested { 120 } else { 0 };
    prop_oneof![
        400 => (map(), key(), value(mix), update_flags())
            .prop_map(|(map, key, value, flags)| MapOp::Update { map, key, value, flags }),
        120 => (map(), key()).prop_map(|(map, key)| MapOp::Delete { map, key }),
        200 => (map(), key()).prop_map(|(map, key)| MapOp::Lookup { map, key }),
        200 => (map(), proptest::option::weighted(0.9, key())).prop_map(|(map, key)| MapOp::NextKey { map, key }),
        14 => create(kinds).prop_map(MapOp::Create),
        nested => good(kinds).prop_map(MapOp::Create),
        4 => map().prop_map(|map| MapOp::Close { map }),
        6 => space().prop_map(MapOp::Enter),
        6 => (select(&[LoadFor::Device, LoadFor::Entry][..]), any::<bool>(), vec(map(), 1..3))
            .prop_map(|(program, frags, maps)| MapOp::Load { program, frags, maps }),
        devices => device_op().prop_map(MapOp::Device),
    ]
}

fn map() -> impl Strategy<Value = MapRef> {
    (0u8..6).prop_map(MapRef)
}

fn space() -> impl Strategy<Value = Space> {
    select(&[Space::First, Space::Second][..])
}

fn key() -> impl Strategy<Value = u32> {
    prop_oneof![
        12 => 0u32..10,
        1 => select(&[15, 16, 17, 63, 64, 1 << 16, 1 << 31, u32::MAX - 1, u32::MAX][..]),
        1 => any::<u32>(),
    ]
}

fn update_flags() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => Just(0),
        4 => 0u64..5,
        1 => (0u32..64).prop_map(|bit| 1 << bit),
        1 => any::<u64>(),
    ]
}

fn value(mix: Mix) -> impl Strategy<Value = Value> {
    let guest = if mix == Mix::Devices { 20 } else { 1 };
    let ifindex = prop_oneof![
        1 => Just(0),
        8 => select(&HERE[..]),
        2 => select(&THERE[..]),
        1 => select(&[LO, BRIDGE, NOWHERE, 1 << 31, u32::MAX][..]),
        guest => Just(GUEST),
    ];
    (ifindex, prog(), inner()).prop_map(|(ifindex, prog, inner)| Value { ifindex, prog, inner })
}

fn prog() -> impl Strategy<Value = ProgRef> {
    use ProgRef::{AFile, AMap, Bound, Closed, Cpumap, Device, Entry, EntryFrags, Negative, Other, Zero};
    prop_oneof![
        12 => Just(Zero),
        1 => Just(Negative),
        4 => Just(Entry),
        2 => Just(EntryFrags),
        1 => select(&[Closed, AMap, AFile, Device, Cpumap, Other, Bound][..]),
    ]
}

fn inner() -> impl Strategy<Value = InnerRef> {
    prop_oneof![12 => map().prop_map(InnerRef::Map), 1 => Just(InnerRef::Closed)]
}

fn device_op() -> impl Strategy<Value = DeviceOp> {
    prop_oneof![
        2 => Just(DeviceOp::Delete),
        5 => space().prop_map(DeviceOp::Move),
        2 => any::<bool>().prop_map(DeviceOp::Up),
    ]
}

/// A map that is right.
fn good(kinds: &'static [MapKind]) -> impl Strategy<Value = CreateOp> {
    (select(kinds), prop_oneof![1 => Just(4), 3 => Just(8)], 1u32..10, inner()).prop_map(
        |(kind, value_size, max_entries, inner)| {
            let value_size = if kind.is_map_of_maps() { 4 } else { value_size };
            CreateOp { kind, key_size: 4, value_size, max_entries, flags: 0, inner }
        },
    )
}

/// A map that may be wrong in several ways.
fn create(kinds: &'static [MapKind]) -> impl Strategy<Value = CreateOp> {
    let size = || prop_oneof![12 => select(&[4u32, 8][..]), 1 => 0u32..20, 1 => Just(u32::MAX)];
    let key_size = prop_oneof![12 => Just(4u32), 2 => size()];
    let entries = prop_oneof![
        8 => 0u32..20,
        1 => Just(64),
        1 => select(&[(1u32 << 31) + 1, u32::MAX - 1, u32::MAX][..]),
    ];
    let flags = prop_oneof![
        4 => Just(0),
        4 => select(FLAG_BITS).prop_map(|bit| 1 << bit),
        1 => (select(FLAG_BITS), select(FLAG_BITS)).prop_map(|(a, b)| 1 << a | 1 << b),
    ];
    (select(kinds), key_size, size(), entries, flags, inner()).prop_map(
        |(kind, key_size, value_size, max_entries, flags, inner)| {
            within_the_model(CreateOp { kind, key_size, value_size, max_entries, flags, inner })
        },
    )
}

/// All flag bits but 16, which makes the kernel read a token's descriptor.
const FLAG_BITS: &[u32] = &[
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
    30, 31,
];

/// Takes out what the model leaves to others: keys of a hash of maps that aren't 32 bits, and arrays whose
/// creation depends on the machine's memory (they are made wrong in another way as well).
fn within_the_model(mut create: CreateOp) -> CreateOp {
    match create.kind {
        MapKind::HashOfMaps if create.key_size != 0 => create.key_size = 4,
        MapKind::Devmap | MapKind::ArrayOfMaps if create.max_entries > 64 => create.key_size = 8,
        _ => {}
    }
    create
}
