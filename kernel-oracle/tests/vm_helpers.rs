//! Helpers that work on the packet: the same calls on the virtual machine and on the running kernel, the same results
//! and the same bytes. Sequences of calls with random arguments, of which many are refused.
#![cfg(target_os = "linux")]

mod vm_draw;

use vm_draw::Random;
use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_oracle::bpf::asm::Insn as KernelInsn;
use xdpsim_oracle::bpf::{Prog, ProgLoad};
use xdpsim_oracle::need;
use xdpsim_vm::helpers::{Helpers, MapSet, World};
use xdpsim_vm::{Insn, Limits, MapIdx, Memory, ProgIdx, Program, interp};

/// Programs, each of up to four calls.
const PROGRAMS: usize = 3000;
/// The room that BPF_PROG_TEST_RUN leaves in front of a frame.
const HEADROOM: u32 = 256;
/// A page without headroom and `struct skb_shared_info`.
const ROOM: u32 = 4096 - HEADROOM - 320;
/// The program's buffer, at the end of its stack.
const BUFFER: i32 = 64;

const HEAD: i32 = 44;
const META: i32 = 54;
const TAIL: i32 = 65;
const LEN: i32 = 188;
const LOAD: i32 = 189;
const STORE: i32 = 190;

/// None of these calls asks it anything.
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

fn insn(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

/// Arguments near what matters: nothing, the headroom, the frame, the page, the limits of lengths.
fn argument(random: &mut Random, helper: i32, frame: i32) -> i32 {
    let small = random.below(9) as i32 - 4;
    match helper {
        HEAD => random.pick(&[0, -216, -256, frame - 14, frame, 4 * small, -8]) + random.pick(&[0, 0, small]),
        META => random.pick(&[0, -4, -8, -216, -252, -256, 4]) + random.pick(&[0, 0, small]),
        TAIL => random.pick(&[0, ROOM as i32 - frame, 14 - frame, -frame, 16]) + random.pick(&[0, small]),
        _ => random.pick(&[0, 0, frame / 2, frame - 8, frame, 0xffff, 0x10000]) + random.pick(&[0, small]),
    }
}

/// Calls one after the other; the verdict is made of all results.
fn program(random: &mut Random, frame: i32, counts: &mut [u32]) -> Vec<Insn> {
    // r6 = ctx; r7 = 0; the buffer holds a pattern.
    let mut all = vec![insn(0xbf, 6, 1, 0, 0), insn(0xb7, 7, 0, 0, 0)];
    all.extend((1..=BUFFER / 8).map(|n| insn(0x7a, 10, 0, (-8 * n) as i16, 0x0101_0101 * n)));
    for _ in 0..=random.below(4) {
        let helper = random.pick(&[HEAD, META, TAIL, LEN, LOAD, STORE]);
        counts[helper as usize] += 1;
        all.extend([insn(0xbf, 1, 6, 0, 0), insn(0xb7, 2, 0, 0, argument(random, helper, frame))]);
        if helper == LOAD || helper == STORE {
            let len = 1 + random.below(BUFFER as u64) as i32;
            all.extend([insn(0xbf, 3, 10, 0, 0), insn(0x07, 3, 0, 0, -BUFFER), insn(0xb7, 4, 0, 0, len)]);
        }
        // r7 = r7 * 31 + r0
        all.extend([insn(0x85, 0, 0, 0, helper), insn(0x27, 7, 0, 0, 31), insn(0x0f, 7, 0, 0, 0)]);
    }
    all.extend([insn(0xbf, 0, 7, 0, 0), insn(0x95, 0, 0, 0, 0)]);
    all
}

#[test]
fn packet_helpers_answer_as_the_kernels() {
    let Some(()) = need::kernel("packet_helpers_answer_as_the_kernels") else { return };
    let random = &mut Random(3);
    let mut memory = Memory::new();
    let (mut calls, mut negative) = ([0; 191], 0);
    for _ in 0..PROGRAMS {
        let frame: Vec<u8> = (0..14 + random.below(120)).map(|at| at as u8).collect();
        let insns = program(random, frame.len() as i32, &mut calls);
        let raw: Vec<KernelInsn> =
            insns.iter().map(|i| KernelInsn::raw(i.code, i.dst, i.src, i.off, i.imm)).collect();
        let loaded = Prog::load(&ProgLoad::xdp("vm_helpers", &raw)).unwrap_or_else(|error| panic!("{error}"));
        let ran = loaded.test_run(&frame).unwrap();

        memory.packet_in(&frame, HEADROOM, ROOM - frame.len() as u32);
        let (mut maps, mut nobody) = (MapSet::default(), Nobody);
        let mut host = Helpers::new(&mut maps, &mut nobody);
        let program = Program::decode(&insns, 0).unwrap();
        let r0 = interp::run(&[program], ProgIdx(0), &mut memory, &mut host, Limits::default());
        let r0 = r0.unwrap_or_else(|fault| panic!("{fault}: {insns:#?}")) as u32;
        let out = [memory.packet().metadata(), memory.packet().frame()].concat();
        assert_eq!((r0, out), (ran.verdict, ran.data), "left the vm, frame of {}: {insns:#?}", frame.len());
        negative += u32::from(r0.cast_signed() < 0);
    }
    let counted: Vec<_> = calls.iter().enumerate().filter(|(_, count)| **count > 0).collect();
    println!("calls {counted:?}; {negative} of {PROGRAMS} sums of results are negative: all alike");
    assert!(counted.iter().all(|(_, count)| **count >= 500) && negative as usize * 5 >= PROGRAMS);
}
