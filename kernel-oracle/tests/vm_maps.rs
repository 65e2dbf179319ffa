//! The maps of the virtual machine against the running kernel's: the same operations through bpf(2), the same
//! answers to the errno, the same contents.
//!
//! Left out, because a kernel's answers depend on chance or on lists for each CPU: the order in which a hash is
//! walked, and what a full LRU map drops. Sequences are drawn from fixed seeds.
#![cfg(target_os = "linux")]

mod vm_draw;

use vm_draw::Random;
use xdpsim_oracle::bpf::{BpfError, Map as KernelMap, MapCreate, map_type, possible_cpus};
use xdpsim_oracle::need;
use xdpsim_vm::Slab;
use xdpsim_vm::load::MapSpec;
use xdpsim_vm::maps::{Caller, Kind, Map};

/// Operations of one sequence.
const OPERATIONS: usize = 300;
/// Sequences for each kind of map.
const SEQUENCES: u64 = 60;
/// Attributes that are tried for each kind of map.
const CREATIONS: usize = 1500;

/// Flags of updates, valid and not.
const FLAGS: [u64; 9] = [0, 0, 0, 1, 2, 3, 4, 5, 1 << 40];

/// An answer of either side: bytes, or the positive errno.
type Answer = Result<Vec<u8>, i32>;

/// The same map twice.
struct Pair {
    spec: MapSpec,
    kernel: KernelMap,
    vm: Map,
    slab: Slab,
    value_len: usize,
}

fn kernel_attributes(spec: &MapSpec) -> MapCreate<'static> {
    let MapSpec { map_type, key_size, value_size, max_entries, flags, .. } = *spec;
    MapCreate { flags, ..MapCreate::new(map_type, key_size, value_size, max_entries, "vm_maps") }
}

fn create_vm(spec: &MapSpec) -> Result<(Map, Slab), i32> {
    Map::create(spec, possible_cpus() as u32).map_err(|errno| errno.number())
}

fn number(error: BpfError) -> i32 {
    error.number
}

impl Pair {
    fn new(spec: MapSpec) -> Self {
        let attributes = kernel_attributes(&spec);
        let kernel = KernelMap::create(&attributes).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        let (vm, slab) = create_vm(&spec).unwrap_or_else(|errno| panic!("{spec:?}: errno {errno}"));
        assert_eq!(vm.value_len(Caller::Control), attributes.value_len(), "{spec:?}");
        Self { spec, kernel, vm, slab, value_len: attributes.value_len() }
    }

    fn update(&mut self, key: &[u8], value: &[u8], flags: u64) -> (Answer, Answer) {
        let kernel = self.kernel.update(key, value, flags).map(|()| vec![]).map_err(number);
        let vm = self.vm.update(&mut self.slab, key, value, flags, Caller::Control);
        (kernel, vm.map(|()| vec![]).map_err(|errno| errno.number()))
    }

    fn delete(&mut self, key: &[u8]) -> (Answer, Answer) {
        let kernel = self.kernel.delete(key).map(|()| vec![]).map_err(number);
        (kernel, self.vm.delete(key).map(|()| vec![]).map_err(|errno| errno.number()))
    }

    fn read(&mut self, key: &[u8]) -> (Answer, Answer) {
        let mut value = vec![0; self.value_len];
        let kernel = self.kernel.lookup(key, &mut value).map(|()| value).map_err(number);
        let mut value = vec![];
        let vm = self.vm.read(&self.slab, key, &mut value).map(|()| value);
        (kernel, vm.map_err(|errno| errno.number()))
    }

    fn next(&mut self, key: Option<&[u8]>) -> (Answer, Answer) {
        let mut next = vec![0; self.spec.key_size as usize];
        let kernel = self.kernel.next_key(key, &mut next).map(|()| next).map_err(number);
        let mut next = vec![];
        let vm = self.vm.next_key(key, &mut next).map(|()| next);
        (kernel, vm.map_err(|errno| errno.number()))
    }

    fn take(&mut self) -> (Answer, Answer) {
        let mut value = vec![0; self.value_len];
        let kernel = self.kernel.take(&mut value).map(|()| value).map_err(number);
        let vm = self.vm.pop().map(|slot| self.slab.value(slot).to_vec());
        (kernel, vm.map_err(|errno| errno.number()))
    }

    /// All keys in the order of iteration.
    fn walk(next: impl Fn(Option<&[u8]>) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = Vec::new();
        while let Some(key) = next(all.last().map(Vec::as_slice)) {
            all.push(key);
            assert!(all.len() < 10_000, "the walk does not end");
        }
        all
    }

