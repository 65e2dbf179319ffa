//! Helpers and kernel functions that are not here: refused when an object is loaded, by name and line.

mod corpus;

use std::collections::BTreeSet;

use corpus::{CPUS, bytes, exists, load};
use object::read::elf::{ElfFile64, FileHeader as _, Sym as _};
use object::{LittleEndian, Object as _};
use xdpsim_vm::helpers::{self, Helpers, MapSet, Status, World, id};
use xdpsim_vm::load::{LoadOptions, MISSING_KFUNC, Object};
use xdpsim_vm::{FaultKind, HelperFault, HelperId, Insn, Limits, MapIdx, Memory, ProgIdx, Program, interp};

/// What is said of a call of a function that nobody defines.
const KFUNC: &str = "fwd.o, section `xdp`, symbol `bpf_xdp_maybe`, offset 0x20: \
    bpf_xdp_maybe() is a function that no section defines: a kfunc, which only a kernel has; \
    used in `with_or_without` at ./weak_kfunc.bpf.c:11: `return bpf_xdp_maybe(ctx);`; \
    kernel functions and variables are not modelled: leave the use out, or declare it `__weak` and test it with bpf_ksym_exists()";

/// The object with its walk over a map made a call of another helper.
fn calling(number: i32) -> String {
    let mut object = load("v3", "callbacks");
    let insns = &mut object.programs[0].insns;
    let call = insns.iter_mut().find(|insn| insn.code == 0x85 && insn.src == 0 && insn.imm == 164).unwrap();
    call.imm = number;
    helpers::check(&object).unwrap_err().to_string()
}

#[test]
fn a_helper_that_is_not_modelled_is_named_with_its_line() {
    insta::assert_snapshot!(calling(84), @"callbacks.o, section `xdp`, symbol `callbacks`: bpf_sk_lookup_tcp() (helper 84) is not modelled: there are no sockets; called in `callbacks` at ./callbacks.bpf.c:39: `bpf_for_each_map_elem(&table, add_value, &sum, 0);`; compile the program without it, for example under an #ifdef");
    insta::assert_snapshot!(calling(35), @"callbacks.o, section `xdp`, symbol `callbacks`: bpf_get_current_task() (helper 35) is not modelled: there are no tasks and no user memory; called in `callbacks` at ./callbacks.bpf.c:39: `bpf_for_each_map_elem(&table, add_value, &sum, 0);`; compile the program without it, for example under an #ifdef");
    insta::assert_snapshot!(calling(26), @"callbacks.o, section `xdp`, symbol `callbacks`: bpf_skb_load_bytes() (helper 26) is not for XDP programs: a kernel refuses it too; called in `callbacks` at ./callbacks.bpf.c:39: `bpf_for_each_map_elem(&table, add_value, &sum, 0);`; call it from a program of another type, or leave it out");
    insta::assert_snapshot!(calling(4096), @"callbacks.o, section `xdp`, symbol `callbacks`: helper 4096 does not exist in any Linux that is known here; called in `callbacks` at ./callbacks.bpf.c:39: `bpf_for_each_map_elem(&table, add_value, &sum, 0);`; check the number that the object calls; it may be damaged");
}

/// A constant of 64 bits whose second half looks like a call is none.
#[test]
fn objects_that_call_nothing_else_are_accepted() {
    let mut helpers = BTreeSet::new();
    for (cpu, name) in CPUS.iter().flat_map(|cpu| corpus::names().into_iter().map(move |name| (cpu, name))) {
        if exists(cpu, &name) {
            let object = load(cpu, &name);
            helpers::check(&object).unwrap();
            let insns = object.programs.iter().flat_map(|program| &program.insns);
            helpers.extend(insns.filter(|insn| insn.code == 0x85 && insn.src == 0).map(|insn| insn.imm));
        }
    }
    assert!(helpers.len() > 15, "{helpers:?}");
}

/// Makes the only weak symbol one that must be there.
fn not_weak(mut bytes: Vec<u8>) -> Vec<u8> {
    let elf = ElfFile64::<LittleEndian>::parse(&*bytes).unwrap();
    let header = elf.elf_header();
    let sections = header.sections(LittleEndian, &*bytes).unwrap();
    let table = sections.symbols(LittleEndian, &*bytes, object::elf::SHT_SYMTAB).unwrap();
    let (index, _) = table.enumerate().find(|(_, symbol)| symbol.is_weak()).unwrap();
    let section = elf.section_by_name(".symtab").unwrap();
    let (start, _) = object::ObjectSection::file_range(&section).unwrap();
    bytes[start as usize + index.0 * 24 + 4] = object::elf::STB_GLOBAL << 4;
    bytes
}

