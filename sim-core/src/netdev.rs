//! Ports: what the redirect path asks a `struct net_device`.
//!
//! Owns identity (device, namespace, ifindex), state and feature bits, and the one compiled number
//! that the data path compares with, [`Device::limit`]. What happens behind `ndo_xdp_xmit` belongs
//! to [`crate::driver`]; masters are known only as "upper devices" (BRD-08).
//!
//! Rules: RED-03, RED-04, MAP-12, MAP-13, DRV-01, DRV-02, DRV-11, GEN-02, GEN-03.

use bitflags::bitflags;
use xdpsim_devmap::{DevId, Errno, IfIndex, NetnsId, ProgId};

use crate::mutation::Mutations;
use crate::profile::{KernelVersion, Profile};

bitflags! {
    /// XDP feature bits of a device, as `enum netdev_xdp_act` numbers them.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Features: u32 {
        /// Runs XDP programs.
        const BASIC = 1;
        /// Its frames can be redirected.
        const REDIRECT = 2;
        /// Is a redirect target.
        const NDO_XMIT = 4;
        /// Zero-copy AF_XDP.
        const XSK_ZEROCOPY = 8;
        /// Hardware offload.
        const HW_OFFLOAD = 16;
        /// Receives frames with fragments.
        const RX_SG = 32;
        /// Is a redirect target for frames with fragments.
        const NDO_XMIT_SG = 64;
    }
}

/// What kind of device it is, as far as its own rules go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Takes everything at once.
    Ideal,
    /// A TX ring behind it.
    Nic,
    /// One end of a pair.
    Veth {
        /// The other end.
        peer: DevId,
        /// Made by the model for a scenario that names no other end.
        far_end: bool,
    },
    /// Only an upper device.
    Upper,
}

/// Where a port's program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver, on frames.
    #[default]
    Native,
    /// In the stack behind it, on skbs (GEN-*).
    Generic,
}

/// One netdev.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub netns: NetnsId,
    /// Its index in that namespace.
    pub ifindex: IfIndex,
    /// Gone? A device that was unregistered keeps its `DevId` and nothing else.
    pub registered: bool,
    /// Administratively up.
    pub up: bool,
    /// MTU in bytes, without the Ethernet header.
    pub mtu: u32,
    /// GRO switched on (veth: makes a NAPI).
    pub gro: bool,
    /// GRO as the peer's feature bits know it: a toggle while down waits for the next opening (DRV-01).
    pub gro_seen: bool,
    /// A program that passes everything is attached, which matters by being there only: the agent of a
    /// far end.
    pub passes_all: bool,
    /// Receive queues; a veth has as many transmit queues.
    pub queues: u16,
    /// Where its program runs.
    pub mode: XdpMode,
    /// The attached XDP program.
    pub prog: Option<ProgId>,
    /// Does that program support fragments?
    pub prog_frags: bool,
    /// Direct upper devices in the order in which they were added.
    pub uppers: Vec<DevId>,
    /// Feature bits fixed by the scenario.
    pub features_fixed: Option<Features>,
    /// Feature bits in force.
    pub features: Features,
    /// Compiled: a frame fits if its length is below this. 0: takes nothing (RED-04).
    pub limit: u32,
    /// Compiled: does a veth end have NAPI, that is, can its peer transmit (DRV-03)?
    pub napi: bool,
}

impl Device {
    /// Length of an Ethernet header.
    pub const ETH_HLEN: u32 = 14;
    /// One VLAN tag, which every length check allows on top.
    pub const VLAN_HLEN: u32 = 4;

    /// The longest frame, header included, that passes the check of RED-04.
    #[must_use]
    pub fn frame_len_max(&self) -> u32 {
        self.mtu.saturating_add(Self::ETH_HLEN + Self::VLAN_HLEN)
    }

    /// Is it one end of a pair?
    #[must_use]
    pub fn is_veth(&self) -> bool {
        matches!(self.kind, Kind::Veth { .. })
    }

    /// Is a native program attached? One in generic mode is none of the driver's.
    #[must_use]
    pub fn has_program(&self) -> bool {
        (self.mode == XdpMode::Native && self.prog.is_some()) || self.passes_all
    }

    /// Is a program attached in generic mode?
    #[must_use]
    #[inline]
    pub fn runs_generic(&self) -> bool {
        self.mode == XdpMode::Generic && self.prog.is_some()
    }

    /// The other end of a veth.
    #[must_use]
    pub fn peer(&self) -> Option<DevId> {
        match self.kind {
            Kind::Veth { peer, .. } => Some(peer),
            _ => None,
        }
    }

