//! The books: every frame and every clone ends in exactly one fate.
//!
//! Counted per bulk where a bulk has one fate, with the first few frame numbers of each kind. One
//! ledger per CPU; the report adds them up. Skipped targets are booked apart: they are no frames.
//!
//! Rules: LAW-01 to LAW-09.

use std::collections::BTreeMap;

use xdpsim_devmap::{DevId, Errno};

use crate::batch::FrameNo;
use crate::fate::{Fate, Skip};

/// How many examples of a kind are kept.
pub const EXAMPLES: usize = 4;

/// Frames that ended alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The first of them that this CPU saw.
    pub first: [FrameNo; EXAMPLES],
}

impl Tally {
    /// The examples.
    #[must_use]
    pub fn examples(&self) -> &[FrameNo] {
        &self.first[..EXAMPLES.min(self.frames as usize)]
    }

    /// Books a bulk; `frame` gives the number of its i-th frame and is asked for examples only.
    #[inline]
    fn add(&mut self, frames: u64, bytes: u64, frame: impl Fn(usize) -> FrameNo) {
        if self.frames < EXAMPLES as u64 {
            self.keep_examples(frames, frame);
        }
        self.frames += frames;
        self.bytes += bytes;
    }

    #[cold]
    fn keep_examples(&mut self, frames: u64, frame: impl Fn(usize) -> FrameNo) {
        for (i, slot) in self.first[self.frames as usize..].iter_mut().take(frames as usize).enumerate() {
            *slot = frame(i);
        }
    }

    /// Adds another CPU's or another run's tally: the lowest frame numbers stay.
    pub fn merge(&mut self, other: &Self) {
        let mut all: Vec<FrameNo> = self.examples().iter().chain(other.examples()).copied().collect();
        all.sort_unstable();
        all.truncate(EXAMPLES);
        self.first[..all.len()].copy_from_slice(&all);
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}

/// What ended in one (ingress, egress) pair.
#[derive(Clone, Debug)]
struct Row {
    by_fate: [Tally; Fate::COUNT],
}

/// Frames from one ingress.
#[derive(Clone, Debug, Default)]
struct Ingress {
    /// Frames that left by a port, by that port. Booked for every bulk, so these stand side by side: a row for
    /// each port is 2 KiB, and rows of many ports would push one another out of the cache.
    delivered: Vec<Tally>,
    /// Frames that were to leave by a port and did not, by that port; as many as `delivered`.
    by_egress: Vec<Option<Box<Row>>>,
    /// Frames that were never assigned one.
    no_egress: Option<Box<Row>>,
}

/// The books of one CPU.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Frames that came in from outside.
    pub arrivals: u64,
    /// Their bytes.
    pub arrival_bytes: u64,
    /// Clones that broadcasts made.
    pub clones: u64,
    ingress: Vec<Ingress>,
    /// Frames and bytes that moved on over a veth pair, by the port that they left; not an end.
    hops: Vec<(u64, u64)>,
    driver_faults: BTreeMap<(DevId, DevId, Errno), Tally>,
    skipped: BTreeMap<(DevId, DevId, Skip), u64>,
    off: bool,
}

impl Ledger {
    /// Books for this many devices. Switched off (for measuring what they cost) they stay empty.
    #[must_use]
    pub fn new(devices: usize, on: bool) -> Self {
        Self {
            ingress: vec![Ingress::default(); devices],
            hops: vec![(0, 0); devices],
            off: !on,
            ..Self::default()
        }
    }

    /// Frames came in.
    #[inline]
    pub fn arrived(&mut self, frames: u64, bytes: u64) {
        self.arrivals += frames;
        self.arrival_bytes += bytes;
    }

    /// Frames left by a veth port and were polled at the scenario port behind it.
    #[inline]
    pub fn hopped(&mut self, egress: DevId, frames: u64, bytes: u64) {
        let (all_frames, all_bytes) = &mut self.hops[egress.0 as usize];
        *all_frames += frames;
        *all_bytes += bytes;
    }

    /// A bulk ended alike. `frame` gives the number of its i-th frame.
    #[inline]
    pub fn end(
        &mut self,
        ingress: DevId,
        egress: Option<DevId>,
        fate: Fate,
        frames: u64,
        bytes: u64,
        frame: impl Fn(usize) -> FrameNo,
    ) {
        if self.off || frames == 0 {
            return;
        }
        let ingress = &mut self.ingress[ingress.0 as usize];
        ingress.tally(egress, fate).add(frames, bytes, frame);
    }

