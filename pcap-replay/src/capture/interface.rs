//! The interfaces a capture names.
//!
//! Owns their numbering over a whole file: a pcapng section counts its interfaces from 0 again, so files
//! that were concatenated would otherwise show the same port under ever new numbers.

use super::clock::Clock;
use super::link::LinkType;

/// An interface's number in a capture, from 0, over all its sections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceNo(pub u16);

/// One interface that a capture describes. A classic pcap has exactly one, without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name when captured (pcapng `if_name`), at most 255 characters of it.
    pub name: Option<String>,
    /// What its frames begin with.
    pub link: LinkType,
    /// Snapshot length in bytes; 0 means without limit.
    pub snaplen: u32,
    /// How its stamps count.
    pub clock: Clock,
}

impl Interface {
    /// For messages: its number in its section and its name, if any.
    pub(crate) fn label(&self, number: u32) -> String {
        match &self.name {
            Some(name) => format!("interface {number} ({name})"),
            None => format!("interface {number}"),
        }
    }
}

/// All interfaces of a file, in the order in which they were first described.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    all: Vec<Interface>,
}

impl Interfaces {
    /// More distinct interfaces than any capture tool writes; it bounds memory and the search below.
    pub(super) const MAX: usize = 1024;

    pub(super) fn all(&self) -> &[Interface] {
        &self.all
    }

    /// The number of an interface that a section describes, given those that the section has already
    /// used: one of an earlier section with the same description, else a new one. `None` when full.
    pub(super) fn number(
        &mut self,
        described: Interface,
        used: impl Fn(InterfaceNo) -> bool,
    ) -> Option<InterfaceNo> {
        let no = |index: usize| InterfaceNo(index as u16);
        let known = (0..self.all.len()).find(|&index| self.all[index] == described && !used(no(index)));
        if let Some(index) = known {
            return Some(no(index));
        }
        if self.all.len() >= Self::MAX {
            return None;
        }
        self.all.push(described);
        Some(no(self.all.len() - 1))
    }
}
