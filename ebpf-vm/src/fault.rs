//! Faults: what a program did that no program may do, where, and with which registers.
//!
//! A fault ends a run; the frame counts as ABORTED. What the kernel's verifier would have refused at load
//! shows here at the instruction that does it. A helper's negative errno is no fault.

use std::fmt;

use crate::host::{HelperId, ProgIdx};
use crate::memory::Region;

/// An access to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The first byte's address.
    pub addr: u64,
    /// How many bytes.
    pub len: u32,
    /// A store, or an atomic operation.
    pub write: bool,
}

/// Why an access was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Outside of the region that its address names, in whole or in part.
    OutOfBounds,
    /// A write to the context, to read-only data or to a map that programs may only read.
    ReadOnly,
    /// Address 0, or near it: a map value that was not found and not tested for null.
    Null,
    /// Below the stack's end: of one function, or of all that are active together.
    StackOverflow,
    /// A map handle or a function is no memory.
    NotMemory,
    /// An atomic operation at an address that is not a multiple of its width.
    Misaligned,
}

/// An access that was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The access.
    pub access: Access,
    /// Why.
    pub why: Why,
    /// What its address names, with the bounds that it has; none if there is no such segment.
    pub region: Option<Region>,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Access { addr, len, write } = self.access;
        let verb = if write { "write" } else { "read" };
        write!(f, "{verb} of {len} bytes at {addr:#x}: ")?;
        let Some(region) = self.region else { return f.write_str("there is no memory at this address") };
        match self.why {
            Why::OutOfBounds => write!(f, "outside of {region}"),
            Why::ReadOnly => write!(f, "{region} may only be read"),
            Why::Null => f.write_str("a null pointer: test what a lookup returned before using it"),
            Why::StackOverflow => write!(f, "below the stack, which has 512 bytes for all active functions"),
            Why::NotMemory => write!(f, "{region} can be passed to helpers, not read or written"),
            Why::Misaligned => write!(f, "an atomic operation needs an address that is a multiple of {len}"),
        }
    }
}

/// Why a helper call ended the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelperFault {
    /// There is no such helper.
    Unknown,
    /// An argument points to memory that the helper may not use so.
    Denied(Denied),
    /// An argument is not what the helper takes: 1 to 5, and what was expected.
    Argument {
        /// Which, 1 to 5.
        number: u8,
        /// What the helper takes there.
        expected: &'static str,
    },
    /// Something else that the verifier would have refused.
    Misuse(&'static str),
}

impl From<Denied> for HelperFault {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A load, store or atomic operation.
    Access(Denied),
    /// A call of a helper.
    Helper(HelperId, HelperFault),
    /// A call beyond the eighth active function.
    CallDepth,
    /// A tail call from a function whose callers use 256 bytes of stack or more.
    TailCallStack {
        /// How much they use.
        bytes: u32,
    },
    /// A callback or tail call whose target does not exist.
    NoSuchFunction {
        /// Address of the function, or number of the program.
        target: u64,
    },
    /// More work than the run may do.
    Budget {
        /// Instructions that it might execute.
        limit: u64,
    },
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(denied) => denied.fmt(f),
            Self::Helper(id, HelperFault::Unknown) => write!(f, "{id} does not exist here"),
            Self::Helper(id, HelperFault::Denied(denied)) => write!(f, "{id}: {denied}"),
            Self::Helper(id, HelperFault::Argument { number, expected }) => {
                write!(f, "{id}: argument {number} is not {expected}")
            }
            Self::Helper(id, HelperFault::Misuse(what)) => write!(f, "{id}: {what}"),
            Self::CallDepth => f.write_str("a ninth active function: the call depth is limited to 8"),
            Self::TailCallStack { bytes } => {
                write!(f, "a tail call while callers use {bytes} bytes of stack: it must be less than 256")
            }
            Self::NoSuchFunction { target } => write!(f, "{target:#x} is no function of this program"),
            Self::Budget { limit } => {
                write!(f, "not finished after {limit} instructions: an endless loop, or raise the limit")
            }
        }
    }
}

/// A fault with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// The program that did it: another than was started, after a tail call.
    pub prog: ProgIdx,
    /// The instruction, in slots of 8 bytes from the program's start.
    pub pc: u32,
    /// R0 to R10 before it.
    pub regs: [u64; 11],
    /// How many functions were active, 1 or more.
    pub depth: u32,
}

impl Fault {
    /// The access, if that is what went wrong.
    #[must_use]
    pub fn access(&self) -> Option<Denied> {
        match self.kind {
            FaultKind::Access(denied) | FaultKind::Helper(_, HelperFault::Denied(denied)) => Some(denied),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {}: {}", self.pc, self.kind)
    }
}

impl std::error::Error for Fault {}
