//! All tests of maps and groups in one binary: linking dozens of them took longer than running them.

mod broadcast_order;
mod common;
mod create;
mod devices;
mod devmap_update;
mod difference;
mod hash_update;
mod map_in_map;
mod mutations;
mod programs;
mod read_and_walk;
mod reference;
mod state_machine;
mod table;
mod value;
mod words;
