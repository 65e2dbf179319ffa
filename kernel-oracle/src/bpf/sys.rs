//! The system call itself: the only code of this module that the compiler can't check.
//!
//! Each function fills the part of `union bpf_attr` that its command reads, at the offsets of
//! `include/uapi/linux/bpf.h`, and passes buffers that are at least as long as what the kernel reads or
//! writes. That is why map handles carry their key and value size: the kernel takes the lengths from the
//! map, not from the call.

#![allow(unsafe_code, reason = "a system call that takes pointers")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::asm::Insn;
use super::error::BpfError;
use super::{FullRun, LiveFrames, MapCreate, ProgLoad};

/// A command: its number and name.
#[derive(Clone, Copy)]
struct Command(i32, &'static str);

const MAP_CREATE: Command = Command(0, "BPF_MAP_CREATE");
const MAP_LOOKUP_ELEM: Command = Command(1, "BPF_MAP_LOOKUP_ELEM");
const MAP_UPDATE_ELEM: Command = Command(2, "BPF_MAP_UPDATE_ELEM");
const MAP_DELETE_ELEM: Command = Command(3, "BPF_MAP_DELETE_ELEM");
const MAP_GET_NEXT_KEY: Command = Command(4, "BPF_MAP_GET_NEXT_KEY");
const PROG_LOAD: Command = Command(5, "BPF_PROG_LOAD");
const MAP_FREEZE: Command = Command(22, "BPF_MAP_FREEZE");
const BTF_LOAD: Command = Command(18, "BPF_BTF_LOAD");
const MAP_LOOKUP_AND_DELETE_ELEM: Command = Command(21, "BPF_MAP_LOOKUP_AND_DELETE_ELEM");
const PROG_TEST_RUN: Command = Command(10, "BPF_PROG_TEST_RUN");
const OBJ_GET_INFO_BY_FD: Command = Command(15, "BPF_OBJ_GET_INFO_BY_FD");
const LINK_CREATE: Command = Command(28, "BPF_LINK_CREATE");
const LINK_UPDATE: Command = Command(29, "BPF_LINK_UPDATE");

/// `union bpf_attr`: 128 bytes, zero where nothing is written, as all kernels require.
#[derive(Default)]
struct Attr([u64; 16]);

impl Attr {
    fn u32(mut self, at: usize, value: u32) -> Self {
        let mut word = self.0[at / 8].to_ne_bytes();
        word[at % 8..at % 8 + 4].copy_from_slice(&value.to_ne_bytes());
        self.0[at / 8] = u64::from_ne_bytes(word);
        self
    }

    fn u64(mut self, at: usize, value: u64) -> Self {
        self.0[at / 8] = value;
        self
    }

    fn fd(self, at: usize, fd: RawFd) -> Self {
        self.u32(at, fd.cast_unsigned())
    }

    fn read<T>(self, at: usize, from: &[T]) -> Self {
        self.u64(at, from.as_ptr() as u64)
    }

    /// A key; the kernel wants none of a map without keys.
    fn key(self, key: &[u8]) -> Self {
        if key.is_empty() { self } else { self.read(8, key) }
    }

    fn write<T>(self, at: usize, to: &mut [T]) -> Self {
        self.u64(at, to.as_mut_ptr() as u64)
    }

    /// A name of at most 15 characters; the rest is cut off. The kernel takes letters, digits, `_` and `.`.
    fn name(mut self, at: usize, name: &str) -> Self {
        for (i, chunk) in name.as_bytes()[..name.len().min(15)].chunks(4).enumerate() {
            let mut word = [0; 4];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = if from.is_ascii_alphanumeric() || *from == b'.' { *from } else { b'_' };
            }
            self = self.u32(at + 4 * i, u32::from_ne_bytes(word));
        }
        self
    }

    fn get_u32(&self, at: usize) -> u32 {
        let word = self.0[at / 8].to_ne_bytes();
        u32::from_ne_bytes(std::array::from_fn(|i| word[at % 8 + i]))
    }

    /// Makes the call.
    ///
    /// # Safety
    /// Every pointer that the command uses refers to memory as long as the kernel takes it to be.
    unsafe fn call(&mut self, command: Command) -> Result<i32, BpfError> {
        let Command(number, name) = command;
        // SAFETY: the attribute is initialised and its size is given; the caller answers for the pointers.
        let result = unsafe { libc::syscall(libc::SYS_bpf, number, &raw mut self.0, size_of_val(&self.0)) };
        match i32::try_from(result) {
            Ok(value) if value >= 0 => Ok(value),
            _ => Err(BpfError { command: name, number: errno() }),
        }
    }

    /// Makes a call whose result is a new descriptor.
    ///
    /// # Safety
    /// As for [`Attr::call`]; the command returns a descriptor.
    unsafe fn call_for_fd(&mut self, command: Command) -> Result<OwnedFd, BpfError> {
        // SAFETY: passed on.
        let fd = unsafe { self.call(command) }?;
        // SAFETY: the kernel made the descriptor for this call, so nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

/// The calling thread's error number.
fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

pub(super) fn map_create(map: &MapCreate<'_>) -> Result<OwnedFd, BpfError> {
    let attr = Attr::default()
        .u32(0, map.map_type)
        .u32(4, map.key_size)
        .u32(8, map.value_size)
        .u32(12, map.max_entries)
        .u32(16, map.flags)
        .fd(20, map.inner_map_fd);
    let attr = match map.types {
        None => attr,
        Some(types) => attr.fd(48, types.btf).u32(52, types.key).u32(56, types.value),
    };
    // SAFETY: the command takes no pointers and returns a descriptor.
    unsafe { attr.name(28, map.name).call_for_fd(MAP_CREATE) }
}

/// A map's descriptor and how long its keys and values are.
#[derive(Debug)]
pub(super) struct Sized {
    pub(super) fd: OwnedFd,
    key_size: usize,
    value_size: usize,
}

impl Sized {
    pub(super) fn create(map: &MapCreate<'_>) -> Result<Self, BpfError> {
        Ok(Self::of(map_create(map)?, map))
    }

    /// A map that has these attributes.
    pub(super) fn of(fd: OwnedFd, map: &MapCreate<'_>) -> Self {
        Self { fd, key_size: map.key_size as usize, value_size: map.value_len() }
    }

    fn check_key(&self, key: &[u8]) {
        assert!(key.len() >= self.key_size, "a key of {} bytes, the map's have {}", key.len(), self.key_size);
    }

    fn check_value(&self, value: &[u8]) {
        let (given, needed) = (value.len(), self.value_size);
        assert!(given >= needed, "a value of {given} bytes, the map's have {needed}");
    }

    pub(super) fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), BpfError> {
        self.check_key(key);
        self.check_value(value);
        let attr = Attr::default().fd(0, self.fd.as_raw_fd()).key(key).read(16, value);
        // SAFETY: key and value are as long as the map's, which the descriptor has been since it was made.
        unsafe { attr.u64(24, flags).call(MAP_UPDATE_ELEM) }.map(drop)
    }

    pub(super) fn delete(&self, key: &[u8]) -> Result<(), BpfError> {
        self.check_key(key);
        let mut attr = Attr::default().fd(0, self.fd.as_raw_fd()).key(key);
        // SAFETY: the key is as long as the map's.
        unsafe { attr.call(MAP_DELETE_ELEM) }.map(drop)
    }

    pub(super) fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<(), BpfError> {
        self.check_key(key);
        self.check_value(value);
        let mut attr = Attr::default().fd(0, self.fd.as_raw_fd()).key(key).write(16, value);
        // SAFETY: key and value are as long as the map's.
        unsafe { attr.call(MAP_LOOKUP_ELEM) }.map(drop)
    }

    /// Of a map without keys.
    pub(super) fn take(&self, value: &mut [u8]) -> Result<(), BpfError> {
        self.check_key(&[]);
        self.check_value(value);
        let mut attr = Attr::default().fd(0, self.fd.as_raw_fd()).write(16, value);
        // SAFETY: there is no key, and the value is as long as the map's.
        unsafe { attr.call(MAP_LOOKUP_AND_DELETE_ELEM) }.map(drop)
    }

    pub(super) fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<(), BpfError> {
        key.into_iter().for_each(|key| self.check_key(key));
        self.check_key(next);
        let attr = Attr::default().fd(0, self.fd.as_raw_fd()).write(16, next);
        let mut attr = match key {
            Some(key) => attr.key(key),
            None => attr,
        };
        // SAFETY: both keys are as long as the map's; no key is a null pointer, which the command knows.
        unsafe { attr.call(MAP_GET_NEXT_KEY) }.map(drop)
    }
}

/// What each element command says about a descriptor that isn't open, which is the same for all of them.
pub(super) fn on_no_map() -> [Result<i32, BpfError>; 4] {
    // Above every limit on open files, so it is never open.
    let fd = RawFd::MAX;
    let (key, mut value) = ([0u8; 8], [0u8; 8]);
    [MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, MAP_DELETE_ELEM, MAP_GET_NEXT_KEY].map(|command| {
        let attr = Attr::default().fd(0, fd).read(8, &key);
        let mut attr = if command.0 == MAP_DELETE_ELEM.0 { attr } else { attr.write(16, &mut value) };
        // SAFETY: there is no map, so no length is asked of the buffers.
        unsafe { attr.call(command) }
    })
}

/// Nobody can write the map from outside any more; what it holds is known to the verifier.
pub(super) fn map_freeze(map: BorrowedFd<'_>) -> Result<(), BpfError> {
    let mut attr = Attr::default().fd(0, map.as_raw_fd());
    // SAFETY: the command takes no pointers.
    unsafe { attr.call(MAP_FREEZE) }.map(drop)
}

/// Loads types.
pub(super) fn btf_load(types: &[u8]) -> Result<OwnedFd, BpfError> {
    let len = u32::try_from(types.len()).unwrap_or(u32::MAX);
    let mut attr = Attr::default().read(0, types).u32(16, len);
    // SAFETY: the types have the length given, and the command returns a descriptor.
    unsafe { attr.call_for_fd(BTF_LOAD) }
}

/// Loads a program; `log` receives what the verifier writes.
pub(super) fn prog_load(prog: &ProgLoad<'_>, log: &mut [u8]) -> Result<OwnedFd, BpfError> {
    let insns: Vec<u64> = prog.insns.iter().copied().map(Insn::encode).collect();
    let attr = Attr::default()
        .u32(0, prog.prog_type)
        .u32(4, u32::try_from(insns.len()).unwrap_or(u32::MAX))
        .read(8, &insns)
        .u64(16, c"GPL".as_ptr() as u64)
        .u32(44, prog.flags)
        .name(48, prog.name)
        .u32(64, prog.ifindex)
        .u32(68, prog.attach_type);
    let attr = match prog.functions {
        None => attr,
        Some(functions) => {
            let count = u32::try_from(functions.all.len()).unwrap_or(u32::MAX);
            attr.fd(72, functions.btf).u32(76, 8).read(80, functions.all).u32(88, count)
        }
    };
    let mut attr = match log.len() {
        0 => attr,
        len => attr.u32(24, 1).u32(28, u32::try_from(len).unwrap_or(u32::MAX)).write(32, log),
    };
    // SAFETY: instructions, functions (8 bytes each) and log have the lengths given (a longer vector than u32 counts is refused),
    // the license ends in a zero, and the command returns a descriptor.
    unsafe { attr.call_for_fd(PROG_LOAD) }
}

/// `struct bpf_prog_info` or `struct bpf_map_info`, as many words of it as are asked for.
pub(super) fn info<const N: usize>(fd: BorrowedFd<'_>) -> Result<[u32; N], BpfError> {
    let mut words = [0u32; N];
    let len = u32::try_from(size_of_val(&words)).unwrap_or(u32::MAX);
    let mut attr = Attr::default().fd(0, fd.as_raw_fd()).u32(4, len).write(8, &mut words);
    // SAFETY: the buffer has the length given.
    unsafe { attr.call(OBJ_GET_INFO_BY_FD) }?;
    Ok(words)
}

pub(super) fn link_create(
    prog: BorrowedFd<'_>,
    ifindex: u32,
    attach: u32,
    flags: u32,
) -> Result<OwnedFd, BpfError> {
    let attr = Attr::default().fd(0, prog.as_raw_fd()).u32(4, ifindex).u32(8, attach).u32(12, flags);
    let mut attr = attr;
    // SAFETY: the command takes no pointers for these attach types and returns a descriptor.
    unsafe { attr.call_for_fd(LINK_CREATE) }
}

pub(super) fn link_update(link: BorrowedFd<'_>, prog: BorrowedFd<'_>) -> Result<(), BpfError> {
    let mut attr = Attr::default().fd(0, link.as_raw_fd()).fd(4, prog.as_raw_fd());
    // SAFETY: the command takes no pointers.
    unsafe { attr.call(LINK_UPDATE) }.map(drop)
}

/// `BPF_F_TEST_XDP_LIVE_FRAMES`.
const LIVE_FRAMES: u32 = 1 << 1;

/// The fields of `struct xdp_md` that a test run reads: the whole frame is data, without metadata.
fn xdp_md(len: usize, ingress_ifindex: u32, rx_queue_index: u32) -> [u32; 6] {
    [0, u32::try_from(len).unwrap_or(u32::MAX), 0, ingress_ifindex, rx_queue_index, 0]
}

pub(super) fn live_frames(prog: BorrowedFd<'_>, frames: &LiveFrames<'_>) -> Result<(), BpfError> {
    let data = frames.data;
    let md = xdp_md(data.len(), frames.ingress_ifindex, frames.rx_queue_index);
    let attr = Attr::default()
        .fd(0, prog.as_raw_fd())
        .u32(8, u32::try_from(data.len()).unwrap_or(u32::MAX))
        .read(16, data)
        .u32(32, frames.repeat)
        .u32(64, LIVE_FRAMES)
        .u32(72, frames.batch_size);
    let mut attr = match frames.ingress_ifindex {
        0 => attr,
        _ => attr.u32(40, size_of_val(&md) as u32).read(48, &md),
    };
    // SAFETY: data and context have the lengths given; live frames have no output.
    unsafe { attr.call(PROG_TEST_RUN) }.map(drop)
}

/// Runs so many times: nanoseconds of a run, on average.
pub(super) fn time(prog: BorrowedFd<'_>, data: &[u8], repeat: u32) -> Result<u32, BpfError> {
    let mut attr = Attr::default()
        .fd(0, prog.as_raw_fd())
        .u32(8, u32::try_from(data.len()).unwrap_or(u32::MAX))
        .read(16, data)
        .u32(32, repeat);
    // SAFETY: the input has the length given, and there is no output.
    unsafe { attr.call(PROG_TEST_RUN) }?;
    Ok(attr.get_u32(36))
}

/// Runs a program once on `data`: verdict and length of what it left in `out`.
/// Verdict, bytes that came out, and how many of them are metadata.
pub(super) fn test_run(
    prog: BorrowedFd<'_>,
    data: &[u8],
    out: &mut [u8],
) -> Result<(u32, usize, usize), BpfError> {
    let context = xdp_md(data.len(), 0, 0);
    let mut left = [0_u32; 6];
    let bytes = size_of_val(&context) as u32;
    let mut attr = Attr::default()
        .fd(0, prog.as_raw_fd())
        .u32(8, u32::try_from(data.len()).unwrap_or(u32::MAX))
        .u32(12, u32::try_from(out.len()).unwrap_or(u32::MAX))
        .read(16, data)
        .write(24, out)
        .u32(32, 1)
        .u32(40, bytes)
        .u32(44, bytes)
        .read(48, &context)
        .write(56, &mut left);
    // SAFETY: inputs and outputs have the lengths given.
    unsafe { attr.call(PROG_TEST_RUN) }?;
    let [data, _, meta, ..] = left;
    Ok((attr.get_u32(4), attr.get_u32(12) as usize, (data - meta) as usize))
}

/// The same with context and repetition; the context as it is afterwards.
pub(super) fn full_run(
    prog: BorrowedFd<'_>,
    run: &FullRun<'_>,
    out: &mut [u8],
) -> Result<(u32, usize, [u32; 6]), BpfError> {
    let mut after = [0_u32; 6];
    let attr = Attr::default()
        .fd(0, prog.as_raw_fd())
        .u32(8, u32::try_from(run.data.len()).unwrap_or(u32::MAX))
        .u32(12, u32::try_from(out.len()).unwrap_or(u32::MAX))
        .read(16, run.data)
        .write(24, out)
        .u32(32, run.repeat);
    let size = size_of_val(&after) as u32;
    let mut attr = match &run.context {
        None => attr,
        Some(context) => attr.u32(40, size).u32(44, size).read(48, context).write(56, &mut after),
    };
    // SAFETY: input, output and both contexts have the lengths given.
    unsafe { attr.call(PROG_TEST_RUN) }?;
    Ok((attr.get_u32(4), attr.get_u32(12) as usize, after))
}
