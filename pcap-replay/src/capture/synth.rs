//! Made-up captures for tests and benches.
//!
//! Owns frames that are real enough to be parsed (Ethernet, IPv4 with a right header checksum, UDP, a
//! payload that differs from frame to frame) and the same in every run: a seed decides everything.

use std::io::{self, Write};

/// Sizes of the frames, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sizes {
    /// All 64.
    #[default]
    Small,
    /// 64, 594 and 1518 in the proportion 7 : 4 : 1, shuffled.
    Imix,
    /// All of this size (at least 46, so that the headers fit).
    Fixed(u16),
}

/// A recipe for a capture.
#[derive(Clone, Copy, Debug)]
pub struct Synth {
    /// How many frames.
    pub frames: u64,
    /// How long they are.
    pub sizes: Sizes,
    /// How many different flows (UDP ports and addresses), at least 1.
    pub flows: u32,
    /// Decides sizes, flows and payloads.
    pub seed: u64,
    /// Stamp of the first frame, in nanoseconds since the epoch.
    pub start_nanos: u64,
    /// From one frame to the next, in nanoseconds.
    pub gap_nanos: u64,
}

impl Default for Synth {
    fn default() -> Self {
        Self {
            frames: 1000,
            sizes: Sizes::Small,
            flows: 256,
            seed: 1,
            start_nanos: 1_700_000_000_000_000_000,
            gap_nanos: 1_000,
        }
    }
}

impl Synth {
    /// A record of IMIX takes 370 bytes on average.
    const RECORD_BYTES: u64 = 384;

    /// The capture as a classic little-endian nanosecond pcap.
    ///
    /// # Errors
    /// If `out` can't be written.
    pub fn write_pcap(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(&PCAP_HEADER)?;
        let mut record = Vec::with_capacity(2048);
        let mut random = Random::new(self.seed);
        for number in 0..self.frames {
            record.clear();
            record.resize(RECORD_HEAD, 0);
            self.frame(&mut random, &mut record);
            let stamp = self.start_nanos + number * self.gap_nanos;
            let len = (record.len() - RECORD_HEAD) as u32;
            let head = [(stamp / 1_000_000_000) as u32, (stamp % 1_000_000_000) as u32, len, len];
            record[..RECORD_HEAD].copy_from_slice(head.map(u32::to_le_bytes).as_flattened());
            out.write_all(&record)?;
        }
        out.flush()
    }

    /// The same in memory.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let record = match self.sizes {
            Sizes::Small => 80,
            Sizes::Imix => Self::RECORD_BYTES,
            Sizes::Fixed(len) => u64::from(len) + 16,
        };
        let mut bytes = Vec::with_capacity((self.frames * record + 24) as usize);
        // Writing to a vector can't fail.
        let _ = self.write_pcap(&mut bytes);
        bytes
    }

    /// Appends one frame.
    fn frame(&self, random: &mut Random, out: &mut Vec<u8>) {
        let len = match self.sizes {
            Sizes::Small => 64,
            Sizes::Fixed(len) => usize::from(len).max(HEADERS),
            Sizes::Imix => match random.below(12) {
                0..7 => 64,
                7..11 => 594,
                _ => 1518,
            },
        };
        let flow = random.below(self.flows.max(1));
        let start = out.len();
        out.extend_from_slice(&headers(flow, len));
        while out.len() < start + len {
            let word = random.next().to_le_bytes();
            let missing = start + len - out.len();
            out.extend_from_slice(&word[..missing.min(word.len())]);
        }
    }
}

const RECORD_HEAD: usize = 16;
/// Little-endian, nanoseconds, version 2.4, snapshot length 262,144, Ethernet.
const PCAP_HEADER: [u8; 24] =
    [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: usize = 8;
/// Ethernet, IPv4, UDP and four bytes of payload.
const HEADERS: usize = ETHERNET + IPV4 + UDP + 4;

/// The headers of a frame of `len` bytes, addresses and ports made from the flow's number.
fn headers(flow: u32, len: usize) -> [u8; HEADERS] {
    let mut frame = [0; HEADERS];
    let [a, b, c, d] = flow.to_be_bytes();
    frame[..6].copy_from_slice(&[0x02, 0x01, a, b, c, d]);
    frame[6..12].copy_from_slice(&[0x02, 0x02, a, b, c, d]);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    let ip_len = ((len - ETHERNET) as u16).to_be_bytes();
    let ip = &mut frame[ETHERNET..ETHERNET + IPV4];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&ip_len);
    (ip[8], ip[9]) = (64, 17);
    ip[12..16].copy_from_slice(&[10, b, c, d]);
    ip[16..20].copy_from_slice(&[10, 128 | b, c, d]);
    let sum = checksum(ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let udp = &mut frame[ETHERNET + IPV4..];
    udp[..2].copy_from_slice(&(1024 + (flow % 60_000) as u16).to_be_bytes());
    udp[2..4].copy_from_slice(&9_u16.to_be_bytes());
    udp[4..6].copy_from_slice(&((len - ETHERNET - IPV4) as u16).to_be_bytes());
    udp[8..12].copy_from_slice(&flow.to_be_bytes());
    frame
}

/// The Internet checksum of a header whose checksum field is 0.
fn checksum(header: &[u8]) -> u16 {
    let (pairs, _) = header.as_chunks::<2>();
    let sum: u32 = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // The state must not be 0; an odd multiple of an odd constant never is.
        Self(seed.wrapping_mul(2).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of a capture made here.
    fn frames(synth: Synth) -> Vec<Vec<u8>> {
        let bytes = synth.to_vec();
        let (mut rest, mut frames) = (&bytes[PCAP_HEADER.len()..], Vec::new());
        while !rest.is_empty() {
            let len = u32::from_le_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
            frames.push(rest[RECORD_HEAD..RECORD_HEAD + len].to_vec());
            rest = &rest[RECORD_HEAD + len..];
        }
        frames
    }

    #[test]
    fn imix_has_its_proportions() {
        let frames = frames(Synth { frames: 12_000, sizes: Sizes::Imix, ..Synth::default() });
        for (len, expected) in [(64, 7000), (594, 4000), (1518, 1000)] {
            let count = frames.iter().filter(|frame| frame.len() == len).count();
            assert!(count.abs_diff(expected) < 200, "{count} of {len} bytes");
        }
    }

    #[test]
    fn headers_are_right_and_flows_as_many_as_asked() {
        let frames = frames(Synth { frames: 1000, flows: 8, ..Synth::default() });
        let mut flows: Vec<&[u8]> = frames.iter().map(|frame| &frame[26..38]).collect();
        flows.sort();
        flows.dedup();
        assert_eq!((frames.len(), flows.len()), (1000, 8));
        for frame in &frames {
            // The sum over a header with its checksum in it is all ones, so this is its complement.
            assert_eq!(checksum(&frame[ETHERNET..ETHERNET + IPV4]), 0);
            assert_eq!((&frame[16..18], &frame[38..40]), (&[0, 50][..], &[0, 30][..]));
        }
    }

    #[test]
    fn a_seed_decides_everything() {
        let synth = Synth { sizes: Sizes::Imix, ..Synth::default() };
        assert_eq!(synth.to_vec(), synth.to_vec());
        assert_ne!(synth.to_vec(), Synth { seed: 2, ..synth }.to_vec());
    }
}
