//! The generator: blocks of statements over initialised registers, stack and packet.
//!
//! What the verifier demands is kept by convention: R6 is the packet, R9 the lower end of 64 bytes of
//! initialised stack, and all other registers but R10 are numbers at all times. So nearly all
//! programs are accepted. Branches are few and loops short, because the verifier follows every path.

use xdpsim_vm::Insn;
use xdpsim_vm::insn::{FROM_REG, Size, alu, atomic, call, jmp, mode, wide};

use super::PACKET;
use super::opcode::{ALU, ALU64, CONDITIONS, JMP, JMP32, LDX, Opcode, ST, STX};
use super::random::Random;

/// Registers with numbers in them.
const NUMBERS: [u8; 8] = [0, 1, 2, 3, 4, 5, 7, 8];
const PKT: u8 = 6;
/// A pointer into the stack, between statements to its lower end.
const LOW: u8 = 9;
const FP: u8 = 10;
/// Bytes of stack that statements use.
const STACK: i16 = 64;
/// Where the main function keeps the context.
const CTX: i16 = -STACK - 8;
/// Branches of a function: the verifier may look at each combination.
const BRANCHES: usize = 6;
/// Functions of a program that others call.
const FUNCTIONS: usize = 3;
/// `bpf_xdp_get_buff_len()`: a helper whose result is known.
const GET_BUFF_LEN: i32 = 188;

/// A program of a seed.
#[must_use]
pub fn generate(seed: u64) -> Vec<Insn> {
    let mut writer = Writer {
        random: Random::new(seed),
        out: vec![],
        counter: None,
        branches: BRANCHES,
        main: true,
        calls: vec![],
        functions: 0,
        lists: Lists::new(),
    };
    writer.main_function();
    while let Some(at) = writer.calls.pop() {
        writer.out[at].imm = (writer.out.len() - at - 1) as i32;
        writer.function();
    }
    writer.out
}

/// What statements are picked from.
struct Lists {
    calculations: Vec<Opcode>,
    comparisons: Vec<Opcode>,
    accesses: Vec<Opcode>,
    atomics: Vec<Opcode>,
}

impl Lists {
    fn new() -> Self {
        Self {
            calculations: Opcode::calculations(),
            comparisons: Opcode::comparisons(),
            accesses: Opcode::accesses(),
            atomics: Opcode::atomics(),
        }
    }
}

struct Writer {
    random: Random,
    out: Vec<Insn>,
    /// The register that counts the rounds of the loop around.
    counter: Option<u8>,
    /// Branches that the function may still have.
    branches: usize,
    /// The main function, which has the context?
    main: bool,
    /// Calls whose functions are still to be written.
    calls: Vec<usize>,
    functions: usize,
    lists: Lists,
}

impl Writer {
    fn push(&mut self, code: u8, dst: u8, src: u8, off: i16, imm: i32) -> usize {
        self.out.push(Insn { code, dst, src, off, imm });
        self.out.len() - 1
    }

    fn mov(&mut self, dst: u8, src: u8) {
        self.push(ALU64 | alu::MOV | FROM_REG, dst, src, 0, 0);
    }

    fn add(&mut self, dst: u8, imm: i32) {
        self.push(ALU64 | alu::ADD, dst, 0, 0, imm);
    }

    fn load(&mut self, size: Size, dst: u8, base: u8, off: i16) {
        self.push(LDX | mode::MEM | size.code(), dst, base, off, 0);
    }

    fn store(&mut self, base: u8, off: i16, src: u8) {
        self.push(STX | mode::MEM | Size::Dw.code(), base, src, off, 0);
    }

    /// The jump at `at` leads to the next instruction.
    fn bind(&mut self, at: usize) {
        let distance = self.out.len() - at - 1;
        match self.out[at].code == JMP32 | jmp::JA {
            true => self.out[at].imm = distance as i32,
            false => self.out[at].off = distance as i16,
        }
    }

    /// A register that may be written.
    fn target(&mut self) -> u8 {
        loop {
            let reg = self.random.pick(&NUMBERS);
            if Some(reg) != self.counter {
                return reg;
            }
        }
    }

    /// A number that the verifier knows, or one from the packet that it does not know.
    fn number(&mut self, dst: u8) {
        if self.random.chance(60) {
            let off = self.random.below(PACKET - 8) as i16;
            return self.load(Size::Dw, dst, PKT, off);
        }
        let word = self.random.word();
        self.push(0x18, dst, wide::NUMBER, 0, word as i32);
        self.push(0, 0, 0, 0, (word >> 32) as i32);
    }

    fn main_function(&mut self) {
        self.load(Size::W, PKT, 1, 0);
        self.load(Size::W, 7, 1, 4);
        self.mov(2, PKT);
        self.add(2, PACKET as i32);
        self.push(ALU | alu::MOV, 0, 0, 0, 1);
        let enough = self.push(JMP | FROM_REG | jmp::JLE, 2, 7, 0, 0);
        self.push(JMP | jmp::EXIT, 0, 0, 0, 0);
        self.bind(enough);
        self.store(FP, CTX, 1);
        NUMBERS.into_iter().for_each(|reg| self.number(reg));
        self.stack();
        let statements = 6 + self.random.below(24);
        self.block(statements);
        self.show();
        self.push(JMP | jmp::EXIT, 0, 0, 0, 0);
    }

