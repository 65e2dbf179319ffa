//! Clauses that no case of this bench can exercise, each with its reason.

/// Why a clause cannot be provoked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The clause.
    pub id: &'static str,
    /// Why.
    pub why: &'static str,
}

const fn reason(id: &'static str, why: &'static str) -> Reason {
    Reason { id, why }
}

const NO_FAULTS: &str = "a kernel can't be told to run out of memory at a certain frame";
const ONE_CPU: &str = "the bench is pinned to one CPU, so that the order of events is defined";
const ONE_QUEUE: &str = "the bench's veths have one queue each";
const NO_FRAGS: &str = "frames with fragments are not modelled yet";
const ATTACHED_ONCE: &str =
    "programs are attached when the house is built and stay: tested where houses are built";
const OLDER: &str = "only kernels before the change that the clause names do so: for the kernel matrix";
const CONVERTS: &str =
    "every frame of a veth converts: helpers that move head and tail refuse what would not";
const IN_A_POLL: &str = "it takes a change in the middle of a poll, which nobody can time";

/// All of them.
pub const NOT_PROVOCABLE: &[Reason] = &[
    reason("HLP-18.a", "a frame that goes round for ever would keep the CPU in its softirq"),
    reason("HLP-18.b", "the limit is the simulator's own"),
    reason("HLP-20.c", ONE_CPU),
    reason("HLP-20.d", OLDER),
    reason("RED-02.a", CONVERTS),
    reason("RED-02.b", CONVERTS),
    reason("RED-02.c", CONVERTS),
    reason("RED-04.b", NO_FRAGS),
    reason("RED-04.g", OLDER),
    reason("RED-07.a", "no sequence of helper calls leads there"),
    reason("ENQ-01.b", ONE_CPU),
    reason("ENQ-07.a", IN_A_POLL),
    reason("FLU-04.a", "a queue on the list has a frame: a partial flush is followed by one"),
    reason("FLU-07.b", NO_FAULTS),
    reason("DVP-02.b", CONVERTS),
    reason("DVP-03.b", "no program of a scenario reads egress_ifindex"),
    reason("DVP-10.a", ONE_QUEUE),
    reason("BRD-05.b", NO_FRAGS),
    reason("BRD-08.f", OLDER),
    reason("BRD-10.a", NO_FAULTS),
    reason("BRD-10.b", NO_FAULTS),
    reason("BRD-10.c", NO_FAULTS),
    reason("BRD-10.d", NO_FAULTS),
    reason(
        "BRD-12.b",
        "tailroom matters to frames of about a page only, and theirs depends on how they came in",
    ),
    reason("DRV-01.a", ONE_QUEUE),
    reason("DRV-03.a", "the kernel's callers pass no unknown transmit flags"),
    reason("DRV-03.b", "a veth and its peer go together"),
    reason("DRV-06.c", "all rings of veths have 256 slots"),
    reason("DRV-10.c", NO_FRAGS),
    reason(
        "DRV-07.c",
        "it takes XDP_TX and a redirect to one's own other end in one poll, and programs at both ends: no random \
         case did it",
    ),
    reason("DRV-11.a", "a veth and its peer go together"),
    reason("DRV-11.b", ATTACHED_ONCE),
    reason("DRV-11.c", ATTACHED_ONCE),
    reason("DRV-11.d", ATTACHED_ONCE),
    reason("DRV-12.b", CONVERTS),
    reason("GEN-05.b", "without a qdisc nothing stops the queue of a veth"),
    reason("GEN-06.c", ONE_QUEUE),
    reason("GEN-06.d", "no program of a scenario reads metadata"),
    reason("GEN-08.a", NO_FRAGS),
    reason("GEN-08.b", NO_FRAGS),
    reason("GEN-09.a", "the reason is in an event of skbs, not of XDP, which the bench does not read"),
    reason("TRC-10.a", ATTACHED_ONCE),
    reason("TRC-10.b", ATTACHED_ONCE),
    reason("TRC-10.c", ATTACHED_ONCE),
    reason("TRC-11.a", "it says what is not there; the fields of every event are compared"),
];
