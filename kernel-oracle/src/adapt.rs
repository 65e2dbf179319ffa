//! A user's scenario and frames in a form that a kernel can be given.
//!
//! What stays the same: maps, programs, entries, namespaces, uppers, changes. What becomes something else is
//! listed in [`Adapted::notes`], and both sides play the adapted form; what has no counterpart on this bench
//! is refused by name ([`NotPlayable`]).

use thiserror::Error;
use xdpsim_core::scenario::{At, Change, PeerSpec, PortKind, PortSpec, Scenario};
use xdpsim_core::{FrameNo, Nanos, Timing};
use xdpsim_devmap::IfIndex;

use crate::case::{Burst, Case, Inject};

/// Frames that one poll takes.
const POLL: usize = 64;
/// The usual mtu.
const ETHERNET_MTU: u32 = 1500;
/// A veth with a larger mtu refuses programs without support for fragments (DRV-11), give or take what the
/// kernel's options add to a buffer's end.
const XDP_MTU_MAX: u32 = 3400;
/// An ideal port's own mtu.
const MTU_MAX: u32 = 65_535;

/// A case, and in what it differs from the user's scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapted {
    /// The case.
    pub case: Case,
    /// What became something else, a sentence each.
    pub notes: Vec<String>,
}

/// Why a scenario cannot be played on a kernel here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}: {why}")]
pub struct NotPlayable {
    /// The part of the scenario.
    pub what: String,
    /// Why, and what to do instead.
    pub why: String,
}

impl NotPlayable {
    fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

/// The scenario with these frames coming in on the port with this index, each with its timestamp.
///
/// # Errors
/// The first part that has no counterpart on a kernel.
pub fn adapt(
    scenario: &Scenario,
    ingress: usize,
    timing: Timing,
    frames: Vec<(Nanos, Vec<u8>)>,
) -> Result<Adapted, NotPlayable> {
    let mut notes = Vec::new();
    let mut scenario = scenario.clone();
    if scenario.cpus > 1 {
        return Err(NotPlayable::new(
            "several CPUs",
            "a kernel's poll order over CPUs is not repeatable; set cpus = 1",
        ));
    }
    if !scenario.faults.is_empty() {
        return Err(NotPlayable::new("[[fault]]", "a kernel cannot be told to fail; leave the faults out"));
    }
    if !scenario.profile.rules.is_mainline() {
        return Err(NotPlayable::new(
            format!("rules = \"{}\"", scenario.profile.rules),
            "no kernel has these helpers; leave the key out",
        ));
    }
    number(&mut scenario, &mut notes);
    uppers_on_kernel(&scenario)?;
    let mtu = ideal_mtu(&frames)?;
    for port in &mut scenario.ports {
        port_on_kernel(port, mtu, &mut notes)?;
    }
    let stamps: Vec<Nanos> = frames.iter().map(|(stamp, _)| *stamp).collect();
    scenario.changes = changes_by_frame(&scenario.changes, &stamps)?;
    let bursts = bursts(ingress, timing, frames, &scenario.changes);
    Ok(Adapted { case: Case { scenario, bursts }, notes })
}

/// Upper devices are bridges and macvlans that only stand there; one that frames can leave by would have to be
/// a bond.
fn uppers_on_kernel(scenario: &Scenario) -> Result<(), NotPlayable> {
    let is_upper =
        |name: &String| scenario.ports.iter().any(|port| port.name == *name && port.kind == PortKind::Upper);
    for port in &scenario.ports {
        if let Some(upper) = port.uppers.iter().find(|upper| !is_upper(upper)) {
            let what = format!("port `{}` with its upper `{upper}`", port.name);
            return Err(NotPlayable::new(
                what,
                "an upper that is a target too would have to be a bond; make it \
                `kind = \"upper\"`",
            ));
        }
    }
    Ok(())
}

/// What takes all frames.
fn ideal_mtu(frames: &[(Nanos, Vec<u8>)]) -> Result<u32, NotPlayable> {
    let Some((no, (_, bytes))) = frames.iter().enumerate().max_by_key(|(_, (_, bytes))| bytes.len()) else {
        return Ok(ETHERNET_MTU);
    };
    let mtu = u32::try_from(bytes.len().saturating_sub(14)).unwrap_or(u32::MAX);
    if mtu > XDP_MTU_MAX {
        let why = format!("it has {} bytes; one buffer of a veth takes {}", bytes.len(), XDP_MTU_MAX + 14);
        return Err(NotPlayable::new(format!("frame {}", no + 1), why));
    }
    Ok(mtu.max(ETHERNET_MTU))
}

/// A port without a number of its own, or with the loopback device's, gets the next free one of its namespace.
fn number(scenario: &mut Scenario, notes: &mut Vec<String>) {
    let taken = |ports: &[PortSpec], netns: &Option<String>, number| {
        ports.iter().any(|port| port.netns == *netns && port.ifindex == Some(IfIndex(number)))
    };
    for index in 0..scenario.ports.len() {
        let port = &scenario.ports[index];
        if port.ifindex.is_some_and(|ifindex| ifindex.0 > 1) {
            continue;
        }
        let (name, netns) = (port.name.clone(), port.netns.clone());
        let free = (2..).find(|&number| !taken(&scenario.ports, &netns, number)).unwrap_or(2);
        scenario.ports[index].ifindex = Some(IfIndex(free));
        notes.push(format!("`{name}` has the ifindex {free}: 1 is the loopback device's"));
    }
}

fn port_on_kernel(port: &mut PortSpec, ideal_mtu: u32, notes: &mut Vec<String>) -> Result<(), NotPlayable> {
    let what = || format!("port `{}`", port.name);
    if port.queues > 1 {
        return Err(NotPlayable::new(what(), "the bench has one queue a port; set queues = 1"));
    }
    if port.features.is_some() {
        return Err(NotPlayable::new(what(), "a kernel sets feature bits itself; leave `features` out"));
    }
    match &port.kind {
        PortKind::Nic { .. } => {
            let why = "there is no such card here; make it `ideal` or `veth` to compare the rest";
            Err(NotPlayable::new(what(), why))
        }
        PortKind::Ideal => {
            let own = port.mtu.filter(|&mtu| mtu < MTU_MAX);
            let mtu = own.unwrap_or(ideal_mtu);
            port.mtu = Some(mtu);
            let peer = PeerSpec::FarEnd { mtu: mtu.min(MTU_MAX), gro: false, xdp: true, up: true, queues: 1 };
            port.kind = PortKind::Veth { peer, gro: false };
            let note =
                format!("ideal ports are veth pairs with an mtu of {ideal_mtu} whose far ends poll at once");
            if !notes.contains(&note) {
                notes.push(note);
            }
            Ok(())
        }
        PortKind::Veth { .. } | PortKind::Upper => Ok(()),
    }
}

/// Changes at a time happen before the first frame that comes at that time or later.
fn changes_by_frame(changes: &[Change], stamps: &[Nanos]) -> Result<Vec<Change>, NotPlayable> {
    let began = stamps.first().copied().unwrap_or_default();
    let mut by_frame = Vec::new();
    for change in changes {
        let no = match change.at {
            At::Frame(no) => no.0,
            At::Time(time) => {
                let due = Nanos(began.0.saturating_add(time.0));
                stamps.iter().position(|&stamp| stamp >= due).unwrap_or(stamps.len()) as u64
            }
            At::BeforeEnqueue(_) | At::InWalk { .. } => {
                return Err(NotPlayable::new(
                    "a change in the middle of a poll",
                    "a kernel's other CPUs cannot be told to hit that moment; give it a frame or a time",
                ));
            }
        };
        if no < stamps.len() as u64 {
            by_frame.push(Change { at: At::Frame(FrameNo(no)), action: change.action.clone() });
        }
    }
    Ok(by_frame)
}

/// Back to back, 64 frames are a poll; at capture times, frames of one moment are. A change cuts a poll.
fn bursts(ingress: usize, timing: Timing, frames: Vec<(Nanos, Vec<u8>)>, changes: &[Change]) -> Vec<Burst> {
    let mut bursts: Vec<Burst> = Vec::new();
    let mut clock = Nanos::ZERO;
    for (no, (stamp, bytes)) in (0..).zip(frames) {
        let cut = changes.iter().any(|change| change.at == At::Frame(FrameNo(no)));
        let together = timing == Timing::Asap || stamp <= clock;
        clock = clock.max(stamp);
        match bursts.last_mut() {
            Some(burst) if together && !cut && burst.frames.len() < POLL => burst.frames.push(bytes),
            _ => bursts.push(Burst { port: ingress, how: Inject::Poll, frames: vec![bytes] }),
        }
    }
    bursts
}

#[cfg(test)]
mod tests {
    use xdpsim_core::scenario::Action;

