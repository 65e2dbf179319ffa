//! Checks of targets, and broadcast.

use xdpsim_core::lab::Run;
use xdpsim_core::scenario::{FaultKind, FaultSpec, MapSpec, PortKind, PortSpec, Scenario};
use xdpsim_core::{Errno, Fate, IfIndex, MapKind, Mutations, Profile};

use super::common::*;
use super::{Row, Verdict, bench, expect, run_on_a};

pub const ROWS: &[Row] = &[
    (Mutations::LENGTH_BEFORE_DOWN, a_dead_port_is_down_whatever_the_length),
    (Mutations::LENGTH_OFF_BY_ONE, mtu_and_two_headers_fit),
    (Mutations::INGRESS_KEPT, the_ingress_is_excluded),
    (Mutations::EXCLUDE_BY_DEVICE, exclusion_goes_by_the_number),
    (Mutations::EXCLUDE_BY_KEY, exclusion_does_not_go_by_the_key),
    (Mutations::UPPERS_UNLIMITED, nine_uppers_are_too_many),
    (Mutations::NOBODY_IS_ERROR, a_broadcast_to_nobody_succeeds),
    (Mutations::SKIP_IS_ERROR, a_bad_target_is_skipped),
    (Mutations::CLONE_FAILURE_UNDOES, earlier_clones_stay),
];

const OTHERS: u64 = BROADCAST | EXCLUDE_INGRESS;

/// Frames that left by a, b, c and d.
fn delivered(run: &Run) -> Vec<usize> {
    ["a", "b", "c", "d"].iter().map(|port| run.numbers(port).len()).collect()
}

/// One frame of this length on a, to b.
fn of_length(mut scenario: Scenario, len: usize) -> Run {
    script(&mut scenario, "a", vec![to_key("map", 2, 0)]);
    let mut lab = lab(&scenario);
    lab.send("a", &vec![0; len]);
    lab.run()
}

/// RED-04.
fn a_dead_port_is_down_whatever_the_length(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    (scenario.ports[1].up, scenario.ports[1].mtu) = (false, Some(500));
    expect(errors(&of_length(scenario, 1000)), vec![Some(Errno::ENETDOWN)])
}

/// RED-04: 14 bytes of header, 4 of a VLAN tag.
fn mtu_and_two_headers_fit(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    scenario.ports[1].mtu = Some(500);
    expect(errors(&of_length(scenario.clone(), 518)), vec![None])?;
    expect(errors(&of_length(scenario, 519)), vec![Some(Errno::EMSGSIZE)])
}

/// BRD-01.
fn the_ingress_is_excluded(profile: Profile) -> Verdict {
    expect(delivered(&run_on_a(bench(profile), vec![to_key("map", 0, OTHERS)])), vec![0, 1, 1, 1])
}

/// BRD-08: b is another device with the number of the ingress.
fn exclusion_goes_by_the_number(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    scenario.netns = vec!["blue".into()];
    scenario.ports[1].netns = Some("blue".into());
    scenario.ports[1].ifindex = Some(IfIndex(1));
    expect(delivered(&run_on_a(scenario, vec![to_key("map", 0, OTHERS)])), vec![0, 0, 1, 1])
}

/// BRD-08.
fn nine_uppers_are_too_many(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    for i in 0..9 {
        let name = format!("upper{i}");
        scenario.ports.push(PortSpec::new(&name, PortKind::Upper));
        scenario.ports[0].uppers.push(name);
    }
    let run = run_on_a(scenario, vec![to_key("map", 0, OTHERS)]);
    expect((errors(&run), run.count(Fate::TooManyUppers)), (vec![Some(Errno::EOVERFLOW)], 1))
}

/// BRD-06.
fn a_broadcast_to_nobody_succeeds(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    scenario.maps[0].entries.clear();
    let run = run_on_a(scenario, vec![to_key("map", 0, BROADCAST)]);
    expect((errors(&run), run.count(Fate::Nobody)), (vec![None], 1))
}

/// BRD-05.
fn a_bad_target_is_skipped(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    scenario.ports[1].up = false;
    let run = run_on_a(scenario, vec![to_key("map", 0, OTHERS)]);
    expect((errors(&run), delivered(&run)), (vec![None], vec![0, 0, 1, 1]))
}

/// BRD-10.
fn earlier_clones_stay(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    scenario.faults = vec![FaultSpec { port: "c".into(), kind: FaultKind::Clone, nth: 1 }];
    let run = run_on_a(scenario, vec![to_key("map", 0, OTHERS)]);
    expect((errors(&run), delivered(&run)), (vec![Some(Errno::ENOMEM)], vec![0, 1, 0, 0]))
}

/// BRD-08: the ingress, ifindex 1, is at key 4, and b at key 1.
fn exclusion_does_not_go_by_the_key(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    scenario.maps = vec![MapSpec::new("map", MapKind::Devmap, 8).with(1, "b").with(4, "a").with(5, "c")];
    expect(delivered(&run_on_a(scenario, vec![to_key("map", 0, OTHERS)])), vec![0, 1, 1, 0])
}
