//! What a frame says about groups: where it goes, and whether it is a report.

use std::net::IpAddr;

use etherparse::{IpNumber, LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket, LinkSlice};

use super::report::{self, Report};

/// What matters of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub source: [u8; 6],
    /// The outer tag's.
    pub vlan: Option<u16>,
    /// If it goes to a group.
    pub destination: Option<IpAddr>,
    pub reports: Vec<Report>,
}

impl Seen {
    /// None of a frame that has nothing to do with IP groups, or whose headers are cut.
    pub(super) fn of(frame: &[u8]) -> Option<Self> {
        // The bit that tells groups from stations; most frames end here.
        if frame.first()? & 1 == 0 {
            return None;
        }
        let packet = LaxSlicedPacket::from_ethernet(frame).ok()?;
        let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link else { return None };
        let vlan = packet.link_exts.iter().find_map(|tag| match tag {
            LaxLinkExtSlice::Vlan(tag) => Some(tag.vlan_identifier().value()),
            LaxLinkExtSlice::Macsec(_) => None,
        });
        let net = packet.net.as_ref()?;
        let destination = match net {
            LaxNetSlice::Ipv4(ip) => IpAddr::V4(ip.header().destination_addr()),
            LaxNetSlice::Ipv6(ip) => IpAddr::V6(ip.header().destination_addr()),
            LaxNetSlice::Arp(_) => return None,
        };
        let payload = net.ip_payload_ref()?;
        let reports = match payload.ip_number {
            // Only the first fragment has the header; none of these is ever cut.
            _ if payload.fragmented => Vec::new(),
            IpNumber::IGMP => report::igmp(payload.payload),
            IpNumber::IPV6_ICMP => report::mld(payload.payload),
            _ => Vec::new(),
        };
        let destination = Some(destination).filter(IpAddr::is_multicast);
        let source = ethernet.source();
        (destination.is_some() || !reports.is_empty()).then_some(Self { source, vlan, destination, reports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    const GROUP: [u8; 6] = [1, 0, 0x5e, 1, 2, 3];
    const SENDER: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn udp(to: [u8; 6], address: [u8; 4], vlan: Option<u16>) -> Vec<u8> {
        let mut frame = Vec::new();
        let ethernet = PacketBuilder::ethernet2(SENDER, to);
        let id = vlan.and_then(|id| etherparse::VlanId::try_new(id).ok());
        match id {
            Some(id) => {
                ethernet.single_vlan(id).ipv4([10, 0, 0, 1], address, 1).udp(1, 2).write(&mut frame, &[0; 9])
            }
            None => ethernet.ipv4([10, 0, 0, 1], address, 1).udp(1, 2).write(&mut frame, &[0; 9]),
        }
        .expect("a frame");
        frame
    }

    #[test]
    fn a_frame_to_a_group() {
        let frame = udp(GROUP, [239, 1, 2, 3], Some(7));
        let expected = Seen {
            source: SENDER,
            vlan: Some(7),
            destination: Some(IpAddr::from([239, 1, 2, 3])),
            reports: Vec::new(),
        };
        assert_eq!(Seen::of(&frame), Some(expected));
    }

    #[test]
    fn frames_that_say_nothing_about_groups() {
        assert_eq!(Seen::of(&udp([2, 0, 0, 0, 0, 1], [239, 1, 2, 3], None)), None, "to a station");
        assert_eq!(Seen::of(&udp([0xff; 6], [255; 4], None)), None, "a broadcast");
        assert_eq!(Seen::of(&[]), None);
        let frame = udp(GROUP, [239, 1, 2, 3], None);
        (1..frame.len()).for_each(|len| drop(Seen::of(&frame[..len])));
    }
}
