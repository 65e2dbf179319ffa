//! Groups as the kernel's maps: what all designs whose groups are maps share.
//!
//! A group is a DEVMAP or DEVMAP_HASH of a [`MapTable`], created when it is first used and found by a key: through a
//! containing map, or in a list where the program is handed its maps. Order, repeats, capacity and errnos are the maps'.
//!
//! Rules: BRD-02, BRD-03, MAP-03, MAP-04, MAP-13, MCAST-05, MCAST-K05, MCAST-K07, MCAST-K10.

use super::{Limits, MapForm, Member, Ops, Refusal, memory};
use crate::{
    AttachType, DevId, DevmapValue, Errno, IfIndex, MapAttr, MapId, MapKey, MapKind, MapTable, MapValue,
    ProgFd, ProgId, ProgInfo, ProgType, Targets, UpdateEnv, UpdateFlags,
};
use std::collections::BTreeMap;

/// The descriptor of the program that entries carry.
const PROGRAM: ProgFd = ProgFd(3);

/// The caller of all updates: the ports of its namespace are 1 to `ports`, device and index being the same number.
struct Namespace {
    ports: u32,
}

impl UpdateEnv for Namespace {
    fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId> {
        (1..=self.ports).contains(&ifindex.0).then_some(DevId(ifindex.0))
    }

    fn prog_by_fd(&self, fd: ProgFd) -> Option<ProgInfo> {
        (fd == PROGRAM).then_some(ProgInfo {
            id: ProgId(1),
            prog_type: ProgType::Xdp,
            attach_type: AttachType::Devmap,
            frags: false,
            jited: true,
            device_bound: false,
        })
    }
}

/// Where groups are found.
#[derive(Clone, Debug)]
enum Holder {
    /// In a map of maps.
    Map(MapId),
    /// In a list of those who use them.
    List(BTreeMap<u32, MapId>),
}

/// Groups as maps, by key.
#[derive(Clone, Debug)]
pub(super) struct GroupMaps {
    table: MapTable,
    holder: Holder,
    group: MapAttr,
    ports: u32,
}

impl GroupMaps {
    /// Groups in a containing map with this capacity.
    pub(super) fn contained(limits: &Limits, max_entries: u32) -> Result<GroupMaps, Refusal> {
        let mut maps = GroupMaps::listed(limits)?;
        let template = maps.table.create(&maps.group)?;
        let attr = match limits.form.containing() {
            MapKind::ArrayOfMaps => MapAttr::array_of_maps("groups", max_entries, template),
            _ => MapAttr::hash_of_maps("groups", max_entries, template),
        };
        maps.holder = Holder::Map(maps.table.create(&attr)?);
        // The containing map has copied the template's shape.
        maps.table.destroy(template);
        Ok(maps)
    }

    /// Groups without a containing map.
    pub(super) fn listed(limits: &Limits) -> Result<GroupMaps, Refusal> {
        let group = group_attr(limits.form, limits.slots);
        let mut table = MapTable::default();
        let first = table.create(&group)?;
        table.destroy(first);
        Ok(GroupMaps { table, holder: Holder::List(BTreeMap::new()), group, ports: limits.ports })
    }

    /// The group with this key.
    #[inline]
    pub(super) fn map(&self, key: u32) -> Option<MapId> {
        match &self.holder {
            Holder::Map(map) => self.table.inner(*map, MapKey(key)),
            Holder::List(list) => list.get(&key).copied(),
        }
    }

