//! `side_by_side`: the model and the running kernel redirect the same frames, one after the other on one
//! CPU, and both say how many a second.
//!
//! A row counts only if both sent the same number of copies out of each port; what the kernel's rings
//! refused is counted and shown. Needs Linux and root.
//!
//! Exit codes: 0 measured; 1 the sides do not agree, or the kernel refused something; 2 wrong usage; 4 this
//! machine or user can't measure, and what is missing.

#[cfg(target_os = "linux")]
mod command;
#[cfg(target_os = "linux")]
mod failure;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod model;
#[cfg(target_os = "linux")]
mod row;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod traffic;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    command::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("side_by_side: needs Linux: the kernel is one of the sides");
    ExitCode::from(4)
}
