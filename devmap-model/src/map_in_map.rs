//! Maps whose values are maps.
//!
//! Owns the two kinds' slots and checks. The table keeps the inner maps alive while a slot holds them, and
//! tells this module what shape a map that is to be stored has.
//!
//! Keys are 32-bit in both kinds: a hash of maps with other keys is out of the model and refused with
//! EINVAL. Nesting deeper than one level is refused as the kernel does.
//!
//! Rules: HLP-16.

use crate::devmap::next_index;
use crate::{Errno, MapAttr, MapFlags, MapId, MapKey, MapKind, UpdateFlags, heap};
use std::collections::BTreeMap;
use std::ops::Bound;

/// More would overflow the rounding of a hash's buckets to a power of two.
const HASH_MAX_ENTRIES: u32 = 1 << 31;

/// What an inner map must have in common with the template that its outer map was created with.
///
/// The capacity is no part of it. The shape is copied at creation: the template itself may go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InnerShape {
    kind: MapKind,
    key_size: u32,
    value_size: u32,
    flags: MapFlags,
}

impl InnerShape {
    /// The shape of a map with these attributes.
    pub const fn of(attr: &MapAttr) -> InnerShape {
        let MapAttr { kind, key_size, value_size, flags, .. } = *attr;
        InnerShape { kind, key_size, value_size, flags }
    }

    /// The shape as a template's, which can't be a map of maps itself.
    fn as_template(template: Option<InnerShape>) -> Result<InnerShape, Errno> {
        let shape = template.ok_or(Errno::EBADF)?;
        if shape.kind.is_map_of_maps() { Err(Errno::EINVAL) } else { Ok(shape) }
    }

    /// Whether a map may be stored: it has to exist, and to resemble the template.
    fn check(self, inner: Option<InnerShape>) -> Result<(), Errno> {
        if inner.ok_or(Errno::EBADF)? == self { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

/// What creating either kind begins with, and the attributes it then reports.
fn check_attr(attr: &MapAttr, kind: MapKind, allowed: MapFlags) -> Result<MapAttr, Errno> {
    let sizes_ok = attr.key_size == 4 && attr.value_size == 4 && attr.max_entries > 0;
    let flags_ok = allowed.contains(attr.flags) && attr.flags.is_one_access();
    if attr.kind != kind || !sizes_ok || !flags_ok {
        return Err(Errno::EINVAL);
    }
    Ok(MapAttr { flags: attr.flags.of_the_map(), ..attr.clone() })
}

/// An array of maps.
///
/// ```
/// use xdpsim_devmap::{ArrayOfMaps, Errno, InnerShape, MapAttr, MapId, MapKey, UpdateFlags};
/// let group = InnerShape::of(&MapAttr::devmap("group", 8));
/// let mut groups = ArrayOfMaps::create(&MapAttr::array_of_maps("groups", 2, MapId(1)), Some(group))?;
/// groups.update(MapKey(0), MapId(5), Some(group), UpdateFlags::ANY)?;
/// assert_eq!(groups.inner(MapKey(0)), Some(MapId(5)));
/// assert_eq!(groups.delete(MapKey(1)), Err(Errno::ENOENT));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct ArrayOfMaps {
    attr: MapAttr,
    shape: InnerShape,
    slots: BTreeMap<MapKey, MapId>,
}

impl ArrayOfMaps {
    /// An empty map for inner maps like `template` (`None`: the template doesn't exist).
    ///
    /// # Errors
    /// EINVAL for a wrong kind, size, capacity, flag or nesting; EBADF without a template.
    pub fn create(attr: &MapAttr, template: Option<InnerShape>) -> Result<ArrayOfMaps, Errno> {
        let allowed = MapFlags::NUMA_NODE | MapFlags::RDONLY | MapFlags::WRONLY;
        let attr = check_attr(attr, MapKind::ArrayOfMaps, allowed)?;
        let shape = InnerShape::as_template(template)?;
        Ok(ArrayOfMaps { attr, shape, slots: BTreeMap::new() })
    }

    /// What the map reports about itself.
    pub const fn attr(&self) -> &MapAttr {
        &self.attr
    }

    /// Stores a map (`shape` is `None` if there is no such map) and returns the one it replaces.
    ///
    /// # Errors
    /// In this order: EINVAL (any flag), E2BIG (key), EBADF (no such map), EINVAL (unlike the template).
    pub fn update(
        &mut self,
        key: MapKey,
        inner: MapId,
        shape: Option<InnerShape>,
        flags: UpdateFlags,
    ) -> Result<Option<MapId>, Errno> {
        if flags != UpdateFlags::ANY {
            return Err(Errno::EINVAL);
        }
        if key.0 >= self.attr.max_entries {
            return Err(Errno::E2BIG);
        }
        self.shape.check(shape)?;
        Ok(self.slots.insert(key, inner))
    }

    /// Empties a slot and returns the map that was in it.
    ///
    /// # Errors
    /// E2BIG if the key is out of range, ENOENT if the slot is empty: neither is as in a DEVMAP.
    pub fn delete(&mut self, key: MapKey) -> Result<MapId, Errno> {
        if key.0 >= self.attr.max_entries {
            return Err(Errno::E2BIG);
        }
        self.slots.remove(&key).ok_or(Errno::ENOENT)
    }

    /// Reads a slot through the system call: the inner map's id.
    ///
    /// # Errors
    /// ENOENT if the slot is empty or out of range.
    pub fn lookup(&self, key: MapKey) -> Result<MapId, Errno> {
        self.inner(key).ok_or(Errno::ENOENT)
    }

    /// The index after `key`, used or not.
    ///
    /// # Errors
    /// ENOENT after the last.
    pub fn get_next_key(&self, key: Option<MapKey>) -> Result<MapKey, Errno> {
        next_index(self.attr.max_entries, key)
    }

    /// Finds an inner map for a program.
    #[inline]
    pub fn inner(&self, key: MapKey) -> Option<MapId> {
        self.slots.get(&key).copied()
    }

    /// Bytes of heap, from the number of slots in use.
    pub(crate) fn heap_bytes(&self) -> usize {
        heap::tree_bytes(self.slots.len(), size_of::<(MapKey, MapId)>()) + self.attr.name.capacity()
    }

    /// The maps in the slots.
    pub(crate) fn held(&self) -> impl Iterator<Item = MapId> + '_ {
        self.slots.values().copied()
    }
}

/// A hash of maps.
///
/// The kernel seeds this hash at random, so the order of its keys means nothing; here it is ascending.
#[derive(Clone, Debug)]
pub struct HashOfMaps {
    attr: MapAttr,
    shape: InnerShape,
    slots: BTreeMap<MapKey, MapId>,
}

impl HashOfMaps {
    /// An empty map for inner maps like `template` (`None`: the template doesn't exist).
    ///
    /// # Errors
    /// EINVAL for a wrong kind, size, capacity, flag or nesting; EBADF without a template; E2BIG for more
    /// than 2^31 entries.
    pub fn create(attr: &MapAttr, template: Option<InnerShape>) -> Result<HashOfMaps, Errno> {
        let attr = check_attr(attr, MapKind::HashOfMaps, HashOfMaps::ALLOWED)?;
        if attr.flags.contains(MapFlags::RDONLY_PROG | MapFlags::WRONLY_PROG) {
            return Err(Errno::EINVAL);
        }
        let shape = InnerShape::as_template(template)?;
        if attr.max_entries > HASH_MAX_ENTRIES {
            return Err(Errno::E2BIG);
        }
        Ok(HashOfMaps { attr, shape, slots: BTreeMap::new() })
    }

