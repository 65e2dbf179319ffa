//! Bugs of the posted patches that no frame shows: told, never copied.
//!
//! Rules: MCAST-06, MCAST-08, MCAST-17, MCAST-45, MCAST-46.

use xdpsim_devmap::rule::{self, RuleId};

/// A bug that the posted code would have hit here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// RFC v1: the helper gives the number of the forward key where a pointer to it is wanted. Told once a
    /// run.
    KeyAsPointer,
    /// RFC v1: the forward group went between helper and enqueue, and nobody looks.
    GroupGone,
    /// RFC v1: the original is neither sent nor freed.
    OriginalLeaked,
    /// v2: the same in the series with two maps.
    MultiOriginalLeaked,
    /// v3 and v4: clones are made of an original that is queued already, and that a flush may have freed.
    CloneOfQueued,
    /// v3 to v20: nobody is left, and the original is neither queued nor freed.
    NobodyLeaked,
    /// v3 to v20: a clone failed, and the original is freed twice.
    FreedTwice,
}

impl Bug {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::KeyAsPointer,
        Self::GroupGone,
        Self::OriginalLeaked,
        Self::MultiOriginalLeaked,
        Self::CloneOfQueued,
        Self::NobodyLeaked,
        Self::FreedTwice,
    ];

    /// The event's name: `rfc_bug` for v1, `mcast_bug` for the later versions.
    #[must_use]
    pub const fn event_name(self) -> &'static str {
        match self {
            Self::KeyAsPointer | Self::GroupGone | Self::OriginalLeaked => "rfc_bug",
            _ => "mcast_bug",
        }
    }

    /// The rule of the catalogue.
    #[must_use]
    pub const fn rule(self) -> RuleId {
        match self {
            Self::KeyAsPointer => rule::MCAST_06,
            Self::GroupGone => rule::MCAST_08,
            Self::OriginalLeaked => rule::MCAST_17,
            Self::MultiOriginalLeaked | Self::CloneOfQueued => rule::MCAST_45,
            Self::NobodyLeaked | Self::FreedTwice => rule::MCAST_46,
        }
    }

    /// What the posted code does.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::KeyAsPointer => "the helper reads the forward key through its own number as an address",
            Self::GroupGone => "the walk goes through a null pointer: the forward group is gone",
            Self::OriginalLeaked | Self::MultiOriginalLeaked => "the original is neither sent nor freed",
            Self::CloneOfQueued => "clones are made of an original that is queued already and may be freed",
            Self::NobodyLeaked => "nobody is left, and the original is neither queued nor freed",
            Self::FreedTwice => "a clone failed, and the original is freed twice",
        }
    }
}
