//! The model's side of a case: transcripts, and which rules cases exercise.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use xdpsim_core::driver::veth::VethCounters;
use xdpsim_core::scenario::{
    Action, At, Change, MapSpec, PeerSpec, PortKind, PortSpec, ProgramKind, ProgramSpec, Scenario,
};
use xdpsim_core::{Errno, Event, FrameNo, KernelVersion, MapKind, RedirectFlags, XdpAction};
use xdpsim_devmap::{DevmapInfo, IfIndex, MapInfo, UpdateFlags};
use xdpsim_oracle::case::{Burst, Case, Inject};
use xdpsim_oracle::cases::{HouseMix, Mix, cases_in, houses};
use xdpsim_oracle::exercise::{Histogram, NOT_PROVOCABLE, View, clauses, generic_clauses};
use xdpsim_oracle::model::{self, Options, kernel_version};

fn options() -> Options {
    Options::of(KernelVersion { major: 6, minor: 18 })
}

fn port(name: &str, ifindex: u32) -> PortSpec {
    let peer = PeerSpec::FarEnd { mtu: 1500, gro: false, xdp: true, up: true, queues: 1 };
    PortSpec { ifindex: Some(IfIndex(ifindex)), ..PortSpec::new(name, PortKind::Veth { peer, gro: false }) }
}

/// Ports a and b; what comes in on a goes by this program.
fn case(kind: ProgramKind, bursts: &[(Inject, usize)]) -> Case {
    let mut ports = vec![port("a", 2), port("b", 3)];
    ports[0].xdp = Some("on_a".into());
    let scenario = Scenario {
        ports,
        maps: vec![MapSpec::new("map", MapKind::Devmap, 4).with(1, "b").with(0, "a")],
        programs: vec![ProgramSpec::xdp("on_a", kind)],
        ..Scenario::default()
    };
    let frames = |n: usize| (0..n).map(|i| vec![i as u8; 60]).collect();
    let bursts = bursts.iter().map(|&(how, n)| Burst { port: 0, how, frames: frames(n) }).collect();
    Case { scenario, bursts }
}

fn to_all() -> ProgramKind {
    ProgramKind::Broadcast { map: "map".into(), flags: RedirectFlags::EXCLUDE_INGRESS }
}

fn xmits(events: &[Event]) -> Vec<u32> {
    let sent = |event: &Event| match *event {
        Event::DevmapXmit { sent, .. } => Some(sent),
        _ => None,
    };
    events.iter().filter_map(sent).collect()
}

/// Rule: DRV-07.a, DRV-10.a
#[test]
fn polls_come_together_and_frames_of_a_socket_alone() {
    let seen = model::play(&case(to_all(), &[(Inject::Poll, 20), (Inject::Socket, 3)]), &options());
    let seen = seen.expect("it builds");
    assert_eq!(xmits(&seen.events), [16, 4, 1, 1, 1]);
    let frames: Vec<u8> = seen.deliveries["b"].iter().map(|frame| frame[0]).collect();
    assert_eq!(frames, (0..20).chain(0..3).collect::<Vec<u8>>());
    assert!(!seen.deliveries.contains_key("a"));
    let counted =
        VethCounters { xdp_packets: 23, xdp_bytes: 23 * 60, xdp_redirect: 23, ..Default::default() };
    assert_eq!(seen.counters["a"], counted);
    assert_eq!(seen.counters["b"].xdp_xmit, 23);
}

#[test]
fn what_is_passed_has_its_bytes() {
    let seen = model::play(&case(ProgramKind::Verdict(XdpAction::PASS), &[(Inject::Poll, 2)]), &options());
    let seen = seen.expect("it builds");
    assert_eq!(seen.passed["a"], [vec![0; 60], vec![1; 60]]);
    assert!(seen.deliveries.is_empty());
}

/// Rule: MAP-03.c, MAP-10.a
#[test]
fn operations_and_maps_are_told() {
    let mut case = case(to_all(), &[(Inject::Poll, 1), (Inject::Poll, 1)]);
    let value = xdpsim_core::scenario::EntryValue::Port { port: "b".into(), program: None };
    let update = |flags| Action::UpdateEntry { map: "map".into(), key: 3, value: value.clone(), flags };
    case.scenario.changes = vec![
        Change { at: At::Frame(FrameNo(0)), action: update(UpdateFlags::NOEXIST) },
        Change { at: At::Frame(FrameNo(1)), action: update(UpdateFlags::ANY) },
    ];
    let seen = model::play(&case, &options()).expect("it builds");
    assert_eq!(seen.operations, [Ok(()), Ok(()), Err(Errno::EEXIST), Ok(())]);
    let port = |key, ifindex| (key, MapInfo::Dev(DevmapInfo { ifindex: IfIndex(ifindex), prog_id: None }));
    assert_eq!(seen.maps["map"], [port(0, 2), port(1, 3), port(3, 3)]);
    assert_eq!(seen.deliveries["b"].len(), 3);
}

