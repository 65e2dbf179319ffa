//! Design D15: broadcast to the whole forward group, and a program of each entry that drops the copies for excluded ports.
//!
//! This is what runs on today's kernels (MCAST-K11). One containing map holds both sides, as in the RFC. The main program
//! redirects to the forward group with BROADCAST and leaves the exclude group's key in the frame's metadata; the program
//! of the entry looks the group up, and in it its own port's number as key. So exclude groups have each port under its own
//! number, and a copy is paid for every member, left out or not. BPF_F_EXCLUDE_INGRESS can be set besides: then neither
//! the ingress nor those directly above it get a copy.
//!
//! While both sides have at most 65,535 groups the keys are those of the RFC's index; beyond, groups are numbered through.
//!
//! Rules: MCAST-K11, MCAST-K12, MCAST-P30.

use super::maps::GroupMaps;
use super::uppers::Uppers;
use super::{
    Bond, Carriage, Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, Membership,
    Ops, Order, PlannedGroup, Quantity, Query, Refusal, Side,
};
use crate::{IfIndex, MapId, MapKey, MapKind, MapTable, RedirectFlags};

/// Group numbers of 16 bits fit the RFC's index.
const FITS_INDEX: u32 = 0xffff;

/// Forward groups whose entries carry the filter, and exclude groups for it to look into.
#[derive(Clone, Debug)]
pub struct DevmapFilter {
    limits: Limits,
    maps: GroupMaps,
    uppers: Uppers,
}

/// What a question comes to: the group, the exclude group's key (0 is none), and the ports that get no copy at all.
#[derive(Clone, Copy, Debug)]
struct Arguments<'a> {
    forward: Option<MapId>,
    exclude: Option<MapId>,
    ingress: IfIndex,
    uppers: &'a [IfIndex],
}

impl DevmapFilter {
    /// A containing map without groups.
    ///
    /// # Errors
    /// [`Refusal::Limit`] if there are more groups than keys, [`Refusal::Map`] if there can be no such maps.
    pub fn create(limits: &Limits) -> Result<DevmapFilter, Refusal> {
        let groups = u64::from(limits.forward) + u64::from(limits.exclude);
        Refusal::above(Quantity::Keys, groups, u32::MAX - 1)?;
        let maps = GroupMaps::contained(limits, DevmapFilter::containing_entries(limits))?;
        Ok(DevmapFilter { limits: *limits, maps, uppers: Uppers::default() })
    }

    /// `max_entries` of the containing map: of an array up to the last key, of a hash one for each group.
    pub const fn containing_entries(limits: &Limits) -> u32 {
        let groups = limits.forward.saturating_add(limits.exclude);
        match limits.form.containing() {
            MapKind::ArrayOfMaps if fits_index(limits) => (limits.forward << 16).saturating_add(1),
            MapKind::ArrayOfMaps => groups.saturating_add(1),
            _ => groups,
        }
    }

    /// The key of a group in the containing map.
    ///
    /// # Errors
    /// [`Refusal::Group`].
    pub fn key(&self, side: Side, group: GroupId) -> Result<MapKey, Refusal> {
        self.limits.check_group(side, group)?;
        Ok(MapKey(match side {
            Side::Forward if fits_index(&self.limits) => group.0 << 16,
            Side::Forward => group.0,
            Side::Exclude if fits_index(&self.limits) => group.0,
            Side::Exclude => self.limits.forward + group.0,
        }))
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

    fn check(&self, side: Side, member: Member) -> Result<(), Refusal> {
        match side {
            Side::Forward => self.limits.check_port(member.port),
            Side::Exclude => self.limits.check_own_key(side, member),
        }
    }

    fn arguments(&self, query: &Query) -> Result<Arguments<'_>, Refusal> {
        self.limits.check_query(query)?;
        let forward = self.maps.map(self.key(Side::Forward, query.forward)?.0);
        let nobody: (IfIndex, &[IfIndex]) = (IfIndex(0), &[]);
        let uppers = self.uppers.of(query.ingress);
        let (group, (ingress, uppers)) = match query.exclude {
            Exclude::Nothing => (None, nobody),
            Exclude::Group(group) => (Some(group), nobody),
            Exclude::IngressAndUppers => (None, (query.ingress, uppers)),
            // The flag means the same where nothing is above the port.
            Exclude::Ingress if uppers.is_empty() => (None, (query.ingress, uppers)),
            Exclude::GroupAndIngress(group) if uppers.is_empty() => (Some(group), (query.ingress, uppers)),
            exclude => return Err(Refusal::Exclude { design: Some(Design::DevmapFilter), exclude }),
        };
        let exclude = match group {
            Some(group) => self.maps.map(self.key(Side::Exclude, group)?.0),
            None => None,
        };
        Ok(Arguments { forward, exclude, ingress, uppers })
    }

