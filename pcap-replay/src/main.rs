//! The `xdpsim` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(xdpsim::commands::main(std::env::args_os()))
}
