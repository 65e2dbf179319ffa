//! Frames that reach into the corpus's programs: whole stacks of headers with fields from [`super::words`], some
//! then changed in a byte, padded or cut.

use etherparse::{
    EtherType, Ethernet2Header, IcmpEchoHeader, Icmpv4Header, Icmpv4Type, IpNumber, Ipv4Header,
    Ipv6FlowLabel, Ipv6Header, TcpHeader, TcpOptionElement, UdpHeader,
};

use super::Random;
use super::words::{ADDRESSES, PORTS, address6, mac};

/// One of [`PORTS`], or one beside it.
fn port(random: &mut Random) -> u16 {
    random.pick(&PORTS) + u16::from(random.below(8) == 0)
}

/// A frame of at least 14 bytes.
pub fn frame(random: &mut Random) -> Vec<u8> {
    let mut bytes = whole(random, true);
    match random.below(8) {
        0 => bytes.truncate(14 + random.below(bytes.len() as u64 - 13) as usize),
        1 => {
            let at = random.below(bytes.len().min(60) as u64) as usize;
            bytes[at] = random.next() as u8;
        }
        2 => bytes.resize(bytes.len().max(60), 0),
        3 => bytes.resize(bytes.len() + random.below(20) as usize, 0xee),
        _ => {}
    }
    bytes
}

/// Ethernet, perhaps tags, and what it carries; `outer`: it may carry another frame.
fn whole(random: &mut Random, outer: bool) -> Vec<u8> {
    let (ether_type, body) = match random.below(16) {
        0..=9 => (EtherType::IPV4, ipv4(random, outer)),
        10..=12 => (EtherType::IPV6, ipv6(random)),
        13 | 14 => (EtherType::ARP, arp(random)),
        _ => {
            let other = [0x88cc, 0x8847, 0x8863, 0x888e, 0x0842, 46, 0x88f7, 0x8809];
            (EtherType(random.pick(&other)), readings(random))
        }
    };
    let tags: Vec<u16> = match random.below(6) {
        0 => vec![0x8100],
        1 => vec![0x88a8, 0x8100],
        2 if random.below(2) == 0 => vec![0x8100; 2 + random.below(3) as usize],
        _ => vec![],
    };
    let first = tags.first().map_or(ether_type, |tag| EtherType(*tag));
    let (source, destination) = (mac(random), mac(random));
    let mut bytes = Ethernet2Header { source, destination, ether_type: first }.to_bytes().to_vec();
    for (at, _) in tags.iter().enumerate() {
        let next = tags.get(at + 1).map_or(ether_type.0, |tag| *tag);
        let id = random.pick(&[0_u16, 1, 5, 6, 7, 100, 4095]) | (random.below(8) as u16) << 13;
        bytes.extend(id.to_be_bytes().into_iter().chain(next.to_be_bytes()));
    }
    bytes.extend(body);
    bytes
}

fn payload(random: &mut Random) -> Vec<u8> {
    let len = match random.below(8) {
        0 => 0,
        1 => 1000 + random.below(400),
        _ => random.below(150),
    };
    (0..len).map(|_| random.next() as u8).collect()
}

/// Numbers with signs, none of which is 0.
fn readings(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![random.pick(&[1, 3, 0x7f, 0x80, 0xff]), random.next() as u8];
    bytes.extend((random.next() as u16 | 1).to_le_bytes());
    bytes.extend(random.pick(&[1_i32, -1, 77, -1000, i32::MAX, i32::MIN + 1]).to_le_bytes());
    bytes.extend(random.pick(&[1_i64, -1, 12_345, -98_765_432, i64::MAX, i64::MIN + 1]).to_le_bytes());
    bytes.extend(payload(random));
    bytes
}

fn arp(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, random.pick(&[1, 1, 2])];
    for _ in 0..2 {
        bytes.extend(mac(random));
        bytes.extend(random.pick(&ADDRESSES));
    }
    bytes
}

