//! The programs at the far ends: they catch what leaves by the ports.
//!
//! One hands every frame to the AF_XDP socket there. To do so it calls `bpf_redirect_map()`, and so it
//! leaves its mark in the redirect info of the softirq, which other programs of the same softirq can see
//! (HLP-22). Where ports are each other's ends, several programs of the case run in one softirq; there the
//! far ends have another program, which copies frames into a map and calls nothing that redirects.
//!
//! Both support frags, so they can be attached whatever the near end's mtu is (DRV-11).

use std::os::fd::AsFd;

use xdpsim_devmap::IfIndex;

use super::error::{BenchError, Tried};
use crate::bpf::asm::{Alu, Asm, Cond, Helper, Insn, R0, R1, R2, R3, R4, R6, R7, R8, R9, R10, Size};
use crate::bpf::{Map, MapCreate, Prog, ProgLoad, XdpLink, load_flag, map_type};
use crate::compile::CompileError;
use crate::net::XskSocket;

/// `XDP_DROP`.
const DROP: u32 = 1;
/// `XDP_PASS`.
const PASS: i32 = 2;
/// `ingress_ifindex` in `struct xdp_md`.
const INGRESS_IFINDEX: i16 = 12;

/// How frames are caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Sockets,
    Copies,
}

/// One program for all far ends, and where it puts frames.
#[derive(Debug)]
pub(super) struct Catcher {
    net: Net,
    prog: Prog,
    links: Vec<XdpLink>,
}

#[derive(Debug)]
enum Net {
    /// The socket of each far end, by ifindex.
    Sockets(Map),
    Copies(Album),
}

impl Catcher {
    /// For ifindexes below `limit`.
    pub fn new(limit: u32, method: Method) -> Result<Self, BenchError> {
        let (net, insns) = match method {
            Method::Sockets => {
                let create = MapCreate::new(map_type::XSKMAP, 4, 4, limit, "sockets");
                let sockets = Map::create(&create).tried(|| "create an XSKMAP".to_owned())?;
                let insns = hand_over(&sockets);
                (Net::Sockets(sockets), insns)
            }
            Method::Copies => {
                let album = Album::new()?;
                let insns = copy(&album);
                (Net::Copies(album), insns)
            }
        };
        let load = ProgLoad::xdp("catcher", &insns).with_flags(load_flag::XDP_HAS_FRAGS);
        let prog = Prog::load(&load).map_err(CompileError::from)?;
        Ok(Self { net, prog, links: Vec::new() })
    }

    /// Attaches it to a far end, in whose namespace the thread is.
    pub fn attach(&mut self, ifindex: IfIndex) -> Result<(), BenchError> {
        let link = XdpLink::native(&self.prog, ifindex.0);
        self.links.push(link.tried(|| format!("attach the catching program to ifindex {ifindex}"))?);
        Ok(())
    }

    /// Does it copy frames, so that sockets get none?
    pub fn copies(&self) -> bool {
        matches!(self.net, Net::Copies(_))
    }

    /// From now on this end's frames go to this socket, unless they are copied.
    pub fn hand_to(&self, ifindex: IfIndex, socket: &XskSocket) -> Result<(), BenchError> {
        let Net::Sockets(sockets) = &self.net else { return Ok(()) };
        let set = sockets.set_fd(ifindex.0, socket.as_fd());
        set.tried(|| format!("hand frames of ifindex {ifindex} to an AF_XDP socket"))
    }

    /// Frames that were copied since the last time, in order, each with the far end that got it.
    pub fn take(&mut self, to: &mut Vec<(IfIndex, Vec<u8>)>) -> Result<(), BenchError> {
        match &mut self.net {
            Net::Sockets(_) => Ok(()),
            Net::Copies(album) => album.take(to),
        }
    }
}

