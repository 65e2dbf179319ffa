//! `xdpsim replay`: the table, JSON, events, a capture per port, and that threads change none of it.

use crate::cli;
use std::io::Read;
use std::process::{Command, Stdio};

use cli::{Folder, START, frame};
use serde_json::Value;
use xdpsim::capture::{CaptureReader, Fill, FrameTable, ReadOptions};
use xdpsim_core::{DevId, Ingress, Nanos};

/// Stamps and bytes of all frames of a capture.
fn frames(folder: &Folder, name: &str) -> Vec<(Nanos, Vec<u8>)> {
    let mut reader = CaptureReader::open(&folder.path(name), &ReadOptions::default()).expect("a capture");
    let (mut table, mut all) = (FrameTable::default(), Vec::new());
    while let Fill::Frames(_) = reader.fill(&mut table).expect("a whole capture") {
        let batch = table.batch(Ingress::One(DevId(0)));
        all.extend(batch.frames.iter().zip(batch.stamps).map(|(desc, &stamp)| {
            let from = desc.off as usize;
            (stamp, batch.bytes[from..from + desc.len as usize].to_vec())
        }));
    }
    all
}

#[test]
fn without_arguments_the_built_in_example_runs() {
    insta::assert_snapshot!(Folder::new().run("replay").fine());
}

#[test]
fn the_same_for_scripts() {
    insta::assert_snapshot!(Folder::new().run("replay --json").fine());
}

#[test]
fn events_are_lines_with_the_kernels_fields() {
    let folder = Folder::new();
    folder.write("odd.toml", ODD).capture("in.pcap", &[60; 4], 1_000);
    let said = folder.run("replay odd.toml in.pcap --events -");
    assert_eq!(said.code, 0);
    assert!(said.err.contains("4 frames"), "the table gives way to standard error:\n{}", said.err);
    insta::assert_snapshot!(said.out);
}

/// Exception, failed redirect, devmap program and XDP_TX in one go.
const ODD: &str = r#"
[[port]]
name = "box0"
kind = "veth"
gro = true
peer = { gro = true, xdp = true }
xdp = "odd"

[[port]]
name = "eth1"

[[map]]
name = "ports"
type = "devmap"
max_entries = 2
entries = [{ key = 1, port = "eth1", program = "abort" }]

[[program]]
name = "odd"
kind = "script"
cycle = [["return 9"], ["redirect 77", "return helper"], ["redirect_map ports 1", "return helper"], ["return tx"]]

[[program]]
name = "abort"
kind = "aborted"
attach = "devmap"
"#;

#[test]
fn help_texts() {
    let folder = Folder::new();
    for command in ["--help", "replay --help", "explain --help", "check --help"] {
        insta::assert_snapshot!(command.replace(' ', "_"), folder.run(command).fine());
    }
    assert!(folder.run("--version").fine().starts_with("xdpsim "));
}

#[test]
fn every_port_gets_a_capture_with_the_frames_in_order() {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60, 61, 62], 1_500);
    folder.run("replay in.pcap --ports 4 --broadcast --exclude-ingress -o out").fine();
    let expected: Vec<_> = (0..3).map(|i| (START.after(Nanos(1_500 * i as u64)), frame(i, 60 + i))).collect();
    for port in 2..=4 {
        assert_eq!(frames(&folder, &format!("out/{port}.pcapng")), expected, "port {port}");
    }
    assert_eq!(frames(&folder, "out/1.pcapng"), [], "nothing left by the ingress");
}

#[test]
fn captures_in_the_old_format_and_with_departure_times() {
    let folder = Folder::new();
    folder.write("slow.toml", SLOW).capture("in.pcap", &[60, 60], 0);
    folder.run("replay slow.toml in.pcap -o out --format pcap --stamp egress").fine();
    // 84 bytes on the wire (60, and 24 around them) take 672 µs at 1 Mbit/s.
    let stamps: Vec<Nanos> = frames(&folder, "out/eth1.pcap").into_iter().map(|(stamp, _)| stamp).collect();
    assert_eq!(stamps, [672_000, 1_344_000].map(|nanos| START.after(Nanos(nanos))));
}

const SLOW: &str = r#"
[[port]]
name = "eth0"
xdp = "forward"

[[port]]
name = "eth1"
kind = "nic"
rate = "1Mbit"

[[program]]
name = "forward"
kind = "redirect"
port = "eth1"
"#;

#[test]
fn several_captures_are_each_replayed_from_the_start() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("more")).expect("a folder");
    folder.write("cycle.toml", CYCLE);
    folder.capture("a.pcap", &[60, 60, 60], 1_000).capture("more/a.pcap", &[70], 0);
    let text = folder.run("replay cycle.toml a.pcap -r more/a.pcap -o out").fine();
    insta::assert_snapshot!(text);
    // The program's turn begins anew with each capture, so the first frame is always passed.
    assert_eq!(frames(&folder, "out/a.pcap/eth1.pcapng").len(), 1);
    assert_eq!(frames(&folder, "out/a.pcap-2/eth1.pcapng").len(), 0);
}

const CYCLE: &str = r#"
[[port]]
name = "eth0"
xdp = "turns"

[[port]]
name = "eth1"

[[program]]
name = "turns"
kind = "script"
cycle = [["return pass"], ["redirect 2", "return helper"], ["return drop"]]
"#;

