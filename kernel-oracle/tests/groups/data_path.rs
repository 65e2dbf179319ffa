//! Groups by number as they are done today, on the real data path.

use std::os::fd::AsRawFd;

use xdpsim_oracle::bench::{Mode, Switch};
use xdpsim_oracle::bpf::{Map, Prog, ProgLoad};
use xdpsim_oracle::need;

use super::{FORMS, NO_GROUP, containing, group, redirect_to_group};

const BROADCAST: i32 = 8;
const EXCLUDE_INGRESS: i32 = 16;
const PORTS: usize = 4;

fn load(groups: &Map, key: u32, flags: i32) -> Prog {
    let insns = redirect_to_group(groups, key, flags, true);
    Prog::load(&ProgLoad::xdp("by_number", &insns)).unwrap_or_else(|error| panic!("{error}"))
}

/// How many copies of a frame that came in by port 0 left by each port.
fn copies(switch: &mut Switch, expected: usize) -> Vec<usize> {
    let left = switch.poll(0, &[vec![7; 60]], expected).unwrap_or_else(|error| panic!("{error}"));
    left.iter().map(Vec::len).collect()
}

/// Rule: MCAST-K05.a, MCAST-K07.a, MCAST-K07.b
#[test]
fn a_group_found_by_number_is_a_target_like_any_map() {
    let Some(()) = need::kernel("a_group_found_by_number_is_a_target_like_any_map") else { return };
    for mode in [Mode::Native, Mode::Generic] {
        let mut switch = Switch::new(PORTS, mode).unwrap_or_else(|error| panic!("{error}"));
        for (outer, inner) in FORMS {
            let all = group(inner, 8);
            let groups = containing(outer, 2, &all);
            let set = |map: &Map| groups.set_fd(1, std::os::fd::AsFd::as_fd(map)).expect("like the template");
            switch.fill(&all, &[(0, 3), (1, 0), (2, 1), (3, 2)], None).expect("ports that are there");
            set(&all);
            // Its descriptor goes, the map stays.
            drop(all);
            switch.attach(&load(&groups, 1, 0)).expect("unicast");
            assert_eq!(copies(&mut switch, 1), [0, 0, 0, 1], "{mode:?}");
            switch.attach(&load(&groups, 1, BROADCAST)).expect("broadcast");
            assert_eq!(copies(&mut switch, 4), [1, 1, 1, 1], "{mode:?}");
            switch.attach(&load(&groups, 1, BROADCAST | EXCLUDE_INGRESS)).expect("broadcast");
            assert_eq!(copies(&mut switch, 3), [0, 1, 1, 1], "{mode:?}");

            let twice = group(inner, 8);
            switch.fill(&twice, &[(1, 2), (5, 2), (6, 1)], None).expect("ports that are there");
            set(&twice);
            assert_eq!(copies(&mut switch, 3), [0, 1, 2, 0], "duplicates, {mode:?}");
            set(&group(inner, 8));
            assert_eq!(copies(&mut switch, 0), [0, 0, 0, 0], "an empty group, {mode:?}");
        }
    }
}

/// Rule: MCAST-K06.a
#[test]
fn a_program_sees_that_there_is_no_group() {
    let Some(()) = need::kernel("a_program_sees_that_there_is_no_group") else { return };
    for (outer, inner) in FORMS {
        let there = group(inner, 4);
        let groups = containing(outer, 4, &there);
        groups.set(1, there.as_raw_fd().cast_unsigned()).expect("like the template");
        let verdict = |key| load(&groups, key, BROADCAST).test_run(&[7; 60]).expect("60 bytes").verdict;
        assert_eq!((verdict(1), verdict(2), verdict(0x7fff_0000)), (4, NO_GROUP, NO_GROUP));
    }
}
