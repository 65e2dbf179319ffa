//! Design D2: a forward map and an exclude map, both handed to the helper, as the series v8 to v20 had it.
//!
//! Whether a port is excluded is one lookup in the exclude map with the port's number as key: the values there are not
//! looked at, so an exclude group has each port under its own number, and its map is a DEVMAP_HASH. A flag leaves out the
//! ingress besides; upper devices are not looked at.
//!
//! No kernel has the helper; its groups run as those of the devmap-program filter (MCAST-K11).
//!
//! Rules: MCAST-39, MCAST-42, MCAST-43, MCAST-P11.

use super::maps::GroupMaps;
use super::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, MapForm, Member, Membership, Ops,
    Order, Query, Refusal, Side, carry,
};
use crate::{IfIndex, MapId, MapKey, MapTable};

/// Forward and exclude groups as maps of their own.
#[derive(Clone, Debug)]
pub struct TwoMaps {
    limits: Limits,
    forward: GroupMaps,
    exclude: GroupMaps,
}

impl TwoMaps {
    /// No maps yet.
    ///
    /// # Errors
    /// [`Refusal::Map`] if there can be no such maps.
    pub fn create(limits: &Limits) -> Result<TwoMaps, Refusal> {
        let hashes = Limits { form: MapForm::HashOfDevmapHash, ..*limits };
        Ok(TwoMaps {
            limits: *limits,
            forward: GroupMaps::listed(limits)?,
            exclude: GroupMaps::listed(&hashes)?,
        })
    }

    /// The maps of a side, for a look at them.
    pub const fn table(&self, side: Side) -> &MapTable {
        match side {
            Side::Forward => self.forward.table(),
            Side::Exclude => self.exclude.table(),
        }
    }

    fn check(&self, side: Side, member: Member) -> Result<(), Refusal> {
        match side {
            Side::Forward => self.limits.check_port(member.port),
            Side::Exclude => self.limits.check_own_key(side, member),
        }
    }

    fn maps(&mut self, side: Side) -> &mut GroupMaps {
        match side {
            Side::Forward => &mut self.forward,
            Side::Exclude => &mut self.exclude,
        }
    }

    /// The helper's arguments: forward map, exclude map, and the ingress if the flag is set (0 is none).
    fn arguments(&self, query: &Query) -> Result<(Option<MapId>, Option<MapId>, IfIndex), Refusal> {
        self.limits.check_query(query)?;
        let design = Some(Design::TwoMaps);
        let (group, flag) =
            query.exclude.parts().ok_or(Refusal::Exclude { design, exclude: Exclude::IngressAndUppers })?;
        let forward = self.forward.map(query.forward.0);
        let exclude = group.and_then(|group| self.exclude.map(group.0));
        Ok((forward, exclude, if flag { query.ingress } else { IfIndex(0) }))
    }

    fn is_excluded(&self, exclude: Option<MapId>, ingress: IfIndex, port: IfIndex) -> bool {
        port == ingress || exclude.is_some_and(|map| self.exclude.has(map, MapKey(port.0)))
    }
}

impl Encoding for TwoMaps {
    fn name(&self) -> &str {
        Design::TwoMaps.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Walk
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        self.limits.check_group(side, group)?;
        members.iter().try_for_each(|member| self.check(side, *member))?;
        self.maps(side).define(group.0, members, false)
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        self.limits.check_group(side, group)?;
        self.check(side, member)?;
        self.maps(side).join(group.0, member, false)
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        self.limits.check_group(side, group)?;
        Ok(self.maps(side).leave(group.0, key))
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        Ok(self.forward.port_gone(port) + self.exclude.port_gone(port))
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let (forward, exclude, ingress) = self.arguments(query)?;
        for (_, entry) in self.forward.targets(forward) {
            if !self.is_excluded(exclude, ingress, entry.ifindex) {
                each(entry.ifindex);
            }
        }
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let (forward, exclude, ingress) = self.arguments(query)?;
        let mut ops = Ops { slots: self.forward.slots_of_walk(forward), ..Ops::NONE };
        for (_, entry) in self.forward.targets(forward) {
            ops.compares += u64::from(ingress.0 != 0);
            ops.member_lookups += u64::from(exclude.is_some());
            ops.copies += u64::from(!self.is_excluded(exclude, ingress, entry.ifindex));
        }
        Ok(ops)
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        self.limits.check_group(side, group)?;
        Ok(match side {
            Side::Forward => self.forward.members(group.0),
            Side::Exclude => self.exclude.members(group.0),
        })
    }

    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        KernelPlan::filter(self, Membership::Group)
    }

    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        carry::filter_call(&self.limits, Design::TwoMaps, query)
    }

    fn formula_bytes(&self) -> u64 {
        self.forward.formula_bytes() + self.exclude.formula_bytes()
    }

    fn heap_bytes(&self) -> usize {
        self.forward.heap_bytes() + self.exclude.heap_bytes()
    }
}
