//! FLU and DVP: the flush and devmap programs.

use std::collections::BTreeMap;

use xdpsim_core::fate::Fate;
use xdpsim_core::scenario::{KeySource, Op, ProgramKind};
use xdpsim_core::{DevId, Errno, Event, ProgId, XdpAction};

use super::enqueue::{in_partial_flush, partial_flush, queued};
use super::view::{EntryRun, View, Visit};
use super::{Clause, clause};

pub(super) const CLAUSES: &[Clause] = &[
    clause("FLU-01.a", "a poll with several redirects ends", |v| {
        v.poll(|visits| visits.iter().filter(|visit| queued(visit)).count() > 1)
    }),
    clause("FLU-01.b", "a poll without a redirect", |v| {
        v.poll(|visits| !visits.iter().any(Visit::redirects))
    }),
    clause("FLU-02.a", "devices queued to by map and by ifindex in one poll", |v| {
        v.poll(|visits| {
            let by_map = visits.iter().any(|visit| visit.by_entry().is_some() && queued(visit));
            by_map && visits.iter().any(|visit| visit.by_ifindex().is_some() && queued(visit))
        })
    }),
    clause("FLU-03.a", "several devices are flushed at the end of a poll", |v| {
        v.poll(|visits| first_uses(visits).len() > 1)
    }),
    clause("FLU-03.b", "several frames for one device", |v| {
        v.poll(|visits| visits.iter().flat_map(|visit| &visit.queued).any(|one| one.position > 0))
    }),
    clause("FLU-04.b", "a queue with a program is flushed", |v| !v.entries.is_empty()),
    clause("FLU-04.c", "a partial and a final flush", |v| {
        partial_flush(v) && v.bulks.iter().any(|bulk| bulk.flush) && v.bulks.iter().any(|bulk| !bulk.flush)
    }),
    clause("FLU-04.d", "the driver answers an errno", |v| v.bulks.iter().any(|bulk| bulk.err.is_some())),
    clause("FLU-04.e", "the driver takes the first frames only", |v| {
        v.fate(Fate::RingFull) || v.fate(Fate::PeerTooLong)
    }),
    clause("FLU-04.f", "a transmit event", |v| v.event(|event| matches!(event, Event::DevmapXmit { .. }))),
    clause("FLU-05.a", "drops by a program and a driver's refusals in one event", mixed_drops),
    clause("FLU-05.b", "drops without an errno", |v| {
        v.event(|event| matches!(event, Event::DevmapXmit { drops: 1.., err: None, .. }))
    }),
    clause("FLU-06.a", "the program drops the whole bulk", all_dropped),
    clause("FLU-06.b", "frames of a partial flush wait although the poll is over", |v| unwoken(v, |_| true)),
    clause("FLU-06.c", "such frames are released by later ones", released),
    clause("FLU-07.a", "every redirect of a poll failed", |v| {
        v.poll(|visits| {
            visits.iter().any(Visit::failed)
                && !visits.iter().any(|visit| visit.redirects() && !visit.failed())
        })
    }),
    clause("FLU-08.a", "two polls whose first frames bring a device different programs", program_changes),
    clause("FLU-09.a", "the driver refuses frames", |v| {
        v.fate(Fate::RingFull) || v.fate(Fate::PeerTooLong) || v.fate(Fate::NoNapi)
    }),
    clause("DVP-01.a", "a devmap program runs", |v| !v.entries.is_empty()),
    clause("DVP-02.a", "a devmap program passes", |v| act(v, |act| act == XdpAction::PASS)),
    clause("DVP-02.c", "a devmap program drops", |v| act(v, |act| act == XdpAction::DROP)),
    clause("DVP-02.d", "a devmap program aborts", |v| act(v, |act| act == XdpAction::ABORTED)),
    clause("DVP-02.e", "a devmap program returns TX, REDIRECT or an unknown verdict", |v| {
        act(v, |act| act.0 > 2)
    }),
    clause(
        "DVP-02.f",
        "a devmap program keeps some frames of a bulk behind others that it does not",
        kept_behind,
    ),
    clause("DVP-03.a", "a devmap program uses its ingress ifindex as a key", |v| {
        entry_key(v, &KeySource::IngressIfindex)
    }),
    clause("DVP-03.c", "a devmap program uses its receive queue as a key", |v| {
        entry_key(v, &KeySource::RxQueueIndex)
    }),
    clause("DVP-03.d", "a devmap program uses all the headroom there is", |v| {
        v.entry_has(|op| matches!(op, Op::AdjustHead(..=-216) | Op::AdjustMeta(..=-216)))
    }),
    clause("DVP-04.a", "a devmap program writes", writes),
    clause("DVP-04.b", "a devmap program moves head or tail", |v| {
        v.entry_has(|op| matches!(op, Op::AdjustHead(_) | Op::AdjustTail(_) | Op::AdjustMeta(_)))
    }),
    clause("DVP-04.c", "a devmap program makes frames longer", |v| {
        v.entry_has(|op| matches!(op, Op::AdjustTail(1..) | Op::AdjustHead(..=-1)))
    }),
    clause("DVP-05.a", "a devmap program writes to one of several copies", |v| {
        writes(v) && v.visit(|visit| visit.queued.len() > 1)
    }),
    clause("DVP-06.a", "a broadcast to devices of which one has a program", |v| {
        v.visit(|visit| visit.queued.len() > 1 && visit.queued.iter().any(|one| one.prog.is_some()))
    }),
    clause("DVP-07.a", "a devmap program returns TX or REDIRECT", |v| {
        act(v, |act| act == XdpAction::TX || act == XdpAction::REDIRECT)
    }),
    clause("DVP-08.a", "a devmap program drops behind a successful redirect", |v| v.fate(Fate::EntryDropped)),
    clause("DVP-09.a", "a devmap program's call is used by a frame of the port", entry_call_used),
];

