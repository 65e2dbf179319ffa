//! Every encoding of forward and exclude groups against the plainest form of the same: lists and a loop.

#[path = "../common/mod.rs"]
mod common;
mod reference;
mod state_machine;
