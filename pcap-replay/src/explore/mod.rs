//! `xdpsim explore`: designs for groups and exclude groups, tried with a workload.
//!
//! Owns workloads, sweeps over their sizes, and what is made of the results: table, documents, page and advice. The
//! designs themselves are [`xdpsim_devmap::groups::encoding`]'s; arguments and files are the command's.
//!
//! A sweep is a list of cells: a design, a number of ports, a number of groups. [`trial`] fills one, [`sweep`] all of
//! them on several threads, [`state`] keeps those that are finished. Everything but measured times is a function of the
//! settings: workloads come from a seed, and costs are counted.

mod budget;
pub mod catalogue;
pub mod csv;
pub mod document;
mod estimate;
pub mod learn;
pub mod page;
pub mod random;
pub mod recommend;
pub mod report;
pub mod results;
#[cfg(test)]
mod samples;
pub mod state;
mod stopwatch;
pub mod sweep;
pub mod table;
pub mod trial;
pub mod words;
pub mod workload;
