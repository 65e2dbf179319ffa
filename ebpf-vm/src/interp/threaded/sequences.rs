//! Sequences of instructions that have one function together: what compilers write again and again.
//!
//! A sequence is given as the steps that it consists of, and as which operands are results of steps shortly before.
//! It fits where the instructions are of these kinds and use these registers; nothing else is required, so a wrong
//! entry in the list costs time and nothing else.

use super::access::{
    LoadContext, LoadPacket, LoadStack, LoadValue, StorePacket, StoreStack, count, count_into, count_twice,
};
use super::calculate::{Branch, Calculate, Second, Wide, alu_place, cond_place};
use super::call::{Exit, Lookup, RedirectMap};
use super::ready::Handler;
use super::step::{Code, Linked, PAST, Step, Where, eight, five, four, seven, six, three, two};
use crate::insn::Reg;
use crate::op::{AluOp, Cond, Op, Operand};

const ADD: usize = alu_place(AluOp::Add);
const SUB: usize = alu_place(AluOp::Sub);
const MUL: usize = alu_place(AluOp::Mul);
const OR: usize = alu_place(AluOp::Or);
const AND: usize = alu_place(AluOp::And);
const XOR: usize = alu_place(AluOp::Xor);
const LSH: usize = alu_place(AluOp::Lsh);
const RSH: usize = alu_place(AluOp::Rsh);
const MOV: usize = alu_place(AluOp::Mov);
const EQ: usize = cond_place(Cond::Eq);
const NE: usize = cond_place(Cond::Ne);
const GT: usize = cond_place(Cond::Gt);
const LE: usize = cond_place(Cond::Le);
const SGT: usize = cond_place(Cond::Sgt);

/// A calculation of 64 bits with a register, and with a constant.
type R<const OP: usize> = Calculate<OP, true, true>;
type I<const OP: usize> = Calculate<OP, true, false>;
/// Of 32 bits.
type R32<const OP: usize> = Calculate<OP, false, true>;
type I32<const OP: usize> = Calculate<OP, false, false>;
/// A jump forward, if a register is so compared with a constant.
type If<const COND: usize> = Branch<COND, true, false, false>;
type If32<const COND: usize> = Branch<COND, false, false, false>;
/// The same for two registers.
type Compare<const COND: usize> = Branch<COND, true, true, false>;
/// First and second operand are what so many steps before has left.
type L<S, const FIRST: usize, const SECOND: usize> = Linked<S, FIRST, SECOND>;
/// The first operand is the last result.
type Last<S> = Linked<S, 1, 0>;

/// A sequence.
struct Sequence {
    /// What its instructions do, and which of their operands are whose results.
    steps: &'static [(Code, [usize; 2])],
    handler: Handler,
}

macro_rules! sequences {
    ($($function:ident[$($step:ty),+ $(,)?]),+ $(,)?) => {
        &[$(Sequence {
            steps: &[$((<$step as Step>::CODE, <$step as Step>::LINKS)),+],
            handler: $function::<$($step),+>,
        }),+]
    };
}

/// A copy that is changed at once: three operands.
macro_rules! copies {
    ($($op:ident)+) => {
        sequences![$(
            two[R<MOV>, Last<R<$op>>],
            two[R<MOV>, Last<I<$op>>],
            two[R<MOV>, Last<R32<$op>>],
            two[R<MOV>, Last<I32<$op>>],
            two[R32<MOV>, Last<R32<$op>>],
            two[R32<MOV>, Last<I32<$op>>],
        )+]
    };
}

/// All groups of sequences.
const ALL: &[&[Sequence]] = &[BOUNDS, HEADERS, MAPS, ROTATIONS, SUMS, COPIES, CHOICES];

/// The packet's bounds, and pointers compared with them.
const BOUNDS: &[Sequence] = sequences![
    two[LoadContext, LoadContext],
    five[LoadContext, LoadContext, L<R<MOV>, 0, 1>, Last<I<ADD>>, L<Compare<GT>, 1, 4>],
    three[R<MOV>, Last<I<ADD>>, Last<Compare<GT>>],
    four[I32<MOV>, R<MOV>, Last<I<ADD>>, Last<Compare<GT>>],
    three[R<MOV>, Last<I<ADD>>, Last<Compare<LE>>],
    three[R<MOV>, Last<I<ADD>>, Last<Branch<GT, true, true, true>>],
    three[R<MOV>, Last<R<ADD>>, Last<Branch<GT, true, true, true>>],
    three[R<MOV>, Last<R<ADD>>, Last<Compare<GT>>],
];

