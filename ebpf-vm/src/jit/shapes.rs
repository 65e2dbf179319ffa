//! Which maps the code looks up in by itself.

use crate::helpers::{Entry, MapSet, id};
use crate::maps::Shape;
use crate::maps::kind::flag;
use crate::memory::MapIdx;
use crate::program::Program;

/// What a value is like, as far as the code relies on it after a comparison with the slab.
#[derive(Clone, Copy)]
pub(super) struct ValueHint {
    /// Bytes.
    pub size: u32,
    /// May programs write it?
    pub writable: bool,
}

/// What is known of maps when programs are translated. The code compares it with the maps that it runs with.
pub(super) struct Shapes {
    shapes: Vec<Option<Shape>>,
    values: Vec<Option<ValueHint>>,
}

impl Shapes {
    /// None at all if some program takes a lock: a host must refuse every lookup while it is held.
    pub fn of(programs: &[Program], maps: &MapSet) -> Self {
        let locks = programs.iter().flat_map(Program::helpers).any(|(_, helper)| helper == id::SPIN_LOCK);
        let own = |entry: &'_ Entry| match entry {
            Entry::Own(map) => {
                let size = map.spec().value_size;
                let writable = map.spec().flags & flag::RDONLY_PROG == 0;
                (map.shape().filter(|_| !locks), Some(ValueHint { size, writable }))
            }
            Entry::Targets(_) | Entry::Outside(..) => (None, None),
        };
        let (shapes, values) = maps.entries().iter().map(own).unzip();
        Self { shapes, values }
    }

    /// What a map's values are like.
    pub fn value(&self, map: MapIdx) -> Option<ValueHint> {
        self.values.get(map.0 as usize).copied().flatten()
    }

    /// How a lookup in a map goes.
    pub fn get(&self, map: MapIdx) -> Option<Shape> {
        self.shapes.get(map.0 as usize).copied().flatten()
    }

    /// The place after the last map that the code may look up in.
    pub fn looks(&self) -> usize {
        self.shapes.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }
}
