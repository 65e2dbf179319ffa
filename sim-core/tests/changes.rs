//! What an operator changes while frames flow: maps, devices, namespaces, programs.

use crate::common;
use common::probe::*;
use common::*;
use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, FaultKind, FaultSpec, MapSpec, PortKind, PortSpec, ProgramKind,
    ProgramSpec, Scenario,
};
use xdpsim_core::{
    BuildError, ChangeFailed, Errno, Event, Fate, FrameNo, IfIndex, MapKind, Nanos, UpdateFlags, XdpAction,
};

/// Ports a, b and c; a redirects by key 0, then 1, then 0 … of `ports`, which holds b and c.
fn two_targets() -> Scenario {
    let mut scenario = Scenario { maps: vec![devmap(&["b", "c"])], ..ideal(&["a", "b", "c"]) };
    scenario.netns = vec!["blue".into()];
    script(&mut scenario, "a", vec![to_key("ports", 0, 2), to_key("ports", 1, 2)]);
    scenario
}

fn at_frame(no: u64, action: Action) -> Change {
    Change { at: At::Frame(FrameNo(no)), action }
}

fn update(key: u32, port: &str, program: Option<&str>) -> Action {
    let value = EntryValue::Port { port: port.into(), program: program.map(Into::into) };
    Action::UpdateEntry { map: "ports".into(), key, value, flags: UpdateFlags::ANY }
}

/// So many frames to a, each at a time of its own.
fn one_by_one(scenario: &Scenario, frames: u64) -> (Lab, Run) {
    let mut lab = lab(scenario);
    for i in 0..frames {
        lab.at(Nanos(100 + 100 * i)).send("a", &frame(i as u8));
    }
    let run = settled(&mut lab);
    (lab, run)
}

/// Rule: MAP-05.a
#[test]
fn a_device_without_ndo_xdp_xmit_can_be_stored_but_not_reached() {
    for kind in [MapKind::Devmap, MapKind::DevmapHash] {
        let mut scenario = two_targets();
        scenario.ports.push(PortSpec::new("br0", PortKind::Upper));
        scenario.maps = vec![MapSpec::new("ports", kind, 2).with(0, "br0").with(1, "c")];
        let (_, run) = one_by_one(&scenario, 2);
        assert_eq!(errors(&run), [Some(Errno::EOPNOTSUPP), None]);
    }
}

/// Rule: MAP-12.a
#[test]
fn an_entry_means_the_device_that_had_the_number_when_it_was_written() {
    // b and blue have the number 2 in two namespaces.
    let mut scenario = two_targets();
    scenario.ports.push(PortSpec {
        netns: Some("blue".into()),
        ifindex: Some(IfIndex(2)),
        ..PortSpec::ideal("in_blue")
    });
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    scenario.changes = vec![at_frame(1, update(0, "in_blue", None)), at_frame(2, update(0, "b", None))];
    let (_, run) = one_by_one(&scenario, 3);
    assert_eq!((run.numbers("b"), run.numbers("in_blue")), (vec![0, 2], vec![1]));
    assert_eq!(redirects(&run).iter().map(|one| one.0).collect::<Vec<_>>(), [2, 2, 2]);
}

/// Rule: MAP-12.b, RED-03.b
#[test]
fn a_map_reaches_another_namespace_and_an_ifindex_does_not() {
    let mut scenario = two_targets();
    scenario.ports[1].netns = Some("blue".into());
    scenario.ports[1].ifindex = Some(IfIndex(44));
    script(&mut scenario, "a", vec![to_key("ports", 0, 0), to_ifindex(44)]);
    let (_, run) = one_by_one(&scenario, 2);
    assert_eq!((errors(&run), run.numbers("b")), (vec![None, Some(Errno::EINVAL)], vec![0]));
}

