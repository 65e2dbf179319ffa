//! The programs that send to a group but not to another: by two numbers in one index, or by two maps.
//!
//! They need a kernel that was never merged ([`Rules`](crate::rules::Rules)); under any other their calls are
//! refused, and they return XDP_ABORTED.
//!
//! Rules: MCAST-02, MCAST-12, MCAST-20, MCAST-38, MCAST-40, MCAST-55.

use std::sync::Arc;

use xdpsim_devmap::{MapId, XdpAction};

use crate::frame::FrameMut;
use crate::program::{Ctx, XdpProgram};
use crate::scenario::{ExcludeSource, GroupSource};

/// `return bpf_redirect_map(&map, group << 16 | exclude, flags)` on a map of maps.
#[derive(Clone, Debug)]
pub struct RedirectGroup {
    map: MapId,
    numbers: Arc<(GroupSource, ExcludeSource)>,
    flags: u64,
}

impl RedirectGroup {
    /// The program that finds both numbers anew for each frame.
    #[must_use]
    pub fn new(map: MapId, group: GroupSource, exclude: ExcludeSource, flags: u64) -> Self {
        Self { map, numbers: Arc::new((group, exclude)), flags }
    }

    fn index(&self, ctx: &Ctx<'_>, frame: &FrameMut<'_>) -> u32 {
        let (group, exclude) = &*self.numbers;
        let group = match group {
            GroupSource::Const(group) => *group,
            GroupSource::Ethertype { cases, other } => ethertype(frame)
                .and_then(|found| cases.iter().find(|(ethertype, _)| *ethertype == found))
                .map_or(*other, |(_, group)| *group),
        };
        let exclude = match exclude {
            ExcludeSource::Const(exclude) => u32::from(*exclude),
            ExcludeSource::IngressIfindex => ctx.ingress_ifindex.0,
            ExcludeSource::Ingress { cases, other } => {
                let found = cases.iter().find(|(ifindex, _)| *ifindex == ctx.ingress_ifindex);
                u32::from(found.map_or(*other, |(_, exclude)| *exclude))
            }
        };
        u32::from(group) << 16 | exclude
    }
}

fn ethertype(frame: &FrameMut<'_>) -> Option<u16> {
    frame.data().get(12..14).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

impl XdpProgram for RedirectGroup {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let index = self.index(ctx, frame);
        ctx.redirect_map(self.map, index.into(), self.flags)
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(self.clone())
    }
}

/// `return bpf_redirect_map_multi(&map, &ex_map, flags)`.
#[derive(Clone, Copy, Debug)]
pub struct RedirectMulti {
    map: MapId,
    ex_map: Option<MapId>,
    flags: u64,
}

impl RedirectMulti {
    /// The program that sends to all of `map` but those in `ex_map`; `None` is NULL.
    #[must_use]
    pub const fn new(map: MapId, ex_map: Option<MapId>, flags: u64) -> Self {
        Self { map, ex_map, flags }
    }
}

impl XdpProgram for RedirectMulti {
    fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
        ctx.redirect_map_multi(self.map, self.ex_map, self.flags)
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(*self)
    }
}
