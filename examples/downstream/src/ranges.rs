//! Somebody's own encoding of groups: ranges of ports.
//!
//! In their switch, groups are mostly slots full of ports, so a group is a few ranges. All they had to write is the trait;
//! `tests/own_encoding.rs` holds it against one of xdpsim's own.

use xdpsim_devmap::groups::encoding::{
    Encoding, Exclude, GroupId, Limits, Member, Ops, Order, Query, Refusal, Side,
};
use xdpsim_devmap::{IfIndex, MapKey};

/// First and last port.
type Range = (u32, u32);

/// Groups as ascending ranges with gaps between them.
pub struct Ranges {
    limits: Limits,
    forward: Vec<Vec<Range>>,
    exclude: Vec<Vec<Range>>,
}

impl Ranges {
    /// Empty groups.
    pub fn new(limits: Limits) -> Self {
        let groups = |count| vec![Vec::new(); count as usize];
        Self { limits, forward: groups(limits.forward), exclude: groups(limits.exclude) }
    }

    fn group(&self, side: Side, group: GroupId) -> Result<&Vec<Range>, Refusal> {
        self.limits.check_group(side, group)?;
        let groups = if side == Side::Forward { &self.forward } else { &self.exclude };
        Ok(&groups[group.0 as usize - 1])
    }

    fn group_mut(&mut self, side: Side, group: GroupId) -> Result<&mut Vec<Range>, Refusal> {
        self.limits.check_group(side, group)?;
        let groups = if side == Side::Forward { &mut self.forward } else { &mut self.exclude };
        Ok(&mut groups[group.0 as usize - 1])
    }

    fn all_groups(&self) -> impl Iterator<Item = &Vec<Range>> {
        self.forward.iter().chain(&self.exclude)
    }

    /// Both groups, and one more port to leave out (0 is none).
    fn asked(&self, query: &Query) -> Result<(&[Range], &[Range], u32), Refusal> {
        self.limits.check_query(query)?;
        let cannot = Refusal::Exclude { design: None, exclude: Exclude::IngressAndUppers };
        let (group, ingress) = query.exclude.parts().ok_or(cannot)?;
        let exclude =
            group.map_or(Ok(&[][..]), |group| self.group(Side::Exclude, group).map(Vec::as_slice))?;
        Ok((self.group(Side::Forward, query.forward)?, exclude, if ingress { query.ingress.0 } else { 0 }))
    }
}

/// The range with a port: its place, or where it would be.
fn find(ranges: &[Range], port: u32) -> Result<usize, usize> {
    let at = ranges.partition_point(|(_, last)| *last < port);
    if ranges.get(at).is_some_and(|(first, _)| *first <= port) { Ok(at) } else { Err(at) }
}

fn insert(ranges: &mut Vec<Range>, port: u32) -> Ops {
    let Err(at) = find(ranges, port) else { return Ops::NONE };
    let touches_last = at > 0 && ranges[at - 1].1 + 1 == port;
    let touches_next = ranges.get(at).is_some_and(|(first, _)| *first == port + 1);
    match (touches_last, touches_next) {
        (true, true) => {
            ranges[at - 1].1 = ranges[at].1;
            ranges.remove(at);
        }
        (true, false) => ranges[at - 1].1 = port,
        (false, true) => ranges[at].0 = port,
        (false, false) => ranges.insert(at, (port, port)),
    }
    Ops::WRITE
}

fn remove(ranges: &mut Vec<Range>, port: u32) -> Ops {
    let Ok(at) = find(ranges, port) else { return Ops::NONE };
    let (first, last) = ranges[at];
    let parts = [(first, port - 1), (port + 1, last)];
    ranges.splice(at..=at, parts.into_iter().filter(|(first, last)| first <= last));
    Ops::WRITE
}

/// Calls `each` with every port of `forward` that isn't in `exclude` and isn't `but`.
fn difference(forward: &[Range], exclude: &[Range], but: u32, mut each: impl FnMut(IfIndex)) {
    let mut exclude = exclude.iter().copied().peekable();
    for (first, last) in forward {
        let mut port = *first;
        while port <= *last {
            while exclude.next_if(|(_, gone)| *gone < port).is_some() {}
            match exclude.peek() {
                Some((from, to)) if *from <= port => port = to + 1,
                _ => {
                    if port != but {
                        each(IfIndex(port));
                    }
                    port += 1;
                }
            }
        }
    }
}

impl Encoding for Ranges {
    fn name(&self) -> &str {
        "ranges"
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Ascending
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        members.iter().try_for_each(|member| self.limits.check_own_key(side, *member))?;
        let ranges = self.group_mut(side, group)?;
        ranges.clear();
        Ok(members.iter().fold(Ops::NONE, |ops, member| ops + insert(ranges, member.port.0)))
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        self.limits.check_own_key(side, member)?;
        Ok(insert(self.group_mut(side, group)?, member.port.0))
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        Ok(remove(self.group_mut(side, group)?, key.0))
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        let groups = self.forward.iter_mut().chain(&mut self.exclude);
        Ok(groups.fold(Ops::NONE, |ops, ranges| ops + remove(ranges, port.0)))
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        let ranges = self.group(side, group)?.iter();
        Ok(ranges.flat_map(|(first, last)| (*first..=*last).map(|port| Member::of(IfIndex(port)))).collect())
    }

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        let (forward, exclude, but) = self.asked(query)?;
        difference(forward, exclude, but, each);
        Ok(())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let (forward, exclude, but) = self.asked(query)?;
        let mut copies = 0;
        difference(forward, exclude, but, |_| copies += 1);
        Ok(Ops { group_lookups: 2, slots: (forward.len() + exclude.len()) as u64, copies, ..Ops::NONE })
    }

    fn formula_bytes(&self) -> u64 {
        self.all_groups()
            .map(|ranges| (size_of::<Vec<Range>>() + ranges.len() * size_of::<Range>()) as u64)
            .sum()
    }

    fn heap_bytes(&self) -> usize {
        self.all_groups().map(|ranges| size_of::<Vec<Range>>() + ranges.capacity() * size_of::<Range>()).sum()
    }
}
