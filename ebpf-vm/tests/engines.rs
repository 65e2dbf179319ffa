//! All engines do the same with every program of the corpus: verdicts, packets, maps, faults, questions to the
//! surroundings.

mod corpus;

use xdpsim_devmap::{CpuId, Errno, IfIndex};
use xdpsim_vm::helpers::World;
use xdpsim_vm::machine::Machine;
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{Engine, Fault, Limits, MapIdx, ProgIdx};

/// Frames for each program, one after the other on the same maps.
const FRAMES: u64 = 60;

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
    bounds: (u32, u32, u32),
    packet: Vec<u8>,
    dirty: bool,
    slabs: Vec<Vec<u8>>,
    asked: Vec<String>,
}

fn run(machine: &mut Machine, program: ProgIdx, frame: &[u8], mut random: Random) -> Shown {
    let memory = machine.memory_mut();
    memory.packet_in(frame, 256, 320);
    let fields =
        ContextFields { ingress_ifindex: 1, rx_queue_index: random.below(4) as u32, egress_ifindex: 0 };
    let mut world = Seeded { random, asked: vec![] };
    let verdict = machine.run(program, fields, &mut world);
    let memory = machine.memory();
    Shown {
        verdict,
        bounds: memory.packet().bounds(),
        packet: memory.packet().output().to_vec(),
        dirty: memory.packet().is_dirty(),
        slabs: (0..memory.maps()).map(|map| memory.slab(MapIdx(map)).all().to_vec()).collect(),
        asked: world.asked,
    }
}

/// A machine with the object and some elements in its maps; none if it is one that is refused.
fn machine(cpu: &str, name: &str, engine: Engine) -> Option<Machine> {
    let builder = Machine::builder().object(corpus::load(cpu, name)).cpus(2).engine(engine);
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

#[test]
fn engines_agree_on_the_corpus() {
    let (mut programs, mut ends) = (0, 0);
    for name in corpus::names() {
        for cpu in corpus::CPUS.iter().filter(|cpu| corpus::exists(cpu, &name)) {
            let Some(reference) = machine(cpu, &name, Engine::Reference) else { continue };
            for (program, ..) in reference.programs() {
                programs += 1;
                ends += agree(cpu, &name, program);
            }
        }
    }
    assert!(programs > 150 && ends > programs * FRAMES / 2, "{ends} runs of {programs} programs ended well");
}

/// One program on all engines: how many runs ended without a fault.
fn agree(cpu: &str, name: &str, program: ProgIdx) -> u64 {
    let mut machines: Vec<Machine> = Engine::ALL
        .iter()
        .map(|engine| {
            let machine = machine(cpu, name, *engine).unwrap();
            assert_eq!(machine.engine(), *engine, "{name}");
            machine
        })
        .collect();
    let mut random = Random(u64::from(program.0) + 99);
    let mut ends = 0;
    for _ in 0..FRAMES {
        let frame = frame(&mut random);
        let shown: Vec<Shown> =
            machines.iter_mut().map(|machine| run(machine, program, &frame, random.clone())).collect();
        for (engine, other) in Engine::ALL.iter().zip(&shown) {
            let about = format!("{cpu}/{name}, program {}, {engine}, frame {frame:02x?}", program.0);
            assert_eq!((&other.verdict, &other.asked), (&shown[0].verdict, &shown[0].asked), "{about}");
            assert_eq!(other, &shown[0], "{about}");
        }
        ends += u64::from(shown[0].verdict.is_ok());
    }
    ends
}
