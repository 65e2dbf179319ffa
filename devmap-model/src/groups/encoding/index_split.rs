//! Design D1: one index, the forward group in its upper half, the exclude group in its lower one, as the RFC had it.
//!
//! One containing map holds both: forward group g under the key g * 65,536, exclude group e under e. Whether a port is
//! excluded is found by a walk over the exclude group, for each port of the forward group anew. A port that nobody
//! excludes by a group, the ingress, cannot be left out; there is no flag.
//!
//! No kernel runs it; its groups run as those of the devmap-program filter (MCAST-K11).
//!
//! Rules: MCAST-02, MCAST-03, MCAST-09, MCAST-12, MCAST-13, MCAST-15, MCAST-16, MCAST-P21.

use super::maps::GroupMaps;
use super::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, Membership, Ops, Order,
    Quantity, Query, Refusal, Side, carry,
};
use crate::{IfIndex, MapKey, MapKind, MapTable};

/// Group numbers have 16 bits, and 0 is shared.
const MOST_GROUPS: u32 = 0xffff;

/// The two keys in an index (MCAST-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexKeys {
    /// Where the forward group is: a multiple of 65,536.
    pub forward: MapKey,
    /// Where the exclude group is: below 65,536.
    pub exclude: MapKey,
}

impl IndexKeys {
    /// Takes a helper's index apart. Bits above 32 are dropped (MCAST-04).
    ///
    /// ```
    /// use xdpsim_devmap::MapKey;
    /// use xdpsim_devmap::groups::encoding::IndexKeys;
    /// let keys = IndexKeys::unpack(0x0001_0001);
    /// assert_eq!((keys.forward, keys.exclude), (MapKey(0x10000), MapKey(1)));
    /// ```
    pub const fn unpack(index: u64) -> IndexKeys {
        let index = index as u32;
        let forward = index & 0xffff_0000;
        IndexKeys { forward: MapKey(forward), exclude: MapKey(index ^ forward) }
    }

    /// The index that has these keys.
    pub const fn pack(self) -> u32 {
        self.forward.0 | self.exclude.0
    }

    /// The keys of two groups by their numbers.
    pub const fn of(forward: u16, exclude: u16) -> IndexKeys {
        IndexKeys { forward: MapKey((forward as u32) << 16), exclude: MapKey(exclude as u32) }
    }
}

/// Groups by the halves of an index.
#[derive(Clone, Debug)]
pub struct IndexSplit {
    limits: Limits,
    maps: GroupMaps,
}

impl IndexSplit {
    /// A containing map without groups.
    ///
    /// # Errors
    /// [`Refusal::Limit`] of either side's groups (65,535), [`Refusal::Map`] if there can be no such maps.
    pub fn create(limits: &Limits) -> Result<IndexSplit, Refusal> {
        Refusal::above(Quantity::ForwardGroups, limits.forward, MOST_GROUPS)?;
        Refusal::above(Quantity::ExcludeGroups, limits.exclude, MOST_GROUPS)?;
        let max_entries = IndexSplit::containing_entries(limits);
        Ok(IndexSplit { limits: *limits, maps: GroupMaps::contained(limits, max_entries)? })
    }

    /// `max_entries` of the containing map: of an array up to the last forward key (MCAST-13), of a hash one for each
    /// group.
    pub const fn containing_entries(limits: &Limits) -> u32 {
        match limits.form.containing() {
            MapKind::ArrayOfMaps => (limits.forward << 16).saturating_add(1),
            _ => limits.forward + limits.exclude,
        }
    }

    /// All maps, for a look at them.
    pub const fn table(&self) -> &MapTable {
        self.maps.table()
    }

    fn key(&self, side: Side, group: GroupId) -> Result<u32, Refusal> {
        self.limits.check_group(side, group)?;
        Ok(match side {
            Side::Forward => group.0 << 16,
            Side::Exclude => group.0,
        })
    }

    /// The index of a question.
    fn index(&self, query: &Query) -> Result<IndexKeys, Refusal> {
        self.limits.check_query(query)?;
        let exclude = match query.exclude {
            // Key 0 holds no group here, so it excludes nothing.
            Exclude::Nothing => 0,
            Exclude::Group(group) => group.0,
            exclude => return Err(Refusal::Exclude { design: Some(Design::IndexSplit), exclude }),
        };
        // Both are below 65,536, as the limits are.
        Ok(IndexKeys::of(query.forward.0 as u16, exclude as u16))
    }
}

impl Encoding for IndexSplit {
    fn name(&self) -> &str {
        Design::IndexSplit.name()
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
        Ok(self.maps.port_gone(port))
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let keys = self.index(query)?;
        let exclude = self.maps.map(keys.exclude.0);
        for (_, entry) in self.maps.walk(keys.forward.0) {
            let mut others = self.maps.targets(exclude);
            if !others.any(|(_, other)| other.ifindex == entry.ifindex) {
                each(entry.ifindex);
            }
        }
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let keys = self.index(query)?;
        let (forward, exclude) = (self.maps.map(keys.forward.0), self.maps.map(keys.exclude.0));
        let mut ops = Ops { slots: self.maps.slots_of_walk(forward), ..Ops::NONE };
        // The helper looks the forward group up, and the enqueue both again (MCAST-05).
        ops.group_lookups = 3;
        for (_, entry) in self.maps.targets(forward) {
            let mut left = true;
            for (_, other) in self.maps.targets(exclude) {
                ops.compares += 1;
                left = other.ifindex != entry.ifindex;
                if !left {
                    break;
                }
            }
            ops.slots += self.maps.slots_of_walk(exclude);
            ops.copies += u64::from(left);
        }
        Ok(ops)
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        Ok(self.maps.members(self.key(side, group)?))
    }

    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        KernelPlan::filter(self, Membership::Group)
    }

    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        carry::filter_call(&self.limits, Design::IndexSplit, query)
    }

    fn formula_bytes(&self) -> u64 {
        self.maps.formula_bytes()
    }

    fn heap_bytes(&self) -> usize {
        self.maps.heap_bytes()
    }
}
