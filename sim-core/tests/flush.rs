//! Step 3: what the end of a poll sends, in which order, and what the driver's answer means.
//!
//! Drivers of one's own stand where a real one cannot be made to answer like that.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::driver::Xmit;
use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, FaultKind, FaultSpec, MapSpec, PortSpec, ProgramKind, Scenario,
};
use xdpsim_core::{Errno, Fate, FrameNo, MapKind, Nanos, UpdateFlags};

/// Ports a, b, c and d (ifindex 1 to 4), and a map `ports` with b, c and d under 0, 1 and 2.
fn fan() -> Scenario {
    Scenario { maps: vec![devmap(&["b", "c", "d"])], ..ideal(&["a", "b", "c", "d"]) }
}

/// a redirects to an ideal port b (ifindex 2) by an entry with a program of these scripts.
fn with_entry(cycle: Vec<Vec<xdpsim_core::scenario::Op>>) -> Scenario {
    let mut scenario = ideal(&["a", "b"]);
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 1).with_program(0, "b", "entry")];
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    entry_program(&mut scenario, "entry", ProgramKind::Script(cycle));
    scenario
}

/// A frame for each entry, at once.
fn send(lab: &mut xdpsim_core::lab::Lab, port: &str, frames: usize) {
    for mark in 0..frames {
        lab.send(port, &frame(mark as u8));
    }
}

/// Rule: FLU-01.a
#[test]
fn every_poll_flushes_what_it_queued() {
    let mut scenario = ideal(&["a", "b", "c"]);
    script(&mut scenario, "a", vec![to_ifindex(3)]);
    script(&mut scenario, "b", vec![to_ifindex(3)]);
    let mut lab = lab(&scenario);
    send(&mut lab, "a", 5);
    send(&mut lab, "b", 4);
    assert_eq!(xmits(&settled(&mut lab)), [(1, 3, 5, 0, None), (2, 3, 4, 0, None)]);
}

/// Rule: FLU-01.b, FLU-04.a
#[test]
fn what_holds_no_frame_is_not_flushed() {
    let mut scenario = fan();
    script(&mut scenario, "a", vec![to_ifindex(2), to_ifindex(3), to_ifindex(3), vec![PASS], vec![DROP]]);
    let mut lab = lab(&scenario);
    send(&mut lab, "a", 2);
    lab.at(Nanos(2)).send("a", &frame(2)); // a poll that uses only one of the two queues
    lab.at(Nanos(3)).send("a", &frame(3)).send("a", &frame(4)); // one that uses none
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 3, 1, 0, None), (1, 2, 1, 0, None), (1, 3, 1, 0, None)]);
}

/// Rule: FLU-02.a
#[test]
fn all_ways_to_a_device_share_one_order() {
    let mut scenario = fan();
    scenario.maps.push(MapSpec::new("hash", MapKind::DevmapHash, 4).with(7, "c"));
    let (b, c, d) = (to_key("ports", 0, 0), to_key("hash", 7, 0), to_ifindex(4));
    for (order, flushed) in [([&b, &c, &d], [4, 3, 2]), ([&d, &c, &b], [2, 3, 4]), ([&c, &b, &d], [4, 2, 3])]
    {
        let mut scenario = scenario.clone();
        script(&mut scenario, "a", order.map(Clone::clone).to_vec());
        let to: Vec<u32> = xmits(&burst(&scenario, "a", 3)).iter().map(|xmit| xmit.1).collect();
        assert_eq!(to, flushed);
    }
}

/// Rule: FLU-03.a, FLU-03.b
#[test]
fn the_device_that_came_last_is_flushed_first() {
    let mut scenario = fan();
    script(&mut scenario, "a", vec![to_ifindex(3), to_ifindex(2), to_ifindex(4), to_ifindex(2)]);
    let run = burst(&scenario, "a", 8);
    assert_eq!(xmits(&run), [(1, 4, 2, 0, None), (1, 2, 4, 0, None), (1, 3, 2, 0, None)]);
    assert_eq!(run.numbers("b"), [1, 3, 5, 7]);
}

