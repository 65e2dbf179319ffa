//! The `xdpsim` command.
fn main() {}
