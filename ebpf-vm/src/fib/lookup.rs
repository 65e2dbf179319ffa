//! A look into the tables, in the kernel's order: device, forwarding, route, MTU, source, neighbour.

use std::net::IpAddr;

use xdpsim_devmap::{Errno, IfIndex};

use super::prefix::common;
use super::{Fib, Mac, Route, RouteType, TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN};

/// The longest packet of IPv4 that a route lets pass (`IP_MAX_MTU`).
const MAX_MTU_V4: u32 = 0xffff;
/// The longest of IPv6 (`IP6_MAX_MTU`).
const MAX_MTU_V6: u32 = 0xffff + 40;
/// What every link of IPv6 carries (`IPV6_MIN_MTU`).
const MIN_MTU_V6: u32 = 1280;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where the packet came in; with `output`, where it goes out.
    pub ifindex: IfIndex,
    /// Its destination.
    pub dst: IpAddr,
    /// Its source, of the same kind.
    pub src: IpAddr,
    /// Its length from the IP header on; 0 asks nothing about it.
    pub len: u16,
    /// The table (`BPF_FIB_LOOKUP_DIRECT`), or the usual ones in their order.
    pub table: Option<u32>,
    /// Only routes out of `ifindex` (`BPF_FIB_LOOKUP_OUTPUT`); of IPv6, they are preferred.
    pub output: bool,
    /// Asks for a source (`BPF_FIB_LOOKUP_SRC`).
    pub source: bool,
    /// Asks for the neighbour's address (not `BPF_FIB_LOOKUP_SKIP_NEIGH`).
    pub neighbour: bool,
}

/// Why a packet is not forwarded (`BPF_FIB_LKUP_RET_*`, by number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the kernel's names")]
pub enum Reason {
    Success = 0,
    Blackhole = 1,
    Unreachable = 2,
    Prohibit = 3,
    NotForwarded = 4,
    ForwardingDisabled = 5,
    UnsupportedLwt = 6,
    NoNeighbour = 7,
    FragmentationNeeded = 8,
    NoSourceAddress = 9,
}

/// What came out, as far as the look went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub reason: Reason,
    /// The longest packet; none if the look ended before, 0 does not occur.
    pub mtu: Option<u32>,
    /// The route's metric and device.
    pub route: Option<(u32, IfIndex)>,
    /// The preferred source.
    pub source: Option<IpAddr>,
    /// Who gets the packet next, if that is not its destination.
    pub gateway: Option<IpAddr>,
    /// The next station's address, and the device's own.
    pub macs: Option<(Mac, Mac)>,
}

impl Asked {
    /// Addresses of IPv6 that are never forwarded: no table is asked.
    #[must_use]
    pub fn never_looked_up(&self) -> bool {
        self.dst.is_ipv6() && (is_strict(self.dst) || is_strict(self.src))
    }
}

impl Answer {
    const fn ended(reason: Reason) -> Self {
        Self { reason, mtu: None, route: None, source: None, gateway: None, macs: None }
    }
}

impl Fib {
    /// What a packet meets.
    ///
    /// # Errors
    /// ENODEV if there is no such device.
    pub fn look(&self, asked: &Asked) -> Result<Answer, Errno> {
        let v6 = asked.dst.is_ipv6();
        if asked.never_looked_up() {
            return Ok(Answer::ended(Reason::NotForwarded));
        }
        let device = self.device(asked.ifindex).ok_or(Errno::ENODEV)?;
        if !device.forwards[usize::from(v6)] {
            return Ok(Answer::ended(Reason::ForwardingDisabled));
        }
        let reason = match self.route(asked) {
            None => Reason::NotForwarded,
            Some(route) => match route.kind {
                RouteType::Unicast => return Ok(self.take(asked, route)),
                RouteType::Blackhole => Reason::Blackhole,
                RouteType::Unreachable => Reason::Unreachable,
                RouteType::Prohibit => Reason::Prohibit,
                RouteType::Local | RouteType::Throw => Reason::NotForwarded,
            },
        };
        Ok(Answer::ended(reason))
    }

