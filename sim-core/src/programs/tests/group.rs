//! Programs that redirect by the numbers of two groups, or with two maps. The rules here are mainline's, which
//! refuse both calls; what was asked for is seen nevertheless.

use xdpsim_devmap::{IfIndex, XdpAction};

use super::{Arrival, Call, FIRST, OUTER, PORTS, resolve, run, run_at};
use crate::programs::{RedirectGroup, Script, build};
use crate::scenario::{ExcludeSource, GroupSource, Op, ProgramKind};

/// The index that a frame of this ethertype gives, arriving on this interface.
fn index(group: &GroupSource, exclude: &ExcludeSource, ethertype: u16, ifindex: u32) -> u64 {
    let mut frame = [0; 60];
    frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
    let arrival = Arrival { ifindex: IfIndex(ifindex), ..FIRST };
    let ran = run_at(arrival, &mut RedirectGroup::new(OUTER, group.clone(), exclude.clone(), 2), &frame);
    assert_eq!(ran.verdict, XdpAction::ABORTED);
    match ran.calls[..] {
        [Call::Map(OUTER, index, 2)] => index,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn an_index_is_made_of_two_numbers() {
    let by_type = GroupSource::Ethertype { cases: vec![(0x0800, 2), (0x86dd, 3)], other: 1 };
    let ingress = ExcludeSource::IngressIfindex;
    assert_eq!(index(&by_type, &ingress, 0x0806, 1), 0x1_0001);
    assert_eq!(index(&by_type, &ingress, 0x0800, 4), 0x2_0004);
    assert_eq!(index(&by_type, &ingress, 0x86dd, 3), 0x3_0003);
    let group = GroupSource::Const(0xffff);
    assert_eq!(index(&group, &ExcludeSource::Const(0xfffe), 0, 1), 0xffff_fffe);
    // What has no room in the lower half lands in the upper.
    assert_eq!(index(&GroupSource::Const(2), &ingress, 0, 0x1_0004), 0x3_0004);
    let bond = ExcludeSource::Ingress { cases: vec![(IfIndex(3), 100), (IfIndex(4), 100)], other: 7 };
    assert_eq!([3, 4, 5].map(|port| index(&GroupSource::Const(1), &bond, 0, port) & 0xffff), [100, 100, 7]);
}

#[test]
fn a_frame_without_an_ethertype_goes_to_the_other_group() {
    let group = GroupSource::Ethertype { cases: vec![(0, 2)], other: 9 };
    let mut program = RedirectGroup::new(OUTER, group, ExcludeSource::Const(0), 0);
    assert_eq!(run(&mut program, &[0; 13]).calls, [Call::Map(OUTER, 9 << 16, 0)]);
    assert_eq!(run(&mut program, &[0; 14]).calls, [Call::Map(OUTER, 2 << 16, 0)]);
}

#[test]
fn two_maps_or_one_are_passed_on() {
    for (ex_map, expected) in [(Some("outer".to_owned()), Some(OUTER)), (None, None)] {
        let call = Call::Multi(PORTS, expected, 1);
        let kind = ProgramKind::RedirectMulti { map: "ports".into(), ex_map: ex_map.clone(), flags: 1 };
        assert!(run(&mut *build(&kind, &mut resolve).unwrap(), &[]).is_one_call(XdpAction::ABORTED, call));
        let op = Op::RedirectMulti { map: "ports".into(), ex_map, flags: 1 };
        let mut script = Script::new(&[vec![op, Op::ReturnHelper]], &mut resolve).unwrap();
        assert!(run(&mut script, &[]).is_one_call(XdpAction::ABORTED, call));
    }
}
