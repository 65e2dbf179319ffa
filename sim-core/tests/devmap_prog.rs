//! Programs of devmap entries: when they run, on what, and what their verdicts mean.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{MapSpec, Op, ProgramKind, Rss, Scenario};
use xdpsim_core::{Desc, Fate, FrameNo, IfIndex, MapKind, QueueId, XdpAction};

/// a redirects to b (ifindex 2) by an entry with the program `entry`; c (ifindex 3) is under key 1.
fn with_entry(kind: ProgramKind) -> Scenario {
    let mut scenario = ideal(&["a", "b", "c"]);
    scenario.maps =
        vec![MapSpec::new("ports", MapKind::Devmap, 2).with_program(0, "b", "entry").with(1, "c")];
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    entry_program(&mut scenario, "entry", kind);
    scenario
}

fn verdict(act: u32) -> Op {
    Op::Return(XdpAction(act))
}

/// The scenario with a program that notes what it sees instead of `entry`.
fn noting(scenario: &Scenario) -> (Notes, Lab) {
    let (notes, own) = Note::called("entry");
    (notes, Lab::with_programs(scenario, own).unwrap())
}

/// Rule: DVP-01.a
#[test]
fn programs_run_at_the_flush_in_order() {
    // ABORTED and its event mark where the program runs.
    let run = burst(&with_entry(ProgramKind::Verdict(XdpAction::ABORTED)), "a", 17);
    let mut expected = vec!["xdp_redirect"; 16];
    expected.extend(["xdp_exception"; 16]);
    expected.extend(["xdp_devmap_xmit", "xdp_redirect", "xdp_exception", "xdp_devmap_xmit"]);
    assert_eq!(names(&run), expected);

    let (notes, mut lab) = noting(&with_entry(ProgramKind::Verdict(XdpAction::PASS)));
    for mark in 0..3 {
        lab.send("a", &frame(mark));
    }
    let _ = lab.run();
    let marks: Vec<u8> = notes.lock().unwrap().iter().map(|seen| seen.mark).collect();
    assert_eq!(marks, [0, 1, 2]);
}

/// Rule: DVP-02.a, DVP-02.c, DVP-02.d, DVP-02.e, DVP-02.f, DVP-07.a
#[test]
fn only_pass_keeps_a_frame() {
    let redirects = vec![call("ports", 1, 0), Op::ReturnHelper]; // REDIRECT with a target
    let mut cycle: Vec<Vec<Op>> = [0, 2, 1, 3, 2, 9].map(|act| vec![verdict(act)]).to_vec();
    cycle.push(redirects);
    cycle.push(vec![PASS]);
    let run = burst(&with_entry(ProgramKind::Script(cycle)), "a", 8);
    assert_eq!(exceptions(&run), [(2, 0, 2), (2, 3, 2), (2, 9, 2), (2, 4, 2)]);
    assert_eq!(run.numbers("b"), [1, 4, 7]);
    assert!(run.is_silent("c") && run.is_silent("a"));
    assert_eq!(xmits(&run), [(1, 2, 3, 5, None)]);
    let counts = [Fate::EntryDropped, Fate::EntryAborted, Fate::EntryUnsupported].map(|fate| run.count(fate));
    assert_eq!(counts, [1, 1, 3]);
}

/// Rule: DVP-03.a, DVP-03.b, DVP-03.d
#[test]
fn the_program_sees_both_ports_and_the_frames_room() {
    let mut scenario = with_entry(ProgramKind::Verdict(XdpAction::PASS));
    script(&mut scenario, "a", vec![[vec![Op::AdjustMeta(-8)], to_key("ports", 0, 0)].concat()]);
    let (notes, mut lab) = noting(&scenario);
    lab.send("a", &frame(5)).send_with_head("a", &frame(6), 100);
    let _ = lab.run();
    let notes = notes.lock().unwrap();
    assert_eq!((notes[0].ingress, notes[0].egress), (IfIndex(1), Some(IfIndex(2))));
    assert_eq!((notes[0].mark, notes[0].len, &*notes[0].meta), (5, 60, &[0; 8][..]));
    // The frame's header takes 40 bytes, metadata 8.
    assert_eq!((notes[0].head_room, notes[1].head_room), (256 - 48, 100 - 48));
}

