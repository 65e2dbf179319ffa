//! What a CPU works on: the world, the drivers, the buffers, the sink. Borrowed for one poll.

use std::collections::BTreeMap;
use std::sync::Arc;

use xdpsim_devmap::{MapTable, NetnsId, ProgId};

use super::faults::Faults;
use crate::batch::{Desc, FrameNo};
use crate::driver::DriverState;
use crate::frame::Store;
use crate::mutation::Mutations;
use crate::netdev::DeviceTable;
use crate::profile::{KernelVersion, Path, Profile};
use crate::program::XdpProgram;
use crate::sink::Sink;
use crate::time::Nanos;
use crate::trace::{Event, Stamp};
use crate::world::Program;

/// Everything that only changes between polls.
#[derive(Clone)]
pub(crate) struct World {
    pub profile: Profile,
    pub devices: DeviceTable,
    pub maps: MapTable,
    pub programs: Arc<Vec<Program>>,
    pub netns: Vec<String>,
    pub hops_max: u8,
    /// May a whole poll be decided before its first enqueue? Not if a devmap program that calls helpers
    /// can run in the middle of it (DVP-09), not where each run disarms (HLP-20.d), and not under rules other
    /// than mainline's.
    pub decide_first: bool,
    /// Counts every change of devices and maps: what was compiled before is stale.
    pub version: u64,
}

impl World {
    /// After a change of devices or maps.
    pub fn changed(&mut self) {
        self.devices.refresh(&self.profile);
        self.version += 1;
        self.decide_first = self.profile.path == Path::Auto
            && self.profile.rules.is_mainline()
            && !self.profile.mutations.need_frame_path()
            && !self.disarms()
            && (self.entry_programs_call_no_helpers()
                || self.profile.mutations.has(Mutations::FAST_IGNORES_EFFECTS));
    }

    /// Does each run of a program begin with nothing armed (HLP-20.d)?
    #[inline]
    pub fn disarms(&self) -> bool {
        self.profile.kernel < KernelVersion::BPF_NET_CONTEXT
    }

    fn entry_programs_call_no_helpers(&self) -> bool {
        let entries = || self.maps.ids().flat_map(|id| self.maps.targets(id).map(|(_, entry)| entry));
        !self.maps.has_programs()
            || entries().filter_map(|entry| entry.prog).all(|prog| !self.program(prog).effects.redirects)
    }

    /// A loaded program.
    pub fn program(&self, id: ProgId) -> &Program {
        &self.programs[id.0 as usize - 1]
    }

    /// The namespace with this name; `None` is the initial one.
    pub fn netns(&self, name: Option<&str>) -> Option<NetnsId> {
        match name {
            None => Some(NetnsId::INIT),
            Some(name) => self.netns.iter().position(|known| known == name).map(|i| NetnsId(i as u32)),
        }
    }
}

/// One poll's surroundings.
pub(crate) struct Env<'a, S: Sink> {
    pub world: &'a World,
    pub drivers: &'a mut [DriverState],
    pub store: &'a mut Store,
    pub shared: &'a mut [Option<Box<dyn XdpProgram>>],
    pub faults: &'a mut Faults,
    pub sink: &'a mut S,
    pub arrivals: Arrivals<'a>,
    /// The batch's bytes.
    pub input: &'a [u8],
    pub stamp: Stamp,
    /// The maps as they will be when so many entries of the current walk have been visited; ascending.
    pub later: &'a [(u32, MapTable)],
    /// Has the first call of RFC v1's helper been told (MCAST-06)?
    pub told_first_call: &'a mut bool,
}

/// What is known of the frames' arrival.
#[derive(Clone, Copy)]
pub(crate) struct Arrivals<'a> {
    /// Number of the batch's first frame.
    pub first: FrameNo,
    /// No frame has a higher number.
    pub latest: FrameNo,
    /// Timestamps of the batch.
    pub stamps: &'a [Nanos],
    /// Timestamps of frames that outlived their batch.
    pub kept: &'a BTreeMap<FrameNo, Nanos>,
}

impl Arrivals<'_> {
    /// A frame's whole number.
    #[inline]
    pub fn number(&self, desc: Desc) -> FrameNo {
        desc.number(self.latest)
    }

    /// A frame's own timestamp.
    pub fn stamp(&self, frame: FrameNo) -> Nanos {
        let in_batch = frame.0.checked_sub(self.first.0).and_then(|i| self.stamps.get(i as usize));
        in_batch.or_else(|| self.kept.get(&frame)).copied().unwrap_or_default()
    }
}

impl<'a, S: Sink> Env<'a, S> {
    /// The maps as a walk sees them that has visited so many entries (MCAST-34).
    pub fn maps_in_walk(&self, visited: u64) -> &'a MapTable {
        let now = self.later.iter().rev().find(|(at, _)| u64::from(*at) <= visited);
        now.map_or(&self.world.maps, |(_, maps)| maps)
    }

    /// Do they change just then?
    pub fn maps_change_at(&self, visited: u64) -> bool {
        self.later.iter().any(|(at, _)| u64::from(*at) == visited)
    }
}

impl<S: Sink> Env<'_, S> {
    /// Is this fault planted?
    #[inline]
    pub fn mutated(&self, fault: Mutations) -> bool {
        self.world.profile.mutations.has(fault)
    }

    /// A tracepoint hit.
    #[inline]
    pub fn event(&mut self, event: Event) {
        if S::EVENTS {
            self.sink.event(self.stamp, event);
        }
    }
}
