//! The reference against the reader: `docs/scenario.md` names every key that a section can have, and no other.
//!
//! Only in tests: each key that the reader asks a table for is noted, by the kind of table.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::{Source, parse};

thread_local! {
    static ASKED: RefCell<BTreeMap<String, BTreeSet<&'static str>>> = RefCell::default();
}

/// The reader asks for a key of what messages call "port `eth1`".
pub(super) fn note(what: &str, key: &'static str) {
    ASKED.with_borrow_mut(|asked| asked.entry(kind(what)).or_default().insert(key));
}

/// "port `eth1`" and "change number 3" are a port and a change; "`key` of program `p`" is a `key`.
fn kind(what: &str) -> String {
    let word = match what.strip_prefix('`').and_then(|rest| rest.split(['`', '.']).next()) {
        Some(quoted) => quoted,
        None => {
            what.trim_start_matches("the ").trim_start_matches("an ").split([' ', '.']).next().unwrap_or("")
        }
    };
    word.to_owned()
}

/// Files that together ask for every key there is.
fn probes() -> Vec<String> {
    let reference = reference();
    let mut probes: Vec<String> = reference.split("```toml\n").skip(1).map(before_fence).collect();
    let programs = [
        "pass",
        "verdict",
        "redirect",
        "redirect_map",
        "redirect_group",
        "redirect_multi",
        "broadcast",
        "learning_switch",
        "flow_hash",
        "rewrite",
        "script",
    ];
    let section =
        |name: &str, key: &str, word: &str| format!("[[{name}]]\nname = \"x\"\n{key} = \"{word}\"\n");
    probes.extend(programs.map(|word| section("program", "kind", word)));
    probes.extend(["ideal", "nic", "veth", "upper"].map(|word| section("port", "kind", word)));
    let changes = [
        "port_up",
        "port_down",
        "set_mtu",
        "set_gro",
        "add_upper",
        "remove_upper",
        "set_netns",
        "unregister",
        "set_xdp",
        "update_entry",
        "delete_entry",
    ];
    probes.extend(changes.map(|word| format!("[[change]]\ndo = \"{word}\"\n")));
    let faults = ["xmit", "xmit_short", "clone", "convert", "ring", "flap"];
    probes.extend(faults.map(|word| {
        format!("[[port]]\nname = \"x\"\nkind = \"veth\"\n[[fault]]\nport = \"x\"\nfail = \"{word}\"\n")
    }));
    let map = "type = \"devmap\"\nmax_entries = 1\nentries = [{}]\n";
    probes.push(format!("[limits]\n[replay]\n[[port]]\nname = \"x\"\n[[map]]\nname = \"m\"\n{map}"));
    probes.push(
        "[[port]]\nname = \"x\"\n[expect]\narrivals = { min = 1 }\n[expect.port.x]\n[[expect.fate]]\n"
            .to_owned(),
    );
    probes
}

fn before_fence(text: &str) -> String {
    text.split("```").next().unwrap_or("").to_owned()
}

fn reference() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scenario.md");
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The part of the reference under the heading that has this in it.
fn part<'r>(reference: &'r str, heading: &str) -> &'r str {
    let mut parts = reference.split("\n## ");
    let found = parts.find(|part| part.lines().next().is_some_and(|line| line.contains(heading)));
    found.unwrap_or_else(|| panic!("docs/scenario.md has no heading with {heading}"))
}

/// What the first column of tables of keys has in backticks.
fn listed(part: &str) -> BTreeSet<&str> {
    let mut keys = BTreeSet::new();
    let mut in_table = false;
    for line in part.lines() {
        in_table = line.starts_with("| key |") || (in_table && line.starts_with('|'));
        let cell = line.split('|').nth(1).filter(|_| in_table).unwrap_or("");
        keys.extend(cell.split('`').skip(1).step_by(2).filter(|word| !word.starts_with('[')));
    }
    keys
}

/// The headings, and the tables that are explained under each.
const HEADINGS: [(&str, &[&str]); 7] = [
    ("At the top", &["scenario", "limits", "replay"]),
    ("`[[port]]`", &["port", "peer"]),
    ("`[[map]]`", &["map", "entry"]),
    ("`[[program]]`", &["program", "key", "group", "exclude"]),
    ("`[[change]]`", &["change"]),
    ("`[[fault]]`", &["fault"]),
    ("`[expect]`", &["expect", "frames"]),
];

/// Keys of the whole file that have a heading of their own.
const SECTIONS: [&str; 12] = [
    "port",
    "map",
    "program",
    "change",
    "fault",
    "expect",
    "limits",
    "replay",
    "contents",
    "route",
    "neighbour",
    "mode",
];

#[test]
fn the_reference_names_every_key_and_no_other() {
    for probe in probes() {
        // Most of these have errors; that the keys were asked for is all that counts.
        let _ = parse(&Source::from_bytes("probe.toml", probe.as_bytes()));
    }
    let asked = ASKED.with_borrow(BTreeMap::clone);
    let reference = reference();
    for (heading, kinds) in HEADINGS {
        let part = part(&reference, heading);
        let keys: BTreeSet<&str> =
            kinds.iter().filter_map(|kind| asked.get(*kind)).flatten().copied().collect();
        assert!(!keys.is_empty(), "nobody asked a {kinds:?} for a key: {:?}", asked.keys());
        let named = |key: &&str| part.contains(&format!("`{key}`")) || part.contains(&format!("{key} = "));
        let missing: Vec<&str> =
            keys.iter().copied().filter(|key| !SECTIONS.contains(key) && !named(key)).collect();
        assert!(missing.is_empty(), "docs/scenario.md does not name {missing:?} under {heading}");
        let stale: Vec<&str> = listed(part).into_iter().filter(|key| !keys.contains(key)).collect();
        assert!(
            stale.is_empty(),
            "docs/scenario.md names {stale:?} under {heading}, which no scenario can have"
        );
    }
}
