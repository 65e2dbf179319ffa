//! The tracer records what the kernel prints, in order, of the namespaces that were asked for only.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use xdpsim_devmap::{Errno, IfIndex};
use xdpsim_oracle::bpf::asm::{Asm, Helper, Insn, R1, R2, R3};
use xdpsim_oracle::bpf::{LiveFrames, Map, MapCreate, Prog, ProgLoad, XdpLink, map_type};
use xdpsim_oracle::need::{self, Need};
use xdpsim_oracle::net::{Links, Netns, VethEnd};
use xdpsim_oracle::trace::{RawEvent, Tracepoint, Tracer};

const LO: u32 = 1;
const NEAR: u32 = 2;
const FAR: u32 = 3;
/// Frames of a burst.
const BURST: u32 = 16;
/// No device has this index.
const NO_DEVICE: u32 = 999;

/// What the tracer and its namespaces need.
fn can_trace(test: &str) -> Option<()> {
    need::all(test, &[&Need::KERNEL[..], &[Need::KernelBtf]].concat())
}

fn assemble(write: impl FnOnce(&mut Asm)) -> Vec<Insn> {
    let mut asm = Asm::new();
    write(&mut asm);
    asm.finish().expect("every label is bound")
}

fn load(name: &str, write: impl FnOnce(&mut Asm)) -> Prog {
    Prog::load(&ProgLoad::xdp(name, &assemble(write))).unwrap_or_else(|error| panic!("{error}"))
}

/// A namespace with a veth pair; what is redirected to the far end is polled by the near one.
struct Bench {
    netns: Netns,
    near: Prog,
    feeder: Prog,
    map_id: u32,
    _links: [XdpLink; 2],
}

impl Bench {
    /// With a program on the near end that returns this verdict.
    fn new(verdict: u32) -> Self {
        let netns = Netns::new().expect("root");
        let links = Links::of(&netns).expect("root");
        let [near, far] =
            [("near", NEAR), ("far", FAR)].map(|(name, n)| VethEnd::new(name, IfIndex(n), &netns));
        links.veth(&near, &far).expect("a new namespace");
        [NEAR, FAR].iter().for_each(|n| links.set_up(IfIndex(*n), true).expect("it is there"));
        let near = load("near", |asm| _ = asm.ret(verdict));
        let far = load("far", |asm| _ = asm.ret(1));
        let map = Map::create(&MapCreate::new(map_type::DEVMAP, 4, 4, 8, "to_far")).expect("a devmap");
        let feeder = load("feeder", |asm| {
            asm.map(R1, map.as_fd()).mov(R2, 5).mov(R3, 0).call(Helper::RedirectMap).exit();
        });
        let attach = |prog: &Prog, n| netns.run(|| XdpLink::native(prog, n)).expect("root").expect("a veth");
        netns.run(|| map.set(5, FAR)).expect("root").expect("it is there");
        let _links = [attach(&near, NEAR), attach(&far, FAR)];
        Self { netns, near, feeder, map_id: map.id().expect("open"), _links }
    }

    fn run(&self, prog: &Prog) {
        self.run_many(prog, BURST);
    }

    /// In polls of [`BURST`] frames.
    fn run_many(&self, prog: &Prog, repeat: u32) {
        let frames =
            LiveFrames { data: &[0; 60], repeat, batch_size: BURST, ingress_ifindex: 0, rx_queue_index: 0 };
        self.netns.run(|| prog.run_live(&frames)).expect("root").expect("a right program");
    }

