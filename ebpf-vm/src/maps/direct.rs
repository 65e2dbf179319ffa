//! Places in a map, as generated code names them.

/// From the map's start.
pub(crate) mod at {
    use std::mem::offset_of;

    use super::super::Map;
    use super::super::hash::Hash;
    use super::super::keys::KeyIndex;

    /// [`Shape::bits`](super::super::Shape::bits)
    pub const SHAPE: i32 = offset_of!(Map, shape) as i32;
    /// How many elements an array has.
    pub const LEN: i32 = offset_of!(Map, len) as i32;
    const HASH: usize = offset_of!(Map, hash);
    const KEYS_OF_HASH: usize = HASH + offset_of!(Hash, keys);
    /// Places of a hash's table, less one.
    pub const MASK: i32 = (KEYS_OF_HASH + offset_of!(KeyIndex, mask)) as i32;
    /// What keys are multiplied with.
    pub const MULTIPLIER: i32 = (KEYS_OF_HASH + offset_of!(KeyIndex, multiplier)) as i32;
    /// The address of the table.
    pub const TABLE: i32 = (KEYS_OF_HASH + offset_of!(KeyIndex, table)) as i32;
    /// The address of the keys by slot.
    pub const KEYS: i32 = (KEYS_OF_HASH + offset_of!(KeyIndex, keys)) as i32;
    /// The address of what was used, by slot.
    pub const USED: i32 = (HASH + offset_of!(Hash, used)) as i32;
}
