//! Random programs, for ports and for devmap entries.

use std::ops::Range;

use proptest::prelude::*;
use proptest::strategy::Union;
use xdpsim_devmap::{RedirectFlags, XdpAction};

use super::Vocabulary;
use crate::scenario::{KeySource, Op, ProgramKind, ProgramSpec};

const BROADCAST: u64 = RedirectFlags::BROADCAST.bits();
const EXCLUDE: u64 = RedirectFlags::EXCLUDE_INGRESS.bits();

/// Gives the programs the vocabulary's names. All support fragments, so that every program fits every map
/// and port (MAP-07).
#[must_use]
pub fn load(words: &Vocabulary, on_ports: &[ProgramKind], on_entries: &[ProgramKind]) -> Vec<ProgramSpec> {
    let frags = |program: ProgramSpec| ProgramSpec { frags: true, ..program };
    let ports = words.port_programs.iter().zip(on_ports);
    let entries = words.entry_programs.iter().zip(on_entries);
    let ports = ports.map(|(name, kind)| frags(ProgramSpec::xdp(name, kind.clone())));
    ports.chain(entries.map(|(name, kind)| frags(ProgramSpec::devmap(name, kind.clone())))).collect()
}

/// A port's program of any kind.
pub fn on_port(words: &Vocabulary) -> impl Strategy<Value = ProgramKind> + use<> {
    let targets = words.keys;
    prop_oneof![
        13 => plain_on_port(words, writes()),
        1 => words.map().prop_map(move |map| ProgramKind::FlowHash { map, targets }),
        1 => words.map().prop_map(|map| ProgramKind::LearningSwitch { map, table_max: 4 }),
    ]
}

/// A port's program without tables of its own, so that a kernel can run it, too; scripts write so.
pub fn plain_on_port<W: Writes>(
    words: &Vocabulary,
    writes: W,
) -> impl Strategy<Value = ProgramKind> + use<W> {
    let excludes = |exclude: bool| match exclude {
        true => RedirectFlags::EXCLUDE_INGRESS,
        false => RedirectFlags::empty(),
    };
    let redirect_map = |(map, key, flags)| ProgramKind::RedirectMap { map, key, flags };
    let ifindex = prop::sample::select(words.ifindexes.clone());
    prop_oneof![
        3 => (words.map(), key(words.keys), flags()).prop_map(redirect_map),
        3 => (words.map(), any::<bool>())
            .prop_map(move |(map, exclude)| ProgramKind::Broadcast { map, flags: excludes(exclude) }),
        5 => scripts(words, 0..3, writes),
        1 => verdict().prop_map(ProgramKind::Verdict),
        1 => ifindex.prop_map(|ifindex| ProgramKind::Redirect { ifindex, flags: 0 }),
    ]
}

/// A devmap program.
pub fn on_entry(words: &Vocabulary) -> impl Strategy<Value = ProgramKind> + use<> {
    let bytes = prop::collection::vec(any::<u8>(), 1..7);
    prop_oneof![
        4 => (0..20u32, bytes).prop_map(|(offset, bytes)| ProgramKind::Rewrite { offset, bytes }),
        2 => verdict().prop_map(ProgramKind::Verdict),
        2 => scripts(words, 0..1, writes()),
        1 => scripts(words, 0..2, writes()),
    ]
}

/// A cycle of scripts with so many helper calls in each, that write so.
pub fn scripts<W: Writes>(
    words: &Vocabulary,
    helpers: Range<usize>,
    writes: W,
) -> impl Strategy<Value = ProgramKind> + use<W> {
    cycle(script(words, helpers, writes)).prop_map(ProgramKind::Script)
}

/// Some of these scripts, each repeated for a while, so that runs of equal decisions come about.
pub fn cycle(script: impl Strategy<Value = Vec<Op>>) -> impl Strategy<Value = Vec<Vec<Op>>> {
    let times = prop_oneof![3 => 1..4usize, 2 => 4..40usize];
    prop::collection::vec((times, script), 1..6).prop_map(|scripts| {
        scripts.into_iter().flat_map(|(times, script)| std::iter::repeat_n(script, times)).collect()
    })
}

/// A script: so many helper calls, then these writes, then a verdict.
pub fn script<W: Writes>(
    words: &Vocabulary,
    helpers: Range<usize>,
    writes: W,
) -> impl Strategy<Value = Vec<Op>> + use<W> {
    let helpers = prop::collection::vec(helper(words), helpers);
    (helpers, writes, end()).prop_map(|(helpers, writes, end)| {
        helpers.into_iter().chain(writes).chain(std::iter::once(end)).collect()
    })
}

