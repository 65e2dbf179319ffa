//! The corpus on the virtual machine and on the running kernel: the same programs, packets and maps; verdicts,
//! bytes and what the maps hold afterwards are the same.
//!
//! The kernel gets the instructions and maps that the virtual machine's loader found, so a loader's error shows as a
//! program that the verifier refuses or that does something else.
//!
//! Left out: callbacks (the kernel wants types of functions with them), events and ring buffers, values that are
//! times or random. Per-CPU values are compared by their sums: the kernel chooses the CPU.
#![cfg(target_os = "linux")]

mod vm_draw;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd};

use vm_draw::{Random, packet};
use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_oracle::bpf::asm::Insn;
use xdpsim_oracle::bpf::{Map as KernelMap, MapCreate, Prog, ProgLoad, attach_type, map_type, possible_cpus};
use xdpsim_oracle::need;
use xdpsim_vm::helpers::{Helpers, MapSet, World};
use xdpsim_vm::load::{Attach, Initial, LoadOptions, MapDef, MapIndex, Object, Program as Loaded, Reference};
use xdpsim_vm::maps::{Caller, Kind, Map};
use xdpsim_vm::{Limits, MapIdx, Memory, ProgIdx, Program, interp};

/// Objects whose results depend on packets and maps alone.
const OBJECTS: [&str; 11] = [
    "adjust",
    "atomics",
    "broadcast",
    "by_ingress",
    "core",
    "counters",
    "globals",
    "legacy",
    "maps_of_maps",
    "parse",
    "subprograms",
];
const CPUS: [&str; 4] = ["v1", "v2", "v3", "v4"];
/// Packets through each program.
const PACKETS: u64 = 200;
/// The room that BPF_PROG_TEST_RUN leaves in front of a frame.
const HEADROOM: u32 = 256;
/// A page without headroom and `struct skb_shared_info`.
const ROOM: u32 = 4096 - HEADROOM - 320;

fn load(cpu: &str, name: &str) -> Option<Object> {
    let path = format!("{}/../ebpf-vm/objects/{cpu}/{name}.o", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).ok()?;
    Some(Object::load(name, &bytes, LoadOptions::default()).unwrap_or_else(|error| panic!("{error}")))
}

/// Maps and programs in the kernel.
struct Kernel {
    maps: Vec<KernelMap>,
    programs: Vec<Prog>,
}

fn create(def: &MapDef, inner: Option<&KernelMap>) -> KernelMap {
    let spec = def.spec;
    let attributes = MapCreate {
        flags: spec.flags,
        inner_map_fd: inner.map_or(0, AsRawFd::as_raw_fd),
        ..MapCreate::new(spec.map_type, spec.key_size, spec.value_size, spec.max_entries, "vm_objects")
    };
    KernelMap::create(&attributes).unwrap_or_else(|error| panic!("{}: {error}", def.name))
}

fn create_maps(object: &Object) -> Vec<KernelMap> {
    object
        .maps
        .iter()
        .map(|def| {
            let template = def.inner.map(|spec| create(&MapDef { spec, inner: None, ..def.clone() }, None));
            create(def, template.as_ref())
        })
        .collect()
}

fn encode(program: &Loaded, maps: &[KernelMap]) -> Vec<Insn> {
    let mut wide = false;
    let mut all = Vec::new();
    for insn in &program.insns {
        let mut imm = insn.imm;
        let first = insn.code == 0x18 && !wide;
        if first && (insn.src == 1 || insn.src == 2) {
            imm = maps[imm as usize].as_raw_fd();
        }
        wide = first;
        all.push(Insn::raw(insn.code, insn.dst, insn.src, insn.off, imm));
    }
    all
}

impl Kernel {
    fn new(object: &Object) -> Self {
        let maps = create_maps(object);
        let load = |program: &Loaded| {
            let insns = encode(program, &maps);
            let xdp = ProgLoad::xdp("vm_objects", &insns);
            // `ctx->egress_ifindex` is for programs of devmap entries only.
            let load = match program.attach {
                Attach::Interface => xdp,
                Attach::Devmap => ProgLoad::devmap("vm_objects", &insns),
                Attach::Cpumap => ProgLoad { attach_type: attach_type::XDP_CPUMAP, ..xdp },
            };
            Prog::load(&load).unwrap_or_else(|error| panic!("{} of {}: {error}", program.name, object.name))
        };
        let programs: Vec<Prog> = object.programs.iter().map(load).collect();
        for (map, def) in maps.iter().zip(&object.maps) {
            match &def.initial {
                Initial::Empty => {}
                Initial::Bytes(bytes) => map.update(&[0; 4], bytes, 0).unwrap(),
                Initial::References(all) => {
                    for (key, reference) in all {
                        let fd = match reference {
                            Reference::Map(MapIndex(at)) => maps[*at as usize].as_fd(),
                            Reference::Program(name) => {
                                let at = object.programs.iter().position(|p| p.name == *name).unwrap();
                                programs[at].as_fd()
                            }
                        };
                        map.set_fd(*key, fd).unwrap();
                    }
                }
            }
        }
        Self { maps, programs }
    }
}

