//! From the wire to the poll: which CPU, when the interrupt comes, and who is not received at all.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{
    Action, At, Change, FaultKind, FaultSpec, MapSpec, PeerSpec, PortKind, PortSpec, ProgramKind, Rss,
    Scenario,
};
use xdpsim_core::story::Step;
use xdpsim_core::{CpuId, DevId, Fate, FrameNo, MapKind, Nanos, QueueId, Timing, XdpAction};

/// One ideal port with so many queues, taken in turn, and a program that passes everything.
fn queued(cpus: u16, queues: u16) -> Scenario {
    let mut scenario = Scenario { cpus, ..ideal(&["a"]) };
    (scenario.ports[0].queues, scenario.ports[0].rss) = (queues, Rss::RoundRobin);
    scenario
}

/// Where and when frame `no` was polled first: queue, CPU, time, place in the poll, size of the poll.
fn polled(lab: &Lab, no: u64) -> (QueueId, CpuId, u64, u16, u16) {
    let polled = |step: &Step| match *step {
        Step::Polled { queue, cpu, time, position, of, .. } => Some((queue, cpu, time.0, position, of)),
        _ => None,
    };
    lab.story(no).iter().find_map(polled).expect("the frame was polled")
}

/// (time, size) of the polls of frames 0 to n - 1, in order, without repetitions.
fn polls(lab: &Lab, n: u64) -> Vec<(u64, u16)> {
    let mut all: Vec<_> = (0..n).map(|no| polled(lab, no)).filter(|one| one.3 == 0).collect();
    all.sort_by_key(|one| one.2);
    all.into_iter().map(|(_, _, time, _, of)| (time, of)).collect()
}

/// Rule: RSS-08.a
#[test]
fn a_port_says_which_cpu_polls_which_queue() {
    let mut scenario = queued(4, 3);
    scenario.ports[0].queue_cpus = vec![CpuId(3), CpuId(0), CpuId(3)];
    let mut lab = lab(&scenario);
    for mark in 0..6 {
        lab.send("a", &frame(mark));
    }
    let cpus: Vec<u16> = (0..6).map(|no| polled(&lab, no).1.0).collect();
    assert_eq!(cpus, [3, 0, 3, 3, 0, 3]);
}

/// Rule: RSS-08.b
#[test]
fn otherwise_cpus_take_queues_in_turn() {
    let mut lab = lab(&queued(2, 5));
    for mark in 0..5 {
        lab.send("a", &frame(mark));
    }
    let at: Vec<(u16, u16)> = (0..5).map(|no| polled(&lab, no)).map(|one| (one.0.0, one.1.0)).collect();
    assert_eq!(at, [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]);
}

/// Rule: RSS-08.c
#[test]
fn frames_of_a_queue_keep_their_order() {
    let mut scenario = queued(2, 2);
    scenario.ports.push(PortSpec::ideal("b"));
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    let mut lab = lab(&scenario);
    for no in 0..300 {
        lab.at(Nanos(1 + no / 100)).send("a", &frame(no as u8));
    }
    let run = settled(&mut lab);
    let of = |queue| run.numbers("b").into_iter().filter(move |no| no % 2 == queue).collect::<Vec<u64>>();
    assert_eq!((of(0).len(), of(1).len()), (150, 150));
    assert!(of(0).is_sorted() && of(1).is_sorted());
}

/// Rule: RSS-09.a
#[test]
fn a_veths_rss_does_not_matter_to_redirected_frames() {
    for rss in [Rss::RoundRobin, Rss::Toeplitz, Rss::Fixed] {
        let mut scenario = Scenario { cpus: 2, ..ideal(&["a"]) };
        scenario.ports[0].queue_cpus = vec![CpuId(1)];
        scenario.ports.extend(pair("v", "w", true));
        (scenario.ports[1].queues, scenario.ports[2].queues) = (2, 2);
        scenario.ports[2].rss = rss;
        script(&mut scenario, "a", vec![to_ifindex(2)]);
        attach(&mut scenario, "w", ProgramKind::Verdict(XdpAction::PASS));
        let mut lab = lab(&scenario);
        for mark in 0..4 {
            lab.send("a", &frame(mark));
        }
        for no in 0..4 {
            let at_w = |step: &Step| match *step {
                Step::Polled { dev: DevId(2), queue, .. } => Some(queue),
                _ => None,
            };
            assert_eq!(lab.story(no).iter().find_map(at_w), Some(QueueId(1)), "{rss:?}");
        }
    }
}

