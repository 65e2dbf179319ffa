//! The same maps twice, and programs that run on both: in the running kernel, and on each engine of the virtual machine.
//!
//! A program's arguments and results lie in map 0, the page: the kernel and the virtual machine begin with the same
//! bytes there, and what is there afterwards is compared, with every other map's contents.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, RawFd};

use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_oracle::bpf::asm::Insn as KernelInsn;
use xdpsim_oracle::bpf::{
    Btf, Functions, LoadError, Map as KernelMap, MapCreate, MapTypes, Prog, ProgLoad, Ran, possible_cpus,
};
use xdpsim_vm::engine::{Code, Engine};
use xdpsim_vm::fib::Fib;
use xdpsim_vm::helpers::{Entry, Helpers, MapSet, World};
use xdpsim_vm::load::{Initial, MapDef, MapSpec};
use xdpsim_vm::maps::{Caller, Kind};
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{Insn, Limits, MapIdx, Memory, ProgIdx, Program};

/// Bytes of the page.
pub const PAGE: u32 = 2048;
/// The room that BPF_PROG_TEST_RUN leaves in front of a frame.
pub const HEADROOM: u32 = 256;
/// A page without headroom and `struct skb_shared_info`.
pub const ROOM: u32 = 4096 - HEADROOM - 320;

/// What programs ask for besides maps and packet.
#[derive(Clone, Default)]
pub struct Surroundings {
    pub fib: Fib,
    pub printed: Vec<Vec<u8>>,
    pub cpu: u16,
}

impl World for Surroundings {
    fn cpu(&self) -> CpuId {
        CpuId(self.cpu)
    }
    fn now(&self) -> u64 {
        1 << 40
    }
    fn random(&mut self) -> u32 {
        4
    }
    fn redirect(&mut self, _: IfIndex, flags: u64) -> u64 {
        if flags == 0 { 4 } else { 0 }
    }
    fn redirect_map(&mut self, _: MapIdx, _: u64, _: u64) -> u64 {
        0
    }
    fn fib(&self) -> &Fib {
        &self.fib
    }
    fn kernel(&self) -> (u16, u16) {
        kernel_version()
    }
    fn print(&mut self, text: &[u8]) {
        self.printed.push(text.to_vec());
    }
}

/// The running kernel's version.
pub fn kernel_version() -> (u16, u16) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = text.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// A map as it is made on both sides.
#[derive(Clone, Copy)]
pub struct Made {
    pub spec: MapSpec,
    /// Where in its values the spin lock is, and types that say so.
    pub lock: Option<(u32, MapTypes)>,
}

impl From<MapSpec> for Made {
    fn from(spec: MapSpec) -> Self {
        Self { spec, lock: None }
    }
}

/// Attributes of a map.
pub fn spec(map_type: u32, key_size: u32, value_size: u32, max_entries: u32, flags: u32) -> MapSpec {
    MapSpec { map_type, key_size, value_size, max_entries, flags, extra: 0 }
}

/// Both sides.
pub struct Pair {
    pub made: Vec<Made>,
    pub kernel: Vec<KernelMap>,
    pub maps: MapSet,
    pub memory: Memory,
    pub world: Surroundings,
    /// The types of functions, of programs with a callback.
    pub btf: Option<(Btf, [u32; 2])>,
    /// Program 1 of the virtual machine, for tail calls.
    pub tail: Option<Program>,
}

/// What both sides say of a run that neither refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub verdict: u32,
    pub data: Vec<u8>,
    /// Contents of the maps that can be read, in order.
    pub contents: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Said {
    /// The results that a program of [`super::code::Code`] kept.
    pub fn results(&self, count: usize) -> Vec<i64> {
        let page = &self.contents[0][[0; 4].as_slice()];
        let kept = &page[super::code::RESULTS as usize..];
        kept.as_chunks::<8>().0.iter().take(count).map(|word| i64::from_le_bytes(*word)).collect()
    }
}

/// An instruction by its fields.
fn show(insn: &Insn) -> String {
    let Insn { code, dst, src, off, imm } = insn;
    format!("{code:#04x} r{dst} r{src} {off} {imm:#x}")
}

