//! DRV and TRC: veth and the tracepoints.

use xdpsim_core::driver::veth::VethCounters;
use xdpsim_core::fate::Fate;
use xdpsim_core::scenario::{Action, Op, PeerSpec, PortKind};
use xdpsim_core::trace::MAP_ID_IFINDEX;
use xdpsim_core::{DevId, Errno, Event, XdpAction};

use super::enqueue::{far_is_down, queued, redirect_err};
use super::view::{View, Visit};
use super::{Clause, clause};
use crate::case::Inject;

pub(super) const CLAUSES: &[Clause] = &[
    clause("DRV-01.b", "a veth is no target because its far end has neither program nor GRO", no_napi_far),
    clause("DRV-01.c", "a veth is a target although its far end is down", |v| {
        v.visit(|visit| visit.queued.iter().any(|one| far_is_down(v, one.dev)))
    }),
    clause(
        "DRV-01.d",
        "a far end without a program comes up with other GRO than it went down with",
        reopened,
    ),
    clause("DRV-02.a", "a veth is no target because its far end has neither program nor GRO", no_napi_far),
    clause("DRV-03.c", "the far end is down at the transmit", |v| v.fate(Fate::NoNapi)),
    clause("DRV-03.d", "ENXIO is counted by the sender", |v| {
        v.fate(Fate::NoNapi) && counted(v, |own| own.tx_dropped)
    }),
    clause("DRV-03.e", "frames get into a ring", |v| counted(v, |own| own.xdp_xmit)),
    clause("DRV-03.f", "a frame longer than the far end's mtu allows", |v| v.fate(Fate::PeerTooLong)),
    clause("DRV-03.g", "a full ring", |v| v.fate(Fate::RingFull)),
    clause("DRV-03.h", "frames in a ring wait until a flush wakes the far end", |v| !v.unwoken.is_empty()),
    clause("DRV-04.a", "a frame behind one that is too long", |v| v.fate(Fate::Behind)),
    clause("DRV-05.a", "a frame that its target's mtu allows and the far end's does not", |v| {
        v.fate(Fate::PeerTooLong)
    }),
    clause("DRV-06.a", "a full ring", |v| v.fate(Fate::RingFull)),
    clause("DRV-06.b", "a full ring from which frames were taken before", ring_with_history),
    clause("DRV-07.a", "a poll of 64 frames", |v| v.poll(|visits| visits.len() == 64)),
    clause("DRV-07.b", "XDP_TX and redirects in one poll", |v| {
        v.poll(|visits| visits.iter().any(queued) && visits.iter().any(tx))
    }),
    clause("DRV-07.d", "a port is polled in the softirq in which it was woken", |v| {
        v.polls.windows(2).any(|two| two[0].time == two[1].time && two[0].dev != two[1].dev)
    }),
    clause("DRV-08.a", "more than 16 frames by XDP_TX in a poll", |v| {
        v.poll(|visits| visits.iter().filter(|visit| tx(visit)).count() > 16)
    }),
    clause("DRV-08.b", "XDP_TX to a far end with a program", |v| {
        tx_to(v, |far| matches!(far, PeerSpec::FarEnd { xdp: true, .. }))
    }),
    clause("DRV-08.c", "XDP_TX to a far end with GRO only", |v| {
        tx_to(v, |far| matches!(far, PeerSpec::FarEnd { xdp: false, gro: true, .. }))
    }),
    clause("DRV-08.d", "XDP_TX to a far end without NAPI", |v| v.fate(Fate::TxNoNapi)),
    clause("DRV-09.a", "frames are polled", |v| counted(v, |own| own.xdp_packets)),
    clause("DRV-09.b", "redirects succeed", |v| counted(v, |own| own.xdp_redirect)),
    clause("DRV-09.c", "redirects fail", |v| counted(v, |own| own.drops)),
    clause("DRV-09.d", "verdicts drop", |v| counted(v, |own| own.xdp_drops)),
    clause("DRV-09.e", "XDP_TX is counted", |v| counted(v, |own| own.xdp_tx + own.xdp_tx_errors)),
    clause("DRV-09.f", "refused frames are counted", |v| counted(v, |own| own.xdp_xmit_errors)),
    clause("DRV-09.g", "refused frames are counted as the sender's drops", |v| {
        counted(v, |own| own.tx_dropped)
    }),
    clause("DRV-10.a", "a frame from a socket meets a program", |v| {
        v.case.bursts.iter().any(|burst| burst.how == Inject::Socket)
    }),
    clause("DRV-10.b", "a frame from a socket meets a program that uses all its headroom", |v| {
        let sent = |visit: &Visit| v.poll(|visits| visits.len() == 1 && visits[0].frame == visit.frame);
        let all = |op: &Op| matches!(op, Op::AdjustHead(..=-216) | Op::AdjustMeta(..=-216));
        let sockets = v.case.bursts.iter().any(|burst| burst.how == Inject::Socket);
        sockets && v.visit(|visit| v.program_has(visit, all) && sent(visit))
    }),
    clause("DRV-12.a", "a redirect that fails, and no exception", |v| v.visit(Visit::failed)),
    clause("TRC-01.a", "xdp_exception", |v| v.event(|event| matches!(event, Event::Exception { .. }))),
    clause("TRC-02.a", "xdp_bulk_tx", |v| v.event(|event| matches!(event, Event::BulkTx { .. }))),
    clause("TRC-03.a", "xdp_redirect", |v| v.event(|event| matches!(event, Event::Redirect { .. }))),
    clause("TRC-04.a", "a redirect to an ifindex is traced", |v| by_ifindex(v, |err| err.is_none())),
    clause("TRC-04.b", "a failed redirect to an ifindex is traced", |v| by_ifindex(v, |err| err.is_some())),
    clause("TRC-05.a", "a redirect by map is traced", by_map),
    clause("TRC-05.b", "a redirect by map is traced", by_map),
    clause("TRC-06.a", "EBADRQC is traced", |v| {
        v.event(|event| redirect_err(event, |errno| errno == Errno::EBADRQC))
    }),
    clause("TRC-07.a", "xdp_devmap_xmit", |v| v.event(|event| matches!(event, Event::DevmapXmit { .. }))),
];

