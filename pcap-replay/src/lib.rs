//! The `xdpsim` command as a library.

pub mod builtin;
pub mod capture;
pub mod cli;
pub mod commands;
pub mod exit;
pub mod expect;
pub mod explain;
pub mod explore;
pub mod feed;
pub mod kept;
pub mod near;
pub mod object;
pub mod output;
pub mod packet;
pub mod partition;
pub mod paths;
pub mod pcap_filter;
pub mod runner;
pub mod scenario;
