//! What a target must be like, and which errno says that it is not: rules RED-04 and RED-08.

use std::collections::BTreeSet;

use xdpsim_core::lab::Run;
use xdpsim_core::netdev::{Features, Refusal};
use xdpsim_core::scenario::{FaultKind, PortKind, PortSpec, Scenario};
use xdpsim_core::{Errno, Fate, KernelVersion, PipelineStep, Profile};

use super::bench::*;
use super::common::*;

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

/// Every way to fail, but for a broadcast without a map (`src/redirect/tests.rs` of the crate).
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
