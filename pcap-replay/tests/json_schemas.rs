//! What the command prints with `--json` is what `docs/schemas` says, key for key.
//!
//! The published schema lets documents have further keys, because they can be added without raising
//! `schema`. Here it does not: a key that nobody described fails.

use crate::cli;
use cli::{Folder, repository};
use serde_json::{Value, json};

fn published() -> Value {
    let file = repository("docs/schemas/xdpsim-1.json");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).expect("the schema is JSON")
}

/// Objects have no keys but those described.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if keys.contains_key("properties") {
                keys.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            keys.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

/// The text is a document of this definition.
fn fits(definition: &str, text: &str) {
    let mut schema = published();
    strict(&mut schema);
    assert!(schema["$defs"][definition].is_object(), "no definition {definition}");
    schema["$ref"] = json!(format!("#/$defs/{definition}"));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{definition}:\n{}\n{text}", errors.join("\n"));
}

/// A folder with two scenarios and a capture.
fn folder() -> Folder {
    let folder = Folder::new();
    for (name, example) in [("a.toml", "vanishing-frames.toml"), ("b.toml", "devmap-broadcast.toml")] {
        let text = std::fs::read(repository(&format!("examples/{example}"))).expect("an example");
        folder.write(name, text);
    }
    folder.capture("in.pcap", &[60, 64, 300, 1400, 1514], 1_000);
    folder
}

#[test]
fn replays() {
    let folder = folder();
    fits("replay", &folder.run("replay --json").fine());
    fits("replay", &folder.run("replay a.toml in.pcap --json").fine());
    let part = folder.run("replay a.toml in.pcap in.pcap --json --partition slice:1/2").fine();
    fits("replay", &part);
    folder.write("whole.json", folder.run("replay a.toml in.pcap --json").fine());
    fits("replay", &folder.run("merge whole.json whole.json --json").fine());
}

#[test]
fn broken_captures_and_commands() {
    let folder = folder();
    let mut cut = folder.read("in.pcap");
    cut.truncate(cut.len() - 7);
    folder.write("cut.pcap", cut);
    fits("replay", &folder.run("replay a.toml cut.pcap --json").out);
    fits("failure", &folder.run("replay none.toml in.pcap --json").out);
}

#[test]
fn explanations() {
    let folder = folder();
    for frame in [1, 41, 43, 120] {
        fits("explain", &folder.run(&format!("explain --frame {frame} --json")).fine());
    }
    fits("paths", &folder.run("explain --json").fine());
    fits("paths", &folder.run("explain a.toml in.pcap --json").fine());
    let bytes = "ff".repeat(6) + "020000000001" + "0800" + &"00".repeat(46);
    fits("explain", &folder.run(&format!("ask a.toml --frame-hex {bytes} --json")).fine());
}

#[test]
fn differences() {
    let folder = folder();
    fits("diff", &folder.run("diff a.toml b.toml in.pcap --json").out);
    for name in ["a", "b"] {
        let report = folder.run(&format!("replay {name}.toml in.pcap --json")).fine();
        folder.write(&format!("{name}.json"), report);
    }
    fits("diff_reports", &folder.run("diff a.json b.json --json").out);
}

#[test]
fn checks_and_tests() {
    let folder = folder();
    folder.write("bad.toml", "[[port]]\nname = \"eth0\"\nxpd = \"fwd\"\n");
    fits("check", &folder.run("check bad.toml a.toml --json").out);
    let expecting =
        "[[port]]\nname = \"a\"\n[replay]\ncaptures = [\"in.pcap\"]\n[expect]\narrivals = 5\npassed = 4\n";
    folder.write("expecting.toml", expecting);
    let said = folder.run("test expecting.toml --json");
    assert_eq!(said.code, 1, "{}", said.whole());
    fits("test", &said.out);
    fits("version", &folder.run("--version --json").fine());
}

#[test]
fn runs_of_objects() {
    let folder = folder();
    for object in ["adjust", "counters", "queues"] {
        let bytes = std::fs::read(repository(&format!("ebpf-vm/objects/v3/{object}.o"))).expect("is built");
        folder.write(&format!("{object}.o"), bytes);
    }
    folder.capture("short.pcap", &[9, 60, 300], 1_000);
    let said = folder.run("run adjust.o short.pcap --prog mark --json").fine();
    assert_eq!(said.lines().count(), 3);
    said.lines().for_each(|line| fits("run", line));
    for object in ["counters", "queues"] {
        fits("maps", &folder.run(&format!("run {object}.o in.pcap --dump-maps - --cpus 2")).out);
    }
    let mut cut = folder.read("in.pcap");
    cut.truncate(cut.len() - 7);
    folder.write("cut.pcap", cut);
    let said = folder.run("run adjust.o cut.pcap --prog mark --json");
    fits("run_errors", said.out.lines().last().expect("a line"));
    fits("failure", &folder.run("run adjust.o cut.pcap --json").out);
}

#[test]
fn explorations() {
    let folder = folder();
    fits("explore", &folder.run("explore --ports 4 --groups 3 --json -o page").fine());
    let sweep =
        "explore --ports 64 --groups 9000 --exclude bonds --designs D3,D4,D5 --memory 10M --no-times --json";
    let said = folder.run(sweep).fine();
    for outcome in ["built", "refused", "too_large"] {
        assert!(said.contains(&format!("\"outcome\": \"{outcome}\"")), "{said}");
    }
    fits("explore", &said);
    let state = String::from_utf8(folder.read("page/cells.jsonl")).expect("text");
    state.lines().skip(1).for_each(|line| fits("cell", line));
    fits("failure", &folder.run("explore --designs none --json").out);
}

/// The check itself: a key too many, a key too few and a wrong word are noticed.
#[test]
#[should_panic(expected = "failure:")]
fn a_key_that_nobody_described_is_noticed() {
    fits("failure", r#"{"schema": 1, "errors": [], "more": 1}"#);
}
