//! Design D7: every group a sorted array of 16-bit port numbers, all in one arena.
//!
//! A group is a segment of the arena. One that outgrows its segment moves to the end with half as much again as room, so
//! a join costs as much as the group is long; when half of the arena is left behind, it is packed anew. The difference is
//! a merge of two arrays, or, if the exclude group is much the shorter one, runs between its ports.
//!
//! Rules: MCAST-P29.

use super::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, Membership, Ops, Order,
    Quantity, Query, Refusal, Side, carry,
};
use crate::{IfIndex, MapKey};

/// Port numbers have 16 bits.
const MOST_PORTS: u32 = u16::MAX as u32;
/// Segments for so many groups are taken in advance.
const MOST_GROUPS: u64 = 1 << 32;
/// An arena below this is not worth packing.
const WORTH_PACKING: usize = 1 << 12;
/// From so many forward ports for each port of the exclude group on, these are searched for.
const SEARCH_FROM: usize = 16;

/// A group's part of the arena.
#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    start: u32,
    len: u16,
    room: u16,
}

/// Groups as sorted arrays in one arena.
#[derive(Clone, Debug)]
pub struct SortedArrays {
    limits: Limits,
    arena: Vec<u16>,
    /// Forward groups, then exclude groups.
    segments: Vec<Segment>,
    /// Elements of the arena that are in no segment.
    left_behind: usize,
}

impl SortedArrays {
    /// Empty groups.
    ///
    /// # Errors
    /// [`Refusal::Limit`] of ports (65,535) or groups.
    pub fn create(limits: &Limits) -> Result<SortedArrays, Refusal> {
        Refusal::above(Quantity::Ports, limits.ports, MOST_PORTS)?;
        let groups = u64::from(limits.forward) + u64::from(limits.exclude);
        Refusal::above(Quantity::ForwardGroups, groups, MOST_GROUPS)?;
        let segments = vec![Segment::default(); groups as usize];
        Ok(SortedArrays { limits: *limits, arena: Vec::new(), segments, left_behind: 0 })
    }

    #[inline]
    fn index(&self, side: Side, group: GroupId) -> Result<usize, Refusal> {
        self.limits.check_group(side, group)?;
        let before = if side == Side::Forward { 0 } else { self.limits.forward as usize };
        Ok(before + group.0 as usize - 1)
    }

    #[inline]
    fn list(&self, index: usize) -> &[u16] {
        let Segment { start, len, .. } = self.segments[index];
        &self.arena[start as usize..start as usize + usize::from(len)]
    }

    /// Gives a group an empty segment of this size; what it had is lost.
    fn move_to_end(&mut self, index: usize, room: usize) -> Result<(), Refusal> {
        let most = u64::from(u32::MAX);
        Refusal::above(Quantity::Members, (self.arena.len() + room) as u64, most)?;
        let room = room.min(usize::from(u16::MAX));
        self.left_behind += usize::from(self.segments[index].room);
        self.segments[index] = Segment { start: self.arena.len() as u32, len: 0, room: room as u16 };
        self.arena.resize(self.arena.len() + room, 0);
        Ok(())
    }

    /// Writes a group; the caller has sorted it and made room.
    fn fill(&mut self, index: usize, ports: &[u16]) {
        let segment = &mut self.segments[index];
        segment.len = ports.len() as u16;
        let start = segment.start as usize;
        self.arena[start..start + ports.len()].copy_from_slice(ports);
    }

    /// Packs the arena if half of it is left behind.
    fn pack(&mut self) -> u64 {
        if self.left_behind * 2 < self.arena.len() || self.arena.len() < WORTH_PACKING {
            return 0;
        }
        let mut packed = Vec::with_capacity(self.arena.len() - self.left_behind);
        for segment in &mut self.segments {
            let from = segment.start as usize;
            segment.start = packed.len() as u32;
            segment.room = segment.len;
            packed.extend_from_slice(&self.arena[from..from + usize::from(segment.len)]);
        }
        self.arena = packed;
        self.left_behind = 0;
        self.arena.len() as u64
    }

    fn insert(&mut self, index: usize, port: u16) -> Result<Ops, Refusal> {
        let Err(at) = self.list(index).binary_search(&port) else {
            return Ok(Ops { compares: search_steps(self.list(index).len()), ..Ops::NONE });
        };
        let Segment { start, len, room } = self.segments[index];
        let (start, len) = (start as usize, usize::from(len));
        let compares = search_steps(len);
        if len < usize::from(room) {
            self.arena.copy_within(start + at..start + len, start + at + 1);
            self.arena[start + at] = port;
            self.segments[index].len += 1;
            return Ok(Ops { compares, moves: (len - at) as u64, ..Ops::WRITE });
        }
        let mut grown = self.list(index).to_vec();
        grown.insert(at, port);
        self.move_to_end(index, grown.len() + grown.len() / 2)?;
        self.fill(index, &grown);
        Ok(Ops { compares, moves: len as u64 + self.pack(), ..Ops::WRITE })
    }

