//! The helper with two maps, v2 to v20.

use xdpsim_core::rules::{CallRefused, Rules};
use xdpsim_core::scenario::{FaultKind, FaultSpec, MapSpec, Op, ProgramKind};
use xdpsim_core::{Errno, Fate, MapId, MapKind, Skip, XdpAction};

use super::*;

/// All of the ports in a forward map of this kind, and this exclude map.
fn bench(version: u8, kind: MapKind, exclude: Option<MapSpec>) -> Scenario {
    two_maps(multi(version), &PORTS, group("f", kind, &PORTS), exclude)
}

/// An exclude map that holds these ports, each under its ifindex.
fn by_ifindex(kind: MapKind, ports: &[&str]) -> MapSpec {
    let number = |port: &str| PORTS.iter().position(|one| *one == port).expect("a port") as u32 + 1;
    ports.iter().fold(MapSpec::new("x", kind, 16), |map, port| map.with(number(port), port))
}

fn one(scenario: &Scenario, flags: u64) -> Run {
    multi_burst(scenario, flags, 1)
}

/// Rule: MCAST-39.a, MCAST-39.b, MCAST-39.c
#[test]
fn which_maps_it_takes() {
    for version in 2..=20 {
        for forward in [MapKind::Devmap, MapKind::DevmapHash] {
            for kind in [MapKind::Devmap, MapKind::DevmapHash] {
                let run = one(&bench(version, forward, Some(by_ifindex(kind, &["b", "c"]))), 0);
                let refused = version >= 7 && kind == MapKind::Devmap;
                assert_eq!(run.count(Fate::FlagsRefused), u64::from(refused), "v{version} {kind}");
                assert_eq!(got(&run), if refused { "" } else { "adef" }, "v{version} {kind}");
            }
        }
    }
}

/// Rule: MCAST-39.d, MCAST-39.e
#[test]
fn no_exclude_map() {
    for version in 2..=20 {
        let scenario = bench(version, MapKind::Devmap, None);
        let lab = multi_lab(&scenario, 0);
        let checked = multi(version).check_redirect_map_multi(lab.plan().maps(), MapId(1), None);
        let refused = (5..=8).contains(&version);
        assert_eq!(checked.is_err(), refused, "v{version}");
        assert_eq!(checked.err().map(CallRefused::errno), refused.then_some(Errno::EINVAL));
        assert_eq!(got(&one(&scenario, 0)), if refused { "" } else { "abcdef" }, "v{version}");
    }
}

/// Rule: MCAST-39.f, MCAST-39.a
#[test]
fn from_v9_to_v19_any_map_passes_as_the_first() {
    for version in 2..=20 {
        let mut scenario = bench(version, MapKind::Devmap, None);
        let inner = xdpsim_core::scenario::EntryValue::Map("f".into());
        let entry = xdpsim_core::scenario::EntrySpec { key: 0, value: inner };
        scenario.maps.push(MapSpec { entries: vec![entry], ..MapSpec::new("c", MapKind::HashOfMaps, 4) });
        let lab = multi_lab(&scenario, 0);
        let checked = multi(version).check_redirect_map_multi(lab.plan().maps(), MapId(2), Some(MapId(1)));
        let unchecked = (9..=19).contains(&version);
        assert_eq!(checked.is_ok(), unchecked, "v{version}");
        if unchecked {
            let own = Multi { map: MapId(2), ex_map: None, flags: 0 };
            let own: Box<dyn xdpsim_core::XdpProgram> = Box::new(own);
            let own = std::collections::BTreeMap::from([("on_a".to_owned(), own)]);
            let mut lab = xdpsim_core::lab::Lab::with_programs(&scenario, own).expect("it builds");
            lab.send("a", &frame(0));
            assert_eq!(errors(&lab.run()), [Some(Errno::EBADRQC)], "no device map: no target");
        }
    }
}

/// Rule: MCAST-39.a
#[test]
fn without_the_rules_there_is_no_such_helper() {
    for rules in [Rules::Mainline, RFC, LITERAL] {
        let mut scenario = bench(20, MapKind::Devmap, None);
        scenario.profile.rules = rules;
        let lab = multi_lab(&scenario, 0);
        let checked = rules.check_redirect_map_multi(lab.plan().maps(), MapId(1), None);
        assert_eq!(checked, Err(CallRefused::NoHelper { rules }));
        assert_eq!(one(&scenario, 0).count(Fate::FlagsRefused), 1);
    }
}

