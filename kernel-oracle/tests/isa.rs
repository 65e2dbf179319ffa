//! The instruction set: all engines compute what the running kernel computes.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use xdpsim_oracle::bpf::{Prog, ProgLoad};
use xdpsim_oracle::isa::{self, Opcode, Random};
use xdpsim_oracle::need;
use xdpsim_vm::{
    Code, Engine, Fault, HelperCall, HelperFault, HelperId, Host, Insn, Limits, Memory, Outcome, ProgIdx,
    Program,
};

/// Programs that the verifier must have accepted; `XDPSIM_ISA_PROGRAMS` in the environment wants more.
const PROGRAMS: u64 = 20_000;
/// In how many of them each opcode must be.
const OF_EACH: u32 = 100;

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// Knows `bpf_xdp_get_buff_len()` alone.
struct Length;

impl Host for Length {
    fn call(&mut self, call: &HelperCall, memory: &mut Memory) -> Result<Outcome, HelperFault> {
        match call.id {
            HelperId(188) => Ok(Outcome::Return(memory.packet().frame().len() as u64)),
            _ => Err(HelperFault::Unknown),
        }
    }
}

/// What both sides are compared by: R0's lower half and the packet.
type Ran = (u32, Vec<u8>);

/// A program for every engine; none must differ.
struct Ours(Vec<Code>);

impl Ours {
    fn new(program: &Program) -> Self {
        Self(Engine::ALL.iter().map(|engine| Code::new(vec![program.clone()], *engine)).collect())
    }

    fn run(&self, packet: &[u8], memory: &mut Memory) -> Result<Ran, String> {
        let (entry, limits) = (ProgIdx(0), Limits::default());
        let mut ran =
            |code: &Code| shown(packet, memory, |memory| code.run(entry, memory, &mut Length, limits));
        let [first, others @ ..] = self.0.as_slice() else { return Err("there is no engine".into()) };
        let expected = ran(first);
        for other in others {
            let differs = ran(other);
            if expected != differs {
                let (one, two) = (first.engine(), other.engine());
                return Err(format!("the engines differ: {one} {expected:02x?}, {two} {differs:02x?}"));
            }
        }
        expected.map_err(|fault| format!("{fault} with registers {:x?}", fault.regs))
    }
}

fn shown(
    packet: &[u8],
    memory: &mut Memory,
    run: impl FnOnce(&mut Memory) -> Result<u64, Box<Fault>>,
) -> Result<Ran, Box<Fault>> {
    memory.packet_in(packet, 256, 320);
    let r0 = run(memory)?;
    Ok((r0 as u32, memory.packet().frame().to_vec()))
}

/// Does nothing: `goto +0`.
const NOTHING: Insn = Insn { code: 0x05, dst: 0, src: 0, off: 0, imm: 0 };

/// What a program does, without the instructions that do nothing.
fn listing(insns: &[Insn]) -> String {
    let Ok(program) = Program::decode(insns, 0) else { return format!("{insns:?}") };
    let lines = program.ops().iter().zip(insns).enumerate().filter(|(_, (_, insn))| **insn != NOTHING);
    lines.map(|(pc, (op, _))| format!("{pc}: {op:?}\n")).collect()
}

/// One program, the kernel's and ours; none if the verifier refuses it.
fn load(insns: &[Insn]) -> Result<Option<(Prog, Ours)>, String> {
    let Ok(prog) = Prog::load_quietly(&ProgLoad::xdp("isa", &isa::for_kernel(insns))) else {
        return Ok(None);
    };
    let program = Program::decode(insns, 0).map_err(|error| format!("the kernel loads it, but {error}"))?;
    Ok(Some((prog, Ours::new(&program))))
}

/// Runs a program on packets of a seed: was it accepted?
fn play(insns: &[Insn], seed: u64, memory: &mut Memory) -> Result<bool, String> {
    let Some((prog, program)) = load(insns)? else { return Ok(false) };
    let mut random = Random::new(!seed);
    for _ in 0..2 {
        let packet = isa::packet(&mut random);
        let kernel = prog.test_run(&packet).map_err(|error| error.to_string())?;
        let theirs = (kernel.verdict, kernel.data);
        let ours = program.run(&packet, memory)?;
        if ours != theirs {
            return Err(format!("packet {packet:02x?}\nkernel {theirs:02x?}\nours   {ours:02x?}"));
        }
    }
    Ok(true)
}

