//! What programs of objects did that no program may do, as reports tell it.

use serde::{Deserialize, Serialize};
use xdpsim_vm::machine::Story;

use super::columns::{counted, grouped};
use crate::object::{FAULTS_MAX, Faults};

/// A fault of a corpus: with its count, and the first frame that it happened to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRow {
    /// Runs of a program that ended so.
    pub count: u64,
    /// Index into the captures: the first frame is of this one.
    pub capture: usize,
    /// Its number there, from 1.
    pub frame: u64,
    /// What happened.
    pub what: String,
    /// What the access's address names, and its bounds; empty if it was no access.
    pub memory: String,
    /// What helps; may be empty.
    pub help: String,
    /// The object.
    pub object: String,
    /// The program.
    pub program: String,
    /// The function; empty if the object has no types.
    pub function: String,
    /// The instruction, in slots of 8 bytes from the program's start.
    pub instruction: u32,
    /// The line of source, if the object carries lines.
    pub source: Option<SourceRow>,
    /// R0 to R10, and what they point to, in words.
    pub registers: Vec<String>,
}

/// A line of source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRow {
    /// The file, as the compiler was given it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1; 0 if it is not known.
    pub column: u32,
    /// The line's text.
    pub text: String,
}

/// The faults of all captures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultRows {
    /// By first frames.
    pub list: Vec<FaultRow>,
    /// Faults at further places, which are only counted.
    pub others: u64,
}

impl FaultRow {
    fn new(story: &Story, count: u64, (capture, frame): (usize, u64)) -> Self {
        let source = story.source.as_ref().map(|at| SourceRow {
            file: at.file.clone(),
            line: at.line,
            column: at.column,
            text: at.text.clone(),
        });
        let register = |(value, place): &(u64, String)| match place.as_str() {
            "" => format!("{value:#x}"),
            place => format!("{value:#x} ({place})"),
        };
        Self {
            count,
            capture,
            frame,
            what: story.what.clone(),
            memory: story.region.clone(),
            help: story.hint.to_owned(),
            object: story.object.clone(),
            program: story.program.clone(),
            function: story.function.clone(),
            instruction: story.slot,
            source,
            registers: story.registers.iter().map(register).collect(),
        }
    }

    fn is_at(&self, other: &Self) -> bool {
        (&self.object, &self.program, self.instruction) == (&other.object, &other.program, other.instruction)
    }
}

impl FaultRows {
    /// Adds the faults of a run; `place` says of which capture a frame is, and its number there from 1.
    pub fn add_run(&mut self, faults: &Faults, place: impl Fn(u64) -> (usize, u64)) {
        let rows = faults.list().iter().map(|one| FaultRow::new(&one.story, one.count, place(one.first.0)));
        self.add(&Self { list: rows.collect(), others: faults.others() });
    }

    /// Adds others; the first frame stays.
    pub fn add(&mut self, other: &Self) {
        self.others += other.others;
        for row in &other.list {
            match self.list.iter_mut().find(|known| known.is_at(row)) {
                None => self.list.push(row.clone()),
                Some(known) => {
                    let count = known.count + row.count;
                    if (row.capture, row.frame) < (known.capture, known.frame) {
                        known.clone_from(row);
                    }
                    known.count = count;
                }
            }
        }
        let first = |row: &FaultRow| (row.capture, row.frame, row.object.clone(), row.instruction);
        self.list.sort_by_key(first);
        self.others += self.list.drain(FAULTS_MAX.min(self.list.len())..).map(|row| row.count).sum::<u64>();
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.others + self.list.iter().map(|row| row.count).sum::<u64>()
    }

    /// For the table: each fault, where it was and to whom it happened first.
    #[must_use]
    pub fn render(&self, file: impl Fn(usize) -> Option<String>) -> String {
        if self.list.is_empty() {
            return String::new();
        }
        let mut out = String::from("Faults of programs: the frames count as ABORTED\n");
        for row in &self.list {
            out.push_str(&row.render(file(row.capture)));
        }
        if self.others > 0 {
            out.push_str(&format!("  and {} at other places\n", counted(self.others, "fault", "faults")));
        }
        out.push('\n');
        out
    }
}

impl FaultRow {
    fn render(&self, file: Option<String>) -> String {
        let of = file.map_or_else(String::new, |file| format!(" of {file}"));
        let times = match self.count {
            1 => "once".to_owned(),
            count => format!("{} times", grouped(count)),
        };
        let mut out = format!("  {times}, first with frame {}{of}: {}\n", self.frame, self.what);
        match &self.source {
            Some(at) => {
                let function = if self.function.is_empty() { &self.program } else { &self.function };
                out.push_str(&format!("    {}:{}, {function}(): {}\n", at.file, at.line, at.text));
            }
            None => out.push_str(&format!(
                "    {}, program `{}`, instruction {}\n",
                self.object, self.program, self.instruction
            )),
        }
        for (name, text) in [("memory", &self.memory), ("help", &self.help)] {
            if !text.is_empty() {
                out.push_str(&format!("    {name}: {text}\n"));
            }
        }
        out
    }
}
