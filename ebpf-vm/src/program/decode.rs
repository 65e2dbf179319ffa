//! One slot becomes one operation, or the reason why it can't be executed.
//!
//! Each function decodes a class. Checks follow the kernel's `check_alu_op()`, `resolve_pseudo_ldimm64()`
//! and the reserved fields in `do_check()`; like the kernel they do not look at an `exit`'s offset.

use crate::check::Problem;
use crate::host::HelperId;
use crate::insn::{Class, FROM_REG, Insn, Reg, Size, alu, atomic, call, jmp, mode, wide};
use crate::memory::MapIdx;
use crate::op::{AluOp, AtomicOp, Cond, Constant, Op, Operand, Order, Width};

type Decoded = Result<Op, Problem>;

/// Decodes `insn`, which is slot `pc` of `insns`.
pub(super) fn slot(insns: &[Insn], pc: usize, insn: Insn, maps: u32) -> Decoded {
    match Class::of(insn.code) {
        Class::Ld => constant(insns, pc, insn, maps),
        Class::Ldx => load(insn),
        Class::St => store_constant(insn),
        Class::Stx => store(insn),
        Class::Alu => calculation(insn, Width::W32),
        Class::Alu64 => calculation(insn, Width::W64),
        Class::Jmp => jump(insn, pc, Width::W64),
        Class::Jmp32 => jump(insn, pc, Width::W32),
    }
}

fn reserved(insn: Insn) -> Problem {
    Problem::Reserved { code: insn.code }
}

fn unknown(insn: Insn) -> Problem {
    Problem::UnknownCode { code: insn.code }
}

/// `Ok` if `legal`.
fn demand(legal: bool, problem: Problem) -> Result<(), Problem> {
    if legal { Ok(()) } else { Err(problem) }
}

fn register(number: u8) -> Result<Reg, Problem> {
    Reg::new(number).ok_or(Problem::NoRegister { number })
}

/// A register that is written.
fn result(number: u8) -> Result<Reg, Problem> {
    let reg = register(number)?;
    demand(reg != Reg::R10, Problem::FramePointer)?;
    Ok(reg)
}

/// The second operand of calculations and comparisons; the field that it is not in must be 0.
fn operand(insn: Insn) -> Result<Operand, Problem> {
    if insn.code & FROM_REG == 0 {
        demand(insn.src == 0, reserved(insn))?;
        return Ok(Operand::Imm(insn.imm));
    }
    demand(insn.imm == 0, reserved(insn))?;
    register(insn.src).map(Operand::Reg)
}

fn constant(insns: &[Insn], pc: usize, insn: Insn, maps: u32) -> Decoded {
    if insn.code != mode::IMM | Size::Dw.code() {
        // Modes ABS and IND: classic BPF.
        let legacy = matches!(insn.code & 0xe0, 0x20 | 0x40) && Size::of(insn.code) != Size::Dw;
        let code = insn.code;
        return Err(if legacy { Problem::LegacyLoad { code } } else { unknown(insn) });
    }
    let dst = result(insn.dst)?;
    let second = *insns.get(pc + 1).ok_or(Problem::HalfConstant)?;
    let blank = Insn { imm: second.imm, ..Insn::default() };
    demand(second == blank, Problem::HalfConstant)?;
    demand(insn.off == 0, reserved(insn))?;
    let value = match insn.src {
        wide::NUMBER => Constant::Number(u64::from(insn.imm as u32) | u64::from(second.imm as u32) << 32),
        wide::MAP_FD | wide::MAP_IDX => {
            demand(second.imm == 0, reserved(insn))?;
            Constant::Map(map(insn.imm, maps)?)
        }
        wide::MAP_VALUE | wide::MAP_IDX_VALUE => {
            Constant::Value { map: map(insn.imm, maps)?, offset: second.imm as u32 }
        }
        wide::FUNC => {
            demand(second.imm == 0, reserved(insn))?;
            let target = pc as i64 + 1 + i64::from(insn.imm);
            Constant::Function(u32::try_from(target).map_err(|_| Problem::Call { target })?)
        }
        wide::BTF_ID => return Err(Problem::KernelVariable { id: insn.imm }),
        kind => return Err(Problem::UnknownConstant { kind }),
    };
    Ok(Op::Wide { dst, value })
}

fn map(index: i32, maps: u32) -> Result<MapIdx, Problem> {
    let known = u32::try_from(index).ok().filter(|index| *index < maps);
    known.map(MapIdx).ok_or(Problem::NoMap { index, maps })
}

