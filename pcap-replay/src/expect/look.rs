//! What to look at when an expectation does not hold: the frames that ended otherwise.
//!
//! Too few of something: what became of the others. Too many: which ones. Always by rows of the report,
//! the largest first, each with numbers of frames that `xdpsim explain` can tell of.

use serde::Serialize;
use xdpsim_core::report::EndKey;

use super::golden::Origin;
use super::judge::fits;
use crate::output::advice;
use crate::output::columns::counted;
use crate::output::totals::{Class, Ended, Totals};
use crate::scenario::{Counter, FatePattern, Total};

/// More rows than this are no hint any more.
const ROWS_MAX: usize = 3;

/// A place to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// What is to be seen there.
    pub why: String,
    /// Numbers of frames, from 1.
    pub frames: Vec<u64>,
    /// The capture that they are of, from 0.
    #[serde(skip)]
    pub capture: usize,
    /// The command that tells more; filled in by who knows the files.
    pub command: Option<String>,
}

impl Look {
    /// Something to be seen without a frame of its own.
    #[must_use]
    pub fn new(why: String) -> Self {
        Self { why, frames: Vec::new(), capture: 0, command: None }
    }
}

type Row<'a> = (&'a EndKey, &'a Ended);

/// A counter of the run is wrong.
pub(super) fn at_total(total: Total, too_few: bool, totals: &Totals) -> Vec<Look> {
    let class = match total {
        Total::Arrivals => return at_captures(totals),
        Total::Clones | Total::Hops => return rows(totals, |key| Class::of(key.fate) == Class::Lost),
        Total::Delivered => Class::Delivered,
        Total::Passed => Class::Passed,
        Total::Dropped => Class::Dropped,
        Total::Lost => Class::Lost,
    };
    rows(totals, |key| (Class::of(key.fate) == class) != too_few)
}

/// A counter of a port is wrong.
pub(super) fn at_port(port: &str, counter: Counter, too_few: bool, totals: &Totals) -> Vec<Look> {
    let class = match counter {
        Counter::Received => return at_captures(totals),
        Counter::Skipped => return at_skips(port, totals),
        Counter::Delivered | Counter::Bytes => Class::Delivered,
        Counter::Passed => Class::Passed,
        Counter::Dropped => Class::Dropped,
        Counter::Lost => Class::Lost,
    };
    let here = |key: &EndKey| key.egress.as_deref().unwrap_or(&key.ingress) == port;
    let found = rows(totals, |key| here(key) && (Class::of(key.fate) == class) != too_few);
    match found.is_empty() && too_few {
        // They never came so far: they ended elsewhere.
        true => rows(totals, |key| !here(key)),
        false => found,
    }
}

/// Frames that end in one way are too few or too many.
pub(super) fn at_fate(pattern: &FatePattern, too_few: bool, totals: &Totals) -> Vec<Look> {
    if !too_few {
        return rows(totals, |key| fits(pattern, key));
    }
    let near = FatePattern {
        port: pattern.port.clone(),
        ingress: pattern.ingress.clone(),
        ..FatePattern::default()
    };
    let found = rows(totals, |key| fits(&near, key) && !fits(pattern, key));
    if found.is_empty() { rows(totals, |key| !fits(pattern, key)) } else { found }
}

/// A frame at which a golden capture and the run part.
pub(super) fn at_frame(port: &str, origin: Option<Origin>, totals: &Totals) -> Vec<Look> {
    let mut looks: Vec<Look> = origin
        .map(|Origin { capture, frame }| {
            let why = format!("the frame of the run where {port} leaves the golden capture");
            Look { frames: vec![frame], capture, ..Look::new(why) }
        })
        .into_iter()
        .collect();
    looks.extend(at_port(port, Counter::Lost, false, totals));
    looks.truncate(ROWS_MAX);
    looks
}

fn at_captures(totals: &Totals) -> Vec<Look> {
    let say = |done: &crate::output::totals::CaptureDone| {
        Look::new(format!("{}: {}", done.file, counted(done.frames, "frame", "frames")))
    };
    totals.captures.iter().take(ROWS_MAX).map(say).collect()
}

fn at_skips(port: &str, totals: &Totals) -> Vec<Look> {
    let here = totals.skips.iter().filter(|(key, _)| key.target == port);
    let say = |key: &xdpsim_core::report::SkipKey, broadcasts: u64| {
        let advice = advice::of_skip(key.skip);
        let times = counted(broadcasts, "broadcast", "broadcasts");
        Look::new(format!("{times} left {port} out: {} ({})", advice.why, key.skip.rule()))
    };
    here.take(ROWS_MAX).map(|(key, &broadcasts)| say(key, broadcasts)).collect()
}

/// The rows that `wanted` takes, the largest first; losses before all others.
fn rows(totals: &Totals, wanted: impl Fn(&EndKey) -> bool) -> Vec<Look> {
    let mut rows: Vec<Row<'_>> = totals.ends.iter().filter(|(key, _)| wanted(key)).collect();
    rows.sort_by_key(|(key, end)| {
        (std::cmp::Reverse(Class::of(key.fate)), std::cmp::Reverse(end.frames), key.fate)
    });
    rows.into_iter().take(ROWS_MAX).map(row).collect()
}

fn row((key, end): Row<'_>) -> Look {
    let frames = counted(end.frames, "frame", "frames");
    let port = key.egress.as_deref().unwrap_or(&key.ingress);
    let errno = key.errno.map_or_else(String::new, |errno| format!(", {errno}"));
    let ended = match Class::of(key.fate) {
        Class::Lost => "lost at",
        _ => "at",
    };
    let (name, why, rule) = (key.fate.name(), advice::of_fate(key.fate).why, key.fate.rule());
    let why = format!("{frames} {ended} {port}: {why} ({name}{errno}, {rule})");
    Look { frames: end.examples.clone(), capture: end.capture, ..Look::new(why) }
}
