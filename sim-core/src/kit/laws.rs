//! Laws that runs obey, for a user's own forwarder as for the model.
//!
//! A law is a function of a [`Played`] trial. [`conservation`], [`fifo_per_port`] and [`same_on_any_threads`]
//! hold whatever a program does. The others are promises that a forwarder may make: that it sends no frame
//! back, keeps away from a port, changes nothing, loses nothing. Several laws are one closure:
//! `|played| laws::conservation(played).and(laws::no_frame_back(played))`.

use std::collections::BTreeMap;
use std::fmt;

use super::Played;
use crate::batch::FrameNo;
use crate::fate::Fate;
use crate::lab::Run;

/// What a law says of a run.
pub type Law = Result<(), Broken>;

/// A law that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The law.
    pub law: String,
    /// Where it was broken: frames are numbered from 1, as captures number them.
    pub why: String,
    /// Ports that should have been silent: what a kept scenario expects.
    pub silent: Vec<String>,
}

impl Broken {
    /// A law of one's own that does not hold.
    #[must_use]
    pub fn new(law: &str, why: impl Into<String>) -> Self {
        Self { law: law.to_owned(), why: why.into(), silent: Vec::new() }
    }

    fn because_of(self, port: &str) -> Self {
        Self { silent: vec![port.to_owned()], ..self }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.why)
    }
}

impl std::error::Error for Broken {}

/// The number that people see.
fn shown(frame: FrameNo) -> String {
    format!("frame {}", frame.0 + 1)
}

/// Every frame that was sent arrived, and every arrival and every copy ended exactly once (LAW-09).
///
/// # Errors
/// If the books do not balance.
pub fn conservation(played: &Played<'_>) -> Law {
    let report = &played.run.report;
    let (sent, ended) =
        (played.trial.frames.len() as u64, report.ends.values().map(|tally| tally.frames).sum::<u64>());
    if report.arrivals == sent && report.is_balanced() {
        return Ok(());
    }
    let (arrivals, clones) = (report.arrivals, report.clones);
    let why = format!("{sent} frames were sent; {arrivals} arrivals + {clones} copies, but {ended} fates");
    Err(Broken::new("conservation", why))
}

/// Frames of one receive queue leave by a port in the order in which they arrived (FLU-03, RSS-08).
///
/// Says nothing about frames that leave by the port on which they came in: XDP_TX has a queue of its own.
/// Nor about runs in which frames went on from one veth port of the scenario to another: a frame that made
/// a hop was overtaken by rights.
///
/// # Errors
/// If a frame left before one that had arrived earlier.
pub fn fifo_per_port(played: &Played<'_>) -> Law {
    if played.run.report.hops > 0 {
        return Ok(());
    }
    let mut last = BTreeMap::new();
    for (port, frame, _) in played.deliveries() {
        let from = &played.sent(frame).port;
        if from == port {
            continue;
        }
        let before = last.insert((port, from, played.queue(frame)), frame).unwrap_or(frame);
        if before > frame {
            let why =
                format!("{} left by {port} behind {}; both came in on {from}", shown(frame), shown(before));
            return Err(Broken::new("FIFO per port", why));
        }
    }
    Ok(())
}

/// No frame leaves by the port on which it came in.
///
/// # Errors
/// If one does.
pub fn no_frame_back(played: &Played<'_>) -> Law {
    let mut back = played.deliveries().filter(|(port, frame, _)| played.sent(*frame).port == *port);
    let Some((port, frame, _)) = back.next() else { return Ok(()) };
    let only_ingress = played.trial.frames.iter().all(|sent| sent.port == port);
    let why = format!("{} left by {port}, on which it came in", shown(frame));
    let broken = Broken::new("no frame back to its ingress", why);
    Err(if only_ingress { broken.because_of(port) } else { broken })
}

/// Nothing leaves by these ports, though they may be members of the group that everything goes to.
///
/// # Errors
/// If something does.
pub fn no_copy_to_excluded<'e>(played: &Played<'_>, excluded: impl IntoIterator<Item = &'e str>) -> Law {
    let excluded: Vec<&str> = excluded.into_iter().collect();
    let mut seen = played.deliveries().filter(|(port, ..)| excluded.contains(port));
    let Some((port, frame, _)) = seen.next() else { return Ok(()) };
    let why = format!("{} left by {port}, which is excluded", shown(frame));
    Err(Broken::new("no copy to an excluded port", why).because_of(port))
}

