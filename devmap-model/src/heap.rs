//! Bytes of heap that the standard containers take, as far as their capacities don't say it.
//!
//! A vector's bytes are its capacity. A tree's follow from how its nodes are laid out (11 pairs to a node), a table's from
//! its buckets; both are the standard library's, so these are estimates: within a quarter of what an allocator counts.

/// Pairs in a full node of a tree.
const NODE: usize = 11;
/// Pointer to the parent, index in it, length; every twelfth node has twelve more pointers.
const NODE_HEAD: usize = 16 + 8;
/// A node of a tree that grew by insertions is this full, in hundredths.
const FILLED: usize = 70;
/// Bytes beside the buckets of a table: one for each, and a group of them at the end.
const TABLE_TAIL: usize = 16;

/// A tree of so many pairs of this size.
pub(crate) const fn tree_bytes(len: usize, pair: usize) -> usize {
    if len == 0 {
        return 0;
    }
    let nodes = if len <= NODE { 1 } else { (len * 100).div_ceil(NODE * FILLED) };
    nodes * (NODE * pair + NODE_HEAD)
}

/// A hash table with this capacity, of pairs of this size.
pub(crate) const fn table_bytes(capacity: usize, pair: usize) -> usize {
    if capacity == 0 {
        return 0;
    }
    // A table is at most seven eighths full, a small one all but one.
    let buckets = if capacity < 8 { capacity + 1 } else { capacity / 7 * 8 };
    buckets * (pair + 1) + TABLE_TAIL
}
