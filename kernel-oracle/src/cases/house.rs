//! Random houses.
//!
//! Three namespaces: the initial one and `blue` number their ports alike, so that equal numbers of different
//! devices meet (BRD-08.c); `green` numbers its ports as the others number their upper devices. The first
//! port of the initial namespace always receives, and so do some others: those have a program, an mtu of
//! 1500 and are up. The others are all sorts of targets.

use proptest::prelude::*;
use xdpsim_core::netdev::XdpMode;
use xdpsim_core::scenario::{PeerSpec, PortKind, PortSpec};
use xdpsim_devmap::IfIndex;

use crate::case::House;

/// The first ifindex of ports in the initial namespace and in `blue`: loopback has 1.
const FIRST: u32 = 2;
/// The first ifindex of upper devices, and of the ports in `green`.
const FIRST_UPPER: u32 = 20;

/// What houses are made of.
#[derive(Clone, Copy, Debug)]
pub struct HouseMix {
    /// Probability of a pair whose ends both are ports, called `x` and `y`.
    pub pair: f64,
    /// Probability that a far end has GRO and no program, so that the stack receives there.
    pub gro_only: f64,
    /// Probability that a port that receives does so in generic mode; one with a far end has GRO then, so
    /// that bursts can come in as polls.
    pub generic: f64,
}

impl Default for HouseMix {
    fn default() -> Self {
        Self { pair: 0.6, gro_only: 0.2, generic: 0.0 }
    }
}

/// A veth port before it has a name.
#[derive(Clone, Debug)]
struct Draw {
    place: usize,
    receives: bool,
    generic: bool,
    mtu: u32,
    up: bool,
    far: Far,
    uppers: Uppers,
}

#[derive(Clone, Debug)]
struct Far {
    mtu: u32,
    sort: FarSort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FarSort {
    Program,
    GroOnly,
    NoNapi,
    Down,
}

#[derive(Clone, Debug)]
enum Uppers {
    None,
    Bridge,
    Macvlans(usize),
}

/// Houses of 4 to 8 veth ports with far ends.
pub fn houses(mix: HouseMix) -> impl Strategy<Value = House> {
    let receiver = draw(mix, Just(true).boxed());
    let others = prop::collection::vec(draw(mix, prop::bool::weighted(0.35).boxed()), 3..8);
    let pair = (prop::bool::weighted(mix.pair), generic(mix), generic(mix));
    (receiver, others, pair).prop_map(|(mut first, others, (pair, x, y))| {
        first.place = 0;
        let draws: Vec<Draw> = std::iter::once(first).chain(others).collect();
        build(&draws, pair.then_some([x, y]))
    })
}

fn draw(mix: HouseMix, receives: BoxedStrategy<bool>) -> impl Strategy<Value = Draw> {
    let uppers = prop_oneof![
        4 => Just(Uppers::None),
        2 => Just(Uppers::Bridge),
        2 => (1..4usize).prop_map(Uppers::Macvlans),
        3 => (8..11usize).prop_map(Uppers::Macvlans),
    ];
    let place = prop_oneof![4 => Just(0usize), 3 => Just(1), 2 => Just(2)];
    let up = prop::bool::weighted(0.8);
    let receives = (receives, generic(mix));
    let all = (place, receives, mtu(), up, far(mix), uppers);
    all.prop_map(|(place, (receives, generic), mtu, up, far, uppers)| Draw {
        place,
        receives,
        generic: receives && generic,
        mtu,
        up,
        far,
        uppers,
    })
}

/// Draws no random number if there is nothing to decide: houses without such ports stay what they were.
fn generic(mix: HouseMix) -> BoxedStrategy<bool> {
    if mix.generic > 0.0 { prop::bool::weighted(mix.generic).boxed() } else { Just(false).boxed() }
}

fn mode(generic: bool) -> XdpMode {
    if generic { XdpMode::Generic } else { XdpMode::Native }
}

/// Mostly 1500.
fn mtu() -> impl Strategy<Value = u32> {
    prop_oneof![5 => Just(1500u32), 1 => Just(68), 2 => Just(200), 1 => Just(500)]
}

fn far(mix: HouseMix) -> impl Strategy<Value = Far> {
    let gro = (mix.gro_only * 100.0) as u32;
    let sort = prop_oneof![
        80 - gro.min(70) => Just(FarSort::Program),
        gro.max(1) => Just(if gro > 0 { FarSort::GroOnly } else { FarSort::Program }),
        10 => Just(FarSort::NoNapi),
        10 => Just(FarSort::Down),
    ];
    (mtu(), sort).prop_map(|(mtu, sort)| Far { mtu, sort })
}

fn build(draws: &[Draw], pair: Option<[bool; 2]>) -> House {
    let netns = ["blue", "green"].map(str::to_owned).to_vec();
    let mut builder =
        Builder { next: [FIRST, FIRST, FIRST_UPPER], next_upper: [FIRST_UPPER; 3], ports: Vec::new() };
    // Upper devices in `green` come behind its ports.
    builder.next_upper[2] = 100;
    draws.iter().for_each(|draw| builder.veth(draw));
    if let Some(generic) = pair {
        builder.pair(generic);
    }
    (0..3).for_each(|place| builder.loopback(place));
    House { netns, ports: builder.ports }
}

struct Builder {
    next: [u32; 3],
    next_upper: [u32; 3],
    ports: Vec<PortSpec>,
}

impl Builder {
    fn spec(name: &str, place: usize, ifindex: u32, kind: PortKind) -> PortSpec {
        let netns = ["blue", "green"].get(place.wrapping_sub(1)).map(|name| (*name).to_owned());
        PortSpec { ifindex: Some(IfIndex(ifindex)), netns, ..PortSpec::new(name, kind) }
    }

