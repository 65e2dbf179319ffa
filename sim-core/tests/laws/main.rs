//! The conservation laws: LAW-01 to LAW-06 and LAW-09, on runs made by hand and on random ones.
//!
//! The hand-made runs have numbers that can be counted on paper. For random ones [`model`] counts what a
//! run must come to, frame by frame, without queues, events or fates.

#[path = "../common/mod.rs"]
mod common;
mod model;

use common::*;
use model::{Case, TARGETS};
use proptest::prelude::*;
use xdpsim_core::lab::Run;
use xdpsim_core::scenario::{
    Action, At, Change, FaultKind, FaultSpec, MapSpec, Op, PortKind, PortSpec, ProgramKind, Scenario,
};
use xdpsim_core::story::Step;
use xdpsim_core::{Errno, Event, Fate, FrameNo, Nanos, XdpAction};

/// Frames that ended so at this port's poll.
fn ended_at(run: &Run, ingress: &str, fate: Fate) -> u64 {
    let rows = run.report.ends.iter().filter(|(key, _)| key.ingress == ingress && key.fate == fate);
    rows.map(|(_, tally)| tally.frames).sum()
}

/// Frames meant for this port that ended so.
fn ended_for(run: &Run, egress: &str, fates: &[Fate]) -> u64 {
    let is = |key: &xdpsim_core::report::EndKey| {
        key.egress.as_deref() == Some(egress) && fates.contains(&key.fate)
    };
    run.report.ends.iter().filter(|(key, _)| is(key)).map(|(_, tally)| tally.frames).sum()
}

/// Sum of (sent, drops) of the transmit events of a device.
fn transmitted(run: &Run, ifindex: u32) -> (u64, u64) {
    let of_device = xmits(run).into_iter().filter(|xmit| xmit.1 == ifindex);
    of_device.fold((0, 0), |(sent, drops), xmit| (sent + u64::from(xmit.2), drops + u64::from(xmit.3)))
}

/// Sum of the drops of the `xdp_bulk_tx` events of a device.
fn bulk_tx_drops(run: &Run, device: u32) -> u64 {
    let drops = |event: &Event| match *event {
        Event::BulkTx { ifindex, drops, .. } if ifindex.0 == device => u64::from(drops),
        _ => 0,
    };
    run.events.iter().map(drops).sum()
}

/// What devmap's transmit step frees: drops of the devmap program, and refusals of the driver.
const BY_PROGRAM: [Fate; 4] =
    [Fate::EntryDropped, Fate::EntryAborted, Fate::EntryUnsupported, Fate::EntryOverrun];
const BY_DRIVER: [Fate; 7] = [
    Fate::NoNapi,
    Fate::PeerTooLong,
    Fate::Behind,
    Fate::RingFull,
    Fate::TxRingFull,
    Fate::DriverFault,
    Fate::DriverShort,
];

/// Frames that this veth end polled, and the outcomes that LAW-01 lists.
fn polled_and_outcomes(run: &Run, port: &str) -> (u64, u64) {
    let veth = run.veth(port).expect("a veth");
    let tx = veth.xdp_tx + veth.xdp_tx_errors;
    // The hop limit is the simulator's own outcome (HLP-18).
    let others = ended_at(run, port, Fate::Passed) + ended_at(run, port, Fate::HopLimit);
    (veth.xdp_packets, others + veth.xdp_drops + veth.drops + veth.xdp_redirect + tx)
}

/// v0 with peer v1 is the ingress; b and c are ideal, w0 is a veth with peer w1.
fn bench(cycle: Vec<Vec<Op>>) -> Scenario {
    let mut ports = pair("v0", "v1", true).to_vec();
    ports.extend(["b", "c"].map(PortSpec::ideal));
    ports.extend(pair("w0", "w1", true));
    let map = MapSpec::new("map", xdpsim_core::MapKind::Devmap, 8).with(0, "b").with(1, "c").with(2, "w0");
    let mut scenario = Scenario { ports, maps: vec![map], ..Scenario::default() };
    script(&mut scenario, "v0", cycle);
    scenario
}

