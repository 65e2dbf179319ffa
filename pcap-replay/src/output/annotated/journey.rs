//! One frame with all its copies, from its arrival to the last fate.

use std::ops::Range;

use xdpsim_core::{DevId, Errno, Fate, Nanos, Plan, QueueId, XdpAction};

use super::blocks::{Blocks, Direction, Packet};
use super::recorded::Arrived;
use crate::cli::StampArg;
use crate::exit::Failure;
use crate::output::advice;
use crate::output::tape::Left;
use crate::output::totals::Class;

/// What a journey needs to know of the ports.
pub(super) struct World {
    /// The ports' names, by `DevId`; devices behind them have no interface.
    pub ports: Vec<String>,
    /// The port at the other end of a veth pair.
    peers: Vec<Option<DevId>>,
    stamp: StampArg,
}

impl World {
    pub fn new(plan: &Plan, stamp: StampArg) -> Self {
        let ports: Vec<String> = plan.ports().map(|(_, port)| port.name.clone()).collect();
        let is_port = |dev: &DevId| (dev.0 as usize) < ports.len();
        let peers = plan.ports().map(|(_, port)| port.peer().filter(is_port)).collect();
        Self { ports, peers, stamp }
    }

    fn peer(&self, port: DevId) -> Option<DevId> {
        self.peers.get(port.0 as usize).copied().flatten()
    }

    /// The time of a record: when the frame arrived, or when this happened.
    fn stamp(&self, arrival: Nanos, now: Nanos) -> Nanos {
        match self.stamp {
            StampArg::Arrival => arrival,
            StampArg::Egress => now,
        }
    }
}

/// One record to be.
#[derive(Clone, Debug)]
struct Record {
    port: DevId,
    direction: Direction,
    stamp: Nanos,
    bytes: Range<usize>,
    /// Bytes on the wire.
    original: u32,
    queue: Option<QueueId>,
    verdict: Option<XdpAction>,
    /// Polled, and its program's verdict is to come.
    awaits_verdict: bool,
    comments: Vec<String>,
}

/// A frame under way.
pub(super) struct Journey {
    arrival: Nanos,
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// Place of the arrival that was decided last.
    current: usize,
    /// Copies that wait to leave: by which port, and the place of the arrival that sent them.
    origins: Vec<(DevId, usize)>,
    /// Copies whose fate is not known, the frame itself included.
    live: u32,
    polled: bool,
    written: bool,
    /// Records before this one are in the file.
    next: usize,
}

impl Journey {
    /// A frame that has arrived.
    pub fn new(arrived: Arrived) -> Self {
        let Arrived { port, stamp, bytes } = arrived;
        let record = Record {
            port,
            direction: Direction::In,
            stamp,
            bytes: 0..bytes.len(),
            original: bytes.len() as u32,
            queue: None,
            verdict: None,
            awaits_verdict: false,
            comments: Vec::new(),
        };
        Self {
            arrival: stamp,
            bytes,
            records: vec![record],
            current: 0,
            origins: Vec::new(),
            live: 1,
            polled: false,
            written: false,
            next: 0,
        }
    }

    /// Is the fate of every copy known?
    pub fn is_over(&self) -> bool {
        self.live == 0
    }

    /// Was its arrival written before that?
    pub fn is_written(&self) -> bool {
        self.written
    }

    /// Bytes that it holds.
    pub fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// A port polled it: where it arrived, or behind a veth pair.
    pub fn polled(&mut self, world: &World, now: Nanos, port: DevId, queue: QueueId) {
        let stamp = world.stamp(self.arrival, now);
        if std::mem::replace(&mut self.polled, true) {
            let came_by = |record: &&Record| {
                matches!(record.direction, Direction::Out) && world.peer(record.port) == Some(port)
            };
            let sent = self.records.iter().rev().find(came_by);
            let (bytes, original) = sent.map_or((0..0, 0), |record| (record.bytes.clone(), record.original));
            let (queue, direction) = (Some(queue), Direction::In);
            self.records.push(Record {
                port,
                direction,
                stamp,
                bytes,
                original,
                queue,
                verdict: None,
                awaits_verdict: true,
                comments: Vec::new(),
            });
            self.current = self.records.len() - 1;
        } else {
            let arrival = &mut self.records[0];
            (arrival.stamp, arrival.queue, arrival.awaits_verdict) = (stamp, Some(queue), true);
        }
    }

    /// The port that polled it last has no program.
    pub fn no_program(&mut self) {
        self.records[self.current].awaits_verdict = false;
    }

