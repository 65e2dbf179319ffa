//! What the operations talk about: two namespaces with devices, and programs of every kind.
//!
//! Built once per campaign. Ifindexes are the same in every run; [`GUEST`] is the device that is deleted or
//! moved, and it is back in its place when a sequence begins.

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};

use thiserror::Error;
use xdpsim_devmap::{AttachType, DevId, IfIndex, ProgFd, ProgId, ProgInfo, ProgType, UpdateEnv};

use super::op::{DeviceOp, ProgRef, Space};
use crate::bpf::asm::{Asm, Insn};
use crate::bpf::{
    BpfError, LoadError, Map, MapCreate, Prog, ProgLoad, attach_type, load_flag, map_type, prog_type,
};
use crate::net::{Links, NetError, Netns, VethEnd};

/// The loopback device of both namespaces, which can't transmit for a redirect.
pub const LO: u32 = 1;
/// A bridge of the first namespace.
pub const BRIDGE: u32 = 4;
/// Veths of the first namespace.
pub const HERE: [u32; 2] = [2, 3];
/// Veths of the second namespace; one has a number of the first.
pub const THERE: [u32; 2] = [3, 6];
/// No device has this index.
pub const NOWHERE: u32 = 4000;
/// The device that comes and goes. Its peer has the next number and stays in the first namespace.
pub const GUEST: u32 = 20;

/// The devices that can't be put together.
#[derive(Debug, Error)]
pub enum MachineError {
    /// Namespaces or devices.
    #[error("the campaign's namespaces can't be built: {0}")]
    Net(#[from] NetError),
    /// A map.
    #[error("the campaign's helper map can't be made: {0}")]
    Map(#[from] BpfError),
    /// A program.
    #[error("the campaign's programs can't be loaded: {0}")]
    Load(#[from] LoadError),
    /// In the middle of a sequence.
    #[error("the campaign can't go on: {0}")]
    Gone(String),
    /// The null device.
    #[error("/dev/null can't be opened: {0}")]
    File(#[from] std::io::Error),
}

/// Where the guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guest {
    space: Option<Space>,
}

/// A program and what it is given as.
struct Known {
    name: ProgRef,
    prog: Prog,
    info: ProgInfo,
}

/// Namespaces, devices, programs.
pub struct Machine {
    spaces: [Netns; 2],
    links: [Links; 2],
    programs: Vec<Known>,
    map: Map,
    file: File,
    guest: Guest,
}

impl Machine {
    /// Builds all of it, and leaves the calling thread where it is.
    ///
    /// # Errors
    /// What can't be built.
    pub fn new() -> Result<Self, MachineError> {
        let spaces = [Netns::new()?, Netns::new()?];
        let links = [Links::of(&spaces[0])?, Links::of(&spaces[1])?];
        for (space, (links, [near, far])) in spaces.iter().zip(links.iter().zip([HERE, THERE])) {
            links.veth(
                &VethEnd::new("near", IfIndex(near), space),
                &VethEnd::new("far", IfIndex(far), space),
            )?;
        }
        links[0].bridge("bridge", IfIndex(BRIDGE))?;
        let programs = spaces[0].run(programs)??;
        let map = Map::create(&MapCreate::new(map_type::ARRAY, 4, 4, 1, "no_program"))?;
        Ok(Self {
            spaces,
            links,
            programs,
            map,
            file: File::open("/dev/null")?,
            guest: Guest { space: None },
        })
    }

    /// The namespace itself.
    #[must_use]
    pub fn space(&self, space: Space) -> &Netns {
        &self.spaces[space as usize]
    }

    /// The number that is written for a program.
    #[must_use]
    pub fn fd(&self, program: ProgRef) -> RawFd {
        let known = |known: &&Known| known.name == program;
        match program {
            ProgRef::Zero => 0,
            ProgRef::Negative => -1,
            ProgRef::Closed => RawFd::MAX,
            ProgRef::AMap => self.map.as_raw_fd(),
            ProgRef::AFile => self.file.as_raw_fd(),
            // A kernel that can't load one is asked about a closed descriptor instead.
            _ => self.programs.iter().find(known).map_or(RawFd::MAX, |known| known.prog.as_raw_fd()),
        }
    }

    /// The program's facts, if it is one.
    #[must_use]
    pub fn program(&self, program: ProgRef) -> Option<&ProgInfo> {
        self.programs.iter().find(|known| known.name == program).map(|known| &known.info)
    }

    /// A caller in a namespace, as the model asks it.
    #[must_use]
    pub fn caller(&self, space: Space) -> Caller<'_> {
        Caller { machine: self, space }
    }

    /// Puts the guest back, for the first operation about it of a sequence.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn invite(&mut self) -> Result<(), NetError> {
        let home = &self.spaces[0];
        match self.guest.space {
            Some(Space::First) => return Ok(()),
            Some(Space::Second) => self.links[1].move_to(IfIndex(GUEST), home)?,
            None => {
                let near = VethEnd::new("guest", IfIndex(GUEST), home);
                self.links[0].veth(&near, &VethEnd::new("host", IfIndex(GUEST + 1), home))?;
            }
        }
        self.guest.space = Some(Space::First);
        Ok(())
    }

    /// Does something to the guest; the device that left its namespace by that, if one did.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn device(&mut self, op: DeviceOp) -> Result<Option<DevId>, NetError> {
        let Some(space) = self.guest.space else { return Ok(None) };
        let links = &self.links[space as usize];
        match op {
            DeviceOp::Delete => {
                links.delete(IfIndex(GUEST))?;
                self.guest.space = None;
                Ok(Some(GUEST_ID))
            }
            DeviceOp::Move(to) if to != space => {
                links.move_to(IfIndex(GUEST), &self.spaces[to as usize])?;
                self.guest.space = Some(to);
                Ok(Some(GUEST_ID))
            }
            DeviceOp::Move(_) => Ok(None),
            DeviceOp::Up(up) => links.set_up(IfIndex(GUEST), up).map(|()| None),
        }
    }
}

