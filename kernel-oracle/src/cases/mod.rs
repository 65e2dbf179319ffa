//! Random cases: houses, what is played in them, and the set difference of two groups on a real path.
//!
//! A house is expensive on a kernel, so it is drawn rarely ([`houses`]) and many cases are drawn in it
//! ([`cases_in`]). Cases use all that the model and a kernel have in common: device maps of both kinds, with
//! and without programs, inner maps, programs of every kind that [`crate::compile`] translates, single
//! frames and whole polls, changes of entries and devices between bursts. They plant no faults, because a
//! kernel can't be told to fail.
//!
//! What a case may not contain, because a kernel would show what the model doesn't know: bytes of memory
//! that nobody wrote (a head that grows is written to, a tail grows only in frames that came through
//! `ndo_xdp_xmit`), VLAN tags (the stack takes them out of the frame), frames longer than their port takes.
//!
//! Everything shrinks: to fewer bursts, fewer frames of 60 bytes, fewer entries, plainer programs.

mod case;
mod difference;
mod frames;
mod house;
mod house_changes;
mod names;
mod programs;
mod shorten;
mod twist;

pub use case::{Mix, cases_in};
pub use difference::{Carrier, Difference, differences_in};
pub use frames::ETHERTYPE;
pub use house::{HouseMix, houses};
pub use shorten::shorten;
