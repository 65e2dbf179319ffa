//! What `xdpsim test` says: for people, and as JSON.

use serde::Serialize;

use super::judge::Broken;
use super::look::Look;
use crate::exit::{Exit, Failure, Message};
use crate::output::columns::counted;
use crate::output::json;
use crate::scenario::Colour;

/// So many examples of a row are kept: there may be more of them.
const EXAMPLES: usize = 4;

/// What became of one scenario.
#[derive(Debug)]
pub struct Case {
    /// The scenario's file.
    pub file: String,
    /// The captures that were replayed.
    pub captures: Vec<String>,
    /// Frames in them.
    pub frames: u64,
    /// Its expectations: line and name.
    pub expectations: Vec<(usize, String)>,
    /// How it ended.
    pub verdict: Verdict,
}

/// How the test of a scenario ended.
#[derive(Debug)]
pub enum Verdict {
    /// It holds what it expects.
    Passed,
    /// It does not.
    Broken(Vec<Broken>),
    /// So many did not hold, and what was found is now expected; 0: there were none, now there are.
    Updated(usize),
    /// It expects nothing.
    Unexpecting,
    /// It could not be run.
    Failed(Failure),
}

impl Case {
    /// A scenario that could not be run.
    #[must_use]
    pub fn failed(file: String, failure: Failure) -> Self {
        let verdict = Verdict::Failed(failure);
        Self { file, captures: Vec::new(), frames: 0, expectations: Vec::new(), verdict }
    }

    /// The exit code that it asks for by itself.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.verdict {
            Verdict::Passed | Verdict::Updated(_) | Verdict::Unexpecting => Exit::Fine,
            Verdict::Broken(_) => Exit::Findings,
            Verdict::Failed(failure) => failure.exit(),
        }
    }

    /// A word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match &self.verdict {
            Verdict::Passed => "passed",
            Verdict::Broken(_) => "broken",
            Verdict::Updated(_) => "updated",
            Verdict::Unexpecting => "unexpecting",
            Verdict::Failed(_) => "failed",
        }
    }

    /// For people.
    #[must_use]
    pub fn text(&self, colour: Colour) -> String {
        let file = &self.file;
        let all = counted(self.expectations.len() as u64, "expectation", "expectations");
        match &self.verdict {
            Verdict::Passed => {
                format!("ok      {file}: {all}, {}\n", counted(self.frames, "frame", "frames"))
            }
            Verdict::Updated(0) => format!("updated {file}: its `[expect]` is filled\n"),
            Verdict::Updated(changed) => format!("updated {file}: {changed} of {all}\n"),
            Verdict::Unexpecting => format!("nothing {file}: no `[expect]`, or an empty one\n"),
            Verdict::Failed(failure) => format!("failed  {file}\n{}", failure.render(colour)),
            Verdict::Broken(broken) => {
                let mut text = format!("BROKEN  {file}: {} of {all}\n", broken.len());
                broken.iter().for_each(|broken| text.push_str(&broken.text(file)));
                text
            }
        }
    }
}

impl Broken {
    /// For people.
    #[must_use]
    pub fn text(&self, file: &str) -> String {
        let mut text = format!(
            "  {file}:{}: {}\n    expected {}\n    found    {}\n",
            self.line, self.what, self.expected, self.found
        );
        for look in &self.look_at {
            text.push_str(&look.text());
        }
        text
    }
}

impl Look {
    /// For people.
    fn text(&self) -> String {
        let numbers: Vec<String> = self.frames.iter().map(u64::to_string).collect();
        let frames = match numbers.as_slice() {
            [] => String::new(),
            [one] => format!(": frame {one}"),
            all => format!(": frames {}{}", all.join(" "), if all.len() < EXAMPLES { "" } else { " …" }),
        };
        let command = self.command.as_ref();
        let command = command.map_or_else(String::new, |command| format!("             {command}\n"));
        format!("    see      {}{frames}\n{command}", self.why)
    }
}

/// The line at the end.
#[must_use]
pub fn summary(cases: &[Case]) -> String {
    let count = |word: &str| cases.iter().filter(|case| case.word() == word).count();
    let words = ["passed", "broken", "updated", "failed"];
    let counts: Vec<String> = words
        .iter()
        .map(|word| (count(word), word))
        .filter(|(count, word)| *count > 0 || **word == "passed")
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let unexpecting = match count("unexpecting") {
        0 => String::new(),
        some => {
            format!("; {} no expectations", if some == 1 { "1 has".into() } else { format!("{some} have") })
        }
    };
    let scenarios = counted(cases.len() as u64, "scenario", "scenarios");
    let hint = match count("broken") {
        0 => "",
        _ => "If what was found is right: the same command with --update accepts it\n",
    };
    format!("{scenarios}: {}{unexpecting}\n{hint}", counts.join(", "))
}

/// What a script is told of a scenario.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    verdict: &'static str,
    captures: &'a [String],
    frames: u64,
    expectations: usize,
    broken: &'a [Broken],
}

impl<'a> Row<'a> {
    fn of(case: &'a Case) -> Self {
        let broken: &[Broken] = match &case.verdict {
            Verdict::Broken(broken) => broken,
            _ => &[],
        };
        Self {
            file: &case.file,
            verdict: case.word(),
            captures: &case.captures,
            frames: case.frames,
            expectations: case.expectations.len(),
            broken,
        }
    }
}

/// One document for scripts.
#[must_use]
pub fn document(cases: &[Case], errors: &[Message]) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: u32,
        scenarios: Vec<Row<'a>>,
        errors: Vec<Message>,
    }
    let failed = cases.iter().filter_map(|case| match &case.verdict {
        Verdict::Failed(failure) => Some(failure.messages()),
        _ => None,
    });
    let errors = failed.flatten().chain(errors.iter().cloned()).collect();
    json::pretty(&Document { schema: json::SCHEMA, scenarios: cases.iter().map(Row::of).collect(), errors })
}
