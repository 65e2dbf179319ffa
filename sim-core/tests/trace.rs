//! What the tracepoints say: rules TRC-01 to TRC-07, TRC-10 and TRC-11.

use crate::common;
use common::*;
use xdpsim_core::lab::Run;
use xdpsim_core::scenario::{Action, At, Change, FaultKind, FaultSpec, MapSpec, Op, ProgramKind, Scenario};
use xdpsim_core::{Errno, Event, FrameNo, IfIndex, MapKind, Nanos, ProgId, XdpAction};

const INT_MAX: u32 = 2_147_483_647;

/// Ports a, b, c with ifindex 11 to 13; `map` (id 1) and `hash` (id 2): key 5 is b, key 6 is c.
fn bench(ops: Vec<Op>) -> Scenario {
    let mut scenario = ideal(&["a", "b", "c"]);
    for (port, ifindex) in scenario.ports.iter_mut().zip(11..) {
        port.ifindex = Some(IfIndex(ifindex));
    }
    for (name, kind) in [("map", MapKind::Devmap), ("hash", MapKind::DevmapHash)] {
        scenario.maps.push(MapSpec::new(name, kind, 8).with(5, "b").with(6, "c"));
    }
    // Ids count from 1, so the program on a is number 2.
    entry_program(&mut scenario, "entry", ProgramKind::Verdict(XdpAction::ABORTED));
    script(&mut scenario, "a", vec![ops]);
    scenario
}

fn events(ops: Vec<Op>) -> Vec<Event> {
    burst(&bench(ops), "a", 1).events
}

/// Rule: TRC-01.a
#[test]
fn an_exception_names_program_verdict_and_device() {
    let exception = |prog, act, ifindex| Event::Exception {
        prog_id: ProgId(prog),
        act: XdpAction(act),
        ifindex: IfIndex(ifindex),
    };
    assert_eq!(events(vec![Op::Return(XdpAction(0x1_0004))]), [exception(2, 0x1_0004, 11)]);
    assert_eq!(events(vec![Op::Return(XdpAction::ABORTED)]), [exception(2, 0, 11)]);
    // Of a devmap program: its own id, and the device that transmits.
    let mut scenario = bench(to_key("with_program", 0, 0));
    scenario.maps.push(MapSpec::new("with_program", MapKind::Devmap, 1).with_program(0, "c", "entry"));
    assert_eq!(burst(&scenario, "a", 1).events[1], exception(1, 0, 13));
}

/// Rule: TRC-02.a
#[test]
fn a_bulk_tx_names_device_drops_sent_and_error() {
    let bulk_tx = |gro: bool, faults: Vec<FaultSpec>| {
        let [mut v0, v1] = pair("v0", "v1", gro);
        v0.ifindex = Some(IfIndex(21));
        let mut scenario = Scenario { ports: vec![v0, v1], faults, ..Scenario::default() };
        script(&mut scenario, "v0", vec![vec![TX]]);
        burst(&scenario, "v0", 3).events
    };
    let event = |drops, sent, err| Event::BulkTx { ifindex: IfIndex(21), drops, sent, err };
    assert_eq!(bulk_tx(true, vec![]), [event(0, 3, None)]);
    assert_eq!(bulk_tx(false, vec![]), [event(3, 0, Some(Errno::ENXIO))]);
    let short = FaultSpec { port: "v0".into(), kind: FaultKind::XmitShort(1), nth: 1 };
    assert_eq!(bulk_tx(true, vec![short]), [event(2, 1, None)]);
}

/// Rule: TRC-03.a, TRC-05.b
#[test]
fn a_redirect_names_program_ingress_target_and_key() {
    for (map, map_id) in [("map", 1), ("hash", 2)] {
        let expected = Event::Redirect {
            prog_id: ProgId(2),
            ifindex: IfIndex(11),
            err: None,
            to_ifindex: IfIndex(13),
            map_id,
            map_index: 6,
        };
        assert_eq!(events(to_key(map, 7 << 32 | 6, 0))[0], expected);
        assert_eq!(expected.name(), "xdp_redirect");
    }
}