    /// A function of the packet and four numbers; its registers and stack end up in its result.
    fn function(&mut self) {
        (self.main, self.counter, self.branches) = (false, None, BRANCHES / 2);
        self.mov(PKT, 1);
        [0, 1, 7, 8].into_iter().for_each(|reg| self.number(reg));
        self.stack();
        let statements = 3 + self.random.below(10);
        self.block(statements);
        for reg in &NUMBERS[1..] {
            self.push(ALU64 | alu::XOR | FROM_REG, 0, *reg, 0, 0);
        }
        for off in (-STACK..0).step_by(8) {
            self.load(Size::Dw, 1, FP, off);
            self.push(ALU64 | alu::MUL, 0, 0, 0, 31);
            self.push(ALU64 | alu::ADD | FROM_REG, 0, 1, 0, 0);
        }
        self.push(JMP | jmp::EXIT, 0, 0, 0, 0);
    }

    /// Initialises the stack.
    fn stack(&mut self) {
        self.low();
        for off in (-STACK..0).step_by(8) {
            let reg = self.random.pick(&NUMBERS);
            self.store(FP, off, reg);
        }
    }

    fn low(&mut self) {
        self.mov(LOW, FP);
        self.add(LOW, -i32::from(STACK));
    }

    /// Stores all numbers and the stack into the packet.
    fn show(&mut self) {
        for (i, reg) in NUMBERS.into_iter().enumerate() {
            self.store(PKT, 64 + 8 * i as i16, reg);
        }
        for off in (-STACK..0).step_by(8) {
            self.load(Size::Dw, 1, FP, off);
            self.store(PKT, 128 + STACK + off, 1);
        }
    }

    fn block(&mut self, statements: usize) {
        (0..statements).for_each(|_| self.statement());
    }

    fn statement(&mut self) {
        match self.random.below(100) {
            0..44 => self.calculation(),
            44..64 => self.access(),
            64..78 => self.atomic(),
            78..88 => self.branch(),
            88..90 => self.counted(),
            90..92 => self.local_call(),
            92..94 => self.helper_call(),
            94..96 => self.somewhere_in_the_stack(),
            96..98 => self.somewhere_in_the_packet(),
            _ => {
                let dst = self.target();
                self.number(dst);
            }
        }
    }

    fn calculation(&mut self) {
        let Opcode { code, variant } = self.random.pick(&self.lists.calculations);
        let dst = self.target();
        let op = code & 0xf0;
        match op {
            alu::END => self.push(code, dst, 0, 0, variant),
            alu::NEG => self.push(code, dst, 0, 0, 0),
            _ if code & FROM_REG != 0 => {
                let src = self.random.pick(&NUMBERS);
                self.push(code, dst, src, variant as i16, 0)
            }
            _ => {
                let bits = if code & 0x07 == ALU { 32 } else { 64 };
                let imm = match op {
                    alu::LSH | alu::RSH | alu::ARSH => self.random.below(bits) as i32,
                    alu::DIV | alu::MOD => Some(self.random.imm()).filter(|imm| *imm != 0).unwrap_or(-1),
                    _ => self.random.imm(),
                };
                self.push(code, dst, 0, variant as i16, imm)
            }
        };
    }

    /// A place of the stack for so many bytes: base register and offset.
    fn place(&mut self, bytes: u32) -> (u8, i16) {
        let at = self.random.below(STACK as usize / bytes as usize) as i16 * bytes as i16;
        if self.random.chance(50) { (FP, at - STACK) } else { (LOW, at) }
    }

    fn access(&mut self) {
        let Opcode { code, .. } = self.random.pick(&self.lists.accesses);
        let bytes = Size::of(code).bytes();
        let (base, off) = match self.random.chance(50) {
            true => self.place(bytes),
            // Packets may be accessed at any address.
            false => (PKT, self.random.below(PACKET - bytes as usize + 1) as i16),
        };
        self.access_at(code, base, off);
    }

    fn access_at(&mut self, code: u8, base: u8, off: i16) {
        let (reg, imm) = (self.target(), self.random.imm());
        match code & 0x07 {
            LDX => self.push(code, reg, base, off, 0),
            ST => self.push(code, base, 0, off, imm),
            _ => self.push(code, base, reg, off, 0),
        };
    }

