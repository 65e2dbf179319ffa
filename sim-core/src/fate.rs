//! How a frame can end, and why a target got nothing.
//!
//! Every frame that arrived and every clone that was made ends in exactly one [`Fate`] (the
//! conservation law, LAW-01 to LAW-09). Delivery to a veth with a port behind it is a hop, not an
//! end. Targets that were skipped or excluded are not frames; they are [`Skip`]s, counted apart.

use xdpsim_devmap::Errno;
use xdpsim_devmap::rule::{self, RuleId};

/// The step of the pipeline at which something is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PipelineStep {
    /// Before any program: the port did not receive.
    Receive,
    /// A helper call in the program.
    Helper,
    /// The program's verdict.
    Verdict,
    /// `xdp_do_redirect()`: checks and bulk queue.
    Enqueue,
    /// `xdp_do_flush()`: devmap programs and the driver.
    Flush,
    /// Behind the driver: ring, peer, line.
    Driver,
}

impl PipelineStep {
    /// All steps, in order.
    pub const ALL: &'static [Self] =
        &[Self::Receive, Self::Helper, Self::Verdict, Self::Enqueue, Self::Flush, Self::Driver];

    /// Its name in tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Helper => "helper",
            Self::Verdict => "verdict",
            Self::Enqueue => "enqueue",
            Self::Flush => "flush",
            Self::Driver => "driver",
        }
    }
}

macro_rules! fates {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $step:ident, $rule:ident, $errno:expr;)*) => {
        /// How a frame ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Fate { $($(#[$doc])* $name,)* }

        impl Fate {
            /// All fates, in the order of the pipeline.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in tables and JSON.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The step that decided it.
            #[must_use]
            pub fn step(self) -> PipelineStep {
                match self { $(Self::$name => PipelineStep::$step,)* }
            }

            /// The rule that decided it.
            #[must_use]
            pub fn rule(self) -> RuleId {
                match self { $(Self::$name => rule::$rule,)* }
            }

            /// The errno that the kernel reports, if it reports one. [`Fate::DriverFault`] has the
            /// errno of the fault plan instead.
            #[must_use]
            pub fn errno(self) -> Option<Errno> {
                match self { $(Self::$name => $errno,)* }
            }
        }
    };
}

