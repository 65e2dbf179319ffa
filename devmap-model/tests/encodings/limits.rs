//! What a design cannot express is refused, with the reason and what helps.

use crate::asker::{Asker, ONE, ask, own, ports};
use xdpsim_devmap::groups::encoding::*;
use xdpsim_devmap::{IfIndex, MapKey};

/// Creating with these limits fails for this many of that.
fn refused(design: Design, limits: &Limits, what: Quantity) {
    match design.create(limits) {
        Err(Refusal::Limit { what: of, asked, most }) if of == what => assert!(asked > most),
        Err(other) => panic!("{design}: {other}"),
        Ok(_) => panic!("{design} takes {limits:?}"),
    }
}

/// Rule: MCAST-12.a, MCAST-P29
#[test]
fn creation_refuses_what_a_design_cannot_number() {
    let accepted = [
        (Design::IndexSplit, Limits::new(4, 65_535, 65_535)),
        (Design::PruningIds, Limits::new(512, 2, 288)),
        (Design::SortedArrays, Limits::new(65_535, 2, 2)),
        (Design::BitStrings, Limits::new(65_535, 2, 2)),
        (Design::DevmapFilter, Limits::new(4, 65_536, 100_000)),
        (Design::Compressed, Limits::new(u32::MAX, 2, 2)),
    ];
    for (design, limits) in accepted {
        assert!(design.create(&limits).is_ok(), "{design}: {limits:?}");
    }
    refused(Design::IndexSplit, &Limits::new(4, 65_536, 1), Quantity::ForwardGroups);
    refused(Design::IndexSplit, &Limits::new(4, 1, 65_536), Quantity::ExcludeGroups);
    refused(Design::MainlineFlags, &Limits::new(4, 1, 1), Quantity::ExcludeGroups);
    refused(Design::Precomputed, &Limits::new(4, 65_536, 65_536), Quantity::Keys);
    refused(Design::DenseBitmap, &Limits::new(u32::MAX, u32::MAX, 1), Quantity::Bytes);
    refused(Design::SortedArrays, &Limits::new(65_536, 1, 1), Quantity::Ports);
    refused(Design::PruningIds, &Limits::new(513, 1, 1), Quantity::Ports);
    refused(Design::PruningIds, &Limits::new(4, 1, 289), Quantity::ExcludeGroups);
    refused(Design::BitStrings, &Limits::new(65_536, 1, 1), Quantity::Ports);
}

#[test]
fn numbers_beyond_the_limits_are_refused_everywhere() {
    for of in Asker::all() {
        let mut encoding = of.create();
        let limits = *encoding.limits();
        for group in [GroupId(0), GroupId(4), GroupId(u32::MAX)] {
            for side in [Side::Forward, Side::Exclude] {
                let most = limits.groups(side);
                let refusal = Refusal::Group { side, group, most };
                assert_eq!(encoding.define(side, group, &[]), Err(refusal), "{of:?}");
                assert_eq!(encoding.join(side, group, Member::of(IfIndex(1))), Err(refusal), "{of:?}");
                assert_eq!(encoding.leave(side, group, MapKey(1)), Err(refusal), "{of:?}");
                assert_eq!(encoding.members(side, group), Err(refusal), "{of:?}");
            }
            let query = Query { forward: group, exclude: Exclude::Nothing, ingress: IfIndex(1) };
            assert!(encoding.deliver(&query, &mut Vec::new()).is_err(), "{of:?}");
        }
        for port in [IfIndex(0), IfIndex(limits.ports + 1), IfIndex(u32::MAX)] {
            let refusal = Refusal::Port { port, most: limits.ports };
            assert_eq!(encoding.join(Side::Forward, ONE, Member::of(port)), Err(refusal), "{of:?}");
            assert_eq!(encoding.define(Side::Forward, ONE, &own(&[port])), Err(refusal), "{of:?}");
            assert_eq!(encoding.port_gone(port), Err(refusal), "{of:?}");
            assert!(encoding.leave(Side::Forward, ONE, MapKey(port.0)).is_ok(), "{of:?}: nobody is there");
        }
        assert!(encoding.members(Side::Forward, ONE).unwrap().is_empty(), "{of:?}");
    }
}

/// A full map answers as maps do, and the group stays as it was.
#[test]
fn a_full_group_stays_as_it_was() {
    for design in Design::ALL.into_iter().filter(|design| design.has_maps()) {
        let exclude = u32::from(design != Design::MainlineFlags);
        let limits = Limits::new(8, 1, exclude).with_slots(2);
        let mut encoding = design.create(&limits).unwrap();
        encoding.define(Side::Forward, ONE, &own(&ports(&[1, 2]))).unwrap();
        let full = Err(Refusal::Map(xdpsim_devmap::Errno::E2BIG));
        assert_eq!(encoding.join(Side::Forward, ONE, Member::of(IfIndex(3))), full, "{design}");
        assert_eq!(encoding.define(Side::Forward, ONE, &own(&ports(&[3, 4, 5]))), full, "{design}");
        assert_eq!(ask(&*encoding, Exclude::Nothing, IfIndex(1)), ports(&[2, 1]), "{design}");
    }
}

