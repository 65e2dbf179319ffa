//! Maps from outside of programs, as bpf(2) reads and writes them.
//!
//! Keys and values are bytes as C lays them out, of exactly the map's size (else EINVAL); values of per-CPU maps are
//! those of all CPUs one after the other, each padded to 8 bytes. Queues and stacks have keys of no bytes. What a
//! slot of a program array or a map of maps refers to has no descriptor here: [`Machine::set_program`] and
//! [`Machine::set_inner`] fill it, and reading it gives the place ([`ProgIdx`], [`MapIdx`]) as 4 bytes.
//!
//! Of CPUMAP and XSKMAP values are as [`crate::maps::targets`] has them: numbers of the caller's where bpf(2) has
//! descriptors. DEVMAP and DEVMAP_HASH are the world's: here they answer ENOTSUPP.

use xdpsim_devmap::Errno;

use super::Machine;
use crate::helpers::Entry;
use crate::host::ProgIdx;
use crate::load::MapSpec;
use crate::maps::{Caller, Kind, Map, Targets, kind::flag};
use crate::memory::{MapIdx, Slab};

type Result<T> = std::result::Result<T, Errno>;

/// A key and what is there.
pub type Element = (Vec<u8>, Vec<u8>);

impl Machine {
    /// The map and its values.
    fn parts(&mut self, map: MapIdx) -> Result<(&mut Map, &mut Slab)> {
        match self.maps.get(map) {
            None => return Err(Errno::EBADF),
            Some(Entry::Targets(_) | Entry::Outside(..)) => return Err(Errno::ENOTSUPP),
            Some(Entry::Own(_)) => {}
        }
        let own = self.maps.own(map).ok_or(Errno::ENOTSUPP)?;
        Ok((own, self.memory.slab_mut(map)))
    }

    /// A map of values, and a key that fits it.
    fn keyed(&mut self, map: MapIdx, key: &[u8]) -> Result<(&mut Map, &mut Slab)> {
        let (own, slab) = self.parts(map)?;
        if key.len() == own.spec().key_size as usize { Ok((own, slab)) } else { Err(Errno::EINVAL) }
    }

    /// A CPUMAP or XSKMAP, and whether the key fits it.
    fn targets(&mut self, map: MapIdx, key: &[u8]) -> Result<Option<&mut Targets>> {
        match self.maps.targets(map) {
            Some(_) if key.len() != 4 => Err(Errno::EINVAL),
            found => Ok(found),
        }
    }

    /// Bytes of a value of this map, as it is read and written here.
    #[must_use]
    pub fn value_len(&self, map: MapIdx) -> usize {
        match self.maps.get(map) {
            Some(Entry::Own(own)) => own.value_len(Caller::Control),
            Some(Entry::Targets(targets)) => targets.spec().value_size as usize,
            Some(Entry::Outside(_, spec)) => spec.value_size as usize,
            None => 0,
        }
    }

    /// BPF_MAP_LOOKUP_ELEM. Of a queue or stack, the element that comes out next; it stays.
    ///
    /// # Errors
    /// ENOENT if it is not there, EINVAL for a key of another size, ENOTSUPP where nothing can be read.
    pub fn lookup(&mut self, map: MapIdx, key: &[u8]) -> Result<Vec<u8>> {
        let mut value = Vec::new();
        if let Some(targets) = self.targets(map, key)? {
            return targets.read(key, &mut value).map(|()| value);
        }
        let (own, slab) = self.keyed(map, key)?;
        own.read(slab, key, &mut value)?;
        Ok(value)
    }

    /// BPF_MAP_UPDATE_ELEM with these flags (BPF_ANY, BPF_NOEXIST, BPF_EXIST). On a queue or stack, a push.
    ///
    /// # Errors
    /// The kernel's; EBADF where a value would be a descriptor.
    pub fn update(&mut self, map: MapIdx, key: &[u8], value: &[u8], flags: u64) -> Result<()> {
        if let Some(targets) = self.targets(map, key)? {
            let fits = value.len() == targets.spec().value_size as usize;
            return if fits { targets.update(key, value, flags) } else { Err(Errno::EINVAL) };
        }
        let (own, slab) = self.keyed(map, key)?;
        if value.len() != own.value_len(Caller::Control) {
            return Err(Errno::EINVAL);
        }
        if is_reference(own.kind()) {
            return Err(Errno::EBADF);
        }
        own.update(slab, key, value, flags, Caller::Control)
    }

    /// BPF_MAP_DELETE_ELEM.
    ///
    /// # Errors
    /// The kernel's.
    pub fn delete(&mut self, map: MapIdx, key: &[u8]) -> Result<()> {
        if let Some(targets) = self.targets(map, key)? {
            return targets.delete(key);
        }
        let (own, _) = self.keyed(map, key)?;
        own.delete(key)
    }

    /// BPF_MAP_GET_NEXT_KEY: the key after this one, or the first.
    ///
    /// # Errors
    /// ENOENT at the end; EINVAL or ENOTSUPP for kinds without keys.
    pub fn next_key(&mut self, map: MapIdx, key: Option<&[u8]>) -> Result<Vec<u8>> {
        let mut next = Vec::new();
        if let Some(targets) = self.targets(map, key.unwrap_or(&[0; 4]))? {
            return targets.next_key(key, &mut next).map(|()| next);
        }
        let (own, _) = self.keyed(map, key.unwrap_or(&vec![0; self.key_size(map)]))?;
        own.next_key(key, &mut next)?;
        Ok(next)
    }

    /// Bytes of a key.
    #[must_use]
    pub fn key_size(&self, map: MapIdx) -> usize {
        self.map_name(map).map_or(0, |name| name.spec.key_size as usize)
    }

