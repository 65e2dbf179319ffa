//! The walk of RFC v1: order, members, clones, the original; programs, queues, events.

use xdpsim_core::scenario::{MapSpec, ProgramKind};
use xdpsim_core::story::Step;
use xdpsim_core::{Errno, Fate, IfIndex, MapKind, Skip, XdpAction};

use super::*;

fn order(scenario: &Scenario) -> String {
    let mut lab = lab(scenario);
    lab.send("a", &frame(0));
    let queued = queued(&lab);
    assert!(queued.iter().all(|(_, clone)| *clone), "{queued:?}");
    queued.into_iter().map(|(port, _)| port).collect()
}

/// Rule: MCAST-15.a, MCAST-15.b
#[test]
fn a_devmap_is_walked_by_index_over_empty_slots() {
    let mut scenario = split(&[], &["c"]);
    scenario.maps[0] =
        MapSpec::new("f", MapKind::Devmap, 64).with(60, "b").with(0, "e").with(7, "c").with(3, "d");
    assert_eq!(order(&scenario), "edb");
    assert_eq!(errors(&burst(&scenario, "a", 1)), [None]);
}

/// Rule: MCAST-15.c
#[test]
fn a_devmap_hash_is_walked_by_bucket() {
    let mut scenario = groups_of(MapKind::DevmapHash, &[], &["c"]);
    // Eight buckets: 1 and 9 share one, the later entry is first.
    scenario.maps[0] =
        MapSpec::new("f", MapKind::DevmapHash, 5).with(2, "d").with(1, "b").with(9, "e").with(8, "c");
    assert_eq!(order(&scenario), "ebd");
}

/// Rule: MCAST-16.a
#[test]
fn members_are_excluded_by_ifindex_wherever_they_are() {
    let mut scenario = split(&[], &[]);
    scenario.maps[0] = MapSpec::new("f", MapKind::Devmap, 64).with(3, "b").with(4, "c");
    scenario.maps[1] = MapSpec::new("x", MapKind::Devmap, 64).with(50, "b").with(4, "e");
    let run = burst(&scenario, "a", 2);
    assert_eq!((got(&run), skips(&run)), ("cc".to_owned(), vec![("b", Skip::ExcludeGroup, 2)]));
}

/// Rule: MCAST-16.b
#[test]
fn a_device_of_another_namespace_excludes_by_its_number() {
    let mut scenario = split(&["b", "c"], &["f"]);
    scenario.netns = vec!["red".into()];
    scenario.ports[5].netns = Some("red".into());
    scenario.ports[5].ifindex = Some(IfIndex(2)); // As b has in its own.
    assert_eq!(got(&burst(&scenario, "a", 1)), "c");
}

/// Rule: MCAST-17.a
#[test]
fn every_target_gets_a_clone_and_the_original_is_freed() {
    for targets in 0..4 {
        let scenario = split(&["b", "c", "d"][..targets], &["e"]);
        let run = burst(&scenario, "a", 5);
        assert_eq!((run.report.clones, run.count(Fate::Delivered)), (5 * targets as u64, 5 * targets as u64));
        assert_eq!(run.count(Fate::OrigFreed) + run.count(Fate::Nobody), 5);
        assert!(run.report.is_balanced());
        assert_eq!(bugs(&run), []);
    }
}

/// Rule: MCAST-17.c
#[test]
fn as_posted_each_success_leaks_the_original() {
    let mut scenario = literal(&["b", "c"], &["c"]);
    let leaks = |scenario: &Scenario| {
        let run = burst(scenario, "a", 3);
        assert!(run.report.is_balanced());
        bugs(&run).iter().filter(|bug| **bug == ("rfc_bug", "MCAST-17")).count()
    };
    assert_eq!(leaks(&scenario), 3);
    scenario.ports[1].up = false;
    assert_eq!(leaks(&scenario), 0, "the driver frees it after an error");
}

/// Rule: MCAST-18.a, MCAST-18.b, MCAST-18.c, MCAST-19.a
#[test]
fn duplicates_in_a_count_and_duplicates_in_b_do_not() {
    assert_eq!(got(&burst(&split(&["b", "c", "b"], &["d"]), "a", 1)), "bbc");
    assert_eq!(got(&burst(&split(&["b", "c", "b"], &["b"]), "a", 1)), "c");
    assert_eq!(got(&burst(&split(&["b", "c"], &["b", "b", "d", "e", "f", "b"]), "a", 1)), "c");
}

