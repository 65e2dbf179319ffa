//! How a frame finds its queue: the flow hash against published vectors and clause by clause, and what
//! each kind of spreading makes of it.

mod packet;
mod properties;

use packet::{ICMP, Packet, SCTP, TCP, UDP};
use xdpsim_core::FrameNo;
use xdpsim_core::rss::{RxQueues, flow_hash};
use xdpsim_core::scenario::Rss;
use xdpsim_devmap::QueueId;

const MORE_FRAGMENTS: u16 = 0x2000;
const DONT_FRAGMENT: u16 = 0x4000;

fn hash(packet: &Packet) -> u32 {
    flow_hash(&packet.frame())
}

/// A packet with these ports behind these addresses.
fn between(source: (&[u8], u16), destination: (&[u8], u16), protocol: u8) -> Packet {
    let mut packet = Packet::new(&[source.0, destination.0].concat(), protocol);
    packet.payload[..2].copy_from_slice(&source.1.to_be_bytes());
    packet.payload[2..4].copy_from_slice(&destination.1.to_be_bytes());
    packet
}

/// Microsoft's "Verifying the RSS hash calculation", IPv4.
/// Rule: RSS-03.a, RSS-04.a, RSS-05.a
#[test]
fn published_vectors_of_ipv4() {
    for (source, source_port, destination, destination_port, addresses, ports) in [
        ([66, 9, 149, 187], 2794, [161, 142, 100, 80], 1766, 0x323e_8fc2, 0x51cc_c178),
        ([199, 92, 111, 2], 14230, [65, 69, 140, 83], 4739, 0xd718_262a, 0xc626_b0ea),
        ([24, 19, 198, 95], 12898, [12, 22, 207, 184], 38024, 0xd2d0_a5de, 0x5c2b_394a),
        ([38, 27, 205, 30], 48228, [209, 142, 163, 6], 2217, 0x8298_9176, 0xafc7_327f),
        ([153, 39, 163, 191], 44251, [202, 188, 127, 2], 1303, 0x5d18_09c5, 0x10e8_28a2),
    ] {
        let packet = |protocol| between((&source, source_port), (&destination, destination_port), protocol);
        assert_eq!(hash(&packet(ICMP)), addresses);
        assert_eq!(hash(&packet(TCP)), ports);
        assert_eq!(hash(&packet(UDP)), ports);
    }
}

