//! Classic pcap: one header, then records.
//!
//! Owns the header's checks and the record loop. The header is read by the `pcap-file` crate, the records
//! are not: its raw slice parser delivers 64-byte frames at 0.65 and IMIX at 0.3 of the rate of the loop
//! here, and its checked one refuses records that tcpdump and tshark accept (a captured length above the
//! snapshot length or above the original length).

use pcap_file::Endianness;
use pcap_file::pcap::{PcapHeader, PcapTsResolution};
use xdpsim_core::{Desc, Nanos};

use super::FRAME_BYTES_MAX;
use super::clock::Clock;
use super::error::Break;
use super::format::{Scan, Stop};
use super::interface::Interface;
use super::link::LinkType;
use super::reader::Truncated;
use super::table::FrameIndex;
use super::warm::warm_up;

/// Bytes of a record before its data: seconds, fraction, captured length, original length.
const RECORD_HEAD: usize = 16;

/// A classic pcap whose header was read.
#[derive(Debug)]
pub(super) struct Pcap {
    big_endian: bool,
    nanos_per_fraction: u32,
    interface: [Interface; 1],
}

impl Pcap {
    /// Bytes of the header.
    pub(super) const HEAD_BYTES: usize = 24;

    /// Is this how a classic pcap begins?
    pub(super) fn begins(head: &[u8]) -> bool {
        let known = [0xa1b2_c3d4_u32, 0xa1b2_3c4d];
        head.first_chunk().is_some_and(|magic| {
            known.contains(&u32::from_le_bytes(*magic)) || known.contains(&u32::from_be_bytes(*magic))
        })
    }

    /// Reads the 24 bytes of header. Versions before 2.4 had the two lengths of a record in changing
    /// order and were last written in 1998; 543.0 is what an old tcpdump for DG/UX wrote.
    pub(super) fn new(head: &[u8]) -> Result<Self, Break> {
        let cut = Break::Cut { have: head.len() as u64, need: Self::HEAD_BYTES as u64 };
        let (_, header) = PcapHeader::from_slice(head).map_err(|_| cut)?;
        let (major, minor) = (header.version_major, header.version_minor);
        if !matches!((major, minor), (2, 4) | (543, 0)) {
            return Err(Break::Version { format: "pcap", major, minor, expected: "2.4" });
        }
        let (nanos_per_fraction, tsresol) = match header.ts_resolution {
            PcapTsResolution::MicroSecond => (1_000, 6),
            PcapTsResolution::NanoSecond => (1, 9),
        };
        let interface = Interface {
            name: None,
            link: LinkType::from_pcap_header(u32::from(header.datalink)),
            snaplen: header.snaplen,
            clock: Clock::new(tsresol, 0),
        };
        let big_endian = header.endianness == Endianness::Big;
        Ok(Self { big_endian, nanos_per_fraction, interface: [interface] })
    }

    pub(super) fn link(&self) -> LinkType {
        self.interface[0].link
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interface
    }

    pub(super) fn scan(&mut self, bytes: &[u8], mode: Truncated, index: &mut FrameIndex) -> Scan {
        index.switch_interface(Default::default());
        match self.big_endian {
            true => records::<true>(bytes, self.nanos_per_fraction, mode, index),
            false => records::<false>(bytes, self.nanos_per_fraction, mode, index),
        }
    }
}

/// The records of a window.
fn records<const BIG_ENDIAN: bool>(
    bytes: &[u8],
    nanos_per_fraction: u32,
    mode: Truncated,
    index: &mut FrameIndex,
) -> Scan {
    /// Frames that are put into the index at once: per frame it costs as much as finding the frame.
    const BLOCK: usize = 64;
    let mut at = 0;
    let mut warm = 0;
    let (mut frames, mut stamps, mut n) = ([Desc::default(); BLOCK], [Nanos::ZERO; BLOCK], 0);
    let mut number = index.next_number();
    let stop = loop {
        if at >= warm {
            warm = warm_up(bytes, at);
        }
        let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<RECORD_HEAD>()) else {
            break Stop::More(RECORD_HEAD);
        };
        let [secs, fraction, captured, original] = words::<BIG_ENDIAN>(head);
        if captured > FRAME_BYTES_MAX {
            break Stop::Broken(Break::FrameTooLong { captured });
        }
        let end = at + RECORD_HEAD + captured as usize;
        if end > bytes.len() {
            break Stop::More(end - at);
        }
        if original > captured {
            index.extend(&frames[..n], &stamps[..n]);
            n = 0;
            if let Err(stop) = index.note_truncated(original, mode) {
                break stop;
            }
        }
        // At most 2^32 * 10^9 + 2^32 * 10^3: no overflow, whatever the fields hold.
        let stamp = u64::from(secs) * 1_000_000_000 + u64::from(fraction) * u64::from(nanos_per_fraction);
        frames[n % BLOCK] = Desc::arrived((at + RECORD_HEAD) as u32, captured, number);
        stamps[n % BLOCK] = Nanos(stamp);
        n += 1;
        number.0 += 1;
        if n == BLOCK {
            index.extend(&frames, &stamps);
            n = 0;
        }
        at = end;
    };
    index.extend(&frames[..n], &stamps[..n]);
    Scan { consumed: at, stop }
}

#[inline(always)]
fn words<const BIG_ENDIAN: bool>(head: &[u8; RECORD_HEAD]) -> [u32; 4] {
    let (words, _) = head.as_chunks::<4>();
    let word = |bytes| if BIG_ENDIAN { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    [word(words[0]), word(words[1]), word(words[2]), word(words[3])]
}
