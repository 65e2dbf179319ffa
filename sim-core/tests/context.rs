//! Verdicts that the helpers did not ask for, and the lifetime of redirect info: rules HLP-14, HLP-15,
//! HLP-18 and HLP-20 to HLP-23.

use crate::common;
use common::*;
use xdpsim_core::lab::{Lab, Run};
use xdpsim_core::scenario::{Action, At, Change, MapSpec, Op, PortSpec, ProgramKind, Scenario};
use xdpsim_core::story::Step;
use xdpsim_core::{CpuId, Errno, Event, Fate, FrameNo, KernelVersion, MapKind, Nanos, Path, XdpAction};

const V6_10: KernelVersion = KernelVersion { major: 6, minor: 10 };
const V6_11: KernelVersion = KernelVersion { major: 6, minor: 11 };

/// Calls a helper with success and returns something else.
fn arm_and(verdict: Op) -> Vec<Op> {
    vec![call("map", 2, 0), verdict]
}

/// Key 3 and XDP_PASS, as a devmap program.
fn arm_and_d() -> Vec<Op> {
    vec![call("map", 3, 0), PASS]
}

/// Two ingress ports a and b, targets c and d (ifindex 3 and 4); key 2 of `map` is c, key 3 is d. Each
/// frame on a arms key 2 and passes, each on b returns XDP_REDIRECT.
fn two_ingresses() -> Scenario {
    let maps = vec![MapSpec::new("map", MapKind::Devmap, 4).with(2, "c").with(3, "d")];
    let mut scenario = Scenario { maps, ..ideal(&["a", "b", "c", "d"]) };
    script(&mut scenario, "a", vec![arm_and(PASS)]);
    script(&mut scenario, "b", vec![vec![REDIRECT]]);
    scenario
}

/// A frame on each of these ports at each of these times.
fn frames_at(scenario: &Scenario, frames: &[(&str, u64)]) -> Run {
    let mut lab = lab(scenario);
    for (i, &(port, time)) in frames.iter().enumerate() {
        lab.at(Nanos(time)).send(port, &frame(i as u8));
    }
    lab.run()
}

fn kernel(version: KernelVersion, mut scenario: Scenario) -> Scenario {
    scenario.profile.kernel = version;
    scenario
}

/// Rule: HLP-14.a, HLP-14.b
#[test]
fn a_redirect_without_a_helper_call_has_no_target() {
    let mut scenario = two_ingresses();
    script(&mut scenario, "a", vec![vec![REDIRECT], vec![call("map", 3, 0), REDIRECT], vec![REDIRECT]]);
    let run = burst(&scenario, "a", 3);
    let bad = Some(Errno::EBADRQC);
    assert_eq!(redirects(&run), [(0, 0, 0, bad), (4, 1, 3, None), (0, 0, 3, bad)]);
    assert_eq!(run.events[0].name(), "xdp_redirect_err");
    assert_eq!(run.count(Fate::NoTarget), 2);
}

/// Rule: HLP-15.a, HLP-15.b
#[test]
fn an_unknown_verdict_is_reported_raw_and_drops_the_frame() {
    for raw in [5, 7, 0x1_0004, u32::MAX] {
        let mut scenario = two_ingresses();
        scenario.ports.extend(pair("v0", "v1", false));
        script(&mut scenario, "v0", vec![vec![Op::Return(XdpAction(raw))], to_key("map", 2, 0)]);
        let run = burst(&scenario, "v0", 2);
        let exceptions = run.events.iter().filter(|event| event.name() == "xdp_exception");
        let acts: Vec<u32> = exceptions
            .map(|event| match event {
                Event::Exception { act, .. } => act.0,
                _ => 0,
            })
            .collect();
        assert_eq!(acts, [raw]);
        assert_eq!(run.report.examples(Fate::UnknownVerdict)[0].0, 0);
        assert_eq!(run.veth("v0").map(|veth| (veth.xdp_drops, veth.drops)), Some((1, 0)));
        assert_eq!(run.numbers("c"), [1]);
    }
}

