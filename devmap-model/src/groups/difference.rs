//! The reference for "forward group without exclude group".
//!
//! Every faster encoding of the same question has to agree with this one, so it is written to be read.

use crate::{DevId, Entry};
use std::collections::BTreeSet;

/// The entries of `forward` whose device isn't in `exclude`, in the order of `forward`.
///
/// Devices are compared by [`DevId`], not by interface index: two namespaces may use the same index. A
/// device that `forward` lists twice stays twice, as a broadcast would send it two copies (BRD-11). The
/// program of an entry plays no part in the comparison.
///
/// ```
/// use xdpsim_devmap::{DevId, Entry, IfIndex, difference};
/// let port = |n| Entry { dev: DevId(n), ifindex: IfIndex(n), prog: None };
/// let forward = [port(3), port(1), port(3), port(2)];
/// assert_eq!(difference(forward, [port(1)]), [port(3), port(3), port(2)]);
/// ```
pub fn difference(
    forward: impl IntoIterator<Item = Entry>,
    exclude: impl IntoIterator<Item = Entry>,
) -> Vec<Entry> {
    let excluded: BTreeSet<DevId> = exclude.into_iter().map(|entry| entry.dev).collect();
    forward.into_iter().filter(|entry| !excluded.contains(&entry.dev)).collect()
}
