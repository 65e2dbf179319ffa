//! The reference: groups as lists of members, and what each design promises about them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use xdpsim_devmap::groups::encoding::*;
use xdpsim_devmap::{IfIndex, MapKey, MapKind};

/// A member and when it was written.
#[derive(Clone, Copy, Debug)]
struct Written {
    member: Member,
    stamp: u64,
}

/// Groups as lists.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    groups: BTreeMap<(Side, u32), Vec<Written>>,
    uppers: BTreeMap<u32, BTreeSet<u32>>,
    stamp: u64,
}

impl Reference {
    pub fn define(&mut self, side: Side, group: GroupId, members: &[Member]) {
        self.groups.remove(&(side, group.0));
        members.iter().for_each(|member| self.join(side, group, *member));
    }

    pub fn join(&mut self, side: Side, group: GroupId, member: Member) {
        self.leave(side, group, member.key);
        self.stamp += 1;
        let written = Written { member, stamp: self.stamp };
        self.groups.entry((side, group.0)).or_default().push(written);
    }

    pub fn leave(&mut self, side: Side, group: GroupId, key: MapKey) {
        self.groups.entry((side, group.0)).or_default().retain(|written| written.member.key != key);
    }

    pub fn port_gone(&mut self, port: IfIndex) {
        self.groups.values_mut().for_each(|group| group.retain(|written| written.member.port != port));
        self.uppers.remove(&port.0);
        self.uppers.values_mut().for_each(|uppers| {
            uppers.remove(&port.0);
        });
    }

    pub fn add_upper(&mut self, port: IfIndex, upper: IfIndex) {
        self.uppers.entry(port.0).or_default().insert(upper.0);
    }

    pub fn uppers(&self, port: IfIndex) -> usize {
        self.uppers.get(&port.0).map_or(0, BTreeSet::len)
    }

    pub fn members(&self, side: Side, group: GroupId) -> Vec<Member> {
        let group = self.groups.get(&(side, group.0));
        group.into_iter().flatten().map(|written| written.member).collect()
    }

    /// All ports that a question leaves out.
    pub fn excluded(&self, query: &Query) -> BTreeSet<IfIndex> {
        let mut ports = BTreeSet::new();
        if let Exclude::Group(group) | Exclude::GroupAndIngress(group) = query.exclude {
            ports.extend(self.members(Side::Exclude, group).iter().map(|member| member.port));
        }
        if !matches!(query.exclude, Exclude::Nothing | Exclude::Group(_)) {
            ports.insert(query.ingress);
        }
        if query.exclude == Exclude::IngressAndUppers {
            ports.extend(self.uppers.get(&query.ingress.0).into_iter().flatten().map(|port| IfIndex(*port)));
        }
        ports
    }

    /// The definition (MCAST-P01), in the order of a design.
    pub fn delivered(&self, query: &Query, order: Order, limits: &Limits) -> Vec<IfIndex> {
        let excluded = self.excluded(query);
        let mut forward = self.groups.get(&(Side::Forward, query.forward.0)).cloned().unwrap_or_default();
        match (order, limits.form.inner()) {
            (Order::Walk, MapKind::DevmapHash) => {
                let mask = limits.slots.next_power_of_two() - 1;
                forward.sort_by_key(|written| (written.member.key.0 & mask, Reverse(written.stamp)));
            }
            (Order::Walk | Order::Keys, _) => forward.sort_by_key(|written| written.member.key),
            (Order::Ascending, _) => forward.sort_by_key(|written| written.member.port),
        }
        let mut ports: Vec<IfIndex> = forward.iter().map(|written| written.member.port).collect();
        ports.retain(|port| !excluded.contains(port));
        if order == Order::Ascending {
            ports.dedup();
        }
        ports
    }
}

/// What a design can hold and leave out, as the catalogue has it: not read from the code under test.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// Several keys for one port, in forward groups.
    pub forward_keys: bool,
    /// The same in exclude groups.
    pub exclude_keys: bool,
    /// Exclude groups at all.
    pub exclude_groups: bool,
    /// The ingress by itself, whatever is above it.
    pub ingress: bool,
    /// The ingress and those above it.
    pub uppers: bool,
    /// A group and the ingress.
    pub both: bool,
}

impl Abilities {
    pub fn of(design: Design) -> Abilities {
        let set = Abilities {
            forward_keys: false,
            exclude_keys: false,
            exclude_groups: true,
            ingress: true,
            uppers: false,
            both: true,
        };
        let maps = Abilities { forward_keys: true, exclude_keys: true, ..set };
        match design {
            Design::IndexSplit => Abilities { ingress: false, both: false, ..maps },
            Design::TwoMaps => Abilities { exclude_keys: false, ..maps },
            Design::MainlineFlags => {
                Abilities { exclude_groups: false, ingress: false, uppers: true, both: false, ..maps }
            }
            Design::Precomputed => Abilities { both: false, ..maps },
            Design::DenseBitmap | Design::Compressed | Design::SortedArrays | Design::BitStrings => set,
            Design::PruningIds => Abilities { ingress: false, both: false, ..set },
            Design::Replication => Abilities { forward_keys: true, ..set },
            Design::DevmapFilter => Abilities { exclude_keys: false, ingress: false, uppers: true, ..maps },
        }
    }

    /// Whether a question can be answered.
    pub fn can_leave_out(self, query: &Query, uppers: usize) -> bool {
        match query.exclude {
            Exclude::Nothing => true,
            Exclude::Group(_) => self.exclude_groups,
            Exclude::Ingress => self.ingress || (self.uppers && uppers == 0),
            Exclude::IngressAndUppers => self.uppers,
            Exclude::GroupAndIngress(_) => self.both && (!self.uppers || uppers == 0),
        }
    }
}

/// All designs that groups of so many ports fit, in each form that makes a difference.
pub fn all(limits: &Limits) -> Vec<(Design, Box<dyn Encoding>)> {
    let mut all = Vec::new();
    for design in Design::ALL {
        let forms: &[MapForm] = if design.has_maps() { &MapForm::ALL } else { &[MapForm::HashOfDevmapHash] };
        for form in forms {
            let mut limits =
                limits.with_form(*form).with_slots(limits.slots.max(limits.ports + 1)).with_ingress();
            if !Abilities::of(design).exclude_groups {
                limits = Limits { exclude: 0, ..limits };
            }
            match design.create(&limits) {
                Ok(encoding) => all.push((design, encoding)),
                Err(refusal) => {
                    let too_many = matches!(refusal, Refusal::Limit { what: Quantity::Ports, .. });
                    assert!(too_many, "{design}: {refusal}");
                }
            }
        }
    }
    all
}
