//! One NAPI poll: its frames and what their program decided.
//!
//! Both tables are as large as the largest poll and never cleared, only counted: clearing would cost
//! more than a poll of one frame.

use xdpsim_devmap::{DevId, Entry, IfIndex, MapKind, ProgId, QueueId, RedirectFlags, XdpAction};

use crate::batch::Desc;
use crate::mutation::Mutations;
use crate::program::Ctx;
use crate::redirect::info::Note;
use crate::redirect::{RedirectInfo, is_devmap};

/// Frames that one NAPI poll may take: `NAPI_POLL_WEIGHT`.
pub const NAPI_BUDGET: usize = 64;
/// Frames that one `net_rx_action()` may take over all polls: `netdev_budget`.
pub const SOFTIRQ_BUDGET: usize = 300;
/// Slots of a poll's table: a full poll and what an earlier one left in its queues, or a batch of test
/// frames. A slot number fits a byte.
pub const POLL_SLOTS: usize = 256;

/// The frames of one poll.
pub struct Poll {
    n: usize,
    len_max: u32,
    any_frags: bool,
    odd_heads: bool,
    desc: Box<[Desc; POLL_SLOTS]>,
    bytes_before: Box<[u32; POLL_SLOTS + 1]>,
    /// Frames at the front that an earlier poll left queued, with their ingress (FLU-07).
    pub(crate) leftover: Vec<DevId>,
    /// The port.
    pub(crate) dev: DevId,
    /// Its ifindex.
    pub(crate) ifindex: IfIndex,
    /// Its queue.
    pub(crate) queue: QueueId,
}

impl Default for Poll {
    fn default() -> Self {
        Self {
            n: 0,
            len_max: 0,
            any_frags: false,
            odd_heads: false,
            desc: Box::new([Desc::default(); POLL_SLOTS]),
            bytes_before: Box::new([0; POLL_SLOTS + 1]),
            leftover: Vec::new(),
            dev: DevId(0),
            ifindex: IfIndex(0),
            queue: QueueId(0),
        }
    }
}

impl Poll {
    /// How many frames.
    #[inline]
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.n
    }

    /// Empties it.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.n = 0;
        self.leftover.clear();
    }

    /// One more frame.
    #[inline]
    pub(crate) fn push(&mut self, desc: Desc) {
        self.desc[self.n] = desc;
        self.n += 1;
    }

    /// More frames; at most as many as there is room for.
    #[inline]
    pub(crate) fn extend(&mut self, descs: &[Desc]) {
        self.desc[self.n..self.n + descs.len()].copy_from_slice(descs);
        self.n += descs.len();
    }

    /// Sums and maxima, once no length changes any more.
    #[inline]
    pub(crate) fn measure(&mut self) {
        if let [one] = self.desc[..self.n] {
            (self.bytes_before[0], self.bytes_before[1]) = (0, one.len);
            (self.len_max, self.any_frags) = (one.len, one.has_frags());
            self.odd_heads = one.head != Desc::HEADROOM;
            return;
        }
        let (mut sum, mut longest, mut bufs, mut odd) = (0u32, 0u32, 0u8, 0u16);
        for (desc, before) in self.desc[..self.n].iter().zip(self.bytes_before.iter_mut()) {
            *before = sum;
            sum = sum.wrapping_add(desc.len);
            longest = longest.max(desc.len);
            bufs |= desc.buf;
            odd |= desc.head ^ Desc::HEADROOM;
        }
        self.bytes_before[self.n] = sum;
        self.len_max = longest;
        self.odd_heads = odd != 0;
        self.any_frags = Desc { buf: bufs, ..Desc::default() }.has_frags();
    }

    /// Bytes of the frames `from..to`.
    #[inline]
    pub(crate) fn bytes(&self, from: usize, to: usize) -> u32 {
        self.bytes_before[to].wrapping_sub(self.bytes_before[from])
    }

    /// The longest frame.
    #[inline]
    pub(crate) fn len_max(&self) -> u32 {
        self.len_max
    }

    /// Does any frame have fragments?
    #[inline]
    pub(crate) fn any_frags(&self) -> bool {
        self.any_frags
    }

    /// Has any frame another headroom than usual, or metadata?
    #[inline]
    pub(crate) fn odd_heads(&self) -> bool {
        self.odd_heads
    }

    /// Has every frame room for its header (RED-02)?
    #[inline]
    pub(crate) fn all_convert(&self) -> bool {
        !self.odd_heads || self.desc[..self.n].iter().all(|desc| desc.converts())
    }

    /// A frame's descriptor.
    #[inline]
    pub(crate) fn desc(&self, slot: u8) -> Desc {
        self.desc[usize::from(slot)]
    }

    /// All descriptors, by slot.
    #[inline]
    pub(crate) fn table(&self) -> &[Desc; POLL_SLOTS] {
        &self.desc
    }

    /// A frame's descriptor, to change it.
    #[inline]
    pub(crate) fn desc_mut(&mut self, i: usize) -> &mut Desc {
        &mut self.desc[i]
    }

    /// The first `n` descriptors, to move their bytes.
    pub(crate) fn descs_mut(&mut self, n: usize) -> impl Iterator<Item = &mut Desc> {
        self.desc[..n].iter_mut()
    }

    /// Where a frame came in: here, unless an earlier poll left it.
    #[inline]
    pub(crate) fn ingress_of(&self, slot: u8) -> DevId {
        self.leftover.get(usize::from(slot)).copied().unwrap_or(self.dev)
    }
}