    fn walks(&self) -> [Vec<Vec<u8>>; 2] {
        let kernel = Self::walk(|key| {
            let mut next = vec![0; self.spec.key_size as usize];
            self.kernel.next_key(key, &mut next).ok().map(|()| next)
        });
        let vm = Self::walk(|key| {
            let mut next = vec![];
            self.vm.next_key(key, &mut next).ok().map(|()| next)
        });
        [kernel, vm]
    }
}

/// Keys of few values, so that they meet: of a trie a length and bits, of an array an index near its end.
fn draw_key(random: &mut Random, spec: &MapSpec) -> Vec<u8> {
    let mut key = vec![0; spec.key_size as usize];
    match Kind::from_number(spec.map_type) {
        Some(Kind::LpmTrie) => {
            let bits = (spec.key_size - 4) * 8;
            let length = if random.below(12) == 0 {
                bits + random.below(3) as u32
            } else {
                random.below(u64::from(bits) + 1) as u32
            };
            key[..4].copy_from_slice(&length.to_le_bytes());
            key[4..].fill_with(|| random.pick(&[0, 0, 0x80, 0xff, 0x40]));
        }
        _ if spec.key_size == 4 => {
            let index = if random.below(20) == 0 {
                u32::MAX
            } else {
                random.below(u64::from(spec.max_entries) * 3 / 2 + 2) as u32
            };
            key.copy_from_slice(&index.to_le_bytes());
        }
        _ => {
            let last = key.len().saturating_sub(1);
            for at in [0, last] {
                if let Some(byte) = key.get_mut(at) {
                    *byte = random.below(u64::from(spec.max_entries)) as u8;
                }
            }
        }
    }
    key
}

/// What is done, for messages.
#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
enum Operation {
    Update(Vec<u8>, Vec<u8>, u64),
    Delete(Vec<u8>),
    Read(Vec<u8>),
    Next(Option<Vec<u8>>),
    Take,
}

/// Plays a sequence; gives how many operations succeeded and failed.
fn play(spec: MapSpec, seed: u64) -> [u64; 2] {
    let random = &mut Random(seed);
    let mut pair = Pair::new(spec);
    let kind = Kind::from_number(spec.map_type).unwrap();
    let ordered = !matches!(kind, Kind::Hash | Kind::PercpuHash | Kind::LruHash | Kind::LruPercpuHash);
    let keyless = matches!(kind, Kind::Queue | Kind::Stack);
    let (mut done, mut counts) = (Vec::new(), [0; 2]);
    for _ in 0..OPERATIONS {
        let key = draw_key(random, &spec);
        let (operation, (kernel, vm)) = match random.below(10) {
            0..5 => {
                let value: Vec<u8> = (0..pair.value_len).map(|_| random.next() as u8).collect();
                let flags = random.pick(&FLAGS);
                let answers = pair.update(&key, &value, flags);
                (Operation::Update(key, value, flags), answers)
            }
            5 => {
                let answers = pair.delete(&key);
                (Operation::Delete(key), answers)
            }
            6 if keyless => (Operation::Take, pair.take()),
            6 | 7 if ordered => {
                let key = (random.below(8) > 0).then_some(key).filter(|key| !key.is_empty());
                let answers = pair.next(key.as_deref());
                (Operation::Next(key), answers)
            }
            _ => {
                let answers = pair.read(&key);
                (Operation::Read(key), answers)
            }
        };
        done.push(operation);
        assert_eq!(vm, kernel, "left the vm, right the kernel; seed {seed}, {spec:?}, after {done:#?}");
        counts[usize::from(kernel.is_err())] += 1;
    }
    same_contents(&mut pair, ordered && !keyless, seed);
    counts
}

fn same_contents(pair: &mut Pair, ordered: bool, seed: u64) {
    let [mut kernel, mut vm] = pair.walks();
    if !ordered {
        kernel.sort();
        vm.sort();
    }
    assert_eq!(vm, kernel, "keys at the end, left the vm's; seed {seed}, {:?}", pair.spec);
    for key in kernel {
        let (kernel, vm) = pair.read(&key);
        assert_eq!(vm, kernel, "value of {key:?}, left the vm's; seed {seed}, {:?}", pair.spec);
    }
}

fn spec(map_type: u32, key_size: u32, value_size: u32, max_entries: u32, flags: u32) -> MapSpec {
    MapSpec { map_type, key_size, value_size, max_entries, flags, extra: 0 }
}

fn sequences(name: &str, specs: &[MapSpec]) {
    let Some(()) = need::kernel(name) else { return };
    let mut counts = [0; 2];
    for spec in specs {
        for seed in 0..SEQUENCES {
            let [succeeded, failed] = play(*spec, seed);
            counts = [counts[0] + succeeded, counts[1] + failed];
        }
    }
    need::compared(&format!(
        "maps: {name}: {} operations succeeded, {} failed, on both alike",
        counts[0], counts[1]
    ));
    assert!(counts[1] * 5 > counts[0], "too few errors: {counts:?}");
}

