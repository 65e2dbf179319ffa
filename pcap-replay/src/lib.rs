//! The `xdpsim` command as a library.

pub mod builtin;
pub mod capture;
pub mod cli;
pub mod commands;
pub mod exit;
pub mod explain;
pub mod output;
pub mod runner;
pub mod scenario;
