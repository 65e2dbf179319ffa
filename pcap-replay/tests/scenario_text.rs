//! A scenario that is printed and read back is the same scenario.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use xdpsim::scenario::{Problem, Source, parse};
use xdpsim_core::rules::{Rules, TwoMapsVersion};
use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, ExcludeSource, GroupSource, KeySource, MapSpec, Op, PeerSpec, PortKind,
    PortSpec, ProgramKind, ProgramSpec, Rss, Scenario,
};
use xdpsim_core::strategies::World;
use xdpsim_core::{
    BitRate, CpuId, FrameNo, IfIndex, KernelVersion, MapKind, Nanos, Profile, RedirectFlags, UpdateFlags,
};

fn read_back(scenario: &Scenario) -> Scenario {
    let text = scenario.to_toml();
    let parsed = parse(&Source::from_bytes("printed.toml", text.as_bytes()));
    parsed.unwrap_or_else(|problems| panic!("{:#?}\n{text}", problems.list())).scenario
}

/// What the reader fills in: ports without an ifindex get theirs.
fn numbered(scenario: &Scenario) -> Scenario {
    let read = read_back(scenario);
    let mut scenario = scenario.clone();
    for (port, read) in scenario.ports.iter_mut().zip(&read.ports) {
        port.ifindex = port.ifindex.or(read.ifindex);
    }
    assert_eq!(read.ports.len(), scenario.ports.len());
    scenario
}

