//! What goes wrong during the walk of RFC v1.

use xdpsim_core::netdev::Features;
use xdpsim_core::scenario::{FaultKind, FaultSpec, PortKind, PortSpec};
use xdpsim_core::{Errno, Fate, MapKind};

use super::*;

fn fault(port: &str, kind: FaultKind, nth: u64) -> FaultSpec {
    FaultSpec { port: port.into(), kind, nth }
}

/// Rule: MCAST-26.a, MCAST-26.b, MCAST-26.c
#[test]
fn a_bad_target_ends_the_walk() {
    let bad =
        [(Errno::EOPNOTSUPP, Fate::NoXmit), (Errno::ENETDOWN, Fate::Down), (Errno::EMSGSIZE, Fate::TooLong)];
    for (errno, fate) in bad {
        let mut scenario = split(&["b", "c", "d"], &[]);
        match errno {
            Errno::EOPNOTSUPP => scenario.ports[2].features = Some(Features::empty()),
            Errno::ENETDOWN => scenario.ports[2].up = false,
            _ => scenario.ports[2].mtu = Some(40),
        }
        let run = burst(&scenario, "a", 1);
        assert_eq!((got(&run), errors(&run)), ("b".to_owned(), vec![Some(errno)]));
        assert_eq!((run.count(fate), run.count(Fate::OrigFreed), run.report.clones), (1, 0, 1));
        assert!(run.report.is_balanced());
    }
}

/// Rule: MCAST-26.d
#[test]
fn who_is_excluded_is_not_checked() {
    let mut scenario = split(&["b", "c", "d"], &["c"]);
    scenario.ports[2].up = false;
    let run = burst(&scenario, "a", 1);
    assert_eq!((got(&run), errors(&run)), ("bd".to_owned(), vec![None]));
}

/// Rule: MCAST-27.a
#[test]
fn a_clone_that_fails_ends_the_walk() {
    let mut scenario = split(&["b", "c", "d"], &[]);
    scenario.faults = vec![fault("c", FaultKind::Clone, 1)];
    let run = burst(&scenario, "a", 1);
    assert_eq!((got(&run), errors(&run)), ("b".to_owned(), vec![Some(Errno::ENOMEM)]));
    assert_eq!(run.count(Fate::CloneFailed), 1);
    // Also the only target needs a clone.
    let mut scenario = split(&["c"], &[]);
    scenario.faults = vec![fault("c", FaultKind::Clone, 1)];
    assert_eq!(errors(&burst(&scenario, "a", 1)), [Some(Errno::ENOMEM)]);
}

/// 256 bytes of headroom, header included, and 3840 of data are a page. Mainline leaves 320 for the shared info.
///
/// Rule: MCAST-27.b, MCAST-45.c
#[test]
fn a_clone_has_a_whole_page() {
    let nic = PortSpec::new("a", PortKind::Nic { rate: None, tx_ring: 64 });
    let send = |scenario: &Scenario, len: usize| {
        let mut lab = lab(scenario);
        lab.send("a", &vec![0; len]);
        errors(&lab.run())
    };
    let mut scenario = split(&["b", "c"], &[]);
    scenario.ports[0] = PortSpec { xdp: scenario.ports[0].xdp.clone(), ..nic.clone() };
    assert_eq!(send(&scenario, 3840), [None]);
    assert_eq!(send(&scenario, 3841), [Some(Errno::ENOMEM)]);
    let forward = group("f", MapKind::Devmap, &["b", "c"]);
    let mut scenario = two_maps(multi(20), &PORTS, forward, None);
    scenario.ports[0] = PortSpec { xdp: scenario.ports[0].xdp.clone(), ..nic };
    for (len, errno) in [(3520, None), (3521, Some(Errno::ENOMEM))] {
        let mut lab = multi_lab(&scenario, 0);
        lab.send("a", &vec![0; len]);
        assert_eq!(errors(&lab.run()), [errno], "{len}");
    }
}

/// A devmap program of a clone can grow it by what one page leaves.
///
/// Rule: MCAST-27.c
#[test]
fn a_clone_is_a_plain_page() {
    use xdpsim_core::lab::Lab;
    let mut scenario = split(&[], &[]);
    let (notes, own) = probe::Note::called("notes");
    entry_program(
        &mut scenario,
        "notes",
        xdpsim_core::scenario::ProgramKind::Verdict(xdpsim_core::XdpAction::PASS),
    );
    scenario.maps[0] =
        xdpsim_core::scenario::MapSpec::new("f", MapKind::Devmap, 64).with_program(0, "b", "notes");
    let mut lab = Lab::with_programs(&scenario, own).unwrap_or_else(|error| panic!("{error}"));
    lab.send("a", &frame(0));
    assert_eq!(got(&lab.run()), "b");
    let seen = notes.lock().expect("nobody panicked");
    assert_eq!(seen.iter().map(|seen| seen.tail_room).collect::<Vec<_>>(), [4096 - 320 - 256 - 60]);
}

/// Rule: MCAST-28.a
#[test]
fn a_frame_that_cannot_be_converted_goes_nowhere() {
    let scenario = split(&["b", "c"], &[]);
    let mut lab = lab(&scenario);
    lab.send_with_head("a", &frame(0), 39);
    let run = lab.run();
    assert_eq!((got(&run), errors(&run)), (String::new(), vec![Some(Errno::EOVERFLOW)]));
    assert_eq!(run.count(Fate::NotConverted), 1);
}

/// Rule: MCAST-36.a
#[test]
fn a_frame_with_fragments_reaches_not_even_a_single_target() {
    let mut scenario = split(&["b"], &[]);
    scenario.ports[0] = PortSpec { xdp: scenario.ports[0].xdp.clone(), ..veth("a") };
    let mut lab = lab(&scenario);
    lab.send("a", &[0; 5000]);
    let run = lab.run();
    assert_eq!((got(&run), errors(&run)), (String::new(), vec![Some(Errno::EOPNOTSUPP)]));
    assert_eq!((run.count(Fate::CloneFrags), run.report.clones), (1, 0));
}
