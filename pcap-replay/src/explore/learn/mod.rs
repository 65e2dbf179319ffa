//! Groups that a capture shows: who joined them, and who sends to them.
//!
//! A *group* is an IP multicast address in a VLAN. A *port* is an interface of the capture; of a capture with one
//! interface, each MAC address that sends is one. Members of a group are the ports whose reports (IGMP versions 1 to 3,
//! MLD versions 1 and 2) joined it and that did not leave it; a group that nobody joined goes to all ports, as a
//! switch that snoops would send it.

mod packet;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use thiserror::Error;

use super::random::Random;
use super::workload::PORTS_MAX;
use crate::capture::{CaptureError, CaptureReader, Fill, FrameTable};
use packet::Seen;

/// Most groups that are learnt.
const GROUPS_MAX: usize = 1 << 20;
/// Most memberships, of all groups together.
const MEMBERS_MAX: usize = 1 << 24;
/// Kinds of frames (group and ingress) that are counted apart.
const KINDS_MAX: usize = 1 << 22;

/// A group's name: VLAN, if tagged, and address.
pub type GroupName = (Option<u16>, IpAddr);

/// What a capture taught.
#[derive(Clone, Debug, Default)]
pub struct Learnt {
    names: Vec<GroupName>,
    /// By group; ascending, numbered from 1. Empty: nobody joined.
    members: Vec<Vec<u32>>,
    ports: u32,
    /// Frames by group and ingress, with the sum of all up to and with this one.
    frames: Vec<(u32, u32, u64)>,
    /// Joins and leaves.
    pub changes: u64,
    /// Frames of the captures, multicast or not.
    pub seen: u64,
    /// From the first to the last frame, in nanoseconds.
    pub nanos: u64,
}

/// Why nothing could be learnt.
#[derive(Debug, Error)]
pub enum LearnError {
    /// The capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// It has no multicast.
    #[error("{frames} frames, but none to an IP multicast group, and no IGMP or MLD report")]
    NoGroup {
        /// Frames that were looked at.
        frames: u64,
    },
    /// It has more than is kept.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much is kept.
        limit: usize,
    },
}

impl Learnt {
    /// How many ports were seen.
    #[must_use]
    pub fn ports(&self) -> u32 {
        self.ports
    }

    /// How many groups were seen.
    #[must_use]
    pub fn groups(&self) -> u32 {
        self.members.len() as u32
    }

    /// How many groups somebody joined.
    #[must_use]
    pub fn joined(&self) -> usize {
        self.members.iter().filter(|members| !members.is_empty()).count()
    }

    /// Frames to groups.
    #[must_use]
    pub fn multicasts(&self) -> u64 {
        self.frames.last().map_or(0, |&(_, _, sum)| sum)
    }

    /// The groups' names, in the order of their numbers.
    #[must_use]
    pub fn names(&self) -> &[GroupName] {
        &self.names
    }

    /// The ports of a group, ascending.
    pub fn members(&self, group: u32) -> impl Iterator<Item = u32> {
        let joined = self.members.get(group as usize).map_or(&[][..], Vec::as_slice);
        // One of the two is empty.
        let all = if joined.is_empty() { self.ports } else { 0 };
        joined.iter().copied().chain(1..=all)
    }

    /// Group and ingress of a frame, as often as the capture has it; none without frames to groups.
    pub(super) fn frame(&self, random: &mut Random) -> Option<(u32, u32)> {
        let number = ((u128::from(random.number()) * u128::from(self.multicasts())) >> 64) as u64;
        let at = self.frames.partition_point(|&(_, _, sum)| sum <= number);
        self.frames.get(at).map(|&(group, ingress, _)| (group, ingress))
    }
}

