//! Paths in words: a heading with count and share, then the legs; a broadcast is a fork.
//!
//! Each loss and each target that got nothing has its rule at the end of the line and what to do about it
//! on the next one.

use xdpsim_core::rule;
use xdpsim_core::{DevId, Fate, Skip};

use super::groups::{Group, Tally};
use super::leg::{Call, Finish, FramePath, Leg, Lookup, Queued, Stop};
use crate::explain::{CopyKind, Lines, Names};
use crate::output::advice::{self, Advice};
use crate::output::columns::{counted, grouped};
use crate::output::totals::Class;

/// Ports that are named where many targets fared alike.
const NAMED_MAX: usize = 8;
/// Visits of a straight way that are told: a loop of veths can make hundreds.
const VISITS_MAX: usize = 6;

/// What is told and what not.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// What was replayed: a capture's name, or how many there are.
    pub source: &'a str,
    /// What is simulated.
    pub title: &'a str,
    /// Frames whose paths were looked at.
    pub frames: u64,
    /// All distinct paths.
    pub paths: usize,
    /// Are there several captures?
    pub several: bool,
    /// Paths to tell at most.
    pub top: usize,
}

/// All groups, the commonest first.
#[must_use]
pub fn render(names: Names<'_>, shown: &Shown<'_>, groups: &[Group], others: &Tally) -> String {
    let frames = counted(shown.frames, "frame", "frames");
    let paths = counted(shown.paths as u64, "path", "paths");
    let mut out = format!("{}: {frames} took {paths}\n{}\n\n", shown.source, shown.title);
    for (number, group) in groups.iter().take(shown.top).enumerate() {
        out.push_str(&heading(number + 1, shown, &group.tally));
        out.push_str(&block(names, &group.path, "  "));
        out.push('\n');
    }
    out.push_str(&rest(shown, groups, others));
    out
}

/// What was not told.
fn rest(shown: &Shown<'_>, groups: &[Group], others: &Tally) -> String {
    let mut out = String::new();
    if groups.len() > shown.top {
        let hidden = &groups[shown.top..];
        let frames = hidden.iter().map(|group| group.tally.frames).sum();
        let (paths, frames) =
            (counted(hidden.len() as u64, "more path", "more paths"), counted(frames, "frame", "frames"));
        out.push_str(&format!("… and {paths} with {frames}: --top 0 tells them all\n"));
    }
    if groups.len() < shown.paths {
        let told: u64 = groups.iter().map(|group| group.tally.frames).sum();
        let (paths, told) = (counted(groups.len() as u64, "path", "paths"), counted(told, "frame", "frames"));
        out.push_str(&format!("{paths} with {told} answer the filter\n"));
    }
    if others.frames > 0 {
        let frames = counted(others.frames, "frame", "frames");
        out.push_str(&format!("{frames} took other paths, too many to keep: a capture filter helps\n"));
    }
    out
}

/// `path 1: 60 frames, 50.0 %, first 2 4 6 8 …`
fn heading(number: usize, shown: &Shown<'_>, tally: &Tally) -> String {
    let frames = counted(tally.frames, "frame", "frames");
    let share = share(tally.frames, shown.frames);
    format!("path {number}: {frames}, {share}, {}\n", first(tally, shown.several))
}

/// The first frame numbers.
fn first(tally: &Tally, several: bool) -> String {
    let numbers: Vec<String> = tally.first.iter().map(|&number| grouped(number)).collect();
    let more = if tally.frames > tally.first.len() as u64 { " …" } else { "" };
    let capture = if several { format!("in capture {} ", tally.capture + 1) } else { String::new() };
    let word = if tally.frames == 1 { "number" } else { "first" };
    format!("{word} {capture}{}{more}", numbers.join(" "))
}

