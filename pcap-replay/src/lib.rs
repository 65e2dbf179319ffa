//! The `xdpsim` command as a library.

pub mod capture;