/// Pairs run out before maps do; then nothing has changed.
#[test]
fn precomputed_differences_have_room_for_the_pairs_that_were_declared() {
    let mut encoding = Design::Precomputed.create(&Limits::new(8, 2, 2).with_pairs(3)).unwrap();
    encoding.define(Side::Forward, ONE, &own(&ports(&[1, 2, 3]))).unwrap();
    encoding.define(Side::Exclude, ONE, &own(&ports(&[1]))).unwrap();
    encoding.define(Side::Exclude, GroupId(2), &own(&ports(&[2]))).unwrap();
    let full = Err(Refusal::Limit { what: Quantity::Pairs, asked: 4, most: 3 });
    assert_eq!(encoding.define(Side::Forward, GroupId(2), &own(&ports(&[4]))), full);
    encoding.define(Side::Exclude, ONE, &own(&ports(&[5]))).unwrap();
    // The first pair leaves nobody out any more, so there is room for another group.
    encoding.define(Side::Forward, GroupId(2), &own(&ports(&[4]))).unwrap();
    assert_eq!(encoding.join(Side::Exclude, ONE, Member::of(IfIndex(4))), full);
    assert_eq!(encoding.members(Side::Exclude, ONE), Ok(own(&ports(&[5]))));
}

/// A list that is long enough is not moved, however often one asks.
#[test]
fn a_lookup_allocates_nothing_in_the_callers_list() {
    for of in Asker::all() {
        let mut encoding = of.create();
        encoding.define(Side::Forward, ONE, &own(&ports(&(1..=70).collect::<Vec<_>>()))).unwrap();
        let mut list = Vec::with_capacity(70);
        let (at, room) = (list.as_ptr(), list.capacity());
        for ingress in 1..=70 {
            let query = Query { forward: ONE, exclude: Exclude::Nothing, ingress: IfIndex(ingress) };
            encoding.deliver(&query, &mut list).unwrap();
            assert_eq!((list.len(), list.as_ptr(), list.capacity()), (70, at, room), "{of:?}");
        }
    }
}

#[test]
fn refusals_say_what_was_expected() {
    let dense = DenseBitmap::create(&Limits::new(65, 2, 2)).unwrap();
    let query = Query { forward: ONE, exclude: Exclude::IngressAndUppers, ingress: IfIndex(1) };
    let said = |refusal: Refusal| refusal.to_string();
    assert_eq!(
        said(dense.mask(&query, &mut [0]).unwrap_err()),
        "a mask of 1 words: expected 2, 64 ports in each"
    );
    assert_eq!(
        said(dense.visit(&query, &mut |_| {}).unwrap_err()),
        "dense bitmap (D5) cannot leave out the ingress and its upper devices: see what the design can express"
    );
    assert_eq!(dense.mask64(&query), Err(Refusal::MaskLength { words: 1, needed: 2 }));
    let keyed = dense.clone().join(Side::Forward, ONE, Member::at(MapKey(7), IfIndex(3)));
    assert!(
        said(keyed.unwrap_err()).starts_with("forward member under key 7, port 3: this design finds ports")
    );
    let sorted = Design::SortedArrays.create(&Limits::new(4, 1, 1)).unwrap();
    assert_eq!(sorted.mask(&query, &mut [0]), Err(Refusal::NoMask));
    assert_eq!(Design::from_name("D15"), Some(Design::DevmapFilter));
    assert_eq!(Design::from_name("dense bitmap"), Some(Design::DenseBitmap));
    assert_eq!(Design::from_name("D11"), None);
}

/// Level 1 passes over whole nodes, level 2 over ports in the nodes that are meant.
#[test]
fn pruning_has_two_levels() {
    let mut chip = PruningIds::create(&Limits::new(8, 1, 2)).unwrap();
    chip.define(Side::Forward, ONE, &own(&ports(&[1, 2]))).unwrap();
    chip.define(Side::Exclude, GroupId(2), &own(&ports(&[2, 4]))).unwrap();
    chip.add_node(ONE, ReplicationId(2), Some(ExclusionId(9)), &ports(&[2, 3, 4])).unwrap();
    let copies = |xid: Option<u16>, rid: u16, yid: Option<u32>| {
        let ids = PacketIds { rid: ReplicationId(rid), xid: xid.map(ExclusionId), yid: yid.map(GroupId) };
        let mut list = Vec::new();
        chip.replicate(ONE, &ids, |port| list.push(port.0)).unwrap();
        list
    };
    assert_eq!(copies(None, 1, None), [1, 2, 2, 3, 4]);
    assert_eq!(copies(Some(9), 1, None), [1, 2]);
    assert_eq!(copies(Some(8), 1, None), [1, 2, 2, 3, 4]);
    assert_eq!(copies(None, 1, Some(2)), [1, 2, 3, 4]);
    assert_eq!(copies(None, 2, Some(2)), [1, 2, 3]);
    assert_eq!(copies(Some(9), 1, Some(2)), [1]);
}

/// A neighbour gets one copy for all receivers that it leads to, and nobody gets two.
#[test]
fn a_bit_string_goes_once_to_each_neighbour() {
    let mut router = BitStrings::create(&Limits::new(300, 1, 1)).unwrap();
    assert_eq!(router.header_bytes(), 12 + 32);
    router.define(Side::Forward, ONE, &own(&ports(&[1, 2, 3, 4, 257, 258]))).unwrap();
    router.define(Side::Exclude, ONE, &own(&ports(&[3]))).unwrap();
    for port in [2, 3, 4, 258] {
        router.set_neighbour(IfIndex(port), IfIndex(2)).unwrap();
    }
    let query = Query { forward: ONE, exclude: Exclude::Group(ONE), ingress: IfIndex(9) };
    let mut copies = Vec::new();
    router.forward(&query, |neighbour, receivers| copies.push((neighbour.0, receivers.to_vec()))).unwrap();
    let expected = [(1, vec![1]), (2, vec![2, 4]), (257, vec![257]), (2, vec![258])];
    assert_eq!(copies, expected.map(|(neighbour, list)| (neighbour, ports(&list))));
    assert_eq!(router.lookup_ops(&query).unwrap().copies, 4);
}