    const ALLOWED: MapFlags = MapFlags::NO_PREALLOC
        .union(MapFlags::NUMA_NODE)
        .union(MapFlags::RDONLY)
        .union(MapFlags::WRONLY)
        .union(MapFlags::ZERO_SEED)
        .union(MapFlags::RDONLY_PROG)
        .union(MapFlags::WRONLY_PROG);

    /// What the map reports about itself.
    pub const fn attr(&self) -> &MapAttr {
        &self.attr
    }

    /// Stores a map (`shape` is `None` if there is no such map) and returns the one it replaces.
    ///
    /// # Errors
    /// In this order: EBADF (no such map), EINVAL (unlike the template), EINVAL (flags), EEXIST
    /// (`BPF_NOEXIST` on a present key), ENOENT (`BPF_EXIST` on an absent one), E2BIG (full). A spin lock
    /// flag is refused before all of them.
    pub fn update(
        &mut self,
        key: MapKey,
        inner: MapId,
        shape: Option<InnerShape>,
        flags: UpdateFlags,
    ) -> Result<Option<MapId>, Errno> {
        if flags.contains(UpdateFlags::LOCK) {
            return Err(Errno::EINVAL);
        }
        self.shape.check(shape)?;
        if !flags.is_known() {
            return Err(Errno::EINVAL);
        }
        match (self.slots.contains_key(&key), flags) {
            (true, UpdateFlags::NOEXIST) => return Err(Errno::EEXIST),
            (false, UpdateFlags::EXIST) => return Err(Errno::ENOENT),
            (false, _) if self.slots.len() >= self.attr.max_entries as usize => return Err(Errno::E2BIG),
            _ => {}
        }
        Ok(self.slots.insert(key, inner))
    }

    /// Removes a key and returns the map that was stored.
    ///
    /// # Errors
    /// ENOENT if the key is absent.
    pub fn delete(&mut self, key: MapKey) -> Result<MapId, Errno> {
        self.slots.remove(&key).ok_or(Errno::ENOENT)
    }

    /// Reads a value through the system call: the inner map's id.
    ///
    /// # Errors
    /// ENOENT if the key is absent.
    pub fn lookup(&self, key: MapKey) -> Result<MapId, Errno> {
        self.inner(key).ok_or(Errno::ENOENT)
    }

    /// The present key that follows; the first for no key or an absent one.
    ///
    /// # Errors
    /// ENOENT after the last, or if the map is empty.
    pub fn get_next_key(&self, key: Option<MapKey>) -> Result<MapKey, Errno> {
        let from = match key.filter(|key| self.slots.contains_key(key)) {
            Some(key) => Bound::Excluded(key),
            None => Bound::Unbounded,
        };
        self.slots.range((from, Bound::Unbounded)).next().map(|(key, _)| *key).ok_or(Errno::ENOENT)
    }

    /// Finds an inner map for a program.
    #[inline]
    pub fn inner(&self, key: MapKey) -> Option<MapId> {
        self.slots.get(&key).copied()
    }

    /// Bytes of heap, from the number of slots in use.
    pub(crate) fn heap_bytes(&self) -> usize {
        heap::tree_bytes(self.slots.len(), size_of::<(MapKey, MapId)>()) + self.attr.name.capacity()
    }

    /// The maps in the slots.
    pub(crate) fn held(&self) -> impl Iterator<Item = MapId> + '_ {
        self.slots.values().copied()
    }
}
