//! The slots of an array map: constant time for the keys that people use, bounded memory for the rest.
//!
//! The kernel allocates a pointer per possible key when the map is created. A scenario may ask for 2^32-1
//! of them, so slots are made on first use here: a vector that reaches up to the highest key written, but
//! never beyond [`NEAR`] slots, and an ordered tree for higher keys. A map therefore costs at most 64 KiB
//! plus what its high entries take. A key below [`NEAR`] is found in constant time, a higher one in
//! logarithmic time.
//!
//! Rules: BRD-02.

use crate::{DevId, Entry, MapKey, heap};
use std::collections::{BTreeMap, btree_map};
use std::{iter::Enumerate, slice};

/// Keys below this live in the vector. Arrays of ports are indexed by port number or interface index,
/// and neither is likely to reach four thousand.
pub(crate) const NEAR: u32 = 4096;

/// Entries by key, in ascending order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    near: Vec<Option<Entry>>,
    far: BTreeMap<u32, Entry>,
}

impl Slots {
    #[inline]
    pub(crate) fn get(&self, key: MapKey) -> Option<&Entry> {
        match self.near.get(key.0 as usize) {
            Some(slot) => slot.as_ref(),
            None => self.get_far(key),
        }
    }

    /// Kept out of line: a search in a tree would swell every caller of the common case.
    #[cold]
    #[inline(never)]
    fn get_far(&self, key: MapKey) -> Option<&Entry> {
        self.far.get(&key.0)
    }

    /// Writes or clears a slot and returns what was there.
    pub(crate) fn put(&mut self, key: MapKey, entry: Option<Entry>) -> Option<Entry> {
        if key.0 >= NEAR {
            return match entry {
                Some(entry) => self.far.insert(key.0, entry),
                None => self.far.remove(&key.0),
            };
        }
        let index = key.0 as usize;
        if index >= self.near.len() {
            // Clearing a slot that was never made makes none.
            entry?;
            self.near.resize(index + 1, None);
        }
        std::mem::replace(&mut self.near[index], entry)
    }

    /// The keys that point to a device.
    pub(crate) fn keys_of(&self, dev: DevId) -> Vec<MapKey> {
        self.iter().filter(|(_, entry)| entry.dev == dev).map(|(key, _)| key).collect()
    }

    /// Bytes of heap, from the capacities.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.near.capacity() * size_of::<Option<Entry>>()
            + heap::tree_bytes(self.far.len(), size_of::<(u32, Entry)>())
    }

    /// The first used slot behind this key, or the first of all.
    pub(crate) fn after(&self, key: Option<MapKey>) -> Option<(MapKey, Entry)> {
        let from = key.map_or(0, |key| u64::from(key.0) + 1);
        let near = self.near.iter().enumerate().skip(usize::try_from(from).ok()?);
        let found = near.filter_map(|(index, slot)| Some((MapKey(index as u32), (*slot)?))).next();
        let far =
            || self.far.range(u32::try_from(from).ok()?..).next().map(|(key, entry)| (MapKey(*key), *entry));
        found.or_else(far)
    }

    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter { near: self.near.iter().enumerate(), far: self.far.iter() }
    }
}

/// The used slots by ascending key.
#[derive(Clone, Debug)]
pub(crate) struct Iter<'a> {
    near: Enumerate<slice::Iter<'a, Option<Entry>>>,
    far: btree_map::Iter<'a, u32, Entry>,
}

impl Iterator for Iter<'_> {
    type Item = (MapKey, Entry);

    #[inline]
    fn next(&mut self) -> Option<(MapKey, Entry)> {
        for (index, slot) in self.near.by_ref() {
            if let Some(entry) = slot {
                return Some((MapKey(index as u32), *entry));
            }
        }
        self.far.next().map(|(key, entry)| (MapKey(*key), *entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IfIndex;

    fn entry(number: u32) -> Option<Entry> {
        Some(Entry { dev: DevId(number), ifindex: IfIndex(number), prog: None })
    }

    /// Memory follows what is used: a key at the top of the range costs one node of the tree.
    #[test]
    fn high_keys_take_no_vector() {
        let mut slots = Slots::default();
        for key in [NEAR, NEAR + 1, u32::MAX] {
            assert_eq!(slots.put(MapKey(key), entry(key)), None);
        }
        assert_eq!((slots.near.len(), slots.far.len()), (0, 3));
        slots.put(MapKey(NEAR - 1), entry(1));
        assert_eq!((slots.near.len(), slots.far.len()), (NEAR as usize, 3));
    }

    /// Clearing allocates nothing, so a caller can't grow the vector without storing anything.
    #[test]
    fn clearing_makes_no_slots() {
        let mut slots = Slots::default();
        assert_eq!(slots.put(MapKey(100), None), None);
        assert_eq!(slots.put(MapKey(NEAR), None), None);
        assert_eq!((slots.near.len(), slots.far.len()), (0, 0));
        slots.put(MapKey(3), entry(3));
        assert_eq!(slots.near.len(), 4);
        assert_eq!(slots.put(MapKey(4), None), None);
        assert_eq!(slots.put(MapKey(3), None), entry(3));
        assert_eq!(slots.near.len(), 4);
    }

    /// A slot is read and written once per frame, and fits four to a cache line.
    #[test]
    fn a_slot_has_16_bytes() {
        assert_eq!(size_of::<Entry>(), 16);
        assert_eq!(size_of::<Option<Entry>>(), 16);
    }
}