impl Said {
    /// What is not the same, in few words.
    fn difference(&self, other: &Self) -> String {
        if (self.verdict, &self.data) != (other.verdict, &other.data) {
            return format!("{:?}, {:?}", (self.verdict, &self.data), (other.verdict, &other.data));
        }
        let maps = self.contents.iter().zip(&other.contents).enumerate();
        let (map, (ours, theirs)) = maps.into_iter().find(|(_, (a, b))| a != b).unwrap();
        if map > 0 {
            return format!("map {map}: {ours:?}, {theirs:?}");
        }
        let [ours, theirs] = [ours, theirs].map(|page| &page[[0; 4].as_slice()]);
        let at = ours.iter().zip(theirs).position(|(a, b)| a != b).unwrap();
        let near = |page: &[u8]| page[at & !7..][..16].to_vec();
        format!(
            "page at {at}: {:02x?}, {:02x?}; results {:?}, {:?}",
            near(ours),
            near(theirs),
            self.results(6),
            other.results(6)
        )
    }
}

impl Pair {
    /// The page, and these maps, which get the numbers from 1.
    pub fn new(more: &[Made]) -> Self {
        let page = Made::from(spec(2, 4, PAGE, 1, 0));
        let made: Vec<Made> = [page].into_iter().chain(more.iter().copied()).collect();
        let (mut maps, mut memory) = (MapSet::default(), Memory::new());
        let kernel = made.iter().map(create_kernel).collect();
        for made in &made {
            let def = MapDef {
                name: "pair".to_owned(),
                spec: made.spec,
                inner: None,
                pinned: false,
                initial: Initial::Empty,
                key: Default::default(),
                value: Default::default(),
                lock: made.lock.map(|(at, _)| at),
            };
            maps.add(&def, possible_cpus() as u32, &mut memory).unwrap();
        }
        Self { made, kernel, maps, memory, world: Surroundings::default(), btf: None, tail: None }
    }

    /// Writes an element on both sides.
    pub fn update(&mut self, map: usize, key: &[u8], value: &[u8]) {
        let _ = self.try_update(map, key, value, 0);
    }

    /// The same with flags: both sides give the same errno.
    pub fn try_update(&mut self, map: usize, key: &[u8], value: &[u8], flags: u64) -> Result<(), i32> {
        let kernel = self.kernel[map].update(key, value, flags).map_err(|error| error.number);
        let at = MapIdx(map as u32);
        let vm = match self.maps.targets(at) {
            Some(targets) => targets.update(key, value, flags),
            None => {
                let own = self.maps.own(at).unwrap();
                own.update(self.memory.slab_mut(at), key, value, flags, Caller::Control)
            }
        };
        assert_eq!(vm.map_err(|errno| errno.number()), kernel, "update of map {map}, left the vm");
        kernel
    }

    /// The same bytes into both pages.
    pub fn fill(&mut self, bytes: &[u8]) {
        let mut page = bytes.to_vec();
        page.resize(PAGE as usize, 0);
        self.update(0, &[0; 4], &page);
    }

    /// Loads a program into the kernel. Maps are named by number, as the virtual machine has them.
    pub fn load(&self, insns: &[Insn]) -> Result<Prog, Box<LoadError>> {
        let mut wide = false;
        let raw: Vec<KernelInsn> = insns
            .iter()
            .map(|insn| {
                let first = insn.code == 0x18 && !wide;
                wide = first;
                let named = first && (insn.src == 1 || insn.src == 2);
                let imm = if named { self.kernel[insn.imm as usize].as_raw_fd() } else { insn.imm };
                KernelInsn::raw(insn.code, insn.dst, insn.src, insn.off, imm)
            })
            .collect();
        let mut load = ProgLoad::xdp("vm_helpers", &raw);
        let infos = self.btf.as_ref().map(|(_, [main, callback])| {
            // The callback begins behind the program's only exit.
            let exit = insns.iter().position(|insn| insn.code == 0x95).unwrap() as u32;
            [[0, *main], [exit + 1, *callback]]
        });
        if let (Some((btf, _)), Some(infos)) = (&self.btf, &infos) {
            load.functions = Some(Functions { btf: AsRawFd::as_raw_fd(btf) as RawFd, all: infos });
        }
        Prog::load(&load).map_err(Box::new)
    }

    /// Runs a program on both sides, on each engine from the same state; the last one's is kept. None if the verifier
    /// does not take it.
    pub fn run(&mut self, insns: &[Insn], frame: &[u8]) -> Option<Said> {
        let loaded = self.load(insns).ok()?;
        Some(self.run_loaded(&loaded, insns, frame))
    }

