//! veth pairs: transmit, ring, poll, XDP_TX and counters.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::driver::ptr_ring::PtrRing;
use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{
    Action, At, Change, FaultKind, FaultSpec, PeerSpec, PortSpec, ProgramKind, Scenario,
};
use xdpsim_core::story::Step;
use xdpsim_core::{CpuId, Errno, Fate, FrameNo, Nanos, QueueId, XdpAction};

/// a (ifindex 1, ideal) redirects everything to v (ifindex 2), a veth with this far end.
fn to_veth(far: PeerSpec) -> Scenario {
    let mut scenario = ideal(&["a"]);
    scenario.ports.push(behind("v", far));
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    scenario
}

fn far(mtu: u32) -> PeerSpec {
    PeerSpec::FarEnd { mtu, gro: true, xdp: false, up: true, queues: 1 }
}

fn send(lab: &mut Lab, port: &str, lengths: &[usize]) {
    for &len in lengths {
        lab.send(port, &vec![0; len]);
    }
}

fn at_frame(no: u64, action: Action) -> Change {
    Change { at: At::Frame(FrameNo(no)), action }
}

/// Rule: DRV-03.b
#[test]
fn a_peer_that_is_gone_answers_enxio() {
    // A clone for v is left in its queue (FLU-07); the pair goes before the flush.
    let mut scenario = to_veth(far(1500));
    scenario.ports.push(veth("w"));
    scenario.ports.push(PortSpec::ideal("c"));
    scenario.ports.push(PortSpec::ideal("d"));
    scenario.maps = vec![devmap(&["v", "c", "d"])];
    script(&mut scenario, "w", vec![to_key("ports", 0, BROADCAST)]);
    script(&mut scenario, "a", vec![vec![PASS]]);
    scenario.faults = vec![FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth: 1 }];
    scenario.changes = vec![at_frame(1, Action::Unregister { port: "v.peer".into() })];
    let mut lab = lab(&scenario);
    send(&mut lab, "w", &[60]);
    lab.at(Nanos(100));
    send(&mut lab, "a", &[60]);
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(3, 2, 0, 1, Some(Errno::ENXIO))]);
    assert_eq!(run.veth("v").unwrap().tx_dropped, 1);
}

/// Rule: DRV-03.c, DRV-03.d, RED-09.b
#[test]
fn a_peer_that_is_down_answers_enxio() {
    let far = PeerSpec::FarEnd { mtu: 1500, gro: true, xdp: false, up: false, queues: 1 };
    let run = burst(&to_veth(far), "a", 20);
    assert_eq!(errors(&run), [None; 20]);
    assert_eq!(xmits(&run), [(1, 2, 0, 16, Some(Errno::ENXIO)), (1, 2, 0, 4, Some(Errno::ENXIO))]);
    let own = run.veth("v").unwrap();
    assert_eq!((own.tx_dropped, own.xdp_xmit, own.xdp_xmit_errors), (20, 0, 0));
    assert_eq!(run.count(Fate::NoNapi), 20);
}

/// Rule: DRV-03.e, RSS-09.a
#[test]
fn the_sending_cpu_chooses_the_peers_queue() {
    // Three CPUs redirect to a port whose far end, a port with a program, has two queues.
    let mut scenario = ideal(&["a", "b", "c"]);
    scenario.cpus = 3;
    for (port, cpu) in [(0, 0), (1, 1), (2, 2)] {
        scenario.ports[port].queue_cpus = vec![CpuId(cpu)];
    }
    scenario.ports.extend(pair("v", "w", true));
    scenario.ports[4].queues = 2;
    scenario.ports[3].queues = 2;
    for port in ["a", "b", "c"] {
        script(&mut scenario, port, vec![to_ifindex(4)]);
    }
    attach(&mut scenario, "w", ProgramKind::Verdict(XdpAction::PASS));
    let mut lab = lab(&scenario);
    lab.send("a", &frame(0)).send("b", &frame(1)).send("c", &frame(2));
    let polled = |no: u64, lab: &Lab| {
        let at_w = |step: &Step| match *step {
            Step::Polled { dev, queue, cpu, .. } if dev.0 == 4 => Some((queue, cpu)),
            _ => None,
        };
        lab.story(no).iter().find_map(at_w)
    };
    let queues: Vec<_> = (0..3).map(|no| polled(no, &lab)).collect();
    // The woken NAPI runs where it was woken.
    let expected = [(0, 0), (1, 1), (0, 2)].map(|(queue, cpu)| Some((QueueId(queue), CpuId(cpu))));
    assert_eq!(queues, expected);
}

