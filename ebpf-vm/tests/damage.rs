//! Damaged objects: each is loaded or refused, none takes the process down.

mod corpus;

use std::panic;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_vm::helpers::{Helpers, MapSet, World};
use xdpsim_vm::load::{self, LoadOptions, Object};
use xdpsim_vm::{Limits, MapIdx, Memory, ProgIdx, Program, interp};

/// What a byte is replaced by.
const BYTES: [u8; 5] = [0, 1, 0x7f, 0x80, 0xff];

fn load(bytes: &[u8]) -> Result<Object, String> {
    Object::load("damaged.o", bytes, LoadOptions::default()).map_err(|error| error.to_string())
}

/// The reader beneath us panics on some of them; that is caught, and its messages are noise here.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    panic::set_hook(Box::new(|_| {}));
    let result = work();
    _ = panic::take_hook();
    result
}

/// What is left of an object runs, or is refused at one step or another.
fn run(object: &Object) -> bool {
    let mut memory = Memory::new();
    let Ok(mut maps) = MapSet::create(object, 2, &mut memory) else { return false };
    let decode = |program: &load::Program| Program::decode(&program.insns, object.maps.len() as u32);
    let Ok(programs) = object.programs.iter().map(decode).collect::<Result<Vec<_>, _>>() else {
        return false;
    };
    (0..programs.len() as u32).map(ProgIdx).all(|entry| {
        memory.packet_in(&[8; 64], 256, 256);
        let mut nobody = Nobody;
        let mut host = Helpers::new(&mut maps, &mut nobody);
        interp::run(&programs, entry, &mut memory, &mut host, Limits { budget: 10_000 }).is_ok()
    })
}

#[test]
fn damaged_objects_run_or_are_refused() {
    let (mut ran, mut stopped, mut refused) = (0, 0, 0);
    quietly(|| {
        for name in ["tail_calls", "maps_of_maps", "subprograms", "core", "legacy", "globals", "queues"] {
            let whole = corpus::bytes("v3", name);
            for at in (0..whole.len()).step_by(3) {
                let mut bytes = whole.clone();
                bytes[at] = BYTES[at / 3 % BYTES.len()];
                match load(&bytes).map(|object| run(&object)) {
                    Ok(true) => ran += 1,
                    Ok(false) => stopped += 1,
                    Err(_) => refused += 1,
                }
            }
            for len in (0..whole.len()).step_by(97) {
                refused += usize::from(load(&whole[..len]).is_err());
            }
        }
    });
    println!("{ran} ran, {stopped} stopped, {refused} refused");
    assert!(ran > 1000 && stopped > 10 && refused > 1000);
}

/// Nothing around it answers.
struct Nobody;

impl World for Nobody {
    fn cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&mut self) -> u32 {
        0
    }
    fn redirect(&mut self, _: IfIndex, _: u64) -> u64 {
        0
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, _: u64) -> u64 {
        0
    }
}

fn refused(bytes: &[u8]) -> String {
    load(bytes).expect_err("it is not as it should be")
}

const COMPILE: &str = "compile with `clang -target bpf -O2 -g -c`";

#[test]
fn what_is_no_object_is_named() {
    let no_elf = "damaged.o: this is no BPF object: Invalid ELF header size or alignment";
    assert_eq!(refused(b"int main() {}"), format!("{no_elf}; {COMPILE}"));
    assert_eq!(refused(b"BC\xc0\xde12345"), format!("damaged.o: it is LLVM bitcode; {COMPILE}"));
    assert_eq!(
        refused(b"\x7fELF\x02\x02\x01"),
        "damaged.o: it is a big-endian object; compile with `clang -target bpfel`"
    );
    let mut x86 = corpus::bytes("v3", "by_ingress");
    x86[18..20].copy_from_slice(&62_u16.to_le_bytes());
    let no_bpf = "damaged.o: this is no BPF object: it is ELF of machine 62 and type 1";
    assert_eq!(refused(&x86), format!("{no_bpf}; {COMPILE}"));
}

/// An object whose section `xdp` has another name of at most 3 letters.
fn renamed(name: &str) -> Vec<u8> {
    let mut object = corpus::bytes("v3", "by_ingress");
    let old = b".relxdp\0";
    let at = object.windows(old.len()).rposition(|window| window == old).unwrap() + 4;
    object[at..at + 4].fill(0);
    object[at..at + name.len()].copy_from_slice(name.as_bytes());
    object
}

#[test]
fn an_object_without_xdp_programs_says_what_it_has() {
    assert_eq!(
        refused(&renamed("tc")),
        "damaged.o: it has no XDP program, only others (tc); mark the program with SEC(\"xdp\")"
    );
}

/// A symbol that no section defines: a variable or function that only a kernel has.
#[test]
fn what_only_a_kernel_has_is_named() {
    let mut object = corpus::bytes("v3", "by_ingress");
    let entry = {
        let file = object::File::parse(object.as_slice()).unwrap();
        let (from, _) = file.section_by_name(".symtab").unwrap().file_range().unwrap();
        from as usize + 24 * file.symbols().find(|symbol| symbol.name() == Ok("tx_port")).unwrap().index().0
    };
    object[entry + 6..entry + 8].fill(0);
    assert_eq!(
        refused(&object),
        "damaged.o, section `xdp`, symbol `tx_port`, offset 0x8: `tx_port` is a variable that no section defines: \
         only a kernel has it; kernel functions and variables are not modelled: leave the use out, or declare it \
         `__weak` and test it with bpf_ksym_exists()"
    );
}

/// A limit, as far as a file of a few kilobytes can exceed one: `.bss` has a size, but no bytes.
#[test]
fn what_is_too_large_is_refused() {
    let mut object = corpus::bytes("v3", "globals");
    let sections = u64::from_le_bytes(*object[0x28..].first_chunk().unwrap()) as usize;
    let nobits = 8_u32.to_le_bytes();
    let header = (sections..object.len()).step_by(64).find(|at| object[at + 4..at + 8] == nobits).unwrap();
    object[header + 32..header + 40].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    assert_eq!(
        refused(&object),
        "damaged.o, section `.bss`: code and data, relocations or sections are too many; the limits are 67108864 \
         bytes, 1048576 relocations, 1024 sections"
    );
}
