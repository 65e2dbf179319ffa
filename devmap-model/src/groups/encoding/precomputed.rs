//! Design D4: a map for every difference, computed when groups change.
//!
//! A containing map has a key for each pair of a forward group and an exclude set (an exclude group, or an ingress). A pair
//! whose exclude set leaves nobody out has no key: the program then takes the key of the group itself. Pairs of one group
//! with the same difference share a map, so a group has as many maps as there are distinct differences (MCAST-P31).
//!
//! The application does the work: after each change of a group it brings its maps up to date, in place where it can. While
//! it does so frames see some maps as before and others as after; that is the design's, and not modelled further.
//!
//! Rules: MCAST-K05, MCAST-P10, MCAST-P31.

use super::maps::GroupMaps;
use super::{
    Carriage, Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, Ops, Order,
    PlannedGroup, Quantity, Query, Refusal, Side,
};
use crate::{IfIndex, MapId, MapKey, MapKind, MapTable};
use std::collections::{BTreeMap, BTreeSet};

/// Which exclude set, as a number: 0 is nothing, then exclude groups, then ingress ports.
type Selector = u32;

/// One map for every difference.
#[derive(Clone, Debug)]
pub struct Precomputed {
    limits: Limits,
    maps: GroupMaps,
    /// The maps of each forward group; that of selector 0 is the group itself.
    forward: BTreeMap<u32, BTreeMap<Selector, MapId>>,
    exclude: BTreeMap<u32, BTreeMap<MapKey, IfIndex>>,
    pairs: u64,
}

impl Precomputed {
    /// A containing map without groups.
    ///
    /// # Errors
    /// [`Refusal::Limit`] if the pairs have more numbers than a key, [`Refusal::Map`] if there can be no such maps.
    pub fn create(limits: &Limits) -> Result<Precomputed, Refusal> {
        let last = (u64::from(limits.forward) + 1) * Precomputed::stride(limits);
        Refusal::above(Quantity::Keys, last, u32::MAX)?;
        let maps = GroupMaps::contained(limits, Precomputed::containing_entries(limits))?;
        let (forward, exclude) = (BTreeMap::new(), BTreeMap::new());
        Ok(Precomputed { limits: *limits, maps, forward, exclude, pairs: 0 })
    }

    /// `max_entries` of the containing map: of an array up to the last key, of a hash one for each pair.
    pub fn containing_entries(limits: &Limits) -> u32 {
        match limits.form.containing() {
            MapKind::ArrayOfMaps => ((u64::from(limits.forward) + 1) * Precomputed::stride(limits)) as u32,
            _ => limits.pairs,
        }
    }

    /// Numbers that a group takes in the containing map.
    fn stride(limits: &Limits) -> u64 {
        1 + u64::from(limits.exclude) + if limits.ingress { u64::from(limits.ports) } else { 0 }
    }

    /// How many maps there are for a forward group: one for each distinct difference, the group itself included.
    pub fn differences(&self, group: GroupId) -> usize {
        let maps = self.forward.get(&group.0);
        maps.map_or(0, |maps| maps.values().collect::<BTreeSet<_>>().len())
    }

    /// All maps, for a look at them.
    pub const fn table(&self) -> &MapTable {
        self.maps.table()
    }

    /// The key of a pair, and that of the group itself, which counts where the first is absent.
    ///
    /// # Errors
    /// As [`Encoding::visit`].
    pub fn keys(&self, query: &Query) -> Result<(MapKey, MapKey), Refusal> {
        self.limits.check_query(query)?;
        let selector = match query.exclude {
            Exclude::Nothing => 0,
            Exclude::Group(group) => group.0,
            Exclude::Ingress if self.limits.ingress => self.limits.exclude + query.ingress.0,
            exclude => return Err(Refusal::Exclude { design: Some(Design::Precomputed), exclude }),
        };
        Ok((MapKey(self.key(query.forward.0, selector)), MapKey(self.key(query.forward.0, 0))))
    }

    fn key(&self, group: u32, selector: Selector) -> u32 {
        // The last key fits, as creation made sure.
        group * Precomputed::stride(&self.limits) as u32 + selector
    }

    fn found(&self, query: &Query) -> Result<(Option<MapId>, u64), Refusal> {
        let (pair, group) = self.keys(query)?;
        Ok(match self.maps.map(pair.0) {
            None if pair != group => (self.maps.map(group.0), 2),
            found => (found, 1),
        })
    }

