//! Workloads shared by the benchmarks and `cargo xtask figures`: captures, worlds, the yardstick.
//!
//! Every figure goes through [`xdpsim::runner::run`], the entry point of `xdpsim replay`, on a world
//! that is built from a scenario value: all checks, bulk queues of 16, flush list, ledger. The captures
//! are scanned in place, headers checked. Not included: reading a file, writing anything.

pub mod workload;
pub mod yardstick;

pub use workload::{Traffic, Workload};
