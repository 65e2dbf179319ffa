//! A small assembler: registers, jumps to labels, and the helpers that XDP programs call.
//!
//! Owns the encoding of instructions (RFC 9669) and nothing else: what is written is the caller's, and
//! whether it is right is the verifier's to say.
//!
//! ```
//! use xdpsim_oracle::bpf::asm::{Asm, Cond, R0, R1, R2, Size};
//!
//! // Passes frames of at least 60 bytes.
//! let mut asm = Asm::new();
//! let short = asm.label();
//! asm.load(Size::W, R2, R1, 4).load(Size::W, R1, R1, 0).add(R1, 60);
//! asm.mov(R0, 1).jump_if(Cond::Gt, R1, R2, short).mov(R0, 2).bind(short).exit();
//! assert_eq!(asm.finish()?.len(), 7);
//! # Ok::<(), xdpsim_oracle::bpf::asm::AsmError>(())
//! ```

use std::os::fd::{AsRawFd, BorrowedFd};

use thiserror::Error;

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reg(u8);

/// A call's result and the verdict.
pub const R0: Reg = Reg(0);
/// First argument of a call; at the start the context.
pub const R1: Reg = Reg(1);
/// Second argument.
pub const R2: Reg = Reg(2);
/// Third argument.
pub const R3: Reg = Reg(3);
/// Fourth argument.
pub const R4: Reg = Reg(4);
/// Fifth argument.
pub const R5: Reg = Reg(5);
/// Kept over calls.
pub const R6: Reg = Reg(6);
/// Kept over calls.
pub const R7: Reg = Reg(7);
/// Kept over calls.
pub const R8: Reg = Reg(8);
/// Kept over calls.
pub const R9: Reg = Reg(9);
/// End of the stack, which has 512 bytes below it.
pub const R10: Reg = Reg(10);

/// Width of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 1 byte.
    B,
    /// 2 bytes.
    H,
    /// 4 bytes.
    W,
    /// 8 bytes.
    Dw,
}

impl Size {
    const fn code(self) -> u8 {
        match self {
            Self::W => 0x00,
            Self::H => 0x08,
            Self::B => 0x10,
            Self::Dw => 0x18,
        }
    }
}

/// A comparison of 64-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cond {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `>` unsigned
    Gt,
    /// `>=` unsigned
    Ge,
    /// `<` unsigned
    Lt,
    /// `<=` unsigned
    Le,
}

impl Cond {
    const fn code(self) -> u8 {
        match self {
            Self::Eq => 0x10,
            Self::Gt => 0x20,
            Self::Ge => 0x30,
            Self::Ne => 0x50,
            Self::Lt => 0xa0,
            Self::Le => 0xb0,
        }
    }
}

/// A 64-bit calculation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alu {
    /// `+=`
    Add,
    /// `-=`
    Sub,
    /// `*=`
    Mul,
    /// `/=` unsigned
    Div,
    /// `|=`
    Or,
    /// `&=`
    And,
    /// `<<=`
    Shl,
    /// `>>=` unsigned
    Shr,
    /// `%=` unsigned
    Mod,
    /// `^=`
    Xor,
    /// `=`
    Mov,
}

impl Alu {
    const fn code(self) -> u8 {
        match self {
            Self::Add => 0x00,
            Self::Sub => 0x10,
            Self::Mul => 0x20,
            Self::Div => 0x30,
            Self::Or => 0x40,
            Self::And => 0x50,
            Self::Shl => 0x60,
            Self::Shr => 0x70,
            Self::Mod => 0x90,
            Self::Xor => 0xa0,
            Self::Mov => 0xb0,
        }
    }
}

