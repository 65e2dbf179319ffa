//! Random frames are what they say they are: another look at their bytes finds the headers again.

use etherparse::{LinkExtSlice, NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use xdpsim_core::Nanos;
use xdpsim_core::strategies::frames::{self, Frame, Packet, Transport};
use xdpsim_core::strategies::{groups, timelines};

fn sliced(bytes: &[u8]) -> SlicedPacket<'_> {
    SlicedPacket::from_ethernet(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn good_frames_are_taken_apart_again(frame in frames::good()) {
        let frame = Frame { vlans: frame.vlans.iter().copied().take(3).collect(), ..frame };
        let bytes = frame.bytes();
        let packet = sliced(&bytes);
        let vlan = |ext: &LinkExtSlice<'_>| match ext {
            LinkExtSlice::Vlan(tag) => tag.vlan_identifier().value(),
            LinkExtSlice::Macsec(_) => 0,
        };
        prop_assert_eq!(packet.link_exts.iter().map(vlan).collect::<Vec<_>>(), frame.vlans);
        let net_fits = matches!(
            (&frame.packet, &packet.net),
            (Packet::Arp, Some(NetSlice::Arp(_)))
                | (Packet::V4(_), Some(NetSlice::Ipv4(_)))
                | (Packet::V6(_), Some(NetSlice::Ipv6(_)))
                | (Packet::Other(_), None)
        );
        prop_assert!(net_fits, "{:?}", packet.net);
        if let Packet::V4(transport) | Packet::V6(transport) = &frame.packet {
            let fits = match (transport, &packet.transport) {
                (Transport::Echo(_), Some(TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_))) => true,
                (Transport::Udp(source, _), Some(TransportSlice::Udp(udp))) => udp.source_port() == *source,
                (Transport::Tcp(.., syn), Some(TransportSlice::Tcp(tcp))) => tcp.syn() == *syn,
                _ => false,
            };
            prop_assert!(fits, "{:?}", packet.transport);
        }
        prop_assert!(bytes.len() >= 60);
    }

    #[test]
    fn a_flaw_makes_another_frame(frame in frames::malformed()) {
        let whole = Frame { flaw: None, ..frame.clone() };
        prop_assert_ne!(frame.bytes(), whole.bytes());
    }

    #[test]
    fn time_does_not_run_back(timeline in timelines::any_timeline(), n in 1..200usize) {
        let times: Vec<Nanos> = timeline.times(n).collect();
        prop_assert_eq!((times.len(), times[0]), (n, Nanos(1)));
        prop_assert!(times.is_sorted());
    }

    #[test]
    fn a_group_is_forward_minus_exclude(
        group in groups::over(&["a", "b", "c", "d"].map(String::from)),
        kind in xdpsim_core::strategies::maps::kind(),
    ) {
        let map = group.map("group", kind);
        prop_assert_eq!(map.entries.len(), group.targets().count());
        prop_assert!(group.targets().all(|port| !group.excluded.contains(port)));
    }
}
