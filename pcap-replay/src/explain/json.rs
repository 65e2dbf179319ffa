//! A story for scripts: visits and copies in two flat lists that refer to each other by place.

use serde::Serialize;
use xdpsim_core::redirect::multicast::Bug;
use xdpsim_core::story::HelperCall;

use super::names::Names;
use super::tree::{Copy, CopyKind, End, Happened, Story, Visit};
use super::{Subject, words};
use crate::exit::Message;
use crate::object::TracedRun;
use crate::output::advice;
use crate::output::json::{SCHEMA, pretty};

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    capture: &'a str,
    frame: u64,
    visits: Vec<VisitJson<'a>>,
    copies: Vec<CopyJson<'a>>,
    end: Option<EndJson<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    program_runs: &'a [TracedRun],
    errors: &'a [Message],
}

#[derive(Serialize)]
struct VisitJson<'a> {
    /// The copy that came here; null for the arrival.
    from: Option<usize>,
    port: &'a str,
    queue: u16,
    cpu: u16,
    time: String,
    position: u16,
    of: u16,
    bytes: u32,
    program: Option<&'a str>,
    /// Where it runs; native mode is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    calls: Vec<CallJson>,
    verdict: Option<String>,
    /// Used a target that an earlier frame had armed (HLP-21).
    stale: bool,
    /// The ifindex that a failed lookup had armed (HLP-12).
    miss: Option<u32>,
    /// The groups of a multicast by index, as they were when it was acted on (MCAST-05).
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<GroupsJson<'a>>,
    /// What posted patches would have done to memory here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bugs: Vec<BugJson>,
    skipped: Vec<SkippedJson<'a>>,
    /// Ports whose full queue was flushed to make room (ENQ-03).
    partial_flushes: Vec<&'a str>,
    /// Places in `copies`.
    copies: Vec<usize>,
    /// Why the stack freed it, in generic mode (GEN-09).
    #[serde(skip_serializing_if = "Option::is_none")]
    drop_reason: Option<&'static str>,
    end: Option<EndJson<'a>>,
}

#[derive(Serialize)]
struct GroupsJson<'a> {
    map: &'a str,
    forward_key: u32,
    exclude_key: u32,
    forward: Option<&'a str>,
    exclude: Option<&'a str>,
}

#[derive(Serialize)]
struct BugJson {
    event: &'static str,
    rule: &'static str,
    what: &'static str,
}

#[derive(Serialize)]
struct CallJson {
    call: String,
    outcome: String,
    rules: Vec<&'static str>,
}

#[derive(Serialize)]
struct SkippedJson<'a> {
    port: &'a str,
    skip: &'static str,
    rule: &'static str,
}

#[derive(Serialize)]
struct CopyJson<'a> {
    port: &'a str,
    kind: &'static str,
    /// Transmitted at once, past all queues (GEN-01).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skb: bool,
    position: Option<u8>,
    queue_program: Option<&'a str>,
    entry_program: Option<&'a str>,
    entry_calls: Vec<CallJson>,
    entry_verdict: Option<String>,
    xmit: Option<XmitJson>,
    ring: Option<RingJson<'a>>,
    /// Place in `visits` of the visit at the far end.
    next: Option<usize>,
    end: Option<EndJson<'a>>,
}

#[derive(Serialize)]
struct XmitJson {
    position: u8,
    of: u8,
    sent: u8,
    errno: Option<&'static str>,
    flush: bool,
}

#[derive(Serialize)]
struct RingJson<'a> {
    port: &'a str,
    woken: bool,
}

#[derive(Serialize)]
struct EndJson<'a> {
    fate: &'static str,
    step: &'static str,
    egress: Option<&'a str>,
    errno: Option<&'static str>,
    rule: &'static str,
    title: &'static str,
    why: &'static str,
    hint: &'static str,
}

