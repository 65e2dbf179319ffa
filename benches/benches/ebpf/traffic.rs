//! The programs that are measured, the frames that they get and what is in their maps.

use std::net::Ipv4Addr;

use xdpsim_vm::load::{LoadOptions, Object};

/// Frames that both sides are compared on before anything is timed.
pub const CHECKED: usize = 512;
/// Of these, the frames that are timed.
pub const TIMED: usize = 16;

/// A program of `ebpf-vm/objects/bench_*.bpf.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bench_empty`: what a run costs by itself.
    Empty,
    /// `bench_lookup`
    Lookup,
    /// `bench_parse`
    Parse,
    /// `bench_alu`
    Alu,
    /// `bench_maps`
    Maps,
}

impl Kind {
    /// All of them, the empty one first.
    pub const ALL: [Self; 5] = [Self::Empty, Self::Lookup, Self::Parse, Self::Alu, Self::Maps];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Lookup => "lookup",
            Self::Parse => "parse",
            Self::Alu => "alu",
            Self::Maps => "maps",
        }
    }

    /// The most that a run may take, as a part of the kernel's time: JIT, interpreter.
    pub fn targets(self) -> Option<(f64, f64)> {
        match self {
            Self::Empty => None,
            Self::Lookup => Some((0.25, 1.0)),
            Self::Parse => Some((0.7, 6.0)),
            Self::Alu => Some((0.85, 25.0)),
            Self::Maps => Some((0.45, 1.5)),
        }
    }

    /// The object's file, as clang made it.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Empty => include_bytes!("../../../ebpf-vm/objects/v3/bench_empty.o"),
            Self::Lookup => include_bytes!("../../../ebpf-vm/objects/v3/bench_lookup.o"),
            Self::Parse => include_bytes!("../../../ebpf-vm/objects/v3/bench_parse.o"),
            Self::Alu => include_bytes!("../../../ebpf-vm/objects/v3/bench_alu.o"),
            Self::Maps => include_bytes!("../../../ebpf-vm/objects/v3/bench_maps.o"),
        }
    }

    /// The object.
    pub fn object(self) -> Object {
        let name = format!("bench_{}.o", self.name());
        Object::load(&name, self.bytes(), LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Its frames; the first of them are those that are timed.
    pub fn frames(self) -> Vec<Vec<u8>> {
        let mut random = Random(7);
        (0..CHECKED as u32)
            .map(|number| match self {
                Self::Parse => headers(number, &mut random),
                Self::Alu => (0..64).map(|_| random.below(256) as u8).collect(),
                Self::Empty | Self::Lookup | Self::Maps => udp(number, &mut random),
            })
            .collect()
    }

    /// What is put into its maps first, all of them but `ports`: by name, key, value.
    pub fn contents(self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        let of_hash = (0..DESTINATIONS).map(|number| {
            let value = [number % PORTS, 1500, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
            ("routes", destination(number).octets().to_vec(), value)
        });
        // 10.0.0.0/8, its first networks of 20 bits, and some of their hosts.
        let prefixes = (0..16).flat_map(|net: u32| [(20, net << 12), (32, net << 12 | 5), (8, 0)]);
        let of_trie = prefixes.map(|(bits, low): (u32, u32)| {
            let to = 10 << 24 | low;
            let key = [bits.to_le_bytes(), to.to_be_bytes()].concat();
            ("routes", key, (bits % PORTS).to_le_bytes().to_vec())
        });
        match self {
            Self::Lookup => of_hash.collect(),
            Self::Maps => of_trie.collect(),
            Self::Empty | Self::Parse | Self::Alu => vec![],
        }
    }
}

/// Entries of the devmap.
pub const PORTS: u32 = 8;
/// Entries of the hash.
const DESTINATIONS: u32 = 3000;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % end
    }
}

fn destination(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(10 << 24 | number)
}

/// A frame of 64 bytes, at least, with this behind its Ethernet header.
fn ethernet(ether_type: u16, rest: &[u8]) -> Vec<u8> {
    let mut frame = [&[2; 12], ether_type.to_be_bytes().as_slice(), rest].concat();
    frame.resize(frame.len().max(64), 0);
    frame
}

fn ipv4(protocol: u8, to: Ipv4Addr, rest: &[u8]) -> Vec<u8> {
    let mut header = [0; 20];
    (header[0], header[8], header[9]) = (0x45, 64, protocol);
    header[2..4].copy_from_slice(&(20 + rest.len() as u16).to_be_bytes());
    header[12..16].copy_from_slice(&[192, 0, 2, 1]);
    header[16..20].copy_from_slice(&to.octets());
    let sum: u32 = header.as_chunks::<2>().0.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [&header, rest].concat()
}

fn ports(number: u32) -> [u8; 8] {
    let [low, high, ..] = number.to_le_bytes();
    [0x40 | high, low, 0, 53, 0, 8, 0x12, 0x34]
}

/// IPv4 and UDP to one of the destinations; every 32nd is for none.
fn udp(number: u32, random: &mut Random) -> Vec<u8> {
    let to = if number % 32 == 31 { 1 << 20 } else { random.below(DESTINATIONS.into()) as u32 };
    ethernet(0x0800, &ipv4(17, destination(to), &ports(number)))
}

/// Tags, both IPs, extension headers; some frames are cut off.
fn headers(number: u32, random: &mut Random) -> Vec<u8> {
    let tags = [0, 0, 1, 2][random.below(4) as usize];
    let (ether_type, inner) = match random.below(4) {
        0 => (0x0800, ipv4(17, destination(1), &ports(number))),
        1 => (0x0800, ipv4(6, destination(2), &[0; 20])),
        _ => (0x86dd, ipv6(random.below(4) as usize, number)),
    };
    let mut frame = inner;
    let mut outer: u16 = ether_type;
    for tag in 0..tags {
        frame = [[0, tag].as_slice(), &outer.to_be_bytes(), &frame].concat();
        outer = 0x8100;
    }
    let mut frame = ethernet(outer, &frame);
    if number as usize >= TIMED && random.below(8) == 0 {
        frame.truncate(14 + random.below(frame.len() as u64 - 14) as usize);
    }
    frame
}

/// With so many extension headers in front of UDP.
fn ipv6(extensions: usize, number: u32) -> Vec<u8> {
    let kinds = [0, 43, 60, 17];
    let chain = &kinds[3 - extensions..];
    let mut header = [0; 40];
    (header[0], header[6], header[7]) = (0x60, chain[0], 64);
    let mut all = header.to_vec();
    for next in &chain[1..] {
        all.extend([*next, 0, 1, 4, 0, 0, 0, 0]);
    }
    all.extend(ports(number));
    all
}
