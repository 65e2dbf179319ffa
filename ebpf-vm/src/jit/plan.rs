//! What holds for all functions of a program: how their stacks are cleared and counted.

use std::collections::BTreeMap;

use crate::analysis::{Function, Kind, analyse};
use crate::memory::FRAME_SIZE;
use crate::op::{Constant, Op};
use crate::program::Program;

/// How use of the stack is counted. The reference counts every access, because all active functions together
/// may use 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Track {
    /// Not at all: there is one function.
    Nothing,
    /// Counted, but not compared: no chain of functions comes to 512 bytes.
    Count,
    /// By asking.
    Ask,
}

/// What holds for all functions of a program.
#[derive(Debug)]
pub(super) struct Plan {
    pub functions: Vec<Function>,
    /// Is every access to the stack at a constant offset? Then only what may be read before it is written is
    /// cleared when a function begins, and whoever else wants to see the stack gets a clean one first.
    pub exact: bool,
    pub track: Track,
    /// Does the program begin with the same registers whenever it begins, and is it left by its first function alone?
    /// Then it need not look for them, and says which ones it leaves behind.
    pub fresh: bool,
    /// Of such a program: does its code read the packet and never write to it? Then it may read it anywhere. (Helpers
    /// write to the packet in memory, as ever.)
    pub reads: bool,
    called: Vec<u32>,
}

impl Plan {
    /// `tail_calls`: may it take the place of another one?
    pub fn new(program: &Program, tail_calls: bool) -> Self {
        let functions = analyse(program);
        let exact = !functions.iter().any(|function| function.lends_stack);
        let mut called: Vec<u32> = program.ops().iter().filter_map(callee).collect();
        called.sort_unstable();
        called.dedup();
        let track = match functions.len() {
            1 if called.is_empty() => Track::Nothing,
            _ if exact && deepest_chain(program, &functions) <= FRAME_SIZE => Track::Count,
            _ => Track::Ask,
        };
        let fresh = track == Track::Nothing && !tail_calls;
        let reads = fresh && functions.iter().all(|function| !may_write_packet(program, function));
        Self { functions, exact, track, fresh, reads, called }
    }

    /// Has the program no other function?
    pub fn is_alone(&self) -> bool {
        self.track == Track::Nothing
    }

    /// The function that begins at a slot.
    pub fn function(&self, start: u32) -> Option<&Function> {
        let at = self.functions.binary_search_by_key(&start, |function| function.start).ok()?;
        Some(&self.functions[at])
    }

    /// How much of its stack the function at this slot uses at most without counting it.
    pub fn deepest(&self, start: u32) -> u32 {
        self.function(start).map_or(FRAME_SIZE, |function| function.deepest)
    }

    /// Does an instruction call the function at this slot?
    pub fn is_called(&self, start: u32) -> bool {
        self.called.binary_search(&start).is_ok()
    }
}

/// May one of its stores lead to the packet? All others either go where [`super::emit`] knows that it isn't, or leave.
fn may_write_packet(program: &Program, function: &Function) -> bool {
    function.blocks.iter().any(|block| {
        let mut state = block.state.clone();
        program.ops()[block.start as usize..block.end as usize].iter().any(|op| {
            let place = match *op {
                Op::Store { base, off, .. }
                | Op::StoreRelease { base, off, .. }
                | Op::Atomic { base, off, .. } => Some(state.place(base, off)),
                _ => None,
            };
            state.step(op);
            let elsewhere = |place| match place {
                Kind::Stack(_) | Kind::Context(_) => true,
                Kind::Value { at: Some(at), .. } => at >= 0,
                _ => false,
            };
            !place.is_none_or(elsewhere)
        })
    })
}

fn callee(op: &Op) -> Option<u32> {
    match *op {
        Op::Call { target } | Op::Wide { value: Constant::Function(target), .. } => Some(target),
        _ => None,
    }
}

/// The most stack that functions can use which call each other, of which eight can be active.
fn deepest_chain(program: &Program, functions: &[Function]) -> u32 {
    let mut deepest: BTreeMap<u32, u32> = functions.iter().map(|function| (function.start, 0)).collect();
    for _ in 0..8 {
        let before = deepest.clone();
        for function in functions {
            let ops = &program.ops()[function.start as usize..function.end as usize];
            let callees = ops.iter().filter_map(callee).filter_map(|target| before.get(&target));
            let chain = function.deepest.next_multiple_of(16) + callees.max().copied().unwrap_or(0);
            deepest.insert(function.start, chain);
        }
    }
    deepest.into_values().max().unwrap_or(0)
}
