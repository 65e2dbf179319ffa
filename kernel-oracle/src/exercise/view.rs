//! A told case in the form that predicates ask about: visits to ports, polls, bulks.
//!
//! The story is frame by frame. A *visit* is a frame in one poll of one port; what its program's helper
//! calls, its verdict and its ways into bulk queues were. What happens to copies later (entry programs,
//! drivers) is kept in the order in which it happened.

use xdpsim_core::fate::Fate;
use xdpsim_core::scenario::{Op, PortSpec, ProgramKind, ProgramSpec};
use xdpsim_core::story::{DropReason, HelperCall, Step};
use xdpsim_core::{
    DevId, Errno, Event, IfIndex, MapId, MapKind, Nanos, ProgId, RedirectFlags, Skip, XdpAction,
};
use xdpsim_devmap::Entry;

use crate::case::Case;
use crate::model::Played;
use crate::transcript::Transcript;

/// A frame on its way into a bulk queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub dev: DevId,
    pub position: u8,
    pub clone: bool,
    pub prog: Option<ProgId>,
    pub own_prog: Option<ProgId>,
}

/// A frame in a poll.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub frame: u64,
    pub dev: DevId,
    pub len: u32,
    pub calls: Vec<HelperCall>,
    pub verdict: Option<XdpAction>,
    pub stale: bool,
    pub miss: Option<IfIndex>,
    pub skipped: Vec<(DevId, Skip)>,
    pub queued: Vec<Queued>,
    pub partial: Vec<DevId>,
    /// Where it went in generic mode, in order.
    pub skbs: Vec<Skb>,
    /// Why it was freed there.
    pub freed: Option<DropReason>,
    /// How it ended, if it ended before any driver saw it.
    pub end: Option<(Fate, Option<DevId>)>,
}

/// An skb that was redirected in generic mode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skb {
    pub dev: DevId,
    /// The program of its entry.
    pub prog: Option<ProgId>,
    /// Did the device take it? Not if the program did not pass it.
    pub taken: bool,
}

/// Frames of one poll, as indexes of visits.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    pub dev: DevId,
    pub time: Nanos,
    pub visits: std::ops::Range<usize>,
}

/// A bulk at a driver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulk {
    pub err: Option<Errno>,
    pub flush: bool,
}

/// A run of a devmap program.
#[derive(Clone, Debug)]
pub(super) struct EntryRun {
    /// In which poll, by index.
    pub poll: usize,
    pub dev: DevId,
    pub prog: ProgId,
    pub act: XdpAction,
    pub calls: Vec<HelperCall>,
    /// How many verdicts of the poll had been acted on.
    pub after_visits: usize,
}

/// A told case.
pub struct View<'a> {
    pub(super) case: &'a Case,
    pub(super) played: &'a Played,
    pub(super) visits: Vec<Visit>,
    pub(super) polls: Vec<Poll>,
    pub(super) bulks: Vec<Bulk>,
    pub(super) entries: Vec<EntryRun>,
    /// The same in generic mode.
    pub(super) inline: Vec<EntryRun>,
    /// Fates in order, with the port and the length at the arrival.
    pub(super) ends: Vec<(Fate, Option<DevId>)>,
    /// Frames in rings that nobody was woken for when they got there.
    pub(super) unwoken: Vec<(u64, DevId)>,
}

impl<'a> View<'a> {
    /// Of a case that was played with its story ([`crate::model::tell`]).
    #[must_use]
    pub fn new(case: &'a Case, played: &'a Played) -> Self {
        let mut view = Self {
            case,
            played,
            visits: Vec::new(),
            polls: Vec::new(),
            bulks: Vec::new(),
            entries: Vec::new(),
            inline: Vec::new(),
            ends: Vec::new(),
            unwoken: Vec::new(),
        };
        let mut reader = Reader { at: vec![None; frames(case)], calls: Vec::new(), acted: 0 };
        played.story.iter().for_each(|told| reader.read(&mut view, told.frame.0, told.step));
        view
    }

    pub(super) fn transcript(&self) -> &Transcript {
        &self.played.transcript
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.played.transcript.events
    }

    /// Does some visit do this?
    pub(super) fn visit(&self, is: impl Fn(&Visit) -> bool) -> bool {
        self.visits.iter().any(is)
    }

    /// Does some helper call of a port's program do this?
    pub(super) fn call(&self, is: impl Fn(&MapCall) -> bool) -> bool {
        self.visits.iter().flat_map(|visit| &visit.calls).filter_map(MapCall::of).any(|call| is(&call))
    }

    /// Does some poll do this? It is given its visits.
    pub(super) fn poll(&self, is: impl Fn(&[Visit]) -> bool) -> bool {
        self.polls.iter().any(|poll| is(&self.visits[poll.visits.clone()]))
    }

