//! Programs: loaded from instructions.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::asm::Insn;
use super::error::{BpfError, LoadError};
use super::sys;

/// Numbers of program types (`enum bpf_prog_type`).
pub mod prog_type {
    /// `BPF_PROG_TYPE_SOCKET_FILTER`: a program of another type that needs nothing.
    pub const SOCKET_FILTER: u32 = 1;
    /// `BPF_PROG_TYPE_XDP`.
    pub const XDP: u32 = 6;
}

/// Numbers of attach types (`enum bpf_attach_type`).
pub mod attach_type {
    /// `BPF_XDP_DEVMAP`: to entries of a DEVMAP or DEVMAP_HASH.
    pub const XDP_DEVMAP: u32 = 33;
    /// `BPF_XDP_CPUMAP`: to entries of a CPUMAP.
    pub const XDP_CPUMAP: u32 = 35;
    /// `BPF_XDP`: to devices.
    pub const XDP: u32 = 37;
}

/// Flags of a load.
pub mod load_flag {
    /// `BPF_F_XDP_HAS_FRAGS`: takes frames in several buffers.
    pub const XDP_HAS_FRAGS: u32 = 1 << 5;
    /// `BPF_F_XDP_DEV_BOUND_ONLY`: for one device, but run by the host.
    pub const XDP_DEV_BOUND_ONLY: u32 = 1 << 6;
}

/// What a program is loaded with.
#[derive(Clone, Copy, Debug)]
pub struct ProgLoad<'a> {
    /// A label; cut off after 15 characters.
    pub name: &'a str,
    /// One of [`prog_type`].
    pub prog_type: u32,
    /// One of [`attach_type`], or 0.
    pub attach_type: u32,
    /// Of [`load_flag`].
    pub flags: u32,
    /// The device that it is bound to, or 0.
    pub ifindex: u32,
    /// The instructions.
    pub insns: &'a [Insn],
    /// The types of its functions, which programs with callbacks need.
    pub functions: Option<Functions<'a>>,
}

/// The types of a program's functions.
#[derive(Clone, Copy, Debug)]
pub struct Functions<'a> {
    /// Descriptor of a [`super::Btf`].
    pub btf: RawFd,
    /// First slot and type of each function, by rising slot; the first is 0.
    pub all: &'a [[u32; 2]],
}

impl<'a> ProgLoad<'a> {
    /// A program for devices.
    #[must_use]
    pub const fn xdp(name: &'a str, insns: &'a [Insn]) -> Self {
        let (prog_type, attach_type) = (prog_type::XDP, attach_type::XDP);
        Self { name, prog_type, attach_type, flags: 0, ifindex: 0, insns, functions: None }
    }

    /// A program for entries of a DEVMAP or DEVMAP_HASH.
    #[must_use]
    pub const fn devmap(name: &'a str, insns: &'a [Insn]) -> Self {
        Self { attach_type: attach_type::XDP_DEVMAP, ..Self::xdp(name, insns) }
    }

    /// The same with flags.
    #[must_use]
    pub const fn with_flags(self, flags: u32) -> Self {
        Self { flags, ..self }
    }
}

/// A loaded program.
#[derive(Debug)]
pub struct Prog(OwnedFd);

/// What the kernel says about a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgFacts {
    /// Its type.
    pub prog_type: u32,
    /// Its id, never 0.
    pub id: u32,
    /// Whether it runs as compiled code.
    pub jited: bool,
}

impl Prog {
    /// Loads a program. The verifier's words are only asked for when it has refused: a log costs time.
    ///
    /// # Errors
    /// What the kernel says, with the verifier's log.
    pub fn load(prog: &ProgLoad<'_>) -> Result<Self, LoadError> {
        Self::load_quietly(prog).or_else(|_| Self::load_with_log(prog))
    }

    /// Loads a program, without a log in the error: for loads that are expected to fail.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn load_quietly(prog: &ProgLoad<'_>) -> Result<Self, BpfError> {
        sys::prog_load(prog, &mut []).map(Self)
    }

    /// A program that somebody else has loaded: another loader, to be compared with.
    #[must_use]
    pub fn adopt(fd: OwnedFd) -> Self {
        Self(fd)
    }

    fn load_with_log(prog: &ProgLoad<'_>) -> Result<Self, LoadError> {
        let mut log = vec![0; 1 << 16];
        sys::prog_load(prog, &mut log).map(Self).map_err(|error| {
            let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
            LoadError {
                name: prog.name.to_owned(),
                error,
                log: String::from_utf8_lossy(&log[..end]).into_owned(),
            }
        })
    }

    /// What the kernel says about it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn facts(&self) -> Result<ProgFacts, BpfError> {
        let [prog_type, id, _, _, jited_len, _] = sys::info(self.as_fd())?;
        Ok(ProgFacts { prog_type, id, jited: jited_len > 0 })
    }

    /// Its id.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn id(&self) -> Result<u32, BpfError> {
        self.facts().map(|facts| facts.id)
    }
}

impl AsFd for Prog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Prog {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
