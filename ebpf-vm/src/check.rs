//! What decoding refuses: slots that mean nothing, in the kernel's words where it has some.
//!
//! The rules are those of the kernel's checks before its verifier simulates anything: codes, registers,
//! reserved fields, constants that a calculation can't have, jumps and calls that lead nowhere. Whatever
//! depends on values is left to run time.

use thiserror::Error;

/// Most slots that a program may have, as for a privileged user of the kernel.
pub const MAX_SLOTS: usize = 1_000_000;

/// A program that cannot be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("instruction {pc}: {problem}")]
pub struct CheckError {
    /// The slot.
    pub pc: u32,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// There are no instructions.
    #[error("the program is empty")]
    Empty,
    /// There are more than [`MAX_SLOTS`].
    #[error("the program has {slots} slots, but {MAX_SLOTS} is the limit")]
    TooLong {
        /// How many.
        slots: usize,
    },
    /// No ISA up to v4 has this code.
    #[error("unknown opcode {code:#04x}")]
    UnknownCode {
        /// The code.
        code: u8,
    },
    /// A load of packet bytes as in classic BPF.
    #[error("opcode {code:#04x} loads packet bytes as socket filters do; XDP programs can't")]
    LegacyLoad {
        /// The code.
        code: u8,
    },
    /// A register above R10.
    #[error("there is no register r{number}: the last one is r10")]
    NoRegister {
        /// Its number.
        number: u8,
    },
    /// A write to R10.
    #[error("r10 is the end of the stack and can't be written")]
    FramePointer,
    /// A field that must be 0 is not, or one has a value that means nothing.
    #[error("opcode {code:#04x} uses reserved fields")]
    Reserved {
        /// The code.
        code: u8,
    },
    /// An unknown atomic operation.
    #[error("unknown atomic operation {imm:#x}")]
    UnknownAtomic {
        /// The constant.
        imm: i32,
    },
    /// A shift by a constant that is not below the width.
    #[error("shift by {by}, but there are {bits} bits only")]
    Shift {
        /// The distance.
        by: i32,
        /// The width.
        bits: u32,
    },
    /// A division or remainder by the constant 0.
    #[error("division by zero")]
    DivideByZero,
    /// The first half of a 64-bit constant at the end, or without a second half.
    #[error("the second half of a 64-bit constant is missing")]
    HalfConstant,
    /// A 64-bit constant that only a kernel can fill in.
    #[error("the address of a kernel variable (BTF id {id}) is not known here")]
    KernelVariable {
        /// Its type id.
        id: i32,
    },
    /// A 64-bit constant of an unknown kind.
    #[error("a 64-bit constant of unknown kind {kind}")]
    UnknownConstant {
        /// The source register's number.
        kind: u8,
    },
    /// A map that does not exist.
    #[error("there is no map {index}: the run has {maps}")]
    NoMap {
        /// The map that is asked for.
        index: i32,
        /// How many there are.
        maps: u32,
    },
    /// A jump out of its function, or into a 64-bit constant.
    #[error("jump out of range to instruction {target}: it must be one of the same function")]
    Jump {
        /// Where it leads.
        target: i64,
    },
    /// A call or callback out of the program, or into a 64-bit constant.
    #[error("call out of range to instruction {target}")]
    Call {
        /// Where it leads.
        target: i64,
    },
    /// A function of the kernel.
    #[error("call of a kernel function (BTF id {id}): kfuncs are not modelled")]
    Kfunc {
        /// Its type id.
        id: i32,
    },
    /// A function that runs on into what follows it.
    #[error("last instruction of its function, but neither exit nor jump")]
    FallsOff,
}
