//! HLP: helpers and redirect info.

use xdpsim_core::fate::Fate;
use xdpsim_core::story::HelperCall;
use xdpsim_core::{Errno, Event, KernelVersion, MapKind, RedirectFlags, XdpAction};

use super::view::{MapCall, View, Visit, armed};
use super::{Clause, clause};

const EXCLUDE: u64 = RedirectFlags::EXCLUDE_INGRESS.bits();

pub(super) const CLAUSES: &[Clause] = &[
    clause("HLP-01.a", "bpf_redirect() is called with flags", |v| redirect_call(v, |_, flags| flags != 0)),
    clause("HLP-01.b", "bpf_redirect() is called without flags", |v| redirect_call(v, |_, flags| flags == 0)),
    clause("HLP-01.c", "bpf_redirect() arms an ifindex that does not exist", |v| v.fate(Fate::NoDevice)),
    clause("HLP-02.a", "bpf_redirect() follows a broadcast call, and REDIRECT is returned", after_broadcast),
    clause("HLP-02.b", "bpf_redirect() follows a broadcast call, and REDIRECT is returned", after_broadcast),
    clause("HLP-03.a", "bad flags with a fallback in their low bits", |v| {
        v.call(|call| call.refused && call.low_bits() != 0)
    }),
    clause("HLP-03.b", "REDIRECT after a valid call and one with bad flags", bad_flags_last),
    clause("HLP-03.c", "a lookup that finds an entry", |v| v.call(|call| call.found.is_some())),
    clause("HLP-03.d", "a lookup that fails, without BROADCAST", |v| v.call(MapCall::missed)),
    clause("HLP-03.e", "a unicast lookup that succeeds", |v| {
        v.call(|call| !call.broadcasts() && call.found.is_some() && call.returned == XdpAction::REDIRECT)
    }),
    clause("HLP-03.f", "a unicast call follows a broadcast call, or is followed by one", |v| {
        v.visit(|visit| {
            let kinds: Vec<bool> =
                map_calls(visit).filter(|call| !call.refused).map(|call| call.broadcasts()).collect();
            kinds.contains(&true) && kinds.contains(&false)
        })
    }),
    clause("HLP-04.a", "a failed lookup whose fallback the program returns", |v| {
        v.visit(|visit| {
            map_calls(visit).last().is_some_and(|call| call.missed() && visit.verdict == Some(call.returned))
        })
    }),
    clause("HLP-04.b", "flags with bit 2", |v| v.call(|call| call.refused && call.flags & 4 != 0)),
    clause("HLP-05.a", "good flags that are not 0 on a DEVMAP", |v| good_flags_on(v, MapKind::Devmap)),
    clause("HLP-05.b", "good flags that are not 0 on a DEVMAP_HASH", |v| {
        good_flags_on(v, MapKind::DevmapHash)
    }),
    clause("HLP-05.c", "flags with a bit from 5 on", |v| v.call(|call| call.refused && call.flags >= 32)),
    clause("HLP-06.a", "a lookup that succeeds although a fallback is given", |v| {
        v.visit(|visit| visit.by_entry().is_some_and(|call| call.low_bits() != 0))
    }),
    clause("HLP-07.a", "EXCLUDE_INGRESS without BROADCAST", |v| {
        v.visit(|visit| visit.by_entry().is_some_and(|call| call.flags & EXCLUDE != 0))
    }),
    clause("HLP-08.a", "BROADCAST with a key that is not there", |v| {
        v.call(|call| call.broadcasts() && call.found.is_none())
    }),
    clause("HLP-09.a", "BROADCAST with a key that is there", |v| {
        v.call(|call| call.broadcasts() && call.found.is_some())
    }),
    clause("HLP-10.a", "a key with high bits finds an entry", |v| {
        v.visit(|visit| visit.by_entry().is_some_and(|call| call.key >> 32 != 0))
    }),
    clause("HLP-10.b", "a redirect by a key with high bits is traced", |v| {
        v.visit(|visit| visit.redirects() && map_calls(visit).last().is_some_and(|call| call.key >> 32 != 0))
    }),
    clause("HLP-11.a", "REDIRECT after two valid calls", |v| {
        v.visit(|visit| visit.redirects() && visit.calls.len() > 1 && visit.calls.iter().all(armed))
    }),
    clause("HLP-11.b", "a failed lookup after a valid call", |v| {
        v.visit(|visit| visit.is_armed() && map_calls(visit).last().is_some_and(|call| call.missed()))
    }),
    clause("HLP-11.c", "REDIRECT after a valid call and one with bad flags", bad_flags_last),
    clause("HLP-12.a", "after bpf_redirect() and a failed lookup the ifindex is used", |v| {
        v.visit(|visit| {
            visit.miss.is_some()
                && visit.calls.iter().any(|call| matches!(call, HelperCall::Redirect { flags: 0, .. }))
        })
    }),
    clause("HLP-12.b", "after a failed lookup an earlier key is used as an ifindex", |v| {
        v.visit(|visit| visit.miss.is_some() && map_calls(visit).any(|call| !call.missed() && !call.refused))
    }),
    clause("HLP-12.c", "a failed lookup and nothing before it: ifindex 0", |v| {
        v.visit(|visit| visit.miss.is_some_and(|ifindex| ifindex.0 == 0))
    }),
    clause("HLP-13.a", "a valid call, and another verdict than REDIRECT", |v| {
        v.visit(|visit| visit.is_armed() && !visit.redirects())
    }),
    clause("HLP-13.b", "what such a frame armed is used by a later one", |v| v.visit(|visit| visit.stale)),
    clause("HLP-14.a", "REDIRECT with nothing armed", |v| v.fate(Fate::NoTarget)),
    clause("HLP-14.b", "REDIRECT with nothing armed is traced", |v| {
        v.event(|event| is_ebadrqc(event, |_| true))
    }),
    clause("HLP-15.a", "a verdict above 4", |v| v.fate(Fate::UnknownVerdict)),
    clause("HLP-15.b", "a verdict above 4", |v| v.fate(Fate::UnknownVerdict)),
    clause("HLP-16.a", "a redirect through an inner map", |v| {
        v.visit(|visit| {
            visit.redirects() && map_calls(visit).last().is_some_and(|call| v.is_inner(call.map.0))
        })
    }),
    clause("HLP-16.b", "a redirect through an inner map is traced", |v| {
        v.event(|event| matches!(event, Event::Redirect { map_id, .. } if v.is_inner(*map_id)))
    }),
    clause("HLP-19.a", "two REDIRECTs in a poll after one call", |v| {
        v.pair(|first, second| {
            first.redirects() && first.is_armed() && second.redirects() && second.calls.is_empty()
        })
    }),
    clause("HLP-19.b", "EBADRQC is traced with an index from before", |v| {
        v.event(|event| is_ebadrqc(event, |index| index != 0))
    }),
    clause("HLP-19.c", "EBADRQC is traced with an index from before", |v| {
        v.event(|event| is_ebadrqc(event, |index| index != 0))
    }),
    clause("HLP-20.a", "a target that one device's poll armed is used in another's", crosses_devices),
    clause("HLP-20.b", "EBADRQC in a softirq, after one that left a target armed", fresh_softirq),
    clause("HLP-21.a", "REDIRECT without a call after an armed frame that passed", |v| {
        stale_after(v, XdpAction::PASS)
    }),
    clause("HLP-21.b", "REDIRECT without a call after an armed frame that was dropped", |v| {
        stale_after(v, XdpAction::DROP)
    }),
    clause("HLP-21.c", "REDIRECT without a call after a broadcast call", |v| {
        v.pair(|first, second| second.stale && map_calls(first).last().is_some_and(|call| call.broadcasts()))
    }),
    clause("HLP-22.a", "a target that one device's poll armed is used in another's", crosses_devices),
    clause("HLP-22.b", "EBADRQC in a softirq, after one that left a target armed", fresh_softirq),
    clause(
        "HLP-23.a",
        "a devmap program's call is used by a frame of the port",
        super::flush::entry_call_used,
    ),
];

