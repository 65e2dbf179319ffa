//! Programs of cases: what [`xdpsim_core::strategies`] draws, with writes whose result a kernel can show.

use proptest::prelude::*;
use xdpsim_core::scenario::{Op, ProgramKind};
use xdpsim_core::strategies::Vocabulary;
use xdpsim_core::strategies::programs::{self, Writes};
use xdpsim_devmap::XdpAction;

/// May frames grow at their end? Then they must not have come in as skbs, whose buffers are of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tails {
    Shrink,
    Grow,
}

/// A receiver's program.
pub(super) fn on_port(words: &Vocabulary, tails: Tails) -> impl Strategy<Value = ProgramKind> + use<> {
    programs::plain_on_port(words, writes(tails))
}

/// The program of a port in a pair: it calls no helper and sends nothing back, so that no frame can go
/// round for ever (HLP-18).
pub(super) fn on_pair() -> impl Strategy<Value = ProgramKind> {
    let verdict =
        prop::sample::select(vec![0u32, 1, 2, 4, 4, 4, 5]).prop_map(|act| Op::Return(XdpAction(act)));
    programs::cycle(verdict.prop_map(|end| vec![end])).prop_map(ProgramKind::Script)
}

/// A devmap program; with helper calls or without.
pub(super) fn on_entry(words: &Vocabulary, tails: Tails, calls: bool) -> BoxedStrategy<ProgramKind> {
    let bytes = prop::collection::vec(0..0x80u8, 1..7);
    let rewrite = (0..20u32, bytes).prop_map(|(offset, bytes)| ProgramKind::Rewrite { offset, bytes });
    let plain = prop_oneof![
        3 => rewrite,
        2 => programs::verdict().prop_map(ProgramKind::Verdict),
        3 => programs::scripts(words, 0..1, writes(tails)),
    ];
    if calls {
        prop_oneof![2 => plain, 1 => programs::scripts(words, 0..2, writes(tails))].boxed()
    } else {
        plain.boxed()
    }
}

fn writes(tails: Tails) -> impl Writes {
    let some = if tails == Tails::Grow { 3 } else { 1 };
    prop_oneof![4 => Just(Vec::new()), some => write(tails)]
}

fn write(tails: Tails) -> impl Strategy<Value = Vec<Op>> + Clone {
    let most = if tails == Tails::Grow { 4 } else { 2 };
    let tail = prop::sample::select(vec![-40, -1, 1, 40][..most].to_vec());
    prop_oneof![
        4 => (0..70u32, 0..0x80u8).prop_map(|(offset, value)| vec![Op::SetByte { offset, value }]),
        2 => prop::sample::select(vec![4, 14, 40]).prop_map(|by| vec![Op::AdjustHead(by)]),
        2 => prop::sample::select(vec![4, 14]).prop_map(grow_head),
        // As far as it goes, and one byte more; then back, so that nobody sees what was there.
        1 => prop::sample::select(vec![216, 217]).prop_map(|by| vec![Op::AdjustHead(-by), Op::AdjustHead(by)]),
        1 => prop::sample::select(vec![-216, -220, -8, -6]).prop_map(|by| {
            [vec![Op::AdjustMeta(by)], grow_head(4)].concat()
        }),
        2 => tail.prop_map(|by| vec![Op::AdjustTail(by)]),
    ]
}

/// New bytes at the head are whatever was there, so all of them are written.
fn grow_head(by: i32) -> Vec<Op> {
    let write = |offset| Op::SetByte { offset: offset as u32, value: offset as u8 };
    std::iter::once(Op::AdjustHead(-by)).chain((0..by).map(write)).collect()
}
