//! Maps whose values are maps.

use crate::common;
use common::*;
use xdpsim_devmap::*;

/// An outer map of one kind (room for three), a template and two more maps like it.
struct Nest {
    maps: MapTable,
    outer: MapId,
    inners: [MapId; 3],
}

fn nest(kind: MapKind) -> Nest {
    let mut maps = MapTable::default();
    let inners = [4, 8, 16].map(|size| maps.create(&MapAttr::devmap("group", size)).unwrap());
    let outer = maps.create(&outer_attr(kind, inners[0])).unwrap();
    Nest { maps, outer, inners }
}

fn outer_attr(kind: MapKind, template: MapId) -> MapAttr {
    match kind {
        MapKind::ArrayOfMaps => MapAttr::array_of_maps("outer", 3, template),
        _ => MapAttr::hash_of_maps("outer", 3, template),
    }
}

impl Nest {
    fn put(&mut self, key: u32, inner: MapId, bits: u64) -> Result<(), Errno> {
        self.maps.update(self.outer, MapKey(key), MapValue::Inner(inner), flags(bits), &task())
    }

    fn get(&self, key: u32) -> Result<MapInfo, Errno> {
        self.maps.lookup(self.outer, MapKey(key))
    }
}

const BOTH: [MapKind; 2] = [MapKind::ArrayOfMaps, MapKind::HashOfMaps];

/// Rule: HLP-16.a, HLP-16.b
#[test]
fn an_inner_map_is_found_and_used_like_any_other() {
    for kind in BOTH {
        let mut nest = nest(kind);
        let [first, second, _] = nest.inners;
        set(&mut nest.maps, first, 1, port(5)).unwrap();
        set(&mut nest.maps, second, 1, port(6)).unwrap();
        nest.put(0, first, 0).unwrap();
        nest.put(2, second, 0).unwrap();
        assert_eq!(nest.maps.inner(nest.outer, MapKey(0)), Some(first));
        let found = nest.maps.inner(nest.outer, MapKey(2)).unwrap();
        assert_eq!(found, second);
        assert_eq!(nest.get(2), Ok(MapInfo::Inner(second)));
        assert_eq!(nest.maps.redirect_lookup(found, MapKey(1)).unwrap().dev, DevId(1006));
        assert_eq!(walk(&nest.maps, found), [1]);
        for key in [1, 3, u32::MAX] {
            assert_eq!(nest.maps.inner(nest.outer, MapKey(key)), None);
            assert_eq!(nest.get(key), Err(Errno::ENOENT));
        }
    }
}

/// Rule: HLP-16.a
#[test]
fn the_two_lookups_do_not_mix() {
    for kind in BOTH {
        let mut nest = nest(kind);
        let [first, ..] = nest.inners;
        set(&mut nest.maps, first, 0, port(5)).unwrap();
        nest.put(0, first, 0).unwrap();
        assert_eq!(nest.maps.redirect_lookup(nest.outer, MapKey(0)), None);
        assert_eq!(nest.maps.inner(first, MapKey(0)), None);
        assert_eq!(set(&mut nest.maps, nest.outer, 1, port(5)), Err(Errno::EBADF));
        nest.maps.device_gone(DevId(1005));
        assert_eq!(nest.maps.inner(nest.outer, MapKey(0)), Some(first));
    }
}

/// Sizes, capacity, template and nesting are checked.
#[test]
fn creation_is_checked() {
    for kind in BOTH {
        let Nest { mut maps, outer, inners } = nest(kind);
        let attr = outer_attr(kind, inners[0]);
        let refused = [
            (MapAttr { key_size: 8, ..attr.clone() }, Errno::EINVAL),
            (MapAttr { value_size: 8, ..attr.clone() }, Errno::EINVAL),
            (MapAttr { max_entries: 0, ..attr.clone() }, Errno::EINVAL),
            (MapAttr { inner: None, ..attr.clone() }, Errno::EBADF),
            (MapAttr { inner: Some(MapId(99)), ..attr.clone() }, Errno::EBADF),
            (MapAttr { inner: Some(outer), ..attr.clone() }, Errno::EINVAL),
        ];
        for (attr, errno) in refused {
            assert_eq!(maps.create(&attr), Err(errno), "{attr:?}");
        }
        assert!(maps.create(&attr).is_ok());
    }
}

