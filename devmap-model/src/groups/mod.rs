//! Sets of ports as groups: what remains of one when another is taken away.
//!
//! A group is the broadcast walk of a map. [`difference()`] is the reference; [`encoding`] has ways to store groups and
//! to find the same answer.

pub mod difference;
pub mod encoding;
pub mod index;

pub use difference::difference;
pub use index::{GroupIndex, GroupPair};
