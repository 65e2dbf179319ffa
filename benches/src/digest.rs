//! What left each port, and in which order, as one number a port.
//!
//! Counters alone would not notice frames that are swapped or sent with somebody else's bytes.

use xdpsim::runner::Settings;
use xdpsim_core::{Delivery, Plan, Sink};

use crate::workload::replay;

/// Digests by domain and port.
pub type Digests = Vec<Vec<u64>>;

/// One step of a hash in which order counts.
#[inline]
fn fold(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

/// Hashes the frames of each port: number and bytes.
#[derive(Debug, Default)]
struct DigestSink {
    ports: Vec<u64>,
}

impl Sink for DigestSink {
    const DELIVERIES: bool = true;

    fn delivered(&mut self, delivery: Delivery<'_>) {
        let hash = slot(&mut self.ports, delivery.port.0 as usize);
        *hash = fold(*hash, delivery.frame.0);
        *hash = fold(*hash, delivery.bytes.len() as u64);
        for word in delivery.bytes.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            *hash = fold(*hash, u64::from_le_bytes(bytes));
        }
    }
}

/// The place `index` of a list that grows as needed.
fn slot<T: Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if index >= list.len() {
        list.resize_with(index + 1, T::default);
    }
    &mut list[index]
}

/// Runs a plan over a capture and hashes what leaves.
///
/// # Panics
/// If the capture is broken, which a test excludes.
#[must_use]
pub fn digests(plan: &Plan, capture: &[u8], settings: &Settings) -> Digests {
    let mut all = Digests::new();
    let mut collect = |sinks: Vec<DigestSink>| {
        for (domain, sink) in sinks.into_iter().enumerate() {
            let ports = slot(&mut all, domain);
            for (port, hash) in sink.ports.into_iter().enumerate() {
                let total = slot(ports, port);
                *total = fold(*total, hash);
            }
        }
    };
    let finished = replay(plan, capture, settings, &|_| DigestSink::default(), &mut collect);
    assert!(finished.report.is_balanced(), "a run that does not balance has no digest");
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Traffic, Workload};
    use xdpsim_core::{Path, Timing};

    #[test]
    fn a_digest_knows_order_and_bytes() {
        let settings = Settings { timing: Timing::Asap, threads: 1, ledger: true };
        let plan = Workload::UnicastOne.plan(Path::Auto);
        let capture = Traffic::Small.capture(100);
        let whole = digests(&plan, &capture, &settings);
        assert_eq!(whole, digests(&plan, &capture, &settings));
        let mut other = capture.clone();
        // The last byte of the last frame.
        *other.last_mut().unwrap() ^= 1;
        assert_ne!(whole, digests(&plan, &other, &settings));
        // Two records of 80 bytes behind the file header change places.
        let mut swapped = capture.clone();
        swapped[24..184].rotate_left(80);
        assert_ne!(whole, digests(&plan, &swapped, &settings));
    }
}