    /// What the entry's program answers for a port.
    fn passes(&self, exclude: Option<MapId>, port: IfIndex) -> bool {
        !exclude.is_some_and(|map| self.maps.has(map, MapKey(port.0)))
    }
}

impl Arguments<'_> {
    /// Whether the broadcast makes a copy for a port.
    fn copies(&self, port: IfIndex) -> bool {
        port != self.ingress && !self.uppers.contains(&port)
    }
}

const fn fits_index(limits: &Limits) -> bool {
    limits.forward <= FITS_INDEX && limits.exclude <= FITS_INDEX
}

impl Encoding for DevmapFilter {
    fn name(&self) -> &str {
        Design::DevmapFilter.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Walk
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        let key = self.key(side, group)?;
        members.iter().try_for_each(|member| self.check(side, *member))?;
        self.maps.define(key.0, members, side == Side::Forward)
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        let key = self.key(side, group)?;
        self.check(side, member)?;
        self.maps.join(key.0, member, side == Side::Forward)
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        Ok(self.maps.leave(self.key(side, group)?.0, key))
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        self.uppers.gone(port);
        Ok(self.maps.port_gone(port))
    }

    /// The member joins the bond's exclude group, and gets the bond as an upper device.
    fn bond_gains(&mut self, bond: Bond, member: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(bond.device)?;
        self.uppers.check(member, bond.device)?;
        let ops = self.join(Side::Exclude, bond.exclude, Member::of(member))?;
        self.add_upper(member, bond.device)?;
        Ok(ops)
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let arguments = self.arguments(query)?;
        for (_, entry) in self.maps.targets(arguments.forward) {
            if arguments.copies(entry.ifindex) && self.passes(arguments.exclude, entry.ifindex) {
                each(entry.ifindex);
            }
        }
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let arguments = self.arguments(query)?;
        let per_port = if arguments.ingress.0 == 0 { 0 } else { 1 + arguments.uppers.len() as u64 };
        let slots = self.maps.slots_of_walk(arguments.forward);
        let mut ops = Ops { group_lookups: 1, slots, ..Ops::NONE };
        let by_group = u64::from(matches!(query.exclude, Exclude::Group(_) | Exclude::GroupAndIngress(_)));
        for (_, entry) in self.maps.targets(arguments.forward) {
            ops.compares += per_port;
            if arguments.copies(entry.ifindex) {
                ops.copies += 1;
                ops.programs += 1;
                ops.group_lookups += by_group;
                ops.member_lookups += u64::from(arguments.exclude.is_some());
            }
        }
        Ok(ops)
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        Ok(self.maps.members(self.key(side, group)?.0))
    }

    /// The maps as they are.
    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        let carriage = Carriage::Filter(Membership::Group);
        let max_entries = DevmapFilter::containing_entries(&self.limits);
        let mut plan = KernelPlan::empty(carriage, &self.limits, max_entries);
        for side in [Side::Forward, Side::Exclude] {
            for group in (1..=self.limits.groups(side)).map(GroupId) {
                let key = self.key(side, group)?;
                let mut members = self.maps.members(key.0);
                members.reverse();
                if self.maps.map(key.0).is_some() {
                    let filtered = side == Side::Forward;
                    plan.groups.push(PlannedGroup { keys: vec![key], members, filtered });
                }
            }
        }
        Ok(plan)
    }

    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        let arguments = self.arguments(query)?;
        let mut call = KernelCall::broadcast(self.key(Side::Forward, query.forward)?);
        call.flags.set(RedirectFlags::EXCLUDE_INGRESS, arguments.ingress.0 != 0);
        if let Exclude::Group(group) | Exclude::GroupAndIngress(group) = query.exclude {
            call.note = self.key(Side::Exclude, group)?;
        }
        Ok(call)
    }

    fn formula_bytes(&self) -> u64 {
        self.maps.formula_bytes()
    }

    fn heap_bytes(&self) -> usize {
        self.maps.heap_bytes() + self.uppers.heap_bytes()
    }
}