    fn atomic(&mut self) {
        let Opcode { code, variant } = self.random.pick(&self.lists.atomics);
        let (base, off) = self.place(Size::of(code).bytes());
        let reg = self.target();
        if variant & atomic::FETCH != 0 {
            // 6.18's verifier can believe a wrong range of what a fetch returns, and drop code that does run
            // (seen where a number was stored and fetched on two joined paths). Of a number that was partly
            // overwritten it believes nothing.
            self.push(STX | mode::MEM | Size::B.code(), base, reg, off, 0);
        }
        match variant {
            atomic::LOAD_ACQ => self.push(code, reg, base, off, variant),
            _ => self.push(code, base, reg, off, variant),
        };
        if variant == atomic::CMPXCHG && Size::of(code) == Size::W {
            // R0 is zero-extended. x86 leaves its upper half if the numbers were equal, and where 6.18's
            // verifier has joined two paths it may forget to clear it.
            self.push(ALU | alu::MOV | FROM_REG, 0, 0, 0, 0);
        }
    }

    fn comparison(&mut self) -> usize {
        let Opcode { code, .. } = self.random.pick(&self.lists.comparisons);
        let dst = self.random.pick(&NUMBERS);
        if code & FROM_REG != 0 {
            let src = self.random.pick(&NUMBERS);
            return self.push(code, dst, src, 0, 0);
        }
        let imm = self.random.imm();
        self.push(code, dst, 0, 0, imm)
    }

    fn branch(&mut self) {
        let Some(left) = self.branches.checked_sub(1) else { return self.calculation() };
        self.branches = left;
        let otherwise = match self.random.chance(8) {
            true => self.push(JMP | jmp::JCOND, 0, 0, 0, 0),
            false => self.comparison(),
        };
        let statements = 1 + self.random.below(3);
        self.block(statements);
        if self.random.chance(50) {
            let code = self.random.pick(&[JMP | jmp::JA, JMP32 | jmp::JA]);
            let end = self.push(code, 0, 0, 0, 0);
            self.bind(otherwise);
            self.block(statements);
            return self.bind(end);
        }
        self.bind(otherwise);
    }

    /// A loop of two to four rounds. R7 and R8 outlive calls.
    fn counted(&mut self) {
        if self.counter.is_some() {
            return self.calculation();
        }
        let counter = self.random.pick(&[7, 8]);
        let rounds = 2 + self.random.below(3) as i32;
        self.push(ALU64 | alu::MOV, counter, 0, 0, rounds);
        let start = self.out.len();
        self.counter = Some(counter);
        let statements = 1 + self.random.below(3);
        self.block(statements);
        self.counter = None;
        self.add(counter, -1);
        let class = self.random.pick(&[JMP, JMP32]);
        let condition = self.random.pick(&[CONDITIONS[1], jmp::JNE]);
        let back = start as i16 - self.out.len() as i16 - 1;
        self.push(class | condition, counter, 0, back, 0);
    }

    /// What a call leaves: no arguments.
    fn after_call(&mut self) {
        (1..=5).for_each(|reg| self.number(reg));
    }

    fn local_call(&mut self) {
        if self.functions == FUNCTIONS || self.counter.is_some() {
            return self.calculation();
        }
        self.functions += 1;
        self.mov(1, PKT);
        let at = self.push(JMP | jmp::CALL, 0, call::LOCAL, 0, 0);
        self.calls.push(at);
        self.after_call();
    }

    fn helper_call(&mut self) {
        if !self.main {
            return self.access();
        }
        self.load(Size::Dw, 1, FP, CTX);
        self.push(JMP | jmp::CALL, 0, call::HELPER, 0, GET_BUFF_LEN);
        self.after_call();
    }

    /// An access to the stack at an offset that is not a constant.
    fn somewhere_in_the_stack(&mut self) {
        let Opcode { code, .. } = self.random.pick(&self.lists.accesses);
        let by = self.target();
        self.push(ALU64 | alu::AND, by, 0, 0, 0x38);
        self.mov(LOW, FP);
        // Not `by += FP`: of that, in a called function, 6.18's verifier believes that it points into the
        // stack of the main function, and drops code that does run.
        self.push(ALU64 | alu::ADD | FROM_REG, LOW, by, 0, 0);
        self.access_at(code, LOW, -STACK);
        self.low();
    }

    /// An access to the packet at an offset that is not a constant, tested against its end.
    fn somewhere_in_the_packet(&mut self) {
        if !self.main {
            return self.access();
        }
        let Opcode { code, .. } = self.random.pick(&self.lists.accesses);
        let (from, end) = (self.random.pick(&NUMBERS), self.target());
        self.mov(LOW, from);
        self.load(Size::Dw, end, FP, CTX);
        self.load(Size::W, end, end, 4);
        self.push(ALU64 | alu::AND, LOW, 0, 0, 0xff);
        self.push(ALU64 | alu::ADD | FROM_REG, LOW, PKT, 0, 0);
        self.add(LOW, 8);
        let beyond = self.push(JMP | FROM_REG | jmp::JGT, LOW, end, 0, 0);
        // A number again, on both paths: a pointer to the end may not be stored.
        self.number(end);
        self.access_at(code, LOW, -8);
        self.bind(beyond);
        self.number(end);
        self.low();
    }
}
