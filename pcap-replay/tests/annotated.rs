//! `-w`: what tshark reads of an annotated capture is what the report says.

use crate::cli;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::Command;

use cli::{Folder, repository};
use serde_json::Value;

/// What is asked of tshark, by its names.
const FIELDS: [&str; 7] = [
    "frame.interface_name",
    "frame.packet_flags_direction",
    "frame.packet_id",
    "frame.interface_queue",
    "frame.verdict.ebpf_xdp",
    "frame.comment",
    "frame.len",
];

/// One record as tshark sees it.
struct Record(Value);

impl Record {
    fn all(&self, field: &str) -> Vec<&str> {
        let values = self.0[field].as_array().into_iter().flatten();
        values.map(|value| value.as_str().expect("tshark writes strings")).collect()
    }

    fn one(&self, field: &str) -> Option<&str> {
        self.all(field).first().copied()
    }

    fn number(&self, field: &str) -> Option<u64> {
        let text = self.one(field)?;
        let number = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16));
        Some(number.unwrap_or_else(|_| panic!("{field}: {text}")))
    }

    fn port(&self) -> &str {
        self.one("frame.interface_name").expect("every record has an interface with a name")
    }

    /// Came in, went out, or neither.
    fn direction(&self) -> u64 {
        self.number("frame.packet_flags_direction").expect("every record has a direction")
    }

    fn id(&self) -> u64 {
        self.number("frame.packet_id").expect("every record has a packet id")
    }
}

