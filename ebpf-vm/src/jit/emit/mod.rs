//! Machine code for one function of a program. Nothing here is `unsafe`: what is emitted must be right, and the
//! rules for that are in [`super`].
//!
//! Registers are variables of Cranelift's builder, so they live in machine registers. Whatever is not in order
//! leaves through a cold exit: the registers that have changed go back to [`Vm::regs`](super::vm::Vm::regs),
//! with the instruction's slot, and the interpreter does that instruction anew.

mod access;
mod alu;
mod call;
mod known;
mod leave;
mod lookup;
mod place;
mod reach;

use std::collections::{BTreeMap, BTreeSet};

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, Block, FuncRef, Function, InstBuilder, MemFlagsData, SigRef, Type, Value,
    types,
};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};

use known::Known;

use super::plan::Plan;
use super::shapes::Shapes;
use super::vm::{Vm, at};
use crate::analysis::{self, State};
use crate::insn::Reg;
use crate::interp::MAX_LOOPS;
use crate::memory::{self, FRAME_SIZE};
use crate::op::{Op, Operand, Width};
use crate::program::Program;

/// Parts of memory of which none overlaps another. Accesses of the stack by address count as [`Part::Data`] where
/// they can happen at all, and then all of the stack does.
#[derive(Clone, Copy)]
enum Part {
    /// The run's own state.
    Vm,
    /// What memory says of itself: bounds of the packet, where stacks and slabs are.
    Memory,
    /// What maps say of themselves: the tables that lookups search.
    Index,
    /// What is left of the budget.
    Budget,
    /// Was the packet written to?
    Written,
    /// What the current function has used of its stack.
    Used,
    /// What slabs say of themselves.
    Slabs,
    Context,
    Stack,
    /// The packet and the values of maps.
    Data,
}

const PARTS: u32 = 10;

/// Signatures of what is called.
pub(super) struct Sigs {
    pub resolve: SigRef,
    pub enter: SigRef,
    pub leave: SigRef,
    pub touch: SigRef,
    pub wait: SigRef,
    pub helper: SigRef,
}

/// Everything that emitting a function needs to know.
pub(super) struct Source<'a> {
    pub program: &'a Program,
    pub plan: &'a Plan,
    pub shapes: &'a Shapes,
    pub function: &'a analysis::Function,
    /// The program's functions, by first slot.
    pub callees: &'a BTreeMap<u32, FuncRef>,
}

impl Source<'_> {
    /// If not, [`Vm::loops`] stays zero.
    fn has_may_goto(&self) -> bool {
        let ops = &self.program.ops()[self.function.start as usize..self.function.end as usize];
        ops.iter().any(|op| matches!(op, Op::MayGoto { .. }))
    }
}

pub(super) struct Emitter<'a, 'b> {
    source: &'a Source<'a>,
    builder: FunctionBuilder<'b>,
    sigs: Sigs,
    parts: [AliasRegion; PARTS as usize],
    regs: [Variable; Reg::COUNT],
    loops: Variable,
    blocks: BTreeMap<u32, Block>,
    /// Where jumps lead.
    joins: BTreeSet<u32>,
    /// What memory says of itself, found anew after calls.
    found: Found,
    /// What is known since the last place that a jump leads to, until somebody else may have changed it.
    block: Known,
    vm: Value,
    /// The run's [`crate::Memory`].
    memory: Value,
    /// Where the stack ends, from this address on.
    stack_top: (Value, i32),
    /// What is known before the current instruction.
    state: State,
    /// The current instruction.
    pc: u32,
    /// How much of the stack has certainly been counted as used, since then.
    counted: u32,
    /// The slot behind the last instruction that needs what memory says of itself, or from which a jump leads back.
    needs_until: u32,
}

/// See [`Emitter::needs_until`].
fn needs_until(source: &Source<'_>) -> u32 {
    let (start, end) = (source.function.start, source.function.end);
    let needs = |pc: u32| match source.program.ops()[pc as usize] {
        Op::Goto { target } | Op::Branch { target, .. } | Op::MayGoto { target } => target <= pc,
        Op::Load { .. } | Op::LoadAcquire { .. } => true,
        Op::Store { .. } | Op::StoreRelease { .. } | Op::Atomic { .. } => true,
        _ => false,
    };
    (start..end).rev().find(|pc| needs(*pc)).map_or(start, |last| last + 1)
}

/// Addresses and bounds that memory has, by their places in [`FOUND`].
type Found = [Variable; FOUND.len()];

/// Where they are in memory.
const FOUND: [i32; 3] = [memory::at::PACKET_LO, memory::at::PACKET_BUFFER, memory::at::SLABS];

