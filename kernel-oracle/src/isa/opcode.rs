//! What counts as an opcode of its own: the code, and the variant that other fields make of it.

use std::collections::BTreeSet;
use std::fmt;

use xdpsim_vm::Insn;
use xdpsim_vm::Size;
use xdpsim_vm::insn::{FROM_REG, alu, atomic, call, jmp, mode, wide};

/// An opcode of ISA v4, or one that a later kernel added: code and variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opcode {
    /// The first byte.
    pub code: u8,
    /// What tells variants of the code apart: signed divisions and moves, widths of byte orders, atomic
    /// operations, kinds of constants and calls; 0 elsewhere.
    pub variant: i32,
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}/{:#x}", self.code, self.variant)
    }
}

pub(super) const ALU: u8 = 0x04;
pub(super) const ALU64: u8 = 0x07;
pub(super) const JMP: u8 = 0x05;
pub(super) const JMP32: u8 = 0x06;
pub(super) const LDX: u8 = 0x01;
pub(super) const ST: u8 = 0x02;
pub(super) const STX: u8 = 0x03;

pub(super) const BINARY: [u8; 12] = [
    alu::ADD,
    alu::SUB,
    alu::MUL,
    alu::DIV,
    alu::OR,
    alu::AND,
    alu::LSH,
    alu::RSH,
    alu::MOD,
    alu::XOR,
    alu::MOV,
    alu::ARSH,
];
pub(super) const CONDITIONS: [u8; 11] = [
    jmp::JEQ,
    jmp::JGT,
    jmp::JGE,
    jmp::JSET,
    jmp::JNE,
    jmp::JSGT,
    jmp::JSGE,
    jmp::JLT,
    jmp::JLE,
    jmp::JSLT,
    jmp::JSLE,
];
pub(super) const ATOMICS: [i32; 10] = [
    atomic::ADD,
    atomic::ADD | atomic::FETCH,
    atomic::OR,
    atomic::OR | atomic::FETCH,
    atomic::AND,
    atomic::AND | atomic::FETCH,
    atomic::XOR,
    atomic::XOR | atomic::FETCH,
    atomic::XCHG,
    atomic::CMPXCHG,
];

impl Opcode {
    /// The opcode of a slot. (Of the second half of a constant: nothing useful.)
    #[must_use]
    pub fn of(insn: &Insn) -> Self {
        let code = insn.code;
        let variant = match (code & 0x07, code & 0xf0) {
            (ALU | ALU64, alu::DIV | alu::MOD | alu::MOV) => insn.off.into(),
            (ALU | ALU64, alu::END) => insn.imm,
            (JMP, jmp::CALL) | (0, _) => insn.src.into(),
            (STX, _) if code & 0xe0 == mode::ATOMIC => insn.imm,
            _ => 0,
        };
        Self { code, variant }
    }

    /// The opcodes of a program, each once.
    #[must_use]
    pub fn all_of(insns: &[Insn]) -> BTreeSet<Self> {
        let mut found = BTreeSet::new();
        let mut at = 0;
        while let Some(insn) = insns.get(at) {
            found.insert(Self::of(insn));
            at += if insn.code == 0x18 { 2 } else { 1 };
        }
        found
    }

    /// Every calculation.
    #[must_use]
    pub fn calculations() -> Vec<Self> {
        let mut all = vec![];
        for class in [ALU, ALU64] {
            for op in BINARY {
                all.extend([0, FROM_REG].map(|from| Self { code: class | op | from, variant: 0 }));
            }
            for op in [alu::DIV, alu::MOD] {
                all.extend([0, FROM_REG].map(|from| Self { code: class | op | from, variant: 1 }));
            }
            all.push(Self { code: class | alu::NEG, variant: 0 });
            all.extend([8, 16].map(|bits| Self { code: class | alu::MOV | FROM_REG, variant: bits }));
        }
        all.push(Self { code: ALU64 | alu::MOV | FROM_REG, variant: 32 });
        for code in [ALU | alu::END, ALU | alu::END | FROM_REG, ALU64 | alu::END] {
            all.extend([16, 32, 64].map(|bits| Self { code, variant: bits }));
        }
        all
    }

    /// Every comparison.
    #[must_use]
    pub fn comparisons() -> Vec<Self> {
        let codes = CONDITIONS.iter().flat_map(|op| [JMP, JMP32].map(|class| class | op));
        codes.flat_map(|code| [0, FROM_REG].map(|from| Self { code: code | from, variant: 0 })).collect()
    }

    /// Every plain load and store.
    #[must_use]
    pub fn accesses() -> Vec<Self> {
        let classes = [LDX, ST, STX].map(|class| class | mode::MEM);
        let codes = Size::ALL.iter().flat_map(|size| classes.map(|class| class | size.code()));
        let signed = [Size::B, Size::H, Size::W].map(|size| LDX | mode::MEMSX | size.code());
        codes.chain(signed).map(|code| Self { code, variant: 0 }).collect()
    }

    /// Every atomic operation; load-acquire and store-release (kernel 6.15) among them.
    #[must_use]
    pub fn atomics() -> Vec<Self> {
        let with = |size: &Size, variant| Self { code: STX | mode::ATOMIC | size.code(), variant };
        let read_write = [Size::W, Size::Dw].iter().flat_map(|size| ATOMICS.map(|op| with(size, op)));
        let ordered = [atomic::LOAD_ACQ, atomic::STORE_REL];
        let ordered = Size::ALL.iter().flat_map(|size| ordered.map(|op| with(size, op)));
        read_write.chain(ordered).collect()
    }

    /// Everything that a program without maps and type information can have. (A callback's constant needs
    /// the latter.)
    #[must_use]
    pub fn all() -> BTreeSet<Self> {
        let plain = |code| Self { code, variant: 0 };
        let call = |kind: u8| Self { code: JMP | jmp::CALL, variant: kind.into() };
        let constant = |kind: u8| Self { code: 0x18, variant: kind.into() };
        let others = [
            plain(JMP | jmp::JA),
            plain(JMP32 | jmp::JA),
            plain(JMP | jmp::JCOND),
            plain(JMP | jmp::EXIT),
            call(call::HELPER),
            call(call::LOCAL),
            constant(wide::NUMBER),
        ];
        let lists = [Self::calculations(), Self::comparisons(), Self::accesses(), Self::atomics()];
        lists.into_iter().flatten().chain(others).collect()
    }
}
