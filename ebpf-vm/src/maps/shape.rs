//! What code that looks up by itself must have been made for: where a key's value is, as a number.

use super::kind::Kind;
use super::values::Values;

/// How a key leads to an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is the element's number.
    Array,
    /// By the table of the map's index.
    Hash {
        /// Bytes of a key: 4, 8 or 16.
        key_size: u8,
        /// Is every use noted?
        lru: bool,
    },
}

/// How a program's lookup goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub way: Way,
    /// Values of an element, one for each CPU; none if it has a single one.
    pub cpus: Option<u16>,
    /// From one value to the next.
    pub stride: u32,
}

impl Shape {
    /// None for maps that have to be asked.
    pub(super) fn of(kind: Kind, key_size: u32, values: Values, stride: u32) -> Option<Self> {
        let way = match (kind, key_size) {
            (Kind::Array | Kind::PercpuArray, 4) => Way::Array,
            (Kind::Hash | Kind::PercpuHash | Kind::LruHash | Kind::LruPercpuHash, 4 | 8 | 16) => {
                Way::Hash { key_size: key_size as u8, lru: kind.is_lru() }
            }
            _ => return None,
        };
        let cpus = match values.is_percpu() {
            true => Some(u16::try_from(values.each()).ok()?),
            false => None,
        };
        Some(Self { way, cpus, stride })
    }

    /// Different numbers for different shapes; never 0, because a stride is not.
    pub fn bits(self) -> u64 {
        let way = match self.way {
            Way::Array => 0,
            Way::Hash { key_size, lru } => u64::from(key_size) << 1 | u64::from(lru),
        };
        let cpus = u64::from(self.cpus.unwrap_or(0));
        u64::from(self.stride) | cpus << 32 | way << 48
    }

    /// What [`Shape::bits`] has made.
    #[cfg(feature = "jit")]
    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        let (stride, cpus) = (bits as u32, (bits >> 32) as u16);
        let way = match (bits >> 48) as u16 {
            0 => Way::Array,
            way => Way::Hash { key_size: (way >> 1) as u8, lru: way & 1 != 0 },
        };
        (bits != 0).then_some(Self { way, cpus: (cpus != 0).then_some(cpus), stride })
    }
}
