//! The scenario's programs as instructions for the kernel.
//!
//! Owns the translation of [`ProgramKind`]; what each kind means is defined by the programs of `xdpsim_core`,
//! and a test runs both on random frames. Two kinds keep tables that only exist in Rust; they are refused
//! by name ([`CompileError::NotOnKernel`]).
//!
//! The position of a script's cycle is kept in a one-entry array map per loaded program and counted per run
//! of the program, so all ports that run one program share it as they do in the model on one CPU. It is not
//! atomic: play on one CPU.
//!
//! Rules: HLP-01, HLP-10, HLP-16 (what the helpers are handed).

use std::os::fd::{AsFd, BorrowedFd};

use thiserror::Error;
use xdpsim_core::scenario::{KeySource, Op, ProgramKind, ProgramSpec};
use xdpsim_devmap::{AttachType, RedirectFlags, XdpAction};

use crate::bpf::asm::{Alu, Asm, AsmError, Cond, Helper, Insn, Label, R0, R1, R2, R3, R4, R6, R7, R8, R10};
use crate::bpf::asm::{Reg, Size};
use crate::bpf::{
    BpfError, LoadError, Map, MapCreate, Prog, ProgLoad, attach_type, load_flag, map_type, prog_type,
};

/// The farthest byte, counted from 1, that a program can reach: the offset field of an instruction has 15
/// bits. The linear part of a frame ends long before, within its page.
const FARTHEST: u64 = i16::MAX as u64;

/// Offsets in `struct xdp_md`.
mod xdp_md {
    pub const DATA: i16 = 0;
    pub const DATA_END: i16 = 4;
    pub const INGRESS_IFINDEX: i16 = 12;
    pub const RX_QUEUE_INDEX: i16 = 16;
}

/// A program that can't be brought to the kernel.
#[derive(Debug, Error)]
pub enum CompileError {
    /// There is no translation.
    #[error("program `{program}` exists in the model only: {why}; use a `script` or `redirect_map` instead")]
    NotOnKernel {
        /// The program.
        program: String,
        /// Why there is none.
        why: &'static str,
    },
    /// It uses a map that isn't there.
    #[error(
        "program `{program}` uses map `{map}`, but there is no map of that name: create it, or correct the name"
    )]
    UnknownMap {
        /// The program.
        program: String,
        /// The map.
        map: String,
    },
    /// It is too long.
    #[error("program `{program}` can't be put together: {source}")]
    Asm {
        /// The program.
        program: String,
        /// Why.
        source: AsmError,
    },
    /// The map for its position was refused.
    #[error("no map for the position of program `{program}` in its cycle: {source}")]
    Position {
        /// The program.
        program: String,
        /// Why.
        source: BpfError,
    },
    /// The kernel refused it.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// A program in the kernel, ready to be attached.
#[derive(Debug)]
pub struct Loaded {
    /// The program.
    pub prog: Prog,
    /// Where it is in its cycle, if it has one.
    position: Option<Map>,
}

impl Loaded {
    /// Begins the cycle of scripts anew.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn restart(&self) -> Result<(), BpfError> {
        self.position.as_ref().map_or(Ok(()), |map| map.set(0, 0))
    }
}

/// Loads a program; `resolve` finds the descriptor of a map by its name.
///
/// # Errors
/// No translation, an unknown map, or what the kernel says.
pub fn load<'m>(
    spec: &ProgramSpec,
    resolve: &mut dyn FnMut(&str) -> Option<BorrowedFd<'m>>,
) -> Result<Loaded, CompileError> {
    let program = &spec.name;
    let position = match &spec.kind {
        ProgramKind::Script(cycle) if cycle.len() > 1 => Some(position_map(program)?),
        _ => None,
    };
    let insns = Compiler { program, resolve }.compile(&spec.kind, position.as_ref())?;
    let prog = Prog::load(&ProgLoad {
        name: program,
        prog_type: prog_type::XDP,
        attach_type: match spec.attach {
            AttachType::Xdp => attach_type::XDP,
            AttachType::Devmap => attach_type::XDP_DEVMAP,
            AttachType::Cpumap => attach_type::XDP_CPUMAP,
        },
        flags: if spec.frags { load_flag::XDP_HAS_FRAGS } else { 0 },
        ifindex: 0,
        insns: &insns,
        functions: None,
    })?;
    Ok(Loaded { prog, position })
}

fn position_map(program: &str) -> Result<Map, CompileError> {
    let map = Map::create(&MapCreate::new(map_type::ARRAY, 4, 4, 1, "position"));
    map.map_err(|source| CompileError::Position { program: program.to_owned(), source })
}

const NEVER_MERGED: &str = "no kernel takes its call: those patches were never merged";

