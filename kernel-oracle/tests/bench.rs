//! The bench shows what the model says, on the running kernel.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, KeySource, MapSpec, PeerSpec, PortKind, PortSpec, ProgramKind,
    ProgramSpec,
};
use xdpsim_core::{FrameNo, Scenario};
use xdpsim_devmap::{IfIndex, MapKind, RedirectFlags, UpdateFlags, XdpAction};
use xdpsim_oracle::bench::{Bench, BenchError};
use xdpsim_oracle::case::{Burst, Case, House, Inject};
use xdpsim_oracle::model::{self, Options};
use xdpsim_oracle::need;
use xdpsim_oracle::transcript::Transcript;

/// A port with a capturing far end and a program of the scenario's.
fn port(name: &str, ifindex: u32, netns: Option<&str>) -> PortSpec {
    let peer = PeerSpec::FarEnd { mtu: 1500, gro: false, xdp: true, up: true, queues: 1 };
    let mut port = PortSpec::new(name, PortKind::Veth { peer, gro: false });
    port.ifindex = Some(IfIndex(ifindex));
    port.netns = netns.map(str::to_owned);
    port.xdp = Some("main".to_owned());
    port
}

/// Six ports in three namespaces; two of them with the same number.
fn house() -> House {
    let ports = vec![
        port("p0", 10, None),
        port("p1", 11, None),
        port("p2", 12, None),
        port("p3", 20, Some("red")),
        port("p4", 10, Some("red")),
        port("p5", 20, Some("blue")),
    ];
    House { netns: vec!["red".to_owned(), "blue".to_owned()], ports }
}

fn scenario(house: &House, maps: Vec<MapSpec>, programs: Vec<ProgramSpec>) -> Scenario {
    Scenario { netns: house.netns.clone(), ports: house.ports.clone(), maps, programs, ..Scenario::default() }
}

fn frames(count: u16, len: usize) -> Vec<Vec<u8>> {
    let frame = |n: u16| {
        let mut frame = vec![0xa5; len];
        frame[12..14].copy_from_slice(&[0x88, 0xb5]);
        frame[14..16].copy_from_slice(&n.to_be_bytes());
        frame
    };
    (0..count).map(frame).collect()
}

fn burst(port: usize, how: Inject, frames: Vec<Vec<u8>>) -> Burst {
    Burst { port, how, frames }
}

fn unicast(key: u64) -> ProgramSpec {
    let kind = ProgramKind::RedirectMap { map: "ports".to_owned(), key: KeySource::Const(key), flags: 0 };
    ProgramSpec::xdp("main", kind)
}

fn all_ports(kind: MapKind) -> MapSpec {
    let keys = 0..6_u32;
    keys.fold(MapSpec::new("ports", kind, 8), |map, key| map.with(key, &format!("p{key}")))
}

/// Lengths and numbers of frames, for a message that a person can read.
fn ids(frames: &BTreeMap<String, Vec<Vec<u8>>>) -> BTreeMap<&str, Vec<(usize, u16)>> {
    let id = |frame: &Vec<u8>| (frame.len(), u16::from_be_bytes([frame[14], frame[15]]));
    frames.iter().map(|(port, frames)| (port.as_str(), frames.iter().map(id).collect())).collect()
}

/// Plays on both and compares everything, with what a person can read first.
fn agree(bench: &mut Bench, case: &Case) -> Transcript {
    let mut options = Options::host().unwrap();
    options.polled = bench.polled().unwrap();
    let model = model::play(case, &options).unwrap();
    let kernel = bench.play(case, &model).unwrap();
    assert_eq!(kernel.events, model.events);
    assert_eq!(kernel.operations, model.operations);
    assert_eq!(kernel.maps, model.maps);
    assert_eq!(kernel.counters, model.counters);
    assert_eq!(ids(&kernel.deliveries), ids(&model.deliveries));
    assert_eq!(kernel, model);
    assert_eq!(bench.take_strays(), []);
    kernel
}

#[test]
fn one_frame_goes_from_port_to_port() {
    let Some(()) = need::kernel("bench::one_frame") else { return };
    let house = house();
    let mut bench = Bench::new(&house).unwrap();
    let scenario = scenario(&house, vec![all_ports(MapKind::Devmap)], vec![unicast(5)]);
    let case = Case { scenario, bursts: vec![burst(0, Inject::Socket, frames(1, 60))] };
    let transcript = agree(&mut bench, &case);
    assert_eq!(transcript.deliveries["p5"], frames(1, 60));
}

