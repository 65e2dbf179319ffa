//! One port of the house: the near end of a veth pair, and what is known of the other one.

use xdpsim_core::driver::veth::VethCounters;
use xdpsim_core::scenario::{PeerSpec, PortKind, PortSpec};
use xdpsim_devmap::{IfIndex, ProgId};

use super::error::BenchError;
use super::far::{FarEnd, FarSpec};
use super::feeder::{Feeder, Target};
use super::gate::{Flavour, Gate};
use super::rooms::{LO, RoomNo, Rooms};
use crate::case::Inject;
use crate::net::{Drops, PacketSocket, PortStats, VethEnd};

/// Of an skb, `xdp_bytes` counts what follows the Ethernet header (`skb->len` after `eth_type_trans()`); of
/// a frame that came in by `ndo_xdp_xmit`, all of it. Transcripts count frames.
const ETH_HLEN: u64 = 14;

/// A port.
#[derive(Debug)]
pub(super) struct Door {
    pub port: usize,
    pub name: String,
    pub room: RoomNo,
    pub ifindex: IfIndex,
    /// Its far end; `None` if the other end is a port, too.
    pub far: Option<FarEnd>,
    /// The port at the other end, if it is one.
    pub peer: Option<String>,
    /// Is GRO on at this moment?
    pub gro: bool,
    pub gate: Option<Gate>,
    /// The model's id of the program behind the gate.
    pub program: Option<ProgId>,
    /// Frames to here leave by this port.
    pub outward: Target,
    device: String,
    stats: PortStats,
    stack: PacketSocket,
    before: VethCounters,
    /// Skbs that were polled since `before`.
    skbs: u64,
    /// Skbs, and their bytes, that came by the backlog since, past the ring and its counters.
    backlog: (u64, u64),
    /// How many frames this end and the far one had polled when their rings were made.
    renewed: (u64, u64),
}

/// Where a port's device is.
pub(super) fn address(spec: &PortSpec, rooms: &Rooms) -> Result<(RoomNo, IfIndex), BenchError> {
    let refuse = |why: String| BenchError::port(&spec.name, why);
    let netns = spec.netns.as_deref();
    let room = rooms.find(netns).ok_or_else(|| refuse(format!("no namespace is called {netns:?}")))?;
    let ifindex = spec.ifindex.ok_or_else(|| refuse("give it an explicit ifindex".to_owned()))?;
    if ifindex.0 == 0 || (ifindex == LO && spec.kind != PortKind::Upper) {
        return Err(refuse(format!("ifindex {ifindex} is the loopback device's; use 2 or more")));
    }
    Ok((room, ifindex))
}

/// Makes the veth pair that the n-th port is an end of. Of two ports that are each other's ends the first
/// one makes both.
pub(super) fn build_pair(ports: &[PortSpec], port: usize, rooms: &Rooms) -> Result<(), BenchError> {
    let spec = &ports[port];
    let refuse = |why: &str| Err(BenchError::port(&spec.name, why));
    if spec.queues != 1 {
        return refuse("a port of the bench has one queue");
    }
    let (room, ifindex) = address(spec, rooms)?;
    let (netns, name) = (&rooms.room(room).netns, device(port));
    let near = VethEnd { mtu: mtu(spec), ..VethEnd::new(&name, ifindex, netns) };
    let far_name = format!("f{port}");
    match &spec.kind {
        PortKind::Veth { peer: PeerSpec::FarEnd { queues: 1, mtu, .. }, .. } => {
            let far = VethEnd::new(&far_name, FarEnd::ifindex(port), &rooms.far.netns);
            rooms.room(room).links.veth(&near, &VethEnd { mtu: *mtu, ..far })?;
        }
        PortKind::Veth { peer: PeerSpec::Port(peer), .. } => {
            let Some(other) = ports.iter().position(|one| one.name == *peer) else {
                return refuse("its other end is a port that does not exist");
            };
            if other > port {
                let (room_there, ifindex) = address(&ports[other], rooms)?;
                let (name, netns) = (device(other), &rooms.room(room_there).netns);
                let there = VethEnd { mtu: mtu(&ports[other]), ..VethEnd::new(&name, ifindex, netns) };
                rooms.room(room).links.veth(&near, &there)?;
            }
        }
        _ => return refuse("it is of another kind; use a veth whose far end has one queue"),
    }
    Ok(())
}

