//! Scripts: each step, and how they follow each other.

use xdpsim_devmap::{IfIndex, XdpAction};

use super::{Arrival, Call, FIRST, OUTER, PORTS, Ran, resolve, run, run_at};
use crate::profile::{KernelVersion, Profile};
use crate::program::XdpProgram;
use crate::programs::{Script, UnknownMap};
use crate::scenario::Op;

const FRAME: [u8; 20] = [1; 20];

fn script(cycle: &[&[Op]]) -> Script {
    let cycle: Vec<Vec<Op>> = cycle.iter().map(|ops| ops.to_vec()).collect();
    Script::new(&cycle, &mut resolve).unwrap()
}

/// One script, run once.
fn once(ops: &[Op]) -> Ran {
    run(&mut script(&[ops]), &FRAME)
}

fn redirect_map(key: u64, flags: u64) -> Op {
    Op::RedirectMap { map: "ports".into(), key, flags }
}

fn redirect_inner(outer: u32, key: u64) -> Op {
    Op::RedirectInner { map: "outer".into(), outer, key, flags: 1 }
}

#[test]
fn the_scripts_of_a_cycle_take_turns() {
    let program = &mut script(&[
        &[Op::Return(XdpAction::DROP)],
        &[],
        &[Op::Return(XdpAction::TX), Op::Return(XdpAction::DROP)],
    ]);
    let mut verdicts = || run(program, &FRAME).verdict;
    let expected = [XdpAction::DROP, XdpAction::PASS, XdpAction::TX, XdpAction::DROP, XdpAction::PASS];
    assert_eq!([(); 5].map(|()| verdicts()), expected);
}

#[test]
fn a_copy_begins_at_the_first_script() {
    let program = &mut script(&[&[Op::Return(XdpAction::DROP)], &[Op::Return(XdpAction::TX)]]);
    assert_eq!(run(program, &FRAME).verdict, XdpAction::DROP);
    assert_eq!(run(&mut *program.clone_box(), &FRAME).verdict, XdpAction::DROP);
    assert_eq!(run(program, &FRAME).verdict, XdpAction::TX);
}

#[test]
fn no_scripts_and_no_steps_pass() {
    let program = &mut script(&[]);
    for _ in 0..3 {
        assert!(run(program, &FRAME).is_only(XdpAction::PASS));
    }
    assert!(once(&[]).is_only(XdpAction::PASS));
}

#[test]
fn helpers_are_called_with_what_the_script_says() {
    let ran = once(&[
        Op::Redirect { ifindex: IfIndex(4), flags: 1 },
        redirect_map(1 << 40, 3),
        Op::Redirect { ifindex: IfIndex(5), flags: 0 },
    ]);
    let calls = [Call::Redirect(4, 1), Call::Map(PORTS, 1 << 40, 3), Call::Redirect(5, 0)];
    assert_eq!((ran.verdict, &ran.calls[..]), (XdpAction::PASS, &calls[..]), "falling off the end passes");
}

#[test]
fn return_ends_a_script_whatever_the_helper_said() {
    let ran = once(&[redirect_map(3, 0), Op::Return(XdpAction(9)), redirect_map(4, 0)]);
    assert!(ran.is_one_call(XdpAction(9), Call::Map(PORTS, 3, 0)), "{ran:?}");
}

#[test]
fn return_helper_returns_what_the_last_one_said() {
    let bad = Op::Redirect { ifindex: IfIndex(4), flags: 1 };
    let good = Op::Redirect { ifindex: IfIndex(4), flags: 0 };
    for (steps, expected) in [
        (vec![], XdpAction::PASS),
        (vec![good.clone()], XdpAction::REDIRECT),
        (vec![good.clone(), bad.clone()], XdpAction::ABORTED),
        (vec![bad, good.clone()], XdpAction::REDIRECT),
        (vec![good.clone(), redirect_map(15, 3)], XdpAction::TX),
        (vec![redirect_map(15, 3), redirect_inner(5, 2)], XdpAction::REDIRECT),
        (vec![redirect_inner(5, 15)], XdpAction::DROP),
        (vec![good, Op::SetByte { offset: 0, value: 0 }, Op::AdjustHead(99)], XdpAction::REDIRECT),
    ] {
        let ops = [&steps[..], &[Op::ReturnHelper, Op::Return(XdpAction(9))]].concat();
        assert_eq!(once(&ops).verdict, expected, "{steps:?}");
    }
}

#[test]
fn return_helper_forgets_the_frame_before() {
    let program = &mut script(&[&[redirect_map(3, 0)], &[Op::ReturnHelper]]);
    assert_eq!([(); 2].map(|()| run(program, &FRAME).verdict), [XdpAction::PASS; 2]);
}

