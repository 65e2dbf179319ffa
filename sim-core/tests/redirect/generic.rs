//! Generic (skb) mode: rules GEN-01 to GEN-13, and what other rules say of it.

use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::netdev::XdpMode;
use xdpsim_core::redirect::info::IFINDEX_ARMED;
use xdpsim_core::scenario::{FaultKind, MapSpec, Op, PeerSpec, PortKind, PortSpec, ProgramSpec, Scenario};
use xdpsim_core::story::{DropReason, Step};
use xdpsim_core::{Errno, Event, Fate, IfIndex, MapKind, Nanos, Skip, XdpAction};

use super::bench::*;
use super::common::probe::{exceptions, fates, names};
use super::common::*;

/// A port's programs run in generic mode from now on.
pub fn in_generic_mode(scenario: &mut Scenario, port: &str) {
    let port = scenario.ports.iter_mut().find(|one| one.name == port).expect("a port of the scenario");
    port.mode = XdpMode::Generic;
}

/// The bench with this script for all frames of port a, in generic mode.
fn generic_with(ops: Vec<Op>) -> Scenario {
    let mut scenario = bench_with(ops);
    in_generic_mode(&mut scenario, "a");
    scenario
}

/// A port of another kind instead of b.
fn instead_of_b(mut scenario: Scenario, port: PortSpec) -> Scenario {
    scenario.ports[1] = PortSpec { name: "b".into(), ..port };
    scenario
}

/// Frames and the ports that they left by, in order.
fn order(lab: &Lab, run: &Run) -> Vec<(String, u64)> {
    let name = |dev| lab.plan().device(dev).name.clone();
    run.deliveries().iter().map(|(dev, no, _)| (name(*dev), no.0)).collect()
}

fn of(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(port, no)| ((*port).to_owned(), *no)).collect()
}

/// Each frame is out before the next one is looked at, and no `xdp_devmap_xmit` tells of it. In native
/// mode the queues of b and c are flushed at the end, that of c first.
///
/// Rule: GEN-01.a
#[test]
fn each_packet_leaves_at_its_redirect() {
    let mut scenario = bench();
    script(&mut scenario, "a", vec![to_key("map", 2, 0), to_key("map", 3, 0), to_ifindex(2)]);
    let native = [("c", 1), ("b", 0), ("b", 2)];
    let generic = [("b", 0), ("c", 1), ("b", 2)];
    for (mode, expected) in [(XdpMode::Native, native), (XdpMode::Generic, generic)] {
        scenario.ports[0].mode = mode;
        let mut lab = lab(&scenario);
        (0..3).for_each(|mark| _ = lab.send("a", &frame(mark)));
        let run = lab.run();
        assert_eq!(order(&lab, &run), of(&expected), "{mode:?}");
        assert_eq!(xmits(&run).is_empty(), mode == XdpMode::Generic);
        assert_eq!(errors(&run), [None; 3]);
    }
}

/// Seventeen frames are one too many for a bulk queue, and no matter here.
///
/// Rule: GEN-01.a
#[test]
fn there_is_no_queue_to_fill_and_none_to_flush() {
    let run = burst(&generic_with(to_key("map", 2, 0)), "a", 40);
    assert_eq!(run.numbers("b"), (0..40).collect::<Vec<_>>());
    assert_eq!(names(&run), ["xdp_redirect"; 40]);
    let story = {
        let mut lab = lab(&generic_with(to_key("map", 2, 0)));
        lab.send("a", &frame(0)).story(0)
    };
    let queued = |step: &Step| matches!(step, Step::Enqueued { .. } | Step::Xmit { .. });
    assert!(!story.iter().any(queued), "{story:?}");
    let started = |step: &Step| matches!(step, Step::StartXmit { taken: true, .. });
    assert_eq!(story.iter().filter(|step| started(step)).count(), 1);
}

/// A veth without NAPI at its far end, and a bridge: neither is a target in native mode.
///
/// Rule: GEN-02.a
#[test]
fn every_device_that_is_up_is_a_target() {
    let ports = [far_end("b", 1500, false, true), PortSpec::new("b", PortKind::Upper)];
    for port in ports {
        for flags in [0, BROADCAST | EXCLUDE_INGRESS] {
            let mut scenario = instead_of_b(generic_with(to_key("map", 2, flags)), port.clone());
            let run = burst(&scenario, "a", 3);
            assert_eq!((errors(&run), run.numbers("b")), (vec![None; 3], vec![0, 1, 2]));
            scenario.ports[0].mode = XdpMode::Native;
            assert!(burst(&scenario, "a", 3).is_silent("b"));
        }
    }
}

