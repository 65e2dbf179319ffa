//! Random worlds ([`xdpsim_core::strategies`]) are run in different ways.

#![allow(dead_code, missing_docs)]

pub mod tape;
