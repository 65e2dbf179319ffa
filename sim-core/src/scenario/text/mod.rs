//! A scenario as the file that a person would write: `docs/scenario.md`'s format, printed.
//!
//! Owns the text; reading it back is the command's business. Defaults are left out. What the format has no
//! word for (a page size, a forced path, odd update flags) becomes a comment, so that nobody takes the
//! file for the whole truth.

mod change;
mod port;
mod program;

use std::fmt::{self, Write};

use super::{EntryValue, MapSpec, Scenario};
use crate::profile::Profile;

impl Scenario {
    /// This scenario as a TOML file.
    ///
    /// ```
    /// use xdpsim_core::Scenario;
    /// use xdpsim_core::scenario::PortSpec;
    ///
    /// let scenario = Scenario { ports: vec![PortSpec::ideal("eth0")], ..Scenario::default() };
    /// assert_eq!(scenario.to_toml(), "kernel = \"6.12\"\n\n[[port]]\nname = \"eth0\"\n");
    /// ```
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut page = Page::default();
        top(&mut page, self);
        self.ports.iter().for_each(|one| port::write(&mut page, one));
        self.maps.iter().for_each(|one| map(&mut page, one));
        self.programs.iter().for_each(|one| program::write(&mut page, one));
        self.changes.iter().for_each(|one| change::write(&mut page, one));
        self.faults.iter().for_each(|one| change::write_fault(&mut page, one));
        page.0
    }
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{text}");
    }

    fn section(&mut self, name: &str) {
        self.line(format_args!("\n[[{name}]]"));
    }

    fn key(&mut self, key: &str, value: impl fmt::Display) {
        self.line(format_args!("{key} = {value}"));
    }

    /// A key that is left out where it has its default.
    fn key_unless(&mut self, default: bool, key: &str, value: impl fmt::Display) {
        if !default {
            self.key(key, value);
        }
    }
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => shown.extend(['\\', c]),
            c if c.is_control() => _ = write!(shown, "\\u{:04X}", c as u32),
            c => shown.push(c),
        }
    }
    shown + "\""
}

fn list<T>(items: &[T], shown: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
}

fn names(names: &[String]) -> String {
    list(names, |name| quoted(name))
}

fn top(page: &mut Page, scenario: &Scenario) {
    let (defaults, plain) = (Scenario::default(), Profile::default());
    let profile = scenario.profile;
    page.key("kernel", quoted(&profile.kernel.to_string()));
    page.key_unless(profile.rules == plain.rules, "rules", quoted(&profile.rules.to_string()));
    if profile.page_size != plain.page_size {
        page.line(format_args!("# pages of {} bytes", profile.page_size));
    }
    page.key_unless(scenario.cpus == defaults.cpus, "cpus", scenario.cpus);
    page.key_unless(scenario.netns.is_empty(), "netns", names(&scenario.netns));
    page.key_unless(scenario.seed == defaults.seed, "seed", scenario.seed);
    if scenario.hops_max != defaults.hops_max {
        page.line(format_args!("\n[limits]\nhops = {}", scenario.hops_max));
    }
}

fn map(page: &mut Page, map: &MapSpec) {
    page.section("map");
    page.key("name", quoted(&map.name));
    page.key("type", quoted(map.kind.name()));
    page.key("max_entries", map.max_entries);
    page.key_unless(map.kind.is_map_of_maps() || map.value_size == 8, "value_size", map.value_size);
    let entries = list(&map.entries, |entry| {
        format!("{{ key = {}, {} }}", entry.key, value(&entry.value, "port", "map").join(", "))
    });
    page.key_unless(map.entries.is_empty(), "entries", entries);
}

/// What an entry maps to, key by key; a change calls the same things by other keys.
fn value(value: &EntryValue, port_key: &str, map_key: &str) -> Vec<String> {
    match value {
        EntryValue::Map(inner) => vec![format!("{map_key} = {}", quoted(inner))],
        EntryValue::Port { port, program } => {
            let program = program.iter().map(|program| format!("program = {}", quoted(program)));
            std::iter::once(format!("{port_key} = {}", quoted(port))).chain(program).collect()
        }
    }
}