/// Rule: MCAST-20.a
#[test]
fn the_ingress_gets_its_own_frame_back() {
    assert_eq!(got(&burst(&split(&["a", "b"], &["c"]), "a", 1)), "ab");
    assert_eq!(got(&burst(&split(&["a", "b"], &["a"]), "a", 1)), "b");
}

/// Rule: MCAST-23.a, MCAST-25.a
#[test]
fn nobody_left_is_a_success() {
    for kind in [MapKind::Devmap, MapKind::DevmapHash] {
        for (forward, exclude) in [(&[][..], &["b"][..]), (&["b", "c"], &["c", "b"])] {
            let run = burst(&groups_of(kind, forward, exclude), "a", 2);
            assert_eq!((got(&run), errors(&run)), (String::new(), vec![None; 2]), "{kind} {forward:?}");
            assert_eq!((run.count(Fate::Nobody), run.report.clones), (2, 0));
        }
    }
}

/// Rule: MCAST-24.a
#[test]
fn an_empty_exclude_group_excludes_nobody() {
    assert_eq!(got(&burst(&split(&["b", "c"], &[]), "a", 1)), "bc");
    assert_eq!(got(&burst(&literal(&["b", "c"], &[]), "a", 1)), "bc");
}

/// Rule: MCAST-31.a, MCAST-31.c
#[test]
fn one_event_a_frame_names_the_containing_map_and_the_whole_index() {
    let run = burst(&split(&["b", "c", "d"], &["d"]), "a", 1);
    assert_eq!(redirects(&run), [(0, 3, 0x1_0001, None)]);
    assert_eq!(xmits(&run), [(1, 3, 1, 0, None), (1, 2, 1, 0, None)]);
    assert_eq!(
        run.events.iter().map(|event| event.name()).collect::<Vec<_>>(),
        ["xdp_redirect", "xdp_devmap_xmit", "xdp_devmap_xmit"]
    );
}

/// Rule: MCAST-31.b
#[test]
fn an_error_is_one_event_with_the_errno_of_the_walk() {
    let mut scenario = split(&["b", "c"], &[]);
    scenario.ports[2].up = false;
    assert_eq!(redirects(&burst(&scenario, "a", 1)), [(0, 3, 0x1_0001, Some(Errno::ENETDOWN))]);
}

/// Rule: MCAST-32.a
#[test]
fn programs_of_the_forward_group_run_for_their_copies() {
    let mut scenario = split(&["b"], &[]);
    let writes = ProgramKind::Rewrite { offset: 1, bytes: vec![7] };
    entry_program(&mut scenario, "writes", writes);
    entry_program(&mut scenario, "drops", ProgramKind::Verdict(XdpAction::DROP));
    let program = |map: &mut MapSpec, key, port: &str, program: &str| {
        *map = map.clone().with_program(key, port, program);
    };
    program(&mut scenario.maps[0], 1, "c", "writes");
    program(&mut scenario.maps[0], 2, "d", "drops");
    program(&mut scenario.maps[1], 0, "e", "drops");
    let run = burst(&scenario, "a", 1);
    assert_eq!((got(&run), run.count(Fate::EntryDropped)), ("bc".to_owned(), 1));
    assert_eq!((run.frames("b")[0][1], run.frames("c")[0][1]), (0, 7));
    assert!(run.report.is_balanced());
}

/// The first entry's program decides for the whole queue, as in mainline.
///
/// Rule: MCAST-32.a, ENQ-04.a
#[test]
fn the_first_copy_in_a_queue_brings_its_program() {
    let mut scenario = split(&[], &[]);
    entry_program(&mut scenario, "drops", ProgramKind::Verdict(XdpAction::DROP));
    scenario.maps[0] = MapSpec::new("f", MapKind::Devmap, 64).with(0, "b").with_program(1, "b", "drops");
    assert_eq!(got(&burst(&scenario, "a", 1)), "bb");
    scenario.maps[0] = MapSpec::new("f", MapKind::Devmap, 64).with_program(0, "b", "drops").with(1, "b");
    assert_eq!(got(&burst(&scenario, "a", 1)), "");
}