/// Stores to the stack: the generator needs them, because what was there before is not defined, and because
/// of what the verifier does not see ([`isa::generate`]).
fn initialises(insn: &Insn) -> bool {
    matches!((insn.code, insn.dst), (0x73 | 0x7b, 9 | 10))
}

/// The difference with as few instructions as still show it.
fn shrunk(mut insns: Vec<Insn>, seed: u64, mut difference: String, memory: &mut Memory) -> String {
    let mut smaller = true;
    while std::mem::take(&mut smaller) {
        for at in (0..insns.len()).rev() {
            let second = at > 0 && insns[at - 1].code == 0x18;
            if second || insns[at] == NOTHING || initialises(&insns[at]) {
                continue;
            }
            let mut less = insns.clone();
            let slots = if insns[at].code == 0x18 { 2 } else { 1 };
            less[at..at + slots].fill(NOTHING);
            if matches!(insns[at].code & 0x07, 0 | 1 | 4 | 7) {
                // A register must stay a number: pointers differ.
                less[at] = Insn { code: 0xb7, dst: insns[at].dst, imm: 1, ..NOTHING };
            }
            if less[at] == insns[at] {
                continue;
            }
            if let Err(error) = play(&less, seed, memory)
                && error[..7] == difference[..7]
            {
                (insns, difference, smaller) = (less, error, true);
            }
        }
    }
    format!("{difference}\n{}", listing(&insns))
}

/// Threads that play; each has programs of its own, so what is played does not depend on the machine.
const LANES: u64 = 4;

/// What was played.
#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
    found: BTreeMap<Opcode, u32>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        other.found.into_iter().for_each(|(opcode, count)| *self.found.entry(opcode).or_default() += count);
    }
}

/// Plays programs, until the verifier has accepted so many.
fn play_all(seeds: impl Iterator<Item = u64>, wanted: u64) -> Tally {
    let (mut tally, mut memory) = (Tally::default(), Memory::new());
    for seed in seeds {
        if tally.accepted == wanted {
            break;
        }
        let insns = isa::generate(seed);
        match play(&insns, seed, &mut memory) {
            Ok(false) => tally.refused += 1,
            Ok(true) => {
                tally.accepted += 1;
                let opcodes = Opcode::all_of(&insns).into_iter();
                opcodes.for_each(|opcode| *tally.found.entry(opcode).or_default() += 1);
            }
            Err(error) => panic!("program {seed}: {}", shrunk(insns, seed, error, &mut memory)),
        }
        let Tally { accepted, refused, .. } = tally;
        assert!(refused < 1000 + accepted, "the verifier refuses more than it accepts: {refused}");
    }
    tally
}

