//! Random frames with real headers: VLAN stacks, ARP, IPv4, IPv6, ICMP, UDP, TCP, and malformed ones.
//!
//! Headers and checksums are made by `etherparse`. A frame is drawn as a [`Frame`], plain data that shrinks
//! towards few tags, no payload, ARP and nothing wrong with it, and becomes bytes with [`Frame::bytes`].

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, Ethernet2Header, PacketBuilder, SingleVlanHeader,
    VlanId, VlanPcp,
};
use proptest::prelude::*;

/// A station: its addresses follow from its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host(pub u8);

impl Host {
    /// 02:00:00:00:00:NN.
    #[must_use]
    pub fn mac(self) -> [u8; 6] {
        [2, 0, 0, 0, 0, self.0]
    }

    /// 10.0.0.NN.
    #[must_use]
    pub fn ipv4(self) -> [u8; 4] {
        [10, 0, 0, self.0]
    }

    /// fd00::NN.
    #[must_use]
    pub fn ipv6(self) -> [u8; 16] {
        let mut address = [0; 16];
        (address[0], address[15]) = (0xfd, self.0);
        address
    }
}

/// To whom a frame is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Everybody.
    All,
    /// A multicast group.
    Group(u8),
    /// A station.
    Host(Host),
}

impl To {
    fn mac(self) -> [u8; 6] {
        match self {
            Self::All => [0xff; 6],
            Self::Group(group) => [1, 0, 0x5e, 0, 0, group],
            Self::Host(host) => host.mac(),
        }
    }

    fn host(self) -> Host {
        match self {
            Self::Host(host) => host,
            Self::All => Host(255),
            Self::Group(group) => Host(group),
        }
    }
}

/// What is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// An ARP request.
    Arp,
    /// Over IPv4.
    V4(Transport),
    /// Over IPv6.
    V6(Transport),
    /// Neither: this EtherType, and the payload.
    Other(u16),
}

/// What is inside of IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// An echo request of ICMP or ICMPv6, with this sequence number.
    Echo(u16),
    /// UDP, by the two ports.
    Udp(u16, u16),
    /// TCP, by the two ports; with SYN or not.
    Tcp(u16, u16, bool),
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Cut off behind so many bytes.
    Cut(u16),
    /// A byte of the headers has another value: offset, and what it is XORed with.
    Flip(u8, u8),
    /// So many bytes behind what the headers tell of.
    Trailer(u8),
}

/// A frame as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// From whom.
    pub from: Host,
    /// To whom.
    pub to: To,
    /// VLAN ids, the outermost first.
    pub vlans: Vec<u16>,
    /// What is inside.
    pub packet: Packet,
    /// Bytes behind the last header.
    pub payload: u16,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
}

impl Frame {
    /// Its bytes; at least the 60 that Ethernet puts on a wire, unless it is malformed.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let (inner, packet) = self.packet_bytes();
        let mut bytes = self.link(inner);
        bytes.extend(packet);
        bytes.resize(bytes.len().max(60), 0);
        match self.flaw {
            None => {}
            Some(Flaw::Cut(len)) => bytes.truncate(len.into()),
            Some(Flaw::Flip(at, bits)) => bytes[usize::from(at) % 60] ^= bits,
            Some(Flaw::Trailer(more)) => bytes.resize(bytes.len() + usize::from(more), 0xee),
        }
        bytes
    }

    /// Ethernet and its tags: an outer tag of a stack is a service tag.
    fn link(&self, inner: EtherType) -> Vec<u8> {
        let tags = self.vlans.len();
        let kind = |depth: usize| match tags - depth {
            0 => inner,
            1 => EtherType::VLAN_TAGGED_FRAME,
            _ => EtherType::PROVIDER_BRIDGING,
        };
        let (source, destination) = (self.from.mac(), self.to.mac());
        let mut bytes = Ethernet2Header { source, destination, ether_type: kind(0) }.to_bytes().to_vec();
        for (depth, &vlan) in self.vlans.iter().enumerate() {
            let tag = SingleVlanHeader {
                pcp: VlanPcp::ZERO,
                drop_eligible_indicator: false,
                vlan_id: VlanId::try_new(vlan & 0xfff).unwrap_or(VlanId::ZERO),
                ether_type: kind(depth + 1),
            };
            bytes.extend(tag.to_bytes());
        }
        bytes
    }

    fn packet_bytes(&self) -> (EtherType, Vec<u8>) {
        let payload: Vec<u8> = (0..self.payload).map(|i| i as u8).collect();
        let (from, to) = (self.from, self.to.host());
        match &self.packet {
            Packet::Arp => (EtherType::ARP, self.arp()),
            Packet::Other(ether_type) => (EtherType(*ether_type), payload),
            Packet::V4(transport) => {
                let ip = PacketBuilder::ipv4(from.ipv4(), to.ipv4(), 64);
                (EtherType::IPV4, transport_bytes(ip, transport, true, &payload))
            }
            Packet::V6(transport) => {
                let ip = PacketBuilder::ipv6(from.ipv6(), to.ipv6(), 64);
                (EtherType::IPV6, transport_bytes(ip, transport, false, &payload))
            }
        }
    }

    fn arp(&self) -> Vec<u8> {
        let (from, to) = (self.from, self.to.host());
        let (ethernet, ipv4) = (ArpHardwareId::ETHERNET, EtherType::IPV4);
        let request = ArpOperation::REQUEST;
        let packet = ArpPacket::new(ethernet, ipv4, request, &from.mac(), &from.ipv4(), &[0; 6], &to.ipv4());
        packet.map(|packet| packet.to_bytes().to_vec()).unwrap_or_default()
    }
}

