//! Objects: from the bytes of a `.o` file, as clang left it, to programs and maps.
//!
//! [`Object::load`] reads ELF of any instruction set version (cpu v1 to v4), checks it, has `aya-obj` relocate
//! it, and adds what `aya-obj` leaves out: static `.values`, names and types of variables, lines of source.
//! The result is a plain value. Nothing is created or run: instructions name maps by their place in
//! [`Object::maps`], and maps are attributes with what they begin with.
//!
//! Objects come from anywhere. A damaged one gives an error that names object, section, symbol, offset and
//! remedy; memory and time are bounded by [`limits`]. (`aya-obj` may panic inside; the panic is caught, so it
//! must unwind, which is what Rust does by default.)
//!
//! Sections with programs of other types are passed over ([`Object::ignored`]). Files are not opened here.
//!
//! ```no_run
//! use xdpsim_vm::load::{LoadOptions, Object};
//!
//! let bytes = std::fs::read("fwd.o")?;
//! let mut object = Object::load("fwd.o", &bytes, LoadOptions::default())?;
//! object.set_global("port_count", &4_u32.to_le_bytes())?;
//! let program = object.program("forward").expect("declared in C");
//! println!("{} instructions, {} maps", program.insns.len(), object.maps.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod btf;
mod elf;
mod error;
mod hide;
pub mod limits;
mod link;
mod map;
mod maps;
mod program;
mod undefined;
mod values;

use btf::{Btf, TypeId};
use elf::Elf;
use error::{Problem, Result};

pub use error::{LoadError, Place};
pub use map::{Global, Initial, MapDef, MapIndex, MapSpec, Reference};
pub use program::{Attach, Function, Line, Program};
pub use undefined::MISSING_KFUNC;

/// How an object is loaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions<'a> {
    /// The types to relocate to, as in `/sys/kernel/btf/vmlinux`; without, the object's own. Programs that read
    /// `struct xdp_md` and packets alone come out the same.
    pub btf: Option<&'a [u8]>,
}

/// What an object holds, ready to be created and run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What the caller calls it.
    pub name: String,
    /// Its XDP programs, in the order of sections, then addresses.
    pub programs: Vec<Program>,
    /// Its maps, in the same order; data sections are maps too.
    pub maps: Vec<MapDef>,
    /// The variables of its data sections, by map, then offset.
    pub globals: Vec<Global>,
    /// Names of the source files that lines refer to.
    pub files: Vec<String>,
    /// Sections with programs of other types.
    pub ignored: Vec<String>,
    /// Its types; empty without BTF.
    pub btf: Btf,
}

impl Object {
    /// Loads an object; `name` is for messages.
    ///
    /// # Errors
    /// If it is no BPF object, is damaged, is beyond [`limits`], needs what only a kernel has, or has no XDP
    /// program.
    pub fn load(name: &str, bytes: &[u8], options: LoadOptions<'_>) -> std::result::Result<Self, LoadError> {
        load(name, bytes, options).map_err(|problem| problem.of(name))
    }

    /// A program by the name of its function.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<&Program> {
        self.programs.iter().find(|program| program.name == name)
    }

    /// A map by name, with its place.
    #[must_use]
    pub fn map(&self, name: &str) -> Option<(MapIndex, &MapDef)> {
        let at = self.maps.iter().position(|map| map.name == name)?;
        Some((MapIndex(at as u32), &self.maps[at]))
    }

    /// The text of a line of source, as the compiler saw it; empty if the object does not carry it.
    #[must_use]
    pub fn source(&self, line: &Line) -> &str {
        self.btf.string(line.text).unwrap_or_default().trim()
    }

    /// Words for a place in a program: function, file, line and what is written there, as far as they are known.
    #[must_use]
    pub fn place(&self, program: &Program, slot: u32) -> String {
        let function = program.function_at(slot).map_or(program.name.as_str(), |function| &function.name);
        let Some(line) = program.line_at(slot) else { return format!("in `{function}`, instruction {slot}") };
        let file = self.files.get(line.file as usize).map_or("", String::as_str);
        format!("in `{function}` at {file}:{}: `{}`", line.line, self.source(line))
    }

    /// Sets a variable before anything runs, as `bpf_program__set_global` and skeletons do. `const volatile`
    /// ones (`.rodata`) are what this is for.
    ///
    /// # Errors
    /// If no variable, or more than one, has this name, or the value has another size.
    pub fn set_global(&mut self, name: &str, value: &[u8]) -> std::result::Result<(), LoadError> {
        let found: Vec<&Global> = self.globals.iter().filter(|global| global.name == name).collect();
        let [global] = found[..] else {
            let (what, remedy) = match found.len() {
                0 => ("there is no such variable", "declare it `const volatile`, outside of all functions"),
                _ => ("several variables have this name", "give it a name of its own"),
            };
            return Err(Problem::new(what, remedy).symbol(name).of(&self.name));
        };
        let (at, size) = (global.offset as usize, global.size as usize);
        if value.len() != size {
            let what = format!("the value has {} bytes, the variable {size}", value.len());
            let remedy = format!("give {size} bytes: it is a {}", self.btf.describe(global.ty));
            return Err(Problem::new(what, remedy).symbol(name).of(&self.name));
        }
        if let Initial::Bytes(bytes) = &mut self.maps[global.map.0 as usize].initial {
            bytes[at..at + size].copy_from_slice(value);
        }
        Ok(())
    }
}

fn load(name: &str, bytes: &[u8], options: LoadOptions<'_>) -> Result<Object> {
    let elf = Elf::read(bytes)?;
    let btf = types(&elf)?;
    let mut copy = bytes.to_vec();
    let ignored = hide::hide(&elf, &btf, &mut copy)?;
    undefined::replace_calls(&elf, &mut copy);
    let parsed = link::parse(&copy);
    // What is missing explains why the rest could not be read.
    undefined::check(&elf, &btf, parsed.as_ref().ok())?;
    let mut linked = parsed?;
    let mut maps = maps::maps(&elf, &btf, &linked.object);
    values::fill(&elf, &btf, &mut maps)?;
    linked.relocate_types(options.btf)?;
    linked.relocate_code(&maps)?;
    let mut files = link::Files::default();
    let programs = linked.programs(&elf, &btf, &mut files);
    if programs.is_empty() {
        return Err(no_programs(&ignored));
    }
    let globals = maps::globals(&elf, &btf, &maps);
    Ok(Object { name: name.to_owned(), programs, maps, globals, files: files.names, ignored, btf })
}

fn no_programs(ignored: &[String]) -> Box<Problem> {
    let what = match ignored {
        [] => "it has no XDP program".to_owned(),
        _ => format!("it has no XDP program, only others ({})", ignored.join(", ")),
    };
    Problem::new(what, "mark the program with SEC(\"xdp\")")
}

fn types(elf: &Elf<'_>) -> Result<Btf> {
    let Some(section) = elf.section_named(".BTF") else { return Ok(Btf::default()) };
    Btf::parse(section.data).map_err(|error| {
        Problem::new(error.to_string(), "compile again with `clang -g`").section(section.name)
    })
}
