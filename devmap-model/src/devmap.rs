//! DEVMAP: an array of devices.
//!
//! Owns the slots and every check of create, update, lookup, delete and the key walk. Making an entry from
//! a value is shared with the hash (`node`), ids are the table's, transmitting is the engine's.
//!
//! Rules: MAP-01, MAP-03, MAP-05, MAP-08, MAP-09, MAP-10, MAP-13, BRD-02.

use crate::slots::{self, Slots};
use crate::{
    DevId, DevmapInfo, DevmapValue, Entry, Errno, MapAttr, MapKey, MapKind, MapMutations, Owner, UpdateEnv,
    UpdateFlags, node,
};

/// A DEVMAP.
///
/// Any `max_entries` is accepted, and memory is taken for used slots only. A kernel without the memory for
/// its up to 32 GiB of pointers would answer ENOMEM; the modelled machine always has it.
///
/// ```
/// use xdpsim_devmap::{Devmap, Errno, MapAttr, MapKey};
/// let mut map = Devmap::create(&MapAttr::devmap("tx", 4))?;
/// // Out of range is a different error for each operation; clearing an empty slot is none.
/// assert_eq!(map.lookup(MapKey(4)), Err(Errno::ENOENT));
/// assert_eq!(map.delete(MapKey(4)), Err(Errno::EINVAL));
/// assert_eq!(map.delete(MapKey(3)), Ok(()));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct Devmap {
    attr: MapAttr,
    owner: Owner,
    slots: Slots,
    programs: usize,
    mutations: MapMutations,
}

impl Devmap {
    /// An empty map (MAP-01).
    ///
    /// # Errors
    /// EINVAL for a wrong kind, size, capacity or flag.
    pub fn create(attr: &MapAttr) -> Result<Devmap, Errno> {
        let attr = node::check_attr(attr, MapKind::Devmap)?;
        Ok(Devmap {
            attr,
            owner: Owner::default(),
            slots: Slots::default(),
            programs: 0,
            mutations: MapMutations::empty(),
        })
    }

    /// The same map with these deliberate faults.
    pub(crate) fn with_mutations(self, mutations: MapMutations) -> Devmap {
        Devmap { mutations, ..self }
    }

    /// What the map reports about itself.
    pub const fn attr(&self) -> &MapAttr {
        &self.attr
    }

    /// How many entries carry a program.
    pub const fn programs(&self) -> usize {
        self.programs
    }

    /// Who the map belongs to (MAP-07).
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// For loading a program, which ties it to the map (MAP-07).
    pub(crate) fn owner_mut(&mut self) -> &mut Owner {
        &mut self.owner
    }

    /// Writes a slot, or clears it if the interface index is 0 (MAP-03).
    ///
    /// # Errors
    /// In this order: EINVAL (flags), E2BIG (key), EEXIST (`BPF_NOEXIST`, always), EINVAL (a program for
    /// index 0), ENOMEM, EINVAL (device), EINVAL (program). The slot is then as before.
    pub fn update(
        &mut self,
        key: MapKey,
        value: &DevmapValue,
        flags: UpdateFlags,
        env: &dyn UpdateEnv,
    ) -> Result<(), Errno> {
        if !flags.is_known() {
            return Err(Errno::EINVAL);
        }
        if !self.in_range(key) {
            return Err(Errno::E2BIG);
        }
        if flags == UpdateFlags::NOEXIST {
            return Err(Errno::EEXIST);
        }
        let program = node::given_program(value, self.attr.value_size);
        let entry = match (value.ifindex.0, program) {
            (0, Some(_)) => return Err(Errno::EINVAL),
            (0, None) => None,
            (_, program) => Some(node::make_entry(value.ifindex, program, &mut self.owner, env)?),
        };
        self.put(key, entry);
        Ok(())
    }

    /// Clears a slot; an empty one is fine (MAP-09).
    ///
    /// # Errors
    /// EINVAL if the key is out of range.
    pub fn delete(&mut self, key: MapKey) -> Result<(), Errno> {
        if !self.in_range(key) {
            return Err(Errno::EINVAL);
        }
        self.put(key, None);
        Ok(())
    }

    /// Reads a slot through the system call (MAP-08).
    ///
    /// # Errors
    /// ENOENT if the slot is empty or out of range.
    pub fn lookup(&self, key: MapKey) -> Result<DevmapInfo, Errno> {
        self.redirect_lookup(key).map(Entry::info).ok_or(Errno::ENOENT)
    }

    /// The index after `key`, used or not (MAP-10).
    ///
    /// # Errors
    /// ENOENT after the last.
    pub fn get_next_key(&self, key: Option<MapKey>) -> Result<MapKey, Errno> {
        next_index(self.attr.max_entries, key)
    }

    /// Finds an entry for a program.
    #[inline]
    pub fn redirect_lookup(&self, key: MapKey) -> Option<Entry> {
        self.entry(key).copied()
    }

    /// The same, to look at.
    #[inline]
    pub fn entry(&self, key: MapKey) -> Option<&Entry> {
        // No slot can be in use beyond the range, so it needs no check of its own.
        self.slots.get(key)
    }

    /// Clears every slot of a device that left, and says how many there were (MAP-13).
    pub fn device_gone(&mut self, dev: DevId) -> usize {
        let keys = self.slots.keys_of(dev);
        keys.iter().for_each(|key| self.put(*key, None));
        keys.len()
    }

    /// Bytes of heap, from the capacities.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.slots.heap_bytes() + self.attr.name.capacity()
    }

    /// The used slots by ascending index (BRD-02).
    pub(crate) fn walk(&self) -> slots::Iter<'_> {
        self.slots.iter()
    }

    /// One step of a walk that others may change meanwhile: the next used slot.
    pub(crate) fn step(&self, after: Option<MapKey>) -> Option<(MapKey, Entry)> {
        self.slots.after(after)
    }

    fn in_range(&self, key: MapKey) -> bool {
        key.0 < self.attr.max_entries
    }

    fn put(&mut self, key: MapKey, entry: Option<Entry>) {
        let added = entry.is_some_and(|new| new.prog.is_some());
        let old = self.slots.put(key, entry);
        let removed = old.is_some_and(|old| old.prog.is_some());
        self.programs = self.programs + usize::from(added) - usize::from(removed);
        if self.mutations.has(MapMutations::OWNER_NOT_STICKY) && self.walk().next().is_none() {
            self.owner = Owner::default();
        }
    }
}

/// The key walk of every array map: all indexes, and the first for a key that is none (MAP-10).
pub(crate) fn next_index(max_entries: u32, key: Option<MapKey>) -> Result<MapKey, Errno> {
    match key {
        Some(MapKey(index)) if index == max_entries - 1 => Err(Errno::ENOENT),
        Some(MapKey(index)) if index < max_entries => Ok(MapKey(index + 1)),
        _ => Ok(MapKey(0)),
    }
}