/// A share to a tenth of a per cent, rounded down: only everything is 100 %.
fn share(part: u64, all: u64) -> String {
    let mille = (u128::from(part) * 1000).checked_div(u128::from(all)).unwrap_or(0);
    match mille {
        0 => "under 0.1 %".to_owned(),
        _ => format!("{}.{} %", mille / 10, mille % 10),
    }
}

/// The legs of a path, behind `indent`.
#[must_use]
pub fn block(names: Names<'_>, path: &FramePath, indent: &str) -> String {
    let mut told = Told { names, lines: Lines::default() };
    told.way(indent, indent, &path.legs);
    told.lines.render()
}

struct Told<'a> {
    names: Names<'a>,
    lines: Lines,
}

impl Told<'_> {
    /// A way: `first` stands before its first line, `rest` before the others.
    fn way(&mut self, first: &str, rest: &str, legs: &[Leg]) {
        let mut before = first;
        let visits = legs.iter().filter(|leg| matches!(leg, Leg::Visit(_))).count();
        let (mut visited, mut queued) = (0, None);
        for leg in legs {
            if matches!(leg, Leg::Visit(_)) {
                visited += 1;
            }
            if visits > VISITS_MAX && (VISITS_MAX..visits).contains(&visited) {
                if visited == VISITS_MAX && matches!(leg, Leg::Visit(_)) {
                    self.lines.plain(format!("{rest}… {} more hops …", visits - VISITS_MAX));
                }
                continue;
            }
            match leg {
                Leg::Queued(to) => {
                    queued = Some(to);
                    continue;
                }
                Leg::Visit(stop) => self.visit(before, queued.take(), stop),
                Leg::End(end) => self.end((before, rest), queued.take(), end),
                Leg::LeftOut { port, skip } => {
                    self.left_out((before, rest), self.names.port(*port), *skip);
                }
                Leg::Fork(arms) => self.fork(rest, arms),
                Leg::Untold => self.lines.plain(format!("{before}a story too long to be kept")),
            }
            before = rest;
        }
    }

    /// A poll of a port, and by which queue the frame came there.
    fn visit(&mut self, before: &str, by: Option<&Queued>, stop: &Stop) {
        let by = by.map_or_else(String::new, |queued| format!("{} → ", self.queue(queued)));
        let (port, what) = (self.names.port(stop.port), self.program(stop));
        self.lines.ruled(format!("{before}{by}{port}: {what}"), &Leg::Visit(stop.clone()).rules());
    }

    fn program(&self, stop: &Stop) -> String {
        let Some(program) = stop.program else { return "no program".to_owned() };
        let mut text = format!("`{}`", self.names.program(program));
        if let Some(call) = stop.call {
            text.push_str(&format!(", {}", self.call(call)));
        }
        if let Some(verdict) = stop.verdict {
            text.push_str(&format!(", {verdict}"));
        }
        if stop.stale {
            text.push_str(" to what an earlier frame had armed");
        }
        if stop.miss {
            text.push_str(" to the old index as an ifindex");
        }
        text
    }

    fn call(&self, call: Call) -> String {
        match call {
            Call::IfIndex { refused: false } => "bpf_redirect".to_owned(),
            Call::IfIndex { refused: true } => "bpf_redirect refuses its flags".to_owned(),
            Call::Map { map, lookup } => map_call(self.names.map(map), lookup),
            Call::Elsewhere { lookup } => map_call("a CPUMAP or XSKMAP", lookup),
        }
    }

    /// The port whose queue it is, and what the entry's program said.
    fn queue(&self, queued: &Queued) -> String {
        let mut text = self.names.port(queued.port).to_owned();
        if queued.kind == CopyKind::Tx {
            text.push_str(" by XDP_TX");
        }
        if let Some((program, verdict)) = queued.entry {
            text.push_str(&format!(", devmap program `{}`, {verdict}", self.names.program(program)));
        }
        if queued.first_decided {
            text.push_str(" (the queue's first frame decided which program)");
        }
        text
    }

    fn end(&mut self, (before, rest): (&str, &str), by: Option<&Queued>, end: &Finish) {
        let ran = by.is_some_and(|queued| queued.entry.is_some()) && end.fate.rule() != rule::DVP_02;
        let by = match (by, end.egress) {
            (Some(queued), _) => format!("{}: ", self.queue(queued)),
            (None, Some(port)) => format!("{}: ", self.names.port(port)),
            (None, None) => String::new(),
        };
        let Advice { why, hint } = advice::of_fate(end.fate);
        let rules = if ran { vec![rule::DVP_02, end.fate.rule()] } else { vec![end.fate.rule()] };
        let text = match Class::of(end.fate) {
            Class::Delivered => "delivered".to_owned(),
            Class::Passed => "passed to the stack".to_owned(),
            class => {
                let word = match class {
                    Class::Dropped => "dropped",
                    Class::Copied => "copied",
                    _ => "lost",
                };
                let errno = end.errno.map_or_else(String::new, |errno| format!("{errno}, "));
                format!("{word} at {}: {errno}{why}", end.fate.step().name())
            }
        };
        self.lines.ruled(format!("{before}{by}{text}"), &rules);
        if !end.fate.is_arrival() {
            self.lines.plain(format!("{rest}  → {hint}"));
        }
    }

    fn left_out(&mut self, (before, rest): (&str, &str), ports: &str, skip: Skip) {
        let Advice { why, hint } = advice::of_skip(skip);
        self.lines.ruled(format!("{before}{ports}: left out, {why}"), &[skip.rule()]);
        self.lines.plain(format!("{rest}  → {hint}"));
    }

    /// Neighbours that fared alike share a line.
    fn fork(&mut self, indent: &str, arms: &[FramePath]) {
        let runs: Vec<&[FramePath]> = arms.chunk_by(alike).collect();
        for (place, run) in runs.iter().enumerate() {
            let last = place + 1 == runs.len();
            let (first, rest) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let (first, rest) = (format!("{indent}{first}"), format!("{indent}{rest}"));
            match (*run, leaf(&run[0])) {
                ([_, _, ..], Some((_, Leaf::LeftOut(skip)))) => {
                    self.left_out((&first, &rest), &self.ports(run), skip);
                }
                ([_, _, ..], Some((_, Leaf::Delivered))) => {
                    let text = format!("{first}{}: each delivered", self.ports(run));
                    self.lines.ruled(text, &[Fate::Delivered.rule()]);
                }
                _ => run.iter().for_each(|arm| self.way(&first, &rest, &arm.legs)),
            }
        }
    }

    fn ports(&self, run: &[FramePath]) -> String {
        let names = run.iter().filter_map(leaf).map(|(port, _)| self.names.port(port));
        let shown: Vec<&str> = names.take(NAMED_MAX).collect();
        match run.len().saturating_sub(NAMED_MAX) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

/// A branch that is told in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaf {
    Delivered,
    LeftOut(Skip),
}

fn leaf(arm: &FramePath) -> Option<(DevId, Leaf)> {
    match arm.legs.as_slice() {
        [Leg::LeftOut { port, skip }] => Some((*port, Leaf::LeftOut(*skip))),
        [Leg::Queued(Queued { port, entry: None, first_decided: false, .. }), Leg::End(end)]
            if end.fate == Fate::Delivered =>
        {
            Some((*port, Leaf::Delivered))
        }
        _ => None,
    }
}

fn alike(a: &FramePath, b: &FramePath) -> bool {
    matches!((leaf(a), leaf(b)), (Some((_, a)), Some((_, b))) if a == b)
}

fn map_call(map: &str, lookup: Lookup) -> String {
    match lookup {
        Lookup::Found => format!("bpf_redirect_map({map})"),
        Lookup::Missing => format!("bpf_redirect_map({map}) finds nothing"),
        Lookup::Refused => format!("bpf_redirect_map({map}) refuses its flags"),
        Lookup::Broadcast => format!("broadcast to {map}"),
    }
}