/// Rule: DRV-03.f, DRV-04.a, DRV-05.a
#[test]
fn one_frame_too_long_for_the_peer_kills_the_tail() {
    let mut lab = lab(&to_veth(far(200)));
    send(&mut lab, "a", &[218, 219, 60, 60]);
    let run = settled(&mut lab);
    assert_eq!(errors(&run), [None; 4], "the port's own mtu is 1500");
    assert_eq!((xmits(&run), run.numbers("v")), (vec![(1, 2, 1, 3, None)], vec![0]));
    assert_eq!((run.count(Fate::PeerTooLong), run.count(Fate::Behind)), (1, 2));
}

/// Rule: DRV-05.a
#[test]
fn the_ports_own_mtu_counts_at_the_redirect() {
    let mut scenario = to_veth(far(1500));
    scenario.ports[1].mtu = Some(200);
    let mut lab = lab(&scenario);
    send(&mut lab, "a", &[218, 219]);
    let run = settled(&mut lab);
    assert_eq!((errors(&run), run.numbers("v")), (vec![None, Some(Errno::EMSGSIZE)], vec![0]));
}

/// Rule: DRV-03.h, FLU-06.b
#[test]
fn only_the_flush_flag_wakes_the_peer() {
    // 16 frames without the flag, then a bulk with it that the plan refuses before the driver sees it.
    let mut scenario = to_veth(far(1500));
    scenario.faults = vec![FaultSpec { port: "v".into(), kind: FaultKind::Xmit(Errno::EIO), nth: 2 }];
    let mut lab = lab(&scenario);
    send(&mut lab, "a", &[60; 17]);
    let run = settled(&mut lab);
    assert_eq!(run.numbers("v"), []);
    assert_eq!((run.count(Fate::Stuck), run.count(Fate::DriverFault)), (16, 1));
    let woken = lab.story(0).iter().any(|step| matches!(step, Step::Hop { woken: true, .. }));
    assert!(!woken);
}

/// So many ports redirect 64 frames each to v (ifindex 1) in one softirq, before v's far end is polled.
fn ring_of(ports: usize) -> Scenario {
    let mut scenario = Scenario { ports: vec![veth("v")], ..Scenario::default() };
    for i in 0..ports {
        let name = format!("p{i}");
        scenario.ports.push(PortSpec::ideal(&name));
        attach(&mut scenario, &name, ProgramKind::Redirect { ifindex: xdpsim_core::IfIndex(1), flags: 0 });
    }
    scenario
}

/// A burst of 384 frames after so many earlier ones, each of which the far end had polled.
fn burst_after(earlier: u64) -> Run {
    let mut lab = lab(&ring_of(6));
    for i in 0..earlier {
        lab.at(Nanos(1 + i)).send("p0", &frame(0));
    }
    lab.at(Nanos(1000));
    for port in ["p0", "p1", "p2", "p3", "p4", "p5"] {
        send(&mut lab, port, &[60; 64]);
    }
    settled(&mut lab)
}

/// Rule: DRV-03.g, DRV-06.a, DRV-06.b, RED-09.a
#[test]
fn the_ring_holds_241_to_256_frames_depending_on_history() {
    for (earlier, accepted) in [(0, 256), (1, 255), (5, 251), (15, 241), (16, 256), (20, 252)] {
        let run = burst_after(earlier);
        assert_eq!(u64::from(sent_to(&run, 1)), earlier + accepted, "after {earlier}");
        assert_eq!(run.count(Fate::RingFull), 384 - accepted);
        assert!(errors(&run).iter().all(Option::is_none));
    }
}

/// Rule: DRV-06.b, DRV-06.c
#[test]
fn slots_come_back_in_groups_of_sixteen_or_at_the_end() {
    for (size, group) in [(256, 16), (32, 16), (31, 1), (1, 1)] {
        let mut ring = PtrRing::new(size);
        (0..size).for_each(|i| ring.produce(i));
        for taken in 1..=size {
            assert_eq!(ring.consume(), Some(taken - 1));
            let back = if taken == size { size } else { taken / group * group };
            assert_eq!((ring.free(), ring.len()), (back, size - taken), "{taken} of {size}");
        }
        assert_eq!(ring.consume(), None);
    }
}

