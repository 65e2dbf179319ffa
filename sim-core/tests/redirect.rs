//! Step 2, `xdp_do_redirect()`: conversion, dispatch, target checks, errnos and events; rules RED-01 to
//! RED-13.

mod common;

use std::collections::BTreeSet;

use common::*;
use xdpsim_core::lab::Run;
use xdpsim_core::netdev::{Features, Refusal};
use xdpsim_core::redirect::info::IFINDEX_ARMED;
use xdpsim_core::scenario::{
    Action, At, Change, FaultKind, FaultSpec, MapSpec, Op, PortKind, PortSpec, ProgramKind, Scenario,
};
use xdpsim_core::{
    Desc, Errno, Event, Fate, FrameNo, IfIndex, KernelVersion, MapKind, Nanos, PipelineStep, Profile,
};

/// Ports a, b, c (ifindex 1 to 3); in `map` key k is the port with ifindex k.
fn bench() -> Scenario {
    let map = MapSpec::new("map", MapKind::Devmap, 8).with(1, "a").with(2, "b").with(3, "c");
    Scenario { maps: vec![map], ..ideal(&["a", "b", "c"]) }
}

/// The bench with this script for all frames of port a.
fn bench_with(ops: Vec<Op>) -> Scenario {
    let mut scenario = bench();
    script(&mut scenario, "a", vec![ops]);
    scenario
}

/// What a single frame's redirect says; `None` for success.
fn error_of(scenario: &Scenario) -> Option<Errno> {
    let errors = errors(&burst(scenario, "a", 1));
    assert_eq!(errors.len(), 1);
    errors[0]
}

fn fault(port: &str, kind: FaultKind, nth: u64) -> FaultSpec {
    FaultSpec { port: port.into(), kind, nth }
}

/// Rule: RED-01.a
#[test]
fn a_map_target_is_the_entry_that_the_lookup_found() {
    for kind in [MapKind::Devmap, MapKind::DevmapHash] {
        let mut scenario = bench_with(to_key("map", 7, 0));
        // A key that is no ifindex.
        scenario.maps[0] = MapSpec::new("map", kind, 8).with(7, "c");
        let run = burst(&scenario, "a", 1);
        assert_eq!((run.numbers("c"), run.deliveries().len()), (vec![0], 1));
    }
}

/// Rule: RED-01.b
#[test]
fn a_broadcast_goes_to_the_whole_map() {
    for kind in [MapKind::Devmap, MapKind::DevmapHash] {
        let mut scenario = bench_with(to_key("map", 0, BROADCAST));
        scenario.maps[0].kind = kind;
        let run = burst(&scenario, "a", 1);
        assert_eq!(["a", "b", "c"].map(|port| run.numbers(port)), [[0], [0], [0]]);
    }
}

/// Rule: RED-01.c
#[test]
fn an_armed_ifindex_is_the_target() {
    let run = burst(&bench_with(to_ifindex(3)), "a", 1);
    assert_eq!((run.numbers("c"), run.deliveries().len()), (vec![0], 1));
}

/// Rule: RED-01.d
#[test]
fn nothing_armed_is_a_bad_request() {
    assert_eq!(error_of(&bench_with(vec![REDIRECT])), Some(Errno::EBADRQC));
}

/// What a redirect of a frame with this headroom says.
fn error_with_head(ops: Vec<Op>, headroom: u16) -> Option<Errno> {
    let mut lab = lab(&bench_with(ops));
    let run = lab.send_with_head("a", &frame(0), headroom).run();
    assert!(run.report.is_balanced());
    errors(&run)[0]
}

/// Rule: RED-02.a
#[test]
fn a_frame_that_cannot_be_converted_hides_every_other_error() {
    let others = [
        (vec![REDIRECT], Some(Errno::EBADRQC)),
        (to_ifindex(9), Some(Errno::EINVAL)),
        (to_key("map", 2, 0), None),
        (to_key("map", 2, BROADCAST), None),
    ];
    for (ops, other) in others {
        assert_eq!(error_with_head(ops.clone(), 256), other);
        assert_eq!(error_with_head(ops.clone(), 39), Some(Errno::EOVERFLOW));
        let mut scenario = bench_with(ops);
        scenario.faults = vec![fault("a", FaultKind::Convert, 2)];
        let run = burst(&scenario, "a", 3);
        assert_eq!(errors(&run), [other, Some(Errno::EOVERFLOW), other]);
        assert_eq!(run.report.examples(Fate::NotConverted)[0].0, 1);
    }
}

