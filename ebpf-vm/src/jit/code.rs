//! Executable memory: made once, never changed, and freed with its last owner.

use std::collections::BTreeMap;

use cranelift_codegen::Context;
use cranelift_codegen::ir::{AbiParam, Signature, types};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, default_libcall_names};

use super::JitError;
use super::emit::{Emitter, Sigs, Source};
use super::plan::Plan;
use super::shapes::Shapes;
use super::vm::Vm;
use crate::program::Program;

/// A program's first function: [`GO_ON`](super::vm::GO_ON) when it has ended, anything else when it was left.
pub(super) type Entry = extern "C" fn(*mut Vm) -> u32;

/// Bytes of machine code that an instruction may need, and some for each program; address space, not memory.
const BYTES_PER_SLOT: usize = 1024;
const BYTES_PER_PROGRAM: usize = 1 << 16;

/// The code of programs.
pub(super) struct Code {
    /// Owns the memory. Not used otherwise.
    module: Option<JITModule>,
    entries: Vec<Option<Entry>>,
}

// SAFETY: a shared reference gives access to `entries` alone, which are plain function pointers. The
// module, which may not be shared, is reached by `drop` only, which has a mutable one.
unsafe impl Sync for Code {}

impl Code {
    /// Where a program begins, if it was translated.
    pub fn entry(&self, program: usize) -> Option<Entry> {
        self.entries.get(program).copied().flatten()
    }

    /// Translates the programs that have a plan.
    pub fn new(programs: &[Program], plans: &[Option<Plan>], shapes: &Shapes) -> Result<Self, JitError> {
        check_layout()?;
        let mut module = module(programs)?;
        let mut first = Vec::new();
        for (program, plan) in programs.iter().zip(plans) {
            first.push(match plan {
                Some(plan) => Some(translate(&mut module, program, plan, shapes)?),
                None => None,
            });
        }
        module.finalize_definitions().map_err(JitError::compile)?;
        let entry = |id: Option<FuncId>| {
            let code = module.get_finalized_function(id?);
            // SAFETY: the function was defined with exactly this signature, in the machine's C calling
            // convention, and its memory is executable now and lives as long as `Code`.
            Some(unsafe { std::mem::transmute::<*const u8, Entry>(code) })
        };
        let entries = first.into_iter().map(entry).collect();
        Ok(Self { module: Some(module), entries })
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: nobody executes the code, because whoever does borrows `self`; and its addresses are
            // private to this module, so nobody will.
            unsafe { module.free_memory() };
        }
    }
}

/// Generated code reads the address of a boxed slice as its first word. The language does not promise that, so
/// it is looked at.
fn check_layout() -> Result<(), JitError> {
    let bytes: Box<[u8]> = vec![0; 3].into_boxed_slice();
    let (addr, len) = (bytes.as_ptr() as usize, bytes.len());
    // SAFETY: a boxed slice is a pointer and a length, all of it initialised, and any bits are numbers.
    let words = unsafe { std::mem::transmute_copy::<Box<[u8]>, [usize; 2]>(&bytes) };
    if words == [addr, len] && size_of::<usize>() == 8 { Ok(()) } else { Err(JitError::Layout) }
}

fn module(programs: &[Program]) -> Result<JITModule, JitError> {
    let mut flags = settings::builder();
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    for (name, value) in [
        ("opt_level", "speed"),
        ("use_colocated_libcalls", "false"),
        ("is_pic", "false"),
        ("unwind_info", "false"),
        ("enable_verifier", verify),
    ] {
        flags.set(name, value).map_err(JitError::compile)?;
    }
    let isa = cranelift_native::builder().map_err(|what| JitError::Unsupported(what.to_owned()))?;
    let isa = isa.finish(settings::Flags::new(flags)).map_err(JitError::compile)?;
    let slots: usize = programs.iter().map(|program| program.ops().len()).sum();
    let bytes = slots * BYTES_PER_SLOT + programs.len() * BYTES_PER_PROGRAM;
    let memory = ArenaMemoryProvider::new_with_size(bytes).map_err(JitError::compile)?;
    let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
    builder.memory_provider(Box::new(memory));
    Ok(JITModule::new(builder))
}

/// Translates a program's functions: the first one.
fn translate(
    module: &mut JITModule,
    program: &Program,
    plan: &Plan,
    shapes: &Shapes,
) -> Result<FuncId, JitError> {
    let signature = signature(module, 1, Some(types::I32));
    let mut ids = BTreeMap::new();
    for function in &plan.functions {
        let id = module.declare_anonymous_function(&signature).map_err(JitError::compile)?;
        ids.insert(function.start, id);
    }
    let mut builder = FunctionBuilderContext::new();
    let mut context = module.make_context();
    for function in &plan.functions {
        let id = ids[&function.start];
        context.func.signature = signature.clone();
        let func = &mut context.func;
        let callees =
            ids.iter().map(|(start, id)| (*start, module.declare_func_in_func(*id, func))).collect();
        let sigs = sigs(module, &mut context);
        let source = Source { program, plan, shapes, function, callees: &callees };
        Emitter::emit(&source, &mut context.func, sigs, &mut builder, module.target_config());
        module.define_function(id, &mut context).map_err(JitError::compile)?;
        module.clear_context(&mut context);
    }
    Ok(ids[&0])
}

/// A function of so many words.
fn signature(module: &JITModule, params: usize, result: Option<types::Type>) -> Signature {
    let mut signature = module.make_signature();
    signature.params.extend(std::iter::repeat_n(AbiParam::new(types::I64), params));
    signature.returns.extend(result.map(AbiParam::new));
    signature
}

fn sigs(module: &JITModule, context: &mut Context) -> Sigs {
    let mut import = |params, result| context.func.import_signature(signature(module, params, result));
    Sigs {
        resolve: import(3, Some(types::I64)),
        enter: import(3, Some(types::I32)),
        leave: import(1, None),
        touch: import(3, Some(types::I32)),
        wait: import(7, None),
        helper: import(6, Some(types::I64)),
    }
}
