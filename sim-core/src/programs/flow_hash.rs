//! The program that spreads flows over several targets, as a load balancer does.

use xdpsim_devmap::{MapId, XdpAction};

use crate::frame::FrameMut;
use crate::poll::Decided;
use crate::program::{Ctx, PollFrames, XdpProgram};
use crate::rss;

/// `return bpf_redirect_map(&map, hash of the flow % targets, 0)`: all frames of a flow take one way.
///
/// The hash is that of the receive queues ([`rss::flow_hash`]); what has no flow takes the way of key 0.
#[derive(Clone, Copy, Debug)]
pub struct FlowHash {
    map: MapId,
    targets: u32,
}

impl FlowHash {
    /// The program that uses the keys 0 to `targets`-1; no targets count as one.
    #[must_use]
    pub const fn new(map: MapId, targets: u32) -> Self {
        Self { map, targets: if targets == 0 { 1 } else { targets } }
    }

    #[inline]
    fn key(&self, frame: &FrameMut<'_>) -> u64 {
        u64::from(rss::flow_hash(frame.data()) % self.targets)
    }
}

impl XdpProgram for FlowHash {
    #[inline]
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let key = self.key(frame);
        ctx.redirect_map(self.map, key, 0)
    }

    fn run_poll(&mut self, ctx: &mut Ctx<'_>, poll: &mut PollFrames<'_>, out: &mut Decided) {
        ctx.redirect_map_each(self.map, 0, poll, out, |frame| self.key(frame));
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(*self)
    }
}
