//! What a replay writes: the table, JSON, events, a capture per port.
//!
//! Owns formats and words. Counting is the core's, reading and running are [`crate::runner`]'s.

pub mod advice;
pub mod annotated;
pub mod captures;
pub mod columns;
pub mod events;
pub mod faults;
pub mod json;
pub mod merge;
pub mod ports;
pub mod results;
pub mod stdout;
pub mod table;
pub mod tape;
pub mod told;
pub mod totals;
pub mod vanished;
