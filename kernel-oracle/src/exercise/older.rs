//! Clauses about older kernels: they are exercised where such a kernel runs, and count there only.

use xdpsim_core::KernelVersion;
use xdpsim_core::fate::Fate;
use xdpsim_core::scenario::PortKind;

use super::view::View;
use super::{Clause, clause};

/// With the kernel from which on the clause no longer holds.
const CLAUSES: &[(KernelVersion, Clause)] = &[
    (
        KernelVersion::BPF_NET_CONTEXT,
        clause("HLP-20.d", "REDIRECT without a call after a frame that left a target armed", disarmed),
    ),
    (
        KernelVersion::FEATURE_BITS,
        clause("RED-04.g", "a frame is queued for a veth whose far end polls nothing", queued_for_no_napi),
    ),
    (
        KernelVersion::V6_12,
        clause("BRD-08.f", "more than eight upper devices, with exclusion", |v| v.fate(Fate::TooManyUppers)),
    ),
];

/// Those that the case exercised, on the kernel that it was told for.
pub(super) fn exercised(view: &View<'_>) -> impl Iterator<Item = &'static str> {
    let kernel = view.played.plan.scenario().profile.kernel;
    let there = CLAUSES.iter().filter(move |(until, _)| kernel < *until);
    there.filter(|(_, clause)| clause.seen(view)).map(|(_, clause)| clause.id)
}

/// The next frame finds nothing armed.
fn disarmed(v: &View<'_>) -> bool {
    v.pair(|first, second| {
        first.is_armed() && !first.redirects() && second.calls.is_empty() && second.ended(&[Fate::NoTarget])
    })
}

/// It gets as far as the driver, which refuses it.
fn queued_for_no_napi(v: &View<'_>) -> bool {
    let is_veth = |dev| v.spec(dev).is_some_and(|port| matches!(port.kind, PortKind::Veth { .. }));
    v.ends.iter().any(|&(fate, dev)| fate == Fate::NoNapi && dev.is_some_and(is_veth))
}
