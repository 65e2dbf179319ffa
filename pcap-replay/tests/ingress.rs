//! Captures of several ports: merged by time, or by the interfaces of a pcapng.

use crate::cli;
use cli::{Folder, START, assert_balanced, frame};
use xdpsim::capture::{CaptureWriter, Format, Resolution, WriteOptions};
use xdpsim_core::Nanos;

/// Three captures of one wire each, and what `mergecap` would make of them.
fn three_ports(folder: &Folder) -> Vec<(usize, Nanos, Vec<u8>)> {
    let taken = [vec![0, 10, 10, 40], vec![5, 10, 20], vec![10, 30, 50]];
    let options = WriteOptions { format: Format::Pcap, resolution: Resolution::Nanos, ..Default::default() };
    let mut all = Vec::new();
    for (port, times) in taken.iter().enumerate() {
        let file = folder.path(&format!("{}.pcap", port + 1));
        let mut writer = CaptureWriter::create(&file, &options).expect("a capture of the test");
        for (i, &time) in times.iter().enumerate() {
            let (stamp, bytes) = (START.after(Nanos(time)), frame(port * 10 + i, 60 + port));
            writer.write(stamp, &bytes, bytes.len() as u32).expect("a frame of the test");
            all.push((port, stamp, bytes));
        }
        writer.finish().expect("a capture of the test");
    }
    all.sort_by_key(|(port, stamp, _)| (*stamp, *port));
    all
}

#[test]
fn captures_of_several_ports_are_merged_by_time() {
    let folder = Folder::new();
    let all = three_ports(&folder);
    let lanes = "--ports 4 --broadcast --ingress 1=1.pcap --ingress 2=2.pcap --ingress 3=3.pcap";
    let report = assert_balanced(&folder.run(&format!("replay {lanes} --json -o out")).fine());
    let received: Vec<u64> = report["ports"]
        .as_array()
        .expect("ports")
        .iter()
        .map(|port| port["received"].as_u64().unwrap_or(99))
        .collect();
    assert_eq!(received, [4, 3, 3, 0]);
    assert_eq!(report["captures"][0]["file"], "1.pcap + 2.pcap + 3.pcap");
    let reader = xdpsim::capture::CaptureReader::open(&folder.path("out/4.pcapng"), &Default::default());
    let (mut reader, mut table) = (reader.expect("a capture"), xdpsim::capture::FrameTable::default());
    reader.fill(&mut table).expect("a whole capture");
    let left: Vec<(Nanos, Vec<u8>)> =
        (0..table.len()).map(|i| (table.stamps()[i], table.frame(i).to_vec())).collect();
    let expected: Vec<(Nanos, Vec<u8>)> = all.into_iter().map(|(_, stamp, bytes)| (stamp, bytes)).collect();
    assert_eq!(left, expected, "port 4 gets a copy of every frame, in order");
    let table = folder.run(&format!("replay {lanes}")).fine();
    let (_, command) = table.split_once("step by step: xdpsim ").expect("a command that tells of a frame");
    let told = folder.run(command.lines().next().unwrap_or_default()).fine();
    assert!(told.starts_with("frame 1 of 1.pcap + 2.pcap + 3.pcap\n"), "{told}");
    for (arguments, message) in [
        ("--ports 4 --ingress 1=1.pcap --ingress 2=2.pcap", "need a scenario or `--broadcast`"),
        ("--ports 4 --broadcast --ingress 1=1.pcap 2.pcap", "names the captures, and so does 2.pcap"),
        ("--ports 4 --broadcast --ingress 1=1.pcap --ingress 2", "names no capture"),
        ("--ports 4 --broadcast --ingress 1=1.pcap --ingress 7=2.pcap", "there is no such port"),
        ("--ports 4 --broadcast --ingress 1=- --ingress 2=-", "standard input (`-`) is there twice"),
    ] {
        let said = folder.run(&format!("replay {arguments}"));
        assert!(said.code == 2 && said.err.contains(message), "{arguments}: {}", said.err);
    }
}

/// Frames of two ports are steered to CPUs by their own port's queues.
#[test]
fn several_ports_on_several_cpus_are_the_same_on_any_number_of_threads() {
    let folder = Folder::new();
    folder.write("two.toml", TWO).capture("a.pcap", &[90; 12_000], 300).capture("b.pcap", &[70; 9_000], 400);
    let run = |threads: u32| {
        let lanes = "--ingress eth0=a.pcap --ingress eth1=b.pcap";
        let flags = format!("--json -o out --events events --threads {threads}");
        let json = folder.run(&format!("replay two.toml {lanes} {flags}")).fine();
        (json, folder.read("out/eth2.pcapng"), folder.read("events"))
    };
    let alone = run(1);
    let report = assert_balanced(&alone.0);
    assert_eq!(
        (report["arrivals"].as_u64(), report["ports"][2]["delivered"].as_u64()),
        (Some(21_000), Some(21_000))
    );
    assert!(alone == run(2) && alone == run(4));
}

/// Two CPUs that share nothing; each polls a queue of each port.
const TWO: &str = r#"
cpus = 2

[[port]]
name = "eth0"
queues = 2
rss = "round_robin"
xdp = "out"

[[port]]
name = "eth1"
queues = 2
rss = "round_robin"
rx_usecs = 30
xdp = "out"

[[port]]
name = "eth2"

[[program]]
name = "out"
kind = "redirect"
port = "eth2"
"#;

/// The annotated capture of a run has an interface for each port, which makes it one to try this with.
#[test]
fn interfaces_of_a_pcapng_stand_for_ports() {
    let folder = Folder::new();
    three_ports(&folder);
    let lanes = "--ports 3 --broadcast --ingress 1=1.pcap --ingress 2=2.pcap --ingress 3=3.pcap";
    folder.run(&format!("replay {lanes} --quiet -w all.pcapng")).fine();
    let received = |arguments: &str| {
        let report = assert_balanced(&folder.run(&format!("replay {arguments} --json")).fine());
        let ports = report["ports"].as_array().expect("ports").clone();
        ports.iter().map(|port| port["received"].as_u64().unwrap_or(99)).collect::<Vec<_>>()
    };
    // Each arrival, and the copies of all ten that left by the port.
    assert_eq!(received("all.pcapng --ports 4 --interface auto"), [14, 13, 13, 0]);
    assert_eq!(received("all.pcapng --ports 4 --interface auto --interface 1=4"), [0, 13, 13, 14]);
    assert_eq!(
        received("all.pcapng --ports 4 --interface 1=1 --interface 2=1 --interface 3=2"),
        [27, 13, 0, 0]
    );
    let said = folder.run("replay all.pcapng --ports 4 --interface 1=2");
    assert_eq!(said.code, 2);
    // The first frame's first copy: queues are flushed from the last to the first.
    let message = "packet 2 (frame.number in tshark): interface 2 (3) stands for no port";
    assert!(said.err.contains(message), "{}", said.err);
}
