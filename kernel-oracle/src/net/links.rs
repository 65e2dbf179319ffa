//! Links: veth pairs, bridges, macvlans, and what an operator does to them with `ip link` and `ethtool`.
//!
//! By `rtnetlink`, whose connection runs on a runtime of its own inside each call, so a call returns when
//! the kernel has answered. All devices are named by ifindex in the namespace that the handle was made for.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage, MacVlanMode};
use rtnetlink::{Handle, LinkBridge, LinkMacVlan, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};
use tokio::runtime::{Builder, Runtime};
use xdpsim_devmap::IfIndex;

use super::stats::Ethtool;
use super::{NetError, Netns, Tried};

/// One end of a veth pair to be made.
#[derive(Clone, Copy, Debug)]
pub struct VethEnd<'a> {
    /// The device's name, at most 15 bytes, unique in its namespace.
    pub name: &'a str,
    /// Its ifindex, unique in its namespace.
    pub ifindex: IfIndex,
    /// Where it lives.
    pub netns: &'a Netns,
    /// Its MTU, 68 to 65535.
    pub mtu: u32,
    /// Its number of receive queues and of transmit queues.
    pub queues: u16,
}

impl<'a> VethEnd<'a> {
    /// An end with an MTU of 1500 and one queue.
    #[must_use]
    pub const fn new(name: &'a str, ifindex: IfIndex, netns: &'a Netns) -> Self {
        Self { name, ifindex, netns, mtu: 1500, queues: 1 }
    }
}

/// Makes and changes the links of one namespace.
pub struct Links {
    runtime: Runtime,
    pub(super) handle: Handle,
    ethtool: Ethtool,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").finish_non_exhaustive()
    }
}

impl Links {
    /// For this namespace.
    ///
    /// # Errors
    /// If no socket can be made.
    pub fn of(netns: &Netns) -> Result<Self, NetError> {
        let _inside = netns.enter()?;
        let runtime = Builder::new_current_thread().enable_io().build();
        let runtime = runtime.tried(|| "start of the netlink runtime".to_owned())?;
        let handle = {
            let _entered = runtime.enter();
            let made = new_connection().tried(|| "socket(AF_NETLINK, NETLINK_ROUTE)".to_owned());
            let (connection, handle, _) = made?;
            runtime.spawn(connection);
            handle
        };
        Ok(Self { runtime, handle, ethtool: Ethtool::here()? })
    }

    /// Makes a veth pair, both ends down. The near end's namespace is the handle's.
    ///
    /// # Errors
    /// EEXIST or EBUSY if a name or an ifindex is taken.
    pub fn veth(&self, near: &VethEnd<'_>, far: &VethEnd<'_>) -> Result<(), NetError> {
        let mut peer = end::<LinkUnspec>(LinkMessageBuilder::default(), far);
        peer.attributes.push(LinkAttribute::NetNsFd(far.netns.as_fd().as_raw_fd()));
        let pair = LinkMessageBuilder::<LinkVeth>::new(near.name, far.name);
        let pair = end(pair.set_info_data(InfoData::Veth(InfoVeth::Peer(peer))), near);
        self.add(pair, || format!("veth {} (ifindex {}) with {}", near.name, near.ifindex, far.name))
    }

    /// Makes a bridge. It stays down: it then forwards nothing, but is its ports' master.
    ///
    /// # Errors
    /// EEXIST or EBUSY if the name or the ifindex is taken.
    pub fn bridge(&self, name: &str, ifindex: IfIndex) -> Result<(), NetError> {
        let message = LinkBridge::new(name).down().index(ifindex.0).build();
        self.add(message, || format!("bridge {name} (ifindex {ifindex})"))
    }

    /// Makes a macvlan on top of another device of this namespace. It stays down.
    ///
    /// # Errors
    /// EEXIST or EBUSY if the name, the ifindex or the lower device is taken.
    pub fn macvlan(&self, name: &str, ifindex: IfIndex, lower: IfIndex) -> Result<(), NetError> {
        let message = LinkMacVlan::new(name, lower.0, MacVlanMode::Bridge).index(ifindex.0).build();
        self.add(message, || format!("macvlan {name} (ifindex {ifindex}) on ifindex {lower}"))
    }

