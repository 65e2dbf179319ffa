//! The conditions of the fast path: the same scenario frame by frame must look the same.

use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{Action, At, Change, MapSpec, ProgramKind, Scenario};
use xdpsim_core::{FrameNo, Mutations, Nanos, Path, Profile};

use super::common::*;
use super::{Row, Verdict, bench, expect};

pub const ROWS: &[Row] = &[
    (Mutations::FAST_IGNORES_DUPLICATES, a_device_twice),
    (Mutations::FAST_IGNORES_LENGTH, a_long_frame_among_short_ones),
    (Mutations::FAST_IGNORES_EFFECTS, a_devmap_program_that_calls_helpers),
    (Mutations::FAST_KEEPS_GROUPS, a_port_goes_down_between_two_polls),
    (Mutations::FAST_WHOLE_RUNS, queues_of_different_levels),
];

/// Lengths of the frames of a poll.
type PollLengths<'a> = &'a [usize];

/// Runs the polls as the profile says and frame by frame.
fn compare(scenario: &Scenario, polls: &[PollLengths<'_>]) -> Verdict {
    let mut reference = scenario.clone();
    reference.profile = Profile { path: Path::FrameByFrame, ..Profile::default() };
    let (fast, reference) = (send(&lab_of(scenario, polls)), send(&lab_of(&reference, polls)));
    expect(fast.deliveries(), reference.deliveries())?;
    expect(&fast.events, &reference.events)?;
    expect(&fast.report, &reference.report)?;
    expect(fast.redirect_info(0), reference.redirect_info(0))
}

fn lab_of(scenario: &Scenario, polls: &[PollLengths<'_>]) -> Lab {
    let mut lab = lab(scenario);
    let mut no = 0u8;
    for (i, lengths) in polls.iter().enumerate() {
        lab.at(Nanos(1 + 1000 * i as u64));
        for &len in *lengths {
            lab.send("a", &[vec![no; 1], vec![0; len - 1]].concat());
            no = no.wrapping_add(1);
        }
    }
    lab
}

fn send(lab: &Lab) -> Run {
    lab.run()
}

/// The bench, with this program on a.
fn with(profile: Profile, kind: ProgramKind) -> Scenario {
    let mut scenario = bench(profile);
    attach(&mut scenario, "a", kind);
    scenario
}

fn fan() -> ProgramKind {
    ProgramKind::Broadcast { map: "map".into(), flags: xdpsim_core::RedirectFlags::EXCLUDE_INGRESS }
}

/// ENQ-06, BRD-11: its copies alternate.
fn a_device_twice(profile: Profile) -> Verdict {
    let mut scenario = with(profile, fan());
    scenario.maps[0] = scenario.maps[0].clone().with(5, "b");
    compare(&scenario, &[&[60; 20]])
}

/// RED-04, BRD-05.
fn a_long_frame_among_short_ones(profile: Profile) -> Verdict {
    let mut scenario = with(profile, fan());
    scenario.ports[1].mtu = Some(500);
    let lengths = [[60; 9], [519; 9]].concat();
    compare(&scenario, &[&lengths])?;
    script(&mut scenario, "a", vec![to_key("map", 2, 0)]);
    compare(&scenario, &[&lengths])
}

/// DVP-09, HLP-23: it runs in a partial flush, and the next frame goes where its helper pointed.
fn a_devmap_program_that_calls_helpers(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    entry_program(&mut scenario, "p", ProgramKind::Script(vec![vec![call("map", 3, 0), PASS]]));
    scenario.maps[0] = MapSpec::clone(&scenario.maps[0]).with_program(5, "b", "p");
    script(&mut scenario, "a", [vec![to_key("map", 5, 0); 17], vec![vec![REDIRECT]]].concat());
    compare(&scenario, &[&[60; 18]])
}

/// BRD-05: what was compiled before a change is stale.
fn a_port_goes_down_between_two_polls(profile: Profile) -> Verdict {
    let mut scenario = with(profile, fan());
    let down = Action::SetUp { port: "c".into(), up: false };
    scenario.changes = vec![Change { at: At::Frame(FrameNo(5)), action: down }];
    compare(&scenario, &[&[60; 5], &[60; 5]])
}

/// ENQ-03: b has some frames already when the broadcasts begin.
fn queues_of_different_levels(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    script(
        &mut scenario,
        "a",
        [vec![to_key("map", 2, 0); 9], vec![to_key("map", 0, BROADCAST); 40]].concat(),
    );
    compare(&scenario, &[&[60; 49]])
}