    /// A bulk that the driver refused with an errno of the fault plan.
    pub fn driver_fault(
        &mut self,
        ingress: DevId,
        egress: DevId,
        errno: Errno,
        frames: u64,
        bytes: u64,
        frame: impl Fn(usize) -> FrameNo,
    ) {
        if !self.off {
            self.driver_faults.entry((ingress, egress, errno)).or_default().add(frames, bytes, frame);
        }
    }

    /// A target was left out by `frames` broadcasts.
    pub fn skipped(&mut self, ingress: DevId, target: DevId, skip: Skip, frames: u64) {
        if !self.off && frames > 0 {
            *self.skipped.entry((ingress, target, skip)).or_default() += frames;
        }
    }

    /// Everything that ended, in order of ingress, egress (none first), fate.
    pub fn ends(&self) -> impl Iterator<Item = (DevId, Option<DevId>, Fate, Option<Errno>, &Tally)> {
        let plain = self.ingress.iter().enumerate().flat_map(|(from, ingress)| {
            let used = ingress.tallies().filter(|(.., tally)| tally.frames > 0);
            used.map(move |(egress, fate, tally)| (DevId(from as u32), egress, fate, fate.errno(), tally))
        });
        let faults = self.driver_faults.iter().map(|(&(ingress, egress, errno), tally)| {
            (ingress, Some(egress), Fate::DriverFault, Some(errno), tally)
        });
        plain.chain(faults)
    }

    /// Every target that was left out: ingress, target, why, by how many broadcasts.
    pub fn skips(&self) -> impl Iterator<Item = (DevId, DevId, Skip, u64)> + '_ {
        self.skipped.iter().map(|(&(ingress, target, skip), &frames)| (ingress, target, skip, frames))
    }

    /// The ports over which frames moved on: port, frames, bytes.
    pub fn hops(&self) -> impl Iterator<Item = (DevId, u64, u64)> + '_ {
        let used = self.hops.iter().enumerate().filter(|(_, hops)| hops.0 > 0);
        used.map(|(port, &(frames, bytes))| (DevId(port as u32), frames, bytes))
    }

    /// The sum of all fates; equals arrivals + clones when nothing is under way (LAW-01).
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ends().map(|(.., tally)| tally.frames).sum()
    }
}

impl Ingress {
    /// Where frames of this egress and fate are counted.
    #[inline]
    fn tally(&mut self, egress: Option<DevId>, fate: Fate) -> &mut Tally {
        let Some(DevId(dev)) = egress else { return tally_of(&mut self.no_egress, fate) };
        let index = dev as usize;
        if index >= self.delivered.len() {
            self.grow(index);
        }
        match fate {
            Fate::Delivered => &mut self.delivered[index],
            _ => tally_of(&mut self.by_egress[index], fate),
        }
    }

    #[cold]
    fn grow(&mut self, index: usize) {
        self.delivered.resize_with(index + 1, Tally::default);
        self.by_egress.resize_with(index + 1, || None);
    }

    /// All that is counted: what has no egress first, then by egress; each by fate.
    fn tallies(&self) -> impl Iterator<Item = (Option<DevId>, Fate, &Tally)> {
        let none = Fate::ALL.iter().filter_map(|&fate| {
            self.no_egress.as_deref().map(|row| (None, fate, &row.by_fate[fate as usize]))
        });
        let by_egress = self.delivered.iter().zip(&self.by_egress).enumerate();
        let some = by_egress.flat_map(|(index, (delivered, row))| {
            let egress = Some(DevId(index as u32));
            Fate::ALL.iter().filter_map(move |&fate| match fate {
                Fate::Delivered => Some((egress, fate, delivered)),
                _ => row.as_deref().map(|row| (egress, fate, &row.by_fate[fate as usize])),
            })
        });
        none.chain(some)
    }
}

fn tally_of(row: &mut Option<Box<Row>>, fate: Fate) -> &mut Tally {
    let row = row.get_or_insert_with(|| Box::new(Row { by_fate: [Tally::default(); Fate::COUNT] }));
    &mut row.by_fate[fate as usize]
}