fn load(insn: Insn) -> Decoded {
    let size = Size::of(insn.code);
    let signed = match insn.code & 0xe0 {
        mode::MEM => false,
        mode::MEMSX if size != Size::Dw => true,
        _ => return Err(unknown(insn)),
    };
    demand(insn.imm == 0, reserved(insn))?;
    Ok(Op::Load { size, signed, dst: result(insn.dst)?, base: register(insn.src)?, off: insn.off })
}

fn store_constant(insn: Insn) -> Decoded {
    demand(insn.code & 0xe0 == mode::MEM, unknown(insn))?;
    demand(insn.src == 0, reserved(insn))?;
    let (size, base) = (Size::of(insn.code), register(insn.dst)?);
    Ok(Op::Store { size, base, off: insn.off, src: Operand::Imm(insn.imm) })
}

fn store(insn: Insn) -> Decoded {
    let (size, base, src) = (Size::of(insn.code), register(insn.dst)?, register(insn.src)?);
    match insn.code & 0xe0 {
        mode::MEM => {
            demand(insn.imm == 0, reserved(insn))?;
            Ok(Op::Store { size, base, off: insn.off, src: Operand::Reg(src) })
        }
        mode::ATOMIC => atomic_op(insn, size, base, src),
        _ => Err(unknown(insn)),
    }
}

fn atomic_op(insn: Insn, size: Size, base: Reg, src: Reg) -> Decoded {
    let off = insn.off;
    match insn.imm {
        // Of a load-acquire the source is the address.
        atomic::LOAD_ACQ => {
            return Ok(Op::LoadAcquire { size, dst: result(insn.dst)?, base: src, off });
        }
        atomic::STORE_REL => return Ok(Op::StoreRelease { size, base, off, src }),
        _ => demand(matches!(size, Size::W | Size::Dw), unknown(insn))?,
    }
    let op = match insn.imm {
        atomic::XCHG => AtomicOp::Xchg,
        atomic::CMPXCHG => AtomicOp::Cmpxchg,
        imm => match imm & !atomic::FETCH {
            atomic::ADD => AtomicOp::Add,
            atomic::OR => AtomicOp::Or,
            atomic::AND => AtomicOp::And,
            atomic::XOR => AtomicOp::Xor,
            _ => return Err(Problem::UnknownAtomic { imm }),
        },
    };
    let fetch = insn.imm & atomic::FETCH != 0;
    if fetch && op != AtomicOp::Cmpxchg {
        result(insn.src)?;
    }
    Ok(Op::Atomic { size, op, fetch, base, off, src })
}

fn calculation(insn: Insn, width: Width) -> Decoded {
    let op = match insn.code & 0xf0 {
        alu::ADD => AluOp::Add,
        alu::SUB => AluOp::Sub,
        alu::MUL => AluOp::Mul,
        alu::DIV if insn.off == 1 => AluOp::Sdiv,
        alu::DIV => AluOp::Div,
        alu::MOD if insn.off == 1 => AluOp::Smod,
        alu::MOD => AluOp::Mod,
        alu::OR => AluOp::Or,
        alu::AND => AluOp::And,
        alu::XOR => AluOp::Xor,
        alu::LSH => AluOp::Lsh,
        alu::RSH => AluOp::Rsh,
        alu::ARSH => AluOp::Arsh,
        alu::MOV => return mov(insn, width),
        alu::NEG => return neg(insn, width),
        alu::END => return order(insn, width),
        _ => return Err(unknown(insn)),
    };
    let divides = matches!(op, AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod);
    demand(insn.off == 0 || insn.off == 1 && divides, reserved(insn))?;
    let (dst, src) = (result(insn.dst)?, operand(insn)?);
    if let Operand::Imm(by) = src {
        let bits = if width == Width::W32 { 32 } else { 64 };
        let shifts = matches!(op, AluOp::Lsh | AluOp::Rsh | AluOp::Arsh);
        demand(!shifts || (0..bits).contains(&by), Problem::Shift { by, bits: bits as u32 })?;
        demand(!divides || by != 0, Problem::DivideByZero)?;
    }
    Ok(Op::Alu { width, op, dst, src })
}

fn mov(insn: Insn, width: Width) -> Decoded {
    let (dst, src) = (result(insn.dst)?, operand(insn)?);
    let from = match (insn.off, width, src) {
        (0, ..) => return Ok(Op::Alu { width, op: AluOp::Mov, dst, src }),
        (8, _, Operand::Reg(src)) => (Size::B, src),
        (16, _, Operand::Reg(src)) => (Size::H, src),
        (32, Width::W64, Operand::Reg(src)) => (Size::W, src),
        _ => return Err(reserved(insn)),
    };
    Ok(Op::MovSx { width, from: from.0, dst, src: from.1 })
}

