//! `xdpsim explain` without `--frame`: paths with counts, filters, and the same story as `--frame` tells.

use crate::cli;
use cli::{Folder, Said, repository};
use serde_json::Value;
use xdpsim::capture::synth::Synth;

/// Captures of the corpus: bridges' hellos, sessions with long frames, frames in bursts.
const CAPTURES: [&str; 3] = ["afs.pcap", "mptcp-v0.pcap", "vrrp.pcap"];

/// The scenario that loses frames in more than ten ways, and a capture, in a folder.
fn folder(capture: &str) -> Folder {
    let folder = Folder::new();
    let read = |name: String| std::fs::read(repository(&name)).expect("a file of the repository");
    folder.write("ways.toml", read("examples/lost-in-ten-ways.toml".to_owned()));
    folder.write(capture, read(format!("testdata/captures/{capture}")));
    folder
}

fn json(said: Said) -> Value {
    serde_json::from_str(&said.fine()).expect("JSON")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Every leg of a path, branches included, in order.
fn flat<'a>(legs: &'a Value, into: &mut Vec<&'a Value>) {
    for leg in list(legs) {
        into.push(leg);
        list(&leg["arms"]).for_each(|arm| flat(arm, into));
    }
}

#[test]
fn paths_of_three_captures() {
    for capture in CAPTURES {
        let text = folder(capture).run(&format!("explain ways.toml {capture}")).fine();
        insta::assert_snapshot!(capture, text);
    }
}

/// Ends as `fate egress errno rule`, omissions as `port skip rule`, queues as `port kind`: in order, as both
/// documents know them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Story {
    visits: Vec<String>,
    queued: Vec<String>,
    left_out: Vec<String>,
    ends: Vec<String>,
}

fn words(value: &Value, keys: &[&str]) -> String {
    keys.iter().map(|key| value[*key].to_string()).collect::<Vec<_>>().join(" ")
}

const END: &[&str] = &["fate", "step", "egress", "errno", "rule", "why", "hint"];

fn of_path(path: &Value) -> Story {
    let (mut legs, mut story) = (Vec::new(), Story::default());
    flat(&path["legs"], &mut legs);
    for leg in legs {
        match leg["leg"].as_str() {
            Some("visit") => {
                story.visits.push(words(leg, &["port", "program", "verdict", "stale"]));
            }
            Some("queued") => story.queued.push(words(leg, &["port", "kind", "entry_verdict"])),
            Some("left_out") => story.left_out.push(words(leg, &["port", "skip", "rule"])),
            Some("end") => story.ends.push(words(leg, END)),
            _ => {}
        }
    }
    story.ends.sort_unstable();
    story
}

fn of_frame(told: &Value) -> Story {
    let visits = || list(&told["visits"]);
    let ends = visits().chain(list(&told["copies"])).map(|one| &one["end"]).chain([&told["end"]]);
    let mut ends: Vec<String> = ends.filter(|end| !end.is_null()).map(|end| words(end, END)).collect();
    ends.sort_unstable();
    Story {
        visits: visits().map(|visit| words(visit, &["port", "program", "verdict", "stale"])).collect(),
        queued: list(&told["copies"]).map(|copy| words(copy, &["port", "kind", "entry_verdict"])).collect(),
        left_out: visits()
            .flat_map(|visit| list(&visit["skipped"]))
            .map(|skipped| words(skipped, &["port", "skip", "rule"]))
            .collect(),
        ends,
    }
}

#[test]
fn each_paths_first_frame_tells_the_same_story_alone() {
    for capture in CAPTURES {
        let folder = folder(capture);
        let document = json(folder.run(&format!("explain ways.toml {capture} --json")));
        let mut lost = std::collections::BTreeSet::new();
        for path in list(&document["paths"]) {
            let frame = &path["first"][0];
            let told = json(folder.run(&format!("explain ways.toml {capture} --frame {frame} --json")));
            let story = of_path(path);
            assert_eq!(story, of_frame(&told), "{capture}, frame {frame}");
            lost.extend(
                list(&path["legs"]).filter(|leg| leg["leg"] == "end").map(|leg| words(leg, &["fate"])),
            );
        }
        lost.remove("\"delivered\"");
        assert!(lost.len() >= 10, "{capture}: {lost:?}");
    }
}

#[test]
fn every_frame_is_on_one_path() {
    for capture in CAPTURES {
        let folder = folder(capture);
        let document = json(folder.run(&format!("explain ways.toml {capture} --json")));
        let report = json(folder.run(&format!("replay ways.toml {capture} --json")));
        let sum: u64 = list(&document["paths"]).filter_map(|path| path["frames"].as_u64()).sum();
        assert_eq!(Some(sum), report["arrivals"].as_u64(), "{capture}");
        // By fate: what the paths' ends come to is what the books say.
        for row in list(&report["fates"]) {
            let wanted = words(row, &["fate", "egress", "errno"]);
            let of = |path: &Value| {
                let mut legs = Vec::new();
                flat(&path["legs"], &mut legs);
                let ends = legs.iter().filter(|leg| leg["leg"] == "end");
                let equal = ends.filter(|leg| words(leg, &["fate", "egress", "errno"]) == wanted).count();
                path["frames"].as_u64().unwrap_or(0) * equal as u64
            };
            let ended: u64 = list(&document["paths"]).map(of).sum();
            let booked =
                list(&report["fates"]).filter(|row| words(row, &["fate", "egress", "errno"]) == wanted);
            let booked: u64 = booked.filter_map(|row| row["frames"].as_u64()).sum();
            assert_eq!(ended, booked, "{capture}: {wanted}");
        }
    }
}

