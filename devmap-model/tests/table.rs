//! The table: ids, names, lifetimes, counts.

use crate::common;
use common::*;
use xdpsim_devmap::*;

/// Ids rise from 1, a failed creation takes none, and none comes back.
#[test]
fn ids_are_never_reused() {
    let mut maps = MapTable::default();
    assert_eq!(maps.create(&MapAttr::devmap("a", 1)), Ok(MapId(1)));
    assert_eq!(maps.create(&MapAttr::devmap("b", 0)), Err(Errno::EINVAL));
    assert_eq!(maps.create(&MapAttr::devmap_hash("c", 1)), Ok(MapId(2)));
    maps.destroy(MapId(2));
    assert_eq!(maps.create(&MapAttr::devmap("d", 1)), Ok(MapId(3)));
    assert_eq!(maps.ids().collect::<Vec<_>>(), [MapId(1), MapId(3)]);
}

/// A name finds the oldest living map that bears it.
#[test]
fn names_lead_to_ids() {
    let mut maps = MapTable::default();
    for name in ["a", "b", "b"] {
        maps.create(&MapAttr::devmap(name, 1)).unwrap();
    }
    assert_eq!(maps.by_name("a"), Some(MapId(1)));
    assert_eq!(maps.by_name("b"), Some(MapId(2)));
    assert_eq!(maps.by_name("c"), None);
    maps.destroy(MapId(2));
    assert_eq!(maps.by_name("b"), Some(MapId(3)));
}

/// Every kind says what it is, in the table and in itself.
#[test]
fn maps_know_their_kind() {
    let (mut maps, devmap) = table(&MapAttr::devmap("devmap", 1));
    let hash = maps.create(&MapAttr::devmap_hash("devmap_hash", 1)).unwrap();
    let array_of = maps.create(&MapAttr::array_of_maps("array_of_maps", 1, devmap)).unwrap();
    let hash_of = maps.create(&MapAttr::hash_of_maps("hash_of_maps", 1, hash)).unwrap();
    for (id, kind) in [devmap, hash, array_of, hash_of].into_iter().zip(MapKind::ALL) {
        let map = maps.get(id).unwrap();
        assert_eq!((maps.kind(id), map.kind(), map.attr().kind), (Some(kind), kind, kind));
        assert_eq!(map.attr().name, kind.to_string());
        assert_eq!(map.programs(), 0);
    }
    assert_eq!(maps.kind(MapId(5)), None);
}

/// An id that names no map behaves as a descriptor that isn't open.
#[test]
fn an_unknown_id_is_a_bad_descriptor() {
    let (mut maps, gone) = table(&MapAttr::devmap("m", 4));
    maps.destroy(gone);
    for id in [MapId(0), gone, MapId(2), MapId(u32::MAX)] {
        assert_eq!(set(&mut maps, id, 0, port(1)), Err(Errno::EBADF));
        assert_eq!(set(&mut maps, id, 0, MapValue::Inner(MapId(1))), Err(Errno::EBADF));
        assert_eq!(maps.delete(id, MapKey(0)), Err(Errno::EBADF));
        assert_eq!(maps.lookup(id, MapKey(0)), Err(Errno::EBADF));
        assert_eq!(maps.get_next_key(id, None), Err(Errno::EBADF));
        assert_eq!(maps.redirect_lookup(id, MapKey(0)), None);
        assert_eq!(maps.inner(id, MapKey(0)), None);
        assert_eq!(maps.kind(id), None);
        assert!(maps.get(id).is_none());
    }
}

/// Rule: MAP-15.a
#[test]
fn an_entry_outlives_its_map() {
    for attr in [MapAttr::devmap("m", 4), MapAttr::devmap_hash("m", 4)] {
        let (mut maps, id) = table(&attr);
        set(&mut maps, id, 0, port_with(1, PROG)).unwrap();
        let entry = maps.redirect_lookup(id, MapKey(0)).unwrap();
        maps.destroy(id);
        assert_eq!(maps.redirect_lookup(id, MapKey(0)), None);
        assert_eq!(entry, Entry { dev: DevId(1001), ifindex: IfIndex(1), prog: Some(ProgId(103)) });
        assert!(!maps.has_programs(), "the map's own hold on the program is gone");
    }
}

