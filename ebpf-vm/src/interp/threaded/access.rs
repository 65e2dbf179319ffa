//! Loads and stores: a step for each size and each region that an address may be expected in.
//!
//! The expectation is a hint of [`crate::analysis`]: the address is compared with the region's bounds, and where it is
//! elsewhere the reference does the instruction.

use super::calculate::operand;
use super::ready::Handler;
use super::step::{Code, Step, Then, Where, one};
use super::{Core, Instr};
use crate::insn::Size;
use crate::interp::alu;

/// As a number.
#[inline(always)]
fn number<const N: usize>(bytes: &[u8; N]) -> u64 {
    let mut word = [0; 8];
    word[..N].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// The lowest bytes of a number.
#[inline(always)]
fn low<const N: usize>(value: u64) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&value.to_le_bytes()[..N]);
    bytes
}

/// Where an access leads from its base.
#[inline(always)]
fn address(instr: &Instr, base: u64) -> u64 {
    base.wrapping_add_signed(instr.off.into())
}

/// What was loaded gets into its register.
#[inline(always)]
fn loaded(core: &mut Core<'_>, instr: &Instr, value: Option<u64>) -> Then {
    let Some(value) = value else { return Then::Ask };
    core.set(instr.dst, value);
    Then::On(value)
}

/// A load from the packet, N bytes.
pub(super) struct LoadPacket<const N: usize>;

impl<const N: usize> Step for LoadPacket<N> {
    const CODE: Code = Code::Load(Where::Packet, N);

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], _: u64, base: u64) -> Then {
        let value = core.state.memory.in_packet::<N>(address(instr, base)).map(number);
        loaded(core, instr, value)
    }
}

/// A load from the stack.
pub(super) struct LoadStack<const N: usize>;

impl<const N: usize> Step for LoadStack<N> {
    const CODE: Code = Code::Load(Where::Stack, N);

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], _: u64, base: u64) -> Then {
        let top = core.state.regs[10];
        let value = core.state.memory.in_stack::<N>(top, address(instr, base)).map(|bytes| number(bytes));
        loaded(core, instr, value)
    }
}

/// A load from a map's value.
pub(super) struct LoadValue<const N: usize>;

impl<const N: usize> Step for LoadValue<N> {
    const CODE: Code = Code::Load(Where::Value, N);

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], _: u64, base: u64) -> Then {
        let value = core.state.memory.in_value::<N>(address(instr, base)).map(number);
        loaded(core, instr, value)
    }
}

/// A load of a field of the context, all of which have 4 bytes.
pub(super) struct LoadContext;

impl Step for LoadContext {
    const CODE: Code = Code::Load(Where::Context, 4);

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], _: u64, base: u64) -> Then {
        let value = core.state.memory.in_context(address(instr, base)).map(u64::from);
        loaded(core, instr, value)
    }
}

/// A load from anywhere.
struct LoadAny<const SIZE: usize, const SIGNED: bool>;

impl<const SIZE: usize, const SIGNED: bool> Step for LoadAny<SIZE, SIGNED> {
    const CODE: Code = Code::LoadAny(SIZE, SIGNED);

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], _: u64, base: u64) -> Then {
        let size = Size::ALL[SIZE];
        let value = load_any(core, address(instr, base), size);
        loaded(core, instr, value.map(|value| if SIGNED { alu::sign_extend(size, value) } else { value }))
    }
}

#[inline(never)]
fn load_any(core: &mut Core<'_>, addr: u64, size: Size) -> Option<u64> {
    core.state.memory.load(addr, size).ok()
}

/// A store to the packet, N bytes.
pub(super) struct StorePacket<const N: usize, const REG: bool>;

impl<const N: usize, const REG: bool> Step for StorePacket<N, REG> {
    const CODE: Code = Code::Store(Where::Packet, N, REG);

