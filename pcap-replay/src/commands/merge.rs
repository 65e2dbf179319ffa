//! `xdpsim merge`: the reports of a corpus' parts as the report of the whole.

use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::cli::MergeArgs;
use crate::exit::{Exit, Failure};
use crate::output::merge::{self, Named};
use crate::output::results::Results;
use crate::output::{json, stdout, table};

/// Runs the command.
pub(super) fn run(args: &MergeArgs) -> Result<Exit, Failure> {
    let reports = args.reports.iter().map(|path| read(path)).collect::<Result<Vec<Named>, Failure>>()?;
    let help = "merge takes what `xdpsim replay --json` wrote, with --partition of all parts of one corpus";
    let results = merge::merge(reports).map_err(|message| Failure::usage(message, help))?;
    print(args, &results)?;
    Ok(results.exit())
}

fn read(path: &Path) -> Result<Named, Failure> {
    let mut text = String::new();
    let (file, read) = match path == Path::new("-") {
        true => ("standard input".to_owned(), std::io::stdin().read_to_string(&mut text).map(|_| ())),
        false => {
            let read = std::fs::read_to_string(path).map(|read| text = read);
            (path.display().to_string(), read)
        }
    };
    let cannot = |message: &str| {
        Failure::usage(format!("{file}: {message}"), "name reports of `xdpsim replay --json`")
    };
    read.map_err(|error| match error.kind() {
        ErrorKind::InvalidData => cannot("not a report: expected JSON, found bytes that are no text"),
        _ => cannot(&format!("cannot read the report: {error}")),
    })?;
    let results = merge::read(&text).map_err(|message| cannot(&message))?;
    Ok(Named { file, results })
}

fn print(args: &MergeArgs, results: &Results) -> Result<(), Failure> {
    if args.json {
        stdout::print(&json::replay(results))?;
    } else if results.totals.arrivals > 0 {
        stdout::print(&table::replay(&results.about, &results.totals, &results.ports, |_, _| None))?;
    }
    for message in results.errors() {
        stdout::complain(&Failure::Plain(message.exit(), message).render(super::colour()));
    }
    Ok(())
}