/// The guest in the model, wherever it is.
pub(super) const GUEST_ID: DevId = DevId(GUEST);

/// A task in one of the namespaces.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    machine: &'a Machine,
    space: Space,
}

impl UpdateEnv for Caller<'_> {
    fn dev_by_index(&self, ifindex: IfIndex) -> Option<DevId> {
        let (stay, offset) = match self.space {
            Space::First => (&[LO, BRIDGE, HERE[0], HERE[1]][..], 100),
            Space::Second => (&[LO, THERE[0], THERE[1]][..], 200),
        };
        if ifindex.0 == GUEST {
            return (self.machine.guest.space == Some(self.space)).then_some(GUEST_ID);
        }
        stay.contains(&ifindex.0).then(|| DevId(offset + ifindex.0))
    }

    fn prog_by_fd(&self, fd: ProgFd) -> Option<ProgInfo> {
        self.machine.programs.iter().find(|known| known.prog.as_raw_fd() == fd.0).map(|known| known.info)
    }
}

/// A program that passes everything.
#[must_use]
pub fn passing() -> Vec<Insn> {
    let mut asm = Asm::new();
    asm.ret(2);
    asm.finish().unwrap_or_default()
}

/// One program of each kind. Device-bound ones are younger than the oldest kernels: without, one kind less
/// is played.
fn programs() -> Result<Vec<Known>, LoadError> {
    let insns = passing();
    let entry = ProgLoad::devmap("entry", &insns);
    let cpumap = ProgLoad { attach_type: attach_type::XDP_CPUMAP, ..entry };
    let filter = ProgLoad { prog_type: prog_type::SOCKET_FILTER, attach_type: 0, ..entry };
    let bound = ProgLoad { flags: load_flag::XDP_DEV_BOUND_ONLY, ifindex: HERE[0], ..entry };
    let mut known = vec![
        know(ProgRef::Entry, &entry)?,
        know(ProgRef::EntryFrags, &entry.with_flags(load_flag::XDP_HAS_FRAGS))?,
        know(ProgRef::Device, &ProgLoad::xdp("device", &insns))?,
        know(ProgRef::Cpumap, &cpumap)?,
        know(ProgRef::Other, &filter)?,
    ];
    known.extend(know(ProgRef::Bound, &bound));
    Ok(known)
}

fn know(name: ProgRef, load: &ProgLoad<'_>) -> Result<Known, LoadError> {
    let prog = Prog::load(load)?;
    let facts =
        prog.facts().map_err(|error| LoadError { name: load.name.to_owned(), error, log: String::new() })?;
    let info = ProgInfo {
        id: ProgId(facts.id),
        prog_type: if load.prog_type == prog_type::XDP { ProgType::Xdp } else { ProgType::Other },
        attach_type: match load.attach_type {
            attach_type::XDP_DEVMAP => AttachType::Devmap,
            attach_type::XDP_CPUMAP => AttachType::Cpumap,
            _ => AttachType::Xdp,
        },
        frags: load.flags & load_flag::XDP_HAS_FRAGS != 0,
        jited: facts.jited,
        device_bound: load.ifindex != 0,
    };
    Ok(Known { name, prog, info })
}
