//! All engines do the same with every program of the corpus: verdicts, packets, maps, faults, questions to the
//! surroundings.

mod corpus;

use std::sync::LazyLock;

use xdpsim_devmap::{CpuId, Errno, IfIndex};
use xdpsim_vm::engine::{Runs, UseRuns};
use xdpsim_vm::helpers::World;
use xdpsim_vm::load::Object;
use xdpsim_vm::machine::Machine;
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{Code, Engine, Fault, Insn, Limits, MapIdx, Memory, NoHelpers, ProgIdx, Program};

/// Frames for each program, one after the other on the same maps.
const FRAMES: u64 = 60;
/// Changed programs; `XDPSIM_MUTANTS` and `XDPSIM_SEED` in the environment want more and others.
const MUTANTS: u64 = 300;

/// A generator of numbers (xorshift64*).
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 33) % limit
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// Bytes of which few are different, so that addresses are found in maps.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let few = self.below(4) > 0;
        (0..len).map(|_| if few { self.pick(&[0, 0, 0, 1, 2, 10]) } else { self.next() as u8 }).collect()
    }
}

/// Surroundings that write down what they are asked, and answer from a seed.
#[derive(Clone)]
struct Seeded {
    random: Random,
    asked: Vec<String>,
}

impl World for Seeded {
    fn cpu(&self) -> CpuId {
        CpuId(1)
    }
    fn now(&self) -> u64 {
        self.random.0 >> 20
    }
    fn random(&mut self) -> u32 {
        self.random.next() as u32
    }
    fn redirect(&mut self, to: IfIndex, flags: u64) -> u64 {
        self.asked.push(format!("{to:?} {flags}"));
        4
    }
    fn redirect_map(&mut self, map: MapIdx, key: u64, flags: u64) -> u64 {
        self.asked.push(format!("{map:?} {key} {flags}"));
        self.random.pick(&[4, 4, 4, flags & 3])
    }
    fn event(&mut self, _: MapIdx, slot: u32, data: &[u8]) -> Result<(), Errno> {
        self.asked.push(format!("{slot} {data:?}"));
        Ok(())
    }
}

/// Something like a frame, often cut off.
fn frame(random: &mut Random) -> Vec<u8> {
    let mut bytes = random.bytes(12);
    for _ in 0..random.below(3) {
        bytes.extend(random.pick(&[0x8100_u16, 0x88a8]).to_be_bytes());
        bytes.extend(random.bytes(2));
    }
    let ether_type = random.pick(&[0x0800_u16, 0x0800, 0x86dd, 0x0806, 0x88cc]);
    bytes.extend(ether_type.to_be_bytes());
    let protocol = random.pick(&[6, 17, 1, 47, 58, 0, 43]);
    if ether_type == 0x86dd {
        bytes.extend([0x60, 0, 0, 0, 0, 40, protocol, 64]);
        bytes.extend(random.bytes(32));
    } else {
        let options = random.pick(&[0x45, 0x45, 0x45, 0x46, 0x4f, 0x41]);
        bytes.extend([options, 0, 0, 60, 0, 1, random.pick(&[0, 0x40, 0x20]), 0, 64, protocol, 0, 0]);
        bytes.extend(random.bytes(8));
    }
    let ports = [53_u16, 80, 443, 4789, 2152, 1].map(u16::to_be_bytes);
    bytes.extend([random.pick(&ports), random.pick(&ports)].concat());
    let rest = random.below(80) as usize;
    bytes.extend(random.bytes(rest));
    if random.below(3) == 0 {
        bytes.truncate(14 + random.below(bytes.len() as u64 - 13) as usize);
    }
    bytes
}

/// What a run shows.
#[derive(Debug, PartialEq)]
struct Shown {
    verdict: Result<u32, Box<Fault>>,
    /// With the room around it, where nobody may write. Of a run that has left it alone, nothing.
    packet: Option<((u32, u32, u32), Vec<u8>)>,
    slabs: Vec<Vec<u8>>,
    asked: Vec<String>,
}

impl Shown {
    fn after(verdict: Result<u32, Box<Fault>>, memory: &Memory, asked: Vec<String>) -> Self {
        let packet = memory.packet();
        let shown = packet.is_dirty() || verdict.is_err();
        Self {
            verdict,
            packet: shown.then(|| (packet.bounds(), packet.buffer().to_vec())),
            slabs: (0..memory.maps()).map(|map| memory.slab(MapIdx(map)).all().to_vec()).collect(),
            asked,
        }
    }
}

fn on_queue(rx_queue_index: u64) -> ContextFields {
    ContextFields { ingress_ifindex: 1, rx_queue_index: rx_queue_index as u32, egress_ifindex: 0 }
}