/// v0's program redirects to v1, its own peer: so v0 polls the frame again.
fn loop_of(hops_max: u8) -> Scenario {
    let ports = pair("v0", "v1", false).to_vec();
    let mut scenario = Scenario { ports, hops_max, ..Scenario::default() };
    script(&mut scenario, "v0", vec![to_ifindex(2)]);
    scenario
}

/// Rule: HLP-18.a
#[test]
fn a_frame_that_is_redirected_to_its_own_program_circulates() {
    let run = burst(&loop_of(100), "v0", 1);
    assert_eq!(redirects(&run).len(), 101, "one run on arrival, one after every hop");
    assert!(errors(&run).iter().all(Option::is_none));
    assert_eq!(xmits(&run), [(1, 2, 1, 0, None); 101]);
}

/// Rule: HLP-18.b
#[test]
fn only_the_hop_limit_ends_a_loop() {
    for hops_max in [1, 2, 64, 254, 255] {
        let run = burst(&loop_of(hops_max), "v0", 3);
        assert_eq!((run.count(Fate::HopLimit), run.report.ends.len()), (3, 1));
        assert_eq!(redirects(&run).len(), 3 * (usize::from(hops_max) + 1));
        assert!(run.report.is_balanced());
    }
    assert_eq!(Fate::HopLimit.rule().name(), "HLP-18");
    let mut lab = lab(&loop_of(2));
    let story = lab.send("v0", &frame(0)).story(0);
    assert!(matches!(story.last(), Some(Step::End { fate: Fate::HopLimit, egress: None, errno: None })));
}

#[test]
fn a_frame_may_make_as_many_hops_as_the_limit_says() {
    // v0 -> v1 -> w0 -> w1: two hops.
    let hops = |hops_max| {
        let ports = [pair("v0", "v1", false), pair("w0", "w1", true)].concat();
        let mut scenario = Scenario { ports, hops_max, ..Scenario::default() };
        script(&mut scenario, "v0", vec![vec![TX]]);
        script(&mut scenario, "v1", vec![to_ifindex(3)]);
        let run = burst(&scenario, "v0", 1);
        (run.count(Fate::Passed), run.count(Fate::HopLimit), run.report.hops)
    };
    assert_eq!((hops(1), hops(2)), ((0, 1, 2), (1, 0, 2)));
}

/// Rule: HLP-20.a, HLP-22.a
#[test]
fn one_softirq_is_one_context_for_all_its_devices() {
    let run = frames_at(&two_ingresses(), &[("a", 5), ("b", 5)]);
    assert_eq!((run.numbers("c"), run.count(Fate::Passed)), (vec![1], 1));
    assert_eq!(redirects(&run), [(3, 1, 2, None)]);
}

/// Rule: HLP-20.a
#[test]
fn a_device_that_is_woken_in_a_softirq_is_polled_in_its_context() {
    // a arms c and sends a second frame through the pair; the pair's other end redirects without a call.
    let mut scenario = two_ingresses();
    scenario.ports.extend(pair("v0", "v1", false));
    script(&mut scenario, "a", vec![to_ifindex(5), arm_and(PASS)]);
    script(&mut scenario, "v1", vec![vec![REDIRECT]]);
    let run = burst(&scenario, "a", 2);
    assert_eq!((run.numbers("c"), run.count(Fate::NoTarget)), (vec![0], 0));
}

/// Rule: HLP-20.b, HLP-22.b
#[test]
fn the_next_softirq_begins_with_nothing() {
    for version in [KernelVersion::V6_12, V6_11] {
        let run = frames_at(&kernel(version, two_ingresses()), &[("a", 5), ("b", 6)]);
        assert_eq!(redirects(&run), [(0, 0, 0, Some(Errno::EBADRQC))]);
        assert_eq!(run.redirect_info(0).map(|info| (info.tgt_index, info.tgt_value)), Some((0, None)));
    }
}

