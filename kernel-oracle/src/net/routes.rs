//! Addresses, routes and neighbours of a namespace: what `ip address`, `ip route` and `ip neighbour` add.

use std::fs;
use std::net::IpAddr;

use rtnetlink::packet_route::route::{RouteAttribute, RouteMetric, RouteType as Kind};
use rtnetlink::{LinkUnspec, RouteMessageBuilder};
use xdpsim_devmap::IfIndex;
use xdpsim_vm::fib::{Mac, Route, RouteType};

use super::links::Links;
use super::{NetError, Tried};

/// Bit of the MTU among a route's metrics that are locked.
const MTU_LOCKED: u32 = 1 << 2;

impl Links {
    /// `ip link set dev IFINDEX address MAC`.
    ///
    /// # Errors
    /// ENODEV if there is no such device.
    pub fn set_mac(&self, ifindex: IfIndex, mac: Mac) -> Result<(), NetError> {
        let link = LinkUnspec::new_with_index(ifindex.0).address(mac.to_vec()).build();
        self.set(link, || format!("set the address of ifindex {ifindex}"))
    }

    /// `ip address add ADDRESS/PREFIX dev IFINDEX`.
    ///
    /// # Errors
    /// EEXIST if it is there, EACCES if IPv6 is switched off.
    pub fn add_address(&self, ifindex: IfIndex, ip: IpAddr, prefix: u8) -> Result<(), NetError> {
        let request = self.handle.address().add(ifindex.0, ip, prefix);
        self.wait(request.execute()).tried(|| format!("add {ip}/{prefix} to ifindex {ifindex}"))
    }

    /// `ip neighbour add ADDRESS lladdr MAC dev IFINDEX nud permanent`.
    ///
    /// # Errors
    /// EEXIST if it is there.
    pub fn add_neighbour(&self, ifindex: IfIndex, ip: IpAddr, mac: Mac) -> Result<(), NetError> {
        let request = self.handle.neighbours().add(ifindex.0, ip).link_layer_address(&mac);
        self.wait(request.execute()).tried(|| format!("add the neighbour {ip} of ifindex {ifindex}"))
    }

    /// `ip route add`.
    ///
    /// # Errors
    /// What the kernel says; EINVAL for a gateway of the other IP, but IPv6 for IPv4's routes.
    pub fn add_route(&self, route: &Route) -> Result<(), NetError> {
        let invalid =
            |_| NetError::new(format!("route {}", route.prefix), std::io::Error::from_raw_os_error(22));
        let mut builder = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(route.prefix.ip(), route.prefix.len())
            .map_err(invalid)?
            .table_id(route.table)
            .priority(route.metric)
            .kind(kind(route.kind));
        if route.kind == RouteType::Unicast {
            builder = builder.output_interface(route.dev.0);
        }
        if let Some(gateway) = route.gateway {
            builder = builder.gateway(gateway).map_err(invalid)?;
        }
        if let Some(source) = route.source {
            builder = builder.pref_source(source).map_err(invalid)?;
        }
        if let Some(mtu) = route.locked_mtu {
            let metrics = vec![RouteMetric::Lock(MTU_LOCKED), RouteMetric::Mtu(mtu)];
            builder.get_mut().attributes.push(RouteAttribute::Metrics(metrics));
        }
        let request = self.handle.route().add(builder.build());
        self.wait(request.execute()).tried(|| format!("add the route {}", route.prefix))
    }
}

fn kind(kind: RouteType) -> Kind {
    match kind {
        RouteType::Unicast => Kind::Unicast,
        RouteType::Local => Kind::Local,
        RouteType::Blackhole => Kind::BlackHole,
        RouteType::Unreachable => Kind::Unreachable,
        RouteType::Prohibit => Kind::Prohibit,
        RouteType::Throw => Kind::Throw,
    }
}

/// Writes a setting of the calling thread's namespace, such as `net/ipv4/conf/a/forwarding`.
///
/// # Errors
/// If there is no such setting.
pub fn set_sysctl(name: &str, value: &str) -> Result<(), NetError> {
    let path = format!("/proc/sys/{name}");
    fs::write(&path, value).tried(|| format!("write {value} to {path}"))
}
