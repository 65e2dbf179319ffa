//! Deliberate faults of the maps: each breaks one rule, so that tests can be judged.
//!
//! Only with the feature `mutations`; without it [`MapMutations::has`] is the constant `false`.

use bitflags::bitflags;

bitflags! {
    /// A set of deliberate faults.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MapMutations: u8 {
        /// A broadcast walks a hash map by ascending key (BRD-03).
        const HASH_ASCENDING = 1 << 0;
        /// An entry of a hash map that is written again keeps its place (BRD-03).
        const HASH_UPDATE_STAYS = 1 << 1;
        /// `BPF_EXIST` on an absent key of a hash map fails, as a reader of the manual would expect (MAP-04).
        const HASH_EXIST_NEEDS_KEY = 1 << 2;
        /// A map that has lost its last entry has no owner any more (MAP-07).
        const OWNER_NOT_STICKY = 1 << 3;
    }
}

impl MapMutations {
    /// Is this fault planted?
    #[inline(always)]
    #[must_use]
    pub const fn has(self, fault: Self) -> bool {
        cfg!(feature = "mutations") && self.contains(fault)
    }
}
