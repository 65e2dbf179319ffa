//! Every command of the README is run, in a folder that has the files it speaks of; what cannot be run here
//! is listed with the reason.

#![cfg(unix)]

use crate::cli;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cli::{Folder, Said, repository};

/// Commands that are not run, by their beginning, and why.
const NOT_RUN: [(&str, &str); 9] = [
    ("cargo xtask test", "it is what runs this test"),
    ("cargo run --release -p xdpsim-benches", "takes minutes; its code is tested in `benches`"),
    ("cargo build --release && cargo run --release -p xdpsim-benches", "takes minutes and gigabytes"),
    ("cargo bench", "takes minutes"),
    ("cargo install", "needs the network, and builds what `cargo xtask test` builds"),
    ("xdpsim explore --ports 8,64,512", "takes half a minute; smaller sweeps are run"),
    ("clang ", "needs a compiler for BPF; what it makes is checked in"),
    ("sudo ", "needs root and a kernel; `cargo xtask test` has a step for it"),
    ("PROPTEST_RNG_SEED=", "repeats a failure that nobody has here; the step `downstream` has one"),
];

/// Commands that are to end with another exit code than 0, and with which.
const NOT_FINE: [(&str, i32); 1] = [("xdpsim check host.toml", 1)];

/// The commands of the README's console blocks, without the comments behind them.
fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(repository("README.md")).expect("README.md");
    let mut commands: Vec<String> = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or("").replace("\\\n", " ");
        let typed = block.lines().filter_map(|line| line.strip_prefix("$ "));
        commands.extend(typed.map(|line| line.split("  #").next().unwrap_or(line).trim().to_owned()));
    }
    commands
}

/// What is typed here instead: the built command stands for the one that cargo would build.
fn as_run_here(command: &str) -> Option<String> {
    let built = command.replace("cargo run --release -- ", "xdpsim ").replace("cargo run -- ", "xdpsim ");
    let words: Vec<&str> = built.split(['|', ';', '&']).map(str::trim).collect();
    let known = |word: &&str| ["xdpsim ", "zcat ", "cat ", "jq "].iter().any(|tool| word.starts_with(tool));
    words.iter().filter(|word| !word.is_empty()).all(known).then_some(built)
}

/// A folder with what the README's commands name.
fn folder() -> Folder {
    let folder = Folder::new();
    let host = std::fs::read(repository("examples/vanishing-frames.toml")).expect("an example");
    folder.write("host.toml", &host).write("before.toml", &host).write("after.toml", &host);
    folder.write("fwd.o", std::fs::read(repository("examples/objects/by_ingress.o")).expect("an object"));
    folder.capture("in.pcap", &[60, 64, 300, 1400], 1_000_000).multicast("lan.pcap");
    let packed = "gzip -k in.pcap && cp in.pcap.gz in.pcapng.gz && cp in.pcap in.pcapng && mkdir captures \
                  && cp in.pcap captures/one.pcap && cp in.pcap captures/two.pcap";
    assert_eq!(shell(&folder, packed).code, 0);
    // What `merge` puts together.
    for part in 1..=2 {
        let slice =
            format!("xdpsim replay host.toml captures/ --partition slice:{part}/2 --json > {part}.json");
        assert_eq!(shell(&folder, &slice).code, 0);
    }
    let linked = std::os::unix::fs::symlink(absolute("examples"), folder.path("examples"));
    linked.expect("a link to the examples");
    folder
}

fn absolute(name: &str) -> std::path::PathBuf {
    std::fs::canonicalize(repository(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs a line as a shell does, with the built command in the path.
fn shell(folder: &Folder, line: &str) -> Said {
    let built = Path::new(env!("CARGO_BIN_EXE_xdpsim")).parent().expect("a folder of programs");
    let path = format!("{}:{}", built.display(), std::env::var("PATH").unwrap_or_default());
    let mut sh = Command::new("sh");
    sh.args(["-c", line]).current_dir(folder.path("")).env("PATH", path).env("NO_COLOR", "1");
    Said::from(sh.output().expect("a shell"))
}

#[test]
fn every_command_of_the_readme_runs() {
    let mut run = 0;
    for command in commands() {
        if NOT_RUN.iter().any(|(beginning, _)| command.starts_with(beginning)) {
            continue;
        }
        let line = as_run_here(&command).unwrap_or_else(|| {
            panic!("README.md has a command that no test runs: `{command}`\nrun it here, or list it with a reason")
        });
        // What `check` is shown with is a scenario with errors.
        let folder = folder();
        let expected = NOT_FINE.iter().find(|(known, _)| *known == command).map_or(0, |(_, code)| *code);
        if command.starts_with("xdpsim check") && expected != 0 {
            folder.write("host.toml", "[[port]]\nname = \"eth0\"\nxpd = \"fwd\"\n");
        }
        let said = shell(&folder, &line);
        assert_eq!(said.code, expected, "$ {command}\n{}", said.whole());
        run += 1;
    }
    assert!(run >= 5, "only {run} commands of README.md are run: did its blocks change their form?");
}

#[test]
fn every_reason_belongs_to_a_command() {
    let commands = commands();
    let unused = |beginning: &&str| !commands.iter().any(|command| command.starts_with(beginning));
    let not_run = NOT_RUN.iter().map(|(beginning, _)| *beginning);
    let named = not_run.chain(NOT_FINE.iter().map(|(command, _)| *command));
    let stale: BTreeSet<&str> =
        named.filter(unused).filter(|beginning| !OPTIONAL.contains(beginning)).collect();
    assert!(stale.is_empty(), "README.md no longer has {stale:?}");
}

/// May be in a console block or in a sentence.
const OPTIONAL: [&str; 3] = ["cargo install", "sudo ", "PROPTEST_RNG_SEED="];
