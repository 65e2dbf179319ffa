//! What holds of every run: conservation, order per port, order of flushes, first program wins, broadcast
//! as a set difference, silence of whoever is left out.
//!
//! Each property is compared with a definition of a few lines that knows no queues, polls or events.

use crate::common;
use crate::worlds;
use std::collections::BTreeMap;

use common::*;
use proptest::prelude::*;
use worlds::tape::{Outcome, Play, Way};
use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{MapSpec, Op, ProgramKind, Scenario};
use xdpsim_core::strategies::World;
use xdpsim_core::{DevId, FrameNo, MapKind, Nanos, QueueId, RedirectFlags, XdpAction};
use xdpsim_devmap::difference;

/// Six ports: a receives.
const PORTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Where a frame goes, as an index into [`PORTS`].
#[derive(Clone, Debug)]
enum Goes {
    To(usize),
    ToAll,
}

/// The transmits that a poll must make: device and number of frames. Sixteen fit; the device that was used
/// last for the first time goes first.
fn transmits(poll: &[Goes]) -> Vec<(usize, u32)> {
    let mut waiting: Vec<(usize, u32)> = Vec::new();
    let mut done = Vec::new();
    for goes in poll {
        let targets = match *goes {
            Goes::To(port) => port..port + 1,
            Goes::ToAll => 0..PORTS.len(),
        };
        for target in targets {
            match waiting.iter_mut().find(|(port, _)| *port == target) {
                None => waiting.push((target, 1)),
                Some((_, n)) if *n < 16 => *n += 1,
                Some((_, n)) => {
                    done.push((target, 16));
                    *n = 1;
                }
            }
        }
    }
    done.extend(waiting.into_iter().rev());
    done
}

