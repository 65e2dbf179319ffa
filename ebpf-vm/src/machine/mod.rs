//! Objects made ready to run: their programs as one table, their maps as one set.
//!
//! [`Builder`] takes objects and links them: pinned maps of the same name are one map, program arrays know the
//! programs, every map and program gets its place ([`MapIdx`], [`ProgIdx`]). A [`Machine`] then runs programs on the
//! packet in its memory, reads and writes maps by name as bpf(2) does ([`control`]), and tells what a fault was in
//! words ([`story`]). Nothing is allocated and no name looked up for a run.
//!
//! A clone is a machine of its own, with maps as they are at that moment: clone one that has not run to begin anew,
//! or to have one for each CPU domain. What redirect maps hold, and everything else that is outside of a program, is
//! the [`World`]'s.
//!
//! ```no_run
//! use xdpsim_vm::load::{LoadOptions, Object};
//! use xdpsim_vm::machine::Machine;
//! # use xdpsim_vm::helpers::World;
//! # fn run(world: &mut impl World) -> Result<(), Box<dyn std::error::Error>> {
//! let object = Object::load("fwd.o", &std::fs::read("fwd.o")?, LoadOptions::default())?;
//! let mut machine = Machine::builder().object(object).build()?;
//! let program = machine.program("forward")?;
//! machine.memory_mut().packet_in(&[0; 64], 256, 320);
//! match machine.run(program, Default::default(), world) {
//!     Ok(verdict) => println!("{verdict}"),
//!     Err(fault) => println!("{}", machine.story(&fault)),
//! }
//! # Ok(())
//! # }
//! ```

mod build;
pub mod control;
pub mod coverage;
mod names;
pub mod story;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

pub use build::{BuildError, Builder};
pub use names::{MapName, NoSuchMap, NoSuchProgram};
pub use story::Story;

use crate::engine::{Code, Engine, UseRuns};
use crate::fault::Fault;
use crate::helpers::{Helpers, MapSet, World};
use crate::host::ProgIdx;
use crate::interp::Limits;
use crate::load::{self, Object};
use crate::memory::{ContextFields, MapIdx, Memory};

/// What does not change while programs run.
#[derive(Debug)]
struct Linked {
    objects: Vec<Object>,
    /// Of each program: its object, and its place there.
    programs: Vec<(usize, usize)>,
    maps: Vec<MapName>,
    code: Code,
    cpus: u32,
}

/// Objects that are ready to run.
#[derive(Clone, Debug)]
pub struct Machine {
    linked: Arc<Linked>,
    maps: MapSet,
    memory: Memory,
    limits: Limits,
}

impl Machine {
    /// Begins with no object, one CPU and the best engine.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a program on the packet in [`Machine::memory_mut`]: its verdict.
    ///
    /// # Errors
    /// What the program did that no program may do; see [`Machine::story`]. The packet is as the program left it.
    ///
    /// # Panics
    /// If there is no such program.
    #[inline]
    pub fn run<W: World>(
        &mut self,
        program: ProgIdx,
        fields: ContextFields,
        world: &mut W,
    ) -> Result<u32, Box<Fault>> {
        self.memory.set_context(fields);
        let mut host = Helpers::new(&mut self.maps, world);
        let r0 = self.linked.code.run(program, &mut self.memory, &mut host, self.limits)?;
        host.finish()?;
        Ok(r0 as u32)
    }

    /// For one run after the other in the same surroundings, each on a packet of its own: what they have in common is set
    /// up once. See [`UseRuns`].
    #[inline(always)]
    pub fn with_runs<W: World, U: UseRuns<W>>(
        &mut self,
        program: ProgIdx,
        fields: ContextFields,
        world: &mut W,
        user: U,
    ) -> U::Out {
        self.memory.set_context(fields);
        let host = Helpers::new(&mut self.maps, world);
        self.linked.code.with_runs(program, &mut self.memory, host, self.limits, user)
    }

    /// The same as [`Machine::run`], slower; `observe` sees program and slot of every instruction before it is executed.
    ///
    /// # Errors
    /// As for [`Machine::run`].
    ///
    /// # Panics
    /// If there is no such program.
    pub fn run_observed<W: World>(
        &mut self,
        program: ProgIdx,
        fields: ContextFields,
        world: &mut W,
        observe: impl FnMut(ProgIdx, u32),
    ) -> Result<u32, Box<Fault>> {
        self.memory.set_context(fields);
        let mut host = Helpers::new(&mut self.maps, world);
        let code = &self.linked.code;
        let r0 = code.run_observed(program, &mut self.memory, &mut host, self.limits, observe)?;
        host.finish()?;
        Ok(r0 as u32)
    }

    /// The packet and the maps' values.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The packet, to be filled, and the maps' values.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// The maps without their values.
    #[must_use]
    pub fn maps(&self) -> &MapSet {
        &self.maps
    }

    /// How much a run may do.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What runs the programs.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.linked.code.engine()
    }

    /// How many CPUs per-CPU maps have values for.
    #[must_use]
    pub fn cpus(&self) -> u32 {
        self.linked.cpus
    }

    /// The objects, in the order in which they were given.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.linked.objects
    }

    /// All programs, each with the object that it is from, in the order of their places.
    pub fn programs(&self) -> impl Iterator<Item = (ProgIdx, &Object, &load::Program)> {
        (0..).map(ProgIdx).zip(&self.linked.programs).map(|(at, &(object, program))| {
            let object = &self.linked.objects[object];
            (at, object, &object.programs[program])
        })
    }

    /// A program's object, and the program as it was loaded.
    #[must_use]
    pub fn program_at(&self, at: ProgIdx) -> Option<(&Object, &load::Program)> {
        let &(object, program) = self.linked.programs.get(at.0 as usize)?;
        let object = &self.linked.objects[object];
        Some((object, &object.programs[program]))
    }

    /// The programs as the engine runs them, by their places.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.linked.code
    }

    /// What is known of a map.
    #[must_use]
    pub fn map_name(&self, map: MapIdx) -> Option<&MapName> {
        self.linked.maps.get(map.0 as usize)
    }

    /// All maps with what is known of them, in the order of their places.
    pub fn map_names(&self) -> impl Iterator<Item = (MapIdx, &MapName)> {
        (0..).map(MapIdx).zip(&self.linked.maps)
    }

    /// A fault in words. The machine must not have run again since.
    #[must_use]
    pub fn story(&self, fault: &Fault) -> Story {
        Story::of(self, fault)
    }
}