/// Every frame leaves with the bytes with which it arrived.
///
/// # Errors
/// If one was changed.
pub fn no_byte_changed(played: &Played<'_>) -> Law {
    let mut changed = played.deliveries().filter(|(_, frame, bytes)| played.sent(*frame).bytes != *bytes);
    let Some((port, frame, bytes)) = changed.next() else { return Ok(()) };
    let sent = &played.sent(frame).bytes;
    let at =
        sent.iter().zip(bytes).position(|(one, other)| one != other).unwrap_or(sent.len().min(bytes.len()));
    let why = format!("{} left by {port} with another byte at offset {at}", shown(frame));
    Err(Broken::new("no byte changed", why))
}

/// Every frame and every copy got out of a port or to a stack: nothing was lost, and nothing dropped. The original
/// of a multicast whose copies were made is no loss ([`Fate::OrigFreed`]).
///
/// # Errors
/// If one was; the fate and its rule are named.
pub fn nothing_lost(played: &Played<'_>) -> Law {
    let mut lost = played
        .run
        .report
        .ends
        .iter()
        .filter(|(key, _)| !key.fate.is_arrival() && key.fate != Fate::OrigFreed);
    let Some((key, tally)) = lost.next() else { return Ok(()) };
    let (fate, rule) = (key.fate.name(), key.fate.rule().name());
    let frame = tally.examples().first().copied().map_or_else(String::new, shown);
    let target = key.egress.as_deref().map(|port| format!(" on the way to {port}")).unwrap_or_default();
    let why = format!("{frame}, which came in on {}{target}, ends as {fate} ({rule})", key.ingress);
    Err(Broken::new("nothing is lost", why))
}

/// The result does not depend on the number of threads.
///
/// CPUs that share nothing run on threads of their own. What threads could do is played here one after the
/// other, so that a failure is the same every time: CPU after CPU forwards and backwards, and in turns of one
/// frame and of some.
///
/// # Errors
/// If two of these differ: a program shares state between CPUs and does not say so
/// ([`crate::XdpProgram::sharing`]).
pub fn same_on_any_threads(played: &Played<'_>) -> Law {
    for (frames, backwards) in [(usize::MAX, true), (1, false), (1, true), (7, true)] {
        let other = played.lab().run_in_turns(frames, backwards);
        if let Some(what) = difference(&played.run, &other) {
            let order = if backwards { "the last CPU first" } else { "the first CPU first" };
            let turns =
                if frames == usize::MAX { "all frames".to_owned() } else { format!("turns of {frames}") };
            let why = format!("{what} differ when CPUs run in another order ({turns}, {order})");
            return Err(Broken::new("the same on any number of threads", why));
        }
    }
    Ok(())
}

fn difference(one: &Run, other: &Run) -> Option<&'static str> {
    if one.deliveries() != other.deliveries() {
        Some("the deliveries")
    } else if one.report != other.report {
        Some("the counters")
    } else if one.events != other.events {
        Some("the tracepoint events")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Sent, Trial};
    use crate::scenario::{PortSpec, ProgramKind, ProgramSpec, Scenario};
    use crate::time::Nanos;
    use xdpsim_devmap::IfIndex;

    /// No program can break this law: only the books of a run that never was.
    #[test]
    fn frames_that_change_places_are_noticed() {
        let mut scenario =
            Scenario { ports: ["a", "b"].map(PortSpec::ideal).to_vec(), ..Scenario::default() };
        let to_b = ProgramKind::Redirect { ifindex: IfIndex(2), flags: 0 };
        scenario.programs = vec![ProgramSpec::xdp("to_b", to_b)];
        scenario.ports[0].xdp = Some("to_b".into());
        let frames = (0..3).map(|i| Sent::new("a", Nanos(i), [0; 60])).collect();
        let trial = Trial::new(scenario, frames);
        let Ok(mut played) = trial.play() else { panic!("it builds") };
        assert_eq!(fifo_per_port(&played), Ok(()));
        played.run.deliveries_mut().swap(1, 2);
        let why = fifo_per_port(&played).map_err(|broken| broken.why);
        assert_eq!(why, Err("frame 2 left by b behind frame 3; both came in on a".to_owned()));
    }
}
