//! Several captures: fresh or in a chain, in parts, in parallel, limited and looped.

use crate::cli;
use cli::{Folder, START, assert_balanced};
use proptest::prelude::*;
use serde_json::Value;

/// Loses frames in several ways, some only after a while: by a full ring, a change, a far end that nobody
/// polls, and a program that takes turns.
const LOSSY: &str = r#"
[[port]]
name = "in"
xdp = "turns"

[[port]]
name = "slow"
kind = "nic"
rate = "10Mbit"
tx_ring = 4

[[port]]
name = "box"
kind = "veth"

[[port]]
name = "polled"
kind = "veth"
peer = { gro = true }

[[map]]
name = "ports"
type = "devmap"
max_entries = 4
entries = [{ key = 0, port = "in" }, { key = 1, port = "slow" }, { key = 2, port = "box" }, { key = 3, port = "polled" }]

[[program]]
name = "turns"
kind = "script"
cycle = [
  ["redirect_map ports 0 24", "return helper"],
  ["redirect_map ports 1", "return helper"],
  ["redirect_map ports 2", "return helper"],
  ["redirect_map ports 9", "return helper"],
  ["return drop"],
]

[[change]]
frame = 5
do = "port_down"
port = "polled"

[[change]]
frame = 9
do = "set_gro"
port = "box.peer"
on = true

[[change]]
frame = 11
do = "set_mtu"
port = "box"
mtu = 70
"#;

/// One capture of a random corpus.
#[derive(Clone, Debug)]
enum Made {
    Frames {
        lens: Vec<usize>,
        gap: u64,
    },
    /// The same, and its last bytes are missing.
    Cut(Vec<usize>),
    NoCapture,
}

fn made() -> impl Strategy<Value = Made> {
    let lens = || prop::collection::vec(20_usize..200, 0..24);
    prop_oneof![
        8 => (lens(), prop_oneof![Just(0), Just(1_000), Just(500_000)])
            .prop_map(|(lens, gap)| Made::Frames { lens, gap }),
        1 => prop::collection::vec(20_usize..200, 1..12).prop_map(Made::Cut),
        1 => Just(Made::NoCapture),
    ]
}

