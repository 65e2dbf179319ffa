//! `xdpsim diff`: what fares differently in the second of two scenarios or reports.

mod reports;
mod scenarios;
mod told;

use std::path::Path;

use crate::cli::DiffArgs;
use crate::exit::{Exit, Failure};

/// Runs the command. A difference is what was looked for: exit code 1.
pub(super) fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    match (is_scenario(&args.before), is_scenario(&args.after)) {
        (true, true) => scenarios::run(args),
        (false, false) => reports::run(args),
        (true, false) => Err(mixed(&args.before, &args.after)),
        (false, true) => Err(mixed(&args.after, &args.before)),
    }
}

fn is_scenario(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
}

fn mixed(scenario: &Path, other: &Path) -> Failure {
    Failure::usage(
        format!("{} is a scenario, {} is none", scenario.display(), other.display()),
        "compare two scenarios (.toml), or two reports of `xdpsim replay --json`",
    )
}