#[test]
fn a_kernel_function_that_must_be_there_is_refused() {
    for cpu in ["v1", "v2", "v3"] {
        let bytes = not_weak(bytes(cpu, "weak_kfunc"));
        let error = Object::load("fwd.o", &bytes, LoadOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), KFUNC);
    }
}

/// One that may be missing is missing: its test says so, and a call without test is a fault.
#[test]
fn a_weak_kernel_function_is_missing() {
    let mut object = load("v3", "weak_kfunc");
    helpers::check(&object).unwrap();
    assert_eq!(run(&object).unwrap(), 2);
    let test = object.programs[0].insns.iter_mut().find(|insn| insn.code == 0x15).unwrap();
    test.imm = 1;
    let fault = run(&object).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Helper(HelperId(MISSING_KFUNC), HelperFault::Unknown));
    assert_eq!(fault.to_string(), "instruction 4: a weak kernel function (kfunc) does not exist here");
    assert_eq!(helpers::status(MISSING_KFUNC), Status::Unknown);
}

/// The helper of patches that were never merged, declared as a kernel function: its call is made one of a number that
/// Linux has not. Only surroundings that have it answer; NULL is no exclude map.
///
/// Rule: MCAST-39.a, MCAST-39.d
#[test]
fn a_function_of_unmerged_patches_is_the_surroundings_to_have() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/objects/two_maps.o");
    let object = Object::load("two_maps.o", &std::fs::read(path).unwrap(), LoadOptions::default()).unwrap();
    helpers::check(&object).unwrap();
    let calls = object.programs[0].insns.iter().filter(|insn| insn.code == 0x85).map(|insn| insn.imm);
    let multi = id::REDIRECT_MAP_MULTI.0 as i32;
    assert_eq!(calls.collect::<Vec<_>>(), [1, 1, multi]);
    // r1 = the first map, r2 = NULL, r3 = 1
    let insn = |code, dst, src, imm| Insn { code, dst, src, off: 0, imm };
    let insns = [
        insn(0x18, 1, 1, 0),
        insn(0, 0, 0, 0),
        insn(0xb7, 2, 0, 0),
        insn(0xb7, 3, 0, 1),
        insn(0x85, 0, 0, multi),
        insn(0x95, 0, 0, 0),
    ];
    let program = Program::decode(&insns, 1).unwrap();
    assert_eq!(run_in(&program, &mut TwoMaps(None)), Ok(4));
    let fault = run_in(&program, &mut Nobody).unwrap_err();
    assert!(
        fault.contains("bpf_redirect_map_multi() (helper 2002000001): no kernel has this function"),
        "{fault}"
    );
    let mut asked = TwoMaps(None);
    run_in(&program, &mut asked).unwrap();
    assert_eq!(asked.0, Some((MapIdx(0), None, 1)));
}

/// Has the function with two maps; notes what it is asked.
struct TwoMaps(Option<(MapIdx, Option<MapIdx>, u64)>);

impl World for TwoMaps {
    fn cpu(&self) -> xdpsim_devmap::CpuId {
        Nobody.cpu()
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&mut self) -> u32 {
        0
    }
    fn redirect(&mut self, _: xdpsim_devmap::IfIndex, _: u64) -> u64 {
        0
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, _: u64) -> u64 {
        0
    }
    fn redirect_map_multi(&mut self, map: MapIdx, ex_map: Option<MapIdx>, flags: u64) -> Option<u64> {
        self.0 = Some((map, ex_map, flags));
        Some(4)
    }
}

fn run_in<W: World>(program: &Program, world: &mut W) -> Result<u64, String> {
    let (mut memory, mut maps) = (Memory::new(), MapSet::default());
    let mut host = Helpers::new(&mut maps, world);
    let program = std::slice::from_ref(program);
    interp::run(program, ProgIdx(0), &mut memory, &mut host, Limits::default())
        .map_err(|fault| fault.to_string())
}

struct Nobody;

impl World for Nobody {
    fn cpu(&self) -> xdpsim_devmap::CpuId {
        xdpsim_devmap::CpuId(0)
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&mut self) -> u32 {
        0
    }
    fn redirect(&mut self, _: xdpsim_devmap::IfIndex, _: u64) -> u64 {
        0
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, _: u64) -> u64 {
        0
    }
}

fn run(object: &Object) -> Result<u64, Box<xdpsim_vm::Fault>> {
    let program = Program::decode(&object.programs[0].insns, 0).unwrap();
    let mut memory = Memory::new();
    memory.packet_in(&[0; 64], 256, 320);
    let (mut maps, mut world) = (MapSet::default(), Nobody);
    let mut host = Helpers::new(&mut maps, &mut world);
    interp::run(&[program], ProgIdx(0), &mut memory, &mut host, Limits::default())
}
