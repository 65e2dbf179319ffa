//! RED and ENQ: `xdp_do_redirect()` and bulk queues.

use std::collections::BTreeMap;

use xdpsim_core::fate::Fate;
use xdpsim_core::scenario::{Op, PeerSpec, PortKind};
use xdpsim_core::{DevId, Errno, Event};

use super::view::{View, Visit};
use super::{Clause, clause};

pub(super) const CLAUSES: &[Clause] = &[
    clause("MAP-12.b", "an entry leads into another namespace", |v| {
        v.visit(|visit| {
            let elsewhere = |dev: DevId| v.netns(dev) != v.netns(visit.dev);
            visit.by_entry().is_some() && visit.queued.iter().any(|one| elsewhere(one.dev))
        })
    }),
    clause("RED-01.a", "a frame is queued by its entry", |v| {
        v.visit(|visit| visit.by_entry().is_some() && queued(visit))
    }),
    clause("RED-01.b", "a broadcast", |v| v.visit(|visit| visit.broadcast().is_some())),
    clause("RED-01.c", "a frame is queued by ifindex", |v| {
        v.visit(|visit| visit.by_ifindex().is_some() && queued(visit))
    }),
    clause("RED-01.d", "REDIRECT with nothing armed", |v| v.fate(Fate::NoTarget)),
    clause("RED-02.d", "a program asks for one byte more of headroom than there is", |v| {
        v.visit(|visit| v.program_has(visit, |op| matches!(op, Op::AdjustHead(-217) | Op::AdjustMeta(-220))))
    }),
    clause("RED-02.e", "a program asks for more than 32 bytes of metadata", |v| {
        v.visit(|visit| v.program_has(visit, |op| matches!(op, Op::AdjustMeta(delta) if *delta < -32)))
    }),
    clause("RED-03.a", "bpf_redirect() on a port that is not in the initial namespace", |v| {
        v.visit(|visit| visit.by_ifindex().is_some() && v.netns(visit.dev).is_some() && queued(visit))
    }),
    clause("RED-03.b", "the ifindex exists in other namespaces only", |v| {
        v.visit(|visit| {
            let elsewhere = |ifindex| v.case.scenario.ports.iter().any(|port| port.ifindex == Some(ifindex));
            visit.ended(&[Fate::NoDevice]) && visit.by_ifindex().is_some_and(elsewhere)
        })
    }),
    clause("RED-03.c", "ifindex 0", |v| {
        v.visit(|visit| visit.by_ifindex().or(visit.miss).is_some_and(|ifindex| ifindex.0 == 0))
    }),
    clause("RED-04.a", "a target without NDO_XMIT", |v| v.fate(Fate::NoXmit) || v.fate(Fate::StaleNoXmit)),
    clause("RED-04.c", "a target that is down", |v| v.fate(Fate::Down) || v.fate(Fate::StaleDown)),
    clause("RED-04.d", "a frame one byte too long, or one that just fits", at_the_limit),
    clause("RED-04.e", "a target that fails two checks", two_checks_fail),
    clause("RED-04.f", "a target without carrier is queued to", |v| {
        v.visit(|visit| visit.queued.iter().any(|one| far_is_down(v, one.dev)))
    }),
    clause("RED-05.a", "a unicast to the ingress", |v| {
        v.visit(|visit| visit.broadcast().is_none() && visit.queued.iter().any(|one| one.dev == visit.dev))
    }),
    clause("RED-08.a", "a redirect that fails", |v| v.visit(Visit::failed)),
    clause("RED-09.a", "a full ring behind a successful redirect", |v| v.fate(Fate::RingFull)),
    clause("RED-09.b", "a far end that is down behind a successful redirect", |v| v.fate(Fate::NoNapi)),
    clause("RED-09.c", "a devmap program that drops behind a successful redirect", |v| {
        v.fate(Fate::EntryDropped)
    }),
    clause("RED-11.a", "a redirect that fails", |v| v.visit(Visit::failed)),
    clause("RED-11.b", "a redirect that fails is counted as a drop", |v| {
        v.transcript().counters.values().any(|own| own.drops > 0)
    }),
    clause("RED-11.c", "a redirect that fails, and no exception", |v| v.visit(Visit::failed)),
    clause("RED-11.d", "redirects that fail and succeed in one poll", |v| {
        v.poll(|visits| visits.iter().any(Visit::failed) && visits.iter().any(queued))
    }),
    clause("RED-12.a", "a redirect that causes a partial flush", partial_flush),
    clause("RED-13.a", "a devmap program calls a helper in a partial flush", |v| {
        v.entries.iter().any(|run| !run.calls.is_empty() && in_partial_flush(v, run.poll, run.after_visits))
    }),
    clause("ENQ-01.a", "two frames to one device in a poll, by different calls", shared_queue),
    clause("ENQ-01.c", "a 17th frame", partial_flush),
    clause("ENQ-02.a", "an entry whose program is not the queue's", |v| other_program(v, |_, _| true)),
    clause("ENQ-02.b", "a device is queued to again after another one", queued_again),
    clause("ENQ-03.a", "a 17th frame", partial_flush),
    clause("ENQ-03.b", "a partial flush, without XDP_XMIT_FLUSH", partial_flush),
    clause("ENQ-03.c", "a partial flush of a queue with a program", |v| {
        v.visit(|visit| {
            visit
                .partial
                .iter()
                .any(|dev| visit.queued.iter().any(|one| one.dev == *dev && one.prog.is_some()))
        })
    }),
    clause("ENQ-03.d", "a partial flush while several devices wait", |v| {
        v.poll(|visits| visits.iter().any(|visit| !visit.partial.is_empty()) && devices(visits) > 1)
    }),
    clause("ENQ-04.a", "an entry with a program in a queue without", |v| {
        other_program(v, |first, own| first.is_none() && own.is_some())
    }),
    clause("ENQ-04.b", "an entry with another program, or none, in a queue with one", |v| {
        other_program(v, |first, _| first.is_some())
    }),
    clause("ENQ-04.c", "bpf_redirect() first, then an entry with a program", |v| {
        v.poll(|visits| {
            let first = |dev| {
                visits
                    .iter()
                    .find(|visit| visit.queued.iter().any(|one: &super::view::Queued| one.dev == dev))
            };
            let late = visits
                .iter()
                .flat_map(|visit| &visit.queued)
                .filter(|one| one.prog.is_none() && one.own_prog.is_some());
            late.into_iter().any(|one| first(one.dev).is_some_and(|visit| visit.by_ifindex().is_some()))
        })
    }),
    clause("ENQ-05.a", "several frames in one bulk", |v| {
        v.event(|event| matches!(event, Event::DevmapXmit { sent, drops, .. } if sent + drops > 1))
    }),
    clause("ENQ-05.b", "two devices send in one softirq", |v| {
        let sends = |poll: &super::view::Poll| v.visits[poll.visits.clone()].iter().any(queued);
        v.polls
            .windows(2)
            .any(|two| two[0].time == two[1].time && two[0].dev != two[1].dev && two.iter().all(sends))
    }),
    clause("ENQ-06.a", "a broadcast queues a device twice", |v| v.visit(duplicate)),
];

