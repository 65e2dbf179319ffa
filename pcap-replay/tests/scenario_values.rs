//! What scenario files mean: every key arrives in the value that the core runs.

use std::fs;
use std::path::{Path, PathBuf};

use xdpsim::scenario::{
    CommonCase, FlagsError, Parsed, Source, Timing, Truncated, builtin, check, from_flags, parse,
};
use xdpsim_core::batch::FrameNo;
use xdpsim_core::netdev::Features;
use xdpsim_core::profile::KernelVersion;
use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, FaultKind, KeySource, Op, PeerSpec, PortKind, ProgramKind, Rss,
};
use xdpsim_core::time::{BitRate, Nanos};
use xdpsim_core::world::Plan;
use xdpsim_devmap::{CpuId, Errno, IfIndex, RedirectFlags, UpdateFlags, XdpAction};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(text: &str) -> Parsed {
    let parsed = parse(&Source::from_bytes("test.toml", text.as_bytes()));
    parsed.unwrap_or_else(|problems| panic!("{}", problems.render(xdpsim::scenario::Colour::Never)))
}

/// A scenario with this program on its port, and what becomes of the program.
fn program(keys: &str) -> ProgramKind {
    let text = format!(
        "[[port]]\nname = \"a\"\nxdp = \"p\"\n[[port]]\nname = \"b\"\nifindex = 9\n\
         [[map]]\nname = \"m\"\ntype = \"devmap\"\nmax_entries = 4\n\
         [[map]]\nname = \"o\"\ntype = \"array_of_maps\"\nmax_entries = 4\nentries = [{{ key = 0, map = \"m\" }}]\n\
         [[program]]\nname = \"p\"\n{keys}\n"
    );
    read(&text).scenario.programs.remove(0).kind
}

/// A scenario with this change, and what becomes of the change.
fn change(keys: &str) -> Change {
    let text = format!(
        "netns = [\"blue\"]\n[[port]]\nname = \"a\"\nkind = \"veth\"\nxdp = \"p\"\n\
         [[port]]\nname = \"b\"\nkind = \"upper\"\n\
         [[map]]\nname = \"m\"\ntype = \"devmap\"\nmax_entries = 4\n\
         [[map]]\nname = \"o\"\ntype = \"array_of_maps\"\nmax_entries = 4\nentries = [{{ key = 0, map = \"m\" }}]\n\
         [[program]]\nname = \"p\"\nkind = \"pass\"\n\
         [[program]]\nname = \"d\"\nkind = \"pass\"\nattach = \"devmap\"\n\
         [[change]]\n{keys}\n"
    );
    read(&text).scenario.changes.remove(0)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect(folder);
    let paths = entries.map(|entry| entry.expect("a folder entry").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    files.sort();
    files
}

#[test]
fn all_examples_and_reference_scenarios_are_fine_and_can_be_built() {
    let (examples, references) = (files("examples"), files("scripts/reference"));
    assert!(examples.len() >= 7 && references.len() >= 10, "{examples:?} {references:?}");
    for path in examples.iter().chain(&references) {
        let outcome = check(path);
        assert!(outcome.is_fine(), "{}", outcome.render(xdpsim::scenario::Colour::Never));
    }
}

#[test]
fn examples_give_no_warning_and_begin_with_their_question() {
    let readme = fs::read_to_string(root().join("examples/README.md")).expect("examples/README.md");
    for path in files("examples") {
        assert!(check(&path).findings().is_empty(), "{}", path.display());
        let text = fs::read_to_string(&path).expect("readable");
        let comment: String = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(comment.contains('?') && comment.len() > 200, "{}: no question", path.display());
        let name = path.file_name().expect("a name").to_string_lossy();
        assert!(readme.contains(&format!("[{name}]({name})")), "{name} is missing in the README");
    }
}

#[test]
fn the_documentation_s_examples_can_be_built() {
    let text = fs::read_to_string(root().join("docs/scenario.md")).expect("docs/scenario.md");
    let blocks: Vec<&str> =
        text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        Plan::new(&read(block).scenario).expect("buildable");
    }
}

#[test]
fn the_builtin_example_is_fine() {
    let parsed = builtin().expect("fine");
    Plan::new(&parsed.scenario).expect("buildable");
    assert_eq!(parsed.scenario.ports.len(), 7);
    assert!(parsed.warnings.list().is_empty());
}

