//! What a value holds, as it is written and as it is read.

use crate::common;
use common::*;
use xdpsim_devmap::*;

fn both() -> [MapAttr; 2] {
    [MapAttr::devmap("m", 4), MapAttr::devmap_hash("m", 4)]
}

/// Rule: MAP-02.a, MAP-02.c
#[test]
fn a_long_value_carries_a_program() {
    for attr in both() {
        let (mut maps, id) = table(&attr);
        assert_eq!(set(&mut maps, id, 1, port_with(7, PROG)), Ok(()));
        assert_eq!(read(&maps, id, 1), Ok((7, Some(103))));
        let entry = Entry { dev: DevId(1007), ifindex: IfIndex(7), prog: Some(ProgId(103)) };
        assert_eq!(maps.redirect_lookup(id, MapKey(1)), Some(entry));
    }
}

/// Rule: MAP-02.a
#[test]
fn a_short_value_carries_none() {
    for attr in both() {
        let (mut maps, id) = table(&MapAttr { value_size: 4, ..attr });
        // Even a closed descriptor does no harm: it is cut off.
        for fd in [PROG, CLOSED] {
            assert_eq!(set(&mut maps, id, 1, port_with(7, fd)), Ok(()));
            assert_eq!(read(&maps, id, 1), Ok((7, None)));
        }
    }
}

/// Rule: MAP-02.b, MAP-02.c
#[test]
fn zero_and_negative_descriptors_are_no_program() {
    for attr in both() {
        let (mut maps, id) = table(&attr);
        for fd in [0, -1, i32::MIN] {
            assert_eq!(set(&mut maps, id, 1, port_with(7, ProgFd(fd))), Ok(()), "{fd}");
            assert_eq!(read(&maps, id, 1), Ok((7, None)), "{fd}");
        }
        // The first descriptor that is a program. The task has it open as 1.
        let mut task = task();
        task.programs.insert(1, prog(PROG));
        let value = port_with(7, ProgFd(1));
        assert_eq!(maps.update(id, MapKey(1), value, UpdateFlags::ANY, &task), Ok(()));
        assert_eq!(read(&maps, id, 1), Ok((7, Some(103))));
    }
}

/// Rule: MAP-02.a
#[test]
fn a_value_of_another_sort_is_no_device() {
    for attr in both() {
        let (mut maps, id) = table(&attr);
        assert_eq!(set(&mut maps, id, 1, MapValue::Inner(id)), Err(Errno::EINVAL));
        assert_eq!(read(&maps, id, 1), Err(Errno::ENOENT));
    }
}

/// A task has memory unless it says otherwise.
#[test]
fn memory_is_there_by_default() {
    struct Bare;
    impl UpdateEnv for Bare {
        fn dev_by_index(&self, _: IfIndex) -> Option<DevId> {
            Some(DevId(1))
        }
        fn prog_by_fd(&self, _: ProgFd) -> Option<ProgInfo> {
            None
        }
    }
    for attr in both() {
        let (mut maps, id) = table(&attr);
        assert_eq!(maps.update(id, MapKey(0), port(1), UpdateFlags::ANY, &Bare), Ok(()));
    }
}
