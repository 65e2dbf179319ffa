//! The index: two keys, one containing map, two lookups.

use xdpsim_core::redirect::info::{Early, IFINDEX_ARMED};
use xdpsim_core::rules::{CallRefused, Rules, TwoMapsVersion};
use xdpsim_core::scenario::{MapSpec, Op};
use xdpsim_core::story::{HelperCall, Step};
use xdpsim_core::{BuildError, Errno, Fate, GroupIndex, MapId, MapKey, MapKind, XdpAction};
use xdpsim_devmap::{ArrayOfMaps, HashOfMaps, InnerShape, MapAttr};

use super::*;

/// Rule: MCAST-01.a, MCAST-01.b, MCAST-15.a
#[test]
fn a_map_of_maps_is_a_target_and_a_devmap_still_is() {
    for kind in [MapKind::ArrayOfMaps, MapKind::HashOfMaps] {
        let mut scenario = split(&["b", "c"], &["b"]);
        scenario.maps[2].kind = kind;
        assert_eq!(got(&burst(&scenario, "a", 1)), "c", "{kind}");
        script(&mut scenario, "a", vec![to_key("f", 1, 0)]);
        assert_eq!(got(&burst(&scenario, "a", 1)), "c", "one entry, by its key");
    }
}

/// Rule: MCAST-K01.a
#[test]
fn without_the_rules_the_call_is_refused() {
    let mut scenario = split(&["b"], &[]);
    scenario.profile.rules = Rules::Mainline;
    assert_eq!(burst(&scenario, "a", 1).count(Fate::FlagsRefused), 1);
    let lab = lab(&scenario);
    let refused = Rules::Mainline.check_redirect_map(lab.plan().maps(), MapId(3));
    let text = refused.map_err(|refused| (refused.errno(), refused.to_string()));
    let (errno, text) = text.expect_err("a map of maps");
    assert_eq!(errno, Errno::EINVAL);
    assert!(text.starts_with("cannot pass map_type 13 into func bpf_redirect_map#51"), "{text}");
    assert_eq!(RFC.check_redirect_map(lab.plan().maps(), MapId(3)), Ok(()));
    let two_maps = Rules::TwoMaps { version: TwoMapsVersion::V20 };
    assert!(matches!(two_maps.check_redirect_map(lab.plan().maps(), MapId(3)), Err(CallRefused::Map { .. })));
}

/// Rule: MCAST-02.a, MCAST-02.b, MCAST-02.c
#[test]
fn the_index_is_two_keys_that_are_not_shifted() {
    let index = GroupIndex::from_argument(0x0001_0001);
    assert_eq!((index.forward(), index.exclude()), (MapKey(0x1_0000), MapKey(1)));
    let mut scenario = split(&["b", "c", "d"], &["d"]);
    assert_eq!(got(&to_index(&scenario, 0x0001_0001)), "bc");
    // Groups under shifted keys are not found.
    scenario.maps[2].entries[0].key = 1;
    scenario.maps[2].entries[1].key = 2;
    assert_eq!(to_index(&scenario, 0x0001_0002).count(Fate::LookupAborted), 1);
}

/// Rule: MCAST-03.a, MCAST-03.b, MCAST-11.a, MCAST-11.b, MCAST-10.b
#[test]
fn both_keys_lead_into_one_map_and_meet_in_key_0() {
    let mut scenario = split(&["b", "c"], &["b"]);
    scenario.maps.insert(2, group("zero", MapKind::Devmap, &["b", "d"]));
    scenario.maps[3] = containing(MapKind::HashOfMaps, &[(0x1_0000, "f"), (1, "x"), (0, "zero")]);
    assert_eq!(got(&to_index(&scenario, 1)), "d", "forward group 0");
    assert_eq!(got(&to_index(&scenario, 0x1_0000)), "c", "exclude group 0");
    let same = to_index(&scenario, 0);
    assert_eq!((got(&same), errors(&same)), (String::new(), vec![None]), "group 0 without group 0");
}

