//! An object under test, with the shape of BPF_PROG_TEST_RUN: a packet in, verdict and packet out, maps beside.
//!
//! Existing suites load an object, fill its maps, run a program on a packet and look at what came out. [`Ebpf`] does
//! that without a kernel, and without root. What is refused is what a kernel refuses, with its errno; beside the
//! kernel's results there are those that it hides: where a redirect led ([`Ran::redirect`]), what the program did
//! that no program may do ([`Ran::fault`]), events.
//!
//! **Like the kernel's call**: metadata by way of `ctx_in`, a page for headroom, frame and `struct skb_shared_info`,
//! what lies beyond in fragments that direct access does not reach, a repetition that begins with what the one
//! before left of the packet. **Unlike it**: every interface exists and has any number of queues; values of per-CPU
//! maps are for as many CPUs as [`Ebpf::set_cpu`] and [`Options::cpus`] say; live frames are
//! `xdpsim replay`'s; there is no clock, so [`Ran::duration`] counts instructions, and only if asked to.
//!
//! ```no_run
//! use xdpsim_vm::test_run::{Ebpf, TestRun};
//!
//! let mut object = Ebpf::load("fwd.o", &std::fs::read("fwd.o")?)?;
//! object.map("ports")?.insert(1_u32, 7_u32, 0)?;
//! let ran = object.program("forward")?.test_run(TestRun { data_in: &[0; 64], ..TestRun::default() })?;
//! assert_eq!((ran.retval, ran.data_out.len()), (4, 64));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bench;
mod map;
mod packet;
mod plain;
mod redirects;

use std::fmt;

use xdpsim_devmap::{CpuId, Errno};

pub use bench::{Bench, Event, Redirect};
pub use map::{MapError, MapHandle};
pub use packet::{MAX_LINEAR, Prepared, XdpMd, prepare};
pub use plain::Plain;
pub use redirects::RedirectMaps;

use crate::engine::Engine;
use crate::host::ProgIdx;
use crate::interp::Limits;
use crate::load::{LoadError, LoadOptions, Object};
use crate::machine::{BuildError, Machine, NoSuchMap, NoSuchProgram, Story};
use crate::memory::MapIdx;

/// Why an object cannot be tested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EbpfError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It cannot be made ready.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// How an object is made ready.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For how many CPUs per-CPU maps have values.
    pub cpus: u32,
    /// What runs the programs.
    pub engine: Engine,
    /// How much a run may do.
    pub limits: Limits,
    /// Where random numbers begin.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cpus: 1, engine: Engine::default(), limits: Limits::default(), seed: 1 }
    }
}

/// An object under test.
#[derive(Clone, Debug)]
pub struct Ebpf {
    machine: Machine,
    bench: Bench,
}

impl Ebpf {
    /// Loads an object, its own types and one CPU; `name` is for messages.
    ///
    /// # Errors
    /// If it cannot be loaded or made ready.
    pub fn load(name: &str, bytes: &[u8]) -> Result<Self, EbpfError> {
        let object = Object::load(name, bytes, LoadOptions::default())?;
        Ok(Self::of(object, Options::default())?)
    }

    /// The same of an object that is loaded, its variables set.
    ///
    /// # Errors
    /// If it cannot be made ready.
    pub fn of(object: Object, options: Options) -> Result<Self, BuildError> {
        let Options { cpus, engine, limits, seed } = options;
        let machine = Machine::builder().object(object).cpus(cpus).engine(engine).limits(limits).build()?;
        Ok(Self::from_machine(machine, seed))
    }

    /// The same of several objects that are linked.
    #[must_use]
    pub fn from_machine(machine: Machine, seed: u64) -> Self {
        let bench = Bench::new(&machine, seed);
        Self { machine, bench }
    }

    /// A program by name.
    ///
    /// # Errors
    /// If there is none.
    pub fn program(&mut self, name: &str) -> Result<ProgramHandle<'_>, NoSuchProgram> {
        let program = self.machine.program(name)?;
        Ok(ProgramHandle { object: self, program })
    }

    /// A program by its place.
    pub fn program_at(&mut self, program: ProgIdx) -> Option<ProgramHandle<'_>> {
        self.machine.program_at(program)?;
        Some(ProgramHandle { object: self, program })
    }

    /// A map by name.
    ///
    /// # Errors
    /// If there is none.
    pub fn map(&mut self, name: &str) -> Result<MapHandle<'_>, NoSuchMap> {
        let map = self.machine.map(name)?;
        Ok(MapHandle { machine: &mut self.machine, redirects: self.bench.redirects_mut(), map })
    }

    /// A map by its place.
    pub fn map_at(&mut self, map: MapIdx) -> Option<MapHandle<'_>> {
        self.machine.map_name(map)?;
        Some(MapHandle { machine: &mut self.machine, redirects: self.bench.redirects_mut(), map })
    }

    /// The programs and maps.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The programs and maps.
    pub fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// The surroundings: time, randomness, redirect maps, events.
    pub fn bench_mut(&mut self) -> &mut Bench {
        &mut self.bench
    }

    /// The CPU that programs run on from now on.
    ///
    /// # Panics
    /// If per-CPU maps have no values for it: see [`Options::cpus`].
    pub fn set_cpu(&mut self, cpu: CpuId) {
        assert!(u32::from(cpu.0) < self.machine.cpus(), "CPU {cpu}: there are {}", self.machine.cpus());
        self.bench.cpu = cpu;
    }
}

