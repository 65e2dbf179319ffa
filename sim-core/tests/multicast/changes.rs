//! Groups that change: between helper and enqueue, during a walk, between frames.

use xdpsim_core::scenario::{Action, At, Change, EntryValue, MapSpec, ProgramKind};
use xdpsim_core::{BuildError, Errno, Fate, FrameNo, MapKind, Nanos, UpdateFlags};

use super::*;

fn write(map: &str, key: u32, value: EntryValue) -> Action {
    Action::UpdateEntry { map: map.into(), key, value, flags: UpdateFlags::ANY }
}

fn port(name: &str) -> EntryValue {
    EntryValue::Port { port: name.into(), program: None }
}

fn delete(map: &str, key: u32) -> Action {
    Action::DeleteEntry { map: map.into(), key }
}

fn before_enqueue(action: Action) -> Change {
    Change { at: At::BeforeEnqueue(FrameNo(0)), action }
}

fn in_walk(entries: u32, action: Action) -> Change {
    Change { at: At::InWalk { frame: FrameNo(0), entries }, action }
}

/// Rule: MCAST-05.b
#[test]
fn what_is_there_at_the_enqueue_counts() {
    let changed = |action: Action| {
        let mut scenario = split(&["b", "c"], &["b"]);
        scenario.changes = vec![before_enqueue(action)];
        // The second frame of the poll sees the change, too.
        got(&burst(&scenario, "a", 2))
    };
    assert_eq!(changed(write("c", 0x1_0000, EntryValue::Map("x".into()))), "");
    assert_eq!(changed(write("c", 1, EntryValue::Map("f".into()))), "");
    assert_eq!(changed(delete("c", 1)), "bbcc");
    assert_eq!(changed(write("f", 5, port("e"))), "ccee");
    assert_eq!(changed(write("x", 5, port("c"))), "");
}

/// Rule: MCAST-08.a, MCAST-28.b
#[test]
fn a_forward_group_that_went_is_an_error() {
    let mut scenario = split(&["b"], &[]);
    scenario.changes = vec![before_enqueue(delete("c", 0x1_0000))];
    let mut lab = lab(&scenario);
    // The frame could not be converted either, but nobody gets so far.
    lab.send_with_head("a", &frame(0), 39);
    let run = lab.run();
    assert_eq!(redirects(&run), [(0, 3, 0x1_0001, Some(Errno::EBADRQC))]);
    assert_eq!((run.count(Fate::NoForwardGroup), run.report.is_balanced()), (1, true));
    assert_eq!(bugs(&run), []);
}

/// Rule: MCAST-08.b
#[test]
fn as_posted_it_is_a_null_pointer() {
    let mut scenario = literal(&["b"], &[]);
    scenario.changes = vec![before_enqueue(delete("c", 0x1_0000))];
    let run = burst(&scenario, "a", 1);
    assert_eq!(bugs(&run), [("rfc_bug", "MCAST-06"), ("rfc_bug", "MCAST-08")]);
    assert_eq!((errors(&run), run.count(Fate::NoForwardGroup)), (vec![Some(Errno::EBADRQC)], 1));
}

/// Keys 0 to 3 of a hash or an array: b, c, d, e.
fn walked(rules: xdpsim_core::Rules, kind: MapKind, changes: Vec<Change>) -> String {
    let mut scenario = groups_of(kind, &["b", "c", "d", "e"], &["f"]);
    scenario.profile.rules = rules;
    scenario.changes = changes;
    let run = burst(&scenario, "a", 1);
    assert!(run.report.is_balanced());
    got(&run)
}

/// Rule: MCAST-34.a
#[test]
fn a_walk_sees_what_is_there_when_it_gets_there_once() {
    for rules in [RFC, LITERAL] {
        for kind in [MapKind::Devmap, MapKind::DevmapHash] {
            assert_eq!(walked(rules, kind, vec![in_walk(1, delete("f", 2))]), "bce", "{kind}");
            assert_eq!(walked(rules, kind, vec![in_walk(3, write("f", 9, port("a")))]), "abcde", "{kind}");
            assert_eq!(walked(rules, kind, vec![in_walk(3, delete("f", 0))]), "bcde", "{kind}");
        }
        assert_eq!(walked(rules, MapKind::Devmap, vec![in_walk(2, delete("f", 1))]), "bcde");
        assert_eq!(walked(rules, MapKind::Devmap, vec![in_walk(2, write("f", 0, port("a")))]), "bcde");
    }
    let vanishes = vec![in_walk(2, delete("f", 1))];
    assert_eq!(walked(RFC, MapKind::DevmapHash, vanishes), "bcde");
}

/// Rule: MCAST-34.b
#[test]
fn as_posted_a_hash_is_walked_anew_when_the_current_entry_vanishes() {
    let vanishes = vec![in_walk(2, delete("f", 1))];
    assert_eq!(walked(LITERAL, MapKind::DevmapHash, vanishes), "bbcde");
}

