//! Every deliberate fault of the maps is caught by a check of the rule that it breaks; without a fault all
//! checks pass.

use crate::common;
use common::*;
use xdpsim_devmap::*;

type Check = fn(MapMutations) -> bool;

const CHECKS: [(MapMutations, Check); 4] = [
    (MapMutations::HASH_ASCENDING, walks_by_bucket),
    (MapMutations::HASH_UPDATE_STAYS, update_moves_to_the_front),
    (MapMutations::HASH_EXIST_NEEDS_KEY, exist_creates),
    (MapMutations::OWNER_NOT_STICKY, owner_outlives_the_entries),
];

fn table_with(attr: &MapAttr, faults: MapMutations) -> (MapTable, MapId) {
    let mut maps = MapTable::with_mutations(faults);
    let id = maps.create(attr).expect("the attributes are valid");
    (maps, id)
}

/// Eight buckets; keys 1, 9 and 2.
fn hashed(faults: MapMutations) -> (MapTable, MapId) {
    let (mut maps, id) = table_with(&MapAttr::devmap_hash("map", 8), faults);
    for key in [1, 9, 2] {
        set(&mut maps, id, key, port(1)).expect("a device");
    }
    (maps, id)
}

fn walks_by_bucket(faults: MapMutations) -> bool {
    let (maps, id) = hashed(faults);
    walk(&maps, id) == [9, 1, 2] && keys(&maps, id) == [9, 1, 2]
}

fn update_moves_to_the_front(faults: MapMutations) -> bool {
    let (mut maps, id) = hashed(faults);
    set(&mut maps, id, 1, port(2)).expect("a device");
    walk(&maps, id) == [1, 9, 2]
}

fn exist_creates(faults: MapMutations) -> bool {
    let (mut maps, id) = hashed(faults);
    maps.update(id, MapKey(3), port(1), UpdateFlags::EXIST, &task()) == Ok(())
}

fn owner_outlives_the_entries(faults: MapMutations) -> bool {
    [MapAttr::devmap("map", 8), MapAttr::devmap_hash("map", 8)].iter().all(|attr| {
        let (mut maps, id) = table_with(attr, faults);
        set(&mut maps, id, 0, port_with(1, PROG)).expect("a program");
        maps.delete(id, MapKey(0)).expect("it is there");
        set(&mut maps, id, 0, port_with(1, FRAGS_PROG)) == Err(Errno::EINVAL)
    })
}

/// Rule: BRD-03.a, BRD-03.b, BRD-03.c, MAP-04.e, MAP-07.c
#[test]
fn every_check_passes_without_a_fault() {
    for (fault, check) in CHECKS {
        assert!(check(MapMutations::empty()), "the check of {fault:?}");
    }
}

#[test]
fn every_fault_is_caught() {
    let planted: MapMutations = CHECKS.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(planted, MapMutations::all());
    for (fault, check) in CHECKS {
        assert!(!check(fault), "nobody noticed {fault:?}");
    }
}
