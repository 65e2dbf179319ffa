//! The commands: from arguments to an exit code.
//!
//! Owns what the arguments mean together. Formats and words are [`crate::output`]'s and
//! [`crate::explain`]'s.

mod check;
mod explain;
mod outputs;
mod progress;
mod replay;
#[cfg(target_os = "linux")]
mod verify;
mod world;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::output::{json, stdout};
use crate::scenario::Colour;

/// Runs the command line and returns the exit code.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error, &arguments),
    };
    // The panic hook has printed what and where; the exit code must say whose fault it is.
    let exit = catch_unwind(AssertUnwindSafe(|| run(&cli.command)));
    exit.unwrap_or_else(|_| report(&Failure::internal("the simulator stopped in the middle"), false)).code()
}

/// Help, version, or a wrong argument; a closed pipe is quiet.
fn unparsed(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let _ = error.print();
    let as_json = arguments.iter().any(|argument| argument == "--json" || argument == "-j");
    if error.use_stderr() && as_json {
        let message = error.kind().to_string();
        let failure = Failure::usage(message, "standard error says more; `xdpsim --help` has all arguments");
        let _ = stdout::print(&json::failure(&failure.messages()));
    }
    u8::try_from(error.exit_code()).unwrap_or(Exit::Input.code())
}

fn run(command: &Command) -> Exit {
    let (result, json) = match command {
        Command::Replay(args) => (replay::run(args), args.json),
        Command::Explain(args) => (explain::run(args), args.json),
        Command::Check(args) => (check::run(args), args.json),
        #[cfg(target_os = "linux")]
        Command::Verify(args) => (verify::run(args), args.json),
    };
    result.unwrap_or_else(|failure| report(&failure, json))
}

/// Says that a command failed before it had a result: to people, and as JSON if that was asked for.
fn report(failure: &Failure, as_json: bool) -> Exit {
    stdout::complain(&failure.render(colour()));
    if as_json && let Err(unwritten) = stdout::print(&json::failure(&failure.messages())) {
        stdout::complain(&unwritten.render(colour()));
    }
    failure.exit()
}

/// Colours on standard error: only for somebody who watches, and not if they said no.
fn colour() -> Colour {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stderr().is_terminal() && !unwanted { Colour::Always } else { Colour::Never }
}
