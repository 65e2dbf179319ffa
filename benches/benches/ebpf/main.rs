//! `cargo bench --bench ebpf`: what a run of an XDP program takes, on the virtual machine and in the running kernel.
//!
//! Four programs in C (`ebpf-vm/objects/bench_*.bpf.c`): a lookup and redirect, a parser, arithmetic, many maps; and an
//! empty one, which shows what a run costs by itself. Both sides get the same instructions, maps and frames, one core, in
//! turn. Before anything is timed they must agree on the verdict and bytes of 512 frames and on what maps hold
//! afterwards. Figures are nanoseconds a run, the mean of 16 frames, each of which goes through a program many times
//! as `BPF_PROG_TEST_RUN` has it: the best round and the median, and both without what the empty program takes.
//!
//! Maps here belong to one thread; the kernel's can be used by many. At the end `replay` of a capture through the first
//! program is timed, the whole engine included ([`replay`]).
//!
//! The kernel's side needs Linux and root; without, its columns are left out, and targets are not judged.

#[cfg(target_os = "linux")]
mod kernel;
mod replay;
mod report;
mod traffic;
mod vm;

use std::collections::BTreeMap;

use clap::Parser;
use report::Report;
use traffic::{Kind, TIMED};
use vm::Vm;
use xdpsim_vm::Engine;

/// What a run of an XDP program takes, here and in the running kernel.
#[derive(Debug, Parser)]
struct Args {
    /// How often everything is timed.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// How often each of 16 frames goes through a program, in a round.
    #[arg(long, default_value_t = 20_000)]
    repeat: u32,
    /// Only this program, and the empty one.
    #[arg(long)]
    only: Option<String>,
    /// Only `replay` of a capture.
    #[arg(long)]
    replay: bool,
    /// What `cargo bench` passes on.
    #[arg(long, hide = true)]
    bench: bool,
}

/// CPUs that there could be.
fn cpus() -> u32 {
    #[cfg(target_os = "linux")]
    return xdpsim_oracle::bpf::possible_cpus() as u32;
    #[cfg(not(target_os = "linux"))]
    return 1;
}

/// A value as both sides can be compared: of a map that has one for each CPU, their sums word by word.
fn summed(map_type: u32, value: Vec<u8>) -> Vec<u8> {
    const PERCPU_ARRAY: u32 = 6;
    if map_type != PERCPU_ARRAY {
        return value;
    }
    let mut sums = vec![0_u64; value.len() / 8 / cpus() as usize];
    for cpu in value.as_chunks::<8>().0.chunks(sums.len()) {
        for (sum, word) in sums.iter_mut().zip(cpu) {
            *sum += u64::from_le_bytes(*word);
        }
    }
    sums.iter().flat_map(|sum| sum.to_le_bytes()).collect()
}

/// What executes a program.
enum Side {
    #[cfg(target_os = "linux")]
    Kernel(Box<kernel::Kernel>),
    Vm(Box<Vm>),
}

impl Side {
    fn run(&mut self, frame: &[u8]) -> (u32, Vec<u8>) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel(kernel) => kernel.run(frame),
            Self::Vm(vm) => vm.run(frame),
        }
    }

    fn time(&mut self, frame: &[u8], repeat: u32) -> f64 {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel(kernel) => kernel.time(frame, repeat),
            Self::Vm(vm) => vm.time(frame, repeat),
        }
    }

    fn contents(&mut self) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel(kernel) => kernel.contents(),
            Self::Vm(vm) => vm.contents(),
        }
    }
}

/// A program on all sides that are there, by column.
struct Case {
    kind: Kind,
    frames: Vec<Vec<u8>>,
    sides: Vec<(&'static str, Side)>,
}

impl Case {
    fn new(kind: Kind, with_kernel: bool) -> Self {
        let mut sides = Vec::new();
        #[cfg(target_os = "linux")]
        if with_kernel {
            sides.push((report::KERNEL, Side::Kernel(Box::new(kernel::Kernel::new(kind)))));
        }
        #[cfg(not(target_os = "linux"))]
        assert!(!with_kernel);
        for engine in Engine::ALL.iter().rev() {
            sides.push((engine.name(), Side::Vm(Box::new(Vm::new(kind, *engine)))));
        }
        Self { kind, frames: kind.frames(), sides }
    }

    /// All sides do the same.
    fn check(&mut self) {
        for (number, frame) in self.frames.iter().enumerate() {
            let (first, others) = self.sides.split_first_mut().expect("the interpreters, at least");
            let expected = first.1.run(frame);
            for (name, side) in others {
                let (kind, of_first) = (self.kind.name(), first.0);
                assert_eq!(
                    side.run(frame),
                    expected,
                    "{kind}, frame {number}: {name} and, right, {of_first}"
                );
            }
        }
        let (first, others) = self.sides.split_first_mut().expect("the interpreters, at least");
        let expected = first.1.contents();
        for (name, side) in others {
            let (kind, of_first) = (self.kind.name(), first.0);
            assert_eq!(side.contents(), expected, "{kind}: maps of {name} and, right, {of_first}");
        }
    }
}

fn main() {
    let args = Args::parse();
    if args.replay {
        return replay::print();
    }
    let mut report = Report::default();
    let with_kernel = there_is_a_kernel();
    let wanted =
        |kind: &Kind| kind.name() == "empty" || args.only.as_deref().is_none_or(|only| only == kind.name());
    let mut cases: Vec<Case> =
        Kind::ALL.into_iter().filter(wanted).map(|kind| Case::new(kind, with_kernel)).collect();
    cases.iter_mut().for_each(Case::check);
    println!("all sides agree on {} frames a program, and on what its maps hold then", traffic::CHECKED);
    for _ in 0..args.rounds {
        for case in &mut cases {
            for (name, side) in &mut case.sides {
                let frames = &case.frames[..TIMED];
                let total: f64 = frames.iter().map(|frame| side.time(frame, args.repeat)).sum();
                report.add(case.kind, name, total / TIMED as f64);
            }
        }
    }
    report.print();
    if args.only.is_none() {
        replay::print();
    }
}

/// Is the kernel's side there? Says what is missing.
fn there_is_a_kernel() -> bool {
    #[cfg(target_os = "linux")]
    let missing = kernel::missing();
    #[cfg(not(target_os = "linux"))]
    let missing = Some("Linux".to_owned());
    if let Some(missing) = &missing {
        println!(
            "the kernel's columns are skipped, and targets with them: {missing} is missing; run as root"
        );
    }
    missing.is_none()
}
