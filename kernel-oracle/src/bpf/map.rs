//! Maps: made with any attributes, then read and written.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::error::BpfError;
use super::sys;

/// Numbers of map types (`enum bpf_map_type`).
pub mod map_type {
    /// `BPF_MAP_TYPE_HASH`.
    pub const HASH: u32 = 1;
    /// `BPF_MAP_TYPE_ARRAY`.
    pub const ARRAY: u32 = 2;
    /// `BPF_MAP_TYPE_PROG_ARRAY`.
    pub const PROG_ARRAY: u32 = 3;
    /// `BPF_MAP_TYPE_PERF_EVENT_ARRAY`.
    pub const PERF_EVENT_ARRAY: u32 = 4;
    /// `BPF_MAP_TYPE_PERCPU_HASH`.
    pub const PERCPU_HASH: u32 = 5;
    /// `BPF_MAP_TYPE_PERCPU_ARRAY`.
    pub const PERCPU_ARRAY: u32 = 6;
    /// `BPF_MAP_TYPE_LRU_HASH`.
    pub const LRU_HASH: u32 = 9;
    /// `BPF_MAP_TYPE_LRU_PERCPU_HASH`.
    pub const LRU_PERCPU_HASH: u32 = 10;
    /// `BPF_MAP_TYPE_LPM_TRIE`.
    pub const LPM_TRIE: u32 = 11;
    /// `BPF_MAP_TYPE_ARRAY_OF_MAPS`.
    pub const ARRAY_OF_MAPS: u32 = 12;
    /// `BPF_MAP_TYPE_HASH_OF_MAPS`.
    pub const HASH_OF_MAPS: u32 = 13;
    /// `BPF_MAP_TYPE_DEVMAP`.
    pub const DEVMAP: u32 = 14;
    /// `BPF_MAP_TYPE_SOCKMAP`.
    pub const SOCKMAP: u32 = 15;
    /// `BPF_MAP_TYPE_CPUMAP`.
    pub const CPUMAP: u32 = 16;
    /// `BPF_MAP_TYPE_XSKMAP`.
    pub const XSKMAP: u32 = 17;
    /// `BPF_MAP_TYPE_QUEUE`.
    pub const QUEUE: u32 = 22;
    /// `BPF_MAP_TYPE_STACK`.
    pub const STACK: u32 = 23;
    /// `BPF_MAP_TYPE_DEVMAP_HASH`.
    pub const DEVMAP_HASH: u32 = 25;
    /// `BPF_MAP_TYPE_RINGBUF`.
    pub const RINGBUF: u32 = 27;
    /// Those whose values have the length they were asked for: all of the above but [`PERCPU`].
    const PLAIN: [u32; 16] = [
        HASH,
        ARRAY,
        PROG_ARRAY,
        PERF_EVENT_ARRAY,
        LRU_HASH,
        LPM_TRIE,
        ARRAY_OF_MAPS,
        HASH_OF_MAPS,
        DEVMAP,
        SOCKMAP,
        CPUMAP,
        XSKMAP,
        QUEUE,
        STACK,
        DEVMAP_HASH,
        RINGBUF,
    ];
    /// Those with a value for each CPU: a buffer made for one value would be too short for all.
    pub(super) const PERCPU: [u32; 3] = [PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH];

    /// Is the length of its values known here?
    pub(super) fn is_known(map_type: u32) -> bool {
        PLAIN.contains(&map_type) || PERCPU.contains(&map_type)
    }
}

/// What a map is created with: whatever the kernel may have to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapCreate<'a> {
    /// One of [`map_type`].
    pub map_type: u32,
    /// Bytes in a key.
    pub key_size: u32,
    /// Bytes in a value.
    pub value_size: u32,
    /// Capacity.
    pub max_entries: u32,
    /// Creation flags.
    pub flags: u32,
    /// The template of a map of maps; 0 otherwise, as the kernel wants it.
    pub inner_map_fd: RawFd,
    /// A label; cut off after 15 characters.
    pub name: &'a str,
    /// Types of keys and values, which values with spin locks need.
    pub types: Option<MapTypes>,
}

/// Types of a map's keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapTypes {
    /// Descriptor of a [`super::Btf`].
    pub btf: RawFd,
    /// A key's.
    pub key: u32,
    /// A value's.
    pub value: u32,
}

impl<'a> MapCreate<'a> {
    /// A map with keys and values of these sizes, without flags.
    #[must_use]
    pub const fn new(map_type: u32, key_size: u32, value_size: u32, max_entries: u32, name: &'a str) -> Self {
        Self { map_type, key_size, value_size, max_entries, flags: 0, inner_map_fd: 0, name, types: None }
    }

    /// Bytes of a value as bpf(2) takes and gives it: of a per-CPU map those of all CPUs that there could be,
    /// each padded to 8.
    #[must_use]
    pub fn value_len(&self) -> usize {
        let size = self.value_size as usize;
        if map_type::PERCPU.contains(&self.map_type) {
            size.next_multiple_of(8) * possible_cpus()
        } else {
            size
        }
    }
}

