//! Random worlds for property tests: scenarios and traffic that reach every corner of the redirect path
//! (feature `proptest`).
//!
//! Owns the strategies and their shrinking. A strategy draws small plain data and builds scenario pieces
//! from it, so everything shrinks towards fewer, shorter and plainer pieces, and everything builds: names
//! exist, pairs are pairs, programs fit their maps. [`World`] is a whole drawn scenario with its traffic;
//! [`programs`], [`maps`] and [`changes`] draw pieces for a set of ports that somebody else has made: they
//! name only what a [`Vocabulary`] lists.
//!
//! For a forwarder of one's own: [`trials::around`] puts it on ports, with a map of all of them, and sends it
//! [`frames`] with real headers on a [timeline](timelines). [`groups`] draws who is to get a broadcast.
//! Playing trials and judging them is [`crate::kit`]'s.
//!
//! ```
//! use proptest::prelude::*;
//! use xdpsim_core::lab::Lab;
//! use xdpsim_core::strategies::World;
//!
//! proptest!(|(world in World::any())| {
//!     let mut lab = Lab::new(&world.scenario).expect("every world builds");
//!     for (no, arrival) in world.arrivals.iter().enumerate() {
//!         lab.at(arrival.at).send(&world.port_of(arrival), &arrival.bytes(no));
//!     }
//!     prop_assert!(lab.run().report.is_balanced());
//! });
//! ```

pub mod changes;
pub mod frames;
pub mod groups;
pub mod maps;
pub mod ports;
pub mod programs;
pub mod scenarios;
pub mod timelines;
pub mod traffic;
pub mod trials;
mod vocabulary;
mod world;

pub use traffic::Arrival;
pub use vocabulary::Vocabulary;
pub use world::{Limits, World};

use proptest::prelude::*;

/// A list that is there with this probability, else empty.
pub fn optional<T: Clone + std::fmt::Debug>(
    probability: f64,
    list: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = Vec<T>> {
    (prop::bool::weighted(probability), list).prop_map(|(there, list)| if there { list } else { Vec::new() })
}
