//! Cases bent towards a rule that random ones seldom reach.
//!
//! A twist replaces parts of a drawn case: the first map's entries, the program of the port on which the
//! first burst comes in, sometimes an entry's program and the bursts. What is left stays random.

use proptest::prelude::*;
use xdpsim_core::scenario::{
    Action, EntryValue, KeySource, MapSpec, Op, PeerSpec, PortKind, PortSpec, ProgramKind,
};
use xdpsim_core::strategies::Vocabulary;
use xdpsim_core::{MapKind, RedirectFlags, XdpAction};
use xdpsim_devmap::{IfIndex, UpdateFlags};

use super::case::{BurstDraw, Draft};
use super::frames::FrameDraw;
use super::names::{self, ENTRY_PROGRAMS, MAPS, ODD_PROGRAM};
use crate::case::{House, Inject};

const BROADCAST: u64 = RedirectFlags::BROADCAST.bits();
const PASS: Op = Op::Return(XdpAction::PASS);
const DROP: Op = Op::Return(XdpAction::DROP);
const REDIRECT: Op = Op::Return(XdpAction::REDIRECT);

/// What is asked for.
#[derive(Clone, Debug)]
enum Sort {
    /// More copies for one far end than its ring holds (DRV-06), after so many single frames.
    Overflow { copies: usize, before: usize },
    /// The devmap program drops all of the last bulk (FLU-06).
    Unwoken { dropped: usize },
    /// A devmap program calls a helper in a partial flush, and frames without a call follow (DVP-09, RED-13).
    EntryCall { bare: usize, call: EntryCall },
    /// Entries with and without programs for one device (ENQ-04).
    Programs,
    /// XDP_TX and redirects in turn (DRV-08).
    Tx { period: usize },
    /// A hash map whose buckets hold several entries, updated between two bursts (BRD-03).
    HashOrder { updated: u32 },
    /// Broadcast that excludes the ingress, over upper devices and devices with the same numbers (BRD-08).
    Uppers,
    /// An armed target crosses to the next device of the softirq (HLP-22).
    Crossing { stray: usize, broadcast: bool },
    /// A map loses all its entries and is offered a program that its owner doesn't admit (MAP-07).
    Owner,
    /// Frames arm a target and go elsewhere, others use it, in one softirq and in the next (HLP-21, HLP-22).
    Stale { verdict: XdpAction, broadcast: bool },
    /// A failed lookup after a call that armed an ifindex, or a key (HLP-12).
    Miss { by_ifindex: bool },
    /// One device by ifindex first, then by entries with programs (ENQ-04.c, FLU-02).
    IfindexFirst,
    /// Unicasts to ports that refuse, some of them for two reasons (RED-04).
    Refused,
    /// Several devices in changing order, some of them again later (FLU-03, ENQ-02).
    Order { keys: Vec<u64> },
    /// A target's ends open and close, and its GRO changes meanwhile (DRV-01).
    Reopened { deeds: &'static [Deed] },
}

/// What is done to a target.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Gro(bool),
    Far(bool),
    Near(bool),
}

/// GRO that changes while its end is up, or down, and what opening each end makes of it.
const REOPENED: [&[Deed]; 4] = [
    &[Deed::Far(false), Deed::Gro(true), Deed::Far(true), Deed::Near(false), Deed::Near(true)],
    &[Deed::Gro(true), Deed::Far(false), Deed::Gro(false), Deed::Far(true)],
    &[Deed::Gro(false), Deed::Far(false), Deed::Gro(true), Deed::Far(true)],
    &[Deed::Gro(true), Deed::Far(false), Deed::Near(false), Deed::Near(true)],
];

/// What a devmap program calls.
#[derive(Clone, Copy, Debug)]
enum EntryCall {
    Key,
    Broadcast,
    /// With the ifindex of the ingress as key, and so on the verdict REDIRECT.
    IngressIfindex,
    RxQueueIndex,
}

impl EntryCall {
    const ALL: [Self; 4] = [Self::Key, Self::Broadcast, Self::IngressIfindex, Self::RxQueueIndex];
}

/// A sort, and how many frames come.
#[derive(Clone, Debug)]
pub(super) struct Twist {
    sort: Sort,
    frames: usize,
    kind: MapKind,
}