fn neg(insn: Insn, width: Width) -> Decoded {
    demand(insn.code & FROM_REG == 0, unknown(insn))?;
    demand(insn.src == 0 && insn.off == 0 && insn.imm == 0, reserved(insn))?;
    Ok(Op::Neg { width, dst: result(insn.dst)? })
}

fn order(insn: Insn, width: Width) -> Decoded {
    let order = match (width, insn.code & FROM_REG) {
        (Width::W32, 0) => Order::Little,
        (Width::W32, _) => Order::Big,
        (Width::W64, 0) => Order::Swap,
        (Width::W64, _) => return Err(unknown(insn)),
    };
    let size = match insn.imm {
        16 => Size::H,
        32 => Size::W,
        64 => Size::Dw,
        _ => return Err(reserved(insn)),
    };
    demand(insn.src == 0 && insn.off == 0, reserved(insn))?;
    Ok(Op::Order { order, size, dst: result(insn.dst)? })
}

/// The slot that a distance leads to.
fn target(pc: usize, distance: i32) -> Result<u32, Problem> {
    let target = pc as i64 + 1 + i64::from(distance);
    u32::try_from(target).map_err(|_| Problem::Jump { target })
}

fn jump(insn: Insn, pc: usize, width: Width) -> Decoded {
    let cond = match insn.code & 0xf0 {
        jmp::JA => return goto(insn, pc, width),
        jmp::CALL => return called(insn, pc, width),
        jmp::EXIT => return exit(insn, width),
        jmp::JCOND => return may_goto(insn, pc, width),
        jmp::JEQ => Cond::Eq,
        jmp::JNE => Cond::Ne,
        jmp::JGT => Cond::Gt,
        jmp::JGE => Cond::Ge,
        jmp::JLT => Cond::Lt,
        jmp::JLE => Cond::Le,
        jmp::JSET => Cond::Set,
        jmp::JSGT => Cond::Sgt,
        jmp::JSGE => Cond::Sge,
        jmp::JSLT => Cond::Slt,
        jmp::JSLE => Cond::Sle,
        _ => return Err(unknown(insn)),
    };
    let (dst, src) = (register(insn.dst)?, operand(insn)?);
    Ok(Op::Branch { width, cond, dst, src, target: target(pc, insn.off.into())? })
}

/// `goto` has its distance in the offset, `gotol` (class JMP32) in the constant.
fn goto(insn: Insn, pc: usize, width: Width) -> Decoded {
    demand(insn.code & FROM_REG == 0, unknown(insn))?;
    let (distance, other) = match width {
        Width::W64 => (i32::from(insn.off), insn.imm),
        Width::W32 => (insn.imm, i32::from(insn.off)),
    };
    demand(insn.dst == 0 && insn.src == 0 && other == 0, reserved(insn))?;
    Ok(Op::Goto { target: target(pc, distance)? })
}

fn may_goto(insn: Insn, pc: usize, width: Width) -> Decoded {
    demand(width == Width::W64 && insn.code & FROM_REG == 0, unknown(insn))?;
    demand(insn.dst == 0 && insn.src == 0 && insn.imm == 0, reserved(insn))?;
    Ok(Op::MayGoto { target: target(pc, insn.off.into())? })
}

fn called(insn: Insn, pc: usize, width: Width) -> Decoded {
    demand(width == Width::W64 && insn.code & FROM_REG == 0, unknown(insn))?;
    demand(insn.dst == 0, reserved(insn))?;
    match insn.src {
        call::KFUNC => Err(Problem::Kfunc { id: insn.imm }),
        _ if insn.off != 0 => Err(reserved(insn)),
        call::HELPER => Ok(Op::Helper { id: HelperId(insn.imm as u32) }),
        call::LOCAL => {
            let target = pc as i64 + 1 + i64::from(insn.imm);
            Ok(Op::Call { target: u32::try_from(target).map_err(|_| Problem::Call { target })? })
        }
        _ => Err(reserved(insn)),
    }
}

fn exit(insn: Insn, width: Width) -> Decoded {
    demand(width == Width::W64 && insn.code & FROM_REG == 0, unknown(insn))?;
    demand(insn.dst == 0 && insn.src == 0 && insn.imm == 0, reserved(insn))?;
    Ok(Op::Exit)
}
