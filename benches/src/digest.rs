//! What left each port, and in which order, as one number a port.
//!
//! Counters alone would not notice frames that are swapped or sent with somebody else's bytes.

use xdpsim::runner::Settings;
use xdpsim_core::{Delivery, Plan, Sink};

use crate::workload::replay;

/// Digests by domain and port.
pub type Digests = Vec<Vec<u64>>;

/// A hash in which order counts, and which is the same wherever a run is cut into batches: a polynomial
/// of the words.
#[derive(Clone, Copy, Debug)]
struct Digest {
    hash: u64,
    /// The base to the power of the number of words.
    power: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self { hash: 0, power: 1 }
    }
}

impl Digest {
    const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

    #[inline]
    fn word(&mut self, word: u64) {
        // Spread first: frames are full of small numbers that differ little.
        let spread = (word ^ (word >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        self.append(Self { hash: spread ^ (spread >> 32), power: Self::BASE });
    }

    /// What came later.
    #[inline]
    fn append(&mut self, later: Self) {
        self.hash = self.hash.wrapping_mul(later.power).wrapping_add(later.hash);
        self.power = self.power.wrapping_mul(later.power);
    }
}

/// Hashes the frames of each port: number and bytes.
#[derive(Debug, Default)]
struct DigestSink {
    ports: Vec<Digest>,
}

impl Sink for DigestSink {
    const DELIVERIES: bool = true;

    fn delivered(&mut self, delivery: Delivery<'_>) {
        let digest = slot(&mut self.ports, delivery.port.0 as usize);
        digest.word(delivery.frame.0);
        digest.word(delivery.bytes.len() as u64);
        for word in delivery.bytes.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            digest.word(u64::from_le_bytes(bytes));
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
    let mut all: Vec<Vec<Digest>> = Vec::new();
    let mut collect = |sinks: Vec<DigestSink>| {
        for (domain, sink) in sinks.into_iter().enumerate() {
            let ports = slot(&mut all, domain);
            for (port, later) in sink.ports.into_iter().enumerate() {
                slot(ports, port).append(later);
            }
        }
    };
    let finished = replay(plan, capture, settings, &|_| DigestSink::default(), &mut collect);
    assert!(finished.report.is_balanced(), "a run that does not balance has no digest");
    all.into_iter().map(|ports| ports.into_iter().map(|digest| digest.hash).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Traffic, Workload};
    use xdpsim_core::{Path, Timing};

    #[test]
    fn cuts_do_not_matter() {
        let digest = |words: &[u64]| {
            let mut digest = Digest::default();
            words.iter().for_each(|&word| digest.word(word));
            digest
        };
        let mut cut = digest(&[1, 2]);
        cut.append(Digest::default());
        cut.append(digest(&[3, 0, 5]));
        assert_eq!(cut.hash, digest(&[1, 2, 3, 0, 5]).hash);
        assert_ne!(cut.hash, digest(&[2, 1, 3, 0, 5]).hash);
    }

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
