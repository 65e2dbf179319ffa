//! Design D10: the set of receivers is a bit string in the packet, as in BIER (RFC 8279).
//!
//! A port is a receiver with an id; a string has a bit for each id of its set of ids. The sender clears the bits of those who
//! are left out, so the exclude group exists at the sender only. A router takes the lowest bit, finds the neighbour that
//! leads there and the mask of all ids that it leads to, sends that neighbour one copy with the bits of the mask, and
//! clears them. Unless told otherwise every port is its own neighbour.
//!
//! A receiver is in a string once. On a kernel the string can be the mask of a filter after the copy (MCAST-K13).
//!
//! Rules: MCAST-K13, MCAST-P29.

use super::bits::{self, Difference, Rows};
use super::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, Membership, Ops, Order,
    Quantity, Query, Refusal, Side, carry,
};
use crate::{IfIndex, MapKey};
use std::collections::BTreeMap;

/// Ids of a sub-domain.
const MOST_IDS: u32 = 0xffff;
/// The length that every router has to support; a set of ids has one byte, so it suffices for all ids.
const USUAL_BITS: u32 = 256;
/// Bytes of the header without the string (RFC 8296).
const HEADER: u64 = 12;

/// Forward and exclude groups as bit strings of a sender, and a router's neighbours.
#[derive(Clone, Debug)]
pub struct BitStrings {
    limits: Limits,
    /// Words in one string.
    string: usize,
    forward: Rows,
    exclude: Rows,
    /// The neighbour that leads to a port, where it isn't the port itself.
    neighbours: BTreeMap<IfIndex, IfIndex>,
}

impl BitStrings {
    /// Empty groups, in strings of 64, 128 or 256 bits: the shortest in which all ports are, or several of the longest.
    ///
    /// # Errors
    /// [`Refusal::Limit`] of ports (65,535) or bytes.
    pub fn create(limits: &Limits) -> Result<BitStrings, Refusal> {
        Refusal::above(Quantity::Ports, limits.ports, MOST_IDS)?;
        let string = limits.ports.next_power_of_two().clamp(64, USUAL_BITS);
        let width = (limits.ports.div_ceil(string) * string / 64) as usize;
        Ok(BitStrings {
            limits: *limits,
            string: string as usize / 64,
            forward: Rows::create(Side::Forward, limits.forward, width)?,
            exclude: Rows::create(Side::Exclude, limits.exclude, width)?,
            neighbours: BTreeMap::new(),
        })
    }

    /// Makes one port reachable through another, which so gets one copy for all that it leads to.
    ///
    /// # Errors
    /// [`Refusal::Port`].
    pub fn set_neighbour(&mut self, port: IfIndex, neighbour: IfIndex) -> Result<(), Refusal> {
        self.limits.check_port(port)?;
        self.limits.check_port(neighbour)?;
        if port == neighbour {
            self.neighbours.remove(&port);
        } else {
            self.neighbours.insert(port, neighbour);
        }
        Ok(())
    }

    /// Calls `each` for every copy that the router sends: the neighbour, and the receivers that it leads to.
    ///
    /// # Errors
    /// As [`Encoding::visit`].
    pub fn forward(&self, query: &Query, mut each: impl FnMut(IfIndex, &[IfIndex])) -> Result<(), Refusal> {
        let mut left = Vec::new();
        self.deliver(query, &mut left)?;
        let bits = self.string as u32 * 64;
        while let Some(first) = left.first().copied() {
            let (neighbour, set) = (self.neighbour(first), (first.0 - 1) / bits);
            // One string is one packet: receivers of another set of ids need another one.
            let led_to = |port: &IfIndex| self.neighbour(*port) == neighbour && (port.0 - 1) / bits == set;
            let receivers: Vec<IfIndex> = left.iter().copied().filter(led_to).collect();
            each(neighbour, &receivers);
            left.retain(|port| !led_to(port));
        }
        Ok(())
    }

