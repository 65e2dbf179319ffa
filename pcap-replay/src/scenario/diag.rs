//! A problem of a scenario file: what, where, what was expected, how to fix it; and all of them.
//!
//! Owns collecting (bounded), rendering with carets and the form for scripts. What is a problem is
//! for the modules that read the sections.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use serde::Serialize;

use super::snippet::Snippet;
use super::source::{Position, Source, Span};

/// A file with more problems of one severity than this shows only the first ones.
pub const PROBLEMS_MAX: usize = 100;
/// Longer lines are not shown under a problem, only their position is.
const SHOWN_LINE_BYTES_MAX: usize = 2_000;
const WIDTH: usize = 100;

/// Does a problem forbid the run?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The scenario cannot be run.
    Error,
    /// It can, but probably not as intended.
    Warning,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Does it forbid the run?
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where, and what was expected there.
    pub label: (Span, String),
    /// Another place that has to do with it.
    pub related: Option<(Span, String)>,
    /// How to fix it.
    pub help: Option<String>,
}

impl Problem {
    /// An error at a place.
    #[must_use]
    pub fn error(message: impl Into<String>, at: Span, label: impl Into<String>) -> Self {
        let (message, label) = (message.into(), (at, label.into()));
        Self { severity: Severity::Error, message, label, related: None, help: None }
    }

    /// The same problem with a way to fix it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same problem with a way to fix it, if one is known.
    #[must_use]
    pub fn help_if(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    /// The same problem with a second place.
    #[must_use]
    pub fn see(self, at: Span, label: impl Into<String>) -> Self {
        Self { related: Some((at, label.into())), ..self }
    }
}

/// Takes problems as they are found, and only counts those beyond the limit.
#[derive(Debug, Default)]
pub(super) struct Sink {
    list: Vec<Problem>,
    errors: usize,
    warnings: usize,
}

impl Sink {
    /// Records an error. It is a closure's result because problems beyond the limit are never made:
    /// finding a suggestion among a thousand names is not free.
    pub(super) fn error(&mut self, problem: impl FnOnce() -> Problem) {
        self.errors += 1;
        if self.errors <= PROBLEMS_MAX {
            self.list.push(problem());
        }
    }

    /// Records a warning.
    pub(super) fn warn(&mut self, problem: impl FnOnce() -> Problem) {
        self.warnings += 1;
        if self.warnings <= PROBLEMS_MAX {
            self.list.push(Problem { severity: Severity::Warning, ..problem() });
        }
    }

    /// Was any error recorded?
    pub(super) fn failed(&self) -> bool {
        self.errors > 0
    }

    /// All problems in the order of the file.
    pub(super) fn finish(mut self, source: Source) -> Problems {
        self.list.sort_by_key(|problem| (problem.label.0.start, problem.severity));
        let dropped = (self.errors + self.warnings).saturating_sub(self.list.len());
        Problems { source, list: self.list, dropped }
    }
}

/// What is wrong with a scenario file, in the order of the file.
#[derive(Clone, Debug)]
pub struct Problems {
    source: Source,
    list: Vec<Problem>,
    dropped: usize,
}

impl Problems {
    /// No problems of this source.
    #[must_use]
    pub fn none(source: Source) -> Self {
        Self { source, list: Vec::new(), dropped: 0 }
    }

    /// One more problem, found by someone who did not read the text: the world that could not be
    /// built, a change that the kernel refuses.
    pub fn add(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// The text that they are about.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// All of them, up to [`PROBLEMS_MAX`] of each severity.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// How many were found beyond [`PROBLEMS_MAX`].
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Is one of them an error?
    #[must_use]
    pub fn forbid_the_run(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many of this severity are listed.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|problem| problem.severity == severity).count()
    }

    /// For people: each with file, line, column, the line itself and a caret.
    #[must_use]
    pub fn render(&self, colour: Colour) -> String {
        let theme = match colour {
            Colour::Always => GraphicalTheme::unicode(),
            Colour::Never => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_context_lines(1);
        let mut out = String::new();
        for (index, problem) in self.list.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "\n" });
            let shown = Shown::new(problem, &self.source);
            // Writing into a string cannot fail; a span outside the text would, and is then left out.
            if handler.render_report(&mut out, &shown).is_err() {
                out.push_str(&problem.message);
                out.push('\n');
            }
        }
        if self.dropped > 0 {
            out.push_str(&format!("and {} more problems\n", self.dropped));
        }
        out
    }

    /// For scripts.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.list.iter().map(|problem| Finding::new(problem, &self.source)).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.count(Severity::Error);
        let plural = if errors == 1 { "" } else { "s" };
        write!(f, "{}: {errors} error{plural}", self.source.name())
    }
}

impl std::error::Error for Problems {}

/// Colours in rendered problems?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// For a terminal.
    Always,
    /// For files, pipes and tests.
    Never,
}

/// A problem as scripts get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// Line, from 1; absent when the file could not be read at all.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// How to fix it, or what was expected.
    pub help: Option<String>,
    /// Does it forbid the run?
    pub severity: Severity,
}

impl Finding {
    fn new(problem: &Problem, source: &Source) -> Self {
        let Position { line, column } = source.position(problem.label.0.start);
        let expected = Some(problem.label.1.clone()).filter(|label| !label.is_empty());
        let help = match (expected, problem.help.clone()) {
            (Some(expected), Some(help)) => Some(format!("{expected}; {help}")),
            (expected, help) => expected.or(help),
        };
        Self {
            file: source.name().to_owned(),
            line: Some(line),
            column: Some(column),
            message: problem.message.clone(),
            help,
            severity: problem.severity,
        }
    }
}

/// A problem with the text around it, as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    snippet: Option<Snippet<'a>>,
    message: String,
}

impl<'a> Shown<'a> {
    fn new(problem: &'a Problem, source: &'a Source) -> Self {
        let fits = |span: &Span| source.line_bytes(span) <= SHOWN_LINE_BYTES_MAX;
        let related_fits = problem.related.as_ref().is_none_or(|(span, _)| fits(span));
        if fits(&problem.label.0) && related_fits {
            return Self { problem, snippet: Some(Snippet(source)), message: problem.message.clone() };
        }
        let Position { line, column } = source.position(problem.label.0.start);
        let message = format!("{}:{line}:{column}: {}: {}", source.name(), problem.message, problem.label.1);
        Self { problem, snippet: None, message }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet.as_ref().map(|snippet| snippet as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.snippet.as_ref()?;
        let (at, label) = &self.problem.label;
        let label = Some(label.clone()).filter(|label| !label.is_empty());
        let primary = LabeledSpan::new_primary_with_span(label, at.clone());
        let related = self
            .problem
            .related
            .iter()
            .map(|(at, label)| LabeledSpan::new_with_span(Some(label.clone()), at.clone()));
        Some(Box::new(std::iter::once(primary).chain(related)))
    }
}