impl<'a, 'b> Emitter<'a, 'b> {
    /// Emits a function into an empty one that has the signature and what can be called.
    pub fn emit(
        source: &'a Source<'a>,
        into: &'b mut Function,
        sigs: Sigs,
        context: &'b mut FunctionBuilderContext,
        config: TargetFrontendConfig,
    ) {
        let mut builder = FunctionBuilder::new(into, context);
        let parts = std::array::from_fn(|user_id| {
            let data = AliasRegionData { user_id: user_id as u32, description: "".into() };
            builder.func.dfg.alias_regions.insert(data)
        });
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let vm = builder.block_params(entry)[0];
        let regs = std::array::from_fn(|_| builder.declare_var(types::I64));
        let loops = builder.declare_var(types::I64);
        let found = std::array::from_fn(|_| builder.declare_var(types::I64));
        let starts = source.function.blocks.iter().map(|block| block.start);
        let blocks = starts.map(|start| (start, builder.create_block())).collect();
        let mut this = Self {
            source,
            builder,
            sigs,
            parts,
            regs,
            loops,
            blocks,
            joins: reach::joins(source),
            found,
            block: Known::default(),
            vm,
            memory: vm,
            stack_top: (vm, 0),
            state: State::entry(false),
            pc: source.function.start,
            counted: 0,
            needs_until: needs_until(source),
        };
        this.begin();
        for block in &source.function.blocks {
            this.block(block);
        }
        this.builder.seal_all_blocks();
        this.builder.finalize(config);
    }

    /// Takes registers over, and clears what of the stack may be read before it is written.
    fn begin(&mut self) {
        self.memory = self.vm_load(types::I64, at::MEMORY);
        self.find();
        let (alone, fresh) = (self.source.plan.is_alone(), self.source.plan.fresh);
        self.stack_top = match alone {
            true => (self.memory_load(memory::at::STACK), FRAME_SIZE as i32),
            false => (self.vm_load(types::I64, at::STACK_TOP), 0),
        };
        for reg in 0..self.regs.len() {
            let known = fresh || alone && (reg == 1 || reg == 10);
            let value = match known {
                true => self.builder.ins().iconst(types::I64, Vm::FIRST[reg] as i64),
                false => self.vm_load(types::I64, at::REGS + 8 * reg as i32),
            };
            self.builder.def_var(self.regs[reg], value);
        }
        let zero = self.builder.ins().iconst(types::I64, 0);
        self.builder.def_var(self.loops, zero);
        if self.source.plan.exact {
            let (flags, words) = (self.flags(Part::Stack), self.source.function.zero.0);
            for slot in (0..64).filter(|slot| words[slot / 8] >> (slot % 8 * 8) & 0xff != 0) {
                let (base, top) = self.stack_top;
                let offset = top + 8 * slot as i32 - FRAME_SIZE as i32;
                self.builder.ins().store(flags, zero, base, offset);
            }
        }
        let first = self.blocks[&self.source.function.start];
        self.builder.ins().jump(first, &[]);
    }

    fn block(&mut self, block: &analysis::Block) {
        let this = self.blocks[&block.start];
        if self.is_next(block.start) {
            // All that leads here is there: so values keep their names.
            self.builder.seal_block(this);
        } else {
            self.block = Known::default();
            self.counted = 0;
        }
        self.builder.switch_to_block(this);
        self.state = block.state.clone();
        let ops = self.source.program.ops();
        for pc in block.start..block.end {
            self.pc = pc;
            let op = ops[pc as usize];
            self.op(&op);
            self.state.step(&op);
        }
        let last = ops[block.end as usize - 1];
        if !matches!(last, Op::Goto { .. } | Op::Branch { .. } | Op::MayGoto { .. } | Op::Exit) {
            let next = self.blocks[&block.end];
            self.builder.ins().jump(next, &[]);
        }
    }

    /// Does nothing lead to the block at a slot but the one that was emitted last?
    fn is_next(&self, start: u32) -> bool {
        let ops = self.source.program.ops();
        let falls_through = |pc: u32| !matches!(ops[pc as usize], Op::Goto { .. } | Op::Exit);
        start > self.source.function.start
            && self.pc + 1 == start
            && falls_through(self.pc)
            && !self.joins.contains(&start)
    }