type Ip = etherparse::PacketBuilderStep<etherparse::IpHeaders>;

fn transport_bytes(ip: Ip, transport: &Transport, v4: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a vector does not fail, and no payload drawn here is too long for its length field.
    let _ = match *transport {
        Transport::Echo(seq) if v4 => ip.icmpv4_echo_request(1, seq).write(&mut bytes, payload),
        Transport::Echo(seq) => ip.icmpv6_echo_request(1, seq).write(&mut bytes, payload),
        Transport::Udp(source, destination) => ip.udp(source, destination).write(&mut bytes, payload),
        Transport::Tcp(source, destination, syn) => {
            let tcp = ip.tcp(source, destination, 1, 1024);
            if syn { tcp.syn().write(&mut bytes, payload) } else { tcp.write(&mut bytes, payload) }
        }
    };
    bytes
}

/// A station of a handful, so that frames meet again.
pub fn host() -> impl Strategy<Value = Host> + Clone {
    (1..9u8).prop_map(Host)
}

/// A destination: mostly a station.
pub fn to() -> impl Strategy<Value = To> + Clone {
    prop_oneof![1 => Just(To::All), 1 => (1..5u8).prop_map(To::Group), 4 => host().prop_map(To::Host)]
}

/// No tag, one, two, or a stack of up to four.
pub fn vlans() -> impl Strategy<Value = Vec<u16>> + Clone {
    let id = || prop_oneof![4 => 1..5u16, 1 => 0..4096u16];
    prop_oneof![
        5 => Just(Vec::new()),
        3 => prop::collection::vec(id(), 1..2),
        2 => prop::collection::vec(id(), 2..3),
        1 => prop::collection::vec(id(), 0..5),
    ]
}

/// ICMP, UDP or TCP.
pub fn transport() -> impl Strategy<Value = Transport> + Clone {
    let port = || prop_oneof![2 => prop::sample::select(vec![53u16, 80, 443, 4789]), 1 => any::<u16>()];
    prop_oneof![
        1 => any::<u16>().prop_map(Transport::Echo),
        2 => (port(), port()).prop_map(|(source, destination)| Transport::Udp(source, destination)),
        2 => (port(), port(), any::<bool>())
            .prop_map(|(source, destination, syn)| Transport::Tcp(source, destination, syn)),
    ]
}

/// What is inside.
pub fn packet() -> impl Strategy<Value = Packet> + Clone {
    prop_oneof![
        1 => Just(Packet::Arp),
        3 => transport().prop_map(Packet::V4),
        2 => transport().prop_map(Packet::V6),
        1 => prop::sample::select(vec![0x88ccu16, 0x8863, 0x86ff, 0x0026]).prop_map(Packet::Other),
    ]
}

/// Frames with nothing wrong: payloads are short, or near what a mtu of 1500 allows.
pub fn good() -> impl Strategy<Value = Frame> + Clone {
    let payload = prop_oneof![4 => Just(0u16), 3 => 0..100u16, 1 => 1400..1480u16];
    (host(), to(), vlans(), packet(), payload).prop_map(|(from, to, vlans, packet, payload)| Frame {
        from,
        to,
        vlans,
        packet,
        payload,
        flaw: None,
    })
}

/// Frames that are cut off, have a wrong byte in a header, or a trailer.
pub fn malformed() -> impl Strategy<Value = Frame> + Clone {
    let flaw = prop_oneof![
        3 => (0..60u16).prop_map(Flaw::Cut),
        3 => (12..60u8, 1..=255u8).prop_map(|(at, bits)| Flaw::Flip(at, bits)),
        1 => (1..64u8).prop_map(Flaw::Trailer),
    ];
    (good(), flaw).prop_map(|(frame, flaw)| Frame { flaw: Some(flaw), ..frame })
}

/// Mostly good ones.
pub fn any_frame() -> impl Strategy<Value = Frame> + Clone {
    prop_oneof![5 => good(), 1 => malformed()]
}
