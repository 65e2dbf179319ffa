//! `xdpsim new`, `completions` and `man`: what is generated from the definitions of the command itself.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs, ManArgs, NewArgs};
use crate::exit::{Exit, Failure};
use crate::output::stdout;
use crate::scenario::STARTER;

/// Writes the starter scenario.
pub(super) fn new(args: &NewArgs) -> Result<Exit, Failure> {
    let Some(file) = args.file.as_deref().filter(|file| *file != Path::new("-")) else {
        return stdout::print(STARTER).map(|()| Exit::Fine);
    };
    let name = file.display().to_string();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!args.force);
    let written = options.open(file).and_then(|mut out| out.write_all(STARTER.as_bytes()));
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let help = "name another file, or replace it: xdpsim new --force";
            Err(Failure::usage(format!("{name} exists"), help))
        }
        Err(error) => Err(Failure::output(&name, &error)),
        Ok(()) => {
            stdout::complain(&format!("{name} is made; next: xdpsim test {name}\n"));
            Ok(Exit::Fine)
        }
    }
}

/// Prints what a shell completes with.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "xdpsim", &mut script);
    stdout::print(&String::from_utf8_lossy(&script)).map(|()| Exit::Fine)
}

/// Prints the manual page, or writes all of them.
pub(super) fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        rendered.map_err(|error| Failure::output("the manual page", &error))?;
        return stdout::print(&String::from_utf8_lossy(&page)).map(|()| Exit::Fine);
    };
    let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
    let name = dir.display().to_string();
    written.map(|()| Exit::Fine).map_err(|error| Failure::output(&name, &error))
}
