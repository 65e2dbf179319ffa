//! The difference of two groups against its definition.

use crate::common;
use common::*;
use proptest::prelude::*;
use xdpsim_devmap::*;

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = (0..12u32, 0..3u32, proptest::option::of(1..4u32));
    let entry = entry.prop_map(|(dev, ifindex, prog)| Entry {
        dev: DevId(dev),
        ifindex: IfIndex(ifindex),
        prog: prog.map(ProgId),
    });
    proptest::collection::vec(entry, 0..16)
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// What is left is exactly what the definition picks, one by one.
    #[test]
    fn equals_its_definition(forward in entries(), exclude in entries()) {
        let mut expected = Vec::new();
        for candidate in &forward {
            let mut banned = false;
            for other in &exclude {
                banned |= other.dev == candidate.dev;
            }
            if !banned {
                expected.push(*candidate);
            }
        }
        prop_assert_eq!(difference(forward, exclude), expected);
    }

    /// Nothing taken away leaves all, everything taken away leaves nothing, twice is once.
    #[test]
    fn obeys_the_laws_of_sets(a in entries(), b in entries()) {
        let once = difference(a.clone(), b.clone());
        prop_assert_eq!(difference(a.clone(), []), a.clone());
        prop_assert_eq!(difference(a.clone(), a), vec![]);
        prop_assert_eq!(difference(once.clone(), b), once);
    }
}

/// Two maps of a table as groups: order and duplicates are the forward map's.
#[test]
fn works_on_the_targets_of_maps() {
    let mut maps = MapTable::default();
    let forward = maps.create(&MapAttr::devmap_hash("forward", 8)).unwrap();
    let exclude = maps.create(&MapAttr::devmap("exclude", 8)).unwrap();
    for (key, ifindex) in [(1, 5), (9, 6), (2, 7), (3, 5), (0, 7)] {
        set(&mut maps, forward, key, port_with(ifindex, PROG)).unwrap();
    }
    set(&mut maps, exclude, 0, port(6)).unwrap();
    let left = difference(maps.targets(forward).entries(), maps.targets(exclude).entries());
    assert_eq!(left.iter().map(|entry| entry.ifindex.0).collect::<Vec<_>>(), [7, 5, 7, 5]);
    // The same index in another namespace is another port.
    let elsewhere = Task { devices: [(5, 77)].into(), ..task() };
    maps.update(exclude, MapKey(1), port(5), UpdateFlags::ANY, &elsewhere).unwrap();
    let left = difference(maps.targets(forward).entries(), maps.targets(exclude).entries());
    assert_eq!(left.len(), 4);
}
