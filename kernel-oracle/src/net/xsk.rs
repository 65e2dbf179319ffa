//! AF_XDP sockets in copy mode: capture of what an XSKMAP redirects to them, and injection at the far end.
//!
//! One socket has a packet buffer of its own, one device, one queue. Chunks below `rx_chunks` belong to
//! the receiving rings, the others to the transmitting ones. A frame is transmitted by one `sendto()` and
//! its chunk comes back through the completion ring, so nothing depends on how many frames the kernel
//! takes per call.

use std::io::{self, ErrorKind};
use std::mem::offset_of;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use libc::{xdp_desc, xdp_mmap_offsets, xdp_ring_offset};
use xdpsim_devmap::IfIndex;

use super::region::Region;
use super::{NetError, Netns, Tried, sys};

/// How large a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XskConfig {
    /// Frames that can wait to be taken; a power of two.
    pub rx_chunks: u32,
    /// Frames that can be under way; a power of two.
    pub tx_chunks: u32,
}

impl Default for XskConfig {
    /// More than a veth's ring (256) holds, four times over.
    fn default() -> Self {
        Self { rx_chunks: 1024, tx_chunks: 64 }
    }
}

/// Bytes of a chunk: a page, the most that the kernel takes. 256 of them are headroom on receive.
const CHUNK: usize = 4096;

/// An AF_XDP socket on queue 0 of a device.
#[derive(Debug)]
pub struct XskSocket {
    socket: OwnedFd,
    ifindex: IfIndex,
    umem: Region,
    fill: Ring,
    rx: Ring,
    tx: Ring,
    completion: Ring,
    free: Vec<u64>,
}

impl XskSocket {
    /// Longest frame that can be sent and captured whole.
    pub const FRAME_MAX: usize = CHUNK - 256;

    /// On queue 0 of this device, which has to be up.
    ///
    /// # Errors
    /// EAFNOSUPPORT without CONFIG_XDP_SOCKETS, EPERM without CAP_NET_RAW, ENOBUFS without CAP_IPC_LOCK
    /// under a small RLIMIT_MEMLOCK, ENETDOWN if the device is down.
    pub fn open(netns: &Netns, ifindex: IfIndex, config: XskConfig) -> Result<Self, NetError> {
        let _inside = netns.enter()?;
        let socket = sys::socket(libc::AF_XDP, libc::SOCK_RAW, 0);
        let socket = socket.tried(|| "socket(AF_XDP), which needs CAP_NET_RAW".to_owned())?;
        let what = || format!("AF_XDP socket on ifindex {ifindex}");
        Self::set_up(socket, ifindex, config).tried(what)
    }

    fn set_up(socket: OwnedFd, ifindex: IfIndex, config: XskConfig) -> io::Result<Self> {
        let XskConfig { rx_chunks, tx_chunks } = config;
        let umem = Region::anonymous((rx_chunks + tx_chunks) as usize * CHUNK)?;
        register(socket.as_fd(), &umem)?;
        let rings = [
            (libc::XDP_UMEM_FILL_RING, rx_chunks),
            (libc::XDP_RX_RING, rx_chunks),
            (libc::XDP_TX_RING, tx_chunks),
            (libc::XDP_UMEM_COMPLETION_RING, tx_chunks),
        ];
        for (ring, size) in rings {
            sys::set_option(socket.as_fd(), libc::SOL_XDP, ring, &size)?;
        }
        let offsets: xdp_mmap_offsets =
            sys::get_option(socket.as_fd(), libc::SOL_XDP, libc::XDP_MMAP_OFFSETS)?;
        let ring = |page, offsets, size, entry| Ring::map(socket.as_fd(), page, offsets, size, entry);
        let fill_page = i64::try_from(libc::XDP_UMEM_PGOFF_FILL_RING).expect("a page offset");
        let completion_page = i64::try_from(libc::XDP_UMEM_PGOFF_COMPLETION_RING).expect("a page offset");
        let mut fill = ring(fill_page, offsets.fr, rx_chunks, size_of::<u64>())?;
        let completion = ring(completion_page, offsets.cr, tx_chunks, size_of::<u64>())?;
        let rx = ring(libc::XDP_PGOFF_RX_RING, offsets.rx, rx_chunks, size_of::<xdp_desc>())?;
        let tx = ring(libc::XDP_PGOFF_TX_RING, offsets.tx, tx_chunks, size_of::<xdp_desc>())?;
        let chunks = |numbers: std::ops::Range<u32>| numbers.map(|n| u64::from(n) * CHUNK as u64);
        for chunk in chunks(0..rx_chunks) {
            fill.produce(&chunk.to_ne_bytes());
        }
        bind(socket.as_fd(), ifindex)?;
        let free = chunks(rx_chunks..rx_chunks + tx_chunks).collect();
        Ok(Self { socket, ifindex, umem, fill, rx, tx, completion, free })
    }

