//! Captures of several read batches: neither threads nor where batches end changes a byte of the output.

use crate::cli;
use cli::{Folder, START};
use xdpsim::capture::synth::Synth;
use xdpsim::capture::{CaptureWriter, Format, Resolution, WriteOptions};
use xdpsim_core::Nanos;

/// A batch with outputs holds at most 1 MiB, so these are several.
const FRAMES: usize = 60_000;

/// What a run says and writes: JSON, the captures of these ports, events.
#[derive(PartialEq, Eq)]
struct Yield {
    json: String,
    captures: Vec<Vec<u8>>,
    events: Vec<u8>,
}

fn replay(folder: &Folder, ports: &[&str], timing: &str, threads: usize) -> Yield {
    let said = folder.run(&format!(
        "replay s.toml in.pcap --json -o out --events events --timing {timing} --threads {threads}"
    ));
    let captures = ports.iter().map(|port| folder.read(&format!("out/{port}.pcapng"))).collect();
    Yield { json: said.fine(), captures, events: folder.read("events") }
}

/// Runs a scenario on 1, 2 and 4 threads. What differs is megabytes: it is named, not printed.
fn threads_change_nothing(folder: &Folder, scenario: &str, ports: &[&str]) {
    folder.write("s.toml", scenario);
    for timing in ["capture", "asap"] {
        let alone = replay(folder, ports, timing, 1);
        let sent = alone.captures.iter().map(Vec::len).max();
        assert!(sent > Some(1 << 20), "{timing}: most frames left by some port");
        assert!(alone.events.len() > 1 << 20, "{timing}: there are events");
        for threads in [2, 4] {
            let together = replay(folder, ports, timing, threads);
            assert_eq!(alone.json, together.json, "{timing}, {threads} threads");
            for (i, port) in ports.iter().enumerate() {
                let same = alone.captures[i] == together.captures[i];
                assert!(same, "{timing}, {threads} threads: the capture of {port} differs");
            }
            let (one, all) = (lines(&alone.events), lines(&together.events));
            let first = one.iter().zip(&all).position(|(one, all)| one != all);
            let shown = first.map(|line| (line, one[line], all[line]));
            assert!(alone.events == together.events, "{timing}, {threads} threads: {shown:?}");
        }
    }
}

fn lines(events: &[u8]) -> Vec<&str> {
    std::str::from_utf8(events).expect("lines of JSON").lines().collect()
}

fn synth(folder: &Folder) {
    let synth = Synth { frames: FRAMES as u64, gap_nanos: 700, ..Synth::default() };
    folder.write("in.pcap", synth.to_vec());
}

/// Bursts of frames with one timestamp, longer than what waits for an interrupt.
fn bursts(folder: &Folder) {
    const BURST: usize = 1_009;
    let bytes = Synth { frames: FRAMES as u64, ..Synth::default() }.to_vec();
    let options = WriteOptions { format: Format::Pcap, resolution: Resolution::Nanos, ..Default::default() };
    let mut writer = CaptureWriter::create(&folder.path("in.pcap"), &options).expect("a capture of the test");
    for (i, record) in bytes[24..].chunks_exact(16 + 64).enumerate() {
        let stamp = START.after(Nanos((i / BURST * 10_000) as u64));
        writer.write(stamp, &record[16..], 64).expect("a frame of the test");
    }
    writer.finish().expect("a capture of the test");
}

#[test]
fn cpus_that_share_nothing() {
    let folder = Folder::new();
    synth(&folder);
    threads_change_nothing(&folder, SPREAD, &["eth0", "eth1", "eth2"]);
}

#[test]
fn cpus_that_share_nothing_and_frames_of_the_same_time() {
    let folder = Folder::new();
    bursts(&folder);
    threads_change_nothing(&folder, SPREAD, &["eth0", "eth1", "eth2"]);
}

#[test]
fn cpus_that_share_a_table() {
    let folder = Folder::new();
    synth(&folder);
    let scenario = std::fs::read_to_string(cli::repository("examples/learning-switch.toml"));
    threads_change_nothing(&folder, &scenario.expect("the example"), &["p1", "p2", "p3", "p4"]);
}

/// Two CPUs, each with one queue; changes meet frames that wait.
const SPREAD: &str = r#"
cpus = 2

[[port]]
name = "eth0"
queues = 2
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
kind = "flow_hash"
map = "ports"
targets = 2

[[change]]
frame = 13000
do = "set_xdp"
port = "eth1"
program = "spread"

[[change]]
frame = 26500
do = "port_down"
port = "eth2"

[[change]]
frame = 27000
do = "port_up"
port = "eth2"

[[change]]
frame = 40000
do = "set_xdp"
port = "eth1"
"#;