/// The document of an explanation.
#[must_use]
pub fn document(
    names: Names<'_>,
    subject: &Subject,
    story: &Story,
    program_runs: &[TracedRun],
    errors: &[Message],
) -> String {
    pretty(&Document {
        schema: SCHEMA,
        capture: &subject.capture,
        frame: subject.frame,
        visits: story.visits.iter().map(|one| visit(names, one)).collect(),
        copies: story.copies.iter().map(|one| copy(names, one)).collect(),
        end: story.end.as_ref().map(|one| end(names, one)),
        program_runs,
        errors,
    })
}

fn visit<'a>(names: Names<'a>, visit: &Visit) -> VisitJson<'a> {
    let mut json = VisitJson {
        from: visit.from,
        port: names.port(visit.dev),
        queue: visit.queue.0,
        cpu: visit.cpu.0,
        time: visit.time.to_string(),
        position: visit.position,
        of: visit.of,
        bytes: visit.len,
        program: visit.prog.map(|prog| names.program(prog)),
        mode: names.is_generic(visit.dev).then_some("generic"),
        calls: visit.calls.iter().map(|one| call(names, one)).collect(),
        verdict: visit.verdict.map(|act| act.to_string()),
        stale: visit.stale,
        miss: visit.miss.map(|ifindex| ifindex.0),
        groups: visit.groups.map(|groups| GroupsJson {
            map: names.map(groups.map),
            forward_key: groups.index.forward().0,
            exclude_key: groups.index.exclude().0,
            forward: groups.forward.map(|group| names.map(group)),
            exclude: groups.exclude.map(|group| names.map(group)),
        }),
        bugs: visit.bugs.iter().map(bug).collect(),
        skipped: Vec::new(),
        partial_flushes: Vec::new(),
        copies: Vec::new(),
        drop_reason: visit.freed.map(|reason| reason.name()),
        end: visit.end.as_ref().map(|one| end(names, one)),
    };
    for happened in &visit.happened {
        match *happened {
            Happened::Skipped(dev, skip) => {
                let (port, rule) = (names.port(dev), skip.rule().name());
                json.skipped.push(SkippedJson { port, skip: skip.name(), rule });
            }
            Happened::PartialFlush(dev) => json.partial_flushes.push(names.port(dev)),
            Happened::Queued(copy) => json.copies.push(copy),
        }
    }
    json
}

fn bug(bug: &Bug) -> BugJson {
    BugJson { event: bug.event_name(), rule: bug.rule().name(), what: bug.what() }
}

fn call(names: Names<'_>, helper: &HelperCall) -> CallJson {
    let (call, (outcome, rules)) = words::call(names, helper);
    CallJson { call, outcome, rules: rules.iter().map(|rule| rule.name()).collect() }
}

fn copy<'a>(names: Names<'a>, copy: &Copy) -> CopyJson<'a> {
    CopyJson {
        port: names.port(copy.dev),
        kind: match copy.kind {
            CopyKind::Original => "frame",
            CopyKind::Clone => "clone",
            CopyKind::Tx => "tx",
        },
        skb: copy.skb,
        position: copy.position,
        queue_program: copy.prog.map(|prog| names.program(prog)),
        entry_program: copy.own_prog.map(|prog| names.program(prog)),
        entry_calls: copy.entry.iter().flat_map(|ran| &ran.calls).map(|one| call(names, one)).collect(),
        entry_verdict: copy.entry.as_ref().map(|ran| ran.act.to_string()),
        xmit: copy.xmit.map(|xmit| XmitJson {
            position: xmit.position,
            of: xmit.of,
            sent: xmit.sent,
            errno: xmit.err.map(|errno| errno.name()),
            flush: xmit.flush,
        }),
        ring: copy.hop.map(|(to, woken)| RingJson { port: names.port(to), woken }),
        next: copy.next,
        end: copy.end.as_ref().map(|one| end(names, one)),
    }
}

fn end<'a>(names: Names<'a>, end: &End) -> EndJson<'a> {
    let advice::Advice { why, hint } = advice::of_fate(end.fate);
    EndJson {
        fate: end.fate.name(),
        step: end.fate.step().name(),
        egress: end.egress.map(|dev| names.port(dev)),
        errno: end.errno.map(|errno| errno.name()),
        rule: end.fate.rule().name(),
        title: end.fate.rule().title(),
        why,
        hint,
    }
}