/// Rule: MCAST-04.a
#[test]
fn bits_above_32_are_dropped() {
    let scenario = split(&["b", "c"], &["b"]);
    let (plain, high) = (to_index(&scenario, 0x1_0001), to_index(&scenario, 0xdead_beef_0001_0001));
    assert_eq!((got(&high), redirects(&high)), ("c".to_owned(), redirects(&plain)));
}

/// Rule: MCAST-05.a
#[test]
fn the_helper_keeps_the_inner_map_the_index_and_the_containing_map() {
    let mut scenario = split(&["b"], &["b"]);
    script(&mut scenario, "a", vec![vec![call("c", 0x1_0001, 0), DROP]]);
    let info = burst(&scenario, "a", 1).redirect_info(0).expect("a CPU");
    assert_eq!((info.tgt_index, info.early), (0x1_0001, Early::Found(MapId(1))));
    assert_eq!((info.map, info.map_id, info.map_type), (Some(MapId(3)), 3, Some(MapKind::HashOfMaps)));
    assert_eq!((info.tgt_value, info.ex_map), (None, None));
}

/// Rule: MCAST-06.a, MCAST-06.b
#[test]
fn the_helper_looks_up_a_value_and_tells_of_the_posted_pointer_once() {
    let mut scenario = literal(&["b"], &["c"]);
    scenario.cpus = 2;
    script(&mut scenario, "a", vec![vec![PASS], to_key("c", 0x9_0001, 2), to_key("c", 0x1_0001, 0)]);
    let run = burst(&scenario, "a", 6);
    let told: Vec<_> = bugs(&run).into_iter().filter(|(_, rule)| *rule == "MCAST-06").collect();
    assert_eq!((told, run.count(Fate::Delivered)), (vec![("rfc_bug", "MCAST-06")], 2));
    scenario.profile.rules = RFC;
    assert_eq!(bugs(&burst(&scenario, "a", 6)), []);
}

/// Rule: MCAST-07.a, MCAST-07.b
#[test]
fn no_forward_group_returns_the_flags_and_arms_an_ifindex() {
    let mut scenario = split(&["b"], &[]);
    for verdict in 0..4 {
        script(&mut scenario, "a", vec![vec![call("c", 0x9_0000, u64::from(verdict)), Op::ReturnHelper]]);
        let story = {
            let mut lab = lab(&scenario);
            lab.send("a", &frame(0));
            lab.story(0)
        };
        assert!(story.contains(&Step::Verdict { act: XdpAction(verdict) }), "{story:?}");
        let missed = |step: &Step| match *step {
            Step::Helper(HelperCall::RedirectGroups { found, refused, .. }) => Some((found, refused)),
            _ => None,
        };
        assert_eq!(story.iter().find_map(missed), Some((None, false)));
    }
    script(&mut scenario, "a", vec![vec![call_ifindex(3), call("c", 0x9_0000, 2), REDIRECT]]);
    let run = burst(&scenario, "a", 1);
    assert_eq!((got(&run), errors(&run)), ("c".to_owned(), vec![None]));
    script(&mut scenario, "a", vec![vec![call("c", 0x1_0000, 0), call("c", 0x9_0000, 2), PASS]]);
    let info = burst(&scenario, "a", 1).redirect_info(0).expect("a CPU");
    assert_eq!((info.map, info.map_type, info.map_id), (None, None, IFINDEX_ARMED));
}

/// Rule: MCAST-09.a, MCAST-10.a, MCAST-20.a
#[test]
fn no_exclude_group_excludes_nobody() {
    let scenario = split(&["a", "b", "c"], &["b"]);
    assert_eq!(got(&to_index(&scenario, 0x1_0007)), "abc");
    assert_eq!(got(&to_index(&scenario, 0x1_0000)), "abc", "key 0 is one like any other");
}

