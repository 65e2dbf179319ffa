//! Loads and stores: a function for each size and each region that an address may be expected in.
//!
//! The expectation is a hint of [`crate::analysis`]: the address is compared with the region's bounds, and where it is
//! elsewhere the reference does the instruction.

use super::handlers::operand;
use super::{Core, Handler, Instr};
use crate::analysis::Kind;
use crate::insn::Size;
use crate::interp::alu;

/// As a number.
#[inline(always)]
pub(super) fn number<const N: usize>(bytes: &[u8; N]) -> u64 {
    let mut word = [0; 8];
    word[..N].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// The lowest bytes of a number.
#[inline(always)]
pub(super) fn low<const N: usize>(value: u64) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&value.to_le_bytes()[..N]);
    bytes
}

/// What a load gets.
#[inline(always)]
pub(super) fn address_of_load(core: &Core<'_>, instr: &Instr) -> u64 {
    core.get(instr.src).wrapping_add_signed(instr.off.into())
}

#[inline(always)]
fn address_of_store(core: &Core<'_>, instr: &Instr) -> u64 {
    core.get(instr.dst).wrapping_add_signed(instr.off.into())
}

fn load_packet<const N: usize>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let Some(bytes) = core.state.memory.in_packet::<N>(address_of_load(core, instr)) else {
        return core.ask(rest);
    };
    core.set(instr.dst, number(bytes));
    core.on(rest)
}

fn load_stack<const N: usize>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let (top, addr) = (core.state.regs[10], address_of_load(core, instr));
    let Some(bytes) = core.state.memory.in_stack::<N>(top, addr) else { return core.ask(rest) };
    let value = number(bytes);
    core.set(instr.dst, value);
    core.on(rest)
}

fn load_value<const N: usize>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let Some(bytes) = core.state.memory.in_value::<N>(address_of_load(core, instr)) else {
        return core.ask(rest);
    };
    core.set(instr.dst, number(bytes));
    core.on(rest)
}

fn load_context(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let Some(field) = core.state.memory.in_context(address_of_load(core, instr)) else {
        return core.ask(rest);
    };
    core.set(instr.dst, field.into());
    core.on(rest)
}

fn load_any<const SIZE: usize, const SIGNED: bool>(
    core: &mut Core<'_>,
    instr: &Instr,
    rest: &[Instr],
) -> u32 {
    let (addr, size) = (address_of_load(core, instr), Size::ALL[SIZE]);
    let Ok(value) = core.state.memory.load(addr, size) else { return core.ask(rest) };
    core.set(instr.dst, if SIGNED { alu::sign_extend(size, value) } else { value });
    core.on(rest)
}

fn store_packet<const N: usize, const REG: bool>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let (addr, value) = (address_of_store(core, instr), operand(core, instr, REG));
    let Some(bytes) = core.state.memory.in_packet_mut::<N>(addr) else { return core.ask(rest) };
    *bytes = low(value);
    core.on(rest)
}

fn store_stack<const N: usize, const REG: bool>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let (addr, value) = (address_of_store(core, instr), operand(core, instr, REG));
    let top = core.state.regs[10];
    let Some(bytes) = core.state.memory.in_stack::<N>(top, addr) else { return core.ask(rest) };
    *bytes = low(value);
    core.on(rest)
}

fn store_value<const N: usize, const REG: bool>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let (addr, value) = (address_of_store(core, instr), operand(core, instr, REG));
    let Some(bytes) = core.state.memory.in_value_mut::<N>(addr) else { return core.ask(rest) };
    *bytes = low(value);
    core.on(rest)
}

fn store_any<const SIZE: usize, const REG: bool>(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let (addr, value) = (address_of_store(core, instr), operand(core, instr, REG));
    match core.state.memory.store(addr, Size::ALL[SIZE], value) {
        Ok(()) => core.on(rest),
        Err(_) => core.ask(rest),
    }
}

/// The function for a size.
macro_rules! by_size {
    ($function:ident, $size:expr $(, $more:literal)?) => {
        match $size {
            Size::B => $function::<1 $(, $more)?>,
            Size::H => $function::<2 $(, $more)?>,
            Size::W => $function::<4 $(, $more)?>,
            Size::Dw => $function::<8 $(, $more)?>,
        }
    };
}

/// The same for functions that know sizes by their place in [`Size::ALL`].
macro_rules! by_place {
    ($function:ident, $size:expr, $more:literal) => {
        match $size {
            Size::B => $function::<0, $more>,
            Size::H => $function::<1, $more>,
            Size::W => $function::<2, $more>,
            Size::Dw => $function::<3, $more>,
        }
    };
}

/// For a load from what is likely to be there.
pub(super) fn loading(size: Size, signed: bool, place: Kind) -> Handler {
    match place {
        _ if signed => by_place!(load_any, size, true),
        Kind::Packet => by_size!(load_packet, size),
        Kind::Stack(_) | Kind::SomeStack => by_size!(load_stack, size),
        Kind::Value { .. } => by_size!(load_value, size),
        Kind::Context(_) if size == Size::W => load_context,
        _ => by_place!(load_any, size, false),
    }
}

/// For a store of a register, or of a constant, to what is likely to be there.
pub(super) fn storing(size: Size, reg: bool, place: Kind) -> Handler {
    match (place, reg) {
        (Kind::Packet, true) => by_size!(store_packet, size, true),
        (Kind::Packet, false) => by_size!(store_packet, size, false),
        (Kind::Stack(_) | Kind::SomeStack, true) => by_size!(store_stack, size, true),
        (Kind::Stack(_) | Kind::SomeStack, false) => by_size!(store_stack, size, false),
        (Kind::Value { .. }, true) => by_size!(store_value, size, true),
        (Kind::Value { .. }, false) => by_size!(store_value, size, false),
        (_, true) => by_place!(store_any, size, true),
        (_, false) => by_place!(store_any, size, false),
    }
}
