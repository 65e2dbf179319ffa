//! An object in the kernel: loaded from what the virtual machine's loader found, or by a loader of its own.

use std::os::fd::{AsFd, AsRawFd};

use aya::maps::{Map as AyaMap, MapData};
use aya::programs::Xdp;
use aya::{Btf, EbpfLoader};
use xdpsim_oracle::bpf::asm::Insn;
use xdpsim_oracle::bpf::{
    Map as KernelMap, MapCreate, Prog, ProgLoad, attach_type, load_flag, map_type, possible_cpus,
};
use xdpsim_vm::load::{Attach, Initial, MapDef, MapIndex, Object, Program as Loaded, Reference};

/// Who brings an object into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader<'a> {
    /// The instructions and maps that the virtual machine's loader found: its error shows as a program that the
    /// verifier refuses or that does something else.
    Ours,
    /// `aya`, with the object's types: for callbacks and spin locks, which the kernel only takes with them. With these
    /// variables set.
    Aya(&'a [(&'a str, &'a [u8])]),
}

/// Maps and programs in the kernel, in the object's order.
pub struct Kernel {
    pub maps: Vec<KernelMap>,
    /// None for programs that a test run does not take: those that know their egress device.
    pub programs: Vec<Option<Prog>>,
}

impl Kernel {
    pub fn new(object: &Object, bytes: &[u8], loader: Loader<'_>) -> Self {
        match loader {
            Loader::Ours => ours(object),
            Loader::Aya(variables) => with_aya(object, bytes, variables),
        }
    }
}

fn with_aya(object: &Object, bytes: &[u8], variables: &[(&str, &[u8])]) -> Kernel {
    let btf = Btf::from_sys_fs().expect("the kernel tells its types");
    let mut loader = EbpfLoader::new();
    loader.btf(Some(&btf));
    for (name, value) in variables {
        loader.override_global(name, *value, true);
    }
    let mut loaded = loader.load(bytes).unwrap_or_else(|error| panic!("{}: {error:?}", object.name));
    let program = |program: &Loaded| {
        let xdp: &mut Xdp = loaded.program_mut(&program.name).unwrap().try_into().unwrap();
        xdp.load().unwrap_or_else(|error| panic!("{} of {}: {error}", program.name, object.name));
        Some(Prog::adopt(xdp.fd().unwrap().as_fd().try_clone_to_owned().unwrap()))
    };
    let programs = object.programs.iter().map(program).collect();
    let map = |def: &MapDef| {
        let map = loaded.take_map(&def.name).unwrap_or_else(|| panic!("no map {}", def.name));
        KernelMap::adopt(data(&map).fd().as_fd().try_clone_to_owned().unwrap()).unwrap()
    };
    Kernel { maps: object.maps.iter().map(map).collect(), programs }
}

fn data(map: &AyaMap) -> &MapData {
    match map {
        AyaMap::Array(data)
        | AyaMap::PerCpuArray(data)
        | AyaMap::HashMap(data)
        | AyaMap::PerCpuHashMap(data)
        | AyaMap::LruHashMap(data) => data,
        other => panic!("{other:?} is not expected in objects for this loader"),
    }
}

fn create(def: &MapDef, inner: Option<&KernelMap>) -> KernelMap {
    let mut spec = def.spec;
    if (spec.map_type, spec.max_entries) == (map_type::PERF_EVENT_ARRAY, 0) {
        spec.max_entries = possible_cpus() as u32;
    }
    let attributes = MapCreate {
        flags: spec.flags,
        inner_map_fd: inner.map_or(0, AsRawFd::as_raw_fd),
        ..MapCreate::new(spec.map_type, spec.key_size, spec.value_size, spec.max_entries, "vm_objects")
    };
    KernelMap::create(&attributes).unwrap_or_else(|error| panic!("{}: {error}", def.name))
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

/// As a program for devices, so that a test run takes it; if the verifier refuses that, as what it is.
fn load(object: &Object, program: &Loaded, maps: &[KernelMap]) -> (Prog, bool) {
    let insns = encode(program, maps);
    let flags = if program.frags { load_flag::XDP_HAS_FRAGS } else { 0 };
    let load = ProgLoad::xdp("vm_objects", &insns).with_flags(flags);
    let refused = |error| -> ! { panic!("{} of {}: {error}", program.name, object.name) };
    let own = match program.attach {
        Attach::Interface => return (Prog::load(&load).unwrap_or_else(|error| refused(error)), true),
        Attach::Devmap => ProgLoad { attach_type: attach_type::XDP_DEVMAP, ..load },
        Attach::Cpumap => ProgLoad { attach_type: attach_type::XDP_CPUMAP, ..load },
    };
    match Prog::load_quietly(&load) {
        Ok(prog) => (prog, true),
        Err(_) => (Prog::load(&own).unwrap_or_else(|error| refused(error)), false),
    }
}

fn ours(object: &Object) -> Kernel {
    let template =
        |def: &MapDef| def.inner.map(|spec| create(&MapDef { spec, inner: None, ..def.clone() }, None));
    let maps: Vec<_> = object.maps.iter().map(|def| create(def, template(def).as_ref())).collect();
    let programs: Vec<_> = object.programs.iter().map(|program| load(object, program, &maps)).collect();
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
                            programs[at].0.as_fd()
                        }
                    };
                    map.set_fd(*key, fd).unwrap();
                }
            }
        }
    }
    Kernel { maps, programs: programs.into_iter().map(|(prog, runs)| runs.then_some(prog)).collect() }
}
