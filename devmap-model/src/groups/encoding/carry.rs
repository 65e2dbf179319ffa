//! What a kernel can carry of a design, and how: which programs, which maps with which contents, which call for a question.
//!
//! Three forms run on kernels since 5.14. A *broadcast* redirects to a map that a key leads to, with flags (MCAST-K05). A
//! *filter* does so too, leaves the exclude set's key in the frame's metadata, and a program of each entry drops the copies
//! for ports in that set (MCAST-K11, MCAST-K13). In generic mode metadata is lost: there the key has to wait in a variable of
//! the CPU (MCAST-K12). Everything else is for user space or other machines.
//!
//! A plan can be written into the maps of the model ([`KernelPlan::install`]) as into those of a kernel.
//!
//! Rules: MCAST-K05, MCAST-K10 to MCAST-K13.

use super::{Design, GroupId, IndexKeys, Limits, Member, Quantity, Query, Refusal, Side, memory};
use crate::{
    DevmapValue, Errno, IfIndex, MapAttr, MapId, MapKey, MapKind, MapTable, MapValue, ProgFd, RedirectFlags,
    UpdateEnv, UpdateFlags,
};
use std::collections::BTreeSet;
use std::fmt;

/// Ports in the word that a filter tests.
const MASK_PORTS: u32 = 64;

/// How the program of an entry finds out that its port is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Membership {
    /// It looks the port up in the exclude group, a map in the containing map (MCAST-K11).
    Group,
    /// It tests the port's bit in the exclude group's word (MCAST-K13).
    Mask,
    /// It searches the exclude group's sorted list, in a loop of bounded length.
    List,
}

/// Why no kernel carries a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotCarried {
    /// No map and no helper has such sets.
    UserSpace,
    /// It is a switch chip's.
    Chip,
    /// A word has 64 bits.
    Ports {
        /// Ports of the encoding.
        ports: u32,
    },
    /// The encoding has no kernel form that it tells of.
    Unknown,
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCarried::UserSpace => f.write_str("no map and no helper of a kernel has such sets"),
            NotCarried::Chip => f.write_str("this is what a switch chip does"),
            NotCarried::Ports { ports } => {
                write!(f, "{ports} ports: the filter by mask has a word of {MASK_PORTS} bits")
            }
            NotCarried::Unknown => f.write_str("the encoding tells of no kernel form"),
        }
    }
}

/// What runs on a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carriage {
    /// The design itself: one redirect to a map, with BROADCAST.
    Broadcast,
    /// Its groups, with a filter after the copy: the same ports, but a copy is paid for each member.
    Filter(Membership),
    /// Nothing.
    No(NotCarried),
}

impl Carriage {
    /// The first kernel that runs it, in native mode.
    pub const fn since(self) -> Option<(u16, u16)> {
        match self {
            Carriage::Broadcast | Carriage::Filter(_) => Some((5, 14)),
            Carriage::No(_) => None,
        }
    }

    /// Whether the same programs do it in generic mode (MCAST-K12).
    pub const fn same_in_generic_mode(self) -> bool {
        matches!(self, Carriage::Broadcast)
    }
}

impl Design {
    /// What a kernel can carry of this design, if the ports are few enough.
    pub const fn carriage(self) -> Carriage {
        match self {
            Design::MainlineFlags | Design::Precomputed => Carriage::Broadcast,
            Design::IndexSplit | Design::TwoMaps | Design::Replication | Design::DevmapFilter => {
                Carriage::Filter(Membership::Group)
            }
            Design::DenseBitmap | Design::BitStrings => Carriage::Filter(Membership::Mask),
            Design::SortedArrays => Carriage::Filter(Membership::List),
            Design::Compressed => Carriage::No(NotCarried::UserSpace),
            Design::PruningIds => Carriage::No(NotCarried::Chip),
        }
    }
}

/// A map under a key of the containing map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedGroup {
    /// The keys that lead to it.
    pub keys: Vec<MapKey>,
    /// Its entries, to be written in this order, so that the broadcast has the encoding's.
    pub members: Vec<Member>,
    /// Whether the entries carry the filter.
    pub filtered: bool,
}

/// What a filter looks into beside the containing map, by the exclude group's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlannedSets {
    /// Nothing.
    None,
    /// Words; port n is bit n - 1.
    Masks(Vec<(MapKey, u64)>),
    /// Ascending port numbers.
    Lists(Vec<(MapKey, Vec<IfIndex>)>),
}

/// All maps of an encoding on a kernel, with what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelPlan {
    /// What runs.
    pub carriage: Carriage,
    /// The kind of the containing map.
    pub containing: MapKind,
    /// Its capacity.
    pub max_entries: u32,
    /// The kind of a group.
    pub group: MapKind,
    /// A group's capacity.
    pub slots: u32,
    /// The groups.
    pub groups: Vec<PlannedGroup>,
    /// What the filter looks into besides.
    pub sets: PlannedSets,
}

/// What the program for a port does for one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KernelCall {
    /// The key of the map to redirect to.
    pub key: MapKey,
    /// The key to take if there is no map under the first.
    pub otherwise: Option<MapKey>,
    /// The helper's flags.
    pub flags: RedirectFlags,
    /// The key of the exclude group, for the filter; 0 is none.
    pub note: MapKey,
}