/// A helper function of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helper {
    /// `bpf_map_lookup_elem(map, &key)`
    MapLookupElem,
    /// `bpf_map_update_elem(map, &key, &value, flags)`
    MapUpdateElem,
    /// `bpf_tail_call(ctx, prog_array, index)`
    TailCall,
    /// `bpf_redirect(ifindex, flags)`
    Redirect,
    /// `bpf_xdp_adjust_head(ctx, delta)`
    XdpAdjustHead,
    /// `bpf_redirect_map(map, key, flags)`
    RedirectMap,
    /// `bpf_xdp_adjust_meta(ctx, delta)`
    XdpAdjustMeta,
    /// `bpf_xdp_adjust_tail(ctx, delta)`
    XdpAdjustTail,
    /// `bpf_xdp_get_buff_len(ctx)`
    XdpGetBuffLen,
    /// `bpf_xdp_load_bytes(ctx, offset, buf, len)`
    XdpLoadBytes,
    /// `bpf_xdp_store_bytes(ctx, offset, buf, len)`
    XdpStoreBytes,
}

impl Helper {
    const fn number(self) -> i32 {
        match self {
            Self::MapLookupElem => 1,
            Self::MapUpdateElem => 2,
            Self::TailCall => 12,
            Self::Redirect => 23,
            Self::XdpAdjustHead => 44,
            Self::RedirectMap => 51,
            Self::XdpAdjustMeta => 54,
            Self::XdpAdjustTail => 65,
            Self::XdpGetBuffLen => 188,
            Self::XdpLoadBytes => 189,
            Self::XdpStoreBytes => 190,
        }
    }
}

/// One slot of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Insn {
    code: u8,
    dst: u8,
    src: u8,
    off: i16,
    imm: i32,
}

impl Insn {
    /// A slot from its fields, whatever they mean; registers are numbers up to 15.
    #[must_use]
    pub const fn raw(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Self {
        Self { code, dst: dst & 0x0f, src: src & 0x0f, off, imm }
    }

    /// The slot as the kernel reads it: `struct bpf_insn`.
    #[must_use]
    pub fn encode(self) -> u64 {
        let regs =
            if cfg!(target_endian = "little") { self.src << 4 | self.dst } else { self.dst << 4 | self.src };
        let [o0, o1] = self.off.to_ne_bytes();
        let [i0, i1, i2, i3] = self.imm.to_ne_bytes();
        u64::from_ne_bytes([self.code, regs, o0, o1, i0, i1, i2, i3])
    }
}

/// A place to jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

/// A program that can't be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AsmError {
    /// A label without a place.
    #[error("instruction {at} jumps to a label that was never bound: call `bind` where it shall lead")]
    Unbound {
        /// The jump.
        at: usize,
    },
    /// A jump of more than 32767 slots.
    #[error("instruction {at} jumps {distance} slots, but 32767 is the limit: shorten the program")]
    TooFar {
        /// The jump.
        at: usize,
        /// How far.
        distance: i64,
    },
}

const ALU64: u8 = 0x07;
const JMP: u8 = 0x05;
const FROM_REG: u8 = 0x08;
const PSEUDO_MAP_FD: u8 = 1;

/// A program in the making.
#[derive(Clone, Debug, Default)]
pub struct Asm {
    insns: Vec<Insn>,
    jumps: Vec<(usize, Label)>,
    places: Vec<Option<usize>>,
}

