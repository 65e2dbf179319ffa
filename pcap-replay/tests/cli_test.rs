//! `xdpsim test`: every kind of expectation, broken by hand, is found and says what to look at.

use crate::cli;
use cli::{Folder, Said, repository};
use serde_json::Value;

/// A line that is too slow, a port that is down, a copy to each.
const SCENARIO: &str = r#"# A test of its own.
[replay]
captures = ["in.pcap"]
timing = "asap"

[[port]]
name = "eth0"
xdp = "flood"

[[port]]
name = "eth1"
kind = "nic"
rate = "1Mbit"
tx_ring = 4

[[port]]
name = "eth2"
up = false

[[port]]
name = "eth3"

[[map]]
name = "ports"
type = "devmap"
max_entries = 4
entries = [{ key = 0, port = "eth1" }, { key = 1, port = "eth2" }, { key = 2, port = "eth3" }]

[[program]]
name = "flood"
kind = "broadcast"
map = "ports"

[expect]
arrivals = 6     # all of them
clones = 6
lost = 3
silent = ["eth0", "eth2"]

[expect.port.eth1]
delivered = { min = 2, max = 4 }  # what the ring takes
lost = 3

[expect.port.eth2]
skipped = 6

[expect.port.eth3]
delivered = 6
golden = "golden/eth3.pcap"

[[expect.fate]]
fate = "tx_ring_full"
step = "flush"
rule = "FLU-04"
port = "eth1"
frames = 3       # behind the three that fit
"#;

/// A folder in which the scenario passes.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60; 6], 1_000).write("host.toml", SCENARIO);
    let first = folder.run("test --update host.toml");
    assert_eq!((first.code, first.out.lines().next()), (0, Some("updated host.toml: 1 of 11 expectations")));
    folder
}

/// The same with a piece of the scenario replaced.
fn broken(from: &str, to: &str) -> (Folder, Said) {
    let folder = folder();
    assert_eq!(SCENARIO.matches(from).count(), 1, "{from}");
    folder.write("host.toml", SCENARIO.replace(from, to));
    let said = folder.run("test host.toml");
    assert_eq!(said.code, 1, "{from} -> {to}: {}{}", said.out, said.err);
    (folder, said)
}

#[test]
fn a_scenario_that_holds_what_it_expects_passes() {
    let said = folder().run("test host.toml").fine();
    assert_eq!(said, "ok      host.toml: 11 expectations, 6 frames\n1 scenario: 1 passed\n");
}

#[test]
fn a_counter_of_the_run() {
    insta::assert_snapshot!(broken("lost = 3\nsilent", "lost = 2\nsilent").1.whole());
}

#[test]
fn a_number_of_arrivals() {
    insta::assert_snapshot!(broken("arrivals = 6 ", "arrivals = 7 ").1.whole());
}

#[test]
fn a_counter_of_a_port() {
    insta::assert_snapshot!(broken("delivered = 6", "delivered = { min = 7 }").1.whole());
}

#[test]
fn a_range_of_a_port() {
    insta::assert_snapshot!(broken("min = 2, max = 4", "min = 4, max = 5").1.whole());
}

#[test]
fn targets_that_were_left_out() {
    insta::assert_snapshot!(broken("skipped = 6", "skipped = 5").1.whole());
}

#[test]
fn frames_that_end_in_one_way() {
    insta::assert_snapshot!(broken("frames = 3", "frames = 4").1.whole());
}

#[test]
fn frames_that_were_never_to_end_so() {
    insta::assert_snapshot!(broken("frames = 3", "frames = 0").1.whole());
}

#[test]
fn a_port_that_was_to_be_silent() {
    insta::assert_snapshot!(broken("\"eth0\", \"eth2\"", "\"eth0\", \"eth3\"").1.whole());
}

#[test]
fn a_golden_capture_with_another_byte() {
    let folder = folder();
    let mut golden = folder.read("golden/eth3.pcap");
    // Behind the file's header and two records: byte 20 of the third frame.
    golden[24 + 2 * 76 + 16 + 20] ^= 0xff;
    folder.write("golden/eth3.pcap", golden);
    insta::assert_snapshot!(folder.run("test host.toml").whole());
}

#[test]
fn a_golden_capture_that_is_too_short_too_long_or_gone() {
    let folder = folder();
    let golden = folder.read("golden/eth3.pcap");
    folder.write("golden/eth3.pcap", &golden[..golden.len() - 76]);
    insta::assert_snapshot!("golden_too_short", folder.run("test host.toml").whole());
    let mut longer = golden.clone();
    longer.extend_from_slice(&golden[golden.len() - 76..]);
    folder.write("golden/eth3.pcap", longer);
    insta::assert_snapshot!("golden_too_long", folder.run("test host.toml").whole());
    std::fs::remove_file(folder.path("golden/eth3.pcap")).expect("the golden capture");
    insta::assert_snapshot!("golden_gone", folder.run("test host.toml").whole());
}