    #[inline(always)]
    fn second(core: &Core<'_>, instr: &Instr) -> u64 {
        operand(core, instr, REG)
    }

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], base: u64, value: u64) -> Then {
        let Some(bytes) = core.state.memory.in_packet_mut::<N>(address(instr, base)) else {
            return Then::Ask;
        };
        *bytes = low(value);
        Then::On(value)
    }
}

/// A store to the stack.
pub(super) struct StoreStack<const N: usize, const REG: bool>;

impl<const N: usize, const REG: bool> Step for StoreStack<N, REG> {
    const CODE: Code = Code::Store(Where::Stack, N, REG);

    #[inline(always)]
    fn second(core: &Core<'_>, instr: &Instr) -> u64 {
        operand(core, instr, REG)
    }

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], base: u64, value: u64) -> Then {
        let top = core.state.regs[10];
        let Some(bytes) = core.state.memory.in_stack::<N>(top, address(instr, base)) else {
            return Then::Ask;
        };
        *bytes = low(value);
        Then::On(value)
    }
}

/// A store to a map's value.
pub(super) struct StoreValue<const N: usize, const REG: bool>;

impl<const N: usize, const REG: bool> Step for StoreValue<N, REG> {
    const CODE: Code = Code::Store(Where::Value, N, REG);

    #[inline(always)]
    fn second(core: &Core<'_>, instr: &Instr) -> u64 {
        operand(core, instr, REG)
    }

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], base: u64, value: u64) -> Then {
        let Some(bytes) = core.state.memory.in_value_mut::<N>(address(instr, base)) else { return Then::Ask };
        *bytes = low(value);
        Then::On(value)
    }
}

/// A store to anywhere.
struct StoreAny<const SIZE: usize, const REG: bool>;

impl<const SIZE: usize, const REG: bool> Step for StoreAny<SIZE, REG> {
    const CODE: Code = Code::StoreAny(SIZE, REG);

    #[inline(always)]
    fn second(core: &Core<'_>, instr: &Instr) -> u64 {
        operand(core, instr, REG)
    }

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], base: u64, value: u64) -> Then {
        if store_any(core, address(instr, base), Size::ALL[SIZE], value) {
            Then::On(value)
        } else {
            Then::Ask
        }
    }
}

#[inline(never)]
fn store_any(core: &mut Core<'_>, addr: u64, size: Size, value: u64) -> bool {
    core.state.memory.store(addr, size, value).is_ok()
}

/// Atomic addition to 8 bytes of a map's value, where nobody wants to know what was there.
pub(super) struct Count;

impl Step for Count {
    const CODE: Code = Code::Count;

    #[inline(always)]
    fn act(core: &mut Core<'_>, instr: &Instr, _: &[Instr], base: u64, by: u64) -> Then {
        let addr = address(instr, base);
        let Some(bytes) = core.state.memory.in_value_mut::<8>(addr).filter(|_| addr.is_multiple_of(8)) else {
            return Then::Ask;
        };
        *bytes = u64::from_le_bytes(*bytes).wrapping_add(by).to_le_bytes();
        Then::On(by)
    }
}

/// A word of 8 bytes of a map's value is loaded, something is added, and it is stored again. The three instructions
/// have one address and one register, which is not the address's.
#[inline(always)]
fn add_to_value<const REG: bool>(core: &mut Core<'_>, load: &Instr, add: &Instr) -> Option<()> {
    let by = operand(core, add, REG);
    let addr = address(load, core.get(load.src));
    let bytes = core.state.memory.in_value_mut::<8>(addr)?;
    let value = u64::from_le_bytes(*bytes).wrapping_add(by);
    *bytes = value.to_le_bytes();
    core.set(load.dst, value);
    Some(())
}

/// Three slots: a counter.
pub(super) fn count<const REG: bool>(core: &mut Core<'_>, load: &Instr, rest: &[Instr]) -> u32 {
    let [add, _, behind @ ..] = rest else { return core.again(rest) };
    let Some(()) = add_to_value::<REG>(core, load, add) else { return core.ask(rest) };
    core.on(behind)
}