    /// The same, of a program that is loaded.
    pub fn run_loaded(&mut self, loaded: &Prog, insns: &[Insn], frame: &[u8]) -> Said {
        let Ran { verdict, data, .. } = loaded.test_run(frame).unwrap();
        let kernel = Said { verdict, data, contents: self.kernel_contents() };
        let program = Program::decode(insns, self.made.len() as u32).unwrap();
        let (maps, memory, world) = (self.maps.clone(), self.memory.clone(), self.world.clone());
        for engine in Engine::ALL {
            (self.maps, self.memory, self.world) = (maps.clone(), memory.clone(), world.clone());
            let vm = self.run_vm(&program, *engine, frame);
            if vm != kernel {
                let what = vm.difference(&kernel);
                let calls: Vec<String> = insns.iter().map(show).collect();
                panic!("{engine}, left the vm's: {what}, frame of {}:\n{}", frame.len(), calls.join("\n"));
            }
        }
        kernel
    }

    fn run_vm(&mut self, program: &Program, engine: Engine, frame: &[u8]) -> Said {
        let programs = [program.clone()].into_iter().chain(self.tail.clone()).collect();
        let code = Code::with_maps(programs, engine, &self.maps);
        self.memory.packet_in(frame, HEADROOM, ROOM - frame.len() as u32);
        // Test runs come from the loopback device.
        self.memory.set_context(ContextFields { ingress_ifindex: 1, ..ContextFields::default() });
        let mut host = Helpers::new(&mut self.maps, &mut self.world);
        let ran = code.run(ProgIdx(0), &mut self.memory, &mut host, Limits::default());
        let r0 = ran.unwrap_or_else(|fault| panic!("{engine}: {fault}"));
        host.finish().unwrap();
        let data = [self.memory.packet().metadata(), self.memory.packet().frame()].concat();
        Said { verdict: r0 as u32, data, contents: self.vm_contents() }
    }

    fn kernel_contents(&self) -> Vec<BTreeMap<Vec<u8>, Vec<u8>>> {
        let all = self.made.iter().zip(&self.kernel);
        all.map(|(made, map)| {
            let (mut found, mut last): (BTreeMap<_, _>, Option<Vec<u8>>) = Default::default();
            while is_read(made) {
                let mut key = vec![0; made.spec.key_size as usize];
                if map.next_key(last.as_deref(), &mut key).is_err() {
                    break;
                }
                let mut value = vec![0; attributes(made).value_len()];
                if map.lookup(&key, &mut value).is_ok() {
                    found.insert(key.clone(), summed(made, value));
                }
                last = Some(key);
            }
            found
        })
        .collect()
    }

    fn vm_contents(&mut self) -> Vec<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut all = Vec::new();
        for (at, made) in (0..).map(MapIdx).zip(&self.made) {
            let (mut found, mut last): (BTreeMap<_, _>, Option<Vec<u8>>) = Default::default();
            let own = matches!(self.maps.get(at), Some(Entry::Own(_))).then(|| self.maps.own(at)).flatten();
            if let Some(own) = own.filter(|_| is_read(made)) {
                loop {
                    let (mut key, mut value) = (Vec::new(), Vec::new());
                    if own.next_key(last.as_deref(), &mut key).is_err() {
                        break;
                    }
                    if own.read(self.memory.slab(at), &key, &mut value).is_ok() {
                        found.insert(key.clone(), summed(made, value));
                    }
                    last = Some(key);
                }
            }
            all.push(found);
        }
        all
    }
}

/// Has it keys and values that both sides can list?
fn is_read(made: &Made) -> bool {
    made.spec.key_size > 0 && !matches!(made.spec.map_type, 3 | 4 | 12..=17 | 25)
}

/// Of a map with values for each CPU their sum, as 8-byte numbers: which CPU it is, is the kernel's to choose.
fn summed(made: &Made, value: Vec<u8>) -> Vec<u8> {
    if !Kind::from_number(made.spec.map_type).is_some_and(Kind::is_percpu) {
        return value;
    }
    let stride = made.spec.value_size.next_multiple_of(8) as usize;
    let words = value.as_chunks::<8>().0;
    let words_of_one = stride / 8;
    let sum = |at: usize| {
        let of_cpus = words.iter().skip(at).step_by(words_of_one);
        of_cpus.fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
    };
    (0..words_of_one).flat_map(|at| sum(at).to_le_bytes()).collect()
}

fn attributes(made: &Made) -> MapCreate<'static> {
    let MapSpec { map_type, key_size, value_size, max_entries, flags, .. } = made.spec;
    let types = made.lock.map(|(_, types)| types);
    MapCreate { flags, types, ..MapCreate::new(map_type, key_size, value_size, max_entries, "vm_helpers") }
}

fn create_kernel(made: &Made) -> KernelMap {
    KernelMap::create(&attributes(made)).unwrap_or_else(|error| panic!("{:?}: {error}", made.spec))
}
