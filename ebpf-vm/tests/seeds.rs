//! The seeds of the fuzz target `program` are programs of the corpus: `XDPSIM_WRITE_SEEDS=1` writes them anew.

mod corpus;

use std::path::Path;

use corpus::{load, names};
use xdpsim_vm::Insn;
use xdpsim_vm::load::Program;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/program");
/// Longer programs tell the fuzzer little and cost it much.
const SLOTS_MAX: usize = 160;

/// An instruction as an object has it.
fn encode(insn: &Insn) -> [u8; 8] {
    let [low, high] = insn.off.to_le_bytes();
    let [a, b, c, d] = insn.imm.to_le_bytes();
    [insn.code, insn.src << 4 | insn.dst, low, high, a, b, c, d]
}

/// For a frame of 78 bytes, and the real helpers.
fn seed(program: &Program) -> Vec<u8> {
    [64, 1].into_iter().chain(program.insns.iter().flat_map(encode)).collect()
}

fn version(name: &str) -> &'static str {
    if corpus::exists("v4", name) { "v4" } else { "v3" }
}

/// A seed for each program that is short enough.
fn write() {
    for name in names() {
        let object = load(version(&name), &name);
        for program in object.programs.iter().filter(|program| program.insns.len() <= SLOTS_MAX) {
            let file = Path::new(FOLDER).join(format!("{name}-{}", program.name));
            std::fs::write(file, seed(program)).unwrap();
        }
    }
}

#[test]
fn the_seeds_are_programs_of_the_corpus() {
    if std::env::var_os("XDPSIM_WRITE_SEEDS").is_some() {
        write();
    }
    let mut seeds = 0;
    for file in std::fs::read_dir(FOLDER).unwrap().map(|file| file.unwrap()) {
        let file_name = file.file_name().into_string().unwrap();
        let (object, program) = file_name.split_once('-').expect("object-program");
        let object = load(version(object), object);
        let program = object.program(program).expect("the object has it");
        let there = std::fs::read(file.path()).unwrap();
        assert!(there == seed(program), "{file_name}: run this test with XDPSIM_WRITE_SEEDS=1");
        seeds += 1;
    }
    assert!(seeds >= 30, "{seeds}");
}
