//! Answers that need no kernel to be known, and those that a kernel gives by chance.

use xdpsim_devmap::{CpuId, Errno};

use super::{Caller, Kind, Map, UPDATE_EXIST, UPDATE_NOEXIST};
use crate::load::MapSpec;
use crate::memory::Slab;

const PROGRAM: Caller = Caller::Program(CpuId(0));

fn create(kind: Kind, key_size: u32, value_size: u32, max_entries: u32) -> (Map, Slab) {
    let map_type = (0..64).find(|number| Kind::from_number(*number) == Some(kind)).unwrap();
    let flags = u32::from(kind == Kind::LpmTrie);
    let spec = MapSpec { map_type, key_size, value_size, max_entries, flags, extra: 0 };
    Map::create(&spec, 2).unwrap()
}

fn keys(map: &Map) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut next = Vec::new();
        match map.next_key(all.last().map(Vec::as_slice), &mut next) {
            Ok(()) => all.push(next),
            Err(_) => return all,
        }
    }
}

#[test]
fn a_hash_is_walked_in_the_order_of_insertion() {
    let (mut map, mut slab) = create(Kind::Hash, 4, 4, 100);
    let expected: Vec<Vec<u8>> = (0_u32..50).map(|n| (n * 7919).to_le_bytes().to_vec()).collect();
    for key in &expected {
        map.update(&mut slab, key, key, 0, PROGRAM).unwrap();
    }
    assert_eq!((keys(&map), map.len()), (expected, 50));
}

/// What a program still points to keeps the old bytes while others see the new ones.
#[test]
fn an_update_leaves_the_old_value_to_who_holds_it() {
    let (mut map, mut slab) = create(Kind::Hash, 1, 8, 1);
    map.update(&mut slab, &[1], &[1; 8], 0, PROGRAM).unwrap();
    let old = map.lookup(&[1], PROGRAM).unwrap();
    map.update(&mut slab, &[1], &[2; 8], UPDATE_EXIST, PROGRAM).unwrap();
    let new = map.lookup(&[1], PROGRAM).unwrap();
    assert_eq!((slab.value(old), slab.value(new)), ([1; 8].as_slice(), [2; 8].as_slice()));
    assert_eq!(map.update(&mut slab, &[2], &[0; 8], 0, PROGRAM), Err(Errno::E2BIG));
}

/// Removal closes the gaps of open addressing: whatever was put in is found until it is taken out.
#[test]
fn many_insertions_and_removals_lose_nothing() {
    let (mut map, mut slab) = create(Kind::Hash, 2, 2, 64);
    let mut model = std::collections::BTreeMap::new();
    for n in 0_u32..20_000 {
        let key = ((n.wrapping_mul(2_654_435_761) >> 13) as u16 % 90).to_le_bytes();
        let value = (n as u16).to_le_bytes();
        if n % 3 == 0 {
            assert_eq!(map.delete(&key).is_ok(), model.remove(&key).is_some(), "{n}");
        } else if map.update(&mut slab, &key, &value, 0, PROGRAM).is_ok() {
            model.insert(key, value);
        } else {
            assert!(model.len() == 64 && !model.contains_key(&key), "{n}");
        }
        let read = map.lookup(&key, PROGRAM).map(|slot| slab.value(slot).to_vec());
        assert_eq!(read, model.get(&key).map(|value| value.to_vec()), "{n}");
    }
}

#[test]
fn a_full_lru_hash_drops_what_nobody_used() {
    let (mut map, mut slab) = create(Kind::LruHash, 1, 1, 3);
    for key in 1..=4 {
        map.update(&mut slab, &[key], &[key], 0, PROGRAM).unwrap();
        assert!(map.lookup(&[1], PROGRAM).is_some() || key == 4, "1 was dropped for {key}");
    }
    assert_eq!(map.len(), 3);
    // All had been used, so all marks were taken off and the first went; now 2 is spared, and 3 is not.
    map.lookup(&[2], PROGRAM).unwrap();
    map.update(&mut slab, &[5], &[5], 0, PROGRAM).unwrap();
    assert!(map.lookup(&[2], PROGRAM).is_some() && map.lookup(&[3], PROGRAM).is_none());
}

