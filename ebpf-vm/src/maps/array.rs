//! ARRAY and PERCPU_ARRAY: every index is there from the start, and stays.

use xdpsim_devmap::Errno;

use super::values::{Caller, Values};
use super::{UPDATE_EXIST, UPDATE_LOCK, UPDATE_NOEXIST};
use crate::memory::Slab;

/// An array; slots are indices.
#[derive(Clone, Debug)]
pub(super) struct Array {
    pub len: u32,
    pub values: Values,
}

impl Array {
    /// The slot of an index, if the array is that long.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let index = index(key);
        (index < self.len).then_some(index)
    }

    pub fn update(
        &self,
        slab: &mut Slab,
        key: &[u8],
        value: &[u8],
        flags: u64,
        caller: Caller,
    ) -> Result<(), Errno> {
        if flags & !UPDATE_LOCK > UPDATE_EXIST {
            return Err(Errno::EINVAL);
        }
        let slot = self.find(key).ok_or(Errno::E2BIG)?;
        if flags & UPDATE_NOEXIST != 0 {
            return Err(Errno::EEXIST);
        }
        if flags & UPDATE_LOCK != 0 && !self.values.has_lock() {
            return Err(Errno::EINVAL);
        }
        self.values.write(slab, slot, value, caller);
        Ok(())
    }
}

/// A key of 4 bytes as an index.
pub(super) fn index(key: &[u8]) -> u32 {
    key.first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes))
}

/// The index after a key's, as `get_next_key` of all arrays has it: 0 after one that is too large.
pub(super) fn next_index(len: u32, key: Option<&[u8]>) -> Result<u32, Errno> {
    match key.map(index) {
        None => Ok(0),
        Some(index) if index >= len => Ok(0),
        Some(index) if index == len - 1 => Err(Errno::ENOENT),
        Some(index) => Ok(index + 1),
    }
}