/// Rule: DRV-07.a, DRV-07.b
#[test]
fn a_burst_is_one_poll() {
    let Some(()) = need::kernel("bench::burst") else { return };
    let house = house();
    let mut bench = Bench::new(&house).unwrap();
    for count in [1, 16, 17, 20, 33, 64] {
        let scenario = scenario(&house, vec![all_ports(MapKind::DevmapHash)], vec![unicast(3)]);
        let mut sent = frames(count, 90);
        sent[0].truncate(64);
        let case = Case { scenario, bursts: vec![burst(1, Inject::Poll, sent.clone())] };
        assert_eq!(agree(&mut bench, &case).deliveries["p3"], sent);
    }
}

/// Rule: BRD-01.a, BRD-01.b, BRD-08.a, BRD-08.c, DVP-04.a, DVP-06
#[test]
fn a_broadcast_with_exclusion_and_devmap_programs() {
    let Some(()) = need::kernel("bench::broadcast") else { return };
    let house = house();
    let mut bench = Bench::new(&house).unwrap();
    let kind = ProgramKind::Broadcast { map: "ports".to_owned(), flags: RedirectFlags::EXCLUDE_INGRESS };
    let rewrite = ProgramKind::Rewrite { offset: 0, bytes: vec![2, 0, 0, 0, 0, 9] };
    for how in [Inject::Socket, Inject::Poll] {
        let map =
            all_ports(MapKind::DevmapHash).with_program(2, "p2", "rewrite").with_program(5, "p5", "drop");
        let programs = vec![
            ProgramSpec::xdp("main", kind.clone()),
            ProgramSpec::devmap("rewrite", rewrite.clone()),
            ProgramSpec::devmap("drop", ProgramKind::Verdict(XdpAction::DROP)),
        ];
        let case = Case {
            scenario: scenario(&house, vec![map], programs),
            bursts: vec![burst(0, how, frames(40, 100))],
        };
        let transcript = agree(&mut bench, &case);
        assert_eq!(transcript.deliveries["p1"].len(), 40);
        // p4 has the ingress' number in another namespace.
        assert!(!transcript.deliveries.contains_key("p4"));
    }
}

/// Rule: DRV-08.a, DRV-09.a, DRV-09.d, DRV-09.e
#[test]
fn every_verdict() {
    let Some(()) = need::kernel("bench::verdicts") else { return };
    let house = house();
    let mut bench = Bench::new(&house).unwrap();
    for act in [0, 1, 2, 3, 4, 7] {
        for how in [Inject::Socket, Inject::Poll] {
            let program = ProgramSpec::xdp("main", ProgramKind::Verdict(XdpAction(act)));
            let scenario = scenario(&house, vec![], vec![program]);
            let bursts = vec![burst(0, how, frames(20, 60)), burst(4, how, frames(20, 61))];
            agree(&mut bench, &Case { scenario, bursts });
        }
    }
}

/// Frames come in where they can; where they can't, the case is refused.
#[test]
fn odd_ways_in() {
    let Some(()) = need::kernel("bench::ways_in") else { return };
    let house = odd_house();
    let mut bench = Bench::new(&house).unwrap();
    let case = |port, how| {
        let map = MapSpec::new("ports", MapKind::Devmap, 8).with(0, "p0");
        let scenario = scenario(&house, vec![map], vec![unicast(0)]);
        Case { scenario, bursts: vec![burst(port, how, frames(20, 60))] }
    };
    for port in [0, 1, 2, 3, 4, 5, 7] {
        println!("port {port}");
        agree(&mut bench, &case(port, Inject::Socket));
        if port != 7 {
            agree(&mut bench, &case(port, Inject::Poll));
        }
    }
    for (port, how) in [(6, Inject::Socket), (6, Inject::Poll), (7, Inject::Poll)] {
        let refused = bench.play(&case(port, how), &Transcript::default()).unwrap_err();
        assert!(matches!(refused, BenchError::Case(_)), "{refused}");
    }
    agree(&mut bench, &case(0, Inject::Socket));
}

/// Where time goes; printed for the record.
#[test]
fn what_cases_cost() {
    let Some(()) = need::kernel("bench::cost") else { return };
    let house = house();
    let start = Instant::now();
    let mut bench = Bench::new(&house).unwrap();
    println!("a house of 6 ports: {:?}", start.elapsed());
    for (what, how, count) in [("one frame", Inject::Socket, 1), ("a burst of 64", Inject::Poll, 64)] {
        let scenario = scenario(&house, vec![all_ports(MapKind::Devmap)], vec![unicast(5)]);
        let case = Case { scenario, bursts: vec![burst(0, how, frames(count, 60))] };
        let model = model::play(&case, &Options::host().unwrap()).unwrap();
        let mut best = Duration::MAX;
        for _ in 0..200 {
            let start = Instant::now();
            bench.play(&case, &model).unwrap();
            best = best.min(start.elapsed());
        }
        println!("{what}: {best:?}");
    }
    let start = Instant::now();
    drop(bench);
    println!("tearing it down: {:?}", start.elapsed());
}