    /// `ip link set dev IFINDEX up|down`.
    ///
    /// # Errors
    /// ENODEV if there is no such device.
    pub fn set_up(&self, ifindex: IfIndex, up: bool) -> Result<(), NetError> {
        let link = LinkUnspec::new_with_index(ifindex.0);
        let link = if up { link.up() } else { link.down() };
        self.set(link.build(), || format!("set ifindex {ifindex} {}", if up { "up" } else { "down" }))
    }

    /// `ip link set dev IFINDEX mtu MTU`.
    ///
    /// # Errors
    /// EINVAL if the driver does not take it, ENODEV if there is no such device.
    pub fn set_mtu(&self, ifindex: IfIndex, mtu: u32) -> Result<(), NetError> {
        let link = LinkUnspec::new_with_index(ifindex.0).mtu(mtu).build();
        self.set(link, || format!("set the mtu of ifindex {ifindex} to {mtu}"))
    }

    /// `ip link set dev IFINDEX master MASTER`, or `nomaster`.
    ///
    /// # Errors
    /// EBUSY if it has macvlans, ENODEV if there is no such device.
    pub fn set_master(&self, ifindex: IfIndex, master: Option<IfIndex>) -> Result<(), NetError> {
        let link = LinkUnspec::new_with_index(ifindex.0).controller(master.map_or(0, |master| master.0));
        self.set(link.build(), || format!("set the master of ifindex {ifindex} to {master:?}"))
    }

    /// `ip link set dev IFINDEX netns NS`. The device goes down and keeps its ifindex if that is free there.
    ///
    /// # Errors
    /// EEXIST if its name is taken there, ENODEV if there is no such device.
    pub fn move_to(&self, ifindex: IfIndex, netns: &Netns) -> Result<(), NetError> {
        let link = LinkUnspec::new_with_index(ifindex.0).setns_by_fd(netns.as_fd().as_raw_fd()).build();
        self.set(link, || format!("move ifindex {ifindex} to namespace {}", netns.inode()))
    }

    /// `ip link del dev IFINDEX`; a veth's other end goes with it.
    ///
    /// # Errors
    /// ENODEV if there is no such device.
    pub fn delete(&self, ifindex: IfIndex) -> Result<(), NetError> {
        let request = self.handle.link().del(ifindex.0);
        self.wait(request.execute()).tried(|| format!("delete ifindex {ifindex}"))
    }

    /// `ethtool -K IFINDEX gro on|off`.
    ///
    /// # Errors
    /// ENODEV if there is no such device.
    pub fn set_gro(&self, ifindex: IfIndex, on: bool) -> Result<(), NetError> {
        self.ethtool.set_gro(ifindex, on)
    }

    fn add(&self, message: LinkMessage, what: impl FnOnce() -> String) -> Result<(), NetError> {
        self.wait(self.handle.link().add(message).execute()).tried(|| format!("add {}", what()))
    }

    pub(super) fn set(&self, message: LinkMessage, what: impl FnOnce() -> String) -> Result<(), NetError> {
        self.wait(self.handle.link().set(message).execute()).tried(what)
    }

    pub(super) fn wait(&self, request: impl Future<Output = Result<(), rtnetlink::Error>>) -> io::Result<()> {
        self.runtime.block_on(request).map_err(to_io)
    }
}

fn end<T>(link: LinkMessageBuilder<T>, end: &VethEnd<'_>) -> LinkMessage {
    let queues = u32::from(end.queues);
    link.name(end.name)
        .index(end.ifindex.0)
        .mtu(end.mtu)
        .append_extra_attribute(LinkAttribute::NumTxQueues(queues))
        .append_extra_attribute(LinkAttribute::NumRxQueues(queues))
        .build()
}

fn to_io(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other.to_string()),
    }
}
