//! The real kernel is the judge: the same scenario on the model and on the running kernel.
#![cfg(target_os = "linux")]

pub mod adapt;
pub mod bench;
pub mod bpf;
pub mod campaign;
pub mod case;
pub mod cases;
pub mod compare;
pub mod compile;
pub mod exercise;
pub mod isa;
pub mod maps;
pub mod model;
pub mod need;
pub mod net;
pub mod object;
pub mod trace;
pub mod transcript;
