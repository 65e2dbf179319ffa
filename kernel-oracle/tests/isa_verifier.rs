//! Where a kernel computes something else than its instruction set says, because its verifier concludes
//! too much and drops or leaves out code. Found by the random programs, which avoid it since.
//!
//! Both interpreters follow the instruction set. Kernels may be repaired: then the test says so, and
//! the generator can drop its precaution.

#![cfg(target_os = "linux")]

use xdpsim_oracle::bpf::{Prog, ProgLoad};
use xdpsim_oracle::isa;
use xdpsim_oracle::need;
use xdpsim_vm::interp::threaded::Threaded;
use xdpsim_vm::{Insn, Limits, Memory, NoHelpers, ProgIdx, Program};

/// `BPF_F_TEST_STATE_FREQ`: the verifier compares states at every chance.
const TEST_STATE_FREQ: u32 = 1 << 3;
const EXIT: Insn = i(0x95, 0, 0, 0, 0);

const fn i(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

/// The program's verdict by the instruction set, and the kernel's, on a packet that begins with `word`.
fn verdicts(insns: &[Insn], word: u64) -> (u32, u32) {
    let mut packet = [0; 64];
    packet[..8].copy_from_slice(&word.to_le_bytes());
    packet[8] = 1;
    let mut memory = Memory::new();
    memory.packet_in(&packet, 256, 320);
    let ready = Threaded::new(vec![Program::decode(insns, 0).expect("legal")]);
    let ours = ready.run(ProgIdx(0), &mut memory, &mut NoHelpers, Limits::default()).expect("no fault");
    let insns = isa::for_kernel(insns);
    let prog =
        Prog::load(&ProgLoad::xdp("isa_verifier", &insns).with_flags(TEST_STATE_FREQ)).expect("accepted");
    (ours as u32, prog.test_run(&packet).expect("a run").verdict)
}

/// `wrong` is what a kernel says that has the error.
fn check(name: &str, insns: &[Insn], word: u64, right: u32, wrong: u32) {
    let (ours, kernel) = verdicts(insns, word);
    assert_eq!(ours, right, "{name}");
    assert!(kernel == right || kernel == wrong, "{name}: the kernel says {kernel}");
    println!("isa_verifier: {name}: this kernel is {}", if kernel == right { "right" } else { "wrong" });
}

/// R6 is the packet, of which 16 bytes are there; otherwise the verdict is 0.
fn packet_in_r6() -> Vec<Insn> {
    vec![
        i(0x61, 6, 1, 0, 0),
        i(0x61, 2, 1, 4, 0),
        i(0xbf, 3, 6, 0, 0),
        i(0x07, 3, 0, 0, 16),
        i(0xb7, 0, 0, 0, 0),
        i(0xbd, 3, 2, 1, 0),
        EXIT,
    ]
}

/// In a called function: the sum is taken for a pointer into the main function's stack, where a 2 is.
#[test]
fn a_number_plus_the_stacks_end() {
    let Some(()) = need::kernel("isa_verifier::number_plus_stack") else { return };
    let main = [i(0x7a, 10, 0, -8, 2), i(0x85, 0, 1, 0, 1), EXIT];
    let function = [
        i(0x7a, 10, 0, -8, 1),
        i(0xb7, 9, 0, 0, 56),
        i(0x0f, 9, 10, 0, 0),
        i(0x79, 1, 9, -64, 0),
        i(0xb7, 0, 0, 0, 20),
        i(0x15, 1, 0, 1, 2),
        i(0xb7, 0, 0, 0, 10),
        EXIT,
    ];
    check("number + r10", &[&main[..], &function].concat(), 0, 10, 20);
}

/// A compare-and-exchange of 32 bits clears the upper half of R0. x86 does not if the numbers are equal, and
/// the code that does is left out where only another path is seen to use the half.
#[test]
fn a_compare_and_exchange_of_32_bits_clears_the_upper_half() {
    let Some(()) = need::kernel("isa_verifier::upper_half") else { return };
    let rest = [
        i(0x79, 0, 6, 0, 0),
        i(0x71, 8, 6, 8, 0),
        i(0x7b, 10, 0, -8, 0),
        i(0xb7, 2, 0, 0, 5),
        i(0x55, 8, 0, 1, 0),
        i(0x05, 0, 0, 1, 0),
        i(0xc3, 10, 2, -8, 0xf1),
        i(0x77, 0, 0, 0, 32),
        EXIT,
    ];
    check("upper half", &[&packet_in_r6()[..], &rest].concat(), 7 << 32 | 9, 0, 7);
}
