//! A program as a scenario names it.

use super::{ExcludeSource, GroupSource};
use xdpsim_devmap::{AttachType, IfIndex, RedirectFlags, XdpAction};

/// A program of the scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramSpec {
    /// Its name, unique in the scenario.
    pub name: String,
    /// Where it may be attached: to ports, or to devmap entries.
    pub attach: AttachType,
    /// Loaded with multi-buffer support (`xdp.frags`)?
    pub frags: bool,
    /// What it does.
    pub kind: ProgramKind,
}

impl ProgramSpec {
    /// A program for ports.
    #[must_use]
    pub fn xdp(name: &str, kind: ProgramKind) -> Self {
        Self { name: name.to_owned(), attach: AttachType::Xdp, frags: false, kind }
    }

    /// A program for devmap entries.
    #[must_use]
    pub fn devmap(name: &str, kind: ProgramKind) -> Self {
        Self { name: name.to_owned(), attach: AttachType::Devmap, frags: false, kind }
    }
}

/// What a native program does. Maps are named, ports are given by ifindex as in a kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramKind {
    /// Returns this verdict for every frame: `pass`, `drop`, `tx`, `aborted` or any number.
    Verdict(XdpAction),
    /// `return bpf_redirect(ifindex, flags)`.
    Redirect {
        /// The target.
        ifindex: IfIndex,
        /// The helper's flags.
        flags: u64,
    },
    /// `return bpf_redirect_map(&map, key, flags)`.
    RedirectMap {
        /// The map's name.
        map: String,
        /// Where the key comes from.
        key: KeySource,
        /// The helper's flags: the fallback verdict in the low two bits.
        flags: u64,
    },
    /// `return bpf_redirect_map(&map, 0, BPF_F_BROADCAST | flags)`.
    Broadcast {
        /// The map's name.
        map: String,
        /// Further flags.
        flags: RedirectFlags,
    },
    /// `return bpf_redirect_map(&map, group << 16 | exclude, flags)` on a map of maps: only under the rules of
    /// RFC v1 (MCAST-01).
    RedirectGroup {
        /// The map of groups.
        map: String,
        /// The forward group.
        group: GroupSource,
        /// The exclude group.
        exclude: ExcludeSource,
        /// The helper's flags: the fallback verdict.
        flags: u64,
    },
    /// `return bpf_redirect_map_multi(&map, &ex_map, flags)`: only under the rules with two maps (MCAST-39).
    RedirectMulti {
        /// The devmap whose entries get a copy.
        map: String,
        /// The devmap whose entries get none; `None` is NULL.
        ex_map: Option<String>,
        /// The helper's flags: 1 excludes the ingress (MCAST-40).
        flags: u64,
    },
    /// Learns source addresses per ifindex; known unicast destinations leave by their port, all
    /// else is broadcast with the ingress excluded. Entry key = ifindex of the port.
    LearningSwitch {
        /// The devmap's name.
        map: String,
        /// How many addresses it remembers; learning stops when full.
        table_max: u32,
    },
    /// Spreads flows: key = Toeplitz hash of the flow modulo `targets`.
    FlowHash {
        /// The map's name.
        map: String,
        /// Keys 0 to `targets`-1 are used.
        targets: u32,
    },
    /// Overwrites bytes of the frame at an offset, then passes it on: for devmap entries a rewrite
    /// of addresses, as `xdp_redirect_map`'s egress program does. Frames too short are dropped.
    Rewrite {
        /// Offset of the first byte.
        offset: u32,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A program of an object file. Its code is no part of the scenario:
    /// [`Plan::with_programs`](crate::Plan::with_programs) gets it under the program's name.
    Object {
        /// The file, as it was written.
        object: String,
        /// The function, if it was named.
        function: Option<String>,
        /// The scenario's maps that it may redirect to.
        maps: Vec<String>,
    },
    /// Runs the next of these scripts for each frame, round and round (counted per CPU).
    Script(Vec<Vec<Op>>),
}

/// Where `redirect_map` takes its key from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Always this one (64 bits: the helper takes a `u64`, HLP-10).
    Const(u64),
    /// `ctx->ingress_ifindex`.
    IngressIfindex,
    /// `ctx->rx_queue_index`.
    RxQueueIndex,
    /// The frame's byte at this offset, modulo `modulo`; 0 for a frame too short.
    FrameByte {
        /// Offset of the byte.
        offset: u32,
        /// Keys 0 to `modulo`-1 are used.
        modulo: u32,
    },
}

/// One step of a script. A script ends at the first `Return…`; falling off its end passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Calls `bpf_redirect()`.
    Redirect {
        /// The target.
        ifindex: IfIndex,
        /// The flags.
        flags: u64,
    },
    /// Calls `bpf_redirect_map()`.
    RedirectMap {
        /// The map's name.
        map: String,
        /// The key.
        key: u64,
        /// The flags.
        flags: u64,
    },
    /// Looks `outer` up in a map of maps and calls `bpf_redirect_map()` on what it finds; returns
    /// XDP_DROP if there is nothing (HLP-16).
    RedirectInner {
        /// The map of maps.
        map: String,
        /// Key of the inner map.
        outer: u32,
        /// Key within the inner map.
        key: u64,
        /// The flags.
        flags: u64,
    },
    /// Calls `bpf_redirect_map_multi()`.
    RedirectMulti {
        /// The devmap whose entries get a copy.
        map: String,
        /// The devmap whose entries get none; `None` is NULL.
        ex_map: Option<String>,
        /// The flags.
        flags: u64,
    },
    /// Writes one byte of the frame; ignored behind its end.
    SetByte {
        /// Offset in the frame.
        offset: u32,
        /// The value.
        value: u8,
    },
    /// `bpf_xdp_adjust_head()` by this many bytes; its result is ignored.
    AdjustHead(i32),
    /// `bpf_xdp_adjust_meta()` by this many bytes; its result is ignored.
    AdjustMeta(i32),
    /// `bpf_xdp_adjust_tail()` by this many bytes; its result is ignored.
    AdjustTail(i32),
    /// Returns this verdict whatever the helpers said.
    Return(XdpAction),
    /// Returns what the last helper call returned (XDP_PASS if there was none).
    ReturnHelper,
}
