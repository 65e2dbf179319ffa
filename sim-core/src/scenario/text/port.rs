//! `[[port]]`.

use super::{Page, list, names, quoted};
use crate::netdev::{Features, XdpMode};
use crate::scenario::{PeerSpec, PortKind, PortSpec, Rss};
use crate::time::Nanos;

pub(super) fn write(page: &mut Page, port: &PortSpec) {
    page.section("port");
    page.key("name", quoted(&port.name));
    if let Some(ifindex) = port.ifindex {
        page.key("ifindex", ifindex);
    }
    if let Some(netns) = &port.netns {
        page.key("netns", quoted(netns));
    }
    kind(page, &port.kind);
    if let Some(mtu) = port.mtu {
        page.key("mtu", mtu);
    }
    page.key_unless(port.up, "up", port.up);
    page.key_unless(port.uppers.is_empty(), "uppers", names(&port.uppers));
    if port.kind != PortKind::Upper {
        receiving(page, port);
    }
}

fn kind(page: &mut Page, kind: &PortKind) {
    match kind {
        PortKind::Ideal => {}
        PortKind::Upper => page.key("kind", "\"upper\""),
        PortKind::Nic { rate, tx_ring } => {
            page.key("kind", "\"nic\"");
            if let Some(rate) = rate {
                page.key("rate", format_args!("\"{}bit\"", rate.0));
            }
            page.key_unless(*tx_ring == 512, "tx_ring", tx_ring);
        }
        PortKind::Veth { peer, gro } => {
            page.key("kind", "\"veth\"");
            page.key("peer", self::peer(peer));
            page.key_unless(!gro, "gro", gro);
        }
    }
}

fn peer(peer: &PeerSpec) -> String {
    match peer {
        PeerSpec::Port(name) => quoted(name),
        PeerSpec::FarEnd { mtu, gro, xdp, up, queues } => {
            let queues = if *queues == 1 { String::new() } else { format!(", queues = {queues}") };
            format!("{{ mtu = {mtu}, gro = {gro}, xdp = {xdp}, up = {up}{queues} }}")
        }
    }
}

fn receiving(page: &mut Page, port: &PortSpec) {
    page.key_unless(port.queues == 1, "queues", port.queues);
    let rss = match port.rss {
        Rss::Toeplitz => "\"toeplitz\"",
        Rss::RoundRobin => "\"round_robin\"",
        Rss::Fixed => "\"fixed\"",
    };
    page.key_unless(port.rss == Rss::Toeplitz, "rss", rss);
    page.key_unless(
        port.queue_cpus.is_empty(),
        "queue_cpus",
        list(&port.queue_cpus, |cpu| cpu.0.to_string()),
    );
    page.key_unless(port.rx_usecs == Nanos::ZERO, "rx_usecs", port.rx_usecs.0 / 1_000);
    if let Some(features) = port.features {
        page.key("features", list(&words(features), |word| quoted(word)));
    }
    if let Some(program) = &port.xdp {
        page.key("xdp", quoted(program));
    }
    page.key_unless(port.mode == XdpMode::Native, "mode", quoted("generic"));
}

fn words(features: Features) -> Vec<&'static str> {
    const WORDS: [(&str, Features); 7] = [
        ("basic", Features::BASIC),
        ("redirect", Features::REDIRECT),
        ("ndo_xmit", Features::NDO_XMIT),
        ("xsk_zerocopy", Features::XSK_ZEROCOPY),
        ("hw_offload", Features::HW_OFFLOAD),
        ("rx_sg", Features::RX_SG),
        ("ndo_xmit_sg", Features::NDO_XMIT_SG),
    ];
    WORDS.iter().filter(|(_, bit)| features.contains(*bit)).map(|(word, _)| *word).collect()
}
