//! Bulk queues, flush and devmap programs.

use xdpsim_core::scenario::{FaultKind, FaultSpec, MapSpec, Op, ProgramKind, Scenario};
use xdpsim_core::{Fate, MapKind, Mutations, Nanos, Profile, XdpAction};

use super::common::probe::names;
use super::common::*;
use super::{Row, Verdict, bench, expect, marks, marks_on, run_on_a};

pub const ROWS: &[Row] = &[
    (Mutations::FLUSH_AT_16, the_seventeenth_frame_flushes),
    (Mutations::EVENT_BEFORE_ENQUEUE, the_flush_comes_before_the_event),
    (Mutations::FLUSH_FIFO, the_last_device_is_flushed_first),
    (Mutations::LAST_PROGRAM_WINS, the_first_program_wins),
    (Mutations::LAST_DEV_RX_WINS, the_first_ingress_wins),
    (Mutations::EVENT_KEY_AT_VERDICT, the_printed_key_is_read_after_the_partial_flush),
    (Mutations::CLONES_SHARE_BYTES, a_clone_keeps_its_bytes),
    (Mutations::ENTRY_TX_KEPT, tx_of_a_devmap_program_is_a_drop),
    (Mutations::DROPS_WITHOUT_PROGRAM, drops_count_those_of_the_program),
    (Mutations::BULK_OF_15, sixteen_frames_are_one_bulk),
    (Mutations::LIST_RENEWED, a_later_frame_does_not_move_its_device),
    (Mutations::PROGRAM_PER_ENTRY, no_entry_has_a_program_of_its_own),
    (Mutations::ENTRY_CALLS_IDLE, a_devmap_programs_call_arms),
    (Mutations::FLUSH_ALWAYS, a_poll_without_success_does_not_flush),
];

/// ENQ-03: sixteen frames wait for the end of the poll.
fn the_seventeenth_frame_flushes(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![to_key("map", 2, 0); 16]);
    expect(names(&run).iter().position(|&name| name == "xdp_devmap_xmit"), Some(16))
}

/// RED-12: the seventeenth frame's flush, then its event.
fn the_flush_comes_before_the_event(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![to_key("map", 2, 0); 17]);
    expect(names(&run)[16..].to_vec(), vec!["xdp_devmap_xmit", "xdp_redirect", "xdp_devmap_xmit"])
}

/// FLU-03.
fn the_last_device_is_flushed_first(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), [2, 3, 4, 2].map(|key| to_key("map", key, 0)).to_vec());
    expect(xmits(&run).iter().map(|xmit| xmit.1).collect(), vec![4, 3, 2])
}

/// ENQ-04.
fn the_first_program_wins(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    for (key, program, mark) in [(5, "p", 5), (6, "q", 6)] {
        marks(&mut scenario, program, mark);
        scenario.maps[0] = scenario.maps[0].clone().with_program(key, "b", program);
    }
    let run = run_on_a(scenario, vec![to_key("map", 5, 0), to_key("map", 6, 0)]);
    expect(marks_on(&run, "b"), vec![5, 5])
}

/// A veth port v (ifindex 5) whose frame is broadcast to b, d and c; the clone for d fails. What is
/// queued for b by then stays, because the poll had no success.
fn failing_broadcast(profile: Profile) -> Scenario {
    let mut scenario = bench(profile);
    scenario.maps.push(MapSpec::new("fan", MapKind::Devmap, 4).with(0, "b").with(1, "d").with(2, "c"));
    scenario.faults = vec![FaultSpec { port: "d".into(), kind: FaultKind::Clone, nth: 1 }];
    scenario.ports.push(veth("v"));
    script(&mut scenario, "v", vec![to_key("fan", 0, BROADCAST)]);
    script(&mut scenario, "a", vec![to_key("map", 2, 0)]);
    scenario
}

/// ENQ-05.
fn the_first_ingress_wins(profile: Profile) -> Verdict {
    let mut lab = lab(&failing_broadcast(profile));
    lab.at(Nanos(1)).send("v", &frame(0)).at(Nanos(2)).send("a", &frame(1));
    expect(xmits(&lab.run()), vec![(5, 2, 2, 0, None)])
}