/// Rule: DVP-03.c, DVP-10.a
#[test]
fn the_receive_queue_is_unknown_to_the_program() {
    let mut scenario = with_entry(ProgramKind::Verdict(XdpAction::PASS));
    scenario.ports[0].queues = 4;
    scenario.ports[0].rss = Rss::RoundRobin;
    let (notes, mut lab) = noting(&scenario);
    for mark in 0..4 {
        lab.send("a", &frame(mark));
    }
    let _ = lab.run();
    let queues: Vec<QueueId> = notes.lock().unwrap().iter().map(|seen| seen.queue).collect();
    assert_eq!(queues, [QueueId(0); 4]);
}

/// Rule: DVP-04.a, DVP-04.b
#[test]
fn what_the_program_writes_leaves_with_the_frame() {
    let ops = vec![
        Op::AdjustHead(-14),
        Op::SetByte { offset: 0, value: 7 },
        Op::AdjustTail(200),
        Op::SetByte { offset: 273, value: 8 },
        PASS,
    ];
    let run = burst(&with_entry(ProgramKind::Script(vec![ops, vec![Op::AdjustHead(32), PASS]])), "a", 2);
    let grown = &run.frames("b")[0];
    assert_eq!((grown.len(), grown[0], grown[13], grown[14], grown[273]), (274, 7, 0, 0, 8));
    assert_eq!(run.frames("b")[1], [0; 28]);
    assert_eq!(run.report.delivered("b"), (2, 274 + 28));
}

/// Rule: DVP-04.b
#[test]
fn metadata_of_a_port_program_reaches_the_entry_program() {
    let mut scenario = with_entry(ProgramKind::Verdict(XdpAction::PASS));
    script(&mut scenario, "a", vec![[vec![Op::AdjustMeta(-4)], to_key("ports", 0, 0)].concat()]);
    scenario.ports[1] = veth("b");
    // Behind the veth the next program sees the metadata that the entry's program made longer.
    let ops = vec![Op::AdjustMeta(-8), PASS];
    entry_program(&mut scenario, "longer", ProgramKind::Script(vec![ops]));
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 2).with_program(0, "b", "longer")];
    let [b, far] = pair("b", "far", true);
    scenario.ports[1] = b;
    scenario.ports.push(far);
    attach(&mut scenario, "far", ProgramKind::Verdict(XdpAction::PASS));
    let (notes, own) = Note::called("on_far");
    let mut lab = Lab::with_programs(&scenario, own).unwrap();
    lab.send("a", &frame(1));
    let _ = settled(&mut lab);
    assert!(notes.lock().unwrap().iter().all(|seen| seen.meta.len() == 12 && seen.head_room == 256 - 52));
}

/// Rule: DVP-04.c
#[test]
fn a_frame_may_grow_beyond_the_targets_limit() {
    let mut scenario = with_entry(ProgramKind::Script(vec![vec![Op::AdjustTail(200), PASS]]));
    scenario.ports[1].mtu = Some(100);
    assert_eq!(burst(&scenario, "a", 1).frames("b")[0].len(), 260);
    // A driver that looks at the length refuses.
    scenario.ports[1] = far_end("b", 100, true, true);
    let run = burst(&scenario, "a", 1);
    assert_eq!((xmits(&run), run.count(Fate::PeerTooLong)), (vec![(1, 2, 0, 1, None)], 1));
}

/// Rule: DVP-05.a
#[test]
fn each_copy_has_bytes_of_its_own() {
    let mut scenario = ideal(&["a", "b", "c", "d", "e"]);
    let map = MapSpec::new("ports", MapKind::Devmap, 4);
    scenario.maps = vec![
        map.with_program(0, "b", "entry")
            .with(1, "c")
            .with_program(2, "d", "entry")
            .with_program(3, "e", "entry"),
    ];
    script(&mut scenario, "a", vec![to_key("ports", 0, BROADCAST)]);
    entry_program(&mut scenario, "entry", ProgramKind::Verdict(XdpAction::PASS));
    let (notes, mut lab) = noting(&scenario);
    lab.send("a", &frame(40));
    let run = lab.run();
    let seen: Vec<u8> = notes.lock().unwrap().iter().map(|seen| seen.mark).collect();
    assert_eq!(seen, [40; 3]);
    for (port, mark) in [("b", 41), ("c", 40), ("d", 41), ("e", 41)] {
        assert_eq!(run.frames(port), [frame(mark)], "{port}");
    }
}