    /// Can its driver transmit at all, whatever its features say right now? That is what kernels
    /// without feature bits ask (RED-04); features that the scenario fixes stand for a driver without.
    fn has_ndo_xdp_xmit(&self) -> bool {
        let fixed = self.features_fixed.unwrap_or(Features::NDO_XMIT);
        self.kind != Kind::Upper && fixed.contains(Features::NDO_XMIT)
    }

    /// The errno with which this device refuses a unicast frame, in the order of RED-04.
    ///
    /// # Errors
    /// EOPNOTSUPP without NDO_XMIT, or without NDO_XMIT_SG for a frame with fragments; ENETDOWN when
    /// down; EMSGSIZE when the frame is too long.
    pub fn accepts(&self, len: u32, frags: bool, profile: &Profile) -> Result<(), Refusal> {
        let feature_bits = profile.kernel >= KernelVersion::FEATURE_BITS;
        let transmits = match feature_bits {
            true => self.features.contains(Features::NDO_XMIT),
            false => self.has_ndo_xdp_xmit(),
        };
        if !transmits {
            return Err(Refusal::NoXmit);
        }
        if frags && feature_bits && !self.features.contains(Features::NDO_XMIT_SG) {
            return Err(Refusal::NoSg);
        }
        let short = u32::from(profile.mutations.has(Mutations::LENGTH_OFF_BY_ONE));
        let too_long = len > self.frame_len_max() - short;
        if too_long && profile.mutations.has(Mutations::LENGTH_BEFORE_DOWN) {
            return Err(Refusal::TooLong);
        }
        if !self.up {
            return Err(Refusal::Down);
        }
        if too_long { Err(Refusal::TooLong) } else { Ok(()) }
    }

    /// `xdp_ok_fwd_dev()`: the same for an skb, which every device can transmit (GEN-02, GEN-03).
    ///
    /// # Errors
    /// ENETDOWN when down; EMSGSIZE when the skb is too long, its Ethernet header included.
    pub fn accepts_skb(&self, len: u32) -> Result<(), Refusal> {
        if !self.up {
            return Err(Refusal::Down);
        }
        if len > self.frame_len_max() { Err(Refusal::TooLong) } else { Ok(()) }
    }
}

/// Why a device refuses a frame at redirect time (RED-04), or is skipped by a broadcast (BRD-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// No NDO_XMIT: EOPNOTSUPP.
    NoXmit,
    /// Fragments, and no NDO_XMIT_SG: EOPNOTSUPP.
    NoSg,
    /// Down: ENETDOWN.
    Down,
    /// Too long: EMSGSIZE.
    TooLong,
}

impl Refusal {
    /// The errno of a unicast redirect.
    #[must_use]
    pub fn errno(self) -> Errno {
        match self {
            Self::NoXmit | Self::NoSg => Errno::EOPNOTSUPP,
            Self::Down => Errno::ENETDOWN,
            Self::TooLong => Errno::EMSGSIZE,
        }
    }
}

/// All devices of a run, by [`DevId`].
#[derive(Clone, Debug, Default)]
pub struct DeviceTable {
    devices: Vec<Device>,
}

impl DeviceTable {
    /// Adds a device and says under which id.
    pub fn add(&mut self, device: Device) -> DevId {
        self.devices.push(device);
        DevId(self.devices.len() as u32 - 1)
    }

    /// How many devices there are, gone ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// No devices at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// The device.
    #[must_use]
    #[inline]
    pub fn get(&self, dev: DevId) -> &Device {
        &self.devices[dev.0 as usize]
    }

    /// The device, to change it. Call [`DeviceTable::refresh`] afterwards.
    pub fn get_mut(&mut self, dev: DevId) -> &mut Device {
        &mut self.devices[dev.0 as usize]
    }

