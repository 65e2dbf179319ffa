//! The sum over several captures.
//!
//! Examples are frame numbers, which mean something within one capture only: a row keeps those of the
//! first capture that had any. Frames of captures that were replayed in a row are numbered within their own.

use std::collections::BTreeMap;

use xdpsim_core::report::{EndKey, Report, SkipKey};
use xdpsim_core::{Fate, FrameNo};

use crate::exit::Message;

/// Frames that ended alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The capture that the examples are of, from 0 in the order of the command line.
    pub capture: usize,
    /// Numbers of some of them, from 1.
    pub examples: Vec<u64>,
}

/// What became of one capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureDone {
    /// Its name.
    pub file: String,
    /// Frames replayed.
    pub frames: u64,
    /// Why not all of it was.
    pub error: Option<Message>,
}

/// All that was counted.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Frames that came in.
    pub arrivals: u64,
    /// Their bytes.
    pub arrival_bytes: u64,
    /// The same by the port on which they arrived: frames and bytes.
    pub received: BTreeMap<String, (u64, u64)>,
    /// Copies that broadcasts made.
    pub clones: u64,
    /// Frames that went on over a veth pair.
    pub hops: u64,
    /// The same by the port that they left: frames and bytes.
    pub hops_by_port: BTreeMap<String, (u64, u64)>,
    /// How frames ended.
    pub ends: BTreeMap<EndKey, Ended>,
    /// Targets that broadcasts left out.
    pub skips: BTreeMap<SkipKey, u64>,
    /// The captures in order.
    pub captures: Vec<CaptureDone>,
}

impl Totals {
    /// Adds what came of the next capture.
    pub fn add(&mut self, report: &Report, done: CaptureDone) {
        self.add_run(report, vec![done], &[FrameNo(0)]);
    }

    /// Adds what came of a run over captures in a row; `firsts` are the numbers of their first frames.
    pub fn add_run(&mut self, report: &Report, done: Vec<CaptureDone>, firsts: &[FrameNo]) {
        let before = self.captures.len();
        self.arrivals += report.arrivals;
        self.arrival_bytes += report.arrival_bytes;
        self.clones += report.clones;
        self.hops += report.hops;
        for (port, hops) in &report.hops_by_port {
            add(&mut self.hops_by_port, port, *hops);
        }
        for (key, tally) in &report.ends {
            let ended = self.ends.entry(key.clone()).or_default();
            if ended.examples.is_empty() {
                let (capture, examples) = examples(tally.examples(), firsts);
                (ended.capture, ended.examples) = (before + capture, examples);
            }
            ended.frames += tally.frames;
            ended.bytes += tally.bytes;
        }
        for (key, broadcasts) in &report.skips {
            *self.skips.entry(key.clone()).or_default() += broadcasts;
        }
        self.captures.extend(done);
    }

    /// Frames and bytes arrived on a port.
    pub fn receive(&mut self, port: &str, received: (u64, u64)) {
        add(&mut self.received, port, received);
    }

    /// Adds a capture that could not be replayed at all.
    pub fn add_failed(&mut self, file: String, error: Message) {
        self.captures.push(CaptureDone { file, frames: 0, error: Some(error) });
    }

    /// Frames of one class.
    #[must_use]
    pub fn count(&self, class: Class) -> u64 {
        self.ends.iter().filter(|(key, _)| Class::of(key.fate) == class).map(|(_, end)| end.frames).sum()
    }

    /// The sum of all fates.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ends.values().map(|end| end.frames).sum()
    }
}

/// Adds frames and bytes to a port's.
fn add(to: &mut BTreeMap<String, (u64, u64)>, port: &str, (frames, bytes): (u64, u64)) {
    let sum = to.entry(port.to_owned()).or_default();
    *sum = (sum.0 + frames, sum.1 + bytes);
}

/// The capture of the first example, and the numbers in it, from 1, of all that are of it.
fn examples(all: &[FrameNo], firsts: &[FrameNo]) -> (usize, Vec<u64>) {
    // Of captures that begin with the same number all but the last are empty.
    let capture_of = |frame: &FrameNo| firsts.partition_point(|first| first <= frame).saturating_sub(1);
    let capture = all.first().map_or(0, capture_of);
    let first = firsts.get(capture).map_or(0, |first| first.0);
    let here = all.iter().filter(|frame| capture_of(frame) == capture);
    let mut numbers: Vec<u64> = here.map(|frame| frame.0 - first + 1).collect();
    // Copies of one frame that ended alike are one example.
    numbers.dedup();
    (capture, numbers)
}

/// Four ways to end, for those who do not want forty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Left by a port.
    Delivered,
    /// Went to a stack.
    Passed,
    /// A program asked for it.
    Dropped,
    /// Its copies left instead: multicast of RFC v1 never sends the frame itself.
    Copied,
    /// Everything else.
    Lost,
}

impl Class {
    /// The class of a fate.
    #[must_use]
    pub fn of(fate: Fate) -> Self {
        match fate {
            Fate::Delivered => Self::Delivered,
            Fate::Passed => Self::Passed,
            Fate::Dropped | Fate::EntryDropped => Self::Dropped,
            Fate::OrigFreed => Self::Copied,
            _ => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_of_the_first_capture_that_has_any() {
        let key = EndKey { ingress: "a".into(), egress: None, fate: Fate::Passed, errno: None };
        let report = |frames: &[u64]| {
            let mut tally =
                xdpsim_core::ledger::Tally { frames: frames.len() as u64, bytes: 60, ..Default::default() };
            for (slot, &frame) in tally.first.iter_mut().zip(frames) {
                *slot = xdpsim_core::FrameNo(frame);
            }
            let ends = [(key.clone(), tally)].into_iter().filter(|_| !frames.is_empty()).collect();
            Report { arrivals: frames.len() as u64, ends, ..Report::default() }
        };
        let done = |file: &str| CaptureDone { file: file.into(), frames: 0, error: None };
        let mut totals = Totals::default();
        totals.add(&report(&[]), done("empty"));
        totals.add(&report(&[3, 3, 9]), done("second"));
        totals.add(&report(&[0]), done("third"));
        let ended = Ended { frames: 4, bytes: 120, capture: 1, examples: vec![4, 10] };
        assert_eq!(totals.ends[&key], ended);
        assert_eq!((totals.arrivals, totals.ended(), totals.count(Class::Passed)), (4, 4, 4));
    }

    #[test]
    fn in_a_chain_examples_are_numbered_within_their_capture() {
        let firsts = [0, 3, 3, 7].map(FrameNo);
        let numbers = |frames: &[u64]| {
            examples(&frames.iter().map(|&frame| FrameNo(frame)).collect::<Vec<_>>(), &firsts)
        };
        assert_eq!(numbers(&[1, 2, 3, 8]), (0, vec![2, 3]));
        assert_eq!(numbers(&[3, 6, 7]), (2, vec![1, 4]), "the second capture is empty");
        assert_eq!(numbers(&[9, 9]), (3, vec![3]));
    }
}