#[test]
fn what_cannot_be_built_says_why() {
    let Some(()) = need::kernel("bench::refuses") else { return };
    let mut house = house();
    house.ports[0].ifindex = Some(IfIndex(1));
    let error = Bench::new(&house).unwrap_err();
    assert!(matches!(error, BenchError::Port { .. }), "{error}");
    assert!(error.to_string().contains("loopback"), "{error}");
}

/// GRO that was switched on leaves its mark on the other end, even if the end is down when it is switched off.
///
/// Rule: DRV-01.c, DRV-01.d
#[test]
fn gro_leaves_nothing_behind() {
    let Some(()) = need::kernel("bench::gro") else { return };
    let house = odd_house();
    let mut bench = Bench::new(&house).unwrap();
    let gro = |on| Action::SetGro { port: "p4.peer".to_owned(), on };
    let up = |up| Action::SetUp { port: "p4.peer".to_owned(), up };
    for actions in [
        vec![gro(true), up(false)],
        vec![gro(true), up(false), gro(false)],
        vec![up(false), gro(true), up(true)],
    ] {
        println!("{actions:?}");
        let plain = scenario(&house, vec![all_ports(MapKind::Devmap)], vec![unicast(4)]);
        let mut changed = plain.clone();
        let mut bursts = vec![burst(0, Inject::Socket, frames(1, 60))];
        for (n, action) in actions.into_iter().enumerate() {
            changed.changes.push(Change { at: At::Frame(FrameNo(n as u64 + 1)), action });
            bursts.push(burst(0, Inject::Socket, frames(1, 60)));
        }
        agree(&mut bench, &Case { scenario: changed, bursts: bursts.clone() });
        agree(&mut bench, &Case { scenario: plain, bursts });
    }
}

/// Ports that refuse, each in its way.
fn odd_house() -> House {
    let far = |mtu, gro, xdp, up| PeerSpec::FarEnd { mtu, gro, xdp, up, queues: 1 };
    let with = |name: &str, ifindex, peer| {
        let kind = PortKind::Veth { peer, gro: false };
        PortSpec { kind, ..port(name, ifindex, None) }
    };
    let ports = vec![
        port("p0", 10, None),
        PortSpec { up: false, ..port("p1", 11, None) },
        PortSpec { mtu: Some(80), ..port("p2", 12, None) },
        with("p3", 13, far(80, false, true, true)),
        with("p4", 14, far(1500, false, false, true)),
        with("p5", 15, far(1500, true, false, true)),
        with("p6", 16, far(1500, false, true, false)),
        PortSpec { xdp: None, ..port("p7", 17, None) },
    ];
    House { netns: vec![], ports }
}

fn mixed(count: u16) -> Vec<Vec<u8>> {
    let mut frames = frames(count, 90);
    for (n, frame) in frames.iter_mut().enumerate() {
        frame.resize([60, 98, 99, 120][n % 4], 0xa5);
    }
    frames
}

/// Rule: DRV-02, DRV-03.c, DRV-03.f, DRV-04, DRV-05, RED-04.a, RED-04.c, RED-04.d, BRD-05.a, BRD-05.c, BRD-05.d
#[test]
fn targets_that_refuse() {
    let Some(()) = need::kernel("bench::refusing_targets") else { return };
    let house = odd_house();
    let mut bench = Bench::new(&house).unwrap();
    for how in [Inject::Socket, Inject::Poll] {
        for key in 0..8 {
            let map = (0..8).fold(MapSpec::new("ports", MapKind::Devmap, 8), |map, key| {
                map.with(key, &format!("p{key}"))
            });
            let scenario = scenario(&house, vec![map.clone()], vec![unicast(key)]);
            agree(&mut bench, &Case { scenario, bursts: vec![burst(0, how, mixed(20))] });
        }
    }
    for flags in [RedirectFlags::empty(), RedirectFlags::EXCLUDE_INGRESS] {
        let map = (0..8)
            .fold(MapSpec::new("ports", MapKind::Devmap, 8), |map, key| map.with(key, &format!("p{key}")));
        let kind = ProgramKind::Broadcast { map: "ports".to_owned(), flags };
        let scenario = scenario(&house, vec![map], vec![ProgramSpec::xdp("main", kind)]);
        let bursts = vec![burst(0, Inject::Poll, mixed(40)), burst(5, Inject::Socket, mixed(3))];
        agree(&mut bench, &Case { scenario, bursts });
    }
}