/// What is to be done with a frame, from its verdict and the redirect info at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Pass,
    Drop,
    Aborted,
    Tx,
    Unknown,
    /// Unicast to a map entry's device.
    Device,
    /// Unicast to an ifindex.
    IfIndex,
    /// Broadcast over a map.
    Broadcast,
    /// No target armed.
    NoTarget,
    /// Broadcast without a map.
    NoMap,
    /// To a CPU or an AF_XDP socket, which are not modelled.
    Elsewhere,
    /// To the forward group of an index, less its exclude group (RFC v1).
    Groups,
    /// To a map, less another (v2 to v20).
    TwoMaps,
}

impl Kind {
    /// By number; what is no kind is never asked for.
    const ALL: [Self; 16] = {
        use Kind::*;
        [
            Pass, Drop, Aborted, Tx, Unknown, Device, IfIndex, Broadcast, NoTarget, NoMap, Elsewhere, Groups,
            TwoMaps, NoMap, NoMap, NoMap,
        ]
    };

    /// Armed by a helper of the multicast patches?
    #[inline]
    pub fn is_multicast(self) -> bool {
        matches!(self, Self::Groups | Self::TwoMaps)
    }
}

/// A decision: two frames are treated alike if their decisions are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Device, map, ifindex or verdict.
    pub value: u32,
    /// The entry's program, 0 for none.
    pub prog: u16,
    /// The [`Note`] for verdicts and ifindexes; 1 for a broadcast or multicast that excludes the ingress.
    pub detail: u8,
    pub kind: Kind,
}

impl Decision {
    const NONE: Self = Self { kind: Kind::NoTarget, detail: 0, prog: 0, value: 0 };

    /// Unicast to the entry that a lookup found.
    #[inline]
    pub fn device(entry: Entry) -> Self {
        let prog = entry.prog.map_or(0, |prog| prog.0 as u16);
        Self { kind: Kind::Device, detail: 0, prog, value: entry.dev.0 }
    }

    /// The entry's program.
    #[inline]
    pub fn prog(self) -> Option<ProgId> {
        if self.prog == 0 { None } else { Some(ProgId(u32::from(self.prog))) }
    }

    /// As one number, to store and to compare.
    #[inline(always)]
    pub const fn pack(self) -> Packed {
        let (value, prog) = (self.value as u64, self.prog as u64);
        Packed(value | prog << 32 | (self.detail as u64) << 48 | (self.kind as u64) << 56)
    }
}

/// A [`Decision`] as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed(u64);

impl Packed {
    /// The decision.
    #[inline(always)]
    pub fn unpack(self) -> Decision {
        let kind = Kind::ALL[(self.0 >> 56) as usize & 15];
        Decision { value: self.0 as u32, prog: (self.0 >> 32) as u16, detail: (self.0 >> 48) as u8, kind }
    }

    /// The device of a unicast to a map entry's device.
    #[inline(always)]
    pub fn device(self) -> Option<DevId> {
        (self.0 >> 56 == Kind::Device as u64).then_some(DevId(self.0 as u32))
    }
}

/// What a redirect's event prints beside the decision; kept only where somebody wants events.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Key {
    pub map_id: u32,
    /// `tgt_index`, cut to 32 bits.
    pub index: u32,
    /// ifindex of the entry that the lookup found, 0 for none.
    pub to_ifindex: u32,
}

/// The decisions of a poll, by slot.
pub struct Decided {
    what: Box<[Packed; POLL_SLOTS]>,
    keys: Box<[Key; POLL_SLOTS]>,
    pub(crate) mutations: Mutations,
}

impl Decided {
    pub(crate) fn new(mutations: Mutations) -> Self {
        Self {
            what: Box::new([Decision::NONE.pack(); POLL_SLOTS]),
            keys: Box::new([Key::default(); POLL_SLOTS]),
            mutations,
        }
    }

    /// Records the verdict on frame `i`, as its program's helper calls have left the context.
    #[inline(always)]
    pub fn verdict(&mut self, i: usize, act: XdpAction, ctx: &mut Ctx<'_>) {
        self.record(i, act, ctx.ri, ctx.keep_keys);
    }

