//! Random cases in a house.

use proptest::prelude::*;
use proptest::strategy::Union;
use xdpsim_core::scenario::{
    Action, At, Change, EntrySpec, EntryValue, MapSpec, ProgramKind, ProgramSpec, Scenario,
};
use xdpsim_core::strategies::{Vocabulary, changes, maps, optional, programs as shared};
use xdpsim_core::{FrameNo, MapKind, XdpAction};
use xdpsim_devmap::UpdateFlags;

use super::frames::{self, FrameDraw};
use super::house_changes;
use super::names::{self, ENTRY_PROGRAMS, INNER, MAPS, ODD_PROGRAM, OUTER};
use super::programs::{self, Tails};
use super::twist;
use crate::case::{Burst, Case, House, Inject};

/// What cases are made of.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Probability that entries are written or removed between bursts.
    pub entry_changes: f64,
    /// Probability that devices go up and down and change their mtu between bursts; a kernel takes
    /// milliseconds for that, and for putting the house back in order.
    pub device_changes: f64,
    /// Weight of cases that are bent towards a rule that random ones seldom reach, against 10 of the others.
    pub twists: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { entry_changes: 0.3, device_changes: 0.01, twists: 7 }
    }
}

/// A burst before its frames have numbers.
#[derive(Clone, Debug)]
pub(super) struct BurstDraw {
    pub port: usize,
    pub how: Inject,
    pub frames: Vec<FrameDraw>,
}

/// A case before it is put together.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub maps: Vec<MapSpec>,
    /// By the port's place among the house's ports with programs.
    pub on_ports: Vec<ProgramKind>,
    pub on_entries: Vec<ProgramKind>,
    pub bursts: Vec<BurstDraw>,
    /// Before which burst, and what.
    pub changes: Vec<(usize, Action)>,
}

/// Cases in this house.
///
/// Of every four cases one uses inner maps; where the house has a pair, some use that.
pub fn cases_in(house: &House, mix: Mix) -> BoxedStrategy<Case> {
    let has_pair = house.ports.iter().any(names::in_pair);
    let mut all: Vec<(u32, BoxedStrategy<Case>)> = Vec::new();
    for (tails, tails_weight) in [(Tails::Shrink, 3), (Tails::Grow, 1)] {
        for (inner, inner_weight) in [(false, 3), (true, 1)] {
            for (pair, pair_weight) in [(false, 1), (true, 1)] {
                if has_pair || !pair {
                    let kind = Kind { tails, inner, pair };
                    all.push((tails_weight * inner_weight * pair_weight, of_kind(house, mix, kind)));
                }
            }
        }
    }
    Union::new_weighted(all).boxed()
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    tails: Tails,
    inner: bool,
    pair: bool,
}

fn of_kind(house: &House, mix: Mix, kind: Kind) -> BoxedStrategy<Case> {
    let words = names::vocabulary(house, kind.inner, kind.pair);
    let draft = (
        device_maps(&words, kind),
        on_ports(house, &words, kind),
        prop::collection::vec(programs::on_entry(&words, kind.tails, !kind.pair), ENTRY_PROGRAMS.len()),
        prop::collection::vec(burst(house, kind), 1..5),
        optional(mix.entry_changes, prop::collection::vec((0..4usize, entry_change(&words)), 1..4)),
        optional(mix.device_changes, prop::collection::vec((0..4usize, house_changes::any(house)), 1..3)),
    );
    let twists = twist::twists(house, &words, mix.twists);
    let house = house.clone();
    (draft, twists, any::<u16>())
        .prop_map(move |((maps, on_ports, on_entries, bursts, entries, devices), twist, number)| {
            let changes = entries.into_iter().chain(devices).collect();
            let mut draft = Draft { maps, on_ports, on_entries, bursts, changes };
            if let Some(twist) = &twist {
                twist.bend(&mut draft, &house);
            }
            draft.build(&house, &words, number)
        })
        .boxed()
}

fn device_maps(words: &Vocabulary, kind: Kind) -> BoxedStrategy<Vec<MapSpec>> {
    let both =
        (maps::of_devices(MAPS[0], words), maps::of_devices(MAPS[1], words), prop::bool::weighted(0.15));
    let both =
        both.prop_map(|(map, other, short)| vec![map, if short { short_values(other) } else { other }]);
    if !kind.inner {
        return both.boxed();
    }
    let inner = (maps::of_devices(INNER[0], words), maps::of_devices(INNER[1], words));
    let outer = prop::sample::select(vec![MapKind::ArrayOfMaps, MapKind::HashOfMaps]);
    (both, inner, outer)
        .prop_map(|(maps, (first, second), outer)| {
            let second = MapSpec { kind: first.kind, ..second };
            let entry = |(key, name): (usize, &str)| EntrySpec {
                key: key as u32,
                value: EntryValue::Map(name.into()),
            };
            let entries = INNER.into_iter().enumerate().map(entry).collect();
            let outer = MapSpec { value_size: 4, entries, ..MapSpec::new(OUTER, outer, 4) };
            maps.into_iter().chain([first, second, outer]).collect()
        })
        .boxed()
}

