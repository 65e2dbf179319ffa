//! Elementary operations: what a lookup or an update consists of, whatever the machine.

use std::ops::{Add, AddAssign};

/// Counts of elementary operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ops {
    /// Groups found by their number.
    pub group_lookups: u64,
    /// Slots of maps that were visited, and elements of lists.
    pub slots: u64,
    /// Comparisons of two port numbers.
    pub compares: u64,
    /// Members found by their key.
    pub member_lookups: u64,
    /// Words of bitmaps that were read.
    pub words: u64,
    /// Bits that were found in words.
    pub bits: u64,
    /// Copies of the frame that were made, whether they left or not.
    pub copies: u64,
    /// Runs of a program of an entry.
    pub programs: u64,
    /// Elements that were written, inserted or removed: of maps, bitmaps or lists.
    pub writes: u64,
    /// Elements that had to make room.
    pub moves: u64,
    /// Maps that were created.
    pub maps: u64,
}

impl Ops {
    /// One element written.
    pub const WRITE: Ops = Ops { writes: 1, ..Ops::NONE };
    /// Nothing.
    pub const NONE: Ops = Ops {
        group_lookups: 0,
        slots: 0,
        compares: 0,
        member_lookups: 0,
        words: 0,
        bits: 0,
        copies: 0,
        programs: 0,
        writes: 0,
        moves: 0,
        maps: 0,
    };

    /// All of them, each counted as one.
    pub const fn total(&self) -> u64 {
        self.group_lookups
            + self.slots
            + self.compares
            + self.member_lookups
            + self.words
            + self.bits
            + self.copies
            + self.programs
            + self.writes
            + self.moves
            + self.maps
    }

    /// So many elements written.
    pub const fn writes(writes: u64) -> Ops {
        Ops { writes, ..Ops::NONE }
    }
}

impl Add for Ops {
    type Output = Ops;

    fn add(self, other: Ops) -> Ops {
        Ops {
            group_lookups: self.group_lookups + other.group_lookups,
            slots: self.slots + other.slots,
            compares: self.compares + other.compares,
            member_lookups: self.member_lookups + other.member_lookups,
            words: self.words + other.words,
            bits: self.bits + other.bits,
            copies: self.copies + other.copies,
            programs: self.programs + other.programs,
            writes: self.writes + other.writes,
            moves: self.moves + other.moves,
            maps: self.maps + other.maps,
        }
    }
}

impl AddAssign for Ops {
    fn add_assign(&mut self, other: Ops) {
        *self = *self + other;
    }
}
