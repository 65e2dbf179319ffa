//! Which lines of C were executed, and how often.
//!
//! [`Hits`] counts instructions; [`Coverage`] turns the counts into lines by the objects' line info and writes them as
//! lcov reads them (`geninfo(1)`, "tracefile").
//!
//! A line's count is that of the instruction of the line that was executed most. Programs of an object that contain
//! the same line (a function that both call is linked into both) add up. Lines for which the compiler made no
//! instruction are not there; functions that it inlined have no count of their own.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Machine;
use crate::host::ProgIdx;
use crate::load::{Object, Program};

/// How often each instruction was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hits {
    programs: Vec<Vec<u64>>,
}

impl Hits {
    /// For the programs of a machine, all zero.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        let slots = |(_, _, program): (_, _, &Program)| vec![0; program.insns.len()];
        Self { programs: machine.programs().map(slots).collect() }
    }

    /// One more: what [`Machine::run_observed`] reports.
    pub fn count(&mut self, program: ProgIdx, slot: u32) {
        let slots = self.programs.get_mut(program.0 as usize);
        if let Some(hits) = slots.and_then(|slots| slots.get_mut(slot as usize)) {
            *hits += 1;
        }
    }

    /// Adds what another one, of a clone of the same machine, has counted.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in self.programs.iter_mut().zip(&other.programs) {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        }
    }

    /// Of a program's slots.
    #[must_use]
    pub fn of(&self, program: ProgIdx) -> &[u64] {
        self.programs.get(program.0 as usize).map_or(&[], Vec::as_slice)
    }
}

/// A source file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileCoverage {
    /// Functions by name: their first line, and how often they began.
    pub functions: BTreeMap<String, (u32, u64)>,
    /// How often each line was executed.
    pub lines: BTreeMap<u32, u64>,
}

/// Source files by name, as the compiler was given them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The files.
    pub files: BTreeMap<String, FileCoverage>,
}

impl Coverage {
    /// What was executed, by line.
    #[must_use]
    pub fn of(machine: &Machine, hits: &Hits) -> Self {
        let mut all = Self::default();
        for (at, object, program) in machine.programs() {
            all.add_lines(object, program, hits.of(at));
            all.add_functions(object, program, hits.of(at));
        }
        all
    }

    fn file(&mut self, object: &Object, file: u32) -> Option<&mut FileCoverage> {
        let name = object.files.get(file as usize).filter(|name| !name.is_empty())?;
        Some(self.files.entry(name.clone()).or_default())
    }

    fn add_lines(&mut self, object: &Object, program: &Program, hits: &[u64]) {
        let mut lines: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for (slot, &count) in (0..).zip(hits) {
            // The second half of a 64-bit constant is no instruction: its count is 0, which changes nothing.
            if let Some(line) = program.line_at(slot) {
                let most = lines.entry((line.file, line.line)).or_default();
                *most = count.max(*most);
            }
        }
        for ((file, line), count) in lines {
            if let Some(file) = self.file(object, file) {
                *file.lines.entry(line).or_default() += count;
            }
        }
    }

    fn add_functions(&mut self, object: &Object, program: &Program, hits: &[u64]) {
        for function in program.functions.iter().filter(|function| !function.name.is_empty()) {
            let Some(line) = program.line_at(function.start) else { continue };
            let began = hits.get(function.start as usize).copied().unwrap_or_default();
            if let Some(file) = self.file(object, line.file) {
                file.functions.entry(function.name.clone()).or_insert((line.line, 0)).1 += began;
            }
        }
    }

    /// How many lines there are, and how many of them were executed.
    #[must_use]
    pub fn totals(&self) -> (usize, usize) {
        let lines = || self.files.values().flat_map(|file| file.lines.values());
        (lines().count(), lines().filter(|count| **count > 0).count())
    }

    /// As an lcov tracefile; `test` is the name of the run, of letters, digits and `_` (others become `_`).
    #[must_use]
    pub fn to_lcov(&self, test: &str) -> String {
        let test: String = test.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let mut out = String::new();
        for (name, file) in &self.files {
            write_file(&mut out, &test, name, file).expect("a string takes everything");
        }
        out
    }
}

fn write_file(out: &mut String, test: &str, name: &str, file: &FileCoverage) -> std::fmt::Result {
    writeln!(out, "TN:{test}\nSF:{name}")?;
    for (function, (line, _)) in &file.functions {
        writeln!(out, "FN:{line},{function}")?;
    }
    for (function, (_, count)) in &file.functions {
        writeln!(out, "FNDA:{count},{function}")?;
    }
    let began = file.functions.values().filter(|(_, count)| *count > 0).count();
    writeln!(out, "FNF:{}\nFNH:{began}", file.functions.len())?;
    for (line, count) in &file.lines {
        writeln!(out, "DA:{line},{count}")?;
    }
    let executed = file.lines.values().filter(|count| **count > 0).count();
    writeln!(out, "LF:{}\nLH:{executed}\nend_of_record", file.lines.len())
}
