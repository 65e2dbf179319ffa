//! Frames grouped by the identical path that they took, as VPP's `show trace paths` groups packets.
//!
//! A path ([`FramePath`]) is a frame's story without what differs from frame to frame although the same
//! happened: times, places in queues and bulks, lengths, keys. [`Follower`] tells the frames of a run
//! apart and knows when a frame is through; [`Groups`] counts equal paths. Memory goes with the frames that
//! are under way and the distinct paths, never with the frames of a capture.
//!
//! Which frames are told of is [`Wanted`]'s business (fate, errno, rule, port), and
//! [`crate::pcap_filter`]'s. Words and JSON are in `text` and `json`.

mod choosing;
mod follow;
mod groups;
mod json;
mod leg;
mod outcome;
mod text;
mod wanted;

pub use choosing::{Choosing, Chosen};
pub use follow::Follower;
pub use groups::{Group, Groups, Tally};
pub use json::{Legs, Summary, document, legs};
pub use leg::{Call, Finish, FramePath, Leg, Lookup, Queued, Stop};
pub use outcome::Outcome;
pub use text::{Shown, block, render};
pub use wanted::{Wanted, WantedError};
