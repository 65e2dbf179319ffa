//! Nothing is left behind, however a run ends, and runs do not disturb one another.
//!
//! A child, this binary again, builds a bench and plays until it is ended. While it lives, /proc tells
//! which programs, maps, links and namespaces it holds; when it is dead, none of them may be there.

#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "asks bpf(2) whether an id is known")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use xdpsim_core::Scenario;
use xdpsim_core::scenario::{MapSpec, PeerSpec, PortKind, PortSpec, ProgramKind, ProgramSpec};
use xdpsim_devmap::{IfIndex, MapKind, RedirectFlags};
use xdpsim_oracle::bench::Bench;
use xdpsim_oracle::case::{Burst, Case, House, Inject};
use xdpsim_oracle::model::{self, Options};
use xdpsim_oracle::need;
use xdpsim_oracle::transcript::Transcript;

/// Tells the child that it is one, and how to end.
const END: &str = "XDPSIM_LEFTOVERS_END";
/// How long the kernel may take to pull namespaces down.
const GRACE: Duration = Duration::from_secs(60);

fn house() -> House {
    let peer = PeerSpec::FarEnd { mtu: 1500, gro: false, xdp: true, up: true, queues: 1 };
    let ports = (0..3).map(|n: u32| {
        let mut port = PortSpec::new(&format!("p{n}"), PortKind::Veth { peer: peer.clone(), gro: false });
        port.netns = ["red", "blue"].get(n as usize % 2).map(|netns| (*netns).to_owned());
        port.ifindex = Some(IfIndex(10 + n / 2));
        port.xdp = Some("main".to_owned());
        port
    });
    House { netns: vec!["red".to_owned(), "blue".to_owned()], ports: ports.collect() }
}

fn case(seed: u8) -> Case {
    let house = house();
    let ports = house.ports.iter().enumerate();
    let map = MapSpec::new("ports", MapKind::DevmapHash, 8);
    let map = ports.fold(map, |map, (key, port)| map.with(key as u32 * u32::from(seed), &port.name));
    let kind = ProgramKind::Broadcast { map: "ports".to_owned(), flags: RedirectFlags::EXCLUDE_INGRESS };
    let scenario = Scenario {
        netns: house.netns,
        ports: house.ports,
        maps: vec![map],
        programs: vec![ProgramSpec::xdp("main", kind)],
        ..Scenario::default()
    };
    let frame = |n: u8| {
        let mut frame = vec![n; 60 + usize::from(seed)];
        frame[12..14].copy_from_slice(&[0x88, 0xb5]);
        frame
    };
    let bursts = [Inject::Socket, Inject::Poll].into_iter().zip([0, 2]);
    let burst = |(how, port)| Burst { port, how, frames: (0..20).map(frame).collect() };
    Case { scenario, bursts: bursts.map(burst).collect() }
}

fn play(bench: &mut Bench, seed: u8) -> (Transcript, Transcript) {
    let case = case(seed);
    let model = model::play(&case, &Options::host().unwrap()).unwrap();
    let kernel = bench.play(&case, &model).unwrap();
    (kernel, model)
}

/// The child's part; does nothing where it is a test like any other.
#[test]
fn child() {
    let Ok(end) = env::var(END) else { return };
    // A shell that starts the tests in the background has the signal ignored, and that is inherited.
    // SAFETY: takes no pointers; no other thread of this process handles signals.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    let mut bench = Bench::new(&house()).unwrap();
    play(&mut bench, 1);
    println!("ready");
    match end.as_str() {
        "panic" => {
            // Until the parent has looked.
            std::io::stdin().read_line(&mut String::new()).unwrap();
            panic!("on purpose, with a bench that plays");
        }
        "abort" => {
            std::io::stdin().read_line(&mut String::new()).unwrap();
            std::process::abort();
        }
        _ => loop {
            play(&mut bench, 2);
        },
    }
}

#[test]
fn a_killed_run_leaves_nothing() {
    let Some(()) = need::kernel("leftovers::killed") else { return };
    ends_clean("kill", |child| child.kill().unwrap());
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let Some(()) = need::kernel("leftovers::interrupted") else { return };
    ends_clean("interrupt", |child| {
        let id = i32::try_from(child.id()).unwrap();
        // SAFETY: takes no pointers; the child has not been waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0);
    });
}

#[test]
fn a_run_that_panics_leaves_nothing() {
    let Some(()) = need::kernel("leftovers::panicked") else { return };
    ends_clean("panic", |child| drop(child.stdin.take()));
}

#[test]
fn a_run_that_crashes_leaves_nothing() {
    let Some(()) = need::kernel("leftovers::crashed") else { return };
    ends_clean("abort", |child| drop(child.stdin.take()));
}