/// Rule: HLP-16.a
#[test]
fn an_inner_map_is_redirected_to_or_the_frame_dropped() {
    assert_eq!(resolve("outer"), Some(OUTER));
    let ran = once(&[redirect_inner(5, 7), Op::ReturnHelper]);
    assert!(ran.is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, 7, 1)), "{ran:?}");
    let everybody = Op::RedirectInner { map: "outer".into(), outer: 5, key: 99, flags: 8 };
    let ran = once(&[everybody, Op::ReturnHelper]);
    assert!(ran.is_one_call(XdpAction::REDIRECT, Call::Map(PORTS, 99, 8)), "{ran:?}");
    for outer in [0, 4, 6, 8, u32::MAX] {
        let ran = once(&[redirect_inner(outer, 7), Op::Return(XdpAction::TX)]);
        assert!(ran.is_only(XdpAction::DROP), "{outer}: {ran:?}");
    }
}

#[test]
fn set_byte_writes_within_the_frame_only() {
    let ran = once(&[Op::SetByte { offset: 0, value: 7 }, Op::SetByte { offset: 19, value: 8 }]);
    assert_eq!((ran.frame[0], ran.frame[1], ran.frame[18], ran.frame[19]), (7, 1, 1, 8));
    assert_eq!((ran.frame.len(), ran.verdict), (20, XdpAction::PASS));
    for offset in [20, u32::MAX] {
        assert!(once(&[Op::SetByte { offset, value: 7 }]).is_only(XdpAction::PASS), "{offset}");
    }
}

#[test]
fn frames_grow_and_shrink_at_both_ends() {
    let mark = |offset| Op::SetByte { offset, value: 9 };
    let grown = once(&[Op::AdjustHead(-4), mark(0), Op::AdjustTail(2), mark(25)]);
    assert_eq!(grown.frame, [&[9, 0, 0, 0][..], &[1; 20], &[0, 9]].concat());
    let shrunk = once(&[mark(3), Op::AdjustHead(3), Op::AdjustTail(-2)]);
    assert_eq!(shrunk.frame, [&[9][..], &[1; 14]].concat());
    assert_eq!(once(&[Op::AdjustMeta(-8)]).meta_len, 8);
    assert_eq!(once(&[Op::AdjustMeta(-8), Op::AdjustMeta(4)]).meta_len, 4);
}

/// The bytes that `data` was moved past are metadata for whoever moves `data_meta` there, even if the frame
/// grew at its end in between.
#[test]
fn what_was_cut_off_in_front_comes_back() {
    let cut = |then: Op| {
        let mark = Op::SetByte { offset: 0, value: 9 };
        once(&[mark, Op::AdjustHead(4), Op::AdjustTail(-2), Op::AdjustTail(6), then])
    };
    let expected = [&[1; 14][..], &[0; 6]].concat();
    assert_eq!(cut(Op::AdjustHead(-4)).frame, [&[9, 1, 1, 1][..], &expected].concat());
    let ran = cut(Op::AdjustMeta(-4));
    assert_eq!((ran.meta_len, ran.frame), (4, expected));
}

/// Its length is kept in one byte.
/// Rule: RED-02.e
#[test]
fn metadata_has_at_most_252_bytes() {
    let moved = |by: i32| once(&[Op::AdjustTail(100), Op::AdjustHead(100), Op::AdjustMeta(by)]).meta_len;
    assert_eq!([-216, -220, -252, -256, -260].map(moved), [216, 220, 252, 0, 0]);
    assert_eq!([-216, -220].map(|by| once(&[Op::AdjustMeta(by)]).meta_len), [216, 0]);
}

/// Rule: RED-02.e
#[test]
fn before_6_8_metadata_has_at_most_32_bytes() {
    let moved = |minor: u16, by: i32| {
        let profile = Profile { kernel: KernelVersion { major: 6, minor }, ..Profile::default() };
        let arrival = Arrival { bounds: profile.bounds(), ..FIRST };
        run_at(arrival, &mut script(&[&[Op::AdjustMeta(by)]]), &FRAME).meta_len
    };
    assert_eq!([-28, -32, -36, -216].map(|by| moved(7, by)), [28, 32, 0, 0]);
    assert_eq!([-28, -32, -36, -216].map(|by| moved(8, by)), [28, 32, 36, 216]);
}

/// As a program that doesn't look at the helper's result.
#[test]
fn an_adjustment_that_fails_is_ignored() {
    for op in [Op::AdjustHead(7), Op::AdjustHead(-1000), Op::AdjustTail(-7), Op::AdjustMeta(4)] {
        let ran = once(&[op.clone(), Op::Return(XdpAction::TX)]);
        assert!(ran.is_only(XdpAction::TX), "{op:?}: {ran:?}");
        assert_eq!((ran.frame, ran.meta_len), (FRAME.to_vec(), 0));
    }
}

#[test]
fn the_first_unknown_map_is_reported() {
    let with = |name: &str| Op::RedirectMap { map: name.into(), key: 0, flags: 0 };
    let cycle = [vec![with("ports")], vec![with("first"), with("second")]];
    assert_eq!(Script::new(&cycle, &mut resolve).err(), Some(UnknownMap("first".into())));
}
