//! The kinds of map, what a map is created with, and a map of any kind.
//!
//! What the kinds do is in a module each; ids and references between maps are the table's.

use crate::{ArrayOfMaps, Devmap, DevmapHash, HashOfMaps, MapFlags, MapId};
use std::fmt;

/// The map types of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapKind {
    /// `BPF_MAP_TYPE_DEVMAP`: an array of devices.
    Devmap,
    /// `BPF_MAP_TYPE_DEVMAP_HASH`: devices by any 32-bit key.
    DevmapHash,
    /// `BPF_MAP_TYPE_ARRAY_OF_MAPS`.
    ArrayOfMaps,
    /// `BPF_MAP_TYPE_HASH_OF_MAPS`.
    HashOfMaps,
}

impl MapKind {
    /// Every kind.
    pub const ALL: [MapKind; 4] =
        [MapKind::Devmap, MapKind::DevmapHash, MapKind::ArrayOfMaps, MapKind::HashOfMaps];

    /// The kernel's number for the map type.
    pub const fn number(self) -> u32 {
        match self {
            MapKind::ArrayOfMaps => 12,
            MapKind::HashOfMaps => 13,
            MapKind::Devmap => 14,
            MapKind::DevmapHash => 25,
        }
    }

    /// The name as bpftool prints it.
    pub const fn name(self) -> &'static str {
        match self {
            MapKind::Devmap => "devmap",
            MapKind::DevmapHash => "devmap_hash",
            MapKind::ArrayOfMaps => "array_of_maps",
            MapKind::HashOfMaps => "hash_of_maps",
        }
    }

    /// Whether the values are maps.
    pub const fn is_map_of_maps(self) -> bool {
        matches!(self, MapKind::ArrayOfMaps | MapKind::HashOfMaps)
    }
}

impl fmt::Display for MapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a map is created with; of a created map, what it reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapAttr {
    /// The map type.
    pub kind: MapKind,
    /// A label. Not checked and not unique: the kernel's limit of 15 characters is its loaders' concern.
    pub name: String,
    /// Bytes in a key.
    pub key_size: u32,
    /// Bytes in a value.
    pub value_size: u32,
    /// The capacity.
    pub max_entries: u32,
    /// The creation flags.
    pub flags: MapFlags,
    /// For a map of maps: the map that its values have to resemble.
    pub inner: Option<MapId>,
}

impl MapAttr {
    /// A DEVMAP whose values can carry a program.
    pub fn devmap(name: impl Into<String>, max_entries: u32) -> MapAttr {
        MapAttr::new(MapKind::Devmap, name, 8, max_entries)
    }

    /// A DEVMAP_HASH whose values can carry a program.
    pub fn devmap_hash(name: impl Into<String>, max_entries: u32) -> MapAttr {
        MapAttr::new(MapKind::DevmapHash, name, 8, max_entries)
    }

    /// An array of maps that resemble `template`.
    pub fn array_of_maps(name: impl Into<String>, max_entries: u32, template: MapId) -> MapAttr {
        MapAttr { inner: Some(template), ..MapAttr::new(MapKind::ArrayOfMaps, name, 4, max_entries) }
    }

    /// A hash of maps that resemble `template`.
    pub fn hash_of_maps(name: impl Into<String>, max_entries: u32, template: MapId) -> MapAttr {
        MapAttr { inner: Some(template), ..MapAttr::new(MapKind::HashOfMaps, name, 4, max_entries) }
    }

    fn new(kind: MapKind, name: impl Into<String>, value_size: u32, max_entries: u32) -> MapAttr {
        let (name, flags) = (name.into(), MapFlags::empty());
        MapAttr { kind, name, key_size: 4, value_size, max_entries, flags, inner: None }
    }
}

/// A map of any kind.
#[derive(Clone, Debug)]
pub enum Map {
    /// A DEVMAP.
    Devmap(Devmap),
    /// A DEVMAP_HASH.
    DevmapHash(DevmapHash),
    /// An array of maps.
    ArrayOfMaps(ArrayOfMaps),
    /// A hash of maps.
    HashOfMaps(HashOfMaps),
}

impl Map {
    /// What the map reports about itself.
    pub const fn attr(&self) -> &MapAttr {
        match self {
            Map::Devmap(map) => map.attr(),
            Map::DevmapHash(map) => map.attr(),
            Map::ArrayOfMaps(map) => map.attr(),
            Map::HashOfMaps(map) => map.attr(),
        }
    }

    /// The map type.
    #[inline]
    pub const fn kind(&self) -> MapKind {
        match self {
            Map::Devmap(_) => MapKind::Devmap,
            Map::DevmapHash(_) => MapKind::DevmapHash,
            Map::ArrayOfMaps(_) => MapKind::ArrayOfMaps,
            Map::HashOfMaps(_) => MapKind::HashOfMaps,
        }
    }

    /// How many entries carry a program.
    pub const fn programs(&self) -> usize {
        match self {
            Map::Devmap(map) => map.programs(),
            Map::DevmapHash(map) => map.programs(),
            Map::ArrayOfMaps(_) | Map::HashOfMaps(_) => 0,
        }
    }
}
