//! Joins and leaves.

use super::Workload;
use crate::explore::random::Random;

/// A port joins a group or leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Number of the group, from 0.
    pub group: u32,
    /// The port, from 1.
    pub port: u32,
    /// It joins.
    pub joins: bool,
}

/// Changes that make sense one by one, in pairs: what one does, the next one takes back. So the groups stay as
/// large as they are, however many changes are made.
pub(super) fn draw(workload: &Workload, count: usize, random: &mut Random) -> Vec<Change> {
    let mut members = Vec::new();
    let mut changes = Vec::with_capacity(count + 1);
    while changes.len() < count {
        let (group, port) = (random.below(workload.groups()), 1 + random.below(workload.ports()));
        workload.group(group, &mut members);
        let joins = members.binary_search(&port).is_err();
        changes.extend([Change { group, port, joins }, Change { group, port, joins: !joins }]);
    }
    changes.truncate(count.next_multiple_of(2));
    changes
}
