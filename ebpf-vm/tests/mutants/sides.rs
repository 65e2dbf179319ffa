//! A mutant on an engine and on the reference.

use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_vm::helpers::{Helpers, MapSet, World};
use xdpsim_vm::load::Object;
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{Code, Engine, Fault, Limits, MapIdx, Memory, ProgIdx, Program};

use super::frames::{Random, frame};
use super::mutate::{bounds, mutate};
use super::together::{self, Together};

const CPUS: u32 = 2;
pub const HEADROOM: u32 = 256;
pub const TAILROOM: u32 = 320;
/// What is around a frame.
pub const GUARD: u8 = 0xa5;
/// Frames of a mutant.
const FRAMES: u32 = 40;
/// Enough for what ends, little for what does not.
const LIMITS: Limits = Limits { budget: 20_000 };

const FIELDS: ContextFields = ContextFields { ingress_ifindex: 3, rx_queue_index: 1, egress_ifindex: 0 };

/// What was tried.
#[derive(Debug, Default)]
pub struct Counts {
    /// Programs with a change.
    pub mutants: u64,
    /// Changes that cannot be decoded.
    pub refused: u64,
    /// Runs, each on both sides.
    pub runs: u64,
    /// Of these, the ones that ended with a fault.
    pub faults: u64,
}

/// Surroundings that write down what they are asked.
#[derive(Clone, Default)]
pub struct Recorder {
    /// Map or device, key and flags of redirects.
    pub asked: Vec<(u32, u64, u64)>,
    random: u32,
}

impl World for Recorder {
    fn cpu(&self) -> CpuId {
        CpuId(1)
    }
    fn now(&self) -> u64 {
        1_000_000_007
    }
    fn random(&mut self) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.random
    }
    fn redirect(&mut self, to: IfIndex, flags: u64) -> u64 {
        self.asked.push((u32::MAX, u64::from(to.0), flags));
        4
    }
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64 {
        self.asked.push((map.0, key, flags));
        if flags & 8 != 0 || !(key as u32).is_multiple_of(3) { 4 } else { flags & 3 }
    }
    fn has_target(&mut self, _: MapIdx, key: u32) -> bool {
        !key.is_multiple_of(3)
    }
}

/// What a run shows.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    result: Result<u64, Box<Fault>>,
    bounds: (u32, u32, u32),
    buffer: Vec<u8>,
    asked: Vec<(u32, u64, u64)>,
}

/// An engine with a mutant, and maps of its own.
struct Side {
    code: Code,
    memory: Memory,
    maps: MapSet,
    world: Recorder,
}

impl Side {
    fn together(&mut self, entry: ProgIdx, frames: &Together) -> Vec<together::Shown> {
        self.memory.set_context(FIELDS);
        let host = Helpers::new(&mut self.maps, &mut self.world);
        self.code.with_runs(entry, &mut self.memory, host, LIMITS, frames)
    }

    fn run(&mut self, entry: ProgIdx, frame: &[u8]) -> Shown {
        self.memory.packet_in(frame, HEADROOM, TAILROOM);
        let (_, data, end) = self.memory.packet().bounds();
        let buffer = self.memory.packet_buffer();
        buffer[..data as usize].fill(GUARD);
        buffer[end as usize..].fill(GUARD);
        self.memory.set_context(FIELDS);
        let mut host = Helpers::new(&mut self.maps, &mut self.world);
        let result = self.code.run(entry, &mut self.memory, &mut host, LIMITS);
        let packet = self.memory.packet();
        Shown {
            result,
            bounds: packet.bounds(),
            buffer: packet.buffer().to_vec(),
            asked: std::mem::take(&mut self.world.asked),
        }
    }
}

/// An object whose programs are changed.
pub struct Case {
    /// Its name.
    pub name: String,
    object: Object,
    memory: Memory,
    maps: MapSet,
}

