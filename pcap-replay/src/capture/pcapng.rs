//! pcapng: blocks in sections.
//!
//! Owns the walk over blocks and the packet loop; what a section's blocks describe is kept in
//! [`section`](super::section). Blocks other than section headers, interface descriptions and the three
//! kinds of packets are skipped. The `pcap-file` crate's parser is not used here: it delivers 64-byte frames
//! at 0.2 of this loop's rate, and refuses a packet for an option that is not needed.

use xdpsim_core::Nanos;

use super::error::Break;
use super::format::{Scan, Stop};
use super::interface::Interface;
use super::reader::Truncated;
use super::section::{PacketInterface, Section, field};
use super::table::FrameIndex;
use super::warm::warm_up;
use super::{BLOCK_BYTES_MAX, FRAME_BYTES_MAX};

/// Block types (`pcap-file` has the same constants; these are `match`ed with their layout here).
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and length.
const BLOCK_HEAD: usize = 8;
/// The length again.
const BLOCK_TAIL: usize = 4;
const BLOCK_MIN: usize = BLOCK_HEAD + BLOCK_TAIL;
/// Block head, interface, two halves of a stamp, captured and original length. The obsolete packet block
/// differs only in its interface field (16 bits, then 16 bits of drops).
const PACKET_HEAD: usize = BLOCK_HEAD + 20;
/// Block head and original length.
const SIMPLE_HEAD: usize = BLOCK_HEAD + 4;

/// A pcapng stream: what the blocks so far said.
#[derive(Debug, Default)]
pub(super) struct PcapNg {
    section: Section,
}

/// A block that lies whole in the window.
struct Block<'a> {
    kind: u32,
    bytes: &'a [u8],
}

impl PcapNg {
    /// Is this how a pcapng begins?
    pub(super) fn begins(head: &[u8]) -> bool {
        head.first_chunk().is_some_and(|magic| u32::from_le_bytes(*magic) == SECTION_HEADER)
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        self.section.all_interfaces()
    }

    pub(super) fn scan(&mut self, bytes: &[u8], mode: Truncated, index: &mut FrameIndex) -> Scan {
        let mut at = 0;
        loop {
            let step = match self.section.big_endian {
                true => self.step::<true>(bytes, &mut at, mode, index),
                false => self.step::<false>(bytes, &mut at, mode, index),
            };
            if let Err(stop) = step {
                return Scan { consumed: at, stop };
            }
        }
    }

    /// A run of packet blocks, then one block of another kind.
    fn step<const BE: bool>(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        mode: Truncated,
        index: &mut FrameIndex,
    ) -> Result<(), Stop> {
        self.packets::<BE>(bytes, at, mode, index)?;
        let rest = &bytes[*at..];
        let block = if rest.first_chunk().is_some_and(|kind| u32::from_le_bytes(*kind) == SECTION_HEADER) {
            self.section_header(rest)?
        } else {
            block::<BE>(rest)?
        };
        match block.kind {
            INTERFACE_DESCRIPTION => {
                self.section.describe::<BE>(&block.bytes[BLOCK_HEAD..]).map_err(Stop::Broken)?
            }
            SIMPLE_PACKET => self.simple_packet::<BE>(&block, *at, mode, index)?,
            _ => {}
        }
        *at += block.bytes.len();
        Ok(())
    }

    /// A run of enhanced (or obsolete) packet blocks.
    fn packets<const BE: bool>(
        &self,
        bytes: &[u8],
        at: &mut usize,
        mode: Truncated,
        index: &mut FrameIndex,
    ) -> Result<(), Stop> {
        let mut current: Option<(u32, PacketInterface)> = None;
        let mut warm = 0;
        while let Some(head) = bytes[*at..].first_chunk::<PACKET_HEAD>() {
            if *at >= warm {
                warm = warm_up(bytes, *at, index.len());
            }
            let word = |word| field::<BE>(head, word);
            let (kind, total) = (word(0), word(1));
            let interface = match kind {
                ENHANCED_PACKET => word(2),
                OBSOLETE_PACKET => obsolete_interface::<BE>(head),
                _ => return Ok(()),
            };
            check_length(kind, total, PACKET_HEAD + BLOCK_TAIL)?;
            let end = *at + total as usize;
            let tail = bytes.get(end - BLOCK_TAIL..end).ok_or(Stop::More(total as usize))?;
            check_trailer::<BE>(kind, total, tail)?;
            let (captured, original) = (word(5), word(6));
            check_room(captured, total as usize - PACKET_HEAD - BLOCK_TAIL)?;
            let clock = match current {
                Some((id, known)) if id == interface => known.clock,
                _ => {
                    let known = self.section.interface(interface).map_err(Stop::Broken)?;
                    index.switch_interface(known.no);
                    current = Some((interface, known));
                    known.clock
                }
            };
            if original > captured {
                index.note_truncated(original, mode)?;
            }
            let ticks = u64::from(word(3)) << 32 | u64::from(word(4));
            index.push(*at + PACKET_HEAD, captured, clock.nanos(ticks));
            *at = end;
        }
        Ok(())
    }