/// Rule: TRC-03.a
#[test]
fn a_failed_redirect_has_the_same_fields_and_an_errno() {
    let mut scenario = bench(to_key("map", 6, 0));
    scenario.ports[2].up = false;
    let expected = Event::Redirect {
        prog_id: ProgId(2),
        ifindex: IfIndex(11),
        err: Some(Errno::ENETDOWN),
        to_ifindex: IfIndex(13),
        map_id: 1,
        map_index: 6,
    };
    assert_eq!(burst(&scenario, "a", 1).events, [expected]);
    assert_eq!(expected.name(), "xdp_redirect_err");
}

/// Rule: TRC-04.a
#[test]
fn a_redirect_to_an_ifindex_prints_it_as_target_and_no_key() {
    let run = burst(&bench(to_ifindex(12)), "a", 1);
    assert_eq!(redirects(&run), [(12, INT_MAX, 0, None)]);
}

/// Rule: TRC-04.b
#[test]
fn a_failed_redirect_to_an_ifindex_prints_what_was_asked_for() {
    for (ifindex, errno) in [(9999, Errno::EINVAL), (0, Errno::EINVAL), (12, Errno::ENETDOWN)] {
        let mut scenario = bench(to_ifindex(ifindex));
        scenario.ports[1].up = false;
        assert_eq!(redirects(&burst(&scenario, "a", 1)), [(ifindex, INT_MAX, 0, Some(errno))]);
    }
}

/// Rule: TRC-05.a
#[test]
fn a_broadcast_prints_the_entry_at_its_key_if_there_is_one() {
    for (map, map_id) in [("map", 1), ("hash", 2)] {
        for (key, to_ifindex) in [(5, 12), (6, 13), (7, 0), (99, 0)] {
            let run = burst(&bench(to_key(map, key, BROADCAST)), "a", 1);
            assert_eq!(redirects(&run), [(to_ifindex, map_id, key as u32, None)]);
        }
    }
}

/// Rule: TRC-06.a
#[test]
fn a_redirect_without_target_prints_the_stale_key_only() {
    for (target, stale) in [(call("map", 5, 0), 5), (call("hash", 99, BROADCAST), 99), (call_ifindex(13), 13)]
    {
        let mut scenario = bench(vec![]);
        script(&mut scenario, "a", vec![vec![target, REDIRECT], vec![REDIRECT]]);
        let run = burst(&scenario, "a", 2);
        assert_eq!(redirects(&run)[1], (0, 0, stale, Some(Errno::EBADRQC)));
    }
}

/// Rule: TRC-07.a
#[test]
fn a_transmit_names_both_devices_drops_sent_and_error() {
    let xmit = |kind: Option<FaultKind>| {
        let mut scenario = bench(to_key("map", 5, 0));
        scenario.faults = kind.map(|kind| FaultSpec { port: "b".into(), kind, nth: 1 }).into_iter().collect();
        *burst(&scenario, "a", 5).events.last().expect("a transmit")
    };
    let event = |drops, sent, err| Event::DevmapXmit {
        from_ifindex: IfIndex(11),
        to_ifindex: IfIndex(12),
        drops,
        sent,
        err,
    };
    assert_eq!(xmit(None), event(0, 5, None));
    assert_eq!(xmit(Some(FaultKind::XmitShort(2))), event(3, 2, None));
    assert_eq!(xmit(Some(FaultKind::Xmit(Errno::EIO))), event(5, 0, Some(Errno::EIO)));
}

/// Makes these changes before a frame arrives on port a, on so many CPUs; the events.
fn after(actions: Vec<Action>, cpus: u16) -> Run {
    let mut scenario = bench(vec![PASS]);
    scenario.cpus = cpus;
    scenario.ports[1].queues = 2;
    scenario.ports.push(veth("v"));
    scenario.ports.push(far_end("jumbo", 9000, true, true));
    entry_program(&mut scenario, "unused", ProgramKind::Verdict(XdpAction::PASS));
    scenario.programs.push(xdpsim_core::scenario::ProgramSpec::xdp("late", ProgramKind::Script(vec![])));
    let change = |action| Change { at: At::Frame(FrameNo(1)), action };
    scenario.changes = actions.into_iter().map(change).collect();
    let mut lab = lab(&scenario);
    lab.at(Nanos(1)).send("a", &frame(0)).at(Nanos(2)).send("a", &frame(1)).run()
}

fn attach_to(port: &str) -> Action {
    Action::SetXdp { port: port.into(), program: Some("late".into()) }
}

