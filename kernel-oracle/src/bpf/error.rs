//! What a call of bpf(2) can fail with.

use std::io;

use thiserror::Error;
use xdpsim_devmap::Errno;

/// A refused call: which, and the kernel's number. Small and without allocation, as campaigns make
/// hundreds of thousands of them on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{command} failed: {}", io::Error::from_raw_os_error(*number))]
pub struct BpfError {
    /// The command as the kernel's header spells it.
    pub command: &'static str,
    /// The positive error number.
    pub number: i32,
}

impl BpfError {
    /// The number as the model's errno, if the model has it.
    #[must_use]
    pub fn errno(self) -> Option<Errno> {
        Errno::from_number(self.number)
    }
}

impl From<BpfError> for io::Error {
    fn from(error: BpfError) -> Self {
        io::Error::from_raw_os_error(error.number)
    }
}

/// A program that the kernel didn't take.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("program `{name}` was not loaded: {error}; {}", self.said())]
pub struct LoadError {
    /// The program's name.
    pub name: String,
    /// The refusal.
    pub error: BpfError,
    /// What the verifier wrote; empty if it refused before the verifier ran.
    pub log: String,
}

impl LoadError {
    fn said(&self) -> String {
        match self.log.trim() {
            "" => "the verifier wrote nothing, so look at the type, attach type, flags and maps".to_owned(),
            log => format!("the verifier wrote:\n{log}"),
        }
    }
}