/// Rule: RED-02.b
#[test]
fn a_frame_needs_forty_bytes_in_front_of_data_and_metadata() {
    let error = |headroom| error_with_head(to_key("map", 2, 0), headroom);
    assert_eq!([0, 39, 40].map(error), [Some(Errno::EOVERFLOW), Some(Errno::EOVERFLOW), None]);
    let converts = |room, meta| Desc::arrived(0, 60, FrameNo(0)).with_head(room, meta).converts();
    assert_eq!(
        [(44, 4), (43, 4), (56, 16), (52, 16)].map(|(r, m)| converts(r, m)),
        [true, false, true, false]
    );
}

/// Rule: RED-02.c
#[test]
fn the_tail_is_reserved_for_shared_info() {
    // Of 4096 bytes, 256 are headroom and 320 the tail: 3520 remain. The helper keeps programs out of
    // the tail, so what a driver would have to get wrong comes from the fault plan.
    let grown = |delta| {
        let run = burst(&bench_with(vec![Op::AdjustTail(delta), call("map", 2, 0), REDIRECT]), "a", 1);
        run.frames("b")[0].len()
    };
    assert_eq!((grown(3520 - 60), grown(3521 - 60)), (3520, 60));
    let mut scenario = bench_with(to_key("map", 2, 0));
    scenario.faults = vec![fault("a", FaultKind::Convert, 1)];
    assert_eq!(error_of(&scenario), Some(Errno::EOVERFLOW));
}

/// Rule: RED-02.d
#[test]
fn a_program_cannot_enter_the_frame_header() {
    let mut scenario =
        Scenario { ports: [pair("v0", "v1", false).to_vec(), bench().ports].concat(), ..bench() };
    let to_c = [call("map", 3, 0), REDIRECT];
    let moves: [&[Op]; 4] = [
        &[Op::AdjustHead(-217)],
        &[Op::AdjustHead(-216)],
        &[Op::AdjustHead(-212), Op::AdjustMeta(-4)],
        &[Op::AdjustHead(-212), Op::AdjustMeta(-8)],
    ];
    script(&mut scenario, "v0", moves.iter().map(|ops| [ops, &to_c[..]].concat()).collect());
    let run = burst(&scenario, "v0", 4);
    let lengths: Vec<usize> = run.frames("c").iter().map(Vec::len).collect();
    assert_eq!(lengths, [60, 276, 272, 272]);
    assert_eq!(errors(&run), [None; 4]);
}

/// a and d are in namespace `red`; there d has ifindex 2, which is b in the initial one.
fn two_namespaces(ops: Vec<Op>) -> Scenario {
    let mut scenario = bench_with(ops);
    scenario.netns = vec!["red".into()];
    scenario.ports.push(PortSpec { ifindex: Some(IfIndex(2)), ..PortSpec::ideal("d") });
    for port in [0, 3] {
        scenario.ports[port].netns = Some("red".into());
    }
    scenario.ports[1].ifindex = Some(IfIndex(2));
    scenario.ports[2].ifindex = Some(IfIndex(7));
    scenario
}

/// Rule: RED-03.a
#[test]
fn an_ifindex_counts_in_the_namespace_of_the_ingress() {
    let run = burst(&two_namespaces(to_ifindex(2)), "a", 1);
    assert_eq!((run.numbers("d"), run.deliveries().len()), (vec![0], 1));
    // The namespace of the frame that is redirected, not of the one whose program called the helper.
    let mut scenario = two_namespaces(vec![call_ifindex(2), PASS]);
    script(&mut scenario, "c", vec![vec![REDIRECT]]);
    let run = lab(&scenario).send("a", &frame(0)).send("c", &frame(1)).run();
    assert_eq!((run.numbers("b"), run.deliveries().len()), (vec![1], 1));
}

