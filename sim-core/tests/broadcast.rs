//! BPF_F_BROADCAST: who gets a copy, in which order, and what it costs.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::netdev::Features;
use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, FaultKind, FaultSpec, MapSpec, Op, PortKind, PortSpec, ProgramKind,
    Scenario,
};
use xdpsim_core::story::Step;
use xdpsim_core::{
    Errno, Fate, FrameNo, IfIndex, KernelVersion, MapKind, Nanos, Skip, UpdateFlags, XdpAction,
};

const OTHERS: u64 = BROADCAST | EXCLUDE_INGRESS;

/// Ports a, b, c and d (ifindex 1 to 4), all in a map; a broadcasts over it.
fn fan(flags: u64) -> Scenario {
    let mut scenario = ideal(&["a", "b", "c", "d"]);
    scenario.maps = vec![devmap(&["a", "b", "c", "d"])];
    script(&mut scenario, "a", vec![to_key("ports", 9, flags)]);
    scenario
}

/// The ports that got copies, in order of the scenario.
fn receivers(run: &Run) -> Vec<u32> {
    let mut ports: Vec<u32> = run.deliveries().iter().map(|(port, ..)| port.0).collect();
    ports.sort_unstable();
    ports
}

fn skips(run: &Run) -> Vec<(&str, Skip, u64)> {
    run.report.skips.iter().map(|(key, &frames)| (&*key.target, key.skip, frames)).collect()
}

/// (device, is it a clone?) of every enqueue of frame 0, in order.
fn enqueues(lab: &Lab) -> Vec<(u32, bool)> {
    let enqueued = |step: Step| match step {
        Step::Enqueued { dev, clone, .. } => Some((dev.0, clone)),
        _ => None,
    };
    lab.story(0).into_iter().filter_map(enqueued).collect()
}

/// Rule: BRD-01.a
#[test]
fn everybody_who_is_there_valid_and_not_excluded_gets_a_copy() {
    let mut scenario = fan(OTHERS);
    scenario.maps[0].entries.remove(1); // b: an empty slot in the middle
    scenario.ports[3].up = false;
    let run = burst(&scenario, "a", 2);
    assert_eq!(receivers(&run), [2, 2]);
    assert_eq!(skips(&run), [("a", Skip::Ingress, 2), ("d", Skip::Down, 2)]);
}

/// Rule: BRD-01.b, LAW-04.a
#[test]
fn n_targets_cost_n_minus_one_clones() {
    for (targets, clones) in [(1, 0), (2, 1), (3, 2)] {
        let mut scenario = fan(OTHERS);
        scenario.maps[0].entries.truncate(targets + 1);
        let run = burst(&scenario, "a", 5);
        assert_eq!((run.report.clones, run.count(Fate::Delivered)), (5 * clones, 5 * targets as u64));
    }
}

/// Rule: BRD-01.c
#[test]
fn the_original_goes_to_the_last_valid_target() {
    let mut scenario = fan(OTHERS);
    let send = |scenario: &Scenario| {
        let mut lab = lab(scenario);
        lab.send("a", &frame(0));
        enqueues(&lab)
    };
    assert_eq!(send(&scenario), [(1, true), (2, true), (3, false)]);
    scenario.ports[3].up = false;
    assert_eq!(send(&scenario), [(1, true), (2, false)]);
}

/// Rule: BRD-02.a
#[test]
fn a_devmap_is_walked_by_index() {
    let mut scenario = fan(BROADCAST);
    // Written in another order than that of the keys.
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 9).with(8, "b").with(0, "d").with(3, "c")];
    let mut lab = lab(&scenario);
    lab.send("a", &frame(0));
    assert_eq!(enqueues(&lab).iter().map(|one| one.0).collect::<Vec<_>>(), [3, 2, 1]);
    let flushed: Vec<u32> = xmits(&lab.run()).iter().map(|xmit| xmit.1).collect();
    assert_eq!(flushed, [2, 3, 4]);
}

