//! CPUMAP and XSKMAP: slots by index that hold where frames go. Their values are no memory: nobody runs a CPU's queue
//! or an AF_XDP socket here, so a frame that is redirected there goes no further.
//!
//! Values are bytes as bpf(2) has them. A CPU's: the length of its queue (`qsize`), then, of values of 8 bytes, the
//! program of the entry, by the caller's number plus one where bpf(2) writes a descriptor and reads an id; 0 is none.
//! A socket's: a number of the caller's, 4 bytes, where bpf(2) writes a descriptor; it cannot be read.

use xdpsim_devmap::Errno;

use super::array::{index, next_index};
use super::kind::{Kind, flag};
use super::{UPDATE_EXIST, UPDATE_NOEXIST};
use crate::load::MapSpec;

/// The most entries of a CPUMAP: CPUs that a distribution's kernel is built for (`NR_CPUS`).
pub const MAX_CPUS: u32 = 8192;
/// The longest queue of a CPU.
const MAX_QUEUE: u32 = 16384;

/// A CPUMAP or XSKMAP.
#[derive(Clone, Debug)]
pub struct Targets {
    kind: Kind,
    spec: MapSpec,
    cpus: u32,
    slots: Vec<Option<Box<[u8]>>>,
}

impl Targets {
    /// Creates one on a machine of so many CPUs.
    ///
    /// # Errors
    /// The kernel's: EINVAL, E2BIG for a CPUMAP of more entries than a kernel has CPUs; ENOMEM beyond
    /// [`super::kind::MAX_ENTRIES`].
    pub fn create(spec: &MapSpec, cpus: u32) -> Result<Self, Errno> {
        let kind = Kind::from_number(spec.map_type).ok_or(Errno::EINVAL)?;
        let (sizes, known): (&[u32], u32) = match kind {
            Kind::Cpumap => (&[4, 8], flag::NUMA_NODE),
            Kind::Xskmap => (&[4], flag::NUMA_NODE | flag::RDONLY | flag::WRONLY),
            _ => return Err(Errno::EINVAL),
        };
        let both = flag::RDONLY | flag::WRONLY;
        let wrong = spec.max_entries == 0
            || spec.key_size != 4
            || !sizes.contains(&spec.value_size)
            || spec.flags & !known != 0
            || spec.flags & both == both;
        match () {
            () if wrong => Err(Errno::EINVAL),
            () if kind == Kind::Cpumap && spec.max_entries > MAX_CPUS => Err(Errno::E2BIG),
            () if spec.max_entries > super::kind::MAX_ENTRIES => Err(Errno::ENOMEM),
            () => Ok(Self { kind, spec: *spec, cpus, slots: vec![None; spec.max_entries as usize] }),
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it was created with.
    #[must_use]
    pub fn spec(&self) -> &MapSpec {
        &self.spec
    }

    /// Is there an entry?
    #[must_use]
    pub fn has(&self, key: u32) -> bool {
        self.value(key).is_some()
    }

    /// An entry's value.
    #[must_use]
    pub fn value(&self, key: u32) -> Option<&[u8]> {
        self.slots.get(key as usize)?.as_deref()
    }

    /// BPF_MAP_LOOKUP_ELEM: appends the value.
    ///
    /// # Errors
    /// ENOENT if there is none, EOPNOTSUPP for sockets.
    pub fn read(&self, key: &[u8], out: &mut Vec<u8>) -> Result<(), Errno> {
        if self.kind == Kind::Xskmap {
            return Err(Errno::EOPNOTSUPP);
        }
        out.extend_from_slice(self.value(index(key)).ok_or(Errno::ENOENT)?);
        Ok(())
    }

    /// BPF_MAP_UPDATE_ELEM.
    ///
    /// # Errors
    /// The kernel's. Whether the value's program or socket exists is for the caller to check, before.
    pub fn update(&mut self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let key = index(key);
        if flags > UPDATE_EXIST {
            return Err(Errno::EINVAL);
        }
        if key >= self.spec.max_entries {
            return Err(Errno::E2BIG);
        }
        let value = &value[..self.spec.value_size as usize];
        let (cpus, slot) = (self.cpus, &mut self.slots[key as usize]);
        match self.kind {
            Kind::Cpumap => update_cpu(slot, key, cpus, value, flags),
            _ => update_socket(slot, value, flags),
        }
    }

    /// BPF_MAP_DELETE_ELEM: an empty slot is no error.
    ///
    /// # Errors
    /// EINVAL beyond the last slot.
    pub fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        let slot = self.slots.get_mut(index(key) as usize).ok_or(Errno::EINVAL)?;
        *slot = None;
        Ok(())
    }

    /// BPF_MAP_GET_NEXT_KEY: every index, whether it has an entry or not.
    ///
    /// # Errors
    /// ENOENT at the end.
    pub fn next_key(&self, key: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Errno> {
        out.extend(next_index(self.spec.max_entries, key)?.to_le_bytes());
        Ok(())
    }
}

fn update_cpu(
    slot: &mut Option<Box<[u8]>>,
    cpu: u32,
    cpus: u32,
    value: &[u8],
    flags: u64,
) -> Result<(), Errno> {
    let queue = index(value);
    match () {
        () if flags == UPDATE_NOEXIST => return Err(Errno::EEXIST),
        () if queue > MAX_QUEUE => return Err(Errno::EOVERFLOW),
        () if cpu >= cpus => return Err(Errno::ENODEV),
        () => {}
    }
    // No queue: the same as deleting it.
    *slot = (queue > 0).then(|| value.into());
    Ok(())
}

fn update_socket(slot: &mut Option<Box<[u8]>>, value: &[u8], flags: u64) -> Result<(), Errno> {
    match slot.as_deref() {
        // The same socket again changes nothing, whatever the flags.
        Some(there) if there == value => return Ok(()),
        Some(_) if flags == UPDATE_NOEXIST => return Err(Errno::EEXIST),
        None if flags == UPDATE_EXIST => return Err(Errno::ENOENT),
        _ => {}
    }
    *slot = Some(value.into());
    Ok(())
}