/// Six slots: packets are counted, then bytes.
pub(super) fn count_twice(core: &mut Core<'_>, load: &Instr, rest: &[Instr]) -> u32 {
    let [add, _, second @ ..] = rest else { return core.again(rest) };
    let [other, by, _, behind @ ..] = second else { return core.again(rest) };
    let Some(()) = add_to_value::<false>(core, load, add) else { return core.ask(rest) };
    let Some(()) = add_to_value::<true>(core, other, by) else { return core.ask(&second[1..]) };
    core.on(behind)
}

/// Three slots: a word of 8 bytes of a map's value is loaded, added to a register, and the sum is stored there. Both
/// have one address; its register and the two others are different ones.
pub(super) fn count_into(core: &mut Core<'_>, instr: &Instr, rest: &[Instr]) -> u32 {
    let [add, _, behind @ ..] = rest else { return core.again(rest) };
    let to = core.get(add.dst);
    let addr = address(instr, core.get(instr.src));
    let Some(bytes) = core.state.memory.in_value_mut::<8>(addr) else { return core.ask(rest) };
    let from = u64::from_le_bytes(*bytes);
    let sum = to.wrapping_add(from);
    *bytes = sum.to_le_bytes();
    core.set(instr.dst, from);
    core.set(add.dst, sum);
    core.on(behind)
}

/// The function for a number of bytes.
macro_rules! by_bytes {
    ($bytes:expr, $step:ident $(, $more:literal)?) => {
        match $bytes {
            1 => Some(one::<$step<1 $(, $more)?>> as Handler),
            2 => Some(one::<$step<2 $(, $more)?>> as Handler),
            4 => Some(one::<$step<4 $(, $more)?>> as Handler),
            8 => Some(one::<$step<8 $(, $more)?>> as Handler),
            _ => None,
        }
    };
}

/// The same for steps that know sizes by their place in [`Size::ALL`].
macro_rules! by_place {
    ($size:expr, $step:ident, $more:literal) => {
        match $size {
            0 => Some(one::<$step<0, $more>> as Handler),
            1 => Some(one::<$step<1, $more>> as Handler),
            2 => Some(one::<$step<2, $more>> as Handler),
            3 => Some(one::<$step<3, $more>> as Handler),
            _ => None,
        }
    };
}

/// The function of a load or store; none for other instructions.
pub(super) fn accessing(code: Code) -> Option<Handler> {
    match code {
        Code::Load(Where::Packet, bytes) => by_bytes!(bytes, LoadPacket),
        Code::Load(Where::Stack, bytes) => by_bytes!(bytes, LoadStack),
        Code::Load(Where::Value, bytes) => by_bytes!(bytes, LoadValue),
        Code::Load(Where::Context, 4) => Some(one::<LoadContext>),
        Code::LoadAny(size, false) => by_place!(size, LoadAny, false),
        Code::LoadAny(size, true) => by_place!(size, LoadAny, true),
        Code::Count => Some(one::<Count>),
        Code::Store(Where::Packet, bytes, false) => by_bytes!(bytes, StorePacket, false),
        Code::Store(Where::Packet, bytes, true) => by_bytes!(bytes, StorePacket, true),
        Code::Store(Where::Stack, bytes, false) => by_bytes!(bytes, StoreStack, false),
        Code::Store(Where::Stack, bytes, true) => by_bytes!(bytes, StoreStack, true),
        Code::Store(Where::Value, bytes, false) => by_bytes!(bytes, StoreValue, false),
        Code::Store(Where::Value, bytes, true) => by_bytes!(bytes, StoreValue, true),
        Code::StoreAny(size, false) => by_place!(size, StoreAny, false),
        Code::StoreAny(size, true) => by_place!(size, StoreAny, true),
        _ => None,
    }
}