    /// A program has decided: of copies that were polled together, on the first that waits for it.
    pub fn verdict(&mut self, act: XdpAction) {
        let Some(place) = self.records.iter().position(|record| record.awaits_verdict) else { return };
        let record = &mut self.records[place];
        (record.verdict, record.awaits_verdict) = (Some(act), false);
        self.current = place;
        if act == XdpAction::TX {
            self.origins.push((record.port, place));
        }
    }

    /// A copy waits for a port.
    pub fn enqueued(&mut self, port: DevId, clone: bool) {
        self.origins.push((port, self.current));
        self.live += u32::from(clone);
    }

    /// A copy left. Behind a veth pair between ports it goes on.
    pub fn delivered(&mut self, world: &World, left: &Left, bytes: &[u8]) {
        let origin = self.origin(Some(left.port));
        let (queue, verdict) = (self.records[origin].queue, self.records[origin].verdict);
        let kept = self.keep(bytes);
        self.records.push(Record {
            port: left.port,
            direction: Direction::Out,
            stamp: world.stamp(self.arrival, left.departure),
            bytes: kept,
            original: bytes.len() as u32,
            queue,
            verdict,
            awaits_verdict: false,
            comments: Vec::new(),
        });
        if world.peer(left.port).is_none() {
            self.live = self.live.saturating_sub(1);
        }
    }

    /// A copy ended. That it was delivered was told with its bytes.
    pub fn ended(
        &mut self,
        world: &World,
        now: Nanos,
        fate: Fate,
        egress: Option<DevId>,
        errno: Option<Errno>,
    ) {
        if fate == Fate::Delivered {
            return;
        }
        if !self.polled {
            self.records[0].stamp = world.stamp(self.arrival, now);
        }
        let origin = self.origin(egress);
        self.records[origin].awaits_verdict = false;
        self.live = self.live.saturating_sub(1);
        let word = match Class::of(fate) {
            Class::Delivered | Class::Passed | Class::Copied => return,
            Class::Dropped => "dropped",
            Class::Lost => "lost",
        };
        let port = egress.and_then(|port| world.ports.get(port.0 as usize));
        let comment = comment(word, fate, port, errno);
        if !self.written {
            return self.records[origin].comments.push(comment);
        }
        // Its arrival is in the file already: a record of its own, without bytes.
        let late = Record {
            port: egress.filter(|_| port.is_some()).unwrap_or(self.records[origin].port),
            direction: Direction::None,
            stamp: world.stamp(self.arrival, now),
            bytes: 0..0,
            original: self.records[0].original,
            awaits_verdict: false,
            comments: vec![comment],
            ..self.records[origin]
        };
        self.records.push(late);
    }

    /// Writes what is not written yet.
    pub fn write(&mut self, blocks: &mut Blocks, id: u64) -> Result<(), Failure> {
        for record in &mut self.records[self.next..] {
            let bytes = &self.bytes[std::mem::replace(&mut record.bytes, 0..0)];
            let comments = std::mem::take(&mut record.comments);
            let Record { port, direction, stamp, original, queue, verdict, .. } = *record;
            let comments = comments.as_slice();
            blocks.packet(&Packet {
                port,
                direction,
                stamp,
                bytes,
                original,
                queue,
                verdict,
                id,
                comments,
            })?;
        }
        self.next = self.records.len();
        self.written = true;
        self.bytes = Vec::new();
        Ok(())
    }

    /// The arrival whose poll sent a copy to this port; such a copy waits no longer.
    fn origin(&mut self, egress: Option<DevId>) -> usize {
        let waits = self.origins.iter().position(|(port, _)| Some(*port) == egress);
        waits.map_or(self.current, |place| self.origins.remove(place).1)
    }

    /// Keeps bytes, once for copies that are alike.
    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let alike = |record: &&Record| self.bytes[record.bytes.clone()] == *bytes;
        if let Some(record) = self.records.iter().rev().find(alike) {
            return record.bytes.clone();
        }
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        from..self.bytes.len()
    }
}

/// What became of a copy: step, port, errno, rule, and why.
fn comment(word: &str, fate: Fate, port: Option<&String>, errno: Option<Errno>) -> String {
    let to = port.map_or_else(String::new, |port| format!(" to {port}"));
    let errno = errno.map_or_else(String::new, |errno| format!(", {errno}"));
    let (step, rule) = (fate.step().name(), fate.rule().name());
    format!("{word} at {step}{to}{errno}, {rule}: {}", advice::of_fate(fate).why)
}
