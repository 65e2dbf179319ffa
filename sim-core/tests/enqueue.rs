//! The bulk queues between redirect and flush: rules ENQ-01 to ENQ-07.

use crate::common;
use std::collections::BTreeMap;

use common::*;
use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{
    Action, At, Change, EntryValue, FaultKind, FaultSpec, MapSpec, Op, ProgramKind, Scenario,
};
use xdpsim_core::{
    CpuId, Ctx, Errno, Fate, FrameMut, FrameNo, MapKind, Nanos, Path, UpdateFlags, XdpAction, XdpProgram,
};

/// Ports a, b, c, d (ifindex 1 to 4). In `map` key 2 is b, 3 is c, 4 is d; in `other` key 9 is b. Keys 5
/// and 6 of `map` are b with the devmap programs `p` and `q`, which set byte 1 to 'p' or 'q'.
fn bench() -> Scenario {
    let map = MapSpec::new("map", MapKind::DevmapHash, 8).with(2, "b").with(3, "c").with(4, "d");
    let map = map.with_program(5, "b", "p").with_program(6, "b", "q");
    let other = MapSpec::new("other", MapKind::Devmap, 16).with(9, "b");
    let mut scenario = Scenario { maps: vec![map, other], ..ideal(&["a", "b", "c", "d"]) };
    for name in ["p", "q"] {
        let mark = Op::SetByte { offset: 1, value: name.as_bytes()[0] };
        entry_program(&mut scenario, name, ProgramKind::Script(vec![vec![mark]]));
    }
    scenario
}

/// Redirects by these keys of `map`, one frame each.
fn keys(keys: &[u64]) -> Vec<Vec<Op>> {
    keys.iter().map(|&key| to_key("map", key, 0)).collect()
}

fn run(cycle: Vec<Vec<Op>>) -> Run {
    let mut scenario = bench();
    let frames = cycle.len() as u8;
    script(&mut scenario, "a", cycle);
    burst(&scenario, "a", frames)
}

/// What the devmap programs wrote into the frames that left by b.
fn marks(run: &Run) -> String {
    run.frames("b").iter().map(|frame| if frame[1] == 0 { '-' } else { char::from(frame[1]) }).collect()
}

/// Devices in the order of their transmit events.
fn flushed(run: &Run) -> Vec<u32> {
    xmits(run).iter().map(|xmit| xmit.1).collect()
}

/// Rule: ENQ-01.a
#[test]
fn everything_that_targets_a_device_shares_its_queue() {
    let only_b = MapSpec::new("only_b", MapKind::Devmap, 1).with(0, "b");
    let mut scenario = bench();
    scenario.maps.push(only_b);
    let cycle =
        vec![to_key("map", 2, 0), to_ifindex(2), to_key("other", 9, 0), to_key("only_b", 0, BROADCAST)];
    script(&mut scenario, "a", cycle);
    let run = burst(&scenario, "a", 4);
    assert_eq!(xmits(&run), [(1, 2, 4, 0, None)]);
    assert_eq!(run.numbers("b"), [0, 1, 2, 3]);
}

/// A veth port v (ifindex 5) whose first frame is broadcast over [b, d, c]; the clone for d cannot be
/// made. So b's clone stays queued, with `first` as the queue's program, until the CPU flushes again
/// (FLU-07, BRD-10). Frames on a go to b, by an entry with program `q`.
fn with_a_queue_left_over(first: &str) -> Scenario {
    let mut scenario = bench();
    let fan = MapSpec::new("fan", MapKind::Devmap, 4);
    let fan = if first.is_empty() { fan.with(0, "b") } else { fan.with_program(0, "b", first) };
    scenario.maps.push(fan.with(1, "d").with(2, "c"));
    scenario.faults = vec![FaultSpec { port: "d".into(), kind: FaultKind::Clone, nth: 1 }];
    scenario.ports.push(veth("v"));
    script(&mut scenario, "v", vec![to_key("fan", 0, BROADCAST)]);
    script(&mut scenario, "a", vec![to_key("map", 6, 0)]);
    scenario
}

/// Frame 0 on v leaves its clone in b's queue, frame 1 comes later on a.
fn leave_then_send(scenario: &Scenario) -> Run {
    left_over_lab(lab(scenario)).run()
}

fn left_over_lab(mut lab: Lab) -> Lab {
    lab.at(Nanos(1)).send("v", &frame(0)).at(Nanos(2)).send("a", &frame(1));
    lab
}