#[test]
fn defaults() {
    let parsed = read("[[port]]\nname = \"a\"\nxdp = \"p\"\n[[program]]\nname = \"p\"\nkind = \"pass\"\n");
    let scenario = &parsed.scenario;
    assert_eq!(scenario.profile.kernel, KernelVersion::V6_12);
    assert_eq!((scenario.cpus, scenario.hops_max, scenario.seed), (1, 64, 0));
    let port = &scenario.ports[0];
    assert_eq!((port.kind.clone(), port.mtu, port.up, port.queues), (PortKind::Ideal, None, true, 1));
    assert_eq!((port.rss, port.rx_usecs, port.ifindex), (Rss::Toeplitz, Nanos::ZERO, Some(IfIndex(1))));
    assert_eq!(parsed.replay.ingress, None);
    assert_eq!((parsed.replay.timing, parsed.replay.truncated), (Timing::Capture, Truncated::AsCaptured));
}

#[test]
fn the_top_and_the_replay_section() {
    let parsed = read(
        "kernel = \"6.6\"\ncpus = 256\nnetns = [\"blue\"]\nseed = 18446744073709551615\n[limits]\nhops = 255\n\
         [replay]\ningress = \"b\"\ntiming = \"asap\"\ntruncated = \"pad\"\n\
         [[port]]\nname = \"a\"\n[[port]]\nname = \"b\"\nnetns = \"blue\"\n",
    );
    let scenario = &parsed.scenario;
    assert_eq!(scenario.profile.kernel, KernelVersion { major: 6, minor: 6 });
    assert_eq!((scenario.cpus, scenario.hops_max, scenario.seed), (256, 255, u64::MAX));
    assert_eq!(scenario.netns, ["blue"]);
    assert_eq!(scenario.ports[1].netns.as_deref(), Some("blue"));
    assert_eq!(parsed.replay.ingress.as_deref(), Some("b"));
    assert_eq!((parsed.replay.timing, parsed.replay.truncated), (Timing::Asap, Truncated::Pad));
    assert_eq!(parsed.warnings.list().len(), 1, "no program at the ingress");
}

#[test]
fn every_key_of_a_port() {
    let text = fs::read_to_string(root().join("docs/scenario.md")).expect("docs/scenario.md");
    let block = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let ports = read(block).scenario.ports;
    assert_eq!((ports[0].mtu, ports[0].queues, ports[0].netns.as_deref()), (Some(1500), 2, None));
    assert_eq!(ports[0].queue_cpus, [CpuId(0), CpuId(1)]);
    assert_eq!(ports[0].uppers, ["br0"]);
    assert_eq!(ports[0].features, Some(Features::BASIC | Features::REDIRECT | Features::NDO_XMIT));
    assert_eq!(ports[0].xdp.as_deref(), Some("fwd"));
    assert_eq!(ports[1].kind, PortKind::Nic { rate: Some(BitRate(10_000_000_000)), tx_ring: 512 });
    let peer = PeerSpec::FarEnd { mtu: 1500, gro: true, xdp: false, up: true, queues: 1 };
    assert_eq!(ports[2].kind, PortKind::Veth { peer, gro: false });
    assert_eq!(ports[3].kind, PortKind::Veth { peer: PeerSpec::Port("right".to_owned()), gro: false });
    assert_eq!(ports[5].kind, PortKind::Upper);
    let ifindexes = ports.iter().map(|port| port.ifindex.map(|index| index.0));
    assert_eq!(ifindexes.collect::<Vec<_>>(), [1, 2, 3, 4, 1, 5].map(Some), "blue counts for itself");
}