/// Rule: HLP-20.b
#[test]
fn a_poll_that_uses_up_its_budget_ends_the_context() {
    // 64 frames are a whole poll; the 65th is polled in another softirq run.
    let mut scenario = two_ingresses();
    let mut cycle = vec![vec![PASS]; 63];
    cycle.extend([arm_and(PASS), vec![REDIRECT]]);
    script(&mut scenario, "a", cycle);
    let run = burst(&scenario, "a", 65);
    assert_eq!(redirects(&run), [(0, 0, 0, Some(Errno::EBADRQC))]);
}

/// Rule: HLP-20.c
#[test]
fn each_cpu_has_its_own_redirect_info() {
    for version in [V6_10, KernelVersion::V6_12] {
        let mut scenario = kernel(version, two_ingresses());
        scenario.cpus = 2;
        scenario.ports[1].queue_cpus = vec![CpuId(1)];
        let run = frames_at(&scenario, &[("a", 5), ("b", 5)]);
        assert_eq!(redirects(&run), [(0, 0, 0, Some(Errno::EBADRQC))]);
        assert_eq!(run.redirect_info(0).map(|info| info.tgt_index), Some(2));
        assert_eq!(run.redirect_info(1).map(|info| info.tgt_index), Some(0));
    }
}

/// Rule: HLP-20.d
#[test]
fn before_6_11_nothing_stays_armed_but_the_index_stays_for_ever() {
    let bad = (0, 0, 2, Some(Errno::EBADRQC));
    for path in [Path::Auto, Path::FrameByFrame] {
        let mut scenario = kernel(V6_10, two_ingresses());
        scenario.profile.path = path;
        let run = frames_at(&scenario, &[("a", 5), ("b", 1_000_000)]);
        assert_eq!(redirects(&run), [bad], "another softirq finds the old key");
        script(&mut scenario, "a", vec![arm_and(PASS), vec![REDIRECT]]);
        assert_eq!(redirects(&burst(&scenario, "a", 2)), [bad], "so does the next frame of a poll");
        let missed = vec![call("map", 0, 0), REDIRECT];
        script(&mut scenario, "a", vec![arm_and(PASS), missed]);
        assert_eq!(redirects(&burst(&scenario, "a", 2))[0].0, 2, "and a failed lookup arms it");
    }
}

/// Rule: HLP-20.d
#[test]
fn before_6_11_a_devmap_program_arms_nobody_else() {
    let armed = |kernel_version| {
        let map = MapSpec::new("map", MapKind::Devmap, 4).with_program(2, "c", "entry").with(3, "d");
        let scenario = Scenario { maps: vec![map], ..ideal(&["a", "b", "c", "d"]) };
        let mut scenario = kernel(kernel_version, scenario);
        entry_program(&mut scenario, "entry", ProgramKind::Script(vec![arm_and_d()]));
        let mut cycle = vec![to_key("map", 2, 0); 17];
        cycle.push(vec![REDIRECT]);
        script(&mut scenario, "a", cycle);
        let run = burst(&scenario, "a", 18);
        (run.numbers("d"), redirects(&run)[17].3)
    };
    assert_eq!(armed(V6_11), (vec![17], None));
    assert_eq!(armed(V6_10), (vec![], Some(Errno::EBADRQC)));
}

/// Frame 0 runs `first`, frame 1 returns XDP_REDIRECT; both in one poll of a.
fn then_redirect(first: Vec<Op>) -> Run {
    let mut scenario = two_ingresses();
    script(&mut scenario, "a", vec![first, vec![REDIRECT]]);
    burst(&scenario, "a", 2)
}

/// Rule: HLP-21.a
#[test]
fn after_a_pass_the_next_frame_uses_the_unused_target() {
    let run = then_redirect(arm_and(PASS));
    assert_eq!((run.numbers("c"), run.count(Fate::Passed)), (vec![1], 1));
}

