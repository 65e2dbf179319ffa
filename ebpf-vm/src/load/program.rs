//! A program as it was found: linked instructions, its functions, its lines of C.

use crate::insn::Insn;

/// Where a program may be attached (`expected_attach_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attach {
    /// To a device: `xdp`.
    Interface,
    /// To an entry of a devmap: `xdp/devmap`.
    Devmap,
    /// To an entry of a cpumap: `xdp/cpumap`.
    Cpumap,
}

/// A function within a program; the first is the program itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name; empty if the object has no types.
    pub name: String,
    /// Its first slot.
    pub start: u32,
}

/// A line of C and the first slot that belongs to it; it lasts until the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The first slot.
    pub start: u32,
    /// Which of the object's files ([`super::Object::files`]).
    pub file: u32,
    /// Line number, from 1.
    pub line: u32,
    /// Column, from 1; 0 if it is not known.
    pub column: u32,
    /// Where the text of the line is among the object's strings.
    pub(super) text: u32,
}

/// A program with all functions that it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The name of its function.
    pub name: String,
    /// The section that it was in.
    pub section: String,
    /// Where it may be attached.
    pub attach: Attach,
    /// It takes frames of several buffers (`xdp.frags`).
    pub frags: bool,
    /// The instructions: the program, then each function that it calls, in the order of first calls.
    ///
    /// What refers to a map is symbolic: where a loader of the kernel writes a descriptor into a load of 64
    /// bits stands the map's place in [`super::Object::maps`].
    pub insns: Vec<Insn>,
    /// The functions, by rising start.
    pub functions: Vec<Function>,
    /// The lines, by rising start; empty without BTF.
    pub lines: Vec<Line>,
}

impl Program {
    /// The function that an instruction belongs to.
    #[must_use]
    pub fn function_at(&self, slot: u32) -> Option<&Function> {
        let after = self.functions.partition_point(|function| function.start <= slot);
        self.functions.get(after.checked_sub(1)?)
    }

    /// The line that an instruction belongs to: the last one of its function that begins at or before it.
    #[must_use]
    pub fn line_at(&self, slot: u32) -> Option<&Line> {
        let after = self.lines.partition_point(|line| line.start <= slot);
        let line = self.lines.get(after.checked_sub(1)?)?;
        (line.start >= self.function_at(slot)?.start).then_some(line)
    }
}
