//! Instructions as they stand in an object: slots of 8 bytes (RFC 9669, section 3), and the codes in them.
//!
//! Owns the fields and the names of the codes of ISA v1 to v4, nothing of what they do ([`crate::op`]) or
//! of what is allowed ([`crate::check`]).

use std::fmt;

use thiserror::Error;

/// A register, R0 to R10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(u8);

impl Reg {
    /// A call's result and the verdict.
    pub const R0: Self = Self(0);
    /// Second argument of a call.
    pub const R2: Self = Self(2);
    /// First argument of a call; the context at the start.
    pub const R1: Self = Self(1);
    /// The first that calls keep.
    pub const R6: Self = Self(6);
    /// End of the function's stack; read-only.
    pub const R10: Self = Self(10);
    /// How many there are.
    pub const COUNT: usize = 11;

    /// By number, up to 10.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::R10.0 { Some(Self(number)) } else { None }
    }

    /// Its number, below [`Reg::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Width of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// 1 byte.
    B,
    /// 2 bytes.
    H,
    /// 4 bytes.
    W,
    /// 8 bytes.
    Dw,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::B, Self::H, Self::W, Self::Dw];

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::B => 1,
            Self::H => 2,
            Self::W => 4,
            Self::Dw => 8,
        }
    }

    /// Its bits in a code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::W => 0x00,
            Self::H => 0x08,
            Self::B => 0x10,
            Self::Dw => 0x18,
        }
    }

    /// From the bits of a code.
    #[must_use]
    pub const fn of(code: u8) -> Self {
        match code & 0x18 {
            0x00 => Self::W,
            0x08 => Self::H,
            0x10 => Self::B,
            _ => Self::Dw,
        }
    }
}

/// The lowest three bits of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Loads of constants and, in socket filters, of packet bytes.
    Ld,
    /// Loads.
    Ldx,
    /// Stores of a constant.
    St,
    /// Stores of a register, atomic operations.
    Stx,
    /// 32-bit calculations.
    Alu,
    /// 64-bit comparisons, calls.
    Jmp,
    /// 32-bit comparisons.
    Jmp32,
    /// 64-bit calculations.
    Alu64,
}

impl Class {
    /// From a code.
    #[must_use]
    pub const fn of(code: u8) -> Self {
        match code & 0x07 {
            0 => Self::Ld,
            1 => Self::Ldx,
            2 => Self::St,
            3 => Self::Stx,
            4 => Self::Alu,
            5 => Self::Jmp,
            6 => Self::Jmp32,
            _ => Self::Alu64,
        }
    }
}

/// Bit of calculations and comparisons: the second operand is a register.
pub const FROM_REG: u8 = 0x08;

/// Modes of loads and stores: the upper three bits of a code.
pub mod mode {
    /// The 64-bit constant in two slots.
    pub const IMM: u8 = 0x00;
    /// At a register plus an offset.
    pub const MEM: u8 = 0x60;
    /// The same, and the result is sign-extended.
    pub const MEMSX: u8 = 0x80;
    /// An atomic operation.
    pub const ATOMIC: u8 = 0xc0;
}

/// Calculations: the upper four bits of a code.
pub mod alu {
    /// `+=`
    pub const ADD: u8 = 0x00;
    /// `-=`
    pub const SUB: u8 = 0x10;
    /// `*=`
    pub const MUL: u8 = 0x20;
    /// `/=`; signed with offset 1.
    pub const DIV: u8 = 0x30;
    /// `|=`
    pub const OR: u8 = 0x40;
    /// `&=`
    pub const AND: u8 = 0x50;
    /// `<<=`
    pub const LSH: u8 = 0x60;
    /// `>>=`
    pub const RSH: u8 = 0x70;
    /// `= -`
    pub const NEG: u8 = 0x80;
    /// `%=`; signed with offset 1.
    pub const MOD: u8 = 0x90;
    /// `^=`
    pub const XOR: u8 = 0xa0;
    /// `=`; sign-extending with an offset.
    pub const MOV: u8 = 0xb0;
    /// `>>=` signed
    pub const ARSH: u8 = 0xc0;
    /// Byte order.
    pub const END: u8 = 0xd0;
}

/// Jumps: the upper four bits of a code.
pub mod jmp {
    /// Always.
    pub const JA: u8 = 0x00;
    /// `==`
    pub const JEQ: u8 = 0x10;
    /// `>`
    pub const JGT: u8 = 0x20;
    /// `>=`
    pub const JGE: u8 = 0x30;
    /// `&`
    pub const JSET: u8 = 0x40;
    /// `!=`
    pub const JNE: u8 = 0x50;
    /// `>` signed
    pub const JSGT: u8 = 0x60;
    /// `>=` signed
    pub const JSGE: u8 = 0x70;
    /// A call.
    pub const CALL: u8 = 0x80;
    /// The function's end.
    pub const EXIT: u8 = 0x90;
    /// `<`
    pub const JLT: u8 = 0xa0;
    /// `<=`
    pub const JLE: u8 = 0xb0;
    /// `<` signed
    pub const JSLT: u8 = 0xc0;
    /// `<=` signed
    pub const JSLE: u8 = 0xd0;
    /// `may_goto`: leaves a loop that has run for too long.
    pub const JCOND: u8 = 0xe0;
}

