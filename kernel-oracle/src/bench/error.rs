//! Why a house can't be built or a case can't be played: never a difference, always something to repair.

use xdpsim_devmap::Errno;

use crate::bpf::BpfError;
use crate::compile::CompileError;
use crate::net::NetError;
use crate::trace::TraceError;

/// What kept a case from being played.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Networking refused something that the bench needs.
    #[error("the bench could not {0}")]
    Net(#[from] NetError),
    /// bpf(2) refused something that the bench needs.
    #[error("{what}: {source}")]
    Bpf {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        source: BpfError,
    },
    /// The tracepoints could not be recorded.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A program of the case does not exist in the kernel.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The house has something that can't be built out of veths, bridges and macvlans.
    #[error("port `{port}` can't be built: {why}")]
    Port {
        /// The port.
        port: String,
        /// What stands in the way, and what would do instead.
        why: String,
    },
    /// The case has something that the bench does not do.
    #[error("the case can't be played: {0}")]
    Case(String),
    /// An operation failed with a number that the model does not know.
    #[error("{what} failed with errno {number}, which `xdpsim_devmap::Errno` does not have")]
    Errno {
        /// What was tried.
        what: String,
        /// The number.
        number: i32,
    },
    /// The kernel's softirqs do not come to rest.
    #[error("a marker frame did not arrive within {0:?}: softirqs are stuck, or the CPU is starved")]
    Restless(std::time::Duration),
}

impl BenchError {
    /// A house that can't be.
    pub(super) fn port(port: &str, why: impl Into<String>) -> Self {
        Self::Port { port: port.to_owned(), why: why.into() }
    }
}

/// Names the attempt in a result of bpf(2).
pub(super) trait Tried<T> {
    /// With `what` in front of the error.
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, BenchError>;
}

impl<T> Tried<T> for Result<T, BpfError> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, BenchError> {
        self.map_err(|source| BenchError::Bpf { what: what(), source })
    }
}

/// What an operation of the case answered: an errno of the model's is an answer, any other an error.
pub(super) fn answer(
    number: Result<(), i32>,
    what: impl FnOnce() -> String,
) -> Result<Result<(), Errno>, BenchError> {
    match number {
        Ok(()) => Ok(Ok(())),
        Err(number) => match Errno::from_number(number) {
            Some(errno) => Ok(Err(errno)),
            None => Err(BenchError::Errno { what: what(), number }),
        },
    }
}
