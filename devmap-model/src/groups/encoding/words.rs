//! The words in which encodings are asked: groups, members, questions, limits.
//!
//! Ports are interface indexes from 1. Groups are numbered from 1 on either side: number 0 is no group, because the
//! RFC's index has one key 0 for both sides (MCAST-12).
//!
//! Rules: MCAST-12, MCAST-18, MCAST-55.

use crate::{IfIndex, MapKey, MapKind};
use std::fmt;

/// The number of a group, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a group is for. Both sides have numbers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Its ports get a copy.
    Forward,
    /// Its ports get none.
    Exclude,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Forward => "forward",
            Side::Exclude => "exclude",
        })
    }
}

/// A port in a group, under a key of the group.
///
/// A key holds one port; a port can be under several keys, and then gets several copies (MCAST-18). Designs without
/// keys take a port under its own number only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Where in the group.
    pub key: MapKey,
    /// The port.
    pub port: IfIndex,
}

impl Member {
    /// A port under its own number.
    pub const fn of(port: IfIndex) -> Member {
        Member { key: MapKey(port.0), port }
    }

    /// A port under any key.
    pub const fn at(key: MapKey, port: IfIndex) -> Member {
        Member { key, port }
    }

    /// Whether the key is the port's own number.
    pub const fn is_own_key(self) -> bool {
        self.key.0 == self.port.0
    }
}

impl From<IfIndex> for Member {
    fn from(port: IfIndex) -> Member {
        Member::of(port)
    }
}

/// Which ports of the forward group get no copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exclude {
    /// None.
    Nothing,
    /// Those of an exclude group; of a group that was never defined: none (MCAST-09).
    Group(GroupId),
    /// The port on which the frame came in, and no other.
    Ingress,
    /// That port and the devices directly above it, as mainline's BPF_F_EXCLUDE_INGRESS has it (BRD-08).
    IngressAndUppers,
    /// Those of an exclude group, and the port on which the frame came in (MCAST-42).
    GroupAndIngress(GroupId),
}

impl Exclude {
    /// The stored group, and whether the ingress counts; `None` for what needs knowledge of upper devices.
    #[inline]
    pub const fn parts(self) -> Option<(Option<GroupId>, bool)> {
        match self {
            Exclude::Nothing => Some((None, false)),
            Exclude::Group(group) => Some((Some(group), false)),
            Exclude::Ingress => Some((None, true)),
            Exclude::GroupAndIngress(group) => Some((Some(group), true)),
            Exclude::IngressAndUppers => None,
        }
    }
}

impl fmt::Display for Exclude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exclude::Nothing => f.write_str("nothing"),
            Exclude::Group(group) => write!(f, "exclude group {group}"),
            Exclude::Ingress => f.write_str("the ingress"),
            Exclude::IngressAndUppers => f.write_str("the ingress and its upper devices"),
            Exclude::GroupAndIngress(group) => write!(f, "exclude group {group} and the ingress"),
        }
    }
}

/// One question: who gets a copy?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// The forward group; one that was never defined is empty.
    pub forward: GroupId,
    /// Who is left out.
    pub exclude: Exclude,
    /// The port on which the frame came in.
    pub ingress: IfIndex,
}

/// A bond, as an encoding has to know it (MCAST-55).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bond {
    /// The bond device.
    pub device: IfIndex,
    /// The exclude group that stands for all its members.
    pub exclude: GroupId,
}

/// The order in which an encoding delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// As a broadcast walks the forward group's map, with repeats (BRD-02, BRD-03).
    Walk,
    /// By rising key, with repeats.
    Keys,
    /// By rising port number, each port once.
    Ascending,
}

/// Of which kinds the containing map and the groups in it are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapForm {
    /// An array of DEVMAPs, "aa".
    ArrayOfDevmap,
    /// An array of DEVMAP_HASHes, "ah".
    ArrayOfDevmapHash,
    /// A hash of DEVMAPs, "ha".
    HashOfDevmap,
    /// A hash of DEVMAP_HASHes, "hh".
    HashOfDevmapHash,
}

impl MapForm {
    /// All four.
    pub const ALL: [MapForm; 4] = [
        MapForm::ArrayOfDevmap,
        MapForm::ArrayOfDevmapHash,
        MapForm::HashOfDevmap,
        MapForm::HashOfDevmapHash,
    ];

    /// The kind of the map of maps.
    pub const fn containing(self) -> MapKind {
        match self {
            MapForm::ArrayOfDevmap | MapForm::ArrayOfDevmapHash => MapKind::ArrayOfMaps,
            MapForm::HashOfDevmap | MapForm::HashOfDevmapHash => MapKind::HashOfMaps,
        }
    }

    /// The kind of a group.
    pub const fn inner(self) -> MapKind {
        match self {
            MapForm::ArrayOfDevmap | MapForm::HashOfDevmap => MapKind::Devmap,
            MapForm::ArrayOfDevmapHash | MapForm::HashOfDevmapHash => MapKind::DevmapHash,
        }
    }
}

/// What an encoding is created for. More is refused later; memory that is taken in advance follows from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The highest port number.
    pub ports: u32,
    /// Forward groups are numbered 1 to this.
    pub forward: u32,
    /// Exclude groups are numbered 1 to this.
    pub exclude: u32,
    /// `max_entries` of a group, in designs whose groups are maps: of a DEVMAP the first key that is out of range.
    pub slots: u32,
    /// The kinds of maps, in designs that have maps.
    pub form: MapForm,
    /// Whether [`Exclude::Ingress`] will be asked: precomputed differences are computed for it, or not.
    pub ingress: bool,
    /// How many pairs of forward and exclude set are precomputed at most.
    pub pairs: u32,
}

impl Limits {
    /// So many ports and groups, in a hash of DEVMAP_HASHes with room for every port once.
    pub const fn new(ports: u32, forward: u32, exclude: u32) -> Limits {
        let pairs = forward.saturating_mul(exclude.saturating_add(1));
        let form = MapForm::HashOfDevmapHash;
        Limits { ports, forward, exclude, slots: ports, form, ingress: false, pairs }
    }

    /// The same with maps of these kinds, and room for every port under its own number.
    #[must_use]
    pub const fn with_form(self, form: MapForm) -> Limits {
        let slots = match form.inner() {
            MapKind::Devmap => self.ports.saturating_add(1),
            _ => self.ports,
        };
        Limits { form, slots, ..self }
    }

    /// The same with this `max_entries` of a group.
    #[must_use]
    pub const fn with_slots(self, slots: u32) -> Limits {
        Limits { slots, ..self }
    }

    /// The same, and [`Exclude::Ingress`] will be asked, by any of the ports.
    #[must_use]
    pub const fn with_ingress(self) -> Limits {
        let each = self.exclude.saturating_add(1).saturating_add(self.ports);
        Limits { ingress: true, pairs: self.forward.saturating_mul(each), ..self }
    }

    /// The same with this many precomputed pairs.
    #[must_use]
    pub const fn with_pairs(self, pairs: u32) -> Limits {
        Limits { pairs, ..self }
    }

    /// How many groups a side has.
    pub const fn groups(&self, side: Side) -> u32 {
        match side {
            Side::Forward => self.forward,
            Side::Exclude => self.exclude,
        }
    }
}
