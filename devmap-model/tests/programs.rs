//! Programs of entries, and the owner they give a map.

use crate::common;
use common::*;
use xdpsim_devmap::*;

fn both() -> [MapAttr; 2] {
    [MapAttr::devmap("m", 4), MapAttr::devmap_hash("m", 4)]
}

/// An update with a program into an empty map.
fn first(attr: &MapAttr, fd: ProgFd) -> Result<(), Errno> {
    let (mut maps, id) = table(attr);
    set(&mut maps, id, 0, port_with(1, fd))
}

/// Rule: MAP-06.a
#[test]
fn a_descriptor_must_be_a_program() {
    for attr in both() {
        assert_eq!(first(&attr, CLOSED), Err(Errno::EINVAL));
        assert_eq!(first(&attr, PROG), Ok(()));
    }
}

/// Rule: MAP-06.b
#[test]
fn a_program_must_be_a_devmap_program() {
    for attr in both() {
        for fd in [XDP_PROG, CPUMAP_PROG, OTHER_PROG] {
            assert_eq!(first(&attr, fd), Err(Errno::EINVAL), "{fd}");
        }
    }
}

/// Rule: MAP-06.c
#[test]
fn a_program_must_not_be_bound_to_a_device() {
    for attr in both() {
        assert_eq!(first(&attr, BOUND_PROG), Err(Errno::EINVAL));
    }
}

/// Rule: MAP-06.a, MAP-06.b, MAP-06.c
#[test]
fn a_refused_program_does_not_become_the_owner() {
    for attr in both() {
        let (mut maps, id) = table(&attr);
        // Each of these would fix "no frags".
        for fd in [XDP_PROG, CPUMAP_PROG, OTHER_PROG, BOUND_PROG] {
            assert_eq!(set(&mut maps, id, 0, port_with(1, fd)), Err(Errno::EINVAL));
        }
        // So would this one, but for the device, which is looked up before the program.
        assert_eq!(set(&mut maps, id, 0, port_with(99, PROG)), Err(Errno::EINVAL));
        assert_eq!(set(&mut maps, id, 0, port_with(1, FRAGS_PROG)), Ok(()));
    }
}

/// Rule: MAP-06.d, MAP-07.a, MAP-07.b
#[test]
fn the_first_entry_program_decides_for_the_rest() {
    let sorts = [PROG, FRAGS_PROG, SLOW_PROG];
    for attr in both() {
        for owner in sorts {
            let (mut maps, id) = table(&attr);
            set(&mut maps, id, 0, port_with(1, owner)).unwrap();
            for later in sorts {
                let expected = if later == owner { Ok(()) } else { Err(Errno::EINVAL) };
                assert_eq!(set(&mut maps, id, 1, port_with(1, later)), expected, "{owner} then {later}");
                assert_eq!(set(&mut maps, id, 0, port_with(2, later)), expected, "{owner} then {later}");
            }
            assert_eq!(set(&mut maps, id, 2, port(1)), Ok(()), "without a program all is well");
        }
    }
}

/// Rule: MAP-07.a
#[test]
fn entries_without_program_fix_nothing() {
    for attr in both() {
        let (mut maps, id) = table(&attr);
        set(&mut maps, id, 0, port(1)).unwrap();
        set(&mut maps, id, 1, port_with(1, ProgFd(0))).unwrap();
        assert_eq!(set(&mut maps, id, 2, port_with(1, FRAGS_PROG)), Ok(()));
    }
}

/// Rule: MAP-07.c
#[test]
fn the_owner_stays_when_the_entries_go() {
    for attr in both() {
        let (mut maps, id) = table(&attr);
        set(&mut maps, id, 0, port_with(1, FRAGS_PROG)).unwrap();
        maps.delete(id, MapKey(0)).unwrap();
        assert_eq!(set(&mut maps, id, 0, port_with(1, PROG)), Err(Errno::EINVAL));
        set(&mut maps, id, 0, port_with(1, FRAGS_PROG)).unwrap();
        maps.device_gone(DevId(1001));
        assert_eq!(walk(&maps, id), []);
        assert_eq!(set(&mut maps, id, 0, port_with(2, PROG)), Err(Errno::EINVAL));
        assert_eq!(set(&mut maps, id, 0, port_with(2, FRAGS_PROG)), Ok(()));
    }
}

/// In a full hash the program is tied before the room is found missing.
/// Rule: MAP-07.a
#[test]
fn a_program_without_room_owns_the_map_all_the_same() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 1));
    set(&mut maps, id, 0, port(1)).unwrap();
    assert_eq!(set(&mut maps, id, 1, port_with(1, FRAGS_PROG)), Err(Errno::E2BIG));
    assert_eq!(set(&mut maps, id, 0, port_with(1, PROG)), Err(Errno::EINVAL));
    assert_eq!(set(&mut maps, id, 0, port_with(1, FRAGS_PROG)), Ok(()));
}