/// Rule: GEN-03.a
#[test]
fn a_target_is_asked_whether_it_is_up_and_then_for_its_mtu() {
    for mut scenario in to_b(|_| {}) {
        in_generic_mode(&mut scenario, "a");
        let error = |scenario: &Scenario, len: usize| {
            let run = lab(scenario).send("a", &vec![0; len]).run();
            assert!(run.report.is_balanced());
            errors(&run)
        };
        scenario.ports[1].mtu = Some(200);
        assert_eq!(error(&scenario, 218), [None]);
        assert_eq!(error(&scenario, 219), [Some(Errno::EMSGSIZE)]);
        scenario.ports[1].up = false;
        assert_eq!(error(&scenario, 219), [Some(Errno::ENETDOWN)]);
        assert_eq!(error(&scenario, 60), [Some(Errno::ENETDOWN)]);
    }
}

/// b, then a c that refuses, then d.
fn second_of_three_refuses(refuse: impl Fn(&mut PortSpec)) -> Run {
    let mut scenario = generic_with(to_key("map", 9, BROADCAST | EXCLUDE_INGRESS));
    scenario.ports.push(PortSpec::ideal("d"));
    scenario.maps[0] = scenario.maps[0].clone().with(4, "d");
    refuse(&mut scenario.ports[2]);
    let run = lab(&scenario).send("a", &frame(0)).send("a", &frame(1)).run();
    assert!(run.report.is_balanced());
    run
}

/// Nothing of the sort is skipped, so nothing is counted as left out.
///
/// Rule: GEN-04.a, GEN-04.b
#[test]
fn broadcast_ends_at_the_first_target_that_refuses() {
    let down = second_of_three_refuses(|port| port.up = false);
    let small = second_of_three_refuses(|port| port.mtu = Some(41));
    for (run, errno, fate) in [(down, Errno::ENETDOWN, Fate::Down), (small, Errno::EMSGSIZE, Fate::TooLong)] {
        assert_eq!(errors(&run), [Some(errno); 2]);
        assert_eq!(run.numbers("b"), [0, 1]);
        assert!(run.is_silent("c") && run.is_silent("d"));
        assert_eq!((run.count(fate), run.report.clones), (2, 2));
        assert_eq!(run.report.skips.len(), 1, "the ingress alone");
    }
}

/// The last one gets the skb itself: its refusal is the redirect's as well.
///
/// Rule: GEN-04.a
#[test]
fn a_last_target_that_refuses_fails_the_redirect_too() {
    let mut scenario = generic_with(to_key("map", 9, BROADCAST | EXCLUDE_INGRESS));
    scenario.ports[2].up = false;
    let run = burst(&scenario, "a", 1);
    assert_eq!((errors(&run), run.numbers("b")), (vec![Some(Errno::ENETDOWN)], vec![0]));
}

/// Rule: GEN-09.a
#[test]
fn freed_packets_have_a_reason() {
    let reason = |ops: Vec<Op>| {
        let mut lab = lab(&generic_with(ops));
        let story = lab.send("a", &frame(0)).story(0);
        story.iter().find_map(|step| match step {
            Step::Freed { reason } => Some(reason.name()),
            _ => None,
        })
    };
    assert_eq!(DropReason::Xdp.name(), "XDP");
    for failed in [vec![REDIRECT], to_ifindex(9)] {
        assert_eq!(reason(failed), Some("XDP"));
    }
    for verdict in [XdpAction::DROP, XdpAction::ABORTED, XdpAction(77)] {
        assert_eq!(reason(vec![Op::Return(verdict)]), Some("NOT_SPECIFIED"));
    }
    for fine in [to_key("map", 2, 0), vec![PASS], vec![TX]] {
        assert_eq!(reason(fine), None);
    }
}

