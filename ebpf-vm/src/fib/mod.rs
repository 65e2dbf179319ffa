//! What `bpf_fib_lookup()` and `bpf_check_mtu()` ask: devices, routes and neighbours, of both IPs.
//!
//! A [`Fib`] is plain data, filled by the caller as `ip addr`, `ip route` and `ip neigh` would fill a kernel's:
//!
//! ```
//! use xdpsim_devmap::IfIndex;
//! use xdpsim_vm::fib::{Device, Fib, Route};
//!
//! let mut fib = Fib::default();
//! fib.add_device(Device::new(IfIndex(2), [2, 0, 0, 0, 0, 2]).forwarding());
//! fib.add_device(Device::new(IfIndex(3), [2, 0, 0, 0, 0, 3]).forwarding());
//! fib.add_route(Route::via("10.0.0.0/8".parse()?, IfIndex(3)).gateway("192.0.2.1".parse()?));
//! fib.add_neighbour(IfIndex(3), "192.0.2.1".parse()?, [2, 0, 0, 0, 1, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Modelled: tables by number, prefixes, metrics, gateways (of IPv6 too for IPv4 routes), types of routes, preferred
//! sources, MTUs of devices and locked ones of routes. Not modelled: policy rules (marks change nothing), types of
//! service, several next hops, light-weight tunnels, l3mdev, neighbours that are not valid.

mod lookup;
mod prefix;

use std::collections::BTreeMap;
use std::net::IpAddr;

use xdpsim_devmap::IfIndex;

pub use lookup::{Answer, Asked, Reason};
pub use prefix::{Prefix, PrefixError};

/// Six bytes of an Ethernet address.
pub type Mac = [u8; 6];

/// The table that `ip route` means when it names none (`RT_TABLE_MAIN`).
pub const TABLE_MAIN: u32 = 254;
/// The table of the machine's own addresses (`RT_TABLE_LOCAL`).
pub const TABLE_LOCAL: u32 = 255;
/// The table that is asked last (`RT_TABLE_DEFAULT`).
pub const TABLE_DEFAULT: u32 = 253;

/// A device, as far as routing is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its ifindex.
    pub ifindex: IfIndex,
    /// Its address.
    pub mac: Mac,
    /// The longest packet, without Ethernet header.
    pub mtu: u32,
    /// Bytes of its link layer header (`hard_header_len`).
    pub header: u32,
    /// `net.ipv4.conf.DEV.forwarding`, `net.ipv6.conf.DEV.forwarding`.
    pub forwards: [bool; 2],
    /// Its IP addresses, each with the length of its network's prefix.
    pub addresses: Vec<(IpAddr, u8)>,
}

impl Device {
    /// An Ethernet device with an MTU of 1500 that does not forward.
    #[must_use]
    pub fn new(ifindex: IfIndex, mac: Mac) -> Self {
        Self { ifindex, mac, mtu: 1500, header: 14, forwards: [false; 2], addresses: vec![] }
    }

    /// The same, forwarding both IPs.
    #[must_use]
    pub fn forwarding(self) -> Self {
        Self { forwards: [true; 2], ..self }
    }
}

/// What a route does with packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteType {
    /// They leave by a device.
    Unicast,
    /// They are for this machine.
    Local,
    /// They are dropped.
    Blackhole,
    /// They are refused: host unreachable.
    Unreachable,
    /// They are refused: not allowed.
    Prohibit,
    /// The next table is asked.
    Throw,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// For which destinations.
    pub prefix: Prefix,
    /// In which table.
    pub table: u32,
    /// Of routes for the same prefix the one with the lowest is taken. IPv6's usual one is 1024.
    pub metric: u32,
    /// What becomes of packets.
    pub kind: RouteType,
    /// The device; of types other than unicast it is not looked at.
    pub dev: IfIndex,
    /// The router; without, destinations are neighbours.
    pub gateway: Option<IpAddr>,
    /// `mtu lock N`: in place of the device's. (A route's MTU that is not locked is not looked at by forwarding.)
    pub locked_mtu: Option<u32>,
    /// `src ADDRESS`: the preferred source.
    pub source: Option<IpAddr>,
}

impl Route {
    /// A route of the main table to destinations behind this device.
    #[must_use]
    pub fn via(prefix: Prefix, dev: IfIndex) -> Self {
        let metric = if prefix.is_v6() { 1024 } else { 0 };
        let (kind, table) = (RouteType::Unicast, TABLE_MAIN);
        Self { prefix, table, metric, kind, dev, gateway: None, locked_mtu: None, source: None }
    }

    /// A route of the main table that leads nowhere.
    #[must_use]
    pub fn of_type(prefix: Prefix, kind: RouteType) -> Self {
        Self { kind, ..Self::via(prefix, IfIndex(1)) }
    }

    /// The same, by a router.
    #[must_use]
    pub fn gateway(self, gateway: IpAddr) -> Self {
        Self { gateway: Some(gateway), ..self }
    }
}

/// Devices, routes and neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fib {
    devices: BTreeMap<IfIndex, Device>,
    routes: Vec<Route>,
    neighbours: BTreeMap<(IfIndex, IpAddr), Mac>,
}

impl Fib {
    /// Without anything: no device is there.
    #[must_use]
    pub const fn new() -> Self {
        Self { devices: BTreeMap::new(), routes: Vec::new(), neighbours: BTreeMap::new() }
    }

    /// Adds a device, or replaces the one with its ifindex.
    pub fn add_device(&mut self, device: Device) {
        self.devices.insert(device.ifindex, device);
    }

    /// A device by ifindex.
    #[must_use]
    pub fn device(&self, ifindex: IfIndex) -> Option<&Device> {
        self.devices.get(&ifindex)
    }

    /// Adds a route. Of routes alike in table, prefix and metric the one added first is taken.
    pub fn add_route(&mut self, route: Route) {
        // Longest prefixes first, then the lowest metric: the first that matches is the answer.
        let rank = |route: &Route| (std::cmp::Reverse(route.prefix.len()), route.metric);
        let at = self.routes.partition_point(|other| rank(other) <= rank(&route));
        self.routes.insert(at, route);
    }

    /// Adds a neighbour, or replaces its address.
    pub fn add_neighbour(&mut self, dev: IfIndex, ip: IpAddr, mac: Mac) {
        self.neighbours.insert((dev, ip), mac);
    }

    /// A neighbour's address.
    #[must_use]
    pub fn neighbour(&self, dev: IfIndex, ip: IpAddr) -> Option<Mac> {
        self.neighbours.get(&(dev, ip)).copied()
    }
}