/// Reads captures to their end.
///
/// # Errors
/// If one is broken, or there is nothing to learn in them, or too much.
pub fn learn(captures: Vec<CaptureReader>) -> Result<Learnt, LearnError> {
    let mut found = Found::default();
    for mut capture in captures {
        let mut table = FrameTable::default();
        found.begin();
        while let Fill::Frames(frames) = capture.fill(&mut table)? {
            let several = capture.interfaces().len() > 1;
            for index in 0..frames {
                let no = table.interfaces().map_or(0, |all| all.get(index).map_or(0, |no| no.0));
                found.frame(table.frame(index), several.then_some(no), table.stamps()[index].0)?;
            }
        }
    }
    found.finish()
}

/// What a port is told by.
type Station = (Option<u16>, [u8; 6]);

/// What was seen so far.
#[derive(Default)]
struct Found {
    groups: BTreeMap<GroupName, u32>,
    stations: BTreeMap<Station, u32>,
    members: BTreeSet<(u32, u32)>,
    frames: BTreeMap<(u32, u32), u64>,
    learnt: Learnt,
    first: Option<u64>,
    last: u64,
}

impl Found {
    fn begin(&mut self) {
        self.learnt.nanos += self.last.saturating_sub(self.first.unwrap_or(self.last));
        (self.first, self.last) = (None, 0);
    }

    fn frame(&mut self, bytes: &[u8], interface: Option<u16>, stamp: u64) -> Result<(), LearnError> {
        self.learnt.seen += 1;
        self.first.get_or_insert(stamp);
        self.last = self.last.max(stamp);
        let Some(seen) = Seen::of(bytes) else { return Ok(()) };
        // An interface is a port whoever sends there.
        let station = (interface, if interface.is_some() { [0; 6] } else { seen.source });
        match seen.destination {
            Some(address) if seen.reports.is_empty() => {
                let (group, port) = (self.group((seen.vlan, address))?, self.port(station)?);
                *self.frames.entry((group, port)).or_default() += 1;
                limit(self.frames.len(), KINDS_MAX, "pairs of group and sender")
            }
            _ => seen.reports.iter().try_for_each(|report| {
                let (group, port) = (self.group((seen.vlan, report.group))?, self.port(station)?);
                let changed = match report.joins {
                    true => self.members.insert((group, port)),
                    false => self.members.remove(&(group, port)),
                };
                self.learnt.changes += u64::from(changed);
                limit(self.members.len(), MEMBERS_MAX, "memberships")
            }),
        }
    }

    fn group(&mut self, name: GroupName) -> Result<u32, LearnError> {
        let next = self.groups.len() as u32;
        let number = *self.groups.entry(name).or_insert(next);
        limit(self.groups.len(), GROUPS_MAX, "groups").map(|()| number)
    }

    fn port(&mut self, station: Station) -> Result<u32, LearnError> {
        let next = self.stations.len() as u32 + 1;
        let number = *self.stations.entry(station).or_insert(next);
        limit(self.stations.len(), PORTS_MAX as usize, "ports").map(|()| number)
    }

    fn finish(mut self) -> Result<Learnt, LearnError> {
        self.begin();
        let Self { groups, stations, members, frames, mut learnt, .. } = self;
        if groups.is_empty() {
            return Err(LearnError::NoGroup { frames: learnt.seen });
        }
        learnt.ports = stations.len() as u32;
        learnt.members = vec![Vec::new(); groups.len()];
        members.into_iter().for_each(|(group, port)| learnt.members[group as usize].push(port));
        learnt.names = vec![(None, IpAddr::from([0; 4])); groups.len()];
        groups.into_iter().for_each(|(name, number)| learnt.names[number as usize] = name);
        let mut sum = 0;
        learnt.frames = frames.into_iter().map(|((group, port), count)| (group, port, count)).collect();
        for (_, _, count) in &mut learnt.frames {
            sum += *count;
            *count = sum;
        }
        Ok(learnt)
    }
}

fn limit(count: usize, limit: usize, what: &'static str) -> Result<(), LearnError> {
    if count > limit { Err(LearnError::TooMany { what, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