/// Rule: BRD-03.a, BRD-03.b, BRD-03.c
#[test]
fn a_hash_map_is_walked_by_bucket_newest_first() {
    let mut scenario = fan(BROADCAST);
    // Five entries make eight buckets: 1 and 9 share one.
    let map = MapSpec::new("ports", MapKind::DevmapHash, 5);
    scenario.maps = vec![map.with(2, "d").with(1, "b").with(9, "c").with(8, "a")];
    let value = EntryValue::Port { port: "b".into(), program: None };
    let action = Action::UpdateEntry { map: "ports".into(), key: 1, value, flags: UpdateFlags::ANY };
    scenario.changes = vec![Change { at: At::Frame(FrameNo(1)), action }];
    let mut lab = lab(&scenario);
    lab.send("a", &frame(0)).at(Nanos(2)).send("a", &frame(1));
    let flushed: Vec<u32> = xmits(&settled(&mut lab)).iter().map(|xmit| xmit.1).collect();
    // The walks were a, c, b, d and a, b, c, d; flushes go backward.
    assert_eq!(flushed, [4, 2, 3, 1, 4, 3, 2, 1]);
}

/// Rule: BRD-04.a
#[test]
fn the_last_calls_map_is_walked_whatever_the_key() {
    let mut scenario = fan(0);
    scenario.maps.push(MapSpec::new("other", MapKind::Devmap, 2).with(0, "c").with(1, "d"));
    for key in [0, 1, 2, u64::MAX] {
        let calls = vec![call("ports", 1, BROADCAST), call("other", key, BROADCAST), Op::ReturnHelper];
        script(&mut scenario, "a", vec![calls]);
        assert_eq!(receivers(&burst(&scenario, "a", 1)), [2, 3], "{key}");
    }
}

/// Rule: BRD-05.a, BRD-05.c, BRD-05.d
#[test]
fn targets_that_cannot_take_the_frame_are_skipped_without_an_error() {
    let mut scenario = fan(OTHERS);
    scenario.ports[1].features = Some(Features::BASIC);
    scenario.ports[2].up = false;
    scenario.ports[3].mtu = Some(60 - 18);
    let run = burst(&scenario, "a", 1);
    assert_eq!((errors(&run), receivers(&run)), (vec![None], vec![3]), "d takes 60 bytes, not one more");
    scenario.ports[3].mtu = Some(60 - 19);
    let run = burst(&scenario, "a", 1);
    let all =
        [("a", Skip::Ingress, 1), ("b", Skip::NoXmit, 1), ("c", Skip::Down, 1), ("d", Skip::TooLong, 1)];
    assert_eq!((errors(&run), skips(&run)), (vec![None], all.to_vec()));
    assert_eq!(run.count(Fate::Nobody), 1);
}

/// Rule: BRD-05.b
#[test]
fn a_frame_with_frags_skips_who_takes_none() {
    let mut scenario = fan(OTHERS);
    scenario.ports[0] = veth("a");
    scenario.ports[1].features = Some(Features::NDO_XMIT);
    scenario.ports[2].features = Some(Features::NDO_XMIT);
    script(&mut scenario, "a", vec![to_key("ports", 9, OTHERS)]);
    let mut lab = lab(&scenario);
    lab.send("a", &[1; 5000]);
    let run = lab.run();
    assert_eq!((errors(&run), receivers(&run)), (vec![None], vec![3]));
    assert_eq!(run.frames("d"), [[1; 5000]]);
    assert_eq!(skips(&run)[1..], [("b", Skip::NoSg, 1), ("c", Skip::NoSg, 1)]);
}

/// Rule: BRD-06.a, BRD-06.b
#[test]
fn a_broadcast_to_nobody_is_a_success() {
    let mut scenario = fan(OTHERS);
    scenario.ports[0] = veth("a");
    script(&mut scenario, "a", vec![to_key("ports", 9, OTHERS)]);
    for kept in [0, 1] {
        scenario.maps[0].entries.truncate(1);
        scenario.maps[0].entries.truncate(kept); // a alone, then nobody
        let run = burst(&scenario, "a", 3);
        assert_eq!((errors(&run), xmits(&run)), (vec![None; 3], vec![]));
        let counters = run.veth("a").unwrap();
        assert_eq!((run.count(Fate::Nobody), counters.xdp_redirect, counters.drops), (3, 3, 0));
    }
}

/// Rule: BRD-07.a
#[test]
fn the_ingress_gets_a_copy_unless_it_is_excluded() {
    assert_eq!(receivers(&burst(&fan(BROADCAST), "a", 1)), [0, 1, 2, 3]);
    assert_eq!(receivers(&burst(&fan(OTHERS), "a", 1)), [1, 2, 3]);
}