fn map_calls(visit: &Visit) -> impl DoubleEndedIterator<Item = MapCall> {
    visit.calls.iter().filter_map(MapCall::of)
}

fn redirect_call(v: &View<'_>, is: impl Fn(u32, u64) -> bool) -> bool {
    let is = |call: &HelperCall| matches!(*call, HelperCall::Redirect { ifindex, flags, .. } if is(ifindex.0, flags));
    v.visit(|visit| visit.calls.iter().any(is))
}

fn after_broadcast(v: &View<'_>) -> bool {
    v.visit(|visit| visit.by_ifindex().is_some() && map_calls(visit).any(|call| call.broadcasts()))
}

fn bad_flags_last(v: &View<'_>) -> bool {
    v.visit(|visit| {
        let refused = map_calls(visit).last().is_some_and(|call| call.refused);
        visit.redirects() && visit.is_armed() && refused
    })
}

fn good_flags_on(v: &View<'_>, kind: MapKind) -> bool {
    v.call(|call| !call.refused && call.flags != 0 && v.kind(call.map) == Some(kind))
}

fn is_ebadrqc(event: &Event, is: impl Fn(u32) -> bool) -> bool {
    matches!(*event, Event::Redirect { err: Some(Errno::EBADRQC), map_index, .. } if is(map_index))
}

fn stale_after(v: &View<'_>, verdict: XdpAction) -> bool {
    v.pair(|first, second| second.stale && first.verdict == Some(verdict) && first.is_armed())
}

/// A stale target at the beginning of a poll comes from another one of the softirq.
fn crosses_devices(v: &View<'_>) -> bool {
    v.polls.windows(2).any(|two| {
        let first = &v.visits[two[1].visits.start];
        first.stale && two[0].dev != two[1].dev && two[0].time == two[1].time
    })
}

/// The first frame of a softirq finds nothing armed, though the last one before left something.
fn fresh_softirq(v: &View<'_>) -> bool {
    let contexts = v.played.plan.scenario().profile.kernel >= KernelVersion::BPF_NET_CONTEXT;
    contexts
        && v.polls.windows(2).any(|two| {
            let first = &v.visits[two[1].visits.start];
            let before = &v.visits[two[0].visits.end - 1];
            two[0].time != two[1].time
                && first.ended(&[Fate::NoTarget])
                && before.is_armed()
                && !before.redirects()
        })
}
