//! A map with programs takes either programs with frags or programs without (MAP-07).
//!
//! Owns that one check over the whole scenario: whichever program comes second, the kernel refuses.
//!
//! Rules: MAP-07.

use std::collections::BTreeMap;

use xdpsim_core::scenario::{Action, EntryValue, Op, ProgramKind, ProgramSpec, Scenario};
use xdpsim_devmap::MapKind;

use super::diag::{Problem, Sink};
use super::fields::clip;
use super::parse::Spans;
use super::source::Span;

/// Reports maps to which programs of both sorts are tied.
pub(super) fn check(sink: &mut Sink, scenario: &Scenario, spans: &Spans) {
    let programs: BTreeMap<&str, usize> =
        scenario.programs.iter().enumerate().map(|(index, program)| (program.name.as_str(), index)).collect();
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for (map, program) in ties(scenario) {
        let Some(&program) = programs.get(program) else { continue };
        let owner = *owners.entry(map).or_insert(program);
        if scenario.programs[owner].frags != scenario.programs[program].frags {
            sink.error(|| {
                conflict(
                    map,
                    [owner, program].map(|index| (&scenario.programs[index], &spans.programs[index])),
                )
            });
        }
    }
}

/// Which program is tied to which map, in the order in which it happens.
fn ties(scenario: &Scenario) -> impl Iterator<Item = (&str, &str)> {
    let devmaps = scenario.maps.iter().filter(|map| map.kind == MapKind::Devmap);
    let devmaps: std::collections::BTreeSet<&str> = devmaps.map(|map| map.name.as_str()).collect();
    let loaded = scenario.programs.iter().flat_map(move |program| {
        let used = used_maps(&program.kind).into_iter().filter(|map| devmaps.contains(map));
        used.map(|map| (map, program.name.as_str())).collect::<Vec<_>>()
    });
    let entries = scenario.maps.iter().flat_map(|map| {
        map.entries
            .iter()
            .filter_map(|entry| entry_program(&entry.value).map(|program| (map.name.as_str(), program)))
    });
    let changes = scenario.changes.iter().filter_map(|change| match &change.action {
        Action::UpdateEntry { map, value, .. } => entry_program(value).map(|program| (map.as_str(), program)),
        _ => None,
    });
    loaded.chain(entries).chain(changes)
}

fn entry_program(value: &EntryValue) -> Option<&str> {
    match value {
        EntryValue::Port { program, .. } => program.as_deref(),
        EntryValue::Map(_) => None,
    }
}

fn used_maps(kind: &ProgramKind) -> Vec<&str> {
    match kind {
        ProgramKind::RedirectMap { map, .. }
        | ProgramKind::Broadcast { map, .. }
        | ProgramKind::RedirectGroup { map, .. }
        | ProgramKind::LearningSwitch { map, .. }
        | ProgramKind::FlowHash { map, .. } => vec![map],
        ProgramKind::RedirectMulti { map, ex_map, .. } => both(map, ex_map),
        ProgramKind::Object { maps, .. } => maps.iter().map(String::as_str).collect(),
        ProgramKind::Script(scripts) => {
            let used = scripts.iter().flatten().flat_map(|op| match op {
                Op::RedirectMap { map, .. } => vec![map.as_str()],
                Op::RedirectMulti { map, ex_map, .. } => both(map, ex_map),
                _ => Vec::new(),
            });
            used.collect()
        }
        ProgramKind::Verdict(_) | ProgramKind::Redirect { .. } | ProgramKind::Rewrite { .. } => Vec::new(),
    }
}

fn both<'a>(map: &'a str, ex_map: &'a Option<String>) -> Vec<&'a str> {
    std::iter::once(map).chain(ex_map.as_deref()).collect()
}

fn conflict(map: &str, [owner, program]: [(&ProgramSpec, &Span); 2]) -> Problem {
    let (first, second) = (clip(&owner.0.name), clip(&program.0.name));
    let sort = |program: &ProgramSpec| if program.frags { "with frags" } else { "without frags" };
    let message = format!("map `{}` takes either programs with frags or without; EINVAL (MAP-07)", clip(map));
    Problem::error(message, program.1.clone(), format!("`{second}` is {}", sort(program.0)))
        .see(owner.1.clone(), format!("`{first}` is {}", sort(owner.0)))
        .help("write the same `frags` in all programs that use the map or stand in its entries")
}
