//! What a register holds.

use crate::memory::MapIdx;

/// What a register or a slot of the stack holds, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    #[default]
    Unknown,
    /// This number.
    Number(i64),
    /// An address in or near the packet.
    Packet,
    /// The context plus a constant.
    Context(i32),
    /// R10 plus a constant.
    Stack(i32),
    /// R10 plus something.
    SomeStack,
    /// An address in a value of a map.
    Value {
        /// Which map.
        map: MapIdx,
        /// How far behind the value's first byte, if that is constant.
        at: Option<i32>,
    },
    /// A map's handle.
    Handle(MapIdx),
}

/// Offsets beyond this are not followed.
const FAR: i64 = 1 << 24;

fn shift(at: i32, by: i64) -> Option<i32> {
    let sum = i64::from(at).checked_add(by)?;
    (sum.abs() < FAR).then_some(sum as i32)
}

impl Kind {
    /// What is known where two paths meet.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        use Kind::{Number, SomeStack, Stack, Unknown, Value};
        match (self, other) {
            (a, b) if a == b => a,
            (Stack(_) | SomeStack, Stack(_) | SomeStack) => SomeStack,
            (Value { map, .. }, Value { map: same, .. }) if map == same => Value { map, at: None },
            // Null on one path: who uses it has tested it, or faults.
            (value @ Value { .. }, Number(0)) | (Number(0), value @ Value { .. }) => value,
            _ => Unknown,
        }
    }

    /// This plus that, in 64 bits.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a.wrapping_add(b)),
            (base, Self::Number(by)) | (Self::Number(by), base) => base.moved(by),
            (base, Self::Unknown) | (Self::Unknown, base) => base.somewhere(),
            _ => Self::Unknown,
        }
    }

    /// This minus that, in 64 bits.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a.wrapping_sub(b)),
            (base, Self::Number(by)) => base.moved(by.wrapping_neg()),
            (base, Self::Unknown) => base.somewhere(),
            _ => Self::Unknown,
        }
    }

    /// Plus a constant.
    fn moved(self, by: i64) -> Self {
        match self {
            Self::Number(number) => Self::Number(number.wrapping_add(by)),
            Self::Packet => Self::Packet,
            Self::Context(at) => shift(at, by).map_or(Self::Unknown, Self::Context),
            Self::Stack(at) => shift(at, by).map_or(Self::SomeStack, Self::Stack),
            Self::SomeStack => Self::SomeStack,
            Self::Value { map, at } => Self::Value { map, at: at.and_then(|at| shift(at, by)) },
            Self::Unknown | Self::Handle(_) => Self::Unknown,
        }
    }

    /// Plus something.
    fn somewhere(self) -> Self {
        match self {
            Self::Packet => Self::Packet,
            Self::Stack(_) | Self::SomeStack => Self::SomeStack,
            Self::Value { map, .. } => Self::Value { map, at: None },
            _ => Self::Unknown,
        }
    }
}
