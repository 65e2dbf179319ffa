//! Step 1, the helpers, and the redirect info that they leave behind: rules HLP-01 to HLP-13
//! and HLP-19. What follows from its lifetime is in `context.rs`.

use crate::common;
use common::*;
use xdpsim_core::lab::Run;
use xdpsim_core::redirect::RedirectInfo;
use xdpsim_core::redirect::info::{IFINDEX_ARMED, Note};
use xdpsim_core::scenario::{MapSpec, Op, Scenario};
use xdpsim_core::story::{HelperCall, Step};
use xdpsim_core::{DevId, Errno, Event, Fate, MapId, MapKind, RedirectFlags, XdpAction};

const ABORTED: Op = Op::Return(XdpAction::ABORTED);

/// Ports a, b, c, d (ifindex 1 to 4; devices 0 to 3); maps `map` (id 1) and `hash` (id 2), in both of
/// them key 1 is b, key 2 is c and key 3 is b again.
fn bench() -> Scenario {
    let map = |name, kind| MapSpec::new(name, kind, 8).with(1, "b").with(2, "c").with(3, "b");
    let maps = vec![map("map", MapKind::Devmap), map("hash", MapKind::DevmapHash)];
    Scenario { maps, ..ideal(&["a", "b", "c", "d"]) }
}

/// One frame on port a for each script.
fn run(cycle: &[&[Op]]) -> Run {
    let mut scenario = bench();
    script(&mut scenario, "a", cycle.iter().map(|ops| ops.to_vec()).collect());
    burst(&scenario, "a", cycle.len() as u8)
}

/// What each helper call of a script returns.
fn returned(ops: &[Op]) -> Vec<u32> {
    let mut scenario = bench();
    script(&mut scenario, "a", vec![ops.to_vec()]);
    let mut lab = lab(&scenario);
    lab.send("a", &frame(0));
    let call = |step: &Step| match *step {
        Step::Helper(HelperCall::Redirect { returned, .. } | HelperCall::RedirectMap { returned, .. }) => {
            Some(returned.0)
        }
        _ => None,
    };
    lab.story(0).iter().filter_map(call).collect()
}

/// Redirect info after one frame whose script makes these calls and passes the frame. The note, which
/// is not the kernel's, left out.
fn info_after(calls: &[Op]) -> RedirectInfo {
    let script = [calls, &[PASS]].concat();
    let info = run(&[&script]).redirect_info(0).expect("CPU 0");
    RedirectInfo { note: Note::NoCall, ..info }
}

fn ifindex_call(ifindex: u32, flags: u64) -> Op {
    Op::Redirect { ifindex: xdpsim_core::IfIndex(ifindex), flags }
}

/// Rule: HLP-01.a
#[test]
fn bpf_redirect_refuses_any_flag_and_leaves_the_target() {
    let flags = (0..64).map(|bit| 1 << bit);
    let calls: Vec<Op> = flags.map(|flags| ifindex_call(2, flags)).collect();
    assert_eq!(returned(&calls), [0; 64]);
    assert_eq!(info_after(&[ifindex_call(2, 1)]), RedirectInfo::default());
    for before in [call_ifindex(3), call("map", 1, 0), call("map", 9, BROADCAST)] {
        assert_eq!(info_after(&[before.clone(), ifindex_call(2, 1)]), info_after(&[before]));
    }
    let run = run(&[&[ifindex_call(2, 1), Op::ReturnHelper]]);
    assert_eq!((run.count(Fate::FlagsRefused), run.deliveries().len()), (1, 0));
    assert!(matches!(run.events[..], [Event::Exception { act: XdpAction::ABORTED, .. }]));
}

/// Rule: HLP-01.b
#[test]
fn bpf_redirect_arms_its_ifindex() {
    assert_eq!(returned(&[call_ifindex(2)]), [4]);
    let expected = RedirectInfo { tgt_index: 2, map_id: i32::MAX as u32, ..RedirectInfo::default() };
    assert_eq!(info_after(&[call_ifindex(2)]), expected);
    assert_eq!(IFINDEX_ARMED, 2_147_483_647);
    assert_eq!(run(&[&to_ifindex(2)]).numbers("b"), [0]);
}

