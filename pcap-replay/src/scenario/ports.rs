//! `[[port]]`: a netdev of the scenario.
//!
//! Owns which keys belong to which kind, and that the two ends of a pair name each other.

use toml::de::DeValue;
use xdpsim_core::netdev::{Features, XdpMode};
use xdpsim_core::scenario::{PeerSpec, PortKind, PortSpec, Rss};
use xdpsim_core::time::Nanos;
use xdpsim_devmap::{AttachType, CpuId};

use super::diag::{Problem, Sink};
use super::fields::{self, Fields, Item, Loc, Words, clip};
use super::limits;
use super::names::{INIT, PortClass, PortHead, read_name};
use super::parse::Cx;
use super::routes::{self, Hardware};
use super::units;

const CLASSES: Words<PortClass> = Words {
    known: &[
        ("ideal", PortClass::Ideal),
        ("nic", PortClass::Nic),
        ("veth", PortClass::Veth),
        ("upper", PortClass::Upper),
    ],
    refused: &[
        ("bridge", "as another port's upper device it is of kind \"upper\""),
        ("bond", "as another port's upper device it is of kind \"upper\""),
        ("netkit", "use \"veth\" or \"ideal\""),
        ("tun", "use \"nic\" or \"ideal\""),
        ("tap", "use \"nic\" or \"ideal\""),
    ],
};
const RSS: Words<Rss> = Words {
    known: &[("toeplitz", Rss::Toeplitz), ("round_robin", Rss::RoundRobin), ("fixed", Rss::Fixed)],
    refused: &[],
};
const MODES: Words<XdpMode> = Words {
    known: &[("native", XdpMode::Native), ("generic", XdpMode::Generic)],
    refused: &[("offload", "programs in hardware are none of the kernel's")],
};
const FEATURES: Words<Features> = Words {
    known: &[
        ("basic", Features::BASIC),
        ("redirect", Features::REDIRECT),
        ("ndo_xmit", Features::NDO_XMIT),
        ("xsk_zerocopy", Features::XSK_ZEROCOPY),
        ("hw_offload", Features::HW_OFFLOAD),
        ("rx_sg", Features::RX_SG),
        ("ndo_xmit_sg", Features::NDO_XMIT_SG),
    ],
    refused: &[],
};
/// What the kernel's Ethernet devices take at least, and what a frame's length field carries.
const MTU: std::ops::RangeInclusive<u32> = 68..=65_535;
const TX_RING_DEFAULT: u32 = 512;
const RECEIVING_KEYS: [&str; 7] = ["queues", "rss", "queue_cpus", "rx_usecs", "xdp", "mode", "features"];

/// Reads what references to the port depend on.
pub(super) fn head<'a>(sink: &mut Sink, fields: &mut Fields<'a>) -> PortHead<'a> {
    let name = read_name(sink, fields, "port");
    let class = fields.word(sink, "kind", &CLASSES).unwrap_or(PortClass::Ideal);
    let netns = fields.item("netns").and_then(|item| item.get_ref().as_str()).unwrap_or(INIT);
    let ifindex = fields.number_u32(sink, "ifindex", 1..=i32::MAX as u32);
    let peer = (class == PortClass::Veth && fields.has("peer")).then(|| fields.item("peer")).flatten();
    let peer = peer.and_then(|item| item.get_ref().as_str().map(|name| Loc::new(name, item.span())));
    PortHead { name, class, netns, ifindex, peer }
}

/// Reads the rest.
pub(super) fn body<'a>(cx: &mut Cx<'a>, mut fields: Fields<'a>, head: &PortHead<'a>) -> PortSpec {
    check_far_end_name(cx, head);
    let kind = read_kind(cx, &mut fields, head);
    let mut port = PortSpec::new(head.name.value, kind);
    port.ifindex = cx.names.ifindex(head.name.value);
    if let Some(netns) = fields.text(&mut cx.sink, "netns", "the name of a namespace") {
        cx.names.netns(&mut cx.sink, &netns);
        port.netns = (netns.value != INIT).then(|| netns.owned());
    }
    port.mtu = fields.number_u32(&mut cx.sink, "mtu", MTU).map(|mtu| mtu.value);
    let mac = routes::mac(&mut cx.sink, &mut fields);
    if let (Some(ifindex), None) = (port.ifindex, &port.netns) {
        cx.hardware.push(Hardware { ifindex, mac, mtu: port.mtu });
    }
    port.up = fields.flag(&mut cx.sink, "up").unwrap_or(true);
    port.uppers = read_uppers(cx, &mut fields, head);
    if head.class == PortClass::Upper {
        fields.refuse(
            &mut cx.sink,
            &RECEIVING_KEYS,
            "a port of kind \"upper\" neither receives nor sends frames",
        );
    } else {
        read_receiving(cx, &mut fields, &mut port);
    }
    fields.finish(&mut cx.sink);
    port
}

