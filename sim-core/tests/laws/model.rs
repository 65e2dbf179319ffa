//! Random runs, and what they must come to.
//!
//! All frames but the last come in on the veth end v0; what they do is known from the script. The last
//! frame flushes what failed broadcasts left queued.

use proptest::prelude::*;
use xdpsim_core::lab::Lab;
use xdpsim_core::scenario::{FaultKind, FaultSpec, MapSpec, Op, PortKind, PortSpec, ProgramKind, Scenario};
use xdpsim_core::{MapKind, Nanos, XdpAction};

use super::common::*;

/// Where frames can go.
pub struct Target {
    pub name: &'static str,
    pub ifindex: u32,
    /// Length of the longest frame that is not refused.
    len_max: u32,
}

pub const TARGETS: [Target; 5] = [
    Target { name: "b", ifindex: 3, len_max: 65_553 },
    Target { name: "n", ifindex: 4, len_max: 1518 },
    Target { name: "f", ifindex: 5, len_max: 1518 },
    Target { name: "w0", ifindex: 6, len_max: 1518 },
    Target { name: "v0", ifindex: 1, len_max: 1518 },
];
const INGRESS: usize = 4;
const KEYS: usize = 6;

/// What a frame's program does.
#[derive(Clone, Copy, Debug)]
enum Does {
    Returns(u32),
    ToTarget(usize),
    ToNowhere,
    ToKey(usize),
    Broadcast { exclude: bool },
}

/// One run.
#[derive(Clone, Debug)]
pub struct Case {
    does: Vec<Does>,
    lengths: Vec<u32>,
    /// Frames that arrive together.
    burst: usize,
    /// Target of each key, with the number of its devmap program, if any.
    entries: [Option<(usize, Option<usize>)>; KEYS],
    down: Option<usize>,
    clone_fails: Option<(usize, u64)>,
    convert_fails: Option<u64>,
    xmit_fails: Option<usize>,
}

/// What it must come to.
#[derive(Debug, Default)]
pub struct Expected {
    pub unicasts: u64,
    /// Successful ones.
    pub broadcasts: u64,
    pub nobody: u64,
    pub clones: u64,
    pub enqueues: [u64; TARGETS.len()],
}

impl Case {
    pub fn any() -> impl Strategy<Value = Self> {
        let does = prop_oneof![
            // No XDP_REDIRECT without a call: after a miss that goes somewhere (HLP-12).
            3 => prop::sample::select(vec![0, 1, 2, 3, 5]).prop_map(Does::Returns),
            1 => (0..TARGETS.len()).prop_map(Does::ToTarget),
            1 => Just(Does::ToNowhere),
            4 => (0..KEYS).prop_map(Does::ToKey),
            4 => any::<bool>().prop_map(|exclude| Does::Broadcast { exclude }),
        ];
        let entry = prop::option::weighted(0.7, (0..TARGETS.len(), prop::option::weighted(0.3, 0..2usize)));
        let frames = 1..60usize;
        let length = prop_oneof![3 => Just(60), 1 => 60..1700u32];
        (
            (prop::collection::vec(does, 1..12), prop::collection::vec(length, frames), 1..70usize),
            prop::array::uniform6(entry),
            prop::option::weighted(0.4, 0..INGRESS),
            prop::option::weighted(0.4, (0..TARGETS.len(), 1..6u64)),
            prop::option::weighted(0.2, 1..20u64),
            prop::option::weighted(0.3, 0..TARGETS.len()),
        )
            .prop_map(
                |((does, lengths, burst), entries, down, clone_fails, convert_fails, xmit_fails)| Self {
                    does,
                    lengths,
                    burst,
                    entries,
                    down,
                    clone_fails,
                    convert_fails,
                    xmit_fails,
                },
            )
    }

    /// Frames that arrive, the last included.
    pub fn frames(&self) -> u64 {
        self.lengths.len() as u64 + 1
    }