#[test]
fn engines_and_kernel_agree_on_random_programs() {
    let Some(()) = need::kernel("isa::random_programs") else { return };
    let (wanted, first) = (from_env("XDPSIM_ISA_PROGRAMS", PROGRAMS), from_env("XDPSIM_SEED", 1) << 32);
    let start = Instant::now();
    let skip = from_env("XDPSIM_SKIP", 0);
    let mut all = Tally::default();
    thread::scope(|scope| {
        let lanes = (0..LANES).map(|lane| {
            let seeds = (first + skip + lane..).step_by(LANES as usize);
            scope.spawn(move || play_all(seeds, (wanted + lane) / LANES))
        });
        for lane in lanes.collect::<Vec<_>>() {
            all.add(lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    let Tally { accepted, refused, found } = all;
    assert_eq!(accepted, wanted, "programs");
    let rare: Vec<_> = Opcode::all()
        .into_iter()
        .map(|opcode| (opcode, found.get(&opcode).copied().unwrap_or(0)))
        .filter(|(_, count)| *count < OF_EACH)
        .collect();
    let least = found.values().min().copied().unwrap_or(0);
    need::compared(&format!(
        "isa: {accepted} programs accepted, {refused} refused, two packets each, {} opcodes, each in {least} \
         programs or more, kernel and {} alike, {:.1?}",
        found.len(),
        Engine::ALL.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        start.elapsed()
    ));
    assert!(start.elapsed() < Duration::from_secs(3600), "too slow to be a test");
    assert!(wanted < PROGRAMS || rare.is_empty(), "opcodes in fewer than {OF_EACH} programs: {rare:?}");
}

/// A program with one instruction in the middle, whose fields are anything: all registers but R6, the packet,
/// R9, the stack, and R10 are numbers.
fn around(insn: Insn, second: Insn) -> Vec<Insn> {
    let i = |code, dst, src, off, imm| Insn { code, dst, src, off, imm };
    let mut insns = vec![i(0x61, 6, 1, 0, 0), i(0x61, 2, 1, 4, 0), i(0xbf, 3, 6, 0, 0)];
    insns.extend([i(0x07, 3, 0, 0, 64), i(0xb7, 0, 0, 0, 1), i(0xbd, 3, 2, 1, 0), i(0x95, 0, 0, 0, 0)]);
    insns.extend([0, 1, 2, 3, 4, 5, 7, 8].map(|reg| i(0xb7, reg, 0, 0, 7)));
    insns.extend([i(0xbf, 9, 10, 0, 0), i(0x07, 9, 0, 0, -64)]);
    insns.extend((-8..0).map(|slot| i(0x7a, 10, 0, 8 * slot, 1)));
    insns.extend([insn, second, i(0xb7, 0, 0, 0, 2), i(0xb7, 0, 0, 0, 2), i(0x95, 0, 0, 0, 0)]);
    insns
}

/// A calculation without pointers: the verifier has nothing to say about it but its fields.
fn only_numbers(insn: &Insn) -> bool {
    let number = |reg: u8| !matches!(reg, 6 | 9 | 10);
    matches!(insn.code & 0x07, 0x04 | 0x07) && number(insn.dst) && number(insn.src)
}

/// Codes of all values, with the values that other fields can have anywhere: what the kernel loads can be
/// decoded. And the other way round for calculations, of which the verifier looks at nothing but fields.
#[test]
fn what_the_kernel_loads_can_be_decoded() {
    let Some(()) = need::kernel("isa::decoding") else { return };
    let mut random = Random::new(from_env("XDPSIM_SEED", 1));
    let mut memory = Memory::new();
    let (mut loaded, mut refused_by_both, mut kernel_only) = (0, 0, 0);
    for round in 0..100_000 {
        let insn = Insn {
            code: (round % 256) as u8,
            dst: random.pick(&[0, 1, 2, 6, 9, 9, 10, 11, 0, 0]),
            src: random.pick(&[0, 0, 0, 1, 2, 3, 6, 9, 10, 12]),
            off: random.pick(&[0, 0, 0, 0, 1, 2, 8, 16, 32, -1, -8]),
            imm: random.pick(&[0, 0, 0, 1, 2, 16, 32, 63, 64, 0x41, 0xa1, 0xe1, 0xf1, 0x100, 0x110, -1]),
        };
        let second = if insn.code == 0x18 { Insn { imm: 5, ..Insn::default() } } else { NOTHING };
        let insns = around(insn, second);
        let ours = Program::decode(&insns, 0);
        match Prog::load_quietly(&ProgLoad::xdp("isa", &isa::for_kernel(&insns))) {
            Ok(_) => {
                loaded += 1;
                let program = ours.unwrap_or_else(|error| panic!("the kernel loads {insn:?}, but {error}"));
                let packet = isa::packet(&mut random);
                Ours::new(&program)
                    .run(&packet, &mut memory)
                    .unwrap_or_else(|error| panic!("{insn:?}: {error}"));
            }
            Err(_) if ours.is_err() => refused_by_both += 1,
            Err(error) => {
                assert!(!only_numbers(&insn), "{insn:?} can be decoded, but the kernel: {error}");
                kernel_only += 1;
            }
        }
    }
    need::compared(&format!(
        "isa: {loaded} instructions loaded, {refused_by_both} refused by both, {kernel_only} by the kernel only"
    ));
    assert!(loaded > 3000 && refused_by_both > 50_000, "the fields are badly chosen");
}