impl KernelCall {
    /// A broadcast to the map under a key.
    pub const fn broadcast(key: MapKey) -> KernelCall {
        KernelCall { key, otherwise: None, flags: RedirectFlags::BROADCAST, note: MapKey(0) }
    }
}

impl KernelPlan {
    /// Maps by the limits' form, without groups.
    pub(super) fn empty(carriage: Carriage, limits: &Limits, max_entries: u32) -> KernelPlan {
        KernelPlan {
            carriage,
            containing: limits.form.containing(),
            max_entries,
            group: limits.form.inner(),
            slots: limits.slots,
            groups: Vec::new(),
            sets: PlannedSets::None,
        }
    }

    /// The filter over the groups of an encoding, by the keys of the RFC's index.
    pub(super) fn filter(
        encoding: &(impl super::Encoding + ?Sized),
        by: Membership,
    ) -> Result<KernelPlan, Refusal> {
        let limits = encoding.limits();
        if by == Membership::Mask && limits.ports > MASK_PORTS {
            return Err(Refusal::NotCarried(NotCarried::Ports { ports: limits.ports }));
        }
        Refusal::above(Quantity::ForwardGroups, limits.forward, u16::MAX)?;
        Refusal::above(Quantity::ExcludeGroups, limits.exclude, u16::MAX)?;
        let max_entries = super::DevmapFilter::containing_entries(limits);
        let mut plan = KernelPlan::empty(Carriage::Filter(by), limits, max_entries);
        for group in (1..=limits.forward).map(GroupId) {
            let mut members = encoding.members(Side::Forward, group)?;
            if !members.is_empty() {
                members.reverse();
                let keys = vec![IndexKeys::of(group.0 as u16, 0).forward];
                plan.groups.push(PlannedGroup { keys, members, filtered: true });
            }
        }
        plan.sets = match by {
            Membership::Group => PlannedSets::None,
            Membership::Mask => PlannedSets::Masks(Vec::new()),
            Membership::List => PlannedSets::Lists(Vec::new()),
        };
        for group in (1..=limits.exclude).map(GroupId) {
            let members = encoding.members(Side::Exclude, group)?;
            let ports: BTreeSet<IfIndex> = members.iter().map(|member| member.port).collect();
            if !ports.is_empty() {
                plan.add_exclude(MapKey(group.0), &ports);
            }
        }
        Ok(plan)
    }

    fn add_exclude(&mut self, key: MapKey, ports: &BTreeSet<IfIndex>) {
        match &mut self.sets {
            PlannedSets::None => {
                let members = ports.iter().map(|port| Member::of(*port)).collect();
                self.groups.push(PlannedGroup { keys: vec![key], members, filtered: false });
            }
            PlannedSets::Masks(masks) => {
                masks.push((key, ports.iter().fold(0, |mask, port| mask | super::bits::place(*port).1)));
            }
            PlannedSets::Lists(lists) => lists.push((key, ports.iter().copied().collect())),
        }
    }

    /// Bytes that a kernel accounts to the containing map and the groups; not to the sets beside them.
    pub fn map_bytes(&self) -> u64 {
        let groups = self.groups.iter();
        let groups = groups.map(|group| memory::of_attr(self.group, self.slots, group.members.len() as u64));
        memory::of_attr(self.containing, self.max_entries, 0) + groups.sum::<u64>()
    }

    /// Writes containing map and groups into a table of the model; entries that are filtered carry `filter`.
    ///
    /// # Errors
    /// What the maps answer, as a port that `env` does not know.
    pub fn install(
        &self,
        table: &mut MapTable,
        filter: Option<ProgFd>,
        env: &dyn UpdateEnv,
    ) -> Result<MapId, Errno> {
        let attr = match self.group {
            MapKind::Devmap => MapAttr::devmap("group", self.slots),
            _ => MapAttr::devmap_hash("group", self.slots),
        };
        let template = table.create(&attr)?;
        let containing = table.create(&match self.containing {
            MapKind::ArrayOfMaps => MapAttr::array_of_maps("groups", self.max_entries, template),
            _ => MapAttr::hash_of_maps("groups", self.max_entries, template),
        })?;
        table.destroy(template);
        for group in &self.groups {
            let map = table.create(&attr)?;
            for member in &group.members {
                let prog_fd = filter.filter(|_| group.filtered);
                let value = MapValue::Dev(DevmapValue { ifindex: member.port, prog_fd });
                table.update(map, member.key, value, UpdateFlags::ANY, env)?;
            }
            for key in &group.keys {
                table.update(containing, *key, MapValue::Inner(map), UpdateFlags::ANY, env)?;
            }
            table.destroy(map);
        }
        Ok(containing)
    }
}

/// The call of a filter: the broadcast to the forward group, and the exclude group's number as note.
pub(super) fn filter_call(limits: &Limits, design: Design, query: &Query) -> Result<KernelCall, Refusal> {
    limits.check_query(query)?;
    let note = match query.exclude {
        super::Exclude::Nothing => MapKey(0),
        super::Exclude::Group(group) => MapKey(group.0),
        exclude => return Err(Refusal::Exclude { design: Some(design), exclude }),
    };
    Refusal::above(Quantity::ForwardGroups, query.forward.0, u16::MAX)?;
    Ok(KernelCall { note, ..KernelCall::broadcast(IndexKeys::of(query.forward.0 as u16, 0).forward) })
}