impl Door {
    /// Makes the near end of the n-th port ready; the pair is there, and the far end, if it is one.
    pub fn new(
        ports: &[PortSpec],
        port: usize,
        far: Option<FarEnd>,
        rooms: &Rooms,
        feeder: &mut Feeder,
    ) -> Result<Self, BenchError> {
        let spec = &ports[port];
        let (room, ifindex) = address(spec, rooms)?;
        let (links, netns) = (&rooms.room(room).links, &rooms.room(room).netns);
        let PortKind::Veth { gro, ref peer } = spec.kind else {
            return Err(BenchError::port(&spec.name, "it is no veth"));
        };
        let peer = match peer {
            PeerSpec::Port(peer) => Some(peer.clone()),
            PeerSpec::FarEnd { .. } => None,
        };
        rooms.go_to(room)?;
        let flavour = far.as_ref().map_or(Flavour::Linear, |far| Flavour::needed_for(far.spec.mtu));
        let gate = spec.xdp.as_ref().map(|_| Gate::new(ifindex, flavour, spec.mode)).transpose()?;
        let outward = feeder.add_target(ifindex)?;
        links.set_gro(ifindex, gro)?;
        // Features follow the far end's GRO when the port is opened (DRV-01), so each was open once.
        links.set_up(ifindex, true)?;
        if gro {
            // And the far end's follow this end's GRO when that is switched on while this end is up.
            links.set_gro(ifindex, false)?;
            links.set_gro(ifindex, true)?;
        }
        if !spec.up {
            links.set_up(ifindex, false)?;
        }
        Ok(Self {
            port,
            name: spec.name.clone(),
            room,
            ifindex,
            far,
            peer,
            gro,
            gate,
            program: None,
            outward,
            device: device(port),
            stats: PortStats::open(netns, ifindex)?,
            stack: PacketSocket::open(netns, ifindex)?,
            before: VethCounters::default(),
            skbs: 0,
            backlog: (0, 0),
            renewed: (0, 0),
        })
    }

    /// What the house says of its far end.
    pub fn far_spec(&self) -> Option<FarSpec> {
        self.far.as_ref().map(|far| far.spec)
    }

    /// The far end by which frames come in like that. What can't come in is no difference, but a case that
    /// makes no sense.
    pub fn way_in(&self, how: Inject) -> Result<&FarEnd, BenchError> {
        let refuse = |why| Err(BenchError::Case(format!("frames come in on `{}`, but {why}", self.name)));
        match &self.far {
            None => refuse("its other end is a port, and nobody sends there"),
            Some(far) if !far.up => refuse("its far end is down and sends nothing"),
            Some(_) if how == Inject::Poll && !self.has_native_program() && !self.gro => {
                refuse("it has neither a native program nor GRO, so nobody polls it; use `Inject::Socket`")
            }
            Some(far) => Ok(far),
        }
    }

    /// A frame comes in as an skb.
    pub fn inject(&mut self, frame: &[u8]) -> Result<(), BenchError> {
        self.far.as_mut().map_or(Ok(()), |far| far.send(frame))
    }

    /// Takes the frames that have left by this port since the last time.
    pub fn take_left(&mut self, to: &mut Vec<Vec<u8>>) -> Result<(), BenchError> {
        self.far.as_mut().map_or(Ok(()), |far| far.take(to))
    }

    /// Takes the frames that this port has passed to the stack since the last time.
    pub fn take_passed(&mut self, to: &mut Vec<Vec<u8>>) -> Result<(), BenchError> {
        Ok(self.stack.drain(|frame| to.push(frame.to_vec()))?)
    }

