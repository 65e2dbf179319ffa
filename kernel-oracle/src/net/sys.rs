//! System calls: namespaces, sockets, `ethtool`.
//!
//! Thin: each function is one call with its arguments' lengths taken from their types.

#![allow(unsafe_code, reason = "system calls")]

use std::ffi::c_char;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use xdpsim_devmap::IfIndex;

/// Names of statistics.
pub(super) const ETHTOOL_GSTRINGS: usize = 0x1b;
/// Values of statistics.
pub(super) const ETHTOOL_GSTATS: usize = 0x1d;
/// Sets GRO.
pub(super) const ETHTOOL_SGRO: usize = 0x2c;
/// Number of strings in sets.
pub(super) const ETHTOOL_GSSET_INFO: usize = 0x37;

/// Gives the calling thread a new network namespace.
pub(super) fn unshare_net() -> io::Result<()> {
    // SAFETY: takes no pointers.
    zero(unsafe { libc::unshare(libc::CLONE_NEWNET) })
}

/// Moves the calling thread into a network namespace.
pub(super) fn setns_net(netns: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes no pointers.
    zero(unsafe { libc::setns(netns.as_raw_fd(), libc::CLONE_NEWNET) })
}

/// The CPUs that the calling thread may run on.
///
/// # Errors
/// None is known.
pub fn cpus_allowed() -> io::Result<Vec<usize>> {
    // SAFETY: a set of bits; all zero is one.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the set is as long as said.
    zero(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) })?;
    let limit = usize::try_from(libc::CPU_SETSIZE).expect("positive");
    // SAFETY: below CPU_SETSIZE.
    Ok((0..limit).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect())
}

/// Lets the calling thread, and threads that it starts later, run on these CPUs only.
///
/// # Errors
/// EINVAL if there is none of them.
pub fn allow_cpus(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: a set of bits; all zero is one.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    let limit = usize::try_from(libc::CPU_SETSIZE).expect("positive");
    for cpu in cpus.iter().filter(|cpu| **cpu < limit) {
        // SAFETY: below CPU_SETSIZE.
        unsafe { libc::CPU_SET(*cpu, &mut set) };
    }
    // SAFETY: the set is as long as said.
    zero(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) })
}

/// A non-blocking socket that is closed on exec.
pub(super) fn socket(domain: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::socket(domain, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, protocol) };
    zero(fd.min(0))?;
    // SAFETY: the call just gave it, nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Any structure whose bytes the kernel may read and write: the `repr(C)` integers-only ones.
///
/// # Safety
/// Every bit pattern is a value, and there are no pointers in it that Rust follows.
pub(super) unsafe trait Plain: Copy {}

// SAFETY: integers.
unsafe impl Plain for u32 {}
// SAFETY: integers.
unsafe impl Plain for i32 {}
// SAFETY: integers.
unsafe impl Plain for libc::sockaddr_ll {}
// SAFETY: integers.
unsafe impl Plain for libc::sockaddr_xdp {}
// SAFETY: integers.
unsafe impl Plain for libc::xdp_umem_reg {}
// SAFETY: integers.
unsafe impl Plain for libc::xdp_mmap_offsets {}

pub(super) fn bind<A: Plain>(socket: BorrowedFd<'_>, address: &A) -> io::Result<()> {
    // SAFETY: the address is as long as said; the kernel copies it.
    zero(unsafe { libc::bind(socket.as_raw_fd(), (&raw const *address).cast(), socklen::<A>()) })
}

pub(super) fn set_option<T: Plain>(fd: BorrowedFd<'_>, level: i32, name: i32, value: &T) -> io::Result<()> {
    let value = (&raw const *value).cast();
    // SAFETY: the value is as long as said; the kernel copies it.
    zero(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value, socklen::<T>()) })
}

pub(super) fn get_option<T: Plain>(fd: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut len = socklen::<T>();
    // SAFETY: the kernel writes at most `len` bytes to the value.
    zero(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut len) })?;
    // SAFETY: zero bytes and what the kernel wrote over them; every pattern is a value (`Plain`).
    Ok(unsafe { value.assume_init() })
}

