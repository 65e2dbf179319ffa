//! Programs: what runs on a frame, and what it may touch.
//!
//! A program is a Rust value that implements [`XdpProgram`]. It sees the frame and a [`Ctx`] with the
//! helpers; it has no clock, no randomness and no maps but those. Devmap programs are the same kind.
//! Sockets' and tc hooks get traits of their own when they come: their verdicts differ, `Ctx` does not.

use std::any::Any;

use xdpsim_devmap::{CpuId, Entry, IfIndex, MapId, MapKey, MapTable, QueueId, XdpAction};

use crate::batch::FrameNo;
use crate::frame::{FrameMark, FrameMut, Store};
use crate::kin::Kin;
use crate::mutation::Mutations;
use crate::poll::{Decided, Poll};
use crate::profile::Bounds;
use crate::redirect::RedirectInfo;
use crate::rules::Rules;
use crate::story::HelperCall;
use crate::time::Nanos;

/// Who shares a program's state. Decides which CPUs can run on threads of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It has none.
    None,
    /// Each CPU has its own.
    PerCpu,
    /// All CPUs share one: they run in virtual-time order on one thread.
    Shared,
}

/// What a program does beside its verdict and its frame. Decides whether a whole poll may be decided
/// before its first enqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    /// Calls redirect helpers.
    pub redirects: bool,
}

/// A program for ports or for devmap entries.
///
/// ```
/// use xdpsim_core::{Ctx, FrameMut, XdpProgram, XdpAction};
///
/// /// Drops everything but IPv4.
/// #[derive(Clone)]
/// struct Ipv4Only;
///
/// impl XdpProgram for Ipv4Only {
///     fn run(&mut self, _: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
///         match frame.data().get(12..14) {
///             Some([0x08, 0x00]) => XdpAction::PASS,
///             _ => XdpAction::DROP,
///         }
///     }
///     fn clone_box(&self) -> Box<dyn XdpProgram> {
///         Box::new(self.clone())
///     }
/// }
/// ```
pub trait XdpProgram: Send + Sync {
    /// Runs on one frame.
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction;

    /// A fresh copy with the same configuration and initial state.
    fn clone_box(&self) -> Box<dyn XdpProgram>;

    /// A fresh copy for a set of programs that are copied together: those that share state find each
    /// other's copies in `kin`. The default shares nothing.
    fn clone_with(&self, kin: &mut Kin) -> Box<dyn XdpProgram> {
        _ = kin;
        self.clone_box()
    }

    /// For who looks at programs after a run ([`Domain::programs`](crate::Domain::programs)) and knows the
    /// type; a program that has nothing to tell stays hidden.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// Who shares its state.
    fn sharing(&self) -> Sharing {
        Sharing::None
    }

    /// What else it does. The default claims the most.
    fn effects(&self) -> Effects {
        Effects { redirects: true }
    }

    /// Runs on all frames of a poll before anything is enqueued: one virtual call per poll. The default
    /// is what nearly everybody wants.
    fn run_poll(&mut self, ctx: &mut Ctx<'_>, poll: &mut PollFrames<'_>, out: &mut Decided) {
        run_each(self, ctx, poll, out);
    }

    /// Does it treat all frames of a poll alike, whatever is in them? Then it runs on the first one only.
    /// True of programs without state that call their helpers with constants.
    fn is_uniform(&self) -> bool {
        false
    }
}

/// Runs a program on each frame of a poll, or on the first one if it treats all alike.
#[inline(always)]
pub(crate) fn run_each<P: XdpProgram + ?Sized>(
    program: &mut P,
    ctx: &mut Ctx<'_>,
    poll: &mut PollFrames<'_>,
    out: &mut Decided,
) {
    let n = poll.len();
    if n == 1 {
        ctx.begin();
        let act = program.run(ctx, &mut poll.frame(0));
        return out.verdict(0, act, ctx);
    }
    let runs = if program.is_uniform() { n.min(1) } else { n };
    for i in 0..runs {
        ctx.begin();
        let act = program.run(ctx, &mut poll.frame(i));
        out.verdict(i, act, ctx);
    }
    out.repeat_last(runs, n, ctx.keep_keys);
}

