//! Linking objects: maps created, pinned ones shared, programs decoded with the places that all have.

use std::sync::Arc;

use super::names::MapName;
use super::{Linked, Machine};
use crate::check::CheckError;
use crate::engine::{Code, Engine};
use crate::helpers::{self, CreateError, MapSet};
use crate::insn::{Insn, Size, mode, wide};
use crate::interp::Limits;
use crate::load::{self, Initial, LoadError, MapDef, MapSpec, Object, Reference};
use crate::maps::Kind;
use crate::memory::{MapIdx, Memory};
use crate::program::Program;

/// Why objects cannot be made ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A map cannot be created.
    #[error("{object}: {error}")]
    Map {
        /// The object that declares it.
        object: String,
        /// Why.
        error: CreateError,
    },
    /// Two objects pin maps of one name that are not alike.
    #[error(
        "map `{map}` is pinned by name, so {first} and {second} share it, but the first declares {}, the second {}; \
         give both the same definition, or names of their own",
        describe(&specs[0]),
        describe(&specs[1])
    )]
    Pinned {
        /// Its name.
        map: String,
        /// The object that declared it first.
        first: String,
        /// The object that declares it otherwise.
        second: String,
        /// What the first and the second say.
        specs: Box<[MapSpec; 2]>,
    },
    /// A program cannot be executed.
    #[error("{object}, program `{program}`{}: {error}", line.as_ref().map(|line| format!(", {line}")).unwrap_or_default())]
    Program {
        /// The object that it is from.
        object: String,
        /// Its name.
        program: String,
        /// File, line and text of the instruction, if they are known.
        line: Option<String>,
        /// Why.
        error: CheckError,
    },
    /// A program calls what is not there: a helper or a kernel function.
    #[error(transparent)]
    Helper(#[from] LoadError),
    /// An inner map was asked for of what is no map of maps.
    #[error("map `{outer}` is no map of maps: `{name}` cannot be made after its template")]
    NoTemplate {
        /// The name of the inner map.
        name: String,
        /// The map that was named.
        outer: String,
    },
}

fn describe(spec: &MapSpec) -> String {
    let MapSpec { map_type, key_size, value_size, max_entries, flags, .. } = *spec;
    let kind = Kind::from_number(map_type).map_or("unknown type", Kind::name);
    format!(
        "{kind}, keys of {key_size} bytes, values of {value_size}, {max_entries} entries, flags {flags:#x}"
    )
}

/// Collects what a [`Machine`] is made of.
///
/// Variables (`.rodata`) are set before, with [`Object::set_global`].
#[derive(Clone, Debug)]
pub struct Builder {
    objects: Vec<Object>,
    inner: Vec<(String, String)>,
    cpus: u32,
    engine: Engine,
    limits: Limits,
}

impl Default for Builder {
    fn default() -> Self {
        let (engine, limits) = (Engine::default(), Limits::default());
        Self { objects: vec![], inner: vec![], cpus: 1, engine, limits }
    }
}

impl Builder {
    /// One more object. Maps that objects pin by name are one map.
    #[must_use]
    pub fn object(mut self, object: Object) -> Self {
        self.objects.push(object);
        self
    }

    /// One more map, called `name`, like the template of the map of maps `outer`; it is put into it later, with
    /// [`Machine::set_inner`].
    #[must_use]
    pub fn inner(mut self, name: &str, outer: &str) -> Self {
        self.inner.push((name.to_owned(), outer.to_owned()));
        self
    }

    /// For how many CPUs per-CPU maps have values; at least 1.
    #[must_use]
    pub fn cpus(self, cpus: u32) -> Self {
        Self { cpus: cpus.max(1), ..self }
    }

    /// What runs the programs.
    #[must_use]
    pub fn engine(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }

    /// How much a run may do.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Creates the maps and makes the programs ready.
    ///
    /// # Errors
    /// A program that calls a helper which is not there or that cannot be executed, a map that a kernel would refuse,
    /// pinned maps that are not alike.
    pub fn build(self) -> Result<Machine, BuildError> {
        self.objects.iter().try_for_each(helpers::check)?;
        let mut link = Link { cpus: self.cpus, ..Link::default() };
        for (at, object) in self.objects.iter().enumerate() {
            link.declare(&self.objects, at, object)?;
        }
        for (name, outer) in self.inner {
            link.declare_inner(&self.objects, name, outer)?;
        }
        for (at, object) in self.objects.iter().enumerate() {
            link.fill(at, object)?;
        }
        let programs = link.decode(&self.objects)?;
        let Link { maps, names, memory, programs: places, .. } = link;
        let code = Code::with_maps(programs, self.engine, &maps);
        let linked = Linked { objects: self.objects, programs: places, maps: names, code, cpus: self.cpus };
        Ok(Machine { linked: Arc::new(linked), maps, memory, limits: self.limits })
    }
}

