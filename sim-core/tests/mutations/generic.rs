//! Checks of generic mode.

use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::netdev::XdpMode;
use xdpsim_core::scenario::{FaultKind, FaultSpec, MapSpec, Op, PortSpec, ProgramKind, Scenario};
use xdpsim_core::{Errno, MapKind, Mutations, Profile, XdpAction};

use super::common::probe::{Note, names};
use super::common::*;
use super::{Row, Verdict, bench, expect, marks, marks_on, run_on_a};

pub const ROWS: &[Row] = &[
    (Mutations::GENERIC_IS_NATIVE, nothing_is_queued),
    (Mutations::GENERIC_ASKS_FEATURES, a_bridge_is_a_target),
    (Mutations::GENERIC_SKIPS_BAD, a_bad_target_ends_the_broadcast),
    (Mutations::GENERIC_XMIT_ERROR, a_refused_transmit_is_a_success),
    (Mutations::GENERIC_FIRST_PROGRAM, every_entry_has_its_own_program),
    (Mutations::GENERIC_KEEPS_META, metadata_stays_behind),
    (Mutations::GENERIC_CLONES_FRAGS, fragments_are_not_cloned),
    (Mutations::GENERIC_EVENT_FIRST, the_event_comes_after_the_transmit),
    (Mutations::GENERIC_OWN_CONTEXT, the_context_is_the_softirqs),
];

/// The bench with port a in generic mode.
fn generic(profile: Profile) -> Scenario {
    let mut scenario = bench(profile);
    scenario.ports[0].mode = XdpMode::Generic;
    scenario
}

/// GEN-01.
fn nothing_is_queued(profile: Profile) -> Verdict {
    let run = run_on_a(generic(profile), vec![to_key("map", 2, 0), to_key("map", 3, 0)]);
    expect((names(&run), xmits(&run).len()), (vec!["xdp_redirect"; 2], 0))
}

/// GEN-02.
fn a_bridge_is_a_target(profile: Profile) -> Verdict {
    let mut scenario = generic(profile);
    scenario.ports[1] = PortSpec::new("b", xdpsim_core::scenario::PortKind::Upper);
    expect(errors(&run_on_a(scenario, vec![to_key("map", 2, 0)])), vec![None])
}

/// GEN-04.
fn a_bad_target_ends_the_broadcast(profile: Profile) -> Verdict {
    let mut scenario = generic(profile);
    scenario.ports[2].up = false;
    let run = run_on_a(scenario, vec![to_key("map", 0, BROADCAST | EXCLUDE_INGRESS)]);
    expect((errors(&run), run.deliveries().len()), (vec![Some(Errno::ENETDOWN)], 1))
}

/// GEN-05.
fn a_refused_transmit_is_a_success(profile: Profile) -> Verdict {
    let mut scenario = generic(profile);
    scenario.faults = vec![FaultSpec { port: "b".into(), kind: FaultKind::Xmit(Errno::EIO), nth: 1 }];
    let run = run_on_a(scenario, vec![to_key("map", 0, BROADCAST | EXCLUDE_INGRESS)]);
    expect((errors(&run), run.deliveries().len()), (vec![None], 2))
}

/// GEN-06.
fn every_entry_has_its_own_program(profile: Profile) -> Verdict {
    let mut scenario = generic(profile);
    marks(&mut scenario, "p", 7);
    scenario.maps[0] = MapSpec::new("map", MapKind::Devmap, 8).with(0, "b").with_program(1, "b", "p");
    let run = run_on_a(scenario, vec![to_key("map", 0, 0), to_key("map", 1, 0)]);
    expect(marks_on(&run, "b"), vec![0, 7])
}

/// GEN-06: in native mode it would be there.
fn metadata_stays_behind(profile: Profile) -> Verdict {
    let mut scenario = generic(profile);
    marks(&mut scenario, "p", 7);
    scenario.maps[0] = MapSpec::new("map", MapKind::Devmap, 8).with_program(1, "b", "p");
    script(&mut scenario, "a", vec![vec![Op::AdjustMeta(-8), call("map", 1, 0), Op::ReturnHelper]]);
    let (notes, own) = Note::called("p");
    let mut lab = Lab::with_programs(&scenario, own).map_err(|error| error.to_string())?;
    _ = lab.send("a", &frame(0)).run();
    let notes = notes.lock().expect("nobody panicked");
    expect(notes.iter().map(|seen| seen.meta.len()).collect::<Vec<_>>(), vec![0])
}

/// GEN-08.
fn fragments_are_not_cloned(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    scenario.ports.extend(pair("v0", "v1", false));
    script(&mut scenario, "v0", vec![to_key("map", 0, BROADCAST)]);
    scenario.ports[4].mode = XdpMode::Generic;
    let run: Run = lab(&scenario).send("v0", &[0; 5000]).run();
    expect((errors(&run), run.deliveries().len()), (vec![Some(Errno::EOPNOTSUPP)], 0))
}

/// GEN-10.
fn the_event_comes_after_the_transmit(profile: Profile) -> Verdict {
    let mut scenario = generic(profile);
    entry_program(&mut scenario, "p", ProgramKind::Verdict(XdpAction::ABORTED));
    scenario.maps[0] = MapSpec::new("map", MapKind::Devmap, 8).with_program(1, "b", "p");
    expect(names(&run_on_a(scenario, vec![to_key("map", 1, 0)])), vec!["xdp_exception", "xdp_redirect"])
}

/// GEN-12, HLP-21.
fn the_context_is_the_softirqs(profile: Profile) -> Verdict {
    let run = run_on_a(generic(profile), vec![vec![call("map", 2, 0), PASS], vec![REDIRECT]]);
    expect((errors(&run), run.numbers("b")), (vec![None], vec![1]))
}