fn run(machine: &mut Machine, program: ProgIdx, frame: &[u8], mut random: Random) -> Shown {
    machine.memory_mut().packet_in(frame, 256, 320);
    let fields = on_queue(random.below(4));
    let mut world = Seeded { random, asked: vec![] };
    let verdict = machine.run(program, fields, &mut world);
    Shown::after(verdict, machine.memory(), world.asked)
}

/// Runs on all these frames as a poll has them: one after the other, with nothing in between.
struct Together<'a>(&'a [(Vec<u8>, Random)]);

impl UseRuns<Seeded> for Together<'_> {
    type Out = Vec<Shown>;

    fn use_runs(self, runs: &mut impl Runs<Seeded>) -> Vec<Shown> {
        let mut last = None;
        let run = |(frame, random): &(Vec<u8>, Random)| {
            *runs.world() = Seeded { random: random.clone(), asked: vec![] };
            let like = (last.replace(frame.len()) == Some(frame.len())).then(|| runs.run_like_last(frame));
            let ended = like.flatten().unwrap_or_else(|| {
                runs.packet_in(frame, 0, 256, 320);
                runs.run()
            });
            let verdict = ended.map(|ended| ended.verdict().expect("these surroundings keep nothing"));
            let asked = std::mem::take(&mut runs.world().asked);
            Shown::after(verdict, runs.memory(), asked)
        };
        self.0.iter().map(run).collect()
    }
}

/// The same, but each for itself.
fn one_by_one(machine: &mut Machine, program: ProgIdx, frames: &[(Vec<u8>, Random)]) -> Vec<Shown> {
    let run = |(frame, random): &(Vec<u8>, Random)| {
        machine.memory_mut().packet_in(frame, 256, 320);
        let mut world = Seeded { random: random.clone(), asked: vec![] };
        let verdict = machine.run(program, on_queue(0), &mut world);
        Shown::after(verdict, machine.memory(), world.asked)
    };
    frames.iter().map(run).collect()
}

/// A machine with the object and some elements in its maps; none if it is one that is refused.
fn machine(object: &Object, engine: Engine) -> Option<Machine> {
    let builder = Machine::builder().object(object.clone()).cpus(2).engine(engine);
    let mut machine = builder.limits(Limits { budget: 100_000 }).build().ok()?;
    let mut random = Random(7);
    for map in (0..machine.memory().maps()).map(MapIdx) {
        for _ in 0..20 {
            let keys = machine.key_size(map);
            let values = machine.value_len(map);
            let mut key = random.bytes(keys);
            if keys == 4 {
                key = (random.below(8) as u32).to_le_bytes().to_vec();
            }
            let value = random.bytes(values);
            machine.update(map, &key, &value, 0).ok();
        }
    }
    Some(machine)
}

/// Programs after which every byte of the stacks of one to eight active functions was written: who reads what it has
/// not written must find zeroes all the same.
static POISON: LazyLock<Vec<Code>> = LazyLock::new(|| {
    let insn = |code, dst, src, off, imm| Insn { code, dst, src, off, imm };
    let exit = insn(0x95, 0, 0, 0, 0);
    let depths = (0..8).map(|depth| {
        let calls = [insn(0x85, 0, 1, 0, 1), exit].repeat(depth);
        let stores = (1..=64).map(|word| insn(0x7a, 10, 0, -8 * word, 0x5a5a_a5a5));
        let insns: Vec<Insn> = calls.into_iter().chain(stores).chain([exit]).collect();
        Code::new(vec![Program::decode(&insns, 0).unwrap()], Engine::default())
    });
    depths.collect()
});

/// The same program on all engines.
struct Case {
    about: String,
    machines: Vec<Machine>,
    program: ProgIdx,
    /// Runs without a fault.
    ends: u64,
}

impl Case {
    fn new(about: String, object: &Object, program: ProgIdx) -> Option<Self> {
        let machines = Engine::ALL.iter().map(|engine| {
            let machine = machine(object, *engine)?;
            assert_eq!(machine.engine(), *engine, "{about}");
            Some(machine)
        });
        let machines = machines.collect::<Option<_>>()?;
        Some(Self { about, machines, program, ends: 0 })
    }

    fn run(&mut self, random: &mut Random, frames: u64) {
        for _ in 0..frames {
            let frame = frame(random);
            let shown = self.machines.iter_mut().map(|machine| {
                for code in &*POISON {
                    let memory = machine.memory_mut();
                    code.run(ProgIdx(0), memory, &mut NoHelpers, Limits::default()).unwrap();
                }
                run(machine, self.program, &frame, random.clone())
            });
            let shown: Vec<Shown> = shown.collect();
            for (engine, other) in Engine::ALL.iter().zip(&shown) {
                let about = format!("{}, {engine}, frame {frame:02x?}", self.about);
                assert_eq!((&other.verdict, &other.asked), (&shown[0].verdict, &shown[0].asked), "{about}");
                assert_eq!(other, &shown[0], "{about}");
            }
            self.ends += u64::from(shown[0].verdict.is_ok());
        }
        self.run_together(random, frames);
    }

