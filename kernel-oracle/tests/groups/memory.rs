//! What maps take, by the kernel's accounts and by the formula.

use std::os::fd::AsRawFd;

use xdpsim_core::KernelVersion;
use xdpsim_devmap::groups::encoding::{
    DevmapFilter, Encoding, Exclude, GroupId, IndexSplit, Limits, MainlineFlags, MapForm, Member,
    Precomputed, Query, Side, TwoMaps, memory,
};
use xdpsim_devmap::{IfIndex, MapAttr, MapId, MapKey, MapKind, MapTable};
use xdpsim_oracle::bpf::{Map, map_type, possible_cpus};
use xdpsim_oracle::model::Options;
use xdpsim_oracle::need;

use super::{FORMS, containing, group, try_containing};

const SIZES: [u32; 10] = [1, 3, 16, 64, 100, 1000, 1064, 65_536, 65_537, 70_000];
/// The loopback device: there in every namespace.
const LO: u32 = 1;

/// Kernels account otherwise from time to time; the formula was fitted on this one.
fn is_known(test: &str) -> bool {
    let known = KernelVersion { major: 6, minor: 18 };
    let here = Options::host().is_ok_and(|options| options.kernel >= known);
    if !here {
        need::skip(test, &format!("a kernel from {known} on"));
    }
    here
}

fn accounted(map: &Map) -> u64 {
    map.memlock().expect("/proc is mounted")
}

fn fill(map: &Map, entries: u32) {
    let value: Vec<u8> = [LO.to_ne_bytes(), (-1_i32).to_ne_bytes()].concat();
    (0..entries).for_each(|key| map.update(&key.to_ne_bytes(), &value, 0).expect("the loopback device"));
}

/// Rule: MCAST-K10.a, MCAST-K10.b
#[test]
fn groups_take_what_the_formula_says() {
    let test = "groups_take_what_the_formula_says";
    let Some(()) = need::kernel(test).filter(|()| is_known(test)) else { return };
    let mut compared = 0;
    for size in SIZES {
        for entries in [0, 1, 8, 64] {
            let entries = if entries > size { continue } else { entries };
            let (array, hash) = (group(map_type::DEVMAP, size), group(map_type::DEVMAP_HASH, size));
            [&array, &hash].into_iter().for_each(|map| fill(map, entries));
            assert_eq!(accounted(&array), memory::devmap(size, entries.into()), "{size}, {entries}");
            assert_eq!(accounted(&hash), memory::devmap_hash(size, entries.into()), "{size}, {entries}");
            compared += 2;
        }
    }
    need::compared(&format!("memory of groups: {compared} maps as the formula says"));
}

/// Rule: MCAST-K10.c, MCAST-K10.d
#[test]
fn maps_of_groups_take_what_the_formula_says() {
    let test = "maps_of_groups_take_what_the_formula_says";
    let Some(()) = need::kernel(test).filter(|()| is_known(test)) else { return };
    // The formula's constant is that of a machine with two CPUs.
    let hashes = possible_cpus() == 2;
    for (outer, inner) in FORMS {
        let array = outer == map_type::ARRAY_OF_MAPS;
        let template = group(inner, 4);
        for size in SIZES.into_iter().chain(array.then_some(2_097_152)) {
            let groups = containing(outer, size, &template);
            if array {
                assert_eq!(accounted(&groups), memory::array_of_maps(size), "{size}");
            } else if hashes {
                assert_eq!(accounted(&groups), memory::hash_of_maps(size), "{size}");
            }
        }
    }
}

/// The model's maps, made in the kernel with as many entries, all of them the loopback device.
fn carried(table: &MapTable, of: fn(MapKind) -> u32) -> Vec<Map> {
    let maps: Vec<MapId> = table.ids().collect();
    let one = |id: &MapId| {
        let MapAttr { kind, max_entries, .. } = *table.get(*id).expect("one of its ids").attr();
        match kind {
            MapKind::Devmap | MapKind::DevmapHash => {
                let map = group(of(kind), max_entries);
                fill_like(&map, table, *id);
                map
            }
            _ => {
                let template = group(map_type::DEVMAP_HASH, 4);
                try_containing(of(kind), [4, 4], max_entries, template.as_raw_fd()).expect("a map of maps")
            }
        }
    };
    maps.iter().map(one).collect()
}

