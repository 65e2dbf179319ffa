//! The catalogue's designs by name: which there are, how one gets each, and what it would take.

use super::{
    BitStrings, Compressed, DenseBitmap, DevmapFilter, Encoding, IndexSplit, Limits, MainlineFlags,
    Precomputed, PruningIds, Refusal, Replication, SortedArrays, TwoMaps,
};
use std::fmt;

/// A design of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Design {
    /// D1: the RFC's index.
    IndexSplit,
    /// D2: two maps.
    TwoMaps,
    /// D3: mainline's flags.
    MainlineFlags,
    /// D4: a map for every difference.
    Precomputed,
    /// D5: a bit for each port.
    DenseBitmap,
    /// D6: compressed bitmaps.
    Compressed,
    /// D7: sorted arrays.
    SortedArrays,
    /// D8: a replication engine with pruning ids.
    PruningIds,
    /// D9: a replication engine without.
    Replication,
    /// D10: bit strings in the packet.
    BitStrings,
    /// D15: a program of each entry that drops copies.
    DevmapFilter,
}

impl Design {
    /// All that are built, in the catalogue's order.
    pub const ALL: [Design; 11] = [
        Design::IndexSplit,
        Design::TwoMaps,
        Design::MainlineFlags,
        Design::Precomputed,
        Design::DenseBitmap,
        Design::Compressed,
        Design::SortedArrays,
        Design::PruningIds,
        Design::Replication,
        Design::BitStrings,
        Design::DevmapFilter,
    ];

    /// The catalogue's id.
    pub const fn id(self) -> &'static str {
        match self {
            Design::IndexSplit => "D1",
            Design::TwoMaps => "D2",
            Design::MainlineFlags => "D3",
            Design::Precomputed => "D4",
            Design::DenseBitmap => "D5",
            Design::Compressed => "D6",
            Design::SortedArrays => "D7",
            Design::PruningIds => "D8",
            Design::Replication => "D9",
            Design::BitStrings => "D10",
            Design::DevmapFilter => "D15",
        }
    }

    /// What it is, in a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Design::IndexSplit => "index split",
            Design::TwoMaps => "two maps",
            Design::MainlineFlags => "mainline flags",
            Design::Precomputed => "precomputed differences",
            Design::DenseBitmap => "dense bitmap",
            Design::Compressed => "compressed bitmap",
            Design::SortedArrays => "sorted arrays",
            Design::PruningIds => "pruning ids",
            Design::Replication => "replication and filter",
            Design::BitStrings => "bit strings",
            Design::DevmapFilter => "devmap-program filter",
        }
    }

    /// The design with this id or name.
    pub fn from_name(name: &str) -> Option<Design> {
        Design::ALL.into_iter().find(|design| name == design.name() || name == design.id())
    }

    /// Whether the groups are maps, so that the limits' form and slots count.
    pub const fn has_maps(self) -> bool {
        use Design::*;
        matches!(self, IndexSplit | TwoMaps | MainlineFlags | Precomputed | DevmapFilter)
    }

    /// Empty groups in this design.
    ///
    /// # Errors
    /// Limits that the design cannot have.
    pub fn create(self, limits: &Limits) -> Result<Box<dyn Encoding>, Refusal> {
        Ok(match self {
            Design::IndexSplit => Box::new(IndexSplit::create(limits)?),
            Design::TwoMaps => Box::new(TwoMaps::create(limits)?),
            Design::MainlineFlags => Box::new(MainlineFlags::create(limits)?),
            Design::Precomputed => Box::new(Precomputed::create(limits)?),
            Design::DenseBitmap => Box::new(DenseBitmap::create(limits)?),
            Design::Compressed => Box::new(Compressed::create(limits)?),
            Design::SortedArrays => Box::new(SortedArrays::create(limits)?),
            Design::PruningIds => Box::new(PruningIds::create(limits)?),
            Design::Replication => Box::new(Replication::create(limits)?),
            Design::BitStrings => Box::new(BitStrings::create(limits)?),
            Design::DevmapFilter => Box::new(DevmapFilter::create(limits)?),
        })
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.id())
    }
}
