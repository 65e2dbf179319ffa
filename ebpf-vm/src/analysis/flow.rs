//! The dataflow: a function's blocks, and what is known where each begins.

use std::collections::BTreeSet;

use super::Function;
use super::kind::Kind;
use super::state::{Bytes, State};
use crate::memory::FRAME_SIZE;
use crate::op::{Constant, Op};
use crate::program::Program;

/// How often a block is visited before nothing is known of it any more.
pub const VISITS: u8 = 16;

/// Instructions that are executed one after the other.
#[derive(Clone, Debug)]
pub struct Block {
    /// The first slot.
    pub start: u32,
    /// The slot after the last.
    pub end: u32,
    /// What is known before the first.
    pub state: State,
}

/// A block while it is looked at.
struct Visited {
    start: u32,
    end: u32,
    state: Option<State>,
    visits: u8,
}

/// Where an instruction may lead.
fn leads_to(op: &Op, next: u32) -> [Option<u32>; 2] {
    match *op {
        Op::Goto { target } => [Some(target), None],
        Op::Branch { target, .. } | Op::MayGoto { target } => [Some(next), Some(target)],
        Op::Exit => [None, None],
        _ => [Some(next), None],
    }
}

/// The function's parts: a new one begins where a jump leads, and after every jump.
fn split(ops: &[Op], start: u32, end: u32) -> Vec<Visited> {
    let mut starts = BTreeSet::from([start]);
    for (pc, op) in (start..end).zip(&ops[start as usize..end as usize]) {
        let target = match *op {
            Op::Goto { target } | Op::Branch { target, .. } | Op::MayGoto { target } => Some(target),
            Op::Exit => None,
            _ => continue,
        };
        starts.extend(target);
        starts.extend((pc + 1 < end).then_some(pc + 1));
    }
    let ends = starts.iter().copied().skip(1).chain([end]);
    starts.iter().zip(ends).map(|(&start, end)| Visited { start, end, state: None, visits: 0 }).collect()
}

/// Looks at one function.
pub(super) fn function(program: &Program, start: u32, end: u32) -> Function {
    let ops = program.ops();
    let mut all = split(ops, start, end);
    let called = |op: &Op| match *op {
        Op::Call { target } | Op::Wide { value: Constant::Function(target), .. } => target == start,
        _ => false,
    };
    // Nobody but the engine calls what no instruction does; it passes the context.
    all[0].state = Some(State::entry(start == 0 && !ops.iter().any(called)));
    let mut waiting = BTreeSet::from([0]);
    while let Some(at) = waiting.pop_first() {
        let Some(mut state) = all[at].state.clone() else { continue };
        let (block, slots) = (all[at].start, all[at].start as usize..all[at].end as usize);
        debug_assert!(block < all[at].end);
        for op in &ops[slots.clone()] {
            state.step(op);
        }
        for to in leads_to(&ops[slots.end - 1], slots.end as u32).into_iter().flatten() {
            // Decoding has made sure that it is there.
            let Ok(to) = all.binary_search_by_key(&to, |block| block.start) else { continue };
            if arrive(&mut all[to], &state) {
                waiting.insert(to);
            }
        }
    }
    let blocks = all
        .into_iter()
        .filter_map(|block| block.state.map(|state| Block { start: block.start, end: block.end, state }));
    collect(
        program,
        Function { start, end, blocks: blocks.collect(), zero: Bytes::NONE, deepest: 0, lends_stack: false },
    )
}

/// A path leads to a block: must it be looked at again?
fn arrive(block: &mut Visited, state: &State) -> bool {
    let Some(known) = &mut block.state else {
        block.state = Some(state.clone());
        return true;
    };
    let changed = known.join(state);
    if changed {
        block.visits += 1;
        if block.visits == VISITS {
            *known = State::nothing();
        }
    }
    changed
}

/// What follows from all of it for the whole function.
fn collect(program: &Program, mut function: Function) -> Function {
    let (mut zero, mut deepest, mut lends_stack) = (Bytes::NONE, 0, false);
    for block in &function.blocks {
        let mut state = block.state.clone();
        for op in &program.ops()[block.start as usize..block.end as usize] {
            // What was perhaps written must be zero otherwise, whoever looks.
            zero = zero.or(state.reads_unwritten(op)).or(state.must.without(state.may));
            if let Some((kind, size)) = access(&state, op) {
                match kind {
                    Kind::Stack(at) if is_inside(at, size) => deepest = deepest.max(at.unsigned_abs()),
                    Kind::SomeStack => lends_stack = true,
                    _ => {}
                }
            }
            deepest = deepest.max(state.lent(op).depth());
            if matches!(op, Op::Call { .. }) {
                lends_stack |= (1..=5)
                    .filter_map(crate::insn::Reg::new)
                    .any(|reg| matches!(state.kind(reg), Kind::Stack(_) | Kind::SomeStack));
            }
            state.step(op);
        }
    }
    (function.zero, function.deepest, function.lends_stack) = (zero, deepest, lends_stack);
    function
}

/// Is an access at R10 + `at` inside the stack?
fn is_inside(at: i32, size: u32) -> bool {
    at >= -(FRAME_SIZE as i32) && at + size as i32 <= 0
}

/// Where an instruction accesses memory, and how many bytes.
fn access(state: &State, op: &Op) -> Option<(Kind, u32)> {
    match *op {
        Op::Load { size, base, off, .. }
        | Op::LoadAcquire { size, base, off, .. }
        | Op::Store { size, base, off, .. }
        | Op::StoreRelease { size, base, off, .. }
        | Op::Atomic { size, base, off, .. } => Some((state.place(base, off), size.bytes())),
        _ => None,
    }
}
