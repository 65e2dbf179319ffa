//! Loads, stores and atomic operations of the reference interpreter.

use super::{SLOTS, State, alu};
use crate::fault::FaultKind;
use crate::insn::{Reg, Size};
use crate::op::AtomicOp;

impl State<'_> {
    /// The address of an access.
    pub(super) fn at(&self, base: Reg, off: i16) -> u64 {
        self.get(base).wrapping_add_signed(off.into())
    }

    pub(super) fn load(
        &mut self,
        size: Size,
        signed: bool,
        dst: Reg,
        base: Reg,
        off: i16,
    ) -> Result<(), FaultKind> {
        let value = self.memory.load(self.at(base, off), size)?;
        self.set(dst, if signed { alu::sign_extend(size, value) } else { value });
        Ok(())
    }

    pub(super) fn load_acquire(
        &mut self,
        size: Size,
        dst: Reg,
        base: Reg,
        off: i16,
    ) -> Result<(), FaultKind> {
        self.memory.aligned(self.at(base, off), size)?;
        self.load(size, false, dst, base, off)
    }

    pub(super) fn store(&mut self, size: Size, base: Reg, off: i16, value: u64) -> Result<(), FaultKind> {
        Ok(self.memory.store(self.at(base, off), size, value)?)
    }

    /// One thread runs a program and its memory, so reading and writing in turn is atomic.
    pub(super) fn atomic(
        &mut self,
        size: Size,
        op: AtomicOp,
        fetch: bool,
        addr: u64,
        src: Reg,
    ) -> Result<(), FaultKind> {
        self.memory.aligned(addr, size)?;
        let bytes = self.memory.bytes_mut(addr, size.bytes())?;
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        let (old, with) = (u64::from_le_bytes(word), self.regs[src.index() % SLOTS]);
        let new = match op {
            AtomicOp::Add => old.wrapping_add(with),
            AtomicOp::Or => old | with,
            AtomicOp::And => old & with,
            AtomicOp::Xor => old ^ with,
            AtomicOp::Xchg => with,
            AtomicOp::Cmpxchg if old == low(size, self.regs[0]) => with,
            AtomicOp::Cmpxchg => old,
        };
        bytes.copy_from_slice(&new.to_le_bytes()[..size.bytes() as usize]);
        if fetch {
            self.set(if op == AtomicOp::Cmpxchg { Reg::R0 } else { src }, old);
        }
        Ok(())
    }
}

/// The lowest bytes.
fn low(size: Size, value: u64) -> u64 {
    if size == Size::W { value & u64::from(u32::MAX) } else { value }
}
