//! The references in `docs/` say what the code says: exit codes, fates, skips, JSON schemas.
//!
//! Tables that are made from the code are written by `XDPSIM_UPDATE=1 cargo test -p xdpsim --test all references`.

use crate::cli;
use std::collections::BTreeSet;

use cli::{Folder, repository};
use xdpsim::exit::Exit;
use xdpsim::output::advice;
use xdpsim_core::{Fate, Skip};

fn read(file: &str) -> String {
    std::fs::read_to_string(repository(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What stands between the marks in a file is what the code makes of it, or is written anew.
fn settle(file: &str, name: &str, made: &str) {
    let text = read(file);
    let begin = text.find(&format!("<!-- {name}: ")).unwrap_or_else(|| panic!("{file} has no mark {name}"));
    let begin = begin + text[begin..].find("-->\n").expect("the end of the mark") + "-->\n".len();
    let end =
        text.find(&format!("<!-- end of {name} -->")).unwrap_or_else(|| panic!("{file}: {name} has no end"));
    if &text[begin..end] == made {
        return;
    }
    assert!(
        std::env::var_os("XDPSIM_UPDATE").is_some(),
        "{file} is stale: run `XDPSIM_UPDATE=1 cargo test -p xdpsim --test all references`"
    );
    let written = format!("{}{made}{}", &text[..begin], &text[end..]);
    std::fs::write(repository(file), written).unwrap_or_else(|error| panic!("{file}: {error}"));
}

#[test]
fn the_glossary_has_all_fates_and_skips() {
    let mut fates = String::from("| fate | step | errno | rule | what happened |\n|---|---|---|---|---|\n");
    for &fate in Fate::ALL {
        let errno = fate.errno().map_or("-".to_owned(), |errno| errno.name().to_owned());
        let errno = if fate == Fate::DriverFault { "the fault's".to_owned() } else { errno };
        let (step, why) = (fate.step().name(), advice::of_fate(fate).why);
        fates += &format!("| `{}` | {step} | {errno} | {} | {why} |\n", fate.name(), fate.rule().name());
    }
    settle("docs/glossary.md", "fates", &fates);
    let mut skips = String::from("| skip | rule | why |\n|---|---|---|\n");
    for &skip in Skip::ALL {
        let why = advice::of_skip(skip).why;
        skips += &format!("| `{}` | {} | {why} |\n", skip.name(), skip.rule().name());
    }
    settle("docs/glossary.md", "skips", &skips);
}

/// All codes; a new one is asked for here by the compiler.
fn all_codes() -> BTreeSet<u8> {
    let all = [Exit::Fine, Exit::Findings, Exit::Input, Exit::Internal, Exit::Nothing];
    for exit in all {
        match exit {
            Exit::Fine | Exit::Findings | Exit::Input | Exit::Internal | Exit::Nothing => {}
        }
    }
    all.map(Exit::code).into()
}

/// The numbers at the beginning of lines, behind this.
fn numbers(text: &str, before: &str) -> BTreeSet<u8> {
    let number = |line: &str| line.strip_prefix(before)?.trim_start().split([' ', '|']).next()?.parse().ok();
    text.lines().filter_map(number).collect()
}

#[test]
fn exit_codes_are_the_same_everywhere() {
    for file in ["README.md", "docs/command.md"] {
        let text = read(file);
        let table = text.split("## Exit codes").nth(1).unwrap_or_else(|| panic!("{file} has no exit codes"));
        let table = table.split("\n## ").next().unwrap_or("");
        assert_eq!(numbers(table, "|"), all_codes(), "{file}");
    }
    let help = Folder::new().run("--help").fine();
    let codes = help.split("Exit codes:").nth(1).expect("the help ends with them");
    assert_eq!(numbers(codes, "  "), all_codes(), "{help}");
}