/// No twist in 10 cases, one in `weight` others.
pub(super) fn twists(house: &House, words: &Vocabulary, weight: u32) -> BoxedStrategy<Option<Twist>> {
    let crossing = match words.ports.iter().any(|name| name == "x") {
        true => (1..4usize, any::<bool>())
            .prop_map(|(stray, broadcast)| Sort::Crossing { stray, broadcast })
            .boxed(),
        false => Just(Sort::Programs).boxed(),
    };
    let sort = prop_oneof![
        1 => (4..9usize, 0..7usize).prop_map(|(copies, before)| Sort::Overflow { copies, before }),
        1 => (1..4usize).prop_map(|dropped| Sort::Unwoken { dropped }),
        1 => (1..4usize, prop::sample::select(EntryCall::ALL.to_vec())).prop_map(|(bare, call)| Sort::EntryCall { bare, call }),
        1 => Just(Sort::Programs),
        1 => (1..5usize).prop_map(|period| Sort::Tx { period }),
        1 => prop::sample::select(vec![1u32, 9, 17, 2, 3]).prop_map(|updated| Sort::HashOrder { updated }),
        2 => Just(Sort::Uppers),
        5 => crossing,
        1 => Just(Sort::Owner),
        3 => (prop::sample::select(vec![XdpAction::PASS, XdpAction::DROP]), any::<bool>())
            .prop_map(|(verdict, broadcast)| Sort::Stale { verdict, broadcast }),
        2 => any::<bool>().prop_map(|by_ifindex| Sort::Miss { by_ifindex }),
        1 => Just(Sort::IfindexFirst),
        1 => Just(Sort::Refused),
        1 => prop::collection::vec(0..5u64, 2..9).prop_map(|keys| Sort::Order { keys }),
        1 => prop::sample::select(REOPENED.to_vec()).prop_map(|deeds| Sort::Reopened { deeds }),
    ];
    if weight == 0 || names::good_targets(house).is_empty() {
        return Just(None).boxed();
    }
    let frames = super::frames::count();
    let kind = xdpsim_core::strategies::maps::kind();
    let twist = (sort, frames, kind).prop_map(|(sort, frames, kind)| Some(Twist { sort, frames, kind }));
    prop_oneof![10 => Just(None), weight => twist].boxed()
}

/// A case being bent.
struct Bench<'a> {
    draft: &'a mut Draft,
    house: &'a House,
    /// The port of the first burst, and its place among the programs.
    port: usize,
    program: usize,
    /// Names of ports that take and pass on what is sent to them, all the same if there is only one.
    good: Vec<String>,
}

impl Twist {
    /// Bends a case.
    pub fn bend(&self, draft: &mut Draft, house: &House) {
        let port = draft.bursts[0].port;
        let program = house.ports[..port].iter().filter(|port| port.xdp.is_some()).count();
        let good = names::good_targets(house).into_iter().map(|i| house.ports[i].name.clone()).collect();
        let mut bench = Bench { draft, house, port, program, good };
        let frames = self.frames;
        match &self.sort {
            Sort::Overflow { copies, before } => bench.overflow(*copies, *before),
            Sort::Unwoken { dropped } => bench.unwoken(*dropped),
            Sort::EntryCall { bare, call } => bench.entry_call(*bare, *call),
            Sort::Programs => bench.programs(self.kind, frames),
            Sort::Tx { period } => bench.tx(*period, frames),
            Sort::HashOrder { updated } => bench.hash_order(*updated, frames),
            Sort::Uppers => bench.uppers(self.kind, frames),
            Sort::Crossing { stray, broadcast } => bench.crossing(*stray, *broadcast),
            Sort::Owner => bench.owner(self.kind),
            Sort::Stale { verdict, broadcast } => bench.stale(*verdict, *broadcast, frames),
            Sort::Miss { by_ifindex } => bench.miss(*by_ifindex, frames),
            Sort::IfindexFirst => bench.ifindex_first(self.kind, frames),
            Sort::Refused => bench.refused(self.kind, frames),
            Sort::Order { keys } => bench.order(keys, self.kind, frames),
            Sort::Reopened { deeds } => bench.reopened(deeds, self.kind, frames),
        }
    }
}

