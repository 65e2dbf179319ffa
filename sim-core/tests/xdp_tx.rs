//! XDP_TX on a veth: its queue, its wake-up, its counters.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{FaultKind, FaultSpec, MapSpec, PeerSpec, PortSpec, ProgramKind, Scenario};
use xdpsim_core::story::Step;
use xdpsim_core::{Errno, Fate, MapKind, Nanos, XdpAction};

/// v is one end of a pair and answers everything with XDP_TX; the far end is like this.
fn bouncing(gro: bool, xdp: bool, up: bool) -> Scenario {
    let far = PeerSpec::FarEnd { mtu: 1500, gro, xdp, up, queues: 1 };
    let mut scenario = Scenario { ports: vec![behind("v", far)], ..Scenario::default() };
    attach(&mut scenario, "v", ProgramKind::Verdict(XdpAction::TX));
    scenario
}

fn send(lab: &mut Lab, port: &str, lengths: &[usize]) {
    for &len in lengths {
        lab.send(port, &vec![0; len]);
    }
}

/// Rule: DRV-07.b
#[test]
fn redirects_are_flushed_before_xdp_tx() {
    let mut scenario = bouncing(true, false, true);
    scenario.ports.push(PortSpec::ideal("b"));
    script(&mut scenario, "v", vec![vec![TX], to_ifindex(2)]);
    let run = burst(&scenario, "v", 2);
    assert_eq!(names(&run), ["xdp_redirect", "xdp_devmap_xmit", "xdp_bulk_tx"]);
    // Neither happens without need: one TX, one failed redirect.
    script(&mut scenario, "v", vec![vec![TX], to_ifindex(99)]);
    assert_eq!(names(&burst(&scenario, "v", 2)), ["xdp_redirect_err", "xdp_bulk_tx"]);
}

/// Rule: DRV-08.a
#[test]
fn xdp_tx_has_a_queue_of_sixteen_of_its_own() {
    let mut scenario = bouncing(true, true, true);
    scenario.ports.push(PortSpec::ideal("b"));
    let mut cycle = vec![vec![TX]; 20];
    cycle.push(to_ifindex(2));
    cycle.extend(vec![vec![TX]; 2]);
    script(&mut scenario, "v", cycle);
    let mut lab = lab(&scenario);
    send(&mut lab, "v", &[60; 23]);
    let run = settled(&mut lab);
    assert_eq!(names(&run), ["xdp_bulk_tx", "xdp_redirect", "xdp_devmap_xmit", "xdp_bulk_tx"]);
    assert_eq!(bulk_txs(&run), [(16, 0, None), (6, 0, None)]);
    assert_eq!(run.numbers("v"), (0..20).chain([21, 22]).collect::<Vec<u64>>());
    // 16 are no partial flush.
    script(&mut scenario, "v", vec![vec![TX]]);
    assert_eq!(bulk_txs(&burst(&scenario, "v", 16)), [(16, 0, None)]);
}

/// Rule: DRV-08.b
#[test]
fn a_peer_with_a_program_is_woken_once_at_the_end_of_the_poll() {
    let mut lab = lab(&bouncing(false, true, true));
    send(&mut lab, "v", &[60; 40]);
    let run = settled(&mut lab);
    assert_eq!(run.report.delivered("v").0, 40);
    assert_eq!(bulk_txs(&run), [(16, 0, None), (16, 0, None), (8, 0, None)]);
    let flags = |step: &Step| matches!(step, Step::Xmit { flush: true, .. });
    assert!(!lab.story(0).iter().any(flags) && !lab.story(39).iter().any(flags));
}