/// Rule: RSS-10.a
#[test]
fn a_port_that_is_down_or_gone_does_not_receive() {
    for veth_port in [false, true] {
        let mut scenario = ideal(&["a", "b"]);
        if veth_port {
            scenario.ports[0] = veth("a");
        }
        script(&mut scenario, "a", vec![to_ifindex(2)]);
        let at = |no| At::Frame(FrameNo(no));
        let port = || "a".to_owned();
        scenario.changes = vec![
            Change { at: at(1), action: Action::SetUp { port: port(), up: false } },
            Change { at: at(2), action: Action::SetUp { port: port(), up: true } },
            Change { at: at(3), action: Action::Unregister { port: port() } },
        ];
        let mut lab = lab(&scenario);
        for no in 0..4 {
            lab.at(Nanos(1 + no)).send("a", &frame(0));
        }
        let run = settled(&mut lab);
        assert_eq!((run.numbers("b"), run.count(Fate::NotReceived)), (vec![0, 2], 2));
        assert_eq!(run.report.examples(Fate::NotReceived), [FrameNo(1), FrameNo(3)]);
    }
}

/// Rule: RSS-10.b
#[test]
fn frames_that_wait_are_lost_with_their_port() {
    let mut scenario = ideal(&["a", "b"]);
    scenario.ports[0].rx_usecs = Nanos(1000);
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    let up = |no, up| Change { at: At::Frame(FrameNo(no)), action: Action::SetUp { port: "a".into(), up } };
    scenario.changes = vec![up(3, false), up(4, true)];
    let mut lab = lab(&scenario);
    for time in [1, 2, 3, 10, 500, 1400] {
        lab.at(Nanos(time)).send("a", &frame(0));
    }
    let run = settled(&mut lab);
    assert_eq!((run.numbers("b"), run.count(Fate::NotReceived)), (vec![4, 5], 4));
    // The interrupt of the lost frames is lost, too: the delay began anew at 500.
    assert_eq!(polled(&lab, 4), (QueueId(0), CpuId(0), 1500, 0, 2));
}

/// Rule: RSS-11.a
#[test]
fn the_first_frame_that_waits_starts_the_delay() {
    let mut scenario = queued(1, 1);
    scenario.ports[0].rx_usecs = Nanos(1000);
    let mut lab = lab(&scenario);
    for time in [100, 600, 1100, 1101, 5000] {
        lab.at(Nanos(time)).send("a", &frame(0));
    }
    // A frame that comes when the interrupt is due is still in time.
    assert_eq!(polls(&lab, 5), [(1100, 3), (2101, 1), (6000, 1)]);
    for _ in 0..97 {
        lab.at(Nanos(5500)).send("a", &frame(0));
    }
    assert_eq!(polls(&lab, 102)[2..], [(6000, 64), (6000, 34)]);
}

/// Rule: RSS-11.b
#[test]
fn frames_of_the_same_moment_are_polled_together() {
    let mut lab = lab(&queued(1, 2));
    for _ in 0..140 {
        lab.at(Nanos(7)).send("a", &frame(0));
    }
    lab.at(Nanos(8)).send("a", &frame(0));
    assert_eq!(polls(&lab, 141), [(7, 64), (7, 64), (7, 6), (7, 6), (8, 1)]);
}