impl Bench<'_> {
    fn good(&self, i: usize) -> &str {
        &self.good[i % self.good.len()]
    }

    fn map(&mut self, kind: MapKind, entries: &[(u32, &str, Option<&str>)]) {
        let map = MapSpec::new(MAPS[0], kind, names::KEYS);
        self.draft.maps[0] = entries.iter().fold(map, |map, &(key, port, program)| match program {
            None => map.with(key, port),
            Some(program) => map.with_program(key, port, program),
        });
    }

    fn run(&mut self, kind: ProgramKind) {
        self.draft.on_ports[self.program] = kind;
    }

    /// The program of another port, if the house has it.
    fn run_on(&mut self, port: &str, kind: ProgramKind) {
        let mut with_program = self.house.ports.iter().filter(|port| port.xdp.is_some());
        if let Some(i) = with_program.position(|one| one.name == port) {
            self.draft.on_ports[i] = kind;
        }
    }

    /// Where devmap programs arm targets at the flush, what comes out of a pair must not use them: it could
    /// go round for ever.
    fn pair_passes(&mut self) {
        for port in ["x", "y"] {
            self.run_on(port, ProgramKind::Verdict(XdpAction::PASS));
        }
    }

    fn polls(&mut self, bursts: impl IntoIterator<Item = usize>) {
        let frame = |i: usize| FrameDraw { len: 60, mark: i as u8 % 12 };
        let burst =
            |n: usize| BurstDraw { port: self.port, how: Inject::Poll, frames: (0..n).map(frame).collect() };
        self.draft.bursts = bursts.into_iter().filter(|&n| n > 0).map(burst).collect();
    }

    fn overflow(&mut self, copies: usize, before: usize) {
        let (one, other) = (self.good(0).to_owned(), self.good(1).to_owned());
        let mut entries: Vec<(u32, &str, Option<&str>)> =
            (0..copies as u32).map(|key| (key, one.as_str(), None)).collect();
        entries.push((11, &other, None));
        self.map(MapKind::Devmap, &entries);
        self.run(ProgramKind::Broadcast { map: MAPS[0].into(), flags: RedirectFlags::empty() });
        self.polls(std::iter::repeat_n(1, before).chain([64, 1]));
    }

    fn unwoken(&mut self, dropped: usize) {
        let target = self.good(0).to_owned();
        self.map(MapKind::Devmap, &[(0, &target, Some(ENTRY_PROGRAMS[0]))]);
        let cycle = [vec![vec![PASS]; 16], vec![vec![DROP]; dropped]].concat();
        self.draft.on_entries[0] = ProgramKind::Script(cycle);
        self.run(to_key(KeySource::Const(0)));
        self.polls([16 + dropped, 1]);
    }

    fn entry_call(&mut self, bare: usize, entry: EntryCall) {
        let (one, other) = (self.good(0).to_owned(), self.good(1).to_owned());
        self.map(MapKind::Devmap, &[(0, &one, Some(ENTRY_PROGRAMS[0])), (1, &other, None)]);
        self.draft.on_entries[0] = match entry {
            EntryCall::Key => ProgramKind::Script(vec![vec![call(1, 0), PASS]]),
            EntryCall::Broadcast => ProgramKind::Script(vec![vec![call(1, BROADCAST), PASS]]),
            EntryCall::IngressIfindex => to_key(KeySource::IngressIfindex),
            EntryCall::RxQueueIndex => to_key(KeySource::RxQueueIndex),
        };
        self.pair_passes();
        let cycle = [vec![vec![call(0, 0), Op::ReturnHelper]; 17], vec![vec![REDIRECT]; bare]].concat();
        self.run(ProgramKind::Script(cycle));
        self.polls([17 + bare]);
    }

    fn programs(&mut self, kind: MapKind, frames: usize) {
        let (one, other) = (self.good(0).to_owned(), self.good(1).to_owned());
        let [p, q, _] = ENTRY_PROGRAMS;
        self.map(kind, &[(0, &one, None), (1, &one, Some(p)), (2, &one, Some(q)), (3, &other, Some(p))]);
        self.run(to_key(KeySource::FrameByte { offset: 0, modulo: 4 }));
        for burst in &mut self.draft.bursts {
            burst.port = self.port;
        }
        if let Some(first) = self.draft.bursts.first_mut() {
            first.frames.resize(frames, FrameDraw { len: 60, mark: 2 });
        }
    }

    fn tx(&mut self, period: usize, frames: usize) {
        let target = self.good(0).to_owned();
        self.map(MapKind::Devmap, &[(0, &target, None)]);
        let mut cycle = vec![vec![Op::Return(XdpAction::TX)]; period];
        if period > 1 {
            cycle[0] = vec![call(0, 0), Op::ReturnHelper];
        }
        self.run(ProgramKind::Script(cycle));
        self.polls([frames]);
    }

    fn hash_order(&mut self, updated: u32, frames: usize) {
        let names: Vec<String> = (0..5).map(|i| self.good(i).to_owned()).collect();
        let keys = [1u32, 9, 17, 2, 10];
        let entries: Vec<_> =
            keys.iter().zip(&names).map(|(&key, name)| (key, name.as_str(), None)).collect();
        self.map(MapKind::DevmapHash, &entries);
        self.draft.maps[0].max_entries = 8;
        self.run(ProgramKind::Broadcast { map: MAPS[0].into(), flags: RedirectFlags::empty() });
        self.polls([frames.min(20), frames.min(20)]);
        let value = EntryValue::Port { port: names[0].clone(), program: None };
        let update =
            Action::UpdateEntry { map: MAPS[0].into(), key: updated, value, flags: UpdateFlags::ANY };
        self.draft.changes.push((1, update));
    }

    fn uppers(&mut self, kind: MapKind, frames: usize) {
        let own = &self.house.ports[self.port];
        let number_of = |name: &String| self.house.ports.iter().find(|port| port.name == *name)?.ifindex;
        let numbers: Vec<_> = own.uppers.iter().filter_map(number_of).chain(own.ifindex).collect();
        let same = self.house.ports.iter().filter(|port| port.ifindex.is_some_and(|n| numbers.contains(&n)));
        let mut names: Vec<String> = same.map(|port| port.name.clone()).take(9).collect();
        names.extend([self.good(0).to_owned(), self.good(1).to_owned()]);
        let entries: Vec<_> = (0..).zip(&names).map(|(key, name)| (key, name.as_str(), None)).collect();
        self.map(kind, &entries);
        self.run(ProgramKind::Broadcast { map: MAPS[0].into(), flags: RedirectFlags::EXCLUDE_INGRESS });
        self.polls([frames]);
    }

    /// Frames to `x` come out at `y` in the same softirq, where the target of a frame that passed is armed.
    fn crossing(&mut self, stray: usize, broadcast: bool) {
        let target = self.good(0).to_owned();
        self.map(MapKind::Devmap, &[(0, "x", None), (1, &target, None)]);
        let flags = if broadcast { BROADCAST | RedirectFlags::EXCLUDE_INGRESS.bits() } else { 0 };
        let cycle =
            [vec![vec![call(0, 0), Op::ReturnHelper]; stray], vec![vec![call(1, flags), PASS]]].concat();
        self.run(ProgramKind::Script(cycle));
        self.run_on("y", ProgramKind::Script(vec![vec![REDIRECT]]));
        self.polls([stray + 1]);
    }

    fn owner(&mut self, kind: MapKind) {
        let target = self.good(0).to_owned();
        self.map(kind, &[(0, &target, Some(ENTRY_PROGRAMS[0]))]);
        let map = || MAPS[0].to_owned();
        let value = EntryValue::Port { port: target, program: Some(ODD_PROGRAM.into()) };
        let offer = Action::UpdateEntry { map: map(), key: 0, value, flags: UpdateFlags::ANY };
        self.draft.changes = vec![(0, Action::DeleteEntry { map: map(), key: 0 }), (0, offer)];
    }

    fn stale(&mut self, verdict: XdpAction, broadcast: bool, frames: usize) {
        let (one, other) = (self.good(0).to_owned(), self.good(1).to_owned());
        self.map(MapKind::Devmap, &[(0, &one, None), (1, &other, None)]);
        let armed = vec![call(0, if broadcast { BROADCAST } else { 0 }), Op::Return(verdict)];
        self.run(ProgramKind::Script(vec![armed, vec![REDIRECT]]));
        // An odd number leaves a target armed at the end of a softirq.
        self.polls([frames.clamp(2, 63) | 1, 1, 1]);
    }

    fn miss(&mut self, by_ifindex: bool, frames: usize) {
        let (name, ifindex) = self.neighbour();
        self.map(MapKind::Devmap, &[(2, &name, None)]);
        let first = if by_ifindex { Op::Redirect { ifindex, flags: 0 } } else { call(2, 0) };
        let cycle = vec![vec![first, call(7, 2), REDIRECT], vec![call(8, 1), REDIRECT]];
        self.run(ProgramKind::Script(cycle));
        self.polls([frames]);
    }

    fn ifindex_first(&mut self, kind: MapKind, frames: usize) {
        let (name, ifindex) = self.neighbour();
        let other = self.good(0).to_owned();
        self.map(kind, &[(0, &name, Some(ENTRY_PROGRAMS[0])), (1, &other, Some(ENTRY_PROGRAMS[1]))]);
        let by_ifindex = vec![Op::Redirect { ifindex, flags: 0 }, Op::ReturnHelper];
        let by_key = |key| vec![call(key, 0), Op::ReturnHelper];
        self.run(ProgramKind::Script(vec![by_ifindex, by_key(0), by_key(1)]));
        self.polls([frames]);
    }

    /// Ports that are down or have small mtus come first; frames of many lengths.
    fn refused(&mut self, kind: MapKind, frames: usize) {
        let mut ports: Vec<&PortSpec> =
            self.house.ports.iter().filter(|port| names::has_far_end(port)).collect();
        ports.sort_by_key(|port| (port.up, port.mtu));
        let entries: Vec<_> =
            (0..).zip(ports.iter().take(4)).map(|(key, port)| (key, port.name.as_str(), None)).collect();
        self.map(kind, &entries);
        self.run(to_key(KeySource::FrameByte { offset: 0, modulo: 4 }));
        self.polls([frames]);
        for (i, frame) in self.draft.bursts.iter_mut().flat_map(|burst| &mut burst.frames).enumerate() {
            frame.len = [60, 90, 250, 600, 1518][i % 5];
        }
    }

    /// Between any two deeds, a frame; then some more.
    fn reopened(&mut self, deeds: &[Deed], kind: MapKind, frames: usize) {
        let bare = |port: &PortSpec| {
            matches!(port.kind, PortKind::Veth { peer: PeerSpec::FarEnd { xdp: false, .. }, .. })
        };
        let other = |&(no, port): &(usize, &PortSpec)| no != self.port && port.up && bare(port);
        let Some((_, target)) = self.house.ports.iter().enumerate().find(other) else {
            return self.refused(kind, frames);
        };
        let (name, far) = (target.name.clone(), format!("{}.peer", target.name));
        self.map(kind, &[(0, &name, None)]);
        self.run(to_key(KeySource::Const(0)));
        self.polls(deeds.iter().map(|_| 1).chain([frames]));
        let change = |deed: &Deed| match *deed {
            Deed::Gro(on) => Action::SetGro { port: far.clone(), on },
            Deed::Far(up) => Action::SetUp { port: far.clone(), up },
            Deed::Near(up) => Action::SetUp { port: name.clone(), up },
        };
        self.draft.changes = deeds.iter().enumerate().map(|(n, deed)| (n + 1, change(deed))).collect();
    }

    /// A good port in the namespace of the receiver, or else the receiver, which takes what is long enough.
    fn neighbour(&self) -> (String, IfIndex) {
        let own = &self.house.ports[self.port];
        let near = |port: &&PortSpec| port.netns == own.netns && self.good.contains(&port.name);
        let port = self.house.ports.iter().find(near).unwrap_or(own);
        (port.name.clone(), port.ifindex.unwrap_or(IfIndex(0)))
    }

    fn order(&mut self, keys: &[u64], kind: MapKind, frames: usize) {
        let names: Vec<String> = (0..5).map(|i| self.good(i).to_owned()).collect();
        let entries: Vec<_> = (0..).zip(&names).map(|(key, name)| (key, name.as_str(), None)).collect();
        self.map(kind, &entries);
        let script = |&key: &u64| vec![call(key, 0), Op::ReturnHelper];
        self.run(ProgramKind::Script(keys.iter().map(script).collect()));
        self.polls([frames]);
    }
}

fn call(key: u64, flags: u64) -> Op {
    Op::RedirectMap { map: MAPS[0].into(), key, flags }
}

fn to_key(key: KeySource) -> ProgramKind {
    ProgramKind::RedirectMap { map: MAPS[0].into(), key, flags: 0 }
}