#[test]
fn every_kind_of_program() {
    let (map, flags) = (|| "m".to_owned(), 0);
    let redirect_map = |key, flags| ProgramKind::RedirectMap { map: map(), key, flags };
    let cases = [
        ("kind = \"pass\"", ProgramKind::Verdict(XdpAction::PASS)),
        ("kind = \"drop\"", ProgramKind::Verdict(XdpAction::DROP)),
        ("kind = \"tx\"", ProgramKind::Verdict(XdpAction::TX)),
        ("kind = \"aborted\"", ProgramKind::Verdict(XdpAction::ABORTED)),
        ("kind = \"verdict\"\nvalue = 0x10004", ProgramKind::Verdict(XdpAction(0x10004))),
        ("kind = \"redirect\"\nport = \"b\"", ProgramKind::Redirect { ifindex: IfIndex(9), flags }),
        (
            "kind = \"redirect\"\nifindex = 7\nflags = 1",
            ProgramKind::Redirect { ifindex: IfIndex(7), flags: 1 },
        ),
        (
            "kind = \"redirect_map\"\nmap = \"m\"\nkey = 4294967297",
            redirect_map(KeySource::Const((1 << 32) + 1), 0),
        ),
        (
            "kind = \"redirect_map\"\nmap = \"m\"\nkey = \"ingress_ifindex\"\nflags = [\"broadcast\", \"tx\"]",
            redirect_map(KeySource::IngressIfindex, 11),
        ),
        (
            "kind = \"redirect_map\"\nmap = \"m\"\nkey = \"rx_queue_index\"",
            redirect_map(KeySource::RxQueueIndex, 0),
        ),
        (
            "kind = \"redirect_map\"\nmap = \"m\"\nkey = { byte = 5, modulo = 4 }",
            redirect_map(KeySource::FrameByte { offset: 5, modulo: 4 }, 0),
        ),
        (
            "kind = \"broadcast\"\nmap = \"m\"\nexclude_ingress = true",
            ProgramKind::Broadcast { map: map(), flags: RedirectFlags::EXCLUDE_INGRESS },
        ),
        (
            "kind = \"learning_switch\"\nmap = \"m\"",
            ProgramKind::LearningSwitch { map: map(), table_max: 1024 },
        ),
        ("kind = \"flow_hash\"\nmap = \"m\"\ntargets = 4", ProgramKind::FlowHash { map: map(), targets: 4 }),
        (
            "kind = \"rewrite\"\noffset = 6\nbytes = \"02:fF\"",
            ProgramKind::Rewrite { offset: 6, bytes: vec![2, 255] },
        ),
        ("kind = \"rewrite\"\nbytes = [1, 0x02]", ProgramKind::Rewrite { offset: 0, bytes: vec![1, 2] }),
        (
            "kind = \"script\"\ncycle = [[\"redirect_inner o 1 2\", \"return helper\"], []]",
            ProgramKind::Script(vec![
                vec![Op::RedirectInner { map: "o".to_owned(), outer: 1, key: 2, flags: 0 }, Op::ReturnHelper],
                vec![],
            ]),
        ),
    ];
    for (keys, expected) in cases {
        assert_eq!(program(keys), expected, "{keys}");
    }
}

#[test]
fn every_change() {
    let (port, far_end) = (|| "a".to_owned(), || "a.peer".to_owned());
    let to = |program: Option<&str>| EntryValue::Port { port: port(), program: program.map(str::to_owned) };
    let update = |map: &str, value, flags| Action::UpdateEntry { map: map.to_owned(), key: 3, value, flags };
    let cases = [
        ("do = \"port_up\"\nport = \"a\"", Action::SetUp { port: port(), up: true }),
        ("do = \"port_down\"\nport = \"a.peer\"", Action::SetUp { port: far_end(), up: false }),
        ("do = \"set_mtu\"\nport = \"a\"\nmtu = 68", Action::SetMtu { port: port(), mtu: 68 }),
        ("do = \"set_gro\"\nport = \"a.peer\"\non = true", Action::SetGro { port: far_end(), on: true }),
        (
            "do = \"add_upper\"\nport = \"a\"\nupper = \"b\"",
            Action::AddUpper { port: port(), upper: "b".to_owned() },
        ),
        (
            "do = \"remove_upper\"\nport = \"a\"\nupper = \"b\"",
            Action::RemoveUpper { port: port(), upper: "b".to_owned() },
        ),
        (
            "do = \"set_netns\"\nport = \"a\"\nnetns = \"blue\"",
            Action::SetNetns { port: port(), netns: Some("blue".to_owned()) },
        ),
        (
            "do = \"set_netns\"\nport = \"a\"\nnetns = \"init\"",
            Action::SetNetns { port: port(), netns: None },
        ),
        ("do = \"unregister\"\nport = \"a\"", Action::Unregister { port: port() }),
        ("do = \"set_xdp\"\nport = \"a\"", Action::SetXdp { port: port(), program: None }),
        (
            "do = \"set_xdp\"\nport = \"a\"\nprogram = \"p\"",
            Action::SetXdp { port: port(), program: Some("p".to_owned()) },
        ),
        ("do = \"update_entry\"\nmap = \"m\"\nkey = 3\nto = \"a\"", update("m", to(None), UpdateFlags::ANY)),
        (
            "do = \"update_entry\"\nmap = \"m\"\nkey = 3\nto = \"a\"\nprogram = \"d\"\nflags = \"noexist\"",
            update("m", to(Some("d")), UpdateFlags::NOEXIST),
        ),
        (
            "do = \"update_entry\"\nmap = \"o\"\nkey = 3\ninner = \"m\"\nflags = \"exist\"",
            update("o", EntryValue::Map("m".to_owned()), UpdateFlags::EXIST),
        ),
        ("do = \"delete_entry\"\nmap = \"m\"\nkey = 3", Action::DeleteEntry { map: "m".to_owned(), key: 3 }),
    ];
    for (keys, action) in cases {
        let frame = change(&format!("frame = 7\n{keys}"));
        assert_eq!(frame, Change { at: At::Frame(FrameNo(7)), action }, "{keys}");
    }
    let timed = change("time = \"1.5s\"\ndo = \"unregister\"\nport = \"a\"");
    assert_eq!(timed.at, At::Time(Nanos(1_500_000_000)));
}

