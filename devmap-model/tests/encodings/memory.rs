//! Bytes by formula: the catalogue's own examples, and the sum of the terms for whatever is there.

use crate::asker::{Asker, ONE, own, ports};
use crate::common::cases;
use proptest::prelude::*;
use std::collections::BTreeSet;
use xdpsim_devmap::groups::encoding::*;
use xdpsim_devmap::{IfIndex, MapKind};

fn members(count: u32) -> Vec<Member> {
    (1..=count).map(|port| Member::of(IfIndex(port))).collect()
}

/// 1000 forward groups of 32 of 64 ports, 64 exclude groups of one.
fn example(design: Design, limits: Limits) -> Box<dyn Encoding> {
    let mut encoding = design.create(&limits).unwrap();
    let forward = members(32);
    for group in 1..=limits.forward {
        encoding.define(Side::Forward, GroupId(group), &forward).unwrap();
    }
    for group in 1..=limits.exclude {
        encoding.define(Side::Exclude, GroupId(group), &[Member::of(IfIndex(group))]).unwrap();
    }
    encoding
}

/// The terms of MCAST-K10, written once more.
fn term(kind: MapKind, max_entries: u64, entries: u64) -> u64 {
    let power = max_entries.next_power_of_two();
    match kind {
        MapKind::Devmap => 344 + 8 * max_entries + 64 * entries,
        MapKind::DevmapHash => 344 + 8 * power + 64 * entries,
        MapKind::ArrayOfMaps => 312 + 8 * max_entries,
        MapKind::HashOfMaps => 912 + 64 * max_entries + 16 * power,
    }
}

/// Rule: MCAST-P32, MCAST-K10.a, MCAST-K10.b, MCAST-K10.c, MCAST-K10.d
#[test]
fn the_catalogues_examples() {
    let limits = Limits::new(64, 1_000, 64);
    assert_eq!(example(Design::IndexSplit, limits).formula_bytes(), 3_064_656);
    let in_array = Limits { form: MapForm::ArrayOfDevmapHash, ..limits };
    let groups = 1_000 * (344 + 512 + 32 * 64) + 64 * (344 + 512 + 64);
    assert_eq!(example(Design::IndexSplit, in_array).formula_bytes() - groups, 524_288_320);
    assert_eq!(example(Design::TwoMaps, limits).formula_bytes(), groups);
    let flags = example(Design::MainlineFlags, Limits { exclude: 0, ..limits });
    assert_eq!(flags.formula_bytes(), 1_000 * (344 + 512 + 32 * 64));
    let by_ingress = Limits::new(64, 1_000, 0).with_ingress().with_pairs(33_000);
    assert_eq!(example(Design::Precomputed, by_ingress).formula_bytes(), 96_945_488);
    assert_eq!(example(Design::DenseBitmap, limits).formula_bytes(), 8_512);
    let million = DenseBitmap::create(&Limits::new(64, 1_000_000, 0)).unwrap();
    assert_eq!((million.formula_bytes(), million.heap_bytes()), (8_000_000, 8_000_000));
    // Two bytes for each port, and a segment for each group.
    let sorted = example(Design::SortedArrays, limits);
    assert_eq!(sorted.formula_bytes(), 2 * (1_000 * 32 + 64) + 8 * 1_064);
}

/// What stands for a group in user space is what its formula says, as far as vectors have no reserve.
#[test]
fn formulas_of_user_space_are_what_is_allocated() {
    let limits = Limits::new(64, 1_000, 64);
    for design in [Design::DenseBitmap, Design::SortedArrays, Design::Replication] {
        let encoding = example(design, limits);
        let (formula, heap) = (encoding.formula_bytes(), encoding.heap_bytes() as u64);
        assert!((formula..formula * 2).contains(&heap), "{design}: {heap} bytes, by formula {formula}");
    }
    // A set of 32 ports in an array: 104 bytes of heap and 24 of head.
    let roaring = example(Design::Compressed, limits);
    let formula = 1_000 * (24 + 40 + 64) + 64 * (24 + 40 + 2);
    assert_eq!((roaring.formula_bytes(), roaring.heap_bytes() as u64), (formula, formula));
}

