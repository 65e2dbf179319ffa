//! Step 2, `xdp_do_redirect()`: conversion, dispatch and events; rules RED-01 to RED-13. The checks of
//! the target are in [`targets`].

mod bench;
#[path = "../common/mod.rs"]
mod common;
mod generic;
mod generic_entries;
mod targets;

use bench::*;
use common::*;
use xdpsim_core::lab::Run;
use xdpsim_core::redirect::info::IFINDEX_ARMED;
use xdpsim_core::scenario::{
    Action, At, Change, FaultKind, MapSpec, Op, PortKind, PortSpec, ProgramKind, Scenario,
};
use xdpsim_core::{Desc, Errno, Event, Fate, FrameNo, IfIndex, MapKind, Nanos};

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

/// Rule: RED-05.a
#[test]
fn back_to_the_ingress_is_an_ordinary_redirect() {
    for ops in [to_ifindex(1), to_key("map", 1, 0)] {
        let run = burst(&bench_with(ops), "a", 2);
        assert_eq!((run.numbers("a"), xmits(&run)), (vec![0, 1], vec![(1, 1, 2, 0, None)]));
    }
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