    fn number(&mut self, place: usize) -> u32 {
        self.next[place] += 1;
        self.next[place] - 1
    }

    fn veth(&mut self, draw: &Draw) {
        let name = format!("p{}", self.ports.iter().filter(|port| port.name.starts_with('p')).count());
        // Where nobody sends, nobody need receive.
        let sort = match draw.far.sort {
            FarSort::Down if draw.receives => FarSort::Program,
            sort => sort,
        };
        let peer = PeerSpec::FarEnd {
            mtu: draw.far.mtu,
            gro: sort == FarSort::GroOnly,
            xdp: matches!(sort, FarSort::Program | FarSort::Down),
            up: sort != FarSort::Down,
            queues: 1,
        };
        let ifindex = self.number(draw.place);
        let uppers = self.uppers(&name, draw);
        self.ports.push(PortSpec {
            mtu: Some(if draw.receives { 1500 } else { draw.mtu }),
            up: draw.receives || draw.up,
            xdp: draw.receives.then(|| format!("on_{name}")),
            mode: mode(draw.generic),
            uppers,
            ..Self::spec(&name, draw.place, ifindex, PortKind::Veth { peer, gro: draw.generic })
        });
    }

    /// Makes the port's upper devices, which come before it in the house, and says their names.
    fn uppers(&mut self, port: &str, draw: &Draw) -> Vec<String> {
        let place = draw.place;
        let names: Vec<String> = match draw.uppers {
            Uppers::None => Vec::new(),
            Uppers::Bridge => vec![format!("br{place}")],
            Uppers::Macvlans(n) => (0..n).map(|i| format!("mv{i}{port}")).collect(),
        };
        for name in &names {
            if !self.ports.iter().any(|known| known.name == *name) {
                self.next_upper[place] += 1;
                let ifindex = self.next_upper[place] - 1;
                let upper = Self::spec(name, place, ifindex, PortKind::Upper);
                self.ports.push(PortSpec { up: false, ..upper });
            }
        }
        names
    }

    /// A veth whose ends both are ports: `x` in the initial namespace, `y` in `blue`.
    fn pair(&mut self, generic: [bool; 2]) {
        for (place, name, peer) in [(0, "x", "y"), (1, "y", "x")] {
            let kind = PortKind::Veth { peer: PeerSpec::Port(peer.into()), gro: false };
            let ifindex = self.number(place);
            let spec = Self::spec(name, place, ifindex, kind);
            let (xdp, mode) = (Some(format!("on_{name}")), mode(generic[place]));
            self.ports.push(PortSpec { mtu: Some(1500), xdp, mode, ..spec });
        }
    }

    fn loopback(&mut self, place: usize) {
        let name = ["lo", "lo.blue", "lo.green"][place];
        self.ports.push(PortSpec { up: false, ..Self::spec(name, place, 1, PortKind::Upper) });
    }
}
