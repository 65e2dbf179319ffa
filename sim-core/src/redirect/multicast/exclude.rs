//! Who is left out: the exclude group as a set of ifindexes, or as a map to be asked.
//!
//! Rules: MCAST-16, MCAST-18, MCAST-19, MCAST-24, MCAST-42, MCAST-43.

use xdpsim_devmap::{Entry, IfIndex, MapId, MapKey, MapTable};

use crate::fate::Skip;

/// Whom a multicast leaves out, by ifindex number only.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExcludeSet {
    /// The ifindexes of the exclude group's entries, ascending; its keys and its order say nothing.
    values: Vec<IfIndex>,
    /// A map that is asked for the target's ifindex as a key; what the entry holds says nothing (MCAST-43).
    keys: Option<MapId>,
    /// The port on which the frame came in, if it is excluded, too (MCAST-42).
    ingress: Option<IfIndex>,
}

impl ExcludeSet {
    /// Everybody in an exclude group, by the value's ifindex. A group that is not there excludes nobody.
    pub fn of_values(maps: &MapTable, group: Option<MapId>) -> Self {
        let entries = group.into_iter().flat_map(|group| maps.targets(group));
        let mut values: Vec<IfIndex> = entries.map(|(_, entry)| entry.ifindex).collect();
        values.sort_unstable();
        Self { values, ..Self::default() }
    }

    /// A planted fault: the keys of the exclude group are taken for ifindexes.
    #[cold]
    pub fn of_keys_as_ifindexes(maps: &MapTable, group: Option<MapId>) -> Self {
        let entries = group.into_iter().flat_map(|group| maps.targets(group));
        let mut values: Vec<IfIndex> = entries.map(|(key, _)| IfIndex(key.0)).collect();
        values.sort_unstable();
        Self { values, ..Self::default() }
    }

    /// Everybody whose ifindex is a key of this map.
    pub fn of_keys(group: Option<MapId>) -> Self {
        Self { keys: group, ..Self::default() }
    }

    /// The same, and the port on which the frame came in.
    pub fn and_ingress(self, ingress: Option<IfIndex>) -> Self {
        Self { ingress, ..self }
    }

    /// Is this target left out, and why?
    pub fn skip(&self, maps: &MapTable, target: &Entry) -> Option<Skip> {
        let key = MapKey(target.ifindex.0);
        let listed = self.values.binary_search(&target.ifindex).is_ok()
            || self.keys.is_some_and(|map| maps.redirect_lookup(map, key).is_some());
        if listed {
            Some(Skip::ExcludeGroup)
        } else {
            (self.ingress == Some(target.ifindex)).then_some(Skip::Ingress)
        }
    }
}
