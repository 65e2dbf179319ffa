//! Programs that are a verdict or one helper call.

use xdpsim_devmap::{IfIndex, QueueId, RedirectFlags, XdpAction};

use super::{Arrival, Call, FIRST, PORTS, resolve, run, run_at};
use crate::program::XdpProgram;
use crate::programs::{Broadcast, FlowHash, Redirect, RedirectMap, RedirectMapBy, Verdict, build};
use crate::rss::flow_hash;
use crate::scenario::{KeySource, ProgramKind};

/// A program as [`build`] makes it, and a copy of it.
fn built(kind: &ProgramKind) -> [Box<dyn XdpProgram>; 2] {
    let program = build(kind, &mut resolve).unwrap();
    let copy = program.clone_box();
    [program, copy]
}

#[test]
fn verdict_returns_any_number() {
    for action in [XdpAction::PASS, XdpAction::TX, XdpAction::REDIRECT, XdpAction(77)] {
        assert!(run(&mut Verdict::new(action), &[0; 60]).is_only(action));
        for mut program in built(&ProgramKind::Verdict(action)) {
            assert!(run(&mut *program, &[]).is_only(action));
        }
    }
}

#[test]
fn redirect_passes_ifindex_and_flags_on() {
    let mut program = Redirect::new(IfIndex(9), 0);
    assert!(run(&mut program, &[0; 60]).is_one_call(XdpAction::REDIRECT, Call::Redirect(9, 0)));
    for mut program in built(&ProgramKind::Redirect { ifindex: IfIndex(9), flags: 2 }) {
        assert!(run(&mut *program, &[0; 60]).is_one_call(XdpAction::ABORTED, Call::Redirect(9, 2)));
    }
}

/// All 64 bits of the key: cutting them is the helper's business.
#[test]
fn redirect_map_passes_key_and_flags_on() {
    let key = 1 << 32 | 3;
    let mut program = RedirectMap::new(PORTS, key, 2);
    assert!(run(&mut program, &[]).is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, key, 2)));
    let mut program = RedirectMap::new(PORTS, 15, 2);
    assert!(run(&mut program, &[]).is_one_call(XdpAction::PASS, Call::Map(PORTS, 15, 2)));
    let mut program = RedirectMapBy::new(PORTS, KeySource::Const(key), 1);
    assert!(run(&mut program, &[]).is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, key, 1)));
    let kind = ProgramKind::RedirectMap { map: "ports".into(), key: KeySource::Const(key), flags: 3 };
    for mut program in built(&kind) {
        assert!(run(&mut *program, &[]).is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, key, 3)));
    }
}

#[test]
fn a_key_can_be_where_the_frame_came_from() {
    let arrival = Arrival { ifindex: IfIndex(7), queue: QueueId(4), ..FIRST };
    for (key, expected) in [(KeySource::IngressIfindex, 7), (KeySource::RxQueueIndex, 4)] {
        for mut program in built(&ProgramKind::RedirectMap { map: "ports".into(), key, flags: 1 }) {
            let ran = run_at(arrival, &mut *program, &[0; 60]);
            assert!(ran.is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, expected, 1)), "{ran:?}");
        }
    }
}

#[test]
fn a_key_can_be_a_byte_of_the_frame() {
    for (offset, modulo, key) in [
        (0, 256, 3),
        (1, 256, 250),
        (1, 4, 2),
        (1, 250, 0),
        (1, u32::MAX, 250),
        // No modulo counts as 1; behind the end there is nothing.
        (1, 0, 0),
        (0, 0, 0),
        (0, 2, 1),
        (2, 256, 0),
        (u32::MAX, 256, 0),
    ] {
        let mut program = RedirectMapBy::new(PORTS, KeySource::FrameByte { offset, modulo }, 2);
        let calls = run(&mut program, &[3, 250]).calls;
        assert_eq!(calls, [Call::Map(PORTS, key, 2)], "byte {offset} modulo {modulo}");
    }
}

#[test]
fn broadcast_adds_its_flags() {
    let mut program = Broadcast::new(PORTS, RedirectFlags::empty());
    assert!(run(&mut program, &[0; 60]).is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, 0, 8)));
    for flags in [RedirectFlags::EXCLUDE_INGRESS, RedirectFlags::all()] {
        for mut program in built(&ProgramKind::Broadcast { map: "ports".into(), flags }) {
            assert!(run(&mut *program, &[0; 60]).is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, 0, 24)));
        }
    }
}

#[test]
fn flow_hash_takes_the_hash_modulo_its_targets() {
    let mut frame = [0; 60];
    frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
    frame[23] = 17;
    frame[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    for port in 0..20 {
        frame[35] = port;
        let hash = flow_hash(&frame);
        assert_ne!(hash, 0);
        for targets in [1, 2, 3, 7, u32::MAX] {
            let key = u64::from(hash % targets);
            for mut program in built(&ProgramKind::FlowHash { map: "ports".into(), targets }) {
                let ran = run_at(FIRST, &mut *program, &frame);
                assert_eq!(ran.calls, [Call::Map(PORTS, key, 0)], "{port} of {targets}");
                assert!(!ran.copied);
            }
        }
    }
    assert!(
        run(&mut FlowHash::new(PORTS, 0), &frame).is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, 0, 0))
    );
    // What has no flow has hash 0.
    assert!(run(&mut FlowHash::new(PORTS, 3), &[]).is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, 0, 0)));
}
