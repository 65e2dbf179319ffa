//! Which engine runs programs, and programs made ready for it.
//!
//! All engines agree in everything that can be observed: results, memory, faults with their registers, budget.
//! They differ in speed alone.

mod runs;

use std::fmt;
use std::str::FromStr;

use crate::fault::Fault;
use crate::helpers::{Helpers, MapSet, World};
use crate::host::{Host, ProgIdx};
use crate::interp::threaded::Threaded;
use crate::interp::{self, Limits};
#[cfg(feature = "jit")]
use crate::jit::Jit;
use crate::memory::Memory;
use crate::program::Program;
use runs::Each;
pub use runs::{Ended, Runs, UseRuns};

/// What runs programs.
///
/// ```
/// use xdpsim_vm::Engine;
///
/// assert_eq!("reference".parse(), Ok(Engine::Reference));
/// assert_eq!(Engine::Interpreter.to_string(), "interpreter");
/// assert!("fast".parse::<Engine>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The interpreter that decides what programs mean: [`crate::interp`].
    Reference,
    /// The fast interpreter: [`crate::interp::threaded`].
    #[cfg_attr(not(feature = "jit"), default)]
    Interpreter,
    /// Machine code: [`crate::jit`]. Where there is none for a machine or a program, the interpreter runs it.
    #[cfg(feature = "jit")]
    #[default]
    Jit,
}

impl Engine {
    /// All that this build has.
    pub const ALL: &[Self] = &[
        Self::Reference,
        Self::Interpreter,
        #[cfg(feature = "jit")]
        Self::Jit,
    ];

    /// Its name, as options have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Interpreter => "interpreter",
            #[cfg(feature = "jit")]
            Self::Jit => "jit",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no engine has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no engine `{name}` in this build; it has {}", names())]
pub struct UnknownEngine {
    /// The name.
    pub name: String,
}

fn names() -> String {
    Engine::ALL.iter().map(|engine| engine.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        let found = Self::ALL.iter().find(|engine| engine.name() == name);
        found.copied().ok_or_else(|| UnknownEngine { name: name.to_owned() })
    }
}

/// Programs that are ready to run; tail calls name them by their place.
pub struct Code {
    programs: Ready,
}

// With a byte that says which: runs begin by asking.
#[repr(u8)]
enum Ready {
    Reference(Vec<Program>),
    Interpreter(Threaded),
    #[cfg(feature = "jit")]
    Jit(Jit),
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} programs for the {}", self.programs().len(), self.engine())
    }
}

impl Code {
    /// Makes programs ready. [`Code::engine`] says what runs them: the interpreter, if there is no machine code.
    #[must_use]
    pub fn new(programs: Vec<Program>, engine: Engine) -> Self {
        Self::with_maps(programs, engine, &MapSet::default())
    }

    /// The same for programs that run with these maps, or with clones of them: faster, if there is machine code. With
    /// other maps it does the same as without.
    #[must_use]
    pub fn with_maps(programs: Vec<Program>, engine: Engine, maps: &MapSet) -> Self {
        if cfg!(not(feature = "jit")) {
            _ = maps;
        }
        let programs = match engine {
            Engine::Reference => Ready::Reference(programs),
            Engine::Interpreter => Ready::Interpreter(Threaded::new(programs)),
            #[cfg(feature = "jit")]
            Engine::Jit => match Jit::with_maps(&programs, maps) {
                Ok(jit) => Ready::Jit(jit),
                Err(_) => Ready::Interpreter(Threaded::new(programs)),
            },
        };
        Self { programs }
    }

    /// What runs them.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.programs {
            Ready::Reference(_) => Engine::Reference,
            Ready::Interpreter(_) => Engine::Interpreter,
            #[cfg(feature = "jit")]
            Ready::Jit(_) => Engine::Jit,
        }
    }

    /// The programs as they were given.
    #[must_use]
    pub fn programs(&self) -> &[Program] {
        match &self.programs {
            Ready::Reference(programs) => programs,
            Ready::Interpreter(threaded) => threaded.programs(),
            #[cfg(feature = "jit")]
            Ready::Jit(jit) => jit.programs(),
        }
    }

    /// Runs a program on the packet in `memory`: R0 at its end, as [`interp::run`].
    ///
    /// # Errors
    /// What the program did that no program may do.
    ///
    /// # Panics
    /// If there is no such program.
    #[inline]
    pub fn run<H: Host>(
        &self,
        entry: ProgIdx,
        memory: &mut Memory,
        host: &mut H,
        limits: Limits,
    ) -> Result<u64, Box<Fault>> {
        match &self.programs {
            Ready::Reference(programs) => interp::run(programs, entry, memory, host, limits),
            Ready::Interpreter(threaded) => threaded.run(entry, memory, host, limits),
            #[cfg(feature = "jit")]
            Ready::Jit(jit) => jit.run(entry, memory, host, limits),
        }
    }

    /// For one run after the other with the same memory and maps: what does not change between them is found once, and
    /// the engine is asked for once.
    #[inline(always)]
    pub fn with_runs<W: World, U: UseRuns<W>>(
        &self,
        entry: ProgIdx,
        memory: &mut Memory,
        host: Helpers<'_, W>,
        limits: Limits,
        user: U,
    ) -> U::Out {
        match &self.programs {
            #[cfg(feature = "jit")]
            Ready::Jit(jit) => user.use_runs(&mut jit.runs(entry, memory, host, limits)),
            _ => user.use_runs(&mut Each { code: self, entry, memory, host, limits }),
        }
    }

    /// The same by the reference, whatever the engine is; `observe` sees every instruction before it is executed.
    ///
    /// # Errors
    /// As for [`Code::run`].
    ///
    /// # Panics
    /// If there is no such program.
    pub fn run_observed<H: Host>(
        &self,
        entry: ProgIdx,
        memory: &mut Memory,
        host: &mut H,
        limits: Limits,
        observe: impl FnMut(ProgIdx, u32),
    ) -> Result<u64, Box<Fault>> {
        interp::run_observed(self.programs(), entry, memory, host, limits, observe)
    }
}
