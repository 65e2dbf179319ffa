//! Design D6: a compressed bitmap for each group (the `roaring` crate).
//!
//! Sets in blocks of 65,536 ports; a block is a sorted array, a dense bitmap, or runs, whichever is the shortest. So a port's
//! number can be any, and a sparse group costs what it holds. The difference is a merge. No repeats, no mask of fixed
//! length. It is a user-space form: a kernel has no such sets.
//!
//! Rules: MCAST-P29.

use super::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, NotCarried, Ops, Order,
    Quantity, Query, Refusal, Side,
};
use crate::{IfIndex, MapKey};
use roaring::RoaringBitmap;
use roaring::bitmap::Statistics;

/// Sets for so many groups are taken in advance.
const MOST_GROUPS: u64 = 1 << 28;
/// What a block takes beside its elements: key, kind, and a vector's head.
const BLOCK_HEAD: u64 = 40;
/// A dense block: a bit for each of 65,536 ports.
const DENSE_BLOCK: u64 = 8_192;
/// Comparisons by which one port is found, at most: a binary search in an array of 4,096.
const SEARCH: u64 = 12;

/// Groups as compressed bitmaps.
#[derive(Clone, Debug)]
pub struct Compressed {
    limits: Limits,
    forward: Vec<RoaringBitmap>,
    exclude: Vec<RoaringBitmap>,
}

impl Compressed {
    /// Empty groups.
    ///
    /// # Errors
    /// [`Refusal::Limit`] of groups.
    pub fn create(limits: &Limits) -> Result<Compressed, Refusal> {
        let groups = u64::from(limits.forward) + u64::from(limits.exclude);
        Refusal::above(Quantity::ForwardGroups, groups, MOST_GROUPS)?;
        let sets = |count: u32| vec![RoaringBitmap::new(); count as usize];
        Ok(Compressed { limits: *limits, forward: sets(limits.forward), exclude: sets(limits.exclude) })
    }

    fn set_mut(&mut self, side: Side, group: GroupId) -> Result<&mut RoaringBitmap, Refusal> {
        self.limits.check_group(side, group)?;
        let index = group.0 as usize - 1;
        Ok(match side {
            Side::Forward => &mut self.forward[index],
            Side::Exclude => &mut self.exclude[index],
        })
    }

    /// Both sets, and one more port to leave out (0 is none).
    #[inline]
    fn sets(&self, query: &Query) -> Result<(&RoaringBitmap, Option<&RoaringBitmap>, u32), Refusal> {
        let design = Some(Design::Compressed);
        let (group, ingress) =
            query.exclude.parts().ok_or(Refusal::Exclude { design, exclude: Exclude::IngressAndUppers })?;
        self.limits.check_query(query)?;
        let forward = &self.forward[query.forward.0 as usize - 1];
        let exclude = group.map(|group| &self.exclude[group.0 as usize - 1]);
        Ok((forward, exclude, if ingress { query.ingress.0 } else { 0 }))
    }
}

/// Calls `each` with every port of `forward` that isn't in `exclude` and isn't `but`: a merge, without a set of its own.
#[inline]
fn difference(
    forward: &RoaringBitmap,
    exclude: Option<&RoaringBitmap>,
    but: u32,
    mut each: impl FnMut(IfIndex),
) {
    let mut exclude = exclude.into_iter().flatten();
    let mut next = exclude.next();
    for port in forward {
        while next.is_some_and(|next| next < port) {
            next = exclude.next();
        }
        if next != Some(port) && port != but {
            each(IfIndex(port));
        }
    }
}

/// Heap behind one set, with what its blocks have in reserve.
fn heap_behind(set: &RoaringBitmap) -> u64 {
    let blocks = set.statistics();
    // The crate counts four bytes for a port of an array, which has two.
    behind(&blocks, blocks.n_bytes_array_containers / 2)
}

/// The same without reserve.
fn needed_behind(set: &RoaringBitmap) -> u64 {
    let blocks = set.statistics();
    behind(&blocks, 2 * u64::from(blocks.n_values_array_containers))
}

fn behind(blocks: &Statistics, arrays: u64) -> u64 {
    let dense = u64::from(blocks.n_bitset_containers) * DENSE_BLOCK;
    u64::from(blocks.n_containers) * BLOCK_HEAD + arrays + dense + blocks.n_bytes_run_containers
}

impl Encoding for Compressed {
    fn name(&self) -> &str {
        Design::Compressed.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Ascending
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        members.iter().try_for_each(|member| self.limits.check_own_key(side, *member))?;
        let set = self.set_mut(side, group)?;
        let mut ports: Vec<u32> = members.iter().map(|member| member.port.0).collect();
        ports.sort_unstable();
        let grown: RoaringBitmap = ports.iter().copied().collect();
        // A new copy has nothing in reserve.
        *set = grown.clone();
        Ok(Ops::writes(members.len() as u64))
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        self.limits.check_own_key(side, member)?;
        let set = self.set_mut(side, group)?;
        let port = member.port.0;
        // An element in the middle of an array makes those after it move.
        let moves = set.len().saturating_sub(set.rank(port));
        let writes = u64::from(set.insert(port));
        Ok(Ops { compares: SEARCH, moves: moves * writes, writes, ..Ops::NONE })
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        let set = self.set_mut(side, group)?;
        let moves = set.len().saturating_sub(set.rank(key.0));
        let writes = u64::from(set.remove(key.0));
        Ok(Ops { compares: SEARCH, moves: moves * writes, writes, ..Ops::NONE })
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        let sets = self.forward.iter_mut().chain(&mut self.exclude);
        let (mut compares, mut writes) = (0, 0);
        for set in sets {
            compares += SEARCH;
            writes += u64::from(set.remove(port.0));
        }
        Ok(Ops { compares, writes, ..Ops::NONE })
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let (forward, exclude, but) = self.sets(query)?;
        difference(forward, exclude, but, each);
        Ok(())
    }

    fn deliver(&self, query: &Query, ports: &mut Vec<IfIndex>) -> Result<(), Refusal> {
        ports.clear();
        let (forward, exclude, but) = self.sets(query)?;
        difference(forward, exclude, but, |port| ports.push(port));
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let (forward, exclude, but) = self.sets(query)?;
        let mut copies = 0;
        difference(forward, exclude, but, |_| copies += 1);
        let merged = forward.len() + exclude.map_or(0, RoaringBitmap::len);
        let group_lookups = 1 + u64::from(exclude.is_some());
        Ok(Ops { group_lookups, slots: merged, compares: merged, copies, ..Ops::NONE })
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        self.limits.check_group(side, group)?;
        let sets = if side == Side::Forward { &self.forward } else { &self.exclude };
        Ok(sets[group.0 as usize - 1].iter().map(|port| Member::of(IfIndex(port))).collect())
    }

    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        Err(Refusal::NotCarried(NotCarried::UserSpace))
    }

    fn kernel_call(&self, _: &Query) -> Result<KernelCall, Refusal> {
        Err(Refusal::NotCarried(NotCarried::UserSpace))
    }

    /// A head for each set, and what is behind it without reserve.
    fn formula_bytes(&self) -> u64 {
        let sets = self.forward.iter().chain(&self.exclude);
        sets.map(|set| size_of::<RoaringBitmap>() as u64 + needed_behind(set)).sum()
    }

    fn heap_bytes(&self) -> usize {
        let heads = (self.forward.capacity() + self.exclude.capacity()) * size_of::<RoaringBitmap>();
        heads + self.forward.iter().chain(&self.exclude).map(heap_behind).sum::<u64>() as usize
    }
}
