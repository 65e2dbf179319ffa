//! `xdpsim test`: scenarios against what they expect.
//!
//! Owns which files are tests, the order of the results (that of the names, whichever is ready first)
//! and the exit code. One scenario is [`case`]'s.

mod case;
mod find;

use rayon::prelude::*;

use crate::cli::TestArgs;
use crate::exit::{Exit, Failure};
use crate::expect::junit;
use crate::expect::report::{Case, Verdict, document, summary};
use crate::output::stdout;

/// Runs the command.
pub(super) fn run(args: &TestArgs) -> Result<Exit, Failure> {
    let files = find::scenarios(&args.paths)?;
    let cases: Vec<Case> = files.par_iter().filter_map(|file| case::run(file, args.update)).collect();
    let nothing = cases.iter().all(|case| matches!(case.verdict, Verdict::Unexpecting)).then(nothing);
    if let Some(file) = &args.junit {
        let written = std::fs::write(file, junit::document(&cases)?);
        written.map_err(|error| Failure::output(&file.display().to_string(), &error))?;
    }
    if args.json {
        let errors = nothing.as_ref().map(Failure::messages).unwrap_or_default();
        stdout::print(&document(&cases, &errors))?;
    } else {
        stdout::print(&text(args, &cases))?;
    }
    if let Some(nothing) = nothing {
        stdout::complain(&nothing.render(super::colour()));
        return Ok(nothing.exit());
    }
    Ok(cases.iter().map(Case::exit).max().unwrap_or(Exit::Nothing))
}

fn text(args: &TestArgs, cases: &[Case]) -> String {
    let wrong = |case: &&Case| !args.quiet || case.exit() != Exit::Fine;
    let mut text: String =
        cases.iter().filter(wrong).map(|case| case.text(super::colours::on_stdout())).collect();
    if !args.quiet {
        text.push_str(&summary(cases));
    }
    text
}

/// A green run that tested nothing is the worst of all.
fn nothing() -> Failure {
    Failure::nothing(
        "nothing was tested: there is no scenario with expectations",
        "write `[expect]` into a scenario and run `xdpsim test --update` on it: docs/scenario.md",
    )
}
