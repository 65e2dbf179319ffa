//! Maps that hold values or references: what every operation answers, to the errno.
//!
//! [`Map`] is one map of a kind of [`Kind`]; its values lie in a [`Slab`] of the run's memory, where programs
//! reach each by itself and nothing around it. CPUMAP and XSKMAP are [`Targets`], without memory; DEVMAP and
//! DEVMAP_HASH are `xdpsim-devmap`'s.
//!
//! Keys and values are bytes as C lays them out, little endian. A key must have the map's length; a value at
//! least as many bytes as [`Map::value_len`] says. Elements are removed and replaced as in the kernel: a program
//! that still holds a pointer to one reads the old bytes until the slot is used again.
//!
//! **Iteration** ([`Map::next_key`]) is deterministic. Arrays go by index and LPM tries have longer prefixes
//! first, both as the kernel. Hashes go in the order of insertion; the kernel's order is by a hash that it seeds by
//! chance. After a key that is not there comes the first. **Walks** of programs (`bpf_for_each_map_elem`) go over a hash
//! from the newest element to the oldest: what is removed meanwhile is passed over, what is inserted is not met.
//!
//! **Not the kernel's**: which element a full LRU map drops, and how many at once.

mod array;
#[cfg(feature = "jit")]
pub(crate) mod direct;
mod hash;
mod keys;
pub mod kind;
mod lpm;
mod queue;
mod quick;
mod refs;
mod ring;
mod shape;
pub mod targets;
mod values;

use xdpsim_devmap::{CpuId, Errno};

use crate::load::MapSpec;
use crate::memory::Slab;
use array::{Array, next_index};
use hash::Hash;
use keys::KeyIndex;
#[cfg(feature = "jit")]
pub(crate) use keys::SHORT as SHORT_KEY;
use kind::{MAX_BYTES, MAX_ENTRIES};
use lpm::Lpm;
use queue::Queue;
use refs::Refs;
use values::Values;

pub use kind::Kind;
pub use ring::Ring;
pub(crate) use shape::Shape;
#[cfg(feature = "jit")]
pub(crate) use shape::Way;
pub use targets::Targets;
pub use values::Caller;

/// `BPF_NOEXIST`: only if it is not there.
pub const UPDATE_NOEXIST: u64 = 1;
/// `BPF_EXIST`: only if it is there.
pub const UPDATE_EXIST: u64 = 2;
/// `BPF_F_LOCK`: under the value's spin lock.
pub const UPDATE_LOCK: u64 = 4;

/// A map.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Map {
    /// How a program's lookup goes, for code that does it by itself: see [`Shape::bits`]; 0 if it has to ask.
    shape: u64,
    /// Elements of an array; 0 of others.
    len: u64,
    /// The hash, if it is one.
    hash: Hash,
    kind: Kind,
    spec: MapSpec,
    values: Values,
    holds: Holds,
}

#[derive(Clone, Debug)]
enum Holds {
    Array(Array),
    /// [`Map::hash`]
    Hash,
    Lpm(Lpm),
    Queue(Queue),
    Refs(Refs),
    Ring(Ring),
}

impl Map {
    /// Creates a map for this many CPUs, and the slab for its values.
    ///
    /// # Errors
    /// The kernel's errno for attributes that it refuses; ENOMEM beyond [`kind::MAX_ENTRIES`] and
    /// [`kind::MAX_BYTES`]; EINVAL for kinds that are not kept here.
    pub fn create(spec: &MapSpec, cpus: u32) -> Result<(Self, Slab), Errno> {
        Self::create_with_lock(spec, cpus, None)
    }