/// Key k is port k.
fn everybody() -> MapSpec {
    let map = MapSpec::new("map", MapKind::Devmap, 64);
    PORTS.iter().enumerate().fold(map, |map, (key, port)| map.with(key as u32, port))
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Frames delivered by each port, by the port's place in the scenario.
fn by_port(outcome: &Outcome) -> BTreeMap<DevId, Vec<u64>> {
    let mut by_port: BTreeMap<DevId, Vec<u64>> = BTreeMap::new();
    for left in outcome.deliveries() {
        by_port.entry(left.port).or_default().push(left.frame.0);
    }
    by_port
}

proptest! {
    #![proptest_config(cases(1000))]

    /// Rule: LAW-09.a
    #[test]
    fn every_arrival_and_every_clone_ends_once(world in World::any()) {
        let (outcome, _) = world.run(Way::AUTO);
        prop_assert_eq!(outcome.report.arrivals, world.arrivals.len() as u64);
        prop_assert!(outcome.report.is_balanced(), "{:#?}", outcome.report);
    }

    /// Frames of one receive queue leave by one port in the order in which they arrived, where nothing but
    /// bulk queues is in between: not over a veth, and not by XDP_TX, which has a queue of its own.
    ///
    /// Rule: FLU-03.b, RSS-08.c
    #[test]
    fn frames_of_one_queue_keep_their_order(world in World::any(), cpus in 1..4u16) {
        let world = world.without_rings().with_cpus(cpus);
        let (outcome, _) = world.run(Way::AUTO);
        let plan = world.plan(Way::AUTO.path);
        let queue = |no: u64| -> (usize, QueueId) {
            let arrival = &world.arrivals[no as usize];
            let dev = plan.port(&world.port_of(arrival)).expect("a port");
            (arrival.port, plan.queue(dev, &arrival.bytes(no as usize), FrameNo(no)))
        };
        for (port, numbers) in by_port(&outcome) {
            let mut last: BTreeMap<(usize, QueueId), u64> = BTreeMap::new();
            for no in numbers {
                let from = queue(no);
                if from.0 != port.0 as usize {
                    let before = last.insert(from, no).unwrap_or(0);
                    prop_assert!(before <= no, "{no} behind {before} on port {port:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    /// Rule: FLU-03.a, ENQ-03.a, ENQ-03.d
    #[test]
    fn queues_are_flushed_in_reverse_order_of_first_use(
        poll in prop::collection::vec(
            prop_oneof![8 => (0..6usize).prop_map(Goes::To), 1 => Just(Goes::ToAll)],
            1..64,
        ),
    ) {
        let mut scenario = Scenario { maps: vec![everybody()], ..ideal(&PORTS) };
        let step = |goes: &Goes| match *goes {
            Goes::To(port) => to_key("map", port as u64, 0),
            Goes::ToAll => to_key("map", 0, BROADCAST),
        };
        script(&mut scenario, "a", poll.iter().map(step).collect());
        let run = burst(&scenario, "a", poll.len() as u8);
        let seen: Vec<(usize, u32)> = xmits(&run).iter().map(|xmit| (xmit.1 as usize - 1, xmit.2)).collect();
        prop_assert_eq!(seen, transmits(&poll));
    }

    /// Keys 10 × port + program: each port can be reached without a program, with p and with q.
    ///
    /// Rule: ENQ-04.a, ENQ-04.b, ENQ-04.c
    #[test]
    fn the_first_program_of_a_poll_runs_for_all(
        poll in prop::collection::vec((1..6usize, 0..3usize), 1..64),
        polls in 1..3usize,
    ) {
        let mut scenario = Scenario { maps: vec![MapSpec::new("map", MapKind::Devmap, 64)], ..ideal(&PORTS) };
        for (port, name) in PORTS.iter().enumerate().skip(1) {
            let key = 10 * port as u32;
            let map = scenario.maps[0].clone().with(key, name);
            scenario.maps[0] = map.with_program(key + 1, name, "p").with_program(key + 2, name, "q");
        }
        for (program, value) in [("p", 1), ("q", 2)] {
            let marks = vec![vec![Op::SetByte { offset: 1, value }]];
            entry_program(&mut scenario, program, ProgramKind::Script(marks));
        }
        let step = |&(port, program): &(usize, usize)| to_key("map", (10 * port + program) as u64, 0);
        script(&mut scenario, "a", poll.iter().map(step).collect());
        let mut lab = lab(&scenario);
        for i in 0..polls {
            lab.at(Nanos(1 + i as u64));
            poll.iter().for_each(|_| _ = lab.send("a", &frame(0)));
        }
        let run = lab.run();
        for (port, name) in PORTS.iter().enumerate().skip(1) {
            let here: Vec<usize> = poll.iter().filter(|one| one.0 == port).map(|one| one.1).collect();
            let first = here.first().copied().unwrap_or(0) as u8;
            let marks: Vec<u8> = run.frames(name).iter().map(|frame| frame[1]).collect();
            prop_assert_eq!(marks, vec![first; here.len() * polls], "{}", name);
        }
    }
}

/// A map over ports in this order of insertion, with these programs.
fn map_over(kind: MapKind, targets: &[usize], program: impl Fn(usize) -> Option<&'static str>) -> MapSpec {
    let map = MapSpec::new("map", kind, 64);
    targets.iter().enumerate().fold(map, |map, (i, &port)| {
        // Not in order, so that a hash map's walk differs from the order of insertion.
        let key = (i as u32 * 7 + 3) % 64;
        match program(port) {
            None => map.with(key, PORTS[port]),
            Some(program) => map.with_program(key, PORTS[port], program),
        }
    })
}

/// Broadcasts from a over this map.
fn broadcasting(map: MapSpec, flags: u64) -> Scenario {
    let mut scenario = Scenario { maps: vec![map], ..ideal(&PORTS) };
    script(&mut scenario, "a", vec![to_key("map", 0, BROADCAST | flags)]);
    scenario
}

fn kind() -> impl Strategy<Value = MapKind> {
    prop::sample::select(vec![MapKind::Devmap, MapKind::DevmapHash])
}

proptest! {
    #![proptest_config(cases(300))]

    /// Devmap programs that drop on the members of B leave of a broadcast over A what a broadcast over A
    /// without B sends: the same frames in the same order.
    ///
    /// Rule: DVP-02.c, BRD-11.a
    #[test]
    fn dropping_devmap_programs_take_a_set_difference(
        kind in kind(),
        forward in prop::collection::vec(0..6usize, 0..12),
        dropped in prop::collection::btree_set(0..6usize, 0..6),
        frames in 1..40u8,
    ) {
        let drops = |port| dropped.contains(&port).then_some("drop");
        let mut with_programs = broadcasting(map_over(kind, &forward, drops), 0);
        entry_program(&mut with_programs, "drop", ProgramKind::Verdict(XdpAction::DROP));
        let by_program = burst(&with_programs, "a", frames);

        let plain = lab(&broadcasting(map_over(kind, &forward, |_| None), 0));
        let targets = |lab: &Lab| {
            let id = lab.plan().maps().by_name("map").expect("the map");
            lab.plan().maps().targets(id).entries().collect::<Vec<_>>()
        };
        let everybody = targets(&plain);
        let excluded: Vec<_> =
            everybody.iter().copied().filter(|entry| dropped.contains(&(entry.dev.0 as usize))).collect();
        let left: Vec<usize> =
            difference(everybody, excluded).iter().map(|entry| entry.dev.0 as usize).collect();
        let map = MapSpec::new("map", MapKind::Devmap, 64);
        let map = left.iter().enumerate().fold(map, |map, (key, &port)| map.with(key as u32, PORTS[port]));
        let by_map = burst(&broadcasting(map, 0), "a", frames);
        prop_assert_eq!(by_program.deliveries(), by_map.deliveries());
    }

    /// Rule: BRD-01.a, BRD-05.c, BRD-08.a
    #[test]
    fn whoever_is_left_out_is_silent_and_all_others_get_everything(
        kind in kind(),
        forward in prop::collection::vec(0..6usize, 0..12),
        down in prop::collection::btree_set(1..6usize, 0..4),
        uppers in prop::collection::btree_set(1..6usize, 0..4),
        exclude in any::<bool>(),
        frames in 1..40u8,
    ) {
        let flags = if exclude { EXCLUDE_INGRESS } else { 0 };
        let mut scenario = broadcasting(map_over(kind, &forward, |_| None), flags);
        for &port in &down {
            scenario.ports[port].up = false;
        }
        scenario.ports[0].uppers = uppers.iter().map(|&port| PORTS[port].to_owned()).collect();
        let run = burst(&scenario, "a", frames);
        let left_out = |port| down.contains(&port) || (exclude && (port == 0 || uppers.contains(&port)));
        for (port, name) in PORTS.iter().enumerate() {
            let copies = forward.iter().filter(|&&target| target == port && !left_out(port)).count();
            let expected: Vec<u64> =
                (0..u64::from(frames)).flat_map(|no| std::iter::repeat_n(no, copies)).collect();
            prop_assert_eq!(run.numbers(name), expected, "{}", name);
        }
    }

    /// No frame leaves by the port that it came in on, if every redirect is a broadcast that excludes the
    /// ingress.
    ///
    /// Rule: BRD-01.a
    #[test]
    fn no_frame_goes_back(world in World::any()) {
        let mut world = world.without_rings();
        for program in &mut world.scenario.programs {
            let stays = match &program.kind {
                ProgramKind::Verdict(verdict) => *verdict != XdpAction::TX,
                kind => matches!(kind, ProgramKind::Rewrite { .. }),
            };
            if !stays {
                let flags = RedirectFlags::EXCLUDE_INGRESS;
                program.kind = ProgramKind::Broadcast { map: "map".into(), flags };
            }
        }
        let (outcome, _) = world.run(Way::AUTO);
        for left in outcome.deliveries() {
            let came_in = world.arrivals[left.frame.0 as usize].port;
            prop_assert!(left.port.0 as usize != came_in, "{left:?}");
        }
    }
}
