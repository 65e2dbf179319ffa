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
    /// Frames that were to leave by a port, by that port.
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
        let row = match egress {
            None => &mut ingress.no_egress,
            Some(dev) => {
                let index = dev.0 as usize;
                if index >= ingress.by_egress.len() {
                    ingress.grow(index);
                }
                &mut ingress.by_egress[index]
            }
        };
        let row = row.get_or_insert_with(|| Box::new(Row { by_fate: [Tally::default(); Fate::COUNT] }));
        row.by_fate[fate as usize].add(frames, bytes, frame);
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
            let rows = ingress.rows();
            rows.flat_map(move |(egress, row)| {
                let tallies = Fate::ALL.iter().map(move |&fate| (fate, &row.by_fate[fate as usize]));
                let used = tallies.filter(|(_, tally)| tally.frames > 0);
                used.map(move |(fate, tally)| (DevId(from as u32), egress, fate, fate.errno(), tally))
            })
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
    #[cold]
    fn grow(&mut self, index: usize) {
        self.by_egress.resize_with(index + 1, || None);
    }

    fn rows(&self) -> impl Iterator<Item = (Option<DevId>, &Row)> {
        let none = self.no_egress.iter().map(|row| (None, row.as_ref()));
        let by_egress = self.by_egress.iter().enumerate();
        none.chain(by_egress.filter_map(|(to, row)| row.as_deref().map(|row| (Some(DevId(to as u32)), row))))
    }
}
