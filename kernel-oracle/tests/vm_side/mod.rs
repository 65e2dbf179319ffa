//! An object on both sides: on the virtual machine with every engine that there is, and in the running kernel.
#![allow(dead_code, reason = "no test uses all of it")]

mod contents;
mod fill;
mod kernel;
mod ports;

use std::collections::BTreeMap;

use xdpsim_devmap::CpuId;
use xdpsim_oracle::bpf::possible_cpus;
use xdpsim_oracle::need;
use xdpsim_oracle::net::allow_cpus;
use xdpsim_vm::load::Object;
use xdpsim_vm::machine::Machine;
use xdpsim_vm::memory::ContextFields;
use xdpsim_vm::{Engine, ProgIdx};

pub use kernel::{Kernel, Loader};
use ports::Ports;

/// The room that BPF_PROG_TEST_RUN leaves in front of a frame.
const HEADROOM: u32 = 256;
/// What it has for headroom and frame: a page without `struct skb_shared_info`.
const ROOM: u32 = 4096 - 320;

/// Where all programs run.
const CPU: CpuId = CpuId(0);

/// What one run shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// R0's lower half.
    pub verdict: u32,
    /// Metadata, then the frame.
    pub bytes: Vec<u8>,
    /// How many of the bytes are metadata.
    pub metadata: usize,
}

/// What was compared.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Objects.
    pub objects: u32,
    /// Programs of all objects that were run.
    pub programs: u32,
    /// Frames through programs.
    pub packets: u64,
    /// Frames that the kernel's test run does not take.
    pub refused: u64,
    /// Elements of maps at the end.
    pub elements: usize,
    /// How often each verdict was given.
    pub verdicts: BTreeMap<u32, u64>,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { objects, programs, packets, refused, elements, verdicts } = self;
        let engines: Vec<_> = Engine::ALL.iter().map(ToString::to_string).collect();
        write!(
            f,
            "{objects} objects, {programs} programs, {packets} packets through programs, {refused} refused by the \
             kernel, {elements} elements of maps, verdicts {verdicts:?}: kernel, {} alike",
            engines.join(", ")
        )
    }
}

/// An object on both sides.
pub struct Sides {
    name: String,
    kernel: Kernel,
    machines: Vec<Machine>,
    ports: Ports,
    pub counts: Counts,
}

impl Sides {
    /// Creates it on both sides with the same few elements in its maps, but for those named, which stay empty.
    pub fn new(object: &Object, bytes: &[u8], loader: Loader, but: &[&str]) -> Self {
        // Per-CPU values are those of this CPU, on both sides.
        allow_cpus(&[CPU.0 as usize]).expect("it is there");
        let kernel = Kernel::new(object, bytes, loader);
        let machine = |engine: &Engine| {
            let builder = Machine::builder().object(object.clone()).cpus(possible_cpus() as u32);
            let machine = builder.engine(*engine).build().unwrap_or_else(|error| panic!("{error}"));
            // Without machine code the interpreter takes over, and would be compared with itself.
            assert_eq!(machine.code().engine(), *engine, "{}", object.name);
            machine
        };
        let mut machines: Vec<Machine> = Engine::ALL.iter().map(machine).collect();
        let ports = Ports::fill(object, &kernel.maps, &mut machines);
        let programs = kernel.programs.iter().flatten().count() as u32;
        let counts = Counts { objects: 1, programs, ..Counts::default() };
        let mut sides = Self { name: object.name.clone(), kernel, machines, ports, counts };
        fill::fill(object, &sides.kernel.maps, &mut sides.machines, but);
        sides
    }

    /// How many programs can be run.
    pub fn programs(&self) -> usize {
        self.kernel.programs.len()
    }

    fn on_kernel(&self, program: usize, frame: &[u8]) -> Option<Result<Outcome, i32>> {
        let prog = self.kernel.programs[program].as_ref()?;
        let ran = prog.test_run(frame).map_err(|error| error.number);
        Some(ran.map(|ran| Outcome { verdict: ran.verdict, bytes: ran.data, metadata: ran.metadata }))
    }

    /// Sends a frame through every program that a test run takes; false if the kernel refuses the frame.
    pub fn run(&mut self, frame: &[u8]) -> bool {
        for at in 0..self.programs() {
            let Some(kernel) = self.on_kernel(at, frame) else { continue };
            let Ok(kernel) = kernel else {
                self.counts.refused += 1;
                return false;
            };
            for machine in &mut self.machines {
                let here = on_machine(machine, ProgIdx(at as u32), frame, &mut self.ports);
                let name = machine.program_at(ProgIdx(at as u32)).map(|(_, program)| &program.name);
                assert_eq!(
                    here,
                    kernel,
                    "{}, {name:?}: left the {}, right the kernel, on {frame:02x?}",
                    self.name,
                    machine.engine()
                );
            }
            *self.counts.verdicts.entry(kernel.verdict).or_default() += 1;
            self.counts.packets += 1;
        }
        true
    }

    /// Compares what the maps hold, but for those named, which hold times or random numbers.
    /// Queues and stacks are empty in the kernel then.
    pub fn compare_maps(&mut self, object: &Object, but: &[&str]) {
        self.counts.elements += contents::compare(object, &self.kernel.maps, &mut self.machines, but);
    }
}

fn on_machine(machine: &mut Machine, program: ProgIdx, frame: &[u8], ports: &mut Ports) -> Outcome {
    let tailroom = ROOM.saturating_sub(HEADROOM + frame.len() as u32);
    machine.memory_mut().packet_in(frame, HEADROOM, tailroom);
    let fields = ContextFields { ingress_ifindex: 1, ..Default::default() };
    let ran = machine.run(program, fields, ports);
    let verdict = ran.unwrap_or_else(|fault| panic!("{}\non {frame:02x?}", machine.story(&fault)));
    let packet = machine.memory().packet();
    let metadata = packet.metadata();
    Outcome { verdict, bytes: [metadata, packet.frame()].concat(), metadata: metadata.len() }
}

impl Counts {
    /// Adds another object's.
    pub fn add(&mut self, other: Self) {
        self.objects += other.objects;
        self.programs += other.programs;
        self.packets += other.packets;
        self.refused += other.refused;
        self.elements += other.elements;
        for (verdict, count) in other.verdicts {
            *self.verdicts.entry(verdict).or_default() += count;
        }
    }
}

/// Debian's objects, which nobody here wrote (packages libxdp1 and xdp-tools), or those of another directory.
pub fn packaged(test: &str) -> Option<Vec<(String, Vec<u8>)>> {
    need::kernel(test)?;
    let folder =
        std::env::var("XDPSIM_BPF_OBJECTS").unwrap_or_else(|_| "/usr/lib/x86_64-linux-gnu/bpf".into());
    let Ok(files) = std::fs::read_dir(&folder) else {
        need::skip(test, &format!("{folder} (packages libxdp1 and xdp-tools)"));
        return None;
    };
    let mut all = Vec::new();
    for path in files.map(|file| file.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".o") {
            all.push((name, std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    assert!(!all.is_empty(), "no objects in {folder}");
    Some(all)
}
