//! The RFC's index: the numbers of a forward group and of an exclude group in one helper argument.
//!
//! Owns the arithmetic and nothing else: which maps the keys lead to is the table's
//! ([`MapTable::groups`](crate::MapTable::groups)), what is done with them the engine's.
//!
//! Rules: MCAST-02 to MCAST-04, MCAST-10 to MCAST-12.

use crate::{MapId, MapKey};
use std::fmt;

/// An index into a map of groups: the forward key in the upper half, the exclude key in the lower.
///
/// Keys are not shifted (MCAST-02): forward group 1 has key 0x10000, exclude group 1 has key 1. The two lines
/// of keys meet in key 0 only, which is no special key on either (MCAST-10, MCAST-11).
///
/// ```
/// use xdpsim_devmap::{GroupIndex, MapKey};
/// let index = GroupIndex::from_argument(0x0001_0001);
/// assert_eq!((index.forward(), index.exclude()), (MapKey(0x1_0000), MapKey(1)));
/// assert_eq!(GroupIndex::of_groups(1, 1), index);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupIndex(pub u32);

impl GroupIndex {
    /// The bits of the forward key.
    pub const FORWARD: u32 = 0xffff_0000;

    /// The index that a helper's argument is: its low 32 bits (MCAST-04).
    #[inline]
    pub const fn from_argument(index: u64) -> GroupIndex {
        GroupIndex(index as u32)
    }

    /// The index that means "to group `forward`, but not to group `exclude`", by their numbers.
    #[inline]
    pub const fn of_groups(forward: u16, exclude: u16) -> GroupIndex {
        GroupIndex((forward as u32) << 16 | exclude as u32)
    }

    /// The key of the forward group: a multiple of 0x10000.
    #[inline]
    pub const fn forward(self) -> MapKey {
        MapKey(self.0 & GroupIndex::FORWARD)
    }

    /// The key of the exclude group: below 0x10000.
    #[inline]
    pub const fn exclude(self) -> MapKey {
        MapKey(self.0 & !GroupIndex::FORWARD)
    }
}

impl fmt::Display for GroupIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// What the two lookups of an index found: a forward group, an exclude group, or neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupPair {
    /// The map whose entries get a copy.
    pub forward: Option<MapId>,
    /// The map whose entries get none.
    pub exclude: Option<MapId>,
}
