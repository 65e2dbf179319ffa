//! Deliberate errors of the fast interpreter, by which the comparison of engines is judged. In no command: they are
//! planted by tests alone, for the calling thread.

use std::cell::Cell;

/// An error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The packet ends so many bytes later than it does, as far as accesses are concerned.
    PacketEnd(u8),
    /// Values of maps do.
    ValueEnd(u8),
}

thread_local! {
    static PLANTED: Cell<Option<Mutation>> = const { Cell::new(None) };
}

/// Plants an error, or takes it out.
pub fn plant(mutation: Option<Mutation>) {
    PLANTED.set(mutation);
}

pub(crate) fn packet_end() -> u64 {
    match PLANTED.get() {
        Some(Mutation::PacketEnd(bytes)) => bytes.into(),
        _ => 0,
    }
}

pub(crate) fn value_end() -> u64 {
    match PLANTED.get() {
        Some(Mutation::ValueEnd(bytes)) => bytes.into(),
        _ => 0,
    }
}