/// An end without a socket gets its frames passed to the stack, for a packet socket.
fn hand_over(sockets: &Map) -> Vec<Insn> {
    let mut asm = Asm::new();
    asm.load(Size::W, R2, R1, INGRESS_IFINDEX).map(R1, sockets.as_fd()).mov(R3, PASS);
    asm.call(Helper::RedirectMap).exit();
    asm.finish().expect("no labels")
}

/// Copies of frames, in the order in which the far ends got them.
#[derive(Debug)]
struct Album {
    /// How many copies were made.
    count: Map,
    /// Ifindex and length, 4 bytes each, then the frame.
    pages: Map,
    taken: u32,
}

/// Copies that are kept; more than one case makes between two looks.
const PAGES: u32 = 4096;
/// Bytes of one.
const PAGE: usize = 4096;
/// Bytes in front of the frame.
const HEAD: usize = 8;

impl Album {
    fn new() -> Result<Self, BenchError> {
        let create = |what, value_size, entries| {
            let map = Map::create(&MapCreate::new(map_type::ARRAY, 4, value_size, entries, what));
            map.tried(|| format!("create the map `{what}`"))
        };
        Ok(Self { count: create("count", 4, 1)?, pages: create("pages", PAGE as u32, PAGES)?, taken: 0 })
    }

    fn take(&mut self, to: &mut Vec<(IfIndex, Vec<u8>)>) -> Result<(), BenchError> {
        let what = || "read copied frames".to_owned();
        let mut count = [0; 4];
        self.count.lookup(&[0; 4], &mut count).tried(what)?;
        let count = u32::from_ne_bytes(count);
        if count.wrapping_sub(self.taken) > PAGES {
            let why = format!("more than {PAGES} frames left the ports at once");
            return Err(BenchError::Case(why));
        }
        let mut page = [0; PAGE];
        while self.taken != count {
            let at = self.taken % PAGES;
            self.pages.lookup(&at.to_ne_bytes(), &mut page).tried(what)?;
            let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| page[at + i]));
            to.push((IfIndex(word(0)), page[HEAD..HEAD + word(4) as usize].to_vec()));
            self.taken = self.taken.wrapping_add(1);
        }
        Ok(())
    }
}

fn copy(album: &Album) -> Vec<Insn> {
    let mut asm = Asm::new();
    let drop = asm.label();
    asm.mov_reg(R6, R1);
    // R9 = how long the frame is; longer ones than a page are not for us.
    asm.call(Helper::XdpGetBuffLen).mov_reg(R9, R0);
    // (Not "equals 0": older verifiers conclude from that branch nothing about the other one.)
    asm.jump_if_imm(Cond::Lt, R9, 1, drop).jump_if_imm(Cond::Gt, R9, (PAGE - HEAD) as i32, drop);
    // The next page: the bench runs on one CPU, so nobody else counts.
    asm.store_imm(Size::W, R10, -4, 0).mov_reg(R2, R10).add(R2, -4).map(R1, album.count.as_fd());
    asm.call(Helper::MapLookupElem).jump_if_imm(Cond::Eq, R0, 0, drop).mov_reg(R7, R0);
    asm.load(Size::W, R1, R7, 0).alu(Alu::And, R1, PAGES as i32 - 1);
    asm.store(Size::W, R10, -4, R1).mov_reg(R2, R10).add(R2, -4).map(R1, album.pages.as_fd());
    asm.call(Helper::MapLookupElem).jump_if_imm(Cond::Eq, R0, 0, drop).mov_reg(R8, R0);
    asm.load(Size::W, R1, R7, 0).add(R1, 1).store(Size::W, R7, 0, R1);
    asm.load(Size::W, R1, R6, INGRESS_IFINDEX).store(Size::W, R8, 0, R1).store(Size::W, R8, 4, R9);
    asm.mov_reg(R1, R6).mov(R2, 0).mov_reg(R3, R8).add(R3, HEAD as i32).mov_reg(R4, R9);
    asm.call(Helper::XdpLoadBytes);
    asm.bind(drop).ret(DROP);
    asm.finish().expect("its one label is bound")
}
