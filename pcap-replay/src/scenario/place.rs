//! Where in the file something stands that went wrong when the world was built.
//!
//! The core speaks of things by name; this finds the name's place. What the core refuses is its own
//! business, and so is the rule.

use xdpsim_core::world::BuildError;

use super::diag::{Problem, Problems};
use super::parse::Parsed;
use super::source::Span;

impl Parsed {
    /// The core's error as a problem of the file, for reports with line and caret.
    #[must_use]
    pub fn problem(&self, error: &BuildError) -> Problem {
        let text = error.to_string();
        let spans: Vec<Span> = quoted_words(&text).filter_map(|name| self.span_of(name)).collect();
        let at = spans.last().cloned().unwrap_or(0..0);
        Problem::error(text, at, "refused when the world is built")
    }

    /// The same as the only error of a list, beside what the file was warned about.
    #[must_use]
    pub fn refused(&self, error: &BuildError) -> Problems {
        let mut problems = self.warnings.clone();
        problems.add(self.problem(error));
        problems
    }

    /// Where the port, map or program with this name stands.
    #[must_use]
    pub fn span_of(&self, name: &str) -> Option<Span> {
        let scenario = &self.scenario;
        let ports = scenario.ports.iter().map(|port| &port.name).zip(&self.spans.ports);
        let maps = scenario.maps.iter().map(|map| &map.name).zip(self.spans.maps.iter().map(|map| &map.name));
        let programs = scenario.programs.iter().map(|program| &program.name).zip(&self.spans.programs);
        let mut all = ports.chain(maps).chain(programs);
        all.find(|(known, _)| *known == name).map(|(_, span)| span.clone())
    }
}

/// The words that a message has between backquotes.
fn quoted_words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
