//! Live frames into a far end: what makes a near end find up to 64 frames in one poll.
//!
//! A program is run on n frames in one batch and redirects them to the far end; the kernel flushes all of
//! them together, and only the last bulk wakes the near end. A devmap program gives the n-th frame its
//! length and bytes. (At the redirect itself, frames longer than the far end's own mtu would be refused;
//! behind it nobody looks again, DVP-04.) All of it runs in the far ends' namespace, by which its events are
//! told from those of the case.
//!
//! Each target is the only entry, key 0, of a devmap of its own. So a run leaves redirect info with index 0 and
//! nothing armed, which matters where it stays for the next softirq (HLP-20.d).

use std::os::fd::{AsFd, AsRawFd};

use xdpsim_devmap::IfIndex;

use super::error::{BenchError, Tried};
use super::rooms::Room;
use crate::bpf::asm::{Asm, Cond, Helper, Insn, R0, R1, R2, R3, R4, R6, R8, R9, R10, Size};
use crate::bpf::{LiveFrames, Map, MapCreate, Prog, ProgLoad, XdpLink, map_type};
use crate::compile::CompileError;

/// `XDP_DROP`.
const DROP: u32 = 1;
/// `XDP_PASS`.
const PASS: u32 = 2;
/// Most frames of a burst: a NAPI poll's budget.
pub(super) const BURST_MAX: usize = 64;
/// Shortest frame that a run takes: an Ethernet header.
const FRAME_MIN: usize = 14;
/// Longest frame that fits on a page with headroom and `struct skb_shared_info`, as the run wants it.
const FRAME_MAX: usize = 3520;
/// Bytes of a template: a length of 4, then the frame.
const TEMPLATE: usize = 4096;

/// A device that is only there to have a program; behind all far ends.
const ANCHOR: IfIndex = IfIndex(1 << 20);

/// Index of a device that frames are sent out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target(u32);

/// The program and its maps.
#[derive(Debug)]
pub(super) struct Feeder {
    prog: Prog,
    /// The devmap program that writes frames.
    writer: Prog,
    /// Number of the next frame; index of the target.
    cursor: Map,
    templates: Map,
    /// A devmap with one entry for each target.
    targets: Map,
    next_target: u32,
    /// The anchor, which takes no frames.
    nobody: Target,
    _anchor: XdpLink,
}

impl Feeder {
    /// With room for so many targets. The thread is in the far ends' room.
    pub fn new(targets: usize, far: &Room) -> Result<Self, BenchError> {
        let create = |what: &'static str, map_type, value_size, entries: usize| {
            let entries = u32::try_from(entries.max(1)).expect("few");
            let map = Map::create(&MapCreate::new(map_type, 4, value_size, entries, what));
            map.tried(|| format!("create the feeder's map `{what}`"))
        };
        let cursor = create("cursor", map_type::ARRAY, 8, 1)?;
        let templates = create("templates", map_type::ARRAY, TEMPLATE as u32, BURST_MAX)?;
        let template = devmap_of_one()?;
        let entries = u32::try_from(targets).expect("few") + 1;
        let outer = MapCreate::new(map_type::ARRAY_OF_MAPS, 4, 4, entries, "targets");
        let targets = Map::create(&MapCreate { inner_map_fd: template.as_raw_fd(), ..outer })
            .tried(|| "create the feeder's map `targets`".to_owned())?;
        let insns = feed(&cursor, &targets);
        let prog = Prog::load(&ProgLoad::xdp("feeder", &insns)).map_err(CompileError::from)?;
        let insns = write(&cursor, &templates);
        let writer = Prog::load(&ProgLoad::devmap("writer", &insns)).map_err(CompileError::from)?;
        let _anchor = anchor(&prog, far)?;
        let nobody = Target(0);
        let mut feeder =
            Self { prog, writer, cursor, templates, targets, next_target: nobody.0, nobody, _anchor };
        feeder.add_target(ANCHOR)?;
        Ok(feeder)
    }

    /// A device of the calling thread's namespace becomes a target.
    pub fn add_target(&mut self, ifindex: IfIndex) -> Result<Target, BenchError> {
        let target = Target(self.next_target);
        let what = || format!("make ifindex {ifindex} a target of the feeder");
        let mut value = [0; 8];
        value[..4].copy_from_slice(&ifindex.0.to_ne_bytes());
        value[4..].copy_from_slice(&self.writer.as_raw_fd().to_ne_bytes());
        let devmap = devmap_of_one()?;
        devmap.update(&[0; 4], &value, 0).tried(what)?;
        self.targets.set_fd(target.0, devmap.as_fd()).tried(what)?;
        self.next_target += 1;
        Ok(target)
    }

    /// Leaves redirect info with nothing armed, where it stays.
    pub fn disarm(&self) -> Result<(), BenchError> {
        self.feed(self.nobody, &[vec![0; FRAME_MIN]])
    }

    /// Sends frames out of a device, all in its peer's ring before the peer is woken. To be called in the
    /// far ends' namespace.
    pub fn feed(&self, target: Target, frames: &[Vec<u8>]) -> Result<(), BenchError> {
        let longest = frames.iter().map(Vec::len).max().unwrap_or(0);
        let shortest = frames.iter().map(Vec::len).min().unwrap_or(0);
        if frames.is_empty() || frames.len() > BURST_MAX || shortest < FRAME_MIN || longest > FRAME_MAX {
            return Err(BenchError::Case(format!(
                "a poll of {} frames of {shortest} to {longest} bytes; 1 to {BURST_MAX} frames of \
                 {FRAME_MIN} to {FRAME_MAX} bytes can come in by live frames",
                frames.len()
            )));
        }
        for (number, frame) in (0_u32..).zip(frames) {
            let mut template = [0; TEMPLATE];
            let len = u32::try_from(frame.len()).expect("checked");
            template[..4].copy_from_slice(&len.to_ne_bytes());
            template[4..4 + frame.len()].copy_from_slice(frame);
            let written = self.templates.update(&number.to_ne_bytes(), &template, 0);
            written.tried(|| "write a template".to_owned())?;
        }
        let mut cursor = [0; 8];
        cursor[4..].copy_from_slice(&target.0.to_ne_bytes());
        self.cursor.update(&[0; 4], &cursor, 0).tried(|| "set the cursor".to_owned())?;
        let n = u32::try_from(frames.len()).expect("checked");
        let run = LiveFrames {
            data: &[0; FRAME_MIN],
            repeat: n,
            batch_size: n,
            ingress_ifindex: 0,
            rx_queue_index: 0,
        };
        self.prog.run_live(&run).tried(|| format!("run the feeder on {n} live frames"))
    }
}