/// Rule: RSS-11.c
#[test]
fn back_to_back_the_interrupt_waits_for_64_frames_or_the_end() {
    for veth_port in [false, true] {
        let mut scenario = queued(1, 1);
        if veth_port {
            scenario.ports[0] = veth("a");
        }
        attach(&mut scenario, "a", ProgramKind::Verdict(XdpAction::PASS));
        let mut lab = lab(&scenario);
        lab.timing(Timing::Asap);
        for no in 0..130 {
            lab.at(Nanos(no * 1000)).send("a", &frame(0));
        }
        let sizes: Vec<u16> = [0, 63, 64, 127, 128, 129].map(|no| polled(&lab, no).4).to_vec();
        assert_eq!(sizes, [64, 64, 64, 64, 2, 2]);
        assert!(settled(&mut lab).report.is_balanced());
    }
}

/// Rule: RSS-11.c
#[test]
fn frames_that_are_stuck_in_a_ring_do_not_hold_the_interrupt_up() {
    // The far end has 63 frames of its stack waiting when 16 come that wake nobody.
    let mut scenario = ideal(&["a"]);
    scenario.ports.extend(pair("v", "w", true));
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 1).with_program(0, "v", "entry")];
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    attach(&mut scenario, "w", ProgramKind::Verdict(XdpAction::DROP));
    let mut entry = vec![vec![PASS]; 16];
    entry.extend(vec![vec![DROP]; 48]);
    entry_program(&mut scenario, "entry", ProgramKind::Script(entry));
    let mut lab = lab(&scenario);
    lab.timing(Timing::Asap);
    for _ in 0..63 {
        lab.send("w", &frame(0));
    }
    for _ in 0..64 {
        lab.send("a", &frame(0));
    }
    for _ in 0..400 {
        lab.send("w", &frame(0));
    }
    assert_eq!(settled(&mut lab).count(Fate::RingFull), 0);
}

/// Rule: RSS-12.a
#[test]
fn a_queue_with_256_frames_does_not_wait() {
    let mut scenario = queued(1, 1);
    scenario.ports[0].rx_usecs = Nanos(1_000_000);
    let mut lab = lab(&scenario);
    for time in 1..=300 {
        lab.at(Nanos(time)).send("a", &frame(0));
    }
    assert_eq!(polls(&lab, 300), [(256, 64), (256, 64), (256, 64), (256, 64), (1_000_257, 44)]);
}

/// Rule: RSS-12.b
#[test]
fn a_ring_that_is_full_does_not_wait() {
    // Five frames of history leave room for 251 (DRV-06).
    let mut scenario = Scenario { ports: vec![veth("v")], ..Scenario::default() };
    scenario.ports[0].rx_usecs = Nanos(1_000_000);
    attach(&mut scenario, "v", ProgramKind::Verdict(XdpAction::DROP));
    let mut lab = lab(&scenario);
    for _ in 0..5 {
        lab.at(Nanos(1)).send("v", &frame(0));
    }
    for _ in 0..300 {
        lab.at(Nanos(2_000_000)).send("v", &frame(0));
    }
    let run = settled(&mut lab);
    assert_eq!((run.count(Fate::Dropped), run.count(Fate::RingFull)), (305, 0));
    assert_eq!((polled(&lab, 255).2, polled(&lab, 256).2), (2_000_000, 3_000_000));
}

/// Rule: RSS-12.b, DRV-09.g
#[test]
fn a_ring_that_nobody_empties_takes_no_skbs() {
    // Another port fills the ring of w with 256 frames that wake nobody.
    let mut scenario = ideal(&["a"]);
    scenario.ports.extend(pair("v", "w", true));
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 1).with_program(0, "v", "entry")];
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    attach(&mut scenario, "w", ProgramKind::Verdict(XdpAction::DROP));
    let mut entry = vec![vec![PASS]; 16];
    entry.push(vec![DROP]);
    entry_program(&mut scenario, "entry", ProgramKind::Script(entry));
    let mut lab = lab(&scenario);
    for i in 0..16 {
        for _ in 0..17 {
            lab.at(Nanos(1 + i)).send("a", &frame(0));
        }
    }
    lab.at(Nanos(100)).send("w", &frame(0));
    let run = settled(&mut lab);
    assert_eq!((run.count(Fate::Stuck), run.count(Fate::RingFull)), (256, 1));
    assert_eq!(run.veth("v").unwrap().tx_dropped, 1, "the sender's");
}