    /// The same. XDP_REDIRECT consumes the redirect info (HLP-19). `keep_keys`: somebody wants events.
    #[inline(always)]
    pub(crate) fn record(&mut self, i: usize, act: XdpAction, ri: &mut RedirectInfo, keep_keys: bool) {
        let decision = if act == XdpAction::REDIRECT {
            if keep_keys {
                self.keys[i] = key_of(ri);
            }
            redirect_decision(ri, self.mutations)
        } else {
            let kind = match act {
                XdpAction::PASS => Kind::Pass,
                XdpAction::DROP => Kind::Drop,
                XdpAction::TX => Kind::Tx,
                XdpAction::ABORTED => Kind::Aborted,
                _ => Kind::Unknown,
            };
            Decision { kind, detail: ri.note as u8, prog: 0, value: act.0 }
        };
        self.what[i] = decision.pack();
    }

    /// The decisions on `n` frames from `from` on, to be written.
    #[inline(always)]
    pub(crate) fn stretch_mut(&mut self, from: usize, n: usize) -> &mut [Packed] {
        &mut self.what[from..from + n]
    }

    /// Keeps what the event of frame `i` prints.
    #[inline(always)]
    pub(crate) fn keep(&mut self, i: usize, key: Key) {
        self.keys[i] = key;
    }

    /// The frames from `runs` to `n` are decided as the one before them.
    #[inline]
    pub(crate) fn repeat_last(&mut self, runs: usize, n: usize, keep_keys: bool) {
        if runs > 0 && runs < n {
            let (what, key) = (self.what[runs - 1], self.keys[runs - 1]);
            self.what[runs..n].fill(what);
            if keep_keys {
                self.keys[runs..n].fill(key);
            }
        }
    }

    /// The decision on frame `i`.
    #[inline]
    pub(crate) fn of(&self, i: usize) -> Decision {
        self.what[i].unpack()
    }

    /// All decisions, by slot.
    #[inline]
    pub(crate) fn packed(&self) -> &[Packed; POLL_SLOTS] {
        &self.what
    }

    /// What its event prints.
    #[inline]
    pub(crate) fn key(&self, i: usize) -> Key {
        self.keys[i]
    }
}

/// Which way `xdp_do_redirect()` dispatches (RED-01), and what is left of the redirect info.
#[inline(always)]
fn redirect_decision(ri: &mut RedirectInfo, mutations: Mutations) -> Decision {
    let broadcast = ri.flags.contains(RedirectFlags::BROADCAST);
    let decision = match (ri.map_type, ri.tgt_value) {
        (Some(_), _) if broadcast => match ri.map.take() {
            Some(map) => {
                let exclude = ri.flags.contains(RedirectFlags::EXCLUDE_INGRESS);
                Decision { kind: Kind::Broadcast, detail: u8::from(exclude), prog: 0, value: map.0 }
            }
            None => Decision { kind: Kind::NoMap, ..Decision::NONE },
        },
        (Some(_), Some(entry)) => Decision::device(entry),
        _ if ri.ifindex_armed() => {
            Decision { kind: Kind::IfIndex, detail: ri.note as u8, prog: 0, value: ri.tgt_index as u32 }
        }
        _ if ri.elsewhere_armed() => Decision { kind: Kind::Elsewhere, ..Decision::NONE },
        (Some(map_type), None) if ri.map.is_some() => multicast_decision(ri, map_type),
        _ => Decision { kind: Kind::NoTarget, detail: ri.note as u8, prog: 0, value: ri.tgt_index as u32 },
    };
    ri.consume(mutations);
    decision
}

/// A map type with a map but without an entry is what the multicast patches' helpers leave (MCAST-41).
#[cold]
fn multicast_decision(ri: &mut RedirectInfo, map_type: MapKind) -> Decision {
    let map = ri.map.take().map_or(0, |map| map.0);
    // The one flag of two maps excludes the ingress (MCAST-40); groups have none.
    let exclude = !ri.flags.is_empty();
    let kind = if map_type.is_map_of_maps() { Kind::Groups } else { Kind::TwoMaps };
    Decision { kind, detail: u8::from(exclude), prog: 0, value: map }
}

/// TRC-05, TRC-06: what the event of this redirect prints.
#[inline]
fn key_of(ri: &RedirectInfo) -> Key {
    let entry = ri.tgt_value.filter(|_| ri.map_type.is_some_and(is_devmap));
    let to_ifindex = entry.map_or(0, |entry| entry.ifindex.0);
    Key { map_id: ri.map_id, index: ri.tgt_index as u32, to_ifindex }
}

/// Was the failed lookup of this very frame what armed the ifindex (HLP-12)?
#[inline]
pub(crate) fn missed(detail: u8) -> bool {
    detail == Note::Missed as u8
}
