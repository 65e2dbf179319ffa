//! What a finding does not need is taken out of its case, and the rest stays where it was.

use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, KeySource, MapSpec, Op, PeerSpec, PortKind, PortSpec, ProgramKind,
    ProgramSpec, Scenario,
};
use xdpsim_core::{FrameNo, KernelVersion, MapKind, XdpAction};
use xdpsim_devmap::{IfIndex, UpdateFlags};
use xdpsim_oracle::case::{Burst, Case, Inject};
use xdpsim_oracle::cases::shorten;
use xdpsim_oracle::model::{self, Options};
use xdpsim_oracle::transcript::Transcript;

fn play(case: &Case) -> Option<Transcript> {
    model::play(case, &Options::of(KernelVersion { major: 6, minor: 18 })).ok()
}

fn port(name: &str, ifindex: u32) -> PortSpec {
    let peer = PeerSpec::FarEnd { mtu: 1500, gro: false, xdp: true, up: true, queues: 1 };
    PortSpec { ifindex: Some(IfIndex(ifindex)), ..PortSpec::new(name, PortKind::Veth { peer, gro: false }) }
}

/// Two bursts on a; before the second, key 4 gets port c. Much of it is for nothing.
fn case() -> Case {
    let mut ports = vec![port("a", 2), port("b", 3), port("c", 4)];
    ports[0].xdp = Some("on_a".into());
    let call = |key| {
        let call = Op::RedirectMap { map: "map".into(), key, flags: 0 };
        vec![call.clone(), call, Op::Return(XdpAction::REDIRECT)]
    };
    let cycle = vec![vec![Op::Return(XdpAction::DROP)], call(4), call(1)];
    let to_other = ProgramKind::RedirectMap { map: "other".into(), key: KeySource::Const(0), flags: 0 };
    let value = EntryValue::Port { port: "c".into(), program: None };
    let update = Action::UpdateEntry { map: "map".into(), key: 4, value, flags: UpdateFlags::ANY };
    let delete = Action::DeleteEntry { map: "map".into(), key: 7 };
    let change = |no, action| Change { at: At::Frame(FrameNo(no)), action };
    let scenario = Scenario {
        ports,
        maps: vec![
            MapSpec::new("map", MapKind::Devmap, 8).with(1, "b").with_program(2, "a", "entry"),
            MapSpec::new("other", MapKind::Devmap, 4).with(0, "b"),
        ],
        programs: vec![
            ProgramSpec::xdp("on_a", ProgramKind::Script(cycle)),
            ProgramSpec::xdp("idle", to_other),
            ProgramSpec::devmap("entry", ProgramKind::Verdict(XdpAction::DROP)),
        ],
        changes: vec![change(0, delete), change(6, update)],
        ..Scenario::default()
    };
    let burst = |n: u8, how| Burst { port: 0, how, frames: (0..n).map(|i| vec![i; 60]).collect() };
    Case { scenario, bursts: vec![burst(6, Inject::Socket), burst(9, Inject::Poll)] }
}

fn leaves_by(port: &str) -> impl FnMut(&Case) -> bool {
    move |case| play(case).is_some_and(|seen| seen.deliveries.contains_key(port))
}

fn frames(case: &Case) -> Vec<usize> {
    case.bursts.iter().map(|burst| burst.frames.len()).collect()
}

#[test]
fn one_frame_and_what_it_needs_are_left() {
    assert!(leaves_by("b")(&case()), "the case shows it to begin with");
    let short = shorten(case(), &mut leaves_by("b"));
    let Scenario { ports, maps, programs, changes, .. } = &short.scenario;
    assert_eq!(ports, &case().scenario.ports, "the house stays");
    assert_eq!(frames(&short), [1]);
    assert_eq!(maps, &[MapSpec::new("map", MapKind::Devmap, 8).with(1, "b")]);
    let call = Op::RedirectMap { map: "map".into(), key: 1, flags: 0 };
    let script = vec![vec![call, Op::Return(XdpAction::REDIRECT)]];
    assert_eq!(programs, &[ProgramSpec::xdp("on_a", ProgramKind::Script(script))]);
    assert!(changes.is_empty());
}

/// The burst behind it goes, and it happens before the other.
#[test]
fn a_change_outlives_its_burst() {
    assert!(leaves_by("c")(&case()), "the case shows it to begin with");
    let short = shorten(case(), &mut leaves_by("c"));
    assert_eq!(frames(&short), [1]);
    assert_eq!(
        short.scenario.changes,
        [Change { at: At::Frame(FrameNo(0)), ..case().scenario.changes[1].clone() }]
    );
}

/// A change before the last burst goes before the one that is last when that is gone: never into a burst.
#[test]
fn a_change_never_falls_into_a_burst() {
    let mut polled_later = |case: &Case| {
        let starts: Vec<u64> = case
            .bursts
            .iter()
            .scan(0, |no, burst| {
                let first = *no;
                *no += burst.frames.len() as u64;
                Some(first)
            })
            .collect();
        let at_start = |change: &Change| matches!(change.at, At::Frame(no) if starts.contains(&no.0));
        assert!(case.scenario.changes.iter().all(at_start), "{:?} in {starts:?}", case.scenario.changes);
        case.bursts.len() == 1 && case.bursts[0].how == Inject::Socket && case.scenario.changes.len() == 2
            || case.bursts.len() == 2
    };
    let short = shorten(case(), &mut polled_later);
    assert_eq!((frames(&short), short.scenario.changes.len()), (vec![1], 2));
}