/// Fields of headers: loaded and compared, put together of bytes, changed.
const HEADERS: &[Sequence] = sequences![
    two[LoadPacket<1>, Last<If32<EQ>>],
    two[LoadPacket<1>, Last<If32<NE>>],
    two[LoadPacket<1>, Last<If32<SGT>>],
    two[LoadPacket<2>, Last<If32<EQ>>],
    two[LoadPacket<2>, Last<If32<NE>>],
    four[LoadPacket<1>, LoadPacket<1>, Last<I32<LSH>>, L<R32<OR>, 1, 3>],
    five[LoadPacket<1>, LoadPacket<1>, Last<I32<LSH>>, L<R32<OR>, 1, 3>, Last<If32<EQ>>],
    five[LoadPacket<1>, LoadPacket<1>, Last<I32<LSH>>, L<R32<OR>, 1, 3>, Last<If32<NE>>],
    six[LoadPacket<1>, LoadPacket<1>, Last<I32<LSH>>, L<R32<OR>, 1, 3>, I32<MOV>, L<If32<NE>, 2, 0>],
    seven[
        LoadPacket<1>,
        LoadPacket<1>,
        Last<I32<LSH>>,
        L<R32<OR>, 1, 3>,
        Last<If32<NE>>,
        LoadPacket<1>,
        Last<If32<NE>>,
    ],
    eight[
        LoadPacket<1>,
        LoadPacket<1>,
        Last<I32<LSH>>,
        L<R32<OR>, 1, 3>,
        I32<MOV>,
        L<If32<NE>, 2, 0>,
        LoadPacket<1>,
        Last<If32<NE>>,
    ],
    seven[
        LoadPacket<1>,
        LoadPacket<1>,
        Last<I32<LSH>>,
        L<R32<OR>, 1, 3>,
        Last<If32<SGT>>,
        Last<If32<EQ>>,
        Last<If32<EQ>>,
    ],
    four[LoadPacket<1>, Last<I32<LSH>>, Last<I32<AND>>, Last<Branch<{ cond_place(Cond::Lt) }, false, false, true>>],
    four[LoadPacket<1>, Last<I<LSH>>, Last<R<ADD>>, Last<I<ADD>>],
    four[LoadPacket<4>, Last<I32<AND>>, Last<I32<OR>>, L<StorePacket<4, true>, 0, 1>],
];

/// Arguments of lookups and redirects, and what is done with the answer.
const MAPS: &[Sequence] = sequences![
    two[LoadPacket<1>, L<StoreStack<4, true>, 0, 1>],
    two[LoadPacket<2>, L<StoreStack<2, true>, 0, 1>],
    two[LoadPacket<4>, L<StoreStack<4, true>, 0, 1>],
    two[I32<MOV>, L<StoreStack<4, true>, 0, 1>],
    four[
        LoadPacket<4>,
        L<StoreStack<4, true>, 0, 1>,
        LoadPacket<4>,
        L<StoreStack<4, true>, 0, 1>,
    ],
    four[
        LoadPacket<2>,
        L<StoreStack<2, true>, 0, 1>,
        LoadPacket<2>,
        L<StoreStack<2, true>, 0, 1>,
    ],
    eight[
        LoadPacket<4>,
        L<StoreStack<4, true>, 0, 1>,
        LoadPacket<4>,
        L<StoreStack<4, true>, 0, 1>,
        LoadPacket<2>,
        L<StoreStack<2, true>, 0, 1>,
        LoadPacket<2>,
        L<StoreStack<2, true>, 0, 1>,
    ],
    four[I32<MOV>, L<StoreStack<4, true>, 0, 1>, LoadPacket<4>, L<StoreStack<4, true>, 0, 1>],
    four[I32<MOV>, L<StoreStack<4, true>, 0, 1>, R<MOV>, Last<R<SUB>>],
    four[I32<MOV>, L<StoreStack<4, true>, 0, 1>, R<MOV>, Last<I<ADD>>],
    four[LoadPacket<4>, L<StoreStack<4, true>, 0, 1>, R<MOV>, Last<I<ADD>>],
    three[Wide, Second, L<Lookup, 2, 0>],
    four[Wide, Second, L<Lookup, 2, 0>, Last<If<EQ>>],
    five[R<MOV>, Last<I<ADD>>, Wide, Second, L<Lookup, 2, 3>],
    six[R<MOV>, Last<I<ADD>>, Wide, Second, L<Lookup, 2, 3>, Last<If<EQ>>],
    six[Wide, Second, L<Lookup, 2, 0>, L<R<MOV>, 0, 1>, I32<MOV>, L<If<EQ>, 2, 0>],
    seven[LoadPacket<4>, L<StoreStack<4, true>, 0, 1>, R<MOV>, Last<I<ADD>>, Wide, Second, L<Lookup, 2, 3>],
    seven[LoadPacket<1>, L<StoreStack<4, true>, 0, 1>, R<MOV>, Last<I<ADD>>, Wide, Second, L<Lookup, 2, 3>],
    seven[I32<MOV>, L<StoreStack<4, true>, 0, 1>, R<MOV>, Last<I<ADD>>, Wide, Second, L<Lookup, 2, 3>],
    eight[
        I32<MOV>,
        L<StoreStack<4, true>, 0, 1>,
        R<MOV>,
        Last<I<ADD>>,
        Wide,
        Second,
        L<Lookup, 2, 3>,
        Last<If<EQ>>,
    ],
    three[R<MOV>, I32<MOV>, L<If<EQ>, 2, 0>],
    four[Wide, Second, I<MOV>, L<RedirectMap, 3, 0>],
    five[LoadValue<4>, Wide, Second, I<MOV>, L<RedirectMap, 3, 4>],
    six[LoadValue<4>, Wide, Second, I<MOV>, L<RedirectMap, 3, 4>, Exit],
    two[R32<MOV>, Exit],
    two[I32<MOV>, Exit],
];

