//! Random ports: all kinds, small rings, small mtus, a few that are down, uppers, two namespaces.

use proptest::prelude::*;

use super::Vocabulary;
use crate::netdev::XdpMode;
use crate::scenario::{PeerSpec, PortKind, PortSpec, Rss};
use crate::time::{BitRate, Nanos};

/// A port before it has a name.
#[derive(Clone, Debug)]
struct PortDraw {
    sort: Sort,
    mtu: Option<u32>,
    up: bool,
    uppers: Vec<usize>,
    elsewhere: bool,
    xdp: Option<usize>,
    generic: bool,
    queues: u16,
    rx_usecs: u64,
}

#[derive(Clone, Debug)]
enum Sort {
    Ideal,
    Nic {
        rate: Option<u64>,
        ring: u32,
    },
    Far {
        mtu: u32,
        gro: bool,
        up: bool,
        xdp: bool,
    },
    /// One end of a pair; the next port is the other.
    Pair {
        gro: bool,
    },
    Upper,
}

/// MTUs near which the traffic's lengths lie.
pub fn mtu() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![42, 46, 68, 500, 1500])
}

/// A port without a name or a program, such as a host has: ideal, a NIC, or a container's veth; few are down.
pub fn plain() -> impl Strategy<Value = PortSpec> {
    let mtu = prop_oneof![3 => Just(1500u32), 1 => Just(68), 1 => Just(9000)];
    let nic = prop::sample::select(vec![100_000_000u64, 10_000_000_000]);
    let container = (mtu.clone(), prop::bool::weighted(0.8)).prop_map(|(mtu, xdp)| {
        let peer = PeerSpec::FarEnd { mtu, gro: false, xdp, up: true, queues: 1 };
        PortKind::Veth { peer, gro: true }
    });
    let kind = prop_oneof![
        4 => Just(PortKind::Ideal),
        2 => nic.prop_map(|rate| PortKind::Nic { rate: Some(BitRate(rate)), tx_ring: 64 }),
        2 => container,
    ];
    let down = prop::bool::weighted(0.1);
    (kind, prop::option::weighted(0.3, mtu), down).prop_map(|(kind, mtu, down)| PortSpec {
        mtu,
        up: !down,
        ..PortSpec::new("", kind)
    })
}

/// The vocabulary's ports; the first is meant to receive most of the traffic and mostly has a program.
pub fn any(words: &Vocabulary) -> impl Strategy<Value = Vec<PortSpec>> + use<> {
    let words = words.clone();
    let others = prop::collection::vec(port(&words, 0.4), words.ports.len() - 1);
    (port(&words, 0.95), others).prop_map(move |(mut first, others)| {
        first.up |= !first.elsewhere;
        build(&words, &std::iter::once(first).chain(others).collect::<Vec<_>>())
    })
}

fn port(words: &Vocabulary, program: f64) -> impl Strategy<Value = PortDraw> + use<> {
    let n = words.ports.len();
    let uppers = prop_oneof![
        7 => Just(Vec::new()),
        2 => prop::collection::vec(0..n, 1..4),
        1 => prop::collection::vec(0..n, 8..11),
    ];
    let xdp = prop::option::weighted(program, 0..words.port_programs.len());
    let identity = (sort(), prop::option::weighted(0.4, mtu()), prop::bool::weighted(0.9), uppers);
    let reception = (
        prop::bool::weighted(0.12),
        (xdp, prop::bool::weighted(0.15)),
        prop_oneof![4 => Just(1u16), 1 => Just(2), 1 => Just(3)],
        prop_oneof![4 => Just(0u64), 1 => Just(1)],
    );
    (identity, reception).prop_map(
        |((sort, mtu, up, uppers), (elsewhere, (xdp, generic), queues, rx_usecs))| PortDraw {
            sort,
            mtu,
            up,
            uppers,
            elsewhere,
            xdp,
            generic,
            queues,
            rx_usecs,
        },
    )
}

fn sort() -> impl Strategy<Value = Sort> {
    let rate = prop::option::of(prop::sample::select(vec![100_000_000u64, 10_000_000_000]));
    let usually = prop::bool::weighted(0.85);
    prop_oneof![
        5 => Just(Sort::Ideal),
        2 => (rate, prop::sample::select(vec![2u32, 9, 17, 512])).prop_map(|(rate, ring)| Sort::Nic { rate, ring }),
        3 => (mtu(), usually, usually, prop::bool::ANY)
            .prop_map(|(mtu, gro, up, xdp)| Sort::Far { mtu, gro, up, xdp }),
        3 => usually.prop_map(|gro| Sort::Pair { gro }),
        1 => Just(Sort::Upper),
    ]
}

/// Gives them their names. A pair at the very end has no partner and gets a far end.
fn build(words: &Vocabulary, draws: &[PortDraw]) -> Vec<PortSpec> {
    let mut ports: Vec<PortSpec> = Vec::new();
    while ports.len() < draws.len() {
        let i = ports.len();
        match draws[i].sort {
            Sort::Pair { gro } if i + 1 < draws.len() => {
                for (end, other) in [(i, i + 1), (i + 1, i)] {
                    let peer = PeerSpec::Port(words.ports[other].clone());
                    ports.push(draws[end].build(words, end, PortKind::Veth { peer, gro }));
                }
            }
            _ => ports.push(draws[i].build(words, i, draws[i].kind())),
        }
    }
    ports
}

impl PortDraw {
    fn kind(&self) -> PortKind {
        let far = |mtu, gro, up, xdp| PeerSpec::FarEnd { mtu, gro, xdp, up, queues: 1 };
        match self.sort {
            Sort::Ideal => PortKind::Ideal,
            Sort::Nic { rate, ring } => PortKind::Nic { rate: rate.map(BitRate), tx_ring: ring },
            Sort::Far { mtu, gro, up, xdp } => PortKind::Veth { peer: far(mtu, gro, up, xdp), gro: true },
            Sort::Pair { gro } => PortKind::Veth { peer: far(1500, gro, true, false), gro },
            Sort::Upper => PortKind::Upper,
        }
    }

    fn build(&self, words: &Vocabulary, index: usize, kind: PortKind) -> PortSpec {
        let receives_rings = matches!(kind, PortKind::Ideal | PortKind::Nic { .. });
        let runs_programs = kind != PortKind::Upper;
        PortSpec {
            mtu: self.mtu,
            up: self.up,
            uppers: self.uppers.iter().map(|&upper| words.ports[upper].clone()).collect(),
            netns: words.netns.first().filter(|_| self.elsewhere).cloned(),
            xdp: self.xdp.filter(|_| runs_programs).map(|program| words.port_programs[program].clone()),
            mode: if self.generic && runs_programs { XdpMode::Generic } else { XdpMode::Native },
            queues: if receives_rings { self.queues } else { 1 },
            rss: Rss::RoundRobin,
            rx_usecs: Nanos::from_micros(self.rx_usecs),
            ..PortSpec::new(&words.ports[index], kind)
        }
    }
}
