//! The laws of joining and leaving, and what changes cost.

use crate::asker::{Asker, ONE, PORTS, ask, ports};
use crate::common::cases;
use crate::reference::Reference;
use proptest::prelude::*;
use std::collections::BTreeSet;
use xdpsim_devmap::groups::encoding::*;
use xdpsim_devmap::{IfIndex, MapKey};

fn group() -> impl Strategy<Value = BTreeSet<u32>> {
    proptest::collection::btree_set(prop_oneof![1..=9_u32, 1..=PORTS], 0..12)
}

fn members(group: &BTreeSet<u32>) -> Vec<Member> {
    group.iter().map(|port| Member::of(IfIndex(*port))).collect()
}

fn sorted(mut list: Vec<IfIndex>) -> Vec<IfIndex> {
    list.sort_unstable();
    list
}

proptest! {
    #![proptest_config(cases(48))]

    /// Rule: MCAST-P23
    #[test]
    fn who_joins_and_leaves_was_not_there(a in group(), b in group(), port in 1..=PORTS) {
        let port = IfIndex(port);
        for of in Asker::all() {
            let mut encoding = of.create();
            encoding.define(Side::Forward, ONE, &members(&a)).unwrap();
            if of.able().exclude_groups {
                encoding.define(Side::Exclude, ONE, &members(&b)).unwrap();
            }
            let exclude = if of.able().exclude_groups { Exclude::Group(ONE) } else { Exclude::Nothing };
            let excluded = of.able().exclude_groups && b.contains(&port.0);
            encoding.leave(Side::Forward, ONE, MapKey(port.0)).unwrap();
            let before = sorted(ask(&*encoding, exclude, IfIndex(1)));
            for _ in 0..2 {
                encoding.join(Side::Forward, ONE, Member::of(port)).unwrap();
            }
            let joined = ask(&*encoding, exclude, IfIndex(1));
            let copies = joined.iter().filter(|other| **other == port).count();
            prop_assert_eq!(copies, usize::from(!excluded), "{:?}: twice under one key", of);
            // Under another key it is a second copy, or the design has no such thing and says so.
            let other = Member::at(MapKey(200), port);
            let twice = encoding.join(Side::Forward, ONE, other);
            prop_assert_eq!(twice.is_ok(), of.able().forward_keys, "{:?}", of);
            if twice.is_ok() {
                let now = ask(&*encoding, exclude, IfIndex(1));
                let copies = now.iter().filter(|other| **other == port).count();
                prop_assert_eq!(copies, if excluded { 0 } else { 2 }, "{:?}", of);
                encoding.leave(Side::Forward, ONE, other.key).unwrap();
            }
            encoding.leave(Side::Forward, ONE, MapKey(port.0)).unwrap();
            prop_assert_eq!(sorted(ask(&*encoding, exclude, IfIndex(1))), before, "{:?}", of);
            prop_assert_eq!(encoding.leave(Side::Forward, ONE, MapKey(port.0)).unwrap().writes, 0, "{:?}", of);
        }
    }

    /// Rule: MCAST-P24
    #[test]
    fn a_port_that_vanishes_is_in_no_group(a in group(), b in group(), port in 1..=PORTS) {
        let port = IfIndex(port);
        for of in Asker::all() {
            let mut encoding = of.create();
            encoding.define(Side::Forward, ONE, &members(&a)).unwrap();
            let mut asked = vec![Exclude::Nothing];
            if of.able().exclude_groups {
                encoding.define(Side::Exclude, ONE, &members(&b)).unwrap();
                asked.push(Exclude::Group(ONE));
            }
            let before: Vec<_> = asked.iter().map(|exclude| ask(&*encoding, *exclude, IfIndex(1))).collect();
            encoding.port_gone(port).unwrap();
            for (exclude, mut before) in asked.iter().zip(before) {
                before.retain(|other| *other != port);
                prop_assert_eq!(ask(&*encoding, *exclude, IfIndex(1)), before, "{:?}", of);
            }
            let sides = if of.able().exclude_groups { &[Side::Forward, Side::Exclude][..] } else { &[Side::Forward] };
            for side in sides {
                let members = encoding.members(*side, ONE).unwrap();
                prop_assert!(members.iter().all(|member| member.port != port), "{:?}", of);
            }
        }
    }

    /// Rule: MCAST-P25
    #[test]
    fn a_bond_that_grows_takes_the_copies_to_its_member(a in group(), b in group(), member in 1..=PORTS) {
        let member = IfIndex(member);
        let bond = Bond { device: IfIndex(PORTS), exclude: ONE };
        for of in Asker::all().into_iter().filter(|of| of.able().exclude_groups) {
            let mut encoding = of.create();
            encoding.define(Side::Forward, ONE, &members(&a)).unwrap();
            encoding.define(Side::Forward, GroupId(2), &members(&b)).unwrap();
            encoding.define(Side::Exclude, ONE, &members(&b)).unwrap();
            let mut before = ask(&*encoding, Exclude::Group(ONE), member);
            encoding.bond_gains(bond, member).unwrap();
            before.retain(|other| *other != member);
            prop_assert_eq!(ask(&*encoding, Exclude::Group(ONE), member), before, "{:?}", of);
            let unused = ask(&*encoding, Exclude::Nothing, member);
            prop_assert_eq!(unused, ports(&a.iter().copied().collect::<Vec<_>>()), "{:?}", of);
        }
    }

    /// A member of a group is read back as it was written.
    #[test]
    fn groups_are_read_back(a in group(), b in group()) {
        for of in Asker::all() {
            let mut encoding = of.create();
            encoding.define(Side::Forward, ONE, &members(&a)).unwrap();
            prop_assert_eq!(encoding.members(Side::Forward, ONE), Ok(members(&a)), "{:?}", of);
            prop_assert_eq!(encoding.members(Side::Forward, GroupId(2)), Ok(vec![]), "{:?}", of);
            if of.able().exclude_groups {
                encoding.define(Side::Exclude, GroupId(2), &members(&b)).unwrap();
                prop_assert_eq!(encoding.members(Side::Exclude, GroupId(2)), Ok(members(&b)), "{:?}", of);
            }
        }
    }
}