/// Rule: MCAST-33.a, MCAST-33.b
#[test]
fn each_clone_takes_a_place_in_its_targets_queue() {
    // 9 frames twice to b: 18 places, so the queue is flushed once in between.
    let run = burst(&split(&["b", "c", "b"], &[]), "a", 9);
    assert_eq!(xmits(&run), [(1, 2, 16, 0, None), (1, 3, 9, 0, None), (1, 2, 2, 0, None)]);
    assert_eq!(run.numbers("b"), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]);
}

/// Exclude group 1: the bond's members b, c and the bond f itself. Frames come in on b, c, and on d.
///
/// Rule: MCAST-55.a, MCAST-55.b
#[test]
fn a_bond_never_gets_its_own_frame_back() {
    for forward in [&["b", "c", "d", "e"][..], &["f", "d", "e"], &["b", "c", "d", "e", "f"]] {
        let mut scenario = split(forward, &["b", "c", "f"]);
        for member in ["b", "c"] {
            script(&mut scenario, member, vec![to_key("c", 0x1_0001, 0)]);
            let run = burst(&scenario, member, 1);
            assert_eq!(got(&run), "de", "{forward:?} from {member}");
        }
    }
    // Without members the group holds only the bond.
    assert_eq!(got(&burst(&split(&["b", "f", "d"], &["f"]), "a", 1)), "bd");
}

/// What is told of the lookups and of who is left out.
///
/// Rule: MCAST-05.b
#[test]
fn the_story_has_both_lookups_of_the_redirect() {
    let scenario = split(&["b", "c"], &["b"]);
    let mut lab = lab(&scenario);
    lab.send("a", &frame(0));
    let story = lab.story(0);
    let groups = |step: &Step| match *step {
        Step::Groups { index, forward, exclude, .. } => Some((index.0, forward, exclude)),
        _ => None,
    };
    let map = |id| Some(xdpsim_core::MapId(id));
    assert_eq!(story.iter().find_map(groups), Some((0x1_0001, map(1), map(2))));
    assert!(story.iter().any(|step| matches!(step, Step::Skipped { skip: Skip::ExcludeGroup, .. })));
}

/// The RFC's sample: group 1 is everybody, 2 = {p1, p3}, 3 = {p2, p4}; p3 and p4 are as if they were a bond.
///
/// Rule: MCAST-38.a, MCAST-38.b, MCAST-38.c, MCAST-38.d, MCAST-38.e, MCAST-38.f
#[test]
fn the_rfcs_own_example() {
    let names = ["p1", "p2", "p3", "p4"];
    let flows = [
        (1, "p1", "p2 p3 p4"), // ARP
        (1, "p4", "p1 p2"),
        (2, "p1", "p3"), // IPv4
        (3, "p4", "p2"), // IPv6
        (3, "p3", "p2"),
    ];
    for outer in [MapKind::ArrayOfMaps, MapKind::HashOfMaps] {
        for inner in [MapKind::Devmap, MapKind::DevmapHash] {
            let mut scenario = ideal(&names);
            scenario.profile.rules = RFC;
            let keyed = |name: &str, numbers: &[u32]| {
                let map = MapSpec::new(name, inner, 8);
                numbers.iter().fold(map, |map, &n| map.with(n, names[n as usize - 1]))
            };
            scenario.maps = vec![
                keyed("all", &[1, 2, 3, 4]),
                keyed("odd", &[1, 3]),
                keyed("even", &[2, 4]),
                keyed("one", &[1]),
                keyed("two", &[2]),
                keyed("bond", &[3, 4]),
            ];
            let groups = [
                (0x1_0000, "all"),
                (0x2_0000, "odd"),
                (0x3_0000, "even"),
                (1, "one"),
                (2, "two"),
                (3, "bond"),
                (4, "bond"),
            ];
            scenario.maps.push(containing(outer, &groups));
            for (group, from, to) in flows {
                let number = names.iter().position(|name| *name == from).expect("a port") as u64 + 1;
                script(&mut scenario, from, vec![to_key("c", group << 16 | number, 0)]);
                let run = burst(&scenario, from, 1);
                assert_eq!(
                    receivers(&run, &scenario).join(" "),
                    to,
                    "{outer} {inner} group {group} from {from}"
                );
            }
        }
    }
}