/// A file refuses some of what a value in Rust may hold (GRO on a port that is no veth, an ingress that is only
/// an upper device), but never because of how it is written.
#[test]
fn random_scenarios_are_read_back_as_they_were_printed() {
    let config = Config { failure_persistence: None, ..Config::with_cases(300) };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[5; 32]);
    let same = Cell::new(0);
    let outcome = TestRunner::new_with_rng(config, rng).run(&World::any(), |world| {
        let mut scenario = world.scenario;
        legible(&mut scenario);
        let text = scenario.to_toml();
        match parse(&Source::from_bytes("printed.toml", text.as_bytes())) {
            Ok(read) => {
                prop_assert_eq!(&read.scenario, &numbered(&scenario));
                same.set(same.get() + 1);
            }
            Err(problems) => {
                let written = |problem: &&Problem| FORM.iter().any(|form| problem.message.contains(form));
                let bad: Vec<&Problem> = problems.list().iter().filter(written).collect();
                prop_assert!(bad.is_empty(), "{bad:#?}\n{text}");
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(same.get() > 100, "only {} of 300 were read", same.get());
}

/// What the reader says of a text that is written in the wrong form.
const FORM: [&str; 5] = ["unknown key", "not TOML", "does not belong to", " has no `", "there is no "];

/// A file refuses what a kernel would refuse; a value in Rust may hold it.
fn legible(scenario: &mut Scenario) {
    let mtu = |mtu: &mut u32| *mtu = (*mtu).max(68);
    for (i, port) in scenario.ports.iter_mut().enumerate() {
        port.mtu.iter_mut().for_each(mtu);
        if let PortKind::Veth { peer: PeerSpec::FarEnd { mtu: peer, .. }, .. } = &mut port.kind {
            mtu(peer);
        }
        if port.kind == PortKind::Upper {
            // It receives nothing, so a file has no words for how.
            (port.queues, port.rss, port.rx_usecs) = (1, Rss::default(), Nanos::ZERO);
        }
        // Upper devices without cycles and only once each.
        port.uppers.sort();
        port.uppers.dedup();
        port.uppers.retain(|upper| *upper > format!("p{i}"));
    }
    let ports = scenario.ports.clone();
    let is_veth = |name: &String| {
        ports.iter().any(|port| port.name == *name && matches!(port.kind, PortKind::Veth { .. }))
    };
    scenario.changes.retain(|change| match &change.action {
        Action::AddUpper { .. } => false,
        Action::SetGro { port, .. } => is_veth(port),
        _ => true,
    });
    for change in &mut scenario.changes {
        if let Action::SetMtu { mtu: new, .. } = &mut change.action {
            mtu(new);
        }
    }
}

/// What the random ones do not have.
#[test]
fn every_key_is_read_back() {
    let mut eth0 = PortSpec::new("eth\"0", PortKind::Nic { rate: Some(BitRate(2_500_000_000)), tx_ring: 64 });
    eth0.queues = 2;
    eth0.rss = Rss::Fixed;
    eth0.queue_cpus = vec![CpuId(1), CpuId(0)];
    eth0.rx_usecs = Nanos::from_micros(30);
    eth0.features = Some(xdpsim_core::netdev::Features::BASIC | xdpsim_core::netdev::Features::NDO_XMIT);
    eth0.xdp = Some("by_key".into());
    let far = PeerSpec::FarEnd { mtu: 900, gro: true, xdp: true, up: false, queues: 4 };
    let box0 = PortSpec::new("box0", PortKind::Veth { peer: far, gro: true });
    let script = vec![
        vec![Op::RedirectInner { map: "outer".into(), outer: 3, key: 1 << 33, flags: 8 }, Op::ReturnHelper],
        vec![Op::AdjustHead(-14), Op::AdjustMeta(-4), Op::AdjustTail(7)],
    ];
    let odd = RedirectFlags::from_bits_retain(2);
    let by_key = ProgramKind::RedirectMap { map: "ports".into(), key: KeySource::RxQueueIndex, flags: 2 };
    let inner = EntryValue::Map("ports".into());
    let update =
        Action::UpdateEntry { map: "outer".into(), key: 1, value: inner.clone(), flags: UpdateFlags::EXIST };
    let scenario = Scenario {
        profile: Profile { kernel: KernelVersion { major: 6, minor: 6 }, ..Profile::default() },
        cpus: 2,
        netns: vec!["blue".into()],
        hops_max: 9,
        seed: u64::MAX,
        ports: vec![eth0, box0],
        maps: vec![
            MapSpec { value_size: 4, ..MapSpec::new("ports", MapKind::Devmap, 8).with(0, "box0") },
            MapSpec {
                value_size: 4,
                entries: vec![xdpsim_core::scenario::EntrySpec { key: 1, value: inner }],
                ..MapSpec::new("outer", MapKind::HashOfMaps, 2)
            },
        ],
        programs: vec![
            ProgramSpec::xdp("by_key", by_key),
            ProgramSpec::devmap("script", ProgramKind::Script(script)),
            ProgramSpec::xdp("to", ProgramKind::Redirect { ifindex: IfIndex(7), flags: 1 }),
        ],
        changes: vec![
            Change { at: At::Time(Nanos(1500)), action: update },
            Change {
                at: At::Frame(FrameNo(3)),
                action: Action::SetNetns { port: "box0".into(), netns: None },
            },
        ],
        ..Scenario::default()
    };
    assert_eq!(read_back(&scenario), numbered(&scenario));

    // Programs that only the rules of the multicast patches have.
    let group = ProgramKind::RedirectGroup {
        map: "outer".into(),
        group: GroupSource::Ethertype { cases: vec![(0x86dd, 3), (0x88cc, 4)], other: 1 },
        exclude: ExcludeSource::Ingress { cases: vec![(IfIndex(2), 65535)], other: 0 },
        flags: 2,
    };
    let call = Op::RedirectMap { map: "outer".into(), key: 0x1_0001, flags: 0 };
    let programs = vec![
        ProgramSpec::xdp("group", group),
        ProgramSpec::xdp("by_key", ProgramKind::Script(vec![vec![call]])),
    ];
    let profile = Profile { rules: Rules::RfcV1 { literal: true }, ..scenario.profile };
    let of_groups = Scenario { profile, programs, changes: Vec::new(), ..scenario.clone() };
    assert_eq!(read_back(&of_groups), numbered(&of_groups));
    let multi = ProgramKind::RedirectMulti { map: "ports".into(), ex_map: Some("ports".into()), flags: 1 };
    let null = Op::RedirectMulti { map: "ports".into(), ex_map: None, flags: 1 };
    let programs = vec![
        ProgramSpec::xdp("by_key", multi),
        ProgramSpec::xdp("null", ProgramKind::Script(vec![vec![null, Op::ReturnHelper]])),
    ];
    let profile = Profile { rules: Rules::TwoMaps { version: TwoMapsVersion::V2 }, ..scenario.profile };
    let of_maps = Scenario { profile, programs, changes: Vec::new(), ..scenario.clone() };
    assert_eq!(read_back(&of_maps), numbered(&of_maps));

    // A flag that the word `broadcast` does not have: the helper call that it stands for.
    let map = || "ports".to_owned();
    let flooding = ProgramSpec::xdp("flood", ProgramKind::Broadcast { map: map(), flags: odd });
    let call = KeySource::Const(0);
    let flags = RedirectFlags::BROADCAST.bits() | 2;
    let as_call = ProgramSpec::xdp("flood", ProgramKind::RedirectMap { map: map(), key: call, flags });
    let flooding = Scenario { programs: vec![flooding], ..scenario };
    let mut broken = flooding.clone();
    broken.ports[0].xdp = None;
    assert_eq!(read_back(&broken).programs, [as_call]);
}