/// Rule: MCAST-40.a, MCAST-40.b
#[test]
fn its_only_flag_is_1_and_there_is_no_fallback() {
    for version in [2, 6, 7, 20] {
        let scenario = bench(version, MapKind::Devmap, Some(by_ifindex(MapKind::DevmapHash, &["b"])));
        for flags in [2, 3, 8, 16, 1 << 63] {
            let run = one(&scenario, flags);
            assert_eq!((run.count(Fate::FlagsRefused), got(&run)), (1, String::new()), "v{version} {flags}");
            assert_eq!(run.redirect_info(0).map(|info| info.map_type), Some(None), "nothing is armed");
        }
        assert_eq!(got(&one(&scenario, 1)), "cdef", "v{version}");
    }
}

/// Rule: MCAST-41.a, MCAST-41.b
#[test]
fn the_helper_remembers_both_maps_and_looks_nothing_up() {
    #[derive(Clone)]
    struct ThenPass;
    impl xdpsim_core::XdpProgram for ThenPass {
        fn run(&mut self, ctx: &mut xdpsim_core::Ctx<'_>, _: &mut xdpsim_core::FrameMut<'_>) -> XdpAction {
            assert_eq!(ctx.redirect_map_multi(MapId(1), Some(MapId(2)), 1), XdpAction::REDIRECT);
            XdpAction::PASS
        }
        fn clone_box(&self) -> Box<dyn xdpsim_core::XdpProgram> {
            Box::new(self.clone())
        }
    }
    let empty = MapSpec::new("f", MapKind::DevmapHash, 4);
    let scenario = two_maps(multi(20), &PORTS, empty, Some(by_ifindex(MapKind::DevmapHash, &[])));
    let own: Box<dyn xdpsim_core::XdpProgram> = Box::new(ThenPass);
    let own = std::collections::BTreeMap::from([("on_a".to_owned(), own)]);
    let mut lab = xdpsim_core::lab::Lab::with_programs(&scenario, own).expect("it builds");
    lab.send("a", &frame(0));
    let info = lab.run().redirect_info(0).expect("a CPU");
    assert_eq!((info.tgt_index, info.tgt_value), (0, None));
    assert_eq!((info.map, info.ex_map, info.flags.bits()), (Some(MapId(1)), Some(MapId(2)), 1));
    assert_eq!(errors(&one(&scenario, 1)), [None]);
}

/// Rule: MCAST-42.a
#[test]
fn the_flag_excludes_the_ingress_and_nobody_else() {
    let mut scenario = bench(20, MapKind::Devmap, None);
    scenario.ports[0].uppers = vec!["f".into()];
    let run = one(&scenario, 1);
    assert_eq!((got(&run), skips(&run)), ("bcdef".to_owned(), vec![("a", Skip::Ingress, 1)]));
}

/// Rule: MCAST-42.b
#[test]
fn in_v2_the_flag_needs_an_exclude_map() {
    for (version, expected) in [(2, "abcdef"), (3, "bcdef"), (4, "bcdef"), (9, "bcdef"), (20, "bcdef")] {
        assert_eq!(got(&one(&bench(version, MapKind::Devmap, None), 1)), expected, "v{version}");
    }
    let with_map = bench(2, MapKind::Devmap, Some(by_ifindex(MapKind::Devmap, &["c"])));
    assert_eq!(got(&one(&with_map, 1)), "bdef");
}

/// Rule: MCAST-43.a, MCAST-43.b
#[test]
fn up_to_v7_values_count_and_then_keys() {
    // Key 5 is the ifindex of e, the value is f.
    let exclude = MapSpec::new("x", MapKind::DevmapHash, 16).with(5, "f");
    for version in 2..=20 {
        let run = one(&bench(version, MapKind::Devmap, Some(exclude.clone())), 0);
        assert_eq!(got(&run), if version <= 7 { "abcde" } else { "abcdf" }, "v{version}");
    }
}

/// Rule: MCAST-44.a, MCAST-44.b
#[test]
fn bad_targets_stop_v2_and_are_skipped_from_v3_on() {
    for version in [2, 3, 4, 9, 20] {
        let mut scenario = bench(version, MapKind::Devmap, None);
        scenario.ports[2].up = false;
        let run = one(&scenario, 0);
        let expected = if version == 2 { ("ab", Some(Errno::ENETDOWN)) } else { ("abdef", None) };
        assert_eq!((&*got(&run), errors(&run)), (expected.0, vec![expected.1]), "v{version}");
        scenario.ports.iter_mut().skip(1).for_each(|port| port.up = false);
        scenario.maps[0] = group("f", MapKind::Devmap, &PORTS[1..]);
        let run = one(&scenario, 0);
        let error = (version == 2).then_some(Errno::ENETDOWN);
        assert_eq!((&*got(&run), errors(&run)), ("", vec![error]), "v{version}: nobody left");
    }
}