/// Rule: MAP-13.a
#[test]
fn unregistering_a_device_removes_its_entries_from_all_maps() {
    let mut scenario = two_targets();
    scenario.maps.push(MapSpec::new("hash", MapKind::DevmapHash, 2).with(5, "b").with(6, "c"));
    script(
        &mut scenario,
        "a",
        vec![to_key("ports", 0, 2), to_key("hash", 5, 1), to_key("hash", 5, BROADCAST)],
    );
    scenario.changes = vec![at_frame(3, Action::Unregister { port: "b".into() })];
    let (_, run) = one_by_one(&scenario, 6);
    assert_eq!((run.numbers("b"), run.numbers("c")), (vec![0, 1, 2], vec![2, 5]));
    assert_eq!((run.count(Fate::Passed), run.count(Fate::LookupDropped)), (1, 1));
    // Its number is nobody's.
    script(&mut scenario, "a", vec![vec![PASS], vec![PASS], vec![PASS], to_ifindex(2)]);
    assert_eq!(errors(&one_by_one(&scenario, 4).1), [Some(Errno::EINVAL)]);
}

/// Rule: MAP-13.a
#[test]
fn a_veth_takes_its_other_end_along() {
    let mut scenario = two_targets();
    scenario.ports.extend(pair("v", "w", true));
    scenario.maps = vec![devmap(&["v", "w"])];
    scenario.changes = vec![at_frame(2, Action::Unregister { port: "w".into() })];
    let (_, run) = one_by_one(&scenario, 4);
    assert_eq!((run.count(Fate::Passed), run.report.is_balanced()), (4, true));
    assert_eq!(errors(&run), [None, None], "later lookups fail");
}

/// Rule: MAP-13.b
#[test]
fn moving_a_device_removes_its_entries() {
    let mut scenario = two_targets();
    let up = Action::SetUp { port: "b".into(), up: true };
    scenario.changes = vec![
        at_frame(2, Action::SetNetns { port: "b".into(), netns: Some("blue".into()) }),
        at_frame(4, update(0, "b", None)),
        at_frame(6, up),
    ];
    let (_, run) = one_by_one(&scenario, 8);
    assert_eq!((run.numbers("b"), run.numbers("c")), (vec![0, 6], vec![1, 3, 5, 7]));
    // Gone, then there again but closed by the move.
    assert_eq!((run.count(Fate::Passed), run.count(Fate::Down)), (1, 1));
}

/// Rule: RED-03.a, MAP-13.b
#[test]
fn a_device_that_moved_is_found_in_its_new_namespace() {
    let mut scenario = two_targets();
    script(&mut scenario, "a", vec![to_ifindex(2)]);
    let netns = |port: &str| Action::SetNetns { port: port.into(), netns: Some("blue".into()) };
    let up = |port: &str| Action::SetUp { port: port.into(), up: true };
    scenario.changes =
        vec![at_frame(1, netns("b")), at_frame(1, up("b")), at_frame(2, netns("a")), at_frame(2, up("a"))];
    let (_, run) = one_by_one(&scenario, 3);
    assert_eq!(errors(&run), [None, Some(Errno::EINVAL), None]);
    assert_eq!(run.numbers("b"), [0, 2]);
}

#[test]
fn a_device_gets_another_number_where_its_own_is_taken() {
    let mut scenario = two_targets();
    scenario.ports.push(PortSpec {
        netns: Some("blue".into()),
        ifindex: Some(IfIndex(2)),
        ..PortSpec::ideal("in_blue")
    });
    let up = Action::SetUp { port: "b".into(), up: true };
    scenario.changes = vec![
        at_frame(1, Action::SetNetns { port: "b".into(), netns: Some("blue".into()) }),
        at_frame(1, up),
        at_frame(1, update(0, "b", None)),
    ];
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    let (_, run) = one_by_one(&scenario, 2);
    assert_eq!(xmits(&run), [(1, 2, 1, 0, None), (1, 1, 1, 0, None)]);
}