impl Case {
    /// Its maps hold what they begin with.
    pub fn new(name: &str, object: Object) -> Self {
        let mut memory = Memory::new();
        let maps =
            MapSet::create(&object, CPUS, &mut memory).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), object, memory, maps }
    }

    /// One mutant on all its frames: where an engine differs from the reference.
    pub fn try_mutant(&self, engine: Engine, random: &mut Random, counts: &mut Counts) -> Option<String> {
        let chosen = random.below(self.object.programs.len() as u64) as usize;
        let mut all: Vec<_> = self.object.programs.iter().map(|program| program.insns.clone()).collect();
        mutate(random, &mut all[chosen]);
        counts.mutants += 1;
        let maps = self.object.maps.len() as u32;
        let Ok(programs) =
            all.iter().map(|insns| Program::decode(insns, maps)).collect::<Result<Vec<_>, _>>()
        else {
            counts.refused += 1;
            return None;
        };
        let side = |engine| Side {
            code: Code::with_maps(programs.clone(), engine, &self.maps),
            memory: self.memory.clone(),
            maps: self.maps.clone(),
            world: Recorder::default(),
        };
        let (mut reference, mut other) = (side(Engine::Reference), side(engine));
        let (lengths, entry) = (bounds(&all[chosen]), ProgIdx(chosen as u32));
        let told = |number, frame: &[u8], told: String| {
            let listing = changes(&self.object.programs[chosen].insns, &all[chosen]);
            Some(format!("{told}\nframe {number}: {frame:02x?}\nchanged: {listing}"))
        };
        if random.below(2) == 0 {
            let frames = Together::new((0..FRAMES).map(|_| frame(random, &lengths)));
            let (expected, shown) = (reference.together(entry, &frames), other.together(entry, &frames));
            counts.runs += expected.len() as u64;
            counts.faults += expected.iter().filter(|shown| shown.is_fault()).count() as u64;
            if let Some(at) = expected.iter().zip(&shown).position(|(expected, shown)| expected != shown) {
                let what = format!("in turn, right: {:x?}, this engine: {:x?}", expected[at], shown[at]);
                return told(at, frames.frame(at), what);
            }
            return self.maps_differ(&reference, &other);
        }
        for number in 0..FRAMES as usize {
            let frame = frame(random, &lengths);
            let (expected, shown) = (reference.run(entry, &frame), other.run(entry, &frame));
            counts.runs += 1;
            counts.faults += u64::from(expected.result.is_err());
            if expected != shown {
                return told(number, &frame, difference(&expected, &shown));
            }
        }
        self.maps_differ(&reference, &other)
    }

    fn maps_differ(&self, reference: &Side, other: &Side) -> Option<String> {
        (0..self.object.maps.len() as u32).map(MapIdx).find_map(|map| {
            let same = reference.memory.slab(map).all() == other.memory.slab(map).all();
            (!same).then(|| format!("the values of map {} differ after {FRAMES} frames", map.0))
        })
    }
}

fn difference(expected: &Shown, shown: &Shown) -> String {
    if expected.result != shown.result {
        return format!("right: {:x?}, this engine: {:x?}", expected.result, shown.result);
    }
    if (expected.bounds, &expected.asked) != (shown.bounds, &shown.asked) {
        let (a, b) = ((expected.bounds, &expected.asked), (shown.bounds, &shown.asked));
        return format!("bounds and what was asked, right: {a:?}, this engine: {b:?}");
    }
    let at = expected.buffer.iter().zip(&shown.buffer).position(|(a, b)| a != b);
    format!("the packet's buffer, from offset {at:?} on")
}

fn changes(before: &[xdpsim_vm::Insn], after: &[xdpsim_vm::Insn]) -> String {
    let changed = before.iter().zip(after).enumerate().filter(|(_, (before, after))| before != after);
    changed.map(|(pc, (before, after))| format!("{pc}: {before:?} is {after:?}; ")).collect()
}
