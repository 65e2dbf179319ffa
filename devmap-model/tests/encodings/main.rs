//! Every encoding of forward and exclude groups: against the plainest form of the same, by the laws, by the formulas.

#[path = "../common/mod.rs"]
mod common;

mod asker;
mod changes;
mod kernel;
mod laws;
mod limits;
mod memory;
mod reference;
mod state_machine;
