//! DEVMAP_HASH: devices by any 32-bit key, in buckets whose order can be observed.
//!
//! Owns the entries, their walk order, and every check of create, update, lookup, delete and the key walk.
//! Making an entry from a value is shared with the array (`node`).
//!
//! Rules: MAP-01, MAP-04, MAP-05, MAP-08, MAP-09, MAP-11, MAP-13, BRD-03.

use crate::key_hash::KeyTable;
use crate::{
    DevId, DevmapInfo, DevmapValue, Entry, Errno, MapAttr, MapKey, MapKind, MapMutations, Owner, UpdateEnv,
    UpdateFlags, heap, node,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;

/// More would overflow the rounding up to a power of two.
const MAX_ENTRIES: u32 = 1 << 31;

/// A place in the walk: bucket, then newest first. Stamps rise with every insertion.
pub(crate) type Place = (u32, Reverse<u64>);

/// A DEVMAP_HASH.
///
/// A key's bucket is its low bits: no hash function, no seed. Within a bucket the entry that was inserted
/// *or updated* last comes first, so an update changes the order in which a broadcast sends (BRD-03).
///
/// Memory is taken for the entries only, not for the buckets, of which there can be 2^31. A kernel without
/// the memory for them would answer ENOMEM; the modelled machine always has it.
///
/// ```
/// use xdpsim_devmap::{DevmapHash, Errno, MapAttr, MapKey};
/// let mut map = DevmapHash::create(&MapAttr::devmap_hash("ports", 128))?;
/// assert_eq!(map.delete(MapKey(1)), Err(Errno::ENOENT));
/// assert_eq!(map.get_next_key(None), Err(Errno::ENOENT));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct DevmapHash {
    attr: MapAttr,
    owner: Owner,
    /// For lookups; never iterated.
    by_key: KeyTable<Stamped>,
    /// For walks. Holds the same entries as `by_key`, always.
    by_place: BTreeMap<Place, (MapKey, Entry)>,
    next_stamp: u64,
    programs: usize,
    mutations: MapMutations,
}

#[derive(Clone, Copy, Debug)]
struct Stamped {
    entry: Entry,
    stamp: u64,
}

impl DevmapHash {
    /// An empty map (MAP-01).
    ///
    /// # Errors
    /// EINVAL for a wrong kind, size, capacity or flag.
    pub fn create(attr: &MapAttr) -> Result<DevmapHash, Errno> {
        let attr = node::check_attr(attr, MapKind::DevmapHash)?;
        if attr.max_entries > MAX_ENTRIES {
            return Err(Errno::EINVAL);
        }
        Ok(DevmapHash {
            attr,
            owner: Owner::default(),
            by_key: KeyTable::default(),
            by_place: BTreeMap::new(),
            next_stamp: 0,
            programs: 0,
            mutations: MapMutations::empty(),
        })
    }

    /// The same map with these deliberate faults.
    pub(crate) fn with_mutations(self, mutations: MapMutations) -> DevmapHash {
        DevmapHash { mutations, ..self }
    }

    /// What the map reports about itself.
    pub const fn attr(&self) -> &MapAttr {
        &self.attr
    }

    /// How many entries carry a program.
    pub const fn programs(&self) -> usize {
        self.programs
    }

    /// Who the map belongs to (MAP-07). Only entries tie a program to this kind, loading doesn't.
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Inserts or replaces an entry; either way it becomes its bucket's first (MAP-04).
    ///
    /// # Errors
    /// In this order: EINVAL (flags, or index 0), EEXIST (`BPF_NOEXIST` on a present key), ENOMEM, EINVAL
    /// (device), EINVAL (program), E2BIG (a new key in a full map). The entries are then as before, but a
    /// program that fails with E2BIG can have become the owner.
    pub fn update(
        &mut self,
        key: MapKey,
        value: &DevmapValue,
        flags: UpdateFlags,
        env: &dyn UpdateEnv,
    ) -> Result<(), Errno> {
        if !flags.is_known() || value.ifindex.0 == 0 {
            return Err(Errno::EINVAL);
        }
        let exists = self.by_key.contains_key(&key.0);
        if exists && flags == UpdateFlags::NOEXIST {
            return Err(Errno::EEXIST);
        }
        if !exists && flags == UpdateFlags::EXIST && self.mutations.has(MapMutations::HASH_EXIST_NEEDS_KEY) {
            return Err(Errno::ENOENT);
        }
        let program = node::given_program(value, self.attr.value_size);
        let entry = node::make_entry(value.ifindex, program, &mut self.owner, env)?;
        if !exists && self.by_key.len() >= self.attr.max_entries as usize {
            return Err(Errno::E2BIG);
        }
        let stamp = match self.by_key.get(&key.0) {
            Some(old) if self.mutations.has(MapMutations::HASH_UPDATE_STAYS) => old.stamp,
            _ => self.next_stamp,
        };
        self.remove(key);
        self.insert(key, entry, stamp);
        Ok(())
    }