/// Rule: MAP-13.c
#[test]
fn an_entry_that_goes_takes_its_program_along() {
    // While an entry's program calls helpers, polls cannot be decided as a whole.
    let mut scenario = two_targets();
    scenario.maps =
        vec![MapSpec::new("ports", MapKind::Devmap, 2).with_program(0, "b", "entry").with(1, "c")];
    script(&mut scenario, "a", vec![to_key("ports", 1, 0)]);
    entry_program(&mut scenario, "entry", ProgramKind::Redirect { ifindex: IfIndex(1), flags: 0 });
    assert_eq!(burst(&scenario, "a", 40).paths.frames, 40);
    scenario.changes = vec![at_frame(0, Action::Unregister { port: "b".into() })];
    let run = burst(&scenario, "a", 40);
    assert_eq!((run.paths.frames, run.paths.unicast_runs), (0, 40));
    // The key can be written again, and has no program then.
    scenario.changes.push(at_frame(1, update(0, "c", None)));
    script(&mut scenario, "a", vec![to_key("ports", 0, 2)]);
    let (_, run) = one_by_one(&scenario, 2);
    assert_eq!((run.count(Fate::Passed), run.numbers("c")), (1, vec![1]));
}

/// Rule: MAP-13.d
#[test]
fn setting_a_device_down_keeps_its_entries() {
    let mut scenario = two_targets();
    let up = |no, up| at_frame(no, Action::SetUp { port: "b".into(), up });
    scenario.changes = vec![up(2, false), up(4, true)];
    let (_, run) = one_by_one(&scenario, 6);
    assert_eq!(errors(&run), [None, None, Some(Errno::ENETDOWN), None, None, None]);
    assert_eq!(run.numbers("b"), [0, 4]);
}

/// Rule: MAP-14.a
#[test]
fn a_packet_sees_the_old_entry_or_the_new_one() {
    let mut scenario = two_targets();
    let map = MapSpec::new("ports", MapKind::Devmap, 2);
    scenario.maps = vec![map.with_program(0, "b", "old").with(1, "c")];
    let rewrite = |byte| ProgramKind::Rewrite { offset: 0, bytes: vec![byte] };
    entry_program(&mut scenario, "old", rewrite(101));
    entry_program(&mut scenario, "new", rewrite(102));
    script(&mut scenario, "a", vec![to_key("ports", 0, 2)]);
    let delete = Action::DeleteEntry { map: "ports".into(), key: 0 };
    scenario.changes = vec![at_frame(1, update(0, "c", Some("new"))), at_frame(2, delete)];
    let (_, run) = one_by_one(&scenario, 3);
    assert_eq!((run.frames("b"), run.frames("c")), (vec![frame(101)], vec![frame(102)]));
    assert_eq!(run.count(Fate::Passed), 1);
}

/// Rule: MAP-14.a
#[test]
fn a_change_between_two_frames_of_one_moment_divides_them() {
    let mut scenario = two_targets();
    script(&mut scenario, "a", vec![to_key("ports", 0, BROADCAST)]);
    scenario.changes = vec![at_frame(5, Action::DeleteEntry { map: "ports".into(), key: 1 })];
    let mut lab = lab(&scenario);
    for i in 0..10 {
        lab.at(Nanos(1 + i / 2)).send("a", &frame(0));
    }
    let run = settled(&mut lab);
    // Frame 4 arrives in the same moment as frame 5 and still waits when the change is made.
    assert_eq!((run.numbers("b").len(), run.numbers("c")), (10, vec![0, 1, 2, 3]));
}

/// Rule: MAP-15.a, MAP-13.a
#[test]
fn frames_in_a_queue_survive_their_maps_entries() {
    // A clone for b is left in its queue by a veth; all entries go before the next flush.
    let mut scenario = Scenario { maps: vec![devmap(&["b", "c", "d"])], ..ideal(&["a", "b", "c", "d"]) };
    scenario.ports.push(veth("v"));
    script(&mut scenario, "v", vec![to_key("ports", 0, BROADCAST)]);
    scenario.faults = vec![FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth: 1 }];
    let delete = |key| at_frame(1, Action::DeleteEntry { map: "ports".into(), key });
    scenario.changes = (0..3).map(delete).collect();
    let go = |scenario: &Scenario| {
        let mut lab = lab(scenario);
        lab.send("v", &frame(7)).at(Nanos(100)).send("a", &frame(1));
        settled(&mut lab)
    };
    assert_eq!(go(&scenario).frames("b"), [frame(7)]);
    // But not their device.
    scenario.changes = vec![at_frame(1, Action::Unregister { port: "b".into() })];
    let run = go(&scenario);
    assert_eq!((run.frames("b").len(), run.count(Fate::DeviceGone)), (0, 1));
    assert_eq!(xmits(&run), [(5, 2, 0, 1, None)]);
}

