//! `xdpsim explore` as it is typed: tables, documents, pages, state, and what is refused.

mod page;

use super::cli::{Folder, Said};

/// A sweep that is quick and the same in every run.
const SMALL: &str = "explore --ports 4,70 --groups 3,40 --size 2-6 --no-times";

fn lines_with<'a>(text: &'a str, words: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(words)).collect()
}

#[test]
fn a_small_sweep() {
    let folder = Folder::new();
    insta::assert_snapshot!(folder.run("explore --ports 8 --groups 16 --size 4 --no-times").fine());
}

#[test]
fn a_sweep_with_bonds() {
    let folder = Folder::new();
    let said =
        folder.run("explore --ports 64 --groups 100 --exclude bonds:4 --designs D3,D4,D5,D8,D15 --no-times");
    insta::assert_snapshot!(said.fine());
}

#[test]
fn the_same_command_says_the_same_on_any_number_of_threads() {
    let folder = Folder::new();
    for form in ["", " --json", " --csv"] {
        let run = |threads: &str| folder.run(&format!("{SMALL}{form} --threads {threads}")).fine();
        assert_eq!(run("1"), run("4"), "{form}");
    }
    let other = folder.run(&format!("{SMALL} --csv --seed 2")).fine();
    assert_ne!(folder.run(&format!("{SMALL} --csv")).fine(), other);
}

#[test]
fn a_directory_has_everything_and_is_the_same_each_time() {
    let folder = Folder::new();
    let files = ["index.html", "cells.csv", "explore.json", "cells.jsonl"];
    let json = folder.run(&format!("{SMALL} -o one --threads 3 --json")).fine();
    folder.run(&format!("{SMALL} -o two --threads 1")).fine();
    for file in files {
        assert_eq!(folder.read(&format!("one/{file}")), folder.read(&format!("two/{file}")), "{file}");
    }
    assert_eq!(folder.read("one/explore.json"), json.as_bytes());
}

#[test]
fn an_interrupted_sweep_goes_on() {
    let folder = Folder::new();
    let whole = folder.run(&format!("{SMALL} -o page --json")).fine();
    // The first cells are there, the last of them cut; its figures show whether it is believed.
    let state = String::from_utf8(folder.read("page/cells.jsonl")).expect("text");
    let first: Vec<&str> = state.lines().take(6).collect();
    let changed = first.join("\n").replace("\"members\":", "\"members\":9");
    folder.write("page/cells.jsonl", format!("{changed}\n{}", &state.lines().nth(6).expect("a cell")[..20]));
    let again = folder.run(&format!("{SMALL} -o page --json")).fine();
    let kept = lines_with(&again, "\"members\": 9").len() - lines_with(&whole, "\"members\": 9").len();
    assert!((1..=5).contains(&kept), "{kept} cells were taken from the file");
    assert_eq!(again.lines().count(), whole.lines().count());
    assert_eq!(folder.run(&format!("{SMALL} -o page --json --fresh")).fine(), whole);
}

#[test]
fn more_sizes_are_added_to_what_is_there_and_other_workloads_are_not() {
    let folder = Folder::new();
    folder.run("explore --ports 4 --groups 3 --no-times -o page").fine();
    folder.run("explore --ports 4,8 --groups 3 --no-times -o page").fine();
    let said = folder.run("explore --ports 4 --groups 3 --no-times -o page --seed 7");
    assert_eq!(said.code, 2, "{}", said.whole());
    assert!(said.err.contains("cells of another sweep") && said.err.contains("--fresh"), "{}", said.err);
    // Those of 8 ports stay, though this sweep has none.
    folder.run("explore --ports 4 --groups 3 --no-times -o page").fine();
    let state = String::from_utf8(folder.read("page/cells.jsonl")).expect("text");
    assert!(!lines_with(&state, "\"ports\":8").is_empty());
}

#[test]
fn what_does_not_fit_is_reported_and_not_tried() {
    let folder = Folder::new();
    let said =
        folder.run("explore --ports 64 --groups 65536 --designs D1,D4,D5 --memory 64M --no-times").fine();
    assert!(said.contains("index split: refused: 65536 forward groups are wanted, at most 65535"), "{said}");
    assert!(said.contains("precomputed differences: not tried: its formula says"), "{said}");
    assert_eq!(lines_with(&said, "D5  dense bitmap  ").len(), 1, "{said}");
}

#[test]
fn wrong_arguments() {
    let folder = Folder::new();
    folder.write("file", "");
    for (arguments, words) in [
        ("--ports 0", "0 is not in 1..=65535"),
        ("--groups 16777217", "is not in 1..=16777216"),
        ("--size 5-4", "expected a number such as 16"),
        ("--exclude bond:2", "expected nothing, ingress, bonds:MEMBERS"),
        ("--designs D1,D99", "there is no design `D99`"),
        ("--popularity zipf", "expected uniform or skewed"),
        ("--memory much", "expected a number of bytes"),
        ("--learn in.pcap --ports 4", "cannot be used with"),
        ("--learn none.pcap", "none.pcap"),
        ("--json --csv", "cannot be used with"),
        ("--fresh", "--out"),
        ("-o file/page --ports 1 --groups 1", "file/page"),
    ] {
        let said = folder.run(&format!("explore {arguments}"));
        assert_eq!(said.code, 2, "{arguments}\n{}", said.whole());
        assert!(said.err.contains(words), "{arguments}\n{}", said.err);
    }
}

#[test]
fn groups_of_a_capture() {
    let folder = Folder::new();
    folder.multicast("lan.pcap");
    insta::assert_snapshot!(folder.run("explore --learn lan.pcap --designs D1,D3,D5 --no-times").fine());
    folder.capture("in.pcap", &[60, 64], 1_000);
    let said: Said = folder.run("explore --learn in.pcap");
    assert_eq!(said.code, 4, "{}", said.whole());
    assert!(said.err.contains("2 frames, but none to an IP multicast group"), "{}", said.err);
}
