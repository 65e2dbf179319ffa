//! The fault plan: which operation on which port fails on purpose.

use xdpsim_devmap::DevId;

use crate::scenario::FaultKind;

/// One planned fault.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub dev: DevId,
    pub kind: FaultKind,
    pub nth: u64,
    /// Operations of this kind on this port so far.
    pub seen: u64,
}

/// All of them, with their counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(pub Vec<Fault>);

impl Faults {
    /// Nothing fails: the whole-run paths are legal.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more transmit on this port: what it is to answer, if it is to fail.
    #[inline]
    pub fn xmit(&mut self, dev: DevId) -> Option<FaultKind> {
        if self.is_empty() {
            None
        } else {
            self.hit(dev, |kind| matches!(kind, FaultKind::Xmit(_) | FaultKind::XmitShort(_)))
        }
    }

    /// One more clone for this port: does it fail?
    pub fn clone_fails(&mut self, dev: DevId) -> bool {
        !self.is_empty() && self.hit(dev, |kind| kind == FaultKind::Clone).is_some()
    }

    /// One more conversion of a frame that came in on this port: does it fail?
    #[inline]
    pub fn convert_fails(&mut self, dev: DevId) -> bool {
        !self.is_empty() && self.hit(dev, |kind| kind == FaultKind::Convert).is_some()
    }

    #[cold]
    fn hit(&mut self, dev: DevId, is: impl Fn(FaultKind) -> bool) -> Option<FaultKind> {
        let mut hit = None;
        for fault in self.0.iter_mut().filter(|fault| fault.dev == dev && is(fault.kind)) {
            fault.seen += 1;
            if fault.seen == fault.nth {
                hit = Some(fault.kind);
            }
        }
        hit
    }
}
