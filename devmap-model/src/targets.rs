//! The walk over a map that a broadcast makes.
//!
//! Owns the order and nothing else: which targets are skipped or excluded is the engine's (BRD-05, BRD-08).
//!
//! Rules: BRD-02, BRD-03, MCAST-34.

use crate::devmap_hash::{self, Place};
use crate::{Entry, Map, MapKey, slots};

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

/// Where a walk is that goes on step by step, while somebody else may change the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    key: MapKey,
    /// In a hash map.
    place: Option<Place>,
}

impl Cursor {
    /// The next entry of a map as it is now; `None` at the end, and of a map without devices.
    pub(crate) fn step(map: &Map, after: Option<Cursor>) -> Option<(Cursor, Entry)> {
        match map {
            Map::Devmap(map) => {
                let (key, entry) = map.step(after.map(|cursor| cursor.key))?;
                Some((Cursor { key, place: None }, entry))
            }
            Map::DevmapHash(map) => {
                let (place, key, entry) = map.step(after.and_then(|cursor| cursor.place))?;
                Some((Cursor { key, place: Some(place) }, entry))
            }
            Map::ArrayOfMaps(_) | Map::HashOfMaps(_) => None,
        }
    }

    /// The same as get-next-key does it in a hash map: behind the place where the key is now, and from the
    /// first entry if the key has vanished (MAP-11, MCAST-34).
    pub(crate) fn step_by_key(map: &Map, after: Option<Cursor>) -> Option<(Cursor, Entry)> {
        let Map::DevmapHash(hash) = map else { return Cursor::step(map, after) };
        let moved = |cursor: Cursor| Some(Cursor { place: Some(hash.place_of(cursor.key)?), ..cursor });
        Cursor::step(map, after.and_then(moved))
    }
}