    fn tracer(&self) -> Tracer {
        Tracer::new(&[self.netns.inode()]).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// All events, once there are as many as expected, or a second has passed.
fn events(tracer: &mut Tracer, expected: usize) -> Vec<RawEvent> {
    let (begin, mut events) = (Instant::now(), Vec::new());
    while events.len() < expected && begin.elapsed() < Duration::from_secs(1) {
        tracer.drain(|event| events.push(event)).expect("room for all");
    }
    events
}

fn id(prog: &Prog) -> u32 {
    prog.id().expect("open")
}

/// Sixteen frames in one poll: a redirect event each, one transmission, and what the far side says.
///
/// Rule: TRC-01.a, TRC-03.a, TRC-05.a, TRC-05.b, TRC-07.a
#[test]
fn a_burst_is_recorded_in_order() {
    let Some(()) = can_trace("a_burst_is_recorded_in_order") else { return };
    let bench = Bench::new(0);
    let mut tracer = bench.tracer();
    bench.run(&bench.feeder);
    let n = BURST as usize;
    let events = events(&mut tracer, 2 * n + 1);
    assert_eq!(events.len(), 2 * n + 1, "{events:#?}");
    let netns = bench.netns.inode();
    let redirect = RawEvent {
        tracepoint: Tracepoint::Redirect,
        netns,
        prog_id: id(&bench.feeder),
        act: 4,
        ifindex: LO,
        err: 0,
        to_netns: netns,
        to_ifindex: FAR,
        map_type: map_type::DEVMAP,
        map_id: bench.map_id,
        map_index: 5,
        sent: 0,
        drops: 0,
    };
    assert!(events[..n].iter().all(|event| *event == redirect), "{:#?}", events[0]);
    let none =
        RawEvent { prog_id: 0, to_netns: 0, to_ifindex: 0, map_type: 0, map_id: 0, map_index: 0, ..redirect };
    let xmit = RawEvent {
        tracepoint: Tracepoint::DevmapXmit,
        to_netns: netns,
        to_ifindex: FAR,
        sent: BURST.cast_signed(),
        ..none
    };
    assert_eq!(events[n], xmit);
    let aborted = RawEvent {
        tracepoint: Tracepoint::Exception,
        prog_id: id(&bench.near),
        act: 0,
        ifindex: NEAR,
        ..none
    };
    assert!(events[n + 1..].iter().all(|event| *event == aborted), "{:#?}", events[n + 1]);
}

/// Rule: TRC-02.a
#[test]
fn xdp_tx_is_recorded_as_one_bulk() {
    let Some(()) = can_trace("xdp_tx_is_recorded_as_one_bulk") else { return };
    let bench = Bench::new(3);
    let mut tracer = bench.tracer();
    bench.run(&bench.feeder);
    let last = events(&mut tracer, BURST as usize + 2).pop().expect("some");
    let seen = (last.tracepoint, last.act, last.ifindex, last.sent, last.drops, last.err);
    assert_eq!(seen, (Tracepoint::BulkTx, 3, NEAR, BURST.cast_signed(), 0, 0));
}

/// Rule: TRC-04.a, TRC-04.b
#[test]
fn a_redirect_to_no_device_is_an_error_event() {
    let Some(()) = can_trace("a_redirect_to_no_device_is_an_error_event") else { return };
    let bench = Bench::new(1);
    let mut tracer = bench.tracer();
    let lost = load("lost", |asm| {
        asm.mov(R1, NO_DEVICE as i32).mov(R2, 0).call(Helper::Redirect).exit();
    });
    bench.run(&lost);
    let events = events(&mut tracer, BURST as usize);
    assert_eq!(events.len(), BURST as usize);
    for event in events {
        let target = (event.to_ifindex, event.map_id, event.map_index, event.map_type);
        assert_eq!(target, (NO_DEVICE, i32::MAX as u32, 0, 0));
        assert_eq!(
            (event.tracepoint, event.prog_id, event.ifindex),
            (Tracepoint::RedirectErr, id(&lost), LO)
        );
        assert_eq!(event.err, -Errno::EINVAL.number());
    }
}

/// What happens elsewhere isn't recorded, until it is asked for.
#[test]
fn other_namespaces_are_silent() {
    let Some(()) = can_trace("other_namespaces_are_silent") else { return };
    let (here, elsewhere) = (Bench::new(1), Bench::new(1));
    let mut tracer = here.tracer();
    elsewhere.run(&elsewhere.feeder);
    here.run(&here.feeder);
    let n = BURST as usize + 1;
    let seen = events(&mut tracer, n);
    assert_eq!(seen.len(), n);
    assert!(seen.iter().all(|event| event.netns == here.netns.inode()));
    tracer.watch(elsewhere.netns.inode()).expect("room for more");
    elsewhere.run(&elsewhere.feeder);
    let seen = events(&mut tracer, n);
    assert_eq!(seen.len(), n);
    assert!(seen.iter().all(|event| event.netns == elsewhere.netns.inode()));
}

/// Too many events for the buffer are an error, once, and those that fitted are handed out.
#[test]
fn lost_events_are_reported() {
    let Some(()) = can_trace("lost_events_are_reported") else { return };
    let bench = Bench::new(1);
    let mut tracer = bench.tracer();
    // 64 bytes each in the buffer's 4 MiB, with some to spare.
    bench.run_many(&bench.feeder, (4 << 20) / 64 + 1000);
    let mut kept = 0;
    let error = tracer.drain(|_| kept += 1).expect_err("more than fit");
    assert!(error.to_string().contains("events were lost"), "{error}");
    assert!(kept > 60_000, "{kept}");
    bench.run(&bench.feeder);
    assert_eq!(events(&mut tracer, BURST as usize + 1).len(), BURST as usize + 1);
}

/// The checked-in object is what its source gives, where the compiler is that of objects/README.md.
#[test]
fn the_object_is_built_from_its_source() {
    let test = "the_object_is_built_from_its_source";
    if !Need::Clang.is_met() {
        return need::skip(test, "clang");
    }
    let objects = Path::new(env!("CARGO_MANIFEST_DIR")).join("objects");
    let readme = std::fs::read_to_string(objects.join("README.md")).expect("it says which compiler");
    let version = Command::new("clang").arg("--version").output().expect("it is on the path").stdout;
    let version = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
    if !readme.contains(&format!("`{version}`")) {
        return need::skip(test, &format!("the compiler of objects/README.md; this is {version}"));
    }
    let into = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let built = Command::new(objects.join("build.sh")).arg(into).status().expect("a shell");
    assert!(built.success());
    let [fresh, checked_in] =
        [into, &objects].map(|dir| std::fs::read(dir.join("tracer.bpf.o")).expect("built"));
    assert!(fresh == checked_in, "objects/tracer.bpf.o is not what objects/build.sh makes: run it");
}