/// A ring that has polled 5 frames takes 251 more.
///
/// Rule: DRV-06.b
#[test]
fn rings_have_a_history() {
    let all = |n| std::iter::repeat_n((Inject::Poll, 64), n).collect::<Vec<_>>();
    let mut case = case(ProgramKind::Broadcast { map: "map".into(), flags: RedirectFlags::empty() }, &all(1));
    let map = MapSpec::new("map", MapKind::Devmap, 8);
    case.scenario.maps = vec![(0..5).fold(map, |map, key| map.with(key, "b"))];
    let fresh = model::play_fully(&case, &options()).expect("it builds");
    assert_eq!(fresh.transcript.deliveries["b"].len(), 256);
    assert_eq!((fresh.polled["b.peer"], fresh.polled["a"]), (256, 64));
    let aged = Options { polled: [("b.peer".to_owned(), 5 + 256)].into(), ..options() };
    assert_eq!(model::play(&case, &aged).expect("it builds").deliveries["b"].len(), 251);
}

#[test]
fn releases_are_read() {
    let version = |text| kernel_version(text).map(|version| version.to_string());
    assert_eq!(version("6.18.44-fc-v669"), Ok("6.18".into()));
    assert_eq!(version("6.1.0-40-amd64"), Ok("6.1".into()));
    assert_eq!(version("6.12-rc1"), Ok("6.12".into()));
    assert!(version("5.15.0").is_err() && version("weird").is_err());
    assert!(Options::host().is_ok(), "{:?}", Options::host());
}

/// Clauses of the catalogue in these families, in its order.
fn catalogue(families: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/semantics/redirect.md"));
    let text = text.expect("the catalogue");
    let ids = text.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("**")).map(|(id, _)| id);
    ids.filter(|id| families.iter().any(|family| id.starts_with(&format!("{family}-"))))
        .map(str::to_owned)
        .collect()
}

/// Rules and clauses that no test has to check yet.
fn deferred() -> Vec<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deferred.toml"));
    let text = text.expect("the deferred rules");
    let lists = text.lines().filter_map(|line| line.strip_prefix("ids = ["));
    lists.flat_map(|list| list.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_clause_is_exercised_or_has_a_reason() {
    let deferred = deferred();
    let later = |id: &str| deferred.iter().any(|one| one == id || id.split('.').next() == Some(one));
    let wanted: Vec<String> = catalogue(&["HLP", "RED", "ENQ", "FLU", "DVP", "BRD", "DRV", "GEN", "TRC"]);
    let mut wanted: BTreeSet<String> = wanted.into_iter().filter(|id| !later(id)).collect();
    // The map campaign's, but for this one, which takes a frame.
    wanted.insert("MAP-12.b".to_owned());
    let exercised: Vec<&str> = clauses().chain(generic_clauses()).map(|clause| clause.id).collect();
    let reasons = NOT_PROVOCABLE.iter().map(|reason| reason.id);
    let mut listed: Vec<String> = exercised.into_iter().chain(reasons).map(str::to_owned).collect();
    listed.sort_unstable();
    assert!(listed.windows(2).all(|two| two[0] != two[1]), "a clause is listed twice: {listed:?}");
    let listed: BTreeSet<String> = listed.into_iter().collect();
    let missing: Vec<_> = wanted.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&wanted).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
}

/// So many houses, and so many cases in each.
fn each_case(houses_n: usize, cases: usize, mut with: impl FnMut(&Case)) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[1; 32]));
    for _ in 0..houses_n {
        let house = houses(HouseMix::default()).new_tree(&mut runner).expect("a house").current();
        let strategy = cases_in(&house, Mix::default());
        for _ in 0..cases {
            with(&strategy.new_tree(&mut runner).expect("a case").current());
        }
    }
}

fn campaign(houses_n: usize, cases: usize) -> Histogram {
    let mut histogram = Histogram::of_cases();
    each_case(houses_n, cases, |case| {
        let played = model::tell(case, &options()).expect("it builds");
        histogram.add(&View::new(case, &played));
    });
    histogram
}

/// The CI campaign has 10,000 cases; a fifth of that reaches every clause.
#[test]
fn every_provocable_clause_is_reached() {
    let histogram = campaign(25, 80);
    let never: Vec<&str> =
        histogram.rare().filter(|&(_, times)| times == 0).map(|(clause, _)| clause).collect();
    assert!(never.is_empty(), "never exercised: {never:?}\n{histogram}");
    let rare = histogram.rare().filter(|&(_, times)| times < 4).collect::<Vec<_>>();
    assert!(rare.is_empty(), "in a campaign five times as long fewer than 20 times: {rare:?}\n{histogram}");
}

#[test]
fn histograms_merge() {
    let (one, other) = (campaign(1, 10), campaign(1, 5));
    let mut both = one.clone();
    both.merge(&other);
    assert_eq!(both.cases, 15);
    assert_eq!(both.by_clause["FLU-04.f"], one.by_clause["FLU-04.f"] + other.by_clause["FLU-04.f"]);
    let json = both.to_json();
    assert!(json.starts_with("{\"cases\": 15, \"clauses\": {\"BRD-01.a\": "), "{json}");
}