fn fill_like(map: &Map, table: &MapTable, id: MapId) {
    let value: Vec<u8> = [LO.to_ne_bytes(), (-1_i32).to_ne_bytes()].concat();
    let mut key = None;
    while let Ok(next) = table.get_next_key(id, key) {
        if table.redirect_lookup(id, next).is_some() {
            map.update(&next.0.to_ne_bytes(), &value, 0).expect("the loopback device");
        }
        key = Some(next);
    }
}

/// Groups of several sizes in an encoding.
fn define(encoding: &mut dyn Encoding) {
    let members = |ports: std::ops::RangeInclusive<u32>| -> Vec<Member> {
        ports.map(|port| Member::of(IfIndex(port))).collect()
    };
    for (number, last) in (1..=4).zip([1, 7, 16, 32]) {
        let defined = encoding.define(Side::Forward, GroupId(number), &members(1..=last));
        defined.unwrap_or_else(|error| panic!("{}: {error}", encoding.name()));
    }
    for number in 1..=3 {
        // Mainline has no exclude groups, and says so.
        _ = encoding.define(Side::Exclude, GroupId(number), &members(number..=2 * number));
    }
    _ = encoding.join(Side::Forward, GroupId(2), Member::at(MapKey(20), IfIndex(3)));
    _ = encoding.leave(Side::Forward, GroupId(3), MapKey(5));
}

/// Rule: MCAST-P32
#[test]
fn encodings_take_in_the_kernel_what_their_formula_says() {
    let test = "encodings_take_in_the_kernel_what_their_formula_says";
    let Some(()) = need::kernel(test).filter(|()| is_known(test)) else { return };
    let of = |kind: MapKind| kind.number();
    let mut compared = 0;
    for form in MapForm::ALL {
        if form.containing() == MapKind::HashOfMaps && possible_cpus() != 2 {
            continue;
        }
        let limits = Limits::new(32, 4, 3).with_form(form);
        let mut check = |encoding: &dyn Encoding, tables: &[&MapTable]| {
            let maps: Vec<Map> = tables.iter().flat_map(|table| carried(table, of)).collect();
            let bytes: u64 = maps.iter().map(accounted).sum();
            assert_eq!(bytes, encoding.formula_bytes(), "{}, {form:?}, {} maps", encoding.name(), maps.len());
            compared += maps.len();
        };
        let refused = |error| -> ! { panic!("{form:?}: {error}") };
        let mut split = IndexSplit::create(&limits).unwrap_or_else(|error| refused(error));
        define(&mut split);
        check(&split, &[split.table()]);
        let mut two = TwoMaps::create(&limits).unwrap_or_else(|error| refused(error));
        define(&mut two);
        check(&two, &[two.table(Side::Forward), two.table(Side::Exclude)]);
        let mut flags = MainlineFlags::create(&Limits::new(32, 4, 0).with_form(form))
            .unwrap_or_else(|error| refused(error));
        define(&mut flags);
        check(&flags, &[flags.table()]);
        let mut precomputed = Precomputed::create(&limits).unwrap_or_else(|error| refused(error));
        define(&mut precomputed);
        check(&precomputed, &[precomputed.table()]);
        let mut filter = DevmapFilter::create(&limits).unwrap_or_else(|error| refused(error));
        define(&mut filter);
        check(&filter, &[filter.table()]);
        let mut left = Vec::new();
        let query = Query { forward: GroupId(4), exclude: Exclude::Group(GroupId(1)), ingress: IfIndex(1) };
        filter.deliver(&query, &mut left).unwrap_or_else(|error| refused(error));
        assert_eq!(left.len(), 30);
    }
    need::compared(&format!("memory of encodings: {compared} maps, the sums as the formulas say"));
}