/// The far end of b is down or has a small mtu: the veth frees the skb and counts it, the broadcast goes on.
///
/// Rule: GEN-05.a, GEN-05.c
#[test]
fn what_a_device_drops_was_redirected_all_the_same() {
    let ends = [
        (far_end("b", 1500, true, false), Fate::PeerDown),
        (far_end("b", 41, true, true), Fate::PeerTooLong),
    ];
    for (port, fate) in ends {
        for flags in [0, BROADCAST | EXCLUDE_INGRESS] {
            let run = burst(&instead_of_b(generic_with(to_key("map", 2, flags)), port.clone()), "a", 2);
            assert_eq!((errors(&run), run.count(fate)), (vec![None; 2], 2));
            assert_eq!(run.veth("b").map(|veth| veth.tx_dropped), Some(2));
            assert_eq!(run.numbers("c").len(), if flags == 0 { 0 } else { 2 });
            assert!(run.report.is_balanced() && exceptions(&run).is_empty());
        }
    }
}

/// The peer's native program reads a ring of 256, which nobody empties before the poll is over.
///
/// Rule: GEN-02.b, GEN-05.a, GEN-05.c
#[test]
fn a_full_ring_drops_without_an_error() {
    let peer = PeerSpec::FarEnd { mtu: 1500, gro: false, xdp: true, up: true, queues: 1 };
    let port = PortSpec::new("b", PortKind::Veth { peer, gro: false });
    let mut scenario = instead_of_b(generic_with(to_key("map", 9, BROADCAST)), port);
    scenario.maps[0] = (0..5).fold(MapSpec::new("map", MapKind::Devmap, 8), |map, key| map.with(key, "b"));
    let run = burst(&scenario, "a", 64);
    assert_eq!((errors(&run), run.numbers("b").len()), (vec![None; 64], 256));
    assert_eq!((run.count(Fate::RingFull), run.report.is_balanced()), (64, true));
}

/// Without one, what is sent waits in the backlog, which takes 1001.
///
/// Rule: GEN-02.b, GEN-05.a, GEN-05.c
#[test]
fn a_full_backlog_drops_without_an_error() {
    let mut scenario =
        instead_of_b(generic_with(to_key("map", 9, BROADCAST)), far_end("b", 1500, false, true));
    scenario.maps[0] = (0..16).fold(MapSpec::new("map", MapKind::Devmap, 16), |map, key| map.with(key, "b"));
    let run = burst(&scenario, "a", 64);
    assert_eq!((errors(&run), run.numbers("b").len()), (vec![None; 64], 1001));
    assert_eq!((run.count(Fate::BacklogFull), run.report.is_balanced()), (1024 - 1001, true));
}

/// A ring of three descriptors holds two frames, and the third finds the queue stopped.
///
/// Rule: GEN-05.b
#[test]
fn a_busy_queue_gives_an_exception_on_the_target() {
    let nic = PortKind::Nic { rate: Some(xdpsim_core::BitRate(1_000_000)), tx_ring: 3 };
    let run = burst(&instead_of_b(generic_with(to_key("map", 2, 0)), PortSpec::new("b", nic)), "a", 3);
    assert_eq!((errors(&run), run.numbers("b")), (vec![None; 3], vec![0, 1]));
    assert_eq!(exceptions(&run), [(1, XdpAction::TX.0, 2)], "the port's program, the target's ifindex");
    assert_eq!((run.count(Fate::TxRingFull), run.report.is_balanced()), (1, true));
    // The plan's fault: a driver that frees, and one that is busy.
    for (kind, fate, busy) in
        [(FaultKind::Xmit(Errno::EIO), Fate::DriverFault, 0), (FaultKind::XmitShort(0), Fate::DriverShort, 1)]
    {
        let mut scenario = generic_with(to_key("map", 2, 0));
        scenario.faults = vec![fault("b", kind, 1)];
        let run = burst(&scenario, "a", 2);
        assert_eq!((errors(&run), run.numbers("b")), (vec![None; 2], vec![1]));
        assert_eq!((fates(&run, fate), exceptions(&run).len()), (vec![("b".into(), 1)], busy));
    }
}

/// Frames of 5000 bytes on a veth in generic mode, broadcast to b, and to c as well.
fn long_packets(frags: bool, targets: &[&str]) -> Run {
    let mut scenario = from_veth(to_key("map", 9, BROADCAST));
    let map = MapSpec::new("map", MapKind::DevmapHash, 8);
    scenario.maps = vec![(0..).zip(targets).fold(map, |map, (key, port)| map.with(key, port))];
    scenario.programs.iter_mut().for_each(|program| program.frags = frags);
    in_generic_mode(&mut scenario, "v0");
    let run = send_long(&scenario, 5000);
    assert!(run.report.is_balanced());
    run
}

