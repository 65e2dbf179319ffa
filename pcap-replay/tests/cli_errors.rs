//! What the command says when it cannot do what it was asked to, and with which exit code.

use crate::cli;
use cli::{Folder, frame, repository};
use serde_json::Value;

fn snapshot(name: &str, folder: &Folder, arguments: &str) {
    insta::assert_snapshot!(name, format!("$ xdpsim {arguments}\n{}", folder.run(arguments).whole()));
}

/// A folder with the captures and scenarios that the tests need.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.capture("good.pcap", &[60, 60, 60], 1_000).capture("none.pcap", &[], 0);
    let good = folder.read("good.pcap");
    folder.write("cut.pcap", &good[..good.len() - 10]);
    folder.write("cut-at-once.pcap", &good[..30]);
    folder.write("empty.pcap", "").write("text.pcap", "This is no capture at all.\n");
    let mut wifi = good.clone();
    wifi[20] = 105;
    folder.write("wifi.pcap", wifi);
    folder.write("typo.toml", TYPO).write("two.toml", TWO);
    folder
}

const TYPO: &str = r#"[[port]]
name = "eth0"
xdp = "forward"
mut = 9000

[[program]]
name = "forward"
kind = "redirect"
port = "eth9"
"#;

const TWO: &str = r#"[[port]]
name = "eth0"
xdp = "forward"
uppers = ["br0"]

[[port]]
name = "eth1"

[[port]]
name = "br0"
kind = "upper"

[[program]]
name = "forward"
kind = "redirect"
port = "eth1"
"#;

#[test]
fn captures_that_cannot_be_replayed() {
    let folder = folder();
    snapshot("missing_file", &folder, "replay missing.pcap");
    snapshot("empty_file", &folder, "replay empty.pcap");
    snapshot("no_capture", &folder, "replay text.pcap");
    snapshot("link_type", &folder, "replay wifi.pcap");
    snapshot("no_frame", &folder, "replay none.pcap");
}

#[test]
fn a_broken_capture_is_replayed_up_to_the_break() {
    let folder = folder();
    snapshot("broken", &folder, "replay cut.pcap --ports 2 -o out");
    assert!(folder.path("out/2.pcapng").is_file());
    snapshot("broken_at_once", &folder, "replay cut-at-once.pcap --ports 2 -o nothing");
    assert!(!folder.path("nothing").exists(), "no frame, no files");
}

#[test]
fn one_bad_capture_does_not_keep_the_others_from_being_replayed() {
    snapshot("bad_and_good", &folder(), "replay wifi.pcap good.pcap --ports 2");
}

#[test]
fn errors_are_in_the_json_too() {
    let folder = folder();
    snapshot("broken_json", &folder, "replay cut.pcap --ports 2 --json");
    for (arguments, code, kind) in [
        ("replay wifi.pcap --json", 2, "capture"),
        ("replay none.pcap --json", 4, "nothing"),
        ("replay typo.toml good.pcap --json", 2, "scenario"),
        ("replay two.toml --ports 3 --json", 2, "usage"),
    ] {
        let said = folder.run(arguments);
        let json: Value =
            serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{arguments}: {error}"));
        assert_eq!((said.code, &json["errors"][0]["kind"]), (code, &Value::from(kind)), "{arguments}");
        assert!(!said.err.is_empty(), "{arguments}: people are told as well");
    }
}

#[test]
fn scenarios_that_cannot_be_run() {
    let folder = folder();
    snapshot("typo", &folder, "replay typo.toml good.pcap");
    snapshot("missing_scenario", &folder, "replay missing.toml good.pcap");
}

#[test]
fn arguments_that_make_no_sense_together() {
    let folder = folder();
    snapshot("unknown_ingress", &folder, "replay two.toml good.pcap --ingress eth7");
    snapshot("upper_ingress", &folder, "replay two.toml good.pcap --ingress br0");
    snapshot("ingress_of_flags", &folder, "replay good.pcap --ports 3 --ingress eth0");
    snapshot("ingress_too_high", &folder, "replay good.pcap --ports 3 --ingress 4");
    snapshot("exclude_without_broadcast", &folder, "replay good.pcap --exclude-ingress");
    snapshot("scenario_and_flags", &folder, "replay two.toml good.pcap --ports 3");
    snapshot("two_scenarios", &folder, "replay two.toml typo.toml good.pcap");
    snapshot("stdin_twice", &folder, "replay - -");
    snapshot("json_and_events", &folder, "replay --json --events -");
    snapshot("kernel", &folder, "replay --kernel 5.4");
    snapshot("frame_zero", &folder, "explain --frame 0");
    snapshot("no_ports", &folder, "replay good.pcap --ports 0");
    snapshot("unknown_argument", &folder, "replay --json --port 3");
}

