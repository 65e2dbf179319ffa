//! Maps of maps from user space.

use std::os::fd::{AsFd, AsRawFd};

use xdpsim_devmap::Errno;
use xdpsim_oracle::bpf::{Map, MapCreate, map_type};
use xdpsim_oracle::need;

use super::{FORMS, containing, group};

const NOEXIST: u64 = 1;
const EXIST: u64 = 2;
/// Higher than every descriptor.
const CLOSED: i32 = i32::MAX;

fn put(groups: &Map, key: u32, fd: i32, flags: u64) -> Result<(), Option<Errno>> {
    groups.update(&key.to_ne_bytes(), &fd.to_ne_bytes(), flags).map_err(|error| error.errno())
}

/// Rule: MCAST-K08.a
#[test]
fn an_array_of_groups_is_updated_without_flags_and_in_range() {
    let Some(()) = need::kernel("an_array_of_groups_is_updated_without_flags_and_in_range") else { return };
    let inner = group(map_type::DEVMAP_HASH, 4);
    let groups = containing(map_type::ARRAY_OF_MAPS, 4, &inner);
    for flags in [NOEXIST, EXIST] {
        assert_eq!(put(&groups, 1, inner.as_raw_fd(), flags), Err(Some(Errno::EINVAL)));
    }
    assert_eq!(put(&groups, 4, inner.as_raw_fd(), 0), Err(Some(Errno::E2BIG)));
    assert_eq!(put(&groups, 3, inner.as_raw_fd(), 0), Ok(()));
}

/// Rule: MCAST-K08.b
#[test]
fn a_hash_of_groups_obeys_flags_and_becomes_full() {
    let Some(()) = need::kernel("a_hash_of_groups_obeys_flags_and_becomes_full") else { return };
    let inner = group(map_type::DEVMAP_HASH, 4);
    let groups = containing(map_type::HASH_OF_MAPS, 2, &inner);
    assert_eq!(put(&groups, 0x1_0000, inner.as_raw_fd(), EXIST), Err(Some(Errno::ENOENT)));
    assert_eq!(put(&groups, 0x1_0000, inner.as_raw_fd(), NOEXIST), Ok(()));
    assert_eq!(put(&groups, 0x1_0000, inner.as_raw_fd(), NOEXIST), Err(Some(Errno::EEXIST)));
    assert_eq!(put(&groups, 0x1_0000, inner.as_raw_fd(), EXIST), Ok(()));
    assert_eq!(put(&groups, 1, inner.as_raw_fd(), 0), Ok(()));
    assert_eq!(put(&groups, 2, inner.as_raw_fd(), 0), Err(Some(Errno::E2BIG)));
}

/// Rule: MCAST-K08.c, MCAST-K07.a
#[test]
fn only_a_map_like_the_template_is_a_group() {
    let Some(()) = need::kernel("only_a_map_like_the_template_is_a_group") else { return };
    let no_map = std::fs::File::open("/dev/null").expect("it is everywhere");
    for (outer, inner) in FORMS {
        let groups = containing(outer, 4, &group(inner, 4));
        let make = |kind, key, value| Map::create(&MapCreate::new(kind, key, value, 4, "other"));
        assert_eq!(put(&groups, 1, CLOSED, 0), Err(Some(Errno::EBADF)));
        assert_eq!(put(&groups, 1, no_map.as_fd().as_raw_fd(), 0), Err(Some(Errno::EINVAL)));
        let other = if inner == map_type::DEVMAP { map_type::DEVMAP_HASH } else { map_type::DEVMAP };
        for (kind, value) in [(other, 8), (inner, 4), (map_type::ARRAY, 8)] {
            let unlike = make(kind, 4, value).expect("a map");
            assert_eq!(put(&groups, 1, unlike.as_raw_fd(), 0), Err(Some(Errno::EINVAL)), "{kind} {value}");
        }
        let larger = group(inner, 1000);
        assert_eq!(put(&groups, 1, larger.as_raw_fd(), 0), Ok(()), "another max_entries");
    }
}

/// Rule: MCAST-K08.d, MCAST-K08.e
#[test]
fn groups_are_removed_and_looked_up() {
    let Some(()) = need::kernel("groups_are_removed_and_looked_up") else { return };
    for (outer, inner) in FORMS {
        let inner = group(inner, 4);
        let groups = containing(outer, 4, &inner);
        put(&groups, 1, inner.as_raw_fd(), 0).expect("it is like the template");
        let delete = |key: u32| groups.delete(&key.to_ne_bytes()).map_err(|error| error.errno());
        let id = |key: u32| {
            let mut value = [0; 4];
            let found = groups.lookup(&key.to_ne_bytes(), &mut value);
            found.map(|()| u32::from_ne_bytes(value)).map_err(|error| error.errno())
        };
        let array = outer == map_type::ARRAY_OF_MAPS;
        assert_eq!(id(1), Ok(inner.id().expect("an open descriptor")));
        assert_eq!((id(2), id(0x7fff_0000)), (Err(Some(Errno::ENOENT)), Err(Some(Errno::ENOENT))));
        assert_eq!(delete(2), Err(Some(Errno::ENOENT)), "empty or absent");
        let beyond = if array { Errno::E2BIG } else { Errno::ENOENT };
        assert_eq!(delete(0x7fff_0000), Err(Some(beyond)));
        assert_eq!((delete(1), id(1)), (Ok(()), Err(Some(Errno::ENOENT))));
    }
}
