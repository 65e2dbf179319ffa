//! What happened to one frame, step by step, in the kernel's terms.
//!
//! Finer than the tracepoints, which carry no frame's identity (TRC-11). Only produced for a sink
//! that asks ([`crate::sink::Sink::STORY`]), and then the frame path runs.

use xdpsim_devmap::{CpuId, DevId, Entry, Errno, GroupIndex, IfIndex, MapId, ProgId, QueueId, XdpAction};

use crate::fate::{Fate, Skip};
use crate::redirect::multicast::Bug;
use crate::time::Nanos;

/// A helper call and its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelperCall {
    /// `bpf_redirect(ifindex, flags)`.
    Redirect {
        /// The target.
        ifindex: IfIndex,
        /// The flags.
        flags: u64,
        /// What it returned.
        returned: XdpAction,
    },
    /// `bpf_redirect_map(map, key, flags)`.
    RedirectMap {
        /// The map.
        map: MapId,
        /// The key as given.
        key: u64,
        /// The flags.
        flags: u64,
        /// What it returned.
        returned: XdpAction,
        /// What the lookup found; `None` also if there was no lookup.
        found: Option<Entry>,
        /// Were the flags refused?
        refused: bool,
    },
    /// `bpf_redirect_map(map, index, flags)` of RFC v1 on a map of groups.
    RedirectGroups {
        /// The containing map.
        map: MapId,
        /// Forward key and exclude key.
        index: GroupIndex,
        /// The flags.
        flags: u64,
        /// What it returned.
        returned: XdpAction,
        /// The forward group that its own lookup found; the walk looks it up again (MCAST-05).
        found: Option<MapId>,
        /// Were the flags refused?
        refused: bool,
    },
    /// `bpf_redirect_map_multi(map, ex_map, flags)` of v2 to v20.
    RedirectMulti {
        /// The forward map.
        map: MapId,
        /// The exclude map.
        ex_map: Option<MapId>,
        /// The flags.
        flags: u64,
        /// What it returned.
        returned: XdpAction,
        /// Was the call refused, for its flags or for a map?
        refused: bool,
    },
    /// `bpf_redirect_map(map, key, flags)` on a CPUMAP or XSKMAP, which are not modelled.
    Elsewhere {
        /// The key as given.
        key: u64,
        /// The flags.
        flags: u64,
        /// What it returned.
        returned: XdpAction,
        /// Is the entry there?
        found: bool,
    },
}

/// One step of a frame's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Taken from a receive queue or ring by a NAPI poll.
    Polled {
        /// The port.
        dev: DevId,
        /// Its queue.
        queue: QueueId,
        /// The CPU that polls.
        cpu: CpuId,
        /// Virtual time.
        time: Nanos,
        /// Place in the poll, from 0.
        position: u16,
        /// Frames in the poll.
        of: u16,
        /// Bytes.
        len: u32,
    },
    /// The port's program, or none.
    Program {
        /// The port.
        dev: DevId,
        /// The program.
        prog: Option<ProgId>,
    },
    /// A helper call.
    Helper(HelperCall),
    /// The program's verdict.
    Verdict {
        /// The verdict.
        act: XdpAction,
    },
    /// XDP_REDIRECT without a helper call for this frame used what an earlier frame had armed
    /// (HLP-21).
    StaleTarget,
    /// XDP_REDIRECT after a failed lookup: the old index is taken as an ifindex (HLP-12).
    MissAsIfIndex {
        /// That ifindex.
        ifindex: IfIndex,
    },
    /// RFC v1 looked both groups up, to enqueue.
    Groups {
        /// The containing map.
        map: MapId,
        /// Forward key and exclude key.
        index: GroupIndex,
        /// The forward group.
        forward: Option<MapId>,
        /// The exclude group.
        exclude: Option<MapId>,
    },
    /// A bug of the posted multicast patches that no frame shows.
    Bug {
        /// Which.
        bug: Bug,
    },
    /// A broadcast or multicast target that got nothing.
    Skipped {
        /// The target.
        dev: DevId,
        /// Why.
        skip: Skip,
    },
    /// Stored in a device's bulk queue.
    Enqueued {
        /// The device.
        dev: DevId,
        /// Place in the queue, from 0.
        position: u8,
        /// A clone, or the frame itself?
        clone: bool,
        /// The program of the queue's first frame (ENQ-04).
        prog: Option<ProgId>,
        /// The program of this frame's own entry.
        own_prog: Option<ProgId>,
    },
    /// The queue was full: its 16 frames were flushed first (ENQ-03). Told of the frame that caused it.
    PartialFlush {
        /// The device.
        dev: DevId,
    },
    /// A devmap program ran on it at the flush.
    EntryProgram {
        /// The device that transmits.
        dev: DevId,
        /// The program.
        prog: ProgId,
        /// Its verdict.
        act: XdpAction,
    },
    /// Generic mode: redirected to this device, without a queue (GEN-01).
    GenericRedirect {
        /// The device.
        dev: DevId,
        /// A clone, or the skb itself?
        clone: bool,
        /// The program of its entry, which runs now (GEN-06).
        prog: Option<ProgId>,
    },
    /// Generic mode: handed to the device's `ndo_start_xmit` (GEN-01).
    StartXmit {
        /// The device.
        dev: DevId,
        /// Did it take the skb?
        taken: bool,
    },
    /// Generic mode: the skb is freed for this reason; its end follows (GEN-09).
    Freed {
        /// The reason.
        reason: DropReason,
    },
    /// Handed to the driver.
    Xmit {
        /// The device.
        dev: DevId,
        /// Place in the bulk, from 0.
        position: u8,
        /// Frames in the bulk.
        of: u8,
        /// Frames that the driver took.
        sent: u8,
        /// Or its errno.
        err: Option<Errno>,
        /// With the FLUSH flag, that is, at the end of the poll?
        flush: bool,
    },
    /// The veth peer's ring has it, a hop.
    Hop {
        /// The port that sent it.
        from: DevId,
        /// The end that will poll it.
        to: DevId,
        /// Was that end's NAPI woken?
        woken: bool,
    },
    /// The end.
    End {
        /// How.
        fate: Fate,
        /// By which port, if it was to leave by one.
        egress: Option<DevId>,
        /// The errno.
        errno: Option<Errno>,
    },
}

/// Why the stack freed an skb, as `skb:kfree_skb` prints it (GEN-09).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The redirect failed.
    Xdp,
    /// The verdict was XDP_DROP, XDP_ABORTED or a number that is none.
    NotSpecified,
}

impl DropReason {
    /// Its name in the kernel.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xdp => "XDP",
            Self::NotSpecified => "NOT_SPECIFIED",
        }
    }
}
