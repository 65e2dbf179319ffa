//! A path: the legs that all its frames have in common.
//!
//! Made from a frame's [`Story`], so a path never says anything that `explain --frame` does not say of each
//! of its frames.

use xdpsim_core::rule::{self, RuleId};
use xdpsim_core::story::HelperCall;
use xdpsim_core::{DevId, Errno, Fate, MapId, ProgId, RedirectFlags, Skip, XdpAction};

use crate::explain::{Copy, CopyKind, End, Happened, Story, Visit};

/// What happened to a frame, one leg after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FramePath {
    /// The legs in order. Only the last one can be a fork; behind a fork there can be an end.
    pub legs: Vec<Leg>,
}

/// One leg of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// Polled at a port.
    Visit(Stop),
    /// A broadcast: one path for each target, in the order in which the kernel gets to it.
    Fork(Vec<FramePath>),
    /// The target got nothing.
    LeftOut {
        /// The target.
        port: DevId,
        /// Why.
        skip: Skip,
    },
    /// Into the queue of a port, and what the port's driver and entry did with it.
    Queued(Queued),
    /// The end.
    End(Finish),
    /// The story was too long to be kept.
    Untold,
}

/// What happened in a poll of a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stop {
    /// The port.
    pub port: DevId,
    /// Its program.
    pub program: Option<ProgId>,
    /// Its last helper call.
    pub call: Option<Call>,
    /// Its verdict.
    pub verdict: Option<XdpAction>,
    /// Did it use a target that an earlier frame had armed (HLP-21)?
    pub stale: bool,
    /// Was an ifindex armed by a failed lookup (HLP-12)?
    pub miss: bool,
}

/// A helper call, without its keys and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// `bpf_redirect()`; with or without flags, which it does not take.
    IfIndex {
        /// Were there flags?
        refused: bool,
    },
    /// `bpf_redirect_map()`.
    Map {
        /// The map.
        map: MapId,
        /// What came of it.
        lookup: Lookup,
    },
    /// `bpf_redirect_map()` on a CPUMAP or XSKMAP.
    Elsewhere {
        /// What came of it.
        lookup: Lookup,
    },
}

/// What `bpf_redirect_map()` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lookup {
    /// The key is in the map.
    Found,
    /// It is not.
    Missing,
    /// The map does not know the flags.
    Refused,
    /// The whole map is the target.
    Broadcast,
}

/// A frame, or a copy of it, in a port's queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queued {
    /// The port.
    pub port: DevId,
    /// The frame itself, a clone, or XDP_TX.
    pub kind: CopyKind,
    /// The devmap program that ran and its verdict.
    pub entry: Option<(ProgId, XdpAction)>,
    /// Did the queue's first frame decide which program ran, against this frame's entry (ENQ-04)?
    pub first_decided: bool,
}

/// How a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finish {
    /// How.
    pub fate: Fate,
    /// By which port, if it was to leave by one.
    pub egress: Option<DevId>,
    /// The errno.
    pub errno: Option<Errno>,
}

impl FramePath {
    /// The path of a frame with this story.
    #[must_use]
    pub fn of(story: &Story) -> Self {
        let mut legs = Vec::new();
        for (place, visit) in story.visits.iter().enumerate() {
            if visit.from.is_none() {
                legs.extend(visits(story, place));
            }
        }
        legs.extend(story.end.as_ref().map(|end| Leg::End(end.into())));
        Self { legs }
    }

    /// The path of a frame whose story was not kept.
    #[must_use]
    pub fn untold() -> Self {
        Self { legs: vec![Leg::Untold] }
    }

    /// Calls `with` for every leg, branches included, in the order in which they are told.
    pub fn walk<'a>(&'a self, with: &mut impl FnMut(&'a Leg)) {
        for leg in &self.legs {
            with(leg);
            if let Leg::Fork(arms) = leg {
                arms.iter().for_each(|arm| arm.walk(with));
            }
        }
    }

    /// How many legs there are: what keeping the path costs.
    #[must_use]
    pub fn size(&self) -> usize {
        let mut size = 1;
        self.walk(&mut |_| size += 1);
        size
    }
}

impl Leg {
    /// The rules that decided it.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleId> {
        match self {
            Self::Visit(stop) => stop.rules(),
            Self::LeftOut { skip, .. } => vec![skip.rule()],
            Self::Queued(queued) => queued.rules(),
            Self::End(finish) => vec![finish.fate.rule()],
            Self::Fork(_) => vec![rule::BRD_01],
            Self::Untold => Vec::new(),
        }
    }

    /// The port that it is about.
    #[must_use]
    pub fn port(&self) -> Option<DevId> {
        match self {
            Self::Visit(stop) => Some(stop.port),
            Self::LeftOut { port, .. } => Some(*port),
            Self::Queued(queued) => Some(queued.port),
            Self::End(finish) => finish.egress,
            Self::Fork(_) | Self::Untold => None,
        }
    }
}

