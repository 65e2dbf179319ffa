//! Random programs for the instruction set: which the verifier accepts, and which show all they compute.
//!
//! A program of the generator reads a packet of [`PACKET`] bytes, computes on registers, stack and packet,
//! and ends by storing all registers and its stack into the packet. So two machines that run it agree in
//! every register or differ in a visible byte. [`Opcode`] names what is to be covered.

mod generate;
mod opcode;
mod random;

pub use generate::generate;
pub use opcode::Opcode;
pub use random::Random;

use xdpsim_vm::Insn;

use crate::bpf::asm;

/// Bytes of a packet that the programs take; from shorter ones they return at once.
pub const PACKET: usize = 192;

/// The same instructions for the kernel.
#[must_use]
pub fn for_kernel(insns: &[Insn]) -> Vec<asm::Insn> {
    insns.iter().map(|i| asm::Insn::raw(i.code, i.dst, i.src, i.off, i.imm)).collect()
}

/// A packet whose words are the numbers at which arithmetic changes its ways.
#[must_use]
pub fn packet(random: &mut Random) -> Vec<u8> {
    (0..PACKET / 8).flat_map(|_| random.word().to_le_bytes()).collect()
}
