//! The patches in generic mode: nothing is converted or queued, and other errnos come out.

use xdpsim_core::netdev::Features;
use xdpsim_core::scenario::{FaultKind, FaultSpec, MapSpec};
use xdpsim_core::story::Step;
use xdpsim_core::{Errno, Fate, MapKind};

use super::*;

fn generic(mut scenario: Scenario) -> Scenario {
    in_generic_mode(&mut scenario, "a");
    scenario
}

fn clone_fault(port: &str) -> Vec<FaultSpec> {
    vec![FaultSpec { port: port.into(), kind: FaultKind::Clone, nth: 1 }]
}

/// (device, is it a clone?) of every skb that was handed on, in order.
fn handed_on(scenario: &Scenario) -> Vec<(u32, bool)> {
    let mut lab = lab(scenario);
    lab.send("a", &frame(0));
    let handed = |step: Step| match step {
        Step::GenericRedirect { dev, clone, .. } => Some((dev.0, clone)),
        _ => None,
    };
    lab.story(0).into_iter().filter_map(handed).collect()
}

/// Rule: MCAST-29.a, MCAST-17.b, MCAST-09.a
#[test]
fn every_target_gets_a_clone_at_once_and_the_original_is_consumed() {
    for kind in [MapKind::Devmap, MapKind::DevmapHash] {
        let scenario = generic(groups_of(kind, &["d", "b", "c"], &["b"]));
        assert_eq!(handed_on(&scenario), [(3, true), (2, true)], "{kind}");
        let run = burst(&scenario, "a", 20);
        assert_eq!((run.report.clones, run.count(Fate::OrigFreed), run.report.is_balanced()), (40, 20, true));
        assert_eq!((xmits(&run), errors(&run)), (vec![], vec![None; 20]));
        assert_eq!(got(&to_index(&scenario, 0x1_0007)), "bcd", "no exclude group");
    }
}

/// Rule: MCAST-09.c, MCAST-17.c
#[test]
fn as_posted_a_missing_exclude_group_excludes_nobody_here() {
    let scenario = generic(literal(&["b", "c"], &["b"]));
    let run = to_index(&scenario, 0x1_0007);
    assert_eq!((got(&run), run.count(Fate::OrigFreed)), ("bc".to_owned(), 1));
    assert_eq!(bugs(&run), [("rfc_bug", "MCAST-06")], "the original is consumed, not leaked");
}

/// Rule: MCAST-29.b
#[test]
fn a_clone_that_fails_is_eoverflow() {
    let mut scenario = generic(split(&["b", "c", "d"], &[]));
    scenario.faults = clone_fault("c");
    let run = burst(&scenario, "a", 1);
    assert_eq!((got(&run), errors(&run)), ("b".to_owned(), vec![Some(Errno::EOVERFLOW)]));
    assert_eq!((run.count(Fate::SkbCloneFailed), run.report.is_balanced()), (1, true));
}

/// Rule: MCAST-29.c, MCAST-29.d
#[test]
fn a_bad_target_ends_the_walk_and_features_do_not_count() {
    for (down, errno, fate) in [(true, Errno::ENETDOWN, Fate::Down), (false, Errno::EMSGSIZE, Fate::TooLong)]
    {
        let mut scenario = generic(split(&["b", "c", "d"], &[]));
        match down {
            true => scenario.ports[2].up = false,
            false => scenario.ports[2].mtu = Some(40),
        }
        let run = burst(&scenario, "a", 1);
        assert_eq!((got(&run), errors(&run)), ("b".to_owned(), vec![Some(errno)]));
        assert_eq!((run.report.clones, run.count(fate), run.report.is_balanced()), (1, 1, true));
    }
    let mut mute = generic(split(&["b", "c", "d"], &[]));
    mute.ports[2].features = Some(Features::empty());
    assert_eq!(got(&burst(&mute, "a", 1)), "bcd");
}

/// A forward map and one frame.
fn multi_run(version: u8, forward: MapSpec, spoil: impl Fn(&mut Scenario)) -> Run {
    let mut scenario = generic(two_maps(multi(version), &PORTS, forward, None));
    spoil(&mut scenario);
    multi_burst(&scenario, 0, 1)
}

/// Rule: MCAST-47.a
#[test]
fn v2_is_as_v1() {
    let forward = || group("f", MapKind::Devmap, &["b", "c", "d"]);
    let run = multi_run(2, forward(), |_| ());
    assert_eq!((got(&run), run.report.clones, run.count(Fate::OrigFreed)), ("bcd".to_owned(), 3, 1));
    let run = multi_run(2, forward(), |scenario| scenario.ports[2].up = false);
    assert_eq!((got(&run), errors(&run)), ("b".to_owned(), vec![Some(Errno::ENETDOWN)]));
    let run = multi_run(2, forward(), |scenario| scenario.faults = clone_fault("c"));
    assert_eq!(errors(&run), [Some(Errno::EOVERFLOW)]);
    let empty = MapSpec::new("f", MapKind::DevmapHash, 4);
    assert_eq!(errors(&multi_run(2, empty, |_| ())), [None]);
}

/// Rule: MCAST-47.b
#[test]
fn from_v3_on_an_empty_hash_is_an_error() {
    for version in [3, 4, 9, 20] {
        let empty = |kind| MapSpec::new("f", kind, 4);
        let run = multi_run(version, empty(MapKind::DevmapHash), |_| ());
        assert_eq!((errors(&run), run.count(Fate::EmptyForwardMap)), (vec![Some(Errno::ENOENT)], 1));
        let run = multi_run(version, empty(MapKind::Devmap), |_| ());
        assert_eq!((errors(&run), run.count(Fate::Nobody)), (vec![None], 1), "v{version}");
    }
}

/// Rule: MCAST-47.c, MCAST-47.d
#[test]
fn from_v3_on_bad_targets_are_passed_over() {
    for version in [3, 4, 9, 20] {
        let forward = || group("f", MapKind::Devmap, &["b", "c", "d"]);
        for bad in [1, 2, 3] {
            let run = multi_run(version, forward(), |scenario| scenario.ports[bad].up = false);
            let left: String = ["b", "c", "d"].into_iter().filter(|port| *port != PORTS[bad]).collect();
            assert_eq!((got(&run), errors(&run)), (left, vec![None]), "v{version}");
            assert_eq!((run.report.clones, run.report.is_balanced()), (1, true));
        }
        let run = multi_run(version, forward(), |scenario| scenario.faults = clone_fault("c"));
        assert_eq!((got(&run), errors(&run)), ("b".to_owned(), vec![Some(Errno::ENOMEM)]), "v{version}");
        assert_eq!(bugs(&run), [], "only the native path frees it twice");
    }
}
