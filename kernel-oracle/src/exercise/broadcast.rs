//! BRD: broadcast.

use xdpsim_core::fate::Fate;
use xdpsim_core::scenario::{Action, PeerSpec, PortKind};
use xdpsim_core::{DevId, MapKind, RedirectFlags, Skip};
use xdpsim_devmap::MapKey;

use super::enqueue::duplicate;
use super::view::{MapCall, View, Visit};
use super::{Clause, clause};

pub(super) const CLAUSES: &[Clause] = &[
    clause("BRD-01.a", "a broadcast leaves a target out and reaches another", |v| {
        v.visit(|visit| !visit.skipped.is_empty() && !visit.queued.is_empty())
    }),
    clause("BRD-01.b", "a broadcast to several targets", several),
    clause("BRD-01.c", "a broadcast to several targets", several),
    clause("BRD-02.a", "a broadcast over a DEVMAP to several targets", |v| {
        over(v, |_, kind| kind == MapKind::Devmap)
    }),
    clause("BRD-03.a", "a broadcast over a DEVMAP_HASH to several buckets", |v| {
        over(v, |call, _| buckets(v, call, false))
    }),
    clause("BRD-03.b", "a broadcast over a DEVMAP_HASH with two entries in a bucket", |v| {
        over(v, |call, _| buckets(v, call, true))
    }),
    clause("BRD-03.c", "such an entry is written anew before", |v| {
        over(v, |call, _| buckets(v, call, true) && rewritten(v, call))
    }),
    clause("BRD-04.a", "a broadcast after a call for another map", |v| {
        v.visit(|visit| {
            let maps = visit.calls.iter().filter_map(MapCall::of).map(|call| call.map);
            visit.broadcast().is_some_and(|call| maps.clone().any(|map| map != call.map))
        })
    }),
    clause("BRD-05.a", "a target without NDO_XMIT", |v| skips(v, |skip| skip == Skip::NoXmit)),
    clause("BRD-05.c", "a target that is down", |v| skips(v, |skip| skip == Skip::Down)),
    clause("BRD-05.d", "a target that the frame is too long for", |v| skips(v, |skip| skip == Skip::TooLong)),
    clause("BRD-06.a", "a broadcast to nobody", |v| v.fate(Fate::Nobody)),
    clause("BRD-06.b", "a broadcast to nobody", |v| v.fate(Fate::Nobody)),
    clause("BRD-07.a", "a broadcast that reaches its ingress", |v| {
        v.visit(|visit| visit.broadcast().is_some() && visit.queued.iter().any(|one| one.dev == visit.dev))
    }),
    clause("BRD-08.a", "a broadcast leaves its ingress or an upper device's number out", |v| {
        skips(v, excluded)
    }),
    clause("BRD-08.b", "a broadcast with exclusion reaches the peer of its ingress", reaches_peer),
    clause("BRD-08.c", "a device of another namespace is left out for its number", |v| {
        v.visit(|visit| {
            visit.skipped.iter().any(|&(dev, skip)| excluded(skip) && v.netns(dev) != v.netns(visit.dev))
        })
    }),
    clause("BRD-08.d", "more than eight upper devices, or exactly eight, with exclusion", |v| {
        v.fate(Fate::TooManyUppers)
            || v.visit(|visit| uppers(v, visit) == 8 && excluding(visit) && !visit.queued.is_empty())
    }),
    clause("BRD-08.e", "more than eight upper devices without exclusion", |v| {
        v.visit(|visit| {
            uppers(v, visit) > 8
                && !excluding(visit)
                && visit.broadcast().is_some()
                && !visit.queued.is_empty()
        })
    }),
    clause("BRD-11.a", "a device is in the map twice", |v| v.visit(duplicate)),
    clause("BRD-12.a", "a clone", |v| v.visit(|visit| visit.queued.iter().any(|one| one.clone))),
    clause("BRD-13.a", "a broadcast", |v| v.visit(|visit| visit.broadcast().is_some())),
    clause("BRD-13.b", "a broadcast by a key that is in the map", |v| {
        v.visit(|visit| visit.broadcast().is_some_and(|call| call.found.is_some()))
    }),
];

fn several(v: &View<'_>) -> bool {
    v.visit(|visit| visit.queued.len() > 1)
}

fn excluded(skip: Skip) -> bool {
    matches!(skip, Skip::Ingress | Skip::Upper)
}

fn skips(v: &View<'_>, is: impl Fn(Skip) -> bool) -> bool {
    v.visit(|visit| visit.skipped.iter().any(|&(_, skip)| is(skip)))
}

fn over(v: &View<'_>, is: impl Fn(&MapCall, MapKind) -> bool) -> bool {
    v.visit(|visit| {
        let call = visit.broadcast().filter(|_| visit.queued.len() > 1);
        call.is_some_and(|call| v.kind(call.map).is_some_and(|kind| is(&call, kind)))
    })
}

/// Has the hash map two entries in one bucket, or else in two?
fn buckets(v: &View<'_>, call: &MapCall, same: bool) -> bool {
    let maps = v.played.plan.maps();
    let Some(map) = maps.get(call.map).filter(|map| map.kind() == MapKind::DevmapHash) else { return false };
    let mask = map.attr().max_entries.next_power_of_two() - 1;
    let buckets: Vec<u32> = maps.targets(call.map).map(|(MapKey(key), _)| key & mask).collect();
    buckets.windows(2).any(|two| (two[0] == two[1]) == same)
}

/// Is one of the map's first entries written again?
fn rewritten(v: &View<'_>, call: &MapCall) -> bool {
    let maps = v.played.plan.maps();
    let name = maps.get(call.map).map(|map| map.attr().name.as_str());
    v.case.scenario.changes.iter().any(|change| match &change.action {
        Action::UpdateEntry { map, key, .. } => {
            Some(map.as_str()) == name && maps.lookup(call.map, MapKey(*key)).is_ok()
        }
        _ => false,
    })
}

fn uppers(v: &View<'_>, visit: &Visit) -> usize {
    v.spec(visit.dev).map_or(0, |port| port.uppers.len())
}

fn excluding(visit: &Visit) -> bool {
    visit.broadcast().is_some_and(|call| call.flags & RedirectFlags::EXCLUDE_INGRESS.bits() != 0)
}

/// In a pair, a stale broadcast with exclusion goes back to where its frame came from.
fn reaches_peer(v: &View<'_>) -> bool {
    let peer = |dev: DevId| match &v.spec(dev)?.kind {
        PortKind::Veth { peer: PeerSpec::Port(name), .. } => v.played.plan.port(name),
        _ => None,
    };
    let armed = v.call(|call| call.broadcasts() && call.excludes());
    armed && v.visit(|visit| visit.stale && visit.queued.iter().any(|one| peer(visit.dev) == Some(one.dev)))
}