/// A scenario with its name, and the ports and times of its frames.
type Case = (&'static str, Scenario, Vec<(&'static str, u64)>);

/// Scenarios that leave frames in queues or rings for a while.
fn held() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut delayed = ideal(&["a", "b"]);
    delayed.ports[0].rx_usecs = Nanos(50);
    let rewrite = vec![xdpsim_core::scenario::Op::SetByte { offset: 3, value: 9 }];
    script(&mut delayed, "a", vec![[rewrite.clone(), to_ifindex(2)].concat()]);
    cases.push(("interrupts", delayed, (0..400).map(|i| ("a", i * 7)).collect()));

    // Broadcasts of rewritten frames whose second clone fails, between polls of another port.
    let mut left_over = Scenario { maps: vec![devmap(&["b", "c", "v"])], ..Scenario::default() };
    left_over.ports = vec![veth("x"), PortSpec::ideal("a"), PortSpec::ideal("b"), PortSpec::ideal("c")];
    left_over.ports.push(veth("v"));
    script(&mut left_over, "x", vec![[rewrite.clone(), to_key("ports", 9, BROADCAST)].concat()]);
    script(&mut left_over, "a", vec![to_ifindex(3), vec![PASS], to_key("ports", 2, 0)]);
    let clone = |nth| FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth };
    left_over.faults = (1..100).filter(|nth| nth % 4 != 0).map(clone).collect();
    let frames = (0..200).map(|i| (if i % 5 == 4 { "a" } else { "x" }, i / 2 * 10)).collect();
    cases.push(("left over", left_over, frames));

    // A chain of pairs, XDP_TX on the way, one end that only GRO would wake, and a line at the end.
    let mut chain = ideal(&["a"]);
    chain.ports.extend(pair("v", "w", true));
    chain.ports.extend(pair("s", "t", true));
    chain.ports.push(PortSpec::new(
        "n",
        PortKind::Nic { rate: Some(xdpsim_core::BitRate(1_000_000_000)), tx_ring: 8 },
    ));
    let far = PeerSpec::FarEnd { mtu: 1500, gro: true, xdp: false, up: true, queues: 1 };
    chain.ports.push(behind("g", far));
    chain.maps = vec![MapSpec::new("ports", MapKind::Devmap, 1).with_program(0, "v", "entry")];
    script(&mut chain, "a", vec![to_key("ports", 0, 0), to_ifindex(7)]);
    script(&mut chain, "w", vec![vec![TX], to_ifindex(4), [rewrite, to_ifindex(6)].concat()]);
    attach(&mut chain, "t", ProgramKind::Verdict(XdpAction::TX));
    attach(&mut chain, "g", ProgramKind::Verdict(XdpAction::TX));
    let mut entry = vec![vec![PASS]; 5];
    entry.push(vec![DROP]);
    entry_program(&mut chain, "entry", ProgramKind::Script(entry));
    let down = |at, up| Change { at: At::Time(Nanos(at)), action: Action::SetUp { port: "t".into(), up } };
    chain.changes = vec![down(700, false), down(900, true)];
    let ports = ["a", "a", "g", "w", "a", "t"];
    cases.push(("chain", chain, (0..600).map(|i| (ports[i as usize % 6], i / 9 * 20)).collect()));
    cases
}

#[test]
fn how_frames_are_fed_does_not_matter() {
    for (name, scenario, frames) in held() {
        for timing in [Timing::Capture, Timing::Asap] {
            for cpus in [1, 2] {
                let mut lab = lab(&Scenario { cpus, ..scenario.clone() });
                lab.timing(timing);
                for (i, &(port, time)) in frames.iter().enumerate() {
                    lab.at(Nanos(1 + time)).send(port, &frame(i as u8));
                }
                let run = settled(&mut lab);
                assert!(run.count(Fate::Delivered) > 0, "{name}");
            }
        }
    }
}