/// a with so many upper devices, and the targets b, c, d.
fn with_uppers(uppers: usize, flags: u64) -> Scenario {
    let mut scenario = fan(flags);
    for i in 0..uppers {
        let name = format!("upper{i}");
        scenario.ports.push(PortSpec::new(&name, PortKind::Upper));
        scenario.ports[0].uppers.push(name);
    }
    scenario
}

/// Rule: BRD-08.a
#[test]
fn direct_upper_devices_are_excluded() {
    let mut scenario = fan(OTHERS);
    scenario.ports[0].uppers = vec!["c".into(), "d".into()];
    let run = burst(&scenario, "a", 1);
    assert_eq!(receivers(&run), [1]);
    assert_eq!(skips(&run), [("a", Skip::Ingress, 1), ("c", Skip::Upper, 1), ("d", Skip::Upper, 1)]);
}

/// Rule: BRD-08.b
#[test]
fn only_direct_uppers_are_excluded() {
    let mut scenario = fan(OTHERS);
    scenario.ports[0].uppers = vec!["b".into()];
    scenario.ports[1].uppers = vec!["c".into()]; // upper of the upper
    scenario.ports[3].uppers = vec!["a".into()]; // lower device
    assert_eq!(receivers(&burst(&scenario, "a", 1)), [2, 3]);

    // The veth peer, with b as the only other target.
    let [a, peer] = pair("a", "peer", true);
    let mut scenario = Scenario { maps: vec![devmap(&["a", "peer", "b"])], ..Scenario::default() };
    scenario.ports = vec![a, peer, PortSpec::ideal("b")];
    script(&mut scenario, "a", vec![to_key("ports", 9, OTHERS), vec![PASS]]);
    let run = burst(&scenario, "a", 1);
    assert_eq!(xmits(&run).iter().map(|xmit| xmit.1).collect::<Vec<_>>(), [3, 2]);
}

/// Rule: BRD-08.c
#[test]
fn exclusion_goes_by_the_number_whatever_the_namespace() {
    let mut scenario = fan(OTHERS);
    scenario.netns = vec!["blue".into()];
    for (port, ifindex) in [(1, 1), (2, 7), (3, 8)] {
        scenario.ports[port].netns = Some("blue".into());
        scenario.ports[port].ifindex = Some(IfIndex(ifindex));
    }
    let upper = PortSpec { ifindex: Some(IfIndex(8)), ..PortSpec::new("bond", PortKind::Upper) };
    scenario.ports.push(upper);
    scenario.ports[0].uppers = vec!["bond".into()];
    let run = burst(&scenario, "a", 1);
    assert_eq!(receivers(&run), [2], "b has the number of a, d that of bond");
    assert_eq!(skips(&run), [("a", Skip::Ingress, 1), ("b", Skip::Ingress, 1), ("d", Skip::Upper, 1)]);
}

/// Rule: BRD-08.d
#[test]
fn eight_uppers_are_fine_and_nine_are_too_many() {
    assert_eq!(receivers(&burst(&with_uppers(8, OTHERS), "a", 1)), [1, 2, 3]);
    let run = burst(&with_uppers(9, OTHERS), "a", 2);
    assert_eq!((errors(&run), xmits(&run)), (vec![Some(Errno::EOVERFLOW); 2], vec![]));
    assert_eq!(run.count(Fate::TooManyUppers), 2);
}

/// Rule: BRD-08.d
#[test]
fn uppers_come_and_go_while_frames_flow() {
    let mut scenario = with_uppers(9, OTHERS);
    let at = |frame| At::Frame(FrameNo(frame));
    let (port, upper) = ("a".to_owned(), "upper8".to_owned());
    scenario.ports[0].uppers.pop();
    scenario.changes = vec![
        Change { at: at(1), action: Action::AddUpper { port: port.clone(), upper: upper.clone() } },
        Change { at: at(2), action: Action::RemoveUpper { port, upper } },
    ];
    let mut lab = lab(&scenario);
    for i in 0..3 {
        lab.at(Nanos(i + 1)).send("a", &frame(0));
    }
    assert_eq!(errors(&settled(&mut lab)), [None, Some(Errno::EOVERFLOW), None]);
}

/// Rule: BRD-08.e
#[test]
fn without_exclusion_nobody_counts_uppers() {
    assert_eq!(receivers(&burst(&with_uppers(9, BROADCAST), "a", 1)), [0, 1, 2, 3]);
}

