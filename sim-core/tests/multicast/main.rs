//! The multicast patches that were never merged: RFC v1 and the helper with two maps, native and generic.
//!
//! Rules MCAST-01 to MCAST-55 as far as the engine has them, and the laws about it, on random groups.

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod encodings;
mod failures;
mod generic;
mod histories;
mod index;
mod laws;
mod two_maps;
mod walk;

use common::groups::*;
use common::*;
use xdpsim_core::lab::Run;
use xdpsim_core::{MapKind, Scenario};

/// Ports a, b, c, d, e, f (ifindex 1 to 6).
const PORTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// The program that a test gives the entries of groups.
const PROGRAM_OF_ENTRIES: &str = "of_entries";

/// A frame on a to forward group 1 (these) but not to exclude group 1 (those).
fn split(forward: &[&str], exclude: &[&str]) -> Scenario {
    index_split(RFC, &PORTS, forward, exclude)
}

/// The same as it was posted.
fn literal(forward: &[&str], exclude: &[&str]) -> Scenario {
    index_split(LITERAL, &PORTS, forward, exclude)
}

/// One frame on a, whose program calls `bpf_redirect_map(&c, index, 0)`.
fn to_index(scenario: &Scenario, index: u64) -> Run {
    let mut scenario = scenario.clone();
    script(&mut scenario, "a", vec![to_key("c", index, 0)]);
    burst(&scenario, "a", 1)
}

/// Who got it, by name.
fn got(run: &Run) -> String {
    PORTS.iter().flat_map(|port| vec![*port; run.frames(port).len()]).collect()
}

/// A hash of groups of this kind: `f` under forward key 1, `x` under exclude key 1.
fn groups_of(kind: MapKind, forward: &[&str], exclude: &[&str]) -> Scenario {
    let mut scenario = split(forward, exclude);
    (scenario.maps[0].kind, scenario.maps[1].kind) = (kind, kind);
    scenario
}
