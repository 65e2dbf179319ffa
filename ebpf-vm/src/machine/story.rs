//! A fault in words: what happened, in which function and line, to which memory, with which registers.
//!
//! Maps are named, addresses are told as places (`packet + 34`, ``value 3 of map `ports` + 4``), and an access by what
//! it wanted and what there is. [`Story::headline`] is one line; the whole story has several.

use std::fmt;

use super::Machine;
use crate::fault::{Access, Denied, Fault, FaultKind, HelperFault, Why};
use crate::memory::{self, MapIdx, Region, RegionKind};

/// A line of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// The file, as the compiler was given it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1; 0 if it is not known.
    pub column: u32,
    /// The text, without indentation; empty if the object does not carry it.
    pub text: String,
}

/// A fault in words.
///
/// Prints as some lines without a newline at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// What happened.
    pub what: String,
    /// What the access's address names, and its bounds; empty if it was no access or there is no memory.
    pub region: String,
    /// What helps, if that can be said in general.
    pub hint: &'static str,
    /// The object.
    pub object: String,
    /// The program: after a tail call, another than was started.
    pub program: String,
    /// The function; empty if the object has no types.
    pub function: String,
    /// The instruction, in slots of 8 bytes from the program's start.
    pub slot: u32,
    /// The line of source, if the object carries lines.
    pub source: Option<SourceLine>,
    /// How many functions were active, 1 or more.
    pub depth: u32,
    /// R0 to R10, and what they point to.
    pub registers: Vec<(u64, String)>,
}

impl Story {
    pub(super) fn of(machine: &Machine, fault: &Fault) -> Self {
        let names = Names(machine);
        let (object, program) = machine.program_at(fault.prog).unzip();
        let line = program.and_then(|program| program.line_at(fault.pc));
        let source = object.zip(line).map(|(object, line)| SourceLine {
            file: object.files.get(line.file as usize).cloned().unwrap_or_default(),
            line: line.line,
            column: line.column,
            text: object.source(line).to_owned(),
        });
        let function = program.and_then(|program| program.function_at(fault.pc));
        let region = fault.access().and_then(|denied| denied.region);
        Self {
            what: names.what(&fault.kind),
            region: region.map(|region| names.bounds(region)).unwrap_or_default(),
            hint: hint(fault),
            object: object.map(|object| object.name.clone()).unwrap_or_default(),
            program: program.map(|program| program.name.clone()).unwrap_or_default(),
            function: function.map(|function| function.name.clone()).unwrap_or_default(),
            slot: fault.pc,
            source,
            depth: fault.depth,
            registers: fault.regs.iter().map(|&value| (value, names.place(value))).collect(),
        }
    }

    /// The story in one line.
    #[must_use]
    pub fn headline(&self) -> String {
        let function = if self.function.is_empty() { &self.program } else { &self.function };
        match &self.source {
            Some(at) => format!("{}:{}, {function}(): {}", at.file, at.line, self.what),
            None => format!("{}, {function}(), instruction {}: {}", self.object, self.slot, self.what),
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fault: {}", self.what)?;
        if let Some(SourceLine { file, line, column, text }) = &self.source {
            write!(f, "  at {file}:{line}")?;
            if *column > 0 {
                write!(f, ":{column}")?;
            }
            writeln!(f, "\n     {text}")?;
        }
        write!(f, "  in {}, program `{}`", self.object, self.program)?;
        if !self.function.is_empty() && self.function != self.program {
            write!(f, ", function `{}`", self.function)?;
        }
        write!(f, ", instruction {}", self.slot)?;
        if self.depth > 1 {
            write!(f, ", {} functions active", self.depth)?;
        }
        if !self.region.is_empty() {
            write!(f, "\n  memory: {}", self.region)?;
        }
        if !self.hint.is_empty() {
            write!(f, "\n  help: {}", self.hint)?;
        }
        f.write_str("\n  registers:")?;
        for (number, (value, place)) in self.registers.iter().enumerate() {
            write!(f, "\n    {:<3} {value:#x}", format!("r{number}"))?;
            if !place.is_empty() {
                write!(f, " ({place})")?;
            }
        }
        Ok(())
    }
}

fn hint(fault: &Fault) -> &'static str {
    match fault.access() {
        Some(Denied { why: Why::Null, .. }) => "test what a lookup returned before using it",
        Some(Denied { why: Why::OutOfBounds, region: Some(region), .. })
            if region.kind == RegionKind::Packet =>
        {
            "compare with ctx->data_end before every access, again after a helper that moves the packet"
        }
        Some(Denied { why: Why::StackOverflow, .. }) => {
            "512 bytes of stack are for all active functions together: keep large data in a per-CPU array"
        }
        Some(Denied { why: Why::NotMemory, .. }) => "pass it to a helper; only a lookup gives memory",
        _ => match fault.kind {
            FaultKind::Budget { .. } => "look for a loop that does not end, or raise the limit",
            _ => "",
        },
    }
}