    /// What runs have in common changes nothing, whatever the ones before did.
    fn run_together(&self, random: &mut Random, frames: u64) {
        let mut frames: Vec<_> = (0..frames).map(|_| (frame(random), random.clone())).collect();
        // As many as not are as long as the one before.
        frames.sort_by_key(|(frame, random)| (random.0 % 4, frame.len()));
        let expected = one_by_one(&mut self.machines[0].clone(), self.program, &frames);
        for machine in &self.machines {
            let (mut machine, mut world) =
                (machine.clone(), Seeded { random: random.clone(), asked: vec![] });
            let shown = machine.with_runs(self.program, on_queue(0), &mut world, Together(&frames));
            for ((shown, expected), (frame, _)) in shown.iter().zip(&expected).zip(&frames) {
                assert_eq!(shown, expected, "{}, {}, frame {frame:02x?}", self.about, machine.engine());
            }
        }
    }
}

/// All objects, with what they are called.
fn objects() -> impl Iterator<Item = (String, Object)> {
    corpus::names().into_iter().flat_map(|name| {
        let built = corpus::CPUS.iter().filter({
            let name = name.clone();
            move |cpu| corpus::exists(cpu, &name)
        });
        built.map(move |cpu| (format!("{cpu}/{name}"), corpus::load(cpu, &name)))
    })
}

#[test]
fn engines_agree_on_the_corpus() {
    let (mut programs, mut ends) = (0, 0);
    for (name, object) in objects() {
        let mut random = Random(99);
        for program in (0..object.programs.len() as u32).map(ProgIdx) {
            let about = format!("{name}, program {}", program.0);
            let Some(mut case) = Case::new(about, &object, program) else { break };
            case.run(&mut random, FRAMES);
            programs += 1;
            ends += case.ends;
        }
    }
    assert!(programs > 150 && ends > programs * FRAMES / 2, "{ends} runs of {programs} programs ended well");
}

/// Changes an instruction a little.
fn mutate(insns: &mut [Insn], random: &mut Random) {
    let at = random.below(insns.len() as u64) as usize;
    let insn = &mut insns[at];
    match random.below(7) {
        0 => insn.off = insn.off.wrapping_add(random.pick(&[-8, -4, -2, -1, 1, 2, 4, 8, 16, 512])),
        1 => insn.imm = insn.imm.wrapping_add(random.pick(&[-8, -4, -1, 1, 2, 4, 8, 64, 4096])),
        2 => insn.imm = random.next() as i32,
        3 => insn.dst = random.below(11) as u8,
        4 => insn.src = random.below(11) as u8,
        // Another size, comparison or calculation.
        5 => insn.code ^= random.pick(&[0x08, 0x10, 0x18, 0x20, 0x40, 0x80]),
        _ => insn.off = -insn.off,
    }
}

/// Programs of the corpus with one to three changes: most of them do what no verifier would let pass.
#[test]
fn engines_agree_on_changed_programs() {
    let wanted = std::env::var("XDPSIM_MUTANTS").ok().and_then(|value| value.parse().ok()).unwrap_or(MUTANTS);
    let mut random =
        Random(std::env::var("XDPSIM_SEED").ok().and_then(|value| value.parse().ok()).unwrap_or(5));
    let objects: Vec<(String, Object)> = objects().collect();
    let (mut mutants, mut ends) = (0, 0);
    while mutants < wanted {
        let (name, object) = &objects[random.below(objects.len() as u64) as usize];
        let (mut object, program) = (object.clone(), random.below(object.programs.len() as u64) as usize);
        let before = object.programs[program].insns.clone();
        for _ in 0..=random.below(3) {
            mutate(&mut object.programs[program].insns, &mut random);
        }
        let after = before.iter().zip(&object.programs[program].insns);
        let changes: Vec<_> = after.enumerate().filter(|(_, (before, after))| before != after).collect();
        let about = format!("{name}, program {program}, mutant {mutants}: {changes:x?}");
        let Some(mut case) = Case::new(about, &object, ProgIdx(program as u32)) else { continue };
        case.run(&mut random, 12);
        mutants += 1;
        ends += case.ends;
    }
    assert!(ends > wanted * 12 / 10 && ends < wanted * 12, "{ends} runs of {mutants} mutants ended well");
}
