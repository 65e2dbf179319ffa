//! The commands: from arguments to an exit code.
//!
//! Owns what the arguments mean together. Formats and words are [`crate::output`]'s and
//! [`crate::explain`]'s.

mod ask;
mod check;
mod checked;
mod colours;
mod diff;
mod everyday;
mod explain;
mod explore;
mod feeds;
mod ingress;
mod job;
mod merge;
mod objects;
mod outputs;
mod paths;
mod progress;
mod replay;
mod run;
mod test;
#[cfg(target_os = "linux")]
mod verify;
mod version;
mod world;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::output::{json, stdout};

use colours::colour;

/// Runs the command line and returns the exit code.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error, &arguments),
    };
    colours::choose(cli.color);
    // The panic hook has printed what and where; the exit code must say whose fault it is.
    let exit = catch_unwind(AssertUnwindSafe(|| run(&cli)));
    exit.unwrap_or_else(|_| report(&Failure::internal("the simulator stopped in the middle"), false)).code()
}

/// The arguments; what clap says about them is coloured as they say.
fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let command = Cli::command().color(colours::of_clap(arguments));
    command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches))
}

/// Help, version, or a wrong argument; a closed pipe is quiet.
fn unparsed(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let as_json = arguments.iter().any(|argument| argument == "--json" || argument == "-j");
    if error.kind() == ErrorKind::DisplayVersion && as_json {
        return stdout::print(&version::document())
            .map_or_else(|failure| failure.exit(), |()| Exit::Fine)
            .code();
    }
    let _ = error.print();
    if error.use_stderr() && as_json {
        let _ = stdout::print(&json::failure(&of_clap(error).messages()));
    }
    u8::try_from(error.exit_code()).unwrap_or(Exit::Input.code())
}

/// What clap says about an argument: the first paragraph is the message, a tip is the help.
fn of_clap(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let message = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let help = tip.unwrap_or("standard error says more; `xdpsim --help` has all arguments");
    Failure::usage(message.strip_prefix("error: ").unwrap_or(&message), help)
}

fn run(cli: &Cli) -> Exit {
    let (result, json) = match &cli.command {
        Command::Replay(args) => (replay::run(args), args.json),
        Command::Explain(args) => (explain::run(args), args.json),
        Command::Diff(args) => (diff::run(args), args.json),
        Command::Ask(args) => (ask::run(args), args.json),
        Command::Check(args) => (check::run(args), args.json),
        Command::Merge(args) => (merge::run(args), args.json),
        Command::Test(args) => (test::run(args), args.json),
        Command::Run(args) => (run::run(args), args.json),
        Command::Explore(args) => (explore::run(args), args.json),
        Command::New(args) => (everyday::new(args), cli.json),
        Command::Completions(args) => (everyday::completions(args), cli.json),
        Command::Man(args) => (everyday::man(args), cli.json),
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
