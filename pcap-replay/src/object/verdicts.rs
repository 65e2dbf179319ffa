//! What programs of objects returned, counted: `run_cnt` as bpftool shows it, by verdict.

use std::collections::BTreeMap;

use xdpsim_core::XdpAction;

use crate::scenario::Verdict;

/// How often a program returned what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts([u64; Verdict::ALL.len()]);

/// By the programs' names in the scenario.
pub type VerdictsByProgram = BTreeMap<String, Verdicts>;

impl Verdicts {
    /// So many runs more.
    #[inline]
    pub(super) fn count(&mut self, action: XdpAction, runs: usize) {
        self.0[(action.0 as usize).min(Verdict::Unknown as usize)] += runs as u64;
    }

    /// Runs that returned this.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.0[verdict as usize]
    }

    /// Adds the runs of another copy of the program.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_verdict_counts_as_unknown() {
        let mut verdicts = Verdicts::default();
        for action in [0, 1, 2, 3, 4, 5, 4, u32::MAX] {
            verdicts.count(XdpAction(action), 1);
        }
        let counts: Vec<u64> = Verdict::ALL.iter().map(|&verdict| verdicts.of(verdict)).collect();
        assert_eq!(counts, [1, 1, 1, 1, 2, 2]);
        verdicts.add(&verdicts.clone());
        assert_eq!(verdicts.of(Verdict::Redirect), 4);
    }
}