/// Rule: DVP-06.a
#[test]
fn each_target_of_a_broadcast_runs_its_queues_program() {
    let mut scenario = ideal(&["a", "b", "c"]);
    let map = MapSpec::new("ports", MapKind::Devmap, 2);
    scenario.maps = vec![map.with_program(0, "b", "to_1").with_program(1, "c", "to_2")];
    // The first frame, by ifindex, gives the queue of c no program.
    script(&mut scenario, "a", vec![to_ifindex(3), to_key("ports", 0, BROADCAST)]);
    let set = |value| ProgramKind::Rewrite { offset: 0, bytes: vec![value] };
    entry_program(&mut scenario, "to_1", set(101));
    entry_program(&mut scenario, "to_2", set(102));
    let run = burst(&scenario, "a", 2);
    assert_eq!((run.frames("b"), run.frames("c")), (vec![frame(101)], vec![frame(0), frame(1)]));
    script(&mut scenario, "a", vec![to_key("ports", 0, BROADCAST)]);
    let run = burst(&scenario, "a", 1);
    assert_eq!((run.frames("b"), run.frames("c")), (vec![frame(101)], vec![frame(102)]));
}

/// Rule: DVP-07.a
#[test]
fn a_program_cannot_send_the_frame_elsewhere() {
    for ops in [to_ifindex(3), to_key("ports", 1, 0), to_key("ports", 1, BROADCAST), vec![TX]] {
        let run = burst(&with_entry(ProgramKind::Script(vec![ops])), "a", 1);
        assert_eq!(run.deliveries(), []);
        assert_eq!(fates(&run, Fate::EntryUnsupported), [("b".to_owned(), 1)]);
    }
}

/// Rule: DVP-08.a
#[test]
fn a_drop_comes_after_the_redirect_was_a_success() {
    let mut scenario = with_entry(ProgramKind::Verdict(XdpAction::DROP));
    scenario.ports[0] = veth("a");
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    let run = burst(&scenario, "a", 3);
    assert_eq!((errors(&run), xmits(&run)), (vec![None; 3], vec![(1, 2, 0, 3, None)]));
    let counters = run.veth("a").unwrap();
    assert_eq!((counters.xdp_redirect, counters.drops, counters.xdp_drops), (3, 0, 0));
}

/// Rule: DVP-09.a
#[test]
fn a_helper_call_in_a_partial_flush_arms_the_next_packet() {
    let mut scenario = with_entry(ProgramKind::Script(vec![vec![call("ports", 1, 0), PASS]]));
    let mut cycle = vec![to_key("ports", 0, 0); 17];
    cycle.push(vec![REDIRECT]);
    script(&mut scenario, "a", cycle.clone());
    let run = burst(&scenario, "a", 18);
    assert_eq!((run.numbers("c"), run.numbers("b").len()), (vec![17], 17));
    // Without a partial flush there is nothing to be armed by.
    cycle.remove(0);
    script(&mut scenario, "a", cycle);
    let run = burst(&scenario, "a", 17);
    assert_eq!((run.count(Fate::NoTarget), run.is_silent("c")), (1, true));
}

/// Rule: DVP-02.a
#[test]
fn a_frame_of_least_headroom_is_kept() {
    let scenario = with_entry(ProgramKind::Script(vec![vec![Op::AdjustHead(-1), Op::AdjustMeta(-4), PASS]]));
    let mut lab = lab(&scenario);
    lab.send_with_head("a", &frame(3), 40);
    assert_eq!(lab.run().frames("b"), [frame(3)], "no room to enter the frame's header");
    assert!(!Desc::arrived(0, 60, FrameNo(0)).with_head(39, 0).converts());
}
