//! What generated code calls: functions with C's calling convention, by their places in a table.
//!
//! No panic may cross generated code, which has no way to unwind: hosts are called inside of
//! [`catch_unwind`], and what they threw goes on when the run is over.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::vm::{Answer, GO_ON, LEAVE, UNCHANGED, Vm};
use crate::helpers::id;
use crate::host::{HelperCall, HelperId, Host, Outcome};
use crate::insn::Size;
use crate::interp::resume::Suspended;
use crate::interp::{MAX_CALL_FRAMES, MAX_TAIL_CALLS};
use crate::memory::{MapIdx, Memory, handle_map, slab_address};

type Helper = extern "C" fn(*mut Vm, u64, u64, u64, u64, u64) -> u64;

/// All of them. The order is what generated code knows.
#[repr(C)]
pub(super) struct Table {
    readable: extern "C" fn(*mut Vm, u64, u64) -> *const u8,
    writable: extern "C" fn(*mut Vm, u64, u64) -> *mut u8,
    enter: extern "C" fn(*mut Vm, u64, u64) -> u32,
    leave: extern "C" fn(*mut Vm),
    touch: extern "C" fn(*mut Vm, u64, u64) -> u32,
    wait: extern "C" fn(*mut Vm, u64, u64, u64, u64, u64, u64),
    helpers: [Helper; DIRECT.len() + 1],
}

/// Places in [`Table`].
pub(super) mod slot {
    pub const READABLE: i32 = 0;
    pub const WRITABLE: i32 = 1;
    pub const ENTER: i32 = 2;
    pub const LEAVE: i32 = 3;
    pub const TOUCH: i32 = 4;
    pub const WAIT: i32 = 5;
    const HELPERS: i32 = 6;

    /// The function for a helper, and whether that has to be told which.
    pub fn helper(helper: crate::host::HelperId) -> (i32, bool) {
        let known = super::DIRECT.iter().position(|known| *known == helper.0);
        (HELPERS + known.unwrap_or(super::DIRECT.len()) as i32, known.is_none())
    }
}

/// Helpers with functions of their own: what the host does with the number is decided when it is compiled.
const DIRECT: [u32; 9] = [
    id::MAP_LOOKUP_ELEM.0,
    id::MAP_UPDATE_ELEM.0,
    id::MAP_DELETE_ELEM.0,
    id::REDIRECT_MAP.0,
    id::REDIRECT.0,
    id::GET_SMP_PROCESSOR_ID.0,
    id::KTIME_GET_NS.0,
    id::TAIL_CALL.0,
    id::XDP_ADJUST_HEAD.0,
];
/// None of them: the number is in [`Vm::helper`].
const ANY: u32 = u32::MAX;

/// Where a table for each kind of host comes from.
pub(super) struct TableFor<H>(std::marker::PhantomData<H>);

impl<H: Host> TableFor<H> {
    pub const TABLE: &'static Table = &Table {
        readable,
        writable,
        enter,
        leave,
        touch,
        wait,
        helpers: [
            lookup::<H>,
            helper::<H, { DIRECT[1] }>,
            helper::<H, { DIRECT[2] }>,
            redirect_map::<H>,
            helper::<H, { DIRECT[4] }>,
            helper::<H, { DIRECT[5] }>,
            helper::<H, { DIRECT[6] }>,
            helper::<H, { DIRECT[7] }>,
            helper::<H, { DIRECT[8] }>,
            helper::<H, ANY>,
        ],
    };
}

/// The run, with its memory.
///
/// # Safety
/// `vm` is what [`super::Jit::run`] gave to the code that calls, on this thread. That function does not touch
/// run, memory and host while the code runs, and the references end before the code goes on.
unsafe fn parts<'a>(vm: *mut Vm) -> (&'a mut Vm, &'a mut Memory) {
    // SAFETY: both pointers were made of mutable references that are still borrowed, and nothing else
    // uses them now.
    unsafe {
        let vm = &mut *vm;
        let memory = &mut *vm.memory;
        (vm, memory)
    }
}