fates! {
    /// Left by a port: the driver sent it, or the far end polled it.
    Delivered = "delivered", Driver, FLU_04, None;
    /// XDP_PASS, or no program: went to the stack of the port.
    Passed = "passed", Verdict, HLP_13, None;
    /// The program returned XDP_DROP.
    Dropped = "dropped", Verdict, HLP_13, None;
    /// The program returned XDP_ABORTED.
    Aborted = "aborted", Verdict, HLP_13, None;
    /// The program returned a number that is no verdict.
    UnknownVerdict = "unknown_verdict", Verdict, HLP_15, None;
    /// A helper refused its flags, and the program returned the helper's XDP_ABORTED.
    FlagsRefused = "flags_refused", Helper, HLP_03, None;
    /// The lookup failed and the fallback verdict was XDP_ABORTED.
    LookupAborted = "lookup_aborted", Helper, HLP_04, None;
    /// The lookup failed and the fallback verdict was XDP_DROP.
    LookupDropped = "lookup_dropped", Helper, HLP_04, None;
    /// The port was down, or gone, when the frame came.
    NotReceived = "not_received", Receive, RSS_10, None;
    /// Redirected to a CPU or an AF_XDP socket: beyond what is modelled.
    NotModelled = "not_modelled", Enqueue, RED_01, None;
    /// The buffer could not become a frame.
    NotConverted = "not_converted", Enqueue, RED_02, Some(Errno::EOVERFLOW);
    /// XDP_REDIRECT, but no helper had armed a target.
    NoTarget = "no_target", Enqueue, HLP_14, Some(Errno::EBADRQC);
    /// Broadcast without a map.
    NoMap = "no_map", Enqueue, RED_07, Some(Errno::ENOENT);
    /// No such ifindex in the namespace of the ingress.
    NoDevice = "no_device", Enqueue, RED_03, Some(Errno::EINVAL);
    /// A failed lookup had armed an ifindex that does not exist.
    StaleNoDevice = "stale_no_device", Enqueue, HLP_12, Some(Errno::EINVAL);
    /// A failed lookup had armed an ifindex whose device is no target.
    StaleNoXmit = "stale_no_xmit", Enqueue, HLP_12, Some(Errno::EOPNOTSUPP);
    /// A failed lookup had armed an ifindex whose device is down.
    StaleDown = "stale_down", Enqueue, HLP_12, Some(Errno::ENETDOWN);
    /// A failed lookup had armed an ifindex whose device has too small an mtu.
    StaleTooLong = "stale_too_long", Enqueue, HLP_12, Some(Errno::EMSGSIZE);
    /// The target has no NDO_XMIT.
    NoXmit = "no_xmit", Enqueue, RED_04, Some(Errno::EOPNOTSUPP);
    /// The frame has fragments and the target no NDO_XMIT_SG.
    NoSg = "no_sg", Enqueue, RED_04, Some(Errno::EOPNOTSUPP);
    /// The target is down.
    Down = "down", Enqueue, RED_04, Some(Errno::ENETDOWN);
    /// The frame is longer than the target's mtu allows.
    TooLong = "too_long", Enqueue, RED_04, Some(Errno::EMSGSIZE);
    /// A broadcast that found no target: consumed, and a success.
    Nobody = "nobody", Enqueue, BRD_06, None;
    /// More than eight upper devices with EXCLUDE_INGRESS.
    TooManyUppers = "too_many_uppers", Enqueue, BRD_08, Some(Errno::EOVERFLOW);
    /// A clone for a broadcast failed.
    CloneFailed = "clone_failed", Enqueue, BRD_10, Some(Errno::ENOMEM);
    /// A frame with fragments cannot be cloned.
    CloneFrags = "clone_frags", Enqueue, BRD_09, Some(Errno::EOPNOTSUPP);
    /// A multicast of RFC v1 (or v2) made its copies; the original is not sent but freed.
    OrigFreed = "orig_freed", Enqueue, MCAST_17, None;
    /// RFC v1: the forward group was gone when the frame was to be enqueued.
    NoForwardGroup = "no_forward_group", Enqueue, MCAST_08, Some(Errno::EBADRQC);
    /// RFC v1 as it was posted: the exclude group is missing, so nobody gets a copy.
    NoExcludeGroup = "no_exclude_group", Enqueue, MCAST_09, None;
    /// RFC v1 and v2 in generic mode: an skb could not be cloned; as posted, the errno is this.
    SkbCloneFailed = "skb_clone_failed", Enqueue, MCAST_29, Some(Errno::EOVERFLOW);
    /// v3 to v20 in generic mode: the forward map is a DEVMAP_HASH without entries.
    EmptyForwardMap = "empty_forward_map", Enqueue, MCAST_47, Some(Errno::ENOENT);
    /// The devmap program returned XDP_DROP.
    EntryDropped = "entry_dropped", Flush, DVP_02, None;
    /// The devmap program returned XDP_ABORTED.
    EntryAborted = "entry_aborted", Flush, DVP_02, None;
    /// The devmap program returned XDP_TX, XDP_REDIRECT or a number that is no verdict.
    EntryUnsupported = "entry_unsupported", Flush, DVP_02, None;
    /// The devmap program passed a buffer that no longer makes a frame.
    EntryOverrun = "entry_overrun", Flush, DVP_02, None;
    /// veth: the peer is gone or has no NAPI.
    NoNapi = "no_napi", Flush, DRV_03, Some(Errno::ENXIO);
    /// veth: longer than the peer's mtu allows.
    PeerTooLong = "peer_too_long", Flush, DRV_03, None;
    /// veth: behind a frame that the peer's mtu refused.
    Behind = "behind", Flush, DRV_04, None;
    /// veth: the peer's ring is full.
    RingFull = "ring_full", Flush, DRV_06, None;
    /// The TX ring is full.
    TxRingFull = "tx_ring_full", Flush, FLU_04, None;
    /// The fault plan made the driver return an errno.
    DriverFault = "driver_fault", Flush, FLU_04, None;
    /// The fault plan made the driver take only the first frames.
    DriverShort = "driver_short", Flush, FLU_04, None;
    /// The device had been unregistered when its queue was flushed.
    DeviceGone = "device_gone", Flush, MAP_13, None;
    /// XDP_TX: the peer has no NAPI.
    TxNoNapi = "tx_no_napi", Flush, DRV_08, Some(Errno::ENXIO);
    /// XDP_TX: the frame could not be converted.
    TxNotConverted = "tx_not_converted", Enqueue, DRV_12, Some(Errno::EOVERFLOW);
    /// In the peer's ring, but nobody woke the peer before the run ended.
    Stuck = "stuck", Driver, FLU_06, None;
    /// In the peer's ring after XDP_TX, but nobody woke the peer before the run ended.
    TxStuck = "tx_stuck", Driver, DRV_08, None;
    /// In the ring of a veth that was taken down.
    Purged = "purged", Driver, LAW_06, None;
    /// Generic mode, veth: the other end is down or gone, and the skb was freed.
    PeerDown = "peer_down", Driver, GEN_05, None;
    /// Generic mode, veth: the backlog of the CPU is full, and the skb was freed.
    BacklogFull = "backlog_full", Driver, GEN_05, None;
    /// Made more hops than the scenario allows.
    HopLimit = "hop_limit", Receive, HLP_18, None;
}

