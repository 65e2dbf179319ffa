//! Design D5: a bit for each port, a row of words for each group.
//!
//! The difference is an and-not of words. No repeats, no data for a port beside the bit, and the number of ports is fixed
//! at creation. A kernel has no helper that takes such a mask; as a filter after the copy it has (MCAST-K13).
//!
//! Rules: MCAST-K13, MCAST-P29.

use super::bits::{self, Difference, Rows};
use super::{
    Design, Encoding, Exclude, GroupId, KernelCall, KernelPlan, Limits, Member, Membership, Ops, Order,
    Query, Refusal, Side, carry,
};
use crate::{IfIndex, MapKey};

/// Groups as rows of bits.
#[derive(Clone, Debug)]
pub struct DenseBitmap {
    limits: Limits,
    forward: Rows,
    exclude: Rows,
}

impl DenseBitmap {
    /// Empty groups; all memory that will ever be needed is taken here.
    ///
    /// # Errors
    /// [`Refusal::Limit`] of bytes.
    pub fn create(limits: &Limits) -> Result<DenseBitmap, Refusal> {
        let width = bits::words_of(limits.ports);
        Ok(DenseBitmap {
            limits: *limits,
            forward: Rows::create(Side::Forward, limits.forward, width)?,
            exclude: Rows::create(Side::Exclude, limits.exclude, width)?,
        })
    }

    /// The mask for up to 64 ports, in a register.
    ///
    /// # Errors
    /// As [`Encoding::mask`]; with more than 64 ports [`Refusal::MaskLength`].
    #[inline]
    pub fn mask64(&self, query: &Query) -> Result<u64, Refusal> {
        if self.limits.ports > 64 {
            return Err(Refusal::MaskLength { words: 1, needed: bits::words_of(self.limits.ports) });
        }
        let (group, ingress) = parts(query)?;
        let mut mask = self.forward.word(query.forward)?;
        if let Some(group) = group {
            mask &= !self.exclude.word(group)?;
        }
        if ingress {
            self.limits.check_port(query.ingress)?;
            mask &= !bits::place(query.ingress).1;
        }
        Ok(mask)
    }

    fn rows(&mut self, side: Side) -> &mut Rows {
        match side {
            Side::Forward => &mut self.forward,
            Side::Exclude => &mut self.exclude,
        }
    }

    #[inline]
    fn difference(&self, query: &Query) -> Result<Difference<'_>, Refusal> {
        let (group, ingress) = parts(query)?;
        let forward = self.forward.row(query.forward)?;
        let exclude = match group {
            Some(group) => self.exclude.row(group)?,
            None => &[],
        };
        let but = if ingress {
            self.limits.check_port(query.ingress)?;
            Some(bits::place(query.ingress))
        } else {
            None
        };
        Ok(Difference { forward, exclude, but })
    }
}

#[inline]
fn parts(query: &Query) -> Result<(Option<GroupId>, bool), Refusal> {
    query
        .exclude
        .parts()
        .ok_or(Refusal::Exclude { design: Some(Design::DenseBitmap), exclude: Exclude::IngressAndUppers })
}

impl Encoding for DenseBitmap {
    fn name(&self) -> &str {
        Design::DenseBitmap.name()
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

    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal> {
        self.difference(query)?.each_word(|index, word| bits::each_port(index, word, &mut *each));
        Ok(())
    }

    #[inline]
    fn deliver(&self, query: &Query, ports: &mut Vec<IfIndex>) -> Result<(), Refusal> {
        ports.clear();
        self.difference(query)?.each_word(|index, word| bits::push_ports(index, word, ports));
        Ok(())
    }

    #[inline]
    fn mask(&self, query: &Query, words: &mut [u64]) -> Result<(), Refusal> {
        let needed = bits::words_of(self.limits.ports);
        if words.len() != needed {
            return Err(Refusal::MaskLength { words: words.len(), needed });
        }
        self.difference(query)?.write(words);
        Ok(())
    }

    fn mask_words(&self) -> Option<usize> {
        Some(bits::words_of(self.limits.ports))
    }

    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal> {
        let difference = self.difference(query)?;
        let copies = difference.count();
        Ok(Ops {
            group_lookups: 1 + u64::from(!difference.exclude.is_empty()),
            words: (difference.forward.len() + difference.exclude.len()) as u64,
            bits: copies,
            copies,
            ..Ops::NONE
        })
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
        carry::filter_call(&self.limits, Design::DenseBitmap, query)
    }

    fn formula_bytes(&self) -> u64 {
        self.forward.formula_bytes() + self.exclude.formula_bytes()
    }

    fn heap_bytes(&self) -> usize {
        self.forward.heap_bytes() + self.exclude.heap_bytes()
    }
}