/// Rule: DRV-06.a, LAW-06.b
#[test]
fn taking_the_peer_down_frees_its_ring_and_opening_makes_a_new_one() {
    // 5 consumed, 16 stuck in the ring, then down and up: 256 fit again.
    let mut scenario = ring_of(6);
    scenario.faults = vec![FaultSpec { port: "v".into(), kind: FaultKind::Xmit(Errno::EIO), nth: 7 }];
    let up = |up| Action::SetUp { port: "v.peer".into(), up };
    scenario.changes = vec![at_frame(22, up(false)), at_frame(22, up(true))];
    let mut lab = lab(&scenario);
    for i in 0..5 {
        lab.at(Nanos(1 + i)).send("p0", &frame(0));
    }
    lab.at(Nanos(100));
    send(&mut lab, "p0", &[60; 17]);
    lab.at(Nanos(1000));
    for port in ["p0", "p1", "p2", "p3", "p4", "p5"] {
        send(&mut lab, port, &[60; 64]);
    }
    let run = settled(&mut lab);
    assert_eq!((run.count(Fate::Purged), run.count(Fate::DriverFault)), (16, 1));
    assert_eq!(run.report.delivered("v").0, 5 + 256);
}

/// Rule: DRV-07.a
#[test]
fn a_poll_takes_up_to_64_entries() {
    let mut scenario = Scenario { ports: vec![veth("v")], ..Scenario::default() };
    attach(&mut scenario, "v", ProgramKind::Verdict(XdpAction::PASS));
    let mut lab = lab(&scenario);
    send(&mut lab, "v", &[60; 100]);
    let polls = |no| {
        let polled = |step: &Step| match *step {
            Step::Polled { position, of, .. } => Some((position, of)),
            _ => None,
        };
        lab.story(no).iter().filter_map(polled).collect::<Vec<_>>()
    };
    assert_eq!(
        (polls(0), polls(63), polls(64), polls(99)),
        (vec![(0, 64)], vec![(63, 64)], vec![(0, 36)], vec![(35, 36)])
    );
}

/// Rule: DRV-07.a
#[test]
fn redirected_frames_and_skbs_are_polled_in_the_order_of_the_ring() {
    // Frame 0 makes a redirect to v; frame 1 comes to v's other end, w, as an skb, and is in the ring first.
    let mut scenario = ideal(&["a"]);
    scenario.ports.extend(pair("v", "w", true));
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    attach(&mut scenario, "w", ProgramKind::Verdict(XdpAction::PASS));
    let (notes, own) = Note::called("on_w");
    let mut lab = Lab::with_programs(&scenario, own).unwrap();
    lab.send("a", &frame(0)).send("w", &frame(1));
    let _ = lab.run();
    let marks: Vec<u8> = notes.lock().unwrap().iter().map(|seen| seen.mark).collect();
    assert_eq!(marks, [1, 0]);
}

/// Rule: DRV-09.a, DRV-09.b, DRV-09.c, DRV-09.d
#[test]
fn the_receiver_counts_by_verdict() {
    let mut scenario = Scenario { ports: vec![veth("v"), PortSpec::ideal("b")], ..Scenario::default() };
    let other = vec![xdpsim_core::scenario::Op::Return(XdpAction(9))];
    let aborted = vec![xdpsim_core::scenario::Op::Return(XdpAction::ABORTED)];
    script(
        &mut scenario,
        "v",
        vec![
            to_ifindex(2),
            to_ifindex(2),
            to_ifindex(2),
            to_ifindex(99),
            to_ifindex(99),
            vec![PASS],
            vec![DROP],
            other,
            aborted,
            vec![TX],
            vec![TX],
        ],
    );
    // The second TX cannot be converted; conversions are counted over redirects and TX.
    scenario.faults = vec![FaultSpec { port: "v".into(), kind: FaultKind::Convert, nth: 7 }];
    let mut lab = lab(&scenario);
    send(&mut lab, "v", &[60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70]);
    let own = settled(&mut lab).veth("v").unwrap();
    assert_eq!((own.xdp_packets, own.xdp_bytes), (11, (60..=70).sum()));
    assert_eq!((own.xdp_redirect, own.drops, own.xdp_drops), (3, 3, 3));
    assert_eq!((own.rx_dropped, own.xdp_tx), (3, 1), "xdp_drops are not among them");
}