/// Atomic operations: the constant of the instruction.
pub mod atomic {
    /// Added: the register gets what was there before.
    pub const FETCH: i32 = 0x01;
    /// `+=`
    pub const ADD: i32 = 0x00;
    /// `|=`
    pub const OR: i32 = 0x40;
    /// `&=`
    pub const AND: i32 = 0x50;
    /// `^=`
    pub const XOR: i32 = 0xa0;
    /// Exchange; always fetches.
    pub const XCHG: i32 = 0xe0 | FETCH;
    /// Compare with R0 and exchange; always fetches, into R0.
    pub const CMPXCHG: i32 = 0xf0 | FETCH;
    /// Load-acquire.
    pub const LOAD_ACQ: i32 = 0x100;
    /// Store-release.
    pub const STORE_REL: i32 = 0x110;
}

/// What the constant of two slots is: the source register's number.
pub mod wide {
    /// A number.
    pub const NUMBER: u8 = 0;
    /// A map's handle, by descriptor: here the map's index in the run.
    pub const MAP_FD: u8 = 1;
    /// The address of a byte of a map's first value, by descriptor.
    pub const MAP_VALUE: u8 = 2;
    /// A kernel variable.
    pub const BTF_ID: u8 = 3;
    /// A function, as a callback.
    pub const FUNC: u8 = 4;
    /// A map's handle, by index.
    pub const MAP_IDX: u8 = 5;
    /// The address of a byte of a map's first value, by index.
    pub const MAP_IDX_VALUE: u8 = 6;
}

/// What is called: the source register's number.
pub mod call {
    /// A helper, by number.
    pub const HELPER: u8 = 0;
    /// A function of the program, by distance.
    pub const LOCAL: u8 = 1;
    /// A function of the kernel, by BTF id.
    pub const KFUNC: u8 = 2;
}

/// One slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Insn {
    /// What it does.
    pub code: u8,
    /// Number of the destination register, 0 to 15.
    pub dst: u8,
    /// Number of the source register, 0 to 15.
    pub src: u8,
    /// Distance of a jump in slots, or of an access in bytes; a variant of some calculations.
    pub off: i16,
    /// Constant.
    pub imm: i32,
}

/// Bytes that are not whole slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{len} bytes of instructions, which is no multiple of 8: the section is cut off")]
pub struct CutOff {
    /// How many bytes.
    pub len: usize,
}

impl Insn {
    /// Reads a slot, little-endian.
    #[must_use]
    pub const fn read(bytes: [u8; 8]) -> Self {
        let [code, regs, o0, o1, i0, i1, i2, i3] = bytes;
        let (off, imm) = (i16::from_le_bytes([o0, o1]), i32::from_le_bytes([i0, i1, i2, i3]));
        Self { code, dst: regs & 0x0f, src: regs >> 4, off, imm }
    }

    /// Writes a slot, little-endian.
    #[must_use]
    pub const fn write(self) -> [u8; 8] {
        let ([o0, o1], [i0, i1, i2, i3]) = (self.off.to_le_bytes(), self.imm.to_le_bytes());
        [self.code, self.src << 4 | self.dst & 0x0f, o0, o1, i0, i1, i2, i3]
    }

    /// Reads a section of code.
    ///
    /// # Errors
    /// Its length is no multiple of 8.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, CutOff> {
        let (slots, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(CutOff { len: bytes.len() });
        }
        Ok(slots.iter().copied().map(Self::read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_read_and_written_as_it_stands_in_an_object() {
        // *(u16 *)(r10 - 4) = r3
        let bytes = [0x6b, 0x3a, 0xfc, 0xff, 0x78, 0x56, 0x34, 0x12];
        let insn = Insn { code: 0x6b, dst: 10, src: 3, off: -4, imm: 0x1234_5678 };
        assert_eq!((Insn::read(bytes), insn.write()), (insn, bytes));
        assert_eq!((Class::of(0x6b), Size::of(0x6b)), (Class::Stx, Size::H));
    }

    #[test]
    fn half_a_slot_is_refused() {
        assert_eq!(Insn::read_all(&[0; 12]), Err(CutOff { len: 12 }));
        assert_eq!(Insn::read_all(&[0; 16]), Ok(vec![Insn::default(); 2]));
    }
}
