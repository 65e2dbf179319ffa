//! The order in which a broadcast walks a map.

use crate::common;
use common::*;
use xdpsim_devmap::*;

fn insert(maps: &mut MapTable, id: MapId, keys: &[u32]) {
    for key in keys {
        set(maps, id, *key, port(1)).unwrap();
    }
}

/// Rule: BRD-02.a
#[test]
fn an_array_is_walked_by_ascending_index() {
    let (mut maps, id) = table(&MapAttr::devmap("m", 10_000));
    insert(&mut maps, id, &[9_999, 4_096, 7, 4_095, 0, 3, 5_000]);
    assert_eq!(walk(&maps, id), [0, 3, 7, 4_095, 4_096, 5_000, 9_999]);
    insert(&mut maps, id, &[3, 4_096]);
    assert_eq!(walk(&maps, id), [0, 3, 7, 4_095, 4_096, 5_000, 9_999], "an update changes no order");
    for key in [0, 4_095, 5_000] {
        maps.delete(id, MapKey(key)).unwrap();
    }
    assert_eq!(walk(&maps, id), [3, 7, 4_096, 9_999]);
}

/// Rule: BRD-02.a
#[test]
fn a_walk_yields_the_entries_themselves() {
    for attr in [MapAttr::devmap("m", 8), MapAttr::devmap_hash("m", 8)] {
        let (mut maps, id) = table(&attr);
        set(&mut maps, id, 2, port_with(5, PROG)).unwrap();
        set(&mut maps, id, 6, port(5)).unwrap();
        let first = Entry { dev: DevId(1005), ifindex: IfIndex(5), prog: Some(ProgId(103)) };
        let second = Entry { prog: None, ..first };
        let found: Vec<_> = maps.targets(id).collect();
        assert_eq!(found, [(MapKey(2), first), (MapKey(6), second)]);
        assert_eq!(maps.targets(id).entries().collect::<Vec<_>>(), [first, second]);
    }
}

/// Rule: BRD-03.a
#[test]
fn a_hash_is_walked_by_the_low_bits_of_the_key() {
    // 5 to 8 entries make eight buckets, 4 make four, 9 make sixteen.
    for (max_entries, expected) in [
        (4, [12, 4, 9, 6]),
        (5, [9, 12, 4, 6]),
        (8, [9, 12, 4, 6]),
        (9, [4, 6, 9, 12]),
        (1 << 31, [4, 6, 9, 12]),
    ] {
        let (mut maps, id) = table(&MapAttr::devmap_hash("m", max_entries));
        insert(&mut maps, id, &[6, 4, 12, 9]);
        assert_eq!(walk(&maps, id), expected, "{max_entries}");
    }
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 1));
    insert(&mut maps, id, &[77]);
    assert_eq!(walk(&maps, id), [77]);
}

/// Rule: BRD-03.b
#[test]
fn a_bucket_is_walked_newest_first() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 8));
    insert(&mut maps, id, &[1, 9, 2]);
    assert_eq!(walk(&maps, id), [9, 1, 2]);
    insert(&mut maps, id, &[17, 25]);
    assert_eq!(walk(&maps, id), [25, 17, 9, 1, 2]);
    maps.delete(id, MapKey(17)).unwrap();
    insert(&mut maps, id, &[17]);
    assert_eq!(walk(&maps, id), [17, 25, 9, 1, 2]);
}

/// Rule: BRD-03.c
#[test]
fn an_update_moves_to_the_front_of_the_bucket() {
    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 8));
    insert(&mut maps, id, &[1, 9, 2]);
    insert(&mut maps, id, &[1]);
    assert_eq!(walk(&maps, id), [1, 9, 2]);
    maps.update(id, MapKey(9), port(1), UpdateFlags::EXIST, &task()).unwrap();
    assert_eq!(walk(&maps, id), [9, 1, 2]);
    assert_eq!(set(&mut maps, id, 1, port(99)), Err(Errno::EINVAL));
    assert_eq!(walk(&maps, id), [9, 1, 2], "a failed one doesn't");
}

/// Equal devices at several keys stay several targets.
/// Rule: BRD-11.a
#[test]
fn duplicates_are_kept() {
    for attr in [MapAttr::devmap("m", 4), MapAttr::devmap_hash("m", 4)] {
        let (mut maps, id) = table(&attr);
        insert(&mut maps, id, &[0, 1, 2]);
        let devices: Vec<DevId> = maps.targets(id).entries().map(|entry| entry.dev).collect();
        assert_eq!(devices, [DevId(1001); 3]);
    }
}

/// Only device maps have targets.
#[test]
fn other_maps_have_no_targets() {
    let (mut maps, inner) = table(&MapAttr::devmap("inner", 4));
    insert(&mut maps, inner, &[0]);
    let array = maps.create(&MapAttr::array_of_maps("array", 4, inner)).unwrap();
    let hash = maps.create(&MapAttr::hash_of_maps("hash", 4, inner)).unwrap();
    for outer in [array, hash] {
        set(&mut maps, outer, 0, MapValue::Inner(inner)).unwrap();
        assert_eq!(walk(&maps, outer), []);
    }
    for unknown in [0, 4, u32::MAX] {
        assert_eq!(walk(&maps, MapId(unknown)), []);
    }
}