    /// How many frames its ring has given out.
    pub fn polled(&mut self) -> Result<u64, BenchError> {
        Ok(self.stats.read()?.xdp_packets)
    }

    /// So many of the frames that its ring has given out were skbs.
    pub fn were_skbs(&mut self, count: u64) {
        self.skbs += count;
    }

    /// Is there a program in the driver?
    pub fn has_native_program(&self) -> bool {
        self.gate.as_ref().is_some_and(Gate::is_native)
    }

    /// These came as skbs. Without a native program the ring is passed by, which the model does not do
    /// where there is GRO.
    pub fn came_by_backlog(&mut self, frames: &[Vec<u8>]) {
        if self.gro && !self.has_native_program() {
            self.backlog.0 += frames.len() as u64;
            self.backlog.1 += frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
        }
    }

    /// Name of the device.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Begins to count anew.
    pub fn begin_count(&mut self, drops: Drops) -> Result<(), BenchError> {
        self.before = self.counters(drops)?;
        (self.skbs, self.backlog) = (0, (0, 0));
        Ok(())
    }

    /// What was counted since; counting begins anew.
    pub fn counted(&mut self, drops: Drops) -> Result<VethCounters, BenchError> {
        let now = self.counters(drops)?;
        let counted = minus(&now, &self.before);
        let (packets, bytes) = std::mem::take(&mut self.backlog);
        let xdp_packets = counted.xdp_packets + packets;
        let xdp_bytes = counted.xdp_bytes + ETH_HLEN * self.skbs + bytes;
        (self.before, self.skbs) = (now, 0);
        Ok(VethCounters { xdp_packets, xdp_bytes, ..counted })
    }

    fn counters(&mut self, drops: Drops) -> Result<VethCounters, BenchError> {
        Ok(VethCounters { rx_dropped: drops.rx, tx_dropped: drops.tx, ..self.stats.read()? })
    }

    /// How many frames the rings of this and the far end have given out since they were made.
    pub fn polled_since_made(&mut self) -> Result<(u64, Option<u64>), BenchError> {
        let far = self.far.as_mut().map(FarEnd::polled).transpose()?;
        Ok((self.polled()? - self.renewed.0, far.map(|far| far - self.renewed.1)))
    }

    /// An end has lost its NAPI and with it its ring; the next one is a new one.
    pub fn renew_ring(&mut self, far: bool) -> Result<(), BenchError> {
        match &mut self.far {
            Some(end) if far => self.renewed.1 = end.polled()?,
            _ => self.renewed.0 = self.polled()?,
        }
        Ok(())
    }
}

fn device(port: usize) -> String {
    format!("p{port}")
}

fn mtu(spec: &PortSpec) -> u32 {
    spec.mtu.unwrap_or(1500)
}

fn minus(a: &VethCounters, b: &VethCounters) -> VethCounters {
    VethCounters {
        xdp_packets: a.xdp_packets.wrapping_sub(b.xdp_packets),
        xdp_bytes: a.xdp_bytes.wrapping_sub(b.xdp_bytes),
        xdp_redirect: a.xdp_redirect.wrapping_sub(b.xdp_redirect),
        drops: a.drops.wrapping_sub(b.drops),
        xdp_drops: a.xdp_drops.wrapping_sub(b.xdp_drops),
        xdp_tx: a.xdp_tx.wrapping_sub(b.xdp_tx),
        xdp_tx_errors: a.xdp_tx_errors.wrapping_sub(b.xdp_tx_errors),
        xdp_xmit: a.xdp_xmit.wrapping_sub(b.xdp_xmit),
        xdp_xmit_errors: a.xdp_xmit_errors.wrapping_sub(b.xdp_xmit_errors),
        tx_dropped: a.tx_dropped.wrapping_sub(b.tx_dropped),
        rx_dropped: a.rx_dropped.wrapping_sub(b.rx_dropped),
    }
}