/// Rule: MCAST-09.b, MCAST-10.b, MCAST-24.a
#[test]
fn as_posted_no_exclude_group_excludes_everybody() {
    let mut scenario = literal(&["b", "c"], &["b"]);
    let run = to_index(&scenario, 0x1_0007);
    assert_eq!((got(&run), errors(&run), run.count(Fate::NoExcludeGroup)), (String::new(), vec![None], 1));
    assert!(bugs(&run).contains(&("rfc_bug", "MCAST-17")) && run.report.is_balanced());
    // An empty group at key 0 says "nobody".
    scenario.maps.insert(2, group("nobody", MapKind::Devmap, &[]));
    scenario.maps[3] = containing(MapKind::HashOfMaps, &[(0x1_0000, "f"), (1, "x"), (0, "nobody")]);
    assert_eq!(got(&to_index(&scenario, 0x1_0000)), "bc");
}

/// Rule: MCAST-12.a, MCAST-12.b
#[test]
fn there_are_65535_groups_on_each_side_and_larger_numbers_spill() {
    assert_eq!(GroupIndex::of_groups(0xffff, 0xffff), GroupIndex(u32::MAX));
    assert_eq!(GroupIndex::of_groups(0xffff, 0).forward(), MapKey(0xffff_0000));
    // Forward group 1 and exclude "number" 0x20001: forward group 3, exclude group 1.
    let spilled = GroupIndex::from_argument(0x1_0000 | 0x2_0001);
    assert_eq!(spilled, GroupIndex::of_groups(3, 1));
    let mut scenario = split(&["b", "c"], &["b"]);
    scenario.maps[2].entries[0].key = 0x3_0000;
    assert_eq!(got(&to_index(&scenario, 0x1_0000 | 0x2_0001)), "c");
}

/// Rule: MCAST-13.a, MCAST-13.b, MCAST-13.c
#[test]
fn a_key_beyond_the_array_is_an_absent_one() {
    let mut scenario = split(&["b", "c"], &["b"]);
    scenario.maps[2] =
        MapSpec { max_entries: 0x1_0001, ..containing(MapKind::ArrayOfMaps, &[(0x1_0000, "f"), (1, "x")]) };
    assert_eq!(got(&to_index(&scenario, 0x1_0001)), "c");
    assert_eq!(to_index(&scenario, 0x2_0001).count(Fate::LookupAborted), 1);
    // One slot less, and forward group 1 has no place; a hash of one entry has.
    scenario.maps[2].max_entries = 0x1_0000;
    let refused = xdpsim_core::lab::Lab::new(&scenario).err();
    assert!(matches!(refused, Some(BuildError::Refused { errno: Errno::E2BIG, .. })), "{refused:?}");
    scenario.maps[2] = MapSpec { max_entries: 1, ..containing(MapKind::HashOfMaps, &[(0xffff_0000, "f")]) };
    assert_eq!(got(&to_index(&scenario, 0xffff_0009)), "bc");
    // An exclude key beyond an array that is small because group 0 is all it has.
    scenario.maps[2] = MapSpec { max_entries: 1, ..containing(MapKind::ArrayOfMaps, &[(0, "f")]) };
    assert_eq!(got(&to_index(&scenario, 5)), "bc");
}

/// Rule: MCAST-14.a
#[test]
fn keys_of_the_containing_map_have_4_bytes() {
    let template = InnerShape::of(&MapAttr::devmap("group", 8));
    for key_size in [1, 2, 8] {
        let hash = MapAttr { key_size, ..MapAttr::hash_of_maps("c", 4, MapId(1)) };
        assert_eq!(HashOfMaps::create(&hash, Some(template)).err(), Some(Errno::EINVAL), "{key_size}");
        let array = MapAttr { key_size, ..MapAttr::array_of_maps("c", 4, MapId(1)) };
        assert_eq!(ArrayOfMaps::create(&array, Some(template)).err(), Some(Errno::EINVAL), "{key_size}");
    }
}