/// Rule: ENQ-01.b
#[test]
fn each_cpu_has_its_own_queue_for_a_device() {
    let mut scenario = with_a_queue_left_over("");
    scenario.cpus = 2;
    assert_eq!(xmits(&leave_then_send(&scenario)), [(5, 2, 2, 0, None)], "one CPU, one queue");
    scenario.ports[0].queue_cpus = vec![CpuId(1)];
    let run = leave_then_send(&scenario);
    assert_eq!(xmits(&run), [(1, 2, 1, 0, None)], "nobody flushes CPU 0 again");
    assert_eq!((run.numbers("b"), run.report.examples(Fate::Stuck)), (vec![1], vec![FrameNo(0)]));
}

/// Rule: ENQ-01.c, ENQ-03.a
#[test]
fn a_queue_holds_sixteen_frames() {
    let sent = |frames: usize| -> Vec<u32> {
        xmits(&run(keys(&vec![2; frames]))).iter().map(|xmit| xmit.2).collect()
    };
    assert_eq!(sent(15), [15]);
    assert_eq!(sent(16), [16]);
    assert_eq!(sent(17), [16, 1]);
    assert_eq!(sent(32), [16, 16]);
    assert_eq!(sent(33), [16, 16, 1]);
    assert_eq!(sent(40), [16, 16, 8]);
}

/// Rule: ENQ-03.a
#[test]
fn the_seventeenth_frame_is_stored_after_the_flush() {
    for target in [to_key("map", 2, 0), to_ifindex(2)] {
        let names: Vec<&str> = run(vec![target; 17]).events.iter().map(|event| event.name()).collect();
        assert_eq!(names.iter().position(|&name| name == "xdp_devmap_xmit"), Some(16));
        assert_eq!(names[17..], ["xdp_redirect", "xdp_devmap_xmit"]);
    }
}

/// Rule: ENQ-02.a
#[test]
fn the_first_frame_decides_about_program_and_ingress() {
    assert_eq!(marks(&run(keys(&[5, 6, 2, 6]))), "pppp");
    assert_eq!(marks(&run(keys(&[2, 5, 6]))), "---");
    let run = leave_then_send(&with_a_queue_left_over("p"));
    assert_eq!((xmits(&run), marks(&run)), (vec![(5, 2, 2, 0, None)], "pp".into()));
}

/// Rule: ENQ-02.b
#[test]
fn the_first_frame_puts_the_queue_at_the_head_of_the_list() {
    assert_eq!(flushed(&run(keys(&[3, 2, 4, 2]))), [4, 2, 3]);
    assert_eq!(flushed(&run(keys(&[2, 3, 2, 2, 3]))), [3, 2]);
    let by_broadcast = vec![to_key("map", 4, 0), to_key("map", 0, BROADCAST)];
    let order = flushed(&run(by_broadcast));
    assert_eq!(order.last(), Some(&4), "listed first, flushed last: {order:?}");
}

/// Rule: ENQ-03.b
#[test]
fn a_partial_flush_wakes_nobody() {
    let mut scenario = bench();
    scenario.ports[1] = veth("b");
    // After 16 frames for b comes one that its program drops: no driver call with the FLUSH flag follows.
    let drop = ProgramKind::Script([vec![vec![PASS]; 16], vec![vec![DROP]]].concat());
    entry_program(&mut scenario, "all_but_17", drop);
    scenario.maps.push(MapSpec::new("entry", MapKind::Devmap, 1).with_program(0, "b", "all_but_17"));
    script(&mut scenario, "a", vec![to_key("entry", 0, 0)]);
    for path in [Path::Auto, Path::FrameByFrame] {
        scenario.profile.path = path;
        let run = burst(&scenario, "a", 17);
        assert_eq!(xmits(&run), [(1, 2, 16, 0, None), (1, 2, 0, 1, None)]);
        assert_eq!((run.count(Fate::Stuck), run.count(Fate::Delivered)), (16, 0));
    }
}

/// Rule: ENQ-03.c
#[test]
fn program_and_ingress_survive_a_partial_flush() {
    let cycle = [keys(&[5]), keys(&[2; 20]), keys(&[6; 20])].concat();
    assert_eq!(marks(&run(cycle)), "p".repeat(41));
    assert_eq!(marks(&run([keys(&[2]), keys(&[5; 20])].concat())), "-".repeat(21));
    // One frame left over from v, 17 from a: the partial flush and the final one both name v.
    let mut lab = left_over_lab(lab(&with_a_queue_left_over("")));
    for _ in 0..16 {
        lab.send("a", &frame(2));
    }
    let run = lab.run();
    assert_eq!((xmits(&run), marks(&run)), (vec![(5, 2, 16, 0, None), (5, 2, 2, 0, None)], "-".repeat(18)));
}