    /// The exclude sets that leave somebody of a group out, by selector.
    fn selectors<'a>(
        &'a self,
        ports: &'a BTreeSet<IfIndex>,
    ) -> impl Iterator<Item = (Selector, BTreeSet<IfIndex>)> + 'a {
        let groups = self.exclude.iter().map(|(number, group)| {
            let left_out = group.values().copied().filter(|port| ports.contains(port)).collect();
            (*number, left_out)
        });
        let ingress = if self.limits.ingress { Some(ports) } else { None };
        let ingress = ingress.into_iter().flatten();
        let ingress = ingress.map(|port| (self.limits.exclude + port.0, BTreeSet::from([*port])));
        groups.chain(ingress).filter(|(_, left_out): &(_, BTreeSet<IfIndex>)| !left_out.is_empty())
    }

    /// Refuses a change after which there would be too many pairs; `groups` are the changed ones as they will be.
    fn check_pairs(&self, groups: &[(u32, BTreeSet<IfIndex>)]) -> Result<(), Refusal> {
        let mut pairs = self.pairs;
        for (group, ports) in groups {
            pairs -= self.forward.get(group).map_or(0, BTreeMap::len) as u64;
            pairs += 1 + self.selectors(ports).count() as u64;
        }
        Refusal::above(Quantity::Pairs, pairs, self.limits.pairs)
    }

    fn ports(&self, group: u32) -> BTreeSet<IfIndex> {
        self.maps.walk(self.key(group, 0)).map(|(_, entry)| entry.ifindex).collect()
    }

    /// Brings the maps of a group up to date with the group itself.
    fn update(&mut self, group: u32) -> Result<Ops, Refusal> {
        let base = self.key(group, 0);
        let Some(itself) = self.maps.map(base) else { return Ok(Ops::NONE) };
        let members = self.maps.members(base);
        let ports: BTreeSet<IfIndex> = members.iter().map(|member| member.port).collect();
        let wanted: Vec<(Selector, Vec<Member>)> = self
            .selectors(&ports)
            .map(|(selector, left_out)| {
                let stays = |member: &Member| !left_out.contains(&member.port);
                (selector, members.iter().copied().filter(stays).collect())
            })
            .collect();
        let old = self.forward.remove(&group).unwrap_or_default();
        let mut ops = Ops::NONE;
        let mut new = BTreeMap::from([(0, itself)]);
        let mut by_content = BTreeMap::from([(members, itself)]);
        let mut taken = BTreeSet::from([itself]);
        for (selector, content) in wanted {
            let map = match (by_content.get(&content), old.get(&selector)) {
                (Some(map), _) => *map,
                (None, Some(map)) if !taken.contains(map) => {
                    ops += self.maps.rewrite(*map, &content)?;
                    *map
                }
                (None, _) => {
                    let (map, cost) = self.maps.create(&content)?;
                    ops += cost;
                    map
                }
            };
            taken.insert(map);
            by_content.insert(content, map);
            new.insert(selector, map);
        }
        ops += self.point(group, &old, &new)?;
        self.pairs = self.pairs + new.len() as u64 - old.len() as u64;
        self.forward.insert(group, new);
        Ok(ops)
    }

    /// Makes the keys of a group lead to its maps, and gives up the maps that no key leads to.
    fn point(
        &mut self,
        group: u32,
        old: &BTreeMap<Selector, MapId>,
        new: &BTreeMap<Selector, MapId>,
    ) -> Result<Ops, Refusal> {
        let mut ops = Ops::NONE;
        // Deletions first, so that the containing map has room for what comes.
        for selector in old.keys().filter(|selector| !new.contains_key(selector)) {
            ops += self.maps.release(self.key(group, *selector));
        }
        for (selector, map) in new {
            if self.maps.map(self.key(group, *selector)) != Some(*map) {
                ops += self.maps.hold(self.key(group, *selector), *map)?;
            }
        }
        let kept: BTreeSet<&MapId> = new.values().collect();
        old.values().filter(|map| !kept.contains(map)).for_each(|map| self.maps.close(*map));
        Ok(ops)
    }

    /// Changes an exclude group and all maps that depend on it.
    fn change_exclude(
        &mut self,
        group: GroupId,
        change: impl FnOnce(&mut BTreeMap<MapKey, IfIndex>),
    ) -> Result<Ops, Refusal> {
        let before = self.exclude.entry(group.0).or_default().clone();
        change(self.exclude.entry(group.0).or_default());
        let after: BTreeSet<IfIndex> = self.exclude[&group.0].values().copied().collect();
        let earlier: BTreeSet<IfIndex> = before.values().copied().collect();
        let changed: BTreeSet<IfIndex> = earlier.symmetric_difference(&after).copied().collect();
        let groups = self.forward.keys().map(|group| (*group, self.ports(*group)));
        let touched: Vec<_> = groups.filter(|(_, ports)| !ports.is_disjoint(&changed)).collect();
        if let Err(refusal) = self.check_pairs(&touched) {
            self.exclude.insert(group.0, before);
            return Err(refusal);
        }
        let mut ops = Ops::NONE;
        for (forward, _) in touched {
            ops += self.update(forward)?;
        }
        Ok(ops)
    }

    fn define_forward(&mut self, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        let by_key: BTreeMap<MapKey, IfIndex> =
            members.iter().map(|member| (member.key, member.port)).collect();
        self.check_pairs(&[(group.0, by_key.values().copied().collect())])?;
        let (map, mut ops) = self.maps.create(&[])?;
        if let Err(refusal) = self.maps.fill(map, members) {
            self.maps.close(map);
            return Err(refusal);
        }
        ops += Ops::writes(members.len() as u64);
        let old = self.forward.get(&group.0).and_then(|maps| maps.get(&0)).copied();
        ops += self.maps.hold(self.key(group.0, 0), map)?;
        old.into_iter().for_each(|old| self.maps.close(old));
        if old.is_some()
            && let Some(maps) = self.forward.get_mut(&group.0)
        {
            maps.insert(0, map);
        }
        Ok(ops + self.update(group.0)?)
    }

    fn join_forward(&mut self, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        let key = self.key(group.0, 0);
        let Some(map) = self.maps.map(key) else { return self.define_forward(group, &[member]) };
        let now = self.maps.members(key).into_iter().filter(|other| other.key != member.key);
        let ports = now.chain([member]).map(|member| member.port).collect();
        self.check_pairs(&[(group.0, ports)])?;
        self.maps.fill(map, &[member])?;
        Ok(Ops::WRITE + self.update(group.0)?)
    }
}