#[test]
fn what_is_broken_can_be_accepted_and_the_rest_of_the_file_stays() {
    let wrong = SCENARIO
        .replace("arrivals = 6 ", "arrivals = 5 ")
        .replace("min = 2, max = 4", "min = 4, max = 5")
        .replace("\"eth0\", \"eth2\"", "\"eth0\", \"eth3\", \"eth2\"")
        .replace("frames = 3 ", "frames = 9 ");
    let folder = folder();
    folder.write("host.toml", &wrong);
    let said = folder.run("test -u host.toml").fine();
    assert_eq!(said, "updated host.toml: 4 of 12 expectations\n1 scenario: 0 passed, 1 updated\n");
    let accepted = String::from_utf8(folder.read("host.toml")).expect("text");
    assert_eq!(accepted, SCENARIO.replace("min = 2, max = 4", "min = 3, max = 5"));
    folder.run("test host.toml").fine();
}

#[test]
fn an_empty_section_is_filled_with_what_was_seen() {
    let folder = folder();
    let (before, _) = SCENARIO.split_once("[expect]\n").expect("the section");
    folder.write("host.toml", format!("{before}[expect]\n"));
    folder.run("test --update host.toml").fine();
    let filled = String::from_utf8(folder.read("host.toml")).expect("text");
    insta::assert_snapshot!(filled.strip_prefix(before).expect("the rest is as it was"));
    folder.run("test host.toml").fine();
}

#[test]
fn a_run_that_tested_nothing_is_no_success() {
    let folder = folder();
    let (before, _) = SCENARIO.split_once("[expect]\n").expect("the section");
    folder.write("host.toml", before);
    insta::assert_snapshot!("no_expectations", folder.run("test host.toml").whole());
    std::fs::create_dir(folder.path("none")).expect("a folder");
    insta::assert_snapshot!("no_scenario", folder.run("test none").whole());
    folder.capture("in.pcap", &[], 0).write("host.toml", SCENARIO);
    insta::assert_snapshot!("no_frame", folder.run("test host.toml").whole());
}

#[test]
fn folders_are_walked_in_the_order_of_names_and_other_toml_files_are_left_alone() {
    let folder = folder();
    std::fs::create_dir_all(folder.path("all/b/.hidden")).expect("a folder");
    let port = "[[port]]\nname = \"a\"\n[expect]\narrivals = ";
    folder.write("all/z.toml", format!("{port}120\n")).write("all/b/a.toml", format!("{port}120\n"));
    folder.write("all/b/.hidden/a.toml", "[expect]\n").write("all/Cargo.toml", "[package]\nname = \"x\"\n");
    folder.write("all/b/c.toml", "[expect]\nlost = \"all\"\n");
    let said = folder.run("test all z.toml all/z.toml");
    let verdicts: Vec<&str> =
        said.out.lines().filter(|line| line.contains(".toml") && !line.starts_with(' ')).collect();
    insta::assert_snapshot!(format!("{}\n{}", said.code, verdicts.join("\n")));
}

#[test]
fn scripts_get_the_same_as_json() {
    let folder = folder();
    folder.write("host.toml", SCENARIO.replace("frames = 3 ", "frames = 9 "));
    let said = folder.run("test host.toml --json");
    let json: Value = serde_json::from_str(&said.out).expect("a document");
    let broken = &json["scenarios"][0]["broken"][0];
    assert_eq!((said.code, &json["scenarios"][0]["verdict"]), (1, &Value::from("broken")));
    assert_eq!((&broken["expected"], &broken["found"]), (&Value::from("9"), &Value::from("3")));
    assert!(broken["look_at"][0]["frames"].as_array().is_some_and(|frames| !frames.is_empty()), "{broken}");
    let nothing: Value = serde_json::from_str(&folder.run("test in.pcap --json").out).expect("a document");
    assert_eq!(nothing["errors"][0]["kind"], "scenario");
}

#[test]
fn ci_systems_get_junit() {
    let folder = folder();
    folder.write("bad.toml", "[expect]\n").write("host.toml", SCENARIO.replace("frames = 3 ", "frames = 9 "));
    assert_eq!(folder.run("test host.toml bad.toml --junit out.xml").code, 2, "the highest code");
    insta::assert_snapshot!(String::from_utf8(folder.read("out.xml")).expect("text"));
}

/// The command that a broken expectation names can be typed as it stands.
#[test]
fn the_command_to_look_with_works() {
    let (folder, said) = broken("frames = 3", "frames = 0");
    let command = said.out.lines().find_map(|line| line.trim().strip_prefix("xdpsim ")).expect("a command");
    assert!(folder.run(command).fine().contains("FLU-04"), "{command}");
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let folder = folder();
    for number in 0..20 {
        folder.write(
            &format!("host-{number}.toml"),
            SCENARIO.replace("frames = 3 ", &format!("frames = {number} ")),
        );
    }
    let run = |threads: &str| {
        let command = std::process::Command::new(env!("CARGO_BIN_EXE_xdpsim"))
            .args(["test", "."])
            .current_dir(folder.path(""))
            .env("RAYON_NUM_THREADS", threads)
            .output();
        command.expect("the command runs").stdout
    };
    assert_eq!(run("1"), run("7"));
}

#[test]
fn the_examples_hold_what_they_expect() {
    let examples = repository("examples").display().to_string();
    Folder::new().run_args(["test", "--quiet", &examples]).fine();
}
