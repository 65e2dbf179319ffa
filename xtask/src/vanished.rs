//! `cargo xtask vanished`: the page "My frame vanished", written to `docs/vanished.md`.
//!
//! The page is made by the command's own tables of fates and advice, which this package does not know: it
//! runs the example that prints it.

use std::path::Path;
use std::process::Command;

use crate::Failure;
use crate::generated::{Mode, settle};

/// The generated file, relative to the root.
pub const FILE: &str = "docs/vanished.md";

/// Writes [`FILE`], or checks it.
pub fn run(root: &Path, mode: Mode) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["run", "--quiet", "--package", "xdpsim", "--example", "vanished"]);
    let output = command.output().map_err(|error| Failure::new(format!("cannot run cargo: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("the example that prints {FILE} failed:\n{said}")));
    }
    let page = String::from_utf8_lossy(&output.stdout);
    settle(root, FILE, &page, mode, "cargo xtask vanished")?;
    println!("{FILE}: {} lines", page.lines().count());
    Ok(())
}
