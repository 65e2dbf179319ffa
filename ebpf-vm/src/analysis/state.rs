//! What is known between two instructions, and what an instruction does to it.

use super::helper::{self, Uses};
use super::kind::Kind;
use crate::host::HelperId;
use crate::insn::{Reg, Size};
use crate::interp::alu;
use crate::memory::FRAME_SIZE;
use crate::op::{AluOp, AtomicOp, Constant, Op, Operand, Width};

/// A set of bytes of a function's stack, the lowest bit of the first word being the byte at R10 - 512.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub [u64; 8]);

impl Bytes {
    /// No byte.
    pub const NONE: Self = Self([0; 8]);
    /// All bytes.
    pub const ALL: Self = Self([u64::MAX; 8]);

    /// The bytes from R10 + `at` on, as far as they are inside the stack.
    #[must_use]
    pub fn range(at: i32, len: u32) -> Self {
        let size = i64::from(FRAME_SIZE);
        let lo = (i64::from(at) + size).clamp(0, size);
        let hi = (i64::from(at) + size + i64::from(len)).clamp(lo, size);
        let mut words = [0; 8];
        for byte in lo..hi {
            words[byte as usize / 64] |= 1 << (byte % 64);
        }
        Self(words)
    }

    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|at| with(self.0[at], other.0[at])))
    }

    /// In one or the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// In both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// Those of `other` that are not in here.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        self.zip(other, |a, b| b & !a)
    }

    /// How far below R10 the lowest of them is; 0 if there is none.
    #[must_use]
    pub fn depth(self) -> u32 {
        let at = self.0.iter().position(|word| *word != 0);
        at.map_or(0, |at| FRAME_SIZE - at as u32 * 64 - self.0[at].trailing_zeros())
    }
}

/// Where an access at a constant offset leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the base register holds, moved by the instruction's offset.
    pub kind: Kind,
    /// Bytes.
    pub size: Size,
}

/// What is known between two instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    regs: [Kind; Reg::COUNT],
    /// The stack's aligned words, the lowest first.
    slots: [Kind; 64],
    /// Bytes of the stack that were written on all paths.
    pub must: Bytes,
    /// Bytes of the stack that were written on some path.
    pub may: Bytes,
    /// Bits of the registers that may hold something else than when the function began, or than what the
    /// last function that it called has left in R0 to R5.
    pub changed: u16,
}

/// R0 to R5.
const SHARED: u16 = 0x3f;
/// R6 to R9.
const KEPT: u16 = 0x3c0;

impl State {
    /// When a function begins.
    #[must_use]
    pub fn entry(is_program: bool) -> Self {
        let mut regs = [Kind::Unknown; Reg::COUNT];
        regs[10] = Kind::Stack(0);
        if is_program {
            regs[1] = Kind::Context(0);
        }
        Self { regs, slots: [Kind::Unknown; 64], must: Bytes::NONE, may: Bytes::NONE, changed: 0 }
    }

    /// Nothing is known.
    pub(super) fn nothing() -> Self {
        Self { may: Bytes::ALL, changed: SHARED | KEPT, ..Self::entry(false) }
    }

    /// Takes in what is known on another path: has anything changed?
    pub(super) fn join(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (mine, theirs) in self.regs.iter_mut().zip(other.regs) {
            *mine = mine.join(theirs);
        }
        for (mine, theirs) in self.slots.iter_mut().zip(other.slots) {
            *mine = mine.join(theirs);
        }
        self.must = self.must.and(other.must);
        self.may = self.may.or(other.may);
        self.changed |= other.changed;
        *self != before
    }

    /// What a register holds.
    #[must_use]
    pub fn kind(&self, reg: Reg) -> Kind {
        self.regs[reg.index()]
    }

    /// What a call's arguments hold.
    #[must_use]
    pub fn arguments(&self) -> [Kind; 5] {
        [1, 2, 3, 4, 5].map(|number| self.regs[number])
    }

    fn set(&mut self, reg: Reg, kind: Kind) {
        // R10 is never written.
        self.regs[reg.index()] = kind;
        self.changed |= 1 << reg.index();
    }

    fn operand(&self, operand: Operand) -> Kind {
        match operand {
            Operand::Imm(imm) => Kind::Number(imm.into()),
            Operand::Reg(reg) => self.kind(reg),
        }
    }

    /// Where an access leads.
    #[must_use]
    pub fn place(&self, base: Reg, off: i16) -> Kind {
        self.kind(base).plus(Kind::Number(off.into()))
    }

    /// The bytes of the stack that an instruction may read although they may not have been written.
    #[must_use]
    pub fn reads_unwritten(&self, op: &Op) -> Bytes {
        let read = match *op {
            Op::Load { size, base, off, .. }
            | Op::LoadAcquire { size, base, off, .. }
            | Op::Atomic { size, base, off, .. } => match self.place(base, off) {
                Kind::Stack(at) => Bytes::range(at, size.bytes()),
                _ => Bytes::NONE,
            },
            Op::Helper { id } => self.helper_bytes(id, |uses| uses.reads),
            _ => Bytes::NONE,
        };
        self.must.without(read)
    }

    /// The bytes of the stack that an instruction may write without an address of its own.
    #[must_use]
    pub fn lent(&self, op: &Op) -> Bytes {
        match *op {
            Op::Helper { id } => self.helper_bytes(id, |uses| uses.writes),
            _ => Bytes::NONE,
        }
    }