    pub fn scenario(&self) -> Scenario {
        let mut ports = pair("v0", "v1", true).to_vec();
        ports.push(PortSpec::ideal("b"));
        ports.push(PortSpec::new("n", PortKind::Nic { rate: None, tx_ring: 9 }));
        ports.push(far_end("f", 500, true, true));
        ports.extend(pair("w0", "w1", true));
        ports.extend(["last", "out"].map(PortSpec::ideal));
        for port in &mut ports {
            port.up = self.down.is_none_or(|down| TARGETS[down].name != port.name);
        }
        let mut map = MapSpec::new("map", MapKind::Devmap, KEYS as u32);
        for (key, entry) in self.entries.iter().enumerate() {
            map = match *entry {
                None => map,
                Some((target, None)) => map.with(key as u32, TARGETS[target].name),
                Some((target, Some(program))) => {
                    map.with_program(key as u32, TARGETS[target].name, ["some", "all"][program])
                }
            };
        }
        let mut scenario = Scenario { ports, maps: vec![map], faults: self.faults(), ..Scenario::default() };
        script(&mut scenario, "v0", self.does.iter().map(|does| does.ops()).collect());
        script(&mut scenario, "last", vec![to_ifindex(9)]);
        let verdicts = [2, 1, 2, 2, 0, 3].map(|verdict| vec![Op::Return(XdpAction(verdict))]);
        entry_program(&mut scenario, "some", ProgramKind::Script(verdicts.to_vec()));
        entry_program(&mut scenario, "all", ProgramKind::Script(vec![vec![DROP]]));
        scenario
    }

    fn faults(&self) -> Vec<FaultSpec> {
        let fault = |target: usize, kind, nth| FaultSpec { port: TARGETS[target].name.into(), kind, nth };
        let clone = self.clone_fails.map(|(target, nth)| fault(target, FaultKind::Clone, nth));
        let convert = self.convert_fails.map(|nth| fault(INGRESS, FaultKind::Convert, nth));
        let xmit = self.xmit_fails.map(|target| fault(target, FaultKind::XmitShort(1), 1));
        [clone, convert, xmit].into_iter().flatten().collect()
    }

    pub fn send(&self, lab: &mut Lab) {
        for (i, &len) in self.lengths.iter().enumerate() {
            lab.at(Nanos(1 + (i / self.burst) as u64)).send("v0", &vec![0; len as usize]);
        }
        lab.at(Nanos(1000)).send("last", &frame(0));
    }

    /// Follows the script frame by frame.
    pub fn expected(&self) -> Expected {
        // The last frame, to a port of its own.
        let mut expected = Expected { unicasts: 1, ..Expected::default() };
        let (mut conversions, mut clone_tries) = (0, [0; TARGETS.len()]);
        for (&len, does) in self.lengths.iter().zip(self.does.iter().cycle()) {
            if does.converts(&self.entries) {
                conversions += 1;
                if self.convert_fails == Some(conversions) {
                    continue;
                }
            }
            match *does {
                Does::ToTarget(target) => self.unicast(target, len, &mut expected),
                Does::ToKey(key) => {
                    if let Some((target, _)) = self.entries[key] {
                        self.unicast(target, len, &mut expected);
                    }
                }
                Does::Broadcast { exclude } => self.broadcast(exclude, len, &mut clone_tries, &mut expected),
                Does::Returns(_) | Does::ToNowhere => {}
            }
        }
        expected
    }

    fn accepts(&self, target: usize, len: u32) -> bool {
        self.down != Some(target) && len <= TARGETS[target].len_max
    }

    fn unicast(&self, target: usize, len: u32, expected: &mut Expected) {
        if self.accepts(target, len) {
            expected.unicasts += 1;
            expected.enqueues[target] += 1;
        }
    }

    fn broadcast(&self, exclude: bool, len: u32, tries: &mut [u64; TARGETS.len()], expected: &mut Expected) {
        let targets = self.entries.iter().flatten().map(|&(target, _)| target);
        let wanted = |&target: &usize| self.accepts(target, len) && !(exclude && target == INGRESS);
        let valid: Vec<usize> = targets.filter(wanted).collect();
        let Some((&last, clones)) = valid.split_last() else {
            expected.broadcasts += 1;
            expected.nobody += 1;
            return;
        };
        for &target in clones {
            tries[target] += 1;
            if self.clone_fails == Some((target, tries[target])) {
                return;
            }
            expected.clones += 1;
            expected.enqueues[target] += 1;
        }
        expected.enqueues[last] += 1;
        expected.broadcasts += 1;
    }
}

impl Does {
    fn ops(self) -> Vec<Op> {
        match self {
            Self::Returns(verdict) => vec![Op::Return(XdpAction(verdict))],
            Self::ToTarget(target) => to_ifindex(TARGETS[target].ifindex),
            Self::ToNowhere => to_ifindex(99),
            Self::ToKey(key) => to_key("map", key as u64, 1),
            Self::Broadcast { exclude } => {
                to_key("map", 0, BROADCAST | if exclude { EXCLUDE_INGRESS } else { 0 })
            }
        }
    }

    /// Is the frame converted: for a redirect, or for XDP_TX? A miss drops it before.
    fn converts(self, entries: &[Option<(usize, Option<usize>)>; KEYS]) -> bool {
        match self {
            Self::Returns(verdict) => verdict == 3,
            Self::ToKey(key) => entries[key].is_some(),
            _ => true,
        }
    }
}
