//! `xdpsim check SCENARIO`: all that is wrong with a file, for people and for scripts.
//!
//! The command line and its exit code are the command's.

use std::path::Path;

use xdpsim_core::world::Plan;

use super::diag::{Colour, Finding, Problems, Severity};
use super::parse::{Parsed, parse};
use super::source::Source;
use crate::object;

/// What was found.
#[derive(Clone, Debug)]
pub enum CheckOutcome {
    /// The file can be run; it may have been warned about ([`Parsed::warnings`]).
    Fine(Box<Parsed>),
    /// It cannot.
    Broken(Problems),
    /// It cannot even be read; what the operating system said.
    Unreadable {
        /// The file.
        file: String,
        /// What the operating system said.
        message: String,
    },
}

/// Reads a scenario file and says all that is wrong with it.
#[must_use]
pub fn check(path: &Path) -> CheckOutcome {
    match Source::read(path) {
        Ok(source) => check_source(&source),
        Err(error) => {
            CheckOutcome::Unreadable { file: path.display().to_string(), message: error.to_string() }
        }
    }
}

/// The same for text that is there already, such as standard input.
#[must_use]
pub fn check_source(source: &Source) -> CheckOutcome {
    let mut parsed = match parse(source) {
        Ok(parsed) => parsed,
        Err(problems) => return CheckOutcome::Broken(problems),
    };
    let folder = Path::new(source.name()).parent().unwrap_or(Path::new(""));
    let code = match object::in_scenario(&mut parsed, folder, &object::Options::default()) {
        Ok(made) => made.map(|(code, _)| code).unwrap_or_default(),
        Err(problems) => return CheckOutcome::Broken(problems),
    };
    // Some refusals depend on the whole world: a veth's program on the peer's mtu, for one (DRV-11).
    match Plan::with_programs(&parsed.scenario, code) {
        Ok(_) => CheckOutcome::Fine(Box::new(parsed)),
        Err(error) => CheckOutcome::Broken(parsed.refused(&error)),
    }
}

impl CheckOutcome {
    /// Can the scenario be run?
    #[must_use]
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::Fine(_))
    }

    fn problems(&self) -> Option<&Problems> {
        match self {
            Self::Fine(parsed) => Some(&parsed.warnings),
            Self::Broken(problems) => Some(problems),
            Self::Unreadable { .. } => None,
        }
    }

    /// For people: every problem with the line and a caret; empty if there is none.
    #[must_use]
    pub fn render(&self, colour: Colour) -> String {
        match self {
            Self::Unreadable { file, message } => format!("cannot read the scenario {file}: {message}\n"),
            _ => self.problems().map(|problems| problems.render(colour)).unwrap_or_default(),
        }
    }

    /// For scripts: `serde_json` turns it into a list of
    /// `{file, line, column, message, help, severity}`.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        match self {
            Self::Unreadable { file, message } => vec![Finding {
                file: file.clone(),
                line: None,
                column: None,
                message: format!("cannot read the scenario: {message}"),
                help: None,
                severity: Severity::Error,
            }],
            _ => self.problems().map(Problems::findings).unwrap_or_default(),
        }
    }
}
