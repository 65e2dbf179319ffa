//! Design D9: replication as PSA and P4Runtime have it, without pruning, and a filter after the copy.
//!
//! A group is a list of (port, instance). The engine makes a copy for each and excludes nobody; the egress program knows
//! port and instance of its copy and drops it if the port is in the exclude group. A member's key is its instance, of 16
//! bits, so a port can be listed under several. Every copy is paid for, also those that are dropped.
//!
//! On a kernel the same is a broadcast with a program of each entry: the devmap-program filter.
//!
//! Rules: MCAST-P29, MCAST-P30.

use super::bits::{self, Rows};
use super::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, Membership, Ops, Order,
    Quantity, Query, Refusal, Side, carry,
};
use crate::{IfIndex, MapKey};

/// Lists for so many groups are taken in advance.
const MOST_GROUPS: u32 = 1 << 28;

/// One copy that the engine makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Replica {
    port: IfIndex,
    instance: u16,
}

/// Forward groups as lists of copies, exclude groups for a program behind them.
#[derive(Clone, Debug)]
pub struct Replication {
    limits: Limits,
    /// By rising instance.
    groups: Vec<Vec<Replica>>,
    exclude: Rows,
}

impl Replication {
    /// Empty groups.
    ///
    /// # Errors
    /// [`Refusal::Limit`] of groups or bytes.
    pub fn create(limits: &Limits) -> Result<Replication, Refusal> {
        Refusal::above(Quantity::ForwardGroups, limits.forward, MOST_GROUPS)?;
        let exclude = Rows::create(Side::Exclude, limits.exclude, bits::words_of(limits.ports))?;
        Ok(Replication { limits: *limits, groups: vec![Vec::new(); limits.forward as usize], exclude })
    }

    fn replica(&self, member: Member) -> Result<Replica, Refusal> {
        self.limits.check_port(member.port)?;
        Refusal::above(Quantity::Instances, member.key.0, u16::MAX)?;
        Ok(Replica { port: member.port, instance: member.key.0 as u16 })
    }

    fn index(&self, group: GroupId) -> Result<usize, Refusal> {
        self.limits.check_group(Side::Forward, group)?;
        Ok(group.0 as usize - 1)
    }

    /// The copies, the exclude group, and one more port to drop (0 is none).
    #[inline]
    fn lists(&self, query: &Query) -> Result<(&[Replica], &[u64], IfIndex), Refusal> {
        let design = Some(Design::Replication);
        let (group, ingress) =
            query.exclude.parts().ok_or(Refusal::Exclude { design, exclude: Exclude::IngressAndUppers })?;
        self.limits.check_query(query)?;
        let exclude = match group {
            Some(group) => self.exclude.row(group)?,
            None => &[],
        };
        let replicas = &self.groups[self.index(query.forward)?];
        Ok((replicas, exclude, if ingress { query.ingress } else { IfIndex(0) }))
    }
}

/// Writes a replica where its instance belongs; how many had to make room.
fn put(list: &mut Vec<Replica>, replica: Replica) -> u64 {
    match list.binary_search_by_key(&replica.instance, |other| other.instance) {
        Ok(at) => {
            list[at] = replica;
            0
        }
        Err(at) => {
            list.insert(at, replica);
            (list.len() - at - 1) as u64
        }
    }
}

/// What the egress program answers.
#[inline]
fn passes(exclude: &[u64], ingress: IfIndex, port: IfIndex) -> bool {
    let (word, bit) = bits::place(port);
    port != ingress && exclude.get(word).is_none_or(|word| word & bit == 0)
}

impl Encoding for Replication {
    fn name(&self) -> &str {
        Design::Replication.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Keys
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        if side == Side::Exclude {
            let limits = self.limits;
            return self.exclude.define(&limits, group, members);
        }
        let index = self.index(group)?;
        let mut list = Vec::with_capacity(members.len());
        for member in members {
            put(&mut list, self.replica(*member)?);
        }
        self.groups[index] = list;
        Ok(Ops::writes(members.len() as u64))
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        if side == Side::Exclude {
            let limits = self.limits;
            return self.exclude.join(&limits, group, member);
        }
        let (index, replica) = (self.index(group)?, self.replica(member)?);
        Ok(Ops { moves: put(&mut self.groups[index], replica), ..Ops::WRITE })
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        if side == Side::Exclude {
            return self.exclude.leave(group, key);
        }
        let index = self.index(group)?;
        let list = &mut self.groups[index];
        let Ok(at) = list.binary_search_by_key(&key.0, |replica| u32::from(replica.instance)) else {
            return Ok(Ops::NONE);
        };
        list.remove(at);
        Ok(Ops { moves: (list.len() - at) as u64, ..Ops::WRITE })
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        let mut ops = self.exclude.port_gone(port);
        for list in &mut self.groups {
            let before = list.len();
            list.retain(|replica| replica.port != port);
            ops += Ops { slots: before as u64, writes: (before - list.len()) as u64, ..Ops::NONE };
        }
        Ok(ops)
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let (replicas, exclude, ingress) = self.lists(query)?;
        let ports = replicas.iter().map(|replica| replica.port);
        ports.filter(|port| passes(exclude, ingress, *port)).for_each(each);
        Ok(())
    }

    fn deliver(&self, query: &Query, ports: &mut Vec<IfIndex>) -> Result<(), Refusal> {
        ports.clear();
        let (replicas, exclude, ingress) = self.lists(query)?;
        let all = replicas.iter().map(|replica| replica.port);
        ports.extend(all.filter(|port| passes(exclude, ingress, *port)));
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let (replicas, exclude, _) = self.lists(query)?;
        let copies = replicas.len() as u64;
        let words = if exclude.is_empty() { 0 } else { copies };
        let group_lookups = 1 + words;
        Ok(Ops { group_lookups, slots: copies, copies, programs: copies, words, ..Ops::NONE })
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        if side == Side::Exclude {
            return self.exclude.members(group);
        }
        let replicas = self.groups[self.index(group)?].iter();
        Ok(replicas.map(|replica| Member::at(MapKey(u32::from(replica.instance)), replica.port)).collect())
    }

    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        KernelPlan::filter(self, Membership::Group)
    }

    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        carry::filter_call(&self.limits, Design::Replication, query)
    }

    fn formula_bytes(&self) -> u64 {
        let replicas: usize = self.groups.iter().map(Vec::len).sum();
        let lists = self.groups.len() * size_of::<Vec<Replica>>() + replicas * size_of::<Replica>();
        lists as u64 + self.exclude.formula_bytes()
    }

    fn heap_bytes(&self) -> usize {
        let replicas: usize = self.groups.iter().map(Vec::capacity).sum();
        let lists = self.groups.capacity() * size_of::<Vec<Replica>>() + replicas * size_of::<Replica>();
        lists + self.exclude.heap_bytes()
    }
}
