//! What generated code and Rust share: one structure with places that both know.
//!
//! The pointers in it are found anew whenever somebody may have changed what they point to: at the start of a
//! run, and after every helper. Nothing of it outlives a run.

use std::any::Any;
use std::ffi::c_void;
use std::mem::offset_of;

use super::trampolines::Table;
use crate::fault::HelperFault;
use crate::host::{Outcome, ProgIdx};
use crate::insn::Size;
use crate::interp::resume::Suspended;
use crate::interp::{Limits, MAX_CALL_FRAMES};
use crate::memory::{self, Direct, FRAME_SIZE, Memory, Slab};

/// A helper has answered: go on.
pub(super) const GO_ON: u32 = 0;
/// A helper has answered that R0 stays as it is.
pub(super) const UNCHANGED: u32 = 1;
/// The interpreter is to go on.
pub(super) const LEAVE: u32 = 2;

/// Why a helper does not lead back to generated code.
pub(super) enum Answer {
    /// The interpreter is to draw the conclusion.
    Outcome(Result<Outcome, HelperFault>),
    /// The host has panicked: so will the run.
    Panic(Box<dyn Any + Send>),
}

/// A run.
#[repr(C)]
pub(super) struct Vm {
    /// What a function begins with, returns, or leaves behind; in between, some are in machine registers.
    pub regs: [u64; 11],
    /// The budget.
    pub left: u64,
    /// How often the function that is left has passed a `may_goto`.
    pub loops: u32,
    /// The instruction that calls or leaves.
    pub pc: u32,
    /// The helper that is called.
    pub helper: u32,
    /// What a helper has answered, or why the run leaves.
    pub status: u32,
    /// Has the packet been written to?
    pub written: u32,
    /// The packet's first byte that can be accessed.
    pub packet: *mut u8,
    /// Its address in the program.
    pub packet_lo: u64,
    /// How many bytes from there on can be the first of an access of 1, 2, 4 and 8 bytes.
    pub packet_limits: [u64; 4],
    pub context: *const u8,
    /// Where the current function's stack ends.
    pub stack_top: *mut u8,
    /// What the current function has used of it.
    pub used: *mut u32,
    pub slabs: *const Slab,
    pub table: *const Table,

    pub memory: *mut Memory,
    pub host: *mut c_void,
    pub prog: ProgIdx,
    pub tail_calls: u32,
    /// How many maps the code knows, and how many functions are active.
    pub maps: usize,
    pub frames: usize,
    pub packet_len: usize,
    pub stack: *mut u8,
    pub answer: Option<Answer>,
    /// Who waits, the innermost first.
    pub waiting: Vec<Suspended>,
}

/// Places in [`Vm`], as generated code names them.
pub(super) mod at {
    use super::{Direct, Slab, Vm, offset_of};

    pub const REGS: i32 = offset_of!(Vm, regs) as i32;
    pub const LEFT: i32 = offset_of!(Vm, left) as i32;
    pub const LOOPS: i32 = offset_of!(Vm, loops) as i32;
    pub const PC: i32 = offset_of!(Vm, pc) as i32;
    pub const HELPER: i32 = offset_of!(Vm, helper) as i32;
    pub const STATUS: i32 = offset_of!(Vm, status) as i32;
    pub const WRITTEN: i32 = offset_of!(Vm, written) as i32;
    pub const PACKET: i32 = offset_of!(Vm, packet) as i32;
    pub const PACKET_LO: i32 = offset_of!(Vm, packet_lo) as i32;
    pub const PACKET_LIMITS: i32 = offset_of!(Vm, packet_limits) as i32;
    pub const CONTEXT: i32 = offset_of!(Vm, context) as i32;
    pub const STACK_TOP: i32 = offset_of!(Vm, stack_top) as i32;
    pub const USED: i32 = offset_of!(Vm, used) as i32;
    pub const SLABS: i32 = offset_of!(Vm, slabs) as i32;
    pub const TABLE: i32 = offset_of!(Vm, table) as i32;

    /// The same in a slab, from the slab's start; [`Slab`] begins with it.
    pub const LOADS: i64 = offset_of!(Direct, loads) as i64;
    pub const STORES: i64 = offset_of!(Direct, stores) as i64;
    pub const VALUE_SIZE: i64 = offset_of!(Direct, value_size) as i64;
    /// A boxed slice is its address, then its length: [`super::super::code`] makes sure of it.
    pub const BYTES: i64 = offset_of!(Direct, bytes) as i64;
    pub const SLAB: i64 = size_of::<Slab>() as i64;
}

impl Vm {
    /// A run at its start, with nothing found yet.
    #[inline(always)]
    pub fn new(
        entry: ProgIdx,
        memory: *mut Memory,
        host: *mut c_void,
        table: &'static Table,
        maps: usize,
        limits: Limits,
    ) -> Self {
        let null = std::ptr::null_mut();
        Self {
            regs: [0, memory::context_address(), 0, 0, 0, 0, 0, 0, 0, 0, memory::stack_address(0)],
            left: limits.budget,
            loops: 0,
            pc: 0,
            helper: 0,
            status: GO_ON,
            written: 0,
            packet: null,
            packet_lo: 0,
            packet_limits: [0; 4],
            context: null,
            stack_top: null,
            used: std::ptr::null_mut(),
            slabs: std::ptr::null(),
            table,
            memory,
            host,
            prog: entry,
            tail_calls: 0,
            maps,
            frames: 0,
            packet_len: usize::MAX,
            stack: null,
            answer: None,
            waiting: Vec::new(),
        }
    }

    /// Finds everything that generated code goes to by itself.
    #[inline(always)]
    pub fn find(&mut self, memory: &mut Memory) {
        self.context = memory.context_bytes().as_ptr();
        self.find_stack(memory);
        self.find_packet(memory);
        self.slabs = memory.slabs().as_ptr();
    }

    /// After a helper, which can have done anything to memory: finds what may have moved. `false` if
    /// generated code cannot go on with what is there now.
    #[inline]
    pub fn find_again(&mut self, memory: &mut Memory) -> bool {
        self.find_packet(memory);
        self.slabs = memory.slabs().as_ptr();
        self.is_same_stack(memory) && memory.slabs().len() >= self.maps
    }

    /// Are the functions still active that were when the code last looked, with room for others? Only a host that
    /// replaces all of memory changes that.
    #[inline]
    pub fn is_same_stack(&self, memory: &mut Memory) -> bool {
        let (frames, stack) = memory.stack.direct();
        frames == self.frames
            && stack.len() >= MAX_CALL_FRAMES * FRAME_SIZE as usize
            && std::ptr::eq(stack.as_mut_ptr(), self.stack)
            && std::ptr::eq(memory.stack.used(), self.used)
    }

    #[inline(always)]
    fn find_packet(&mut self, memory: &mut Memory) {
        let (lo, window) = memory.packet_window();
        (self.packet, self.packet_lo) = (window.as_mut_ptr(), lo);
        if window.len() != self.packet_len {
            self.packet_len = window.len();
            let first = window.len() as u64 + 1;
            self.packet_limits = Size::ALL.map(|size| first.saturating_sub(size.bytes().into()));
        }
    }

    /// The current function's stack.
    #[inline(always)]
    pub fn find_stack(&mut self, memory: &mut Memory) {
        let (frames, stack) = memory.stack.direct();
        let end = frames * FRAME_SIZE as usize;
        self.frames = frames;
        self.stack = stack.as_mut_ptr();
        self.stack_top = stack[..end].as_mut_ptr_range().end;
        self.used = memory.stack.used();
        self.regs[10] = memory::stack_address(frames - 1);
    }
}