/// The same source, IPv6.
/// Rule: RSS-03.a, RSS-04.b, RSS-05.a
#[test]
fn published_vectors_of_ipv6() {
    for (source, source_port, destination, destination_port, addresses, ports) in [
        ("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc1_8cd5, 0x4020_7d3d),
        ("3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c_461c, 0xdde5_1bbf),
        (
            "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
            44251,
            "fe80::200:f8ff:fe21:67cf",
            38024,
            0x4b61_e985,
            0x02d1_feef,
        ),
    ] {
        let octets = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let (source, destination) = (octets(source), octets(destination));
        let packet = |protocol| between((&source, source_port), (&destination, destination_port), protocol);
        assert_eq!(hash(&packet(ICMP)), addresses);
        assert_eq!(hash(&packet(TCP)), ports);
        assert_eq!(hash(&packet(UDP)), ports);
    }
}

/// Rule: RSS-05.a
#[test]
fn protocols_without_ports_hash_by_address() {
    for protocol in 0..=255 {
        let has_ports = protocol == TCP || protocol == UDP;
        for packet in [Packet::v4(protocol), Packet::v6(protocol)] {
            let expected = if has_ports { packet.by_ports() } else { packet.by_addresses() };
            assert_eq!(hash(&packet), expected, "{protocol}");
        }
    }
    assert_ne!(Packet::v4(SCTP).by_ports(), Packet::v4(SCTP).by_addresses());
}

/// Rule: RSS-05.b
#[test]
fn all_fragments_of_a_packet_hash_alike() {
    let whole = Packet::v4(UDP);
    for fragment in [MORE_FRAGMENTS, MORE_FRAGMENTS | 185, 185, 1, 0x1000, DONT_FRAGMENT | 1] {
        let fragment = Packet { fragment, ..whole.clone() };
        assert_eq!(hash(&fragment), whole.by_addresses(), "{:#x}", fragment.fragment);
    }
    // Neither "don't fragment" nor the reserved bit makes a fragment.
    for fragment in [DONT_FRAGMENT, 0x8000] {
        assert_eq!(hash(&Packet { fragment, ..whole.clone() }), whole.by_ports(), "{fragment:#x}");
    }
}

/// Rule: RSS-04.a
#[test]
fn ports_are_found_behind_ipv4_options() {
    for words in 0..=10 {
        let packet = Packet { options: vec![1; 4 * words], ..Packet::v4(TCP) };
        assert_eq!(hash(&packet), packet.by_ports(), "{words} words");
    }
}

/// Rule: RSS-06.a, RSS-06.b
#[test]
fn two_tags_are_skipped_and_a_third_ends_the_search() {
    const C_TAG: u16 = 0x8100;
    const S_TAG: u16 = 0x88a8;
    for packet in [Packet::v4(UDP), Packet::v6(UDP)] {
        let tagged = |tags: &[u16]| hash(&Packet { tags: tags.to_vec(), ..packet.clone() });
        for tags in [&[C_TAG][..], &[S_TAG], &[S_TAG, C_TAG], &[C_TAG, C_TAG], &[C_TAG, S_TAG]] {
            assert_eq!(tagged(tags), packet.by_ports(), "{tags:x?}");
        }
        for tags in [&[C_TAG, C_TAG, C_TAG][..], &[S_TAG, C_TAG, C_TAG], &[S_TAG; 4]] {
            assert_eq!(tagged(tags), 0, "{tags:x?}");
        }
        // A type that other cards take for a tag.
        assert_eq!(tagged(&[0x9100]), 0);
    }
}

/// Rule: RSS-07.a
#[test]
fn what_is_not_ip_has_hash_0() {
    let whole = Packet::v4(UDP).frame();
    let with = |at: usize, byte: u8| {
        let mut frame = whole.clone();
        frame[at] = byte;
        flow_hash(&frame)
    };
    assert_ne!(flow_hash(&whole), 0);
    assert_eq!(with(13, 0x06), 0, "ARP");
    assert_eq!(with(12, 0x00), 0, "a length, not a type");
    assert_eq!(with(14, 0x65), 0, "version 6 in an IPv4 header");
    assert_eq!(with(14, 0x05), 0, "version 0");
    for short in 0..5 {
        assert_eq!(with(14, 0x40 | short), 0, "header of {short} words");
    }
    let mut v6 = Packet::v6(UDP).frame();
    v6[14] = 0x45;
    assert_eq!(flow_hash(&v6), 0, "version 4 in an IPv6 header");
}

/// Rule: RSS-07.b, RSS-07.c
#[test]
fn a_truncated_frame_hashes_by_what_is_whole() {
    let options = vec![1; 8];
    for tags in [vec![], vec![0x8100], vec![0x88a8, 0x8100]] {
        for packet in
            [Packet::v4(UDP), Packet { options: options.clone(), ..Packet::v4(TCP) }, Packet::v6(TCP)]
        {
            let packet = Packet { tags: tags.clone(), ..packet };
            let frame = packet.frame();
            for len in 0..=frame.len() {
                let expected = match len {
                    _ if len < packet.addresses_end() => 0,
                    _ if len < packet.ports() + 4 => packet.by_addresses(),
                    _ => packet.by_ports(),
                };
                assert_eq!(flow_hash(&frame[..len]), expected, "{len} bytes of {packet:?}");
            }
        }
    }
}

/// Rule: RSS-07.d
#[test]
fn ipv6_extension_headers_are_not_walked() {
    // Hop by hop, routing, fragment, destination options: each followed by UDP.
    for next_header in [0, 43, 44, 60] {
        let mut packet = Packet::v6(next_header);
        packet.payload = [&[UDP, 0, 0, 0, 0, 0, 0, 0][..], &[1; 8]].concat();
        assert_eq!(hash(&packet), packet.by_addresses(), "{next_header}");
    }
}

/// Rule: RSS-01.a
#[test]
fn fixed_is_queue_0_whatever_the_frame() {
    let queues = RxQueues::new(Rss::Fixed, 8);
    for (no, packet) in (0..20).zip([Packet::v4(UDP), Packet::v6(TCP)].iter().cycle()) {
        assert_eq!(queues.queue(&packet.frame(), FrameNo(no)), QueueId(0));
    }
}

/// Rule: RSS-02.a
#[test]
fn round_robin_counts_frames_from_0() {
    let queues = RxQueues::new(Rss::RoundRobin, 3);
    let frame = Packet::v4(UDP).frame();
    let reached: Vec<u16> = (0..7).map(|no| queues.queue(&frame, FrameNo(no)).0).collect();
    assert_eq!(reached, [0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(queues.queue(&frame, FrameNo(u64::MAX)), QueueId((u64::MAX % 3) as u16));
    assert_eq!(RxQueues::new(Rss::RoundRobin, u16::MAX).queue(&frame, FrameNo(65_534)), QueueId(65_534));
}

/// The queue is not simply the hash modulo the queues: 128 is no multiple of 3 or 200.
/// Rule: RSS-03.b
#[test]
fn toeplitz_goes_through_a_table_of_128() {
    for queues in [2, 3, 5, 64, 127, 128, 200] {
        let rx = RxQueues::new(Rss::Toeplitz, queues);
        for port in 0..500 {
            let packet = between((&[10, 0, 0, 1], port), (&[10, 0, 0, 2], 53), UDP);
            let expected = (packet.by_ports() & 127) as u16 % queues;
            assert_eq!(rx.queue(&packet.frame(), FrameNo(u64::from(port))), QueueId(expected));
        }
        assert_eq!(rx.queue(&[], FrameNo(9)), QueueId(0));
    }
}

/// Rule: RSS-03.b
#[test]
fn many_flows_fill_all_queues_evenly() {
    let rx = RxQueues::new(Rss::Toeplitz, 4);
    let mut frames = [0; 4];
    for host in 0..64 {
        for port in 0..64 {
            let packet = between((&[10, 0, 3, host], 40_000 + port), (&[10, 0, 0, 2], 443), TCP);
            frames[usize::from(rx.queue(&packet.frame(), FrameNo(0)).0)] += 1;
        }
    }
    assert_eq!(frames.iter().sum::<u32>(), 64 * 64);
    assert!(frames.iter().all(|n| (900..1150).contains(n)), "{frames:?}");
}

#[test]
fn a_port_with_one_queue_or_none_has_queue_0() {
    let frame = Packet::v4(UDP).frame();
    for rss in [Rss::Toeplitz, Rss::RoundRobin, Rss::Fixed] {
        for queues in [0, 1] {
            assert_eq!(RxQueues::new(rss, queues).queue(&frame, FrameNo(5)), QueueId(0), "{rss:?}");
        }
    }
}
