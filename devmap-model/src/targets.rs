//! The walk over a map that a broadcast makes.
//!
//! Owns the order and nothing else: which targets are skipped or excluded is the engine's (BRD-05, BRD-08).
//!
//! Rules: BRD-02, BRD-03.

use crate::{Entry, Map, MapKey, devmap_hash, slots};

/// The entries of a map in broadcast order; none for a map that can't be broadcast to.
#[derive(Clone, Debug)]
pub struct Targets<'a>(Walk<'a>);

#[derive(Clone, Debug)]
enum Walk<'a> {
    Empty,
    Array(slots::Iter<'a>),
    Hash(devmap_hash::Walk<'a>),
}

impl<'a> Targets<'a> {
    pub(crate) fn of(map: Option<&'a Map>) -> Targets<'a> {
        Targets(match map {
            Some(Map::Devmap(map)) => Walk::Array(map.walk()),
            Some(Map::DevmapHash(map)) => Walk::Hash(map.walk()),
            Some(Map::ArrayOfMaps(_) | Map::HashOfMaps(_)) | None => Walk::Empty,
        })
    }

    /// The entries without their keys, as [`crate::groups`] takes them.
    pub fn entries(self) -> impl Iterator<Item = Entry> + 'a {
        self.map(|(_, entry)| entry)
    }
}

impl Iterator for Targets<'_> {
    type Item = (MapKey, Entry);

    #[inline]
    fn next(&mut self) -> Option<(MapKey, Entry)> {
        match &mut self.0 {
            Walk::Empty => None,
            Walk::Array(slots) => slots.next(),
            Walk::Hash(walk) => walk.next(),
        }
    }
}
