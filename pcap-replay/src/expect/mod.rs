//! Judging a run by what its scenario expects, and saying where to look.
//!
//! Owns the comparison, the hints (which frames, which command), the comparison with golden captures,
//! accepting what was found ([`update`]) and the three forms of the result: text, JSON, JUnit. What can
//! be expected is [`crate::scenario`]'s; running is the command's.

pub mod golden;
pub mod judge;
pub mod junit;
pub mod look;
pub mod report;
pub mod update;