/// CPUs that there could be, which is more than are running where CPUs can be added.
///
/// # Panics
/// If the kernel does not say.
#[must_use]
pub fn possible_cpus() -> usize {
    let path = "/sys/devices/system/cpu/possible";
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let last = text.trim().rsplit(['-', ',']).next().and_then(|last| last.parse::<usize>().ok());
    last.unwrap_or_else(|| panic!("{path} says {text:?}, expected a list like 0-3")) + 1
}

/// A map of the kernel.
///
/// Keys and values are byte slices of at least the map's sizes (longer ones are read in part).
#[derive(Debug)]
pub struct Map(sys::Sized);

/// What the kernel says about a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapFacts {
    /// The map type.
    pub map_type: u32,
    /// Its id, never 0.
    pub id: u32,
    /// Bytes in a key.
    pub key_size: u32,
    /// Bytes in a value.
    pub value_size: u32,
    /// Capacity.
    pub max_entries: u32,
    /// Flags.
    pub flags: u32,
}

impl Map {
    /// Creates a map.
    ///
    /// # Errors
    /// What the kernel says.
    ///
    /// # Panics
    /// If the type is none of [`map_type`].
    pub fn create(map: &MapCreate<'_>) -> Result<Self, BpfError> {
        assert!(map_type::is_known(map.map_type), "map type {} is not supported here", map.map_type);
        sys::Sized::create(map).map(Self)
    }

    /// A map that somebody else has created: another loader, to be compared with.
    ///
    /// # Errors
    /// What the kernel says when it is asked for its sizes.
    pub fn adopt(fd: OwnedFd) -> Result<Self, BpfError> {
        let [map_type, _, key_size, value_size] = sys::info(fd.as_fd())?;
        let map = MapCreate::new(map_type, key_size, value_size, 0, "");
        Ok(Self(sys::Sized::of(fd, &map)))
    }

    /// Writes an element.
    ///
    /// # Errors
    /// What the kernel says.
    ///
    /// # Panics
    /// If key or value are shorter than the map's.
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), BpfError> {
        self.0.update(key, value, flags)
    }

    /// Writes an element whose key and value are numbers, without flags: devices, programs and maps by
    /// descriptor.
    ///
    /// # Errors
    /// What the kernel says.
    ///
    /// # Panics
    /// If the map's keys or values have more than 4 bytes.
    pub fn set(&self, key: u32, value: u32) -> Result<(), BpfError> {
        self.update(&key.to_ne_bytes(), &value.to_ne_bytes(), 0)
    }

    /// Puts a program (of a PROG_ARRAY), map or socket into a slot.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_fd(&self, key: u32, fd: BorrowedFd<'_>) -> Result<(), BpfError> {
        self.set(key, fd.as_raw_fd().cast_unsigned())
    }

    /// Removes an element.
    ///
    /// # Errors
    /// What the kernel says.
    ///
    /// # Panics
    /// If the key is shorter than the map's.
    pub fn delete(&self, key: &[u8]) -> Result<(), BpfError> {
        self.0.delete(key)
    }

    /// Reads an element into `value`.
    ///
    /// # Errors
    /// What the kernel says.
    ///
    /// # Panics
    /// If key or value are shorter than the map's.
    pub fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<(), BpfError> {
        self.0.lookup(key, value)
    }

    /// Takes the next element out of a map without keys (a queue or a stack) into `value`.
    ///
    /// # Errors
    /// What the kernel says.
    ///
    /// # Panics
    /// If the map has keys, or the value is shorter than the map's.
    pub fn take(&self, value: &mut [u8]) -> Result<(), BpfError> {
        self.0.take(value)
    }

    /// Reads the key that follows `key`, or the first, into `next`.
    ///
    /// # Errors
    /// What the kernel says.
    ///
    /// # Panics
    /// If a key is shorter than the map's.
    pub fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<(), BpfError> {
        self.0.next_key(key, next)
    }

    /// Nobody can write it from outside any more.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn freeze(&self) -> Result<(), BpfError> {
        sys::map_freeze(self.as_fd())
    }

    /// What the kernel says about it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn facts(&self) -> Result<MapFacts, BpfError> {
        let [map_type, id, key_size, value_size, max_entries, flags] = sys::info(self.as_fd())?;
        Ok(MapFacts { map_type, id, key_size, value_size, max_entries, flags })
    }

    /// Bytes that the kernel accounts to it, with what it holds (`memlock` of its fdinfo).
    ///
    /// # Errors
    /// If /proc is not mounted.
    pub fn memlock(&self) -> std::io::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", self.as_raw_fd()))?;
        let bytes = text.lines().find_map(|line| line.strip_prefix("memlock:")?.trim().parse().ok());
        bytes.ok_or_else(|| std::io::Error::other(format!("no `memlock` in a map's fdinfo: {text:?}")))
    }

    /// Its id.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn id(&self) -> Result<u32, BpfError> {
        let [_, id] = sys::info(self.as_fd())?;
        Ok(id)
    }

    /// What lookup, update, delete and next key say about a descriptor that isn't open.
    #[must_use]
    pub fn on_closed_fd() -> [Option<BpfError>; 4] {
        sys::on_no_map().map(Result::err)
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

impl AsRawFd for Map {
    fn as_raw_fd(&self) -> RawFd {
        self.0.fd.as_raw_fd()
    }
}