/// The records of a capture; `None` without tshark, which continuous integration must have.
fn tshark(folder: &Folder, name: &str) -> Option<Vec<Record>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(folder.path(name)).args(["-T", "json"]);
    let output = match command.args(FIELDS.iter().flat_map(|field| ["-e", field])).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound && std::env::var("CI").as_deref() != Ok("true") => {
            eprintln!("skipped: needs tshark");
            return None;
        }
        Err(error) => panic!("cannot run tshark: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout).expect("tshark writes JSON");
    Some(packets.into_iter().map(|mut packet| Record(packet["_source"]["layers"].take())).collect())
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// How many records there are of each kind.
fn counted<'a>(keys: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, u64> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

/// Compares a run's annotated capture with its report; how many frames were lost.
fn agree(folder: &Folder, scenario: &str) -> Option<u64> {
    let plain = folder.run(&format!("replay {scenario} --json")).fine();
    let said = folder.run(&format!("replay {scenario} --json -w a.pcapng")).fine();
    assert_eq!(said, plain, "writing changes nothing");
    let report: Value = serde_json::from_str(&said).expect("a JSON document");
    let records = tshark(folder, "a.pcapng")?;
    let of = |direction| {
        counted(records.iter().filter(move |record| record.direction() == direction).map(Record::port))
    };
    let (received, delivered) = (of(1), of(2));
    for port in report["ports"].as_array().expect("ports") {
        let name = port["name"].as_str().expect("a name");
        let counts = |of: &BTreeMap<&str, u64>| of.get(name).copied().unwrap_or_default();
        assert_eq!(counts(&received), number(&port["received"]), "{scenario}: received by {name}");
        assert_eq!(counts(&delivered), number(&port["delivered"]), "{scenario}: delivered by {name}");
    }
    assert_eq!(of(0).len(), 0, "{scenario}: every loss was known in time");
    let arrivals = number(&report["arrivals"]);
    for record in &records {
        assert!((1..=arrivals).contains(&record.id()), "{scenario}: a copy has its frame's id");
        if record.direction() == 2 {
            assert!(record.number("frame.interface_queue").is_some(), "{scenario}: a delivery has a queue");
            assert!(
                matches!(record.number("frame.verdict.ebpf_xdp"), Some(3 | 4)),
                "{scenario}: it was sent"
            );
        }
    }
    let (comments, lost) = (comments(&records), losses(&report));
    assert_eq!(comments, lost, "{scenario}: by fate");
    Some(lost.values().sum())
}

/// Comments by step, rule and errno.
fn comments(records: &[Record]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for comment in records.iter().flat_map(|record| record.all("frame.comment")) {
        let (what, why) = comment.split_once(": ").expect("a reason follows");
        assert!(!why.is_empty());
        *counts.entry(what.to_owned()).or_default() += 1;
    }
    counts
}

/// The same from the report.
fn losses(report: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for row in report["fates"].as_array().expect("fates") {
        let word = |key: &str| row[key].as_str().unwrap_or_default();
        let what = match word("fate") {
            "delivered" | "passed" => continue,
            "dropped" | "entry_dropped" => "dropped",
            _ => "lost",
        };
        let to = row["egress"].as_str().map_or_else(String::new, |egress| format!(" to {egress}"));
        let errno = row["errno"].as_str().map_or_else(String::new, |errno| {
            let errno = xdpsim_core::Errno::from_name(errno).expect("an errno");
            format!(", {errno}")
        });
        *counts.entry(format!("{what} at {}{to}{errno}, {}", word("step"), word("rule"))).or_default() +=
            number(&row["frames"]);
    }
    counts
}

/// Five scenarios that lose frames in different ways, over the built-in capture.
#[test]
fn tshark_reads_what_the_report_says() {
    let folder = Folder::new();
    let mut lost = 0;
    for name in ["builtin", "vanishing-frames", "slow-line", "port-goes-down", "stale-redirect"] {
        let scenario = repository(&format!("examples/{name}.toml"));
        let Some(more) = agree(&folder, &scenario.display().to_string()) else { return };
        lost += more;
    }
    assert!(lost > 100, "only {lost} frames were lost");
}

/// Between two ports a copy arrives again, with a verdict of that port's program.
#[test]
fn a_frame_that_goes_on_is_told_of_twice() {
    let folder = Folder::new();
    folder.write("hop.toml", HOP).capture("in.pcap", &[60; 3], 1_000);
    let Some(_) = agree(&folder, "hop.toml in.pcap") else { return };
    let Some(records) = tshark(&folder, "a.pcapng") else { return };
    let first: Vec<_> = records
        .iter()
        .filter(|record| record.id() == 1)
        .map(|record| (record.port(), record.direction(), record.number("frame.verdict.ebpf_xdp")))
        .collect();
    let expected = [("eth0", 1, Some(4)), ("left", 2, Some(4)), ("right", 1, Some(4)), ("eth1", 2, Some(4))];
    assert_eq!(first, expected);
}

const HOP: &str = r#"
[[port]]
name = "eth0"
xdp = "to_left"

[[port]]
name = "eth1"

[[port]]
name = "left"
kind = "veth"
peer = "right"

[[port]]
name = "right"
kind = "veth"
peer = "left"
xdp = "out"

[[program]]
name = "to_left"
kind = "redirect"
port = "left"

[[program]]
name = "out"
kind = "redirect"
port = "eth1"
"#;

/// More than is held waits in a ring that nobody polls: the arrivals are written early, the losses later.
#[test]
fn what_is_lost_long_after_it_arrived_is_a_record_of_its_own() {
    let folder = Folder::new();
    folder.write("stuck.toml", STUCK).capture("in.pcap", &[45_000; 250], 1_000);
    let report: Value =
        serde_json::from_str(&folder.run("replay stuck.toml in.pcap --json -w a.pcapng").fine())
            .expect("a JSON document");
    let Some(records) = tshark(&folder, "a.pcapng") else { return };
    let arrived = records.iter().filter(|record| record.direction() == 1).count() as u64;
    assert_eq!(arrived, number(&report["arrivals"]));
    assert_eq!(comments(&records), losses(&report));
    let late: Vec<&Record> = records.iter().filter(|record| record.direction() == 0).collect();
    assert!(late.len() > 50, "{} of {}", late.len(), records.len());
    for record in late {
        assert_eq!((record.port(), record.all("frame.comment").len()), ("box", 1));
        assert_eq!(record.number("frame.verdict.ebpf_xdp"), Some(3));
    }
}

/// XDP_TX towards a far end without a program: nobody wakes it (DRV-08).
const STUCK: &str = r#"
[[port]]
name = "box"
kind = "veth"
mtu = 65535
gro = true
peer = { mtu = 65535, gro = true }
xdp = "back"

[[program]]
name = "back"
kind = "tx"
frags = true
"#;

#[test]
fn standard_output_takes_the_capture_and_the_table_gives_way() {
    let folder = Folder::new();
    folder.run("replay --quiet -w a.pcapng").fine();
    let output = Command::new(env!("CARGO_BIN_EXE_xdpsim")).args(["replay", "-w", "-"]).output();
    let output = output.expect("the command runs");
    assert!(output.stdout == folder.read("a.pcapng"), "the same bytes");
    assert!(String::from_utf8_lossy(&output.stderr).contains("120 arrivals"));
    let said = folder.run("replay -w - --json");
    assert!(said.code == 2 && said.err.contains("both write to standard output"), "{}", said.err);
    folder.capture("in.pcap", &[60], 0);
    let said = folder.run("replay in.pcap -w in.pcap");
    assert!(said.code == 2 && said.err.contains("would be read and written"), "{}", said.err);
}

#[test]
fn threads_change_no_byte_of_it_and_neither_do_other_outputs() {
    let folder = Folder::new();
    folder
        .write("spread.toml", SPREAD)
        .capture("in.pcap", &[200; 9_000], 300)
        .capture("b.pcap", &[90; 40], 300);
    let run = |flags: &str| {
        folder.run(&format!("replay spread.toml in.pcap b.pcap --quiet -w a.pcapng {flags}")).fine();
        folder.read("a.pcapng")
    };
    let alone = run("--threads 1");
    assert!(alone.len() > 2 * 9_000 * 200);
    assert!(alone == run("--threads 4"));
    assert!(alone == run("--threads 2 -o out --events events"));
    let (with, without) = (folder.read("events"), {
        folder.run("replay spread.toml in.pcap b.pcap --quiet --events events").fine();
        folder.read("events")
    });
    assert!(with == without, "the events are those of a run without it");
}

/// Two CPUs that share nothing.
const SPREAD: &str = r#"
cpus = 2

[[port]]
name = "eth0"
queues = 2
rss = "round_robin"
rx_usecs = 20
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
key = "rx_queue_index"
"#;
