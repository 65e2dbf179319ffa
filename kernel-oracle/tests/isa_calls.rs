//! Calls of functions and programs: depth, stack and count as the running kernel has them.
//!
//! Tail calls from functions are not here: the verifier takes them only from objects with type information.

#![cfg(target_os = "linux")]

use std::os::fd::{AsFd, AsRawFd};

use xdpsim_oracle::bpf::{Map, MapCreate, Prog, ProgLoad, map_type};
use xdpsim_oracle::isa;
use xdpsim_oracle::need;
use xdpsim_vm::{
    Code, Engine, Fault, HelperCall, HelperFault, HelperId, Host, Insn, Limits, MapIdx, Memory, Outcome,
    ProgIdx, Program, memory,
};

const PACKET: [u8; 64] = [0; 64];
const EXIT: Insn = i(0x95, 0, 0, 0, 0);

const fn i(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

/// Calls the function that begins `distance` slots after the next instruction.
const fn call(distance: i32) -> Insn {
    i(0x85, 0, 1, 0, distance)
}

/// One map, a PROG_ARRAY: slot n has program n.
struct Programs(u32);

impl Host for Programs {
    fn call(&mut self, call: &HelperCall, _: &mut Memory) -> Result<Outcome, HelperFault> {
        let [_, map, index, ..] = call.args;
        assert_eq!((call.id, memory::handle_map(map)), (HelperId(12), Some(MapIdx(0))));
        let found = u32::try_from(index).ok().filter(|index| *index < self.0);
        Ok(found.map_or(Outcome::Unchanged, |index| Outcome::TailCall(ProgIdx(index))))
    }
}

/// The verdict and the packet, which are the same in every engine.
fn ours(programs: &[Vec<Insn>]) -> Result<(u32, Vec<u8>), Box<Fault>> {
    let decoded: Vec<Program> =
        programs.iter().map(|insns| Program::decode(insns, 1).expect("legal")).collect();
    let run = |engine: &Engine| {
        let mut memory = Memory::new();
        memory.packet_in(&PACKET, 256, 320);
        let mut host = Programs(programs.len() as u32);
        let code = Code::new(decoded.clone(), *engine);
        let r0 = code.run(ProgIdx(0), &mut memory, &mut host, Limits::default())?;
        Ok((r0 as u32, memory.packet().frame().to_vec()))
    };
    let mut all: Vec<_> = Engine::ALL.iter().map(run).collect();
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
    all.remove(0)
}

fn load(insns: &[Insn]) -> Option<Prog> {
    Prog::load_quietly(&ProgLoad::xdp("isa_calls", &isa::for_kernel(insns))).ok()
}

/// The same programs with a PROG_ARRAY that leads to them.
fn kernels(programs: &[Vec<Insn>]) -> (u32, Vec<u8>) {
    let map = Map::create(&MapCreate::new(map_type::PROG_ARRAY, 4, 4, 8, "programs")).expect("a map");
    let fd = map.as_fd().as_raw_fd();
    let with_map =
        |insn: &Insn| if (insn.code, insn.src) == (0x18, 1) { Insn { imm: fd, ..*insn } } else { *insn };
    let loaded: Vec<Prog> = programs
        .iter()
        .map(|insns| {
            let insns: Vec<Insn> = insns.iter().map(with_map).collect();
            Prog::load(&ProgLoad::xdp("isa_calls", &isa::for_kernel(&insns)))
                .expect("the verifier accepts it")
        })
        .collect();
    for (index, prog) in loaded.iter().enumerate() {
        map.set_fd(index as u32, prog.as_fd()).expect("a slot");
    }
    let ran = loaded[0].test_run(&PACKET).expect("a run");
    (ran.verdict, ran.data)
}

/// A chain of functions that write `stack[n]` bytes below their R10.
fn chain(stack: &[i16]) -> Vec<Insn> {
    let (last, callers) = stack.split_last().expect("one function at least");
    let mut insns = vec![];
    for bytes in callers {
        insns.extend([i(0x72, 10, 0, -bytes, 1), call(1), EXIT]);
    }
    insns.extend([i(0x72, 10, 0, -last, 1), i(0xb7, 0, 0, 0, 2), EXIT]);
    insns
}

/// A program runs without a fault exactly if the verifier accepts its use of the stack.
#[test]
fn stack_and_depth_are_counted_as_the_verifier_counts_them() {
    let Some(()) = need::kernel("isa_calls::stack") else { return };
    let mut chains: Vec<Vec<i16>> =
        vec![vec![512], vec![256, 256], vec![257, 256], vec![500, 8], vec![496, 1]];
    for functions in 1..=9 {
        let share = 512 / functions as i16;
        chains
            .extend([1, 15, 16, 17, share - 16, share - 1, share].map(|stack| vec![stack.max(1); functions]));
    }
    let (mut fit, mut too_much) = (0, 0);
    for stack in chains {
        let insns = chain(&stack);
        let (accepted, ran) = (load(&insns).is_some(), ours(&[insns]));
        assert_eq!(ran.is_ok(), accepted, "{stack:?}: {ran:?}");
        if accepted { fit += 1 } else { too_much += 1 }
    }
    need::compared(&format!("isa: {fit} chains of functions fit, {too_much} do not"));
    assert!(fit > 10 && too_much > 10);
}

/// `packet[0] += by`
fn count(by: i32) -> [Insn; 9] {
    [
        i(0xbf, 9, 1, 0, 0),
        i(0x61, 6, 1, 0, 0),
        i(0x61, 2, 1, 4, 0),
        i(0xbf, 3, 6, 0, 0),
        i(0x07, 3, 0, 0, 1),
        i(0x2d, 3, 2, 3, 0),
        i(0x71, 0, 6, 0, 0),
        i(0x07, 0, 0, 0, by),
        i(0x73, 6, 0, 0, 0),
    ]
}

/// `bpf_tail_call(ctx, programs, index)`, of a context in R9.
fn tail_call(index: i32) -> [Insn; 5] {
    let map = i(0x18, 2, 1, 0, 0);
    [i(0xbf, 1, 9, 0, 0), map, i(0, 0, 0, 0, 0), i(0xb7, 3, 0, 0, index), i(0x85, 0, 0, 0, 12)]
}

fn ret(verdict: i32) -> [Insn; 2] {
    [i(0xb7, 0, 0, 0, verdict), EXIT]
}

fn joined(parts: &[&[Insn]]) -> Vec<Insn> {
    parts.concat()
}

#[test]
fn tail_calls_are_counted_as_the_kernel_counts_them() {
    let Some(()) = need::kernel("isa_calls::tail_calls") else { return };
    let itself = vec![joined(&[&count(1), &tail_call(0), &ret(3)])];
    let (verdict, packet) = ours(&itself).expect("no fault");
    assert_eq!((verdict, packet[0]), (3, 34));
    assert_eq!(kernels(&itself), (verdict, packet));
    // Two that call each other, and one that calls an empty slot and then the other.
    let both = vec![
        joined(&[&count(1), &tail_call(5), &tail_call(1), &ret(1)]),
        joined(&[&count(3), &tail_call(0), &ret(2)]),
    ];
    assert_eq!(kernels(&both), ours(&both).expect("no fault"));
}
