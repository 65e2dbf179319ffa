//! The flow hash of generated frames: against another parser and the definition of the hash.

use etherparse::{
    EtherType, Ethernet2Header, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, NetSlice, SingleVlanHeader,
    SlicedPacket, TransportSlice, UdpHeader, VlanId, VlanPcp,
};
use proptest::prelude::*;
use xdpsim_core::FrameNo;
use xdpsim_core::rss::{RxQueues, flow_hash};
use xdpsim_core::scenario::Rss;

use crate::packet::{ICMP, SCTP, TCP, UDP, naive};

/// The hash's input as another parser finds it in a whole frame.
fn input_by_etherparse(frame: &[u8]) -> Option<Vec<u8>> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let (mut input, fragment, next) = match sliced.net? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            let addresses = [header.source(), header.destination()].concat();
            (addresses, header.is_fragmenting_payload(), header.protocol())
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            ([header.source(), header.destination()].concat(), false, header.next_header())
        }
        NetSlice::Arp(_) => return None,
    };
    // Behind extension headers it finds a transport header all the same: not ours.
    let ports = match sliced.transport {
        _ if fragment || next != IpNumber::TCP && next != IpNumber::UDP => None,
        Some(TransportSlice::Tcp(tcp)) => Some((tcp.source_port(), tcp.destination_port())),
        Some(TransportSlice::Udp(udp)) => Some((udp.source_port(), udp.destination_port())),
        _ => None,
    };
    if let Some((source, destination)) = ports {
        input.extend(source.to_be_bytes());
        input.extend(destination.to_be_bytes());
    }
    Some(input)
}

/// What kind of packet to build, beside addresses and ports.
#[derive(Clone, Debug)]
struct Shape {
    tags: Vec<bool>,
    v6: bool,
    protocol: u8,
    fragment: (bool, u16),
    option_words: usize,
}

fn shape() -> impl Strategy<Value = Shape> {
    let protocol = prop_oneof![Just(TCP), Just(UDP), Just(ICMP), Just(SCTP)];
    let fragment = prop_oneof![3 => Just((false, 0)), 1 => (any::<bool>(), 0..8000_u16)];
    (prop::collection::vec(any::<bool>(), 0..=2), any::<bool>(), protocol, fragment, 0..=10_usize).prop_map(
        |(tags, v6, protocol, fragment, option_words)| Shape { tags, v6, protocol, fragment, option_words },
    )
}

/// A whole frame, written by etherparse.
fn write(shape: &Shape, addresses: &[u8; 32], source_port: u16, destination_port: u16) -> Vec<u8> {
    let ip_type = if shape.v6 { EtherType::IPV6 } else { EtherType::IPV4 };
    let tag_type = |service: &bool| {
        if *service { EtherType::PROVIDER_BRIDGING } else { EtherType::VLAN_TAGGED_FRAME }
    };
    let mut types: Vec<EtherType> = shape.tags.iter().map(tag_type).collect();
    types.push(ip_type);
    let mut frame = Vec::new();
    Ethernet2Header { source: [2; 6], destination: [4; 6], ether_type: types[0] }.write(&mut frame).unwrap();
    for ether_type in &types[1..] {
        let (pcp, vlan_id) = (VlanPcp::ZERO, VlanId::try_new(7).unwrap());
        let tag = SingleVlanHeader { pcp, drop_eligible_indicator: true, vlan_id, ether_type: *ether_type };
        tag.write(&mut frame).unwrap();
    }
    let transport = transport(shape.protocol, source_port, destination_port);
    if shape.v6 {
        let header = Ipv6Header {
            traffic_class: 0xa5,
            flow_label: Ipv6FlowLabel::ZERO,
            payload_length: transport.len() as u16,
            next_header: IpNumber(shape.protocol),
            hop_limit: 64,
            source: addresses[..16].try_into().unwrap(),
            destination: addresses[16..].try_into().unwrap(),
        };
        header.write(&mut frame).unwrap();
    } else {
        let (source, destination) = (&addresses[..4], &addresses[4..8]);
        let mut header = Ipv4Header::new(
            transport.len() as u16,
            64,
            IpNumber(shape.protocol),
            source.try_into().unwrap(),
            destination.try_into().unwrap(),
        )
        .unwrap();
        header.options = vec![1; 4 * shape.option_words].as_slice().try_into().unwrap();
        header.set_payload_len(transport.len()).unwrap();
        header.more_fragments = shape.fragment.0;
        header.fragment_offset = shape.fragment.1.try_into().unwrap();
        header.write(&mut frame).unwrap();
    }
    frame.extend(transport);
    frame
}

fn transport(protocol: u8, source_port: u16, destination_port: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    match protocol {
        TCP => etherparse::TcpHeader::new(source_port, destination_port, 1, 2).write(&mut bytes).unwrap(),
        _ => {
            let header = UdpHeader { source_port, destination_port, length: 8 + 4, checksum: 0 };
            header.write(&mut bytes).unwrap();
        }
    }
    bytes.extend([0xab; 4]);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rule: RSS-03.a, RSS-04.a, RSS-04.b, RSS-05.a, RSS-05.b, RSS-06.a
    #[test]
    fn the_hash_is_that_of_the_flow_that_another_parser_finds(
        shape in shape(),
        addresses in any::<[u8; 32]>(),
        ports in any::<(u16, u16)>(),
    ) {
        let frame = write(&shape, &addresses, ports.0, ports.1);
        let input = input_by_etherparse(&frame);
        let ported = [TCP, UDP].contains(&shape.protocol) && (shape.v6 || shape.fragment == (false, 0));
        let expected_len = if shape.v6 { 32 } else { 8 } + if ported { 4 } else { 0 };
        prop_assert_eq!(input.as_ref().map(Vec::len), Some(expected_len), "the oracle misread");
        prop_assert_eq!(flow_hash(&frame), naive(&input.unwrap()));
    }

    /// Rule: RSS-07.b, RSS-07.c
    #[test]
    fn cutting_a_frame_leaves_one_of_three_hashes(shape in shape(), addresses in any::<[u8; 32]>()) {
        let frame = write(&shape, &addresses, 1, 2);
        let by_addresses = naive(&addresses[..if shape.v6 { 32 } else { 8 }]);
        let whole = flow_hash(&frame);
        let ip = 14 + 4 * shape.tags.len();
        let header = if shape.v6 { 40 } else { 20 };
        let ports = ip + header + if shape.v6 { 0 } else { 4 * shape.option_words };
        for len in 0..=frame.len() {
            let expected = match len {
                _ if len < ip + header => 0,
                _ if len < ports + 4 => by_addresses,
                _ => whole,
            };
            prop_assert_eq!(flow_hash(&frame[..len]), expected, "{} bytes", len);
        }
    }

    /// Any bytes are a frame, near misses of real ones above all.
    #[test]
    fn any_bytes_have_a_hash(
        shape in shape(),
        hits in prop::collection::vec((0..60_usize, any::<u8>()), 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut frame = write(&shape, &[9; 32], 1, 2);
        for (at, byte) in hits {
            let at = at % frame.len();
            frame[at] = byte;
        }
        let queues = RxQueues::new(Rss::Toeplitz, 7);
        for bytes in [&frame[..], &noise] {
            for len in 0..=bytes.len() {
                prop_assert!(queues.queue(&bytes[..len], FrameNo(0)).0 < 7);
            }
        }
    }
}
