//! How much memory a design will take, before it is built: the catalogue's formulas.
//!
//! Equal to what the encoding says once it is there, where its form is maps (law MCAST-P32); for the others the
//! formula of the catalogue, which leaves out what an allocator adds.
//!
//! Rules: MCAST-K10, MCAST-P31, MCAST-P32.

use std::collections::BTreeMap;

use xdpsim_devmap::groups::encoding::{Design, DevmapFilter, IndexSplit, Limits, Precomputed, memory};

use super::workload::Workload;

/// A set of the compressed bitmap: its struct, the header on the heap, and each port (measured with the crate).
const COMPRESSED_SET: u64 = 24 + 40;
const COMPRESSED_PORT: u64 = 2;
/// Where a sorted array lies in its arena.
const SEGMENT: u64 = 12;
/// The exclusion id of a node.
const CLASS: u64 = 4;
/// A list of replicas, and one of them.
const LIST: u64 = 24;
const REPLICA: u64 = 8;

/// Sizes of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// Members of all forward groups together.
    pub members: u64,
    /// Members of all exclude groups together.
    pub excluded: u64,
}

impl Scale {
    pub(super) fn of(workload: &Workload) -> Self {
        let mut ports = Vec::new();
        let excluded = (0..workload.excludes()).map(|group| {
            workload.exclude(group, &mut ports);
            ports.len() as u64
        });
        Self { excluded: excluded.sum(), members: workload.entries() }
    }
}

/// Bytes that the design takes by its formula. Above `limit` it may be about so many. Sets the pairs that
/// precomputed differences need.
pub(super) fn bytes(
    design: Design,
    limits: &mut Limits,
    scale: &Scale,
    workload: &Workload,
    limit: u64,
) -> u64 {
    let (forward, exclude) = (u64::from(limits.forward), u64::from(limits.exclude));
    // Exclude groups that nothing is stored of do not count.
    let excluded = if exclude == 0 { 0 } else { scale.excluded };
    let (sets, members) = (forward + exclude, scale.members + excluded);
    let kinds = *limits;
    let map = |entries: u64| memory::of_attr(kinds.form.inner(), kinds.slots, entries);
    let maps = |count: u64, entries: u64| count.saturating_mul(map(0)) + entries * memory::ENTRY;
    let containing = |entries: u32| memory::of_attr(kinds.form.containing(), entries, 0);
    let row = 8 * u64::from(limits.ports).div_ceil(64);
    match design {
        Design::IndexSplit => maps(sets, members) + containing(IndexSplit::containing_entries(limits)),
        Design::DevmapFilter => maps(sets, members) + containing(DevmapFilter::containing_entries(limits)),
        // Its exclude maps are found by key, so they are hashes whatever the groups are.
        Design::TwoMaps => {
            maps(forward, scale.members)
                + exclude * memory::devmap_hash(limits.slots, 0)
                + excluded * memory::ENTRY
        }
        Design::MainlineFlags => maps(forward, scale.members),
        Design::Precomputed => {
            let differences =
                differences(workload, limits.ingress, |all| maps(all.maps, all.entries) > limit);
            limits.pairs = u32::try_from(differences.pairs).unwrap_or(u32::MAX);
            maps(differences.maps, differences.entries) + containing(Precomputed::containing_entries(limits))
        }
        Design::DenseBitmap => row * sets,
        Design::Compressed => COMPRESSED_SET * sets + COMPRESSED_PORT * members,
        Design::SortedArrays => 2 * members + SEGMENT * sets,
        Design::PruningIds => row * sets + CLASS * forward,
        Design::Replication => LIST * forward + REPLICA * scale.members + row * exclude,
        // Rows are as long as whole strings, which have 256 bits at most; a router has one of them for each port.
        Design::BitStrings => {
            let string = u64::from(limits.ports.next_power_of_two().clamp(64, 256)) / 8;
            row.next_multiple_of(string) * sets + string * u64::from(limits.ports)
        }
    }
}

/// What precomputed differences come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Differences {
    /// Different ones; the groups themselves are among them.
    maps: u64,
    /// Their members.
    entries: u64,
    /// Pairs of a group and what is left out of it, with room for changes.
    pairs: u64,
}

impl Differences {
    fn times(self, factor: f64) -> Self {
        let [maps, entries, pairs] =
            [self.maps, self.entries, self.pairs].map(|n| (n as f64 * factor) as u64);
        Self { maps, entries, pairs }
    }
}

/// The differences of all groups; about as many if there are too many.
fn differences(workload: &Workload, by_ingress: bool, too_many: impl Fn(Differences) -> bool) -> Differences {
    let sets = sets_of_ports(workload);
    let mut all = Differences::default();
    let mut ports = Vec::new();
    for group in 0..workload.groups() {
        workload.group(group, &mut ports);
        let one = distinct(&sets, &ports, by_ingress);
        all.maps += one.maps;
        all.entries += one.entries;
        all.pairs += one.pairs;
        if too_many(all) {
            // It is not tried, so the rest is taken to be like these.
            return all.times(f64::from(workload.groups()) / f64::from(group + 1));
        }
    }
    // A port that joins a group brings its exclude sets; one that joins an exclude set brings its groups.
    let most = sets.iter().map(Vec::len).max().unwrap_or(0) as u64;
    all.pairs += most.max(1) + if by_ingress { 0 } else { u64::from(workload.groups()) };
    all
}

/// For each port the exclude groups that have it.
fn sets_of_ports(workload: &Workload) -> Vec<Vec<u32>> {
    let mut sets = vec![Vec::new(); workload.ports() as usize + 1];
    let mut ports = Vec::new();
    for group in 0..workload.excludes() {
        workload.exclude(group, &mut ports);
        ports.iter().for_each(|&port| sets[port as usize].push(group));
    }
    sets
}

/// The different differences of a group: only what an exclude group shares with it counts (MCAST-P10).
fn distinct(sets: &[Vec<u32>], ports: &[u32], by_ingress: bool) -> Differences {
    let size = ports.len() as u64;
    if by_ingress {
        let entries = size + size * size.saturating_sub(1);
        return Differences { maps: 1 + size, entries, pairs: 1 + size };
    }
    let mut overlaps: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for &port in ports {
        sets[port as usize].iter().for_each(|&set| overlaps.entry(set).or_default().push(port));
    }
    let pairs = 1 + overlaps.len() as u64;
    let mut overlaps: Vec<Vec<u32>> = overlaps.into_values().collect();
    overlaps.sort_unstable();
    overlaps.dedup();
    let left: u64 = overlaps.iter().map(|overlap| size - overlap.len() as u64).sum();
    Differences { maps: 1 + overlaps.len() as u64, entries: size + left, pairs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shared_makes_a_difference() {
        // Ports 1 to 4; three exclude groups: {1, 2}, {1, 2, 4}, {4}.
        let sets = vec![vec![], vec![0, 1], vec![0, 1], vec![], vec![1, 2]];
        let of = |ports: &[u32], by_ingress| {
            let Differences { maps, entries, pairs } = distinct(&sets, ports, by_ingress);
            (maps, entries, pairs)
        };
        assert_eq!(of(&[3], false), (1, 1, 1), "none is touched");
        assert_eq!(of(&[1, 2, 3], false), (2, 3 + 1, 3), "two groups share the same");
        assert_eq!(of(&[1, 3, 4], false), (4, 3 + 2 + 1 + 2, 4));
        assert_eq!(of(&[1, 2, 3], true), (4, 3 + 3 * 2, 4));
    }
}
