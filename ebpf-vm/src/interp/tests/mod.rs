//! What each instruction does, and what ends a run.

mod alu;
mod calls;
mod jumps;
mod memory;
mod sequences;

use crate::engine::{Code, Engine};
use crate::fault::{Fault, FaultKind};
use crate::host::{Host, NoHelpers, ProgIdx};
use crate::insn::{Insn, Reg};
use crate::interp::{Limits, run};
use crate::memory::Memory;
use crate::program::Program;

/// Bytes of the packet that tests run on: 0, 1, 2, ...
const FRAME: usize = 64;

/// A slot.
const fn i(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

const EXIT: Insn = i(0x95, 0, 0, 0, 0);

/// `dst = imm`, sign-extended.
const fn mov(dst: u8, imm: i32) -> Insn {
    i(0xb7, dst, 0, 0, imm)
}

/// `dst = src`
const fn mov_reg(dst: u8, src: u8) -> Insn {
    i(0xbf, dst, src, 0, 0)
}

/// `dst =` 64 bits.
const fn wide(dst: u8, value: u64) -> [Insn; 2] {
    [i(0x18, dst, 0, 0, value as i32), i(0, 0, 0, 0, (value >> 32) as i32)]
}

fn decoded(insns: &[Insn]) -> Program {
    Program::decode(insns, 0).expect("a test's program is legal")
}

fn frame() -> Memory {
    let mut memory = Memory::new();
    let bytes: Vec<u8> = (0..FRAME as u8).collect();
    memory.packet_in(&bytes, 256, 320);
    memory
}

fn run_with<H: Host + Clone>(insns: &[Insn], memory: &mut Memory, host: &mut H) -> Result<u64, Box<Fault>> {
    run_programs(&[decoded(insns)], memory, host, Limits { budget: 10_000 })
}

/// Runs the first program on all engines, which must agree: what the reference says.
fn run_programs<H: Host + Clone>(
    programs: &[Program],
    memory: &mut Memory,
    host: &mut H,
    limits: Limits,
) -> Result<u64, Box<Fault>> {
    let (memory_before, host_before) = (memory.clone(), host.clone());
    let result = run(programs, ProgIdx(0), memory, host, limits);
    for engine in Engine::ALL {
        let code = Code::new(programs.to_vec(), *engine);
        assert_eq!(code.engine(), *engine);
        let (mut other, mut host) = (memory_before.clone(), host_before.clone());
        assert_eq!(code.run(ProgIdx(0), &mut other, &mut host, limits), result, "{engine}");
        assert_eq!(other.packet().output(), memory.packet().output(), "{engine}");
        assert_eq!(other.packet().is_dirty(), memory.packet().is_dirty(), "{engine}");
    }
    result
}

fn result(insns: &[Insn]) -> Result<u64, Box<Fault>> {
    run_with(insns, &mut frame(), &mut NoHelpers)
}

/// R0 after instructions that end well.
fn r0(insns: &[Insn]) -> u64 {
    result(insns).expect("the program runs to its end")
}

/// What ends a run, and where.
fn fault(insns: &[Insn]) -> (u32, FaultKind) {
    let fault = result(insns).expect_err("the program does what none may do");
    (fault.pc, fault.kind)
}

#[test]
fn a_run_begins_with_context_and_stack() {
    let mut memory = frame();
    let r1 = run_with(&[mov_reg(0, 1), EXIT], &mut memory, &mut NoHelpers);
    assert_eq!(r1, Ok(crate::memory::context_address()));
    assert_eq!(Reg::new(11), None);
}