/// Rule: MAP-07.d
#[test]
fn loading_sets_the_owner_of_a_devmap() {
    let (mut maps, id) = table(&MapAttr::devmap("m", 4));
    // The main program is of another attach type: that plays no part.
    assert_eq!(maps.load_program(&prog(XDP_PROG), &[id]), Ok(()));
    assert_eq!(set(&mut maps, id, 0, port_with(1, FRAGS_PROG)), Err(Errno::EINVAL));
    assert_eq!(set(&mut maps, id, 0, port_with(1, SLOW_PROG)), Err(Errno::EINVAL));
    assert_eq!(set(&mut maps, id, 0, port_with(1, PROG)), Ok(()));
}

/// Rule: MAP-07.d
#[test]
fn loading_checks_the_owner_of_a_devmap() {
    let sorts = [PROG, FRAGS_PROG, SLOW_PROG, OTHER_PROG];
    for owner in sorts {
        for later in sorts {
            let (mut maps, id) = table(&MapAttr::devmap("m", 4));
            maps.load_program(&prog(owner), &[id]).unwrap();
            let expected = if later == owner { Ok(()) } else { Err(Errno::EINVAL) };
            assert_eq!(maps.load_program(&prog(later), &[id]), expected, "{owner} then {later}");
        }
    }
    let (mut maps, id) = table(&MapAttr::devmap("m", 4));
    set(&mut maps, id, 0, port_with(1, FRAGS_PROG)).unwrap();
    assert_eq!(maps.load_program(&prog(XDP_PROG), &[id]), Err(Errno::EINVAL));
    let frags_main = ProgInfo { frags: true, ..prog(XDP_PROG) };
    assert_eq!(maps.load_program(&frags_main, &[id]), Ok(()));
    maps.delete(id, MapKey(0)).unwrap();
    assert_eq!(maps.load_program(&prog(XDP_PROG), &[id]), Err(Errno::EINVAL), "never reset");
}

/// Rule: MAP-07.e
#[test]
fn loading_leaves_a_hash_alone() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 4));
    assert_eq!(maps.load_program(&prog(XDP_PROG), &[id]), Ok(()));
    assert_eq!(set(&mut maps, id, 0, port_with(1, FRAGS_PROG)), Ok(()));
    assert_eq!(maps.load_program(&prog(XDP_PROG), &[id]), Ok(()));
    assert_eq!(set(&mut maps, id, 1, port_with(1, PROG)), Err(Errno::EINVAL));
}

/// Rule: MAP-07.d
#[test]
fn a_failed_load_keeps_the_maps_before_it() {
    let (mut maps, taken) = table(&MapAttr::devmap("taken", 4));
    let [before, after] = ["before", "after"].map(|name| maps.create(&MapAttr::devmap(name, 4)).unwrap());
    maps.load_program(&prog(FRAGS_PROG), &[taken]).unwrap();
    assert_eq!(maps.load_program(&prog(XDP_PROG), &[before, taken, after]), Err(Errno::EINVAL));
    assert_eq!(set(&mut maps, before, 0, port_with(1, FRAGS_PROG)), Err(Errno::EINVAL));
    assert_eq!(set(&mut maps, after, 0, port_with(1, FRAGS_PROG)), Ok(()));
}

/// Every map is found before any is tied.
#[test]
fn a_load_with_an_unknown_map_ties_none() {
    let (mut maps, id) = table(&MapAttr::devmap("m", 4));
    let version = maps.version();
    for unknown in [0, 2, u32::MAX] {
        assert_eq!(maps.load_program(&prog(XDP_PROG), &[id, MapId(unknown)]), Err(Errno::EBADF));
    }
    assert_eq!(maps.version(), version);
    assert_eq!(set(&mut maps, id, 0, port_with(1, FRAGS_PROG)), Ok(()));
    assert_eq!(maps.load_program(&prog(XDP_PROG), &[]), Ok(()));
}

/// Being bound to a device is an obstacle for an entry's program only.
#[test]
fn a_bound_program_can_be_loaded_with_a_devmap() {
    let (mut maps, id) = table(&MapAttr::devmap("m", 4));
    assert_eq!(maps.load_program(&prog(BOUND_PROG), &[id]), Ok(()));
}

/// A map of maps has no owner, and its inner maps are not referenced by the program.
#[test]
fn loading_does_not_reach_inner_maps() {
    let (mut maps, inner) = table(&MapAttr::devmap("inner", 4));
    let outer = maps.create(&MapAttr::array_of_maps("outer", 4, inner)).unwrap();
    set(&mut maps, outer, 0, MapValue::Inner(inner)).unwrap();
    assert_eq!(maps.load_program(&prog(FRAGS_PROG), &[outer]), Ok(()));
    assert_eq!(maps.load_program(&prog(XDP_PROG), &[outer]), Ok(()));
    assert_eq!(set(&mut maps, inner, 0, port_with(1, FRAGS_PROG)), Ok(()));
}

/// An owner can be inspected.
#[test]
fn an_owner_says_whether_it_is_fixed() {
    let fixed = |maps: &MapTable, id| match maps.get(id) {
        Some(Map::Devmap(map)) => map.owner().is_fixed(),
        Some(Map::DevmapHash(map)) => map.owner().is_fixed(),
        other => panic!("{other:?}"),
    };
    for attr in both() {
        let (mut maps, id) = table(&attr);
        assert!(!fixed(&maps, id));
        set(&mut maps, id, 0, port_with(1, PROG)).unwrap();
        assert!(fixed(&maps, id));
    }
}
