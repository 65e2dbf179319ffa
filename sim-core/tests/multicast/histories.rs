//! The laws about groups that change, MCAST-P22 to MCAST-P25 and P28, and random worlds under RFC v1.

use proptest::prelude::*;
use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{Action, At, Change, EntryValue};
use xdpsim_core::strategies::World;
use xdpsim_core::strategies::groups::{Pair, pairs};
use xdpsim_core::{Fate, FrameNo, MapKind, Nanos, UpdateFlags};

use super::laws::{Case, Form, cases, receivers, sorted, without};
use super::*;

proptest! {
    #![proptest_config(cases())]

    /// Group `g` is written under a key; who is excluded by key 1, or forwarded to by key 0x10000, stays.
    ///
    /// Rule: MCAST-P22.a
    #[test]
    fn forward_keys_and_exclude_keys_are_disjoint(pair in pairs(6), number in 2..=0xffff_u32, zero: bool) {
        let run = |key: u32, index: u64| {
            let mut scenario = Case::new(Form::Rfc(RFC), &pair).scenario();
            scenario.maps.insert(2, pair.map("g", &[1, 2], &PORTS));
            let groups = [(0x1_0000, "f"), (1, "x"), (key, "g"), (0, "g")];
            scenario.maps[3] = containing(MapKind::HashOfMaps, &groups[..if zero { 4 } else { 3 }]);
            receivers(&to_index(&scenario, index))
        };
        let difference = sorted(pair.difference());
        prop_assert_eq!(&run(number << 16, 0x1_0001), &difference);
        prop_assert_eq!(&run(number, 0x1_0001), &difference);
        prop_assert_eq!(run(number, 0), Vec::<usize>::new());
    }

    /// The member joins under keys 60 and, or not, 61, and leaves again.
    ///
    /// Rule: MCAST-P23.a
    #[test]
    fn who_joins_and_leaves_leaves_no_trace(pair in pairs(6), member in 0..6usize, twice: bool) {
        let other = if twice { 61 } else { 60 };
        let changes = [join("f", 60, member), join("f", other, member), leave("f", 60), leave("f", other)];
        let changes = if twice { changes.to_vec() } else { changes[..3].to_vec() };
        let before = pair.difference();
        let copies = |n: usize| sorted(if pair.exclude.contains(&member) { before.clone() } else { [before.clone(), vec![member; n]].concat() });
        let expected: Vec<Vec<usize>> = match twice {
            true => [0, 1, 2, 1, 0].into_iter().map(copies).collect(),
            false => [0, 1, 1, 0].into_iter().map(copies).collect(),
        };
        prop_assert_eq!(after_each(&pair, changes), expected);
    }

    /// Rule: MCAST-P24.a
    #[test]
    fn a_port_that_vanishes_is_missing_and_nothing_else(pair in pairs(6), gone in 1..6usize) {
        let unregister = Action::Unregister { port: PORTS[gone].into() };
        let results = after_each(&pair, vec![unregister]);
        prop_assert_eq!(&results[0], &sorted(pair.difference()));
        prop_assert_eq!(&results[1], &without(&results[0], &[gone]));
    }

    /// Rule: MCAST-P25.a
    #[test]
    fn a_new_member_of_a_bond_loses_its_copies_and_nobody_else_does(pair in pairs(6), member in 0..6usize) {
        let results = after_each(&pair, vec![join("x", 60, member)]);
        prop_assert_eq!(&results[1], &without(&results[0], &[member]));
    }

    /// The forward group is replaced between two frames, or between helper and enqueue of the second.
    ///
    /// Rule: MCAST-P28.a
    #[test]
    fn each_frame_sees_one_state_that_of_its_enqueue(pair in pairs(6), other in pairs(6), between: bool) {
        let mut scenario = Case::new(Form::Rfc(RFC), &pair).scenario();
        scenario.maps.insert(2, pair.map("g", &other.forward, &PORTS));
        let value = EntryValue::Map("g".into());
        let action = Action::UpdateEntry { map: "c".into(), key: 0x1_0000, value, flags: UpdateFlags::ANY };
        let at = if between { At::BeforeEnqueue(FrameNo(1)) } else { At::Frame(FrameNo(1)) };
        scenario.changes = vec![Change { at, action }];
        let results = frame_by_frame(&scenario, 3);
        let then = Pair { forward: other.forward, ..pair.clone() }.difference();
        prop_assert_eq!(results, [sorted(pair.difference()), sorted(then.clone()), sorted(then)]);
    }

    /// Ports of all kinds and modes, programs, faults, changes: the books balance, and each success leaves an
    /// original to be freed, which as posted is a leak where the port is native.
    ///
    /// Rule: MCAST-P16.b, MCAST-P26.a
    #[test]
    fn any_world_under_the_rfc_balances(world in World::any(), literal: bool) {
        let world = world.by_groups(if literal { LITERAL } else { RFC });
        let mut lab = Lab::new(&world.scenario).unwrap_or_else(|error| panic!("{error}"));
        lab.timing(world.timing);
        for (no, arrival) in world.arrivals.iter().enumerate() {
            lab.at(arrival.at).send(&world.port_of(arrival), &arrival.bytes(no));
        }
        let run = lab.run();
        prop_assert!(run.report.is_balanced(), "{:#?}", run.report);
        let leaks = bugs(&run).iter().filter(|(_, rule)| *rule == "MCAST-17").count() as u64;
        prop_assert!(literal || leaks == 0);
        let freed = [Fate::OrigFreed, Fate::Nobody, Fate::NoExcludeGroup].map(|fate| run.count(fate));
        prop_assert!(leaks <= freed.iter().sum());
        let again = lab.batches_of(3).run();
        prop_assert_eq!((&again.report, &again.events), (&run.report, &run.events));
    }
}

fn join(map: &str, key: u32, port: usize) -> Action {
    let value = EntryValue::Port { port: PORTS[port].into(), program: None };
    Action::UpdateEntry { map: map.into(), key, value, flags: UpdateFlags::ANY }
}

fn leave(map: &str, key: u32) -> Action {
    Action::DeleteEntry { map: map.into(), key }
}

/// What one frame after the other, each a poll of its own, reaches.
fn frame_by_frame(scenario: &Scenario, frames: u8) -> Vec<Vec<usize>> {
    let mut lab = lab(scenario);
    (0..frames).for_each(|no| _ = lab.at(Nanos(1 + 1000 * u64::from(no))).send("a", &frame(no)));
    let run = lab.run();
    assert!(run.report.is_balanced() && run.changes_failed.is_empty(), "{:?}", run.changes_failed);
    let of = |no: u8| run.deliveries().iter().filter(move |(_, frame, _)| frame.0 == u64::from(no));
    (0..frames).map(|no| sorted(of(no).map(|(port, ..)| port.0 as usize).collect())).collect()
}

/// What a frame reaches before the changes, and after each.
fn after_each(pair: &Pair, changes: Vec<Action>) -> Vec<Vec<usize>> {
    let mut scenario = Case::new(Form::Rfc(RFC), pair).scenario();
    let frames = changes.len() as u8 + 1;
    let numbered = (1..).zip(changes);
    scenario.changes = numbered.map(|(no, action)| Change { at: At::Frame(FrameNo(no)), action }).collect();
    frame_by_frame(&scenario, frames)
}