    /// A simple packet block: no interface (it is the first), no stamp (tcpdump and tshark show the
    /// epoch), and the captured length follows from the snapshot length.
    fn simple_packet<const BE: bool>(
        &self,
        block: &Block<'_>,
        at: usize,
        mode: Truncated,
        index: &mut FrameIndex,
    ) -> Result<(), Stop> {
        check_length(block.kind, block.bytes.len() as u32, SIMPLE_HEAD + BLOCK_TAIL)?;
        let interface = self.section.interface(0).map_err(Stop::Broken)?;
        let original = field::<BE>(block.bytes, 2);
        let captured = match interface.snaplen {
            0 => original,
            snaplen => original.min(snaplen),
        };
        check_room(captured, block.bytes.len() - SIMPLE_HEAD - BLOCK_TAIL)?;
        index.switch_interface(interface.no);
        if original > captured {
            index.note_truncated(original, mode)?;
        }
        index.push(at + SIMPLE_HEAD, captured, Nanos::ZERO);
        Ok(())
    }

    /// A section header says in its first field which byte order the section has, its own head included.
    fn section_header<'a>(&mut self, rest: &'a [u8]) -> Result<Block<'a>, Stop> {
        let big_endian = Section::byte_order(rest.get(BLOCK_HEAD..).unwrap_or_default())?;
        let block = if big_endian { block::<true>(rest)? } else { block::<false>(rest)? };
        check_length(block.kind, block.bytes.len() as u32, BLOCK_MIN + 16)?;
        self.section.begin(big_endian, &block.bytes[BLOCK_HEAD..]).map_err(Stop::Broken)?;
        Ok(block)
    }
}

/// The block at the start of `rest`, of whatever kind.
fn block<const BE: bool>(rest: &[u8]) -> Result<Block<'_>, Stop> {
    let head = rest.first_chunk::<BLOCK_HEAD>().ok_or(Stop::More(BLOCK_HEAD))?;
    let (kind, total) = (field::<BE>(head, 0), field::<BE>(head, 1));
    check_length(kind, total, BLOCK_MIN)?;
    let bytes = rest.get(..total as usize).ok_or(Stop::More(total as usize))?;
    check_trailer::<BE>(kind, total, &bytes[bytes.len() - BLOCK_TAIL..])?;
    Ok(Block { kind, bytes })
}

fn obsolete_interface<const BE: bool>(head: &[u8; PACKET_HEAD]) -> u32 {
    let bytes = [head[BLOCK_HEAD], head[BLOCK_HEAD + 1]];
    u32::from(if BE { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
}

#[inline(always)]
fn check_length(kind: u32, total: u32, least: usize) -> Result<(), Stop> {
    if total.is_multiple_of(4) && total as usize >= least && total <= BLOCK_BYTES_MAX {
        return Ok(());
    }
    let expected = match total {
        _ if !total.is_multiple_of(4) => "a multiple of 4",
        _ if total > BLOCK_BYTES_MAX => "at most 16777216",
        _ => "room for its fixed fields",
    };
    Err(Stop::Broken(Break::BlockLength { kind, total, expected }))
}

#[inline(always)]
fn check_trailer<const BE: bool>(kind: u32, leading: u32, tail: &[u8]) -> Result<(), Stop> {
    match field::<BE>(tail, 0) {
        trailing if trailing == leading => Ok(()),
        trailing => Err(Stop::Broken(Break::BlockTrailer { kind, leading, trailing })),
    }
}

#[inline(always)]
fn check_room(captured: u32, room: usize) -> Result<(), Stop> {
    if captured > FRAME_BYTES_MAX {
        return Err(Stop::Broken(Break::FrameTooLong { captured }));
    }
    if captured as usize > room {
        return Err(Stop::Broken(Break::PacketPastBlock { captured, room: room as u32 }));
    }
    Ok(())
}
