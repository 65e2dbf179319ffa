//! HASH, PERCPU_HASH and their LRU kinds.
//!
//! An LRU map that is full drops the element that was not used for longest, by second chance: a hand goes round,
//! and what a program looked up or wrote since its last turn is spared once. A kernel drops other ones, and
//! often several at a time before it is full, because it keeps lists for each CPU.

use xdpsim_devmap::Errno;

use super::keys::KeyIndex;
use super::values::{Caller, Values};
use super::{UPDATE_EXIST, UPDATE_LOCK, UPDATE_NOEXIST};
use crate::memory::Slab;

/// A hash. Code that the JIT has made looks keys up in it by itself, as [`Hash::find`] does for a program.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Hash {
    pub keys: KeyIndex,
    /// Which slots were used since the hand's last turn: 0 or 1 for each slot. Empty in maps that drop nothing.
    pub used: Box<[u8]>,
    hand: u32,
    pub values: Values,
}

impl Hash {
    pub fn new(key_size: u32, capacity: u32, values: Values, lru: bool) -> Self {
        let slots = if lru { KeyIndex::slots(capacity) as usize } else { 0 };
        Self { keys: KeyIndex::new(key_size, capacity), used: vec![0; slots].into(), hand: 0, values }
    }

    /// For a map that is none.
    pub fn none(values: Values) -> Self {
        Self { keys: KeyIndex::none(), used: Box::default(), hand: 0, values }
    }

    pub fn is_lru(&self) -> bool {
        !self.used.is_empty()
    }

    /// The element of a key. A program's lookup counts as use.
    pub fn find(&mut self, key: &[u8], caller: Caller) -> Option<u32> {
        let found = self.keys.find(key)?;
        if let Caller::Program(_) = caller {
            self.mark(found);
        }
        Some(found)
    }

    /// The same for a key of a length that the compiler knows.
    #[inline(always)]
    pub fn find_sized<const N: usize>(&mut self, key: &[u8; N], caller: Caller) -> Option<u32> {
        let found = self.keys.find_sized::<N>(key)?;
        if let Caller::Program(_) = caller {
            self.mark(found);
        }
        Some(found)
    }

    pub fn update(
        &mut self,
        slab: &mut Slab,
        key: &[u8],
        value: &[u8],
        flags: u64,
        caller: Caller,
    ) -> Result<(), Errno> {
        let lock = flags & UPDATE_LOCK != 0;
        // Only values with a lock know the flag.
        if flags & !UPDATE_LOCK > UPDATE_EXIST || lock && !self.values.has_lock() {
            return Err(Errno::EINVAL);
        }
        let flags = flags & !UPDATE_LOCK;
        let Some(found) = self.keys.find(key) else {
            return if flags == UPDATE_EXIST {
                Err(Errno::ENOENT)
            } else {
                self.insert(slab, key, value, caller)
            };
        };
        if flags == UPDATE_NOEXIST {
            return Err(Errno::EEXIST);
        }
        // An element is replaced by another one; a per-CPU one is written, and one under its lock.
        let element =
            if self.values.is_percpu() || lock { found } else { self.keys.replace(key).unwrap_or(found) };
        self.values.write(slab, element, value, caller);
        self.mark(element);
        Ok(())
    }

    fn insert(&mut self, slab: &mut Slab, key: &[u8], value: &[u8], caller: Caller) -> Result<(), Errno> {
        if self.keys.is_full() && self.is_lru() {
            self.evict();
        }
        let element = self.keys.insert(key).ok_or(Errno::E2BIG)?;
        self.values.write_new(slab, element, value, caller);
        self.mark(element);
        Ok(())
    }

    fn mark(&mut self, element: u32) {
        if let Some(used) = self.used.get_mut(element as usize) {
            *used = 1;
        }
    }

    /// Drops the first element that was not used since the hand's last turn.
    fn evict(&mut self) {
        // Two turns at most: the first one takes all marks off.
        let victim = loop {
            let Some(slot) = self.keys.used_from(self.hand) else {
                self.hand = 0;
                continue;
            };
            self.hand = slot + 1;
            if std::mem::take(&mut self.used[slot as usize]) == 0 {
                break slot;
            }
        };
        let key = self.keys.key(victim).to_vec();
        self.keys.remove(&key);
    }

    pub fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        self.keys.remove(key).map(drop).ok_or(Errno::ENOENT)
    }

    /// The element after a key's; the first one if the key is not there.
    pub fn next(&self, key: Option<&[u8]>) -> Option<u32> {
        self.keys.next(key.and_then(|key| self.keys.find(key)))
    }
}
