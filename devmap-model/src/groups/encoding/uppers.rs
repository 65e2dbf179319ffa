//! Who is directly above whom: what BPF_F_EXCLUDE_INGRESS leaves out beside the ingress.
//!
//! Rules: BRD-08.

use super::{Quantity, Refusal};
use crate::IfIndex;
use std::collections::BTreeMap;

/// More are an error when a frame is sent, EOVERFLOW; here they are refused before.
const MOST_UPPERS: usize = 8;

/// The devices directly above each port.
#[derive(Clone, Debug, Default)]
pub(super) struct Uppers(BTreeMap<IfIndex, Vec<IfIndex>>);

impl Uppers {
    pub(super) fn of(&self, port: IfIndex) -> &[IfIndex] {
        self.0.get(&port).map_or(&[], Vec::as_slice)
    }

    pub(super) fn add(&mut self, port: IfIndex, upper: IfIndex) -> Result<(), Refusal> {
        self.check(port, upper)?;
        if !self.of(port).contains(&upper) {
            self.0.entry(port).or_default().push(upper);
        }
        Ok(())
    }

    /// Whether there is room for one more.
    pub(super) fn check(&self, port: IfIndex, upper: IfIndex) -> Result<(), Refusal> {
        let uppers = self.of(port);
        let wanted = uppers.len() + usize::from(!uppers.contains(&upper));
        Refusal::above(Quantity::Uppers, wanted as u64, MOST_UPPERS as u64)
    }

    /// A device was unregistered: it is above and below nobody.
    pub(super) fn gone(&mut self, port: IfIndex) {
        self.0.remove(&port);
        for uppers in self.0.values_mut() {
            uppers.retain(|upper| *upper != port);
        }
        self.0.retain(|_, uppers| !uppers.is_empty());
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let lists: usize = self.0.values().map(|list| list.capacity() * size_of::<IfIndex>()).sum();
        lists + crate::heap::tree_bytes(self.0.len(), size_of::<(IfIndex, Vec<IfIndex>)>())
    }
}
