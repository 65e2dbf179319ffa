//! The seeds of the fuzz target `program` are the corpus's programs: `XDPSIM_WRITE_SEEDS=1` writes them anew.

mod corpus;

use std::path::PathBuf;

use corpus::{load, names};
use xdpsim_vm::Insn;

/// Longer programs tell the fuzzer little and cost it much.
const SLOTS_MAX: usize = 160;

/// An instruction as an object has it.
fn encode(insn: &Insn) -> [u8; 8] {
    let [low, high] = insn.off.to_le_bytes();
    let [a, b, c, d] = insn.imm.to_le_bytes();
    [insn.code, insn.src << 4 | insn.dst, low, high, a, b, c, d]
}

#[test]
fn the_seeds_are_programs_of_the_corpus() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/program"));
    let write = std::env::var_os("XDPSIM_WRITE_SEEDS").is_some();
    let mut seeds = 0;
    for name in names() {
        let object = load(if corpus::exists("v4", &name) { "v4" } else { "v3" }, &name);
        for program in object.programs.iter().filter(|program| program.insns.len() <= SLOTS_MAX) {
            // A frame of 78 bytes, and the real helpers.
            let seed: Vec<u8> = [64, 1].into_iter().chain(program.insns.iter().flat_map(encode)).collect();
            let file = folder.join(format!("{name}-{}", program.name));
            if write {
                std::fs::write(&file, &seed).unwrap();
            }
            let there = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert!(there == seed, "{}: run this test with XDPSIM_WRITE_SEEDS=1", file.display());
            seeds += 1;
        }
    }
    assert!(seeds >= 30, "{seeds}");
}
