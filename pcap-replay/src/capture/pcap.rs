//! Classic pcap: one header, then records.
//!
//! Owns the header's checks and the record loop. The header is read by the `pcap-file` crate, the records
//! are not: its raw slice parser delivers 64-byte frames at 0.65 and IMIX at 0.3 of the rate of the loop
//! here, and its checked one refuses records that tcpdump and tshark accept (a captured length above the
//! snapshot length or above the original length).

use pcap_file::Endianness;
use pcap_file::pcap::{PcapHeader, PcapTsResolution};
use xdpsim_core::{Desc, FrameNo, Nanos};

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

/// Frames that are put into the index at once: per frame it costs as much as finding the frame.
const BLOCK: usize = 64;

/// The records of a window: blocks of ordinary ones, and what stops a block looked at with care.
fn records<const BIG_ENDIAN: bool>(
    bytes: &[u8],
    nanos_per_fraction: u32,
    mode: Truncated,
    index: &mut FrameIndex,
) -> Scan {
    let (mut frames, mut stamps) = ([Desc::default(); BLOCK], [Nanos::ZERO; BLOCK]);
    let (mut at, mut warm) = (0, 0);
    let stop = loop {
        if at >= warm {
            warm = warm_up(bytes, at, index.len());
        }
        let number = index.next_number();
        let block = (&mut frames, &mut stamps);
        let n = ordinary::<BIG_ENDIAN>(bytes, &mut at, warm, nanos_per_fraction, number, block);
        index.extend(&frames[..n], &stamps[..n]);
        if n == BLOCK || at >= warm {
            continue;
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
        if original > captured
            && let Err(stop) = index.note_truncated(original, mode)
        {
            break stop;
        }
        let frame = Desc::arrived((at + RECORD_HEAD) as u32, captured, index.next_number());
        index.extend(&[frame], &[stamp(secs, fraction, nanos_per_fraction)]);
        at = end;
    };
    Scan { consumed: at, stop }
}

/// Records that are whole and not truncated, up to a block of them or to the first that begins at `warm` or
/// behind it. Moves `at` on and says how many there were; `number` is the first one's. Out of line, so that
/// all that it needs is in registers.
#[inline(never)]
fn ordinary<const BIG_ENDIAN: bool>(
    bytes: &[u8],
    at: &mut usize,
    warm: usize,
    nanos_per_fraction: u32,
    number: FrameNo,
    (frames, stamps): (&mut [Desc; BLOCK], &mut [Nanos; BLOCK]),
) -> usize {
    // What is left, rather than where it begins: one comparison a step.
    let mut rest = bytes.get(*at..).unwrap_or_default();
    let cold = bytes.len().saturating_sub(warm);
    let mut n = 0;
    for (frame, time) in frames.iter_mut().zip(stamps) {
        let Some((head, data)) = rest.split_first_chunk::<RECORD_HEAD>().filter(|_| rest.len() > cold) else {
            break;
        };
        let [secs, fraction, captured, original] = words::<BIG_ENDIAN>(head);
        let Some(behind) = data.get(captured as usize..) else { break };
        if captured > FRAME_BYTES_MAX || original > captured {
            break;
        }
        let off = bytes.len() - data.len();
        *frame = Desc::arrived(off as u32, captured, FrameNo(number.0 + n as u64));
        *time = stamp(secs, fraction, nanos_per_fraction);
        rest = behind;
        n += 1;
    }
    *at = bytes.len() - rest.len();
    n
}

/// At most 2^32 * 10^9 + 2^32 * 10^3: no overflow, whatever the fields hold.
#[inline(always)]
fn stamp(secs: u32, fraction: u32, nanos_per_fraction: u32) -> Nanos {
    Nanos(u64::from(secs) * 1_000_000_000 + u64::from(fraction) * u64::from(nanos_per_fraction))
}

#[inline(always)]
fn words<const BIG_ENDIAN: bool>(head: &[u8; RECORD_HEAD]) -> [u32; 4] {
    let (words, _) = head.as_chunks::<4>();
    let word = |bytes| if BIG_ENDIAN { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    [word(words[0]), word(words[1]), word(words[2]), word(words[3])]
}
