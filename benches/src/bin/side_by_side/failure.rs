//! What ends the command early.

use std::fmt::Display;

use thiserror::Error;
use xdpsim_oracle::need::Need;

/// Why there is no table.
#[derive(Debug, Error)]
pub enum Failure {
    /// This machine or user can't measure.
    #[error("needs {}: run it as root, on a kernel with BPF", names(.0))]
    Missing(Vec<Need>),
    /// Something was refused, by the kernel or by the model.
    #[error("{what}: {why}")]
    Refused {
        /// What was tried.
        what: String,
        /// The answer.
        why: String,
    },
    /// A side did not do what the row says.
    #[error("{side}, {row}: {what}")]
    Differs {
        /// Kernel or model.
        side: &'static str,
        /// The row.
        row: String,
        /// Where, what was expected, what was seen.
        what: String,
    },
}

impl Failure {
    /// What the process exits with.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(_) => 4,
            Self::Refused { .. } | Self::Differs { .. } => 1,
        }
    }
}

fn names(needs: &[Need]) -> String {
    needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Names the attempt in a result.
pub trait Tried<T> {
    /// With `what` in front of the error.
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Display> Tried<T> for Result<T, E> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|why| Failure::Refused { what: what(), why: why.to_string() })
    }
}
