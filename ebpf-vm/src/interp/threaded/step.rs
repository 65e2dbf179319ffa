//! What an instruction does, as a part of a function that does one or several.
//!
//! A [`Step`] reads its operands, acts, and leaves its result both in a register and with the steps after it. One that
//! is known to use what a step shortly before has left takes it from there ([`Linked`]), so it need not wait for a
//! register that was only just written to memory. That is where sequences are faster than their parts.

use super::{Core, Instr};

/// How far back a step can look.
pub(super) const PAST: usize = 4;

/// What the last steps have left, the latest first.
pub(super) type Past = [u64; PAST];

/// What comes after a step.
pub(super) enum Then {
    /// The next one, with this as result.
    On(u64),
    /// Where the instruction jumps to, which is behind it.
    Forward,
    /// Where the instruction jumps to, which is not.
    Back,
    /// The end of the run.
    Done,
    /// Something else was found than expected. The reference is to do it, and so far nothing has changed, unless a
    /// host has already answered.
    Ask,
}

/// What an instruction does, with what of it is known when the program is made ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// Operation by its place in a list, all 64 bits or not, second operand a register or not.
    Calculate(usize, bool, bool),
    /// A comparison, likewise; does it jump back?
    Branch(usize, bool, bool, bool),
    /// Does it jump back?
    Goto(bool),
    Wide,
    Second,
    /// To big-endian, of so many bytes.
    Swap(usize),
    /// From where, and how many bytes.
    Load(Where, usize),
    /// By place in [`crate::insn::Size::ALL`]; sign-extended or not.
    LoadAny(usize, bool),
    /// To where, how many bytes, from a register or not.
    Store(Where, usize, bool),
    /// By place in [`crate::insn::Size::ALL`].
    StoreAny(usize, bool),
    /// Adds 8 bytes to a map's value.
    Count,
    Lookup,
    RedirectMap,
    Helper,
    Exit,
    Other,
}

/// Regions that loads and stores are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Packet,
    Stack,
    Value,
    Context,
}

/// What an instruction does.
pub(super) trait Step {
    /// By which it is found.
    const CODE: Code;
    /// Which step before has left the first and the second operand: the last, the one before it; 0 is unknown.
    const LINKS: [usize; 2] = [0, 0];

    /// The first operand, or the base of a store's address.
    #[inline(always)]
    fn first(core: &Core<'_>, instr: &Instr) -> u64 {
        core.get(instr.dst)
    }

    /// The second operand, or the base of a load's address, or what is stored.
    #[inline(always)]
    fn second(core: &Core<'_>, instr: &Instr) -> u64 {
        core.get(instr.src)
    }

    /// Does it with these operands. `rest` is what follows the instruction.
    fn act(core: &mut Core<'_>, instr: &Instr, rest: &[Instr], first: u64, second: u64) -> Then;

    /// Does it, after these steps.
    #[inline(always)]
    fn run(core: &mut Core<'_>, instr: &Instr, rest: &[Instr], _: Past) -> Then {
        let (first, second) = (Self::first(core, instr), Self::second(core, instr));
        Self::act(core, instr, rest, first, second)
    }
}

/// A step of which one operand or both are what a step before has left.
pub(super) struct Linked<S, const FIRST: usize, const SECOND: usize>(std::marker::PhantomData<S>);

impl<S: Step, const FIRST: usize, const SECOND: usize> Step for Linked<S, FIRST, SECOND> {
    const CODE: Code = S::CODE;
    const LINKS: [usize; 2] = [FIRST, SECOND];

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, rest: &[Instr], first: u64, second: u64) -> Then {
        S::act(core, instr, rest, first, second)
    }

    #[inline(always)]
    fn run(core: &mut Core<'_>, instr: &Instr, rest: &[Instr], past: Past) -> Then {
        let first = if FIRST > 0 { past[FIRST - 1] } else { S::first(core, instr) };
        let second = if SECOND > 0 { past[SECOND - 1] } else { S::second(core, instr) };
        S::act(core, instr, rest, first, second)
    }
}

/// The function of a sequence of so many steps; all slots after the first are in `rest`, unless the window ends
/// between them: then a new one must begin here.
macro_rules! sequence {
    ($name:ident, $more:literal, $first:ident $(, $step:ident $at:literal)*) => {
        #[allow(unused_variables, unused_assignments, unused_mut, reason = "the last step's result is nobody's")]
        pub(super) fn $name<$first: Step $(, $step: Step)*>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
            let Some((more, behind)) = rest.split_first_chunk::<$more>() else { return core.again(rest) };
            let mut past = [0; PAST];
            sequence!(@ core, instr, rest, past, $first);
            $(
                let here = &rest[$at..];
                sequence!(@ core, &more[$at - 1], here, past, $step);
            )*
            core.on(behind)
        }
    };
    (@ $core:ident, $instr:expr, $rest:ident, $past:ident, $step:ident) => {
        match $step::run($core, $instr, $rest, $past) {
            Then::On(result) => $past = [result, $past[0], $past[1], $past[2]],
            Then::Forward => return $core.skip($rest, $instr.target),
            Then::Back => return $core.back($rest, $instr.target),
            Then::Done => return super::DONE,
            Then::Ask => return $core.ask($rest),
        }
    };
}

sequence!(one, 0, A);
sequence!(two, 1, A, B 1);
sequence!(three, 2, A, B 1, C 2);
sequence!(four, 3, A, B 1, C 2, D 3);
sequence!(five, 4, A, B 1, C 2, D 3, E 4);
sequence!(six, 5, A, B 1, C 2, D 3, E 4, F 5);
sequence!(seven, 6, A, B 1, C 2, D 3, E 4, F 5, G 6);
sequence!(eight, 7, A, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