/// Redirect maps are empty on both sides: a broadcast is a redirect to nobody, all else the call's own verdict.
struct Nobody;

impl World for Nobody {
    fn cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn now(&self) -> u64 {
        1
    }
    fn random(&mut self) -> u32 {
        4
    }
    fn redirect(&mut self, _: IfIndex, _: u64) -> u64 {
        4
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, flags: u64) -> u64 {
        if flags & 8 != 0 { 4 } else { flags & 3 }
    }
}

/// The same object on the virtual machine.
struct Vm {
    memory: Memory,
    maps: MapSet,
    programs: Vec<Program>,
}

impl Vm {
    fn new(object: &Object) -> Self {
        let mut memory = Memory::new();
        let maps = MapSet::create(object, possible_cpus() as u32, &mut memory).unwrap();
        let decode = |program: &Loaded| {
            Program::decode(&program.insns, object.maps.len() as u32)
                .unwrap_or_else(|error| panic!("{} of {}: {error}", program.name, object.name))
        };
        Self { memory, maps, programs: object.programs.iter().map(decode).collect() }
    }

    fn run(&mut self, program: usize, packet: &[u8]) -> (u32, Vec<u8>) {
        self.memory.packet_in(packet, HEADROOM, ROOM - packet.len() as u32);
        let fields = xdpsim_vm::memory::ContextFields { ingress_ifindex: 1, ..Default::default() };
        self.memory.set_context(fields);
        let mut nobody = Nobody;
        let mut host = Helpers::new(&mut self.maps, &mut nobody);
        let entry = ProgIdx(program as u32);
        let r0 = interp::run(&self.programs, entry, &mut self.memory, &mut host, Limits::default());
        // BPF_PROG_TEST_RUN gives metadata first.
        let out = [self.memory.packet().metadata(), self.memory.packet().frame()].concat();
        (r0.unwrap_or_else(|fault| panic!("{fault}")) as u32, out)
    }
}

/// What a map holds, sorted by key; values of several CPUs are added word by word.
fn contents(
    def: &MapDef,
    mut read: impl FnMut(Option<&[u8]>) -> Option<Vec<u8>>,
    mut value: impl FnMut(&[u8]) -> Vec<u8>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    while let Some(key) = read(all.last().map(|(key, _)| key.as_slice())) {
        let raw = value(&key);
        let value = if is_percpu(def) { sums(&raw, def.spec.value_size as usize) } else { raw };
        all.push((key, value));
    }
    all.sort();
    all
}

fn is_percpu(def: &MapDef) -> bool {
    [map_type::PERCPU_ARRAY, map_type::PERCPU_HASH].contains(&def.spec.map_type)
}

