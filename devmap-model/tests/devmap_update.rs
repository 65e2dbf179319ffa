//! Updating a DEVMAP: each check, and which of two wins.

use crate::common;
use common::*;
use xdpsim_devmap::*;

/// A map of four slots with device 9 at key 0.
fn map() -> (MapTable, MapId) {
    let (mut maps, id) = table(&MapAttr::devmap("m", 4));
    set(&mut maps, id, 0, port(9)).unwrap();
    (maps, id)
}

fn update(key: u32, value: MapValue, bits: u64) -> Result<(), Errno> {
    let (mut maps, id) = map();
    maps.update(id, MapKey(key), value, flags(bits), &task())
}

/// Rule: MAP-03.a
#[test]
fn flags_above_exist_are_refused_first() {
    for bits in [3, 4, 5, 8, 1 << 32, 1 << 63, u64::MAX] {
        assert_eq!(update(0, port(1), bits), Err(Errno::EINVAL), "{bits:#x}");
        assert_eq!(update(4, port(1), bits), Err(Errno::EINVAL), "{bits:#x}");
    }
    for bits in [0, 2] {
        assert_eq!(update(0, port(1), bits), Ok(()), "{bits:#x}");
    }
}

/// Rule: MAP-03.b
#[test]
fn a_key_out_of_range_is_too_big() {
    for key in [4, 5, u32::MAX] {
        for bits in [0, 1, 2] {
            assert_eq!(update(key, port(1), bits), Err(Errno::E2BIG), "{key} {bits}");
            assert_eq!(update(key, port(0), bits), Err(Errno::E2BIG), "{key} {bits}");
        }
    }
    assert_eq!(update(3, port(1), 0), Ok(()));
}

/// Rule: MAP-03.c
#[test]
fn noexist_never_succeeds() {
    for key in [0, 1] {
        for value in [port(1), port(99), port(0), port_with(0, PROG), port_with(1, CLOSED)] {
            assert_eq!(update(key, value, 1), Err(Errno::EEXIST), "{key} {value:?}");
        }
    }
}

/// Rule: MAP-03.d
#[test]
fn a_program_needs_a_device() {
    for fd in [PROG, CLOSED, ProgFd(1)] {
        assert_eq!(update(0, port_with(0, fd), 0), Err(Errno::EINVAL), "{fd}");
    }
}

/// Rule: MAP-03.e
#[test]
fn index_zero_clears() {
    for value in [port(0), port_with(0, ProgFd(0)), port_with(0, ProgFd(-1))] {
        for bits in [0, 2] {
            let (mut maps, id) = map();
            assert_eq!(maps.update(id, MapKey(0), value, flags(bits), &task()), Ok(()));
            assert_eq!(read(&maps, id, 0), Err(Errno::ENOENT));
            assert_eq!(maps.update(id, MapKey(1), value, flags(bits), &task()), Ok(()), "already empty");
        }
    }
    // A value too short for a program can't name one either.
    let (mut maps, id) = table(&MapAttr { value_size: 4, ..MapAttr::devmap("m", 4) });
    set(&mut maps, id, 0, port(9)).unwrap();
    assert_eq!(set(&mut maps, id, 0, port_with(0, PROG)), Ok(()));
    assert_eq!(walk(&maps, id), []);
}

/// Rule: MAP-03.f
#[test]
fn an_absent_device_is_invalid() {
    for ifindex in [21, 9999, u32::MAX] {
        assert_eq!(update(0, port(ifindex), 0), Err(Errno::EINVAL), "{ifindex}");
    }
    let elsewhere = Task { devices: [(500, 1)].into(), ..task() };
    let (mut maps, id) = map();
    assert_eq!(maps.update(id, MapKey(0), port(1), UpdateFlags::ANY, &elsewhere), Err(Errno::EINVAL));
    assert_eq!(maps.update(id, MapKey(0), port(500), UpdateFlags::ANY, &elsewhere), Ok(()));
}

/// Rule: MAP-03.g
#[test]
fn a_wrong_program_is_invalid() {
    for fd in [CLOSED, XDP_PROG, CPUMAP_PROG, OTHER_PROG, BOUND_PROG] {
        assert_eq!(update(0, port_with(1, fd), 0), Err(Errno::EINVAL), "{fd}");
    }
    assert_eq!(update(0, port_with(1, PROG), 0), Ok(()));
}

/// Rule: MAP-03.h
#[test]
fn exist_fills_an_empty_slot() {
    let (mut maps, id) = map();
    assert_eq!(maps.update(id, MapKey(1), port(5), UpdateFlags::EXIST, &task()), Ok(()));
    assert_eq!(read(&maps, id, 1), Ok((5, None)));
}

/// Rule: MAP-03.i
#[test]
fn a_failed_update_leaves_the_entry() {
    let (mut maps, id) = map();
    let failures = [
        (port(1), 3, Errno::EINVAL),
        (port(1), 1, Errno::EEXIST),
        (port_with(0, PROG), 0, Errno::EINVAL),
        (port(99), 0, Errno::EINVAL),
        (port_with(1, CLOSED), 0, Errno::EINVAL),
    ];
    let version = maps.version();
    for (value, bits, errno) in failures {
        assert_eq!(maps.update(id, MapKey(0), value, flags(bits), &task()), Err(errno));
        assert_eq!(read(&maps, id, 0), Ok((9, None)));
    }
    assert_eq!(maps.version(), version);
}

/// Without memory no entry is made, whatever the value says; clearing takes none.
#[test]
fn memory_is_asked_for_before_the_device() {
    let (mut maps, id) = map();
    let poor = Task { out_of_memory: true, ..task() };
    for value in [port(1), port(99), port_with(1, CLOSED)] {
        assert_eq!(maps.update(id, MapKey(0), value, UpdateFlags::ANY, &poor), Err(Errno::ENOMEM));
    }
    assert_eq!(maps.update(id, MapKey(4), port(1), UpdateFlags::ANY, &poor), Err(Errno::E2BIG));
    assert_eq!(maps.update(id, MapKey(0), port(1), UpdateFlags::NOEXIST, &poor), Err(Errno::EEXIST));
    assert_eq!(read(&maps, id, 0), Ok((9, None)));
    assert_eq!(maps.update(id, MapKey(0), port(0), UpdateFlags::ANY, &poor), Ok(()));
}

/// Rule: MAP-14.a
#[test]
fn device_and_program_change_together() {
    let (mut maps, id) = map();
    set(&mut maps, id, 0, port_with(1, PROG)).unwrap();
    let before = maps.redirect_lookup(id, MapKey(0)).unwrap();
    let twin = Task { programs: [(50, ProgInfo { id: ProgId(7), ..prog(PROG) })].into(), ..task() };
    maps.update(id, MapKey(0), port_with(2, ProgFd(50)), UpdateFlags::ANY, &twin).unwrap();
    let after = maps.redirect_lookup(id, MapKey(0)).unwrap();
    assert_eq!(before, Entry { dev: DevId(1001), ifindex: IfIndex(1), prog: Some(ProgId(103)) });
    assert_eq!(after, Entry { dev: DevId(1002), ifindex: IfIndex(2), prog: Some(ProgId(7)) });
}