#[test]
fn threads_and_batches_change_nothing() {
    let folder = Folder::new();
    let synth = Synth { frames: 700, flows: 32, ..Synth::default() };
    folder.write("cpus.toml", CPUS).write("in.pcap", synth.to_vec());
    let one = folder.run("explain cpus.toml in.pcap --json --threads 1").fine();
    let document: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!((&document["frames"], &document["paths_total"]), (&700.into(), &3.into()));
    for threads in 2..=3 {
        let said = folder.run(&format!("explain cpus.toml in.pcap --json --threads {threads}")).fine();
        assert_eq!(said, one, "{threads} threads");
    }
}

/// Four queues, each with a CPU of its own.
const CPUS: &str = r#"
cpus = 4

[[port]]
name = "eth0"
queues = 4
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
kind = "redirect_map"
map = "ports"
key = { byte = 35, modulo = 3 }
"#;

#[test]
fn the_built_in_example() {
    insta::assert_snapshot!(Folder::new().run("explain").fine());
}

#[test]
fn the_same_for_scripts() {
    insta::assert_snapshot!(Folder::new().run("explain --json --fate no_napi").fine());
}

/// How many frames and paths a filter leaves of the scenario with ten ways.
fn left(arguments: &str) -> (u64, usize) {
    let folder = Folder::new();
    let scenario = std::fs::read(repository("examples/lost-in-ten-ways.toml")).expect("the scenario");
    folder.write("ways.toml", scenario).capture("in.pcap", &[60; 28], 1_000_000);
    let said = folder.run(&format!("explain ways.toml in.pcap --json {arguments}"));
    let document = json(said);
    let paths = document["paths"].as_array().expect("paths");
    (paths.iter().filter_map(|path| path["frames"].as_u64()).sum(), paths.len())
}

#[test]
fn filters_choose_among_the_paths() {
    assert_eq!(left("").0, 28, "two rounds of all 14 scripts");
    assert_eq!(left("--errno ENETDOWN"), (2, 1));
    assert_eq!(left("--errno 100"), (2, 1));
    assert_eq!(left("--fate down").0, 4, "the port that is down, and the broadcast that leaves it out");
    assert_eq!(left("--rule red-04"), (4, 2), "down, and no target");
    assert_eq!(left("--port box1"), (4, 2), "one way to it, and the broadcast");
    assert_eq!(left("--port box1 --rule BRD-08"), (2, 1), "kinds restrict each other");
    assert_eq!(left("--errno ENETDOWN --errno EOPNOTSUPP"), (4, 2), "words of a kind are alternatives");
    let (lost, _) = left("--fate lost");
    assert_eq!(lost, 22, "all but what goes to eth1, small and box2: these frames are short");
}

#[test]
fn words_that_name_nothing() {
    let folder = Folder::new();
    for (arguments, message, help) in [
        ("--fate los", "`--fate los`: there is no such fate", "did you mean `lost`?"),
        ("--errno EXTRA", "`--errno EXTRA`: there is no such errno", "ENETDOWN"),
        ("--rule RED-99", "`--rule RED-99`: there is no such rule", "did you mean `RED-"),
        ("--port lan9", "`--port lan9`: there is no such port", "did you mean `lan1`?"),
    ] {
        let said = folder.run(&format!("explain {arguments}"));
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments}");
        assert!(said.err.contains(message) && said.err.contains(help), "{arguments}: {}", said.err);
    }
}

#[test]
fn a_question_that_nothing_answers_is_no_success() {
    let said = Folder::new().run("explain --fate hop_limit");
    assert_eq!((said.code, said.out.as_str()), (4, ""));
    assert!(said.err.contains("answers the filter"), "{}", said.err);
}

#[test]
fn capture_filters_are_tcpdumps() {
    let folder = folder("mptcp-v0.pcap");
    let said =
        folder.run_args(["explain", "ways.toml", "mptcp-v0.pcap", "--json", "--filter", "tcp port eighty"]);
    assert_eq!(said.code, 2);
    if said.err.contains("needs libpcap") {
        return eprintln!("skipped: no libpcap");
    }
    assert!(said.err.contains("--filter `tcp port eighty`: "), "{}", said.err);
    for filter in ["tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "len > 100 or port 80 and udp", "not ip"] {
        let counted = std::process::Command::new("tcpdump")
            .args(["-r", "mptcp-v0.pcap", "--count", filter])
            .current_dir(folder.path("."))
            .output();
        let Ok(counted) = counted else { return eprintln!("skipped: no tcpdump") };
        let counted = String::from_utf8_lossy(&counted.stdout).into_owned();
        let theirs: u64 = counted.split(' ').next().and_then(|word| word.parse().ok()).expect("a count");
        let said = folder.run_args(["explain", "ways.toml", "mptcp-v0.pcap", "--json", "--filter", filter]);
        let ours = match said.code {
            4 => 0,
            _ => json(said)["frames"].as_u64().expect("a count"),
        };
        assert_eq!(ours, theirs, "{filter}");
    }
}