    /// The bytes of the stack that a helper may read, or write: from where an argument points to the top.
    fn helper_bytes(&self, id: HelperId, which: impl Fn(Uses) -> bool) -> Bytes {
        let args = (1..=5).map(|number| (number, self.regs[usize::from(number)]));
        args.filter(|(number, _)| which(helper::uses(id, *number))).fold(Bytes::NONE, |all, (_, kind)| {
            all.or(match kind {
                Kind::Stack(at) => Bytes::range(at, FRAME_SIZE),
                Kind::Unknown | Kind::SomeStack => Bytes::ALL,
                _ => Bytes::NONE,
            })
        })
    }

    /// An instruction is done.
    pub fn step(&mut self, op: &Op) {
        match *op {
            Op::Alu { width, op, dst, src } => self.set(dst, self.calculated(width, op, dst, src)),
            Op::Neg { dst, .. } | Op::MovSx { dst, .. } | Op::Order { dst, .. } => {
                self.set(dst, Kind::Unknown);
            }
            Op::Wide { dst, value } => self.set(
                dst,
                match value {
                    Constant::Number(number) => Kind::Number(number as i64),
                    Constant::Map(map) => Kind::Handle(map),
                    Constant::Value { map, offset } => Kind::Value { map, at: i32::try_from(offset).ok() },
                    Constant::Function(_) => Kind::Unknown,
                },
            ),
            Op::Load { size, signed, dst, base, off } => {
                let loaded = self.loaded(self.place(base, off), size);
                self.set(dst, if signed { Kind::Unknown } else { loaded });
            }
            Op::LoadAcquire { size, dst, base, off } => {
                let loaded = self.loaded(self.place(base, off), size);
                self.set(dst, loaded);
            }
            Op::Store { size, base, off, src } => {
                let kind = self.operand(src);
                self.store(Place { kind: self.place(base, off), size }, kind);
            }
            Op::StoreRelease { size, base, off, src } => {
                let kind = self.kind(src);
                self.store(Place { kind: self.place(base, off), size }, kind);
            }
            Op::Atomic { size, op, fetch, base, off, src } => {
                self.store(Place { kind: self.place(base, off), size }, Kind::Unknown);
                if fetch {
                    self.set(if op == AtomicOp::Cmpxchg { Reg::R0 } else { src }, Kind::Unknown);
                }
            }
            Op::Helper { id } => self.helper(id),
            Op::Call { .. } => {
                self.regs[..6].fill(Kind::Unknown);
                self.slots.fill(Kind::Unknown);
                self.changed = KEPT;
            }
            Op::Second | Op::Goto { .. } | Op::Branch { .. } | Op::MayGoto { .. } | Op::Exit => {}
        }
    }

    fn calculated(&self, width: Width, op: AluOp, dst: Reg, src: Operand) -> Kind {
        let (a, b) = (self.kind(dst), self.operand(src));
        if let (Kind::Number(a), Kind::Number(b)) = (a, b) {
            return Kind::Number(alu::calculate(width, op, a as u64, b as u64) as i64);
        }
        match (op, width, b) {
            (AluOp::Mov, Width::W64, kind) => kind,
            (AluOp::Mov, Width::W32, Kind::Number(number)) => Kind::Number(i64::from(number as u32)),
            // The packet is segment 0: 32 bits are all of a pointer.
            (AluOp::Mov, Width::W32, Kind::Packet) => Kind::Packet,
            (AluOp::Add, Width::W64, _) => a.plus(b),
            (AluOp::Sub, Width::W64, _) => a.minus(b),
            _ => Kind::Unknown,
        }
    }

    fn loaded(&self, from: Kind, size: Size) -> Kind {
        match (from, size) {
            // data, data_end, data_meta
            (Kind::Context(0 | 4 | 8), Size::W) => Kind::Packet,
            (Kind::Stack(at), Size::Dw) => slot(at).map_or(Kind::Unknown, |slot| self.slots[slot]),
            _ => Kind::Unknown,
        }
    }

    fn store(&mut self, to: Place, kind: Kind) {
        match to.kind {
            Kind::Stack(at) => {
                let bytes = Bytes::range(at, to.size.bytes());
                (self.must, self.may) = (self.must.or(bytes), self.may.or(bytes));
                self.forget(at, to.size.bytes());
                if let (Size::Dw, Some(slot)) = (to.size, slot(at)) {
                    self.slots[slot] = kind;
                }
            }
            Kind::Unknown | Kind::SomeStack | Kind::Number(_) => self.slots.fill(Kind::Unknown),
            Kind::Packet | Kind::Context(_) | Kind::Value { .. } | Kind::Handle(_) => {}
        }
    }

    /// What these bytes of the stack held is gone.
    fn forget(&mut self, at: i32, len: u32) {
        let lo = (i64::from(at) + 512).clamp(0, 512);
        let hi = (i64::from(at) + 512 + i64::from(len)).clamp(lo, 512);
        self.slots[lo as usize / 8..(hi as usize).div_ceil(8)].fill(Kind::Unknown);
    }

    fn helper(&mut self, id: HelperId) {
        let written = self.helper_bytes(id, |uses| uses.writes);
        self.may = self.may.or(written);
        for (slot, kind) in self.slots.iter_mut().enumerate() {
            if written.0[slot / 8] >> (slot % 8 * 8) & 0xff != 0 {
                *kind = Kind::Unknown;
            }
        }
        let found = match (id, self.regs[1]) {
            (crate::helpers::id::MAP_LOOKUP_ELEM, Kind::Handle(map)) => Kind::Value { map, at: Some(0) },
            _ => Kind::Unknown,
        };
        self.regs[..6].fill(Kind::Unknown);
        self.set(Reg::R0, found);
    }
}

/// The aligned word at R10 + `at`.
fn slot(at: i32) -> Option<usize> {
    let from = usize::try_from(at + FRAME_SIZE as i32).ok()?;
    (from < FRAME_SIZE as usize && from.is_multiple_of(8)).then_some(from / 8)
}
