//! Compiled programs do on the kernel what the Rust programs do in the model: verdict and bytes, over
//! random frames and random programs.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use xdpsim_core::lab::Lab;
use xdpsim_core::programs;
use xdpsim_core::scenario::{
    EntrySpec, EntryValue, KeySource, MapSpec, Op, PortSpec, ProgramKind, ProgramSpec, Scenario,
};
use xdpsim_core::{Ctx, FrameMut, Nanos, XdpProgram};
use xdpsim_devmap::{AttachType, Errno, IfIndex, MapId, MapKind, RedirectFlags, XdpAction};
use xdpsim_oracle::bpf::{Map, MapCreate, XdpLink};
use xdpsim_oracle::compile::{CompileError, Loaded, load};
use xdpsim_oracle::need;

/// The ports and maps that the programs name: the model's devices all have the index of the kernel's
/// loopback device, which is what a test run says the frame came in on.
fn scenario(program: &ProgramSpec) -> Scenario {
    let port =
        PortSpec { ifindex: Some(IfIndex(1)), xdp: Some(program.name.clone()), ..PortSpec::ideal("lo") };
    Scenario {
        ports: vec![port],
        maps: vec![
            MapSpec::new("ports", MapKind::Devmap, 8).with(0, "lo").with(3, "lo"),
            MapSpec::new("hash", MapKind::DevmapHash, 8).with(3, "lo").with(0xffff_ffff, "lo"),
            MapSpec { value_size: 4, ..MapSpec::new("outer", MapKind::ArrayOfMaps, 2) }.with_map(1, "ports"),
        ],
        programs: vec![program.clone()],
        ..Scenario::default()
    }
}

trait WithMap {
    fn with_map(self, key: u32, map: &str) -> Self;
}

impl WithMap for MapSpec {
    fn with_map(mut self, key: u32, map: &str) -> Self {
        self.entries.push(EntrySpec { key, value: EntryValue::Map(map.to_owned()) });
        self
    }
}

/// The same maps in the kernel.
struct Maps {
    ports: Map,
    hash: Map,
    outer: Map,
}

impl Maps {
    fn new() -> Self {
        let create = |kind: MapKind, name, value_size, inner_map_fd| {
            let attr = MapCreate::new(kind.number(), 4, value_size, 8, name);
            Map::create(&MapCreate { inner_map_fd, ..attr }).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let ports = create(MapKind::Devmap, "ports", 8, 0);
        let hash = create(MapKind::DevmapHash, "hash", 8, 0);
        let outer = create(MapKind::ArrayOfMaps, "outer", 4, ports.as_raw_fd());
        let lo = 1u64.to_le_bytes();
        for (map, key) in [(&ports, 0u32), (&ports, 3), (&hash, 3), (&hash, u32::MAX)] {
            map.update(&key.to_ne_bytes(), &lo, 0).expect("lo is there");
        }
        outer.set_fd(1, ports.as_fd()).expect("like its template");
        Self { ports, hash, outer }
    }

    fn by_name(&self, name: &str) -> Option<BorrowedFd<'_>> {
        match name {
            "ports" => Some(self.ports.as_fd()),
            "hash" => Some(self.hash.as_fd()),
            "outer" => Some(self.outer.as_fd()),
            _ => None,
        }
    }
}

/// Verdict, and the bytes from the metadata's start to the frame's end.
type Outcome = (u32, Vec<u8>);

/// Lets another program run and writes down what it left.
struct Recording {
    program: Box<dyn XdpProgram>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
}

impl XdpProgram for Recording {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let verdict = self.program.run(ctx, frame);
        let bytes = [frame.meta(), frame.data()].concat();
        self.outcomes.lock().expect("nobody panicked").push((verdict.0, bytes));
        // What becomes of the frame is of no interest.
        XdpAction::DROP
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(Self { program: self.program.clone_box(), outcomes: Arc::clone(&self.outcomes) })
    }
}

fn on_the_model(program: &ProgramSpec, frames: &[Vec<u8>]) -> Vec<Outcome> {
    let ids = |name: &str| match name {
        "ports" => Some(MapId(1)),
        "hash" => Some(MapId(2)),
        "outer" => Some(MapId(3)),
        _ => None,
    };
    let outcomes = Arc::default();
    let inner = programs::build(&program.kind, &mut |name| ids(name)).expect("known maps");
    let own: Box<dyn XdpProgram> = Box::new(Recording { program: inner, outcomes: Arc::clone(&outcomes) });
    let scenario = scenario(program);
    let mut lab =
        Lab::with_programs(&scenario, BTreeMap::from([(program.name.clone(), own)])).expect("valid");
    for (time, frame) in (1..).zip(frames) {
        lab.at(Nanos(time)).send("lo", frame);
    }
    let _ = lab.run();
    let mut outcomes = outcomes.lock().expect("nobody panicked");
    std::mem::take(&mut *outcomes)
}