#[test]
fn an_output_that_cannot_be_written() {
    let folder = folder();
    folder.write("file", "");
    for arguments in ["replay good.pcap -o file/out", "replay good.pcap --events file/events"] {
        let said = folder.run(arguments);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.starts_with("error: file/"), "{}", said.err);
    }
}

#[test]
fn what_is_read_is_never_written() {
    let folder = folder();
    std::fs::create_dir(folder.path("out")).expect("a folder");
    let good = folder.read("good.pcap");
    folder.write("out/2.pcapng", &good);
    for arguments in ["replay out/2.pcapng --ports 2 -o out", "replay good.pcap --events ./good.pcap"] {
        let said = folder.run(arguments);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("would be read and written"), "{}", said.err);
    }
    assert_eq!((folder.read("out/2.pcapng"), folder.read("good.pcap")), (good.clone(), good));
}

#[test]
fn check_says_everything_at_once() {
    let folder = folder();
    snapshot("check", &folder, "check two.toml typo.toml missing.toml");
    snapshot("check_json", &folder, "check typo.toml --json");
    assert_eq!(folder.run("check two.toml").fine(), "two.toml: fine\n");
    assert_eq!(folder.run("check typo.toml").code, 1, "findings were asked for");
}

#[test]
fn the_examples_are_fine() {
    let folder = Folder::new();
    let examples = std::fs::read_dir(repository("examples")).expect("the examples");
    let mut seen = 0;
    for entry in examples {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let path = path.to_str().expect("a name").to_owned();
            folder.run_args(["check", &path]).fine();
            folder.run_args(["replay", "-q", &path]).fine();
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen} examples");
}

#[test]
fn a_change_that_the_kernel_refuses_is_told() {
    let folder = folder();
    let change = "\n[[map]]\nname = \"m\"\ntype = \"devmap\"\nmax_entries = 1\n\n[[change]]\nframe = 1\n\
                  do = \"delete_entry\"\nmap = \"m\"\nkey = 5\n\n[[change]]\nframe = 99\ndo = \"port_down\"\n\
                  port = \"eth1\"\n";
    folder.write("change.toml", format!("{TWO}{change}"));
    let text = folder.run("replay change.toml good.pcap");
    assert_eq!(text.code, 0, "{}", text.err);
    assert!(text.out.contains("change 1 in line"), "{}", text.out);
    assert!(text.out.contains("the kernel answers EINVAL (22)"), "{}", text.out);
    assert!(text.out.contains("note: 1 change never came: the capture ended before"), "{}", text.out);
}

#[test]
fn a_frame_stamped_with_the_end_of_time_is_replayed() {
    let folder = Folder::new();
    folder.write("late.pcapng", pcapng_at(u64::MAX));
    let text = folder.run("replay late.pcapng --ports 2").fine();
    assert!(text.contains("= 1 delivered"), "{text}");
}

/// A pcapng with one frame at this time in microseconds.
fn pcapng_at(ticks: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let total = body.len() as u32 + 12;
        bytes.extend(kind.to_le_bytes());
        bytes.extend(total.to_le_bytes());
        bytes.extend(body);
        bytes.extend(total.to_le_bytes());
    };
    let section = [0x1a2b_3c4d_u32, 1, u32::MAX, u32::MAX];
    block(0x0a0d_0d0a, section.map(u32::to_le_bytes).as_flattened());
    block(1, [1_u32, 0].map(u32::to_le_bytes).as_flattened());
    let head = [0, (ticks >> 32) as u32, ticks as u32, 60, 60];
    let mut packet = head.map(u32::to_le_bytes).as_flattened().to_vec();
    packet.extend(frame(0, 60));
    block(6, &packet);
    bytes
}
