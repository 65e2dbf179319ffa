//! Design D8: a switch chip's replication engine with pruning ids (TNA).
//!
//! A group is a list of nodes; a node has a replication id, a set of ports, and perhaps an exclusion id. A packet names its
//! groups, a replication id, a level-1 and a level-2 exclusion id. Level 1: a node with the packet's exclusion id is passed
//! over. Level 2: in a node with the packet's replication id the ports of the prune set that the level-2 id names are
//! passed over. Behind the trait a forward group is one node and an exclude group one prune set, of which there are 288; an
//! ingress by itself needs a prune set of its own.
//!
//! LAG members and the device-wide replication id are not modelled. No kernel has it.
//!
//! Rules: MCAST-P29.

use super::bits::{self, Difference, Rows};
use super::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, NotCarried, Ops, Order,
    Quantity, Query, Refusal, Side,
};
use crate::{IfIndex, MapKey};

/// A port has 9 bits.
const MOST_PORTS: u32 = 512;
/// A group's number has 16 bits.
const MOST_GROUPS: u32 = 0xffff;
/// Prune sets of the first generation of the chip.
const PRUNE_SETS: u32 = 288;
/// The replication id of the nodes that stand for forward groups.
const OWN_RID: ReplicationId = ReplicationId(1);

/// What nodes and packets have in common, for level 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplicationId(pub u16);

/// A class of nodes, for level 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExclusionId(pub u16);

/// A node beside the one that stands for the forward group.
#[derive(Clone, Debug)]
struct Node {
    rid: ReplicationId,
    xid: Option<ExclusionId>,
    ports: Vec<u64>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketIds {
    /// For level 2: the nodes that are meant.
    pub rid: ReplicationId,
    /// For level 1: the class of nodes that is passed over.
    pub xid: Option<ExclusionId>,
    /// For level 2: the prune set, by the number of the exclude group.
    pub yid: Option<GroupId>,
}

/// Forward groups as nodes, exclude groups as prune sets.
#[derive(Clone, Debug)]
pub struct PruningIds {
    limits: Limits,
    forward: Rows,
    prune: Rows,
    /// Nodes that were added to a group, with the group.
    more: Vec<(GroupId, Node)>,
    /// The exclusion ids of the groups' own nodes.
    classes: Vec<Option<ExclusionId>>,
}

impl PruningIds {
    /// Empty groups and prune sets.
    ///
    /// # Errors
    /// [`Refusal::Limit`] of ports (512), forward groups (65,535) or exclude groups (288).
    pub fn create(limits: &Limits) -> Result<PruningIds, Refusal> {
        Refusal::above(Quantity::Ports, limits.ports, MOST_PORTS)?;
        Refusal::above(Quantity::ForwardGroups, limits.forward, MOST_GROUPS)?;
        Refusal::above(Quantity::ExcludeGroups, limits.exclude, PRUNE_SETS)?;
        let width = bits::words_of(limits.ports);
        Ok(PruningIds {
            limits: *limits,
            forward: Rows::create(Side::Forward, limits.forward, width)?,
            prune: Rows::create(Side::Exclude, limits.exclude, width)?,
            more: Vec::new(),
            classes: vec![None; limits.forward as usize],
        })
    }

    /// Gives a group's own node an exclusion id, or takes it away.
    ///
    /// # Errors
    /// [`Refusal::Group`].
    pub fn set_class(&mut self, group: GroupId, xid: Option<ExclusionId>) -> Result<(), Refusal> {
        self.limits.check_group(Side::Forward, group)?;
        self.classes[group.0 as usize - 1] = xid;
        Ok(())
    }

    /// Adds a node to a group. It is not seen through the trait, where a group is one node.
    ///
    /// # Errors
    /// [`Refusal::Group`], [`Refusal::Port`].
    pub fn add_node(
        &mut self,
        group: GroupId,
        rid: ReplicationId,
        xid: Option<ExclusionId>,
        ports: &[IfIndex],
    ) -> Result<(), Refusal> {
        self.limits.check_group(Side::Forward, group)?;
        ports.iter().try_for_each(|port| self.limits.check_port(*port))?;
        let mut set = vec![0; bits::words_of(self.limits.ports)];
        for port in ports {
            let (word, bit) = bits::place(*port);
            set[word] |= bit;
        }
        self.more.push((group, Node { rid, xid, ports: set }));
        Ok(())
    }

