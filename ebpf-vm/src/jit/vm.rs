//! What generated code and Rust share: one structure with places that both know.
//!
//! Little of it is set for a run: what memory has to say (bounds of the packet, where slabs and stacks are) generated
//! code reads in [`Memory`] itself, at known places ([`crate::memory::at`]), whenever something may have changed it. The
//! pointers here are found anew after every helper. Nothing of it outlives a run.

use std::any::Any;
use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};
use std::ptr::NonNull;

use super::trampolines::{Table, TableFor};
use crate::fault::HelperFault;
use crate::helpers::Entry;
use crate::host::{Host, Outcome, ProgIdx};
use crate::interp::MAX_CALL_FRAMES;
use crate::interp::resume::Suspended;
use crate::memory::{self, Direct, FRAME_SIZE, Memory, Slab};

/// A helper has answered: go on.
pub(super) const GO_ON: u32 = 0;
/// A helper has answered that R0 stays as it is.
pub(super) const UNCHANGED: u32 = 1;
/// The interpreter is to go on.
pub(super) const LEAVE: u32 = 2;
/// The program ends with what `bpf_redirect_map()` answers, and that is still to be asked; above [`STATUS_BITS`] is the
/// map's number.
pub(super) const REDIRECT: u32 = 3;
pub(super) const STATUS_BITS: u32 = 8;

/// What the code expects of maps.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Needs {
    /// How many it names.
    pub maps: u32,
    /// Up to which one it looks up by itself.
    pub looks: u32,
}

/// Why a helper does not lead back to generated code.
pub(super) enum Answer {
    /// The interpreter is to draw the conclusion.
    Outcome(Result<Outcome, HelperFault>),
    /// The host has panicked: so will the run.
    Panic(Box<dyn Any + Send>),
}

/// What few runs need.
#[derive(Default)]
pub(super) struct Rare {
    pub answer: Option<Answer>,
    /// Who waits, the innermost first.
    pub waiting: Vec<Suspended>,
}

/// A run.
#[repr(C)]
pub(super) struct Vm {
    /// What a function begins with, returns, or leaves behind; in between, some are in machine registers. Of a fresh
    /// start ([`Start::fresh`](super::Start)) none is there: the code knows them, and says in [`Vm::saved`] which
    /// ones it has left.
    pub regs: [MaybeUninit<u64>; 11],
    /// The budget.
    pub left: u64,
    pub memory: *mut Memory,
    pub table: *const Table,
    /// The maps as helpers see them, if the code looks up by itself.
    pub entries: *const Entry,
    /// The CPU, for the same purpose.
    pub cpu: u64,
    /// The instruction that calls or leaves.
    pub pc: u32,
    /// A bit for each register that is in [`Vm::regs`] after a fresh start was left.
    pub saved: u32,
    /// How often the function that is left has passed a `may_goto`.
    pub loops: u32,
    /// The helper that is called.
    pub helper: u32,
    /// What a helper has answered, or why the run leaves.
    pub status: u32,
    /// Where the current function's stack ends; of programs with one function, that is known.
    pub stack_top: *mut u8,
    /// What the current function has used of it; null in programs with one function.
    pub used: *mut u32,

    /// Where the packet's buffer begins, for code that only reads it ([`Plan::reads`](super::plan::Plan::reads)).
    pub packet: *const u8,
    /// A packet that such code reads where it lies; memory does not have it.
    pub lent: Option<NonNull<[u8]>>,
    pub host: *mut c_void,
    pub prog: ProgIdx,
    pub tail_calls: u32,
    /// How many functions are active behind the first.
    pub depth: u32,
    pub needs: Needs,
    pub stack: *const u8,
    pub rare: Option<Box<Rare>>,
}

/// Places in [`Vm`], as generated code names them.
pub(super) mod at {
    use super::{Direct, Slab, Vm, offset_of};

    pub const REGS: i32 = offset_of!(Vm, regs) as i32;
    pub const LEFT: i32 = offset_of!(Vm, left) as i32;
    pub const MEMORY: i32 = offset_of!(Vm, memory) as i32;
    pub const TABLE: i32 = offset_of!(Vm, table) as i32;
    pub const ENTRIES: i32 = offset_of!(Vm, entries) as i32;
    pub const CPU: i32 = offset_of!(Vm, cpu) as i32;
    pub const LOOPS: i32 = offset_of!(Vm, loops) as i32;
    pub const PC: i32 = offset_of!(Vm, pc) as i32;
    pub const SAVED: i32 = offset_of!(Vm, saved) as i32;
    pub const HELPER: i32 = offset_of!(Vm, helper) as i32;
    pub const STATUS: i32 = offset_of!(Vm, status) as i32;
    pub const PACKET: i32 = offset_of!(Vm, packet) as i32;
    pub const STACK_TOP: i32 = offset_of!(Vm, stack_top) as i32;
    pub const USED: i32 = offset_of!(Vm, used) as i32;

    /// The same in a slab, from the slab's start; [`Slab`] begins with it.
    pub const LOADS: i64 = offset_of!(Direct, loads) as i64;
    pub const STORES: i64 = offset_of!(Direct, stores) as i64;
    /// For loads; for stores behind it.
    pub const WHOLE: i64 = offset_of!(Direct, whole) as i64;
    pub const VALUE_SIZE: i64 = offset_of!(Direct, value_size) as i64;
    /// A boxed slice is its address, then its length: [`super::super::code`] makes sure of it.
    pub const BYTES: i64 = offset_of!(Direct, bytes) as i64;
    pub const SLAB: i64 = size_of::<Slab>() as i64;
}

