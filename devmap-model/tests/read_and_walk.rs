//! Lookup, delete and get_next_key.

use crate::common;
use common::*;
use xdpsim_devmap::*;

fn array(keys: &[u32]) -> (MapTable, MapId) {
    filled(&MapAttr::devmap("m", 4), keys)
}

fn hash(keys: &[u32]) -> (MapTable, MapId) {
    filled(&MapAttr::devmap_hash("m", 8), keys)
}

fn filled(attr: &MapAttr, keys: &[u32]) -> (MapTable, MapId) {
    let (mut maps, id) = table(attr);
    for key in keys {
        set(&mut maps, id, *key, port(key % 20 + 1)).unwrap();
    }
    (maps, id)
}

/// Rule: MAP-08.a
#[test]
fn an_empty_slot_is_not_found() {
    let (maps, id) = array(&[0, 3]);
    assert_eq!(read(&maps, id, 0), Ok((1, None)));
    assert_eq!(read(&maps, id, 3), Ok((4, None)));
    for key in [1, 2, 4, 5, 4095, 4096, u32::MAX] {
        assert_eq!(read(&maps, id, key), Err(Errno::ENOENT), "{key}");
        assert_eq!(maps.redirect_lookup(id, MapKey(key)), None, "{key}");
    }
}

/// Rule: MAP-08.b
#[test]
fn an_absent_key_is_not_found() {
    let (maps, id) = hash(&[1, 9]);
    assert_eq!(read(&maps, id, 1), Ok((2, None)));
    assert_eq!(read(&maps, id, 9), Ok((10, None)));
    for key in [0, 17, 8, u32::MAX] {
        assert_eq!(read(&maps, id, key), Err(Errno::ENOENT), "{key}");
        assert_eq!(maps.redirect_lookup(id, MapKey(key)), None, "{key}");
    }
}

/// Rule: MAP-09.a
#[test]
fn deleting_out_of_range_is_invalid() {
    let (mut maps, id) = array(&[3]);
    for key in [4, 5, u32::MAX] {
        assert_eq!(maps.delete(id, MapKey(key)), Err(Errno::EINVAL), "{key}");
    }
    assert_eq!(read(&maps, id, 3), Ok((4, None)));
}

/// Rule: MAP-09.b
#[test]
fn deleting_an_empty_slot_is_fine() {
    let (mut maps, id) = array(&[0, 3]);
    for _ in 0..2 {
        assert_eq!(maps.delete(id, MapKey(3)), Ok(()));
        assert_eq!(read(&maps, id, 3), Err(Errno::ENOENT));
    }
    assert_eq!(walk(&maps, id), [0]);
}

/// Rule: MAP-09.c
#[test]
fn deleting_an_absent_key_fails() {
    let (mut maps, id) = hash(&[1, 9]);
    assert_eq!(maps.delete(id, MapKey(17)), Err(Errno::ENOENT));
    assert_eq!(maps.delete(id, MapKey(1)), Ok(()));
    assert_eq!(maps.delete(id, MapKey(1)), Err(Errno::ENOENT));
    assert_eq!(walk(&maps, id), [9]);
    assert_eq!(keys(&maps, id), [9]);
}

/// Rule: MAP-10.a, MAP-10.c
#[test]
fn an_array_walks_every_index() {
    for used in [&[][..], &[1], &[0, 1, 2, 3]] {
        let (maps, id) = array(used);
        assert_eq!(keys(&maps, id), [0, 1, 2, 3]);
        assert_eq!(maps.get_next_key(id, Some(MapKey(3))), Err(Errno::ENOENT));
    }
    let (maps, id) = table(&MapAttr::devmap("m", 1));
    assert_eq!(maps.get_next_key(id, Some(MapKey(0))), Err(Errno::ENOENT));
    let (maps, id) = table(&MapAttr::devmap("m", u32::MAX));
    let next = |key| maps.get_next_key(id, Some(MapKey(key)));
    assert_eq!(next(u32::MAX - 2), Ok(MapKey(u32::MAX - 1)));
    assert_eq!(next(u32::MAX - 1), Err(Errno::ENOENT));
    assert_eq!(next(u32::MAX), Ok(MapKey(0)));
}

/// Rule: MAP-10.b
#[test]
fn an_array_starts_again_from_a_key_out_of_range() {
    let (maps, id) = array(&[2]);
    for key in [None, Some(4), Some(5), Some(u32::MAX)] {
        assert_eq!(maps.get_next_key(id, key.map(MapKey)), Ok(MapKey(0)), "{key:?}");
    }
}

/// Rule: MAP-11.a
#[test]
fn a_hash_walks_its_keys_in_broadcast_order() {
    let (mut maps, id) = hash(&[1, 9, 2, 17, 8]);
    assert_eq!(keys(&maps, id), [8, 17, 9, 1, 2]);
    assert_eq!(maps.get_next_key(id, Some(MapKey(2))), Err(Errno::ENOENT));
    set(&mut maps, id, 1, port(5)).unwrap();
    assert_eq!(keys(&maps, id), [8, 1, 17, 9, 2]);
    assert_eq!(keys(&maps, id), walk(&maps, id));
    let (maps, id) = hash(&[]);
    assert_eq!(maps.get_next_key(id, None), Err(Errno::ENOENT));
    assert_eq!(maps.get_next_key(id, Some(MapKey(1))), Err(Errno::ENOENT));
}

/// Rule: MAP-11.b
#[test]
fn a_hash_starts_again_from_an_absent_key() {
    let (maps, id) = hash(&[3, 5, 11]);
    // Not even a key of a later bucket is a place to go on from.
    for key in [None, Some(4), Some(7), Some(19), Some(13)] {
        assert_eq!(maps.get_next_key(id, key.map(MapKey)), Ok(MapKey(11)), "{key:?}");
    }
}