fn read_kind<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, head: &PortHead<'a>) -> PortKind {
    const NIC_ONLY: &str = "only ports of kind \"nic\" have it";
    const VETH_ONLY: &str = "only ports of kind \"veth\" have it";
    let sink = &mut cx.sink;
    if head.class != PortClass::Nic {
        fields.refuse(sink, &["rate", "tx_ring"], NIC_ONLY);
    }
    if head.class != PortClass::Veth {
        fields.refuse(sink, &["gro", "peer"], VETH_ONLY);
    }
    match head.class {
        PortClass::Ideal => PortKind::Ideal,
        PortClass::Upper => PortKind::Upper,
        PortClass::Nic => {
            let rate = fields.text(sink, "rate", "a string such as \"10Gbit\"");
            let tx_ring = fields.number_u32(sink, "tx_ring", 2..=65_536);
            PortKind::Nic {
                rate: rate.and_then(|rate| read_unit(sink, &rate, "rate", units::rate)),
                tx_ring: tx_ring.map_or(TX_RING_DEFAULT, |ring| ring.value),
            }
        }
        PortClass::Veth => {
            let gro = fields.flag(sink, "gro").unwrap_or(false);
            let item = fields.item("peer");
            PortKind::Veth { peer: item.and_then(|item| read_peer(cx, item, head)).unwrap_or_default(), gro }
        }
    }
}

/// Reads a quantity with its unit.
pub(super) fn read_unit<T>(
    sink: &mut Sink,
    found: &Loc<&str>,
    what: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let value = read(found.value);
    if let Err(why) = &value {
        sink.error(|| {
            let message = format!("`{}` is no {what}", clip(found.value));
            Problem::error(message, found.span.clone(), clip(why))
        });
    }
    value.ok()
}

fn read_peer<'a>(cx: &mut Cx<'a>, item: Item<'a>, head: &PortHead<'a>) -> Option<PeerSpec> {
    if let DeValue::String(_) = item.get_ref() {
        check_pair(cx, head);
        return head.peer.as_ref().map(|peer| PeerSpec::Port(peer.owned()));
    }
    let what = format!("the peer of port `{}`", clip(head.name.value));
    let wanted = "the name of a port, or a far end such as { gro = true }";
    let mut fields = fields::table(&mut cx.sink, item, &what, wanted)?;
    let sink = &mut cx.sink;
    let peer = PeerSpec::FarEnd {
        mtu: fields.number_u32(sink, "mtu", MTU).map_or(1500, |mtu| mtu.value),
        gro: fields.flag(sink, "gro").unwrap_or(false),
        xdp: fields.flag(sink, "xdp").unwrap_or(false),
        up: fields.flag(sink, "up").unwrap_or(true),
        queues: read_queues(sink, &mut fields),
    };
    fields.finish(sink);
    Some(peer)
}

/// A pair's ends name each other.
fn check_pair(cx: &mut Cx<'_>, head: &PortHead<'_>) {
    let Some(named) = &head.peer else { return };
    let Some(peer) = cx.names.port(&mut cx.sink, named) else { return };
    let (own, other) = (clip(head.name.value), clip(named.value));
    let names_back = peer.peer.as_ref().is_some_and(|back| back.value == head.name.value);
    if peer.name.value == head.name.value {
        let message = format!("port `{own}` is its own peer");
        cx.sink.error(|| Problem::error(message, named.span.clone(), "expected another port"));
    } else if peer.class != PortClass::Veth {
        cx.sink.error(|| {
            let message = format!("the peer `{other}` of port `{own}` is no veth");
            Problem::error(message, named.span.clone(), "expected a port of kind \"veth\"")
                .see(peer.name.span.clone(), "defined here")
        });
    } else if !names_back {
        cx.sink.error(|| {
            let message = format!("the peer `{other}` of port `{own}` does not name `{own}` in turn");
            let at = peer.peer.as_ref().map_or(&peer.name.span, |back| &back.span);
            Problem::error(message, named.span.clone(), "the two ends of a pair name each other")
                .see(at.clone(), format!("`{other}` is here"))
                .help(format!("write `peer = \"{own}\"` in port `{other}`"))
        });
    }
}

