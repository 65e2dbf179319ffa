//! The programs of `examples/exclude-groups`: on the running kernel, here, and as the difference of groups says.
//!
//! Random groups and frames are drawn in [`cases`]; a round is one poll of up to 64 frames, each with its own forward and
//! exclude group. [`kernel`] has the object on veth ports, [`simulated`] on this command's.

#![cfg(target_os = "linux")]

mod built;
mod cases;
mod encodings;
mod kernel;
mod loader;
mod modes;
mod rounds;
mod simulated;

use std::path::PathBuf;

use xdpsim_core::KernelVersion;
use xdpsim_oracle::bpf::possible_cpus;
use xdpsim_oracle::model::Options;
use xdpsim_vm::load::{LoadOptions, Object};

/// One of the programs' three forms: a program for ports, one for entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Programs {
    /// The exclude number as metadata.
    Note,
    /// A mask as metadata.
    Mask,
    /// The exclude number in a variable of the CPU.
    Cpu,
}

impl Programs {
    fn port(self) -> &'static str {
        match self {
            Self::Note => "by_note",
            Self::Mask => "by_mask",
            Self::Cpu => "by_cpu",
        }
    }

    fn entry(self) -> &'static str {
        match self {
            Self::Note => "by_note_egress",
            Self::Mask => "by_mask_egress",
            Self::Cpu => "by_cpu_egress",
        }
    }
}

/// Kernels account for maps otherwise from time to time; the formula was fitted on 6.18, with two CPUs (MCAST-K10).
fn formula_is_known() -> bool {
    let here = Options::host().is_ok_and(|options| options.kernel >= KernelVersion { major: 6, minor: 18 });
    here && possible_cpus() == 2
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/exclude-groups"))
}

fn object(name: &str) -> Object {
    let bytes = std::fs::read(folder().join(format!("{name}.o"))).expect("a checked-in object");
    Object::load(name, &bytes, LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}
