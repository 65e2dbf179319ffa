//! The program that makes a switch of a devmap: the classic use of broadcast with EXCLUDE_INGRESS.

use std::collections::BTreeMap;

use xdpsim_devmap::{IfIndex, MapId, RedirectFlags, XdpAction};

use crate::frame::FrameMut;
use crate::program::{Ctx, Sharing, XdpProgram};

/// An Ethernet address.
type Mac = [u8; 6];

/// To all ports but the one that the frame came in on.
const FLOOD: u64 = RedirectFlags::BROADCAST.union(RedirectFlags::EXCLUDE_INGRESS).bits();

/// Learns on which port each source address is, and sends to that port alone from then on.
///
/// The key of a port's entry in the map is its ifindex. A group address and a destination that nobody
/// has been seen with go to all other ports; a destination on the very port that the frame came in on
/// needs no help, so the frame is dropped. A learned port whose entry is gone gives XDP_ABORTED.
///
/// All CPUs share the table, as they would share a BPF hash map.
#[derive(Debug)]
pub struct LearningSwitch {
    map: MapId,
    table_max: u32,
    table: BTreeMap<Mac, IfIndex>,
}

impl LearningSwitch {
    /// The switch over the ports in `map`, which remembers `table_max` addresses: when they are
    /// reached, it learns no new address but still follows known ones to other ports.
    #[must_use]
    pub const fn new(map: MapId, table_max: u32) -> Self {
        Self { map, table_max, table: BTreeMap::new() }
    }

    fn learn(&mut self, source: Mac, port: IfIndex) {
        if is_group(source) {
            return;
        }
        if let Some(known) = self.table.get_mut(&source) {
            *known = port;
        } else if self.table.len() < self.table_max as usize {
            self.table.insert(source, port);
        }
    }

    fn port_of(&self, destination: Mac) -> Option<IfIndex> {
        // A group address is nobody's source, so the table has none.
        self.table.get(&destination).copied()
    }
}

impl XdpProgram for LearningSwitch {
    fn run(&mut self, ctx: &mut Ctx<'_>, frame: &mut FrameMut<'_>) -> XdpAction {
        let Some((destination, source)) = addresses(frame.data()) else {
            return XdpAction::DROP;
        };
        self.learn(source, ctx.ingress_ifindex);
        match self.port_of(destination) {
            Some(port) if port == ctx.ingress_ifindex => XdpAction::DROP,
            Some(port) => ctx.redirect_map(self.map, u64::from(port.0), 0),
            None => ctx.redirect_map(self.map, 0, FLOOD),
        }
    }

    fn clone_box(&self) -> Box<dyn XdpProgram> {
        Box::new(Self::new(self.map, self.table_max))
    }

    fn sharing(&self) -> Sharing {
        Sharing::Shared
    }
}

/// Destination and source of a whole Ethernet header.
fn addresses(data: &[u8]) -> Option<(Mac, Mac)> {
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, _, _] = *data.first_chunk::<14>()?;
    Some(([d0, d1, d2, d3, d4, d5], [s0, s1, s2, s3, s4, s5]))
}

/// Multicast or broadcast?
fn is_group(address: Mac) -> bool {
    address[0] & 1 != 0
}