/// Rule: HLP-01.c
#[test]
fn bpf_redirect_does_not_look_its_ifindex_up() {
    assert_eq!(returned(&[call_ifindex(9999)]), [4]);
    assert_eq!(run(&[&to_ifindex(9999)]).count(Fate::NoDevice), 1);
}

/// Rule: HLP-02.a
#[test]
fn bpf_redirect_keeps_what_a_broadcast_left() {
    let broadcast = info_after(&[call("map", 1, BROADCAST | EXCLUDE_INGRESS)]);
    assert_eq!(broadcast.map, Some(MapId(1)));
    assert_eq!(broadcast.flags, RedirectFlags::all());
    let after = info_after(&[call("map", 1, BROADCAST | EXCLUDE_INGRESS), call_ifindex(4)]);
    assert_eq!(after, RedirectInfo { tgt_index: 4, map_id: IFINDEX_ARMED, map_type: None, ..broadcast });
}

/// Rule: HLP-02.b
#[test]
fn an_ifindex_after_a_broadcast_call_is_a_unicast() {
    let run = run(&[&[call("map", 1, BROADCAST), call_ifindex(4), REDIRECT]]);
    assert_eq!(run.deliveries().len(), 1);
    assert_eq!(run.numbers("d"), [0]);
}

/// Rule: HLP-03.a
#[test]
fn bad_flags_abort_before_the_lookup_and_its_fallback() {
    for key in [1, 99] {
        assert_eq!(returned(&[call("map", key, 32 | 2), call("hash", key, 4 | 1)]), [0, 0]);
        let run = run(&[&to_key("map", key, 32 | 2)]);
        assert_eq!((run.count(Fate::FlagsRefused), run.count(Fate::Passed)), (1, 0));
    }
}

/// Rule: HLP-03.b
#[test]
fn bad_flags_leave_redirect_info_unchanged() {
    for before in [call("map", 1, 0), call("map", 1, BROADCAST), call_ifindex(3), call("map", 9, 2)] {
        for bad in [call("map", 2, 32), call("hash", 9, 4 | 2), call("map", 2, BROADCAST | 32)] {
            assert_eq!(info_after(&[before.clone(), bad]), info_after(std::slice::from_ref(&before)));
        }
    }
}

/// Rule: HLP-03.c
#[test]
fn the_lookup_result_is_stored() {
    let entry = |calls: &[Op]| info_after(calls).tgt_value.map(|entry| entry.dev);
    assert_eq!(entry(&[call("map", 2, 0)]), Some(DevId(2)));
    assert_eq!(entry(&[call("map", 2, BROADCAST)]), Some(DevId(2)));
    assert_eq!(entry(&[call("map", 2, 0), call("map", 7, 0)]), None);
    assert_eq!(entry(&[call("map", 2, 0), call("map", 7, BROADCAST)]), None);
}

/// Rule: HLP-03.d
#[test]
fn a_failed_lookup_arms_an_ifindex_and_returns_the_fallback() {
    assert_eq!(returned(&[call("map", 1, 0), call("map", 7, 3)]), [4, 3]);
    let info = info_after(&[call("map", 1, 0), call("map", 7, 3)]);
    let expected = RedirectInfo { tgt_index: 1, map_id: IFINDEX_ARMED, ..RedirectInfo::default() };
    assert_eq!(info, expected);
}

/// Rule: HLP-03.e
#[test]
fn a_successful_lookup_arms_the_map() {
    assert_eq!(returned(&[call("hash", 1 << 40 | 2, 0)]), [4]);
    let info = info_after(&[call("hash", 1 << 40 | 2, 0)]);
    assert_eq!((info.tgt_index, info.map_id, info.map_type), (1 << 40 | 2, 2, Some(MapKind::DevmapHash)));
    let info = info_after(&[call("map", 2, 0)]);
    assert_eq!((info.tgt_index, info.map_id, info.map_type), (2, 1, Some(MapKind::Devmap)));
}