#[test]
fn arrays_answer_as_the_kernels() {
    use map_type::{ARRAY, PERCPU_ARRAY};
    sequences(
        "arrays_answer_as_the_kernels",
        &[spec(ARRAY, 4, 8, 5, 0), spec(ARRAY, 4, 3, 1, 0), spec(PERCPU_ARRAY, 4, 12, 4, 0)],
    );
}

#[test]
fn hashes_answer_as_the_kernels() {
    use map_type::{HASH, PERCPU_HASH};
    const NO_PREALLOC: u32 = 1;
    sequences(
        "hashes_answer_as_the_kernels",
        &[
            spec(HASH, 4, 8, 6, 0),
            spec(HASH, 4, 8, 6, NO_PREALLOC),
            spec(HASH, 1, 1, 3, 0),
            spec(HASH, 13, 20, 5, 0),
            spec(PERCPU_HASH, 4, 5, 6, 0),
            spec(PERCPU_HASH, 16, 8, 6, NO_PREALLOC),
        ],
    );
}

/// Of maps that never get full: what a full one drops is the kernel's own.
#[test]
fn lru_hashes_answer_as_the_kernels() {
    use map_type::{LRU_HASH, LRU_PERCPU_HASH};
    let Some(()) = need::kernel("lru_hashes_answer_as_the_kernels") else { return };
    let mut counts = [0; 2];
    for (map_type, key_size) in [(LRU_HASH, 2), (LRU_PERCPU_HASH, 5)] {
        for seed in 0..SEQUENCES {
            let [succeeded, failed] = play(spec(map_type, key_size, 8, 4096, 0), seed);
            counts = [counts[0] + succeeded, counts[1] + failed];
        }
    }
    println!("lru_hashes_answer_as_the_kernels: {counts:?}");
}

#[test]
fn tries_answer_as_the_kernels() {
    use map_type::LPM_TRIE;
    const NO_PREALLOC: u32 = 1;
    sequences(
        "tries_answer_as_the_kernels",
        &[
            spec(LPM_TRIE, 8, 8, 20, NO_PREALLOC),
            spec(LPM_TRIE, 5, 1, 200, NO_PREALLOC),
            spec(LPM_TRIE, 20, 4, 9, NO_PREALLOC),
        ],
    );
}

#[test]
fn queues_and_stacks_answer_as_the_kernels() {
    use map_type::{QUEUE, STACK};
    sequences(
        "queues_and_stacks_answer_as_the_kernels",
        &[spec(QUEUE, 0, 8, 4, 0), spec(QUEUE, 0, 3, 1, 0), spec(STACK, 0, 8, 4, 0), spec(STACK, 0, 5, 1, 0)],
    );
}

/// What can be created and what not, and why.
#[test]
fn maps_are_refused_as_by_the_kernel() {
    let Some(()) = need::kernel("maps_are_refused_as_by_the_kernel") else { return };
    use map_type::*;
    let random = &mut Random(1);
    let sizes = [0, 1, 3, 4, 5, 8, 64, 260, 261, 32 << 10, (32 << 10) + 1, (4 << 20) - 200, 4 << 20, 1 << 31];
    let entries = [0, 1, 2, 3, 64, 4096, 4097, 8192];
    let mut counts = std::collections::BTreeMap::new();
    let kinds = [
        HASH,
        ARRAY,
        PROG_ARRAY,
        PERCPU_HASH,
        PERCPU_ARRAY,
        LRU_HASH,
        LRU_PERCPU_HASH,
        LPM_TRIE,
        QUEUE,
        STACK,
        RINGBUF,
        PERF_EVENT_ARRAY,
    ];
    for map_type in kinds {
        for _ in 0..CREATIONS {
            let flags = match random.below(3) {
                0 => 0,
                1 => 1 << random.below(15),
                _ => 1 | 1 << random.below(15),
            };
            let likely = [0, 4, 4, 8, random.pick(&sizes)];
            let (key_size, value_size) = (random.pick(&likely), random.pick(&likely));
            let spec = spec(map_type, key_size, value_size, random.pick(&entries), flags);
            let large =
                (u64::from(key_size) + u64::from(value_size)) * u64::from(spec.max_entries) > 64 << 20;
            if large || map_type == PERF_EVENT_ARRAY && spec.max_entries == 0 {
                continue;
            }
            let kernel = KernelMap::create(&kernel_attributes(&spec)).map(drop).map_err(number);
            let vm = create_vm(&spec).map(drop);
            assert_eq!(vm, kernel, "left the vm, right the kernel: {spec:?}");
            *counts.entry((map_type, kernel)).or_insert(0) += 1;
        }
    }
    println!("{counts:?}");
}