struct Compiler<'r, 'm> {
    program: &'r str,
    resolve: &'r mut dyn FnMut(&str) -> Option<BorrowedFd<'m>>,
}

impl<'m> Compiler<'_, 'm> {
    fn compile(&mut self, kind: &ProgramKind, position: Option<&Map>) -> Result<Vec<Insn>, CompileError> {
        let mut asm = Asm::new();
        match kind {
            ProgramKind::Verdict(action) => _ = asm.ret(action.0),
            ProgramKind::Redirect { ifindex, flags } => _ = redirect(&mut asm, ifindex.0, *flags).exit(),
            ProgramKind::RedirectMap { map, key, flags } => {
                let map = self.map(map)?;
                key_to_r2(&mut asm, key);
                redirect_map(&mut asm, map, *flags).exit();
            }
            ProgramKind::Broadcast { map, flags } => {
                let map = self.map(map)?;
                redirect_map(asm.mov(R2, 0), map, (RedirectFlags::BROADCAST | *flags).bits()).exit();
            }
            ProgramKind::Rewrite { offset, bytes } => rewrite(&mut asm, *offset, bytes),
            ProgramKind::Script(cycle) => self.cycle(&mut asm, cycle, position)?,
            ProgramKind::LearningSwitch { .. } => {
                return Err(self.not_on_kernel("its table of addresses is a Rust value"));
            }
            ProgramKind::Object { .. } => {
                return Err(self.not_on_kernel("it is an object's: `bpftool prog run` plays it there"));
            }
            ProgramKind::RedirectGroup { .. } | ProgramKind::RedirectMulti { .. } => {
                return Err(self.not_on_kernel(NEVER_MERGED));
            }
            ProgramKind::FlowHash { .. } => {
                return Err(self.not_on_kernel("its flow hash is computed in Rust"));
            }
        }
        asm.finish().map_err(|source| CompileError::Asm { program: self.program.to_owned(), source })
    }

    fn not_on_kernel(&self, why: &'static str) -> CompileError {
        CompileError::NotOnKernel { program: self.program.to_owned(), why }
    }

    fn map(&mut self, name: &str) -> Result<BorrowedFd<'m>, CompileError> {
        (self.resolve)(name).ok_or_else(|| CompileError::UnknownMap {
            program: self.program.to_owned(),
            map: name.to_owned(),
        })
    }

    /// R6 is the context, R7 what the last helper returned.
    fn cycle(
        &mut self,
        asm: &mut Asm,
        cycle: &[Vec<Op>],
        position: Option<&Map>,
    ) -> Result<(), CompileError> {
        asm.mov_reg(R6, R1).mov(R7, XdpAction::PASS.0.cast_signed());
        let Some(position) = position else {
            return match cycle.first() {
                Some(script) => self.script(asm, script),
                None => {
                    asm.ret(XdpAction::PASS.0);
                    Ok(())
                }
            };
        };
        next_position(asm, position, cycle.len());
        for (number, script) in cycle.iter().enumerate() {
            let next = asm.label();
            asm.jump_if_imm(Cond::Ne, R8, number as i32, next);
            self.script(asm, script)?;
            asm.bind(next);
        }
        asm.ret(XdpAction::PASS.0);
        Ok(())
    }

    /// One script; it always returns. The verifier refuses what can't be reached, so nothing is written
    /// behind the first verdict.
    fn script(&mut self, asm: &mut Asm, script: &[Op]) -> Result<(), CompileError> {
        for op in script {
            match *op {
                Op::Return(action) => {
                    asm.ret(action.0);
                    return Ok(());
                }
                Op::ReturnHelper => {
                    asm.mov_reg(R0, R7).exit();
                    return Ok(());
                }
                _ => self.step(asm, op)?,
            }
        }
        asm.ret(XdpAction::PASS.0);
        Ok(())
    }

    fn step(&mut self, asm: &mut Asm, op: &Op) -> Result<(), CompileError> {
        match *op {
            Op::Redirect { ifindex, flags } => _ = redirect(asm, ifindex.0, flags).mov_reg(R7, R0),
            Op::RedirectMap { ref map, key, flags } => {
                let map = self.map(map)?;
                redirect_map(asm.mov64(R2, key), map, flags).mov_reg(R7, R0);
            }
            Op::RedirectInner { ref map, outer, key, flags } => {
                redirect_inner(asm, self.map(map)?, outer, key, flags);
            }
            Op::RedirectMulti { .. } => return Err(self.not_on_kernel(NEVER_MERGED)),
            Op::SetByte { offset, value } => set_byte(asm, offset, value),
            Op::AdjustHead(delta) => adjust(asm, Helper::XdpAdjustHead, delta),
            Op::AdjustMeta(delta) => adjust(asm, Helper::XdpAdjustMeta, delta),
            Op::AdjustTail(delta) => adjust(asm, Helper::XdpAdjustTail, delta),
            Op::Return(_) | Op::ReturnHelper => {}
        }
        Ok(())
    }
}