    fn remove(&mut self, index: usize, port: u16) -> Ops {
        let list = self.list(index);
        let compares = search_steps(list.len());
        let Ok(at) = list.binary_search(&port) else { return Ops { compares, ..Ops::NONE } };
        let Segment { start, len, .. } = self.segments[index];
        let (start, len) = (start as usize, usize::from(len));
        self.arena.copy_within(start + at + 1..start + len, start + at);
        self.segments[index].len -= 1;
        Ops { compares, moves: (len - at - 1) as u64, ..Ops::WRITE }
    }

    /// Both lists, and one more port to leave out (0 is none).
    #[inline]
    fn lists(&self, query: &Query) -> Result<(&[u16], &[u16], u16), Refusal> {
        let design = Some(Design::SortedArrays);
        let (group, ingress) =
            query.exclude.parts().ok_or(Refusal::Exclude { design, exclude: Exclude::IngressAndUppers })?;
        self.limits.check_query(query)?;
        let forward = self.list(self.index(Side::Forward, query.forward)?);
        let exclude = match group {
            Some(group) => self.list(self.index(Side::Exclude, group)?),
            None => &[],
        };
        Ok((forward, exclude, if ingress { query.ingress.0 as u16 } else { 0 }))
    }
}

/// Comparisons of a binary search.
fn search_steps(len: usize) -> u64 {
    u64::from(usize::BITS - len.leading_zeros())
}

/// Whether the exclude group is so short that its ports are searched for.
fn searches(forward: &[u16], exclude: &[u16]) -> bool {
    exclude.len().saturating_mul(SEARCH_FROM) < forward.len()
}

/// Calls `each` with every port of `forward` that isn't in `exclude` and isn't `but`.
#[inline]
fn difference(forward: &[u16], exclude: &[u16], but: u16, mut each: impl FnMut(IfIndex)) {
    let mut each = |port: u16| {
        if port != but {
            each(IfIndex(u32::from(port)));
        }
    };
    let mut rest = forward;
    if searches(forward, exclude) {
        for excluded in exclude {
            let at = rest.partition_point(|port| port < excluded);
            rest[..at].iter().for_each(|port| each(*port));
            rest = &rest[at..];
            rest = rest.strip_prefix(&[*excluded]).unwrap_or(rest);
        }
        rest.iter().for_each(|port| each(*port));
        return;
    }
    let mut exclude = exclude.iter().copied();
    let mut next = exclude.next();
    for port in rest {
        while next.is_some_and(|next| next < *port) {
            next = exclude.next();
        }
        if next != Some(*port) {
            each(*port);
        }
    }
}

impl Encoding for SortedArrays {
    fn name(&self) -> &str {
        Design::SortedArrays.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Ascending
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        let index = self.index(side, group)?;
        members.iter().try_for_each(|member| self.limits.check_own_key(side, *member))?;
        let mut ports: Vec<u16> = members.iter().map(|member| member.port.0 as u16).collect();
        ports.sort_unstable();
        ports.dedup();
        let mut moves = 0;
        if ports.len() > usize::from(self.segments[index].room) {
            self.move_to_end(index, ports.len())?;
            self.fill(index, &ports);
            moves = self.pack();
        } else {
            self.fill(index, &ports);
        }
        Ok(Ops { writes: ports.len() as u64, moves, ..Ops::NONE })
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        let index = self.index(side, group)?;
        self.limits.check_own_key(side, member)?;
        self.insert(index, member.port.0 as u16)
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        let index = self.index(side, group)?;
        Ok(u16::try_from(key.0).map_or(Ops::NONE, |port| self.remove(index, port)))
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        let mut ops = Ops::NONE;
        for index in 0..self.segments.len() {
            ops += self.remove(index, port.0 as u16);
        }
        Ok(ops)
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let (forward, exclude, but) = self.lists(query)?;
        difference(forward, exclude, but, each);
        Ok(())
    }

    fn deliver(&self, query: &Query, ports: &mut Vec<IfIndex>) -> Result<(), Refusal> {
        ports.clear();
        let (forward, exclude, but) = self.lists(query)?;
        difference(forward, exclude, but, |port| ports.push(port));
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let (forward, exclude, but) = self.lists(query)?;
        let mut copies = 0;
        difference(forward, exclude, but, |_| copies += 1);
        let (a, b) = (forward.len() as u64, exclude.len() as u64);
        let compares = if searches(forward, exclude) { b * search_steps(forward.len()) } else { a + b };
        let group_lookups = 1 + u64::from(!exclude.is_empty());
        Ok(Ops { group_lookups, slots: a + b, compares, copies, ..Ops::NONE })
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        let list = self.list(self.index(side, group)?);
        Ok(list.iter().map(|port| Member::of(IfIndex(u32::from(*port)))).collect())
    }

    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        KernelPlan::filter(self, Membership::List)
    }

    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        carry::filter_call(&self.limits, Design::SortedArrays, query)
    }

    /// The arena, packed or not, and a segment for each group.
    fn formula_bytes(&self) -> u64 {
        2 * self.arena.len() as u64 + size_of::<Segment>() as u64 * self.segments.len() as u64
    }

    fn heap_bytes(&self) -> usize {
        self.arena.capacity() * size_of::<u16>() + self.segments.capacity() * size_of::<Segment>()
    }
}