/// Rotations, which take four or five instructions, with a calculation in between or around.
const ROTATIONS: &[Sequence] = sequences![
    four[R<MOV>, Last<I<RSH>>, I<LSH>, L<R<OR>, 1, 2>],
    five[R<MOV>, Last<I<RSH>>, I<LSH>, L<R<OR>, 1, 2>, L<R<XOR>, 0, 1>],
    five[R<MOV>, Last<I<RSH>>, I<LSH>, L<R<OR>, 1, 2>, Last<R<XOR>>],
    five[R<MOV>, Last<I<RSH>>, I<LSH>, L<R<OR>, 1, 2>, L<R<ADD>, 0, 1>],
    five[R<MOV>, Last<I<RSH>>, R<ADD>, I<LSH>, L<R<OR>, 1, 3>],
    five[R<MOV>, Last<I<RSH>>, R<XOR>, I<LSH>, L<R<OR>, 1, 3>],
    five[R<MOV>, Last<I<RSH>>, R<MOV>, Last<I<LSH>>, L<R<OR>, 1, 3>],
    six[R<ADD>, L<R<MOV>, 0, 1>, Last<I<RSH>>, L<R<MOV>, 0, 3>, Last<I<LSH>>, L<R<OR>, 1, 3>],
];

/// Checksums and other sums.
const SUMS: &[Sequence] = sequences![
    four[R32<MOV>, Last<I32<RSH>>, I32<AND>, L<R32<ADD>, 1, 2>],
    four[R32<MOV>, Last<I32<RSH>>, Last<R32<ADD>>, Last<I32<XOR>>],
    eight[
        R32<MOV>,
        Last<I32<RSH>>,
        I32<AND>,
        L<R32<ADD>, 1, 2>,
        L<R32<MOV>, 0, 1>,
        Last<I32<RSH>>,
        L<R32<ADD>, 1, 3>,
        Last<I32<XOR>>,
    ],
    four[R32<MOV>, Last<I32<RSH>>, Last<I32<AND>>, Last<I32<OR>>],
    two[LoadPacket<2>, Last<I32<XOR>>],
    two[I32<XOR>, L<R32<ADD>, 0, 1>],
    two[LoadPacket<2>, L<R32<ADD>, 0, 1>],
    three[I32<XOR>, Last<I32<AND>>, L<R32<ADD>, 0, 1>],
    two[I32<RSH>, Last<I32<ADD>>],
    two[R<ADD>, L<R<XOR>, 0, 1>],
    two[R<XOR>, L<R<ADD>, 0, 1>],
    two[I<RSH>, Last<R<MUL>>],
    three[R32<MOV>, Last<I32<AND>>, Last<R32<ADD>>],
    three[R<MOV>, Last<R<XOR>>, R<XOR>],
    three[LoadPacket<8>, L<R<MOV>, 0, 1>, Last<R<XOR>>],
];

const COPIES: &[Sequence] = copies![ADD SUB OR AND XOR LSH RSH];

/// A register that is compared with several constants.
const CHOICES: &[Sequence] = sequences![
    two[If32<EQ>, Last<If32<EQ>>],
    two[If32<EQ>, Last<If32<NE>>],
    two[If32<SGT>, Last<If32<EQ>>],
    three[If32<SGT>, Last<If32<EQ>>, Last<If32<EQ>>],
    two[If32<EQ>, Last<Branch<NE, false, false, true>>],
    two[If32<EQ>, Last<Branch<EQ, false, false, true>>],
    two[LoadStack<8>, Last<Branch<{ cond_place(Cond::Ge) }, true, true, true>>],
];