/// The frames of one poll, as [`XdpProgram::run_poll`] sees them.
pub struct PollFrames<'a> {
    pub(crate) poll: &'a mut Poll,
    pub(crate) store: &'a mut Store,
    pub(crate) input: &'a [u8],
    pub(crate) bounds: Bounds,
}

impl PollFrames<'_> {
    /// How many.
    #[inline]
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.poll.len()
    }

    /// The i-th.
    #[inline(always)]
    pub fn frame(&mut self, i: usize) -> FrameMut<'_> {
        FrameMut::new(self.store, self.input, self.poll.desc_mut(i), self.bounds)
    }
}

/// What a program run may use: `struct xdp_md` and the helpers.
pub struct Ctx<'a> {
    pub(crate) ri: &'a mut RedirectInfo,
    pub(crate) maps: &'a MapTable,
    pub(crate) random: &'a mut Random,
    pub(crate) log: Option<&'a mut Vec<HelperCall>>,
    pub(crate) mutations: Mutations,
    pub(crate) rules: Rules,
    pub(crate) keep_keys: bool,
    pub(crate) latest: FrameNo,
    /// `ctx->ingress_ifindex`.
    pub ingress_ifindex: IfIndex,
    /// `ctx->egress_ifindex`: the target, in a devmap program only (DVP-03).
    pub egress_ifindex: Option<IfIndex>,
    /// `ctx->rx_queue_index`.
    pub rx_queue_index: QueueId,
    /// `bpf_get_smp_processor_id()`.
    pub cpu: CpuId,
    /// `bpf_ktime_get_ns()`: virtual time.
    pub now: Nanos,
}

impl Ctx<'_> {
    /// Before each frame: what the *last* frame's helpers reported is no longer of interest. Only a
    /// [`XdpProgram::run_poll`] of one's own needs to call it.
    #[inline(always)]
    pub fn begin(&mut self) {
        self.ri.begin_frame();
    }

    /// A frame's number in the run, from 0: for messages about it.
    #[must_use]
    pub fn frame_number(&self, frame: &FrameMut<'_>) -> FrameNo {
        frame.desc().number(self.latest)
    }

    /// The number of the frame that was marked so.
    #[must_use]
    pub fn marked(&self, mark: FrameMark) -> FrameNo {
        mark.number(self.latest)
    }

    /// The same context for a program whose helper calls somebody wants to know.
    pub(crate) fn logging<'b>(&'b mut self, calls: &'b mut Vec<HelperCall>) -> Ctx<'b> {
        Ctx { ri: self.ri, random: self.random, log: Some(calls), ..*self }
    }

    /// `bpf_map_lookup_elem()` on a map of maps: the inner map (HLP-16).
    #[must_use]
    pub fn inner_map(&self, map: MapId, key: MapKey) -> Option<MapId> {
        self.maps.inner(map, key)
    }

    /// `bpf_map_lookup_elem()` on a devmap: the entry, read-only.
    #[must_use]
    pub fn lookup(&self, map: MapId, key: MapKey) -> Option<Entry> {
        self.maps.redirect_lookup(map, key)
    }

    /// `bpf_get_prandom_u32()`: seeded by the scenario, one stream per CPU.
    pub fn prandom_u32(&mut self) -> u32 {
        self.random.next_u32()
    }
}

/// A small seeded generator (splitmix64), so that equal seeds give equal runs everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of one CPU.
    #[must_use]
    pub fn new(seed: u64, cpu: CpuId) -> Self {
        Self(seed ^ (u64::from(cpu.0) << 48))
    }

    fn next_u32(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 32) as u32
    }
}