/// Rule: MAP-16.a
#[test]
fn a_devmap_program_cannot_be_attached_to_a_device() {
    let mut scenario = two_targets();
    entry_program(&mut scenario, "entry", ProgramKind::Verdict(XdpAction::DROP));
    let set = Action::SetXdp { port: "a".into(), program: Some("entry".into()) };
    scenario.changes = vec![at_frame(1, set)];
    let (_, run) = one_by_one(&scenario, 2);
    assert_eq!(run.changes_failed, [ChangeFailed { index: 0, errno: Errno::EINVAL }]);
    assert_eq!(run.count(Fate::Delivered), 2, "the old program is still there");
    scenario.ports[0].xdp = Some("entry".into());
    let refused = Lab::new(&scenario).err();
    assert!(matches!(refused, Some(BuildError::Refused { errno: Errno::EINVAL, .. })), "{refused:?}");
}

/// Rule: TRC-10.a, TRC-10.b
#[test]
fn programs_come_change_and_go() {
    let mut scenario = ideal(&["a", "b"]);
    scenario.programs = vec![
        ProgramSpec::xdp("drop", ProgramKind::Verdict(XdpAction::DROP)),
        ProgramSpec::xdp("tx", ProgramKind::Verdict(XdpAction::TX)),
    ];
    let set = |no, program: Option<&str>| {
        at_frame(no, Action::SetXdp { port: "a".into(), program: program.map(Into::into) })
    };
    scenario.changes = vec![set(1, Some("drop")), set(2, Some("tx")), set(3, None)];
    let (_, run) = one_by_one(&scenario, 4);
    assert_eq!([Fate::Passed, Fate::Dropped, Fate::Delivered].map(|fate| run.count(fate)), [2, 1, 1]);
    let ifindex = IfIndex(1);
    assert_eq!(run.events, [Event::MemConnect { ifindex }, Event::MemDisconnect { ifindex }]);
}

/// Rule: DRV-03.c, LAW-06.b
#[test]
fn a_ring_is_purged_when_its_end_goes_down() {
    // 16 frames are in the ring of v's far end without a wake-up (FLU-06), which then goes down.
    let mut scenario = two_targets();
    scenario.ports[1] = veth("b");
    scenario.maps = vec![MapSpec::new("ports", MapKind::Devmap, 1).with_program(0, "b", "entry")];
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    let mut entry = vec![vec![PASS]; 16];
    entry.push(vec![DROP]);
    entry_program(&mut scenario, "entry", ProgramKind::Script(entry));
    let causes = [
        Action::SetUp { port: "b.peer".into(), up: false },
        Action::SetGro { port: "b.peer".into(), on: false },
        Action::Unregister { port: "b".into() },
        Action::SetNetns { port: "b.peer".into(), netns: Some("blue".into()) },
    ];
    for action in causes {
        scenario.changes = vec![Change { at: At::Time(Nanos(500)), action }];
        let mut lab = lab(&scenario);
        for mark in 0..17 {
            lab.send("a", &frame(mark));
        }
        lab.at(Nanos(1000)).send("c", &frame(0));
        let run = settled(&mut lab);
        assert_eq!((fates(&run, Fate::Purged), run.count(Fate::Stuck)), (vec![("b".into(), 16)], 0));
    }
}

#[test]
fn changes_by_time_come_between_the_frames_around_them() {
    let mut scenario = two_targets();
    script(&mut scenario, "a", vec![to_key("ports", 0, 0)]);
    let set = |time, up| Change { at: At::Time(Nanos(time)), action: Action::SetUp { port: "b".into(), up } };
    // Counted from the first frame, which arrives at 100; the last change is never made.
    scenario.changes = vec![set(150, false), set(250, true), set(9999, false)];
    let (_, run) = one_by_one(&scenario, 5);
    assert_eq!(run.numbers("b"), [0, 1, 3, 4]);
}
