//! `bpf_redirect_map()` on a map that the program found in a map of maps: rule HLP-16.

use crate::common;
use common::*;
use xdpsim_core::scenario::{EntrySpec, EntryValue, MapSpec, Op, Scenario};
use xdpsim_core::{Fate, MapKind};

/// Ports a to d; an array of maps `outer` over `map` (key 0, map id 1) and `inner` (key 1, map id 2).
fn with_outer_map() -> Scenario {
    let map = MapSpec::new("map", MapKind::Devmap, 8).with(1, "b").with(2, "c");
    let inner = MapSpec::new("inner", MapKind::Devmap, 8).with(1, "d").with(2, "b");
    let mut outer = MapSpec::new("outer", MapKind::ArrayOfMaps, 4);
    for (key, name) in [(0, "map"), (1, "inner")] {
        outer.entries.push(EntrySpec { key, value: EntryValue::Map(name.into()) });
    }
    Scenario { maps: vec![map, inner, outer], ..ideal(&["a", "b", "c", "d"]) }
}

fn inner_call(outer: u32, key: u64, flags: u64) -> Vec<Op> {
    vec![Op::RedirectInner { map: "outer".into(), outer, key, flags }, Op::ReturnHelper]
}

/// Rule: HLP-16.a, HLP-16.b
#[test]
fn inner_maps_redirect_like_direct_ones() {
    let mut scenario = with_outer_map();
    let cycle = vec![
        inner_call(0, 2, 0),
        inner_call(1, 1, 0),
        inner_call(1, 0, BROADCAST),
        inner_call(1, 7, 1),
        inner_call(1, 1, 32),
        inner_call(3, 1, 0),
    ];
    script(&mut scenario, "a", cycle);
    let run = burst(&scenario, "a", 6);
    assert_eq!((run.numbers("b"), run.numbers("c"), run.numbers("d")), (vec![2], vec![0], vec![1, 2]));
    assert_eq!(redirects(&run), [(3, 1, 2, None), (4, 2, 1, None), (0, 2, 0, None)]);
    let fates = [Fate::LookupDropped, Fate::FlagsRefused, Fate::Dropped];
    assert_eq!(fates.map(|fate| run.report.examples(fate)[0].0), [3, 4, 5]);
}
