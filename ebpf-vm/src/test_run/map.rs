//! A map of an object under test, read and written as through a descriptor.

use xdpsim_devmap::Errno;

use super::plain::{Plain, bytes};
use super::redirects::RedirectMaps;
use crate::machine::Machine;
use crate::memory::MapIdx;
use crate::natural::{Mismatch, Value};

/// Why a map was not read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// There is no such key.
    #[error("the key is not there (ENOENT)")]
    KeyNotFound,
    /// What the kernel says to that.
    #[error("{0}")]
    Errno(Errno),
    /// A key or value of another size.
    #[error("the map's {what}s have {expected} bytes, the type has {given}")]
    Size {
        /// `key` or `value`.
        what: &'static str,
        /// Bytes of the map's.
        expected: usize,
        /// Bytes of the caller's.
        given: usize,
    },
    /// A natural value that does not fit the type.
    #[error("{0}")]
    Mismatch(#[from] Mismatch),
}

impl From<Errno> for MapError {
    fn from(errno: Errno) -> Self {
        if errno == Errno::ENOENT { Self::KeyNotFound } else { Self::Errno(errno) }
    }
}

type Result<T> = std::result::Result<T, MapError>;

/// A map of an object under test.
#[derive(Debug)]
pub struct MapHandle<'a> {
    pub(super) machine: &'a mut Machine,
    pub(super) redirects: &'a mut RedirectMaps,
    pub(super) map: MapIdx,
}

