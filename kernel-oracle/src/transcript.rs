//! What a side shows of a case.

use std::collections::BTreeMap;

use xdpsim_core::Event;
use xdpsim_core::driver::veth::VethCounters;
use xdpsim_devmap::{Errno, MapInfo};

/// Everything that can be seen of one case. Ports and maps are named as in the scenario; ids in events are
/// the model's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// Result of each entry of each map, in the scenario's order, then of each timed change.
    pub operations: Vec<Result<(), Errno>>,
    /// Frames that left by each port with a far end, in order. A port without frames is not in it.
    pub deliveries: BTreeMap<String, Vec<Vec<u8>>>,
    /// Frames that each port passed to the stack, in order.
    pub passed: BTreeMap<String, Vec<Vec<u8>>>,
    /// The tracepoints, in order.
    pub events: Vec<Event>,
    /// What each map holds at the end, in the order of `get_next_key`.
    pub maps: BTreeMap<String, Vec<(u32, MapInfo)>>,
    /// What each port counted during the case.
    pub counters: BTreeMap<String, VethCounters>,
}
