//! Where two transcripts part is found and told. The "kernel" is the model with a deliberate fault, or a
//! transcript that was tampered with.

use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, MapSpec, PeerSpec, PortKind, PortSpec, ProgramKind, ProgramSpec, Scenario,
};
use xdpsim_core::{Errno, FrameNo, KernelVersion, MapKind, Mutations, RedirectFlags};
use xdpsim_devmap::{IfIndex, UpdateFlags};
use xdpsim_oracle::case::{Burst, Case, Inject};
use xdpsim_oracle::compare::{Difference, Place, compare, scenario};
use xdpsim_oracle::model::{self, Options};
use xdpsim_oracle::transcript::Transcript;

fn options() -> Options {
    Options::of(KernelVersion { major: 6, minor: 18 })
}

fn port(name: &str, ifindex: u32) -> PortSpec {
    let peer = PeerSpec::FarEnd { mtu: 1500, gro: false, xdp: true, up: true, queues: 1 };
    PortSpec { ifindex: Some(IfIndex(ifindex)), ..PortSpec::new(name, PortKind::Veth { peer, gro: false }) }
}

/// 17 frames on a, broadcast to b and c; before that b is written once more.
fn case() -> Case {
    let mut ports = vec![port("a", 2), port("b", 3), port("c", 4)];
    ports[0].xdp = Some("fan".into());
    let fan = ProgramKind::Broadcast { map: "map".into(), flags: RedirectFlags::EXCLUDE_INGRESS };
    let value = EntryValue::Port { port: "b".into(), program: None };
    let update = Action::UpdateEntry { map: "map".into(), key: 1, value, flags: UpdateFlags::NOEXIST };
    let scenario = Scenario {
        ports,
        maps: vec![MapSpec::new("map", MapKind::Devmap, 4).with(1, "b").with(2, "c")],
        programs: vec![ProgramSpec::xdp("fan", fan)],
        changes: vec![Change { at: At::Frame(FrameNo(0)), action: update }],
        ..Scenario::default()
    };
    let frames = (0..17).map(|i| vec![i; 60]).collect();
    Case { scenario, bursts: vec![Burst { port: 0, how: Inject::Poll, frames }] }
}

fn model() -> Transcript {
    model::play(&case(), &options()).expect("it builds")
}

fn parting(kernel: &Transcript) -> Difference {
    compare(&model(), kernel, &case()).expect("they differ")
}

#[test]
fn nothing_is_said_of_equals() {
    assert_eq!(compare(&model(), &model(), &case()), None);
}

#[test]
fn a_fault_is_told_with_the_story_of_the_frame() {
    let options = Options { mutations: Mutations::FLUSH_AT_16, ..options() };
    let kernel = model::play(&case(), &options).expect("it builds");
    let difference = parting(&kernel);
    assert_eq!(difference.place, Place::Event(15));
    assert!(
        difference.model.starts_with("xdp_redirect: prog_id=1 action=REDIRECT ifindex=2"),
        "{difference}"
    );
    assert!(difference.kernel.starts_with("xdp_devmap_xmit: from_ifindex=2 to_ifindex=3"), "{difference}");
    let report = difference.report(&case(), &kernel, &self::options());
    for part in [
        "model and kernel part at tracepoint 16",
        "frame 16 of the case in the model",
        "polled on a, frame 16 of 17, 60 bytes  [DRV-07]",
        "a clone is number 16 in the queue of b  [ENQ-01]",
        "ends: delivered at c",
        "# 17 frames come in on a in one poll; bytes: 60; first bytes: 0 1 2",
        "entries = [{ key = 1, port = \"b\" }, { key = 2, port = \"c\" }]",
    ] {
        assert!(report.contains(part), "`{part}` is not in\n{report}");
    }
}

#[test]
fn causes_come_before_effects() {
    let mut kernel = model();
    kernel.counters.get_mut("b").expect("b counts").xdp_xmit = 3;
    let seen = parting(&kernel);
    assert_eq!(seen.place, Place::Counter("b".into(), "xdp_xmit"));
    assert_eq!((seen.model.as_str(), seen.kernel.as_str()), ("17", "3"));
    kernel.maps.insert("map".into(), Vec::new());
    assert_eq!(parting(&kernel).place, Place::Map("map".into()));
    kernel.passed.insert("a".into(), vec![vec![7; 60]]);
    assert_eq!(parting(&kernel).place, Place::Passed("a".into(), 0));
    kernel.deliveries.get_mut("c").expect("c sends").pop();
    let seen = parting(&kernel);
    assert_eq!(seen.place, Place::Delivery("c".into(), 16));
    assert_eq!(seen.kernel, "no further frame (16 in all)");
    kernel.events.truncate(2);
    assert_eq!(
        (parting(&kernel).place, parting(&kernel).kernel),
        (Place::Event(2), "no further event".into())
    );
    kernel.operations[2] = Ok(());
    let seen = parting(&kernel);
    assert_eq!(seen.place, Place::Operation(2));
    assert!(
        seen.model.contains("update_entry") && seen.model.ends_with(&format!("fails: {}", Errno::EEXIST)),
        "{seen}"
    );
}

/// A frame that only the kernel has is recognised by its number.
#[test]
fn a_frame_too_many_is_recognised() {
    let mut case = case();
    for (i, frame) in case.bursts[0].frames.iter_mut().enumerate() {
        frame[14..19].copy_from_slice(&[0, i as u8, 0, 0, 9]);
    }
    let model = model::play(&case, &options()).expect("it builds");
    let mut kernel = model.clone();
    kernel.deliveries.insert("a".into(), vec![case.bursts[0].frames[4].clone()]);
    let seen = compare(&model, &kernel, &case).expect("they differ");
    assert_eq!(seen.place, Place::Delivery("a".into(), 0));
    assert!(seen.report(&case, &kernel, &options()).contains("frame 5 of the case"));
}

#[test]
fn a_case_reads_as_a_scenario() {
    let text = scenario(&case());
    let change = "[[change]]\nframe = 0\ndo = \"update_entry\"\nmap = \"map\"\nkey = 1\nto = \"b\"\nflags = \"noexist\"";
    for part in ["kind = \"veth\"\npeer = { mtu = 1500, gro = false, xdp = true, up = true }", change] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}