/// The longest sequence that begins here.
pub(super) fn beginning(codes: &[Code], ops: &[Op]) -> Option<Handler> {
    if let Some(handler) = counting(codes, ops) {
        return Some(handler);
    }
    let all = ALL.iter().flat_map(|group| group.iter());
    let fitting = all.filter(|sequence| fits(sequence.steps, codes, ops));
    fitting.max_by_key(|sequence| sequence.steps.len()).map(|sequence| sequence.handler)
}

fn fits(steps: &[(Code, [usize; 2])], codes: &[Code], ops: &[Op]) -> bool {
    let same = steps.len() <= codes.len() && steps.iter().zip(codes).all(|((code, _), other)| code == other);
    same && steps.iter().enumerate().all(|(at, (_, [first, second]))| {
        let [one, other] = operands(&ops[at]);
        is_left(*first, one, &ops[..at]) && is_left(*second, other, &ops[..at])
    })
}

/// Is what a step so far back has left the content of this register?
fn is_left(back: usize, reg: Option<Reg>, before: &[Op]) -> bool {
    if back == 0 {
        return true;
    }
    let Some(from) = before.len().checked_sub(back).filter(|_| back <= PAST) else { return false };
    reg.is_some() && left(&before[from]) == reg && before[from + 1..].iter().all(|op| written(op) != reg)
}

/// The registers of the first and second operand.
fn operands(op: &Op) -> [Option<Reg>; 2] {
    let reg = |operand| match operand {
        Operand::Reg(reg) => Some(reg),
        Operand::Imm(_) => None,
    };
    match *op {
        Op::Alu { dst, src, .. } | Op::Branch { dst, src, .. } => [Some(dst), reg(src)],
        Op::Order { dst, .. } => [Some(dst), None],
        Op::Load { base, .. } => [None, Some(base)],
        Op::Store { base, src, .. } => [Some(base), reg(src)],
        Op::Atomic { base, src, .. } => [Some(base), Some(src)],
        // Arguments: of a lookup, map and key.
        Op::Helper { .. } => [Some(Reg::R1), Reg::new(2)],
        _ => [None, None],
    }
}

/// The register that an instruction writes.
fn written(op: &Op) -> Option<Reg> {
    match *op {
        Op::Alu { dst, .. } | Op::Order { dst, .. } | Op::Load { dst, .. } | Op::Wide { dst, .. } => {
            Some(dst)
        }
        Op::Helper { .. } => Some(Reg::R0),
        _ => None,
    }
}

/// The register whose content a step leaves for others: what it has written, or what it has looked at.
fn left(op: &Op) -> Option<Reg> {
    match *op {
        Op::Branch { dst, .. } => Some(dst),
        Op::Store { src: Operand::Reg(src), .. } => Some(src),
        _ => written(op),
    }
}

/// Counters in a map's value.
fn counting(codes: &[Code], ops: &[Op]) -> Option<Handler> {
    match (
        counter(codes, ops)?,
        codes.get(3..).zip(ops.get(3..)).and_then(|(codes, ops)| counter(codes, ops)),
    ) {
        (Counter::Constant, Some(Counter::Register)) => Some(count_twice),
        (Counter::Constant, _) => Some(count::<false>),
        (Counter::Register, _) => Some(count::<true>),
        (Counter::Into, _) => Some(count_into),
    }
}

/// What is done with a word of a map's value.
enum Counter {
    /// A constant is added.
    Constant,
    /// A register is added.
    Register,
    /// It is added to a register, and the sum is stored.
    Into,
}

fn counter(codes: &[Code], ops: &[Op]) -> Option<Counter> {
    let ([load, add, store, ..], [first, second, third, ..]) = (codes, ops) else { return None };
    let on_value = *load == Code::Load(Where::Value, 8) && *store == Code::Store(Where::Value, 8, true);
    let (
        Op::Load { dst: loaded, base, off, .. },
        Op::Alu { dst: sum, src: by, .. },
        Op::Store { base: to, off: at, src: Operand::Reg(stored), .. },
    ) = (*first, *second, *third)
    else {
        return None;
    };
    let fits = on_value && (base, off) == (to, at) && base != loaded && base != sum && stored == sum;
    match *add {
        _ if !fits => None,
        Code::Calculate(ADD, true, false) if sum == loaded => Some(Counter::Constant),
        Code::Calculate(ADD, true, true) if sum == loaded && by != Operand::Reg(loaded) => {
            Some(Counter::Register)
        }
        Code::Calculate(ADD, true, true) if sum != loaded && by == Operand::Reg(loaded) => {
            Some(Counter::Into)
        }
        _ => None,
    }
}
