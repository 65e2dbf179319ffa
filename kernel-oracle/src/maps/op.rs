//! The operations of a sequence, as values that can be shrunk and printed.
//!
//! Maps are named by the order of their creation, so that an operation stays meaningful when others are
//! taken out of the sequence.

use xdpsim_devmap::MapKind;

/// A map: the n-th of those that were created and not closed, modulo how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapRef(pub u8);

/// One of the two namespaces that operations are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The first, where a sequence begins.
    First,
    /// The second; some of its devices have numbers that the first has, too.
    Second,
}

/// A program, or what is given in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgRef {
    /// 0: none, though a descriptor of that number may be open.
    Zero,
    /// Below zero.
    Negative,
    /// The number of no open descriptor.
    Closed,
    /// A map's descriptor.
    AMap,
    /// A plain file's descriptor.
    AFile,
    /// A devmap program without frags.
    Entry,
    /// A devmap program with frags.
    EntryFrags,
    /// A program for devices.
    Device,
    /// A program for entries of a CPUMAP.
    Cpumap,
    /// A program of another type.
    Other,
    /// A devmap program that is bound to a device.
    Bound,
}

/// A map in place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InnerRef {
    /// One of the sequence.
    Map(MapRef),
    /// The number of no open descriptor.
    Closed,
}

/// What an update writes. The map's type says which part is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Into a device map: the interface index.
    pub ifindex: u32,
    /// Into a device map with 8-byte values: the program.
    pub prog: ProgRef,
    /// Into a map of maps.
    pub inner: InnerRef,
}

/// What a map is created with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateOp {
    /// The type.
    pub kind: MapKind,
    /// Bytes in a key.
    pub key_size: u32,
    /// Bytes in a value.
    pub value_size: u32,
    /// Capacity.
    pub max_entries: u32,
    /// Creation flags.
    pub flags: u32,
    /// Template of a map of maps.
    pub inner: InnerRef,
}

/// What a program is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadFor {
    /// Devices.
    Device,
    /// Entries of a device map.
    Entry,
}

/// Something that happens to the device of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceOp {
    /// It is deleted.
    Delete,
    /// It moves to a namespace (where it may be already).
    Move(Space),
    /// It is set up or down.
    Up(bool),
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapOp {
    /// Creates a map.
    Create(CreateOp),
    /// Writes an entry.
    Update {
        /// The map.
        map: MapRef,
        /// The key.
        key: u32,
        /// The value.
        value: Value,
        /// The flags, all 64 bits.
        flags: u64,
    },
    /// Removes an entry.
    Delete {
        /// The map.
        map: MapRef,
        /// The key.
        key: u32,
    },
    /// Reads an entry.
    Lookup {
        /// The map.
        map: MapRef,
        /// The key.
        key: u32,
    },
    /// Asks for the key that follows, or for the first.
    NextKey {
        /// The map.
        map: MapRef,
        /// The key before.
        key: Option<u32>,
    },
    /// Closes a map's descriptor.
    Close {
        /// The map.
        map: MapRef,
    },
    /// Goes to a namespace.
    Enter(Space),
    /// Loads a program that uses maps.
    Load {
        /// What for.
        program: LoadFor,
        /// With frags?
        frags: bool,
        /// The maps.
        maps: Vec<MapRef>,
    },
    /// Something happens to the device with the index [`super::machine::GUEST`].
    Device(DeviceOp),
}