/// The count of programs follows each way an entry can come, change and go.
#[test]
fn programs_are_counted() {
    for attr in [MapAttr::devmap("m", 5000), MapAttr::devmap_hash("m", 5000)] {
        let mut maps = MapTable::default();
        let [a, b] = [0, 0].map(|_| maps.create(&attr).unwrap());
        let count = |maps: &MapTable| [a, b].map(|id| maps.get(id).map_or(0, Map::programs));
        assert!(!maps.has_programs());
        set(&mut maps, a, 0, port(1)).unwrap();
        assert!(!maps.has_programs());
        for key in [0, 1, 4999] {
            set(&mut maps, a, key, port_with(1, PROG)).unwrap();
        }
        set(&mut maps, b, 0, port_with(1, PROG)).unwrap();
        assert_eq!(count(&maps), [3, 1]);
        set(&mut maps, a, 0, port_with(2, PROG)).unwrap();
        assert_eq!(count(&maps), [3, 1], "one program for another");
        set(&mut maps, a, 0, port(2)).unwrap();
        maps.delete(a, MapKey(4999)).unwrap();
        assert_eq!(count(&maps), [1, 1]);
        maps.destroy(b);
        assert!(maps.has_programs());
        maps.delete(a, MapKey(1)).unwrap();
        assert!(!maps.has_programs());
        assert_eq!(count(&maps), [0, 0]);
    }
}

/// Every change that succeeds is seen, nothing else is.
#[test]
fn the_version_rises_with_changes() {
    let mut maps = MapTable::default();
    let mut seen = maps.version();
    let mut step = |maps: &MapTable| {
        let risen = maps.version() > seen;
        seen = maps.version();
        risen
    };
    assert!(!step(&maps));
    let id = maps.create(&MapAttr::devmap_hash("m", 1)).unwrap();
    assert!(step(&maps));
    let devmap = maps.create(&MapAttr::devmap("d", 1)).unwrap();
    assert!(step(&maps));
    let outer = maps.create(&MapAttr::hash_of_maps("o", 1, id)).unwrap();
    assert!(step(&maps));
    set(&mut maps, id, 0, port(1)).unwrap();
    assert!(step(&maps));
    set(&mut maps, outer, 0, MapValue::Inner(id)).unwrap();
    assert!(step(&maps));
    maps.load_program(&prog(XDP_PROG), &[devmap]).unwrap();
    assert!(step(&maps), "the owner is new");
    maps.load_program(&prog(XDP_PROG), &[devmap, id]).unwrap();
    assert!(!step(&maps), "the owner was there");
    assert!(set(&mut maps, id, 1, port(1)).is_err());
    assert!(maps.delete(id, MapKey(1)).is_err());
    assert!(maps.create(&MapAttr::devmap("d", 0)).is_err());
    maps.destroy(MapId(9));
    maps.device_gone(DevId(7));
    let _ = (maps.lookup(id, MapKey(0)), maps.get_next_key(id, None), maps.targets(id).count());
    assert!(!step(&maps), "nothing changed");
    maps.device_gone(DevId(1001));
    assert!(step(&maps));
    maps.delete(outer, MapKey(0)).unwrap();
    assert!(step(&maps));
    maps.destroy(id);
    assert!(step(&maps));
}

/// A copy of the table is a snapshot.
#[test]
fn a_clone_goes_its_own_way() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 4));
    set(&mut maps, id, 0, port_with(1, PROG)).unwrap();
    let before = maps.clone();
    maps.delete(id, MapKey(0)).unwrap();
    assert_eq!(walk(&before, id), [0]);
    assert!(before.has_programs() && !maps.has_programs());
    assert!(before.version() < maps.version());
}
