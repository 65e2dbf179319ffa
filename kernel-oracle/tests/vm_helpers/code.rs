//! Programs that call one helper and write down what it says.

use xdpsim_vm::Insn;

/// One slot.
pub fn insn(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

/// What an argument is.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    /// The context.
    Ctx,
    /// A number.
    Num(i64),
    /// A map, by its number.
    Map(u32),
    /// A place in the page.
    Page(u32),
    /// A place in the only value of an array.
    Value(u32, u32),
    /// The callback.
    Callback,
}

/// A program in the making. R6 holds the context.
#[derive(Clone, Default)]
pub struct Code {
    pub insns: Vec<Insn>,
    results: u32,
}

/// Where results begin in the page.
pub const RESULTS: u32 = 1024;

impl Code {
    pub fn new() -> Self {
        Self { insns: vec![insn(0xbf, 6, 1, 0, 0)], results: 0 }
    }

    /// `dst = argument`.
    pub fn set(&mut self, dst: u8, arg: Arg) -> &mut Self {
        let mut wide = |src: u8, low: i32, high: i32| {
            self.insns.extend([insn(0x18, dst, src, 0, low), insn(0, 0, 0, 0, high)]);
        };
        match arg {
            Arg::Num(number) => wide(0, number as i32, (number >> 32) as i32),
            Arg::Map(map) => wide(1, map as i32, 0),
            Arg::Page(at) => wide(2, 0, at as i32),
            Arg::Value(map, at) => wide(2, map as i32, at as i32),
            // Patched by `callback`.
            Arg::Callback => wide(4, 0, 0),
            Arg::Ctx => self.insns.push(insn(0xbf, dst, 6, 0, 0)),
        }
        self
    }

    /// Calls a helper.
    pub fn call(&mut self, helper: i32, args: &[Arg]) -> &mut Self {
        for (register, arg) in (1..).zip(args) {
            self.set(register, *arg);
        }
        self.insns.push(insn(0x85, 0, 0, 0, helper));
        self
    }

    /// Writes R0 into the page.
    pub fn keep(&mut self) -> &mut Self {
        self.set(1, Arg::Page(RESULTS + 8 * self.results));
        self.insns.push(insn(0x7b, 1, 0, 0, 0));
        self.results += 1;
        self
    }

    /// If R0 points to a value, R0 is its first 4 bytes plus 2^32; else it stays 0.
    pub fn read_value(&mut self) -> &mut Self {
        self.insns.extend([
            insn(0x15, 0, 0, 4, 0),
            insn(0x61, 0, 0, 0, 0),
            insn(0xb7, 1, 0, 0, 1),
            insn(0x67, 1, 0, 0, 32),
            insn(0x4f, 0, 1, 0, 0),
        ]);
        self
    }

    /// Returns XDP_PASS.
    pub fn end(&mut self) -> Vec<Insn> {
        self.insns.extend([insn(0xb7, 0, 0, 0, 2), insn(0x95, 0, 0, 0, 0)]);
        self.insns.clone()
    }

    /// The same, with this callback behind it.
    pub fn end_with(&mut self, callback: &[Insn]) -> Vec<Insn> {
        let mut all = self.end();
        let start = all.len() as i32;
        for (at, insn) in (0..).zip(all.iter_mut()) {
            if insn.code == 0x18 && insn.src == 4 {
                insn.imm = start - at - 1;
            }
        }
        all.extend_from_slice(callback);
        all
    }
}