/// Rule: RED-03.a
#[test]
fn an_ifindex_is_looked_up_when_it_is_needed() {
    let mut scenario = two_namespaces(to_ifindex(7));
    let port = || "c".to_owned();
    let actions = [
        Action::SetNetns { port: port(), netns: Some("red".into()) },
        Action::SetUp { port: port(), up: true },
    ];
    scenario.changes = actions.map(|action| Change { at: At::Frame(FrameNo(1)), action }).to_vec();
    let mut lab = lab(&scenario);
    lab.at(Nanos(1)).send("a", &frame(0)).at(Nanos(2)).send("a", &frame(1));
    // c keeps its number.
    assert_eq!(errors(&lab.run()), [Some(Errno::EINVAL), None]);
}

/// Rule: RED-03.b
#[test]
fn an_ifindex_of_another_namespace_is_absent() {
    for ifindex in [7, 9999] {
        assert_eq!(error_of(&two_namespaces(to_ifindex(ifindex))), Some(Errno::EINVAL));
    }
    assert_eq!(burst(&two_namespaces(to_ifindex(7)), "a", 1).count(Fate::NoDevice), 1);
}

/// Rule: RED-03.c
#[test]
fn ifindex_zero_is_no_device() {
    assert_eq!(error_of(&bench_with(to_ifindex(0))), Some(Errno::EINVAL));
}

/// The bench where this was done to port b, and frames go to b by map or by ifindex.
fn to_b(change: impl Fn(&mut PortSpec)) -> [Scenario; 2] {
    [to_key("map", 2, 0), to_ifindex(2)].map(|ops| {
        let mut scenario = bench_with(ops);
        change(&mut scenario.ports[1]);
        scenario
    })
}

fn fates(run: &Run) -> Vec<Fate> {
    run.report.ends.keys().map(|key| key.fate).collect()
}

/// Rule: RED-04.a
#[test]
fn a_target_needs_ndo_xmit() {
    let no_xmit = Features::all() - Features::NDO_XMIT;
    for scenario in to_b(|b| b.features = Some(no_xmit)) {
        let run = burst(&scenario, "a", 1);
        assert_eq!((errors(&run), fates(&run)), (vec![Some(Errno::EOPNOTSUPP)], vec![Fate::NoXmit]));
    }
    for scenario in to_b(|b| b.kind = PortKind::Upper) {
        assert_eq!(error_of(&scenario), Some(Errno::EOPNOTSUPP));
    }
}

/// The bench behind a veth v0, on which long frames arrive with fragments; all of them go to port b.
fn from_veth(ops: Vec<Op>) -> Scenario {
    let mut scenario = bench();
    scenario.ports.extend(pair("v0", "v1", false));
    script(&mut scenario, "v0", vec![ops]);
    scenario
}

fn send_long(scenario: &Scenario, len: usize) -> Run {
    lab(scenario).send("v0", &vec![0; len]).run()
}

/// Rule: RED-04.b
#[test]
fn a_target_for_fragments_needs_ndo_xmit_sg() {
    let mut scenario = from_veth(to_key("map", 2, 0));
    assert_eq!(send_long(&scenario, 5000).numbers("b"), [0]);
    scenario.ports[1].features = Some(Features::all() - Features::NDO_XMIT_SG);
    assert_eq!(send_long(&scenario, 3520).numbers("b"), [0], "no fragments");
    let run = send_long(&scenario, 3521);
    assert_eq!((errors(&run), fates(&run)), (vec![Some(Errno::EOPNOTSUPP)], vec![Fate::NoSg]));
}

/// Rule: RED-04.c
#[test]
fn a_target_must_be_up() {
    for scenario in to_b(|b| b.up = false) {
        let run = burst(&scenario, "a", 1);
        assert_eq!((errors(&run), fates(&run)), (vec![Some(Errno::ENETDOWN)], vec![Fate::Down]));
    }
}

/// Rule: RED-04.d
#[test]
fn a_frame_may_be_as_long_as_mtu_header_and_one_tag() {
    for scenario in to_b(|b| b.mtu = Some(200)) {
        let run = lab(&scenario).send("a", &[0; 218]).send("a", &[0; 219]).run();
        assert_eq!(errors(&run), [None, Some(Errno::EMSGSIZE)]);
        assert_eq!((run.numbers("b"), run.report.examples(Fate::TooLong)[0].0), (vec![0], 1));
    }
    // Fragments count.
    let mut scenario = from_veth(to_key("map", 2, 0));
    scenario.ports[1].mtu = Some(4000);
    assert_eq!(errors(&send_long(&scenario, 4018)), [None]);
    assert_eq!(errors(&send_long(&scenario, 4019)), [Some(Errno::EMSGSIZE)]);
}