/// From now on the socket receives nothing.
pub(super) fn deafen(socket: BorrowedFd<'_>) -> io::Result<()> {
    // `ret #0`: keep no byte of any frame.
    let mut reject = libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 };
    let filter = libc::sock_fprog { len: 1, filter: &raw mut reject };
    let (option, len) = (libc::SO_ATTACH_FILTER, socklen::<libc::sock_fprog>());
    // SAFETY: the kernel copies the structure, which is as long as said, and the one instruction in it.
    zero(unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const filter).cast(), len)
    })
}

/// `sendto()` without data: what makes the kernel look at an AF_XDP socket's TX ring.
pub(super) fn kick(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: length 0, so neither pointer is followed.
    let sent = unsafe {
        libc::sendto(socket.as_raw_fd(), std::ptr::null(), 0, libc::MSG_DONTWAIT, std::ptr::null(), 0)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

pub(super) fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT;
    // SAFETY: the kernel reads as many bytes as the slice has.
    let sent = unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// The next frame of a packet socket: how many bytes it put into `to`, and the link-level address.
pub(super) fn receive(socket: BorrowedFd<'_>, to: &mut [u8]) -> io::Result<(usize, libc::sockaddr_ll)> {
    let mut from = MaybeUninit::<libc::sockaddr_ll>::zeroed();
    let mut from_len = socklen::<libc::sockaddr_ll>();
    // SAFETY: the kernel writes at most as many bytes as the slice and the address have.
    let received = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            to.as_mut_ptr().cast(),
            to.len(),
            libc::MSG_DONTWAIT,
            from.as_mut_ptr().cast(),
            &raw mut from_len,
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: zero bytes and what the kernel wrote over them; every pattern is a value (`Plain`).
    Ok((received, unsafe { from.assume_init() }))
}

/// A device's name in the socket's namespace.
pub(super) fn name_of(socket: BorrowedFd<'_>, ifindex: IfIndex) -> io::Result<String> {
    let mut ifreq = empty_ifreq();
    ifreq.ifr_ifru.ifru_ifindex = ifindex.0.cast_signed();
    // SAFETY: the kernel reads the ifindex and writes the name.
    zero(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFNAME as _, &raw mut ifreq) })?;
    let name = ifreq.ifr_name.iter().take_while(|c| **c != 0).map(|c| c.to_ne_bytes()[0]);
    Ok(String::from_utf8_lossy(&name.collect::<Vec<_>>()).into_owned())
}

/// An `ethtool` request on a device of the socket's namespace. `request` begins with the command and has
/// room for what the lengths in it ask for.
pub(super) fn ethtool(socket: BorrowedFd<'_>, device: &str, request: &mut [u64]) -> io::Result<()> {
    assert!(room_suffices(request), "an ethtool request without room for its answer");
    let mut ifreq = empty_ifreq();
    let name = &device.as_bytes()[..device.len().min(libc::IFNAMSIZ - 1)];
    for (to, from) in ifreq.ifr_name.iter_mut().zip(name) {
        *to = c_char::from_ne_bytes([*from]);
    }
    ifreq.ifr_ifru.ifru_data = request.as_mut_ptr().cast();
    // SAFETY: the kernel reads and writes the ifreq, and the request, which was checked for room.
    zero(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut ifreq) })
}

/// Does the request have the bytes that the kernel reads and writes for its command?
fn room_suffices(request: &[u64]) -> bool {
    let bytes: Vec<u8> = request.iter().take(2).flat_map(|word| word.to_ne_bytes()).collect();
    let u32_at = |at: usize| {
        let word = bytes.get(at..at + 4).map(|word| u32::from_ne_bytes(word.try_into().expect("4 bytes")));
        word.map(|word| word as usize)
    };
    let needed = match u32_at(0) {
        Some(ETHTOOL_SGRO) => Some(8),
        // The bit mask at 8 asks for one u32 per bit.
        Some(ETHTOOL_GSSET_INFO) => request.get(1).map(|mask| 16 + 4 * mask.count_ones() as usize),
        Some(ETHTOOL_GSTRINGS) => u32_at(8).map(|count| 12 + 32 * count),
        Some(ETHTOOL_GSTATS) => u32_at(4).map(|count| 8 + 8 * count),
        _ => None,
    };
    needed.is_some_and(|needed| needed <= 8 * request.len())
}

fn empty_ifreq() -> libc::ifreq {
    // SAFETY: integers and a pointer that may be null; all zero is a value.
    unsafe { mem::zeroed() }
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).expect("a small structure")
}

fn zero(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