fn on_the_kernel(maps: &Maps, program: &ProgramSpec, frames: &[Vec<u8>]) -> Vec<Outcome> {
    let loaded = load(program, &mut |name| maps.by_name(name)).unwrap_or_else(|error| panic!("{error}"));
    let run = |frame: &Vec<u8>| loaded.prog.test_run(frame).map(|ran| (ran.verdict, ran.data));
    frames.iter().map(|frame| run(frame).unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Where the two part first. Whole frames would hide it.
fn parting(model: &[Outcome], kernel: &[Outcome]) -> Option<String> {
    let (frame, (a, b)) = model.iter().zip(kernel).enumerate().find(|(_, (a, b))| a != b)?;
    let at = a.1.iter().zip(&b.1).position(|(a, b)| a != b);
    let bytes = at.map(|at| (at, a.1[at], b.1[at]));
    Some(format!(
        "frame {frame}: verdicts {} and {}, {} and {} bytes, first different byte {bytes:?}",
        a.0,
        b.0,
        a.1.len(),
        b.1.len()
    ))
}

fn map_name() -> impl Strategy<Value = String> {
    prop_oneof![Just("ports".to_owned()), Just("hash".to_owned())]
}

fn helper_flags() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..4, 3 => 0u64..64, 1 => any::<u64>()]
}

fn key() -> impl Strategy<Value = u64> {
    let far = prop_oneof![Just(1u64 << 32), Just((1 << 32) + 3), Just(0xffff_ffff), any::<u64>()];
    prop_oneof![4 => 0u64..10, 1 => far]
}

fn action() -> impl Strategy<Value = XdpAction> {
    prop_oneof![4 => 0u32..5, 1 => any::<u32>()].prop_map(XdpAction)
}

fn offset() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0u32..100, 3 => 0u32..4000, 1 => any::<u32>(), 1 => 32_760u32..32_770]
}

fn delta() -> impl Strategy<Value = i32> {
    prop_oneof![4 => -64..64, 2 => (-53..60).prop_map(|words| 4 * words), 1 => -5000..5000, 1 => any::<i32>()]
}

/// The model counts headroom up to 1023 bytes, so frames aren't cut at the head by more than some hundred
/// bytes in all, other than by more than they have.
fn head_delta() -> impl Strategy<Value = i32> {
    prop_oneof![4 => -64..64, 2 => -300..100, 1 => 4000..5000, 1 => i32::MIN..-300, 1 => 5000..i32::MAX]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0u32..4, helper_flags()).prop_map(|(n, flags)| Op::Redirect { ifindex: IfIndex(n), flags }),
        (map_name(), key(), helper_flags()).prop_map(|(map, key, flags)| Op::RedirectMap { map, key, flags }),
        (0u32..3, key(), helper_flags()).prop_map(|(outer, key, flags)| Op::RedirectInner {
            map: "outer".to_owned(),
            outer,
            key,
            flags
        }),
        (offset(), any::<u8>()).prop_map(|(offset, value)| Op::SetByte { offset, value }),
        head_delta().prop_map(Op::AdjustHead),
        delta().prop_map(Op::AdjustMeta),
        delta().prop_map(Op::AdjustTail),
        action().prop_map(Op::Return),
        Just(Op::ReturnHelper),
    ]
}

fn key_source() -> impl Strategy<Value = KeySource> {
    prop_oneof![
        key().prop_map(KeySource::Const),
        Just(KeySource::IngressIfindex),
        Just(KeySource::RxQueueIndex),
        (offset(), 0u32..12).prop_map(|(offset, modulo)| KeySource::FrameByte { offset, modulo }),
    ]
}

