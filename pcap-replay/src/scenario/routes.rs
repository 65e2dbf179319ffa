//! `[[route]]`, `[[neighbour]]` and the ports' `mac`: what `bpf_fib_lookup()` of objects' programs is answered from.
//!
//! Owns the keys. Ports of the initial namespace are the devices; they forward as soon as there is a route.

use std::net::IpAddr;

use xdpsim_devmap::IfIndex;
use xdpsim_vm::fib::{Device, Fib, Mac, Prefix, Route};

use super::diag::{Problem, Sink};
use super::fields::{Fields, Loc, clip};
use super::parse::Cx;
use super::units;

/// A port as routing sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hardware {
    pub ifindex: IfIndex,
    pub mac: Option<Mac>,
    pub mtu: Option<u32>,
}

/// The address of a port, or of a neighbour.
pub(super) fn mac(sink: &mut Sink, fields: &mut Fields<'_>) -> Option<Mac> {
    let text = fields.text(sink, "mac", "an address such as \"02:00:00:00:00:01\"")?;
    let bytes = units::colon_bytes(text.value).ok().and_then(|bytes| Mac::try_from(bytes).ok());
    if bytes.is_none() {
        let message = format!("`mac` of {} is `{}`", fields.what, clip(text.value));
        sink.error(|| Problem::error(message, text.span, "expected six bytes: \"02:00:00:00:00:01\""));
    }
    bytes
}

/// Reads both kinds of sections.
pub(super) fn read<'a>(cx: &mut Cx<'a>, routes: Vec<Fields<'a>>, neighbours: Vec<Fields<'a>>) -> Fib {
    let mut fib = Fib::default();
    if !routes.is_empty() {
        for port in &cx.hardware {
            // Where the scenario names none, an address of the port's own.
            let own = port.ifindex.0.to_be_bytes();
            let mac = port.mac.unwrap_or([2, 0, own[0], own[1], own[2], own[3]]);
            let device = Device::new(port.ifindex, mac).forwarding();
            fib.add_device(Device { mtu: port.mtu.unwrap_or(device.mtu), ..device });
        }
    }
    for fields in routes {
        if let Some(route) = route(cx, fields) {
            fib.add_route(route);
        }
    }
    for fields in neighbours {
        if let Some((port, address, mac)) = neighbour(cx, fields) {
            fib.add_neighbour(port, address, mac);
        }
    }
    fib
}

fn route<'a>(cx: &mut Cx<'a>, mut fields: Fields<'a>) -> Option<Route> {
    fields.need(&mut cx.sink, "prefix", "write the destinations: `prefix = \"10.0.0.0/8\"`");
    let text = fields.text(&mut cx.sink, "prefix", "a prefix such as \"10.0.0.0/8\"");
    let prefix =
        text.and_then(|text| parsed::<Prefix>(&mut cx.sink, &text, "ADDRESS/LENGTH: \"10.0.0.0/8\""));
    let port = port(cx, &mut fields);
    let via = fields.text(&mut cx.sink, "via", "the address of a router");
    let via = via.map(|text| parsed::<IpAddr>(&mut cx.sink, &text, "an IP address"));
    fields.finish(&mut cx.sink);
    let route = Route::via(prefix?, port?);
    Some(match via {
        None => route,
        Some(gateway) => route.gateway(gateway?),
    })
}

fn neighbour<'a>(cx: &mut Cx<'a>, mut fields: Fields<'a>) -> Option<(IfIndex, IpAddr, Mac)> {
    fields.need(&mut cx.sink, "address", "write whose it is: `address = \"10.0.0.1\"`");
    fields.need(&mut cx.sink, "mac", "write `mac = \"02:00:00:00:00:01\"`");
    let text = fields.text(&mut cx.sink, "address", "an IP address");
    let address = text.and_then(|text| parsed::<IpAddr>(&mut cx.sink, &text, "an IP address"));
    let (port, mac) = (port(cx, &mut fields), mac(&mut cx.sink, &mut fields));
    fields.finish(&mut cx.sink);
    Some((port?, address?, mac?))
}

fn port<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>) -> Option<IfIndex> {
    fields.need(&mut cx.sink, "port", "write by which port: `port = \"eth1\"`");
    let name = fields.text(&mut cx.sink, "port", "the name of a port")?;
    cx.names.port(&mut cx.sink, &name)?;
    cx.names.ifindex(name.value)
}

fn parsed<T: std::str::FromStr>(sink: &mut Sink, text: &Loc<&str>, expected: &str) -> Option<T> {
    let value = text.value.parse().ok();
    if value.is_none() {
        let message = format!("`{}` cannot be read", clip(text.value));
        sink.error(|| Problem::error(message, text.span.clone(), format!("expected {expected}")));
    }
    value
}