/// Rule: LAW-01.a
#[test]
fn every_polled_frame_has_one_outcome() {
    let cycle = vec![
        vec![PASS],
        vec![DROP],
        vec![Op::Return(XdpAction::ABORTED)],
        vec![Op::Return(XdpAction(77))],
        vec![TX],
        to_key("map", 1, 0),
        to_ifindex(99),
        vec![REDIRECT],
        to_key("map", 0, BROADCAST),
        vec![TX],
    ];
    let mut scenario = bench(cycle);
    // The second XDP_TX is the seventh frame that is converted.
    scenario.faults = vec![FaultSpec { port: "v0".into(), kind: FaultKind::Convert, nth: 6 }];
    let run = burst(&scenario, "v0", 10);
    let veth = run.veth("v0").expect("v0");
    assert_eq!(veth.xdp_packets, 10);
    assert_eq!((ended_at(&run, "v0", Fate::Passed), veth.xdp_drops), (1, 3));
    assert_eq!((veth.xdp_tx, veth.drops, veth.xdp_redirect), (1, 3, 2));
    assert_eq!(run.count(Fate::TxNotConverted), 1);
    assert_eq!(polled_and_outcomes(&run, "v0"), (10, 10));
}

/// Rule: LAW-02.a
#[test]
fn every_successful_redirect_is_a_unicast_or_a_broadcast() {
    let mut scenario = bench(vec![
        to_key("map", 0, 0),
        to_ifindex(4),
        to_key("map", 0, BROADCAST),
        to_key("empty", 0, BROADCAST),
        to_ifindex(99),
    ]);
    scenario.maps.push(MapSpec::new("empty", xdpsim_core::MapKind::Devmap, 8));
    let run = burst(&scenario, "v0", 5);
    assert_eq!(errors(&run).iter().filter(|err| err.is_none()).count(), 4);
    assert_eq!(run.veth("v0").map(|veth| veth.xdp_redirect), Some(4));
    // Two unicasts, one broadcast to three, one to nobody.
    assert_eq!((transmitted(&run, 3).0, transmitted(&run, 4).0, transmitted(&run, 5).0), (2, 2, 1));
    assert_eq!(run.count(Fate::Nobody), 1);
}

/// Rule: LAW-03.a, LAW-04.a
#[test]
fn a_broadcast_enqueues_once_a_target_and_clones_once_less() {
    for valid in 0..=3 {
        let mut scenario = bench(vec![to_key("map", 0, BROADCAST), to_key("map", 0, 0)]);
        for port in [2, 3, 4].iter().skip(valid) {
            scenario.ports[*port].up = false;
        }
        let run = burst(&scenario, "v0", 20);
        let unicasts = if valid > 0 { 10 } else { 0 };
        let enqueues: u64 = [3, 4, 5].map(|ifindex| transmitted(&run, ifindex).0).iter().sum();
        assert_eq!(enqueues, unicasts + 10 * valid as u64);
        assert_eq!(run.report.clones, 10 * valid.saturating_sub(1) as u64);
        assert_eq!(run.report.arrivals, 20);
        assert!(run.report.is_balanced());
    }
}

/// Rule: LAW-03.b
#[test]
fn clones_of_a_broadcast_that_fails_later_are_enqueues_too() {
    let mut scenario = bench(vec![to_key("map", 0, BROADCAST), to_key("map", 1, 0)]);
    // The clone for c is the second of each broadcast.
    scenario.faults = vec![FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth: 1 }];
    let run = burst(&scenario, "v0", 2);
    assert_eq!(errors(&run), [Some(Errno::ENOMEM), None]);
    assert_eq!((transmitted(&run, 3), transmitted(&run, 4), transmitted(&run, 5)), ((1, 0), (1, 0), (0, 0)));
    assert_eq!((run.numbers("b"), run.report.clones), (vec![0], 1));
}

