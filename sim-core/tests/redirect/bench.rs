//! Ports and frames that the tests of this folder share.

use xdpsim_core::lab::Run;
use xdpsim_core::scenario::{FaultKind, FaultSpec, MapSpec, Op, PortSpec, Scenario};
use xdpsim_core::{Errno, MapKind};

use super::common::*;

/// Ports a, b, c (ifindex 1 to 3); in `map` key k is the port with ifindex k.
pub fn bench() -> Scenario {
    let map = MapSpec::new("map", MapKind::Devmap, 8).with(1, "a").with(2, "b").with(3, "c");
    Scenario { maps: vec![map], ..ideal(&["a", "b", "c"]) }
}

/// The bench with this script for all frames of port a.
pub fn bench_with(ops: Vec<Op>) -> Scenario {
    let mut scenario = bench();
    script(&mut scenario, "a", vec![ops]);
    scenario
}

/// What a single frame's redirect says; `None` for success.
pub fn error_of(scenario: &Scenario) -> Option<Errno> {
    let errors = errors(&burst(scenario, "a", 1));
    assert_eq!(errors.len(), 1);
    errors[0]
}

pub fn fault(port: &str, kind: FaultKind, nth: u64) -> FaultSpec {
    FaultSpec { port: port.into(), kind, nth }
}

/// The bench where this was done to port b, and frames go to b by map or by ifindex.
pub fn to_b(change: impl Fn(&mut PortSpec)) -> [Scenario; 2] {
    [to_key("map", 2, 0), to_ifindex(2)].map(|ops| {
        let mut scenario = bench_with(ops);
        change(&mut scenario.ports[1]);
        scenario
    })
}

/// The bench behind a veth v0, on which long frames arrive with fragments; all of them go to port b.
pub fn from_veth(ops: Vec<Op>) -> Scenario {
    let mut scenario = bench();
    scenario.ports.extend(pair("v0", "v1", false));
    script(&mut scenario, "v0", vec![ops]);
    scenario
}

pub fn send_long(scenario: &Scenario, len: usize) -> Run {
    lab(scenario).send("v0", &vec![0; len]).run()
}
