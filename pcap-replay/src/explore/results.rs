//! What a sweep finds out, cell by cell.

use serde::{Deserialize, Serialize};

/// One cell: a design with a workload of this size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The design, by its number in the catalogue: `D5`.
    pub design: String,
    /// Ports.
    pub ports: u32,
    /// Forward groups.
    pub groups: u32,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was built and tried.
    Built(Figures),
    /// The design cannot express the workload, or not as much of it.
    Refused {
        /// Why.
        reason: String,
    },
    /// The formula says that it takes more memory than allowed, so it was not tried.
    TooLarge {
        /// What the formula says, in bytes.
        needed: u64,
        /// What is allowed, in bytes.
        limit: u64,
    },
}

impl Outcome {
    /// The figures of a cell that was built.
    #[must_use]
    pub fn figures(&self) -> Option<&Figures> {
        match self {
            Self::Built(figures) => Some(figures),
            Self::Refused { .. } | Self::TooLarge { .. } => None,
        }
    }
}

/// What a design takes for a workload. But for [`Figures::times`] all of it is the same in every run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Members of all forward groups together.
    pub members: u64,
    /// Memory by the design's formula, in bytes: in a kernel, if its form is maps.
    pub formula_bytes: u64,
    /// Memory that it holds here, in bytes.
    pub heap_bytes: u64,
    /// How the question is put: which words stand for what is left out.
    pub asked: Asked,
    /// Frames whose delivery was compared with the difference of the two groups.
    pub checked: u64,
    /// Of a lookup, in the mean.
    pub lookup: Lookup,
    /// Of a join or leave, in the mean.
    pub change: Update,
    /// Of a bond that gains a member; none where the workload has no bonds.
    pub bond_gains: Option<Update>,
    /// Of a port that leaves all groups.
    pub port_gone: Update,
    /// Measured on this machine; absent where that was not wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
}

/// How a design is told what to leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// By the number of an exclude group.
    Group,
    /// By the ingress alone: no group is stored for it.
    Ingress,
}

/// What a lookup consists of, in the mean over the frames of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// Elementary operations: groups found, slots visited, numbers compared, words read, copies, runs of programs.
    pub ops: f64,
    /// Copies that are made, whether they leave or not.
    pub copies: f64,
    /// Runs of a program of an entry.
    pub programs: f64,
    /// Copies that leave.
    pub delivered: f64,
}

/// What an update consists of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Elements written: of maps, bitmaps or lists.
    pub writes: f64,
    /// Maps created.
    pub maps: f64,
    /// All elementary operations.
    pub ops: f64,
}

/// Measured times, in nanoseconds; the best of several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// A lookup that delivers every port one by one.
    pub lookup_nanos: f64,
    /// A lookup that ends with a mask; none for designs without one.
    pub mask_nanos: Option<f64>,
    /// A join or leave.
    pub change_nanos: f64,
}
