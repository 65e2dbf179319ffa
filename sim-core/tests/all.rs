//! All tests of the pipeline in one binary: linking dozens of them took longer than running them.

mod arrival;
mod books;
mod broadcast;
mod changes;
mod common;
mod context;
mod determinism;
mod devmap_prog;
mod enqueue;
mod flush;
mod frames;
mod helper;
mod inner_maps;
mod kit;
mod netdev;
mod nic;
mod own_programs;
mod paths;
mod poll_order;
mod programs;
mod properties;
mod timestamps;
mod trace;
mod veth;
mod vocabulary;
#[path = "common/worlds/mod.rs"]
mod worlds;
mod xdp_tx;