#[test]
fn threads_change_nothing() {
    let folder = Folder::new();
    folder.write("hash.toml", HASH).capture("in.pcap", &[90; 3_000], 700);
    let run = |threads: &str| {
        let arguments = format!(
            "replay hash.toml in.pcap --json -o out{threads} --events e{threads} --threads {threads}"
        );
        let json = folder.run(&arguments).fine();
        let captures =
            ["eth0", "eth1", "eth2"].map(|port| folder.read(&format!("out{threads}/{port}.pcapng")));
        (json, captures, folder.read(&format!("e{threads}")))
    };
    let alone = run("1");
    assert!(alone.1[1].len() > 100_000 && alone.1[2].len() > 100_000, "both ports send");
    assert_eq!(alone, run("2"));
    assert_eq!(alone, run("4"));
}

/// Four CPUs that share nothing.
const HASH: &str = r#"
cpus = 4

[[port]]
name = "eth0"
queues = 4
rss = "round_robin"
xdp = "spread"

[[port]]
name = "eth1"

[[port]]
name = "eth2"

[[map]]
name = "ports"
type = "devmap"
max_entries = 2
entries = [{ key = 0, port = "eth1" }, { key = 1, port = "eth2" }]

[[program]]
name = "spread"
kind = "redirect_map"
map = "ports"
key = { byte = 20, modulo = 2 }

[[change]]
frame = 1000
do = "port_down"
port = "eth2"

[[change]]
frame = 1100
do = "port_up"
port = "eth2"

[[change]]
frame = 2000
do = "set_xdp"
port = "eth1"
"#;

#[test]
fn the_books_balance_in_json() {
    let folder = Folder::new();
    let json: Value = serde_json::from_str(&folder.run("replay --json").fine()).expect("JSON");
    let number = |value: &Value| value.as_u64().expect("a number");
    let fates = json["fates"].as_array().expect("a list");
    let ended: u64 = fates.iter().map(|fate| number(&fate["frames"])).sum();
    assert_eq!(number(&json["arrivals"]) + number(&json["clones"]), ended);
    let ports = json["ports"].as_array().expect("a list");
    let sum = |what: &str| ports.iter().map(|port| number(&port[what])).sum::<u64>();
    assert_eq!(sum("delivered") + sum("passed") + sum("dropped") + sum("lost"), ended);
    assert_eq!(json["schema"], 1);
}

#[test]
fn a_named_veth_pair_delivers_on_one_side_and_receives_on_the_other() {
    let folder = Folder::new();
    folder.write("pair.toml", PAIR).capture("in.pcap", &[60, 61, 62], 1_000);
    let json: Value =
        serde_json::from_str(&folder.run("replay pair.toml in.pcap in.pcap --json").fine()).expect("JSON");
    let keys = ["received", "received_bytes", "delivered", "bytes", "passed"];
    let port = |i: usize| keys.map(|key| json["ports"][i][key].as_u64().expect("a number"));
    assert_eq!(port(0), [6, 366, 0, 0, 0], "eth0");
    assert_eq!(port(1), [0, 0, 6, 366, 0], "left");
    assert_eq!(port(2), [6, 366, 0, 0, 6], "right");
    assert_eq!(json["hops"], 6);
    let table = folder.run("replay pair.toml in.pcap").fine();
    let row = |name: &str| {
        let line = table.lines().find(|line| line.starts_with(name)).expect("a row");
        line.split_whitespace().skip(3).map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([row("left"), row("right")], ["- 3 183 - -", "3 - - 3 -"], "{table}");
}

/// A redirect into a pair whose ends both are ports.
const PAIR: &str = r#"
[[port]]
name = "eth0"
xdp = "forward"

[[port]]
name = "left"
kind = "veth"
peer = "right"

[[port]]
name = "right"
kind = "veth"
gro = true
peer = "left"

[[program]]
name = "forward"
kind = "redirect"
port = "left"
"#;

#[test]
fn a_capture_comes_through_a_pipe_as_well() {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60; 5], 1_000);
    let mut child = Command::new(env!("CARGO_BIN_EXE_xdpsim"))
        .args(["replay", "-", "--ports", "2"])
        .stdin(std::fs::File::open(folder.path("in.pcap")).expect("the capture"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut out = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("text");
    assert!(child.wait().expect("an end").success());
    assert!(out.starts_with("standard input: 5 frames, 300 bytes\n"), "{out}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60; 50_000], 1_000);
    let mut child = Command::new(env!("CARGO_BIN_EXE_xdpsim"))
        .args(["replay", "in.pcap", "--ports", "3", "--broadcast", "--events", "-", "-q"])
        .current_dir(folder.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn flags_choose_the_port_and_the_kernel() {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60], 0);
    let text = folder.run("replay in.pcap --ports 3 --ingress 3 --kernel 6.6 --timing asap").fine();
    assert!(text.contains("frames arrive on 3 back to back, kernel 6.6"), "{text}");
    assert!(
        text.contains("xdpsim explain in.pcap --ports 3 --ingress 3 --timing asap --kernel 6.6 --frame 1")
    );
    let json: Value = serde_json::from_str(&folder.run("replay in.pcap --ports 3 --ingress 3 --json").fine())
        .expect("JSON");
    assert_eq!(json["fates"][0]["egress"], "1", "behind the last port comes the first");
}

#[test]
fn truncated_frames_are_padded_on_demand() {
    let folder = Folder::new();
    let mut pcap = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    pcap.extend([1_u32, 0, 20, 90].map(u32::to_le_bytes).as_flattened());
    pcap.extend(frame(0, 20));
    folder.write("cut.pcap", pcap);
    for (flag, bytes) in [("as-captured", 20), ("pad", 90)] {
        let text = folder.run(&format!("replay cut.pcap --truncated {flag}")).fine();
        assert!(text.starts_with(&format!("cut.pcap: 1 frame, {bytes} bytes\n")), "{text}");
    }
}
