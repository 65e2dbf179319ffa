//! The short way of a program's lookup: for the usual maps, and keys on the stack.

use xdpsim_devmap::CpuId;

use super::{Caller, Holds, Map};
use crate::memory::Memory;

impl Map {
    /// What [`Map::lookup`] answers for the key at an address, if that is found at a glance: the slab's slot, or that
    /// there is none. None means that nothing has happened yet.
    #[inline]
    pub(crate) fn quick_lookup(&mut self, key: u64, memory: &Memory, cpu: CpuId) -> Option<Option<u32>> {
        let element = match (&mut self.holds, self.spec.key_size) {
            (Holds::Array(array), _) => array.find(memory.key::<4>(key)?),
            (Holds::Hash, 4) => self.hash.find_sized(memory.key::<4>(key)?, Caller::Program(cpu)),
            (Holds::Hash, 8) => self.hash.find_sized(memory.key::<8>(key)?, Caller::Program(cpu)),
            (Holds::Hash, 16) => self.hash.find_sized(memory.key::<16>(key)?, Caller::Program(cpu)),
            (Holds::Lpm(lpm), 8) => lpm.find_ipv4(memory.key::<8>(key)?),
            _ => return None,
        };
        Some(element.map(|element| self.values.slot(element, cpu)))
    }
}