/// The two kinds allow different flags.
#[test]
fn creation_flags_are_checked() {
    for (kind, allowed) in
        [(MapKind::ArrayOfMaps, vec![2, 3, 4]), (MapKind::HashOfMaps, vec![0, 2, 3, 4, 6, 7, 8])]
    {
        let Nest { mut maps, inners, .. } = nest(kind);
        for bit in 0..32 {
            let flags = MapFlags::from_bits_retain(1 << bit);
            let created = maps.create(&MapAttr { flags, ..outer_attr(kind, inners[0]) });
            assert_eq!(created.is_ok(), allowed.contains(&bit), "{kind} bit {bit}");
            assert!(created.is_ok() || created == Err(Errno::EINVAL));
        }
    }
    let Nest { mut maps, inners, .. } = nest(MapKind::HashOfMaps);
    let flags = MapFlags::RDONLY_PROG | MapFlags::WRONLY_PROG;
    let attr = MapAttr { flags, ..outer_attr(MapKind::HashOfMaps, inners[0]) };
    assert_eq!(maps.create(&attr), Err(Errno::EINVAL), "nobody could use it");
    for kind in [MapKind::ArrayOfMaps, MapKind::HashOfMaps] {
        let Nest { mut maps, inners, .. } = nest(kind);
        let mut with = |flags| maps.create(&MapAttr { flags, ..outer_attr(kind, inners[0]) });
        assert_eq!(with(MapFlags::RDONLY | MapFlags::WRONLY), Err(Errno::EINVAL), "{kind}");
        let created = with(MapFlags::NUMA_NODE | MapFlags::RDONLY).unwrap();
        assert_eq!(maps.get(created).unwrap().attr().flags, MapFlags::NUMA_NODE, "{kind}");
    }
}

/// How its descriptor may be used is no part of a map's shape.
#[test]
fn an_inner_map_may_be_read_only_for_its_descriptor() {
    let Nest { mut maps, outer, .. } = nest(MapKind::ArrayOfMaps);
    let inner = maps.create(&MapAttr { flags: MapFlags::RDONLY, ..MapAttr::devmap("read", 4) }).unwrap();
    let value = MapValue::Inner(inner);
    assert_eq!(maps.update(outer, MapKey(0), value, UpdateFlags::ANY, &task()), Ok(()));
}

/// A hash of maps is limited as a DEVMAP_HASH, with another errno; an array isn't.
#[test]
fn a_hash_of_maps_holds_at_most_2_to_the_31() {
    let Nest { mut maps, inners, .. } = nest(MapKind::HashOfMaps);
    let mut create = |kind, max_entries| maps.create(&MapAttr { max_entries, ..outer_attr(kind, inners[0]) });
    assert!(create(MapKind::HashOfMaps, 1 << 31).is_ok());
    assert_eq!(create(MapKind::HashOfMaps, (1 << 31) + 1), Err(Errno::E2BIG));
    assert!(create(MapKind::ArrayOfMaps, u32::MAX).is_ok());
}

/// The kinds' own constructors take their kind only.
#[test]
fn a_constructor_refuses_another_kind() {
    let shape = Some(InnerShape::of(&MapAttr::devmap("m", 1)));
    let [array, hash] = BOTH.map(|kind| outer_attr(kind, MapId(1)));
    assert_eq!(ArrayOfMaps::create(&hash, shape).unwrap_err(), Errno::EINVAL);
    assert_eq!(HashOfMaps::create(&array, shape).unwrap_err(), Errno::EINVAL);
}

/// What is stored resembles the template in all but the capacity.
#[test]
fn an_inner_map_resembles_the_template() {
    for kind in BOTH {
        let mut nest = nest(kind);
        for inner in nest.inners {
            assert_eq!(nest.put(0, inner, 0), Ok(()), "the capacity may differ");
        }
        let attr = MapAttr::devmap("other", 4);
        let others = [
            MapAttr::devmap_hash("other", 4),
            MapAttr { value_size: 4, ..attr.clone() },
            MapAttr { flags: MapFlags::NUMA_NODE, ..attr.clone() },
            outer_attr(kind, nest.inners[0]),
        ];
        for other in others {
            let other = nest.maps.create(&other).unwrap();
            assert_eq!(nest.put(0, other, 0), Err(Errno::EINVAL));
        }
        assert_eq!(nest.put(0, MapId(99), 0), Err(Errno::EBADF));
        assert_eq!(nest.get(0), Ok(MapInfo::Inner(nest.inners[2])), "a failed update leaves the map");
    }
}

/// An array takes no flags, and checks them and the key before the map.
#[test]
fn an_array_of_maps_checks_in_order() {
    let mut nest = nest(MapKind::ArrayOfMaps);
    let inner = nest.inners[0];
    for bits in [1, 2, 3, 4] {
        assert_eq!(nest.put(3, inner, bits), Err(Errno::EINVAL));
    }
    assert_eq!(nest.put(3, MapId(99), 0), Err(Errno::E2BIG));
    assert_eq!(nest.put(2, inner, 0), Ok(()));
    assert_eq!(nest.maps.delete(nest.outer, MapKey(3)), Err(Errno::E2BIG));
    assert_eq!(nest.maps.delete(nest.outer, MapKey(2)), Ok(()));
    assert_eq!(nest.maps.delete(nest.outer, MapKey(2)), Err(Errno::ENOENT));
}