/// Rule: HLP-03.f
#[test]
fn map_and_flags_are_kept_for_a_broadcast_only() {
    let of = |calls: &[Op]| {
        let info = info_after(calls);
        (info.map, info.flags.bits())
    };
    assert_eq!(of(&[call("map", 1, BROADCAST)]), (Some(MapId(1)), 8));
    assert_eq!(of(&[call("hash", 1, BROADCAST | EXCLUDE_INGRESS)]), (Some(MapId(2)), 24));
    assert_eq!(of(&[call("map", 1, BROADCAST), call("map", 2, EXCLUDE_INGRESS)]), (None, 0));
}

/// Rule: HLP-04.a
#[test]
fn the_low_bits_are_the_verdict_of_a_failed_lookup() {
    for map in ["map", "hash"] {
        let calls: Vec<Op> = (0..4).map(|fallback| call(map, 7, fallback)).collect();
        assert_eq!(returned(&calls), [0, 1, 2, 3]);
    }
    let cycle: Vec<Vec<Op>> = (0..4).map(|fallback| to_key("map", 7, fallback)).collect();
    let run = run(&cycle.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let fates = [Fate::LookupAborted, Fate::LookupDropped, Fate::Passed];
    assert_eq!(fates.map(|fate| run.report.examples(fate)[0].0), [0, 1, 2]);
    assert_eq!(run.numbers("a"), [3], "XDP_TX");
}

/// Rule: HLP-04.b
#[test]
fn redirect_cannot_be_a_fallback() {
    assert_eq!(returned(&[call("map", 7, 4), call("hash", 7, 4)]), [0, 0]);
}

fn returned_for_every_bit(map: &str) -> Vec<u32> {
    let calls: Vec<Op> = (0..64).map(|bit| call(map, 1, 1 << bit)).collect();
    returned(&calls)
}

/// Rule: HLP-05.a, HLP-05.c
#[test]
fn a_devmap_knows_two_flags_and_the_low_bits() {
    let expected: Vec<u32> = (0..64).map(|bit| if [0, 1, 3, 4].contains(&bit) { 4 } else { 0 }).collect();
    assert_eq!(returned_for_every_bit("map"), expected);
    let all = BROADCAST | EXCLUDE_INGRESS | 3;
    assert_eq!(
        returned(&[call("map", 1, all), call("map", 1, all | 1 << 32), call("map", 1, 32 | 2)]),
        [4, 0, 0]
    );
}

/// Rule: HLP-05.b, HLP-05.c
#[test]
fn a_hash_knows_the_same_flags() {
    assert_eq!(returned_for_every_bit("hash"), returned_for_every_bit("map"));
    let all = BROADCAST | EXCLUDE_INGRESS | 3;
    assert_eq!(
        returned(&[call("hash", 1, all), call("hash", 1, all | 1 << 32), call("hash", 1, 32 | 2)]),
        [4, 0, 0]
    );
}

/// Rule: HLP-06.a
#[test]
fn the_fallback_does_not_matter_when_the_lookup_succeeds() {
    assert_eq!(returned(&[call("map", 1, 2)]), [4]);
    let run = run(&[&to_key("map", 1, 2)]);
    assert_eq!((run.numbers("b"), run.deliveries().len()), (vec![0], 1));
}

/// Rule: HLP-07.a
#[test]
fn excluding_the_ingress_means_nothing_to_a_unicast() {
    let mut scenario = bench();
    scenario.maps[0] = scenario.maps[0].clone().with(0, "a");
    script(&mut scenario, "a", vec![to_key("map", 0, EXCLUDE_INGRESS), to_key("map", 1, EXCLUDE_INGRESS)]);
    let run = burst(&scenario, "a", 2);
    assert_eq!((run.numbers("a"), run.numbers("b")), (vec![0], vec![1]));
}

/// Rule: HLP-08.a
#[test]
fn a_broadcast_needs_no_entry_at_its_key() {
    assert_eq!(returned(&[call("map", 99, BROADCAST | 1), call("hash", 99, BROADCAST | 1)]), [4, 4]);
    let run = run(&[&to_key("map", 99, BROADCAST)]);
    assert_eq!((run.numbers("b"), run.numbers("c")), (vec![0, 0], vec![0]));
}

/// Rule: HLP-09.a
#[test]
fn the_key_of_a_broadcast_shows_in_its_event_only() {
    let at = |key| run(&[&to_key("map", key, BROADCAST)]);
    let (absent, present) = (at(99), at(2));
    assert_eq!(absent.deliveries(), present.deliveries());
    assert_eq!(xmits(&absent), xmits(&present));
    assert_eq!(redirects(&absent), [(0, 1, 99, None)]);
    assert_eq!(redirects(&present), [(3, 1, 2, None)]);
}

/// Rule: HLP-10.a, HLP-10.b
#[test]
fn the_key_is_cut_for_the_lookup_and_kept_in_redirect_info() {
    let key = 0xabcd << 32 | 1;
    for (map, id) in [("map", 1), ("hash", 2)] {
        let run = run(&[&to_key(map, key, 0)]);
        assert_eq!(run.numbers("b"), [0]);
        assert_eq!(run.redirect_info(0).map(|info| info.tgt_index), Some(key));
        assert_eq!(redirects(&run), [(2, id, 1, None)]);
    }
}

/// Rule: HLP-11.a
#[test]
fn the_second_of_two_targets_counts() {
    let run = run(&[
        &[call("map", 1, 0), call("map", 2, 0), REDIRECT],
        &[call("map", 1, BROADCAST), call("hash", 2, 0), REDIRECT],
        &[call_ifindex(2), call("map", 2, 0), REDIRECT],
        &[call("map", 1, 0), call_ifindex(3), REDIRECT],
    ]);
    assert_eq!((run.numbers("c"), run.deliveries().len()), (vec![0, 1, 2, 3], 4));
}

/// Rule: HLP-11.b
#[test]
fn a_failed_lookup_forgets_the_map_before() {
    assert_eq!(returned(&[call("map", 2, 0), call("map", 7, 1)]), [4, 1]);
    let run = run(&[&[call("map", 2, 0), call("map", 7, 1), REDIRECT]]);
    // Key 2 is c; what is armed now is ifindex 2, which is b.
    assert_eq!((run.numbers("b"), run.deliveries().len()), (vec![0], 1));
}

/// Rule: HLP-11.c
#[test]
fn bad_flags_leave_the_target_before_armed() {
    let run = run(&[
        &[call("map", 2, 0), call("map", 1, 32), REDIRECT],
        &[call("map", 2, 0), ifindex_call(2, 1), REDIRECT],
    ]);
    assert_eq!((run.numbers("c"), run.deliveries().len()), (vec![0, 1], 2));
}

/// Rule: HLP-12.a
#[test]
fn after_a_failed_lookup_an_earlier_ifindex_is_armed_again() {
    let run = run(&[&[call_ifindex(3), call("map", 7, 2), REDIRECT]]);
    assert_eq!(run.numbers("c"), [0]);
    assert_eq!(redirects(&run), [(3, IFINDEX_ARMED, 0, None)]);
}

/// Rule: HLP-12.b
#[test]
fn after_a_failed_lookup_an_earlier_key_is_an_ifindex() {
    let run = run(&[&[call("map", 3, 0), call("hash", 7, 2), REDIRECT]]);
    // Key 3 is b; ifindex 3 is c.
    assert_eq!((run.numbers("c"), run.deliveries().len()), (vec![0], 1));
    let mut scenario = bench();
    scenario.ports[2].up = false;
    script(&mut scenario, "a", vec![vec![call("map", 3, 0), call("hash", 7, 2), REDIRECT]]);
    let run = burst(&scenario, "a", 1);
    assert_eq!(redirects(&run), [(3, IFINDEX_ARMED, 0, Some(Errno::ENETDOWN))]);
    assert_eq!(run.count(Fate::StaleDown), 1);
}

/// Rule: HLP-12.c
#[test]
fn after_a_failed_lookup_alone_ifindex_zero_is_armed() {
    let run = run(&[&[call("map", 7, 2), REDIRECT]]);
    assert_eq!(redirects(&run), [(0, IFINDEX_ARMED, 0, Some(Errno::EINVAL))]);
    assert_eq!(run.count(Fate::StaleNoDevice), 1);
}

#[test]
fn a_redirect_that_a_failed_lookup_armed_says_so_in_its_fate() {
    let fate = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = bench();
        change(&mut scenario);
        script(&mut scenario, "a", vec![vec![call_ifindex(4), call("map", 7, 2), REDIRECT]]);
        let run = burst(&scenario, "a", 1);
        Fate::ALL.iter().copied().find(|&fate| run.count(fate) > 0)
    };
    assert_eq!(fate(&|_| ()), Some(Fate::Delivered));
    assert_eq!(fate(&|one| one.ports[3].up = false), Some(Fate::StaleDown));
    assert_eq!(fate(&|one| one.ports[3].mtu = Some(40)), Some(Fate::StaleTooLong));
    assert_eq!(fate(&|one| one.ports[3].ifindex = Some(xdpsim_core::IfIndex(8))), Some(Fate::StaleNoDevice));
    let none = xdpsim_core::netdev::Features::empty();
    assert_eq!(fate(&|one| one.ports[3].features = Some(none)), Some(Fate::StaleNoXmit));
}