/// Rule: FLU-04.b, FLU-04.c, FLU-04.f
#[test]
fn the_driver_gets_what_the_program_left() {
    // Of 16 frames the program drops 8, of the last one none.
    let mut lab = lab(&with_entry(vec![vec![PASS], vec![DROP]]));
    let (driver, calls) = Answers::new(&[]);
    lab.driver("b", driver);
    send(&mut lab, "a", 17);
    let run = lab.run();
    assert_eq!(*calls.lock().unwrap(), [(8, false), (1, true)]);
    assert_eq!(xmits(&run), [(1, 2, 8, 8, None), (1, 2, 1, 0, None)]);
    assert_eq!(run.numbers("b"), [0, 2, 4, 6, 8, 10, 12, 14, 16]);
}

/// Rule: FLU-04.d, FLU-09.a
#[test]
fn an_error_of_the_driver_frees_the_whole_bulk() {
    let mut scenario = ideal(&["a", "b"]);
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    let mut lab = lab(&scenario);
    // An errno beside a count: the errno counts.
    let odd = Xmit { sent: 2, ..Xmit::failed(Errno::ENOBUFS, Fate::DriverFault) };
    lab.driver("b", Answers::new(&[Xmit::failed(Errno::EIO, Fate::DriverFault), odd]).0);
    send(&mut lab, "a", 20);
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 2, 0, 16, Some(Errno::EIO)), (1, 2, 0, 4, Some(Errno::ENOBUFS))]);
    assert_eq!((run.count(Fate::DriverFault), run.numbers("b")), (20, vec![]));
}

/// Rule: FLU-04.e, FLU-09.a
#[test]
fn what_the_driver_does_not_take_is_freed_once() {
    let mut scenario = ideal(&["a", "b"]);
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    let mut lab = lab(&scenario);
    let short = |sent| Xmit::some(sent, Fate::DriverShort);
    // The third answer is more than the driver was given: it cannot take more than all.
    lab.driver("b", Answers::new(&[short(0), short(5), short(99)]).0);
    send(&mut lab, "a", 40);
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 2, 0, 16, None), (1, 2, 5, 11, None), (1, 2, 8, 0, None)]);
    assert_eq!(run.numbers("b"), [16, 17, 18, 19, 20, 32, 33, 34, 35, 36, 37, 38, 39]);
    assert_eq!(run.count(Fate::DriverShort), 27);
}

/// Rule: FLU-04.d, FLU-04.e
#[test]
fn a_fault_plan_fails_the_transmits_it_names() {
    let mut scenario = ideal(&["a", "b"]);
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    let fault = |kind, nth| FaultSpec { port: "b".into(), kind, nth };
    scenario.faults = vec![fault(FaultKind::Xmit(Errno::ENOBUFS), 1), fault(FaultKind::XmitShort(3), 3)];
    let mut lab = lab(&scenario);
    send(&mut lab, "a", 40);
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 2, 0, 16, Some(Errno::ENOBUFS)), (1, 2, 16, 0, None), (1, 2, 3, 5, None)]);
    assert_eq!((run.count(Fate::DriverFault), run.count(Fate::DriverShort)), (16, 5));
}

/// Rule: FLU-05.a, FLU-05.b
#[test]
fn drops_of_program_and_driver_are_one_number_without_errno() {
    let mut lab = lab(&with_entry(vec![vec![PASS], vec![PASS], vec![DROP]]));
    lab.driver("b", Answers::new(&[Xmit::some(3, Fate::DriverShort)]).0);
    send(&mut lab, "a", 9); // 3 dropped by the program, 3 of the other 6 taken
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 2, 3, 6, None)]);
    assert_eq!((run.count(Fate::EntryDropped), run.count(Fate::DriverShort)), (3, 3));
}

/// a redirects to a veth port v by an entry whose program passes 16 frames and drops the rest.
fn sixteen_then_none() -> Scenario {
    let mut scenario = ideal(&["a"]);
    scenario.ports.push(veth("v"));
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 1).with_program(0, "v", "entry")];
    let mut cycle = vec![to_key("ports", 0, 0); 17];
    cycle.push(to_ifindex(2)); // past the program
    script(&mut scenario, "a", cycle);
    let mut entry = vec![vec![PASS]; 16];
    entry.push(vec![DROP]);
    entry_program(&mut scenario, "entry", ProgramKind::Script(entry));
    scenario
}

