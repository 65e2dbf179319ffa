//! The counters by port, as the table and the JSON show them.

use std::collections::BTreeMap;

use xdpsim_core::netdev::Kind;
use xdpsim_core::{IfIndex, Plan};

use super::totals::{Class, Totals};

/// One port's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRow {
    /// Its name.
    pub name: String,
    /// Its ifindex at the start.
    pub ifindex: IfIndex,
    /// Its kind, as a scenario writes it.
    pub kind: &'static str,
    /// Frames of the captures that arrived on it, and those that it polled from the veth port before it.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Frames that left by it.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Frames that its stack got.
    pub passed: u64,
    /// Frames that a program dropped here.
    pub dropped: u64,
    /// Frames lost on the way out of it, or, where no way out was found, on it.
    pub lost: u64,
    /// How often a broadcast left it out.
    pub skipped: u64,
}

/// How a device is called that the scenario does not name: the far end of a veth.
pub const FAR_END: &str = "far end";

/// All kinds.
pub const KINDS: [&str; 5] = ["ideal", "nic", "veth", "upper", FAR_END];

impl PortRow {
    /// Adds the same port's share in another run.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.received_bytes += other.received_bytes;
        self.delivered += other.delivered;
        self.delivered_bytes += other.delivered_bytes;
        self.passed += other.passed;
        self.dropped += other.dropped;
        self.lost += other.lost;
        self.skipped += other.skipped;
    }
}

/// The rows of all ports in the scenario's order; devices that the scenario does not name (far ends of
/// veths) follow, by their names, if anything ended there.
#[must_use]
pub fn rows(plan: &Plan, totals: &Totals) -> Vec<PortRow> {
    let mut rows: Vec<PortRow> =
        plan.ports().map(|(_, port)| empty(&port.name, port.ifindex, kind(port.kind))).collect();
    let mut places: BTreeMap<String, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.name.clone(), place)).collect();
    let scenario_ports = rows.len();
    let mut row = |name: &str, rows: &mut Vec<PortRow>| {
        *places.entry(name.to_owned()).or_insert_with(|| {
            rows.push(empty(name, IfIndex(1), FAR_END));
            rows.len() - 1
        })
    };
    for (port, &(frames, bytes)) in &totals.received {
        let place = row(port, &mut rows);
        rows[place].received += frames;
        rows[place].received_bytes += bytes;
    }
    for (port, &(frames, bytes)) in &totals.hops_by_port {
        let place = row(port, &mut rows);
        rows[place].delivered += frames;
        rows[place].delivered_bytes += bytes;
        let Some(peer) = peer(plan, port) else { continue };
        let place = row(peer, &mut rows);
        rows[place].received += frames;
        rows[place].received_bytes += bytes;
    }
    for (key, end) in &totals.ends {
        let place = row(key.egress.as_deref().unwrap_or(&key.ingress), &mut rows);
        let port = &mut rows[place];
        match Class::of(key.fate) {
            Class::Delivered => {
                port.delivered += end.frames;
                port.delivered_bytes += end.bytes;
            }
            Class::Passed => port.passed += end.frames,
            Class::Dropped => port.dropped += end.frames,
            Class::Copied => {}
            Class::Lost => port.lost += end.frames,
        }
    }
    for (key, broadcasts) in &totals.skips {
        let place = row(&key.target, &mut rows);
        rows[place].skipped += broadcasts;
    }
    // Not as they were met, which differs between a corpus and its parts.
    rows[scenario_ports..].sort_by(|a, b| a.name.cmp(&b.name));
    rows
}

/// The device behind a veth port.
fn peer<'a>(plan: &'a Plan, port: &str) -> Option<&'a str> {
    let peer = plan.device(plan.port(port)?).peer()?;
    Some(&plan.device(peer).name)
}

fn empty(name: &str, ifindex: IfIndex, kind: &'static str) -> PortRow {
    PortRow {
        name: name.to_owned(),
        ifindex,
        kind,
        received: 0,
        received_bytes: 0,
        delivered: 0,
        delivered_bytes: 0,
        passed: 0,
        dropped: 0,
        lost: 0,
        skipped: 0,
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Ideal => "ideal",
        Kind::Nic => "nic",
        Kind::Veth { .. } => "veth",
        Kind::Upper => "upper",
    }
}