impl Vm {
    /// The registers of a program at its start.
    pub const FIRST: [u64; 11] =
        [0, memory::context_address(), 0, 0, 0, 0, 0, 0, 0, 0, memory::stack_address(0)];

    /// Before a run, with neither memory nor host.
    #[inline(always)]
    pub fn new(prog: ProgIdx, needs: Needs) -> Self {
        Self {
            regs: [const { MaybeUninit::uninit() }; 11],
            left: 0,
            memory: std::ptr::null_mut(),
            table: std::ptr::null(),
            entries: std::ptr::null(),
            cpu: 0,
            pc: 0,
            saved: 0,
            loops: 0,
            helper: 0,
            status: GO_ON,
            stack_top: std::ptr::null_mut(),
            used: std::ptr::null_mut(),
            packet: std::ptr::null(),
            lent: None,
            host: std::ptr::null_mut(),
            prog,
            tail_calls: 0,
            depth: 0,
            needs,
            stack: std::ptr::null(),
            rare: None,
        }
    }

    /// Runs from now on are with hosts of this type.
    #[inline(always)]
    pub fn serve<H: Host>(&mut self) {
        self.table = TableFor::<H>::TABLE;
    }

    /// A run is between this memory and this host, which is of the type that [`Vm::serve`] was told, until it is over.
    #[inline(always)]
    pub fn between<H: Host>(&mut self, memory: *mut Memory, host: *mut H) {
        (self.memory, self.host) = (memory, host.cast());
    }

    /// Code that only reads the packet finds it in memory.
    #[inline(always)]
    pub fn find_packet(&mut self, memory: &Memory) {
        self.packet = memory.packet_start();
    }

    /// All registers are there from now on: those that nobody has saved are as they were at a program's start.
    pub fn complete(&mut self, saved: u32) -> [u64; 11] {
        std::array::from_fn(|reg| {
            let slot = &mut self.regs[reg];
            match saved >> reg & 1 {
                0 => *slot.write(Self::FIRST[reg]),
                // SAFETY: the code has stored it, or `complete` has.
                _ => unsafe { slot.assume_init() },
            }
        })
    }

    /// Key and flags of a redirect that is still to be asked for.
    ///
    /// # Safety
    /// The code has just returned [`REDIRECT`].
    #[inline(always)]
    pub unsafe fn redirect(&self) -> [u64; 2] {
        // SAFETY: it stores R2 and R3 before it does.
        [2, 3].map(|reg: usize| unsafe { self.regs[reg].assume_init() })
    }

    /// What few runs need, from now on.
    pub fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Finds the stack of a program's first function.
    #[inline(always)]
    pub fn find_first_stack(&mut self, memory: &mut Memory, alone: bool) {
        if alone {
            (self.depth, self.stack) = (0, memory.stack.direct().1.as_ptr());
            self.used = std::ptr::null_mut();
        } else {
            self.find_stack(memory);
        }
    }

    /// Finds the maps again that the code looks up in by itself: `false` if the host has none, or not enough.
    #[inline(always)]
    pub fn find_maps<H: Host>(&mut self, host: &mut H) -> bool {
        match find_maps(host, self.needs.looks) {
            Some(entries) => self.entries = entries,
            None => return false,
        }
        true
    }

    /// Can generated code go on after a helper, which can have done anything to memory?
    #[inline]
    pub fn is_same_memory(&self, memory: &mut Memory) -> bool {
        self.is_same_stack(memory) && memory.slabs().len() >= self.needs.maps as usize
    }

    /// Are the functions still active that were when the code last looked, with room for others? Only a host that
    /// replaces all of memory changes that.
    #[inline]
    pub fn is_same_stack(&self, memory: &mut Memory) -> bool {
        let (frames, stack) = memory.stack.direct();
        frames == self.depth as usize + 1
            && stack.len() >= MAX_CALL_FRAMES * FRAME_SIZE as usize
            && std::ptr::eq(stack.as_ptr(), self.stack)
            && (self.used.is_null() || std::ptr::eq(memory.stack.used(), self.used))
    }

    /// The current function's stack.
    #[inline(always)]
    pub fn find_stack(&mut self, memory: &mut Memory) {
        let (frames, stack) = memory.stack.direct();
        let end = frames * FRAME_SIZE as usize;
        self.depth = frames as u32 - 1;
        self.stack = stack.as_ptr();
        self.stack_top = stack[..end].as_mut_ptr_range().end;
        self.used = memory.stack.used();
        self.regs[10].write(memory::stack_address(frames - 1));
    }
}

/// The maps that the code looks up in by itself, so many at least: none if the host does not have them.
#[inline(always)]
pub(super) fn find_maps<H: Host>(host: &mut H, looks: u32) -> Option<*const Entry> {
    // In this order: what hosts have is known when this is compiled.
    match host.maps() {
        Some(maps) => (maps.entries().len() >= looks as usize).then_some(maps.entries().as_ptr()),
        None => (looks == 0).then_some(std::ptr::null()),
    }
}