/// Rule: FLU-06.a
#[test]
fn no_frame_left_means_no_call_of_the_driver() {
    let mut lab = lab(&with_entry(vec![vec![DROP]]));
    let (driver, calls) = Answers::new(&[Xmit::failed(Errno::EIO, Fate::DriverFault)]);
    lab.driver("b", driver);
    send(&mut lab, "a", 3);
    let run = lab.run();
    assert!(calls.lock().unwrap().is_empty());
    assert_eq!(xmits(&run), [(1, 2, 0, 3, None)]);
}

/// Rule: FLU-06.b
#[test]
fn frames_of_a_partial_flush_wait_for_a_wake_up_that_does_not_come() {
    let mut lab = lab(&sixteen_then_none());
    send(&mut lab, "a", 17);
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 2, 16, 0, None), (1, 2, 0, 1, None)]);
    assert_eq!((run.count(Fate::Stuck), run.count(Fate::EntryDropped)), (16, 1));
    assert!(run.is_silent("v"));
}

/// Rule: FLU-06.c
#[test]
fn the_next_redirected_frame_releases_them() {
    let mut lab = lab(&sixteen_then_none());
    send(&mut lab, "a", 17);
    lab.at(Nanos(1000)).send("a", &frame(17));
    let run = settled(&mut lab);
    assert_eq!(run.numbers("v"), (0..16).chain([17]).collect::<Vec<u64>>());
    assert_eq!(run.count(Fate::Stuck), 0);
}

/// The port v (ifindex 1) broadcasts to b, c and d, and the clone for c fails: a clone for b is left in
/// its queue. Frame 1 of v redirects to b with success. The port a (ifindex 2) redirects to b or passes.
fn left_over() -> Scenario {
    let mut scenario = Scenario {
        ports: vec![veth("v"), PortSpec::ideal("a")],
        maps: vec![devmap(&["b", "c", "d"])],
        ..Scenario::default()
    };
    scenario.ports.extend(["b", "c", "d"].map(PortSpec::ideal));
    script(&mut scenario, "v", vec![to_key("ports", 9, BROADCAST), to_ifindex(99), to_ifindex(3)]);
    script(&mut scenario, "a", vec![to_ifindex(3), vec![PASS]]);
    scenario.faults = vec![FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth: 1 }];
    scenario
}

/// Rule: FLU-07.a, FLU-07.b, BRD-10.b
#[test]
fn a_veth_poll_without_a_success_flushes_nothing() {
    let mut lab = lab(&left_over());
    send(&mut lab, "v", 1);
    lab.at(Nanos(1000)).send("v", &frame(1)); // fails, too
    let run = settled(&mut lab);
    assert_eq!(errors(&run), [Some(Errno::ENOMEM), Some(Errno::EINVAL)]);
    assert_eq!(xmits(&run), []);
    assert_eq!(fates(&run, Fate::Stuck), [("b".to_owned(), 1)]);
    assert_eq!((run.count(Fate::CloneFailed), run.report.clones), (1, 1));
}

/// Rule: FLU-07.b, ENQ-05.a
#[test]
fn the_next_success_flushes_what_was_left() {
    let mut lab = lab(&left_over());
    send(&mut lab, "v", 2);
    lab.at(Nanos(1000)).send("v", &frame(2));
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 3, 2, 0, None)]);
    assert_eq!(run.numbers("b"), [0, 2]);
}

/// Rule: ENQ-05.a
#[test]
fn frames_of_another_port_join_a_queue_that_was_left() {
    let mut lab = lab(&left_over());
    send(&mut lab, "v", 1);
    lab.at(Nanos(1000)).send("a", &frame(1));
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 3, 2, 0, None)], "both count as from v");
    assert_eq!(run.frames("b"), [frame(0), frame(1)]);
    let by_ingress: Vec<&str> =
        run.report.ends.keys().filter(|end| end.fate == Fate::Delivered).map(|end| &*end.ingress).collect();
    assert_eq!(by_ingress, ["a", "v"], "the books know better");
}

