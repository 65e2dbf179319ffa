//! The same frames give the same bytes: however often they are run, however they are cut into batches, and
//! in whatever order independent CPUs run.

use crate::worlds;
use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use worlds::tape::{Feed, Play, Way};
use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{MapSpec, PortSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::strategies::World;
use xdpsim_core::{
    Batch, Desc, DevId, Event, FrameNo, Ingress, MapKind, Nanos, Plan, QueueId, Recorder, Steered, Timing,
};

/// An IPv4 frame with UDP: host `from` sends to host `to`.
fn udp(from: u8, to: u8, port: u16) -> Vec<u8> {
    let mac = |host| [2, 0, 0, 0, 0, host];
    let builder = etherparse::PacketBuilder::ethernet2(mac(from), mac(to));
    let builder = builder.ipv4([10, 0, 0, from], [10, 0, 0, to], 64).udp(port, 53);
    let mut frame = Vec::new();
    builder.write(&mut frame, &[from, to]).expect("a vector takes everything");
    frame
}

/// A learning switch of four ports with 2 queues each, on 2 CPUs.
fn switch() -> Scenario {
    let names = ["a", "b", "c", "d"];
    let mut map = MapSpec::new("ports", MapKind::Devmap, 8);
    for (i, name) in names.iter().enumerate() {
        map = map.with(i as u32 + 1, name);
    }
    let port = |name| PortSpec { queues: 2, xdp: Some("switch".into()), ..PortSpec::ideal(name) };
    let switch = ProgramKind::LearningSwitch { map: "ports".into(), table_max: 6 };
    Scenario {
        cpus: 2,
        ports: names.map(port).to_vec(),
        maps: vec![map],
        programs: vec![ProgramSpec::xdp("switch", switch)],
        ..Scenario::default()
    }
}

/// Hosts 0 to 7 talk to each other; host h is on port h modulo 4.
fn conversation() -> Vec<(usize, Nanos, Vec<u8>)> {
    let frame = |i: u64| {
        let (from, to) = ((i * 5 % 8) as u8, (i * 3 % 7) as u8);
        (usize::from(from % 4), Nanos(1 + i / 9 * 100), udp(from, to, 1000 + i as u16))
    };
    (0..400).map(frame).collect()
}

/// Runs the switch with batches of so many frames; says which queues were used, too.
fn run_switch(batch: usize) -> (Recorder, BTreeSet<QueueId>) {
    let plan = Plan::new(&switch()).expect("a scenario");
    assert_eq!(plan.domains(), 1, "one table for all CPUs");
    let mut domain = plan.domain(0, Timing::Capture, true, Recorder::default());
    let (frames, mut queues) = (conversation(), BTreeSet::new());
    for (i, chunk) in frames.chunks(batch).enumerate() {
        let first = FrameNo((i * batch) as u64);
        let (mut bytes, mut descs, mut steered) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (port, _, frame)) in chunk.iter().enumerate() {
            let no = FrameNo(first.0 + index as u64);
            let queue = plan.queue(DevId(*port as u32), frame, no);
            descs.push(Desc::arrived(bytes.len() as u32, frame.len() as u32, no));
            bytes.extend_from_slice(frame);
            steered.push(Steered { index: index as u32, queue });
            queues.insert(queue);
        }
        let stamps: Vec<Nanos> = chunk.iter().map(|one| one.1).collect();
        let ports: Vec<DevId> = chunk.iter().map(|one| DevId(one.0 as u32)).collect();
        let ingress = Ingress::Each(&ports);
        domain.feed_steered(
            &Batch { first, bytes: &bytes, frames: &descs, stamps: &stamps, ingress },
            &steered,
        );
    }
    domain.finish();
    (domain.into_sink(), queues)
}

#[test]
fn a_switch_on_two_cpus_gives_the_same_bytes_every_time() {
    let (whole, queues) = run_switch(usize::MAX);
    assert_eq!(queues.len(), 2, "both queues are used");
    let cpus: BTreeSet<u16> = whole.events.iter().map(|(at, _)| at.cpu).collect();
    assert_eq!(cpus.len(), 2, "both CPUs work");
    let unicast = |event: &Event| matches!(event, Event::Redirect { map_index: 1.., err: None, .. });
    let learned = whole.events.iter().filter(|(_, event)| unicast(event)).count();
    assert!((50..350).contains(&learned), "it learns, and it floods: {learned}");
    for batch in [usize::MAX, 1, 2, 7, 64, 399] {
        assert_eq!(run_switch(batch).0, whole, "batches of {batch}");
    }
}

#[test]
fn a_lab_is_not_used_up_by_its_run() {
    let mut lab = Lab::new(&switch()).expect("a scenario");
    for (port, time, frame) in conversation() {
        lab.at(time).send(["a", "b", "c", "d"][port], &frame);
    }
    let (one, other) = (lab.run(), lab.run());
    assert_eq!(one.deliveries(), other.deliveries());
    assert_eq!((one.events, one.report), (other.events, other.report));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 700, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any batch size gives the same; each batch has a buffer of its own that is gone afterwards.
    #[test]
    fn batches_do_not_matter(world in World::any(), batch in 1..70usize, whole in any::<bool>()) {
        let feed = if whole { Feed::Whole } else { Feed::Steered };
        let (one, _) = world.run(Way::AUTO);
        let (other, _) = world.run(Way { batch, feed, ..Way::AUTO });
        let difference = one.difference(&other);
        prop_assert!(difference.is_none(), "batches of {}: {}", batch, difference.unwrap_or_default());
    }
}

#[test]
fn independent_cpus_run_in_any_order() {
    let config = Config { cases: 700, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let independent = Cell::new(0);
    let worlds = (World::any(), 2..5u16, 1..70usize);
    let outcome = TestRunner::new_with_rng(config, rng).run(&worlds, |(world, cpus, batch)| {
        let world = world.without_rings().with_cpus(cpus);
        independent.set(independent.get() + u32::from(world.plan(Way::AUTO.path).domains() > 1));
        let (forwards, _) = world.run(Way::AUTO);
        let (backwards, _) = world.run(Way { backwards: true, batch, ..Way::AUTO });
        let difference = forwards.difference(&backwards);
        prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(independent.get() > 300, "{} worlds with several domains", independent.get());
}