    /// All devices with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (DevId, &Device)> {
        self.devices.iter().enumerate().map(|(id, device)| (DevId(id as u32), device))
    }

    /// `dev_get_by_index()`: the device with this number in a namespace.
    #[must_use]
    pub fn by_index(&self, netns: NetnsId, ifindex: IfIndex) -> Option<DevId> {
        let found = |device: &Device| device.registered && device.netns == netns && device.ifindex == ifindex;
        self.iter().find(|(_, device)| found(device)).map(|(id, _)| id)
    }

    /// The device with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<DevId> {
        self.iter().find(|(_, device)| device.name == name).map(|(id, _)| id)
    }

    /// Attaches a program in the device's mode, or removes it (DRV-11). In generic mode nothing is asked of
    /// the driver.
    ///
    /// # Errors
    /// On a veth in native mode: ERANGE if the peer's mtu needs fragments that the program does not support, or is
    /// beyond what fragments carry; ENOSPC if it has fewer receive queues than its peer transmits on;
    /// ENOTCONN if the peer is gone. EOPNOTSUPP on a device that runs no programs.
    pub fn attach(
        &mut self,
        dev: DevId,
        prog: Option<(ProgId, bool)>,
        page_size: u32,
    ) -> Result<(), AttachRefusal> {
        if let Some((_, frags)) = prog
            && self.get(dev).mode == XdpMode::Native
        {
            self.attach_allowed(dev, frags, page_size)?;
        }
        let device = self.get_mut(dev);
        if device.has_program() && prog.is_none() {
            device.gro_seen = device.gro;
        }
        device.passes_all = false;
        device.prog = prog.map(|(id, _)| id);
        device.prog_frags = prog.is_some_and(|(_, frags)| frags);
        Ok(())
    }

    fn attach_allowed(&self, dev: DevId, frags: bool, page_size: u32) -> Result<(), AttachRefusal> {
        let device = self.get(dev);
        let refuse = |errno, message| Err(AttachRefusal { errno, message });
        let Kind::Veth { peer, .. } = device.kind else {
            return match device.kind {
                Kind::Upper => refuse(Errno::EOPNOTSUPP, "the device does not run XDP programs"),
                _ => Ok(()),
            };
        };
        let peer = self.get(peer);
        if !peer.registered {
            return refuse(Errno::ENOTCONN, "Cannot set XDP when peer is detached");
        }
        let linear = page_size.saturating_sub(Self::VETH_OVERHEAD);
        let mtu_max = if frags { linear + page_size * Self::FRAGS_MAX } else { linear };
        if peer.mtu > mtu_max {
            return refuse(Errno::ERANGE, "Peer MTU is too large to set XDP");
        }
        if device.queues < peer.queues {
            return refuse(Errno::ENOSPC, "XDP expects number of rx queues not less than peer tx queues");
        }
        Ok(())
    }

    /// What one page loses to headroom (256), shared info (320) and the Ethernet header on a veth
    /// with a program: 4096 leave an mtu of 3506 (DRV-11).
    const VETH_OVERHEAD: u32 = 256 + 320 + Device::ETH_HLEN;
    /// Fragments that a frame can have.
    const FRAGS_MAX: u32 = 17;

    /// `ip link set up|down`. Opening brings the features of this end of a pair up to date, which follow the
    /// peer's GRO, and on older kernels those of the peer, too; closing leaves them (DRV-01).
    pub fn set_up(&mut self, dev: DevId, up: bool, kernel: KernelVersion) {
        self.get_mut(dev).up = up;
        if up {
            let own = (kernel < KernelVersion::OPENING_RENEWS_OWN).then_some(dev);
            for sender in [own, self.get(dev).peer()].into_iter().flatten() {
                let sender = self.get_mut(sender);
                sender.gro_seen = sender.gro;
            }
        }
    }

    /// `ethtool -K gro`. The peer's features follow at once only while the device is up and its NAPI is
    /// not a program's (DRV-01).
    pub fn set_gro(&mut self, dev: DevId, on: bool) {
        let device = self.get_mut(dev);
        device.gro = on;
        if device.up && !device.has_program() {
            device.gro_seen = on;
        }
    }

    /// Computes features, NAPI and limits anew; to be called after every change of a device.
    pub fn refresh(&mut self, profile: &Profile) {
        for id in 0..self.devices.len() {
            let features = self.features_of(&self.devices[id]);
            let device = &mut self.devices[id];
            device.features = features;
            device.napi = device.registered && device.up && (device.has_program() || device.gro);
            device.limit = match device.accepts(0, false, profile) {
                Ok(()) if device.registered => device.frame_len_max().saturating_add(1),
                _ => 0,
            };
        }
    }

    /// Which feature bits a device has (DRV-01): a veth is a target if its *peer* can take frames.
    fn features_of(&self, device: &Device) -> Features {
        if let Some(fixed) = device.features_fixed {
            return fixed;
        }
        let receives = Features::BASIC | Features::REDIRECT | Features::RX_SG;
        let transmits = Features::NDO_XMIT | Features::NDO_XMIT_SG;
        match device.kind {
            Kind::Ideal | Kind::Nic => receives | transmits,
            Kind::Upper => Features::empty(),
            Kind::Veth { peer, .. } => {
                let peer = self.get(peer);
                if !peer.registered || peer.queues > device.queues {
                    Features::empty()
                } else if peer.has_program() || peer.gro_seen {
                    receives | transmits
                } else {
                    receives
                }
            }
        }
    }
}

/// A program that a device would not take, with what the kernel says in the extended ack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{errno}: {message}")]
pub struct AttachRefusal {
    /// The errno.
    pub errno: Errno,
    /// The kernel's message.
    pub message: &'static str,
}