/// b's program drops every second frame, and its driver takes only three of what is left of a bulk.
fn dropped_twice() -> Run {
    let mut scenario = bench(vec![to_key("entries", 0, 0)]);
    entry_program(&mut scenario, "half", ProgramKind::Script(vec![vec![DROP], vec![PASS]]));
    scenario.maps.push(MapSpec::new("entries", xdpsim_core::MapKind::Devmap, 1).with_program(0, "b", "half"));
    scenario.faults = vec![FaultSpec { port: "b".into(), kind: FaultKind::XmitShort(3), nth: 1 }];
    burst(&scenario, "v0", 20)
}

/// Rule: LAW-05.a, LAW-05.b
#[test]
fn transmit_events_account_for_every_enqueue() {
    let run = dropped_twice();
    // Bulks of 16 and 4: 8 and 2 pass the program, 3 and 2 the driver.
    assert_eq!(xmits(&run), [(1, 3, 3, 13, None), (1, 3, 2, 2, None)]);
    assert_eq!(transmitted(&run, 3), (5, 15));
    assert_eq!((ended_for(&run, "b", &BY_PROGRAM), ended_for(&run, "b", &BY_DRIVER)), (10, 5));
    assert_eq!(run.count(Fate::DriverShort), 5);
}

/// v0's 16 frames go to w0 in a partial flush, the 17th is dropped by the devmap program: nobody wakes
/// w1. A later frame wakes it, or it is taken down, or nothing happens.
fn stuck_in_a_ring(afterwards: Option<bool>) -> Run {
    let mut scenario = bench(vec![to_key("entries", 0, 0)]);
    let drop = [vec![vec![PASS]; 16], vec![vec![DROP]], vec![vec![PASS]; 8]].concat();
    entry_program(&mut scenario, "all_but_17", ProgramKind::Script(drop));
    let entries = MapSpec::new("entries", xdpsim_core::MapKind::Devmap, 1);
    scenario.maps.push(entries.with_program(0, "w0", "all_but_17"));
    let mut lab = {
        if afterwards == Some(false) {
            let action = Action::SetUp { port: "w1".into(), up: false };
            scenario.changes = vec![Change { at: At::Frame(FrameNo(17)), action }];
        }
        lab(&scenario)
    };
    for mark in 0..17 {
        lab.at(Nanos(1)).send("v0", &frame(mark));
    }
    if afterwards.is_some() {
        lab.at(Nanos(2)).send("v0", &frame(17));
    }
    lab.run()
}

/// Rule: LAW-06.a, LAW-06.b
#[test]
fn what_was_sent_to_a_veth_is_polled_or_stuck_or_purged() {
    // (sent, w0's xdp_xmit, w1's xdp_packets, stuck, purged)
    let counts = |afterwards| {
        let run = stuck_in_a_ring(afterwards);
        let (w0, w1) = (run.veth("w0").expect("w0"), run.veth("w1").expect("w1"));
        let kept = [Fate::Stuck, Fate::Purged].map(|fate| ended_for(&run, "w0", &[fate]));
        assert!(run.report.is_balanced());
        (transmitted(&run, 5).0, w0.xdp_xmit, w1.xdp_packets, kept)
    };
    assert_eq!(counts(None), (16, 16, 0, [16, 0]));
    assert_eq!(counts(Some(true)), (17, 17, 17, [0, 0]));
    assert_eq!(counts(Some(false)), (16, 16, 0, [0, 16]));
}

/// Rule: LAW-06.a
#[test]
fn a_transmit_that_failed_sent_nothing() {
    let mut scenario = bench(vec![to_key("map", 2, 0)]);
    scenario.ports[5] = PortSpec { up: false, ..scenario.ports[5].clone() };
    let run = burst(&scenario, "v0", 3);
    assert_eq!(xmits(&run), [(1, 5, 0, 3, Some(Errno::ENXIO))]);
    assert_eq!(run.veth("w0").map(|w0| (w0.xdp_xmit, w0.xdp_xmit_errors, w0.tx_dropped)), Some((0, 0, 3)));
}

