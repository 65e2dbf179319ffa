//! `aya-obj` at work: types of the target, map references, calls.
//!
//! It is fed a copy that [`Elf`] has checked. Should it panic all the same, that is an error like any other (if
//! panics unwind; the hook prints its message first).

use std::any::Any;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aya_obj::btf::Btf as AyaBtf;
use aya_obj::generated::bpf_insn;
use object::Endianness;

use super::btf::{Btf, Kind, TypeId};
use super::elf::{Elf, Role};
use super::error::{Problem, Result};
use super::map::MapDef;
use super::program::{Function, Line, Program};
use crate::insn::Insn;

/// What the rest of the loader takes from `aya-obj`.
pub(super) struct Linked {
    pub object: aya_obj::Object,
}

/// Parses the copy.
pub(super) fn parse(copy: &[u8]) -> Result<Linked> {
    let object = guarded(|| aya_obj::Object::parse(copy))?.map_err(|error| problem(&error))?;
    Ok(Linked { object })
}

impl Linked {
    /// Adapts field offsets and the like to the target's types: the object's own unless others are given.
    pub(super) fn relocate_types(&mut self, target: Option<&[u8]>) -> Result<()> {
        if !self.object.has_btf_relocations() {
            return Ok(());
        }
        let target = match target {
            Some(bytes) => guarded(|| AyaBtf::parse(bytes, Endianness::Little))?.map_err(|error| {
                Problem::new(format!("the BTF to relocate to: {}", chain(&error)), BTF_REMEDY)
            })?,
            None => {
                self.object.btf.clone().ok_or_else(|| Problem::new("it has no BTF", "compile with -g"))?
            }
        };
        let object = &mut self.object;
        guarded(move || object.relocate_btf(&target))?
            .map_err(|error| Problem::new(format!("CO-RE relocation: {}", chain(&error)), BTF_REMEDY))
    }

    /// Puts the places of `maps` into the instructions, then appends to each program what it calls.
    pub(super) fn relocate_code(&mut self, maps: &[MapDef]) -> Result<()> {
        let object = &mut self.object;
        let found: Vec<_> = (0_i32..)
            .zip(maps)
            .filter_map(|(index, map)| Some((map.name.as_str(), index, object.maps.get(&map.name)?.clone())))
            .collect();
        let text: HashSet<usize> = object.functions.keys().map(|key| key.0).collect();
        guarded(move || {
            object.relocate_maps(found.iter().map(|(name, index, map)| (*name, *index, map)), &text)?;
            object.relocate_calls(&text)
        })?
        .map_err(|error| problem(&error))
    }

    /// Words for a place in a section: its function and line, if it is in one.
    pub(super) fn place(&self, section: usize, offset: u64, btf: &Btf) -> Option<String> {
        let (&(_, start), function) = self.object.functions.range(..=(section, offset)).next_back()?;
        let at = offset.checked_sub(start)? / 8;
        let inside = function.section_index.0 == section && at < function.instructions.len() as u64;
        if !inside {
            return None;
        }
        // Lines of functions that are programs count from the function's start, others from the section's.
        let program = self.object.programs.contains_key(&function.name);
        let at = if program { at } else { offset / 8 };
        let lines = function.line_info.line_info.iter().filter(|line| line.line_col >> 10 != 0);
        let before = lines.filter(|line| u64::from(line.insn_off) <= at);
        let name = &function.name;
        let Some(line) = before.max_by_key(|line| line.insn_off) else { return Some(format!("in `{name}`")) };
        let file = btf.string(line.file_name_off).unwrap_or_default();
        let text = btf.string(line.line_off).unwrap_or_default().trim();
        Some(format!("in `{name}` at {file}:{}: `{text}`", line.line_col >> 10))
    }

    /// The programs, in the order of sections and addresses.
    pub(super) fn programs(&self, elf: &Elf<'_>, btf: &Btf, files: &mut Files) -> Vec<Program> {
        let mut found = Vec::new();
        for section in &elf.sections {
            let Role::Programs { attach, frags } = section.role else { continue };
            for symbol in elf.functions_in(section.index) {
                let key = (section.index, symbol.address);
                // Of aliases, `aya-obj` keeps the last; each is a program of its own.
                let Some(linked) = self.object.functions.get(&key) else { continue };
                found.push((
                    key,
                    Program {
                        name: symbol.name.to_owned(),
                        section: section.name.to_owned(),
                        attach,
                        frags,
                        insns: linked.instructions.iter().map(insn).collect(),
                        functions: functions(linked, symbol.name, btf),
                        lines: lines(linked, btf, files),
                    },
                ));
            }
        }
        found.sort_by_key(|(key, _)| *key);
        found.into_iter().map(|(_, program)| program).collect()
    }
}

/// The names of source files, each once.
#[derive(Default)]
pub(super) struct Files {
    pub names: Vec<String>,
    by_offset: std::collections::BTreeMap<u32, u32>,
}

impl Files {
    fn number(&mut self, offset: u32, btf: &Btf) -> u32 {
        if let Some(&known) = self.by_offset.get(&offset) {
            return known;
        }
        let name = btf.string(offset).unwrap_or_default();
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        self.by_offset.insert(offset, at as u32);
        at as u32
    }
}

fn insn(insn: &bpf_insn) -> Insn {
    Insn { code: insn.code, dst: insn.dst_reg(), src: insn.src_reg(), off: insn.off, imm: insn.imm }
}

fn functions(linked: &aya_obj::Function, name: &str, btf: &Btf) -> Vec<Function> {
    let mut all = vec![Function { name: name.to_owned(), start: 0 }];
    for info in &linked.func_info.func_info {
        let name =
            btf.get(TypeId(info.type_id)).filter(|ty| ty.kind == Kind::Other).map(|ty| ty.name.clone());
        if info.insn_off > 0 {
            all.push(Function { name: name.unwrap_or_default(), start: info.insn_off });
        }
    }
    all.sort_by_key(|function| function.start);
    all.dedup_by_key(|function| function.start);
    all
}

fn lines(linked: &aya_obj::Function, btf: &Btf, files: &mut Files) -> Vec<Line> {
    // The lower 10 bits of `line_col` are the column, the others the line. Line 0 is code that the compiler made
    // of no line in particular: it goes with the line before it.
    let mut all: Vec<Line> = linked
        .line_info
        .line_info
        .iter()
        .filter(|info| info.line_col >> 10 != 0)
        .map(|info| Line {
            start: info.insn_off,
            file: files.number(info.file_name_off, btf),
            line: info.line_col >> 10,
            column: info.line_col & 0x3ff,
            text: info.line_off,
        })
        .collect();
    all.sort_by_key(|line| line.start);
    all
}

const BTF_REMEDY: &str = "give the BTF of the kernel that the object is for (/sys/kernel/btf/vmlinux), or none to \
                          relocate to the object's own types";

fn problem(error: &dyn std::error::Error) -> Box<Problem> {
    Problem::new(chain(error), "compile the object again with `clang -target bpf -O2 -g -c`")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        Problem::new(
            format!("the reader of objects gave up on it: {}", message(panic.as_ref())),
            "the object is damaged; compile it again",
        )
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