/// Writes them into `corpus/`, in folders of three.
fn write(folder: &Folder, corpus: &[Made]) {
    for (i, made) in corpus.iter().enumerate() {
        let dir = format!("corpus/{}", i / 3);
        std::fs::create_dir_all(folder.path(&dir)).expect("a folder of the test");
        let name = format!("{dir}/{i:02}.pcap");
        match made {
            Made::Frames { lens, gap } => drop(folder.capture(&name, lens, *gap)),
            Made::Cut(lens) => {
                let bytes = folder.capture(&name, lens, 1_000).read(&name);
                folder.write(&name, &bytes[..bytes.len() - 3]);
            }
            Made::NoCapture => drop(folder.write(&name, "no capture")),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// Rule: LAW-01.a
    #[test]
    fn any_partition_merges_to_the_report_of_the_whole(
        corpus in prop::collection::vec(made(), 1..9),
        parts in 1_u32..6,
        first in 0_u32..6,
    ) {
        let folder = Folder::new();
        folder.write("s.toml", LOSSY);
        write(&folder, &corpus);
        let whole = folder.run("replay s.toml corpus --json --threads 1");
        let threaded = folder.run("replay s.toml corpus --json --threads 3");
        prop_assert_eq!((threaded.code, &threaded.out), (whole.code, &whole.out));
        assert_balanced(&whole.out);
        let mut arrivals = 0;
        let mut merge = "merge --json".to_owned();
        // In any order.
        for part in (1..=parts).map(|part| (part + first) % parts + 1) {
            let said = folder.run(&format!("replay s.toml corpus --json --partition slice:{part}/{parts}"));
            arrivals += assert_balanced(&said.out)["arrivals"].as_u64().expect("a number");
            folder.write(&format!("{part}.json"), said.out);
            merge.push_str(&format!(" {part}.json"));
        }
        let merged = folder.run(&merge);
        prop_assert_eq!(assert_balanced(&merged.out)["arrivals"].as_u64(), Some(arrivals));
        prop_assert_eq!((merged.code, merged.out), (whole.code, whole.out));
    }
}

#[test]
fn a_capture_is_no_report() {
    let folder = Folder::new();
    let said = folder.capture("a.pcap", &[60], 0).run("merge a.pcap");
    assert_eq!(said.code, 2, "{}", said.out);
    assert!(said.err.contains("a.pcap: not a report: expected JSON"), "{}", said.err);
}

#[test]
fn reports_that_do_not_belong_together_are_refused() {
    let folder = Folder::new();
    folder.write("s.toml", LOSSY).capture("a.pcap", &[60; 3], 0).capture("b.pcap", &[60; 3], 0);
    let report = |name: &str, arguments: &str| {
        folder.write(name, folder.run(&format!("replay {arguments} --json")).out);
    };
    report("1.json", "s.toml a.pcap b.pcap --partition slice:1/2");
    report("2.json", "s.toml a.pcap b.pcap --partition slice:2/2");
    report("other.json", "a.pcap b.pcap --partition slice:2/2");
    report("thirds.json", "s.toml a.pcap b.pcap --partition slice:2/3");
    report("whole.json", "s.toml a.pcap");
    folder.write("no.json", "{}");
    let said = |files: &str| {
        let said = folder.run(&format!("merge {files}"));
        assert_eq!(said.code, 2, "{files}: {}", said.out);
        format!("merge {files}\n{}", said.err)
    };
    let all = [
        "1.json",
        "1.json 1.json",
        "1.json other.json",
        "1.json thirds.json",
        "1.json whole.json",
        "no.json",
        "absent.json",
    ];
    insta::assert_snapshot!(all.map(said).join("\n"));
}

#[test]
fn whole_runs_merge_in_the_order_in_which_they_are_named() {
    let folder = Folder::new();
    folder.write("s.toml", LOSSY).capture("a.pcap", &[60; 7], 0).capture("b.pcap", &[90; 9], 0);
    for capture in ["a", "b"] {
        let report = folder.run(&format!("replay s.toml {capture}.pcap --json")).fine();
        folder.write(&format!("{capture}.json"), report);
    }
    let together = folder.run("replay s.toml b.pcap a.pcap --json").fine();
    assert_eq!(folder.run("merge b.json a.json --json").fine(), together);
    let table = folder.run("merge b.json a.json").fine();
    assert!(table.starts_with("2 captures: 16 frames, 1,230 bytes\ns.toml: frames arrive on in"), "{table}");
}

#[test]
fn a_part_without_captures_says_so() {
    let folder = Folder::new();
    folder.capture("a.pcap", &[60], 0);
    let said = folder.run("replay a.pcap --partition slice:2/2");
    assert_eq!((said.code, said.out.as_str()), (4, ""));
    assert!(said.err.contains("slice:2/2 of 1 captures is empty"), "{}", said.err);
}

/// Captures in a chain: what waits in one is there in the next, and so are maps, programs and time.
#[test]
fn a_chain_goes_on_where_the_capture_before_ended() {
    let folder = Folder::new();
    folder.write("s.toml", LOSSY);
    let lens: Vec<usize> = (0..20).map(|i| 60 + i).collect();
    folder.capture("all.pcap", &lens, 1_000);
    let whole = assert_balanced(&folder.run("replay s.toml all.pcap --json").fine());
    let bytes = folder.read("all.pcap");
    // The records of the first 7 frames, and the others.
    let cut = 24 + lens[..7].iter().map(|len| 16 + len).sum::<usize>();
    folder.write("1.pcap", &bytes[..cut]).write("2.pcap", [&bytes[..24], &bytes[cut..]].concat());
    let chain = assert_balanced(&folder.run("replay s.toml 1.pcap 2.pcap --captures chain --json").fine());
    for key in ["arrivals", "clones", "skipped", "ports", "changes_left"] {
        assert_eq!(chain[key], whole[key], "{key}");
    }
    let counts = |report: &Value| {
        let rows = report["fates"].as_array().expect("fates").iter();
        rows.map(|row| (row["fate"].clone(), row["egress"].clone(), row["frames"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&chain), counts(&whole));
    assert_eq!(chain["captures"][0]["frames"], 7);
    assert_eq!(chain["captures"][1]["frames"], 13);
    // A frame that ended first in the second capture is numbered there: 13 = the 6th behind 7.
    let late = chain["fates"].as_array().expect("fates").iter().find(|row| row["capture"] == 1);
    let late = late.expect("something happens in the second capture only");
    let number = late["examples"][0].as_u64().expect("a number");
    let row = whole["fates"]
        .as_array()
        .expect("fates")
        .iter()
        .find(|row| row["fate"] == late["fate"] && row["egress"] == late["egress"]);
    assert_eq!(row.expect("the same row")["examples"][0], number + 7);
    let fresh = assert_balanced(&folder.run("replay s.toml 1.pcap 2.pcap --json").fine());
    assert_ne!(counts(&fresh), counts(&whole), "fresh captures begin anew");
}

#[test]
fn a_chain_goes_on_behind_a_broken_capture() {
    let folder = Folder::new();
    folder.capture("a.pcap", &[60, 61, 62], 0).capture("c.pcap", &[60], 0).write("b.pcap", "no capture");
    let cut = folder.read("a.pcap");
    folder.write("a.pcap", &cut[..cut.len() - 1]);
    let said = folder.run("replay a.pcap b.pcap c.pcap --captures chain --json");
    let report = assert_balanced(&said.out);
    assert_eq!((said.code, report["arrivals"].as_u64()), (2, Some(3)));
    let errors: Vec<bool> = report["captures"]
        .as_array()
        .expect("captures")
        .iter()
        .map(|done| !done["error"].is_null())
        .collect();
    assert_eq!(errors, [true, true, false]);
    for (flags, word) in [("--loop 2", "--loop"), ("--partition slice:1/2", "--partition")] {
        let said = folder.run(&format!("replay a.pcap c.pcap --captures chain {flags}"));
        assert!(said.code == 2 && said.err.contains(word), "{}", said.err);
    }
}

#[test]
fn a_limit_counts_the_frames_of_each_capture() {
    let folder = Folder::new();
    folder.capture("a.pcap", &[60; 5], 0).capture("b.pcap", &[60; 2], 0);
    let frames = |arguments: &str| {
        let report = assert_balanced(&folder.run(&format!("replay {arguments} --json")).fine());
        let captures = report["captures"].as_array().expect("captures").clone();
        captures.iter().map(|done| done["frames"].as_u64().expect("a number")).collect::<Vec<_>>()
    };
    assert_eq!(frames("a.pcap b.pcap -c 3"), [3, 2]);
    assert_eq!(frames("a.pcap b.pcap --limit 6 --captures chain"), [5, 1]);
    assert_eq!(frames("a.pcap b.pcap --limit 4 --captures chain"), [4, 0]);
    assert_eq!(frames("a.pcap b.pcap -c 3 --loop 4"), [12, 8]);
}

/// Each pass begins one gap after the end of the one before, so that a line drains as it did.
#[test]
fn a_loop_plays_a_capture_again_at_later_times() {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60, 61, 62], 1_000);
    folder.run("replay in.pcap --loop 3 -o out").fine();
    let reader = xdpsim::capture::CaptureReader::open(&folder.path("out/2.pcapng"), &Default::default());
    let (mut reader, mut table) = (reader.expect("a capture"), xdpsim::capture::FrameTable::default());
    reader.fill(&mut table).expect("a whole capture");
    let stamps: Vec<u64> = table.stamps().iter().map(|stamp| stamp.0 - START.0).collect();
    assert_eq!(stamps, (0..9).map(|i| i * 1_000).collect::<Vec<_>>());
    let said = folder.run("replay - --loop 2");
    assert!(said.code == 2 && said.err.contains("cannot play standard input again"), "{}", said.err);
}

#[test]
fn a_seed_decides_what_programs_draw_and_nothing_else() {
    let folder = Folder::new();
    folder.capture("in.pcap", &[60; 5], 0);
    let report = |seed: &str| folder.run(&format!("replay in.pcap --json --seed {seed}")).fine();
    assert_eq!(report("1"), report("2"), "no program draws random numbers");
}

#[test]
fn directories_are_walked_in_the_order_of_their_names() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("d/sub")).expect("a folder");
    folder.capture("d/b.pcap", &[60], 0).capture("d/sub/a.pcap", &[60, 60], 0).capture(
        "d/a.pcapng",
        &[60],
        0,
    );
    folder.write("d/notes.txt", "no capture");
    let report = assert_balanced(&folder.run("replay d --json").fine());
    let files: Vec<&str> = report["captures"]
        .as_array()
        .expect("captures")
        .iter()
        .filter_map(|done| done["file"].as_str())
        .collect();
    assert_eq!(files, ["d/a.pcapng", "d/b.pcap", "d/sub/a.pcap"]);
    std::fs::create_dir(folder.path("empty")).expect("a folder");
    let said = folder.run("replay empty");
    assert!(said.code == 4 && said.err.contains("no capture in this directory"), "{}", said.err);
}

#[test]
fn captures_per_port_are_the_same_from_any_number_of_threads() {
    let folder = Folder::new();
    folder.write("s.toml", LOSSY);
    std::fs::create_dir(folder.path("d")).expect("a folder");
    for i in 0..9 {
        folder.capture(&format!("d/{i}.pcap"), &vec![60 + i; 40], 700);
    }
    let run = |threads: usize| {
        let json = folder.run(&format!("replay s.toml d --json -o out{threads} --threads {threads}")).fine();
        let files = (0..9).flat_map(|i| {
            ["in", "slow", "box", "polled"].map(|port| format!("out{threads}/{i}.pcap/{port}.pcapng"))
        });
        (json, files.map(|file| folder.read(&file)).collect::<Vec<_>>())
    };
    let alone = run(1);
    assert!(alone == run(2) && alone == run(5));
}
