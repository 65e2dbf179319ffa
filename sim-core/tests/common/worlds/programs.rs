//! Random programs, for ports and for devmap entries.

use std::ops::Range;

use proptest::prelude::*;
use xdpsim_core::scenario::{KeySource, Op, ProgramKind, ProgramSpec};
use xdpsim_core::{IfIndex, RedirectFlags, XdpAction};

use super::KEYS;

/// How many programs there are for ports, and how many for entries.
pub const PORT_PROGRAMS: usize = 3;
pub const ENTRY_PROGRAMS: usize = 3;
/// The maps' names.
pub const MAPS: [&str; 2] = ["map", "other"];

const BROADCAST: u64 = RedirectFlags::BROADCAST.bits();
const EXCLUDE: u64 = RedirectFlags::EXCLUDE_INGRESS.bits();

pub fn port_name(index: usize) -> String {
    format!("on_port_{index}")
}

pub fn entry_name(index: usize) -> String {
    format!("on_entry_{index}")
}

/// All with support for fragments, so that every program fits every map and port.
pub fn load(on_ports: Vec<ProgramKind>, on_entries: Vec<ProgramKind>) -> Vec<ProgramSpec> {
    let frags = |program: ProgramSpec| ProgramSpec { frags: true, ..program };
    let on_ports =
        on_ports.into_iter().enumerate().map(|(i, kind)| frags(ProgramSpec::xdp(&port_name(i), kind)));
    let on_entries =
        on_entries.into_iter().enumerate().map(|(i, kind)| frags(ProgramSpec::devmap(&entry_name(i), kind)));
    on_ports.chain(on_entries).collect()
}

fn map() -> impl Strategy<Value = String> + Clone {
    prop_oneof![4 => Just(MAPS[0].to_owned()), 1 => Just(MAPS[1].to_owned())]
}

/// Good ones, bad ones, fallbacks.
fn flags() -> impl Strategy<Value = u64> + Clone {
    prop::sample::select(vec![0, 0, 0, 1, 2, 3, EXCLUDE, 4, 32, 34, 1 << 40])
}

fn broadcast_flags() -> impl Strategy<Value = u64> + Clone {
    prop::sample::select(vec![BROADCAST, BROADCAST | EXCLUDE, BROADCAST | EXCLUDE | 2])
}

fn verdict() -> impl Strategy<Value = XdpAction> + Clone {
    prop::sample::select(vec![0, 1, 2, 3, 4, 5, 0x10004]).prop_map(XdpAction)
}

pub fn on_port(n: usize) -> impl Strategy<Value = ProgramKind> {
    let excludes = |exclude: bool| match exclude {
        true => RedirectFlags::EXCLUDE_INGRESS,
        false => RedirectFlags::empty(),
    };
    let redirect_map = |(map, key, flags)| ProgramKind::RedirectMap { map, key, flags };
    let ifindex = (0..n as u32 + 2).prop_map(IfIndex);
    prop_oneof![
        3 => (map(), key(), flags()).prop_map(redirect_map),
        3 => (map(), any::<bool>())
            .prop_map(move |(map, exclude)| ProgramKind::Broadcast { map, flags: excludes(exclude) }),
        4 => cycle(n, 0..3).prop_map(ProgramKind::Script),
        1 => verdict().prop_map(ProgramKind::Verdict),
        1 => ifindex.prop_map(|ifindex| ProgramKind::Redirect { ifindex, flags: 0 }),
        1 => map().prop_map(|map| ProgramKind::FlowHash { map, targets: KEYS }),
        1 => map().prop_map(|map| ProgramKind::LearningSwitch { map, table_max: 4 }),
    ]
}

pub fn on_entry(n: usize) -> impl Strategy<Value = ProgramKind> {
    let bytes = prop::collection::vec(any::<u8>(), 1..7);
    prop_oneof![
        4 => (0..20u32, bytes).prop_map(|(offset, bytes)| ProgramKind::Rewrite { offset, bytes }),
        2 => verdict().prop_map(ProgramKind::Verdict),
        2 => cycle(n, 0..1).prop_map(ProgramKind::Script),
        1 => cycle(n, 0..2).prop_map(ProgramKind::Script),
    ]
}

fn key() -> impl Strategy<Value = KeySource> {
    prop_oneof![
        3 => any_key().prop_map(KeySource::Const),
        2 => (0..3u32, 1..KEYS).prop_map(|(offset, modulo)| KeySource::FrameByte { offset, modulo }),
        1 => Just(KeySource::IngressIfindex),
        1 => Just(KeySource::RxQueueIndex),
    ]
}

/// Mostly there, sometimes beyond the map, sometimes with high bits.
fn any_key() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![8 => 0..u64::from(KEYS), 1 => Just(99u64), 1 => (0..u64::from(KEYS)).prop_map(|key| key | 1 << 32)]
}

/// Scripts, each repeated for a while, so that runs of equal decisions come about.
fn cycle(n: usize, helpers: Range<usize>) -> impl Strategy<Value = Vec<Vec<Op>>> {
    let times = prop_oneof![3 => 1..4usize, 2 => 4..40usize];
    prop::collection::vec((times, script(n, helpers)), 1..6).prop_map(|scripts| {
        scripts.into_iter().flat_map(|(times, script)| std::iter::repeat_n(script, times)).collect()
    })
}

fn script(n: usize, helpers: Range<usize>) -> impl Strategy<Value = Vec<Op>> {
    let helpers = prop::collection::vec(helper(n), helpers);
    let writes = prop::option::weighted(0.2, write()).prop_map(|write| write.into_iter().collect::<Vec<_>>());
    let end = prop_oneof![
        5 => Just(Op::ReturnHelper),
        1 => Just(Op::Return(XdpAction::REDIRECT)),
        1 => Just(Op::Return(XdpAction::PASS)),
        1 => verdict().prop_map(Op::Return),
    ];
    (helpers, writes, end).prop_map(|(helpers, writes, end)| {
        helpers.into_iter().chain(writes).chain(std::iter::once(end)).collect()
    })
}

fn helper(n: usize) -> impl Strategy<Value = Op> {
    let call = |(map, key, flags)| Op::RedirectMap { map, key, flags };
    prop_oneof![
        4 => (map(), any_key(), flags()).prop_map(call),
        4 => (map(), any_key(), broadcast_flags()).prop_map(call),
        2 => (0..n as u32 + 2, prop_oneof![4 => Just(0u64), 1 => Just(1)])
            .prop_map(|(ifindex, flags)| Op::Redirect { ifindex: IfIndex(ifindex), flags }),
    ]
}

fn write() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..70u32, any::<u8>()).prop_map(|(offset, value)| Op::SetByte { offset, value }),
        1 => prop::sample::select(vec![-216, -4, 4, 40]).prop_map(Op::AdjustHead),
        1 => prop::sample::select(vec![-216, -4, 4]).prop_map(Op::AdjustMeta),
        1 => prop::sample::select(vec![-40, -1, 1, 40]).prop_map(Op::AdjustTail),
    ]
}