/// What is run: the fields of BPF_PROG_TEST_RUN.
#[derive(Clone, Copy, Debug)]
pub struct TestRun<'a> {
    /// Metadata and frame.
    pub data_in: &'a [u8],
    /// The context: how much of it is metadata, where it came in. Without, there is no metadata, and the device is the
    /// loopback device (1), as in the kernel.
    pub ctx_in: Option<XdpMd>,
    /// How often; 0 is once. Each run begins with what the one before left of the packet.
    pub repeat: u32,
    /// The most bytes that the caller takes; None is any number.
    pub data_size_out: Option<u32>,
    /// `BPF_F_TEST_XDP_LIVE_FRAMES` is not modelled, others do not exist.
    pub flags: u32,
    /// Of live frames alone.
    pub batch_size: u32,
    /// Counts instructions, for [`Ran::duration`]: the reference interpreter runs then, whatever the engine is.
    pub count_instructions: bool,
}

impl Default for TestRun<'_> {
    fn default() -> Self {
        Self {
            data_in: &[],
            ctx_in: None,
            repeat: 1,
            data_size_out: None,
            flags: 0,
            batch_size: 0,
            count_instructions: false,
        }
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The verdict of the last run; XDP_ABORTED (0) after a fault.
    pub retval: u32,
    /// Metadata, then the frame.
    pub data_out: Vec<u8>,
    /// The context: `data` is the length of the metadata, `data_end` that of metadata and frame.
    pub ctx_out: XdpMd,
    /// Instructions per run, rounded down, if they were counted; else 0. There is no clock here.
    pub duration: u32,
    /// Where the last run's redirect leads, if its verdict is XDP_REDIRECT and a helper said where.
    pub redirect: Option<Redirect>,
    /// What the program did that no program may do; it ends the repetition.
    pub fault: Option<Box<Story>>,
    /// Events that programs sent (`bpf_perf_event_output()`).
    pub events: Vec<Event>,
    /// Lines that programs printed (`bpf_trace_printk()`).
    pub printed: Vec<String>,
}

/// A run that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The kernel's errno; ENOTSUPP for what only a kernel can do.
    pub errno: Errno,
    /// Why, in words.
    pub why: String,
    /// What came out all the same: of a run that was made, but whose output had no room (ENOSPC).
    pub ran: Option<Box<Ran>>,
}

impl Refused {
    fn new(errno: Errno, why: impl Into<String>) -> Self {
        Self { errno, why: why.into(), ran: None }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.errno, self.why)
    }
}

impl std::error::Error for Refused {}

/// A program of an object under test.
#[derive(Debug)]
pub struct ProgramHandle<'a> {
    object: &'a mut Ebpf,
    program: ProgIdx,
}

impl ProgramHandle<'_> {
    /// Runs it on a packet.
    ///
    /// # Errors
    /// What a kernel refuses, with its errno.
    pub fn test_run(&mut self, run: TestRun<'_>) -> Result<Ran, Refused> {
        let Ebpf { machine, bench } = &mut *self.object;
        let prepared = prepare(machine, self.program, &run)?;
        let rest = &run.data_in[prepared.linear..];
        let (mut retval, mut instructions, mut fault, mut done) = (0, 0_u64, None, 0_u64);
        for _ in 0..run.repeat.max(1) {
            bench.begin();
            done += 1;
            let ran = if run.count_instructions {
                machine.run_observed(self.program, prepared.fields, bench, |_, _| instructions += 1)
            } else {
                machine.run(self.program, prepared.fields, bench)
            };
            match ran {
                Ok(verdict) => retval = verdict,
                Err(found) => {
                    (retval, fault) = (0, Some(Box::new(machine.story(&found))));
                    break;
                }
            }
        }
        let redirect = bench.take_redirect(machine, retval);
        let packet = machine.memory().packet();
        let ran = Ran {
            retval,
            data_out: [packet.output(), rest].concat(),
            ctx_out: XdpMd {
                data: packet.metadata().len() as u32,
                data_end: packet.output().len() as u32,
                ..run.ctx_in.unwrap_or_default()
            },
            duration: u32::try_from(instructions / done).unwrap_or(u32::MAX),
            redirect,
            fault,
            events: bench.take_events(),
            printed: bench.take_printed(),
        };
        cut(ran, run.data_size_out)
    }
}

/// As much of the output as the caller takes; ENOSPC if that is not all.
fn cut(ran: Ran, room: Option<u32>) -> Result<Ran, Refused> {
    let size = ran.data_out.len();
    match room.map(|room| room as usize) {
        // 0 is no hint to the kernel, but a caller who takes everything.
        Some(room) if room > 0 && room < size => {
            let why = format!("the output has {size} bytes, and room for {room} was given");
            let data_out = ran.data_out[..room].to_vec();
            Err(Refused { ran: Some(Box::new(Ran { data_out, ..ran })), ..Refused::new(Errno::ENOSPC, why) })
        }
        _ => Ok(ran),
    }
}
