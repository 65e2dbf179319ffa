//! Updating a DEVMAP_HASH: each check, and which of two wins.

use crate::common;
use common::*;
use xdpsim_devmap::*;

/// A full map: room for three (four buckets), with device n at keys 1, 2 and 9.
fn full() -> (MapTable, MapId) {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 3));
    for key in [1, 2, 9] {
        set(&mut maps, id, key, port(key)).unwrap();
    }
    (maps, id)
}

fn update(key: u32, value: MapValue, bits: u64) -> Result<(), Errno> {
    let (mut maps, id) = full();
    maps.update(id, MapKey(key), value, flags(bits), &task())
}

/// Rule: MAP-04.a
#[test]
fn unknown_flags_and_index_zero_are_refused_first() {
    for bits in [3, 4, 5, 8, 1 << 32, u64::MAX] {
        for key in [1, 7] {
            assert_eq!(update(key, port(1), bits), Err(Errno::EINVAL), "{key} {bits:#x}");
        }
    }
    for bits in [0, 1, 2] {
        for value in [port(0), port_with(0, PROG)] {
            assert_eq!(update(1, value, bits), Err(Errno::EINVAL), "{bits}");
            assert_eq!(update(7, value, bits), Err(Errno::EINVAL), "{bits}");
        }
    }
}

/// Rule: MAP-04.b
#[test]
fn noexist_refuses_a_present_key_before_the_device_is_looked_up() {
    for value in [port(1), port(99), port_with(1, CLOSED)] {
        assert_eq!(update(9, value, 1), Err(Errno::EEXIST), "{value:?}");
    }
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 3));
    assert_eq!(maps.update(id, MapKey(9), port(1), UpdateFlags::NOEXIST, &task()), Ok(()));
}

/// Rule: MAP-04.c
#[test]
fn a_bad_device_or_program_beats_full() {
    for value in [port(99), port_with(1, CLOSED), port_with(1, XDP_PROG), port_with(1, BOUND_PROG)] {
        for (key, bits) in [(7, 0), (7, 1), (7, 2), (1, 0), (1, 2)] {
            assert_eq!(update(key, value, bits), Err(Errno::EINVAL), "{key} {bits} {value:?}");
        }
    }
}

/// Rule: MAP-04.d
#[test]
fn a_new_key_in_a_full_map_is_too_big() {
    for bits in [0, 1, 2] {
        assert_eq!(update(7, port(1), bits), Err(Errno::E2BIG), "{bits}");
    }
    let (mut maps, id) = full();
    maps.delete(id, MapKey(2)).unwrap();
    assert_eq!(set(&mut maps, id, 7, port(1)), Ok(()), "room again");
    assert_eq!(set(&mut maps, id, 2, port(1)), Err(Errno::E2BIG));
}

/// Rule: MAP-04.e
#[test]
fn exist_creates_an_absent_key() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 3));
    assert_eq!(maps.update(id, MapKey(5), port(6), UpdateFlags::EXIST, &task()), Ok(()));
    assert_eq!(read(&maps, id, 5), Ok((6, None)));
}

/// Rule: MAP-04.f
#[test]
fn any_key_will_do() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 4));
    for (key, ifindex) in [(0, 1), (4, 2), (1 << 31, 3), (u32::MAX, 4)] {
        assert_eq!(set(&mut maps, id, key, port(ifindex)), Ok(()), "{key}");
        assert_eq!(read(&maps, id, key), Ok((ifindex, None)), "{key}");
    }
}

/// Rule: MAP-04.g
#[test]
fn a_present_key_can_be_updated_when_full() {
    for bits in [0, 2] {
        let (mut maps, id) = full();
        assert_eq!(maps.update(id, MapKey(2), port_with(5, PROG), flags(bits), &task()), Ok(()));
        assert_eq!(read(&maps, id, 2), Ok((5, Some(103))));
        assert_eq!(keys(&maps, id).len(), 3);
    }
}

/// Rule: MAP-04.h
#[test]
fn the_limit_is_the_capacity_not_the_buckets() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 5));
    // Eight buckets: five keys fit, in one bucket or in five, and a sixth doesn't.
    for key in [0, 8, 16, 1, 2] {
        assert_eq!(set(&mut maps, id, key, port(1)), Ok(()), "{key}");
    }
    assert_eq!(set(&mut maps, id, 3, port(1)), Err(Errno::E2BIG));
}

/// A failed update changes neither the entries nor their order.
#[test]
fn a_failed_update_leaves_the_entry_in_place() {
    let (mut maps, id) = full();
    let (before, version) = (walk(&maps, id), maps.version());
    let poor = Task { out_of_memory: true, ..task() };
    for value in [port(0), port(99), port_with(1, CLOSED)] {
        assert_eq!(set(&mut maps, id, 1, value), Err(Errno::EINVAL));
    }
    assert_eq!(maps.update(id, MapKey(1), port(2), UpdateFlags::NOEXIST, &task()), Err(Errno::EEXIST));
    for (key, value) in [(1, port(2)), (1, port(99)), (7, port(2))] {
        let refused = maps.update(id, MapKey(key), value, UpdateFlags::ANY, &poor);
        assert_eq!(refused, Err(Errno::ENOMEM), "memory is asked for before device and room");
    }
    assert_eq!((walk(&maps, id), maps.version()), (before, version));
    assert_eq!(read(&maps, id, 1), Ok((1, None)));
}