/// Rule: BRD-08.f
#[test]
fn older_kernels_limit_uppers_too() {
    let received = |minor, uppers| {
        let mut scenario = with_uppers(uppers, OTHERS);
        scenario.profile.kernel = KernelVersion { major: 6, minor };
        receivers(&burst(&scenario, "a", 1))
    };
    for minor in [1, 11, 12, 18] {
        assert_eq!((received(minor, 8), received(minor, 9)), (vec![1, 2, 3], vec![]), "6.{minor}");
    }
}

/// Rule: BRD-10.a, BRD-10.b, BRD-10.c, BRD-10.d, LAW-03.b
#[test]
fn a_clone_that_fails_fails_the_redirect_but_undoes_nothing() {
    let mut scenario = fan(OTHERS);
    scenario.faults = vec![FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth: 2 }];
    let mut lab = lab(&scenario);
    for mark in 0..3 {
        lab.send("a", &frame(mark));
    }
    let run = settled(&mut lab);
    assert_eq!(errors(&run), [None, Some(Errno::ENOMEM), None]);
    assert_eq!(
        (run.numbers("b"), run.numbers("c"), run.numbers("d")),
        (vec![0, 1, 2], vec![0, 2], vec![0, 2])
    );
    assert_eq!((run.report.clones, run.count(Fate::CloneFailed)), (5, 1));
}

/// Rule: BRD-10.a
#[test]
fn a_frame_that_does_not_fit_a_page_with_its_headroom_is_not_cloned() {
    for (room, error) in [(276, None), (280, Some(Errno::ENOMEM))] {
        let mut scenario = fan(OTHERS);
        scenario.ports[0] = PortSpec::new("a", PortKind::Nic { rate: None, tx_ring: 64 });
        script(&mut scenario, "a", vec![to_key("ports", 9, OTHERS)]);
        let mut lab = lab(&scenario);
        lab.send_with_head("a", &[0; 3500], room);
        assert_eq!(errors(&lab.run()), [error], "headroom {room} and 3500 of {} bytes", 4096 - 320);
    }
}

/// Rule: BRD-11.a
#[test]
fn a_device_twice_in_the_map_gets_two_copies() {
    let mut scenario = fan(BROADCAST);
    scenario.maps = vec![devmap(&["b", "c", "b"])];
    let run = burst(&scenario, "a", 20);
    let expected: Vec<u64> = (0..20).flat_map(|no| [no, no]).collect();
    assert_eq!((run.numbers("b"), run.numbers("c").len(), run.report.clones), (expected, 20, 40));
}

/// Rule: BRD-12.a, BRD-12.b
#[test]
fn a_clone_has_the_originals_room_in_a_page_of_its_own() {
    let mut scenario = fan(OTHERS);
    let map = MapSpec::new("ports", MapKind::Devmap, 2);
    scenario.maps = vec![map.with_program(0, "b", "entry").with_program(1, "c", "entry")];
    script(&mut scenario, "a", vec![[vec![Op::AdjustMeta(-8)], to_key("ports", 9, OTHERS)].concat()]);
    entry_program(&mut scenario, "entry", ProgramKind::Verdict(XdpAction::PASS));
    let (notes, own) = Note::called("entry");
    let mut lab = Lab::with_programs(&scenario, own).unwrap();
    lab.send_with_head("a", &frame(7), 200);
    let _ = lab.run();
    let notes = notes.lock().unwrap();
    let [original, clone] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!((original.egress, clone.egress), (Some(IfIndex(3)), Some(IfIndex(2))));
    assert_eq!((clone.mark, clone.len, &clone.meta, clone.head_room), (7, 60, &original.meta, 200 - 48));
    assert_eq!(original.head_room, clone.head_room);
    assert_eq!(clone.tail_room, 4096 - 320 - 200 - 60);
}

/// Rule: BRD-13.a, BRD-13.b
#[test]
fn one_event_a_packet_names_the_entry_of_the_key() {
    let mut scenario = fan(OTHERS);
    script(&mut scenario, "a", [1, 2, 99].map(|key| to_key("ports", key, OTHERS)).to_vec());
    let run = burst(&scenario, "a", 3);
    assert_eq!(redirects(&run), [(2, 1, 1, None), (3, 1, 2, None), (0, 1, 99, None)]);
    assert_eq!(receivers(&run).len(), 9);
}
