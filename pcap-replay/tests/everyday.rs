//! `new`, `completions`, `man`, `--version --json`, `--color`: what people meet on the first day.

use crate::cli;
mod explore;

use cli::Folder;
use serde_json::Value;

#[test]
fn the_starter_scenario_is_taken_by_check_replay_and_test() {
    let folder = Folder::new();
    let made = folder.run("new host.toml");
    assert_eq!((made.code, made.err.as_str()), (0, "host.toml is made; next: xdpsim test host.toml\n"));
    assert_eq!(folder.run("check host.toml").fine(), "host.toml: fine\n");
    assert!(folder.run("replay host.toml").fine().contains("120 arrivals"));
    assert!(folder.run("test host.toml").fine().starts_with("ok      host.toml"));
    let printed = folder.run("new").fine();
    assert_eq!(printed.as_bytes(), folder.read("host.toml"));
}

#[test]
fn what_the_starter_scenario_offers_in_comments_is_right_too() {
    let folder = Folder::new();
    let text = folder.run("new").fine();
    let is_key = |line: &str| {
        let first_word = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = "));
        line.starts_with("# [[") || first_word.is_some_and(|(key, _)| key.chars().all(char::is_alphabetic))
    };
    let offered: Vec<&str> = text.lines().map(|line| if is_key(line) { &line[2..] } else { line }).collect();
    assert_ne!(offered.join("\n") + "\n", text);
    folder.capture("in.pcap", &[60; 4], 1_000).write("host.toml", offered.join("\n"));
    assert_eq!(folder.run("check host.toml").fine(), "host.toml: fine\n", "{}", offered.join("\n"));
}

#[test]
fn a_file_is_replaced_only_if_that_is_said() {
    let folder = Folder::new();
    folder.write("mine.toml", "mine");
    assert_eq!(folder.run("new mine.toml").code, 2);
    assert_eq!(folder.read("mine.toml"), b"mine");
    assert_eq!(folder.run("new mine.toml --force").code, 0);
    assert_ne!(folder.read("mine.toml"), b"mine");
}

/// Completions and manual pages know every command and every option: they come from the same
/// definitions.
#[test]
fn completions_and_manual_pages_know_all_commands() {
    let folder = Folder::new();
    let commands = ["replay", "explain", "explore", "check", "test", "new", "completions", "man"];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.run(&format!("completions {shell}")).fine();
        for command in commands {
            assert!(script.contains(command), "{shell} {command}");
        }
        assert!(script.contains("exclude-ingress"), "{shell}");
    }
    let page = folder.run("man").fine();
    assert!(page.contains(".TH xdpsim 1"), "{page}");
    folder.run("man pages").fine();
    for command in commands {
        let page = String::from_utf8(folder.read(&format!("pages/xdpsim-{command}.1"))).expect("text");
        assert!(page.contains(".SH NAME"), "{command}");
    }
    let replay = String::from_utf8(folder.read("pages/xdpsim-replay.1")).expect("text");
    assert!(replay.contains("exclude") && replay.contains("ingress"));
}

#[test]
fn the_version_as_json_says_what_the_build_knows() {
    let folder = Folder::new();
    for arguments in ["--version --json", "-V -j", "--json --version"] {
        let json: Value = serde_json::from_str(&folder.run(arguments).fine()).expect("a document");
        assert_eq!(json["version"], env!("CARGO_PKG_VERSION"), "{arguments}");
        assert_eq!(json["rules"], xdpsim_devmap::rule::RuleId::ALL.len());
        assert!(json["kernels"].is_array());
    }
    assert_eq!(folder.run("--version").fine(), format!("xdpsim {}\n", env!("CARGO_PKG_VERSION")));
}

/// Without `--color` nothing is coloured, as the tests have no terminal and set NO_COLOR.
#[test]
fn colours_are_chosen_by_the_argument() {
    let folder = Folder::new();
    folder.write("bad.toml", "[[port]]\nname = \"a\"\nmut = 1\n");
    let coloured = |arguments: &str| {
        let said = folder.run(arguments);
        said.err.contains('\u{1b}') || said.out.contains('\u{1b}')
    };
    assert!(coloured("check bad.toml --color always"));
    assert!(coloured("--color=always check bad.toml"));
    assert!(!coloured("check bad.toml"));
    assert!(!coloured("check bad.toml --color never"));
    assert!(coloured("replay --wrong --color=always"));
    assert!(!coloured("replay --wrong --color=never"));
}

#[test]
fn every_command_tells_its_errors_as_json_too() {
    let folder = Folder::new();
    folder.write("mine.toml", "mine").write("file", "");
    for arguments in [
        "replay missing.pcap --json",
        "explain missing.pcap --frame 1 --json",
        "test missing.toml --json",
        "new mine.toml --json",
        "man file/pages --json",
        "completions tcsh --json",
        "--json nothing",
    ] {
        let said = folder.run(arguments);
        let json: Value =
            serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{arguments}: {error}"));
        assert_eq!(said.code, 2, "{arguments}");
        assert!(json["errors"][0]["message"].is_string(), "{arguments}: {json}");
    }
    let findings: Value = serde_json::from_str(&folder.run("check missing.toml --json").out).expect("JSON");
    assert!(findings["findings"][0]["message"].is_string());
}

#[test]
fn quiet_says_only_what_is_wrong() {
    let folder = Folder::new();
    folder.run("new host.toml");
    assert_eq!(folder.run("test --quiet host.toml").fine(), "");
    assert_eq!(folder.run("replay --quiet host.toml").fine(), "");
    assert_eq!(folder.run("check --quiet host.toml").fine(), "");
}