fn ipv4(random: &mut Random, outer: bool) -> Vec<u8> {
    let protocol = random.pick(&[6, 6, 6, 17, 17, 17, 17, 1, 1, 47, 2, 4]);
    let (source, destination) = (random.pick(&ADDRESSES), random.pick(&ADDRESSES));
    let ttl = random.pick(&[0, 1, 2, 64, 64, 64, 255]);
    let mut ip = Ipv4Header::new(0, ttl, IpNumber(protocol), source, destination).expect("short");
    (ip.dont_fragment, ip.identification) = (random.below(2) == 0, random.next() as u16);
    ip.more_fragments = random.below(12) == 0;
    let body = match protocol {
        6 => {
            let (tcp, data) = tcp(random);
            let sum = tcp.calc_checksum_ipv4(&ip, &data).expect("short");
            [TcpHeader { checksum: sum, ..tcp }.to_bytes().as_slice(), &data].concat()
        }
        17 => {
            let (from, to, data) = udp(random, outer);
            let udp = UdpHeader::with_ipv4_checksum(from, to, &ip, &data).expect("short");
            let checksum = if random.below(4) == 0 { 0 } else { udp.checksum };
            [UdpHeader { checksum, ..udp }.to_bytes().as_slice(), &data].concat()
        }
        1 => {
            let data = payload(random);
            let echo = IcmpEchoHeader { id: random.next() as u16, seq: 1 };
            let kind = if random.below(4) == 0 {
                Icmpv4Type::EchoReply(echo)
            } else {
                Icmpv4Type::EchoRequest(echo)
            };
            [Icmpv4Header::with_checksum(kind, &data).to_bytes().as_slice(), &data].concat()
        }
        47 if outer => gre(random),
        _ => payload(random),
    };
    ip.set_payload_len(body.len()).expect("short");
    ip.header_checksum = ip.calc_header_checksum();
    [ip.to_bytes().as_slice(), &body].concat()
}

fn gre(random: &mut Random) -> Vec<u8> {
    let flags = random.pick(&[0_u16, 0, 0x2000, 0xb000, 0x1000, 1]);
    let inner = whole(random, false);
    let words = (flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1);
    let mut bytes = flags.to_be_bytes().to_vec();
    bytes.extend_from_slice(&inner[12..14]);
    bytes.resize(4 + 4 * usize::from(words), 7);
    bytes.extend_from_slice(&inner[14..]);
    bytes
}

/// Ports and what they carry: VXLAN, DNS, or anything.
fn udp(random: &mut Random, outer: bool) -> (u16, u16, Vec<u8>) {
    let from = port(random);
    match random.below(4) {
        0 if outer => {
            let vni = random.below(4) as u8;
            (from, 4789, [&[8, 0, 0, 0, 0, 0, vni, 0], whole(random, false).as_slice()].concat())
        }
        1 => {
            let mut query = vec![0, 9, random.pick(&[1, 1, 1, 0x81]), 0, 0, 1, 0, 0, 0, 0, 0, 0];
            for label in random.pick(&[&["www", "example", "org"][..], &["Example", "com"], &["a"], &[]]) {
                query.push(label.len() as u8);
                query.extend(label.bytes());
            }
            query.extend([0, 0, 1, 0, 1]);
            (from, 53, query)
        }
        _ => (from, port(random), payload(random)),
    }
}

fn tcp(random: &mut Random) -> (TcpHeader, Vec<u8>) {
    use TcpOptionElement::{MaximumSegmentSize, Noop, WindowScale};
    let numbers = [0, 1, 1000, u32::MAX];
    let mut tcp = TcpHeader::new(port(random), port(random), random.pick(&numbers), 1024);
    let flags = random.pick(&[2, 2, 18, 16, 16, 17, 4, 20, 0]);
    (tcp.syn, tcp.ack, tcp.fin, tcp.rst) = (flags & 2 != 0, flags & 16 != 0, flags & 1 != 0, flags & 4 != 0);
    tcp.acknowledgment_number = random.pick(&numbers);
    let mss = MaximumSegmentSize(random.pick(&[536, 1400, 1401, 1460, 8960]));
    let options: &[TcpOptionElement] = match random.below(4) {
        0 => &[mss],
        1 => &[Noop, Noop, mss],
        2 => &[Noop, WindowScale(7), mss, Noop],
        _ => &[],
    };
    tcp.set_options(options).expect("they fit");
    (tcp, payload(random))
}

fn ipv6(random: &mut Random) -> Vec<u8> {
    let last = random.pick(&[6, 6, 17, 17, 58]);
    let mut body = match last {
        6 => {
            let (tcp, data) = tcp(random);
            [tcp.to_bytes().as_slice(), &data].concat()
        }
        17 => {
            let (from, to, data) = udp(random, false);
            let udp = UdpHeader::without_ipv4_checksum(from, to, data.len()).expect("short");
            [udp.to_bytes().as_slice(), &data].concat()
        }
        _ => payload(random),
    };
    let mut next = last;
    for _ in 0..random.pick(&[0, 0, 0, 1, 2, 4, 5]) {
        let words = random.below(2) as u8;
        let mut header = vec![next, words];
        header.resize(8 + 8 * usize::from(words), 0);
        next = random.pick(&[0, 43, 60]);
        body = [header, body].concat();
    }
    let ip = Ipv6Header {
        traffic_class: random.next() as u8,
        flow_label: Ipv6FlowLabel::try_new(random.next() as u32 & 0xf_ffff).expect("20 bits"),
        payload_length: body.len() as u16,
        next_header: IpNumber(next),
        hop_limit: random.pick(&[0, 1, 2, 64, 255]),
        source: address6(random),
        destination: address6(random),
    };
    [ip.to_bytes().as_slice(), &body].concat()
}