/// Rule: MCAST-45.a, MCAST-45.b, MCAST-45.c
#[test]
fn who_gets_the_original() {
    for version in [2, 3, 4, 9, 20] {
        let scenario = two_maps(multi(version), &PORTS, group("f", MapKind::Devmap, &["b", "c", "d"]), None);
        let run = one(&scenario, 0);
        let bugs = bugs(&run);
        let (clones, freed, expected) = match version {
            2 => (3, 1, vec![("mcast_bug", "MCAST-45")]),
            3 | 4 => (2, 0, vec![("mcast_bug", "MCAST-45"); 2]),
            _ => (2, 0, vec![]),
        };
        assert_eq!(
            (run.report.clones, run.count(Fate::OrigFreed), bugs),
            (clones, freed, expected),
            "v{version}"
        );
        assert!(run.report.is_balanced());
        let mut lab = multi_lab(&scenario, 0);
        lab.send("a", &frame(0));
        let originals: Vec<String> =
            queued(&lab).into_iter().filter(|(_, clone)| !clone).map(|(port, _)| port).collect();
        assert_eq!(originals, if version == 2 { vec![] } else { vec!["d"] }, "v{version}");
    }
}

/// Rule: MCAST-46.a
#[test]
fn nobody_left_is_a_success_before_the_conversion() {
    let everybody = by_ifindex(MapKind::DevmapHash, &PORTS);
    for version in [5, 7, 8, 20] {
        let mut lab = multi_lab(&bench(version, MapKind::Devmap, Some(everybody.clone())), 0);
        lab.send_with_head("a", &frame(0), 39);
        let run = lab.run();
        assert_eq!((errors(&run), run.count(Fate::Nobody)), (vec![None], 1), "v{version}");
        assert_eq!(bugs(&run), [("mcast_bug", "MCAST-46")]);
    }
    let mut lab = multi_lab(&bench(20, MapKind::Devmap, None), 0);
    lab.send_with_head("a", &frame(0), 39);
    assert_eq!(errors(&lab.run()), [Some(Errno::EOVERFLOW)]);
}

/// Rule: MCAST-46.b
#[test]
fn a_clone_that_fails_frees_the_original_once() {
    let mut scenario = bench(20, MapKind::Devmap, None);
    scenario.faults = vec![FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth: 1 }];
    let run = one(&scenario, 0);
    assert_eq!((got(&run), errors(&run)), ("ab".to_owned(), vec![Some(Errno::ENOMEM)]));
    assert_eq!((run.count(Fate::CloneFailed), run.report.is_balanced()), (1, true));
    assert_eq!(bugs(&run), [("mcast_bug", "MCAST-46")]);
}

/// The search for the next target ends with the map: a large map with one entry at its end is walked like any.
///
/// Rule: MCAST-48.a
#[test]
fn the_walk_is_no_longer_than_the_map() {
    for version in [11, 20] {
        let forward = MapSpec::new("f", MapKind::Devmap, 1 << 20).with((1 << 20) - 1, "b").with(7, "c");
        let run = one(&two_maps(multi(version), &PORTS, forward, None), 0);
        assert_eq!((got(&run), errors(&run)), ("bc".to_owned(), vec![None]));
    }
}

/// Rule: MCAST-49.a
#[test]
fn programs_of_entries_run_from_v12_on() {
    for version in [2, 4, 9, 11, 12, 20] {
        let forward = MapSpec::new("f", MapKind::Devmap, 4).with_program(0, "b", "drops").with(1, "c");
        let mut scenario = two_maps(multi(version), &PORTS, forward, None);
        entry_program(&mut scenario, "drops", ProgramKind::Verdict(XdpAction::DROP));
        let run = one(&scenario, 0);
        assert_eq!(got(&run), if version >= 12 { "c" } else { "bc" }, "v{version}");
    }
}

/// One event a frame: the forward map, index 0, no target.
///
/// Rule: MCAST-41.a
#[test]
fn the_event_names_the_forward_map() {
    assert_eq!(redirects(&one(&bench(20, MapKind::Devmap, None), 0)), [(0, 1, 0, None)]);
}

/// A plain call on the same map still is what it was.
#[test]
fn mainlines_helper_is_there_as_well() {
    let mut scenario = bench(20, MapKind::Devmap, None);
    script(&mut scenario, "a", vec![vec![call("f", 1, 0), Op::ReturnHelper]]);
    assert_eq!(got(&burst(&scenario, "a", 1)), "b");
}
