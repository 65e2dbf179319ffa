//! Running a list of steps: progress, what became of each, and the closing line.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Instant;

use crate::Failure;

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran and found nothing wrong.
    Passed,
    /// It found something, or could not run though it should have.
    Failed(String),
    /// It could not run here, for the reason given.
    Skipped(String),
}

impl From<Result<(), Failure>> for Outcome {
    fn from(result: Result<(), Failure>) -> Outcome {
        match result {
            Ok(()) => Outcome::Passed,
            Err(failure) => Outcome::Failed(failure.to_string()),
        }
    }
}

/// Steps that have run so far.
pub struct Steps {
    started: Instant,
    done: Vec<(String, Outcome)>,
}

impl Steps {
    /// None yet; the clock starts.
    pub fn new() -> Steps {
        Steps { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step and remembers what became of it.
    pub fn run(&mut self, name: &str, step: impl FnOnce() -> Outcome) {
        println!("==== [{:6.1} s] {name}", self.started.elapsed().as_secs_f64());
        let outcome = step();
        match &outcome {
            Outcome::Passed => {}
            Outcome::Failed(why) => println!("{why}"),
            Outcome::Skipped(why) => println!("skipped: {why}"),
        }
        self.done.push((name.to_owned(), outcome));
    }

    /// Prints the summary; its last line is `N passed, N failed, N skipped`.
    ///
    /// Fails if a step failed, and, if `strict`, if a step was skipped that is not in
    /// `may_be_skipped`.
    pub fn finish(self, strict: bool, may_be_skipped: &[&str]) -> Result<(), Failure> {
        println!("==== [{:6.1} s] done\n", self.started.elapsed().as_secs_f64());
        let (summary, failed) = summarize(&self.done, strict, may_be_skipped);
        println!("{summary}");
        if failed { Err(Failure::already_told()) } else { Ok(()) }
    }
}

fn summarize(done: &[(String, Outcome)], strict: bool, may_be_skipped: &[&str]) -> (String, bool) {
    let (mut lines, mut failed, mut skipped, mut refused) = (Vec::new(), 0, 0, false);
    for (name, outcome) in done {
        match outcome {
            Outcome::Passed => lines.push(format!("passed   {name}")),
            Outcome::Skipped(why) => {
                skipped += 1;
                let unwanted = strict && !may_be_skipped.contains(&name.as_str());
                refused |= unwanted;
                let note = if unwanted { " (CI allows no skip here: this fails the run)" } else { "" };
                lines.push(format!("skipped  {name}: {why}{note}"));
            }
            Outcome::Failed(why) => {
                failed += 1;
                lines.push(format!("FAILED   {name}: {}", why.lines().next().unwrap_or("")));
            }
        }
    }
    let passed = done.len() - failed - skipped;
    lines.push(format!("{passed} passed, {failed} failed, {skipped} skipped"));
    (lines.join("\n"), failed > 0 || refused)
}

/// A command to run in `root`; its output goes to the terminal.
pub fn command(root: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    command
}

/// Cargo as this program was started with.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    command(root, &std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments)
}

/// Runs `command` to its end; anything but success is a failure that says what was run.
pub fn must_succeed(mut command: Command) -> Result<(), Failure> {
    let shown = shown(&command);
    let status = command.status().map_err(|e| Failure::new(format!("cannot run `{shown}`: {e}")))?;
    status_is_success(status, &shown)
}

/// Turns anything but success into a failure that says what was run.
pub fn status_is_success(status: ExitStatus, shown: &str) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{shown}` ended with {status}"))) }
}

/// The command as one would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_each_step_and_closes_with_the_counts() {
        let done = [
            ("fmt".to_owned(), Outcome::Passed),
            ("fuzz".to_owned(), Outcome::Skipped("no cargo-fuzz".to_owned())),
            ("tests".to_owned(), Outcome::Failed("why\nand more".to_owned())),
        ];
        let (text, failed) = summarize(&done, false, &[]);
        assert_eq!(
            text,
            "passed   fmt\nskipped  fuzz: no cargo-fuzz\nFAILED   tests: why\n1 passed, 1 failed, 1 skipped"
        );
        assert!(failed);
    }

    #[test]
    fn a_skip_fails_a_strict_run_unless_it_is_allowed() {
        let done = [("licences".to_owned(), Outcome::Skipped("absent".to_owned()))];
        assert!(!summarize(&done, false, &[]).1);
        assert!(!summarize(&done, true, &["licences"]).1);
        assert!(summarize(&done, true, &["fuzz"]).1);
    }
}
