//! Why a campaign ended early.

use std::fmt;

use thiserror::Error;
use xdpsim_core::BuildError;

use crate::bench::BenchError;
use crate::case::Case;

/// A case on which model and kernel differ.
#[derive(Debug)]
pub struct CaseDifference {
    /// The shortest case that was found.
    pub case: Case,
    /// Where the two part, in words.
    pub parting: String,
    /// Cases on both sides before it was found.
    pub cases: u64,
    /// The campaign's seed.
    pub seed: u64,
}

impl fmt::Display for CaseDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cases, seed) = (self.cases, self.seed);
        writeln!(f, "model and kernel differ after {cases} cases (seed {seed}); the shortest case:")?;
        f.write_str(&self.parting)
    }
}

/// Why a campaign ended early.
#[derive(Debug, Error)]
pub enum DataFailure {
    /// The two sides differ.
    #[error("{0}")]
    Difference(Box<CaseDifference>),
    /// The model contradicts itself: its two paths differ.
    #[error(
        "the model's fast path and its frame-by-frame path differ after {cases} cases (seed {seed}): {what}"
    )]
    Paths {
        /// Cases before.
        cases: u64,
        /// The campaign's seed.
        seed: u64,
        /// The first of both that differs.
        what: String,
    },
    /// The bench gave up.
    #[error("the bench: {0}")]
    Bench(#[from] BenchError),
    /// A case that the model can't build.
    #[error("a case that cannot be built: {0}")]
    Build(#[from] BuildError),
    /// No case could be drawn.
    #[error("no case can be drawn: {0}")]
    Draw(String),
}

impl DataFailure {
    /// The same, so many cases later.
    #[must_use]
    pub(super) fn after(mut self, before: u64) -> Self {
        match &mut self {
            Self::Difference(difference) => difference.cases += before,
            Self::Paths { cases, .. } => *cases += before,
            Self::Bench(_) | Self::Build(_) | Self::Draw(_) => {}
        }
        self
    }
}
