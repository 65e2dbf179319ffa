//! Instructions with a meaning: what [`Program::decode`](crate::Program::decode) makes of slots.
//!
//! An [`Op`] can be executed without further questions: its registers exist, its jumps lead to
//! instructions of the same function, and reserved fields are gone. Jump targets are absolute slots.

use crate::host::HelperId;
use crate::insn::{Reg, Size};
use crate::memory::{self, MapIdx};

/// Whether a calculation or comparison sees 32 bits or all 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// The lower halves; the result's upper half is zero.
    W32,
    /// Everything.
    W64,
}

/// A second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A constant, sign-extended.
    Imm(i32),
    /// A register.
    Reg(Reg),
}

/// A calculation with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AluOp {
    /// `+=`
    Add,
    /// `-=`
    Sub,
    /// `*=`
    Mul,
    /// `/=` unsigned; by zero: zero.
    Div,
    /// `/=` signed; by zero: zero; the smallest number by -1: itself.
    Sdiv,
    /// `%=` unsigned; by zero: unchanged.
    Mod,
    /// `%=` signed, with the sign of the dividend; by zero: unchanged; by -1: zero.
    Smod,
    /// `|=`
    Or,
    /// `&=`
    And,
    /// `^=`
    Xor,
    /// `<<=`; the distance counts modulo the width.
    Lsh,
    /// `>>=`; likewise.
    Rsh,
    /// `>>=` signed; likewise.
    Arsh,
    /// `=`
    Mov,
}

/// A change of byte order: its result is zero-extended to 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// To little-endian: cuts off.
    Little,
    /// To big-endian: cuts off and turns around.
    Big,
    /// Turns around: ISA v4's unconditional swap.
    Swap,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cond {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// A common bit.
    Set,
    /// `>` signed
    Sgt,
    /// `>=` signed
    Sge,
    /// `<` signed
    Slt,
    /// `<=` signed
    Sle,
}

/// An operation on memory that nothing can come between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtomicOp {
    /// `+=`
    Add,
    /// `|=`
    Or,
    /// `&=`
    And,
    /// `^=`
    Xor,
    /// `=`
    Xchg,
    /// `=` if it equals R0.
    Cmpxchg,
}

/// A constant of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Constant {
    /// A number.
    Number(u64),
    /// A map's handle.
    Map(MapIdx),
    /// The address of a byte of a map's first value: a global variable.
    Value {
        /// The map.
        map: MapIdx,
        /// The byte.
        offset: u32,
    },
    /// A function, as a callback: its first slot.
    Function(u32),
}

impl Constant {
    /// What the register gets.
    #[must_use]
    pub const fn bits(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Map(map) => memory::handle_address(map),
            Self::Value { map, offset } => memory::slab_address(map, offset),
            Self::Function(pc) => memory::function_address(pc),
        }
    }
}

/// What one instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `dst op= src`
    Alu {
        /// How many bits.
        width: Width,
        /// Which.
        op: AluOp,
        /// First operand and result.
        dst: Reg,
        /// Second operand.
        src: Operand,
    },
    /// `dst = -dst`
    Neg {
        /// How many bits.
        width: Width,
        /// Operand and result.
        dst: Reg,
    },
    /// `dst = (signed) src`: its lowest bytes, sign-extended to the width.
    MovSx {
        /// To how many bits.
        width: Width,
        /// From how many bytes; never 8.
        from: Size,
        /// Result.
        dst: Reg,
        /// Operand.
        src: Reg,
    },
    /// `dst` in another byte order.
    Order {
        /// Which.
        order: Order,
        /// How many of its bytes; never 1.
        size: Size,
        /// Operand and result.
        dst: Reg,
    },
    /// `dst =` a constant of 64 bits. Takes two slots.
    Wide {
        /// Result.
        dst: Reg,
        /// What.
        value: Constant,
    },
    /// The second slot of [`Op::Wide`]: nothing leads here.
    Second,
    /// `dst = *(size *)(base + off)`
    Load {
        /// How many bytes.
        size: Size,
        /// Sign-extended, or zero-extended?
        signed: bool,
        /// Result.
        dst: Reg,
        /// Address.
        base: Reg,
        /// Added to it.
        off: i16,
    },
    /// `*(size *)(base + off) = src`
    Store {
        /// How many bytes.
        size: Size,
        /// Address.
        base: Reg,
        /// Added to it.
        off: i16,
        /// What.
        src: Operand,
    },
    /// `*(size *)(base + off) op= src`, 4 or 8 bytes.
    Atomic {
        /// How many bytes.
        size: Size,
        /// Which.
        op: AtomicOp,
        /// Does a register get what was there before: `src`, or R0 of [`AtomicOp::Cmpxchg`]?
        fetch: bool,
        /// Address.
        base: Reg,
        /// Added to it.
        off: i16,
        /// Second operand.
        src: Reg,
    },
    /// A load that later accesses cannot overtake. Its address must be aligned.
    LoadAcquire {
        /// How many bytes.
        size: Size,
        /// Result.
        dst: Reg,
        /// Address.
        base: Reg,
        /// Added to it.
        off: i16,
    },
    /// A store that cannot overtake earlier accesses. Its address must be aligned.
    StoreRelease {
        /// How many bytes.
        size: Size,
        /// Address.
        base: Reg,
        /// Added to it.
        off: i16,
        /// What.
        src: Reg,
    },
    /// Jumps.
    Goto {
        /// Slot.
        target: u32,
    },
    /// `if (dst cond src) goto target`
    Branch {
        /// How many bits.
        width: Width,
        /// Which.
        cond: Cond,
        /// First operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
        /// Slot.
        target: u32,
    },
    /// Leaves a loop that has run for too long: taken once the function has come here 2^23 times.
    MayGoto {
        /// Slot.
        target: u32,
    },
    /// Calls a helper: R1 to R5 are lost, R0 gets the result.
    Helper {
        /// Which.
        id: HelperId,
    },
    /// Calls a function of the program.
    Call {
        /// Its first slot.
        target: u32,
    },
    /// Ends the function.
    Exit,
}
