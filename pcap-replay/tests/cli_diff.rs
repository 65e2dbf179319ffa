//! `xdpsim diff` and `xdpsim ask`: what would be otherwise, and what would become of one packet.

use crate::cli;
use cli::{Folder, repository};

/// Frames to four ports in turn, one of which is down.
const BEFORE: &str = r#"
[[port]]
name = "eth0"
xdp = "spread"

[[port]]
name = "eth1"

[[port]]
name = "eth2"
up = false

[[map]]
name = "ports"
type = "devmap"
max_entries = 4
entries = [{ key = 0, port = "eth1" }, { key = 1, port = "eth2" }]

[[program]]
name = "spread"
kind = "script"
cycle = [
  ["redirect_map ports 0", "return helper"],
  ["redirect_map ports 1", "return helper"],
  ["redirect_map ports 2", "return helper"],
]
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    // The port comes up, the missing entry gets there, and ids and the program's name change.
    let after = BEFORE
        .replace("up = false\n", "")
        .replace("\"eth2\" }]", "\"eth2\" }, { key = 2, port = \"eth1\" }]")
        .replace("\"spread\"", "\"fan\"");
    folder.write("before.toml", BEFORE).write("after.toml", after).capture("in.pcap", &[60; 30], 1_000_000);
    folder
}

#[test]
fn frames_that_fare_differently_are_grouped_by_their_paths() {
    let said = folder().run("diff before.toml after.toml in.pcap");
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    insta::assert_snapshot!(said.out);
}

#[test]
fn the_same_for_scripts() {
    let said = folder().run("diff before.toml after.toml in.pcap --json");
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((&json["frames"], &json["differing"]), (&30.into(), &20.into()));
    assert_eq!(json["pairs"].as_array().map(Vec::len), Some(2));
    let pair = &json["pairs"][0];
    assert_eq!((&pair["frames"], &pair["first"][0]), (&10.into(), &2.into()));
    assert_eq!(pair["before"]["outcome"]["ended"][0]["errno"], "ENETDOWN");
    assert_eq!(pair["after"]["outcome"]["delivered"][0], "eth2");
    assert_eq!(pair["after"]["legs"][0]["program"], "fan");
}

#[test]
fn scenarios_that_come_to_the_same_are_no_finding() {
    let folder = folder();
    // Another name of the program is another way, but no other outcome.
    folder.write("renamed.toml", BEFORE.replace("\"spread\"", "\"other\""));
    let said = folder.run("diff before.toml renamed.toml in.pcap");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(said.out, "in.pcap: 30 frames in before.toml and renamed.toml, all fare alike\n");
}

#[test]
fn a_broken_capture_is_compared_up_to_the_break() {
    let folder = folder();
    let whole = folder.read("in.pcap");
    folder.write("cut.pcap", &whole[..whole.len() - 5]);
    let said = folder.run("diff before.toml after.toml cut.pcap --json");
    assert_eq!(said.code, 2, "{}", said.err);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((&json["frames"], &json["errors"][0]["packet"]), (&29.into(), &30.into()));
}

#[test]
fn two_reports() {
    let folder = folder();
    for name in ["before", "after"] {
        let report = folder.run(&format!("replay {name}.toml in.pcap --json")).fine();
        folder.write(&format!("{name}.json"), report);
    }
    let said = folder.run("diff before.json after.json");
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    insta::assert_snapshot!(said.out);
    let same = folder.run("diff before.json before.json");
    assert_eq!((same.code, same.out.as_str()), (0, "before.json and before.json report the same\n"));
}

#[test]
fn what_cannot_be_compared() {
    let folder = folder();
    folder.write("other.json", "{}");
    for (arguments, message) in [
        ("before.toml other.json", "before.toml is a scenario, other.json is none"),
        ("other.json other.json", "other.json: no report"),
        ("missing.json other.json", "missing.json: "),
        ("before.toml after.toml -", "cannot read standard input"),
        ("other.json other.json in.pcap", "reports are compared as they are"),
    ] {
        let said = folder.run(&format!("diff {arguments}"));
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments}");
        assert!(said.err.contains(message), "{arguments}: {}", said.err);
    }
}

#[test]
fn one_packet_by_its_headers() {
    let folder = Folder::new();
    let scenario = std::fs::read(repository("examples/vanishing-frames.toml")).expect("an example");
    folder.write("host.toml", scenario);
    insta::assert_snapshot!(folder.run("ask host.toml --dst 10.0.0.2 --protocol tcp --vlan 100").fine());
}

#[test]
fn one_packet_byte_by_byte() {
    let folder = Folder::new();
    let arguments =
        ["ask", "--ports", "2", "--json", "--frame-hex", "ffffffffffff 02:00:00:00:00:01 0806 0001"];
    let json: serde_json::Value = serde_json::from_str(&folder.run_args(arguments).fine()).expect("JSON");
    assert_eq!(json["visits"][0]["bytes"], 16);
    assert_eq!(json["copies"][0]["end"]["fate"], "delivered");
}

#[test]
fn a_capture_is_no_packet() {
    let folder = folder();
    let said = folder.run("ask before.toml in.pcap");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("in.pcap is a capture"), "{}", said.err);
    let said = folder.run("ask --frame-hex 00 --dport 80");
    assert_eq!(said.code, 2, "bytes by hand and headers by name exclude each other");
}