/// Words that need the machine: names of maps, bounds of the moment.
struct Names<'a>(&'a Machine);

impl Names<'_> {
    fn map(&self, map: MapIdx) -> String {
        match self.0.map_name(map) {
            Some(known) => format!("map `{}`", known.name),
            None => format!("map {}", map.0),
        }
    }

    fn region(&self, kind: RegionKind) -> String {
        match kind {
            RegionKind::Packet => "the packet".to_owned(),
            RegionKind::Stack { frame } => match frame {
                0 => "the stack".to_owned(),
                frame => format!("the stack of active function {}", frame + 1),
            },
            RegionKind::Context => "the context".to_owned(),
            RegionKind::Handle => "a map itself".to_owned(),
            RegionKind::Function => "a function".to_owned(),
            RegionKind::Key => "the key of a walk over a map".to_owned(),
            RegionKind::Value { map, slot } => format!("value {slot} of {}", self.map(map)),
        }
    }

    /// A region with where it begins and ends.
    fn bounds(&self, region: Region) -> String {
        let name = self.region(region.kind);
        match region.kind {
            RegionKind::Handle | RegionKind::Function => name,
            _ => format!("{name}, {} bytes ({:#x} to {:#x})", region.hi - region.lo, region.lo, region.hi),
        }
    }

    fn what(&self, kind: &FaultKind) -> String {
        match kind {
            FaultKind::Access(denied) => self.denied(denied),
            FaultKind::Helper(id, HelperFault::Denied(denied)) => format!("{id}: {}", self.denied(denied)),
            FaultKind::NoSuchFunction { target } => match u32::try_from(*target) {
                Ok(program) => format!("a tail call to program {program}, which does not exist"),
                Err(_) => format!("{target:#x}{} is no function of this program", self.in_brackets(*target)),
            },
            other => other.to_string(),
        }
    }

    fn in_brackets(&self, addr: u64) -> String {
        let place = self.place(addr);
        if place.is_empty() { place } else { format!(" ({place})") }
    }

    fn denied(&self, denied: &Denied) -> String {
        let Access { addr, len, write } = denied.access;
        let verb = if write { "write" } else { "read" };
        let bytes = if len == 1 { "1 byte".to_owned() } else { format!("{len} bytes") };
        let Some(region) = denied.region else {
            return format!("{verb} of {bytes} at {addr:#x}: there is no memory");
        };
        let name = self.region(region.kind);
        let offset = addr.wrapping_sub(self.origin(region)).cast_signed();
        match denied.why {
            Why::Null => format!("{verb} of {bytes} at {addr:#x}: a null pointer"),
            Why::OutOfBounds => {
                let has = region.hi - self.origin(region);
                format!("{verb} of {bytes} at offset {offset} of {name}, which has {has}")
            }
            Why::ReadOnly => {
                format!("{verb} of {bytes} at offset {offset} of {name}, which may only be read")
            }
            Why::StackOverflow => format!("{verb} of {bytes} below {name}, at r10{:+}", self.below(addr)),
            Why::NotMemory => format!("{verb} of {bytes} of {}, which is no memory", self.place(addr)),
            Why::Misaligned => {
                format!("an atomic operation on {bytes} at offset {offset} of {name}, no multiple of {len}")
            }
        }
    }

    /// What offsets are counted from: of the packet `ctx->data`, not its metadata.
    fn origin(&self, region: Region) -> u64 {
        match region.kind {
            RegionKind::Packet => self.0.memory.packet().data().into(),
            _ => region.lo,
        }
    }

    /// A place on the stack, from the top of the function whose it is.
    fn below(&self, addr: u64) -> i64 {
        let top = self.0.memory.region(addr).map_or(addr, |region| region.hi);
        addr.wrapping_sub(top).cast_signed()
    }

    /// What a register's value points to; empty for numbers.
    fn place(&self, value: u64) -> String {
        if let Some(map) = memory::handle_map(value) {
            return self.map(map);
        }
        if let Some(slot) = memory::function_pc(value) {
            return format!("function at instruction {slot}");
        }
        let Some(region) = self.0.memory.region(value) else { return String::new() };
        let offset = value.wrapping_sub(self.origin(region)).cast_signed();
        match region.kind {
            RegionKind::Packet if !(region.lo..=region.hi).contains(&value) => String::new(),
            RegionKind::Packet if value == region.hi => "packet end".to_owned(),
            RegionKind::Packet => plus("packet", offset),
            RegionKind::Stack { .. } => plus("stack", self.below(value)),
            RegionKind::Context => plus("context", offset),
            kind => plus(&self.region(kind), offset),
        }
    }
}

fn plus(name: &str, offset: i64) -> String {
    match offset {
        0 => name.to_owned(),
        1.. => format!("{name} + {offset}"),
        _ => format!("{name} - {}", offset.unsigned_abs()),
    }
}
