//! Runs XDP programs as a compiler leaves them: no verifier, no root, every access checked.
//!
//! A program is a vector of [`Insn`]s. [`Program::decode`] refuses what cannot be executed at all, with the
//! kernel's rules for jumps, registers and reserved fields, so that execution is total. [`interp::run`]
//! executes it on a [`Memory`] of segments with exact bounds; helper calls go to a [`Host`]. What the
//! kernel's verifier would have refused is a [`Fault`] at the instruction that does it.
//! [`interp::threaded`] does the same faster, [`jit`] as machine code.
//!
//! Whoever has an object wants [`Machine`]: it links objects, creates their maps, runs their programs and words
//! their faults.
//!
//! Deterministic: addresses, results and faults depend on program and input alone. The model is
//! little-endian on every machine, as the objects are that it runs (`bpfel`).
//!
//! ```
//! use xdpsim_vm::{Insn, Limits, Memory, NoHelpers, ProgIdx, Program, interp};
//!
//! // r0 = 2; exit
//! let code = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
//! let program = Program::decode(&Insn::read_all(&code)?, 0)?;
//! let mut memory = Memory::new();
//! memory.packet_in(&[0; 64], 256, 320);
//! let verdict = interp::run(&[program], ProgIdx(0), &mut memory, &mut NoHelpers, Limits::default())?;
//! assert_eq!(verdict, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]

pub mod analysis;
pub mod check;
pub mod engine;
pub mod fault;
pub mod fib;
pub mod helpers;
pub mod host;
pub mod insn;
pub mod interp;
#[cfg(feature = "jit")]
pub mod jit;
pub mod load;
pub mod machine;
pub mod maps;
pub mod memory;
#[cfg(feature = "mutations")]
pub mod mutations;
pub mod natural;
pub mod op;
pub mod program;
pub mod test_run;

pub use check::{CheckError, Problem};
pub use engine::{Code, Engine};
pub use fault::{Access, Denied, Fault, FaultKind, HelperFault, Why};
pub use host::{Callback, HelperCall, HelperId, Host, NoHelpers, Outcome, ProgIdx};
pub use insn::{Insn, Reg, Size};
pub use interp::Limits;
pub use machine::Machine;
pub use memory::{MapIdx, Memory, Region, RegionKind, Slab};
pub use program::Program;
pub use test_run::{Ebpf, TestRun};