fn ends_clean(end: &str, finish: impl FnOnce(&mut Child)) {
    let before = Named::now();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(END, end)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The test harness writes the test's name in front.
    assert!(lines.any(|line| line.unwrap().ends_with("ready")), "the child could not build its bench");
    let held = Held::by(child.id());
    assert!(held.programs.len() > 3 && held.namespaces.len() > 3, "{held:?}");
    finish(&mut child);
    let status = child.wait().unwrap();
    assert!(!status.success(), "the child ended by itself");

    let since = Instant::now();
    loop {
        let (left, named) = (held.left(), Named::now().beyond(&before));
        if left.is_empty() && named.is_empty() {
            return println!("all gone {:?} after the end by {end}", since.elapsed());
        }
        assert!(since.elapsed() < GRACE, "left behind after the end by {end}: {left:?} {named:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a process holds in the kernel.
#[derive(Debug)]
struct Held {
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
    links: BTreeSet<u32>,
    namespaces: BTreeSet<String>,
}

impl Held {
    fn by(process: u32) -> Self {
        let ids = |what: &str| {
            let infos = fs::read_dir(format!("/proc/{process}/fdinfo")).unwrap();
            // Descriptors come and go while the child plays.
            let texts = infos.filter_map(|info| fs::read_to_string(info.unwrap().path()).ok());
            texts.filter_map(|text| number(&text, what)).collect()
        };
        Self {
            programs: ids("prog_id:"),
            maps: ids("map_id:"),
            links: ids("link_id:"),
            namespaces: namespaces_of(process)
                .difference(&namespaces_of(std::process::id()))
                .cloned()
                .collect(),
        }
    }

    /// What of it is still there.
    fn left(&self) -> Vec<String> {
        let known = |what: &'static str, command, ids: &BTreeSet<u32>| {
            let known = ids.iter().filter(|id| is_known(command, **id));
            known.map(|id| format!("{what} {id}")).collect::<Vec<_>>()
        };
        let mut left = known("program", PROG_GET_FD_BY_ID, &self.programs);
        left.extend(known("map", MAP_GET_FD_BY_ID, &self.maps));
        left.extend(known("link", LINK_GET_FD_BY_ID, &self.links));
        left.extend(self.namespaces.intersection(&all_namespaces()).cloned());
        left
    }
}

fn number(text: &str, key: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_prefix(key))?.trim().parse().ok()
}

/// Network namespaces that a process is in or has open.
fn namespaces_of(process: u32) -> BTreeSet<String> {
    let fds = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let links = fds.map(|fd| fd.path()).chain([format!("/proc/{process}/ns/net").into()]);
    let targets = links.filter_map(|link| fs::read_link(link).ok()?.into_os_string().into_string().ok());
    targets.filter(|target| target.starts_with("net:[")).collect()
}

/// Network namespaces that any process holds, or that are mounted somewhere.
fn all_namespaces() -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut all: BTreeSet<String> = processes.flat_map(namespaces_of).collect();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    all.extend(mounts.split_whitespace().filter(|word| word.starts_with("net:[")).map(str::to_owned));
    all
}

/// Everything with a name that a run could leave.
#[derive(Debug)]
struct Named(BTreeSet<String>);

impl Named {
    fn now() -> Self {
        let places = ["/run/netns", "/sys/fs/bpf", "/sys/kernel/tracing/instances", "/sys/class/net"];
        let list = |place: &str| {
            let entries = fs::read_dir(place).into_iter().flatten().flatten();
            entries.map(|entry| entry.path().to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        Self(places.into_iter().flat_map(list).collect())
    }

    fn beyond(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }
}

const PROG_GET_FD_BY_ID: i64 = 13;
const MAP_GET_FD_BY_ID: i64 = 14;
const LINK_GET_FD_BY_ID: i64 = 30;

/// Does the kernel know this id?
fn is_known(command: i64, id: u32) -> bool {
    let mut attr = [0_u32; 32];
    attr[0] = id;
    // SAFETY: the attributes are as long as said; the command reads an id, which is the first of them.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_mut_ptr(), size_of_val(&attr)) };
    if fd < 0 {
        return std::io::Error::last_os_error().raw_os_error() != Some(libc::ENOENT);
    }
    // SAFETY: the call just gave it, nobody else has it.
    unsafe { libc::close(i32::try_from(fd).unwrap()) };
    true
}

/// Both play the same cases at the same time, on one CPU each or on the same one.
#[test]
fn two_benches_do_not_disturb_each_other() {
    let Some(()) = need::kernel("leftovers::parallel") else { return };
    let run = || {
        let mut bench = Bench::new(&house()).unwrap();
        let played: Vec<_> = (1..=100).map(|n| play(&mut bench, n % 7 + 1)).collect();
        assert_eq!(bench.take_strays(), []);
        played
    };
    let both = thread::scope(|scope| [scope.spawn(run), scope.spawn(run)].map(|one| one.join().unwrap()));
    assert_eq!(both[0], both[1]);
    for (kernel, model) in &both[0] {
        assert_eq!(kernel.deliveries, model.deliveries);
        assert_eq!(kernel.counters, model.counters);
    }
}