/// Rule: DRV-09.f, DRV-09.g
#[test]
fn the_sender_counts_what_the_peers_ring_took() {
    let run = burst_after(0);
    let own = run.veth("v").unwrap();
    assert_eq!((own.xdp_xmit, own.xdp_xmit_errors, own.tx_dropped), (256, 128, 128));

    let mut scenario = ideal(&["a"]);
    scenario.ports.extend(pair("v", "w", true));
    scenario.ports[2].mtu = Some(200);
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    let mut lab = lab(&scenario);
    send(&mut lab, "a", &[60, 300, 60]);
    let run = settled(&mut lab);
    let (own, peer) = (run.veth("v").unwrap(), run.veth("w").unwrap());
    assert_eq!((own.xdp_xmit, own.xdp_xmit_errors, own.tx_dropped), (1, 2, 2));
    assert_eq!((peer.rx_dropped, peer.xdp_packets, peer.xdp_bytes), (2, 1, 60));
}

/// Rule: DRV-10.a
#[test]
fn skbs_reach_the_program_of_an_end_with_napi() {
    let mut scenario = Scenario { ports: vec![veth("v")], ..Scenario::default() };
    attach(&mut scenario, "v", ProgramKind::Verdict(XdpAction::DROP));
    let run = burst(&scenario, "v", 3);
    assert_eq!((run.count(Fate::Dropped), run.veth("v").unwrap().xdp_packets), (3, 3));
    // Without one they go to the stack past the ring.
    scenario.ports[0].xdp = None;
    let run = burst(&scenario, "v", 3);
    assert_eq!((run.count(Fate::Passed), run.veth("v").unwrap().xdp_packets), (3, 0));
}

/// Rule: DRV-10.b, DRV-10.c
#[test]
fn skbs_have_256_bytes_of_headroom_and_3520_linear_ones() {
    let mut scenario = Scenario { ports: vec![veth("v")], ..Scenario::default() };
    attach(&mut scenario, "v", ProgramKind::Verdict(XdpAction::PASS));
    let (notes, own) = Note::called("on_v");
    let mut lab = Lab::with_programs(&scenario, own).unwrap();
    lab.send_with_head("v", &frame(1), 0).send("v", &[2; 3520]).send("v", &[3; 3521]).send("v", &[4; 5000]);
    let _ = lab.run();
    let seen: Vec<_> =
        notes.lock().unwrap().iter().map(|seen| (seen.head_room, seen.linear, seen.len)).collect();
    assert_eq!(seen, [(216, 60, 60), (216, 3520, 3520), (216, 3520, 3521), (216, 3520, 5000)]);
}

/// Rule: DRV-12.a
#[test]
fn a_failed_redirect_is_no_exception() {
    let mut scenario = Scenario { ports: vec![veth("v")], ..Scenario::default() };
    script(&mut scenario, "v", vec![to_ifindex(99)]);
    assert_eq!(names(&burst(&scenario, "v", 2)), ["xdp_redirect_err"; 2]);
}

/// A ring of four slots takes four frames of a poll; the far end has to poll before it takes more.
///
/// Rule: DRV-06.c
#[test]
fn a_small_ring_takes_what_it_has_slots_for() {
    let mut scenario = to_veth(far(1500));
    scenario.faults = vec![FaultSpec { port: "v".into(), kind: FaultKind::Ring(4), nth: 1 }];
    let mut lab = lab(&scenario);
    send(&mut lab, "a", &[60; 6]);
    let run = settled(&mut lab);
    assert_eq!((run.numbers("v"), run.count(Fate::RingFull)), (vec![0, 1, 2, 3], 2));
    send(&mut lab, "a", &[60; 64]);
    let run = settled(&mut lab);
    assert_eq!(run.numbers("v"), [0, 1, 2, 3, 64, 65, 66, 67], "the first four of each poll of 64");
}

#[test]
fn only_a_veth_has_a_ring_to_shrink() {
    let mut scenario = to_veth(far(1500));
    for (port, size) in [("a", 4), ("v", 0), ("v", 257)] {
        scenario.faults = vec![FaultSpec { port: port.into(), kind: FaultKind::Ring(size), nth: 1 }];
        assert!(Lab::new(&scenario).is_err(), "{port} {size}");
    }
}
