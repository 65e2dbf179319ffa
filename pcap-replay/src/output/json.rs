//! The JSON document of a replay: the table for scripts.
//!
//! The same bytes for the same input, whatever `--threads` says. Additions keep `schema`, anything else
//! raises it.

use serde::Serialize;

use super::faults::FaultRow;
use super::ports::PortRow;
use super::results::{Part, Results};
use super::totals::{CaptureDone, Totals};
use crate::exit::Message;

/// Version of the documents' shape.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    scenario: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<Partition>,
    arrivals: u64,
    arrival_bytes: u64,
    clones: u64,
    hops: u64,
    fates: Vec<FateRow<'a>>,
    skipped: Vec<SkippedRow<'a>>,
    ports: Vec<Port<'a>>,
    changes_failed: Vec<FailedChange>,
    changes_left: usize,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    faults: &'a [FaultRow],
    #[serde(skip_serializing_if = "is_zero")]
    faults_elsewhere: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    captures: Vec<Capture<'a>>,
    errors: &'a [Message],
}

/// Which part of a corpus the report is of.
#[derive(Serialize)]
struct Partition {
    /// From 1.
    part: u32,
    of: u32,
    /// Captures of the whole corpus.
    captures: usize,
}

/// How frames ended.
#[derive(Serialize)]
struct FateRow<'a> {
    ingress: &'a str,
    egress: Option<&'a str>,
    fate: &'static str,
    step: &'static str,
    rule: &'static str,
    errno: Option<&'static str>,
    frames: u64,
    bytes: u64,
    /// Index into `captures`: the examples are of this one.
    capture: usize,
    /// Frame numbers from 1.
    examples: &'a [u64],
}

/// Targets that broadcasts left out.
#[derive(Serialize)]
struct SkippedRow<'a> {
    ingress: &'a str,
    target: &'a str,
    skip: &'static str,
    rule: &'static str,
    frames: u64,
}

#[derive(Serialize)]
struct Port<'a> {
    name: &'a str,
    ifindex: u32,
    kind: &'a str,
    received: u64,
    received_bytes: u64,
    delivered: u64,
    bytes: u64,
    passed: u64,
    dropped: u64,
    lost: u64,
    skipped: u64,
}

/// A change that the kernel would have refused.
#[derive(Serialize)]
struct FailedChange {
    /// Its place among the scenario's changes, from 0.
    index: usize,
    errno: &'static str,
}

#[derive(Serialize)]
struct Capture<'a> {
    file: &'a str,
    frames: u64,
    error: Option<&'a Message>,
}

/// The document of a replay.
#[must_use]
pub fn replay(results: &Results) -> String {
    let Results { totals, ports, .. } = results;
    let errors = results.errors();
    let document = Document {
        schema: SCHEMA,
        scenario: &results.about,
        partition: results.part.map(partition),
        arrivals: totals.arrivals,
        arrival_bytes: totals.arrival_bytes,
        clones: totals.clones,
        hops: totals.hops,
        fates: fates(totals),
        skipped: skipped(totals),
        ports: ports.iter().map(port).collect(),
        changes_failed: results
            .changes_failed
            .iter()
            .map(|&(index, errno)| FailedChange { index, errno: errno.name() })
            .collect(),
        changes_left: results.changes_left,
        faults: &results.faults.list,
        faults_elsewhere: results.faults.others,
        notes: &results.notes,
        captures: totals.captures.iter().map(capture).collect(),
        errors: &errors,
    };
    pretty(&document)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The document of a command that could not do what it was asked to.
#[must_use]
pub fn failure(errors: &[Message]) -> String {
    #[derive(Serialize)]
    struct Failed<'a> {
        schema: u32,
        errors: &'a [Message],
    }
    pretty(&Failed { schema: SCHEMA, errors })
}

/// Any document as text.
#[must_use]
pub fn pretty(document: &impl Serialize) -> String {
    // Strings, numbers and lists only: this cannot fail.
    serde_json::to_string_pretty(document).map(|text| text + "\n").unwrap_or_default()
}

fn partition(part: Part) -> Partition {
    Partition { part: part.partition.part(), of: part.partition.of(), captures: part.captures }
}

fn fates(totals: &Totals) -> Vec<FateRow<'_>> {
    totals
        .ends
        .iter()
        .map(|(key, end)| FateRow {
            ingress: &key.ingress,
            egress: key.egress.as_deref(),
            fate: key.fate.name(),
            step: key.fate.step().name(),
            rule: key.fate.rule().name(),
            errno: key.errno.map(|errno| errno.name()),
            frames: end.frames,
            bytes: end.bytes,
            capture: end.capture,
            examples: &end.examples,
        })
        .collect()
}

fn skipped(totals: &Totals) -> Vec<SkippedRow<'_>> {
    totals
        .skips
        .iter()
        .map(|(key, &frames)| SkippedRow {
            ingress: &key.ingress,
            target: &key.target,
            skip: key.skip.name(),
            rule: key.skip.rule().name(),
            frames,
        })
        .collect()
}

fn port(row: &PortRow) -> Port<'_> {
    Port {
        name: &row.name,
        ifindex: row.ifindex.0,
        kind: row.kind,
        received: row.received,
        received_bytes: row.received_bytes,
        delivered: row.delivered,
        bytes: row.delivered_bytes,
        passed: row.passed,
        dropped: row.dropped,
        lost: row.lost,
        skipped: row.skipped,
    }
}

fn capture(done: &CaptureDone) -> Capture<'_> {
    Capture { file: &done.file, frames: done.frames, error: done.error.as_ref() }
}
