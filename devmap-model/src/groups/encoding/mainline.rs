//! Design D3: mainline's two flags, BPF_F_BROADCAST and BPF_F_EXCLUDE_INGRESS.
//!
//! A forward group is a map. What is left out is nothing, or the ingress with the devices directly above it: nothing
//! about it is stored, so there are no exclude groups, and a bond's other members get their copies (MCAST-52). A bond that
//! gains a member changes no map; the member gains an upper device.
//!
//! Rules: BRD-01, BRD-08, MCAST-51, MCAST-52, MCAST-54.

use super::maps::GroupMaps;
use super::uppers::Uppers;
use super::{
    Bond, Carriage, Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, Ops, Order,
    PlannedGroup, Quantity, Query, Refusal, Side,
};
use crate::{IfIndex, MapKey, MapTable, RedirectFlags};

/// Forward groups as maps, and who is above whom.
#[derive(Clone, Debug)]
pub struct MainlineFlags {
    limits: Limits,
    maps: GroupMaps,
    uppers: Uppers,
}

impl MainlineFlags {
    /// No groups and no upper devices.
    ///
    /// # Errors
    /// [`Refusal::Limit`] if there are to be exclude groups, [`Refusal::Map`] if there can be no such maps.
    pub fn create(limits: &Limits) -> Result<MainlineFlags, Refusal> {
        Refusal::above(Quantity::ExcludeGroups, limits.exclude, 0_u32)?;
        let maps = GroupMaps::listed(limits)?;
        Ok(MainlineFlags { limits: *limits, maps, uppers: Uppers::default() })
    }

    /// Puts a device directly above a port.
    ///
    /// # Errors
    /// [`Refusal::Port`], [`Refusal::Limit`] for a ninth.
    pub fn add_upper(&mut self, port: IfIndex, upper: IfIndex) -> Result<(), Refusal> {
        self.limits.check_port(port)?;
        self.limits.check_port(upper)?;
        self.uppers.add(port, upper)
    }

    /// All maps, for a look at them.
    pub const fn table(&self) -> &MapTable {
        self.maps.table()
    }

    fn key(&self, side: Side, group: GroupId) -> Result<u32, Refusal> {
        // There are no exclude groups within the limits.
        self.limits.check_group(side, group)?;
        Ok(group.0)
    }

    /// The ports that are left out: the ingress (0 is none) and those above it.
    fn excluded(&self, query: &Query) -> Result<(IfIndex, &[IfIndex]), Refusal> {
        self.limits.check_query(query)?;
        let uppers = self.uppers.of(query.ingress);
        match query.exclude {
            Exclude::Nothing => Ok((IfIndex(0), &[])),
            Exclude::IngressAndUppers => Ok((query.ingress, uppers)),
            // The flag means the same where nothing is above the port.
            Exclude::Ingress if uppers.is_empty() => Ok((query.ingress, &[])),
            exclude => Err(Refusal::Exclude { design: Some(Design::MainlineFlags), exclude }),
        }
    }
}

impl Encoding for MainlineFlags {
    fn name(&self) -> &str {
        Design::MainlineFlags.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Walk
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        let key = self.key(side, group)?;
        members.iter().try_for_each(|member| self.limits.check_port(member.port))?;
        self.maps.define(key, members, false)
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        let key = self.key(side, group)?;
        self.limits.check_port(member.port)?;
        self.maps.join(key, member, false)
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        Ok(self.maps.leave(self.key(side, group)?, key))
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        self.uppers.gone(port);
        Ok(self.maps.port_gone(port))
    }

    /// The member gets the bond as an upper device; no map changes.
    fn bond_gains(&mut self, bond: Bond, member: IfIndex) -> Result<Ops, Refusal> {
        self.add_upper(member, bond.device)?;
        Ok(Ops::NONE)
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let (ingress, uppers) = self.excluded(query)?;
        for (_, entry) in self.maps.walk(query.forward.0) {
            if entry.ifindex != ingress && !uppers.contains(&entry.ifindex) {
                each(entry.ifindex);
            }
        }
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let (ingress, uppers) = self.excluded(query)?;
        let map = self.maps.map(query.forward.0);
        let per_port = if ingress.0 == 0 { 0 } else { 1 + uppers.len() as u64 };
        let mut ops = Ops { group_lookups: 1, slots: self.maps.slots_of_walk(map), ..Ops::NONE };
        for (_, entry) in self.maps.targets(map) {
            ops.compares += per_port;
            ops.copies += u64::from(entry.ifindex != ingress && !uppers.contains(&entry.ifindex));
        }
        Ok(ops)
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        Ok(self.maps.members(self.key(side, group)?))
    }

    /// The groups in a containing map, under their numbers.
    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        let mut plan =
            KernelPlan::empty(Carriage::Broadcast, &self.limits, self.limits.forward.saturating_add(1));
        for group in 1..=self.limits.forward {
            let mut members = self.maps.members(group);
            members.reverse();
            if !members.is_empty() {
                plan.groups.push(PlannedGroup { keys: vec![MapKey(group)], members, filtered: false });
            }
        }
        Ok(plan)
    }

    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        let (ingress, _) = self.excluded(query)?;
        let mut call = KernelCall::broadcast(MapKey(query.forward.0));
        call.flags.set(RedirectFlags::EXCLUDE_INGRESS, ingress.0 != 0);
        Ok(call)
    }

    fn formula_bytes(&self) -> u64 {
        self.maps.formula_bytes()
    }

    fn heap_bytes(&self) -> usize {
        self.maps.heap_bytes() + self.uppers.heap_bytes()
    }
}
