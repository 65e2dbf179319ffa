//! Bytes by formula: what maps take in a kernel, the one place where these numbers are written.
//!
//! They are those that the kernel accounts to a map (`memlock` in its fdinfo), for 64-bit machines.
//!
//! Rules: MCAST-K10.

use crate::{Map, MapAttr, MapKind};

/// A DEVMAP or DEVMAP_HASH without slots and entries.
pub const DEVMAP_BASE: u64 = 344;
/// An entry of a DEVMAP or DEVMAP_HASH.
pub const ENTRY: u64 = 64;
/// A pointer: a slot of an array, a bucket of a DEVMAP_HASH.
pub const POINTER: u64 = 8;
/// An ARRAY_OF_MAPS without slots.
pub const ARRAY_OF_MAPS_BASE: u64 = 312;
/// A HASH_OF_MAPS without elements and buckets, on a machine with two processors.
pub const HASH_OF_MAPS_BASE: u64 = 912;
/// An element of a HASH_OF_MAPS, which has all of them from the start.
pub const HASH_ELEMENT: u64 = 64;
/// A bucket of a HASH_OF_MAPS.
pub const HASH_BUCKET: u64 = 16;

/// A DEVMAP with this capacity and so many entries.
///
/// ```
/// use xdpsim_devmap::groups::encoding::memory;
/// assert_eq!(memory::devmap(64, 32), 344 + 8 * 64 + 64 * 32);
/// assert_eq!(memory::devmap_hash(100, 1), 344 + 8 * 128 + 64);
/// ```
pub const fn devmap(max_entries: u32, entries: u64) -> u64 {
    DEVMAP_BASE + POINTER * max_entries as u64 + ENTRY * entries
}

/// A DEVMAP_HASH with this capacity and so many entries.
pub const fn devmap_hash(max_entries: u32, entries: u64) -> u64 {
    DEVMAP_BASE + POINTER * buckets(max_entries) + ENTRY * entries
}

/// An ARRAY_OF_MAPS, without the maps in it.
pub const fn array_of_maps(max_entries: u32) -> u64 {
    ARRAY_OF_MAPS_BASE + POINTER * max_entries as u64
}

/// A HASH_OF_MAPS, without the maps in it.
pub const fn hash_of_maps(max_entries: u32) -> u64 {
    HASH_OF_MAPS_BASE + HASH_ELEMENT * max_entries as u64 + HASH_BUCKET * buckets(max_entries)
}

/// A map with these attributes and so many entries; a map of maps without the maps in it.
pub const fn of_attr(kind: MapKind, max_entries: u32, entries: u64) -> u64 {
    match kind {
        MapKind::Devmap => devmap(max_entries, entries),
        MapKind::DevmapHash => devmap_hash(max_entries, entries),
        MapKind::ArrayOfMaps => array_of_maps(max_entries),
        MapKind::HashOfMaps => hash_of_maps(max_entries),
    }
}

/// What a map of the model would take in a kernel; a map of maps without the maps in it.
pub fn of_map(map: &Map) -> u64 {
    let MapAttr { kind, max_entries, .. } = *map.attr();
    of_attr(kind, max_entries, entries(map))
}

fn entries(map: &Map) -> u64 {
    match map {
        Map::Devmap(map) => map.walk().count() as u64,
        Map::DevmapHash(map) => map.len() as u64,
        Map::ArrayOfMaps(_) | Map::HashOfMaps(_) => 0,
    }
}

const fn buckets(max_entries: u32) -> u64 {
    (max_entries as u64).next_power_of_two()
}