#[test]
fn every_fault() {
    let cases = [
        ("fail = \"xmit\"", FaultKind::Xmit(Errno::ENXIO), 1),
        ("fail = \"xmit\"\nerrno = \"EINVAL\"\nnth = 3", FaultKind::Xmit(Errno::EINVAL), 3),
        ("fail = \"xmit_short\"\nsent = 3", FaultKind::XmitShort(3), 1),
        ("fail = \"clone\"", FaultKind::Clone, 1),
        ("fail = \"convert\"", FaultKind::Convert, 1),
    ];
    for (keys, kind, nth) in cases {
        let parsed = read(&format!("[[port]]\nname = \"a\"\n[[fault]]\nport = \"a\"\n{keys}\n"));
        let fault = &parsed.scenario.faults[0];
        assert_eq!((fault.port.as_str(), fault.kind, fault.nth), ("a", kind, nth), "{keys}");
    }
}

#[test]
fn spans_are_as_long_as_the_lists_they_describe() {
    let parsed = builtin().expect("fine");
    let (spans, scenario) = (&parsed.spans, &parsed.scenario);
    let text = parsed.warnings.source().text();
    assert_eq!(&text[spans.ports[1].clone()], "\"lan1\"");
    assert_eq!(&text[spans.maps[0].entries[2].clone()], "{ key = 2, port = \"lan2\" }");
    assert_eq!(&text[spans.programs[0].clone()], "\"flood\"");
    assert_eq!((spans.ports.len(), spans.changes.len()), (scenario.ports.len(), scenario.changes.len()));
    assert_eq!(spans.maps[0].entries.len(), scenario.maps[0].entries.len());
}

#[test]
fn flags_make_ideal_ports_and_one_program() {
    let case = CommonCase { ports: 3, ingress: 2, broadcast: true, exclude_ingress: true };
    let (scenario, replay) = from_flags(&case).expect("fine");
    Plan::new(&scenario).expect("buildable");
    assert_eq!(replay.ingress.as_deref(), Some("2"));
    let names: Vec<_> = scenario.ports.iter().map(|port| (port.name.as_str(), port.xdp.as_deref())).collect();
    assert_eq!(names, [("1", None), ("2", Some("forward")), ("3", None)]);
    let flags = RedirectFlags::EXCLUDE_INGRESS;
    assert_eq!(scenario.programs[0].kind, ProgramKind::Broadcast { map: "ports".to_owned(), flags });
    assert_eq!((scenario.maps[0].entries[2].key, scenario.maps[0].entries.len()), (2, 3));
}

#[test]
fn without_broadcast_frames_leave_by_the_next_port() {
    for (ingress, key) in [(1, 1), (3, 3), (4, 0)] {
        let (scenario, _) = from_flags(&CommonCase { ingress, ..CommonCase::default() }).expect("fine");
        let key = KeySource::Const(key);
        assert_eq!(
            scenario.programs[0].kind,
            ProgramKind::RedirectMap { map: "ports".to_owned(), key, flags: 0 }
        );
    }
}

#[test]
fn flags_that_make_no_scenario() {
    let case = CommonCase::default();
    let refused = |case: CommonCase| from_flags(&case).expect_err("refused");
    assert_eq!(refused(CommonCase { ports: 0, ..case }), FlagsError::Ports(0));
    assert_eq!(refused(CommonCase { ports: 1025, ..case }), FlagsError::Ports(1025));
    assert_eq!(refused(CommonCase { ingress: 5, ..case }), FlagsError::Ingress { ingress: 5, ports: 4 });
    assert_eq!(refused(CommonCase { exclude_ingress: true, ..case }), FlagsError::ExcludeWithoutBroadcast);
    assert!(from_flags(&CommonCase { ports: 1024, ingress: 1024, ..case }).is_ok());
}
