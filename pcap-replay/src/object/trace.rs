//! What programs did with one frame, by line of source: for `xdpsim explain`.

use serde::Serialize;
use xdpsim_core::FrameNo;
use xdpsim_vm::{Machine, ProgIdx};

/// Lines of one run that are kept; a loop can have very many.
const LINES_MAX: usize = 1_000;

/// A line that was executed, as long as the program stayed in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedLine {
    /// The function; empty if the object has no types.
    pub function: String,
    /// The file, as the compiler was given it; empty if the object carries no lines.
    pub file: String,
    /// From 1; without lines, the instruction.
    pub line: u32,
    /// The text.
    pub text: String,
    /// Helpers that were called from it.
    pub calls: Vec<String>,
}

/// One run of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedRun {
    /// The program that was started.
    pub program: String,
    /// `ctx->ingress_ifindex`.
    pub ingress_ifindex: u32,
    /// `ctx->egress_ifindex`, in a program of an entry.
    pub egress_ifindex: Option<u32>,
    /// The lines, in the order of execution.
    pub lines: Vec<TracedLine>,
    /// How many further lines there were.
    pub more: u64,
    /// What it returned; none after a fault.
    pub verdict: Option<String>,
    /// The story of its fault.
    pub fault: Option<String>,
}

/// Follows one frame.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub frame: FrameNo,
    pub runs: Vec<TracedRun>,
}

/// Where a run is, while it goes on.
#[derive(Default)]
pub(super) struct Path {
    /// Program and slot, of one line after the other, with the calls made from each.
    steps: Vec<(ProgIdx, u32)>,
    more: u64,
}

impl Path {
    /// Instructions beyond what could ever be told are only counted.
    pub fn step(&mut self, program: ProgIdx, slot: u32) {
        if self.steps.len() < 64 * LINES_MAX { self.steps.push((program, slot)) } else { self.more += 1 }
    }

    /// The lines that the instructions are of.
    pub fn lines(&self, machine: &Machine) -> (Vec<TracedLine>, u64) {
        let mut lines: Vec<TracedLine> = Vec::new();
        let (mut at, mut more) = (None, 0);
        for &(program, slot) in &self.steps {
            let Some((object, loaded)) = machine.program_at(program) else { continue };
            let line = loaded.line_at(slot);
            let function =
                loaded.function_at(slot).map(|function| function.name.as_str()).unwrap_or_default();
            let place =
                (program, function.to_owned(), line.map_or((u32::MAX, slot), |line| (line.file, line.line)));
            if at.as_ref() != Some(&place) {
                if lines.len() == LINES_MAX {
                    more += 1;
                } else {
                    let (file, text) = line.map_or_else(Default::default, |line| {
                        let file = object.files.get(line.file as usize).cloned().unwrap_or_default();
                        (file, object.source(line).to_owned())
                    });
                    let (function, line) = (function.to_owned(), place.2.1);
                    lines.push(TracedLine { function, file, line, text, calls: Vec::new() });
                }
                at = Some(place);
            }
            let decoded = machine.code().programs().get(program.0 as usize);
            let called = decoded.and_then(|decoded| match decoded.ops().get(slot as usize) {
                Some(xdpsim_vm::op::Op::Helper { id }) => Some(id.to_string()),
                _ => None,
            });
            if let (Some(name), Some(last), 0) = (called, lines.last_mut(), more) {
                last.calls.push(name);
            }
        }
        (lines, more + self.more)
    }
}

impl TracedRun {
    /// For people: a line for each line, indented.
    #[must_use]
    pub fn render(&self) -> String {
        let to = self.egress_ifindex.map_or_else(String::new, |to| format!(", for ifindex {to}"));
        let mut out = format!("program `{}`, from ifindex {}{to}\n", self.program, self.ingress_ifindex);
        let mut function = "";
        for line in &self.lines {
            if line.function != function && !line.function.is_empty() {
                out.push_str(&format!("  {}()\n", line.function));
            }
            function = &line.function;
            let place = match line.file.as_str() {
                "" => format!("instruction {}", line.line),
                file => format!("{file}:{}", line.line),
            };
            let calls = match line.calls.as_slice() {
                [] => String::new(),
                calls => format!("    → {}", calls.join(", ")),
            };
            out.push_str(format!("    {place}  {}{calls}", line.text).trim_end());
            out.push('\n');
        }
        if self.more > 0 {
            out.push_str(&format!("    … {} more …\n", self.more));
        }
        if let Some(verdict) = &self.verdict {
            out.push_str(&format!("  returns {verdict}\n"));
        }
        if let Some(fault) = &self.fault {
            fault.lines().for_each(|line| out.push_str(&format!("  {line}\n")));
        }
        out
    }
}
