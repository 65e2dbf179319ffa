//! The test kit: play a scenario with programs of one's own, and hold the run against laws.
//!
//! Owns [`Trial`] (a scenario and what arrives), [`Played`] (what came of it) and the [`laws`]. With the
//! feature `proptest` there is also [`Property`]: it draws trials from [`crate::strategies`], shrinks one
//! that breaks a law, says how to repeat it, and keeps it as a scenario and a capture.
//!
//! ```
//! use xdpsim_core::kit::{Property, laws};
//! use xdpsim_core::strategies::{scenarios::MAP_ID, trials};
//! use xdpsim_core::{Ctx, FrameMut, RedirectFlags, XdpAction, XdpProgram};
//!
//! /// Sends every frame to all ports, and forgets to leave out the one on which it came in.
//! #[derive(Clone)]
//! struct Hub;
//!
//! impl XdpProgram for Hub {
//!     fn run(&mut self, ctx: &mut Ctx<'_>, _: &mut FrameMut<'_>) -> XdpAction {
//!         ctx.redirect_map(MAP_ID, 0, RedirectFlags::BROADCAST.bits())
//!     }
//!     fn clone_box(&self) -> Box<dyn XdpProgram> {
//!         Box::new(self.clone())
//!     }
//! }
//!
//! let property = Property::new("hub").program("hub", Hub);
//! let found = property.find(trials::around("hub"), laws::no_frame_back).expect_err("a bug");
//! assert_eq!(found.trial.frames.len(), 1);
//! assert_eq!(found.broken.law, "no frame back to its ingress");
//! ```

#[cfg(feature = "proptest")]
mod counterexample;
#[cfg(feature = "proptest")]
mod eject;
#[cfg(feature = "proptest")]
mod files;
pub mod laws;
mod played;
#[cfg(feature = "proptest")]
mod property;
mod stand_in;
mod trial;

use std::collections::BTreeMap;

#[cfg(feature = "proptest")]
pub use counterexample::Counterexample;
#[cfg(feature = "proptest")]
pub use eject::{EJECT_VARIABLE, Ejected};
#[cfg(feature = "proptest")]
pub use files::EjectError;
pub use laws::{Broken, Law};
pub use played::Played;
#[cfg(feature = "proptest")]
pub use property::{Held, Property};
pub use trial::{Sent, Trial};

use crate::program::XdpProgram;

/// Programs in Rust by the name of the scenario's program that they take the place of.
pub type OwnPrograms = BTreeMap<String, Box<dyn XdpProgram>>;

/// Fresh copies.
fn fresh(own: &OwnPrograms) -> OwnPrograms {
    own.iter().map(|(name, program)| (name.clone(), program.clone_box())).collect()
}