    /// Do two visits that follow each other in a poll do this?
    pub(super) fn pair(&self, is: impl Fn(&Visit, &Visit) -> bool) -> bool {
        self.poll(|visits| visits.windows(2).any(|two| is(&two[0], &two[1])))
    }

    pub(super) fn event(&self, is: impl Fn(&Event) -> bool) -> bool {
        self.events().iter().any(is)
    }

    /// Does a frame end so?
    pub(super) fn fate(&self, fate: Fate) -> bool {
        self.ends.iter().any(|&(one, _)| one == fate)
    }

    /// What the scenario says about a port; nothing about far ends.
    pub(super) fn spec(&self, dev: DevId) -> Option<&'a PortSpec> {
        self.case.scenario.ports.get(dev.0 as usize)
    }

    pub(super) fn netns(&self, dev: DevId) -> Option<&str> {
        self.spec(dev)?.netns.as_deref()
    }

    pub(super) fn kind(&self, map: MapId) -> Option<MapKind> {
        self.played.plan.maps().kind(map)
    }

    /// Is the map in a map of maps?
    pub(super) fn is_inner(&self, map: u32) -> bool {
        let maps = self.played.plan.maps();
        let name = maps.get(MapId(map)).map(|map| map.attr().name.as_str());
        name.is_some_and(|name| name.starts_with("inner"))
    }

    /// The program that an entry's id names.
    pub(super) fn entry_program(&self, prog: ProgId) -> Option<&ProgramSpec> {
        self.case.scenario.programs.get(prog.0 as usize - 1)
    }

    /// Does the program that ran for this visit contain such a step?
    pub(super) fn program_has(&self, visit: &Visit, is: impl Fn(&Op) -> bool) -> bool {
        let name = self.spec(visit.dev).and_then(|port| port.xdp.as_deref());
        let program = self.case.scenario.programs.iter().find(|program| Some(program.name.as_str()) == name);
        program.is_some_and(|program| has_op(program, is))
    }

    /// Does an entry's program that ran contain such a step?
    pub(super) fn entry_has(&self, is: impl Fn(&Op) -> bool + Copy) -> bool {
        let program = |run: &EntryRun| self.entry_program(run.prog);
        self.entries.iter().filter_map(program).any(|program| has_op(program, is))
    }
}

fn has_op(program: &ProgramSpec, is: impl Fn(&Op) -> bool) -> bool {
    matches!(&program.kind, ProgramKind::Script(cycle) if cycle.iter().flatten().any(is))
}

fn frames(case: &Case) -> usize {
    case.bursts.iter().map(|burst| burst.frames.len()).sum()
}

/// Reads a story.
struct Reader {
    /// Each frame's latest visit.
    at: Vec<Option<usize>>,
    /// Helper calls since the last verdict.
    calls: Vec<HelperCall>,
    /// Verdicts since the poll began.
    acted: usize,
}

impl Reader {
    fn read(&mut self, view: &mut View<'_>, frame: u64, step: Step) {
        let at = self.at[frame as usize];
        let visit = at.and_then(|at| view.visits.get_mut(at));
        match step {
            Step::Polled { dev, time, position, len, .. } => {
                self.polled(view, frame, (dev, time, position, len))
            }
            Step::Helper(call) => self.calls.push(call),
            Step::Verdict { act } => {
                self.acted += 1;
                if let Some(visit) = visit {
                    (visit.verdict, visit.calls) = (Some(act), std::mem::take(&mut self.calls));
                }
            }
            Step::EntryProgram { dev, prog, act } => {
                let run = EntryRun {
                    poll: view.polls.len().saturating_sub(1),
                    dev,
                    prog,
                    act,
                    calls: std::mem::take(&mut self.calls),
                    after_visits: self.acted,
                };
                let inline = visit.is_some_and(|visit| !visit.skbs.is_empty());
                if inline { view.inline.push(run) } else { view.entries.push(run) }
            }
            Step::Xmit { position: 0, err, flush, .. } => view.bulks.push(Bulk { err, flush }),
            Step::Hop { to, woken: false, .. } => view.unwoken.push((frame, to)),
            Step::Enqueued { dev, position, clone, prog, own_prog } => {
                visit
                    .into_iter()
                    .for_each(|visit| visit.queued.push(Queued { dev, position, clone, prog, own_prog }));
            }
            Step::GenericRedirect { dev, prog, .. } => {
                visit.into_iter().for_each(|visit| visit.skbs.push(Skb { dev, prog, taken: false }));
            }
            Step::Freed { reason } => visit.into_iter().for_each(|visit| visit.freed = Some(reason)),
            Step::StartXmit { dev, taken } => {
                let last = visit.and_then(|visit| visit.skbs.last_mut());
                last.filter(|skb| skb.dev == dev).into_iter().for_each(|skb| skb.taken = taken);
            }
            Step::StaleTarget => visit.into_iter().for_each(|visit| visit.stale = true),
            Step::MissAsIfIndex { ifindex } => visit.into_iter().for_each(|visit| visit.miss = Some(ifindex)),
            Step::Skipped { dev, skip } => {
                visit.into_iter().for_each(|visit| visit.skipped.push((dev, skip)))
            }
            Step::PartialFlush { dev } => visit.into_iter().for_each(|visit| visit.partial.push(dev)),
            Step::End { fate, egress, .. } => {
                view.ends.push((fate, egress));
                if let Some(visit) = visit.filter(|visit| visit.queued.is_empty() && visit.skbs.is_empty()) {
                    visit.end = Some((fate, egress));
                }
            }
            Step::Program { .. } | Step::Xmit { .. } | Step::Hop { .. } => {}
            // No kernel has them.
            Step::Groups { .. } | Step::Bug { .. } => {}
        }
    }