fn kind() -> impl Strategy<Value = ProgramKind> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..20);
    let scripts = proptest::collection::vec(proptest::collection::vec(op(), 0..8), 0..4);
    prop_oneof![
        1 => action().prop_map(ProgramKind::Verdict),
        1 => (0u32..4, helper_flags())
            .prop_map(|(n, flags)| ProgramKind::Redirect { ifindex: IfIndex(n), flags }),
        3 => (map_name(), key_source(), helper_flags())
            .prop_map(|(map, key, flags)| ProgramKind::RedirectMap { map, key, flags }),
        1 => (map_name(), helper_flags()).prop_map(|(map, flags)| ProgramKind::Broadcast {
            map,
            flags: RedirectFlags::from_bits_retain(flags)
        }),
        2 => (offset(), bytes).prop_map(|(offset, bytes)| ProgramKind::Rewrite { offset, bytes }),
        8 => scripts.prop_map(ProgramKind::Script),
    ]
}

fn frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let len = prop_oneof![4 => 14usize..100, 1 => 14usize..1514, 1 => 3500usize..=3520];
    let frame = (len, any::<u64>()).prop_map(|(len, seed)| {
        (0..len as u64).map(|at| (seed.wrapping_mul(2 * at + 1) >> 23) as u8).collect()
    });
    proptest::collection::vec(frame, 1..6)
}

/// Any program of a scenario leaves the same bytes and verdicts on both sides, frame by frame; with the
/// position of a cycle carried from frame to frame. What a helper answers for a key, a flag or a hole is
/// the kernel's own word here.
///
/// Rule: HLP-01.a, HLP-01.c, HLP-03.a, HLP-04.a, HLP-10.a, HLP-16.a
#[test]
fn compiled_programs_equal_the_models() {
    let Some(()) = need::kernel("compiled_programs_equal_the_models") else { return };
    // A DEVMAP belongs to programs with or without frags, not to both (MAP-07).
    let maps = [Maps::new(), Maps::new()];
    let config = ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&(any::<bool>(), kind(), frames()), |(frags, kind, frames)| {
        let program = ProgramSpec { frags, ..ProgramSpec::xdp("random", kind) };
        let model = on_the_model(&program, &frames);
        let kernel = on_the_kernel(&maps[usize::from(frags)], &program, &frames);
        let parting = parting(&model, &kernel);
        prop_assert!(parting.is_none(), "{}", parting.unwrap_or_default());
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A cycle goes on where it was, and begins anew when told.
#[test]
fn a_cycle_can_be_restarted() {
    let Some(()) = need::kernel("a_cycle_can_be_restarted") else { return };
    let cycle = [1, 2, 3].map(|verdict| vec![Op::Return(XdpAction(verdict))]).to_vec();
    let program = ProgramSpec::xdp("cycle", ProgramKind::Script(cycle));
    let loaded: Loaded = load(&program, &mut |_| None).expect("no maps are needed");
    let verdicts = |n| -> Vec<u32> {
        (0..n).map(|_| loaded.prog.test_run(&[0; 60]).expect("60 bytes").verdict).collect()
    };
    assert_eq!(verdicts(5), [1, 2, 3, 1, 2]);
    loaded.restart().expect("the map is there");
    assert_eq!(verdicts(2), [1, 2]);
}

/// What can't be translated says so, with the program's name.
#[test]
fn what_has_no_translation_is_refused_by_name() {
    let refuse = |kind| load(&ProgramSpec::xdp("p", kind), &mut |_| None).expect_err("no maps, no tables");
    let learning = refuse(ProgramKind::LearningSwitch { map: "m".to_owned(), table_max: 4 });
    assert!(
        matches!(learning, CompileError::NotOnKernel { ref program, .. } if program == "p"),
        "{learning}"
    );
    let flows = refuse(ProgramKind::FlowHash { map: "m".to_owned(), targets: 4 });
    assert!(flows.to_string().contains("exists in the model only"), "{flows}");
    let unknown = refuse(ProgramKind::Broadcast { map: "m".to_owned(), flags: RedirectFlags::empty() });
    assert!(matches!(unknown, CompileError::UnknownMap { ref map, .. } if map == "m"), "{unknown}");
}

/// Rule: MAP-16.a
#[test]
fn entry_programs_load_but_dont_attach() {
    let Some(()) = need::kernel("entry_programs_load_but_dont_attach") else { return };
    let entry = ProgramSpec::devmap("entry", ProgramKind::Verdict(XdpAction::PASS));
    let cpumap = ProgramSpec { attach: AttachType::Cpumap, ..entry.clone() };
    for program in [entry, cpumap] {
        let loaded = load(&program, &mut |_| None).unwrap_or_else(|error| panic!("{error}"));
        for refused in [XdpLink::native(&loaded.prog, 1), XdpLink::generic(&loaded.prog, 1)] {
            assert_eq!(refused.expect_err("not for devices").errno(), Some(Errno::EINVAL));
        }
    }
}
