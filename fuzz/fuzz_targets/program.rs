//! Any instructions as programs: they are refused, or run on a frame to an end or a fault, within the budget; all
//! engines do the same, and what lies around the frame stays as it was.
//!
//! The first byte says how long the frame is, the second which host answers calls; then come instructions.
//! Seeds are the corpus's programs.
#![no_main]

mod vm;

use libfuzzer_sys::fuzz_target;
use vm::{LIMITS, Surroundings, shown, slabs};
use xdpsim_vm::engine::{Code, Runs, UseRuns};
use xdpsim_vm::helpers::{Helpers, MapSet};
use xdpsim_vm::load::btf::TypeId;
use xdpsim_vm::load::{Initial, MapDef, MapSpec};
use xdpsim_vm::memory::Slab;
use xdpsim_vm::{Callback, Fault, HelperCall, HelperFault, Host, Insn, Memory, Outcome, ProgIdx, Program};

/// Maps of the runs with the real helpers: type, bytes of key and value, entries.
const MAPS: [(u32, u32, u32, u32); 14] = [
    (2, 4, 8, 4),
    (1, 4, 16, 8),
    (6, 4, 8, 2),
    (5, 8, 8, 4),
    (9, 4, 12, 4),
    (11, 8, 4, 8),
    (22, 0, 4, 3),
    (23, 0, 4, 3),
    (27, 0, 0, 4096),
    (3, 4, 4, 4),
    (4, 4, 4, 2),
    (14, 4, 4, 4),
    (25, 4, 8, 4),
    (17, 4, 4, 4),
];
const CPUS: u32 = 2;
/// What lies around the frame.
const HEADROOM: u32 = 64;
const TAILROOM: u32 = 48;

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

fn maps() -> (Memory, MapSet) {
    let (mut memory, mut set) = (Memory::new(), MapSet::default());
    for (map_type, key_size, value_size, max_entries) in MAPS {
        let flags = u32::from(map_type == 11);
        let spec = MapSpec { map_type, key_size, value_size, max_entries, flags, extra: 0 };
        let def = MapDef {
            name: format!("map {map_type}"),
            spec,
            inner: None,
            pinned: false,
            initial: Initial::Empty,
            key: TypeId(0),
            value: TypeId(0),
            lock: None,
        };
        let at = set.add(&def, CPUS, &mut memory).expect("the kernel creates such maps");
        if map_type == 3 {
            for slot in 0_u32..3 {
                let map = set.own(at).expect("it is kept here");
                map.set_reference(&slot.to_le_bytes(), slot, 0).expect("there is such a slot");
            }
        }
    }
    (memory, set)
}

/// Programs that begin anywhere in the same instructions, for tail calls.
fn programs(bytes: &[u8], maps: u32) -> Option<Vec<Program>> {
    let insns = Insn::read_all(&bytes[..bytes.len() / 8 * 8]).ok()?;
    let first = Program::decode(&insns, maps).ok()?;
    let later = (1..insns.len()).filter_map(|from| Program::decode(&insns[from..], maps).ok()).take(2);
    Some(std::iter::once(first.clone()).chain(later).chain([first]).take(3).collect())
}

fn with_anything(programs: &[Program], frame: &[u8]) {
    let mut memory = Memory::new();
    memory.add_slab(Slab::slots(12, 4).expect("small"));
    memory.add_slab(Slab::slots(8, 1).expect("small").read_only());
    memory.packet_in(frame, HEADROOM, TAILROOM);
    let (_, buffer, _, slabs) = vm::everywhere(|engine| {
        let mut memory = memory.clone();
        let code = Code::new(programs.to_vec(), engine);
        shown(code.run(ProgIdx(0), &mut memory, &mut Anything, LIMITS), &memory)
    });
    let behind = HEADROOM as usize + frame.len();
    let outside = buffer[..HEADROOM as usize].iter().chain(&buffer[behind..]);
    assert!(outside.chain(&slabs[1]).all(|byte| *byte == 0), "a write where nothing may be written");
}

fn with_helpers(programs: &[Program], memory: &Memory, maps: &MapSet, frame: &[u8]) {
    _ = vm::everywhere(|engine| {
        let (mut memory, mut maps, mut world) = (memory.clone(), maps.clone(), Surroundings::default());
        let code = Code::with_maps(programs.to_vec(), engine, &maps);
        let mut host = Helpers::new(&mut maps, &mut world);
        let alone = shown(code.run(ProgIdx(0), &mut memory, &mut host, LIMITS), &memory);
        let in_turn = code.with_runs(ProgIdx(0), &mut memory, host, LIMITS, InTurn(frame));
        (alone, in_turn, slabs(&memory))
    });
}

/// Three frames of equal length, one after the other, as a poll has them.
struct InTurn<'a>(&'a [u8]);

/// Verdict or fault, and the packet if it was touched.
type Ended = (Result<Option<u32>, Box<Fault>>, Option<Vec<u8>>);

impl<W> UseRuns<W> for InTurn<'_> {
    type Out = [Ended; 3];

    fn use_runs(self, runs: &mut impl Runs<W>) -> Self::Out {
        [1, 2, 3].map(|more| {
            let frame: Vec<u8> = self.0.iter().map(|byte| byte.wrapping_add(more)).collect();
            let ended = runs.run_like_last(&frame).unwrap_or_else(|| {
                runs.packet_in(&frame, 0, HEADROOM, TAILROOM);
                runs.run()
            });
            let packet = runs.memory().packet();
            let touched = packet.is_dirty() || ended.is_err();
            (ended.map(|ended| ended.verdict()), touched.then(|| packet.output().to_vec()))
        })
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [len, host, insns @ ..] = bytes else { return };
    let frame: Vec<u8> = (0..14 + len % 100).map(|at| at ^ len).collect();
    if host % 2 == 0 {
        if let Some(programs) = programs(insns, 2) {
            with_anything(&programs, &frame);
        }
    } else if let Some(programs) = programs(insns, MAPS.len() as u32) {
        let (mut memory, maps) = maps();
        memory.packet_in(&frame, HEADROOM, TAILROOM);
        with_helpers(&programs, &memory, &maps, &frame);
    }
});
