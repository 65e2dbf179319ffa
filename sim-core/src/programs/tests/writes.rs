//! The program that overwrites bytes.

use xdpsim_devmap::XdpAction;

use super::{FIRST, resolve, run, run_desc};
use crate::batch::{Desc, FrameNo};
use crate::frame::VETH_LINEAR_MAX;
use crate::programs::{Rewrite, build};
use crate::scenario::ProgramKind;

#[test]
fn rewrite_overwrites_and_passes() {
    let kind = ProgramKind::Rewrite { offset: 2, bytes: vec![7, 8] };
    let program = build(&kind, &mut resolve).unwrap();
    for mut program in [program.clone_box(), program] {
        let ran = run(&mut *program, &[1, 2, 3, 4, 5]);
        assert_eq!((ran.verdict, ran.frame), (XdpAction::PASS, vec![1, 2, 7, 8, 5]));
        assert_eq!(ran.calls, []);
    }
}

#[test]
fn rewrite_drops_what_is_too_short_and_leaves_it_alone() {
    for (offset, bytes, len, fits) in [
        (2, &[7, 8][..], 4, true),
        (2, &[7, 8], 3, false),
        (2, &[7, 8], 2, false),
        (2, &[7, 8], 1, false),
        (0, &[7], 1, true),
        (0, &[7], 0, false),
        (4, &[], 4, true),
        (5, &[], 4, false),
        (u32::MAX, &[7], 60, false),
        (u32::MAX, &[], 60, false),
    ] {
        let frame = vec![1; len];
        let ran = run(&mut Rewrite::new(offset, bytes), &frame);
        if fits {
            assert_eq!(ran.verdict, XdpAction::PASS, "{bytes:?} at {offset} of {len}");
            assert_eq!(ran.frame[offset as usize..], *bytes);
        } else {
            assert!(ran.is_only(XdpAction::DROP), "{bytes:?} at {offset} of {len}: {ran:?}");
            assert_eq!(ran.frame, frame);
        }
    }
}

/// Fragments behind the linear part are no memory of the program's.
#[test]
fn rewrite_reaches_the_linear_part_only() {
    let input = vec![1; 9000];
    let desc = Desc::arrived(0, 9000, FrameNo(0)).with_frags(true);
    for (offset, expected) in [(VETH_LINEAR_MAX - 1, XdpAction::PASS), (VETH_LINEAR_MAX, XdpAction::DROP)] {
        let ran = run_desc(FIRST, &mut Rewrite::new(offset, &[7]), &input, desc);
        assert_eq!(ran.verdict, expected, "{offset}");
        assert_eq!(ran.frame.len(), 9000);
        assert_eq!(ran.frame.contains(&7), expected == XdpAction::PASS);
    }
}