impl Encoding for Precomputed {
    fn name(&self) -> &str {
        Design::Precomputed.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Walk
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        self.limits.check_group(side, group)?;
        members.iter().try_for_each(|member| self.limits.check_port(member.port))?;
        match side {
            Side::Forward => self.define_forward(group, members),
            Side::Exclude => self.change_exclude(group, |ports| {
                *ports = members.iter().map(|member| (member.key, member.port)).collect();
            }),
        }
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        self.limits.check_group(side, group)?;
        self.limits.check_port(member.port)?;
        match side {
            Side::Forward => self.join_forward(group, member),
            Side::Exclude => self.change_exclude(group, |ports| {
                ports.insert(member.key, member.port);
            }),
        }
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        self.limits.check_group(side, group)?;
        match side {
            Side::Forward => {
                let ops = self.maps.leave(self.key(group.0, 0), key);
                Ok(ops + self.update(group.0)?)
            }
            Side::Exclude => self.change_exclude(group, |ports| {
                ports.remove(&key);
            }),
        }
    }

    /// The kernel removes the port from all maps; pairs that leave nobody out any more are given up.
    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        let mut ops = self.maps.port_gone(port);
        self.exclude.values_mut().for_each(|ports| ports.retain(|_, other| *other != port));
        for group in self.forward.keys().copied().collect::<Vec<_>>() {
            ops += self.update(group)?;
        }
        Ok(ops)
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let (map, _) = self.found(query)?;
        self.maps.targets(map).for_each(|(_, entry)| each(entry.ifindex));
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let (map, group_lookups) = self.found(query)?;
        let copies = self.maps.targets(map).count() as u64;
        Ok(Ops { group_lookups, slots: self.maps.slots_of_walk(map), copies, ..Ops::NONE })
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        self.limits.check_group(side, group)?;
        if side == Side::Forward {
            return Ok(self.maps.members(self.key(group.0, 0)));
        }
        let members = self.exclude.get(&group.0).into_iter().flatten();
        Ok(members.map(|(key, port)| Member::at(*key, *port)).collect())
    }

    /// The maps as they are, each under all its keys.
    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        let max_entries = Precomputed::containing_entries(&self.limits);
        let mut plan = KernelPlan::empty(Carriage::Broadcast, &self.limits, max_entries);
        for (group, maps) in &self.forward {
            let mut keys: BTreeMap<MapId, Vec<MapKey>> = BTreeMap::new();
            for (selector, map) in maps {
                keys.entry(*map).or_default().push(MapKey(self.key(*group, *selector)));
            }
            for keys in keys.into_values() {
                let mut members = self.maps.members(keys[0].0);
                members.reverse();
                plan.groups.push(PlannedGroup { keys, members, filtered: false });
            }
        }
        Ok(plan)
    }

    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        let (pair, group) = self.keys(query)?;
        Ok(KernelCall { otherwise: (pair != group).then_some(group), ..KernelCall::broadcast(pair) })
    }

    fn formula_bytes(&self) -> u64 {
        self.maps.formula_bytes()
    }

    fn heap_bytes(&self) -> usize {
        let pairs = self.forward.values().map(BTreeMap::len).chain(self.exclude.values().map(BTreeMap::len));
        let own: usize = pairs.map(|len| crate::heap::tree_bytes(len, 8)).sum();
        self.maps.heap_bytes() + own
    }
}
