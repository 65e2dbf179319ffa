//! Types of maps by the kernel's numbers, and what the kernel refuses to create.
//!
//! Checks run in the kernel's order. What needs a privilege is granted. Beyond that there are limits of our own
//! ([`MAX_ENTRIES`], [`MAX_BYTES`]): exceeding them is ENOMEM, as if the kernel had no more.

use xdpsim_devmap::Errno;

use crate::load::MapSpec;

/// Entries of one map.
pub const MAX_ENTRIES: u32 = 1 << 24;
/// Bytes of all values of one map.
pub const MAX_BYTES: u64 = 1 << 30;

/// `KMALLOC_MAX_SIZE` of x86.
const KMALLOC_MAX: u64 = 4 << 20;
/// `sizeof(struct htab_elem)`.
const HTAB_ELEM: u64 = 48;
/// `PCPU_MIN_UNIT_SIZE`.
const PERCPU_MAX: u64 = 32 << 10;
/// Bytes in a page.
const PAGE: u32 = 4096;

/// Creation flags (`BPF_F_*`).
pub mod flag {
    /// Elements are not allocated in advance.
    pub const NO_PREALLOC: u32 = 1 << 0;
    /// An LRU list for each CPU.
    pub const NO_COMMON_LRU: u32 = 1 << 1;
    /// A NUMA node is given.
    pub const NUMA_NODE: u32 = 1 << 2;
    /// Read-only from outside.
    pub const RDONLY: u32 = 1 << 3;
    /// Write-only from outside.
    pub const WRONLY: u32 = 1 << 4;
    /// The hash is not seeded.
    pub const ZERO_SEED: u32 = 1 << 6;
    /// Programs may only read.
    pub const RDONLY_PROG: u32 = 1 << 7;
    /// Programs may only write.
    pub const WRONLY_PROG: u32 = 1 << 8;
    /// Can be mapped into memory.
    pub const MMAPABLE: u32 = 1 << 10;
    /// Perf events stay when the descriptor that put them there is closed.
    pub const PRESERVE_ELEMS: u32 = 1 << 11;
    /// May be an inner map whatever its size.
    pub const INNER_MAP: u32 = 1 << 12;
    /// Who may do what.
    pub(super) const ACCESS: u32 = RDONLY | WRONLY | RDONLY_PROG | WRONLY_PROG;
}

/// A type of map (`enum bpf_map_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the kernel's names")]
pub enum Kind {
    Hash,
    Array,
    ProgArray,
    PerfEventArray,
    PercpuHash,
    PercpuArray,
    LruHash,
    LruPercpuHash,
    LpmTrie,
    ArrayOfMaps,
    HashOfMaps,
    Devmap,
    Cpumap,
    Xskmap,
    Queue,
    Stack,
    DevmapHash,
    Ringbuf,
}

/// Numbers and names, as in the kernel's header without `BPF_MAP_TYPE_`.
const KINDS: [(u32, Kind, &str); 18] = [
    (1, Kind::Hash, "HASH"),
    (2, Kind::Array, "ARRAY"),
    (3, Kind::ProgArray, "PROG_ARRAY"),
    (4, Kind::PerfEventArray, "PERF_EVENT_ARRAY"),
    (5, Kind::PercpuHash, "PERCPU_HASH"),
    (6, Kind::PercpuArray, "PERCPU_ARRAY"),
    (9, Kind::LruHash, "LRU_HASH"),
    (10, Kind::LruPercpuHash, "LRU_PERCPU_HASH"),
    (11, Kind::LpmTrie, "LPM_TRIE"),
    (12, Kind::ArrayOfMaps, "ARRAY_OF_MAPS"),
    (13, Kind::HashOfMaps, "HASH_OF_MAPS"),
    (14, Kind::Devmap, "DEVMAP"),
    (16, Kind::Cpumap, "CPUMAP"),
    (17, Kind::Xskmap, "XSKMAP"),
    (22, Kind::Queue, "QUEUE"),
    (23, Kind::Stack, "STACK"),
    (25, Kind::DevmapHash, "DEVMAP_HASH"),
    (27, Kind::Ringbuf, "RINGBUF"),
];

impl Kind {
    /// By number; none for types that XDP programs here cannot have.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        KINDS.iter().find(|(known, ..)| *known == number).map(|(_, kind, _)| *kind)
    }

    /// The kernel's name, without `BPF_MAP_TYPE_`.
    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind, _)| *kind == self).map_or("", |(.., name)| name)
    }

    /// Each CPU has values of its own.
    #[must_use]
    pub fn is_percpu(self) -> bool {
        matches!(self, Self::PercpuHash | Self::PercpuArray | Self::LruPercpuHash)
    }

    pub(super) fn is_lru(self) -> bool {
        matches!(self, Self::LruHash | Self::LruPercpuHash)
    }
}

