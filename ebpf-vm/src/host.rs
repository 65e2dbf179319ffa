//! The door to helpers: what a program calls by number, and what the one who answers may do.
//!
//! The engine knows no helper. It hands number, arguments and memory to the [`Host`], and does what the
//! [`Outcome`] says: go on with a result, continue in another program (a tail call), or run a function of
//! the program first (`bpf_loop`, `bpf_for_each_map_elem`). Hosts are a type parameter of the engine, so
//! a call costs no indirection.

use std::fmt;

use crate::fault::HelperFault;
use crate::helpers::{MapSet, names};
use crate::load::MISSING_KFUNC;
use crate::memory::{MapIdx, Memory};

/// A helper's number (`enum bpf_func_id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HelperId(pub u32);

impl fmt::Display for HelperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match names::name(self.0) {
            Some(name) => write!(f, "bpf_{name}() (helper {})", self.0),
            None if self.0 == MISSING_KFUNC => f.write_str("a weak kernel function (kfunc)"),
            None => write!(f, "helper {}", self.0),
        }
    }
}

/// A program's place in the table that an engine runs from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgIdx(pub u32);

/// A call as the program made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelperCall {
    /// Which helper.
    pub id: HelperId,
    /// R1 to R5. What a helper does not take holds whatever was there.
    pub args: [u64; 5],
    /// The program that calls.
    pub prog: ProgIdx,
    /// The calling instruction, in slots from the program's start.
    pub pc: u32,
}

/// What happens after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// R0 gets the result and the program goes on.
    Return(u64),
    /// The program goes on and R0 stays: a tail call that found nothing.
    Unchanged,
    /// A tail call: the current function ends here and this program takes its place. The engine counts
    /// them; beyond [`crate::interp::MAX_TAIL_CALLS`] the call is as one that found nothing.
    TailCall(ProgIdx),
    /// A function of the calling program runs, then [`Host::resume`] is asked.
    Callback(Callback),
}

/// A function of the program that a helper wants to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Its address, as the helper got it: see [`crate::memory::function_address`].
    pub function: u64,
    /// Its R1 to R5.
    pub args: [u64; 5],
    /// What [`Host::resume`] gets back: how far the helper has come.
    pub state: u64,
}

/// Answers helper calls.
///
/// ```
/// use xdpsim_vm::{HelperCall, HelperFault, HelperId, Host, Memory, Outcome};
///
/// /// Knows `bpf_get_smp_processor_id()` alone.
/// struct OneCpu;
///
/// impl Host for OneCpu {
///     fn call(&mut self, call: &HelperCall, _: &mut Memory) -> Result<Outcome, HelperFault> {
///         match call.id {
///             HelperId(8) => Ok(Outcome::Return(0)),
///             _ => Err(HelperFault::Unknown),
///         }
///     }
/// }
/// ```
pub trait Host {
    /// Answers a call.
    ///
    /// # Errors
    /// What ends the run: the helper is unknown, or an argument is not what it takes. A helper that fails
    /// as the kernel's does *returns* its negative errno.
    fn call(&mut self, call: &HelperCall, memory: &mut Memory) -> Result<Outcome, HelperFault>;

    /// `bpf_map_lookup_elem()` in a map that is named in the program: what [`Host::call`] answers, or its fault. A short
    /// cut for engines, which a host need not have: none means that the long way is to be taken, and that nothing
    /// has happened yet.
    fn lookup(&mut self, map: MapIdx, key: u64, memory: &Memory) -> Option<Result<u64, HelperFault>> {
        _ = (map, key, memory);
        None
    }

    /// The same, for what is found at a glance. None means that [`Host::lookup`] is to be asked.
    fn quick_lookup(&mut self, map: MapIdx, key: u64, memory: &Memory) -> Option<u64> {
        _ = (map, key, memory);
        None
    }

    /// The maps, of a host that answers lookups from them as [`crate::helpers::Helpers`] does: then an engine may look
    /// up by itself. None means that it always has to ask.
    fn maps(&mut self) -> Option<&mut MapSet> {
        None
    }

    /// The CPU that a run is on, for lookups of an engine in [`Host::maps`].
    fn cpu(&self) -> u16 {
        0
    }

    /// What [`Host::lookup`] is, for `bpf_redirect_map()`.
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> Option<u64> {
        _ = (map, key, flags);
        None
    }

    /// A callback of `call` has returned `r0`; `state` is the [`Callback::state`] that it was given.
    /// Only hosts that return [`Outcome::Callback`] are asked.
    ///
    /// # Errors
    /// As for [`Host::call`].
    fn resume(
        &mut self,
        call: &HelperCall,
        state: u64,
        r0: u64,
        memory: &mut Memory,
    ) -> Result<Outcome, HelperFault> {
        _ = (call, state, r0, memory);
        Err(HelperFault::Unknown)
    }
}

/// A host without helpers: every call is a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoHelpers;

impl Host for NoHelpers {
    fn call(&mut self, _: &HelperCall, _: &mut Memory) -> Result<Outcome, HelperFault> {
        Err(HelperFault::Unknown)
    }
}