/// Rule: HLP-21.b
#[test]
fn after_a_drop_the_next_frame_uses_the_unused_target() {
    let run = then_redirect(arm_and(DROP));
    assert_eq!((run.numbers("c"), run.count(Fate::Dropped)), (vec![1], 1));
}

/// Rule: HLP-21.c
#[test]
fn after_an_unused_broadcast_the_next_frame_is_broadcast() {
    let run = then_redirect(vec![call("map", 0, BROADCAST), PASS]);
    assert_eq!((run.numbers("c"), run.numbers("d")), (vec![1], vec![1]));
}

#[test]
fn a_story_says_when_a_target_is_stale() {
    let tells = |first: Vec<Op>, second: Vec<Op>| {
        let mut scenario = two_ingresses();
        script(&mut scenario, "a", vec![first, second]);
        let mut lab: Lab = lab(&scenario);
        let story = lab.send("a", &frame(0)).send("a", &frame(1)).story(1);
        story.contains(&Step::StaleTarget)
    };
    assert!(tells(arm_and(PASS), vec![REDIRECT]));
    assert!(tells(vec![call_ifindex(3), PASS], vec![REDIRECT]));
    assert!(!tells(arm_and(PASS), to_key("map", 3, 0)), "a target of its own");
    assert!(!tells(arm_and(PASS), vec![PASS]));
    assert!(!tells(arm_and(REDIRECT), vec![REDIRECT]), "consumed");
}

/// Rule: HLP-23.a
#[test]
fn a_devmap_program_writes_the_same_redirect_info() {
    let mut scenario = two_ingresses();
    entry_program(&mut scenario, "entry", ProgramKind::Script(vec![vec![call("map", 3, 0), PASS]]));
    scenario.maps.push(MapSpec::new("with_program", MapKind::Devmap, 1).with_program(0, "c", "entry"));
    script(&mut scenario, "a", vec![to_key("with_program", 0, 0)]);
    // b is polled after the flush of a's poll.
    let run = frames_at(&scenario, &[("a", 5), ("b", 5)]);
    assert_eq!((run.numbers("c"), run.numbers("d")), (vec![0], vec![1]));
    assert_eq!(redirects(&run)[1], (4, 1, 3, None));
}

#[test]
fn a_change_comes_at_its_time_on_every_cpu() {
    let mut scenario = two_ingresses();
    scenario.cpus = 2;
    scenario.ports[1].queue_cpus = vec![CpuId(1)];
    scenario.ports[1].rx_usecs = Nanos::from_micros(10);
    script(&mut scenario, "b", vec![to_key("map", 3, 0)]);
    let fates = |at, frames: &[(&str, u64)]| {
        let mut scenario = scenario.clone();
        scenario.changes = vec![Change { at, action: Action::SetUp { port: "d".into(), up: false } }];
        let run = frames_at(&scenario, frames);
        (run.count(Fate::Delivered), run.count(Fate::Down))
    };
    // 3 us after the first frame of the run, which is another CPU's.
    assert_eq!(fates(At::Time(Nanos(3_000)), &[("a", 1_000), ("b", 5_000)]), (0, 1));
    // Before another CPU's frame, while b's first still waits for its interrupt.
    assert_eq!(fates(At::Frame(FrameNo(1)), &[("b", 1_000), ("a", 5_000), ("b", 90_000)]), (0, 2));
    assert_eq!(fates(At::Frame(FrameNo(1)), &[("b", 1_000), ("a", 50_000), ("b", 90_000)]), (1, 1));
}

#[test]
fn a_port_without_a_program_passes_everything() {
    let mut scenario = two_ingresses();
    scenario.ports.push(PortSpec::ideal("plain"));
    assert_eq!(burst(&scenario, "plain", 2).count(Fate::Passed), 2);
}
