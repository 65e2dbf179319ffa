//! Reports of parts put together: what `xdpsim replay --json` would have said of the whole.
//!
//! Owns reading a report back. Sums are sums; of the examples those of the first capture that had any stay, as
//! in one run; captures go back to their places in the corpus.

use std::collections::BTreeMap;

use serde::Deserialize;
use xdpsim_core::fate::Skip;
use xdpsim_core::report::{EndKey, SkipKey};
use xdpsim_core::{Errno, Fate, IfIndex};

use super::faults::{FaultRow, FaultRows};
use super::json::SCHEMA;
use super::ports::{self, PortRow};
use super::results::{Part, Results};
use super::totals::{CaptureDone, Ended, Totals};
use crate::exit::Message;
use crate::partition::Partition;

/// A report and the name of its file.
pub struct Named {
    /// For messages.
    pub file: String,
    /// What it says.
    pub results: Results,
}

/// Reads the JSON document of a replay.
///
/// # Errors
/// What is wrong with it, to be put behind its name.
pub fn read(text: &str) -> Result<Results, String> {
    let document: Document = serde_json::from_str(text)
        .map_err(|error| format!("no report of `xdpsim replay --json`: {error}"))?;
    if document.schema != SCHEMA {
        return Err(format!("schema {}; expected {SCHEMA}", document.schema));
    }
    document.results()
}

/// Puts reports together: all parts of one corpus, in any order, or whole runs one after the other.
///
/// # Errors
/// If they are not of one scenario, or not all parts of one corpus.
pub fn merge(mut reports: Vec<Named>) -> Result<Results, String> {
    let Some(first) = reports.first() else { return Err("no report".to_owned()) };
    let about = first.results.about.clone();
    if let Some(other) = reports.iter().find(|report| report.results.about != about) {
        let (one, two) = (&first.file, &other.file);
        return Err(format!("{one} and {two} are not of the same run: {about}; {}", other.results.about));
    }
    if reports.iter().any(|report| report.results.part.is_some()) {
        check_parts(&mut reports)?;
    }
    let mut whole = Results { about, ..Results::default() };
    let mut captures = BTreeMap::new();
    let mut offset = 0;
    for Named { results, .. } in &mut reports {
        let own = std::mem::take(&mut results.totals.captures);
        let (part, before) = (results.part, offset);
        let place = |index| part.map_or(before + index, |part| part.partition.place(index));
        offset += own.len();
        results.totals.ends.values_mut().for_each(|end| end.capture = place(end.capture));
        results.faults.list.iter_mut().for_each(|fault| fault.capture = place(fault.capture));
        captures.extend(own.into_iter().enumerate().map(|(index, capture)| (place(index), capture)));
        add(&mut whole, results);
    }
    whole.totals.captures = captures.into_values().collect();
    whole.ports = add_ports(&reports);
    Ok(whole)
}

/// Sorts the parts, and makes sure that all are there.
fn check_parts(reports: &mut [Named]) -> Result<(), String> {
    let mut parts: BTreeMap<Partition, &str> = BTreeMap::new();
    let mut all: Option<(u32, usize)> = None;
    for Named { file, results } in reports.iter() {
        let Some(Part { partition, captures }) = results.part else {
            return Err(format!("{file} is the report of a whole run, others are of parts"));
        };
        let (of, count) = *all.get_or_insert((partition.of(), captures));
        if (of, count) != (partition.of(), captures) {
            return Err(format!(
                "{file} is {partition} of {captures} captures, others are of {count} captures in {of} parts"
            ));
        }
        let held = (0..).take_while(|&index| partition.place(index) < captures).count();
        if held != results.totals.captures.len() {
            return Err(format!("{file} has {} captures; expected {held}", results.totals.captures.len()));
        }
        if let Some(other) = parts.insert(partition, file) {
            return Err(format!("{other} and {file} are both {partition}"));
        }
    }
    let of = all.map_or(0, |(of, _)| of);
    let missing = (1..=of).filter_map(|part| Partition::new(part, of)).find(|part| !parts.contains_key(part));
    if let Some(missing) = missing {
        return Err(format!("the report of {missing} is missing"));
    }
    reports.sort_by_key(|report| report.results.part.map(|part| part.partition));
    Ok(())
}

/// Adds everything but captures and ports.
fn add(whole: &mut Results, part: &Results) {
    let (to, from) = (&mut whole.totals, &part.totals);
    to.arrivals += from.arrivals;
    to.arrival_bytes += from.arrival_bytes;
    to.clones += from.clones;
    to.hops += from.hops;
    for (key, end) in &from.ends {
        let sum = to.ends.entry(key.clone()).or_insert(Ended { frames: 0, bytes: 0, ..end.clone() });
        if end.capture < sum.capture {
            (sum.capture, sum.examples) = (end.capture, end.examples.clone());
        }
        sum.frames += end.frames;
        sum.bytes += end.bytes;
    }
    for (key, frames) in &from.skips {
        *to.skips.entry(key.clone()).or_default() += frames;
    }
    whole.changes_failed.extend(&part.changes_failed);
    whole.changes_left = whole.changes_left.max(part.changes_left);
    whole.faults.add(&part.faults);
    whole.notes.clone_from(&part.notes);
}

/// Ports in the scenario's order, then far ends by their names, as one run has them.
fn add_ports(reports: &[Named]) -> Vec<PortRow> {
    let mut rows: Vec<PortRow> = Vec::new();
    for row in reports.iter().flat_map(|report| &report.results.ports) {
        match rows.iter_mut().find(|sum| sum.name == row.name) {
            Some(sum) => sum.add(row),
            None => rows.push(row.clone()),
        }
    }
    // Stable: what comes first, the ports, stays in order.
    rows.sort_by_key(|row| (row.kind == ports::FAR_END).then(|| row.name.clone()));
    rows
}

