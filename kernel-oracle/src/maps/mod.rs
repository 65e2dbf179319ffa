//! The map campaign: random operations straight at bpf(2) and at the model, answer for answer.
//!
//! Owns what the operations are ([`op`]), the devices and programs they talk about ([`machine`]), playing a
//! sequence on both sides (`play`), counting which rules that showed ([`exercise`]), and the search for the
//! shortest sequence that shows a difference (`campaign`).
//!
//! What is not played, because the model leaves it out: keys of other sizes in a hash of maps, maps so large
//! that memory decides, and descriptors of tokens, pinned paths and types (their flags are another call).
//!
//! Errors: [`MapFailure`]; a difference is [`MapDifference`], which prints the shrunk sequence.
//!
//! Rules: MAP-01 to MAP-13, BRD-03, HLP-16.

pub mod exercise;
pub mod machine;
pub mod op;

mod answer;
mod campaign;
mod difference;
mod observe;
mod play;
mod strategy;

pub use answer::Answer;
pub use campaign::{MapCampaign, MapFailure, MapReport, Share, campaign};
pub use difference::{MapDifference, Step};
pub use exercise::{Clause, Exercised, NOT_SHOWN};
pub use op::MapOp;
