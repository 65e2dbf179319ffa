//! All maps of a run, by id.
//!
//! Owns the ids, the references between maps, and what happens to all maps at once: a device that goes,
//! a program that is loaded. What one map answers is in that map's module.
//!
//! Descriptors are left out: a caller names a map by its id and makes sure that a program's maps outlive
//! it. An id that names no map gets the errno of a descriptor that isn't open, EBADF.
//!
//! Rules: MAP-07, MAP-13, MAP-15, HLP-16, MCAST-03, MCAST-13.

use crate::{
    ArrayOfMaps, Cursor, DevId, Devmap, DevmapHash, DevmapInfo, DevmapValue, Entry, Errno, GroupIndex,
    GroupPair, HashOfMaps, InnerShape, Map, MapAttr, MapId, MapKey, MapKind, MapMutations, ProgInfo, Targets,
    UpdateEnv, UpdateFlags,
};

/// A value as an update writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapValue {
    /// For a DEVMAP or DEVMAP_HASH.
    Dev(DevmapValue),
    /// For a map of maps.
    Inner(MapId),
}

/// A value as a lookup through the system call reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapInfo {
    /// From a DEVMAP or DEVMAP_HASH.
    Dev(DevmapInfo),
    /// From a map of maps.
    Inner(MapId),
}

/// All maps of a run. See the crate's first page for an example.
#[derive(Clone, Debug, Default)]
pub struct MapTable {
    /// The map with id n is at n - 1; a destroyed map leaves its place empty for ever.
    maps: Vec<Option<Held>>,
    /// Entries with a program, over all maps.
    programs: usize,
    version: u64,
    mutations: MapMutations,
}

/// A map and what keeps it alive.
#[derive(Clone, Debug)]
struct Held {
    map: Map,
    /// Whether the user still has it.
    open: bool,
    /// How many slots of maps of maps it is in.
    slots: usize,
}

impl MapTable {
    /// No maps yet, and these deliberate faults in all that will be created.
    #[must_use]
    pub fn with_mutations(mutations: MapMutations) -> MapTable {
        MapTable { mutations, ..MapTable::default() }
    }

    /// Creates a map and gives it the next id, from 1 (MAP-01).
    ///
    /// # Errors
    /// Those of the kind: see [`Devmap::create`], [`DevmapHash::create`], [`ArrayOfMaps::create`] and
    /// [`HashOfMaps::create`]. A failed call uses up no id.
    pub fn create(&mut self, attr: &MapAttr) -> Result<MapId, Errno> {
        let template = attr.inner.and_then(|id| self.shape(id));
        let map = match attr.kind {
            MapKind::Devmap => Map::Devmap(Devmap::create(attr)?.with_mutations(self.mutations)),
            MapKind::DevmapHash => Map::DevmapHash(DevmapHash::create(attr)?.with_mutations(self.mutations)),
            MapKind::ArrayOfMaps => Map::ArrayOfMaps(ArrayOfMaps::create(attr, template)?),
            MapKind::HashOfMaps => Map::HashOfMaps(HashOfMaps::create(attr, template)?),
        };
        let id = u32::try_from(self.maps.len() + 1).map_err(|_| Errno::ENOSPC)?;
        self.maps.push(Some(Held { map, open: true, slots: 0 }));
        self.version += 1;
        Ok(MapId(id))
    }

    /// Gives a map up (MAP-15). Its id is never used again.
    ///
    /// A map that is in a slot of a map of maps lives on, unchanged, until it leaves the last such slot.
    /// Frames that were queued through the map aren't its concern: they keep their device.
    pub fn destroy(&mut self, id: MapId) {
        if let Some(held) = self.held_mut(id) {
            held.open = false;
            self.version += 1;
            self.reap(id);
        }
    }

    /// The map with this id.
    #[inline]
    pub fn get(&self, id: MapId) -> Option<&Map> {
        let index = (id.0 as usize).wrapping_sub(1);
        self.maps.get(index)?.as_ref().map(|held| &held.map)
    }

    /// The map with this name; of several the oldest.
    pub fn by_name(&self, name: &str) -> Option<MapId> {
        self.ids().find(|id| self.get(*id).is_some_and(|map| map.attr().name == name))
    }