impl Stop {
    fn rules(&self) -> Vec<RuleId> {
        let call = match self.call {
            None => None,
            Some(Call::IfIndex { .. }) => Some(rule::HLP_01),
            Some(Call::Map { lookup: Lookup::Missing, .. } | Call::Elsewhere { lookup: Lookup::Missing }) => {
                Some(rule::HLP_04)
            }
            Some(Call::Map { lookup: Lookup::Broadcast, .. }) => Some(rule::HLP_08),
            Some(Call::Map { .. } | Call::Elsewhere { .. }) => Some(rule::HLP_03),
        };
        let verdict = self.verdict.map(|verdict| match verdict {
            XdpAction::REDIRECT => rule::RED_01,
            XdpAction(0..=3) => rule::HLP_13,
            _ => rule::HLP_15,
        });
        let odd = [self.stale.then_some(rule::HLP_21), self.miss.then_some(rule::HLP_12)];
        call.into_iter().chain(verdict).chain(odd.into_iter().flatten()).collect()
    }
}

impl Queued {
    fn rules(&self) -> Vec<RuleId> {
        let first = if self.kind == CopyKind::Tx { rule::DRV_08 } else { rule::ENQ_01 };
        let entry = self.entry.map(|_| rule::DVP_02);
        let decided = self.first_decided.then_some(rule::ENQ_04);
        [Some(first), entry, decided].into_iter().flatten().collect()
    }
}

impl From<&End> for Finish {
    fn from(end: &End) -> Self {
        Self { fate: end.fate, egress: end.egress, errno: end.errno }
    }
}

/// A visit and what came of it. Ports behind veths nest no deeper than a scenario's limit of hops.
fn visits(story: &Story, place: usize) -> Vec<Leg> {
    let visit = &story.visits[place];
    let mut legs = vec![Leg::Visit(stop(visit))];
    let happened: Vec<FramePath> =
        visit.happened.iter().filter_map(|&happened| branch(story, happened)).collect();
    match happened.len() {
        0 => {}
        1 if matches!(happened[0].legs[0], Leg::Queued(_)) => {
            legs.extend(happened.into_iter().flat_map(|only| only.legs));
        }
        _ => legs.push(Leg::Fork(happened)),
    }
    legs.extend(visit.end.as_ref().map(|end| Leg::End(end.into())));
    legs
}

/// A full queue that was flushed first is nothing that happened to this frame.
fn branch(story: &Story, happened: Happened) -> Option<FramePath> {
    let legs = match happened {
        Happened::PartialFlush(_) => return None,
        Happened::Skipped(port, skip) => vec![Leg::LeftOut { port, skip }],
        Happened::Queued(place) => {
            let copy = &story.copies[place];
            let mut legs = vec![Leg::Queued(queued(copy))];
            legs.extend(copy.next.into_iter().flat_map(|next| visits(story, next)));
            legs.extend(copy.end.as_ref().map(|end| Leg::End(end.into())));
            legs
        }
    };
    Some(FramePath { legs })
}

fn stop(visit: &Visit) -> Stop {
    Stop {
        port: visit.dev,
        program: visit.prog,
        call: visit.calls.last().map(call),
        verdict: visit.verdict,
        stale: visit.stale,
        miss: visit.miss.is_some(),
    }
}

fn call(call: &HelperCall) -> Call {
    match *call {
        HelperCall::Redirect { flags, .. } => Call::IfIndex { refused: flags != 0 },
        HelperCall::RedirectMap { map, flags, found, refused, .. } => {
            let lookup = match found {
                _ if refused => Lookup::Refused,
                _ if flags & RedirectFlags::BROADCAST.bits() != 0 => Lookup::Broadcast,
                Some(_) => Lookup::Found,
                None => Lookup::Missing,
            };
            Call::Map { map, lookup }
        }
        HelperCall::RedirectGroups { map, found, refused, .. } => {
            let lookup = match found {
                _ if refused => Lookup::Refused,
                Some(_) => Lookup::Broadcast,
                None => Lookup::Missing,
            };
            Call::Map { map, lookup }
        }
        HelperCall::RedirectMulti { map, refused, .. } => {
            Call::Map { map, lookup: if refused { Lookup::Refused } else { Lookup::Broadcast } }
        }
        HelperCall::Elsewhere { flags, found, .. } => Call::Elsewhere {
            lookup: match found {
                _ if flags & !RedirectFlags::ACTION_MASK != 0 => Lookup::Refused,
                true => Lookup::Found,
                false => Lookup::Missing,
            },
        },
    }
}

fn queued(copy: &Copy) -> Queued {
    Queued {
        port: copy.dev,
        kind: copy.kind,
        entry: copy.entry.as_ref().map(|ran| (ran.prog, ran.act)),
        first_decided: copy.prog != copy.own_prog,
    }
}
