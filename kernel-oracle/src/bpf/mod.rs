//! bpf(2), as raw as a test of the kernel needs it: any map attribute, any update flag, any instruction.
//!
//! Owns every call of bpf(2) in this crate but those that the loader of [`crate::trace`] makes. A loader
//! library checks its arguments before the kernel sees them, so none is used where the kernel's own answer
//! is what's asked for. Descriptors are owned: what is dropped is closed, and the kernel frees it.
//!
//! Errors: [`BpfError`] with the kernel's number; of a program also what the verifier wrote ([`LoadError`]).

pub mod asm;
mod btf;
mod error;
mod link;
mod map;
mod prog;
mod run;
mod sys;

pub use btf::{Btf, Types};
pub use error::{BpfError, LoadError};
pub use link::XdpLink;
pub use map::{Map, MapCreate, MapFacts, MapTypes, map_type, possible_cpus};
pub use prog::{Functions, Prog, ProgFacts, ProgLoad, attach_type, load_flag, prog_type};
pub use run::{FullRun, LiveFrames, Ran};