    fn polled(
        &mut self,
        view: &mut View<'_>,
        frame: u64,
        (dev, time, position, len): (DevId, Nanos, u16, u32),
    ) {
        let no = view.visits.len();
        self.at[frame as usize] = Some(no);
        view.visits.push(Visit {
            frame,
            dev,
            len,
            calls: Vec::new(),
            verdict: None,
            stale: false,
            miss: None,
            skipped: Vec::new(),
            queued: Vec::new(),
            partial: Vec::new(),
            skbs: Vec::new(),
            freed: None,
            end: None,
        });
        if position == 0 {
            self.acted = 0;
            view.polls.push(Poll { dev, time, visits: no..no });
        }
        if let Some(poll) = view.polls.last_mut() {
            poll.visits.end = no + 1;
        }
    }
}

/// A call of `bpf_redirect_map()`.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapCall {
    pub map: MapId,
    pub key: u64,
    pub flags: u64,
    pub found: Option<Entry>,
    pub refused: bool,
    pub returned: XdpAction,
}

impl MapCall {
    pub fn of(call: &HelperCall) -> Option<Self> {
        match *call {
            HelperCall::RedirectMap { map, key, flags, returned, found, refused } => {
                Some(Self { map, key, flags, found, refused, returned })
            }
            HelperCall::Redirect { .. }
            | HelperCall::Elsewhere { .. }
            | HelperCall::RedirectGroups { .. }
            | HelperCall::RedirectMulti { .. } => None,
        }
    }

    pub fn broadcasts(&self) -> bool {
        !self.refused && self.flags & RedirectFlags::BROADCAST.bits() != 0
    }

    pub fn excludes(&self) -> bool {
        self.flags & RedirectFlags::EXCLUDE_INGRESS.bits() != 0
    }

    pub fn low_bits(&self) -> u64 {
        self.flags & RedirectFlags::ACTION_MASK
    }

    /// A lookup that failed and armed an ifindex.
    pub fn missed(&self) -> bool {
        !self.refused && !self.broadcasts() && self.found.is_none()
    }
}

/// Did the call arm a target of its own?
pub(super) fn armed(call: &HelperCall) -> bool {
    match (call, MapCall::of(call)) {
        (HelperCall::Redirect { flags, .. }, _) => *flags == 0,
        (HelperCall::Elsewhere { returned, .. }, _) => *returned == XdpAction::REDIRECT,
        (_, Some(call)) => !call.refused && !call.missed(),
        _ => false,
    }
}

impl Visit {
    pub fn redirects(&self) -> bool {
        self.verdict == Some(XdpAction::REDIRECT)
    }

    /// The last call that armed anything was a broadcast.
    pub fn broadcast(&self) -> Option<MapCall> {
        let last = self.calls.iter().rev().find(|call| armed(call)).and_then(MapCall::of);
        last.filter(|call| self.redirects() && call.broadcasts())
    }

    /// Redirected by `bpf_redirect()`, its last call.
    pub fn by_ifindex(&self) -> Option<IfIndex> {
        match self.calls.last() {
            Some(&HelperCall::Redirect { ifindex, flags: 0, .. }) if self.redirects() => Some(ifindex),
            _ => None,
        }
    }

    /// Redirected by the entry that its last call found.
    pub fn by_entry(&self) -> Option<MapCall> {
        let last = self.calls.last().and_then(MapCall::of);
        last.filter(|call| self.redirects() && !call.broadcasts() && !call.refused && call.found.is_some())
    }

    pub fn is_armed(&self) -> bool {
        self.calls.iter().any(armed)
    }

    pub fn failed(&self) -> bool {
        self.redirects() && self.queued.is_empty() && self.end.is_some_and(|(fate, _)| fate != Fate::Nobody)
    }

    pub fn ended(&self, fates: &[Fate]) -> bool {
        self.end.is_some_and(|(fate, _)| fates.contains(&fate))
    }
}
