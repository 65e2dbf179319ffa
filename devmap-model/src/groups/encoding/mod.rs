//! Ways to store forward and exclude groups, behind one trait.
//!
//! Each [`Encoding`] answers the same question, "all ports of group A that are not in group B", and says what that costs
//! it: memory by formula and as it stands, elementary operations of lookups and of updates. All deliver what
//! [`difference`](super::difference()) would; what a design cannot express it refuses ([`Refusal`]).
//!
//! An encoding of one's own needs this trait and nothing else. No lookup allocates, if the caller's buffer is large
//! enough; updates may.
//!
//! Rules: MCAST-01 to MCAST-03, MCAST-09, MCAST-12, MCAST-16, MCAST-18, MCAST-19, MCAST-42, MCAST-43, MCAST-51,
//! MCAST-55, MCAST-K10.
//!
//! ```
//! use xdpsim_devmap::IfIndex;
//! use xdpsim_devmap::groups::encoding::{Design, Exclude, GroupId, Limits, Member, Query, Side};
//!
//! let mut groups = Design::DenseBitmap.create(&Limits::new(64, 10, 4))?;
//! let ports = |list: &[u32]| list.iter().map(|n| Member::of(IfIndex(*n))).collect::<Vec<_>>();
//! groups.define(Side::Forward, GroupId(1), &ports(&[1, 2, 3, 4]))?;
//! groups.define(Side::Exclude, GroupId(4), &ports(&[3]))?;
//! groups.join(Side::Exclude, GroupId(4), Member::of(IfIndex(4)))?;
//!
//! let mut left = Vec::with_capacity(64);
//! let query = Query { forward: GroupId(1), exclude: Exclude::Group(GroupId(4)), ingress: IfIndex(4) };
//! groups.deliver(&query, &mut left)?;
//! assert_eq!(left, [IfIndex(1), IfIndex(2)]);
//! # Ok::<(), xdpsim_devmap::groups::encoding::Refusal>(())
//! ```

pub mod memory;

mod bier;
mod bits;
mod carry;
mod compressed;
mod dense;
mod design;
mod filter;
mod index_split;
mod mainline;
mod maps;
mod ops;
mod precomputed;
mod pruning;
mod refusal;
mod replication;
mod sorted;
mod two_maps;
mod uppers;
mod words;

pub use bier::BitStrings;
pub use carry::{Carriage, KernelCall, KernelPlan, Membership, NotCarried, PlannedGroup, PlannedSets};
pub use compressed::Compressed;
pub use dense::DenseBitmap;
pub use design::Design;
pub use filter::DevmapFilter;
pub use index_split::{IndexKeys, IndexSplit};
pub use mainline::MainlineFlags;
pub use ops::Ops;
pub use precomputed::Precomputed;
pub use pruning::{ExclusionId, PacketIds, PruningIds, ReplicationId};
pub use refusal::{Quantity, Refusal};
pub use replication::Replication;
pub use sorted::SortedArrays;
pub use two_maps::TwoMaps;
pub use words::{Bond, Exclude, GroupId, Limits, MapForm, Member, Order, Query, Side};

use crate::{IfIndex, MapKey};

/// Forward and exclude groups in some form, and the difference of any two.
///
/// A group that was never defined, or was removed, is empty: joining defines it. Every change says what it cost.
pub trait Encoding: Send + Sync {
    /// What it is, in a few words.
    fn name(&self) -> &str;

    /// What it was created for.
    fn limits(&self) -> &Limits;

    /// The order in which it delivers.
    fn order(&self) -> Order;

    /// Makes `members` all there is in a group. Of several under one key the last counts.
    ///
    /// # Errors
    /// A number beyond the limits, a member that the design cannot hold; the group is then as before.
    fn define(&mut self, side: Side, group: GroupId, members: &[Member]) -> Result<Ops, Refusal>;

    /// Puts a port into a group, under a key; what was there is replaced.
    ///
    /// # Errors
    /// As [`define`](Encoding::define).
    fn join(&mut self, side: Side, group: GroupId, member: Member) -> Result<Ops, Refusal>;

    /// Removes what is under a key, if anything is.
    ///
    /// # Errors
    /// A group's number beyond the limits.
    fn leave(&mut self, side: Side, group: GroupId, key: MapKey) -> Result<Ops, Refusal>;

    /// A port leaves all groups, forward and exclude, under all keys: it was unregistered (MCAST-35).
    ///
    /// # Errors
    /// A port's number beyond the limits.
    fn port_gone(&mut self, port: IfIndex) -> Result<Ops, Refusal>;

    /// A bond gains a member: it joins the exclude group that stands for the bond, if the design needs that.
    ///
    /// # Errors
    /// As [`join`](Encoding::join).
    fn bond_gains(&mut self, bond: Bond, member: IfIndex) -> Result<Ops, Refusal> {
        self.join(Side::Exclude, bond.exclude, Member::of(member))
    }

