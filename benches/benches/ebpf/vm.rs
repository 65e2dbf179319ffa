//! A program on the virtual machine, by each of its engines.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use xdpsim_devmap::{CpuId, IfIndex};
use xdpsim_vm::engine::{Code, Runs, UseRuns};
use xdpsim_vm::helpers::{Helpers, MapSet, World};
use xdpsim_vm::load::Object;
use xdpsim_vm::maps::Caller;
use xdpsim_vm::{Engine, Limits, MapIdx, Memory, ProgIdx, Program};

use super::traffic::{Kind, PORTS};

/// The room of `BPF_PROG_TEST_RUN` around a frame.
const HEADROOM: u32 = 256;
const TAILROOM: u32 = 320;

/// Ports that are there, and where the last frame went.
struct Ports {
    there: [bool; PORTS as usize],
    target: u64,
}

impl World for Ports {
    fn cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn now(&self) -> u64 {
        1
    }
    fn random(&mut self) -> u32 {
        4
    }
    fn redirect(&mut self, _: IfIndex, _: u64) -> u64 {
        4
    }
    fn redirect_map(&mut self, _: MapIdx, key: u64, flags: u64) -> u64 {
        match self.there.get(key as u32 as usize) {
            Some(true) => {
                self.target = key;
                4
            }
            _ => flags & 3,
        }
    }
}

/// Runs that are timed together.
const SLICE: u32 = 1000;

/// So many runs on the same packet: seconds by slice.
struct Repeat(u32);

impl UseRuns<Ports> for Repeat {
    type Out = Vec<f64>;

    fn use_runs(self, runs: &mut impl Runs<Ports>) -> Vec<f64> {
        let slice = |_| {
            let start = Instant::now();
            for _ in 0..SLICE {
                black_box(runs.run().unwrap_or_else(|fault| panic!("{fault}")));
                black_box(runs.world().target);
            }
            start.elapsed().as_secs_f64()
        };
        (0..self.0.div_ceil(SLICE)).map(slice).collect()
    }
}

/// A program with its maps.
pub struct Vm {
    object: Object,
    code: Code,
    memory: Memory,
    maps: MapSet,
    world: Ports,
}

impl Vm {
    /// The program as this engine executes it.
    pub fn new(kind: Kind, engine: Engine) -> Self {
        let object = kind.object();
        let mut memory = Memory::new();
        let maps =
            MapSet::create(&object, super::cpus(), &mut memory).unwrap_or_else(|error| panic!("{error}"));
        let count = object.maps.len() as u32;
        let programs = object.programs.iter().map(|program| Program::decode(&program.insns, count));
        let programs = programs.collect::<Result<Vec<_>, _>>().unwrap_or_else(|error| panic!("{error}"));
        let mut vm = Self {
            code: Code::with_maps(programs, engine, &maps),
            object,
            memory,
            maps,
            world: Ports { there: [true; PORTS as usize], target: 0 },
        };
        for (map, key, value) in kind.contents() {
            let at = MapIdx(vm.object.map(map).expect("its map").0.0);
            let slab = vm.memory.slab_mut(at);
            let own = vm.maps.own(at).expect("kept here");
            own.update(slab, &key, &value, 0, Caller::Control).expect("room for it");
        }
        vm
    }

    fn once(&mut self) -> u32 {
        let mut host = Helpers::new(&mut self.maps, &mut self.world);
        let verdict = self.code.run(ProgIdx(0), &mut self.memory, &mut host, Limits::default());
        verdict.unwrap_or_else(|fault| panic!("{}: {fault}", self.object.name)) as u32
    }

    /// Runs once: the verdict and the bytes.
    pub fn run(&mut self, frame: &[u8]) -> (u32, Vec<u8>) {
        self.memory.packet_in(frame, HEADROOM, TAILROOM);
        (self.once(), self.memory.packet().frame().to_vec())
    }

    /// Runs so many times on a frame, which the program gets as it left it, as the kernel repeats: nanoseconds a run.
    ///
    /// As the kernel's, this clock stands still while somebody else has the core: slices that took twice as long as
    /// most are left out.
    pub fn time(&mut self, frame: &[u8], repeat: u32) -> f64 {
        self.memory.packet_in(frame, HEADROOM, TAILROOM);
        let host = Helpers::new(&mut self.maps, &mut self.world);
        let mut slices =
            self.code.with_runs(ProgIdx(0), &mut self.memory, host, Limits::default(), Repeat(repeat));
        slices.sort_by(f64::total_cmp);
        let most = 2.0 * slices[slices.len() / 2];
        let counted: Vec<f64> = slices.into_iter().filter(|slice| *slice <= most).collect();
        counted.iter().sum::<f64>() * 1e9 / (counted.len() as f64 * f64::from(SLICE))
    }

    /// What its maps hold, but for devices: by map and key.
    pub fn contents(&mut self) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
        let mut all = BTreeMap::new();
        for (at, def) in (0..).map(MapIdx).zip(&self.object.maps) {
            let Some(own) = self.maps.own(at) else { continue };
            let mut key: Option<Vec<u8>> = None;
            loop {
                let mut next = vec![];
                if own.next_key(key.as_deref(), &mut next).is_err() {
                    break;
                }
                let mut value = vec![];
                own.read(self.memory.slab(at), &next, &mut value).expect("it is there");
                all.insert((def.name.clone(), next.clone()), super::summed(def.spec.map_type, value));
                key = Some(next);
            }
        }
        all
    }
}