/// Rule: RED-04.d
#[test]
fn each_frame_of_a_run_is_measured() {
    for scenario in to_b(|b| b.mtu = Some(200)) {
        let mut lab = lab(&scenario);
        for len in [60, 60, 60, 219, 218, 60, 300, 60] {
            lab.send("a", &vec![0; len]);
        }
        assert_eq!(lab.run().numbers("b"), [0, 1, 2, 4, 5, 7]);
    }
}

/// Rule: RED-04.e
#[test]
fn the_first_failing_check_names_the_errno() {
    let error = |features: Features, up, mtu, len| {
        let mut scenario = from_veth(to_key("map", 2, 0));
        let b = &mut scenario.ports[1];
        (b.features, b.up, b.mtu) = (Some(features), up, Some(mtu));
        errors(&send_long(&scenario, len))[0]
    };
    let all = Features::all();
    assert_eq!(error(all - Features::NDO_XMIT, false, 68, 5000), Some(Errno::EOPNOTSUPP));
    assert_eq!(error(all - Features::NDO_XMIT_SG, false, 68, 5000), Some(Errno::EOPNOTSUPP));
    assert_eq!(error(all, false, 68, 5000), Some(Errno::ENETDOWN));
    assert_eq!(error(all, true, 68, 5000), Some(Errno::EMSGSIZE));
    assert_eq!(error(all, true, 9000, 5000), None);
}

/// Rule: RED-04.f, RED-09.b
#[test]
fn a_target_without_carrier_is_a_success_that_its_driver_drops() {
    let mut scenario = bench_with(to_key("map", 2, 0));
    // A veth has no carrier while its other end is down.
    scenario.ports[1] = far_end("b", 1500, true, false);
    let run = burst(&scenario, "a", 2);
    assert_eq!(errors(&run), [None, None]);
    assert_eq!(xmits(&run), [(1, 2, 0, 2, Some(Errno::ENXIO))]);
    assert_eq!(run.count(Fate::NoNapi), 2);
}

/// Rule: RED-04.g
#[test]
fn before_6_3_a_driver_that_can_transmit_is_enough() {
    let first = |kernel, port: PortSpec| {
        let mut scenario = bench_with(to_key("map", 2, 0));
        scenario.profile.kernel = kernel;
        scenario.ports[1] = port;
        let run = burst(&scenario, "a", 1);
        (errors(&run)[0], xmits(&run).first().and_then(|xmit| xmit.4))
    };
    let (v6_2, v6_3) = (KernelVersion { major: 6, minor: 2 }, KernelVersion { major: 6, minor: 3 });
    // A veth whose other end has no NAPI: refused at once, or by its driver later.
    let plain = || far_end("b", 1500, false, true);
    assert_eq!(first(v6_3, plain()), (Some(Errno::EOPNOTSUPP), None));
    assert_eq!(first(v6_2, plain()), (None, Some(Errno::ENXIO)));
    assert_eq!(first(v6_2, PortSpec::new("b", PortKind::Upper)), (Some(Errno::EOPNOTSUPP), None));
    assert_eq!(first(v6_2, veth("b")), (None, None));
    let without_sg = PortSpec { features: Some(Features::NDO_XMIT), ..PortSpec::ideal("b") };
    let scenario = Scenario { ports: vec![without_sg], ..Scenario::default() };
    let lab = lab(&scenario);
    let device = lab.plan().device(lab.plan().port("b").expect("port b"));
    let accepts = |kernel| device.accepts(5000, true, &Profile { kernel, ..Profile::default() });
    assert_eq!((accepts(v6_2), accepts(v6_3)), (Ok(()), Err(Refusal::NoSg)));
}

/// Rule: RED-05.a
#[test]
fn back_to_the_ingress_is_an_ordinary_redirect() {
    for ops in [to_ifindex(1), to_key("map", 1, 0)] {
        let run = burst(&bench_with(ops), "a", 2);
        assert_eq!((run.numbers("a"), xmits(&run)), (vec![0, 1], vec![(1, 1, 2, 0, None)]));
    }
}