/// Rule: GEN-08.a
#[test]
fn a_packet_with_fragments_is_not_cloned() {
    let run = long_packets(true, &["b", "c"]);
    assert_eq!((errors(&run), run.deliveries().len()), (vec![Some(Errno::EOPNOTSUPP)], 0));
    assert_eq!(run.count(Fate::CloneFrags), 1);
    let run = long_packets(true, &["b"]);
    assert_eq!((errors(&run), run.frames("b")[0].len()), (vec![None], 5000));
}

/// Rule: GEN-08.b
#[test]
fn a_program_without_frags_gets_a_linear_packet() {
    let run = long_packets(false, &["b", "c"]);
    assert_eq!((errors(&run), run.numbers("b"), run.numbers("c")), (vec![None], vec![0], vec![0]));
}

/// A stopped queue is an event of its own.
///
/// Rule: GEN-10.a
#[test]
fn an_ifindex_redirect_is_told_before_the_transmit() {
    let told = |ops: Vec<Op>| {
        let mut scenario = generic_with(ops);
        scenario.faults = vec![fault("b", FaultKind::XmitShort(0), 1)];
        names(&burst(&scenario, "a", 1))
    };
    assert_eq!(told(to_ifindex(2)), ["xdp_redirect", "xdp_exception"]);
    assert_eq!(told(to_key("map", 2, 0)), ["xdp_exception", "xdp_redirect"]);
}

/// Bad request, fallback, a miss that arms an ifindex, consumption, and the fields of the events.
///
/// Rule: GEN-12.a
#[test]
fn redirect_info_works_as_in_native_mode() {
    let cycle = vec![
        vec![REDIRECT],
        to_key("map", 7, 1),
        to_key("map", 2, 0),
        vec![REDIRECT],
        vec![call("map", 2, 0), call("map", 7, 2), REDIRECT],
        vec![call("map", 2, 0), call("map", 3, 32), REDIRECT],
        to_key("map", 7, BROADCAST | EXCLUDE_INGRESS),
        to_ifindex(9),
    ];
    let mut scenario = bench();
    script(&mut scenario, "a", cycle);
    let native = burst(&scenario, "a", 8);
    in_generic_mode(&mut scenario, "a");
    let generic = burst(&scenario, "a", 8);
    assert_eq!(redirects(&generic), redirects(&native));
    assert_eq!(generic.report.ends, native.report.ends);
    assert_eq!(generic.redirect_info(0), native.redirect_info(0));
    assert!(redirects(&generic).iter().any(|redirect| redirect.1 == IFINDEX_ARMED));
}

/// Rule: HLP-21.d
#[test]
fn the_next_packet_uses_what_an_earlier_one_armed() {
    for (armed, to) in [(0, vec!["b"]), (BROADCAST, vec!["a", "b", "c"])] {
        let mut scenario = bench();
        script(&mut scenario, "a", vec![vec![call("map", 2, armed), PASS], vec![REDIRECT]]);
        in_generic_mode(&mut scenario, "a");
        let mut lab = lab(&scenario);
        let run = lab.send("a", &frame(0)).send("a", &frame(1)).run();
        assert_eq!(order(&lab, &run), of(&to.iter().map(|port| (*port, 1)).collect::<Vec<_>>()));
    }
}

/// A native port arms, a port in generic mode that is polled later in the same softirq redirects; and the
/// other way round.
///
/// Rule: HLP-20.f
#[test]
fn packets_share_the_redirect_info_of_their_softirq() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let mut scenario = bench();
        script(&mut scenario, first, vec![vec![call("map", 3, 0), PASS]]);
        script(&mut scenario, second, vec![vec![REDIRECT]]);
        in_generic_mode(&mut scenario, "b");
        let together = lab(&scenario).send(first, &frame(0)).send(second, &frame(1)).run();
        assert_eq!(together.numbers("c"), [1]);
        let mut apart = lab(&scenario);
        let apart = apart.send(first, &frame(0)).at(Nanos(1_000)).send(second, &frame(1)).run();
        assert_eq!((apart.is_silent("c"), errors(&apart)), (true, vec![Some(Errno::EBADRQC)]));
    }
}

