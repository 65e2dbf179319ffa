//! The program in front of a row's program: it numbers the frames.
//!
//! A test run hands out one frame again and again. So that the kernel sees what stands in the model's
//! capture, each frame gets its number before the row's program is called, which costs a few nanoseconds:
//! a counter in an array map, two stores, a tail call to a fixed slot (a jump, in compiled code).
//!
//! It is attached to the ingress, for two reasons: that gives the ingress a NAPI, and a program that is
//! attached nowhere costs each test run two RCU grace periods (see [`Prog::run_live`]).

use std::os::fd::AsFd;

use xdpsim_devmap::IfIndex;
use xdpsim_oracle::bpf::asm::{Alu, Asm, Cond, Helper, Insn, R0, R1, R2, R3, R6, R7, R10, Size};
use xdpsim_oracle::bpf::{Map, MapCreate, Prog, ProgLoad, XdpLink, map_type};

use crate::failure::{Failure, Tried};
use crate::traffic::NUMBER_AT;

/// `XDP_ABORTED`: such a frame is missing in the counters, which fails the run.
const ABORTED: u32 = 0;
/// `data` in `struct xdp_md`.
const DATA: i16 = 0;
/// `data_end` in `struct xdp_md`.
const DATA_END: i16 = 4;

/// The program, attached.
pub struct Stamp {
    prog: Prog,
    /// Number of the next frame.
    counter: Map,
    _slot: Map,
    _link: XdpLink,
}

impl Stamp {
    /// In front of this program, at this device of the calling thread's namespace.
    pub fn before(program: &Prog, ingress: IfIndex) -> Result<Self, Failure> {
        let create = |name, map_type| {
            let map = Map::create(&MapCreate::new(map_type, 4, 4, 1, name));
            map.tried(|| format!("create the map `{name}`"))
        };
        let counter = create("counter", map_type::ARRAY)?;
        let slot = create("slot", map_type::PROG_ARRAY)?;
        let insns = insns(&counter, &slot);
        let prog = Prog::load(&ProgLoad::xdp("stamp", &insns)).tried(|| "load the stamp".to_owned())?;
        slot.set_fd(0, program.as_fd()).tried(|| "put the row's program behind the stamp".to_owned())?;
        let link = XdpLink::native(&prog, ingress.0).tried(|| "attach the stamp".to_owned())?;
        Ok(Self { prog, counter, _slot: slot, _link: link })
    }

    /// The next frame is number 0.
    pub fn restart(&self) -> Result<(), Failure> {
        self.counter.set(0, 0).tried(|| "reset the stamp's counter".to_owned())
    }

    /// What is to be run.
    pub fn prog(&self) -> &Prog {
        &self.prog
    }
}

/// R6 is the context, R7 the number. Not atomic: the street has one CPU.
fn insns(counter: &Map, slot: &Map) -> Vec<Insn> {
    let (high, low) = (NUMBER_AT as i16, NUMBER_AT as i16 + 1);
    let mut asm = Asm::new();
    let bad = asm.label();
    asm.mov_reg(R6, R1);
    asm.store_imm(Size::W, R10, -4, 0).mov_reg(R2, R10).add(R2, -4).map(R1, counter.as_fd());
    asm.call(Helper::MapLookupElem).jump_if_imm(Cond::Eq, R0, 0, bad);
    asm.load(Size::W, R7, R0, 0).mov_reg(R1, R7).add(R1, 1).store(Size::W, R0, 0, R1);
    asm.load(Size::W, R2, R6, DATA).load(Size::W, R3, R6, DATA_END);
    asm.mov_reg(R1, R2).add(R1, i32::from(low) + 1).jump_if(Cond::Gt, R1, R3, bad);
    // In network order.
    asm.store(Size::B, R2, low, R7).alu(Alu::Shr, R7, 8).store(Size::B, R2, high, R7);
    asm.mov_reg(R1, R6).map(R2, slot.as_fd()).mov(R3, 0).call(Helper::TailCall);
    asm.bind(bad).ret(ABORTED);
    asm.finish().expect("its one label is bound")
}