/// Rule: DRV-08.c, DRV-08.d
#[test]
fn what_xdp_tx_leaves_in_a_ring_does_not_reach_the_next_case() {
    let Some(()) = need::kernel("bench::held_back") else { return };
    let house = odd_house();
    let mut bench = Bench::new(&house).unwrap();
    let program = |act| ProgramSpec::xdp("main", ProgramKind::Verdict(act));
    for _ in 0..3 {
        for port in [4, 5] {
            let held = scenario(&house, vec![], vec![program(XdpAction::TX)]);
            let bursts = vec![burst(port, Inject::Poll, frames(20, 60))];
            let transcript = agree(&mut bench, &Case { scenario: held, bursts });
            assert_eq!(transcript.deliveries.len(), 0);
        }
        let passing = scenario(&house, vec![], vec![program(XdpAction::PASS)]);
        agree(&mut bench, &Case { scenario: passing, bursts: vec![burst(5, Inject::Socket, frames(2, 60))] });
    }
}

/// Rule: BRD-08.a, BRD-08.c, BRD-08.d
#[test]
fn uppers_are_excluded_with_their_port() {
    let Some(()) = need::kernel("bench::uppers") else { return };
    let upper = |name: &str, ifindex| {
        let mut upper = PortSpec::new(name, PortKind::Upper);
        upper.ifindex = Some(IfIndex(ifindex));
        upper
    };
    let under = |port: PortSpec, uppers: &[&str]| PortSpec {
        uppers: uppers.iter().map(|upper| (*upper).to_owned()).collect(),
        ..port
    };
    let many: Vec<String> = (0..9).map(|n| format!("m{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    // Ports of another namespace carry the numbers of the uppers.
    let mut ports = vec![
        under(port("p0", 10, None), &["br"]),
        under(port("p1", 11, None), &["br"]),
        under(port("p2", 12, None), &many[..8]),
        under(port("p3", 13, None), &many),
        port("p4", 20, Some("red")),
        port("p5", 30, Some("red")),
        upper("br", 20),
    ];
    // Of nine uppers, eight cannot be shared with another port: a macvlan has one lower device.
    ports[2].uppers = (9..17).map(|n| format!("m{n}")).collect();
    ports.extend((0..17).map(|n| upper(&format!("m{n}"), 30 + n)));
    let house = House { netns: vec!["red".to_owned()], ports };
    let mut bench = Bench::new(&house).unwrap();
    for flags in [RedirectFlags::EXCLUDE_INGRESS, RedirectFlags::empty()] {
        for ingress in 0..6 {
            for how in [Inject::Socket, Inject::Poll] {
                let kind = ProgramKind::Broadcast { map: "ports".to_owned(), flags };
                let scenario =
                    scenario(&house, vec![all_ports(MapKind::Devmap)], vec![ProgramSpec::xdp("main", kind)]);
                agree(&mut bench, &Case { scenario, bursts: vec![burst(ingress, how, frames(5, 70))] });
            }
        }
    }
}

/// Rule: MAP-03.c, MAP-12.b, DRV-01.b, BRD-08.a
#[test]
fn changes_are_made_between_bursts_and_undone() {
    let Some(()) = need::kernel("bench::changes") else { return };
    let mut house = house();
    let mut bridge = PortSpec::new("br", PortKind::Upper);
    bridge.ifindex = Some(IfIndex(50));
    house.ports.push(bridge);
    let mut bench = Bench::new(&house).unwrap();
    let port = |port: &str| EntryValue::Port { port: port.to_owned(), program: None };
    let map = "ports".to_owned();
    let p5 = "p5".to_owned();
    let actions = [
        Action::DeleteEntry { map: map.clone(), key: 5 },
        Action::UpdateEntry { map: map.clone(), key: 5, value: port("p4"), flags: UpdateFlags::NOEXIST },
        Action::UpdateEntry { map: map.clone(), key: 5, value: port("p3"), flags: UpdateFlags::ANY },
        Action::SetUp { port: p5.clone(), up: false },
        Action::SetUp { port: "p5.peer".to_owned(), up: false },
        Action::SetMtu { port: p5.clone(), mtu: 100 },
        Action::SetMtu { port: "p5.peer".to_owned(), mtu: 100 },
        Action::SetGro { port: "p5.peer".to_owned(), on: true },
        Action::SetXdp { port: "p0".to_owned(), program: Some("other".to_owned()) },
        Action::SetXdp { port: "p0".to_owned(), program: None },
        Action::AddUpper { port: "p0".to_owned(), upper: "br".to_owned() },
    ];
    for action in actions {
        let kind = ProgramKind::Verdict(XdpAction::DROP);
        let programs = vec![unicast(5), ProgramSpec::xdp("other", kind)];
        let mut changed = scenario(&house, vec![all_ports(MapKind::DevmapHash)], programs.clone());
        let plain = changed.clone();
        changed.changes = vec![Change { at: At::Frame(FrameNo(3)), action: action.clone() }];
        let bursts =
            vec![burst(0, Inject::Socket, frames(3, 200)), burst(0, Inject::Socket, frames(20, 200))];
        println!("{action:?}");
        agree(&mut bench, &Case { scenario: changed, bursts: bursts.clone() });
        agree(&mut bench, &Case { scenario: plain, bursts });
    }
}