impl Asm {
    /// An empty program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn push(&mut self, code: u8, dst: Reg, src: u8, off: i16, imm: i32) -> &mut Self {
        self.insns.push(Insn { code, dst: dst.0, src, off, imm });
        self
    }

    /// `dst op= imm`, 64 bits; the number is sign-extended.
    pub fn alu(&mut self, op: Alu, dst: Reg, imm: i32) -> &mut Self {
        self.push(ALU64 | op.code(), dst, 0, 0, imm)
    }

    /// `dst op= src`, 64 bits.
    pub fn alu_reg(&mut self, op: Alu, dst: Reg, src: Reg) -> &mut Self {
        self.push(ALU64 | FROM_REG | op.code(), dst, src.0, 0, 0)
    }

    /// `dst = imm`, sign-extended.
    pub fn mov(&mut self, dst: Reg, imm: i32) -> &mut Self {
        self.alu(Alu::Mov, dst, imm)
    }

    /// `dst = src`.
    pub fn mov_reg(&mut self, dst: Reg, src: Reg) -> &mut Self {
        self.alu_reg(Alu::Mov, dst, src)
    }

    /// `dst += imm`.
    pub fn add(&mut self, dst: Reg, imm: i32) -> &mut Self {
        self.alu(Alu::Add, dst, imm)
    }

    /// `dst += src`.
    pub fn add_reg(&mut self, dst: Reg, src: Reg) -> &mut Self {
        self.alu_reg(Alu::Add, dst, src)
    }

    /// `dst = imm`, all 64 bits.
    pub fn mov64(&mut self, dst: Reg, imm: u64) -> &mut Self {
        self.wide(dst, 0, imm as u32, (imm >> 32) as u32)
    }

    /// `dst = &map`.
    pub fn map(&mut self, dst: Reg, map: BorrowedFd<'_>) -> &mut Self {
        self.wide(dst, PSEUDO_MAP_FD, map.as_raw_fd().cast_unsigned(), 0)
    }

    fn wide(&mut self, dst: Reg, src: u8, low: u32, high: u32) -> &mut Self {
        self.push(0x18, dst, src, 0, low.cast_signed()).push(0, R0, 0, 0, high.cast_signed())
    }

    /// `dst = *(size *)(src + off)`.
    pub fn load(&mut self, size: Size, dst: Reg, src: Reg, off: i16) -> &mut Self {
        self.push(0x61 | size.code(), dst, src.0, off, 0)
    }

    /// `*(size *)(dst + off) = src`.
    pub fn store(&mut self, size: Size, dst: Reg, off: i16, src: Reg) -> &mut Self {
        self.push(0x63 | size.code(), dst, src.0, off, 0)
    }

    /// `*(size *)(dst + off) = imm`.
    pub fn store_imm(&mut self, size: Size, dst: Reg, off: i16, imm: i32) -> &mut Self {
        self.push(0x62 | size.code(), dst, 0, off, imm)
    }

    /// Calls a helper: arguments in R1 to R5, which are lost; the result is in R0.
    pub fn call(&mut self, helper: Helper) -> &mut Self {
        self.push(JMP | 0x80, R0, 0, 0, helper.number())
    }

    /// Returns R0.
    pub fn exit(&mut self) -> &mut Self {
        self.push(JMP | 0x90, R0, 0, 0, 0)
    }

    /// Returns a verdict.
    pub fn ret(&mut self, verdict: u32) -> &mut Self {
        // 32 bits wide, so that no verdict is sign-extended.
        self.push(0xb4, R0, 0, 0, verdict.cast_signed()).exit()
    }

    /// A new label, to be bound later.
    pub fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// The label leads to the next instruction.
    pub fn bind(&mut self, label: Label) -> &mut Self {
        self.places[label.0] = Some(self.insns.len());
        self
    }

    /// Jumps.
    pub fn jump(&mut self, to: Label) -> &mut Self {
        self.jumps.push((self.insns.len(), to));
        self.push(JMP, R0, 0, 0, 0)
    }

    /// Jumps if `a cond b`.
    pub fn jump_if(&mut self, cond: Cond, a: Reg, b: Reg, to: Label) -> &mut Self {
        self.jumps.push((self.insns.len(), to));
        self.push(JMP | FROM_REG | cond.code(), a, b.0, 0, 0)
    }

    /// Jumps if `a cond imm`; the number is sign-extended.
    pub fn jump_if_imm(&mut self, cond: Cond, a: Reg, imm: i32, to: Label) -> &mut Self {
        self.jumps.push((self.insns.len(), to));
        self.push(JMP | cond.code(), a, 0, 0, imm)
    }

    /// The program.
    ///
    /// # Errors
    /// A jump that leads nowhere or too far.
    pub fn finish(mut self) -> Result<Vec<Insn>, AsmError> {
        for &(at, label) in &self.jumps {
            let to = self.places[label.0].ok_or(AsmError::Unbound { at })?;
            let distance = to as i64 - at as i64 - 1;
            self.insns[at].off = i16::try_from(distance).map_err(|_| AsmError::TooFar { at, distance })?;
        }
        Ok(self.insns)
    }
}