/// Every way to fail, but for a broadcast without a map (`src/redirect/tests.rs`).
fn failures() -> Vec<(Errno, Run)> {
    let [by_map, _] = to_b(|_| ());
    let mut convert = by_map.clone();
    convert.faults = vec![fault("a", FaultKind::Convert, 1)];
    let mut clone = bench_with(to_key("map", 0, BROADCAST));
    clone.faults = vec![fault("b", FaultKind::Clone, 1)];
    let mut uppers = bench_with(to_key("map", 0, BROADCAST | EXCLUDE_INGRESS));
    for i in 0..9 {
        uppers.ports.push(PortSpec::new(&format!("up{i}"), PortKind::Upper));
        uppers.ports[0].uppers.push(format!("up{i}"));
    }
    let one = |scenario: &Scenario| burst(scenario, "a", 1);
    vec![
        (Errno::EBADRQC, one(&bench_with(vec![REDIRECT]))),
        (Errno::EINVAL, one(&bench_with(to_ifindex(99)))),
        (Errno::EOPNOTSUPP, one(&to_b(|b| b.features = Some(Features::BASIC))[0])),
        (Errno::EOPNOTSUPP, send_long(&from_veth(to_key("map", 0, BROADCAST)), 5000)),
        (Errno::ENETDOWN, one(&to_b(|b| b.up = false)[0])),
        (Errno::EMSGSIZE, one(&to_b(|b| b.mtu = Some(40))[0])),
        (Errno::EOVERFLOW, one(&convert)),
        (Errno::EOVERFLOW, one(&uppers)),
        (Errno::ENOMEM, one(&clone)),
    ]
}

/// Rule: RED-08.a
#[test]
fn each_failure_has_its_errno() {
    for (errno, run) in failures() {
        assert_eq!(errors(&run), [Some(errno)], "{:?}", run.report.ends);
        let failed: Vec<_> = run.report.ends.keys().filter(|key| key.fate.errno().is_some()).collect();
        assert_eq!(failed.len(), 1);
        assert_eq!((failed[0].errno, failed[0].fate.step()), (Some(errno), PipelineStep::Enqueue));
    }
    let seen: BTreeSet<Errno> =
        failures().into_iter().map(|(errno, _)| errno).chain([Errno::ENOENT]).collect();
    let of_step = Fate::ALL.iter().filter(|fate| fate.step() == PipelineStep::Enqueue);
    assert_eq!(of_step.filter_map(|fate| fate.errno()).collect::<BTreeSet<_>>(), seen);
}

/// Rule: RED-09.a
#[test]
fn a_full_ring_is_no_failed_redirect() {
    for scenario in to_b(|b| b.kind = PortKind::Nic { rate: None, tx_ring: 3 }) {
        let run = burst(&scenario, "a", 5);
        assert_eq!(errors(&run), [None; 5]);
        assert_eq!(xmits(&run), [(1, 2, 2, 3, None)]);
        assert_eq!((run.numbers("b"), run.count(Fate::TxRingFull)), (vec![0, 1], 3));
    }
}

/// Port b's entry has a devmap program that does this.
fn with_entry_program(ops: Vec<Op>, entry: ProgramKind) -> Scenario {
    let mut scenario = bench_with(ops);
    entry_program(&mut scenario, "entry", entry);
    scenario.maps.push(MapSpec::new("with_program", MapKind::Devmap, 8).with_program(4, "b", "entry"));
    scenario
}

/// Rule: RED-09.c
#[test]
fn a_drop_by_the_devmap_program_is_no_failed_redirect() {
    let entry = ProgramKind::Verdict(xdpsim_core::XdpAction::DROP);
    let run = burst(&with_entry_program(to_key("with_program", 4, 0), entry), "a", 2);
    assert_eq!(errors(&run), [None, None]);
    assert_eq!((xmits(&run), run.count(Fate::EntryDropped)), (vec![(1, 2, 0, 2, None)], 2));
}

/// v0 gets three frames: to a port that is down, to b, to nowhere.
fn error_ok_error() -> Run {
    let mut scenario = from_veth(vec![]);
    scenario.ports[2].up = false;
    script(&mut scenario, "v0", vec![to_key("map", 3, 0), to_key("map", 2, 0), to_ifindex(99)]);
    burst(&scenario, "v0", 3)
}