/// Rule: ENQ-03.d
#[test]
fn a_queue_keeps_its_place_over_a_partial_flush() {
    let cycle = [keys(&[2, 3]), keys(&[2; 16])].concat();
    assert_eq!(flushed(&run(cycle)), [2, 3, 2]);
}

/// Rule: ENQ-04.a
#[test]
fn a_first_entry_without_program_means_no_program() {
    assert_eq!(marks(&run(keys(&[2, 5, 6]))), "---");
}

/// Rule: ENQ-04.b
#[test]
fn the_first_entrys_program_runs_for_all() {
    let cycle = [keys(&[5, 2, 6]), vec![to_ifindex(2)]].concat();
    assert_eq!(marks(&run(cycle)), "pppp");
}

/// Rule: ENQ-04.c
#[test]
fn a_first_redirect_by_ifindex_means_no_program() {
    assert_eq!(marks(&run([vec![to_ifindex(2)], keys(&[5, 5])].concat())), "---");
}

#[test]
fn each_poll_decides_anew() {
    let mut scenario = bench();
    script(&mut scenario, "a", keys(&[2, 5, 6]));
    let mut lab = lab(&scenario);
    for time in 1..=3 {
        lab.at(Nanos(time)).send("a", &frame(0));
    }
    assert_eq!(marks(&lab.run()), "-pq");
}

/// A devmap program that writes its ingress into the frame.
struct Stamper;

impl XdpProgram for Stamper {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        frame.data_mut()[2] = ctx.ingress_ifindex.0 as u8;
        XdpAction::PASS
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(Self)
    }
}

/// Rule: ENQ-05.a
#[test]
fn the_first_frames_ingress_counts_for_the_whole_queue() {
    let scenario = with_a_queue_left_over("p");
    let own = BTreeMap::from([("p".to_owned(), Box::new(Stamper) as Box<dyn XdpProgram>)]);
    let lab = Lab::with_programs(&scenario, own).expect("a scenario that can be built");
    let run = left_over_lab(lab).run();
    assert_eq!(errors(&run), [Some(Errno::ENOMEM), None]);
    assert_eq!(xmits(&run), [(5, 2, 2, 0, None)]);
    let frames = run.frames("b");
    assert_eq!(frames.iter().map(|frame| (frame[0], frame[2])).collect::<Vec<_>>(), [(0, 5), (1, 5)]);
}

/// Rule: ENQ-05.b
#[test]
fn two_devices_in_one_softirq_give_two_events() {
    let mut scenario = bench();
    script(&mut scenario, "a", keys(&[2]));
    script(&mut scenario, "c", keys(&[2]));
    let run = lab(&scenario).send("a", &frame(0)).send("c", &frame(1)).run();
    assert_eq!(xmits(&run), [(1, 2, 1, 0, None), (3, 2, 1, 0, None)]);
}

/// Rule: ENQ-06.a
#[test]
fn a_device_that_is_in_a_map_twice_gets_two_copies() {
    let mut scenario = bench();
    scenario.maps.push(MapSpec::new("thrice", MapKind::Devmap, 3).with(0, "b").with(1, "c").with(2, "b"));
    script(&mut scenario, "a", vec![to_key("thrice", 0, BROADCAST)]);
    let run = burst(&scenario, "a", 9);
    assert_eq!(run.numbers("b"), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]);
    assert_eq!(
        xmits(&run).iter().map(|xmit| (xmit.1, xmit.2)).collect::<Vec<_>>(),
        [(2, 16), (3, 9), (2, 2)]
    );
}

/// Rule: ENQ-07.a
#[test]
fn what_is_queued_outlives_its_entry() {
    let delete = || Action::DeleteEntry { map: "fan".into(), key: 0 };
    let replace = || {
        let value = EntryValue::Port { port: "c".into(), program: Some("q".into()) };
        Action::UpdateEntry { map: "fan".into(), key: 0, value, flags: UpdateFlags::ANY }
    };
    for action in [delete(), replace()] {
        let mut scenario = with_a_queue_left_over("p");
        scenario.changes = vec![Change { at: At::Frame(FrameNo(1)), action }];
        script(&mut scenario, "a", keys(&[4]));
        let run = leave_then_send(&scenario);
        assert!(run.changes_failed.is_empty());
        assert_eq!((run.numbers("b"), marks(&run)), (vec![0], "p".into()));
        assert_eq!((run.numbers("d"), run.is_silent("c")), (vec![1], true));
    }
}
