//! Calls: of helpers, of functions of the program, and their ends.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, SigRef, Value, types};

use super::Emitter;
use crate::analysis::Kind;
use crate::helpers::id;
use crate::host::HelperId;
use crate::insn::Reg;
use crate::jit::trampolines::{EXACT, slot};
use crate::jit::vm::{GO_ON, LEAVE, REDIRECT, STATUS_BITS, UNCHANGED, at};
use crate::memory::MapIdx;
use crate::op::Op;

impl Emitter<'_, '_> {
    /// Calls a function of the table that returns something.
    pub(super) fn call_table(&mut self, sig: SigRef, which: i32, args: &[Value]) -> Value {
        let call = self.call_table_for_nothing(sig, which, args);
        self.builder.inst_results(call)[0]
    }

    fn call_table_for_nothing(
        &mut self,
        sig: SigRef,
        which: i32,
        args: &[Value],
    ) -> cranelift_codegen::ir::Inst {
        let table = self.vm_load(types::I64, at::TABLE);
        let flags = self.flags(super::Part::Vm);
        let function = self.builder.ins().load(types::I64, flags, table, 8 * which);
        self.builder.ins().call_indirect(sig, function, args)
    }

    pub(super) fn helper(&mut self, id: HelperId) {
        if let Some(map) = self.last_redirect().filter(|_| id == id::REDIRECT_MAP) {
            self.exit_as(REDIRECT | map.0 << STATUS_BITS);
            self.never();
            return;
        }
        let on = self.builder.create_block();
        let r0 = self.builder.append_block_param(on, types::I64);
        if let Some(lookup) = self.known_lookup().filter(|_| id == id::MAP_LOOKUP_ELEM) {
            let ask = self.builder.create_block();
            self.builder.set_cold_block(ask);
            self.look_up(lookup, ask, on);
            self.builder.seal_block(ask);
            self.builder.switch_to_block(ask);
        }
        self.ask(id, on);
        self.builder.seal_block(on);
        self.builder.switch_to_block(on);
        self.set(Reg::R0, r0);
        // It may have written to the stack, which is counted elsewhere.
    }

    /// The map, if the program ends with what a redirect answers that is called now. Its arguments are stored by whoever
    /// leaves.
    fn last_redirect(&self) -> Option<MapIdx> {
        const KEY_AND_FLAGS: u16 = 0b1100;
        let Kind::Handle(map) = self.state.kind(Reg::R1) else { return None };
        let known = self.state.changed & KEY_AND_FLAGS == KEY_AND_FLAGS;
        (known && map.0 < 1 << (32 - STATUS_BITS) && self.is_last()).then_some(map)
    }

    /// Does the program end with what the current instruction answers?
    fn is_last(&self) -> bool {
        let ops = self.source.program.ops();
        let mut pc = self.pc as usize + 1;
        while let Some(Op::Goto { target }) = ops.get(pc)
            && *target as usize > pc
        {
            pc = *target as usize;
        }
        let start = self.source.function.start;
        start == 0 && !self.source.plan.is_called(start) && matches!(ops.get(pc), Some(Op::Exit))
    }

    /// Asks the host, and goes on with R0.
    fn ask(&mut self, id: HelperId, on: Block) {
        self.vm_store_u32(self.pc, at::PC);
        let (which, is_told) = slot::helper(id);
        if is_told {
            self.vm_store_u32(id.0, at::HELPER);
        }
        let [before, r1, r2, r3, r4, r5] = [0, 1, 2, 3, 4, 5].map(|reg| self.builder.use_var(self.regs[reg]));
        let args = [self.vm, r1, r2, r3, r4, r5];
        let answer = self.call_table(self.sigs.helper, which, &args);
        self.find();
        let status = self.vm_load(types::I32, at::STATUS);
        let [rare, stays, leaves] = [(); 3].map(|()| self.builder.create_block());
        for cold in [rare, stays, leaves] {
            self.builder.set_cold_block(cold);
        }
        self.builder.ins().brif(status, rare, &[], on, &[BlockArg::Value(answer)]);
        self.builder.seal_block(rare);

        self.builder.switch_to_block(rare);
        let unchanged = self.builder.ins().icmp_imm_s(IntCC::Equal, status, i64::from(UNCHANGED));
        self.builder.ins().brif(unchanged, stays, &[], leaves, &[]);
        self.builder.seal_block(stays);
        self.builder.seal_block(leaves);

        self.builder.switch_to_block(stays);
        self.vm_store_u32(GO_ON, at::STATUS);
        self.builder.ins().jump(on, &[BlockArg::Value(before)]);

        self.builder.switch_to_block(leaves);
        self.exit();
    }

    pub(super) fn call(&mut self, target: u32) {
        let callee = self.source.callees[&target];
        let (start, end) = self.source.program.function_at(target);
        let exact = if self.source.plan.exact { EXACT } else { 0 };
        let how = i64::from(self.source.plan.deepest(target)) << 16 | exact as i64;
        self.save();
        let length = self.builder.ins().iconst(types::I64, i64::from(end - start));
        let how = self.builder.ins().iconst(types::I64, how);
        let refused = self.call_table(self.sigs.enter, slot::ENTER, &[self.vm, length, how]);
        self.exit_if(refused);

        let call = self.builder.ins().call(callee, &[self.vm]);
        let left = self.builder.inst_results(call)[0];
        let (waits, on) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(waits);
        self.builder.ins().brif(left, waits, &[], on, &[]);
        self.builder.seal_block(waits);
        self.builder.seal_block(on);

        self.builder.switch_to_block(waits);
        self.wait();

        self.builder.switch_to_block(on);
        self.call_table_for_nothing(self.sigs.leave, slot::LEAVE, &[self.vm]);
        self.find();
        for reg in 0..6 {
            let value = self.vm_load(types::I64, at::REGS + 8 * reg as i32);
            self.builder.def_var(self.regs[reg], value);
        }
    }

    /// A function that was called has left: this one does so too.
    fn wait(&mut self) {
        let pc = self.builder.ins().iconst(types::I64, i64::from(self.pc));
        let loops = self.builder.use_var(self.loops);
        let [r6, r7, r8, r9] = [6, 7, 8, 9].map(|reg: usize| self.builder.use_var(self.regs[reg]));
        let args = [self.vm, pc, loops, r6, r7, r8, r9];
        self.call_table_for_nothing(self.sigs.wait, slot::WAIT, &args);
        let leave = self.builder.ins().iconst(types::I32, i64::from(LEAVE));
        self.builder.ins().return_(&[leave]);
    }

    /// The function ends: R0 to R5 are there for who has called it.
    pub(super) fn end(&mut self) {
        let shared = if self.source.plan.is_called(self.source.function.start) { 6 } else { 1 };
        // R0 of a fresh start is nowhere else.
        let changed = self.state.changed | u16::from(self.source.plan.fresh);
        for reg in (0..shared).filter(|reg| changed >> reg & 1 != 0) {
            let value = self.builder.use_var(self.regs[reg]);
            self.vm_store(value, at::REGS + 8 * reg as i32);
        }
        let done = self.builder.ins().iconst(types::I32, i64::from(GO_ON));
        self.builder.ins().return_(&[done]);
    }
}
