//! Link-layer types of captures and their names.
//!
//! Owns the number and how it prints; that only Ethernet can be replayed is decided where frames are met.

use std::fmt;

use pcap_file::DataLink;

/// A link type as <https://www.tcpdump.org/linktypes.html> numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// Ethernet, the only one that can be replayed.
    pub const ETHERNET: Self = Self(1);

    /// Can it be replayed?
    #[must_use]
    pub const fn is_ethernet(self) -> bool {
        self.0 == Self::ETHERNET.0
    }

    /// The link type in a classic pcap's header. The upper six bits say whether frames end in a check
    /// sequence, as libpcap reads them; they are not part of the type.
    #[must_use]
    pub const fn from_pcap_header(field: u32) -> Self {
        Self(field & 0x03ff_ffff)
    }

    /// What people call the common ones.
    fn common_name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "BSD loopback",
            1 => "Ethernet",
            6 => "Token Ring",
            8 => "SLIP",
            9 => "PPP",
            10 => "FDDI",
            50 => "PPP in HDLC framing",
            51 => "PPPoE",
            100 => "ATM RFC 1483",
            101 => "raw IP",
            104 => "Cisco HDLC",
            105 => "IEEE 802.11",
            106 => "Linux Classical IP over ATM",
            107 => "Frame Relay",
            108 => "OpenBSD loopback",
            113 => "Linux cooked",
            117 => "OpenBSD pflog",
            119 => "IEEE 802.11 with Prism header",
            127 => "IEEE 802.11 with radiotap header",
            129 => "Linux ARCNET",
            143 => "DOCSIS",
            147..=162 => "reserved for private use",
            182 => "Multi-Link Frame Relay",
            187 => "Bluetooth HCI",
            189 => "Linux USB",
            192 => "per-packet information",
            195 => "IEEE 802.15.4",
            220 => "Linux USB, memory-mapped",
            227 => "SocketCAN",
            228 => "raw IPv4",
            229 => "raw IPv6",
            230 => "IEEE 802.15.4 without FCS",
            239 => "Linux netfilter log",
            249 => "USBPcap",
            253 => "Linux netlink",
            271 => "Linux vsock",
            276 => "Linux cooked v2",
            _ => return None,
        })
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.common_name(), DataLink::from(self.0)) {
            (Some(name), _) => write!(f, "{} ({name})", self.0),
            (None, DataLink::Unknown(_)) => write!(f, "{} (not a registered one)", self.0),
            (None, known) => write!(f, "{} ({known:?})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LinkType;

    #[test]
    fn a_link_type_prints_number_and_name() {
        assert_eq!(LinkType(105).to_string(), "105 (IEEE 802.11)");
        assert_eq!(LinkType(138).to_string(), "138 (APPLE_IP_OVER_IEEE1394)");
        assert_eq!(LinkType(60_000).to_string(), "60000 (not a registered one)");
    }

    #[test]
    fn check_sequence_bits_of_the_header_are_not_part_of_the_type() {
        assert_eq!(LinkType::from_pcap_header(0x1400_0001), LinkType::ETHERNET);
    }
}
