//! The state of a sweep on the disk: a line that says of which workload, then one for each finished cell.
//!
//! Owns the file `cells.jsonl` of an output directory. A sweep that was interrupted goes on from it; when it is done,
//! the lines are put in the order of the sweep, so that the file does not tell how many threads there were.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

use super::results::Cell;

/// The file's name.
pub const FILE: &str = "cells.jsonl";
/// Longest line that is read, in bytes.
const LINE_MAX: u64 = 1 << 16;

/// Why a state cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// The file cannot be read or written.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The cells there are of another workload.
    #[error("{file} has cells of another sweep:\n  there {there}\n  here  {here}")]
    Other {
        /// The file.
        file: String,
        /// Its first line.
        there: String,
        /// What that would be.
        here: String,
    },
    /// A line is none of ours.
    #[error("{file}, line {line}: no cell of a sweep: {why}")]
    Broken {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

/// The file, open for cells as they are finished.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    head: String,
    file: Mutex<File>,
}

impl State {
    /// Opens the state in a directory and returns the cells that are finished. `head` says in a line what all
    /// cells have in common; `fresh` forgets what is there.
    ///
    /// # Errors
    /// If it is of another workload, or no state, or cannot be read or written.
    pub fn open(directory: &Path, head: &str, fresh: bool) -> Result<(Self, Vec<Cell>), StateError> {
        let path = directory.join(FILE);
        let io = |source| StateError::Io { file: path.display().to_string(), source };
        let cells = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(io(error)),
            Ok(_) if fresh => Vec::new(),
            Ok(file) => read(&path, head, file)?,
        };
        // Written anew: a line that an interruption cut must not have others behind it.
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&path).map_err(io)?;
        file.write_all(text(head, &cells).as_bytes()).map_err(io)?;
        Ok((Self { path, head: head.to_owned(), file: Mutex::new(file) }, cells))
    }

    /// Adds a finished cell.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&self, cell: &Cell) -> Result<(), StateError> {
        // One write, so that an interruption cuts one line at most.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line(cell).as_bytes()).map_err(|source| self.error(source))
    }

    /// Ends the file with the cells in the order of the sweep.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self, cells: &[Cell]) -> Result<(), StateError> {
        let whole = self.path.with_extension("jsonl.new");
        std::fs::write(&whole, text(&self.head, cells))
            .and_then(|()| std::fs::rename(&whole, &self.path))
            .map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> StateError {
        StateError::Io { file: self.path.display().to_string(), source }
    }
}

fn text(head: &str, cells: &[Cell]) -> String {
    std::iter::once(format!("{head}\n")).chain(cells.iter().map(line)).collect()
}

fn line(cell: &Cell) -> String {
    // Figures are finite, and keys are strings: there is nothing that JSON lacks.
    serde_json::to_string(cell).unwrap_or_default() + "\n"
}

fn read(path: &Path, head: &str, file: File) -> Result<Vec<Cell>, StateError> {
    let name = || path.display().to_string();
    let mut reader = BufReader::new(file);
    let mut next = || {
        let mut line = String::new();
        let read = io::Read::take(&mut reader, LINE_MAX).read_line(&mut line);
        read.map(|bytes| (bytes > 0).then_some(line))
            .map_err(|source| StateError::Io { file: name(), source })
    };
    let Some(first) = next()? else { return Ok(Vec::new()) };
    if first.trim_end() != head {
        return Err(StateError::Other {
            file: name(),
            there: first.trim_end().to_owned(),
            here: head.to_owned(),
        });
    }
    let mut cells = Vec::new();
    while let Some(line) = next()? {
        match serde_json::from_str(&line) {
            Ok(cell) => cells.push(cell),
            // The last line of a sweep that was interrupted while it wrote.
            Err(_) if !line.ends_with('\n') && (line.len() as u64) < LINE_MAX => break,
            Err(error) => {
                return Err(StateError::Broken {
                    file: name(),
                    line: cells.len() + 2,
                    why: error.to_string(),
                });
            }
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::results::Outcome;

    fn cell(groups: u32) -> Cell {
        let outcome = Outcome::Refused { reason: "no \"way\"".into() };
        Cell { design: "D5".into(), ports: 8, groups, outcome }
    }

    #[test]
    fn finished_cells_are_there_after_an_interruption() {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, before) = State::open(folder.path(), "head", false).expect("a state");
        assert_eq!(before, []);
        state.add(&cell(1)).expect("written");
        state.add(&cell(2)).expect("written");
        drop(state);
        let file = folder.path().join(FILE);
        let mut bytes = std::fs::read(&file).expect("the state");
        bytes.truncate(bytes.len() - 9);
        std::fs::write(&file, bytes).expect("a line that was cut");
        let (state, before) = State::open(folder.path(), "head", false).expect("a state");
        assert_eq!(before, [cell(1)]);
        state.add(&cell(3)).expect("written");
        state.finish(&[cell(3), cell(1)]).expect("written");
        let (_, before) = State::open(folder.path(), "head", false).expect("a state");
        assert_eq!(before, [cell(3), cell(1)]);
    }

    #[test]
    fn a_state_of_something_else_is_not_overwritten_unasked() {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, _) = State::open(folder.path(), "seed 1", false).expect("a state");
        state.finish(&[cell(1)]).expect("written");
        let error = State::open(folder.path(), "seed 2", false).expect_err("another");
        assert!(error.to_string().contains("seed 1") && error.to_string().contains("seed 2"), "{error}");
        std::fs::write(folder.path().join(FILE), "seed 1\nnonsense\n").expect("written");
        let error = State::open(folder.path(), "seed 1", false).expect_err("broken");
        assert!(error.to_string().contains("line 2"), "{error}");
        let (_, before) = State::open(folder.path(), "seed 1", true).expect("begun anew");
        assert_eq!(before, []);
    }
}
