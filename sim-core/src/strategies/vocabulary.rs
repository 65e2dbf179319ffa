//! What drawn programs, entries and changes may name.

use proptest::prelude::*;
use xdpsim_devmap::IfIndex;

/// The names that strategies choose from. A scenario that uses what they draw must have all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// Ports that entries and changes name; at least one.
    pub ports: Vec<String>,
    /// What `bpf_redirect()` is called with, present or not; at least one.
    pub ifindexes: Vec<IfIndex>,
    /// Device maps that programs use and changes write to; at least one. The first is drawn most often.
    pub maps: Vec<String>,
    /// Maps of maps that programs use; may be empty.
    pub outer_maps: Vec<String>,
    /// Maps have the keys 0 to `keys`-1; at least 2.
    pub keys: u32,
    /// Programs for ports; at least one.
    pub port_programs: Vec<String>,
    /// Programs for entries; at least one.
    pub entry_programs: Vec<String>,
    /// Namespaces beside the initial one; may be empty.
    pub netns: Vec<String>,
}

impl Vocabulary {
    /// One of the ports.
    pub fn port(&self) -> impl Strategy<Value = String> + Clone + use<> {
        prop::sample::select(self.ports.clone())
    }

    /// One of the device maps, the first most often.
    pub fn map(&self) -> impl Strategy<Value = String> + Clone + use<> {
        let first = self.maps[0].clone();
        prop_oneof![3 => Just(first), 2 => prop::sample::select(self.maps.clone())]
    }

    /// A name in this list.
    pub(super) fn one_of(names: &[String]) -> impl Strategy<Value = String> + Clone + use<> {
        prop::sample::select(names.to_vec())
    }
}
