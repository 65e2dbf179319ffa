//! A hub: what comes in on one port goes out by all others.
//!
//! Somebody has given frames with a VLAN tag a short cut, and forgot a flag there. The tests find it.

pub mod ranges;

use xdpsim_core::{Ctx, FrameMut, MapId, RedirectFlags, XdpAction, XdpProgram};

/// Sends each frame to all ports of a map but the one on which it came in.
#[derive(Clone)]
pub struct Hub {
    ports: MapId,
    short_cut: bool,
}

impl Hub {
    /// A hub over the ports of this map.
    pub fn new(ports: MapId) -> Self {
        Self { ports, short_cut: false }
    }

    /// The same with the short cut for tagged frames.
    pub fn with_short_cut(ports: MapId) -> Self {
        Self { ports, short_cut: true }
    }
}

impl XdpProgram for Hub {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let tagged = frame.data().get(12..14) == Some(&[0x81, 0x00]);
        let mut flags = RedirectFlags::BROADCAST;
        if !(self.short_cut && tagged) {
            flags |= RedirectFlags::EXCLUDE_INGRESS;
        }
        ctx.redirect_map(self.ports, 0, flags.bits())
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}