#[derive(Deserialize)]
struct Document {
    schema: u32,
    scenario: String,
    partition: Option<PartitionRow>,
    arrivals: u64,
    arrival_bytes: u64,
    clones: u64,
    hops: u64,
    fates: Vec<FateRow>,
    skipped: Vec<SkippedRow>,
    ports: Vec<Port>,
    changes_failed: Vec<FailedChange>,
    changes_left: usize,
    #[serde(default)]
    faults: Vec<FaultRow>,
    #[serde(default)]
    faults_elsewhere: u64,
    #[serde(default)]
    notes: Vec<String>,
    captures: Vec<Capture>,
}

#[derive(Deserialize)]
struct PartitionRow {
    part: u32,
    of: u32,
    captures: usize,
}

#[derive(Deserialize)]
struct FateRow {
    ingress: String,
    egress: Option<String>,
    fate: String,
    errno: Option<String>,
    frames: u64,
    bytes: u64,
    capture: usize,
    examples: Vec<u64>,
}

#[derive(Deserialize)]
struct SkippedRow {
    ingress: String,
    target: String,
    skip: String,
    frames: u64,
}

#[derive(Deserialize)]
struct Port {
    name: String,
    ifindex: u32,
    kind: String,
    received: u64,
    received_bytes: u64,
    delivered: u64,
    bytes: u64,
    passed: u64,
    dropped: u64,
    lost: u64,
    skipped: u64,
}

#[derive(Deserialize)]
struct FailedChange {
    index: usize,
    errno: String,
}

#[derive(Deserialize)]
struct Capture {
    file: String,
    frames: u64,
    error: Option<Said>,
}

#[derive(Deserialize)]
struct Said {
    kind: String,
    message: String,
    help: Option<String>,
    file: Option<String>,
    packet: Option<u64>,
    offset: Option<u64>,
}

impl Document {
    fn results(self) -> Result<Results, String> {
        let totals = Totals {
            arrivals: self.arrivals,
            arrival_bytes: self.arrival_bytes,
            clones: self.clones,
            hops: self.hops,
            ends: self.fates.into_iter().map(FateRow::end).collect::<Result<_, _>>()?,
            skips: self.skipped.into_iter().map(SkippedRow::skip).collect::<Result<_, _>>()?,
            captures: self.captures.into_iter().map(Capture::done).collect::<Result<_, _>>()?,
            ..Totals::default()
        };
        let changes = self.changes_failed.iter();
        Ok(Results {
            about: self.scenario,
            part: self.partition.map(PartitionRow::part).transpose()?,
            totals,
            ports: self.ports.into_iter().map(Port::row).collect::<Result<_, _>>()?,
            changes_failed: changes
                .map(|row| Ok((row.index, errno(&row.errno)?)))
                .collect::<Result<_, String>>()?,
            changes_left: self.changes_left,
            faults: FaultRows { list: self.faults, others: self.faults_elsewhere },
            hits: None,
            told: Vec::new(),
            told_more: 0,
            notes: self.notes,
        })
    }
}

fn errno(name: &str) -> Result<Errno, String> {
    Errno::from_name(name).ok_or_else(|| format!("no errno is called `{name}`"))
}

/// The word of a list that is this one.
fn word(words: &[&'static str], word: &str) -> Result<&'static str, String> {
    words.iter().copied().find(|known| *known == word).ok_or_else(|| format!("`{word}` is unknown here"))
}

impl PartitionRow {
    fn part(self) -> Result<Part, String> {
        let partition = Partition::new(self.part, self.of);
        let partition = partition.ok_or_else(|| format!("there is no part {} of {}", self.part, self.of))?;
        Ok(Part { partition, captures: self.captures })
    }
}

impl FateRow {
    fn end(self) -> Result<(EndKey, Ended), String> {
        let fate = Fate::ALL.iter().find(|fate| fate.name() == self.fate);
        let key = EndKey {
            ingress: self.ingress,
            egress: self.egress,
            fate: *fate.ok_or_else(|| format!("no fate is called `{}`", self.fate))?,
            errno: self.errno.as_deref().map(errno).transpose()?,
        };
        let Self { frames, bytes, capture, examples, .. } = self;
        Ok((key, Ended { frames, bytes, capture, examples }))
    }
}

impl SkippedRow {
    fn skip(self) -> Result<(SkipKey, u64), String> {
        let skip = Skip::ALL.iter().find(|skip| skip.name() == self.skip);
        let skip = *skip.ok_or_else(|| format!("no skip is called `{}`", self.skip))?;
        Ok((SkipKey { ingress: self.ingress, target: self.target, skip }, self.frames))
    }
}

impl Port {
    fn row(self) -> Result<PortRow, String> {
        Ok(PortRow {
            kind: word(&ports::KINDS, &self.kind)?,
            name: self.name,
            ifindex: IfIndex(self.ifindex),
            received: self.received,
            received_bytes: self.received_bytes,
            delivered: self.delivered,
            delivered_bytes: self.bytes,
            passed: self.passed,
            dropped: self.dropped,
            lost: self.lost,
            skipped: self.skipped,
        })
    }
}

impl Capture {
    fn done(self) -> Result<CaptureDone, String> {
        let error = self.error.map(Said::message).transpose()?;
        Ok(CaptureDone { file: self.file, frames: self.frames, error })
    }
}

impl Said {
    fn message(self) -> Result<Message, String> {
        let Self { message, help, file, packet, offset, .. } = self;
        Ok(Message { kind: word(&Message::KINDS, &self.kind)?, message, help, file, packet, offset })
    }
}