/// Rule: DRV-08.c
#[test]
fn a_peer_with_gro_only_sleeps_on() {
    let mut scenario = bouncing(true, false, true);
    scenario.ports.push(PortSpec::ideal("a"));
    let mut lab_of = |later: bool| {
        script(&mut scenario, "a", vec![to_ifindex(1)]);
        let mut lab = lab(&scenario);
        send(&mut lab, "v", &[60; 3]);
        if later {
            lab.at(Nanos(1000)).send("a", &frame(1));
        }
        settled(&mut lab)
    };
    let run = lab_of(false);
    assert_eq!((bulk_txs(&run), run.count(Fate::TxStuck)), (vec![(3, 0, None)], 3));
    // The next redirected frame brings a wake-up for all.
    let run = lab_of(true);
    assert_eq!((run.numbers("v"), run.count(Fate::TxStuck)), (vec![0, 1, 2, 3], 0));
}

/// Rule: DRV-08.d
#[test]
fn xdp_tx_to_a_peer_without_napi_is_dropped_with_enxio() {
    for scenario in [bouncing(false, false, true), bouncing(true, false, false)] {
        let mut lab = lab(&scenario);
        send(&mut lab, "v", &[60; 2]);
        let run = settled(&mut lab);
        assert_eq!(bulk_txs(&run), [(0, 2, Some(Errno::ENXIO))]);
        assert_eq!(run.count(Fate::TxNoNapi), 2);
    }
}

/// Rule: DRV-09.e, DRV-09.g
#[test]
fn xdp_tx_counts_what_the_peers_ring_took() {
    // The peer takes no frame longer than 218 bytes, which stops each bulk.
    let mut scenario = Scenario { ports: pair("v", "w", true).to_vec(), ..Scenario::default() };
    scenario.ports[1].mtu = Some(200);
    attach(&mut scenario, "v", ProgramKind::Verdict(XdpAction::TX));
    let mut lab = lab(&scenario);
    send(&mut lab, "v", &[60, 60, 300, 60]);
    let run = settled(&mut lab);
    let (own, peer) = (run.veth("v").unwrap(), run.veth("w").unwrap());
    assert_eq!((own.xdp_tx, own.xdp_tx_errors), (2, 2));
    assert_eq!((own.tx_dropped, peer.rx_dropped, own.xdp_xmit_errors), (2, 2, 0));
}

/// Rule: DRV-12.b
#[test]
fn a_failed_conversion_for_xdp_tx_is_an_exception() {
    let mut scenario = bouncing(true, true, true);
    scenario.faults = vec![FaultSpec { port: "v".into(), kind: FaultKind::Convert, nth: 2 }];
    let mut lab = lab(&scenario);
    send(&mut lab, "v", &[60; 3]);
    let run = settled(&mut lab);
    assert_eq!(exceptions(&run), [(1, XdpAction::TX.0, 1)]);
    assert_eq!((run.numbers("v"), run.count(Fate::TxNotConverted)), (vec![0, 2], 1));
    assert_eq!(run.veth("v").unwrap().drops, 1);
}

/// Rule: DRV-03.h
#[test]
fn a_wake_up_brings_whatever_is_in_the_ring() {
    // Frames of three kinds in one ring: stuck after XDP_TX, stuck after a partial flush, and woken.
    let mut scenario = bouncing(true, false, true);
    scenario.ports.push(PortSpec::ideal("a"));
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 1).with_program(0, "v", "entry")];
    let mut cycle = vec![to_key("ports", 0, 0); 17];
    cycle.push(to_ifindex(1));
    script(&mut scenario, "a", cycle);
    let mut entry = vec![vec![PASS]; 16];
    entry.push(vec![DROP]);
    entry_program(&mut scenario, "entry", ProgramKind::Script(entry));
    let mut lab = lab(&scenario);
    send(&mut lab, "v", &[60; 2]);
    lab.at(Nanos(100));
    send(&mut lab, "a", &[60; 17]);
    let run = settled(&mut lab);
    assert_eq!((run.count(Fate::TxStuck), run.count(Fate::Stuck), run.is_silent("v")), (2, 16, true));
    lab.at(Nanos(200));
    send(&mut lab, "a", &[60]);
    let run = settled(&mut lab);
    assert_eq!(run.numbers("v"), (0..18).chain([19]).collect::<Vec<u64>>());
}
