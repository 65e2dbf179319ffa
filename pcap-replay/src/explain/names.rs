//! Names of ports, maps and programs, as a story uses them.

use xdpsim_core::{DevId, MapId, Plan, ProgId};

/// Looks names up in a plan.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    plan: &'a Plan,
}

impl<'a> Names<'a> {
    /// The names of this plan.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan }
    }

    /// A port.
    #[must_use]
    pub fn port(&self, dev: DevId) -> &'a str {
        &self.plan.device(dev).name
    }

    /// A port's ifindex when the run began.
    #[must_use]
    pub fn ifindex(&self, dev: DevId) -> u32 {
        self.plan.device(dev).ifindex.0
    }

    /// Do the port's programs run in generic mode?
    #[must_use]
    pub fn is_generic(&self, dev: DevId) -> bool {
        self.plan.device(dev).runs_generic()
    }

    /// A program.
    #[must_use]
    pub fn program(&self, prog: ProgId) -> &'a str {
        self.plan.program_name(prog)
    }

    /// A map.
    #[must_use]
    pub fn map(&self, map: MapId) -> &'a str {
        self.plan.maps().get(map).map_or("?", |map| &map.attr().name)
    }
}
