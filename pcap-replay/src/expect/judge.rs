//! Does a run hold what its scenario expects?
//!
//! Owns the comparison of each expectation with the counters of the run.

use std::collections::BTreeMap;

use serde::Serialize;
use xdpsim_core::report::EndKey;

use super::golden::Difference;
use super::look::{self, Look};
use crate::object::VerdictsByProgram;
use crate::output::ports::PortRow;
use crate::output::totals::{Class, Totals};
use crate::scenario::{Counter, Expectation, Expected, FatePattern, Frames, Total};

/// What came of a run.
#[derive(Debug, Default)]
pub struct Observed {
    /// The counters.
    pub totals: Totals,
    /// The same by port.
    pub ports: Vec<PortRow>,
    /// By port: where it left the golden capture.
    pub golden: BTreeMap<String, Difference>,
    /// What programs of objects returned.
    pub verdicts: VerdictsByProgram,
    /// By map and key: what was there, and what was expected, where the two differ.
    pub elements: BTreeMap<(String, String), ElementDiffers>,
}

/// An element of an object's map that is not as expected, both as scenarios write them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementDiffers {
    /// After the replay of this capture.
    pub capture: String,
    /// What was expected.
    pub expected: String,
    /// What was found; none if nothing is there.
    pub found: Option<String>,
}

/// An expectation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Its line in the scenario, from 1.
    pub line: usize,
    /// What is expected of what.
    pub what: String,
    /// The value that was expected.
    pub expected: String,
    /// The value that was found.
    pub found: String,
    /// Where to look, best first.
    pub look_at: Vec<Look>,
    /// What would have been right.
    #[serde(skip)]
    pub fix: Fix,
}

/// How `--update` accepts what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// This number becomes part of what is expected.
    Count(u64),
    /// This value, in TOML, takes the place of the one that was expected.
    Value(String),
    /// The entry goes.
    Remove,
    /// The golden capture is written anew.
    Rewrite,
}

/// Judges one expectation; `line` is where it stands.
#[must_use]
pub fn judge(expectation: &Expectation, line: usize, seen: &Observed) -> Option<Broken> {
    let broken = |expected: String, found: String, look_at: Vec<Look>, fix: Fix| {
        let what = expectation.expected.to_string();
        Some(Broken { line, what, expected, found, look_at, fix })
    };
    let counted = |frames: &Frames, found: u64, look: &dyn Fn(bool) -> Vec<Look>| {
        if frames.holds(found) {
            return None;
        }
        broken(frames.to_string(), found.to_string(), look(found < frames.min), Fix::Count(found))
    };
    match &expectation.expected {
        Expected::Total(total, frames) => {
            counted(frames, of_run(*total, &seen.totals), &|few| look::at_total(*total, few, &seen.totals))
        }
        Expected::Port(port, counter, frames) => counted(frames, of_port(port, *counter, seen), &|few| {
            look::at_port(port, *counter, few, &seen.totals)
        }),
        Expected::Fate(pattern, frames) => {
            counted(frames, of_fate(pattern, &seen.totals), &|few| look::at_fate(pattern, few, &seen.totals))
        }
        Expected::Verdict(program, verdict, frames) => {
            let found = seen.verdicts.get(program).map_or(0, |verdicts| verdicts.of(*verdict));
            counted(frames, found, &|_| Vec::new())
        }
        Expected::Silent(port) => match of_port(port, Counter::Delivered, seen) {
            0 => None,
            frames => {
                let look = look::at_port(port, Counter::Delivered, false, &seen.totals);
                broken("nothing".to_owned(), format!("{frames} frames"), look, Fix::Remove)
            }
        },
        Expected::Element { map, key, .. } => {
            let differs = seen.elements.get(&(map.clone(), key.clone()))?;
            let ElementDiffers { capture, expected, found } = differs;
            let fix = found.clone().map_or(Fix::Remove, Fix::Value);
            let found = found.clone().unwrap_or_else(|| "nothing".to_owned());
            let look = Look::new(format!("after the replay of {capture}"));
            broken(expected.clone(), found, vec![look], fix)
        }
        Expected::Golden(port, _) => {
            let found = seen.golden.get(port)?;
            let look = look::at_frame(port, found.origin, &seen.totals);
            broken(found.expected.clone(), found.found.clone(), look, Fix::Rewrite)
        }
    }
}

/// A counter of the run.
#[must_use]
pub fn of_run(total: Total, totals: &Totals) -> u64 {
    match total {
        Total::Arrivals => totals.arrivals,
        Total::Clones => totals.clones,
        Total::Hops => totals.hops,
        Total::Delivered => totals.count(Class::Delivered),
        Total::Passed => totals.count(Class::Passed),
        Total::Dropped => totals.count(Class::Dropped),
        Total::Lost => totals.count(Class::Lost),
    }
}

fn of_port(port: &str, counter: Counter, seen: &Observed) -> u64 {
    seen.ports.iter().find(|row| row.name == port).map_or(0, |row| of_row(row, counter))
}

/// A counter of a port.
#[must_use]
pub fn of_row(row: &PortRow, counter: Counter) -> u64 {
    match counter {
        Counter::Received => row.received,
        Counter::Delivered => row.delivered,
        Counter::Bytes => row.delivered_bytes,
        Counter::Passed => row.passed,
        Counter::Dropped => row.dropped,
        Counter::Lost => row.lost,
        Counter::Skipped => row.skipped,
    }
}

fn of_fate(pattern: &FatePattern, totals: &Totals) -> u64 {
    totals.ends.iter().filter(|(key, _)| fits(pattern, key)).map(|(_, end)| end.frames).sum()
}

/// Does this end fit everything that the pattern says?
#[must_use]
pub fn fits(pattern: &FatePattern, key: &EndKey) -> bool {
    pattern.fate.is_none_or(|fate| fate == key.fate)
        && pattern.step.is_none_or(|step| step == key.fate.step())
        && pattern.rule.is_none_or(|rule| rule == key.fate.rule())
        && pattern.errno.is_none_or(|errno| key.errno == Some(errno))
        && pattern.port.as_ref().is_none_or(|port| key.egress.as_ref() == Some(port))
        && pattern.ingress.as_ref().is_none_or(|port| key.ingress == *port)
}