pub(super) fn queued(visit: &Visit) -> bool {
    !visit.queued.is_empty()
}

pub(super) fn partial_flush(v: &View<'_>) -> bool {
    v.visit(|visit| !visit.partial.is_empty())
}

/// Is one device there twice among a broadcast's copies?
pub(super) fn duplicate(visit: &Visit) -> bool {
    let mut devs: Vec<DevId> = visit.queued.iter().map(|one| one.dev).collect();
    devs.sort_unstable();
    devs.windows(2).any(|two| two[0] == two[1])
}

fn devices(visits: &[Visit]) -> usize {
    let mut devs: Vec<DevId> = visits.iter().flat_map(|visit| &visit.queued).map(|one| one.dev).collect();
    devs.sort_unstable();
    devs.dedup();
    devs.len()
}

pub(super) fn far_is_down(v: &View<'_>, dev: DevId) -> bool {
    let kind = v.spec(dev).map(|port| &port.kind);
    matches!(kind, Some(PortKind::Veth { peer: PeerSpec::FarEnd { up: false, .. }, .. }))
}

/// The longest frame that a port takes.
pub(super) fn limit(v: &View<'_>, dev: DevId) -> u32 {
    v.spec(dev).and_then(|port| port.mtu).unwrap_or(1500) + 18
}

fn at_the_limit(v: &View<'_>) -> bool {
    v.visit(|visit| {
        let refused = visit.ended(&[Fate::TooLong, Fate::StaleTooLong]);
        let target = visit.end.and_then(|(_, egress)| egress);
        let fits = visit.queued.iter().any(|one| visit.len == limit(v, one.dev));
        fits || (refused && target.is_some_and(|dev| visit.len == limit(v, dev) + 1))
    })
}

fn two_checks_fail(v: &View<'_>) -> bool {
    v.visit(|visit| {
        let Some((fate, Some(dev))) = visit.end else { return false };
        let (down, long) = (v.spec(dev).is_some_and(|port| !port.up), visit.len > limit(v, dev));
        match fate {
            Fate::Down | Fate::StaleDown => long,
            Fate::NoXmit | Fate::StaleNoXmit => down || long,
            _ => false,
        }
    })
}

/// Did the flush that ran after so many verdicts of a poll make room for the frame of the last of them?
pub(super) fn in_partial_flush(v: &View<'_>, poll: usize, verdicts: usize) -> bool {
    let visits = &v.visits[v.polls[poll].visits.clone()];
    verdicts.checked_sub(1).and_then(|i| visits.get(i)).is_some_and(|visit| !visit.partial.is_empty())
}

/// Frames reach a device by different keys, maps or helpers.
fn shared_queue(v: &View<'_>) -> bool {
    v.poll(|visits| {
        let mut by_dev: BTreeMap<DevId, (u32, u64)> = BTreeMap::new();
        visits.iter().any(|visit| {
            let way = match (visit.by_entry(), visit.by_ifindex()) {
                (Some(call), _) => (call.map.0, call.key),
                (_, Some(ifindex)) => (0, u64::from(ifindex.0)),
                _ => return false,
            };
            visit.queued.iter().any(|one| *by_dev.entry(one.dev).or_insert(way) != way)
        })
    })
}

fn other_program(
    v: &View<'_>,
    is: impl Fn(Option<xdpsim_core::ProgId>, Option<xdpsim_core::ProgId>) -> bool,
) -> bool {
    v.visit(|visit| visit.queued.iter().any(|one| one.prog != one.own_prog && is(one.prog, one.own_prog)))
}

/// A, B, then A again: A does not move in the list.
fn queued_again(v: &View<'_>) -> bool {
    v.poll(|visits| {
        let mut order: Vec<DevId> = Vec::new();
        visits.iter().flat_map(|visit| &visit.queued).any(|one| {
            let known = order.contains(&one.dev);
            let last = order.last() == Some(&one.dev);
            if !known {
                order.push(one.dev);
            }
            known && !last
        })
    })
}

/// Is it this errno of a redirect?
pub(super) fn redirect_err(event: &Event, is: impl Fn(Errno) -> bool) -> bool {
    matches!(event, Event::Redirect { err: Some(errno), .. } if is(*errno))
}
