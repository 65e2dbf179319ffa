//! What devices have to do with a map: where their index counts, and what happens when they go.

use crate::common;
use common::*;
use xdpsim_devmap::*;

fn both() -> [MapAttr; 2] {
    [MapAttr::devmap("m", 8192), MapAttr::devmap_hash("m", 8192)]
}

/// All that a map asks about a device is whether it exists.
/// Rule: MAP-05.a
#[test]
fn a_device_that_cannot_transmit_is_stored() {
    struct OnlyLoopback;
    impl UpdateEnv for OnlyLoopback {
        fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId> {
            (ifindex == IfIndex(1)).then_some(DevId(0))
        }
        fn prog_by_fd(&self, _: ProgFd) -> Option<ProgInfo> {
            None
        }
    }
    for attr in both() {
        let (mut maps, id) = table(&attr);
        assert_eq!(maps.update(id, MapKey(0), port(1), UpdateFlags::ANY, &OnlyLoopback), Ok(()));
        assert_eq!(maps.redirect_lookup(id, MapKey(0)).unwrap().dev, DevId(0));
    }
}

/// Rule: MAP-12.a, MAP-12.b
#[test]
fn an_index_is_resolved_in_the_namespace_of_the_caller() {
    let inside = Task { devices: [(1, 55)].into(), ..task() };
    for attr in both() {
        let (mut maps, id) = table(&attr);
        set(&mut maps, id, 0, port(1)).unwrap();
        maps.update(id, MapKey(1), port(1), UpdateFlags::ANY, &inside).unwrap();
        let devices: Vec<_> =
            maps.targets(id).entries().map(|entry| (entry.dev.0, entry.ifindex.0)).collect();
        assert_eq!(devices, [(1001, 1), (55, 1)]);
        // The caller's namespace forgets the index: what was written stays.
        assert_eq!(maps.redirect_lookup(id, MapKey(1)).unwrap().dev, DevId(55));
        assert_eq!(read(&maps, id, 1), Ok((1, None)));
    }
}

/// Rule: MAP-13.a, MAP-13.b
#[test]
fn a_device_that_goes_leaves_all_maps() {
    let mut maps = MapTable::default();
    let ids = [both(), both()].concat().iter().map(|attr| maps.create(attr).unwrap()).collect::<Vec<_>>();
    for id in &ids {
        for (key, ifindex) in [(0, 1), (1, 2), (2, 1), (4095, 1), (4096, 1), (8191, 2)] {
            set(&mut maps, *id, key, port(ifindex)).unwrap();
        }
    }
    maps.device_gone(DevId(1001));
    for id in &ids {
        assert_eq!(walk(&maps, *id), [1, 8191]);
        assert_eq!(read(&maps, *id, 0), Err(Errno::ENOENT));
        assert_eq!(maps.redirect_lookup(*id, MapKey(4096)), None);
        assert_eq!(maps.redirect_lookup(*id, MapKey(4095)), None);
    }
}

/// The device counts, not its number.
/// Rule: MAP-13.a
#[test]
fn a_namesake_in_another_namespace_stays() {
    let inside = Task { devices: [(1, 55)].into(), ..task() };
    for attr in both() {
        let (mut maps, id) = table(&attr);
        set(&mut maps, id, 0, port(1)).unwrap();
        maps.update(id, MapKey(1), port(1), UpdateFlags::ANY, &inside).unwrap();
        maps.device_gone(DevId(55));
        assert_eq!(walk(&maps, id), [0]);
    }
}

/// A hash has room again after its entries went with their device.
/// Rule: MAP-13.a
#[test]
fn a_device_that_goes_makes_room() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 2));
    set(&mut maps, id, 0, port(1)).unwrap();
    set(&mut maps, id, 1, port(2)).unwrap();
    maps.device_gone(DevId(1001));
    assert_eq!(set(&mut maps, id, 7, port(3)), Ok(()));
    assert_eq!(set(&mut maps, id, 8, port(3)), Err(Errno::E2BIG));
}

/// Rule: MAP-13.c
#[test]
fn entries_that_go_release_their_programs() {
    for attr in both() {
        let (mut maps, id) = table(&attr);
        set(&mut maps, id, 0, port_with(1, PROG)).unwrap();
        set(&mut maps, id, 1, port_with(2, PROG)).unwrap();
        maps.device_gone(DevId(1001));
        assert!(maps.has_programs());
        maps.device_gone(DevId(1002));
        assert!(!maps.has_programs());
    }
}

/// Rule: MAP-13.d
#[test]
fn without_the_event_entries_stay() {
    for attr in both() {
        let (mut maps, id) = table(&attr);
        set(&mut maps, id, 0, port_with(1, PROG)).unwrap();
        let (entry, version) = (maps.redirect_lookup(id, MapKey(0)), maps.version());
        maps.device_gone(DevId(1));
        assert_eq!((maps.redirect_lookup(id, MapKey(0)), maps.version()), (entry, version));
    }
}

/// The maps' own count of what went.
#[test]
fn a_map_says_how_many_entries_went() {
    let mut array = Devmap::create(&both()[0]).unwrap();
    let mut hash = DevmapHash::create(&both()[1]).unwrap();
    for (key, ifindex) in [(0, 1), (1, 2), (5000, 1)] {
        let value = DevmapValue::with_program(IfIndex(ifindex), PROG);
        array.update(MapKey(key), &value, UpdateFlags::ANY, &task()).unwrap();
        hash.update(MapKey(key), &value, UpdateFlags::ANY, &task()).unwrap();
    }
    assert_eq!((array.programs(), hash.programs()), (3, 3));
    for (dev, gone, left) in [(1001, 2, 1), (1001, 0, 1), (1002, 1, 0)] {
        assert_eq!((array.device_gone(DevId(dev)), hash.device_gone(DevId(dev))), (gone, gone));
        assert_eq!((array.programs(), hash.programs()), (left, left));
    }
}
