//! Sets of ports as groups: what remains of one when another is taken away.
//!
//! A group is the broadcast walk of a map. Nothing here holds state or knows how a kernel would store the
//! answer.

pub mod difference;

pub use difference::difference;