fn check_far_end_name(cx: &mut Cx<'_>, head: &PortHead<'_>) {
    if let Some(port) = cx.names.far_end_of(head.name.value) {
        cx.sink.error(|| {
            let (name, owner) = (clip(head.name.value), clip(port.name.value));
            let message = format!("`{name}` is what the far end of port `{owner}` is called");
            let help = format!("write `peer = \"{name}\"` in port `{owner}`, or choose another name");
            Problem::error(message, head.name.span.clone(), "this name is taken")
                .see(port.name.span.clone(), "this veth names no port as its peer")
                .help(help)
        });
    }
}

fn read_uppers<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, head: &PortHead<'a>) -> Vec<String> {
    let mut uppers = fields.texts(&mut cx.sink, "uppers", "a list of ports").unwrap_or_default();
    if let Some(upper) = fields.text(&mut cx.sink, "upper", "the name of a port") {
        if fields.has("uppers") {
            let message = format!("{} has both `upper` and `uppers`", fields.what);
            cx.sink.error(|| Problem::error(message, upper.span.clone(), "write all of them in `uppers`"));
        }
        uppers.push(upper);
    }
    let mut seen = std::collections::BTreeSet::new();
    for upper in &uppers {
        if upper.value != head.name.value {
            check_upper(cx, upper);
        }
        if !seen.insert(upper.value) {
            let message = format!("`{}` is named twice", clip(upper.value));
            cx.sink.error(|| Problem::error(message, upper.span.clone(), "an upper device is one only once"));
        }
    }
    uppers.iter().map(Loc::owned).collect()
}

/// An upper device has to be a port of the scenario.
pub(super) fn check_upper(cx: &mut Cx<'_>, upper: &Loc<&str>) {
    if cx.names.port_named(upper.value).is_some() {
        return;
    }
    let near = super::suggest::nearest(upper.value, cx.names.ports.iter().map(|port| port.name.value));
    let declare = format!("declare it: `[[port]]`, `name = \"{}\"`, `kind = \"upper\"`", clip(upper.value));
    cx.sink.error(|| {
        let help = near.map_or(declare.clone(), |near| format!("did you mean `{near}`? If not, {declare}"));
        let message = format!("there is no port `{}`", clip(upper.value));
        Problem::error(message, upper.span.clone(), "unknown upper device").help(help)
    });
}

fn read_receiving<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, port: &mut PortSpec) {
    port.queues = read_queues(&mut cx.sink, fields);
    port.rss = fields.word(&mut cx.sink, "rss", &RSS).unwrap_or_default();
    port.queue_cpus = read_queue_cpus(cx, fields, port.queues);
    let rx_usecs = fields.number_u32(&mut cx.sink, "rx_usecs", 0..=u32::MAX);
    port.rx_usecs = rx_usecs.map_or(Nanos::ZERO, |micros| Nanos::from_micros(u64::from(micros.value)));
    port.features = read_features(&mut cx.sink, fields);
    if let Some(xdp) = fields.text(&mut cx.sink, "xdp", "the name of a program") {
        cx.names.program(&mut cx.sink, &xdp, AttachType::Xdp);
        port.xdp = Some(xdp.owned());
    }
    port.mode = fields.word(&mut cx.sink, "mode", &MODES).unwrap_or_default();
}

fn read_queues(sink: &mut Sink, fields: &mut Fields<'_>) -> u16 {
    fields.number_u32(sink, "queues", 1..=limits::QUEUES).map_or(1, |queues| queues.value as u16)
}

fn read_queue_cpus<'a>(cx: &mut Cx<'a>, fields: &mut Fields<'a>, queues: u16) -> Vec<CpuId> {
    let Some(list) = fields.list(&mut cx.sink, "queue_cpus", "a list of CPUs such as [0, 1]") else {
        return Vec::new();
    };
    if list.value.len() != usize::from(queues) {
        let message = format!("`queue_cpus` of {} has {} entries", fields.what, list.value.len());
        let label = format!("expected one for each of its queues: {queues}");
        cx.sink.error(|| Problem::error(message, list.span.clone(), label));
        return Vec::new();
    }
    let what = || format!("a CPU of {}", fields.what);
    let range = 0..=u64::from(cx.cpus - 1);
    let cpu =
        |item| fields::number(&mut cx.sink, item, what, range.clone()).map(|cpu| CpuId(cpu.value as u16));
    list.value.iter().filter_map(cpu).collect()
}

fn read_features(sink: &mut Sink, fields: &mut Fields<'_>) -> Option<Features> {
    let names = fields.texts(sink, "features", "a list such as [\"ndo_xmit\"]")?;
    let what = format!("an entry of `features` of {}", fields.what);
    let bits = names.iter().filter_map(|name| fields::word(sink, name, &what, &FEATURES));
    Some(bits.fold(Features::empty(), Features::union))
}
