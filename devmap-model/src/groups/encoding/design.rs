//! The catalogue's designs by name: which there are, and how one gets each.

use super::{DenseBitmap, Encoding, IndexSplit, Limits, MainlineFlags, Refusal, SortedArrays};
use std::fmt;

/// A design of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Design {
    /// D1: the RFC's index.
    IndexSplit,
    /// D3: mainline's flags.
    MainlineFlags,
    /// D5: a bit for each port.
    DenseBitmap,
    /// D7: sorted arrays.
    SortedArrays,
}

impl Design {
    /// All that are built, in the catalogue's order.
    pub const ALL: [Design; 4] =
        [Design::IndexSplit, Design::MainlineFlags, Design::DenseBitmap, Design::SortedArrays];

    /// The catalogue's id.
    pub const fn id(self) -> &'static str {
        match self {
            Design::IndexSplit => "D1",
            Design::MainlineFlags => "D3",
            Design::DenseBitmap => "D5",
            Design::SortedArrays => "D7",
        }
    }

    /// What it is, in a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Design::IndexSplit => "index split",
            Design::MainlineFlags => "mainline flags",
            Design::DenseBitmap => "dense bitmap",
            Design::SortedArrays => "sorted arrays",
        }
    }

    /// The design with this id or name.
    pub fn from_name(name: &str) -> Option<Design> {
        Design::ALL.into_iter().find(|design| name == design.name() || name == design.id())
    }

    /// Empty groups in this design.
    ///
    /// # Errors
    /// Limits that the design cannot have.
    pub fn create(self, limits: &Limits) -> Result<Box<dyn Encoding>, Refusal> {
        Ok(match self {
            Design::IndexSplit => Box::new(IndexSplit::create(limits)?),
            Design::MainlineFlags => Box::new(MainlineFlags::create(limits)?),
            Design::DenseBitmap => Box::new(DenseBitmap::create(limits)?),
            Design::SortedArrays => Box::new(SortedArrays::create(limits)?),
        })
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.id())
    }
}