fn act(v: &View<'_>, is: impl Fn(XdpAction) -> bool) -> bool {
    v.entries.iter().any(|run| is(run.act))
}

/// Devices in the order in which a poll first used them.
fn first_uses(visits: &[Visit]) -> Vec<DevId> {
    let mut order = Vec::new();
    for one in visits.iter().flat_map(|visit| &visit.queued) {
        if !order.contains(&one.dev) {
            order.push(one.dev);
        }
    }
    order
}

fn writes(v: &View<'_>) -> bool {
    let rewrites = |run: &EntryRun| {
        v.entry_program(run.prog).is_some_and(|program| matches!(program.kind, ProgramKind::Rewrite { .. }))
    };
    v.entry_has(|op| matches!(op, Op::SetByte { .. })) || v.entries.iter().any(rewrites)
}

fn entry_key(v: &View<'_>, source: &KeySource) -> bool {
    v.entries
        .iter()
        .filter_map(|run| v.entry_program(run.prog))
        .any(|program| matches!(&program.kind, ProgramKind::RedirectMap { key, .. } if key == source))
}

/// A run in a partial flush calls a helper, and a later frame of the poll has no call of its own.
pub(super) fn entry_call_used(v: &View<'_>) -> bool {
    v.entries.iter().any(|run| {
        let later = v.polls[run.poll].visits.start + run.after_visits;
        let rest = &v.visits[later.min(v.polls[run.poll].visits.end)..v.polls[run.poll].visits.end];
        !run.calls.is_empty()
            && in_partial_flush(v, run.poll, run.after_visits)
            && rest.first().is_some_and(|visit| visit.stale)
    })
}

/// Does the far end of a device hold frames that nobody was woken for?
fn unwoken(v: &View<'_>, is: impl Fn(u64) -> bool) -> bool {
    v.fate(Fate::Stuck) || v.unwoken.iter().any(|&(frame, _)| is(frame) && v.fate(Fate::EntryDropped))
}

fn all_dropped(v: &View<'_>) -> bool {
    let nothing_sent =
        |event: &Event| matches!(event, Event::DevmapXmit { sent: 0, drops: 1.., err: None, .. });
    v.event(nothing_sent) && v.entries.iter().any(|run| run.act != XdpAction::PASS)
}

/// A partial flush filled a ring, the rest of the poll's bulk was dropped, and the frames left later.
fn released(v: &View<'_>) -> bool {
    all_dropped(v) && partial_flush(v) && v.fate(Fate::Delivered) && {
        let polls = v.polls.iter().filter(|poll| !poll.visits.is_empty()).count();
        polls > 1 && !v.unwoken.is_empty() && !v.fate(Fate::Stuck)
    }
}

/// In one bulk: a program's drops, and frames that the driver refused.
fn mixed_drops(v: &View<'_>) -> bool {
    let dropped: Vec<DevId> =
        v.entries.iter().filter(|run| run.act != XdpAction::PASS).map(|run| run.dev).collect();
    let refused = |&(fate, egress): &(Fate, Option<DevId>)| {
        matches!(fate, Fate::RingFull | Fate::PeerTooLong | Fate::Behind | Fate::NoNapi)
            && egress.is_some_and(|dev| dropped.contains(&dev))
    };
    v.ends.iter().any(refused)
        && v.event(|event| {
            matches!(event, Event::DevmapXmit { drops: 2.., err, .. } if err.is_none_or(|errno| errno == Errno::ENXIO))
        })
}

/// A frame that is kept stands behind one that is not: the bulk is compacted.
fn kept_behind(v: &View<'_>) -> bool {
    let same = |one: &EntryRun, next: &EntryRun| {
        (one.poll, one.dev, one.after_visits) == (next.poll, next.dev, next.after_visits)
    };
    v.entries
        .windows(2)
        .any(|two| same(&two[0], &two[1]) && two[0].act != XdpAction::PASS && two[1].act == XdpAction::PASS)
}

fn program_changes(v: &View<'_>) -> bool {
    let mut first: BTreeMap<DevId, Option<ProgId>> = BTreeMap::new();
    v.polls.iter().any(|poll| {
        let mut seen: Vec<DevId> = Vec::new();
        v.visits[poll.visits.clone()].iter().flat_map(|visit| &visit.queued).any(|one| {
            if seen.contains(&one.dev) {
                return false;
            }
            seen.push(one.dev);
            first.insert(one.dev, one.prog).is_some_and(|before| before != one.prog)
        })
    })
}