/// Rule: HLP-13.a
#[test]
fn another_verdict_makes_the_helper_call_void() {
    for target in [call("map", 1, 0), call("map", 1, BROADCAST), call_ifindex(2)] {
        let after = |verdict: Op| run(&[&[target.clone(), verdict]]);
        assert_eq!(after(PASS).count(Fate::Passed), 1);
        assert_eq!(after(DROP).count(Fate::Dropped), 1);
        assert_eq!(after(ABORTED).count(Fate::Aborted), 1);
        assert_eq!(after(TX).numbers("a"), [0]);
        for verdict in [PASS, DROP, TX, ABORTED] {
            let run = after(verdict);
            assert!(run.is_silent("b") && run.is_silent("c"));
            assert!(redirects(&run).is_empty() && xmits(&run).is_empty());
        }
    }
}

/// Rule: HLP-13.b
#[test]
fn a_target_that_was_not_used_stays_armed() {
    for verdict in [PASS, DROP, TX, ABORTED] {
        let info = run(&[&[call("map", 2, 0), verdict]]).redirect_info(0).expect("CPU 0");
        assert_eq!((info.map_type, info.map_id, info.tgt_index), (Some(MapKind::Devmap), 1, 2));
    }
}

/// Rule: HLP-19.a, HLP-19.b
#[test]
fn a_redirect_consumes_the_target_whether_it_succeeds_or_not() {
    for (target, index) in [(call("map", 2, 0), 2), (call("map", 2, BROADCAST), 2), (call_ifindex(9), 9)] {
        let armed = info_after(std::slice::from_ref(&target));
        assert_ne!(armed.map_id, 0);
        let after = run(&[&[target, REDIRECT]]).redirect_info(0).expect("CPU 0");
        assert_eq!((after.map_id, after.map_type, after.flags.bits()), (0, None, 0));
        assert_eq!((after.tgt_index, after.tgt_value), (index, armed.tgt_value));
    }
}

/// Rule: HLP-19.c
#[test]
fn of_two_redirects_after_one_call_the_second_has_no_target() {
    for (target, map_index) in [(call("map", 2, 0), 2), (call_ifindex(3), 3)] {
        let run = run(&[&[target, REDIRECT], &[REDIRECT]]);
        assert_eq!(run.numbers("c"), [0]);
        assert_eq!(redirects(&run)[1], (0, 0, map_index, Some(Errno::EBADRQC)));
        assert_eq!(run.report.examples(Fate::NoTarget)[0].0, 1);
    }
}
