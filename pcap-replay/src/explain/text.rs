//! A story in words: one line a step, copies as branches.

use xdpsim_core::rule::{self, RuleId};
use xdpsim_core::story::HelperCall;
use xdpsim_core::{RedirectFlags, XdpAction};

use super::lines::Lines;
use super::names::Names;
use super::tree::{Copy, End, Happened, Story, Visit};
use super::{Subject, words};
use crate::output::advice;

/// Rounds of a loop that are told before the rest is summed up.
const ROUNDS_MAX: usize = 4;

/// The whole story.
#[must_use]
pub fn render(names: Names<'_>, subject: &Subject, story: &Story) -> String {
    let Subject { capture, frame, title } = subject;
    let mut told = Told { names, story, lines: Lines::default() };
    if let Some(end) = &story.end {
        told.end("", end);
    }
    if !story.visits.is_empty() {
        told.way("", 0);
    }
    format!("frame {frame} of {capture}\n{title}\n\n{}", told.lines.render())
}

struct Told<'a> {
    names: Names<'a>,
    story: &'a Story,
    lines: Lines,
}

impl Told<'_> {
    /// A visit and, where only one copy goes on from it, the visits after it.
    fn way(&mut self, indent: &str, first: usize) {
        let way = self.straight_on(first);
        let skip = way.len().saturating_sub(ROUNDS_MAX + 1);
        for (round, &place) in way.iter().enumerate() {
            if skip > 0 && round >= ROUNDS_MAX && round + 1 < way.len() {
                if round == ROUNDS_MAX {
                    self.lines.ruled(format!("{indent}… {skip} more rounds like these …"), &[rule::HLP_18]);
                }
                continue;
            }
            let last = round + 1 == way.len();
            self.visit(indent, &self.story.visits[place], last);
        }
    }

    /// The visits that follow each other without a branch.
    fn straight_on(&self, first: usize) -> Vec<usize> {
        let mut way = vec![first];
        let mut visit = &self.story.visits[first];
        while let [Happened::Queued(copy)] = visit.happened.as_slice()
            && let Some(next) = self.story.copies[*copy].next
        {
            way.push(next);
            visit = &self.story.visits[next];
        }
        way
    }

    fn visit(&mut self, indent: &str, visit: &Visit, last: bool) {
        self.say(indent, words::polled(self.names, visit));
        let inner = format!("{indent}  ");
        match visit.prog {
            None => self.lines.plain(format!("{inner}no program")),
            Some(prog) => self.program(&inner, visit, prog),
        }
        self.calls(&inner, &visit.calls);
        if let Some(act) = visit.verdict {
            self.say(&inner, words::verdict(act));
        }
        if visit.stale {
            self.say(&inner, words::stale());
        }
        if let Some(ifindex) = visit.miss {
            self.say(&inner, words::miss(ifindex));
        }
        if let Some(groups) = visit.groups {
            self.say(&inner, words::groups(self.names, groups));
        }
        for &bug in &visit.bugs {
            self.say(&inner, words::bug(bug));
        }
        self.happened(&inner, visit, last);
        if let Some(reason) = visit.freed {
            self.say(&inner, words::freed(reason));
        }
        if let Some(end) = &visit.end {
            self.end(&inner, end);
        }
    }

    fn program(&mut self, indent: &str, visit: &Visit, prog: xdpsim_core::ProgId) {
        let text = format!("{indent}program `{}` runs", self.names.program(prog));
        match self.names.is_generic(visit.dev) {
            true => self.lines.ruled(format!("{text} in generic mode"), &[rule::GEN_01]),
            false => self.lines.plain(text),
        }
    }

    fn happened(&mut self, indent: &str, visit: &Visit, last: bool) {
        let broadcast = broadcast(visit);
        if let [Happened::Queued(copy)] = visit.happened.as_slice() {
            let copy = &self.story.copies[*copy];
            let next = copy.next.filter(|_| last);
            return self.copy(indent, indent, copy, broadcast, next);
        }
        for (i, happened) in visit.happened.iter().enumerate() {
            let more = i + 1 < visit.happened.len();
            let (first, rest) = if more { ("├─ ", "│  ") } else { ("└─ ", "   ") };
            let (first, rest) = (format!("{indent}{first}"), format!("{indent}{rest}"));
            match *happened {
                Happened::Skipped(dev, skip) => {
                    let why = advice::of_skip(skip).why;
                    self.lines
                        .ruled(format!("{first}{} is left out: {why}", self.names.port(dev)), &[skip.rule()]);
                }
                Happened::PartialFlush(dev) => {
                    let port = self.names.port(dev);
                    let text =
                        format!("{first}the bulk queue of {port} is full: its 16 frames are flushed first");
                    self.lines.ruled(text, &[rule::ENQ_03]);
                }
                Happened::Queued(copy) => {
                    let copy = &self.story.copies[copy];
                    self.copy(&first, &rest, copy, broadcast, copy.next);
                }
            }
        }
    }

    fn copy(&mut self, first: &str, rest: &str, copy: &Copy, broadcast: Option<RuleId>, next: Option<usize>) {
        self.say(first, words::queued(self.names, copy, broadcast));
        if let Some(said) = words::other_program(self.names, copy) {
            self.say(rest, said);
        }
        if let Some(ran) = &copy.entry {
            self.say(rest, words::entry_program(self.names, copy, ran.prog));
            self.calls(rest, &ran.calls);
            self.say(rest, words::entry_verdict(ran.act));
        }
        if let Some(xmit) = &copy.xmit {
            self.say(rest, words::xmit(copy, xmit));
        }
        if let Some((to, woken)) = copy.hop {
            self.say(rest, words::hop(self.names, copy, to, woken));
        }
        if let Some(next) = next {
            self.way(rest, next);
        }
        if let Some(end) = &copy.end {
            self.end(rest, end);
        }
    }

    fn calls(&mut self, indent: &str, calls: &[HelperCall]) {
        for call in calls {
            let (call, outcome) = words::call(self.names, call);
            self.lines.plain(format!("{indent}  {call}"));
            self.say(&format!("{indent}    "), outcome);
        }
    }

    fn end(&mut self, indent: &str, end: &End) {
        let text = format!("{indent}{}", words::end(self.names, end));
        match words::advice(end) {
            None => self.lines.ruled(text, &[end.fate.rule()]),
            Some((why, hint)) => {
                self.lines.plain(text);
                self.lines.plain(format!("{indent}  {why}"));
                self.lines.plain(format!("{indent}  → {hint}"));
            }
        }
    }

    fn say(&mut self, indent: &str, (text, rules): words::Said) {
        self.lines.ruled(format!("{indent}{text}"), &rules);
    }
}

/// Did a broadcast make these? Its last helper call says so; where an earlier frame's call counts, the
/// number of targets does.
fn broadcast(visit: &Visit) -> Option<RuleId> {
    let targets = visit.happened.iter().filter(|happened| !matches!(happened, Happened::PartialFlush(_)));
    let rule = match visit.calls.last() {
        _ if visit.groups.is_some() => rule::MCAST_17,
        Some(HelperCall::RedirectMulti { refused: false, .. }) => rule::MCAST_45,
        Some(HelperCall::RedirectMap { flags, refused: false, .. })
            if flags & RedirectFlags::BROADCAST.bits() != 0 =>
        {
            rule::BRD_01
        }
        _ if targets.count() > 1 => rule::BRD_01,
        _ => return None,
    };
    (visit.verdict == Some(XdpAction::REDIRECT)).then_some(rule)
}