    /// Calls `each` with every copy of a packet: all nodes of a group, each without what its ids prune. A port that is in
    /// two nodes gets two copies.
    ///
    /// # Errors
    /// [`Refusal::Group`].
    pub fn replicate(
        &self,
        group: GroupId,
        packet: &PacketIds,
        mut each: impl FnMut(IfIndex),
    ) -> Result<(), Refusal> {
        let own = (OWN_RID, self.class(group)?, self.forward.row(group)?);
        let prune = self.prune_set(packet.yid)?;
        let more = self.more.iter().filter(|(of, _)| *of == group);
        let more = more.map(|(_, node)| (node.rid, node.xid, node.ports.as_slice()));
        for (rid, xid, forward) in [own].into_iter().chain(more) {
            if xid.is_some() && xid == packet.xid {
                continue;
            }
            let exclude = if rid == packet.rid { prune } else { &[] };
            let difference = Difference { forward, exclude, but: None };
            difference.each_word(|index, word| bits::each_port(index, word, &mut each));
        }
        Ok(())
    }

    fn class(&self, group: GroupId) -> Result<Option<ExclusionId>, Refusal> {
        self.limits.check_group(Side::Forward, group)?;
        Ok(self.classes[group.0 as usize - 1])
    }

    #[inline]
    fn prune_set(&self, yid: Option<GroupId>) -> Result<&[u64], Refusal> {
        yid.map_or(Ok(&[]), |yid| self.prune.row(yid))
    }

    fn rows(&mut self, side: Side) -> &mut Rows {
        match side {
            Side::Forward => &mut self.forward,
            Side::Exclude => &mut self.prune,
        }
    }

    /// The question as a packet has it: the group's own node, and its prune set.
    #[inline]
    fn difference(&self, query: &Query) -> Result<Difference<'_>, Refusal> {
        let yid = match query.exclude {
            Exclude::Nothing => None,
            Exclude::Group(group) => Some(group),
            exclude => return Err(Refusal::Exclude { design: Some(Design::PruningIds), exclude }),
        };
        Ok(Difference { forward: self.forward.row(query.forward)?, exclude: self.prune_set(yid)?, but: None })
    }
}

impl Encoding for PruningIds {
    fn name(&self) -> &str {
        Design::PruningIds.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Ascending
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        let limits = self.limits;
        self.rows(side).define(&limits, group, members)
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        let limits = self.limits;
        self.rows(side).join(&limits, group, member)
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        self.rows(side).leave(group, key)
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        let (word, bit) = bits::place(port);
        self.more.iter_mut().for_each(|(_, node)| node.ports[word] &= !bit);
        Ok(self.forward.port_gone(port) + self.prune.port_gone(port))
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        self.difference(query)?.each_word(|index, word| bits::each_port(index, word, &mut *each));
        Ok(())
    }

    fn deliver(&self, query: &Query, ports: &mut Vec<IfIndex>) -> Result<(), Refusal> {
        ports.clear();
        self.difference(query)?.each_word(|index, word| bits::push_ports(index, word, ports));
        Ok(())
    }

    fn mask(&self, query: &Query, words: &mut [u64]) -> Result<(), Refusal> {
        let needed = bits::words_of(self.limits.ports);
        if words.len() != needed {
            return Err(Refusal::MaskLength { words: words.len(), needed });
        }
        self.difference(query)?.write(words);
        Ok(())
    }

    fn mask_words(&self) -> Option<usize> {
        Some(bits::words_of(self.limits.ports))
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let difference = self.difference(query)?;
        let copies = difference.count();
        Ok(Ops {
            // The group, its node, and the prune set.
            group_lookups: 2 + u64::from(!difference.exclude.is_empty()),
            words: (difference.forward.len() + difference.exclude.len()) as u64,
            bits: copies,
            copies,
            ..Ops::NONE
        })
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        match side {
            Side::Forward => self.forward.members(group),
            Side::Exclude => self.prune.members(group),
        }
    }

    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        Err(Refusal::NotCarried(NotCarried::Chip))
    }

    fn kernel_call(&self, _: &Query) -> Result<KernelCall, Refusal> {
        Err(Refusal::NotCarried(NotCarried::Chip))
    }

    fn formula_bytes(&self) -> u64 {
        let nodes = size_of::<(GroupId, Node)>() + bits::words_of(self.limits.ports) * 8;
        let classes = self.classes.len() * size_of::<Option<ExclusionId>>();
        self.forward.formula_bytes() + self.prune.formula_bytes() + (classes + self.more.len() * nodes) as u64
    }

    fn heap_bytes(&self) -> usize {
        let sets: usize = self.more.iter().map(|(_, node)| node.ports.capacity() * size_of::<u64>()).sum();
        let classes = self.classes.capacity() * size_of::<Option<ExclusionId>>();
        let nodes = self.more.capacity() * size_of::<(GroupId, Node)>();
        self.forward.heap_bytes() + self.prune.heap_bytes() + sets + classes + nodes
    }
}