/// FLU-07.
fn a_poll_without_success_does_not_flush(profile: Profile) -> Verdict {
    let run = burst(&failing_broadcast(profile), "v", 1);
    expect((run.count(Fate::Stuck), run.count(Fate::Delivered)), (1, 0))
}

/// RED-13, DVP-09: the devmap program's helper call changes what the seventeenth frame's event prints.
fn the_printed_key_is_read_after_the_partial_flush(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    entry_program(&mut scenario, "p", ProgramKind::Script(vec![vec![call("map", 3, 0), PASS]]));
    scenario.maps[0] = scenario.maps[0].clone().with_program(5, "b", "p");
    let run = run_on_a(scenario, vec![to_key("map", 5, 0); 17]);
    expect(redirects(&run).iter().map(|one| one.2).collect(), [vec![5; 16], vec![3]].concat())
}

/// DVP-05: d is flushed first, and its program writes.
fn a_clone_keeps_its_bytes(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    marks(&mut scenario, "p", 9);
    scenario.maps[0] = MapSpec::new("map", MapKind::Devmap, 8).with(2, "b").with_program(4, "d", "p");
    let run = run_on_a(scenario, vec![to_key("map", 0, BROADCAST)]);
    expect((marks_on(&run, "d"), marks_on(&run, "b")), (vec![9], vec![0]))
}

/// Two frames to b, whose devmap program returns these verdicts.
fn with_verdicts(profile: Profile, verdicts: [XdpAction; 2]) -> xdpsim_core::lab::Run {
    let mut scenario = bench(profile);
    let cycle = verdicts.map(|verdict| vec![Op::Return(verdict)]).to_vec();
    entry_program(&mut scenario, "p", ProgramKind::Script(cycle));
    scenario.maps[0] = scenario.maps[0].clone().with_program(5, "b", "p");
    run_on_a(scenario, vec![to_key("map", 5, 0); 2])
}

/// DVP-02.
fn tx_of_a_devmap_program_is_a_drop(profile: Profile) -> Verdict {
    let run = with_verdicts(profile, [XdpAction::TX, XdpAction::PASS]);
    expect((run.numbers("b"), run.count(Fate::EntryUnsupported)), (vec![1], 1))
}

/// FLU-05.
fn drops_count_those_of_the_program(profile: Profile) -> Verdict {
    let run = with_verdicts(profile, [XdpAction::DROP, XdpAction::PASS]);
    expect(xmits(&run), vec![(1, 2, 1, 1, None)])
}

/// ENQ-01.
fn sixteen_frames_are_one_bulk(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), vec![to_key("map", 2, 0); 16]);
    expect(xmits(&run).iter().map(|xmit| xmit.2).collect(), vec![16])
}

/// ENQ-02: b, c, then b again: b was listed first and is flushed last.
fn a_later_frame_does_not_move_its_device(profile: Profile) -> Verdict {
    let run = run_on_a(bench(profile), [2, 3, 2].map(|key| to_key("map", key, 0)).to_vec());
    expect(xmits(&run).iter().map(|xmit| xmit.1).collect(), vec![3, 2])
}

/// ENQ-04: the first frame brings p, and it runs for the frame that comes by an entry without.
fn no_entry_has_a_program_of_its_own(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    marks(&mut scenario, "p", 7);
    scenario.maps[0] = scenario.maps[0].clone().with_program(5, "b", "p").with_program(6, "c", "p");
    let run = run_on_a(scenario, [5, 2, 3, 6].map(|key| to_key("map", key, 0)).to_vec());
    expect((marks_on(&run, "b"), marks_on(&run, "c")), (vec![7, 7], vec![0, 0]))
}

/// DVP-09, HLP-23: frame 18 calls nothing and goes where the devmap program pointed.
fn a_devmap_programs_call_arms(profile: Profile) -> Verdict {
    let mut scenario = bench(profile);
    entry_program(&mut scenario, "p", ProgramKind::Script(vec![vec![call("map", 3, 0), PASS]]));
    scenario.maps[0] = scenario.maps[0].clone().with_program(5, "b", "p");
    let run = run_on_a(scenario, [vec![to_key("map", 5, 0); 17], vec![vec![REDIRECT]]].concat());
    expect(run.numbers("c"), vec![17])
}
