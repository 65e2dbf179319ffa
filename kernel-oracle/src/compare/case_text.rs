//! A case as the scenario file that a user would write, with its bursts as comments.

use std::fmt::Write;

use xdpsim_core::scenario::{PortSpec, Scenario};

use crate::case::{Burst, Case, Inject};

/// The case as a scenario file.
#[must_use]
pub fn scenario(case: &Case) -> String {
    let mut text = String::new();
    for burst in &case.bursts {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# {}", self::burst(burst, &case.scenario.ports));
    }
    text + &case.scenario.to_toml()
}

/// The entry or the change whose result stands at this place of a transcript.
pub(super) fn operation(scenario: &Scenario, at: usize) -> String {
    let entries = scenario.maps.iter().flat_map(|map| map.entries.iter().map(move |entry| (map, entry)));
    let change =
        |at: usize| scenario.changes.get(at).map(|change| change.action.to_toml().replace('\n', ", "));
    match entries.clone().nth(at) {
        Some((map, entry)) => format!("writing key {} of map {}", entry.key, map.name),
        None => change(at - entries.count())
            .unwrap_or_else(|| "an operation that the case does not have".to_owned()),
    }
}

fn burst(burst: &Burst, ports: &[PortSpec]) -> String {
    let how = match burst.how {
        Inject::Socket => "sent by a socket, one by one",
        Inject::Poll => "in one poll",
    };
    let mut lengths: Vec<usize> = burst.frames.iter().map(Vec::len).collect();
    let n = lengths.len();
    lengths.dedup();
    let bytes: Vec<String> = lengths.iter().map(usize::to_string).collect();
    let marks: Vec<String> =
        burst.frames.iter().filter_map(|frame| frame.first()).map(u8::to_string).collect();
    let port = &ports[burst.port].name;
    format!(
        "{n} frames come in on {port} {how}; bytes: {}; first bytes: {}",
        bytes.join(" "),
        marks.join(" ")
    )
}