    fn op(&mut self, op: &Op) {
        match *op {
            Op::Alu { width, op, dst, src } => self.alu(width, op, dst, src),
            Op::Neg { width, dst } => self.neg(width, dst),
            Op::MovSx { width, from, dst, src } => self.mov_sx(width, from, dst, src),
            Op::Order { order, size, dst } => self.order(order, size, dst),
            Op::Wide { dst, value } => {
                let value = self.builder.ins().iconst(types::I64, value.bits() as i64);
                self.set(dst, value);
            }
            Op::Second => {}
            Op::Load { size, signed, dst, base, off } => self.load(size, signed, dst, (base, off)),
            Op::LoadAcquire { size, dst, base, off } => {
                self.aligned((base, off), size);
                self.load(size, false, dst, (base, off));
            }
            Op::Store { size, base, off, src } => self.store(size, (base, off), src),
            Op::StoreRelease { size, base, off, src } => {
                self.aligned((base, off), size);
                self.store(size, (base, off), Operand::Reg(src));
            }
            Op::Atomic { size, op, fetch, base, off, src } => self.atomic(size, op, fetch, (base, off), src),
            Op::Goto { target } => self.jump(target),
            Op::Branch { width, cond, dst, src, target } => {
                let holds = self.compare(width, cond, dst, src);
                self.branch(holds, target);
            }
            Op::MayGoto { target } => {
                let loops = self.builder.use_var(self.loops);
                let enough = self.builder.ins().icmp_imm_s(IntCC::Equal, loops, i64::from(MAX_LOOPS));
                let more = self.builder.ins().iadd_imm_s(loops, 1);
                let counted = self.builder.ins().select(enough, loops, more);
                self.builder.def_var(self.loops, counted);
                self.branch(enough, target);
            }
            Op::Helper { id } => self.helper(id),
            Op::Call { target } => self.call(target),
            Op::Exit => self.end(),
        }
    }

    fn get(&mut self, reg: Reg) -> Value {
        self.builder.use_var(self.regs[reg.index()])
    }

    fn set(&mut self, reg: Reg, value: Value) {
        self.builder.def_var(self.regs[reg.index()], value);
    }

    /// An operand in this width.
    fn operand(&mut self, width: Width, operand: Operand) -> Value {
        match (operand, width) {
            (Operand::Imm(imm), Width::W64) => self.builder.ins().iconst(types::I64, i64::from(imm)),
            (Operand::Imm(imm), Width::W32) => self.builder.ins().iconst(types::I32, i64::from(imm as u32)),
            (Operand::Reg(reg), _) => self.narrow(width, reg),
        }
    }

    /// A register in this width.
    fn narrow(&mut self, width: Width, reg: Reg) -> Value {
        let value = self.get(reg);
        match width {
            Width::W64 => value,
            Width::W32 => self.builder.ins().ireduce(types::I32, value),
        }
    }

    /// Accesses to what generated code and Rust share: never unaligned, always there.
    fn flags(&self, part: Part) -> MemFlagsData {
        let flags = MemFlagsData::new().with_notrap();
        flags.with_alias_region(Some(self.parts[part as usize]))
    }

    fn vm_load(&mut self, of: Type, offset: i32) -> Value {
        let flags = self.flags(Part::Vm);
        self.builder.ins().load(of, flags, self.vm, offset)
    }

    /// Finds anew what somebody may have changed in memory, if it is needed.
    fn find(&mut self) {
        self.block = Known::default();
        if self.pc >= self.needs_until {
            return;
        }
        for (found, offset) in FOUND.into_iter().enumerate() {
            let value = match offset {
                memory::at::PACKET_BUFFER if self.source.plan.reads => self.vm_load(types::I64, at::PACKET),
                _ => self.memory_load(offset),
            };
            self.builder.def_var(self.found[found], value);
        }
    }

    /// A word that memory has at this place.
    fn memory_load(&mut self, offset: i32) -> Value {
        let flags = self.flags(Part::Memory);
        self.builder.ins().load(types::I64, flags, self.memory, offset)
    }

    fn vm_store(&mut self, value: Value, offset: i32) {
        let flags = self.flags(Part::Vm);
        self.builder.ins().store(flags, value, self.vm, offset);
    }

    fn vm_store_u32(&mut self, value: u32, offset: i32) {
        let value = self.builder.ins().iconst(types::I32, i64::from(value));
        self.vm_store(value, offset);
    }

    /// Jumps, and charges for it if that is backward.
    fn jump(&mut self, target: u32) {
        if target <= self.pc {
            let span = i64::from(self.pc - target + 1);
            let flags = self.flags(Part::Budget);
            let left = self.builder.ins().load(types::I64, flags, self.vm, at::LEFT);
            let over = self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, left, span);
            self.exit_if(over);
            let less = self.builder.ins().iadd_imm_s(left, -span);
            self.builder.ins().store(flags, less, self.vm, at::LEFT);
        }
        let to = self.blocks[&target];
        self.builder.ins().jump(to, &[]);
    }

    fn branch(&mut self, holds: Value, target: u32) {
        let next = self.blocks[&(self.pc + 1)];
        if target > self.pc {
            let to = self.blocks[&target];
            self.builder.ins().brif(holds, to, &[], next, &[]);
            return;
        }
        let back = self.builder.create_block();
        self.builder.ins().brif(holds, back, &[], next, &[]);
        self.builder.seal_block(back);
        self.builder.switch_to_block(back);
        self.jump(target);
    }
}