    /// Bytes that a copy has in front of the packet.
    pub const fn header_bytes(&self) -> u64 {
        HEADER + self.string as u64 * 8
    }

    fn neighbour(&self, port: IfIndex) -> IfIndex {
        self.neighbours.get(&port).copied().unwrap_or(port)
    }

    fn rows(&mut self, side: Side) -> &mut Rows {
        match side {
            Side::Forward => &mut self.forward,
            Side::Exclude => &mut self.exclude,
        }
    }

    fn width(&self) -> usize {
        self.limits.ports.div_ceil(self.string as u32 * 64) as usize * self.string
    }

    /// The string that the sender writes.
    #[inline]
    fn difference(&self, query: &Query) -> Result<Difference<'_>, Refusal> {
        let design = Some(Design::BitStrings);
        let (group, ingress) =
            query.exclude.parts().ok_or(Refusal::Exclude { design, exclude: Exclude::IngressAndUppers })?;
        self.limits.check_query(query)?;
        let exclude = match group {
            Some(group) => self.exclude.row(group)?,
            None => &[],
        };
        let but = ingress.then(|| bits::place(query.ingress));
        Ok(Difference { forward: self.forward.row(query.forward)?, exclude, but })
    }
}

impl Encoding for BitStrings {
    fn name(&self) -> &str {
        Design::BitStrings.name()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn order(&self) -> Order {
        Order::Ascending
    }

    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal> {
        let limits = self.limits;
        self.rows(side).define(&limits, group, members)
    }

    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal> {
        let limits = self.limits;
        self.rows(side).join(&limits, group, member)
    }

    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal> {
        self.rows(side).leave(group, key)
    }

    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal> {
        self.limits.check_port(port)?;
        Ok(self.forward.port_gone(port) + self.exclude.port_gone(port))
    }

    /// All receivers: who leads there is for [`forward`](BitStrings::forward).
    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        self.difference(query)?.each_word(|index, word| bits::each_port(index, word, &mut *each));
        Ok(())
    }

    fn deliver(&self, query: &Query, ports: &mut Vec<IfIndex>) -> Result<(), Refusal> {
        ports.clear();
        self.difference(query)?.each_word(|index, word| bits::push_ports(index, word, ports));
        Ok(())
    }

    /// The strings, one after the other.
    fn mask(&self, query: &Query, words: &mut [u64]) -> Result<(), Refusal> {
        let needed = self.width();
        if words.len() != needed {
            return Err(Refusal::MaskLength { words: words.len(), needed });
        }
        self.difference(query)?.write(words);
        Ok(())
    }

    fn mask_words(&self) -> Option<usize> {
        Some(self.width())
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let difference = self.difference(query)?;
        let mut copies = 0;
        self.forward(query, |_, _| copies += 1)?;
        let sent = (difference.forward.len() + difference.exclude.len()) as u64;
        // For each neighbour: the string and its mask, once to keep and once to clear.
        let routed = 4 * self.string as u64 * copies;
        let group_lookups = 1 + u64::from(!difference.exclude.is_empty()) + copies;
        Ok(Ops { group_lookups, words: sent + routed, bits: copies, copies, ..Ops::NONE })
    }

    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal> {
        match side {
            Side::Forward => self.forward.members(group),
            Side::Exclude => self.exclude.members(group),
        }
    }

    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        KernelPlan::filter(self, Membership::Mask)
    }

    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        carry::filter_call(&self.limits, Design::BitStrings, query)
    }

    /// The sender's strings, and a mask for each neighbour of the router.
    fn formula_bytes(&self) -> u64 {
        let masks = u64::from(self.limits.ports) * self.string as u64 * 8;
        self.forward.formula_bytes() + self.exclude.formula_bytes() + masks
    }

    fn heap_bytes(&self) -> usize {
        let neighbours = crate::heap::tree_bytes(self.neighbours.len(), size_of::<(IfIndex, IfIndex)>());
        self.forward.heap_bytes() + self.exclude.heap_bytes() + neighbours
    }
}