/// Before anybody but the code looks at the packet: if it was lent, memory takes it in.
///
/// # Safety
/// As for [`parts`].
#[inline(always)]
unsafe fn take_in(vm: &mut Vm, memory: &mut Memory) {
    if let Some(bytes) = vm.lent.take() {
        // SAFETY: who has lent them borrows them until the code has ended, and nobody writes to them.
        let fits = memory.packet_like_last(unsafe { bytes.as_ref() });
        debug_assert!(fits, "it was lent because it fits");
        vm.find_packet(memory);
    }
}

fn size(code: u64) -> Size {
    Size::ALL[code as usize % 4]
}

/// Where the bytes of a load are; null if the interpreter is to do it. A function whose stack may hold
/// what was never cleared ([`super::emit`]) says so: then nobody but the interpreter reads it by address.
extern "C" fn readable(vm: *mut Vm, addr: u64, how: u64) -> *const u8 {
    // SAFETY: generated code passes what it got.
    let memory = unsafe {
        let (vm, memory) = parts(vm);
        take_in(vm, memory);
        memory
    };
    if how & EXACT != 0 && Memory::is_stack(addr) {
        return std::ptr::null();
    }
    memory.readable(addr, size(how)).map_or(std::ptr::null(), <[u8]>::as_ptr)
}

/// The same for a store.
extern "C" fn writable(vm: *mut Vm, addr: u64, how: u64) -> *mut u8 {
    // SAFETY: generated code passes what it got.
    let (_, memory) = unsafe { parts(vm) };
    if how & EXACT != 0 && Memory::is_stack(addr) {
        return std::ptr::null_mut();
    }
    memory.writable(addr, size(how)).map_or(std::ptr::null_mut(), <[u8]>::as_mut_ptr)
}

/// Added to a size: the stack is not for everybody.
pub(super) const EXACT: u64 = 1 << 8;

/// A function is called: 0, or [`LEAVE`] if the interpreter is to do it, and then nothing has happened.
extern "C" fn enter(vm: *mut Vm, length: u64, how: u64) -> u32 {
    // SAFETY: generated code passes what it got.
    let (vm, memory) = unsafe { parts(vm) };
    let Some(left) = vm.left.checked_sub(length).filter(|_| memory.stack.chain() < MAX_CALL_FRAMES) else {
        return LEAVE;
    };
    vm.left = left;
    memory.stack.enter(false, how & EXACT == 0, (how >> 16) as u32);
    vm.find_stack(memory);
    GO_ON
}

/// The called function is done.
extern "C" fn leave(vm: *mut Vm) {
    // SAFETY: generated code passes what it got.
    let (vm, memory) = unsafe { parts(vm) };
    memory.stack.pop();
    vm.find_stack(memory);
}

/// The function's stack is used this deep: 0, or [`LEAVE`] if that is too deep.
extern "C" fn touch(vm: *mut Vm, addr: u64, len: u64) -> u32 {
    // SAFETY: generated code passes what it got.
    let (_, memory) = unsafe { parts(vm) };
    if memory.stack_used(addr, len as u32) { GO_ON } else { LEAVE }
}

/// The run is left, and this function waits for the one that was.
extern "C" fn wait(vm: *mut Vm, pc: u64, loops: u64, r6: u64, r7: u64, r8: u64, r9: u64) {
    // SAFETY: generated code passes what it got.
    let (vm, _) = unsafe { parts(vm) };
    vm.rare().waiting.push(Suspended { pc: pc as u32, loops: loops as u32, kept: [r6, r7, r8, r9] });
}

/// A lookup. The host gets memory only to read it, so nothing that the code knows can have changed.
extern "C" fn lookup<H: Host>(vm: *mut Vm, r1: u64, r2: u64, r3: u64, r4: u64, r5: u64) -> u64 {
    const ID: u32 = id::MAP_LOOKUP_ELEM.0;
    // SAFETY: generated code passes what it got; the table that led here was made for this type of host.
    let (run, memory, host) = unsafe {
        let (run, memory) = parts(vm);
        take_in(run, memory);
        let host = &mut *run.host.cast::<H>();
        (run, &*memory, host)
    };
    let Some(map) = handle_map(r1) else { return helper::<H, ID>(vm, r1, r2, r3, r4, r5) };
    let mut find = || match host.quick_lookup(map, r2, memory) {
        Some(found) => Some(Ok(found)),
        None => host.lookup(map, r2, memory),
    };
    let answer = match catch_unwind(AssertUnwindSafe(&mut find)) {
        Ok(None) => return helper::<H, ID>(vm, r1, r2, r3, r4, r5),
        Ok(Some(Ok(r0))) if is_value(memory, r1, r0) && run.find_maps(host) => return r0,
        Ok(Some(answer)) => Answer::Outcome(answer.map(Outcome::Return)),
        Err(panic) => Answer::Panic(panic),
    };
    leave_with(run, answer)
}

