//! `bpf_spin_lock()` and `bpf_spin_unlock()`: with one CPU at a time nobody waits, but the rules are checked.
//!
//! The verifier's: one lock at a time, no other helper while it is held, and it is given back before the program
//! ends. A lock's bytes stay 0.

use super::{Helpers, World, id};
use crate::fault::{Fault, FaultKind, HelperFault};
use crate::host::{HelperCall, HelperId};
use crate::maps::Map;
use crate::memory::{Memory, RegionKind};

impl<W: World> Helpers<'_, W> {
    /// Refuses what may not be called while a lock is held.
    #[inline]
    pub(super) fn callable(&self, helper: HelperId) -> Result<(), HelperFault> {
        match self.lock {
            None => Ok(()),
            Some(_) if helper == id::SPIN_UNLOCK => Ok(()),
            Some(_) if helper == id::SPIN_LOCK => {
                Err(HelperFault::Misuse("a lock is held already, and there can be only one: unlock it first"))
            }
            Some(_) => Err(HelperFault::Misuse(
                "a spin lock is held, and nothing may be called then: unlock it first",
            )),
        }
    }

    pub(super) fn spin_lock(&mut self, call: &HelperCall, memory: &Memory) -> Result<u64, HelperFault> {
        self.lock_argument(call.args[0], memory)?;
        self.lock = Some(*call);
        Ok(0)
    }

    pub(super) fn spin_unlock(&mut self, call: &HelperCall, memory: &Memory) -> Result<u64, HelperFault> {
        self.lock_argument(call.args[0], memory)?;
        match self.lock.take() {
            None => Err(HelperFault::Misuse("no lock is held: lock it first, on every path")),
            Some(held) if held.args[0] != call.args[0] => {
                Err(HelperFault::Misuse("another lock is held than this one: unlock the one that was locked"))
            }
            Some(_) => Ok(0),
        }
    }

    fn lock_argument(&mut self, addr: u64, memory: &Memory) -> Result<(), HelperFault> {
        let expected = "a struct bpf_spin_lock in a map's value";
        let no_lock = HelperFault::Argument { number: 1, expected };
        let Some(region) = memory.region(addr) else { return Err(no_lock) };
        let RegionKind::Value { map, .. } = region.kind else { return Err(no_lock) };
        let lock = self.maps.own(map).and_then(|map| Map::lock(map)).ok_or(no_lock)?;
        if addr == region.lo + u64::from(lock) { Ok(()) } else { Err(no_lock) }
    }

    /// What is wrong at a program's end: a lock that it still holds. The fault is at the call that took it.
    ///
    /// # Errors
    /// That fault.
    #[inline]
    pub fn finish(&self) -> Result<(), Box<Fault>> {
        match &self.lock {
            None => Ok(()),
            Some(held) => Err(never_unlocked(held)),
        }
    }
}

#[cold]
fn never_unlocked(held: &HelperCall) -> Box<Fault> {
    let what = HelperFault::Misuse("the program ended while it held this lock: unlock it on every path");
    let mut regs = [0; 11];
    regs[1..6].copy_from_slice(&held.args);
    Box::new(Fault { kind: FaultKind::Helper(held.id, what), prog: held.prog, pc: held.pc, regs, depth: 1 })
}