/// Rule: FLU-07.b
#[test]
fn other_drivers_flush_what_a_veth_left() {
    let mut scenario = left_over();
    script(&mut scenario, "a", vec![vec![PASS]]);
    let mut lab = lab(&scenario);
    send(&mut lab, "v", 1);
    lab.at(Nanos(1000)).send("a", &frame(1));
    assert_eq!(xmits(&settled(&mut lab)), [(1, 3, 1, 0, None)]);
}

/// Rule: FLU-07.b
#[test]
fn more_left_overs_than_a_queue_holds_are_flushed_in_part() {
    let mut scenario = left_over();
    script(&mut scenario, "v", vec![to_key("ports", 9, BROADCAST)]);
    let failing = |nth| FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth };
    scenario.faults = (1..=300).map(failing).collect();
    let mut lab = lab(&scenario);
    for i in 0..300 {
        lab.at(Nanos(1 + 1000 * i)).send("v", &frame(i as u8));
    }
    let run = settled(&mut lab);
    // 16 at the 17th, and so on; what a poll's table cannot hold any more is flushed, too.
    assert!(xmits(&run).iter().all(|xmit| xmit.2 == 16), "{:?}", xmits(&run));
    assert_eq!(run.frames("b").len() as u64 + run.count(Fate::Stuck), 300);
    assert!(run.count(Fate::Stuck) <= 16);
    assert_eq!(run.frames("b")[17], frame(17));
}

/// Rule: FLU-08.a
#[test]
fn after_a_final_flush_the_next_entry_decides_anew() {
    let mut scenario = ideal(&["a", "b", "c"]);
    scenario.maps =
        vec![MapSpec::new("ports", MapKind::Devmap, 2).with_program(0, "c", "entry").with(1, "c")];
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    script(&mut scenario, "b", vec![to_key("ports", 1, 0), to_ifindex(1)]);
    entry_program(&mut scenario, "entry", ProgramKind::Script(vec![vec![DROP]]));
    let mut lab = lab(&scenario);
    send(&mut lab, "a", 2);
    lab.at(Nanos(2));
    send(&mut lab, "b", 2);
    // Another program, another ingress, and the queue is at the back of a new list.
    let run = settled(&mut lab);
    assert_eq!(xmits(&run), [(1, 3, 0, 2, None), (2, 1, 1, 0, None), (2, 3, 1, 0, None)]);
}

/// Rule: MAP-14.a, MAP-15.a
#[test]
fn what_is_queued_keeps_its_device_and_program() {
    let mut scenario = left_over();
    scenario.maps = vec![
        MapSpec::new("inner", MapKind::Devmap, 3).with_program(0, "b", "marks").with(1, "c").with(2, "d"),
        MapSpec::new("other", MapKind::Devmap, 3),
        MapSpec {
            entries: vec![xdpsim_core::scenario::EntrySpec {
                key: 0,
                value: EntryValue::Map("inner".into()),
            }],
            ..MapSpec::new("outer", MapKind::ArrayOfMaps, 1)
        },
    ];
    scenario.programs.clear();
    let broadcast =
        xdpsim_core::scenario::Op::RedirectInner { map: "outer".into(), outer: 0, key: 0, flags: BROADCAST };
    script(&mut scenario, "v", vec![vec![broadcast, REDIRECT]]);
    script(&mut scenario, "a", vec![vec![PASS]]);
    let mark = xdpsim_core::scenario::Op::SetByte { offset: 0, value: 77 };
    entry_program(&mut scenario, "marks", ProgramKind::Script(vec![vec![mark, PASS]]));
    // Between enqueue and flush the entry goes, and so does the last reference to the map.
    let at = At::Frame(FrameNo(1));
    let value = EntryValue::Map("other".into());
    scenario.changes = vec![
        Change { at, action: Action::DeleteEntry { map: "inner".into(), key: 0 } },
        Change {
            at,
            action: Action::UpdateEntry { map: "outer".into(), key: 0, value, flags: UpdateFlags::ANY },
        },
    ];
    let mut lab = lab(&scenario);
    send(&mut lab, "v", 1);
    lab.at(Nanos(1000)).send("a", &frame(1));
    let run = settled(&mut lab);
    assert_eq!(run.changes_failed, []);
    assert_eq!(run.frames("b"), [frame(77)]);
}
