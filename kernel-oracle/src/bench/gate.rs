//! The program at a port's near end: attached once, it calls whatever program a case puts behind it.
//!
//! Attaching takes milliseconds, filling a slot of a PROG_ARRAY a microsecond. The kernel keeps programs
//! with and without support for frags apart (MAP-07 has the same rule for devmaps), so there is one
//! dispatcher of each flavour; the other one is made and swapped in when a case first wants it.

use xdpsim_core::netdev::XdpMode;
use xdpsim_devmap::IfIndex;

use super::error::{BenchError, Tried};
use crate::bpf::asm::{Asm, Helper, Insn, R1, R2, R3, Size};
use crate::bpf::{Map, MapCreate, Prog, ProgLoad, XdpLink, load_flag, map_type};
use crate::compile::CompileError;

/// `XDP_PASS`.
const PASS: u32 = 2;
/// `rx_queue_index` in `struct xdp_md`. Always 0 here, but the verifier can't know: a constant index would
/// make the kernel patch code and wait for a grace period at each change of the slot.
const RX_QUEUE_INDEX: i16 = 16;

/// Which programs can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Linear,
    Frags,
}

/// MTU of the far end from which on a program at the near end has to support frags (DRV-11).
const LINEAR_MTU_MAX: u32 = 3506;

impl Flavour {
    /// What the kernel attaches to a port whose far end has this mtu.
    pub fn needed_for(far_mtu: u32) -> Self {
        if far_mtu > LINEAR_MTU_MAX { Self::Frags } else { Self::Linear }
    }
}

/// A dispatcher and the slot behind it.
#[derive(Debug)]
struct Dispatcher {
    flavour: Flavour,
    slot: Map,
    prog: Prog,
    id: u32,
}

/// What is attached to a port.
#[derive(Debug)]
pub(super) struct Gate {
    ifindex: IfIndex,
    mode: XdpMode,
    attached: Dispatcher,
    spare: Option<Dispatcher>,
    link: XdpLink,
}

impl Gate {
    /// Attaches a dispatcher to this device of the calling thread's namespace.
    pub fn new(ifindex: IfIndex, flavour: Flavour, mode: XdpMode) -> Result<Self, BenchError> {
        let attached = Dispatcher::new(flavour)?;
        let what = || format!("attach a program to ifindex {ifindex}");
        let link = match mode {
            XdpMode::Native => XdpLink::native(&attached.prog, ifindex.0),
            XdpMode::Generic => XdpLink::generic(&attached.prog, ifindex.0),
        };
        let link = link.tried(what)?;
        Ok(Self { ifindex, mode, attached, spare: None, link })
    }

    /// Is its program the driver's? One in generic mode gives a veth no NAPI.
    pub fn is_native(&self) -> bool {
        self.mode == XdpMode::Native
    }

    /// The id that events show.
    pub fn id(&self) -> u32 {
        self.attached.id
    }

    /// Puts a program behind it.
    pub fn put(&mut self, prog: &Prog, flavour: Flavour) -> Result<(), BenchError> {
        if self.attached.flavour != flavour {
            self.swap(flavour)?;
        }
        let what = || format!("put a program behind the dispatcher of ifindex {}", self.ifindex);
        self.attached.slot.set_fd(0, std::os::fd::AsFd::as_fd(prog)).tried(what)
    }

    /// Empties it: frames pass.
    pub fn clear(&self) {
        // An empty slot is as good.
        _ = self.attached.slot.delete(&0_u32.to_ne_bytes());
    }

    fn swap(&mut self, flavour: Flavour) -> Result<(), BenchError> {
        let other = match self.spare.take() {
            Some(spare) => spare,
            None => Dispatcher::new(flavour)?,
        };
        let what = || format!("swap the program of ifindex {} for one with {flavour:?}", self.ifindex);
        self.clear();
        self.link.update(&other.prog).tried(what)?;
        self.spare = Some(std::mem::replace(&mut self.attached, other));
        Ok(())
    }
}

impl Dispatcher {
    fn new(flavour: Flavour) -> Result<Self, BenchError> {
        let create = MapCreate::new(map_type::PROG_ARRAY, 4, 4, 1, "slot");
        let slot = Map::create(&create).tried(|| "create a PROG_ARRAY".to_owned())?;
        let flags = if flavour == Flavour::Frags { load_flag::XDP_HAS_FRAGS } else { 0 };
        let insns = dispatcher(&slot);
        let load = ProgLoad::xdp("dispatcher", &insns).with_flags(flags);
        let prog = Prog::load(&load).map_err(CompileError::from)?;
        let id = prog.id().tried(|| "ask for a dispatcher's id".to_owned())?;
        Ok(Self { flavour, slot, prog, id })
    }
}

fn dispatcher(slot: &Map) -> Vec<Insn> {
    let mut asm = Asm::new();
    asm.load(Size::W, R3, R1, RX_QUEUE_INDEX).map(R2, std::os::fd::AsFd::as_fd(slot));
    asm.call(Helper::TailCall).ret(PASS);
    asm.finish().expect("no labels")
}
