//! Leaving: back to who called the code, with registers and place, so that the interpreter can go on.

use cranelift_codegen::ir::{Block, InstBuilder, Value, types};

use super::Emitter;
use crate::jit::vm::{LEAVE, at};

impl Emitter<'_, '_> {
    /// Leaves to the interpreter if a condition holds.
    pub(super) fn exit_if(&mut self, condition: Value) {
        let (exit, on) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(condition, exit, &[], on, &[]);
        self.exit_in(exit, on);
    }

    /// Leaves to the interpreter unless a condition holds.
    pub(super) fn exit_unless(&mut self, condition: Value) {
        let (exit, on) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(condition, on, &[], exit, &[]);
        self.exit_in(exit, on);
    }

    /// Leaves in one block, and goes on in the other.
    fn exit_in(&mut self, exit: Block, on: Block) {
        self.builder.set_cold_block(exit);
        self.builder.seal_block(exit);
        self.builder.seal_block(on);
        self.builder.switch_to_block(exit);
        self.exit();
        self.builder.switch_to_block(on);
    }

    /// Always leaves: what comes after this is never executed.
    pub(super) fn exit_always(&mut self) {
        self.exit();
        self.never();
    }

    /// What comes now is never executed.
    pub(super) fn never(&mut self) {
        let never = self.builder.create_block();
        self.builder.seal_block(never);
        self.builder.switch_to_block(never);
    }

    /// Leaves to the interpreter, which does the current instruction.
    pub(super) fn exit(&mut self) {
        self.exit_as(LEAVE);
    }

    /// Leaves with this status, so that the interpreter can do the current instruction.
    pub(super) fn exit_as(&mut self, status: u32) {
        self.save();
        if self.source.has_may_goto() {
            let loops = self.builder.use_var(self.loops);
            let loops = self.builder.ins().ireduce(types::I32, loops);
            self.vm_store(loops, at::LOOPS);
        }
        self.vm_store_u32(self.pc, at::PC);
        if self.source.plan.fresh {
            self.vm_store_u32(self.state.changed.into(), at::SAVED);
        }
        let status = self.builder.ins().iconst(types::I32, i64::from(status));
        self.builder.ins().return_(&[status]);
    }

    /// Stores the registers that may differ from what is there.
    pub(super) fn save(&mut self) {
        let changed = self.state.changed;
        for reg in (0..10).filter(|reg| changed >> reg & 1 != 0) {
            let value = self.builder.use_var(self.regs[reg]);
            self.vm_store(value, at::REGS + 8 * reg as i32);
        }
    }
}