fn counted(v: &View<'_>, counter: impl Fn(&VethCounters) -> u64) -> bool {
    v.transcript().counters.values().any(|own| counter(own) > 0)
}

fn far<'a>(v: &View<'a>, dev: DevId) -> Option<&'a PeerSpec> {
    match &v.spec(dev)?.kind {
        PortKind::Veth { peer, .. } => Some(peer),
        _ => None,
    }
}

fn no_napi_far(v: &View<'_>) -> bool {
    let no_napi = |dev| matches!(far(v, dev), Some(PeerSpec::FarEnd { xdp: false, gro: false, .. }));
    let refused = |visit: &Visit| {
        let unicast = visit.ended(&[Fate::NoXmit, Fate::StaleNoXmit])
            && visit.end.and_then(|(_, dev)| dev).is_some_and(no_napi);
        unicast || visit.skipped.iter().any(|&(dev, skip)| skip == xdpsim_core::Skip::NoXmit && no_napi(dev))
    };
    v.visit(refused)
}

fn tx(visit: &Visit) -> bool {
    visit.verdict == Some(XdpAction::TX)
}

fn tx_to(v: &View<'_>, is: impl Fn(&PeerSpec) -> bool) -> bool {
    v.visit(|visit| tx(visit) && far(v, visit.dev).is_some_and(&is))
}

/// Frames left by the port whose ring is full before that.
fn ring_with_history(v: &View<'_>) -> bool {
    let full = v.ends.iter().position(|&(fate, _)| fate == Fate::RingFull);
    full.is_some_and(|at| {
        let port = v.ends[at].1;
        v.ends[..at].iter().any(|&(fate, egress)| fate == Fate::Delivered && egress == port)
    })
}

fn by_ifindex(v: &View<'_>, is: impl Fn(Option<Errno>) -> bool) -> bool {
    v.event(|event| matches!(*event, Event::Redirect { map_id: MAP_ID_IFINDEX, err, .. } if is(err)))
}

fn by_map(v: &View<'_>) -> bool {
    v.event(
        |event| matches!(*event, Event::Redirect { map_id, .. } if map_id != 0 && map_id != MAP_ID_IFINDEX),
    )
}

/// Does a far end's GRO change while it is down, before it comes up again?
fn reopened(v: &View<'_>) -> bool {
    let mut down: Vec<&str> = Vec::new();
    let mut changed: Vec<&str> = Vec::new();
    v.case.scenario.changes.iter().any(|change| match &change.action {
        Action::SetUp { port, up: false } => {
            down.push(port);
            false
        }
        Action::SetGro { port, .. } if down.contains(&port.as_str()) => {
            changed.push(port);
            false
        }
        Action::SetUp { port, up: true } => changed.contains(&port.as_str()),
        _ => false,
    })
}