fn detach_from(port: &str) -> Action {
    Action::SetXdp { port: port.into(), program: None }
}

fn set_up(port: &str, up: bool) -> Action {
    Action::SetUp { port: port.into(), up }
}

fn connect(ifindex: u32) -> Event {
    Event::MemConnect { ifindex: IfIndex(ifindex) }
}

fn disconnect(ifindex: u32) -> Event {
    Event::MemDisconnect { ifindex: IfIndex(ifindex) }
}

/// Rule: TRC-10.a
#[test]
fn each_receive_queue_connects_when_it_can_run_a_program() {
    for cpus in [1, 2] {
        let events = |actions| after(actions, cpus).events;
        assert_eq!(events(vec![attach_to("c")]), [connect(13)]);
        assert_eq!(events(vec![attach_to("b")]), [connect(12), connect(12)], "two queues");
        // Attached while closed: when it opens.
        assert_eq!(events(vec![set_up("c", false), attach_to("c")]), []);
        assert_eq!(events(vec![set_up("c", false), attach_to("c"), set_up("c", true)]), [connect(13)]);
        // Replacing a program keeps the memory model, opening a device without one needs none.
        assert_eq!(events(vec![attach_to("a"), set_up("c", false), set_up("c", true)]), []);
    }
}

/// Rule: TRC-10.b
#[test]
fn each_receive_queue_disconnects_when_it_cannot_any_more() {
    for cpus in [1, 2] {
        let events = |actions| after(actions, cpus).events;
        assert_eq!(events(vec![detach_from("a")]), [disconnect(11)]);
        assert_eq!(events(vec![set_up("a", false)]), [disconnect(11)]);
        assert_eq!(events(vec![Action::Unregister { port: "a".into() }]), [disconnect(11)]);
        assert_eq!(events(vec![set_up("a", false), detach_from("a"), detach_from("c")]), [disconnect(11)]);
        let both = vec![attach_to("b"), detach_from("b")];
        assert_eq!(events(both), [connect(12), connect(12), disconnect(12), disconnect(12)]);
    }
}

/// Rule: TRC-10.c
#[test]
fn a_refused_attach_by_link_says_why() {
    for cpus in [1, 2] {
        let run = after(vec![attach_to("jumbo")], cpus);
        let msg = "Peer MTU is too large to set XDP";
        assert_eq!(run.events, [Event::LinkAttachFailed { msg }]);
        assert_eq!(run.changes_failed.iter().map(|one| one.errno).collect::<Vec<_>>(), [Errno::ERANGE]);
    }
}

/// Rule: TRC-11.a
#[test]
fn no_event_names_a_namespace_a_frame_or_clones() {
    // Every field of every event; one more does not compile.
    let numbers = |event: &Event| -> usize {
        match *event {
            Event::Exception { prog_id: _, act: _, ifindex: _ } => 3,
            Event::BulkTx { ifindex: _, drops: _, sent: _, err: _ } => 4,
            Event::Redirect { prog_id: _, ifindex: _, err: _, to_ifindex: _, map_id: _, map_index: _ } => 6,
            Event::DevmapXmit { from_ifindex: _, to_ifindex: _, drops: _, sent: _, err: _ } => 5,
            Event::MemConnect { ifindex: _ } | Event::MemDisconnect { ifindex: _ } => 1,
            Event::LinkAttachFailed { msg: _ } => 1,
            Event::Bug { bug: _, ifindex: _ } => 2,
        }
    };
    // The events of a broadcast to two ports in namespace `red`, and of two unicasts in the initial one.
    let broadcast = burst(&bench(to_key("map", 5, BROADCAST)), "a", 1);
    let mut elsewhere = bench(to_key("map", 5, BROADCAST));
    elsewhere.netns = vec!["red".into()];
    for port in &mut elsewhere.ports {
        port.netns = Some("red".into());
    }
    assert_eq!(burst(&elsewhere, "a", 1).events, broadcast.events);
    let mut unicasts = bench(vec![]);
    script(&mut unicasts, "a", vec![to_key("map", 5, 0), to_key("map", 6, 0)]);
    assert_eq!(burst(&unicasts, "a", 2).events[2..], broadcast.events[1..]);
    assert_eq!(broadcast.events.iter().map(numbers).collect::<Vec<_>>(), [6, 5, 5]);
}
