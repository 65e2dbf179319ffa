//! Arbitrary instructions: they are refused, or run to an end or a fault. Nothing panics or runs on for ever,
//! and both interpreters do the same.

use proptest::prelude::*;
use xdpsim_vm::interp::threaded::Threaded;
use xdpsim_vm::memory::Slab;
use xdpsim_vm::{
    Callback, Code, Engine, Fault, HelperCall, HelperFault, Host, Insn, Limits, MapIdx, Memory, Outcome,
    ProgIdx, Program, interp,
};

/// Answers whatever is called with whatever a host may say, by the call's first argument.
struct Anything;

impl Host for Anything {
    fn call(&mut self, call: &HelperCall, memory: &mut Memory) -> Result<Outcome, HelperFault> {
        self.resume(call, call.args[0], 3, memory)
    }

    fn resume(
        &mut self,
        call: &HelperCall,
        state: u64,
        _: u64,
        memory: &mut Memory,
    ) -> Result<Outcome, HelperFault> {
        let [kind, a, b, c, _] = call.args;
        match kind % 5 {
            0 => Ok(Outcome::Return(a)),
            1 => Ok(Outcome::TailCall(ProgIdx((a % 3) as u32))),
            2 => Ok(Outcome::Callback(Callback { function: a, args: [b; 5], state: state.wrapping_add(1) })),
            3 => memory.copy(a, b, c as u32).map(|()| Outcome::Unchanged).map_err(HelperFault::from),
            _ => Err(HelperFault::Misuse("not today")),
        }
    }
}

/// What a run shows: its result, the packet's buffer, all values of maps.
type Shown = (Result<u64, Box<Fault>>, Vec<u8>, Vec<Vec<u8>>);

const LIMITS: Limits = Limits { budget: 20_000 };

fn shown(memory: &mut Memory, run: impl FnOnce(&mut Memory) -> Result<u64, Box<Fault>>) -> Shown {
    let r0 = run(memory);
    let slabs = (0..memory.maps()).map(|map| memory.slab(MapIdx(map)).all().to_vec()).collect();
    (r0, memory.packet().buffer().to_vec(), slabs)
}

/// Nothing ends a run but the program or a fault, within the budget; both interpreters say the same.
fn run(programs: &[Program], packet: &[u8]) {
    let mut memory = Memory::new();
    memory.add_slab(Slab::slots(12, 4).expect("small"));
    memory.add_slab(Slab::slots(8, 1).expect("small").read_only());
    memory.packet_in(packet, 64, 16);
    let threaded = Threaded::new(programs.to_vec());
    let jit = Code::new(programs.to_vec(), Engine::Jit);
    let (mut other, mut third) = (memory.clone(), memory.clone());
    let first = shown(&mut memory, |memory| interp::run(programs, ProgIdx(0), memory, &mut Anything, LIMITS));
    let second = shown(&mut other, |memory| threaded.run(ProgIdx(0), memory, &mut Anything, LIMITS));
    let third = shown(&mut third, |memory| jit.run(ProgIdx(0), memory, &mut Anything, LIMITS));
    assert_eq!(first, third, "the JIT differs");
    assert_eq!(first, second, "the interpreters differ");
    let (around, constants) = (&first.1, &first.2[1]);
    let outside = around[..64].iter().chain(&around[64 + packet.len()..]);
    assert!(outside.chain(constants).all(|byte| *byte == 0), "a write where nothing may be written");
}

/// Any fields, most of them small.
fn any_insn() -> impl Strategy<Value = Insn> {
    let off = prop_oneof![3 => Just(0), 3 => -16i16..16, 1 => any::<i16>()];
    let imm = prop_oneof![2 => Just(0), 3 => -4i32..70, 1 => any::<i32>()];
    (any::<u8>(), 0u8..11, 0u8..11, off, imm).prop_map(|(code, dst, src, off, imm)| Insn {
        code,
        dst,
        src,
        off,
        imm,
    })
}

const EXIT: Insn = Insn { code: 0x95, dst: 0, src: 0, off: 0, imm: 0 };

/// The instruction, or one with fewer fields, if it can be decoded by itself.
fn legal(insn: Insn) -> Option<Vec<Insn>> {
    let second: &[Insn] = if insn.code == 0x18 { &[Insn { code: 0, ..EXIT }] } else { &[] };
    let fewer =
        [insn, Insn { imm: 0, ..insn }, Insn { src: 0, off: 0, ..insn }, Insn { off: 0, imm: 0, ..insn }];
    let fewer =
        fewer.into_iter().chain([Insn { off: insn.off & 1, ..insn }, Insn { dst: 0, src: 0, ..insn }]);
    fewer.map(|insn| [&[insn], second].concat()).find(|slots| {
        let around = [&[EXIT; 20][..], slots, &[EXIT; 20]].concat();
        Program::decode(&around, 2).is_ok()
    })
}

/// Slots of which each, by itself, can be decoded; jumps may still lead nowhere.
fn legal_insns() -> impl Strategy<Value = Vec<Insn>> {
    prop::collection::vec(any_insn(), 1..120).prop_map(|insns| {
        let legal = insns.into_iter().filter_map(legal).flatten();
        legal.chain([EXIT; 6]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_or_end(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(insns) = Insn::read_all(&bytes)
            && let Ok(program) = Program::decode(&insns, 2)
        {
            run(&[program], &[1; 40]);
        }
    }

    #[test]
    fn legal_instructions_end(
        lists in prop::collection::vec(legal_insns(), 3),
        packet in prop::collection::vec(any::<u8>(), 14..80),
    ) {
        let programs: Vec<Program> = lists.iter().filter_map(|insns| Program::decode(insns, 2).ok()).collect();
        if !programs.is_empty() {
            run(&programs, &packet);
        }
    }
}