    use super::*;

    fn at(stamps: &[u64]) -> Vec<(Nanos, Vec<u8>)> {
        stamps.iter().map(|&stamp| (Nanos(stamp), vec![0; 60])).collect()
    }

    fn lengths(adapted: &Adapted) -> Vec<usize> {
        adapted.case.bursts.iter().map(|burst| burst.frames.len()).collect()
    }

    #[test]
    fn frames_of_one_moment_and_frames_back_to_back_are_polls() {
        let scenario = Scenario { ports: vec![PortSpec::ideal("a")], ..Scenario::default() };
        let capture = adapt(&scenario, 0, Timing::Capture, at(&[5, 5, 7, 6, 9])).unwrap();
        assert_eq!(lengths(&capture), [2, 2, 1]);
        let asap = adapt(&scenario, 0, Timing::Asap, at(&[1; 130])).unwrap();
        assert_eq!(lengths(&asap), [64, 64, 2]);
        assert_eq!(asap.notes.len(), 2);
    }

    #[test]
    fn a_change_at_a_time_cuts_the_poll_that_it_falls_into() {
        let mut scenario = Scenario { ports: vec![PortSpec::ideal("a")], ..Scenario::default() };
        let down = |at| Change { at, action: Action::SetUp { port: "a".into(), up: false } };
        scenario.changes =
            vec![down(At::Time(Nanos(2))), down(At::Time(Nanos(99))), down(At::Frame(FrameNo(1)))];
        let adapted = adapt(&scenario, 0, Timing::Asap, at(&[10, 11, 12, 13])).unwrap();
        assert_eq!(lengths(&adapted), [1, 1, 2]);
        let frames: Vec<At> = adapted.case.scenario.changes.iter().map(|change| change.at).collect();
        assert_eq!(frames, [At::Frame(FrameNo(2)), At::Frame(FrameNo(1))]);
    }

    #[test]
    fn what_no_kernel_here_has_is_refused_by_name() {
        let ports = vec![PortSpec::new("line", PortKind::Nic { rate: None, tx_ring: 8 })];
        let refused =
            adapt(&Scenario { ports, ..Scenario::default() }, 0, Timing::Asap, at(&[1])).unwrap_err();
        assert!(refused.to_string().starts_with("port `line`: there is no such card here"), "{refused}");
        let refused =
            adapt(&Scenario { cpus: 2, ..Scenario::default() }, 0, Timing::Asap, at(&[1])).unwrap_err();
        assert!(refused.to_string().starts_with("several CPUs"), "{refused}");
    }
}
