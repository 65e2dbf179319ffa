//! What a run comes to: counters that merge.
//!
//! Counters by (ingress, egress, fate, errno), skips, examples. Adding is commutative, so the parts of
//! a corpus merge to what one run would have counted. Names come in here; the ledger has numbers.

use std::collections::BTreeMap;

use xdpsim_devmap::Errno;

use crate::batch::FrameNo;
use crate::engine::domain::Domain;
use crate::fate::{Fate, Skip};
use crate::ledger::Tally;
use crate::sink::Sink;
use crate::world::Plan;

/// Who and how: the key of a row of fates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndKey {
    /// The port whose poll handled the frame last.
    pub ingress: String,
    /// The port by which it left, or was to leave.
    pub egress: Option<String>,
    /// How it ended.
    pub fate: Fate,
    /// The errno, where the kernel reports one.
    pub errno: Option<Errno>,
}

/// The key of a row of skipped targets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkipKey {
    /// The port on which the broadcast frame came in.
    pub ingress: String,
    /// The target that got nothing.
    pub target: String,
    /// Why.
    pub skip: Skip,
}

/// The sum of all ledgers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Frames that came in from outside.
    pub arrivals: u64,
    /// Their bytes.
    pub arrival_bytes: u64,
    /// Clones that broadcasts made.
    pub clones: u64,
    /// Frames that were polled from a veth ring on their way on.
    pub hops: u64,
    /// The same by the port that they left: frames and bytes.
    pub hops_by_port: BTreeMap<String, (u64, u64)>,
    /// How frames ended.
    pub ends: BTreeMap<EndKey, Tally>,
    /// Targets that broadcasts left out, with the number of broadcasts.
    pub skips: BTreeMap<SkipKey, u64>,
}

impl Report {
    /// Adds a finished domain.
    pub fn add<S: Sink>(&mut self, plan: &Plan, domain: &Domain<S>) {
        let name = |dev| plan.device(dev).name.clone();
        for ledger in domain.ledgers() {
            self.arrivals += ledger.arrivals;
            self.arrival_bytes += ledger.arrival_bytes;
            self.clones += ledger.clones;
            for (port, frames, bytes) in ledger.hops() {
                self.hops += frames;
                add(&mut self.hops_by_port, &name(port), (frames, bytes));
            }
            for (ingress, egress, fate, errno, tally) in ledger.ends() {
                let key = EndKey { ingress: name(ingress), egress: egress.map(name), fate, errno };
                self.ends.entry(key).or_default().merge(tally);
            }
            for (ingress, target, skip, frames) in ledger.skips() {
                let key = SkipKey { ingress: name(ingress), target: name(target), skip };
                *self.skips.entry(key).or_default() += frames;
            }
        }
    }

    /// Adds another report.
    pub fn merge(&mut self, other: &Self) {
        self.arrivals += other.arrivals;
        self.arrival_bytes += other.arrival_bytes;
        self.clones += other.clones;
        self.hops += other.hops;
        for (port, &hops) in &other.hops_by_port {
            add(&mut self.hops_by_port, port, hops);
        }
        for (key, tally) in &other.ends {
            self.ends.entry(key.clone()).or_default().merge(tally);
        }
        for (key, frames) in &other.skips {
            *self.skips.entry(key.clone()).or_default() += frames;
        }
    }

    /// Frames with this fate.
    #[must_use]
    pub fn count(&self, fate: Fate) -> u64 {
        self.ends.iter().filter(|(key, _)| key.fate == fate).map(|(_, tally)| tally.frames).sum()
    }

    /// Frames and bytes that left by a port for good; those that went on are in `hops_by_port`.
    #[must_use]
    pub fn delivered(&self, port: &str) -> (u64, u64) {
        let by = |key: &EndKey| key.fate == Fate::Delivered && key.egress.as_deref() == Some(port);
        let rows = self.ends.iter().filter(|(key, _)| by(key));
        rows.fold((0, 0), |(frames, bytes), (_, tally)| (frames + tally.frames, bytes + tally.bytes))
    }

    /// The conservation law (LAW-01): arrivals and clones are as many as fates.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.arrivals + self.clones == self.ends.values().map(|tally| tally.frames).sum::<u64>()
    }

    /// Some frames that ended so.
    #[must_use]
    pub fn examples(&self, fate: Fate) -> Vec<FrameNo> {
        let rows = self.ends.iter().filter(|(key, _)| key.fate == fate);
        let mut all: Vec<FrameNo> = rows.flat_map(|(_, tally)| tally.examples().to_vec()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Adds frames and bytes to a port's.
fn add(to: &mut BTreeMap<String, (u64, u64)>, port: &str, (frames, bytes): (u64, u64)) {
    let sum = to.entry(port.to_owned()).or_default();
    *sum = (sum.0 + frames, sum.1 + bytes);
}