/// Rule: BRD-08.g
#[test]
fn the_same_devices_are_excluded() {
    let broadcast = |uppers: usize| {
        let mut scenario = generic_with(to_key("map", 9, BROADCAST | EXCLUDE_INGRESS));
        for i in 0..uppers {
            let name = format!("upper{i}");
            scenario.ports.push(PortSpec::new(&name, PortKind::Upper));
            scenario.ports[0].uppers.push(name.clone());
            scenario.maps[0] = scenario.maps[0].clone().with(5, &name);
        }
        scenario.netns = vec!["blue".into()];
        // c has the number of the ingress, elsewhere.
        (scenario.ports[2].netns, scenario.ports[2].ifindex) = (Some("blue".into()), Some(IfIndex(1)));
        burst(&scenario, "a", 1)
    };
    let run = broadcast(1);
    assert_eq!((errors(&run), run.deliveries().len(), run.numbers("b")), (vec![None], 1, vec![0]));
    let skips: Vec<Skip> = run.report.skips.keys().map(|key| key.skip).collect();
    assert_eq!(skips.iter().filter(|skip| **skip == Skip::Ingress).count(), 2);
    assert!(skips.contains(&Skip::Upper));
    assert_eq!(errors(&broadcast(8)), [None]);
    assert_eq!(errors(&broadcast(9)), [Some(Errno::EOVERFLOW)]);
}

/// Rule: GEN-13.a
#[test]
fn a_broadcast_to_nobody_consumes_the_packet() {
    let mut scenario = generic_with(to_key("map", 9, BROADCAST | EXCLUDE_INGRESS));
    for entries in [vec![], vec![scenario.maps[0].entries[0].clone()]] {
        scenario.maps[0].entries = entries;
        let run = burst(&scenario, "a", 2);
        assert_eq!((errors(&run), run.count(Fate::Nobody)), (vec![None; 2], 2));
        assert!(run.deliveries().is_empty() && run.report.is_balanced());
    }
}

/// No driver of the pair has a program, so nobody polls a ring: packets go through the backlog to the program
/// of the other end, and XDP_TX sends them back the same way.
///
/// Rule: GEN-01.a, GEN-02.a, GEN-02.b
#[test]
fn packets_go_from_one_end_of_a_pair_to_the_program_at_the_other() {
    let mut scenario = bench();
    scenario.ports.extend(pair("v0", "v1", false));
    scenario.maps[0] = scenario.maps[0].clone().with(4, "v0");
    script(&mut scenario, "a", vec![to_key("map", 4, 0)]);
    script(&mut scenario, "v1", vec![to_key("map", 2, 0), vec![TX]]);
    script(&mut scenario, "v0", vec![to_key("map", 3, 0)]);
    ["a", "v0", "v1"].iter().for_each(|port| in_generic_mode(&mut scenario, port));
    let run = burst(&scenario, "a", 4);
    assert_eq!((run.numbers("b"), run.numbers("c")), (vec![0, 2], vec![1, 3]));
    assert_eq!((run.report.hops, run.report.is_balanced()), (6, true));
    assert!(run.veth("v1").is_some_and(|veth| veth.xdp_packets == 0), "no ring was polled");
    assert!(!run.events.iter().any(|event| matches!(event, Event::BulkTx { .. })));
}

/// On a veth without GRO, where native mode would need its program to be polled at all.
#[test]
fn a_veth_without_napi_runs_its_program_on_what_the_far_end_sends() {
    let mut scenario = instead_of_b(bench(), far_end("b", 1500, false, true));
    script(&mut scenario, "b", vec![to_key("map", 3, 0), vec![PASS]]);
    in_generic_mode(&mut scenario, "b");
    let run = burst(&scenario, "b", 4);
    assert_eq!((run.numbers("c"), run.count(Fate::Passed)), (vec![0, 2], 2));
    // Nothing of the driver's is asked: the peer may have any mtu.
    let PortKind::Veth { peer: PeerSpec::FarEnd { mtu, .. }, .. } = &mut scenario.ports[1].kind else {
        panic!()
    };
    *mtu = 60_000;
    scenario.programs = vec![ProgramSpec { frags: false, ..scenario.programs[0].clone() }];
    assert!(Lab::new(&scenario).is_ok());
    scenario.ports[1].mode = XdpMode::Native;
    assert!(Lab::new(&scenario).is_err());
}