    /// The ids of all maps, ascending.
    pub fn ids(&self) -> impl Iterator<Item = MapId> + '_ {
        (1..).map(MapId).zip(&self.maps).filter(|(_, held)| held.is_some()).map(|(id, _)| id)
    }

    /// Writes an entry through the system call (MAP-03, MAP-04).
    ///
    /// # Errors
    /// EBADF if there is no such map, else those of the kind. A value of the wrong sort is a wrong number
    /// to the kernel: EINVAL in a device map, EBADF in a map of maps.
    pub fn update(
        &mut self,
        id: MapId,
        key: MapKey,
        value: MapValue,
        flags: UpdateFlags,
        env: &dyn UpdateEnv,
    ) -> Result<(), Errno> {
        match value {
            MapValue::Dev(value) => self.update_device(id, key, &value, flags, env)?,
            MapValue::Inner(inner) => self.update_inner(id, key, inner, flags)?,
        }
        self.version += 1;
        Ok(())
    }

    fn update_device(
        &mut self,
        id: MapId,
        key: MapKey,
        value: &DevmapValue,
        flags: UpdateFlags,
        env: &dyn UpdateEnv,
    ) -> Result<(), Errno> {
        self.change(id, |map| match map {
            Map::Devmap(map) => map.update(key, value, flags, env),
            Map::DevmapHash(map) => map.update(key, value, flags, env),
            Map::ArrayOfMaps(_) | Map::HashOfMaps(_) => Err(Errno::EBADF),
        })
    }

    fn update_inner(
        &mut self,
        id: MapId,
        key: MapKey,
        inner: MapId,
        flags: UpdateFlags,
    ) -> Result<(), Errno> {
        let shape = self.shape(inner);
        let replaced = self.change(id, |map| match map {
            Map::Devmap(_) | Map::DevmapHash(_) => Err(Errno::EINVAL),
            Map::ArrayOfMaps(map) => map.update(key, inner, shape, flags),
            Map::HashOfMaps(map) => map.update(key, inner, shape, flags),
        })?;
        if let Some(held) = self.held_mut(inner) {
            held.slots += 1;
        }
        replaced.into_iter().for_each(|old| self.leave_slot(old));
        Ok(())
    }

    /// Removes an entry through the system call (MAP-09).
    ///
    /// # Errors
    /// EBADF if there is no such map, else those of the kind.
    pub fn delete(&mut self, id: MapId, key: MapKey) -> Result<(), Errno> {
        let inner = self.change(id, |map| match map {
            Map::Devmap(map) => map.delete(key).map(|()| None),
            Map::DevmapHash(map) => map.delete(key).map(|()| None),
            Map::ArrayOfMaps(map) => map.delete(key).map(Some),
            Map::HashOfMaps(map) => map.delete(key).map(Some),
        })?;
        inner.into_iter().for_each(|old| self.leave_slot(old));
        self.version += 1;
        Ok(())
    }

    /// Reads an entry through the system call (MAP-08).
    ///
    /// # Errors
    /// EBADF if there is no such map, ENOENT if there is no such entry.
    pub fn lookup(&self, id: MapId, key: MapKey) -> Result<MapInfo, Errno> {
        match self.get(id).ok_or(Errno::EBADF)? {
            Map::Devmap(map) => map.lookup(key).map(MapInfo::Dev),
            Map::DevmapHash(map) => map.lookup(key).map(MapInfo::Dev),
            Map::ArrayOfMaps(map) => map.lookup(key).map(MapInfo::Inner),
            Map::HashOfMaps(map) => map.lookup(key).map(MapInfo::Inner),
        }
    }

    /// The key that follows `key`, or the first (MAP-10, MAP-11).
    ///
    /// # Errors
    /// EBADF if there is no such map, ENOENT at the end.
    pub fn get_next_key(&self, id: MapId, key: Option<MapKey>) -> Result<MapKey, Errno> {
        match self.get(id).ok_or(Errno::EBADF)? {
            Map::Devmap(map) => map.get_next_key(key),
            Map::DevmapHash(map) => map.get_next_key(key),
            Map::ArrayOfMaps(map) => map.get_next_key(key),
            Map::HashOfMaps(map) => map.get_next_key(key),
        }
    }

    /// Removes a device from all maps: it was unregistered or moved to another namespace (MAP-13).
    pub fn device_gone(&mut self, dev: DevId) {
        let mut removed = 0;
        for held in self.maps.iter_mut().flatten() {
            let before = held.map.programs();
            removed += match &mut held.map {
                Map::Devmap(map) => map.device_gone(dev),
                Map::DevmapHash(map) => map.device_gone(dev),
                Map::ArrayOfMaps(_) | Map::HashOfMaps(_) => 0,
            };
            self.programs -= before - held.map.programs();
        }
        self.version += u64::from(removed > 0);
    }

    /// Ties a program that is being loaded to the DEVMAPs that it uses (MAP-07).
    ///
    /// A DEVMAP_HASH isn't looked at, and a map of maps stands for itself, not for its inner maps. Being
    /// bound to a device is no obstacle here, other than for an entry's program.
    ///
    /// # Errors
    /// EBADF if there is no such map, EINVAL if a DEVMAP belongs to another sort of program; the maps
    /// listed before that one stay tied.
    pub fn load_program(&mut self, prog: &ProgInfo, maps: &[MapId]) -> Result<(), Errno> {
        if maps.iter().any(|id| self.get(*id).is_none()) {
            return Err(Errno::EBADF);
        }
        for id in maps {
            if let Some(Held { map: Map::Devmap(map), .. }) = self.held_mut(*id) {
                let was_fixed = map.owner().is_fixed();
                if !map.owner_mut().admit(prog) {
                    return Err(Errno::EINVAL);
                }
                self.version += u64::from(!was_fixed);
            }
        }
        Ok(())
    }

    /// What a program's lookup finds.
    #[inline]
    pub fn redirect_lookup(&self, id: MapId, key: MapKey) -> Option<Entry> {
        self.redirect_target(id, key)?.1
    }

    /// The same with the map's type, in one step: what `bpf_redirect_map()` asks for every frame. `None` if
    /// there is no such map or it isn't a device map.
    #[inline(always)]
    pub fn redirect_target(&self, id: MapId, key: MapKey) -> Option<(MapKind, Option<Entry>)> {
        match self.get(id)? {
            Map::Devmap(map) => Some((MapKind::Devmap, map.redirect_lookup(key))),
            Map::DevmapHash(map) => Some((MapKind::DevmapHash, map.redirect_lookup(key))),
            Map::ArrayOfMaps(_) | Map::HashOfMaps(_) => None,
        }
    }

    /// The type of a map.
    #[inline]
    pub fn kind(&self, id: MapId) -> Option<MapKind> {
        self.get(id).map(Map::kind)
    }

    /// What a program's lookup finds in a map of maps (HLP-16).
    #[inline]
    pub fn inner(&self, id: MapId, key: MapKey) -> Option<MapId> {
        match self.get(id)? {
            Map::Devmap(_) | Map::DevmapHash(_) => None,
            Map::ArrayOfMaps(map) => map.inner(key),
            Map::HashOfMaps(map) => map.inner(key),
        }
    }

    /// Both lookups of the RFC in one containing map (MCAST-02, MCAST-03). An array's key behind its end is an
    /// absent one (MCAST-13).
    pub fn groups(&self, containing: MapId, index: GroupIndex) -> GroupPair {
        GroupPair {
            forward: self.inner(containing, index.forward()),
            exclude: self.inner(containing, index.exclude()),
        }
    }

    /// One step of a walk over a device map that may be changed between two steps: the next entry, in the
    /// order of a broadcast, of the map as it is now. `None` at the end, or if there is no such map.
    pub fn next_target(&self, id: MapId, after: Option<Cursor>) -> Option<(Cursor, Entry)> {
        Cursor::step(self.get(id)?, after)
    }

    /// The same by get-next-key: in a hash map whose current key has vanished the walk begins anew (MCAST-34).
    pub fn next_target_by_key(&self, id: MapId, after: Option<Cursor>) -> Option<(Cursor, Entry)> {
        Cursor::step_by_key(self.get(id)?, after)
    }

    /// The entries of a map in the order of a broadcast; none if it isn't a device map (BRD-02, BRD-03).
    pub fn targets(&self, id: MapId) -> Targets<'_> {
        Targets::of(self.get(id))
    }

    /// Whether any entry of any map carries a program.
    #[inline]
    pub fn has_programs(&self) -> bool {
        self.programs > 0
    }

    /// A number that rises with every change that succeeded, so that what was derived from the table can be
    /// kept until then. It can rise without effect, as when an empty slot is cleared.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Bytes of heap that all maps take in the model, which is not what they would take in a kernel.
    pub fn heap_bytes(&self) -> usize {
        let maps = self.maps.iter().flatten().map(|held| match &held.map {
            Map::Devmap(map) => map.heap_bytes(),
            Map::DevmapHash(map) => map.heap_bytes(),
            Map::ArrayOfMaps(map) => map.heap_bytes(),
            Map::HashOfMaps(map) => map.heap_bytes(),
        });
        maps.sum::<usize>() + self.maps.capacity() * size_of::<Option<Held>>()
    }

    fn shape(&self, id: MapId) -> Option<InnerShape> {
        self.get(id).map(|map| InnerShape::of(map.attr()))
    }

    fn held_mut(&mut self, id: MapId) -> Option<&mut Held> {
        let index = (id.0 as usize).wrapping_sub(1);
        self.maps.get_mut(index)?.as_mut()
    }

    /// Runs one change on a map and keeps the count of programs.
    fn change<T>(&mut self, id: MapId, op: impl FnOnce(&mut Map) -> Result<T, Errno>) -> Result<T, Errno> {
        let held = self.held_mut(id).ok_or(Errno::EBADF)?;
        let before = held.map.programs();
        let result = op(&mut held.map);
        let after = held.map.programs();
        self.programs = self.programs + after - before;
        result
    }

    fn leave_slot(&mut self, id: MapId) {
        if let Some(held) = self.held_mut(id) {
            held.slots -= 1;
            self.reap(id);
        }
    }

    /// Frees a map that nobody has any more, and with it its holds on others.
    fn reap(&mut self, id: MapId) {
        let unused = self.held_mut(id).is_some_and(|held| !held.open && held.slots == 0);
        if !unused {
            return;
        }
        let Some(held) = self.maps[id.0 as usize - 1].take() else { return };
        self.programs -= held.map.programs();
        match held.map {
            Map::Devmap(_) | Map::DevmapHash(_) => {}
            Map::ArrayOfMaps(map) => map.held().for_each(|inner| self.leave_slot(inner)),
            Map::HashOfMaps(map) => map.held().for_each(|inner| self.leave_slot(inner)),
        }
    }
}