    fn route(&self, asked: &Asked) -> Option<&Route> {
        match (asked.table, asked.dst) {
            // Without rules of their own, the local and the main table of IPv4 are one.
            (Some(TABLE_LOCAL | TABLE_MAIN), IpAddr::V4(_)) => self.find(asked, &[TABLE_LOCAL, TABLE_MAIN]),
            (Some(table), _) => self.find(asked, &[table]),
            (None, IpAddr::V4(_)) => self
                .find(asked, &[TABLE_LOCAL, TABLE_MAIN])
                .filter(|route| route.kind != RouteType::Throw)
                .or_else(|| self.find(asked, &[TABLE_DEFAULT])),
            (None, IpAddr::V6(_)) => {
                self.find(asked, &[TABLE_LOCAL]).or_else(|| self.find(asked, &[TABLE_MAIN]))
            }
        }
    }

    /// The best route of these tables, of which the first ones come first among equals.
    fn find(&self, asked: &Asked, tables: &[u32]) -> Option<&Route> {
        let matches = |route: &&Route| {
            let out = route.kind != RouteType::Unicast || route.dev == asked.ifindex || asked.dst.is_ipv6();
            tables.contains(&route.table) && route.prefix.holds(asked.dst) && (out || !asked.output)
        };
        let longest = self.routes.iter().find(matches)?.prefix.len();
        let same = self.routes.iter().filter(matches).take_while(|route| route.prefix.len() == longest);
        same.min_by_key(|route| {
            let other_device = asked.output && route.dev != asked.ifindex;
            (tables.iter().position(|table| *table == route.table), route.metric, other_device)
        })
    }

    /// A packet takes a route that leads out.
    fn take(&self, asked: &Asked, route: &Route) -> Answer {
        let mut answer = Answer::ended(Reason::Success);
        // A route whose device is gone is gone too.
        let Some(device) = self.device(route.dev) else { return Answer::ended(Reason::NotForwarded) };
        let mtu = match (route.locked_mtu, asked.dst) {
            (Some(mtu), _) => mtu,
            (None, IpAddr::V4(_)) => device.mtu.min(MAX_MTU_V4),
            (None, IpAddr::V6(_)) => device.mtu.clamp(MIN_MTU_V6, MAX_MTU_V6),
        };
        answer.mtu = Some(mtu);
        if u32::from(asked.len) > mtu {
            answer.reason = Reason::FragmentationNeeded;
            return answer;
        }
        answer.route = Some((route.metric, route.dev));
        answer.gateway = route.gateway;
        if asked.source {
            answer.source = self.source(asked, route);
            if answer.source.is_none() {
                answer.reason = Reason::NoSourceAddress;
                return answer;
            }
        }
        if asked.neighbour {
            let next = route.gateway.unwrap_or(asked.dst);
            match self.neighbour(route.dev, next) {
                Some(mac) => answer.macs = Some((mac, device.mac)),
                None => answer.reason = Reason::NoNeighbour,
            }
        }
        answer
    }

    /// The source of packets that take a route. IPv4 always finds one, if only 0.0.0.0.
    fn source(&self, asked: &Asked, route: &Route) -> Option<IpAddr> {
        if route.source.is_some() {
            return route.source;
        }
        let own = self.device(route.dev).map_or(&[][..], |device| &device.addresses);
        let of_kind = |address: &&(IpAddr, u8)| address.0.is_ipv6() == asked.dst.is_ipv6();
        if asked.dst.is_ipv4() {
            let near = |address: &&(IpAddr, u8)| {
                let gateway = route.gateway.filter(IpAddr::is_ipv4);
                gateway.is_some_and(|gateway| common(gateway, address.0) >= u32::from(address.1))
            };
            let found = own.iter().filter(of_kind).find(near).or_else(|| own.iter().find(of_kind));
            let others = || self.devices.values().flat_map(|device| &device.addresses).find(of_kind);
            let none = IpAddr::from([0; 4]);
            return Some(found.or_else(others).map_or(none, |address| address.0));
        }
        let usable = own.iter().filter(of_kind).filter(|address| !is_strict(address.0));
        usable.max_by_key(|address| common(address.0, asked.dst)).map(|address| address.0)
    }
}

/// Multicast, link-local or loopback addresses of IPv6 are never forwarded.
fn is_strict(ip: IpAddr) -> bool {
    let IpAddr::V6(ip) = ip else { return false };
    ip.is_multicast() || ip.is_unicast_link_local() || ip.is_loopback()
}