fn group() -> impl Strategy<Value = BTreeSet<u32>> {
    proptest::collection::btree_set(1..=12_u32, 0..10)
}

fn list(group: &BTreeSet<u32>) -> Vec<IfIndex> {
    ports(&group.iter().copied().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(cases(64))]

    /// Rule: MCAST-P32
    #[test]
    fn bytes_are_the_sum_of_the_terms(
        forward in proptest::collection::vec(group(), 1..=3),
        exclude in proptest::collection::vec(group(), 0..=3),
    ) {
        for of in Asker::all().into_iter().filter(|of| of.design.has_maps() && of.design != Design::Precomputed) {
            let mut encoding = of.create();
            let limits = *encoding.limits();
            let (slots, inner) = (u64::from(limits.slots), of.form.inner());
            let mut expected = match (of.design, of.form.containing()) {
                (Design::TwoMaps | Design::MainlineFlags, _) => 0,
                (_, MapKind::ArrayOfMaps) => term(MapKind::ArrayOfMaps, 3 * 65_536 + 1, 0),
                (_, kind) => term(kind, 6, 0),
            };
            for (number, group) in (1..).map(GroupId).zip(&forward) {
                encoding.define(Side::Forward, number, &own(&list(group))).unwrap();
                expected += term(inner, slots, group.len() as u64);
            }
            for (number, group) in (1..).map(GroupId).zip(&exclude).filter(|_| of.able().exclude_groups) {
                encoding.define(Side::Exclude, number, &own(&list(group))).unwrap();
                let kind = if of.design == Design::TwoMaps { MapKind::DevmapHash } else { inner };
                expected += term(kind, slots, group.len() as u64);
            }
            prop_assert_eq!(encoding.formula_bytes(), expected, "{:?}", of);
        }
    }

    /// One map for each distinct difference, whatever the exclude groups are; its bytes are theirs.
    ///
    /// Rule: MCAST-P31, MCAST-P32
    #[test]
    fn precomputed_differences_are_counted(a in group(), excludes in proptest::collection::vec(group(), 0..=20)) {
        let limits = Limits::new(12, 1, 20);
        let mut encoding = Precomputed::create(&limits).unwrap();
        encoding.define(Side::Forward, ONE, &own(&list(&a))).unwrap();
        let mut distinct = BTreeSet::from([a.clone()]);
        for (number, group) in (1..).map(GroupId).zip(&excludes) {
            encoding.define(Side::Exclude, number, &own(&list(group))).unwrap();
            distinct.insert(&a - group);
        }
        prop_assert_eq!(encoding.differences(ONE), distinct.len());
        prop_assert!(distinct.len() <= 1 << a.len());
        let maps: u64 = distinct.iter().map(|left| term(MapKind::DevmapHash, 12, left.len() as u64)).sum();
        prop_assert_eq!(encoding.formula_bytes(), term(MapKind::HashOfMaps, 21, 0) + maps);
    }

    /// Rule: MCAST-P31
    #[test]
    fn for_each_ingress_there_is_at_most_one_more_map(a in group(), joins in proptest::collection::vec(1..=12_u32, 0..4)) {
        let mut encoding = Precomputed::create(&Limits::new(12, 1, 0).with_ingress()).unwrap();
        encoding.define(Side::Forward, ONE, &own(&list(&a))).unwrap();
        let mut all = a;
        for port in joins {
            encoding.join(Side::Forward, ONE, Member::of(IfIndex(port))).unwrap();
            all.insert(port);
        }
        prop_assert_eq!(encoding.differences(ONE), 1 + all.len());
    }
}

/// Rule: MCAST-P31
#[test]
fn bonds_make_fewer_differences() {
    for (bond, expected) in [(2, 33), (4, 17), (8, 9)] {
        let bonds = 64 / bond;
        let mut encoding = Precomputed::create(&Limits::new(64, 1, bonds)).unwrap();
        encoding.define(Side::Forward, ONE, &members(64)).unwrap();
        for number in 0..bonds {
            let of_bond: Vec<u32> = (1..=bond).map(|member| number * bond + member).collect();
            encoding.define(Side::Exclude, GroupId(number + 1), &own(&ports(&of_bond))).unwrap();
        }
        assert_eq!(encoding.differences(ONE), expected);
    }
}
