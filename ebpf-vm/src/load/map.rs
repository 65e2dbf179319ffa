//! A map as it was declared, and what is in it from the start.

use super::btf::TypeId;

/// A map's place in [`super::Object::maps`]; what instructions name it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapIndex(pub u32);

/// The attributes that a map is created with. Nothing is checked: what a kernel would refuse, the map's
/// own creation refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MapSpec {
    /// Its type, a number of `enum bpf_map_type`.
    pub map_type: u32,
    /// Bytes in a key.
    pub key_size: u32,
    /// Bytes in a value.
    pub value_size: u32,
    /// Capacity; 0 of a perf event array stands for the number of CPUs.
    pub max_entries: u32,
    /// Creation flags.
    pub flags: u32,
    /// What some types take besides.
    pub extra: u64,
}

/// What a slot of a map of maps or of a PROG_ARRAY is filled with (`.values = { … }`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A map of this object.
    Map(MapIndex),
    /// A program of this object, by name.
    Program(String),
}

/// What is in a map from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Nothing.
    Empty,
    /// The only value of an array: a section's variables.
    Bytes(Vec<u8>),
    /// Keys and what is there.
    References(Vec<(u32, Reference)>),
}

/// A map of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapDef {
    /// Its name; that of the section, with its dot, for variables.
    pub name: String,
    /// What it is created with.
    pub spec: MapSpec,
    /// The template of a map of maps.
    pub inner: Option<MapSpec>,
    /// It is shared by name with other objects (`LIBBPF_PIN_BY_NAME`).
    pub pinned: bool,
    /// What it begins with.
    pub initial: Initial,
    /// The type of a key; `void` if it is not known.
    pub key: TypeId,
    /// The type of a value; `void` if it is not known.
    pub value: TypeId,
    /// Where in a value its `struct bpf_spin_lock` is.
    pub lock: Option<u32>,
}

/// A variable of a data section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// Its name in C.
    pub name: String,
    /// The map of its section.
    pub map: MapIndex,
    /// Where it is in the map's only value.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// Its type; `void` if it is not known.
    pub ty: TypeId,
}
