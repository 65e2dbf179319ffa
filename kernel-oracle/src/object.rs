//! A stock object in the kernel: its maps created, its programs loaded, from what the virtual machine's loader found.
//!
//! So both sides have the same bytes, and a mistake of that loader shows as a program that the verifier refuses.
//! Static values of maps of maps and program arrays are not filled in; data sections are, and constant ones are
//! frozen. Errors: [`BenchError`].

use std::os::fd::AsRawFd;

use xdpsim_vm::load::{Attach, Initial, MapDef, MapSpec, Object, Program};

use crate::bench::BenchError;
use crate::bpf::asm::Insn;
use crate::bpf::{Map, MapCreate, Prog, ProgLoad, attach_type, load_flag};
use crate::compile::CompileError;

/// `BPF_F_RDONLY_PROG`.
const RDONLY_PROG: u32 = 1 << 7;
/// `ld_imm64`, and what its source field says of the number: a map, a place in a map's value.
const WIDE: u8 = 0x18;
const OF_MAP: [u8; 2] = [1, 2];

/// Maps and programs of an object.
#[derive(Debug)]
pub struct KernelObject {
    maps: Vec<(String, Map)>,
    programs: Vec<(String, Prog)>,
}

impl KernelObject {
    /// Creates the maps, those that are named here with so many entries, and loads the programs.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn load(object: &Object, entries: &[(&str, u32)]) -> Result<Self, BenchError> {
        let mut maps = Vec::new();
        for def in &object.maps {
            let size = entries.iter().find(|(name, _)| *name == def.name).map(|(_, size)| *size);
            maps.push((def.name.clone(), create(def, size)?));
        }
        let mut programs = Vec::new();
        for program in &object.programs {
            programs.push((program.name.clone(), load(program, &maps)?));
        }
        Ok(Self { maps, programs })
    }

    /// The map of this name.
    ///
    /// # Errors
    /// If the object has none.
    pub fn map(&self, name: &str) -> Result<&Map, BenchError> {
        find(&self.maps, name)
    }

    /// The program of this name.
    ///
    /// # Errors
    /// If the object has none.
    pub fn program(&self, name: &str) -> Result<&Prog, BenchError> {
        find(&self.programs, name)
    }
}

fn find<'a, T>(all: &'a [(String, T)], name: &str) -> Result<&'a T, BenchError> {
    let found = all.iter().find(|(known, _)| known == name).map(|(_, one)| one);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(known, _)| known.as_str()).collect();
        BenchError::Case(format!("the object has no `{name}`, only {}", names.join(", ")))
    })
}

fn create(def: &MapDef, entries: Option<u32>) -> Result<Map, BenchError> {
    let refused = |what: &str, source| BenchError::Bpf { what: format!("{what} map `{}`", def.name), source };
    let make = |spec: &MapSpec, inner: Option<&Map>| {
        let attributes = MapCreate {
            flags: spec.flags,
            inner_map_fd: inner.map_or(0, AsRawFd::as_raw_fd),
            ..MapCreate::new(spec.map_type, spec.key_size, spec.value_size, spec.max_entries, &def.name)
        };
        Map::create(&attributes).map_err(|source| refused("create", source))
    };
    let template = def.inner.as_ref().map(|spec| make(spec, None)).transpose()?;
    let spec = MapSpec { max_entries: entries.unwrap_or(def.spec.max_entries), ..def.spec };
    let map = make(&spec, template.as_ref())?;
    if let Initial::Bytes(bytes) = &def.initial {
        map.update(&[0; 4], bytes, 0).map_err(|source| refused("write the variables of", source))?;
        if spec.flags & RDONLY_PROG != 0 {
            map.freeze().map_err(|source| refused("freeze", source))?;
        }
    }
    Ok(map)
}

fn load(program: &Program, maps: &[(String, Map)]) -> Result<Prog, BenchError> {
    let mut second = false;
    let mut insns = Vec::with_capacity(program.insns.len());
    for insn in &program.insns {
        let first = insn.code == WIDE && !second;
        let of_map = first && OF_MAP.contains(&insn.src);
        let map = usize::try_from(insn.imm).ok().and_then(|at| maps.get(at)).filter(|_| of_map);
        let imm = map.map_or(insn.imm, |(_, map)| map.as_raw_fd());
        insns.push(Insn::raw(insn.code, insn.dst, insn.src, insn.off, imm));
        second = first;
    }
    let attach_type = match program.attach {
        Attach::Interface => attach_type::XDP,
        Attach::Devmap => attach_type::XDP_DEVMAP,
        Attach::Cpumap => attach_type::XDP_CPUMAP,
    };
    let flags = if program.frags { load_flag::XDP_HAS_FRAGS } else { 0 };
    let load = ProgLoad { attach_type, ..ProgLoad::xdp(&program.name, &insns).with_flags(flags) };
    Ok(Prog::load(&load).map_err(CompileError::from)?)
}