/// `R0 = bpf_redirect(ifindex, flags)`
fn redirect(asm: &mut Asm, ifindex: u32, flags: u64) -> &mut Asm {
    asm.mov64(R1, u64::from(ifindex)).mov64(R2, flags).call(Helper::Redirect)
}

/// `R0 = bpf_redirect_map(map, R2, flags)`
fn redirect_map<'a>(asm: &'a mut Asm, map: BorrowedFd<'_>, flags: u64) -> &'a mut Asm {
    asm.map(R1, map).mov64(R3, flags).call(Helper::RedirectMap)
}

/// `R0 = bpf_map_lookup_elem(map, &key)`
fn lookup<'a>(asm: &'a mut Asm, map: BorrowedFd<'_>, key: u32) -> &'a mut Asm {
    asm.store_imm(Size::W, R10, -4, key.cast_signed()).mov_reg(R2, R10).add(R2, -4);
    asm.map(R1, map).call(Helper::MapLookupElem)
}

fn redirect_inner(asm: &mut Asm, map: BorrowedFd<'_>, outer: u32, key: u64, flags: u64) {
    let found = asm.label();
    lookup(asm, map, outer).jump_if_imm(Cond::Ne, R0, 0, found).ret(XdpAction::DROP.0);
    asm.bind(found).mov_reg(R1, R0).mov64(R2, key).mov64(R3, flags);
    asm.call(Helper::RedirectMap).mov_reg(R7, R0);
}

fn adjust(asm: &mut Asm, helper: Helper, delta: i32) {
    asm.mov_reg(R1, R6).mov(R2, delta).call(helper);
}

/// `R2 = data`; goes to `short` unless the linear part has `len` bytes. R1 or R6 is the context.
fn data_to_r2(asm: &mut Asm, ctx: Reg, len: i32, short: Label) {
    asm.load(Size::W, R2, ctx, xdp_md::DATA).load(Size::W, R3, ctx, xdp_md::DATA_END);
    asm.mov_reg(R4, R2).add(R4, len).jump_if(Cond::Gt, R4, R3, short);
}

fn key_to_r2(asm: &mut Asm, key: &KeySource) {
    match *key {
        KeySource::Const(key) => _ = asm.mov64(R2, key),
        KeySource::IngressIfindex => _ = asm.load(Size::W, R2, R1, xdp_md::INGRESS_IFINDEX),
        KeySource::RxQueueIndex => _ = asm.load(Size::W, R2, R1, xdp_md::RX_QUEUE_INDEX),
        KeySource::FrameByte { offset, .. } if u64::from(offset) >= FARTHEST => _ = asm.mov(R2, 0),
        KeySource::FrameByte { offset, modulo } => {
            let (none, done) = (asm.label(), asm.label());
            data_to_r2(asm, R1, offset as i32 + 1, none);
            asm.load(Size::B, R2, R2, offset as i16).mov64(R3, u64::from(modulo.max(1)));
            asm.alu_reg(Alu::Mod, R2, R3).jump(done);
            asm.bind(none).mov(R2, 0).bind(done);
        }
    }
}

fn set_byte(asm: &mut Asm, offset: u32, value: u8) {
    if u64::from(offset) >= FARTHEST {
        return;
    }
    let none = asm.label();
    data_to_r2(asm, R6, offset as i32 + 1, none);
    asm.store_imm(Size::B, R2, offset as i16, i32::from(value)).bind(none);
}

fn rewrite(asm: &mut Asm, offset: u32, bytes: &[u8]) {
    let end = u64::from(offset) + bytes.len() as u64;
    if end > FARTHEST {
        asm.ret(XdpAction::DROP.0);
        return;
    }
    let short = asm.label();
    data_to_r2(asm, R1, end as i32, short);
    for (at, byte) in (offset as i16..=i16::MAX).zip(bytes) {
        asm.store_imm(Size::B, R2, at, i32::from(*byte));
    }
    asm.ret(XdpAction::PASS.0).bind(short).ret(XdpAction::DROP.0);
}

/// `R8 = position; position = (position + 1) % len`
fn next_position(asm: &mut Asm, map: &Map, len: usize) {
    let (found, wrapped) = (asm.label(), asm.label());
    lookup(asm, map.as_fd(), 0).jump_if_imm(Cond::Ne, R0, 0, found).ret(XdpAction::ABORTED.0);
    asm.bind(found).load(Size::W, R8, R0, 0).mov_reg(R1, R8).add(R1, 1);
    asm.jump_if_imm(Cond::Lt, R1, len as i32, wrapped).mov(R1, 0);
    asm.bind(wrapped).store(Size::W, R0, 0, R1);
}