/// Rule: RED-11.a, RED-11.d
#[test]
fn a_failed_redirect_frees_its_frame_once_and_no_other() {
    let run = error_ok_error();
    assert_eq!(errors(&run), [Some(Errno::ENETDOWN), None, Some(Errno::EINVAL)]);
    assert_eq!(run.numbers("b"), [1]);
    let ends: Vec<(Fate, u64)> =
        run.report.ends.iter().map(|(key, tally)| (key.fate, tally.frames)).collect();
    assert_eq!(ends, [(Fate::NoDevice, 1), (Fate::Delivered, 1), (Fate::Down, 1)]);
    assert!(run.report.is_balanced());
}

/// Rule: RED-11.b
#[test]
fn veth_counts_failed_redirects_as_drops_of_the_receiver() {
    let run = error_ok_error();
    let (v0, v1) = (run.veth("v0").expect("v0"), run.veth("v1").expect("v1"));
    assert_eq!((v0.drops, v0.rx_dropped, v0.xdp_drops, v0.xdp_redirect), (2, 2, 0, 1));
    assert_eq!((v0.tx_dropped, v1), (0, Default::default()));
}

/// Rule: RED-11.c
#[test]
fn veth_reports_no_exception_for_a_failed_redirect() {
    let names: Vec<&str> = error_ok_error().events.iter().map(Event::name).collect();
    assert_eq!(names, ["xdp_redirect_err", "xdp_redirect", "xdp_redirect_err", "xdp_devmap_xmit"]);
}

/// Rule: RED-12.a
#[test]
fn the_event_of_a_redirect_follows_its_partial_flush() {
    for ops in [to_key("map", 2, 0), to_ifindex(2), to_key("only_b", 0, BROADCAST)] {
        let mut scenario = bench_with(ops);
        scenario.maps.push(MapSpec::new("only_b", MapKind::Devmap, 1).with(0, "b"));
        let names: Vec<&str> = burst(&scenario, "a", 17).events.iter().map(Event::name).collect();
        let expected = [&["xdp_redirect"; 16][..], &["xdp_devmap_xmit", "xdp_redirect", "xdp_devmap_xmit"]];
        assert_eq!(names, expected.concat());
    }
}

/// 18 frames: 17 by key 4 to b, whose program calls the helper with key 3 (c); the last without a call.
fn helper_in_a_partial_flush(cycle_end: Vec<Op>) -> Run {
    let entry = ProgramKind::Script(vec![vec![call("map", 3, 0), PASS]]);
    let mut scenario = with_entry_program(vec![], entry);
    let cycle = [vec![to_key("with_program", 4, 0); 17], vec![cycle_end]].concat();
    script(&mut scenario, "a", cycle);
    burst(&scenario, "a", 18)
}

/// Rule: RED-13.a
#[test]
fn the_printed_key_is_read_after_the_partial_flush() {
    let keys: Vec<u32> = redirects(&helper_in_a_partial_flush(vec![PASS])).iter().map(|one| one.2).collect();
    assert_eq!(keys, [&[4; 16][..], &[3]].concat());
}

/// Rule: DVP-09.a, HLP-23.a
#[test]
fn a_helper_call_in_a_partial_flush_arms_the_next_frame() {
    let run = helper_in_a_partial_flush(vec![REDIRECT]);
    assert_eq!((run.numbers("b"), run.numbers("c")), ((0..17).collect(), vec![17]));
    assert_eq!(redirects(&run)[17], (3, 1, 3, None));
}

/// Rule: RED-13.a
#[test]
fn without_a_partial_flush_each_frame_prints_its_own_key() {
    let mut scenario = bench();
    let cycle = [2, 3, 1, 2].map(|key| to_key("map", key, 0)).to_vec();
    script(&mut scenario, "a", [cycle, vec![to_ifindex(3)]].concat());
    let keys: Vec<_> = redirects(&burst(&scenario, "a", 5));
    let expected =
        [(2, 1, 2, None), (3, 1, 3, None), (1, 1, 1, None), (2, 1, 2, None), (3, IFINDEX_ARMED, 0, None)];
    assert_eq!(keys, expected);
}