/// Other inner types (CPUMAP, XSKMAP, HASH, ARRAY) are no maps of this table: an object's loader refuses them.
///
/// Rule: MCAST-21.a, MCAST-21.c
#[test]
fn all_groups_of_a_map_are_of_one_type() {
    for kind in [MapKind::Devmap, MapKind::DevmapHash] {
        assert_eq!(got(&burst(&groups_of(kind, &["b", "c"], &["b"]), "a", 1)), "c", "{kind}");
    }
    let other_kind = |map: &mut MapSpec| map.kind = MapKind::DevmapHash;
    let other_value = |map: &mut MapSpec| map.value_size = 4;
    for change in [other_kind, other_value] {
        let mut mixed = split(&["b"], &["c"]);
        change(&mut mixed.maps[1]);
        let refused = xdpsim_core::lab::Lab::new(&mixed).err();
        assert!(matches!(refused, Some(BuildError::Refused { errno: Errno::EINVAL, .. })), "{refused:?}");
    }
}

/// Rule: MCAST-22.a
#[test]
fn maps_of_maps_of_maps_cannot_be_created() {
    let outer = InnerShape::of(&MapAttr::hash_of_maps("c", 4, MapId(1)));
    let attr = MapAttr::hash_of_maps("cc", 4, MapId(2));
    assert_eq!(HashOfMaps::create(&attr, Some(outer)).err(), Some(Errno::EINVAL));
    let attr = MapAttr::array_of_maps("cc", 4, MapId(2));
    assert_eq!(ArrayOfMaps::create(&attr, Some(outer)).err(), Some(Errno::EINVAL));
}

/// Rule: MCAST-30.a, MCAST-30.b
#[test]
fn flags_above_3_are_refused_and_the_others_do_nothing() {
    let mut scenario = split(&["b", "c"], &["b"]);
    for flags in [4, BROADCAST, EXCLUDE_INGRESS, BROADCAST | EXCLUDE_INGRESS, 1 << 40] {
        script(&mut scenario, "a", vec![vec![call_ifindex(4), call("c", 0x1_0001, flags), Op::ReturnHelper]]);
        let run = burst(&scenario, "a", 1);
        assert_eq!(run.count(Fate::FlagsRefused), 1, "{flags}");
        let info = run.redirect_info(0).expect("a CPU");
        assert!(info.ifindex_armed() && info.tgt_index == 4, "{info:?}");
    }
    for flags in 0..4 {
        script(&mut scenario, "a", vec![to_key("c", 0x1_0001, flags)]);
        assert_eq!(got(&burst(&scenario, "a", 1)), "c", "{flags}");
    }
}

/// Rule: MCAST-37.a
#[test]
fn the_last_call_wins_whatever_its_form() {
    let mut scenario = split(&["b", "c"], &["b"]);
    let (groups, entry, all) = (call("c", 0x1_0001, 0), call("f", 0, 0), call("f", 0, BROADCAST));
    let last = |scenario: &mut Scenario, calls: &[&Op]| {
        let calls = calls.iter().map(|&call| call.clone()).chain([Op::ReturnHelper]);
        script(scenario, "a", vec![calls.collect()]);
        got(&burst(scenario, "a", 1))
    };
    assert_eq!(last(&mut scenario, &[&groups, &entry]), "b");
    assert_eq!(last(&mut scenario, &[&entry, &groups]), "c");
    assert_eq!(last(&mut scenario, &[&groups, &all]), "bc");
    assert_eq!(last(&mut scenario, &[&all, &groups]), "c");
    assert_eq!(last(&mut scenario, &[&groups, &call_ifindex(5)]), "e");
    assert_eq!(last(&mut scenario, &[&call_ifindex(5), &groups]), "c");
}