/// A hash looks at the map first, then at flags, presence and room.
#[test]
fn a_hash_of_maps_checks_in_order() {
    let mut nest = nest(MapKind::HashOfMaps);
    let inner = nest.inners[0];
    for bits in [4, 5, 1 << 32 | 4] {
        assert_eq!(nest.put(7, MapId(99), bits), Err(Errno::EINVAL), "no map has a lock");
    }
    for bits in [3, 8, 1 << 32] {
        assert_eq!(nest.put(7, MapId(99), bits), Err(Errno::EBADF));
        assert_eq!(nest.put(7, inner, bits), Err(Errno::EINVAL));
    }
    assert_eq!(nest.put(7, inner, 2), Err(Errno::ENOENT));
    assert_eq!(nest.put(7, inner, 1), Ok(()));
    assert_eq!(nest.put(7, inner, 1), Err(Errno::EEXIST));
    assert_eq!(nest.put(7, inner, 2), Ok(()));
    assert_eq!((nest.put(u32::MAX, inner, 0), nest.put(0, inner, 1)), (Ok(()), Ok(())));
    assert_eq!(nest.put(1, inner, 0), Err(Errno::E2BIG));
    assert_eq!(nest.put(1, inner, 1), Err(Errno::E2BIG));
    assert_eq!(nest.put(1, inner, 2), Err(Errno::ENOENT));
    assert_eq!(nest.put(0, inner, 0), Ok(()), "a present key needs no room");
    assert_eq!(nest.maps.delete(nest.outer, MapKey(0)), Ok(()));
    assert_eq!(nest.maps.delete(nest.outer, MapKey(0)), Err(Errno::ENOENT));
}

/// An array walks every index, a hash its keys.
#[test]
fn keys_follow_one_another() {
    let mut array = nest(MapKind::ArrayOfMaps);
    let inner = array.inners[0];
    array.put(1, inner, 0).unwrap();
    assert_eq!(keys(&array.maps, array.outer), [0, 1, 2]);
    let next = |key| array.maps.get_next_key(array.outer, Some(MapKey(key)));
    assert_eq!((next(2), next(3), next(9)), (Err(Errno::ENOENT), Ok(MapKey(0)), Ok(MapKey(0))));

    let mut hash = nest(MapKind::HashOfMaps);
    assert_eq!(hash.maps.get_next_key(hash.outer, None), Err(Errno::ENOENT));
    for key in [9, 2, 40] {
        hash.put(key, inner, 0).unwrap();
    }
    assert_eq!(keys(&hash.maps, hash.outer), [2, 9, 40]);
    assert_eq!(hash.maps.get_next_key(hash.outer, Some(MapKey(10))), Ok(MapKey(2)), "absent: from the first");
}

/// The user may give an inner map up: the outer map keeps it until the last slot lets go.
#[test]
fn an_inner_map_lives_as_long_as_a_slot_holds_it() {
    for kind in BOTH {
        let mut nest = nest(kind);
        let [first, second, third] = nest.inners;
        set(&mut nest.maps, first, 0, port_with(5, PROG)).unwrap();
        for key in [0, 1, 2] {
            nest.put(key, first, 0).unwrap();
        }
        nest.maps.destroy(first);
        assert_eq!(nest.maps.redirect_lookup(first, MapKey(0)).unwrap().dev, DevId(1005));
        nest.put(0, second, 0).unwrap();
        nest.maps.delete(nest.outer, MapKey(1)).unwrap();
        nest.put(2, first, 0).unwrap();
        assert!(nest.maps.get(first).is_some() && nest.maps.has_programs(), "replaced by itself");
        nest.put(2, third, 0).unwrap();
        assert!(nest.maps.get(first).is_none() && !nest.maps.has_programs());
        assert_eq!(nest.put(1, first, 0), Err(Errno::EBADF));
        nest.maps.delete(nest.outer, MapKey(0)).unwrap();
        assert!(nest.maps.get(second).is_some(), "the user still has it");
        nest.maps.destroy(second);
        assert!(nest.maps.get(second).is_none());
    }
}

/// With the outer map its slots go, and with them the maps that only they held.
#[test]
fn destroying_the_outer_map_frees_what_only_it_held() {
    for kind in BOTH {
        let mut nest = nest(kind);
        let [first, second, third] = nest.inners;
        nest.put(0, first, 0).unwrap();
        nest.put(1, second, 0).unwrap();
        nest.put(2, second, 0).unwrap();
        nest.maps.destroy(first);
        nest.maps.destroy(nest.outer);
        assert_eq!(nest.maps.ids().collect::<Vec<_>>(), [second, third]);
        nest.maps.destroy(second);
        assert_eq!(nest.maps.ids().collect::<Vec<_>>(), [third], "no slot was left over");
    }
}

/// The template was only a pattern.
#[test]
fn the_template_may_go() {
    for kind in BOTH {
        let mut nest = nest(kind);
        nest.maps.destroy(nest.inners[0]);
        assert_eq!(nest.put(0, nest.inners[1], 0), Ok(()));
    }
}
