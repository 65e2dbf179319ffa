//! veth: rings, wake-ups, the peer's mtu.

use xdpsim_core::scenario::{MapSpec, PortSpec, ProgramKind, Scenario};
use xdpsim_core::{Fate, MapKind, Mutations, Nanos, Profile};

use super::common::*;
use super::{Row, Verdict, expect};

pub const ROWS: &[Row] = &[
    (Mutations::VETH_SKIPS_LONG, a_long_frame_holds_up_those_behind_it),
    (Mutations::VETH_OWN_MTU, the_peers_mtu_counts),
    (Mutations::RING_CLEARS_AT_ONCE, consumed_slots_come_back_in_groups),
    (Mutations::EMPTY_BULK_FLUSHES, an_empty_bulk_wakes_nobody),
    (Mutations::PARTIAL_FLUSH_WAKES, an_empty_bulk_wakes_nobody),
    (Mutations::TX_WAKES_ANYBODY, tx_wakes_only_a_peer_with_a_program),
];

/// Port v (a veth, ifindex 1) whose far end has this mtu, and as many ideal ports p0, p1 … as told, whose
/// frames all go to v.
fn to_veth(profile: Profile, mtu: u32, ports: usize) -> Scenario {
    let map = MapSpec::new("map", MapKind::Devmap, 1).with(0, "v");
    let mut scenario = Scenario { profile, maps: vec![map], ..Scenario::default() };
    scenario.ports = vec![far_end("v", mtu, true, true)];
    for i in 0..ports {
        let name = format!("p{i}");
        scenario.ports.push(PortSpec::ideal(&name));
        script(&mut scenario, &name, vec![to_key("map", 0, 0)]);
    }
    scenario
}

/// Frames of these lengths, in one poll.
fn lengths(scenario: &Scenario, lengths: &[usize]) -> xdpsim_core::lab::Run {
    let mut lab = lab(scenario);
    for &len in lengths {
        lab.send("p0", &vec![0; len]);
    }
    lab.run()
}

/// DRV-04.
fn a_long_frame_holds_up_those_behind_it(profile: Profile) -> Verdict {
    let run = lengths(&to_veth(profile, 500, 1), &[60, 1000, 60]);
    expect((run.numbers("v"), run.count(Fate::PeerTooLong), run.count(Fate::Behind)), (vec![0], 1, 1))
}

/// DRV-05.
fn the_peers_mtu_counts(profile: Profile) -> Verdict {
    let mut scenario = to_veth(profile, 2000, 1);
    scenario.ports[0].mtu = Some(2500);
    expect(lengths(&scenario, &[2018, 2019]).numbers("v"), vec![0])
}

/// DRV-06: after 5 frames the ring takes 251 more, not 256.
fn consumed_slots_come_back_in_groups(profile: Profile) -> Verdict {
    let mut lab = lab(&to_veth(profile, 1500, 6));
    for i in 0..5 {
        lab.at(Nanos(1 + i)).send("p0", &frame(0));
    }
    lab.at(Nanos(1000));
    for port in ["p0", "p1", "p2", "p3", "p4", "p5"] {
        for _ in 0..64 {
            lab.send(port, &frame(0));
        }
    }
    expect(lab.run().report.delivered("v").0, 5 + 251)
}

/// ENQ-03, FLU-06: the partial flush carries no flag, and of the last bulk nothing is left to flush.
fn an_empty_bulk_wakes_nobody(profile: Profile) -> Verdict {
    let mut scenario = to_veth(profile, 1500, 1);
    let cycle = [vec![vec![PASS]; 16], vec![vec![DROP]]].concat();
    entry_program(&mut scenario, "p", ProgramKind::Script(cycle));
    scenario.maps[0] = MapSpec::new("map", MapKind::Devmap, 1).with_program(0, "v", "p");
    let run = burst(&scenario, "p0", 17);
    expect((run.count(Fate::Stuck), run.count(Fate::Delivered)), (16, 0))
}

/// DRV-08: GRO alone gives the peer a NAPI, but no wake-up.
fn tx_wakes_only_a_peer_with_a_program(profile: Profile) -> Verdict {
    let mut scenario = Scenario { profile, ports: pair("v", "w", true).to_vec(), ..Scenario::default() };
    script(&mut scenario, "v", vec![vec![TX]]);
    let run = burst(&scenario, "v", 3);
    expect((run.count(Fate::TxStuck), run.numbers("v")), (3, vec![]))
}