/// The interpreter draws the conclusion.
#[cold]
#[inline(never)]
fn leave_with(run: &mut Vm, answer: Answer) -> u64 {
    run.rare().answer = Some(answer);
    run.status = LEAVE;
    0
}

/// A redirect. The host gets no memory at all.
extern "C" fn redirect_map<H: Host>(vm: *mut Vm, r1: u64, r2: u64, r3: u64, r4: u64, r5: u64) -> u64 {
    const ID: u32 = id::REDIRECT_MAP.0;
    // SAFETY: generated code passes what it got; the table that led here was made for this type of host.
    let (run, host) = unsafe {
        let (run, _) = parts(vm);
        let host = &mut *run.host.cast::<H>();
        (run, host)
    };
    let Some(map) = handle_map(r1) else { return helper::<H, ID>(vm, r1, r2, r3, r4, r5) };
    match catch_unwind(AssertUnwindSafe(|| host.redirect_map(map, r2, r3))) {
        Ok(Some(r0)) if run.find_maps(host) => r0,
        Ok(Some(r0)) => leave_with(run, Answer::Outcome(Ok(Outcome::Return(r0)))),
        Ok(None) => helper::<H, ID>(vm, r1, r2, r3, r4, r5),
        Err(panic) => leave_with(run, Answer::Panic(panic)),
    }
}

/// A helper is called. What it answered is in [`Vm::status`].
extern "C" fn helper<H: Host, const ID: u32>(
    vm: *mut Vm,
    r1: u64,
    r2: u64,
    r3: u64,
    r4: u64,
    r5: u64,
) -> u64 {
    // SAFETY: generated code passes what it got; the table that led here was made for this type of host.
    let (vm, memory, host) = unsafe {
        let (vm, memory) = parts(vm);
        take_in(vm, memory);
        let host = &mut *vm.host.cast::<H>();
        (vm, memory, host)
    };
    let helper = HelperId(if ID == ANY { vm.helper } else { ID });
    let call = HelperCall { id: helper, args: [r1, r2, r3, r4, r5], prog: vm.prog, pc: vm.pc };
    let answer = catch_unwind(AssertUnwindSafe(|| host.call(&call, memory)));
    vm.find_packet(memory);
    let mut r0 = 0;
    let answer = match answer {
        Ok(Ok(Outcome::Return(result))) => {
            r0 = result;
            if vm.is_same_memory(memory)
                && vm.find_maps(host)
                && (ID != id::MAP_LOOKUP_ELEM.0 || is_value(memory, r1, result))
            {
                return r0;
            }
            Answer::Outcome(Ok(Outcome::Return(result)))
        }
        Ok(Ok(outcome)) => {
            let goes_on = match outcome {
                Outcome::Unchanged => true,
                Outcome::TailCall(_) => vm.tail_calls == MAX_TAIL_CALLS,
                _ => false,
            };
            if vm.is_same_memory(memory) && vm.find_maps(host) && goes_on {
                vm.status = UNCHANGED;
                return r0;
            }
            Answer::Outcome(Ok(outcome))
        }
        Ok(Err(fault)) => Answer::Outcome(Err(fault)),
        Err(panic) => Answer::Panic(panic),
    };
    vm.rare().answer = Some(answer);
    vm.status = LEAVE;
    r0
}

/// Is this what a lookup in a map answers: null, or where a value begins? The code for a value's fields relies on
/// it, as far as neighbouring values are concerned.
#[inline]
fn is_value(memory: &Memory, map: u64, r0: u64) -> bool {
    let Some(map) = handle_map(map) else { return true };
    let Some(slab) = memory.slabs().get(map.0 as usize) else { return true };
    let at = r0.wrapping_sub(slab_address(MapIdx(map.0), 0));
    u32::try_from(at).map_or(true, |at| slab.begins(at))
}
