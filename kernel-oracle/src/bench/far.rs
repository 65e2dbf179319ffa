//! The far end of a port: everything that speaks and listens there.

use xdpsim_core::scenario::{PeerSpec, PortKind, PortSpec};
use xdpsim_devmap::IfIndex;

use super::catcher::Catcher;
use super::error::BenchError;
use super::feeder::{Feeder, Target};
use super::rooms::Rooms;
use crate::net::{PacketSocket, PortStats, XskConfig, XskSocket};

/// What a far end is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FarSpec {
    pub mtu: u32,
    pub gro: bool,
    pub xdp: bool,
    pub up: bool,
}

impl FarSpec {
    /// Of a port that has one.
    pub fn of(port: &PortSpec) -> Option<Self> {
        match port.kind {
            PortKind::Veth { peer: PeerSpec::FarEnd { mtu, gro, xdp, up, .. }, .. } => {
                Some(Self { mtu, gro, xdp, up })
            }
            _ => None,
        }
    }
}

/// Where the frames that leave by a port are seen.
#[derive(Debug)]
enum Capture {
    /// By the AF_XDP socket.
    Xsk,
    /// By a packet socket: there is no program, or the frames are too long for a chunk.
    Stack(PacketSocket),
    /// Not here: the catcher copies frames.
    Elsewhere,
}

/// A far end.
#[derive(Debug)]
pub(super) struct FarEnd {
    pub spec: FarSpec,
    pub ifindex: IfIndex,
    /// Is it up at this moment?
    pub up: bool,
    /// Frames to here come in by the near end.
    pub inward: Target,
    pub stats: PortStats,
    xsk: XskSocket,
    /// For frames that are too long for the AF_XDP socket.
    speaker: PacketSocket,
    capture: Capture,
}

impl FarEnd {
    /// The ifindex of the n-th port's far end: from 2 on, in the order of ports.
    pub fn ifindex(port: usize) -> IfIndex {
        IfIndex(u32::try_from(port).expect("few ports") + 2)
    }

    /// Makes the far end of the n-th port ready; the pair is there, and the thread is with the far ends.
    pub fn new(
        port: usize,
        spec: FarSpec,
        rooms: &Rooms,
        catcher: &mut Catcher,
        feeder: &mut Feeder,
    ) -> Result<Self, BenchError> {
        let (links, netns, ifindex) = (&rooms.far.links, &rooms.far.netns, Self::ifindex(port));
        let inward = feeder.add_target(ifindex)?;
        if spec.xdp {
            catcher.attach(ifindex)?;
        }
        links.set_gro(ifindex, spec.gro)?;
        // Sockets bind to devices that are up.
        links.set_up(ifindex, true)?;
        let xsk = XskSocket::open(netns, ifindex, XskConfig::default())?;
        let short = spec.mtu as usize + 18 <= XskSocket::FRAME_MAX;
        let capture = match spec {
            FarSpec { xdp: true, .. } if catcher.copies() => Capture::Elsewhere,
            FarSpec { xdp: true, .. } if short => {
                catcher.hand_to(ifindex, &xsk)?;
                Capture::Xsk
            }
            _ => Capture::Stack(PacketSocket::open(netns, ifindex)?),
        };
        let speaker = PacketSocket::mute(netns, ifindex)?;
        if !spec.up {
            links.set_up(ifindex, false)?;
        }
        let stats = PortStats::open(netns, ifindex)?;
        Ok(Self { spec, ifindex, up: spec.up, inward, stats, xsk, speaker, capture })
    }

    /// Sends a frame as an skb.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), BenchError> {
        if frame.len() <= XskSocket::FRAME_MAX {
            self.xsk.send(frame)?;
        } else {
            self.speaker.send(frame)?;
        }
        Ok(())
    }

    /// Takes the frames that have arrived since the last time.
    pub fn take(&mut self, to: &mut Vec<Vec<u8>>) -> Result<(), BenchError> {
        match &mut self.capture {
            Capture::Xsk => self.xsk.drain(|frame| to.push(frame.to_vec())),
            Capture::Stack(socket) => socket.drain(|frame| to.push(frame.to_vec()))?,
            Capture::Elsewhere => {}
        }
        Ok(())
    }

    /// How many frames its ring has given out.
    pub fn polled(&mut self) -> Result<u64, BenchError> {
        Ok(self.stats.read()?.xdp_packets)
    }
}