/// A bond's member under mainline's flag: the bond is left out, its other members are not.
///
/// Rule: MCAST-52.a, MCAST-52.b
#[test]
fn mainline_leaves_out_the_bond_and_not_its_members() {
    let mut encoding = Design::MainlineFlags.create(&Limits::new(8, 1, 0)).unwrap();
    encoding.define(Side::Forward, ONE, &members(&(1..=5).collect())).unwrap();
    for member in [3, 4] {
        let cost = encoding.bond_gains(Bond { device: IfIndex(5), exclude: ONE }, IfIndex(member)).unwrap();
        assert_eq!(cost, Ops::NONE, "no map changes");
    }
    assert_eq!(ask(&*encoding, Exclude::IngressAndUppers, IfIndex(3)), ports(&[1, 2, 4]));
    // With an exclude group for the bond they are.
    let mut encoding = Design::IndexSplit.create(&Limits::new(8, 1, 1)).unwrap();
    encoding.define(Side::Forward, ONE, &members(&(1..=5).collect())).unwrap();
    encoding.define(Side::Exclude, ONE, &members(&[3, 5].into())).unwrap();
    let bond = Bond { device: IfIndex(5), exclude: ONE };
    assert_eq!(encoding.bond_gains(bond, IfIndex(4)).unwrap().writes, 1);
    assert_eq!(ask(&*encoding, Exclude::Group(ONE), IfIndex(3)), ports(&[1, 2]));
}