fn devmap_of_one() -> Result<Map, BenchError> {
    let map = Map::create(&MapCreate::new(map_type::DEVMAP, 4, 8, 1, "target"));
    map.tried(|| "create a devmap for a target".to_owned())
}

/// Attaches the program to a device that has no traffic.
///
/// The kernel keeps a table of programs that are in use (`net/core/filter.c`, the XDP dispatcher) and waits
/// for a grace period, some 10 ms, whenever one comes or goes. A run with live frames of a program that is
/// attached nowhere makes it come and go.
fn anchor(prog: &Prog, far: &Room) -> Result<XdpLink, BenchError> {
    far.links.bridge("anchor", ANCHOR)?;
    XdpLink::generic(prog, ANCHOR.0).tried(|| "attach the feeder to its anchor".to_owned())
}

/// Redirects to the cursor's target.
fn feed(cursor: &Map, targets: &Map) -> Vec<Insn> {
    let mut asm = Asm::new();
    let drop = asm.label();
    asm.store_imm(Size::W, R10, -4, 0).mov_reg(R2, R10).add(R2, -4).map(R1, cursor.as_fd());
    asm.call(Helper::MapLookupElem).jump_if_imm(Cond::Eq, R0, 0, drop);
    asm.load(Size::W, R1, R0, 4).store(Size::W, R10, -4, R1).mov_reg(R2, R10).add(R2, -4);
    asm.map(R1, targets.as_fd()).call(Helper::MapLookupElem).jump_if_imm(Cond::Eq, R0, 0, drop);
    asm.mov_reg(R1, R0).mov(R2, 0).mov(R3, 0).call(Helper::RedirectMap).exit();
    asm.bind(drop).ret(DROP);
    asm.finish().expect("its one label is bound")
}

/// Takes the cursor's template and gives the frame its length and bytes.
fn write(cursor: &Map, templates: &Map) -> Vec<Insn> {
    let mut asm = Asm::new();
    let drop = asm.label();
    asm.mov_reg(R6, R1);
    // The cursor's number is taken and counted up.
    asm.store_imm(Size::W, R10, -4, 0).mov_reg(R2, R10).add(R2, -4).map(R1, cursor.as_fd());
    asm.call(Helper::MapLookupElem).jump_if_imm(Cond::Eq, R0, 0, drop);
    asm.load(Size::W, R1, R0, 0).store(Size::W, R10, -8, R1).add(R1, 1).store(Size::W, R0, 0, R1);
    // R8 = template, R9 = its length.
    asm.mov_reg(R2, R10).add(R2, -8).map(R1, templates.as_fd());
    asm.call(Helper::MapLookupElem).jump_if_imm(Cond::Eq, R0, 0, drop).mov_reg(R8, R0);
    asm.load(Size::W, R9, R8, 0);
    // (Not "equals 0": older verifiers conclude from that branch nothing about the other one.)
    asm.jump_if_imm(Cond::Lt, R9, 1, drop).jump_if_imm(Cond::Gt, R9, TEMPLATE as i32 - 4, drop);
    asm.mov_reg(R2, R9).add(R2, -(FRAME_MIN as i32)).mov_reg(R1, R6).call(Helper::XdpAdjustTail);
    asm.jump_if_imm(Cond::Ne, R0, 0, drop);
    asm.mov_reg(R1, R6).mov(R2, 0).mov_reg(R3, R8).add(R3, 4).mov_reg(R4, R9);
    asm.call(Helper::XdpStoreBytes).jump_if_imm(Cond::Ne, R0, 0, drop).ret(PASS);
    asm.bind(drop).ret(DROP);
    asm.finish().expect("its one label is bound")
}