    /// What is in a group: in the order of delivery for a forward group, each port under its key.
    ///
    /// # Errors
    /// A group's number beyond the limits.
    fn members(&self, side: Side, group: GroupId) -> Result<Vec<Member>, Refusal>;

    /// Calls `each` with every port that gets a copy, in order; as often as it gets one.
    ///
    /// # Errors
    /// A number beyond the limits, ports that the design cannot leave out; `each` was not called then.
    fn visit(&self, query: &Query, each: &mut dyn FnMut(IfIndex)) -> Result<(), Refusal>;

    /// The same into a list, which is emptied before. Allocates only if the list is too small.
    ///
    /// # Errors
    /// As [`visit`](Encoding::visit).
    fn deliver(&self, query: &Query, ports: &mut Vec<IfIndex>) -> Result<(), Refusal> {
        ports.clear();
        self.visit(query, &mut |port| ports.push(port))
    }

    /// The same as a mask, where the design has one: port n is bit (n - 1) mod 64 of word (n - 1) / 64.
    ///
    /// # Errors
    /// As [`visit`](Encoding::visit), [`Refusal::NoMask`], or another number of words than
    /// [`mask_words`](Encoding::mask_words) says.
    fn mask(&self, query: &Query, words: &mut [u64]) -> Result<(), Refusal> {
        let _ = (query, words);
        Err(Refusal::NoMask)
    }

    /// How many words a mask has; `None` if the design has no mask.
    fn mask_words(&self) -> Option<usize> {
        None
    }

    /// What a lookup consists of.
    ///
    /// # Errors
    /// As [`visit`](Encoding::visit).
    fn lookup_ops(&self, query: &Query) -> Result<Ops, Refusal>;

    /// Bytes that the groups take as they are now, by the design's formula: in a kernel, if its form is maps
    /// (MCAST-K10), else here.
    fn formula_bytes(&self) -> u64;

    /// Bytes of heap that the encoding holds here and now, from the capacities of what it allocated.
    fn heap_bytes(&self) -> usize;

    /// The maps with which a kernel carries these groups, as they are now.
    ///
    /// # Errors
    /// [`Refusal::NotCarried`], or more groups than the form's index has.
    fn kernel_plan(&self) -> Result<KernelPlan, Refusal> {
        Err(Refusal::NotCarried(NotCarried::Unknown))
    }

    /// What a program does for a question, with the maps of [`kernel_plan`](Encoding::kernel_plan).
    ///
    /// # Errors
    /// As [`kernel_plan`](Encoding::kernel_plan), or ports that the kernel's form cannot leave out.
    fn kernel_call(&self, query: &Query) -> Result<KernelCall, Refusal> {
        let _ = query;
        Err(Refusal::NotCarried(NotCarried::Unknown))
    }
}

impl Limits {
    /// Checks a group's number.
    ///
    /// # Errors
    /// [`Refusal::Group`].
    #[inline]
    pub fn check_group(&self, side: Side, group: GroupId) -> Result<(), Refusal> {
        let most = self.groups(side);
        if group.0.wrapping_sub(1) < most { Ok(()) } else { Err(Refusal::Group { side, group, most }) }
    }

    /// Checks a port's number.
    ///
    /// # Errors
    /// [`Refusal::Port`].
    #[inline]
    pub fn check_port(&self, port: IfIndex) -> Result<(), Refusal> {
        if port.0.wrapping_sub(1) < self.ports {
            Ok(())
        } else {
            Err(Refusal::Port { port, most: self.ports })
        }
    }

    /// Checks the port of a member in a design without keys.
    ///
    /// # Errors
    /// [`Refusal::Port`], [`Refusal::Keyed`].
    pub fn check_own_key(&self, side: Side, member: Member) -> Result<(), Refusal> {
        self.check_port(member.port)?;
        if member.is_own_key() { Ok(()) } else { Err(Refusal::Keyed { side, member }) }
    }

    /// Checks all numbers of a question.
    ///
    /// # Errors
    /// [`Refusal::Group`], [`Refusal::Port`].
    #[inline]
    pub fn check_query(&self, query: &Query) -> Result<(), Refusal> {
        self.check_group(Side::Forward, query.forward)?;
        if let Exclude::Group(group) | Exclude::GroupAndIngress(group) = query.exclude {
            self.check_group(Side::Exclude, group)?;
        }
        match query.exclude {
            Exclude::Nothing | Exclude::Group(_) => Ok(()),
            Exclude::Ingress | Exclude::IngressAndUppers | Exclude::GroupAndIngress(_) => {
                self.check_port(query.ingress)
            }
        }
    }
}
