//! What the benchmarks and the `figures` command share: captures, worlds, the yardstick, the checks.
//!
//! Every figure goes through [`xdpsim::runner::run`], the entry point of `xdpsim replay`, on a world
//! that is built from a scenario value: all checks, bulk queues of 16, flush list, ledger. The captures
//! are scanned in place, headers checked. Not included: reading a file, writing anything.
//!
//! A figure counts only if the run did what it says: [`case::Prepared::check`] compares the sum of
//! fates, and [`digest`] what left each port with the frame-by-frame path.

pub mod case;
pub mod digest;
pub mod event_buffer;
pub mod workload;
pub mod yardstick;

pub use case::{Case, Output, Prepared};
pub use workload::{Traffic, Workload};
