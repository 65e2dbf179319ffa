//! Paths for scripts: the same legs as in words, with names instead of ids.

use serde::Serialize;

use super::groups::{Group, Tally};
use super::leg::{Call, Finish, FramePath, Leg, Lookup, Queued, Stop};
use crate::exit::Message;
use crate::explain::{CopyKind, Names};
use crate::output::advice;
use crate::output::json::{SCHEMA, pretty};

/// What was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The captures in order.
    pub captures: &'a [String],
    /// Frames whose paths were looked at.
    pub frames: u64,
    /// All distinct paths.
    pub paths: usize,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    captures: &'a [String],
    /// Frames that the capture filter let through.
    frames: u64,
    /// Distinct paths before the other filters.
    paths_total: usize,
    paths: Vec<PathJson<'a>>,
    /// Frames on paths that there was no room for.
    other: u64,
    errors: &'a [Message],
}

#[derive(Serialize)]
struct PathJson<'a> {
    frames: u64,
    /// Index into `captures`: the numbers are of this one.
    capture: usize,
    /// Frame numbers from 1.
    first: &'a [u64],
    legs: Legs<'a>,
}

/// The legs of a path.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Legs<'a>(Vec<LegJson<'a>>);

/// One leg, by its `leg`.
#[derive(Serialize)]
#[serde(tag = "leg", rename_all = "snake_case")]
enum LegJson<'a> {
    Visit {
        port: &'a str,
        program: Option<&'a str>,
        call: Option<&'static str>,
        map: Option<&'a str>,
        verdict: Option<String>,
        stale: bool,
        miss: bool,
        rules: Vec<&'static str>,
    },
    Fork {
        arms: Vec<Legs<'a>>,
    },
    LeftOut {
        port: &'a str,
        skip: &'static str,
        rule: &'static str,
        why: &'static str,
        hint: &'static str,
    },
    Queued {
        port: &'a str,
        kind: &'static str,
        entry_program: Option<&'a str>,
        entry_verdict: Option<String>,
        first_decided: bool,
    },
    End {
        fate: &'static str,
        step: &'static str,
        egress: Option<&'a str>,
        errno: Option<&'static str>,
        rule: &'static str,
        why: &'static str,
        hint: &'static str,
    },
    Untold,
}

/// The document of `explain` by path.
#[must_use]
pub fn document(
    names: Names<'_>,
    summary: &Summary<'_>,
    groups: &[Group],
    others: &Tally,
    errors: &[Message],
) -> String {
    pretty(&Document {
        schema: SCHEMA,
        captures: summary.captures,
        frames: summary.frames,
        paths_total: summary.paths,
        paths: groups.iter().map(|group| path(names, group)).collect(),
        other: others.frames,
        errors,
    })
}

fn path<'a>(names: Names<'a>, group: &'a Group) -> PathJson<'a> {
    let Tally { frames, capture, first } = &group.tally;
    PathJson { frames: *frames, capture: *capture, first, legs: legs(names, &group.path) }
}

/// A path by names.
#[must_use]
pub fn legs<'a>(names: Names<'a>, path: &FramePath) -> Legs<'a> {
    Legs(path.legs.iter().map(|one| leg(names, one)).collect())
}

fn leg<'a>(names: Names<'a>, leg: &Leg) -> LegJson<'a> {
    match leg {
        Leg::Visit(stop) => visit(names, stop, leg),
        Leg::Fork(arms) => LegJson::Fork { arms: arms.iter().map(|arm| legs(names, arm)).collect() },
        Leg::LeftOut { port, skip } => {
            let advice::Advice { why, hint } = advice::of_skip(*skip);
            let (port, skip, rule) = (names.port(*port), skip.name(), skip.rule().name());
            LegJson::LeftOut { port, skip, rule, why, hint }
        }
        Leg::Queued(queued) => queue(names, queued),
        Leg::End(finish) => end(names, finish),
        Leg::Untold => LegJson::Untold,
    }
}

fn map_call(lookup: Lookup) -> &'static str {
    match lookup {
        Lookup::Found => "redirect_map",
        Lookup::Missing => "redirect_map_missed",
        Lookup::Refused => "redirect_map_refused",
        Lookup::Broadcast => "broadcast",
    }
}

fn visit<'a>(names: Names<'a>, stop: &Stop, leg: &Leg) -> LegJson<'a> {
    let (call, map) = match stop.call {
        None => (None, None),
        Some(Call::IfIndex { refused: false }) => (Some("redirect"), None),
        Some(Call::IfIndex { refused: true }) => (Some("redirect_refused"), None),
        Some(Call::Map { map, lookup }) => (Some(map_call(lookup)), Some(names.map(map))),
        Some(Call::Elsewhere { lookup }) => (Some(map_call(lookup)), None),
    };
    LegJson::Visit {
        port: names.port(stop.port),
        program: stop.program.map(|program| names.program(program)),
        call,
        map,
        verdict: stop.verdict.map(|verdict| verdict.to_string()),
        stale: stop.stale,
        miss: stop.miss,
        rules: leg.rules().iter().map(|rule| rule.name()).collect(),
    }
}

fn queue<'a>(names: Names<'a>, queued: &Queued) -> LegJson<'a> {
    LegJson::Queued {
        port: names.port(queued.port),
        kind: match queued.kind {
            CopyKind::Original => "frame",
            CopyKind::Clone => "clone",
            CopyKind::Tx => "tx",
        },
        entry_program: queued.entry.map(|(program, _)| names.program(program)),
        entry_verdict: queued.entry.map(|(_, verdict)| verdict.to_string()),
        first_decided: queued.first_decided,
    }
}

fn end<'a>(names: Names<'a>, finish: &Finish) -> LegJson<'a> {
    let advice::Advice { why, hint } = advice::of_fate(finish.fate);
    LegJson::End {
        fate: finish.fate.name(),
        step: finish.fate.step().name(),
        egress: finish.egress.map(|port| names.port(port)),
        errno: finish.errno.map(|errno| errno.name()),
        rule: finish.fate.rule().name(),
        why,
        hint,
    }
}
