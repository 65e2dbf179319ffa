//! `xdpsim run`: an object's program over a capture.

use crate::cli;
use cli::{Folder, repository};
use serde_json::{Value, json};

/// A folder with objects of the corpus and five frames, of which the first is too short.
fn folder() -> Folder {
    let folder = Folder::new();
    for object in
        ["counters", "routes", "adjust", "by_ingress", "tail_calls", "maps_of_maps", "queues", "globals"]
    {
        let bytes = std::fs::read(repository(&format!("ebpf-vm/objects/v3/{object}.o"))).expect("is built");
        folder.write(&format!("{object}.o"), bytes);
    }
    folder.capture("in.pcap", &[10, 60, 64, 300, 1400], 1_000_000);
    folder
}

fn lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn verdicts_are_counted_and_refused_frames_named() {
    let said = folder().run("run counters.o in.pcap");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    insta::assert_snapshot!(said.out);
}

#[test]
fn redirects_are_told_with_their_targets() {
    let folder = folder();
    folder.write("maps.toml", "[maps]\ntx_port = { 1 = 7 }\n");
    let said = folder.run("run by_ingress.o in.pcap --maps maps.toml");
    insta::assert_snapshot!(said.whole());
}

/// FNV-1a of a frame, as anybody would compute it.
fn fnv(bytes: &[u8]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[test]
fn there_is_a_json_line_for_each_frame() {
    let folder = folder();
    let all = lines(&folder.run("run adjust.o in.pcap --prog mark --json").fine());
    assert_eq!(
        all[0],
        json!({"frame": 0, "len": 10, "errno": 22, "refused": "a frame has 14 bytes at least"})
    );
    assert_eq!(all.len(), 5);
    let out = [&[1, 0, 0, 0], cli::frame(1, 60).as_slice()].concat();
    assert_eq!(all[1], json!({"frame": 1, "verdict": 2, "len": 64, "meta": 4, "fnv": fnv(&out)}));
    // Whatever runs the program.
    for engine in ["reference", "interpreter"] {
        let other = folder.run(&format!("run adjust.o in.pcap --prog mark --json --engine {engine}"));
        assert_eq!(lines(&other.fine()), all, "{engine}");
    }
}

#[test]
fn frames_are_written_as_the_program_left_them() {
    let folder = folder();
    folder.run("run adjust.o in.pcap --prog push_tag -w out.pcap").fine();
    let again = lines(&folder.run("run adjust.o out.pcap --prog mark --json").fine());
    // What was refused is not there; all others are longer by a tag, and have no metadata.
    let lens: Vec<_> = again.iter().map(|line| line["len"].as_u64().unwrap() - 4).collect();
    assert_eq!(lens, [64, 68, 304, 1404]);
}

#[test]
fn maps_are_filled_and_dumped_in_natural_form() {
    let folder = folder();
    let maps = r#"
[maps.routes]
"10.0.0.0/8" = { port = 3, mac = "02:00:00:00:00:03", mtu = 1500 }

[[maps.ports]]
key = 3
value = 9
"#;
    folder.write("maps.toml", maps);
    folder.run("run routes.o in.pcap --maps maps.toml --dump-maps after.json").fine();
    let after: Value = serde_json::from_slice(&folder.read("after.json")).unwrap();
    let route = &after["maps"]["routes"]["entries"][0];
    assert_eq!(
        route["key"],
        json!({"hex": "080000000a000000", "natural": {"len": 8, "address": "10.0.0.0"}})
    );
    assert_eq!(route["value"]["natural"], json!({"port": 3, "mac": "02:00:00:00:00:03", "mtu": 1500}));
    let port =
        json!([{"key": {"hex": "03000000", "natural": 3}, "value": {"hex": "09000000", "natural": 9}}]);
    assert_eq!(after["maps"]["ports"]["entries"], port);
    folder.run("run counters.o in.pcap --cpus 2 --dump-maps counts.json").fine();
    let counts: Value = serde_json::from_slice(&folder.read("counts.json")).unwrap();
    let values = &counts["maps"]["in_percpu_hash"]["entries"][0]["values"];
    assert_eq!(values[0]["natural"]["frames"], 4);
    assert_eq!(values[1]["natural"], json!({"frames": 0, "bytes": 0}));
}

#[test]
fn variables_are_set_before_the_first_frame() {
    let folder = folder();
    folder.write("maps.toml", "[globals]\nevery = 3\nlimits = \"hex:0100000002000000\"\n");
    folder.run("run globals.o in.pcap --maps maps.toml --dump-maps after.json").fine();
    let after: Value = serde_json::from_slice(&folder.read("after.json")).unwrap();
    assert_eq!(after["maps"][".data"]["entries"][0]["value"]["natural"]["every"], 3);
}

#[test]
fn slots_of_maps_and_programs_are_filled_by_name() {
    let folder = folder();
    let maps = r#"
[inner]
fresh = "by_type"

[maps]
by_type = { 5 = "fresh" }
groups = { 3 = "left" }
fresh = { 1 = 77 }
"#;
    folder.write("maps.toml", maps);
    let after = folder.run("run maps_of_maps.o in.pcap --maps maps.toml --dump-maps -");
    let after: Value =
        serde_json::from_str(&after.out).unwrap_or_else(|error| panic!("{error}: {}", after.whole()));
    let keys = |map: &str| {
        let entries = after["maps"][map]["entries"].as_array().expect("entries").iter();
        entries.map(|entry| entry["key"]["natural"].as_u64().expect("a number")).collect::<Vec<_>>()
    };
    assert_eq!((keys("by_type"), keys("groups")), (vec![0, 5], vec![1, 2, 3]));
    assert_eq!(after["maps"]["fresh"]["entries"][0]["value"]["natural"], 77);
    folder.write("jumps.toml", "[maps]\nhandlers = { 2 = \"drop_arp\" }\n");
    let run =
        |maps| lines(&folder.run(&format!("run tail_calls.o in.pcap --prog entry --json{maps}")).fine());
    assert_eq!((&run("")[1]["verdict"], &run(" --maps jumps.toml")[1]["verdict"]), (&json!(3), &json!(1)));
    folder.write("unlike.toml", "[maps]\nby_type = { 5 = \"left\", 6 = 1 }\nhandlers = 1\n");
    insta::assert_snapshot!(folder.run("run maps_of_maps.o in.pcap --maps unlike.toml").whole());
}

/// Each mistake is shown where it is.
#[test]
fn mistakes_in_contents_have_their_line() {
    let folder = folder();
    let maps = r#"
[globals]
nothing = 1

[maps]
rooutes = {}
ports = [5, 6, "seven"]

[maps.routes]
"10.0.0.0/33" = {}
"10.0.0.0/8" = { port = 3, mac = "02:00:00" }
"11.0.0.0/8" = { prt = 3 }
"#;
    folder.write("globals.toml", maps);
    let globals = folder.run("run routes.o in.pcap --maps globals.toml");
    folder.write("maps.toml", maps.replace("[globals]\nnothing = 1\n", ""));
    let maps = folder.run("run routes.o in.pcap --maps maps.toml");
    folder.write("toml.toml", "[maps\nx = 1\n");
    let toml = folder.run("run routes.o in.pcap --maps toml.toml");
    folder.write("sections.toml", "[map]\nx = 1\n");
    let sections = folder.run("run routes.o in.pcap --maps sections.toml");
    insta::assert_snapshot!([globals.whole(), maps.whole(), toml.whole(), sections.whole()].join("\n"));
}

#[test]
fn what_cannot_be_run_is_told_with_what_helps() {
    let folder = folder();
    folder.write("source.c", "int main;").write("text.o", "no object");
    let mut elf = folder.read("counters.o");
    elf[5] = 2;
    folder.write("big-endian.o", elf);
    let mut all = String::new();
    for arguments in [
        "none.o in.pcap",
        "source.c in.pcap",
        "text.o in.pcap",
        "big-endian.o in.pcap",
        "in.pcap counters.o",
        "counters.o none.pcap",
        "adjust.o in.pcap",
        "adjust.o in.pcap --prog trim",
        "adjust.o in.pcap --prog marc",
        "counters.o in.pcap --maps none.toml",
        "counters.o in.pcap --btf none.btf",
        "counters.o in.pcap --engine warp",
        "counters.o in.pcap --json --dump-maps -",
    ] {
        let said = folder.run(&format!("run {arguments}"));
        all += &format!("$ xdpsim run {arguments}\n{}\n", said.whole());
    }
    insta::assert_snapshot!(all);
}

/// The program reads behind its context, as no compiler lets it: told once, with the line, whatever the engine.
#[test]
fn what_no_program_may_do_is_told_once_with_its_line() {
    let folder = folder();
    let mut object = folder.read("by_ingress.o");
    let load = [0x61, 0x12, 12, 0, 0, 0, 0, 0];
    let at = object.windows(8).position(|bytes| bytes == load).expect("r2 = *(u32 *)(r1 + 12)");
    object[at + 2] = 64;
    folder.write("bad.o", object);
    let said = folder.run("run bad.o in.pcap");
    assert_eq!(said.code, 1, "{}", said.whole());
    insta::assert_snapshot!(said.out);
    for engine in ["reference", "interpreter"] {
        let other = folder.run(&format!("run bad.o in.pcap --engine {engine}"));
        assert_eq!(other.out, said.out, "{engine}");
    }
    let said = folder.run("run bad.o in.pcap --json --stop-on-fault");
    assert_eq!(said.code, 1);
    let all = lines(&said.out);
    assert_eq!((all.len(), &all[1]["verdict"]), (2, &json!(0)));
    let fault = all[1]["fault"].as_str().expect("a fault");
    assert!(fault.contains("by_ingress.bpf.c:") && fault.contains("of the context, which has 24"), "{fault}");
}

#[test]
fn a_broken_capture_is_run_up_to_the_break() {
    let folder = folder();
    let mut cut = folder.read("in.pcap");
    cut.truncate(cut.len() - 7);
    folder.write("cut.pcap", cut);
    let said = folder.run("run counters.o cut.pcap --json");
    assert_eq!(said.code, 2);
    assert!(said.err.contains("cut.pcap"), "{}", said.err);
    let all = lines(&said.out);
    assert_eq!((all.len(), all[3]["frame"].as_u64()), (5, Some(3)));
    assert_eq!(all[4]["errors"][0]["packet"], 5);
    folder.capture("empty.pcap", &[], 0);
    assert_eq!(folder.run("run counters.o empty.pcap").code, 4);
}
