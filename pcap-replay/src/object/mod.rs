//! Stock objects in the pipeline: programs of `.o` files on simulated ports.
//!
//! Owns how an object becomes programs of a scenario, how a frame gets into a [`Machine`] and out of it, and what
//! is remembered of faults. What an instruction or a helper does is `xdpsim-vm`'s business; what a redirect does is
//! the core's.
//!
//! All objects of a scenario are one machine, with one set of maps. A plan holds it as it is before the run; each
//! domain gets a copy, which its programs share ([`xdpsim_core::Kin`]). DEVMAPs are the scenario's maps: the
//! object's programs redirect to them by name.
//!
//! ```no_run
//! use xdpsim::object::{self, Keys, OnPorts, Options};
//!
//! let source = object::Source::read("fwd.o")?;
//! let case = OnPorts { ports: 4, keys: Keys::Index, ..OnPorts::default() };
//! let ready = object::on_ports(&source, &case, &Options::default())?;
//! let plan = xdpsim_core::Plan::with_programs(&ready.scenario, ready.code)?;
//! assert_eq!(plan.ports().count(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Machine`]: xdpsim_vm::Machine

mod calls;
mod choose;
mod code;
mod contents;
mod facts;
mod faults;
mod groups;
mod in_poll;
mod in_scenario;
mod kept;
mod load;
mod machine;
mod on_ports;
mod stage;
mod surroundings;
mod told;
mod trace;
mod verdicts;

pub use code::Code;
pub use contents::Differs;
pub use faults::{FAULTS_MAX, Fault, Faults};
pub use in_scenario::in_scenario;
pub use load::{ObjectError, Options, Source};
pub use machine::Programs;
pub use on_ports::{Keys, OnPorts, Ready, on_ports};
pub use stage::{Aftermath, FirstFault, Stage, Template};
pub use told::{Tellings, Told};
pub use trace::{TracedLine, TracedRun};
pub use verdicts::{Verdicts, VerdictsByProgram};