/// An entry that vanishes and comes back before each step: as posted without an end.
///
/// Rule: MCAST-34.c
#[test]
fn as_posted_a_walk_ends_after_twice_the_size_of_the_map() {
    let mut scenario = groups_of(MapKind::DevmapHash, &[], &["f"]);
    scenario.profile.rules = LITERAL;
    scenario.maps[0] = MapSpec::new("f", MapKind::DevmapHash, 4).with(0, "b");
    scenario.maps[1].max_entries = 4;
    // After each step the current key goes and the other one comes.
    for step in 1..20 {
        let (gone, new) = if step % 2 == 1 { (0, 1) } else { (1, 0) };
        scenario.changes.push(in_walk(step, delete("f", gone)));
        scenario.changes.push(in_walk(step, write("f", new, port("b"))));
    }
    let run = burst(&scenario, "a", 1);
    assert_eq!((run.frames("b").len(), errors(&run)), (8, vec![None]));
}

/// Changes of the exclude group count from that step on.
///
/// Rule: MCAST-34.a
#[test]
fn an_exclude_group_that_changes_counts_from_that_step_on() {
    assert_eq!(walked(RFC, MapKind::Devmap, vec![in_walk(1, write("x", 7, port("d")))]), "bce");
    assert_eq!(walked(RFC, MapKind::Devmap, vec![in_walk(3, write("x", 7, port("d")))]), "bcde");
}

/// Rule: MCAST-35.a
#[test]
fn a_device_that_goes_leaves_all_groups() {
    let mut scenario = split(&["b", "c", "d"], &["c"]);
    let gone = |port: &str| Action::Unregister { port: port.into() };
    scenario.changes = vec![
        Change { at: At::Frame(FrameNo(1)), action: gone("b") },
        Change { at: At::Frame(FrameNo(2)), action: gone("c") },
    ];
    let mut lab = lab(&scenario);
    (0..3).for_each(|no| _ = lab.at(Nanos(1 + u64::from(no))).send("a", &frame(no)));
    let run = lab.run();
    assert_eq!((run.numbers("b"), run.numbers("d")), (vec![0], vec![0, 1, 2]));
    assert_eq!(errors(&run), [None; 3]);
}

/// c moves to namespace `red` and d gets its number by coming from there: the exclude group has lost it.
///
/// Rule: MCAST-35.b
#[test]
fn a_new_device_with_the_old_number_is_not_excluded() {
    let mut scenario = split(&["b"], &["c"]);
    scenario.netns = vec!["red".into()];
    // d has number 3 in red, as c has in the initial namespace.
    scenario.ports[3].netns = Some("red".into());
    scenario.ports[3].ifindex = Some(xdpsim_core::IfIndex(3));
    let at = At::Frame(FrameNo(1));
    let to = |port: &str, netns: Option<&str>| Action::SetNetns {
        port: port.into(),
        netns: netns.map(Into::into),
    };
    scenario.changes = vec![
        Change { at, action: Action::Unregister { port: "c".into() } },
        Change { at, action: to("d", None) },
        Change { at, action: Action::SetUp { port: "d".into(), up: true } },
        Change { at, action: write("f", 9, port("d")) },
    ];
    let mut lab = lab(&scenario);
    (0..2).for_each(|no| _ = lab.at(Nanos(1 + u64::from(no))).send("a", &frame(no)));
    let run = lab.run();
    assert!(run.changes_failed.is_empty(), "{:?}", run.changes_failed);
    assert_eq!((run.numbers("b"), run.numbers("d")), (vec![0, 1], vec![1]));
}

/// Rule: MCAST-55.c
#[test]
fn a_member_that_joins_a_bond_is_one_update() {
    let mut scenario = split(&["b", "c", "d"], &["b"]);
    scenario.changes = vec![
        Change { at: At::Frame(FrameNo(1)), action: write("x", 1, port("c")) },
        Change { at: At::Frame(FrameNo(2)), action: delete("x", 0) },
    ];
    let mut lab = lab(&scenario);
    (0..3).for_each(|no| _ = lab.at(Nanos(1 + u64::from(no))).send("a", &frame(no)));
    let run = lab.run();
    let numbers = ["b", "c", "d"].map(|port| run.numbers(port));
    assert_eq!(numbers, [vec![2], vec![0], vec![0, 1, 2]]);
}

#[test]
fn in_the_middle_of_a_poll_only_maps_change() {
    let mut scenario = split(&["b"], &[]);
    scenario.changes = vec![before_enqueue(Action::SetUp { port: "b".into(), up: false })];
    let refused = xdpsim_core::lab::Lab::new(&scenario).err();
    assert!(matches!(refused, Some(BuildError::Range { what: "change", .. })), "{refused:?}");
}

/// The hook works under mainline's rules, too: a devmap entry is resolved by the helper.
#[test]
fn mainline_keeps_the_entry_that_the_helper_found() {
    let mut scenario = ideal(&PORTS);
    scenario.maps = vec![group("f", MapKind::Devmap, &["b"])];
    attach(
        &mut scenario,
        "a",
        ProgramKind::RedirectMap {
            map: "f".into(),
            key: xdpsim_core::scenario::KeySource::Const(0),
            flags: 0,
        },
    );
    scenario.changes = vec![before_enqueue(write("f", 0, port("c")))];
    assert_eq!(got(&burst(&scenario, "a", 2)), "bc");
}