    /// BPF_MAP_LOOKUP_AND_DELETE_ELEM: takes the next element out of a queue or stack, or an element out of a hash.
    ///
    /// # Errors
    /// ENOENT if it is not there; the kernel's for other kinds.
    pub fn take(&mut self, map: MapIdx, key: &[u8]) -> Result<Vec<u8>> {
        let (own, slab) = self.keyed(map, key)?;
        let mut value = Vec::new();
        match own.kind() {
            Kind::Queue | Kind::Stack => {
                own.read(slab, key, &mut value)?;
                own.pop()?;
            }
            Kind::Hash | Kind::LruHash | Kind::PercpuHash | Kind::LruPercpuHash => {
                own.read(slab, key, &mut value)?;
                own.delete(key)?;
            }
            _ => return Err(Errno::ENOTSUPP),
        }
        Ok(value)
    }

    /// The records of a ring buffer that were submitted, up to the first that is still open; they are gone then.
    ///
    /// # Errors
    /// EINVAL for other kinds.
    pub fn take_records(&mut self, map: MapIdx, each: impl FnMut(&[u8])) -> Result<()> {
        let (own, slab) = self.parts(map)?;
        own.ring().ok_or(Errno::EINVAL)?.take(slab, each);
        Ok(())
    }

    /// All elements, in the order of [`Machine::next_key`]; of queues and stacks, in the order in which they come out,
    /// with keys of no bytes; of ring buffers, the records that wait.
    ///
    /// # Errors
    /// ENOTSUPP for DEVMAP, DEVMAP_HASH and perf event arrays.
    pub fn elements(&mut self, map: MapIdx) -> Result<Vec<Element>> {
        if let Some(targets) = self.maps.targets(map) {
            let entry = |key: u32| Some((key.to_le_bytes().to_vec(), targets.value(key)?.to_vec()));
            return Ok((0..targets.spec().max_entries).filter_map(entry).collect());
        }
        let (own, slab) = self.parts(map)?;
        match own.kind() {
            Kind::Queue | Kind::Stack => Ok(queued(own.clone(), slab)),
            Kind::Ringbuf => Ok(records(own.clone(), slab)),
            Kind::PerfEventArray => Err(Errno::ENOTSUPP),
            _ => self.keyed_elements(map),
        }
    }

    fn keyed_elements(&mut self, map: MapIdx) -> Result<Vec<Element>> {
        let (mut all, mut last): (Vec<Element>, Option<Vec<u8>>) = (Vec::new(), None);
        loop {
            let (own, slab) = self.parts(map)?;
            let (mut key, mut value) = (Vec::new(), Vec::new());
            match own.next_key(last.as_deref(), &mut key) {
                Err(Errno::ENOENT) => return Ok(all),
                Err(errno) => return Err(errno),
                Ok(()) => {}
            }
            // Slots of arrays of references may be empty.
            if own.read(slab, &key, &mut value).is_ok() {
                all.push((key.clone(), value));
            }
            last = Some(key);
        }
    }

    /// Puts a program into a slot of a program array.
    ///
    /// # Errors
    /// The kernel's; EBADF if there is no such program, EINVAL for other kinds.
    pub fn set_program(&mut self, map: MapIdx, key: &[u8], program: ProgIdx) -> Result<()> {
        if self.program_at(program).is_none() {
            return Err(Errno::EBADF);
        }
        let (own, _) = self.keyed(map, key)?;
        if own.kind() != Kind::ProgArray {
            return Err(Errno::EINVAL);
        }
        own.set_reference(key, program.0, 0)
    }

    /// Puts a map into a slot of a map of maps.
    ///
    /// # Errors
    /// The kernel's: EINVAL if it is not like the template; EBADF if there is no such map.
    pub fn set_inner(&mut self, map: MapIdx, key: &[u8], inner: MapIdx, flags: u64) -> Result<()> {
        let inner_spec = self.map_name(inner).ok_or(Errno::EBADF)?.spec;
        let template = self.map_name(map).and_then(|name| name.inner).ok_or(Errno::EINVAL)?;
        let (own, _) = self.keyed(map, key)?;
        if !alike(&template, &inner_spec) {
            return Err(Errno::EINVAL);
        }
        own.set_reference(key, inner.0, flags)
    }
}

fn is_reference(kind: Kind) -> bool {
    matches!(kind, Kind::ProgArray | Kind::PerfEventArray | Kind::ArrayOfMaps | Kind::HashOfMaps)
}

/// `bpf_map_meta_equal()`; arrays also need the same length, unless they say otherwise.
fn alike(template: &MapSpec, inner: &MapSpec) -> bool {
    let same = |of: fn(&MapSpec) -> u32| of(template) == of(inner);
    let array = Kind::from_number(template.map_type) == Some(Kind::Array);
    same(|spec| spec.map_type)
        && same(|spec| spec.key_size)
        && same(|spec| spec.value_size)
        && same(|spec| spec.flags)
        && (!array || template.flags & flag::INNER_MAP != 0 || same(|spec| spec.max_entries))
}

fn queued(mut map: Map, slab: &Slab) -> Vec<Element> {
    let mut all = Vec::new();
    let mut value = Vec::new();
    while map.read(slab, &[], &mut value).is_ok() && map.pop().is_ok() {
        all.push((vec![], std::mem::take(&mut value)));
    }
    all
}

fn records(mut map: Map, slab: &Slab) -> Vec<Element> {
    let mut all = Vec::new();
    if let Some(ring) = map.ring() {
        ring.take(slab, |record| all.push((vec![], record.to_vec())));
    }
    all
}