/// The same map without room for programs (MAP-02).
fn short_values(mut map: MapSpec) -> MapSpec {
    map.value_size = 4;
    for entry in &mut map.entries {
        if let EntryValue::Port { program, .. } = &mut entry.value {
            *program = None;
        }
    }
    map
}

fn on_ports(
    house: &House,
    words: &Vocabulary,
    kind: Kind,
) -> impl Strategy<Value = Vec<ProgramKind>> + use<> {
    let with_program = house.ports.iter().filter(|port| port.xdp.is_some());
    let program = |port| match (names::in_pair(port), kind.pair) {
        (false, _) => programs::on_port(words, kind.tails).boxed(),
        (true, true) => programs::on_pair().boxed(),
        (true, false) => Just(ProgramKind::Verdict(XdpAction::PASS)).boxed(),
    };
    with_program.map(program).collect::<Vec<_>>()
}

fn burst(house: &House, kind: Kind) -> impl Strategy<Value = BurstDraw> + use<> {
    let port = || prop::sample::select(names::receivers(house));
    let polled = (port(), frames::frames(house, frames::count()));
    let polled = polled.prop_map(|(port, frames)| BurstDraw { port, how: Inject::Poll, frames }).boxed();
    if kind.tails == Tails::Grow {
        return polled;
    }
    let sent = (port(), frames::frames(house, prop_oneof![3 => Just(1usize), 1 => 2..5usize]));
    let sent = sent.prop_map(|(port, frames)| BurstDraw { port, how: Inject::Socket, frames });
    prop_oneof![2 => sent, 3 => polled].boxed()
}

/// Writes that a kernel takes and others: keys out of range, odd flags, programs of the wrong sort.
fn entry_change(words: &Vocabulary) -> BoxedStrategy<Action> {
    let flags = prop_oneof![
        4 => Just(UpdateFlags::ANY),
        2 => Just(UpdateFlags::NOEXIST),
        3 => Just(UpdateFlags::EXIST),
        1 => prop::sample::select(vec![3, 4, 8]).prop_map(UpdateFlags::from_bits_retain),
    ];
    let mut wider = words.clone();
    wider.keys += 2;
    wider.entry_programs.extend([ODD_PROGRAM.to_owned(), words.port_programs[0].clone()]);
    let of_devices = changes::of_entry(&wider, flags.clone());
    if words.outer_maps.is_empty() {
        return of_devices.boxed();
    }
    let inner = prop::sample::select(vec![INNER[0], INNER[1], INNER[1], MAPS[1]]);
    let write = (0..5u32, inner, flags).prop_map(|(key, inner, flags)| Action::UpdateEntry {
        map: OUTER.into(),
        key,
        value: EntryValue::Map(inner.into()),
        flags,
    });
    let clear = (0..5u32).prop_map(|key| Action::DeleteEntry { map: OUTER.into(), key });
    prop_oneof![4 => of_devices, 1 => write, 1 => clear].boxed()
}

impl Draft {
    fn build(self, house: &House, words: &Vocabulary, number: u16) -> Case {
        let mut scenario = Scenario {
            netns: house.netns.clone(),
            ports: house.ports.clone(),
            maps: self.maps,
            programs: shared::load(words, &self.on_ports, &self.on_entries),
            ..Scenario::default()
        };
        scenario.programs.push(ProgramSpec::devmap(ODD_PROGRAM, ProgramKind::Verdict(XdpAction::PASS)));
        let (mut bursts, mut firsts, mut no) = (Vec::new(), Vec::new(), 0);
        for draw in &self.bursts {
            firsts.push(no);
            let frame = |(i, &one): (usize, &FrameDraw)| frames::bytes(one, no + i, number);
            let frames: Vec<Vec<u8>> = draw.frames.iter().enumerate().map(frame).collect();
            no += frames.len();
            bursts.push(Burst { port: draw.port, how: draw.how, frames });
        }
        let before = |burst: usize| At::Frame(FrameNo(firsts[burst % firsts.len()] as u64));
        let mut changes: Vec<Change> =
            self.changes.into_iter().map(|(burst, action)| Change { at: before(burst), action }).collect();
        changes.sort_by_key(|change| match change.at {
            At::Frame(no) => no,
            _ => FrameNo(0),
        });
        scenario.changes = changes;
        Case { scenario, bursts }
    }
}