    /// The entries of a group in the order of a broadcast; none if there is no such group.
    #[inline]
    pub(super) fn walk(&self, key: u32) -> Targets<'_> {
        self.targets(self.map(key))
    }

    /// The entries of a map that was found before.
    #[inline]
    pub(super) fn targets(&self, map: Option<MapId>) -> Targets<'_> {
        // No map has the id 0.
        self.table.targets(map.unwrap_or(MapId(0)))
    }

    /// Whether a map has an entry under a key.
    #[inline]
    pub(super) fn has(&self, map: MapId, key: MapKey) -> bool {
        self.table.redirect_lookup(map, key).is_some()
    }

    /// How many slots a walk visits: all of an array, the entries and buckets of a hash.
    pub(super) fn slots_of_walk(&self, map: Option<MapId>) -> u64 {
        if map.is_none() {
            return 0;
        }
        match self.group.kind {
            MapKind::Devmap => u64::from(self.group.max_entries),
            _ => u64::from(self.group.max_entries).next_power_of_two(),
        }
    }

    /// Puts a new map with these members in a group's place, as one update of whatever holds it.
    pub(super) fn define(&mut self, key: u32, members: &[Member], program: bool) -> Result<Ops, Refusal> {
        let new = self.table.create(&self.group)?;
        let filled = members.iter().try_for_each(|member| self.put(new, *member, program));
        if let Err(errno) = filled.and_then(|()| self.put_in_place(key, new)) {
            self.table.destroy(new);
            return Err(errno.into());
        }
        if matches!(self.holder, Holder::Map(_)) {
            // The slot keeps the map alive; the descriptor is closed.
            self.table.destroy(new);
        }
        Ok(Ops { maps: 1, writes: members.len() as u64 + 1, ..Ops::NONE })
    }

    /// Writes one entry, into a new map if there is none.
    pub(super) fn join(&mut self, key: u32, member: Member, program: bool) -> Result<Ops, Refusal> {
        match self.map(key) {
            Some(map) => self.put(map, member, program)?,
            None => return self.define(key, &[member], program),
        }
        Ok(Ops::WRITE)
    }

    /// Removes one entry.
    pub(super) fn leave(&mut self, key: u32, member: MapKey) -> Ops {
        let Some(map) = self.map(key).filter(|map| self.has(*map, member)) else { return Ops::NONE };
        // It is there, so both kinds remove it.
        let removed = self.table.delete(map, member);
        debug_assert_eq!(removed, Ok(()));
        Ops::WRITE
    }

    /// Removes a port from all maps, as the kernel does when it is unregistered.
    pub(super) fn port_gone(&mut self, port: IfIndex) -> Ops {
        let before = self.entries();
        self.table.device_gone(DevId(port.0));
        let slots = self.table.ids().map(|id| self.slots_of_walk(Some(id))).sum();
        Ops { slots, writes: before - self.entries(), ..Ops::NONE }
    }

    /// What all maps would take in a kernel.
    pub(super) fn formula_bytes(&self) -> u64 {
        self.table.ids().filter_map(|id| self.table.get(id)).map(memory::of_map).sum()
    }

    /// Heap of the model's maps.
    pub(super) fn heap_bytes(&self) -> usize {
        self.table.heap_bytes()
    }

    /// All maps.
    pub(super) const fn table(&self) -> &MapTable {
        &self.table
    }

    fn entries(&self) -> u64 {
        self.table.ids().map(|id| self.table.targets(id).count() as u64).sum()
    }

    fn put(&mut self, map: MapId, member: Member, program: bool) -> Result<(), Errno> {
        let value = match program {
            true => DevmapValue::with_program(member.port, PROGRAM),
            false => DevmapValue::device(member.port),
        };
        let env = Namespace { ports: self.ports };
        self.table.update(map, member.key, MapValue::Dev(value), UpdateFlags::ANY, &env)
    }

    fn put_in_place(&mut self, key: u32, new: MapId) -> Result<(), Errno> {
        match &mut self.holder {
            Holder::Map(map) => {
                let env = Namespace { ports: self.ports };
                self.table.update(*map, MapKey(key), MapValue::Inner(new), UpdateFlags::ANY, &env)
            }
            Holder::List(list) => {
                if let Some(old) = list.insert(key, new) {
                    self.table.destroy(old);
                }
                Ok(())
            }
        }
    }
}