/// What a script does to its frame.
pub trait Writes: Strategy<Value = Vec<Op>> + Clone {}

impl<S: Strategy<Value = Vec<Op>> + Clone> Writes for S {}

/// Nothing in most scripts, one write of any kind in the others.
#[must_use]
pub fn writes() -> impl Writes {
    prop::option::weighted(0.2, write()).prop_map(|write| write.into_iter().collect())
}

/// How a script ends: mostly with what its last helper said.
pub fn end() -> impl Strategy<Value = Op> + Clone {
    prop_oneof![
        5 => Just(Op::ReturnHelper),
        1 => Just(Op::Return(XdpAction::REDIRECT)),
        1 => Just(Op::Return(XdpAction::PASS)),
        1 => verdict().prop_map(Op::Return),
    ]
}

/// A helper call: by key, broadcast, by ifindex, through a map of maps if there is one.
pub fn helper(words: &Vocabulary) -> Union<BoxedStrategy<Op>> {
    let call = |(map, key, flags)| Op::RedirectMap { map, key, flags };
    let ifindex = prop::sample::select(words.ifindexes.clone());
    let mut calls: Vec<(u32, BoxedStrategy<Op>)> = vec![
        (4, (words.map(), any_key(words.keys), flags()).prop_map(call).boxed()),
        (4, (words.map(), any_key(words.keys), broadcast_flags()).prop_map(call).boxed()),
        (
            2,
            (ifindex, prop_oneof![4 => Just(0u64), 1 => Just(1)])
                .prop_map(|(ifindex, flags)| Op::Redirect { ifindex, flags })
                .boxed(),
        ),
    ];
    if !words.outer_maps.is_empty() {
        let both = prop_oneof![2 => flags(), 1 => broadcast_flags()];
        let inner = (Vocabulary::one_of(&words.outer_maps), 0..4u32, any_key(words.keys), both)
            .prop_map(|(map, outer, key, flags)| Op::RedirectInner { map, outer, key, flags });
        calls.push((2, inner.boxed()));
    }
    Union::new_weighted(calls)
}

/// Flags of `bpf_redirect_map()` without BROADCAST: good ones, bad ones, fallbacks.
pub fn flags() -> impl Strategy<Value = u64> + Clone {
    prop::sample::select(vec![0, 0, 0, 1, 2, 3, EXCLUDE, 4, 32, 34, 1 << 40])
}

/// Flags with BROADCAST.
pub fn broadcast_flags() -> impl Strategy<Value = u64> + Clone {
    prop::sample::select(vec![BROADCAST, BROADCAST | EXCLUDE, BROADCAST | EXCLUDE | 2])
}

/// A verdict, known or not.
pub fn verdict() -> impl Strategy<Value = XdpAction> + Clone {
    prop::sample::select(vec![0, 1, 2, 3, 4, 5, 0x10004]).prop_map(XdpAction)
}

/// Where a key comes from.
pub fn key(keys: u32) -> impl Strategy<Value = KeySource> {
    prop_oneof![
        3 => any_key(keys).prop_map(KeySource::Const),
        2 => (0..3u32, 1..keys).prop_map(|(offset, modulo)| KeySource::FrameByte { offset, modulo }),
        1 => Just(KeySource::IngressIfindex),
        1 => Just(KeySource::RxQueueIndex),
    ]
}

/// A key: mostly there, sometimes beyond the map, sometimes with high bits (HLP-10).
pub fn any_key(keys: u32) -> impl Strategy<Value = u64> + Clone {
    let keys = u64::from(keys);
    prop_oneof![8 => 0..keys, 1 => Just(99u64), 1 => (0..keys).prop_map(|key| key | 1 << 32)]
}

fn write() -> impl Strategy<Value = Op> + Clone {
    prop_oneof![
        3 => (0..70u32, any::<u8>()).prop_map(|(offset, value)| Op::SetByte { offset, value }),
        1 => prop::sample::select(vec![-216, -4, 4, 40]).prop_map(Op::AdjustHead),
        1 => prop::sample::select(vec![-216, -4, 4]).prop_map(Op::AdjustMeta),
        1 => prop::sample::select(vec![-40, -1, 1, 40]).prop_map(Op::AdjustTail),
    ]
}
