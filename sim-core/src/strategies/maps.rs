//! Random device maps: what they hold, in the order in which it is written.

use proptest::prelude::*;
use xdpsim_devmap::MapKind;

use super::Vocabulary;
use crate::scenario::MapSpec;

/// DEVMAP or DEVMAP_HASH.
pub fn kind() -> impl Strategy<Value = MapKind> {
    prop::sample::select(vec![MapKind::Devmap, MapKind::DevmapHash])
}

/// A device map with values of 8 bytes: each port at most once in half of the maps, whatever comes in the
/// others. Keys come in random order, which a hash map shows (BRD-03).
pub fn of_devices(name: &str, words: &Vocabulary) -> impl Strategy<Value = MapSpec> + use<> {
    let (name, max_entries, ports) = (name.to_owned(), words.keys, words.ports.clone());
    let programs = words.entry_programs.clone();
    (kind(), targets(words)).prop_map(move |(kind, targets)| {
        let map = MapSpec::new(&name, kind, max_entries);
        targets.iter().fold(map, |map, &(key, port, program)| match program {
            None => map.with(key, &ports[port]),
            Some(program) => map.with_program(key, &ports[port], &programs[program]),
        })
    })
}

/// Key, port and program.
type Target = (u32, usize, Option<usize>);

fn targets(words: &Vocabulary) -> impl Strategy<Value = Vec<Target>> + use<> {
    let (n, most) = (words.ports.len(), words.keys as usize);
    let program = prop::option::weighted(0.2, 0..words.entry_programs.len());
    let keys = Just((0..words.keys).collect::<Vec<_>>()).prop_shuffle();
    let each_once = Just((0..n).collect::<Vec<_>>()).prop_shuffle();
    let some = prop::collection::vec((0..n, program.clone()), 0..most.max(1));
    let distinct = (each_once, 1..=n, prop::collection::vec(program, n))
        .prop_map(|(ports, used, programs)| ports.into_iter().zip(programs).take(used).collect::<Vec<_>>());
    (keys, prop_oneof![3 => distinct, 2 => some]).prop_map(|(keys, targets)| {
        keys.into_iter().zip(targets).map(|(key, (port, program))| (key, port, program)).collect()
    })
}