fn sums(raw: &[u8], size: usize) -> Vec<u8> {
    let mut words = vec![0_u64; size / 8];
    for cpu in raw.as_chunks::<8>().0.chunks(size / 8) {
        for (sum, word) in words.iter_mut().zip(cpu) {
            *sum += u64::from_le_bytes(*word);
        }
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn compare_maps(object: &Object, kernel: &Kernel, vm: &mut Vm) -> usize {
    let mut compared = 0;
    for (at, (def, map)) in object.maps.iter().zip(&kernel.maps).enumerate() {
        let at = MapIdx(at as u32);
        let Some(own) = vm.maps.own(at).filter(|own| own.spec().value_size > 0 && def.inner.is_none()) else {
            continue;
        };
        let (key_size, value_len) = (def.spec.key_size as usize, own.value_len(Caller::Control));
        let of_kernel = contents(
            def,
            |key| {
                let mut next = vec![0; key_size];
                map.next_key(key, &mut next).ok().map(|()| next)
            },
            |key| {
                let mut value = vec![0; value_len];
                map.lookup(key, &mut value).unwrap();
                value
            },
        );
        let slab = vm.memory.slab(at);
        let own: std::cell::RefCell<&mut Map> = own.into();
        let of_vm = contents(
            def,
            |key| {
                let mut next = vec![];
                own.borrow().next_key(key, &mut next).ok().map(|()| next)
            },
            |key| {
                let mut value = vec![];
                own.borrow_mut().read(slab, key, &mut value).unwrap();
                value
            },
        );
        assert_eq!(of_vm, of_kernel, "map {} of {}, left the vm's", def.name, object.name);
        compared += of_kernel.len();
    }
    compared
}

/// Puts the same elements into both sides' maps; all CPUs get the same value.
fn fill(object: &Object, kernel: &Kernel, vm: &mut Vm, random: &mut Random) {
    for (at, (def, map)) in (0..).map(MapIdx).zip(object.maps.iter().zip(&kernel.maps)) {
        let own = vm.maps.own(at).filter(|own| own.spec().value_size > 0 && def.inner.is_none());
        let Some(own) = own.filter(|own| def.initial == Initial::Empty && has_values(own.kind())) else {
            continue;
        };
        let padded =
            if is_percpu(def) { def.spec.value_size.next_multiple_of(8) } else { def.spec.value_size };
        for _ in 0..20 {
            let mut key: Vec<u8> =
                (0..def.spec.key_size).map(|_| random.pick(&[0, 1, 2, 7, 10, 255])).collect();
            if key.len() == 4 {
                key.copy_from_slice(&random.pick(&[0_u32, 1, 2, 17, 255, 0x12b5, 0xb512]).to_le_bytes());
            }
            let mut value: Vec<u8> = (0..def.spec.value_size).map(|_| random.below(8) as u8).collect();
            value.resize(padded as usize, 0);
            let value = value.repeat(own.value_len(Caller::Control) / padded as usize);
            let slab = vm.memory.slab_mut(at);
            let here = own.update(slab, &key, &value, 0, Caller::Control).map_err(|errno| errno.number());
            assert_eq!(here, map.update(&key, &value, 0).map_err(|error| error.number), "{}", def.name);
        }
    }
}

fn has_values(kind: Kind) -> bool {
    matches!(kind, Kind::Hash | Kind::Array | Kind::PercpuHash | Kind::PercpuArray)
}

/// What was compared.
#[derive(Debug, Default)]
struct Counts {
    objects: u32,
    runs: u32,
    entries: usize,
    verdicts: BTreeMap<u32, u32>,
}

/// Runs all programs of an object that devices can have, on both sides.
fn compare(object: &Object, counts: &mut Counts) {
    let (kernel, mut vm) = (Kernel::new(object), Vm::new(object));
    let random = &mut Random(7);
    fill(object, &kernel, &mut vm, random);
    for _ in 0..PACKETS {
        let packet = packet(random);
        for (at, program) in object.programs.iter().enumerate() {
            if program.attach != Attach::Interface {
                continue;
            }
            let ran = kernel.programs[at].test_run(&packet).unwrap();
            let here = vm.run(at, &packet);
            let name = (&object.name, &program.name);
            assert_eq!(here, (ran.verdict, ran.data), "{name:?}, left the vm, on {packet:02x?}");
            *counts.verdicts.entry(here.0).or_insert(0) += 1;
            counts.runs += 1;
        }
    }
    counts.entries += compare_maps(object, &kernel, &mut vm);
    counts.objects += 1;
}

#[test]
fn the_corpus_does_on_the_kernel_what_it_does_here() {
    let Some(()) = need::kernel("the_corpus_does_on_the_kernel_what_it_does_here") else { return };
    let mut counts = Counts::default();
    for (name, cpu) in OBJECTS.iter().flat_map(|name| CPUS.map(|cpu| (name, cpu))) {
        if let Some(object) = load(cpu, name) {
            compare(&object, &mut counts);
        }
    }
    println!("{counts:?}: all alike");
    assert!(counts.objects >= 30 && counts.runs > 6000 && counts.entries > 1000);
}

/// Debian's objects, which nobody here wrote (packages libxdp1 and xdp-tools), or those of another directory.
#[test]
fn packaged_objects_do_on_the_kernel_what_they_do_here() {
    let Some(()) = need::kernel("packaged_objects_do_on_the_kernel_what_they_do_here") else { return };
    let folder =
        std::env::var("XDPSIM_BPF_OBJECTS").unwrap_or_else(|_| "/usr/lib/x86_64-linux-gnu/bpf".into());
    let Ok(files) = std::fs::read_dir(&folder) else {
        let needs = format!("{folder} (packages libxdp1 and xdp-tools)");
        return need::skip("packaged_objects_do_on_the_kernel_what_they_do_here", &needs);
    };
    let mut counts = Counts::default();
    for path in
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "o"))
    {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // xdpdump_bpf is for other hooks; xdpdump_xdp sends the packet's bytes behind its events.
        if name.starts_with("xdpdump_") {
            continue;
        }
        let object = Object::load(&name, &std::fs::read(&path).unwrap(), LoadOptions::default());
        compare(&object.unwrap_or_else(|error| panic!("{error}")), &mut counts);
    }
    println!("{counts:?}: all alike");
    assert!(counts.objects > 0, "no objects in {folder}");
}