/// What the kernel says when it creates a map with these attributes.
///
/// # Errors
/// The kernel's errno. Types that are not values ([`Kind::Devmap`] and the like) are not checked here.
pub fn check(kind: Kind, spec: &MapSpec) -> Result<(), Errno> {
    let neither = flag::RDONLY | flag::WRONLY;
    refuse(spec.flags & neither == neither, Errno::EINVAL)?;
    match kind {
        Kind::Array | Kind::PercpuArray => array(kind, spec),
        Kind::ProgArray | Kind::PerfEventArray | Kind::ArrayOfMaps => {
            refuse(spec.value_size != 4, Errno::EINVAL)?;
            refuse(spec.flags & (flag::RDONLY_PROG | flag::WRONLY_PROG) != 0, Errno::EINVAL)?;
            array(kind, spec)
        }
        Kind::Hash | Kind::PercpuHash | Kind::LruHash | Kind::LruPercpuHash => hash(kind, spec),
        Kind::HashOfMaps => {
            refuse(spec.value_size != 4, Errno::EINVAL)?;
            hash(kind, spec)
        }
        Kind::LpmTrie => lpm(spec),
        Kind::Queue | Kind::Stack => queue(spec),
        Kind::Ringbuf => ring(spec),
        Kind::Devmap | Kind::DevmapHash | Kind::Cpumap | Kind::Xskmap => Ok(()),
    }
}

/// The same for values with a `struct bpf_spin_lock`.
pub(super) fn check_lock(kind: Kind, spec: &MapSpec) -> Result<(), Errno> {
    refuse(spec.flags & (flag::RDONLY_PROG | flag::WRONLY_PROG) != 0, Errno::EACCES)?;
    refuse(!matches!(kind, Kind::Array | Kind::Hash), Errno::EOPNOTSUPP)
}

fn refuse(wrong: bool, errno: Errno) -> Result<(), Errno> {
    if wrong { Err(errno) } else { Ok(()) }
}

/// Reading and writing by programs cannot both be forbidden.
fn access_ok(flags: u32) -> bool {
    let both = flag::RDONLY_PROG | flag::WRONLY_PROG;
    flags & both != both
}

fn percpu_ok(spec: &MapSpec) -> bool {
    u64::from(spec.value_size).next_multiple_of(8) <= PERCPU_MAX
}

fn array(kind: Kind, spec: &MapSpec) -> Result<(), Errno> {
    let known = flag::NUMA_NODE | flag::MMAPABLE | flag::ACCESS | flag::PRESERVE_ELEMS | flag::INNER_MAP;
    let only_array = flag::MMAPABLE | flag::INNER_MAP;
    let wrong = spec.max_entries == 0
        || spec.key_size != 4
        || spec.value_size == 0
        || spec.flags & !known != 0
        || !access_ok(spec.flags)
        || kind == Kind::PercpuArray && spec.flags & flag::NUMA_NODE != 0
        || kind != Kind::Array && spec.flags & only_array != 0
        || kind != Kind::PerfEventArray && spec.flags & flag::PRESERVE_ELEMS != 0;
    refuse(wrong, Errno::EINVAL)?;
    refuse(spec.value_size > i32::MAX as u32, Errno::E2BIG)?;
    refuse(kind == Kind::PercpuArray && !percpu_ok(spec), Errno::E2BIG)
}

fn hash(kind: Kind, spec: &MapSpec) -> Result<(), Errno> {
    let known = flag::NO_PREALLOC | flag::NO_COMMON_LRU | flag::NUMA_NODE | flag::ACCESS | flag::ZERO_SEED;
    refuse(spec.flags & !known != 0 || !access_ok(spec.flags), Errno::EINVAL)?;
    refuse(!kind.is_lru() && spec.flags & flag::NO_COMMON_LRU != 0, Errno::EINVAL)?;
    refuse(kind.is_lru() && spec.flags & flag::NO_PREALLOC != 0, Errno::ENOTSUPP)?;
    let percpu = kind.is_percpu() || spec.flags & flag::NO_COMMON_LRU != 0;
    refuse(spec.flags & flag::NUMA_NODE != 0 && percpu, Errno::EINVAL)?;
    refuse(spec.max_entries == 0 || spec.key_size == 0 || spec.value_size == 0, Errno::EINVAL)?;
    let bytes = u64::from(spec.key_size) + u64::from(spec.value_size);
    refuse(bytes >= KMALLOC_MAX - HTAB_ELEM, Errno::E2BIG)?;
    refuse(kind.is_percpu() && !percpu_ok(spec), Errno::E2BIG)
}

fn lpm(spec: &MapSpec) -> Result<(), Errno> {
    const HEADER: u32 = 4;
    const NODE: u32 = 40;
    let known = flag::NO_PREALLOC | flag::NUMA_NODE | flag::ACCESS;
    let wrong = spec.max_entries == 0
        || spec.flags & flag::NO_PREALLOC == 0
        || spec.flags & !known != 0
        || !access_ok(spec.flags)
        || !(HEADER + 1..=HEADER + 256).contains(&spec.key_size)
        || spec.value_size == 0
        || spec.value_size > KMALLOC_MAX as u32 - 256 - NODE;
    refuse(wrong, Errno::EINVAL)
}

fn queue(spec: &MapSpec) -> Result<(), Errno> {
    let known = flag::NUMA_NODE | flag::ACCESS;
    let wrong = spec.max_entries == 0
        || spec.key_size != 0
        || spec.value_size == 0
        || spec.flags & !known != 0
        || !access_ok(spec.flags);
    refuse(wrong, Errno::EINVAL)?;
    refuse(u64::from(spec.value_size) > KMALLOC_MAX, Errno::E2BIG)
}

fn ring(spec: &MapSpec) -> Result<(), Errno> {
    let size = spec.max_entries;
    let wrong = spec.flags & !flag::NUMA_NODE != 0
        || spec.key_size != 0
        || spec.value_size != 0
        || !size.is_power_of_two()
        || !size.is_multiple_of(PAGE);
    refuse(wrong, Errno::EINVAL)
}