/// One update where a group is one map; with precomputed differences one for each map that has the group's ports, and a
/// new map for what comes in on the port itself.
#[test]
fn a_join_costs_what_the_catalogue_says() {
    let limits = Limits::new(64, 1, 1).with_ingress();
    let members: Vec<Member> = (1..=32).map(|port| Member::of(IfIndex(port))).collect();
    for design in Design::ALL.into_iter().filter(|design| *design != Design::MainlineFlags) {
        let mut encoding = design.create(&limits).unwrap();
        encoding.define(Side::Forward, ONE, &members).unwrap();
        let cost = encoding.join(Side::Forward, ONE, Member::of(IfIndex(40))).unwrap();
        let expected = match design {
            // 33 maps get the port; the new one gets the 32 others, and a key.
            Design::Precomputed => (33 + 32 + 1, 1),
            _ => (1, 0),
        };
        assert_eq!((cost.writes, cost.maps), expected, "{design}: {cost:?}");
    }
}

/// Lookups consist of what the catalogue says.
#[test]
fn a_lookup_consists_of_what_the_catalogue_says() {
    let limits = Limits::new(64, 1, 1);
    let forward: Vec<Member> = (1..=32).map(|port| Member::of(IfIndex(port))).collect();
    let query = Query { forward: ONE, exclude: Exclude::Group(ONE), ingress: IfIndex(1) };
    let cost = |design: Design| {
        let mut encoding = design.create(&limits).unwrap();
        encoding.define(Side::Forward, ONE, &forward).unwrap();
        encoding.define(Side::Exclude, ONE, &[Member::of(IfIndex(64))]).unwrap();
        encoding.lookup_ops(&query).unwrap()
    };
    let split = cost(Design::IndexSplit);
    assert_eq!((split.group_lookups, split.compares, split.copies), (3, 32, 32));
    let two = cost(Design::TwoMaps);
    assert_eq!((two.group_lookups, two.slots, two.member_lookups), (0, 64, 32));
    let precomputed = cost(Design::Precomputed);
    assert_eq!((precomputed.group_lookups, precomputed.slots, precomputed.copies), (2, 64, 32));
    let dense = cost(Design::DenseBitmap);
    assert_eq!((dense.words, dense.bits), (2, 32));
    let filter = cost(Design::DevmapFilter);
    assert_eq!((filter.programs, filter.member_lookups, filter.copies), (32, 32, 32));
    let sorted = cost(Design::SortedArrays);
    assert_eq!(sorted.compares, 6, "one search in 32");
}

proptest! {
    #![proptest_config(cases(48))]

    /// Keys that share a bucket: what was written last is walked first, also in maps of differences (BRD-03).
    ///
    /// Rule: MCAST-P29
    #[test]
    fn a_full_bucket_is_walked_from_the_newest(
        steps in proptest::collection::vec((0..4_u8, 0..6_u32, 1..=9_u32), 1..30),
    ) {
        const BUCKETS: u32 = 64;
        for design in Design::ALL.into_iter().filter(|design| design.has_maps()) {
            let able = crate::reference::Abilities::of(design);
            let limits = Limits::new(BUCKETS, 1, u32::from(able.exclude_groups));
            let (mut encoding, mut reference) = (design.create(&limits).unwrap(), Reference::default());
            for (kind, key, port) in &steps {
                let (key, port) = (MapKey(key * BUCKETS), IfIndex(*port));
                let (side, member) = match kind {
                    0 | 1 => (Side::Forward, Member::at(key, port)),
                    _ if !able.exclude_groups => continue,
                    _ => (Side::Exclude, Member::of(port)),
                };
                if kind % 2 == 0 {
                    encoding.join(side, ONE, member).unwrap();
                    reference.join(side, ONE, member);
                } else {
                    encoding.leave(side, ONE, member.key).unwrap();
                    reference.leave(side, ONE, member.key);
                }
                let exclude = if able.exclude_groups { Exclude::Group(ONE) } else { Exclude::Nothing };
                let query = Query { forward: ONE, exclude, ingress: IfIndex(1) };
                let expected = reference.delivered(&query, Order::Walk, &limits);
                prop_assert_eq!(ask(&*encoding, exclude, IfIndex(1)), expected, "{}", design);
            }
        }
    }
}
