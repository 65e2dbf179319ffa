//! `xdpsim check`: all that is wrong with scenario files.

use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::cli::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::output::{json, stdout};
use crate::scenario::{self, CheckOutcome, FILE_BYTES_MAX, Finding, Severity, Source};

#[derive(Serialize)]
struct Document {
    schema: u32,
    findings: Vec<Finding>,
}

/// Checks all files. An error in a scenario is what was looked for: exit code 1; a file that cannot be
/// read is another matter.
pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let outcomes: Vec<(&Path, CheckOutcome)> =
        args.scenarios.iter().map(|path| (path.as_path(), check(path))).collect();
    for (path, outcome) in &outcomes {
        stdout::complain(&match outcome {
            CheckOutcome::Unreadable { file, message } => {
                Failure::unreadable(file, message).render(super::colour())
            }
            _ => outcome.render(super::colour()),
        });
        let unsaid = args.json || (args.quiet && outcome.is_fine());
        if !unsaid {
            stdout::print(&verdict(path, outcome))?;
        }
    }
    if args.json {
        let findings = outcomes.iter().flat_map(|(_, outcome)| outcome.findings()).collect();
        stdout::print(&json::pretty(&Document { schema: json::SCHEMA, findings }))?;
    }
    Ok(outcomes.iter().map(|(_, outcome)| exit(outcome)).max().unwrap_or(Exit::Nothing))
}

fn check(path: &Path) -> CheckOutcome {
    if path != Path::new("-") {
        return scenario::check(path);
    }
    let mut bytes = Vec::new();
    let name = "standard input";
    match std::io::stdin().take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes) {
        Ok(_) => scenario::check_source(&Source::from_bytes(name, &bytes)),
        Err(error) => CheckOutcome::Unreadable { file: name.to_owned(), message: error.to_string() },
    }
}

fn exit(outcome: &CheckOutcome) -> Exit {
    match outcome {
        CheckOutcome::Fine(_) => Exit::Fine,
        CheckOutcome::Broken(_) => Exit::Findings,
        CheckOutcome::Unreadable { .. } => Exit::Input,
    }
}

/// One line for each file.
fn verdict(path: &Path, outcome: &CheckOutcome) -> String {
    let file = path.display();
    let count = |problems: &scenario::Problems, severity, word: &str| match problems.count(severity) {
        0 => None,
        1 => Some(format!("1 {word}")),
        many => Some(format!("{many} {word}s")),
    };
    match outcome {
        CheckOutcome::Fine(parsed) => {
            let warnings = count(&parsed.warnings, Severity::Warning, "warning");
            let warnings = warnings.map_or_else(String::new, |warnings| format!(", {warnings}"));
            format!("{file}: fine{warnings}\n")
        }
        CheckOutcome::Broken(problems) => {
            let errors = count(problems, Severity::Error, "error");
            let warnings = count(problems, Severity::Warning, "warning");
            let found: Vec<String> = errors.into_iter().chain(warnings).collect();
            format!("{file}: {}\n", found.join(", "))
        }
        CheckOutcome::Unreadable { .. } => String::new(),
    }
}