impl MapHandle<'_> {
    /// Its place, for [`Machine`].
    #[must_use]
    pub fn place(&self) -> MapIdx {
        self.map
    }

    fn key_size(&self) -> usize {
        self.machine.map_name(self.map).map_or(0, |name| name.spec.key_size as usize)
    }

    /// The value of one CPU.
    fn value_size(&self) -> usize {
        self.machine.map_name(self.map).map_or(0, |name| name.spec.value_size as usize)
    }

    fn check<K: Plain, V: Plain>(&self) -> Result<()> {
        check("key", self.key_size(), K::SIZE)?;
        check("value", self.value_size(), V::SIZE)
    }

    fn read(&mut self, key: &[u8]) -> Result<Vec<u8>> {
        if self.redirects.has(self.map) {
            return Ok(self.redirects.lookup(self.map, word(key))?.to_vec());
        }
        Ok(self.machine.lookup(self.map, key)?)
    }

    fn write(&mut self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        if self.redirects.has(self.map) {
            return Ok(self.redirects.update(self.map, word(key), value, flags)?);
        }
        Ok(self.machine.update(self.map, key, value, flags)?)
    }

    /// A value; of a per-CPU map, that of the first CPU. Flags must be 0.
    ///
    /// # Errors
    /// [`MapError::KeyNotFound`], sizes that do not fit, or what the kernel says.
    pub fn get<K: Plain, V: Plain>(&mut self, key: &K, flags: u64) -> Result<V> {
        Ok(self.get_per_cpu(key, flags)?.swap_remove(0))
    }

    /// The values of all CPUs; one of maps that are not per CPU.
    ///
    /// # Errors
    /// As for [`MapHandle::get`].
    pub fn get_per_cpu<K: Plain, V: Plain>(&mut self, key: &K, flags: u64) -> Result<Vec<V>> {
        self.check::<K, V>()?;
        if flags != 0 {
            return Err(Errno::EINVAL.into());
        }
        let value = self.read(&bytes(key))?;
        Ok(split(&value, self.value_size()).map(V::read).collect())
    }

    /// Writes an element; of a per-CPU map, the value of all CPUs.
    ///
    /// # Errors
    /// Sizes that do not fit, or what the kernel says.
    pub fn insert<K: Plain, V: Plain>(&mut self, key: K, value: V, flags: u64) -> Result<()> {
        self.check::<K, V>()?;
        let (mut value, size) = (bytes(&value), self.value_size());
        let all = self.machine.value_len(self.map);
        if all != size {
            value.resize(size.next_multiple_of(8), 0);
            value = value.repeat(all / value.len().max(1));
        }
        self.write(&bytes(&key), &value, flags)
    }

    /// The same for arrays, as aya calls it.
    ///
    /// # Errors
    /// As for [`MapHandle::insert`].
    pub fn set<V: Plain>(&mut self, index: u32, value: V, flags: u64) -> Result<()> {
        self.insert(index, value, flags)
    }

    /// Removes an element.
    ///
    /// # Errors
    /// [`MapError::KeyNotFound`], or what the kernel says.
    pub fn remove<K: Plain>(&mut self, key: &K) -> Result<()> {
        check("key", self.key_size(), K::SIZE)?;
        if self.redirects.has(self.map) {
            return Ok(self.redirects.delete(self.map, word(&bytes(key)))?);
        }
        Ok(self.machine.delete(self.map, &bytes(key))?)
    }

    /// All elements; of a per-CPU map, with the first CPU's values.
    ///
    /// # Errors
    /// Sizes that do not fit, or what the kernel says.
    pub fn elements<K: Plain, V: Plain>(&mut self) -> Result<Vec<(K, V)>> {
        self.check::<K, V>()?;
        let all = if self.redirects.has(self.map) {
            let entry = |(key, value): (u32, &[u8])| (key.to_le_bytes().to_vec(), value.to_vec());
            self.redirects.entries(self.map).map(entry).collect()
        } else {
            self.machine.elements(self.map)?
        };
        Ok(all.iter().map(|(key, value)| (K::read(key), V::read(&value[..V::SIZE]))).collect())
    }

    /// Puts an element into a queue or stack.
    ///
    /// # Errors
    /// E2BIG if it is full.
    pub fn push<V: Plain>(&mut self, value: V, flags: u64) -> Result<()> {
        check("value", self.value_size(), V::SIZE)?;
        Ok(self.machine.update(self.map, &[], &bytes(&value), flags)?)
    }

    /// Takes the next element out of a queue or stack.
    ///
    /// # Errors
    /// [`MapError::KeyNotFound`] if it is empty.
    pub fn pop<V: Plain>(&mut self) -> Result<V> {
        check("value", self.value_size(), V::SIZE)?;
        Ok(V::read(&self.machine.take(self.map, &[])?))
    }

    /// Takes the records out of a ring buffer.
    ///
    /// # Errors
    /// EINVAL for other maps.
    pub fn records(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        self.machine.take_records(self.map, |record| all.push(record.to_vec()))?;
        Ok(all)
    }

    /// Writes an element, as bytes of exactly the map's sizes.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn insert_bytes(&mut self, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        self.write(key, value, flags)
    }

    /// Writes an element in natural form: see [`crate::natural`].
    ///
    /// # Errors
    /// Values that do not fit the types, or what the kernel says.
    pub fn insert_natural(&mut self, key: &Value, value: &Value, flags: u64) -> Result<()> {
        let key = self.machine.encode_key(self.map, key)?;
        let value = self.machine.encode_value(self.map, value)?;
        self.write(&key, &value, flags)
    }

    /// A value in natural form; of a per-CPU map, a list.
    ///
    /// # Errors
    /// A key that does not fit its type, or what the kernel says.
    pub fn get_natural(&mut self, key: &Value) -> Result<Value> {
        let key = self.machine.encode_key(self.map, key)?;
        let value = self.read(&key)?;
        let percpu = self.machine.value_len(self.map) != self.value_size();
        let mut all = self.machine.decode_value(self.map, &value);
        Ok(if percpu { Value::Array(all) } else { all.swap_remove(0) })
    }
}

fn check(what: &'static str, expected: usize, given: usize) -> Result<()> {
    if expected == given { Ok(()) } else { Err(MapError::Size { what, expected, given }) }
}

/// The values of all CPUs: padded to 8 bytes each, if there is more than one value.
fn split(value: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    let stride = if value.len() == size { size } else { size.next_multiple_of(8) };
    value.chunks(stride.max(1)).map(move |value| &value[..size])
}

fn word(key: &[u8]) -> u32 {
    key.first_chunk().map_or(u32::MAX, |key| u32::from_le_bytes(*key))
}