/// Ends and clones in the story of each frame.
fn ends_and_clones(lab: &xdpsim_core::lab::Lab, frames: u64) -> Vec<(usize, usize)> {
    let count = |story: &[Step], is: fn(&Step) -> bool| story.iter().filter(|step| is(step)).count();
    let of = |frame| {
        let story = lab.story(frame);
        let ends = count(&story, |step| matches!(step, Step::End { .. }));
        (ends, count(&story, |step| matches!(step, Step::Enqueued { clone: true, .. })))
    };
    (0..frames).map(of).collect()
}

/// Rule: LAW-09.a
#[test]
fn every_frame_and_every_clone_has_one_fate() {
    let mut scenario = bench(vec![to_key("map", 0, BROADCAST), to_key("map", 1, 0), vec![DROP]]);
    scenario.ports[4].kind = PortKind::Nic { rate: None, tx_ring: 2 };
    scenario.ports[5].kind = PortKind::Ideal;
    let mut lab = lab(&scenario);
    for mark in 0..6 {
        lab.send("v0", &frame(mark));
    }
    assert_eq!(ends_and_clones(&lab, 6), [(3, 2), (1, 0), (1, 0), (3, 2), (1, 0), (1, 0)]);
    let run = lab.run();
    assert_eq!((run.report.arrivals, run.report.clones), (6, 4));
    assert_eq!(
        (run.count(Fate::Delivered), run.count(Fate::Dropped), run.count(Fate::TxRingFull)),
        (7, 2, 1)
    );
    assert!(run.report.is_balanced());
}

#[test]
fn a_missing_fate_unbalances_a_report() {
    let mut report = dropped_twice().report;
    assert!(report.is_balanced());
    report.arrivals += 1;
    assert!(!report.is_balanced());
    report.arrivals -= 2;
    assert!(!report.is_balanced());
    report.clones += 1;
    assert!(report.is_balanced());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rule: LAW-01.a, LAW-02.a, LAW-03.a, LAW-03.b, LAW-04.a, LAW-05.a, LAW-05.b, LAW-06.a, LAW-09.a
    #[test]
    fn random_runs_keep_all_laws(case in Case::any()) {
        let scenario = case.scenario();
        let mut lab = lab(&scenario);
        case.send(&mut lab);
        let (run, expected) = (lab.run(), case.expected());

        for port in ["v0", "v1", "w1"] {
            let (polled, outcomes) = polled_and_outcomes(&run, port);
            prop_assert_eq!(polled, outcomes, "{}", port);
        }
        let ok = run.events.iter().filter(|event| matches!(event, Event::Redirect { err: None, .. })).count();
        prop_assert_eq!(ok as u64, expected.unicasts + expected.broadcasts);
        prop_assert_eq!(run.count(Fate::Nobody), expected.nobody);
        prop_assert_eq!(run.report.clones, expected.clones);
        prop_assert_eq!(run.report.arrivals, case.frames());
        prop_assert!(run.report.is_balanced());
        for (target, enqueues) in TARGETS.iter().zip(expected.enqueues) {
            let (sent, drops) = transmitted(&run, target.ifindex);
            prop_assert_eq!(sent + drops, enqueues, "{}", target.name);
            let refused = [&BY_PROGRAM[..], &BY_DRIVER[..]].concat();
            let freed = drops + bulk_tx_drops(&run, target.ifindex);
            prop_assert_eq!(freed, ended_for(&run, target.name, &refused), "{}", target.name);
        }
        for (end, peer) in [("w0", "w1"), ("v0", "v1")] {
            let (sender, receiver) = (run.veth(end).expect("a veth"), run.veth(peer).expect("a veth"));
            let ifindex = TARGETS.iter().find(|target| target.name == end).expect("a target").ifindex;
            prop_assert_eq!(transmitted(&run, ifindex).0, sender.xdp_xmit);
            let kept = ended_for(&run, end, &[Fate::Stuck, Fate::TxStuck, Fate::Purged]);
            prop_assert_eq!(receiver.xdp_packets + kept, sender.xdp_xmit + sender.xdp_tx);
        }
        for (ends, clones) in ends_and_clones(&lab, case.frames()) {
            prop_assert_eq!(ends, 1 + clones);
        }
    }
}
