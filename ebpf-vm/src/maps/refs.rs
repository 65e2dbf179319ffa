//! PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS and PERF_EVENT_ARRAY: slots that refer to something else.
//!
//! What a reference means is the caller's: the number of a program, of a map, of a buffer. Whether the
//! referred thing exists and fits is checked by whoever turns descriptors into numbers.

use xdpsim_devmap::Errno;

use super::UPDATE_EXIST;
use super::array::{index, next_index};
use super::keys::KeyIndex;

/// References by index or by key.
#[derive(Clone, Debug)]
pub(super) struct Refs {
    by: By,
    to: Vec<Option<u32>>,
}

#[derive(Clone, Debug)]
enum By {
    Index,
    Key(KeyIndex),
}

impl Refs {
    pub fn array(len: u32) -> Self {
        Self { by: By::Index, to: vec![None; len as usize] }
    }

    pub fn hash(key_size: u32, capacity: u32) -> Self {
        let slots = KeyIndex::slots(capacity) as usize;
        Self { by: By::Key(KeyIndex::new(key_size, capacity)), to: vec![None; slots] }
    }

    pub fn len(&self) -> u32 {
        match &self.by {
            By::Index => self.to.iter().flatten().count() as u32,
            By::Key(keys) => keys.len(),
        }
    }

    /// What a key refers to.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let slot = match &self.by {
            By::Index => index(key),
            By::Key(keys) => keys.find(key)?,
        };
        *self.to.get(slot as usize)?
    }

    pub fn update(&mut self, key: &[u8], to: u32, flags: u64) -> Result<(), Errno> {
        let slot = match &mut self.by {
            By::Index if flags != 0 => return Err(Errno::EINVAL),
            By::Index => index(key),
            By::Key(keys) => insert(keys, key, flags)?,
        };
        let place = self.to.get_mut(slot as usize).ok_or(Errno::E2BIG)?;
        *place = Some(to);
        Ok(())
    }

    pub fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        let slot = match &mut self.by {
            By::Index => index(key),
            By::Key(keys) => keys.remove(key).ok_or(Errno::ENOENT)?,
        };
        let place = self.to.get_mut(slot as usize).ok_or(Errno::E2BIG)?;
        place.take().map(drop).ok_or(Errno::ENOENT)
    }

    pub fn next(&self, key: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Errno> {
        match &self.by {
            By::Index => out.extend(next_index(self.to.len() as u32, key)?.to_le_bytes()),
            By::Key(keys) => {
                let next = keys.next(key.and_then(|key| keys.find(key))).ok_or(Errno::ENOENT)?;
                out.extend_from_slice(keys.key(next));
            }
        }
        Ok(())
    }
}

/// As a hash does it.
fn insert(keys: &mut KeyIndex, key: &[u8], flags: u64) -> Result<u32, Errno> {
    match (keys.find(key), flags) {
        (_, flags) if flags > UPDATE_EXIST => Err(Errno::EINVAL),
        (Some(_), super::UPDATE_NOEXIST) => Err(Errno::EEXIST),
        (None, UPDATE_EXIST) => Err(Errno::ENOENT),
        (Some(slot), _) => Ok(slot),
        (None, _) => keys.insert(key).ok_or(Errno::E2BIG),
    }
}
