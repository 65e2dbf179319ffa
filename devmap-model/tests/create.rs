//! Creating a device map.

use crate::common;
use common::*;
use xdpsim_devmap::*;

fn both(max_entries: u32) -> [MapAttr; 2] {
    [MapAttr::devmap("m", max_entries), MapAttr::devmap_hash("m", max_entries)]
}

fn create(attr: &MapAttr) -> Result<MapId, Errno> {
    MapTable::default().create(attr)
}

/// Rule: MAP-01.a
#[test]
fn keys_have_four_bytes() {
    for attr in both(4) {
        assert_eq!(create(&attr), Ok(MapId(1)));
        for key_size in [0, 3, 5, 8, u32::MAX] {
            assert_eq!(create(&MapAttr { key_size, ..attr.clone() }), Err(Errno::EINVAL), "{key_size}");
        }
    }
}

/// Rule: MAP-01.b
#[test]
fn values_have_four_or_eight_bytes() {
    for attr in both(4) {
        for value_size in 0..=16 {
            let expected = if [4, 8].contains(&value_size) { Ok(MapId(1)) } else { Err(Errno::EINVAL) };
            assert_eq!(create(&MapAttr { value_size, ..attr.clone() }), expected, "{value_size}");
        }
    }
}

/// Rule: MAP-01.c
#[test]
fn a_map_has_room() {
    for (none, one) in both(0).iter().zip(&both(1)) {
        assert_eq!(create(none), Err(Errno::EINVAL));
        assert_eq!(create(one), Ok(MapId(1)));
    }
}

/// Rule: MAP-01.d
#[test]
fn three_flags_are_allowed() {
    for attr in both(4) {
        for bit in 0..32 {
            let flags = MapFlags::from_bits_retain(1 << bit);
            let expected = if [2, 3, 4].contains(&bit) { Ok(MapId(1)) } else { Err(Errno::EINVAL) };
            assert_eq!(create(&MapAttr { flags, ..attr.clone() }), expected, "bit {bit}");
        }
        let with = |flags| create(&MapAttr { flags: MapFlags::NUMA_NODE | flags, ..attr.clone() });
        assert_eq!(with(MapFlags::RDONLY), Ok(MapId(1)));
        assert_eq!(with(MapFlags::WRONLY), Ok(MapId(1)));
        assert_eq!(with(MapFlags::RDONLY | MapFlags::WRONLY), Err(Errno::EINVAL));
        assert_eq!(with(MapFlags::RDONLY_PROG), Err(Errno::EINVAL));
    }
}

/// Rule: MAP-01.e
#[test]
fn a_hash_holds_at_most_2_to_the_31() {
    assert_eq!(create(&MapAttr::devmap_hash("m", 1 << 31)), Ok(MapId(1)));
    assert_eq!(create(&MapAttr::devmap_hash("m", (1 << 31) + 1)), Err(Errno::EINVAL));
    assert_eq!(create(&MapAttr::devmap_hash("m", u32::MAX)), Err(Errno::EINVAL));
    assert_eq!(create(&MapAttr::devmap("m", u32::MAX)), Ok(MapId(1)));
}

/// Rule: MAP-01.f
#[test]
fn a_created_map_reports_rdonly_prog_and_no_access() {
    for attr in both(4) {
        for access in [MapFlags::empty(), MapFlags::RDONLY, MapFlags::WRONLY] {
            let attr = MapAttr { flags: MapFlags::NUMA_NODE | access, ..attr.clone() };
            let (maps, id) = table(&attr);
            let reported = maps.get(id).unwrap().attr();
            assert_eq!(reported.flags, MapFlags::NUMA_NODE | MapFlags::RDONLY_PROG);
            assert_eq!(*reported, MapAttr { flags: reported.flags, ..attr });
        }
    }
}

/// The largest maps work at both ends and take no memory for what lies between.
#[test]
fn the_largest_maps_can_be_used() {
    let (mut maps, id) = table(&MapAttr::devmap("m", u32::MAX));
    for key in [0, 4095, 4096, u32::MAX - 1] {
        assert_eq!(set(&mut maps, id, key, port(1)), Ok(()));
    }
    assert_eq!(set(&mut maps, id, u32::MAX, port(1)), Err(Errno::E2BIG));
    assert_eq!(walk(&maps, id), [0, 4095, 4096, u32::MAX - 1]);

    let (mut maps, id) = table(&MapAttr::devmap_hash("m", 1 << 31));
    for key in [u32::MAX, 0, 1 << 31, (1 << 31) - 1] {
        assert_eq!(set(&mut maps, id, key, port(1)), Ok(()));
    }
    // Bucket 0 holds 2^31 and 0, the last one 2^31 - 1 and 2^32 - 1.
    assert_eq!(walk(&maps, id), [1 << 31, 0, (1 << 31) - 1, u32::MAX]);
}

/// The kinds' own constructors take their kind only.
#[test]
fn a_constructor_refuses_another_kind() {
    let [array, hash] = both(4);
    assert_eq!(Devmap::create(&hash).unwrap_err(), Errno::EINVAL);
    assert_eq!(DevmapHash::create(&array).unwrap_err(), Errno::EINVAL);
    assert_eq!(Devmap::create(&array).unwrap().attr().kind, MapKind::Devmap);
    assert_eq!(DevmapHash::create(&hash).unwrap().attr().kind, MapKind::DevmapHash);
}

/// The short constructors give the sizes that loaders use.
#[test]
fn the_attributes_have_useful_defaults() {
    let expected = |kind, value_size, inner| MapAttr {
        kind,
        name: "m".into(),
        key_size: 4,
        value_size,
        max_entries: 9,
        flags: MapFlags::empty(),
        inner,
    };
    assert_eq!(MapAttr::devmap("m", 9), expected(MapKind::Devmap, 8, None));
    assert_eq!(MapAttr::devmap_hash("m", 9), expected(MapKind::DevmapHash, 8, None));
    let template = Some(MapId(3));
    assert_eq!(MapAttr::array_of_maps("m", 9, MapId(3)), expected(MapKind::ArrayOfMaps, 4, template));
    assert_eq!(MapAttr::hash_of_maps("m", 9, MapId(3)), expected(MapKind::HashOfMaps, 4, template));
}
