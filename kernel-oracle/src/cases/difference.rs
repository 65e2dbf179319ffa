//! A group without another on a real path: "A without B", carried in two independent ways.
//!
//! No kernel has an exclude group, but it can be made to act as if: a devmap that holds the computed
//! difference, or a broadcast to A whose entries for members of B carry a program that drops. Both must
//! deliver what the reference difference says, in its order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use xdpsim_core::scenario::{MapSpec, ProgramKind, ProgramSpec, Scenario};
use xdpsim_core::{MapKind, RedirectFlags, XdpAction};
use xdpsim_devmap::{DevId, Entry, IfIndex, difference};

use super::frames::{self, FrameDraw};
use super::names;
use crate::case::{Burst, Case, House, Inject};

/// Frames of one case: so many that partial flushes come about, so few that no ring overflows.
const FRAMES: std::ops::Range<usize> = 1..40;
/// Copies that one port may get of a frame.
const COPIES_MAX: usize = 3;

/// How the difference is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The devmap holds A without B.
    Computed,
    /// The devmap holds A, and programs on members of B drop.
    Programs,
}

impl Carrier {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Computed, Self::Programs];
}

/// A group, what is to be left out, and where frames come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// A: key and port, as an index into the house's ports, in the order in which they are written.
    pub forward: Vec<(u32, usize)>,
    /// B.
    pub exclude: BTreeSet<usize>,
    /// Where frames come in.
    pub ingress: usize,
    /// Is the ingress itself left out, too?
    pub exclude_ingress: bool,
    /// The devmap's type.
    pub kind: MapKind,
    /// How frames come in.
    pub how: Inject,
    /// How many.
    pub frames: usize,
    /// A number that tells this case's frames from others'.
    pub number: u16,
}

/// Differences over those ports of the house whose far ends get what is sent to them.
///
/// # Panics
/// For a house in which nobody receives.
pub fn differences_in(house: &House) -> impl Strategy<Value = Difference> + use<> {
    let (targets, receivers) = (names::good_targets(house), names::receivers(house));
    assert!(!receivers.is_empty(), "nobody receives in this house");
    let n = targets.len().max(1);
    // A house without such ports still has the empty group.
    let most = if targets.is_empty() { 1 } else { names::KEYS as usize + 1 };
    let keys = Just((0..names::KEYS).collect::<Vec<_>>()).prop_shuffle();
    let forward = (keys, prop::collection::vec(0..n, 0..most));
    let exclude = prop::collection::btree_set(0..n, 0..n);
    let frames = prop_oneof![
        2 => (Just(Inject::Socket), 1..3usize),
        3 => (Just(Inject::Poll), FRAMES),
    ];
    let kind = xdpsim_core::strategies::maps::kind();
    let rest = (prop::sample::select(receivers), any::<bool>(), kind, frames, any::<u16>());
    (forward, exclude, rest).prop_map(move |((keys, forward), exclude, rest)| {
        let (ingress, exclude_ingress, kind, (how, frames), number) = rest;
        let mut copies = BTreeMap::new();
        let few = |&(_, port): &(u32, usize)| {
            let so_far: &mut usize = copies.entry(port).or_default();
            *so_far += 1;
            *so_far <= COPIES_MAX
        };
        let forward = forward.into_iter().filter_map(|i| targets.get(i).copied());
        let forward = keys.into_iter().zip(forward).filter(few).collect();
        let exclude = exclude.into_iter().filter_map(|i| targets.get(i).copied()).collect();
        Difference { forward, exclude, ingress, exclude_ingress, kind, how, frames, number }
    })
}

impl Difference {
    /// The case that carries it so.
    #[must_use]
    pub fn case(&self, house: &House, carrier: Carrier) -> Case {
        let name = |port: usize| house.ports[port].name.as_str();
        let map = match carrier {
            Carrier::Computed => {
                let map = MapSpec::new("group", MapKind::Devmap, names::KEYS);
                let left = self.left();
                (0..).zip(&left).fold(map, |map, (key, entry)| map.with(key, name(entry.dev.0 as usize)))
            }
            Carrier::Programs => {
                let map = MapSpec::new("group", self.kind, names::KEYS);
                self.forward.iter().fold(map, |map, &(key, port)| match self.exclude.contains(&port) {
                    true => map.with_program(key, name(port), "drop"),
                    false => map.with(key, name(port)),
                })
            }
        };
        let flags = match self.exclude_ingress {
            true => RedirectFlags::EXCLUDE_INGRESS,
            false => RedirectFlags::empty(),
        };
        let frags = |program: ProgramSpec| ProgramSpec { frags: true, ..program };
        let program = |(i, name): (usize, &str)| {
            let fan = ProgramKind::Broadcast { map: "group".into(), flags };
            frags(ProgramSpec::xdp(
                name,
                if i == self.ingress { fan } else { ProgramKind::Verdict(XdpAction::DROP) },
            ))
        };
        let on_ports = house.ports.iter().enumerate().filter_map(|(i, port)| Some((i, port.xdp.as_deref()?)));
        let mut programs: Vec<ProgramSpec> = on_ports.map(program).collect();
        programs.push(frags(ProgramSpec::devmap("drop", ProgramKind::Verdict(XdpAction::DROP))));
        let scenario = Scenario {
            netns: house.netns.clone(),
            ports: house.ports.clone(),
            maps: vec![map],
            programs,
            ..Scenario::default()
        };
        Case { scenario, bursts: vec![Burst { port: self.ingress, how: self.how, frames: self.bytes() }] }
    }

    /// What leaves by each port, by the reference difference alone: no queue, poll or event is asked.
    ///
    /// The ingress is left out by the number of its interface and of its upper devices (BRD-08), and with more
    /// than eight of those nobody gets anything.
    #[must_use]
    pub fn expected(&self, house: &House) -> BTreeMap<String, Vec<Vec<u8>>> {
        let mut by_port: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        let ingress = &house.ports[self.ingress];
        let number_of = |name: &String| house.ports.iter().find(|port| port.name == *name)?.ifindex;
        let mut left_out: BTreeSet<IfIndex> = BTreeSet::new();
        if self.exclude_ingress {
            if ingress.uppers.len() > 8 {
                return by_port;
            }
            left_out.extend(ingress.ifindex);
            left_out.extend(ingress.uppers.iter().filter_map(number_of));
        }
        for frame in self.bytes() {
            for entry in self.left() {
                let port = &house.ports[entry.dev.0 as usize];
                if !port.ifindex.is_some_and(|number| left_out.contains(&number)) {
                    by_port.entry(port.name.clone()).or_default().push(frame.clone());
                }
            }
        }
        by_port
    }

    /// A without B by the reference, ports by their place in the house. The order within a port is all that
    /// can be seen of it, so A's order of writing does.
    fn left(&self) -> Vec<Entry> {
        let entry = |port: usize| Entry { dev: DevId(port as u32), ifindex: IfIndex(0), prog: None };
        let forward = self.forward.iter().map(|&(_, port)| entry(port));
        difference(forward, self.exclude.iter().map(|&port| entry(port)))
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        (0..self.frames).map(|no| frames::bytes(FrameDraw { len: 60, mark: 2 }, no, self.number)).collect()
    }
}