impl Fate {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Did the frame get somewhere: out of a port, or to the stack?
    #[must_use]
    pub fn is_arrival(self) -> bool {
        matches!(self, Self::Delivered | Self::Passed)
    }
}

/// Why a broadcast left a target out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Skip {
    /// No NDO_XMIT.
    NoXmit,
    /// Fragments without NDO_XMIT_SG.
    NoSg,
    /// Down.
    Down,
    /// Frame too long.
    TooLong,
    /// It has the ifindex of the ingress.
    Ingress,
    /// It has the ifindex of an upper device of the ingress.
    Upper,
    /// It is in the exclude group, or in the exclude map.
    ExcludeGroup,
}

impl Skip {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::NoXmit,
        Self::NoSg,
        Self::Down,
        Self::TooLong,
        Self::Ingress,
        Self::Upper,
        Self::ExcludeGroup,
    ];

    /// Its name in tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoXmit => "no_xmit",
            Self::NoSg => "no_sg",
            Self::Down => "down",
            Self::TooLong => "too_long",
            Self::Ingress => "ingress",
            Self::Upper => "upper",
            Self::ExcludeGroup => "exclude_group",
        }
    }

    /// The rule behind it.
    #[must_use]
    pub fn rule(self) -> RuleId {
        match self {
            Self::NoXmit | Self::NoSg | Self::Down | Self::TooLong => rule::BRD_05,
            Self::Ingress | Self::Upper => rule::BRD_08,
            Self::ExcludeGroup => rule::MCAST_16,
        }
    }
}

impl From<crate::netdev::Refusal> for Fate {
    /// How a frame ends that is for this target only.
    fn from(refusal: crate::netdev::Refusal) -> Self {
        use crate::netdev::Refusal;
        match refusal {
            Refusal::NoXmit => Self::NoXmit,
            Refusal::NoSg => Self::NoSg,
            Refusal::Down => Self::Down,
            Refusal::TooLong => Self::TooLong,
        }
    }
}

impl From<crate::netdev::Refusal> for Skip {
    fn from(refusal: crate::netdev::Refusal) -> Self {
        use crate::netdev::Refusal;
        match refusal {
            Refusal::NoXmit => Self::NoXmit,
            Refusal::NoSg => Self::NoSg,
            Refusal::Down => Self::Down,
            Refusal::TooLong => Self::TooLong,
        }
    }
}
