//! The story of one frame: from the engine's steps to a tree, and from the tree to words or JSON.
//!
//! The engine tells what happened to a frame in order ([`xdpsim_core::story`]); copies are told apart
//! here. Which rule decided what is in the words; what the rules say is in `docs/semantics`.

mod json;
mod lines;
mod names;
mod text;
mod tree;
mod words;

pub use json::document;
pub(crate) use lines::Lines;
pub use names::Names;
pub use text::render;
pub use tree::{Copy, CopyKind, End, EntryRun, Groups, Happened, Story, Visit, Xmit};

/// Which frame a story is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The capture.
    pub capture: String,
    /// The frame's number, from 1.
    pub frame: u64,
    /// What is simulated.
    pub title: String,
}
