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

/// A forward group and an exclude group over numbered ports, as a walk meets their members: repeats and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The members of the forward group, as places among the ports.
    pub forward: Vec<usize>,
    /// Those of the exclude group.
    pub exclude: Vec<usize>,
    /// What kind of map both are.
    pub kind: MapKind,
}

impl Pair {
    /// Law MCAST-P01: the members of the forward group that are not in the exclude group, in order and with
    /// repeats.
    #[must_use]
    pub fn difference(&self) -> Vec<usize> {
        self.forward.iter().copied().filter(|port| !self.exclude.contains(port)).collect()
    }

    /// A map of these members that is walked in their order: its keys are 0, 1, 2 ….
    #[must_use]
    pub fn map(&self, name: &str, members: &[usize], ports: &[&str]) -> MapSpec {
        let map = MapSpec::new(name, self.kind, 64);
        members.iter().enumerate().fold(map, |map, (key, &port)| map.with(key as u32, ports[port]))
    }
}

/// Any two groups over so many ports, of up to twelve members each. Shrinks towards small groups of the first
/// ports.
pub fn pairs(ports: usize) -> impl Strategy<Value = Pair> {
    let members = prop::collection::vec(0..ports, 0..12);
    (members.clone(), members, super::maps::kind()).prop_map(|(forward, exclude, kind)| Pair {
        forward,
        exclude,
        kind,
    })
}