    /// Takes the frames that have come in since the last time, in order. Never waits.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8])) {
        let mut bytes = [0; CHUNK];
        let mut desc = [0; size_of::<xdp_desc>()];
        while self.rx.consume(&mut desc) {
            let (addr, len) = unpack(&desc);
            let frame = &mut bytes[..len];
            self.umem.read(usize::try_from(addr).expect("inside the buffer"), frame);
            take(frame);
            let chunk = addr - addr % CHUNK as u64;
            self.fill.produce(&chunk.to_ne_bytes());
        }
    }

    /// Sends one frame out of the device; the other end has seen it when this returns.
    ///
    /// # Errors
    /// EMSGSIZE beyond [`Self::FRAME_MAX`]; ENETDOWN if the device is down; ENOBUFS if too many frames
    /// of before still wait somewhere.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), NetError> {
        let what = |len: usize, ifindex: IfIndex| format!("send {len} bytes by AF_XDP on ifindex {ifindex}");
        self.try_send(frame).tried(|| what(frame.len(), self.ifindex))
    }

    fn try_send(&mut self, frame: &[u8]) -> io::Result<()> {
        if frame.len() > Self::FRAME_MAX {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        self.reap();
        let chunk = self.free.pop().ok_or_else(|| io::Error::from_raw_os_error(libc::ENOBUFS))?;
        self.umem.write(usize::try_from(chunk).expect("inside the buffer"), frame);
        self.tx.produce(&pack(chunk, frame.len()));
        // EAGAIN says that there is more to do, EBUSY that the completion ring is full: both pass.
        for _ in 0..1000 {
            match sys::kick(self.socket.as_fd()) {
                Err(error) if error.kind() != ErrorKind::WouldBlock && !is(&error, libc::EBUSY) => {
                    if !self.tx.is_empty() {
                        self.tx.retract();
                        self.free.push(chunk);
                    }
                    return Err(error);
                }
                _ if self.tx.is_empty() => return Ok(()),
                _ => self.reap(),
            }
        }
        Err(ErrorKind::TimedOut.into())
    }

    /// Chunks whose frames nobody has any more.
    fn reap(&mut self) {
        let mut addr = [0; size_of::<u64>()];
        while self.completion.consume(&mut addr) {
            self.free.push(u64::from_ne_bytes(addr));
        }
    }
}

impl AsFd for XskSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn register(socket: BorrowedFd<'_>, umem: &Region) -> io::Result<()> {
    let registration = libc::xdp_umem_reg {
        addr: umem.address(),
        len: umem.len() as u64,
        chunk_size: CHUNK as u32,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    sys::set_option(socket, libc::SOL_XDP, libc::XDP_UMEM_REG, &registration)
}

fn bind(socket: BorrowedFd<'_>, ifindex: IfIndex) -> io::Result<()> {
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: libc::XDP_COPY,
        sxdp_ifindex: ifindex.0,
        sxdp_queue_id: 0,
        sxdp_shared_umem_fd: 0,
    };
    sys::bind(socket, &address)
}

fn is(error: &io::Error, errno: i32) -> bool {
    error.raw_os_error() == Some(errno)
}

/// `struct xdp_desc`: address, length, options.
fn pack(addr: u64, len: usize) -> [u8; size_of::<xdp_desc>()] {
    let mut bytes = [0; size_of::<xdp_desc>()];
    let len = u32::try_from(len).expect("a frame's length");
    bytes[offset_of!(xdp_desc, addr)..][..8].copy_from_slice(&addr.to_ne_bytes());
    bytes[offset_of!(xdp_desc, len)..][..4].copy_from_slice(&len.to_ne_bytes());
    bytes
}

fn unpack(bytes: &[u8; size_of::<xdp_desc>()]) -> (u64, usize) {
    let addr = bytes[offset_of!(xdp_desc, addr)..].first_chunk().expect("8 bytes");
    let len = bytes[offset_of!(xdp_desc, len)..].first_chunk().expect("4 bytes");
    (u64::from_ne_bytes(*addr), u32::from_ne_bytes(*len) as usize)
}

/// One of a socket's rings.
#[derive(Debug)]
struct Ring {
    region: Region,
    producer: usize,
    consumer: usize,
    entries: usize,
    entry_len: usize,
    size: u32,
}

impl Ring {
    fn map(
        socket: BorrowedFd<'_>,
        page: i64,
        at: xdp_ring_offset,
        size: u32,
        entry_len: usize,
    ) -> io::Result<Self> {
        let offset = |offset: u64| usize::try_from(offset).expect("an offset in a small region");
        let entries = offset(at.desc);
        let region = Region::shared(entries + size as usize * entry_len, socket, page)?;
        Ok(Self {
            region,
            producer: offset(at.producer),
            consumer: offset(at.consumer),
            entries,
            entry_len,
            size,
        })
    }

    /// Puts one entry in. There is always room: no ring is given more entries than it has chunks.
    fn produce(&mut self, entry: &[u8]) {
        let at = self.region.load(self.producer);
        self.region.write(self.entry(at), entry);
        self.region.store(self.producer, at.wrapping_add(1));
    }

    /// Takes back the entry put in last, which the kernel refused to look at.
    fn retract(&mut self) {
        let at = self.region.load(self.producer);
        self.region.store(self.producer, at.wrapping_sub(1));
    }

    /// Takes one entry out, if there is one.
    fn consume(&mut self, entry: &mut [u8]) -> bool {
        let at = self.region.load(self.consumer);
        if at == self.region.load(self.producer) {
            return false;
        }
        self.region.read(self.entry(at), entry);
        self.region.store(self.consumer, at.wrapping_add(1));
        true
    }

    fn is_empty(&self) -> bool {
        self.region.load(self.producer) == self.region.load(self.consumer)
    }

    fn entry(&self, index: u32) -> usize {
        self.entries + (index % self.size) as usize * self.entry_len
    }
}