#[test]
fn values_of_cpus_are_apart() {
    let (mut map, mut slab) = create(Kind::PercpuHash, 1, 4, 2);
    map.update(&mut slab, &[9], &[7; 4], UPDATE_NOEXIST, Caller::Program(CpuId(1))).unwrap();
    let slots = [0, 1].map(|cpu| map.lookup(&[9], Caller::Program(CpuId(cpu))).unwrap());
    assert_eq!(slots.map(|slot| slab.value(slot).to_vec()), [vec![0; 4], vec![7; 4]]);
    let mut all = Vec::new();
    map.read(&slab, &[9], &mut all).unwrap();
    assert_eq!(all, [0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 0, 0, 0, 0]);
}

#[test]
fn a_trie_finds_the_longest_prefix_and_walks_it_first() {
    let (mut map, mut slab) = create(Kind::LpmTrie, 8, 1, 10);
    let key = |bits: u32, address: [u8; 4]| [bits.to_le_bytes(), address].concat();
    let routes = [key(0, [0; 4]), key(8, [10, 0, 0, 0]), key(24, [10, 1, 2, 0]), key(32, [10, 1, 2, 3])];
    for (n, route) in (0..).zip(&routes) {
        map.update(&mut slab, route, &[n], 0, PROGRAM).unwrap();
    }
    let mut best = |address| map.lookup(&key(32, address), PROGRAM).map(|slot| slab.value(slot)[0]);
    assert_eq!(
        [best([10, 1, 2, 3]), best([10, 1, 2, 4]), best([10, 9, 9, 9]), best([11, 0, 0, 0])],
        [3, 2, 1, 0].map(Some)
    );
    let reversed: Vec<Vec<u8>> = routes.iter().rev().cloned().collect();
    assert_eq!(keys(&map), reversed);
}

#[test]
fn a_ring_keeps_order_and_refuses_what_does_not_fit() {
    let (mut map, mut slab) = create(Kind::Ringbuf, 0, 0, 4096);
    let ring = map.ring().unwrap();
    let open = ring.reserve(&mut slab, 16, 0).unwrap();
    ring.output(&mut slab, b"second", 0).unwrap();
    let mut taken = Vec::new();
    ring.take(&slab, |record| taken.push(record.to_vec()));
    assert!(taken.is_empty(), "the first record is still open");
    slab.all_mut()[open as usize..open as usize + 16].fill(1);
    assert!(ring.submit(&mut slab, open) && !ring.submit(&mut slab, open));
    ring.take(&slab, |record| taken.push(record.to_vec()));
    assert_eq!(taken, [vec![1; 16], b"second".to_vec()]);

    assert_eq!(ring.reserve(&mut slab, 4096, 0), None);
    assert_eq!(ring.output(&mut slab, &[0; 4088], 0), Err(Errno::EAGAIN), "one byte is always free");
    assert_eq!(ring.output(&mut slab, &[], 4), Err(Errno::EINVAL));
    assert_eq!((ring.query(0), ring.query(1), ring.query(3)), (0, 4096, 40));
}

/// No map takes more memory than its limit, whatever its attributes say.
#[test]
fn what_is_too_large_is_refused() {
    for (map_type, entries) in [(1, u32::MAX), (2, u32::MAX), (11, 1 << 25), (27, 1 << 31)] {
        let ring = map_type == 27;
        let (key_size, value_size) = if ring { (0, 0) } else { (if map_type == 11 { 8 } else { 4 }, 8) };
        let flags = u32::from(map_type == 11);
        let spec = MapSpec { map_type, key_size, value_size, max_entries: entries, flags, extra: 0 };
        assert_eq!(Map::create(&spec, 2).map(drop), Err(Errno::ENOMEM), "{spec:?}");
    }
}

/// Keys that all begin their search at one place: after some of them they do not.
#[test]
fn chosen_keys_do_not_make_searches_long() {
    let mut index = super::keys::KeyIndex::new(8, 1000);
    let multiplier = index.multiplier;
    let inverse = (0..6).fold(1_u64, |x, _| x.wrapping_mul(2_u64.wrapping_sub(multiplier.wrapping_mul(x))));
    let key = |n: u64| inverse.wrapping_mul(n << 44).to_le_bytes();
    let slots: Vec<u32> = (1..=1000).map(|n| index.insert(&key(n)).unwrap()).collect();
    assert_ne!(index.multiplier, multiplier);
    assert!((1..=1000).zip(&slots).all(|(n, slot)| index.find(&key(n)) == Some(*slot)));
    assert_eq!(index.find(&key(1001)), None);
    let mut order = std::iter::successors(index.next(None), |slot| index.next(Some(*slot)));
    assert!(order.by_ref().eq(slots.iter().copied()), "the order stays");
}