/// What has been linked so far.
#[derive(Default)]
struct Link {
    cpus: u32,
    memory: Memory,
    maps: MapSet,
    names: Vec<MapName>,
    pinned: Vec<MapIdx>,
    /// Of each object: where its maps are now.
    places: Vec<Vec<MapIdx>>,
    /// Of each object: the place of its first program.
    first_program: Vec<u32>,
    programs: Vec<(usize, usize)>,
}

impl Link {
    fn declare(&mut self, objects: &[Object], at: usize, object: &Object) -> Result<(), BuildError> {
        let mut places = Vec::with_capacity(object.maps.len());
        for def in &object.maps {
            let place = match self.shared(objects, object, def)? {
                Some(there) => there,
                None => self.create(&object.name, at, def)?,
            };
            places.push(place);
        }
        self.places.push(places);
        self.first_program.push(self.programs.len() as u32);
        self.programs.extend((0..object.programs.len()).map(|program| (at, program)));
        Ok(())
    }

    /// The pinned map that another object has declared already.
    fn shared(
        &self,
        objects: &[Object],
        object: &Object,
        def: &MapDef,
    ) -> Result<Option<MapIdx>, BuildError> {
        if !def.pinned {
            return Ok(None);
        }
        let named = |map: &&MapIdx| self.names[map.0 as usize].name == def.name;
        let Some(&there) = self.pinned.iter().find(named) else { return Ok(None) };
        let known = &self.names[there.0 as usize];
        if (known.spec, known.inner) == (def.spec, def.inner) {
            return Ok(Some(there));
        }
        let first = objects[known.object].name.clone();
        let (map, second) = (def.name.clone(), object.name.clone());
        Err(BuildError::Pinned { map, first, second, specs: Box::new([known.spec, def.spec]) })
    }

    fn create(&mut self, object: &str, at: usize, def: &MapDef) -> Result<MapIdx, BuildError> {
        let added = self.maps.add(def, self.cpus, &mut self.memory);
        let map = added.map_err(|error| BuildError::Map { object: object.to_owned(), error })?;
        let MapDef { name, spec, inner, key, value, .. } = def;
        let name = name.clone();
        self.names.push(MapName { name, object: at, spec: *spec, inner: *inner, key: *key, value: *value });
        if def.pinned {
            self.pinned.push(map);
        }
        Ok(map)
    }

    fn declare_inner(&mut self, objects: &[Object], name: String, outer: String) -> Result<(), BuildError> {
        let found = self.names.iter().find(|map| map.name == outer);
        let Some((object, spec)) = found.and_then(|map| Some((map.object, map.inner?))) else {
            return Err(BuildError::NoTemplate { name, outer });
        };
        let (inner, pinned, initial) = (None, false, Initial::Empty);
        let (key, value) = Default::default();
        let def = MapDef { name, spec, inner, pinned, initial, key, value, lock: None };
        self.create(&objects[object].name, object, &def).map(drop)
    }

    fn fill(&mut self, at: usize, object: &Object) -> Result<(), BuildError> {
        let (places, first) = (&self.places[at], self.first_program[at]);
        let resolve = |reference: &Reference| match reference {
            Reference::Map(map) => places[map.0 as usize].0,
            Reference::Program(name) => {
                let found = object.programs.iter().position(|program| program.name == *name);
                found.map_or(u32::MAX, |found| first + found as u32)
            }
        };
        for (&place, def) in places.iter().zip(&object.maps) {
            let filled = self.maps.fill(place, def, &mut self.memory, &resolve);
            filled.map_err(|error| BuildError::Map { object: object.name.clone(), error })?;
        }
        Ok(())
    }

    fn decode(&self, objects: &[Object]) -> Result<Vec<Program>, BuildError> {
        let maps = self.names.len() as u32;
        let decode = |&(at, program): &(usize, usize)| {
            let (object, program) = (&objects[at], &objects[at].programs[program]);
            let insns = relocate(&program.insns, &self.places[at]);
            Program::decode(&insns, maps).map_err(|error| BuildError::Program {
                object: object.name.clone(),
                program: program.name.clone(),
                line: source(object, program, error.pc),
                error,
            })
        };
        self.programs.iter().map(decode).collect()
    }
}

/// File, line and text of an instruction.
fn source(object: &Object, program: &load::Program, slot: u32) -> Option<String> {
    let line = program.line_at(slot)?;
    let file = object.files.get(line.file as usize)?;
    Some(format!("{file}:{} `{}`", line.line, object.source(line)))
}

/// Puts the places of the run where those of the object were. One that the object does not have stays out of range.
fn relocate(insns: &[Insn], places: &[MapIdx]) -> Vec<Insn> {
    let mut insns = insns.to_vec();
    let mut at = 0;
    while let Some(insn) = insns.get_mut(at) {
        let wide = insn.code == mode::IMM | Size::Dw.code();
        let of_map = matches!(insn.src, wide::MAP_FD | wide::MAP_IDX | wide::MAP_VALUE | wide::MAP_IDX_VALUE);
        if wide && of_map {
            let place = usize::try_from(insn.imm).ok().and_then(|own| places.get(own));
            insn.imm = place.map_or(-1, |place| place.0 as i32);
        }
        at += if wide { 2 } else { 1 };
    }
    insns
}