/// For designs that keep their maps open, and put one map under several keys.
impl GroupMaps {
    /// A new map with these members, in this order of a broadcast; it is under no key.
    pub(super) fn create(&mut self, members: &[Member]) -> Result<(MapId, Ops), Refusal> {
        let map = self.table.create(&self.group)?;
        match self.rewrite(map, members) {
            Ok(ops) => Ok((map, ops + Ops { maps: 1, ..Ops::NONE })),
            Err(refusal) => {
                self.table.destroy(map);
                Err(refusal)
            }
        }
    }

    /// Writes members into a map, in their order.
    pub(super) fn fill(&mut self, map: MapId, members: &[Member]) -> Result<(), Refusal> {
        Ok(members.iter().try_for_each(|member| self.put(map, *member, false))?)
    }

    /// Makes a map hold these members, in this order of a broadcast, with as few updates as its buckets allow.
    ///
    /// What is updated comes first in its bucket (BRD-03). So the end of a bucket that is right already stays, and the
    /// others are written from the last to the first.
    pub(super) fn rewrite(&mut self, map: MapId, wanted: &[Member]) -> Result<Ops, Refusal> {
        let mut writes = 0;
        let keys: BTreeMap<MapKey, IfIndex> = wanted.iter().map(|member| (member.key, member.port)).collect();
        for member in self.members_of(map) {
            if keys.get(&member.key) != Some(&member.port) {
                self.table.delete(map, member.key)?;
                writes += 1;
            }
        }
        let present = self.members_of(map);
        let bucket = |member: &Member| self.bucket(member.key);
        let mut present = present.chunk_by(|one, other| bucket(one) == bucket(other)).peekable();
        let mut missing = Vec::new();
        for wanted in wanted.chunk_by(|one, other| bucket(one) == bucket(other)) {
            let there = present.next_if(|there| bucket(&there[0]) == bucket(&wanted[0])).unwrap_or(&[]);
            let right = wanted.iter().rev().zip(there.iter().rev()).take_while(|(one, other)| one == other);
            missing.extend(wanted[..wanted.len() - right.count()].iter().rev());
        }
        self.fill(map, &missing)?;
        Ok(Ops::writes(writes + missing.len() as u64))
    }

    /// Puts a map under a key.
    pub(super) fn hold(&mut self, key: u32, map: MapId) -> Result<Ops, Refusal> {
        self.put_in_place(key, map)?;
        Ok(Ops::WRITE)
    }

    /// Empties a key.
    pub(super) fn release(&mut self, key: u32) -> Ops {
        let released = match &mut self.holder {
            Holder::Map(map) => self.table.delete(*map, MapKey(key)).is_ok(),
            Holder::List(list) => list.remove(&key).is_some(),
        };
        Ops::writes(u64::from(released))
    }

    /// Closes a map, which goes when it is under no key.
    pub(super) fn close(&mut self, map: MapId) {
        self.table.destroy(map);
    }

    /// The members of a group in the order of a broadcast.
    pub(super) fn members(&self, key: u32) -> Vec<Member> {
        self.map(key).map_or_else(Vec::new, |map| self.members_of(map))
    }

    fn members_of(&self, map: MapId) -> Vec<Member> {
        let entries = self.table.targets(map);
        entries.map(|(key, entry)| Member { key, port: entry.ifindex }).collect()
    }

    /// Where a key is in the order of a broadcast; keys of one bucket are ordered by when they were written.
    fn bucket(&self, key: MapKey) -> u32 {
        match self.group.kind {
            MapKind::Devmap => key.0,
            // At most 2^31 entries, as creation made sure.
            _ => key.0 & (self.group.max_entries.next_power_of_two() - 1),
        }
    }
}

/// What groups of this form are created with.
pub(super) fn group_attr(form: MapForm, slots: u32) -> MapAttr {
    match form.inner() {
        MapKind::Devmap => MapAttr::devmap("group", slots),
        _ => MapAttr::devmap_hash("group", slots),
    }
}
