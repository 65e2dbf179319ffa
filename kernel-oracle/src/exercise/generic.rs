//! GEN: generic (skb) mode, and what other families say of it. Only campaigns whose houses have ports in
//! that mode exercise these.

use xdpsim_core::fate::Fate;
use xdpsim_core::netdev::{Features, XdpMode};
use xdpsim_core::scenario::{Op, PeerSpec, PortKind, ProgramKind};
use xdpsim_core::story::DropReason;
use xdpsim_core::{DevId, Skip, XdpAction};

use super::view::{MapCall, View, Visit};
use super::{Clause, clause};

pub(super) const CLAUSES: &[Clause] = &[
    clause("GEN-01.a", "several packets of a poll are redirected", |v| {
        v.poll(|visits| visits.iter().filter(|visit| !visit.skbs.is_empty()).count() > 1)
    }),
    clause("GEN-02.a", "a device without NDO_XMIT takes a packet", |v| {
        let lacks = |dev| !v.played.plan.device(dev).features.contains(Features::NDO_XMIT);
        v.visit(|visit| visit.skbs.iter().any(|skb| skb.taken && lacks(skb.dev)))
    }),
    clause("GEN-02.b", "packets for a far end with a native program, and for one without", |v| {
        let far = |program: bool| {
            v.visit(|visit| {
                visit.skbs.iter().any(|skb| skb.taken && far_has_program(v, skb.dev) == Some(program))
            })
        };
        far(true) && far(false)
    }),
    clause("GEN-03.a", "a single target is down or the packet too long for it", |v| {
        v.visit(|visit| refused(v, visit) && !broadcasts(visit))
    }),
    clause("GEN-04.a", "a broadcast ends at a target behind others that got their copies", |v| {
        v.visit(|visit| refused(v, visit) && broadcasts(visit) && !visit.skbs.is_empty())
    }),
    clause("GEN-04.b", "a broadcast finds a target that is down or has a too small mtu", |v| {
        v.visit(|visit| refused(v, visit) && broadcasts(visit))
    }),
    clause("GEN-05.a", "a device drops a packet that was redirected to it", |v| {
        [Fate::PeerDown, Fate::PeerTooLong].iter().any(|&fate| v.fate(fate)) && v.visit(|visit| is(v, visit))
    }),
    clause("GEN-05.c", "a far end is down or has a too small mtu", |v| {
        v.fate(Fate::PeerDown) || (v.fate(Fate::PeerTooLong) && v.visit(|visit| is(v, visit)))
    }),
    clause("GEN-06.a", "entries of one device with different programs in a poll", |v| {
        v.poll(|visits| {
            let all = || visits.iter().flat_map(|visit| &visit.skbs);
            all().any(|one| all().any(|other| one.dev == other.dev && one.prog != other.prog))
        })
    }),
    clause("GEN-06.b", "an entry's program does not pass a packet", |v| {
        v.inline.iter().any(|run| run.act != XdpAction::PASS)
    }),
    clause("GEN-07.a", "an entry's program writes to one of several copies", |v| {
        writes_inline(v) && v.visit(|visit| visit.skbs.len() > 1)
    }),
    clause("GEN-10.a", "an exception of an entry's program before the redirect's event", |v| {
        v.inline.iter().any(|run| run.act != XdpAction::PASS && run.act != XdpAction::DROP)
    }),
    clause("GEN-12.a", "nothing armed, or what a failed lookup armed", |v| {
        v.visit(|visit| is(v, visit) && (visit.miss.is_some() || visit.ended(&[Fate::NoTarget])))
    }),
    clause("GEN-13.a", "a broadcast to nobody", |v| {
        v.visit(|visit| is(v, visit) && visit.ended(&[Fate::Nobody]))
    }),
    clause("HLP-20.f", "the first packet of a poll uses what another device's poll armed", |v| {
        v.poll(|visits| visits.first().is_some_and(|visit| visit.stale && is(v, visit)))
    }),
    clause("HLP-21.d", "a packet uses what an earlier one of its poll armed", |v| {
        v.poll(|visits| visits.iter().skip(1).any(|visit| visit.stale && is(v, visit)))
    }),
    clause("BRD-08.g", "a broadcast leaves its ingress or an upper device's number out", |v| {
        let excluded = |skip| matches!(skip, Skip::Ingress | Skip::Upper);
        v.visit(|visit| is(v, visit) && visit.skipped.iter().any(|&(_, skip)| excluded(skip)))
    }),
];

/// Does the visited port run its program in generic mode?
fn is(v: &View<'_>, visit: &Visit) -> bool {
    v.spec(visit.dev).is_some_and(|port| port.mode == XdpMode::Generic)
}

/// Was the redirect refused by a target?
fn refused(v: &View<'_>, visit: &Visit) -> bool {
    let down = v.ends.iter().any(|&(fate, _)| matches!(fate, Fate::Down | Fate::TooLong));
    is(v, visit) && visit.freed == Some(DropReason::Xdp) && down && !visit.ended(&[Fate::NoTarget])
}

/// Of a port with a far end: is there a native program at that?
fn far_has_program(v: &View<'_>, dev: DevId) -> Option<bool> {
    match v.spec(dev)?.kind {
        PortKind::Veth { peer: PeerSpec::FarEnd { xdp, .. }, .. } => Some(xdp),
        _ => None,
    }
}

fn broadcasts(visit: &Visit) -> bool {
    visit.broadcast().is_some_and(|call: MapCall| call.broadcasts())
}

fn writes_inline(v: &View<'_>) -> bool {
    let writes = |program: &xdpsim_core::scenario::ProgramSpec| match &program.kind {
        ProgramKind::Rewrite { .. } => true,
        ProgramKind::Script(cycle) => cycle.iter().flatten().any(|op| matches!(op, Op::SetByte { .. })),
        _ => false,
    };
    v.inline.iter().filter_map(|run| v.entry_program(run.prog)).any(writes)
}
