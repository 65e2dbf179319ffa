//! Which group a frame goes to and which it spares, as a program with one index for both says it.
//!
//! Rules: MCAST-02, MCAST-12, MCAST-38, MCAST-55.

use xdpsim_devmap::IfIndex;

/// Where `redirect_group` takes the number of the forward group from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupSource {
    /// Always this one.
    Const(u16),
    /// By the ethertype in bytes 12 and 13 of the frame, as the RFC's sample chooses it. Behind a VLAN tag
    /// nobody looks.
    Ethertype {
        /// Ethertypes with their groups.
        cases: Vec<(u16, u16)>,
        /// The group of all other frames, and of frames without an ethertype.
        other: u16,
    },
}

/// Where `redirect_group` takes the number of the exclude group from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExcludeSource {
    /// Always this one.
    Const(u16),
    /// `ctx->ingress_ifindex`, as the RFC's sample has it. All of it: what is above 65535 lands in the number
    /// of the forward group (MCAST-12).
    IngressIfindex,
    /// By the port of arrival: one number for all members of a bond (MCAST-55).
    Ingress {
        /// Ports, by ifindex, with their exclude groups.
        cases: Vec<(IfIndex, u16)>,
        /// The exclude group of frames from all other ports.
        other: u16,
    },
}

/// Ethertypes that scenarios have a word for.
pub const ETHERTYPES: [(&str, u16); 3] = [("ipv4", 0x0800), ("arp", 0x0806), ("ipv6", 0x86dd)];
