//! Chores of the workspace, run as `cargo xtask COMMAND`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt, fs};

mod catalogue;
mod citations;
mod conformance;
mod deferred;
mod fuzz;
mod generated;
mod kernels;
mod matrix;
mod readme;
mod rules;
mod steps;
mod test;
mod tidy;
mod tools;
mod tree;
mod vanished;

use generated::Mode;

const USAGE: &str = "\
cargo xtask COMMAND

  rules [--check]         write devmap-model/src/rule_table.rs from docs/semantics
  conformance [--check]   write docs/conformance.md (which test checks which clause) and the
                          generated parts of README.md
  vanished [--check]      write docs/vanished.md: from symptom to rule to remedy
  tidy                    the rules of style that can be checked
  test [--no-fuzz]        set-up and all tests; XDPSIM_FUZZ_SECONDS sets the length of each
                          fuzz run (60); with CI=true a skipped step is a failure
  kernel-matrix           the oracle's campaign on Debian's 6.1 and 6.12 kernels (under QEMU) and
                          on this one (needs root); keeps results in docs/conformance/SERIES.json
      [--kernel SERIES|host]... [--map-operations 50000] [--cases 2000] [--seed 1]
      [--timeout 1800]    seconds that a guest may take
";

/// Why a chore failed: one or more complaints, each with the place that it is about.
#[derive(Debug)]
pub struct Failure {
    complaints: Vec<String>,
}

impl Failure {
    /// A failure with one complaint.
    pub fn new(complaint: impl Into<String>) -> Failure {
        Failure { complaints: vec![complaint.into()] }
    }

    /// A failure whose complaints are on the terminal already.
    pub fn already_told() -> Failure {
        Failure { complaints: Vec::new() }
    }

    /// Fails if there is any complaint.
    pub fn unless_empty(complaints: Vec<String>) -> Result<(), Failure> {
        if complaints.is_empty() { Ok(()) } else { Err(Failure { complaints }) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.complaints.join("\n"))
    }
}

/// Reads a text file; the failure names it.
pub fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let root = root();
    let Some((command, options)) = arguments.split_first() else {
        print!("{USAGE}");
        return Ok(());
    };
    match command.as_str() {
        "rules" => rules::run(&root, mode(command, options)?),
        "conformance" => conformance::run(&root, mode(command, options)?),
        "vanished" => vanished::run(&root, mode(command, options)?),
        "tidy" => {
            no_options(command, options)?;
            tidy::run(&root)
        }
        "test" => test::run(&root, options),
        "kernel-matrix" => matrix::run(&root, options),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(Failure::new(format!("no command `{other}`\n\n{USAGE}"))),
    }
}

/// The workspace's root: the folder above this package.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

fn mode(command: &str, options: &[String]) -> Result<Mode, Failure> {
    match options {
        [] => Ok(Mode::Write),
        [only] if only == "--check" => Ok(Mode::Check),
        _ => Err(Failure::new(format!("`{command}` takes only --check, not `{}`", options.join(" ")))),
    }
}

fn no_options(command: &str, options: &[String]) -> Result<(), Failure> {
    if options.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("`{command}` takes no options, not `{}`", options.join(" "))))
}