    /// Removes an entry (MAP-09).
    ///
    /// # Errors
    /// ENOENT if the key is absent.
    pub fn delete(&mut self, key: MapKey) -> Result<(), Errno> {
        self.remove(key).ok_or(Errno::ENOENT)?;
        if self.by_place.is_empty() && self.mutations.has(MapMutations::OWNER_NOT_STICKY) {
            self.owner = Owner::default();
        }
        Ok(())
    }

    /// Reads an entry through the system call (MAP-08).
    ///
    /// # Errors
    /// ENOENT if the key is absent.
    pub fn lookup(&self, key: MapKey) -> Result<DevmapInfo, Errno> {
        self.redirect_lookup(key).map(Entry::info).ok_or(Errno::ENOENT)
    }

    /// The present key that follows in the walk; the first for no key or an absent one (MAP-11).
    ///
    /// # Errors
    /// ENOENT after the last, or if the map is empty.
    pub fn get_next_key(&self, key: Option<MapKey>) -> Result<MapKey, Errno> {
        let from = match key.and_then(|key| self.place_of(key)) {
            Some(place) => Bound::Excluded(place),
            None => Bound::Unbounded,
        };
        let next = self.by_place.range((from, Bound::Unbounded)).next();
        next.map(|(_, (key, _))| *key).ok_or(Errno::ENOENT)
    }

    /// Finds an entry for a program.
    #[inline]
    pub fn redirect_lookup(&self, key: MapKey) -> Option<Entry> {
        self.entry(key).copied()
    }

    /// The same, to look at.
    #[inline]
    pub fn entry(&self, key: MapKey) -> Option<&Entry> {
        self.by_key.get(&key.0).map(|stamped| &stamped.entry)
    }

    /// Removes every entry of a device that left, and says how many there were (MAP-13).
    pub fn device_gone(&mut self, dev: DevId) -> usize {
        let keys: Vec<MapKey> =
            self.by_place.values().filter(|(_, entry)| entry.dev == dev).map(|(key, _)| *key).collect();
        keys.iter().for_each(|key| {
            self.remove(*key);
        });
        keys.len()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Bytes of heap, from the capacities.
    pub(crate) fn heap_bytes(&self) -> usize {
        heap::table_bytes(self.by_key.capacity(), size_of::<(u32, Stamped)>())
            + heap::tree_bytes(self.by_place.len(), size_of::<(Place, (MapKey, Entry))>())
            + self.attr.name.capacity()
    }

    /// The entries in broadcast order (BRD-03).
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk(self.by_place.values())
    }

    /// One step of a walk that others may change meanwhile: the entry behind this place.
    pub(crate) fn step(&self, after: Option<Place>) -> Option<(Place, MapKey, Entry)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.by_place.range((from, Bound::Unbounded)).next();
        next.map(|(place, (key, entry))| (*place, *key, *entry))
    }

    /// Where the walk is at a key; `None` if the key has vanished.
    pub(crate) fn place_of(&self, key: MapKey) -> Option<Place> {
        self.by_key.get(&key.0).map(|stamped| self.place(key, stamped.stamp))
    }

    fn place(&self, key: MapKey, stamp: u64) -> Place {
        // At most 2^31 entries, so the power of two fits.
        let mask = self.attr.max_entries.next_power_of_two() - 1;
        if self.mutations.has(MapMutations::HASH_ASCENDING) {
            return (key.0, Reverse(stamp));
        }
        (key.0 & mask, Reverse(stamp))
    }

    fn insert(&mut self, key: MapKey, entry: Entry, stamp: u64) {
        self.next_stamp += 1;
        self.by_key.insert(key.0, Stamped { entry, stamp });
        self.by_place.insert(self.place(key, stamp), (key, entry));
        self.programs += usize::from(entry.prog.is_some());
        debug_assert_eq!(self.by_key.len(), self.by_place.len());
    }

    fn remove(&mut self, key: MapKey) -> Option<Entry> {
        let Stamped { entry, stamp } = self.by_key.remove(&key.0)?;
        self.by_place.remove(&self.place(key, stamp));
        self.programs -= usize::from(entry.prog.is_some());
        debug_assert_eq!(self.by_key.len(), self.by_place.len());
        Some(entry)
    }
}

/// The entries in broadcast order.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a>(btree_map::Values<'a, Place, (MapKey, Entry)>);

impl Iterator for Walk<'_> {
    type Item = (MapKey, Entry);

    #[inline]
    fn next(&mut self) -> Option<(MapKey, Entry)> {
        self.0.next().copied()
    }
}
