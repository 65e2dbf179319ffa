//! Packet sockets: what a device hands to the stack.
//!
//! Bound to all protocols, so it sees frames before a bridge or a macvlan takes them away. The kernel hands a
//! frame to all listeners but the last at once, and to the last one in batches, sorted by who it is
//! (`__netif_receive_skb_list_core()`); so each socket has a deaf one behind it, and sees frames in order.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};

use xdpsim_devmap::IfIndex;

use super::{NetError, Netns, Tried, sys};

/// More than any frame has.
const FRAME_MAX: usize = 1 << 17;

/// All protocols.
const ALL: u16 = libc::ETH_P_ALL as u16;
/// From `linux/if_packet.h`.
const PACKET_IGNORE_OUTGOING: i32 = 23;

/// A packet socket on one device.
#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
    ifindex: IfIndex,
    buffer: Vec<u8>,
    _behind: Option<OwnedFd>,
}

impl PacketSocket {
    /// On this device; sees every frame that comes in on it from now on.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW, ENODEV if there is no such device, ENETDOWN if it is down when it is
    /// read first.
    pub fn open(netns: &Netns, ifindex: IfIndex) -> Result<Self, NetError> {
        let _inside = netns.enter()?;
        // The last listener is the one that was there first.
        let behind = bound_to(ifindex, ALL)?;
        sys::deafen(behind.as_fd()).tried(|| format!("filter on ifindex {ifindex}"))?;
        let socket = bound_to(ifindex, ALL)?;
        Ok(Self { socket, ifindex, buffer: vec![0; FRAME_MAX], _behind: Some(behind) })
    }

    /// On this device, only to send: it sees nothing.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn mute(netns: &Netns, ifindex: IfIndex) -> Result<Self, NetError> {
        let _inside = netns.enter()?;
        Ok(Self { socket: bound_to(ifindex, 0)?, ifindex, buffer: Vec::new(), _behind: None })
    }

    /// Takes the frames that have come in since the last time, in order. Never waits. Frames that the
    /// device sent itself are left out.
    ///
    /// # Errors
    /// If the kernel does not give them out.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), NetError> {
        while let Some(frame) = self.receive()? {
            take(frame);
        }
        Ok(())
    }

    /// Takes one frame, if one has come in.
    ///
    /// # Errors
    /// If the kernel does not give it out.
    pub fn receive(&mut self) -> Result<Option<&[u8]>, NetError> {
        loop {
            match sys::receive(self.socket.as_fd(), &mut self.buffer) {
                Ok((_, from)) if from.sll_pkttype == libc::PACKET_OUTGOING => {}
                Ok((len, _)) => return Ok(Some(&self.buffer[..len])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                // Said once after the device went down; what was captured before is still there.
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
                Err(error) => {
                    return Err(error).tried(|| format!("receive what ifindex {} passed", self.ifindex));
                }
            }
        }
    }

    /// Sends a frame out of the device, as the stack would.
    ///
    /// # Errors
    /// ENETDOWN if the device is down, EMSGSIZE if the frame is longer than its mtu allows.
    pub fn send(&self, frame: &[u8]) -> Result<(), NetError> {
        let sent = sys::send(self.socket.as_fd(), frame);
        sent.map(drop).tried(|| format!("send {} bytes by ifindex {}", frame.len(), self.ifindex))
    }
}

fn bound_to(ifindex: IfIndex, protocol: u16) -> Result<OwnedFd, NetError> {
    // Protocol 0: hears nothing before it is bound to the device.
    let socket = sys::socket(libc::AF_PACKET, libc::SOCK_RAW, 0);
    let socket = socket.tried(|| "socket(AF_PACKET, SOCK_RAW), which needs CAP_NET_RAW".to_owned())?;
    let what = || format!("packet socket on ifindex {ifindex}");
    let room: i32 = 8 << 20;
    sys::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &room).tried(what)?;
    // Else the kernel clones what the device sends, to show it here, and veth copies clones.
    sys::set_option(socket.as_fd(), libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1).tried(what)?;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol.to_be(),
        sll_ifindex: ifindex.0.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    sys::bind(socket.as_fd(), &address).tried(what)?;
    Ok(socket)
}