    /// The same for values with a `struct bpf_spin_lock` at this offset.
    ///
    /// # Errors
    /// As for [`Map::create`]; EOPNOTSUPP for kinds whose values cannot have a lock, EACCES if programs may not read
    /// or not write them.
    pub fn create_with_lock(spec: &MapSpec, cpus: u32, lock: Option<u32>) -> Result<(Self, Slab), Errno> {
        let kind = Kind::from_number(spec.map_type).ok_or(Errno::EINVAL)?;
        let mut spec = *spec;
        if kind == Kind::PerfEventArray && spec.max_entries == 0 {
            spec.max_entries = cpus;
        }
        kind::check(kind, &spec)?;
        if lock.is_some() {
            kind::check_lock(kind, &spec)?;
        }
        let values = Values::new(spec.value_size, kind.is_percpu().then_some(cpus.max(1))).with_lock(lock);
        let (holds, slots) = holds(kind, &spec, values)?;
        let hash = match holds {
            Holds::Hash => Hash::new(spec.key_size, spec.max_entries, values, kind.is_lru()),
            _ => Hash::none(values),
        };
        let slab = match (&holds, slots) {
            (Holds::Ring(_), _) => Ring::slab_size(spec.max_entries).and_then(Slab::records),
            (_, 0) => Some(Slab::empty()),
            (_, slots) => {
                slots.checked_mul(values.each()).and_then(|slots| Slab::slots(spec.value_size, slots))
            }
        };
        let slab = slab.ok_or(Errno::ENOMEM)?;
        let read_only = spec.flags & kind::flag::RDONLY_PROG != 0;
        let slab = if read_only { slab.read_only() } else { slab };
        let len = if let Holds::Array(array) = &holds { array.len.into() } else { 0 };
        let shape = Shape::of(kind, spec.key_size, values, slab.offset(1)).map_or(0, Shape::bits);
        Ok((Self { shape, len, hash, kind, spec, values, holds }, slab))
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How a program's lookup goes, if code can do it by itself.
    #[cfg(feature = "jit")]
    pub(crate) fn shape(&self) -> Option<Shape> {
        Shape::from_bits(self.shape)
    }

    /// What it was created with.
    #[must_use]
    pub fn spec(&self) -> &MapSpec {
        &self.spec
    }

    /// How many elements there are; of an array, all that it can have.
    #[must_use]
    pub fn len(&self) -> u32 {
        match &self.holds {
            Holds::Array(array) => array.len,
            Holds::Hash => self.hash.keys.len(),
            Holds::Lpm(lpm) => lpm.len(),
            Holds::Queue(queue) => queue.len(),
            Holds::Refs(refs) => refs.len(),
            Holds::Ring(_) => 0,
        }
    }

    /// Is nothing in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of a value as this caller gives and gets it.
    #[must_use]
    pub fn value_len(&self, caller: Caller) -> usize {
        match caller {
            Caller::Program(_) => self.spec.value_size as usize,
            Caller::Control => self.values.outside(),
        }
    }

    /// `bpf_map_lookup_elem()` of a program: the slab's slot with the value of its CPU. None too for kinds whose
    /// values are no memory.
    pub fn lookup(&mut self, key: &[u8], caller: Caller) -> Option<u32> {
        let element = match &mut self.holds {
            Holds::Array(array) => array.find(key)?,
            Holds::Hash => self.hash.find(key, caller)?,
            Holds::Lpm(lpm) => lpm.find(key)?,
            Holds::Queue(_) | Holds::Refs(_) | Holds::Ring(_) => return None,
        };
        Some(match caller {
            Caller::Program(cpu) => self.values.slot(element, cpu),
            Caller::Control => element * self.values.each(),
        })
    }

    /// Where the spin lock of each value is, if they have one.
    #[must_use]
    pub fn lock(&self) -> Option<u32> {
        self.values.lock()
    }

    /// A program begins to walk over all elements; `nested` if another walk over this map is active.
    ///
    /// # Errors
    /// EINVAL for kinds that cannot be walked over.
    pub fn begin_walk(&mut self, nested: bool) -> Result<(), Errno> {
        match &mut self.holds {
            Holds::Array(_) => {}
            Holds::Hash => self.hash.keys.begin_walk(nested),
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// The innermost walk goes on, after so many elements: the slab's slot with the value of this CPU; its key is
    /// put into `key`.
    pub fn walk(&mut self, done: u32, cpu: CpuId, key: &mut Vec<u8>) -> Option<u32> {
        key.clear();
        let element = match &mut self.holds {
            Holds::Array(array) => {
                key.extend(done.to_le_bytes());
                (done < array.len).then_some(done)?
            }
            Holds::Hash => {
                let element = self.hash.keys.walk()?;
                key.extend_from_slice(self.hash.keys.key(element));
                element
            }
            _ => return None,
        };
        Some(self.values.slot(element, cpu))
    }

    /// The innermost walk ends.
    pub fn end_walk(&mut self) {
        if let Holds::Hash = self.holds {
            self.hash.keys.end_walk();
        }
    }

    /// BPF_MAP_LOOKUP_ELEM: appends the value, or those of all CPUs. A queue's or stack's next element stays.
    ///
    /// # Errors
    /// ENOENT if it is not there, ENOTSUPP for kinds whose values cannot be read.
    pub fn read(&mut self, slab: &Slab, key: &[u8], out: &mut Vec<u8>) -> Result<(), Errno> {
        let element = match &mut self.holds {
            Holds::Array(array) => array.find(key).ok_or(Errno::ENOENT)?,
            Holds::Hash => self.hash.find(key, Caller::Control).ok_or(Errno::ENOENT)?,
            Holds::Lpm(lpm) => lpm.find(key).ok_or(Errno::ENOENT)?,
            Holds::Queue(queue) => queue.peek()?,
            Holds::Refs(_) if self.kind == Kind::PerfEventArray => return Err(Errno::ENOTSUPP),
            Holds::Refs(refs) => {
                out.extend(refs.find(key).ok_or(Errno::ENOENT)?.to_le_bytes());
                return Ok(());
            }
            Holds::Ring(_) => return Err(Errno::ENOTSUPP),
        };
        self.values.read(slab, element, out);
        Ok(())
    }

    /// Writes an element; on a queue or stack, pushes it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn update(
        &mut self,
        slab: &mut Slab,
        key: &[u8],
        value: &[u8],
        flags: u64,
        caller: Caller,
    ) -> Result<(), Errno> {
        if caller == Caller::Control && flags & UPDATE_LOCK != 0 && !self.values.has_lock() {
            return Err(Errno::EINVAL);
        }
        match &mut self.holds {
            Holds::Array(array) => array.update(slab, key, value, flags, caller),
            Holds::Hash => self.hash.update(slab, key, value, flags, caller),
            Holds::Lpm(lpm) => lpm.update(slab, key, value, flags),
            Holds::Queue(queue) => queue.push(slab, value, flags),
            Holds::Refs(refs) => refs.update(key, array::index(value), flags),
            Holds::Ring(_) => Err(Errno::ENOTSUPP),
        }
    }

    /// Removes an element.
    ///
    /// # Errors
    /// The kernel's: ENOENT if it is not there, EINVAL for kinds from which nothing can be removed by key.
    pub fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        match &mut self.holds {
            Holds::Array(_) | Holds::Queue(_) => Err(Errno::EINVAL),
            Holds::Hash => self.hash.delete(key),
            Holds::Lpm(lpm) => lpm.delete(key),
            Holds::Refs(refs) => refs.delete(key),
            Holds::Ring(_) => Err(Errno::ENOTSUPP),
        }
    }

    /// BPF_MAP_GET_NEXT_KEY: appends the key after this one, or the first.
    ///
    /// # Errors
    /// ENOENT at the end; EINVAL or ENOTSUPP for kinds without keys.
    pub fn next_key(&self, key: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Errno> {
        match &self.holds {
            Holds::Array(array) => out.extend(next_index(array.len, key)?.to_le_bytes()),
            Holds::Hash => {
                let next = self.hash.next(key).ok_or(Errno::ENOENT)?;
                out.extend_from_slice(self.hash.keys.key(next));
            }
            Holds::Lpm(lpm) => out.extend_from_slice(lpm.next(key).ok_or(Errno::ENOENT)?),
            Holds::Refs(refs) => refs.next(key, out)?,
            Holds::Queue(_) => return Err(Errno::EINVAL),
            Holds::Ring(_) => return Err(Errno::ENOTSUPP),
        }
        Ok(())
    }

    /// `bpf_map_peek_elem()`: the slot of a queue's or stack's next element.
    ///
    /// # Errors
    /// ENOENT if it is empty, EINVAL for other kinds.
    pub fn peek(&self) -> Result<u32, Errno> {
        match &self.holds {
            Holds::Queue(queue) => queue.peek(),
            _ => Err(Errno::EINVAL),
        }
    }

    /// `bpf_map_pop_elem()`, BPF_MAP_LOOKUP_AND_DELETE_ELEM: takes it out. Its slot keeps the value until the
    /// next push.
    ///
    /// # Errors
    /// As [`Map::peek`].
    pub fn pop(&mut self) -> Result<u32, Errno> {
        match &mut self.holds {
            Holds::Queue(queue) => queue.pop(),
            _ => Err(Errno::EINVAL),
        }
    }

    /// What a slot of a map of maps, program array or perf event array refers to.
    #[must_use]
    pub fn reference(&self, key: &[u8]) -> Option<u32> {
        match &self.holds {
            Holds::Refs(refs) => refs.find(key),
            _ => None,
        }
    }

    /// Fills a slot of such a map.
    ///
    /// # Errors
    /// The kernel's; EINVAL for other kinds.
    pub fn set_reference(&mut self, key: &[u8], to: u32, flags: u64) -> Result<(), Errno> {
        match &mut self.holds {
            Holds::Refs(refs) => refs.update(key, to, flags),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The ring of a ring buffer.
    pub fn ring(&mut self) -> Option<&mut Ring> {
        match &mut self.holds {
            Holds::Ring(ring) => Some(ring),
            _ => None,
        }
    }
}

/// What a kind keeps, and how many elements its slab has.
fn holds(kind: Kind, spec: &MapSpec, values: Values) -> Result<(Holds, u32), Errno> {
    let max = spec.max_entries;
    if !fits(kind, spec, values) {
        return Err(Errno::ENOMEM);
    }
    Ok(match kind {
        Kind::Array | Kind::PercpuArray => (Holds::Array(Array { len: max, values }), max),
        Kind::Hash | Kind::PercpuHash | Kind::LruHash | Kind::LruPercpuHash => {
            (Holds::Hash, KeyIndex::slots(max))
        }
        Kind::LpmTrie => (Holds::Lpm(Lpm::new(spec.key_size, max, values)), KeyIndex::slots(max)),
        Kind::Queue | Kind::Stack => (Holds::Queue(Queue::new(max, kind == Kind::Stack)), max),
        Kind::ProgArray | Kind::PerfEventArray | Kind::ArrayOfMaps => (Holds::Refs(Refs::array(max)), 0),
        Kind::HashOfMaps => (Holds::Refs(Refs::hash(spec.key_size, max)), 0),
        Kind::Ringbuf => (Holds::Ring(Ring::new(max)), 0),
        Kind::Devmap | Kind::DevmapHash | Kind::Cpumap | Kind::Xskmap => return Err(Errno::EINVAL),
    })
}

/// Is it within our own limits? They hold for what is allocated: elements, or the ring twice.
fn fits(kind: Kind, spec: &MapSpec, values: Values) -> bool {
    if kind == Kind::Ringbuf {
        return u64::from(spec.max_entries) * 2 <= MAX_BYTES;
    }
    let each = u64::from(spec.value_size).next_multiple_of(8) * u64::from(values.each());
    let bytes = (u64::from(spec.key_size) + each).saturating_mul(u64::from(spec.max_entries) + 1);
    spec.max_entries <= MAX_ENTRIES && bytes <= MAX_BYTES
}

#[cfg(test)]
mod tests;
