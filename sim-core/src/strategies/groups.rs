//! Random groups: who gets a copy of a broadcast, and who shall not.

use std::collections::BTreeSet;

use proptest::prelude::*;
use xdpsim_devmap::MapKind;

use crate::scenario::MapSpec;

/// Members of a broadcast, and those of them that are excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The members in the order in which a map holds them.
    pub members: Vec<String>,
    /// Who is excluded; a member or not.
    pub excluded: BTreeSet<String>,
}

impl Group {
    /// The members that are not excluded: forward minus exclude.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.members.iter().filter(|member| !self.excluded.contains(*member)).map(String::as_str)
    }

    /// A map whose broadcast reaches the targets: each has the key of its place among the members.
    #[must_use]
    pub fn map(&self, name: &str, kind: MapKind) -> MapSpec {
        let map = MapSpec::new(name, kind, self.members.len().max(1) as u32);
        let keyed = self.members.iter().enumerate();
        keyed
            .filter(|(_, member)| !self.excluded.contains(*member))
            .fold(map, |map, (key, member)| map.with(key as u32, member))
    }
}

/// A group over these ports: any subset in any order, any of all ports excluded. Shrinks towards fewer
/// members and nobody excluded.
pub fn over(ports: &[String]) -> impl Strategy<Value = Group> + use<> {
    let members = prop::sample::subsequence(ports.to_vec(), 0..=ports.len()).prop_shuffle();
    let excluded = prop::sample::subsequence(ports.to_vec(), 0..=ports.len());
    (members, excluded)
        .prop_map(|(members, excluded)| Group { members, excluded: excluded.into_iter().collect() })
}
