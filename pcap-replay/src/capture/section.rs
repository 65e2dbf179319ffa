//! A pcapng section: its byte order and the interfaces it describes.
//!
//! Owns what section headers and interface descriptions say. They are read here and not by the
//! `pcap-file` crate, which refuses a whole section for one odd option (a name that is no UTF-8, an address
//! of the wrong length); tcpdump and tshark read on, so an option that replaying doesn't need must not be
//! able to make a capture unreadable.

use super::clock::Clock;
use super::error::Break;
use super::format::Stop;
use super::interface::{Interface, InterfaceNo, Interfaces};
use super::link::LinkType;

const OPTION_NAME: u16 = 2;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;
const NAME_CHARS_MAX: usize = 255;

/// What the packet loop needs of an interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketInterface {
    pub(super) no: InterfaceNo,
    pub(super) clock: Clock,
    pub(super) snaplen: u32,
    link: LinkType,
}

/// The section being read, and the interfaces of all sections so far.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) big_endian: bool,
    here: Vec<PacketInterface>,
    file: Interfaces,
}

impl Section {
    const MAGIC: u32 = 0x1a2b_3c4d;

    /// Is the section big-endian? `body` begins with its byte-order magic.
    pub(super) fn byte_order(body: &[u8]) -> Result<bool, Stop> {
        let magic = body.first_chunk().map(|magic| u32::from_be_bytes(*magic)).ok_or(Stop::More(12))?;
        match magic {
            Self::MAGIC => Ok(true),
            _ if magic == Self::MAGIC.swap_bytes() => Ok(false),
            _ => Err(Stop::Broken(Break::SectionMagic { magic })),
        }
    }

    /// A section begins; `body` (at least 16 bytes) is its header block's. The versions are those that
    /// tcpdump reads.
    pub(super) fn begin(&mut self, big_endian: bool, body: &[u8]) -> Result<(), Break> {
        let half = |at: usize| {
            let bytes = [body[at], body[at + 1]];
            if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
        };
        let (major, minor) = (half(4), half(6));
        if !matches!((major, minor), (1, 0 | 2)) {
            return Err(Break::Version { format: "pcapng", major, minor, expected: "1.0" });
        }
        self.big_endian = big_endian;
        self.here.clear();
        Ok(())
    }

    pub(super) fn all_interfaces(&self) -> &[Interface] {
        self.file.all()
    }

    /// The section's interface that packets call `id`.
    #[cold]
    pub(super) fn interface(&self, id: u32) -> Result<PacketInterface, Break> {
        let described = self.here.len();
        let found = self.here.get(id as usize).ok_or(Break::NoInterface { interface: id, described })?;
        if found.link.is_ethernet() {
            return Ok(*found);
        }
        let interface = self.file.all()[usize::from(found.no.0)].label(id);
        Err(Break::NotEthernet { interface, link: found.link })
    }

    /// Takes in an interface description block; `body` is everything behind the block's head.
    pub(super) fn describe<const BE: bool>(&mut self, body: &[u8]) -> Result<(), Break> {
        const FIXED: usize = 8;
        let Some((_, options)) = body.split_at_checked(FIXED).filter(|(_, rest)| rest.len() >= 4) else {
            let total = body.len() as u32 + 8;
            return Err(Break::BlockLength { kind: 1, total, expected: "room for its fixed fields" });
        };
        let mut described = Interface {
            name: None,
            link: LinkType(u32::from(half::<BE>(body, 0))),
            snaplen: field::<BE>(body, 1),
            clock: Clock::default(),
        };
        read_options::<BE>(&options[..options.len() - 4], &mut described);
        let (clock, snaplen, link) = (described.clock, described.snaplen, described.link);
        let here = &self.here;
        let used = |no| here.iter().any(|interface| interface.no == no);
        let no = self.file.number(described, used).ok_or(Break::TooManyInterfaces)?;
        self.here.push(PacketInterface { no, clock, snaplen, link });
        Ok(())
    }
}

/// Looks for the three options that matter, up to the end or the first that doesn't fit.
fn read_options<const BE: bool>(mut options: &[u8], interface: &mut Interface) {
    let (mut tsresol, mut offset_secs) = (6, 0);
    while options.len() >= 4 {
        let (code, len) = (half::<BE>(options, 0), usize::from(half::<BE>(options, 1)));
        let Some(value) = options.get(4..4 + len) else { break };
        match (code, value) {
            (0, _) => break,
            (OPTION_NAME, name) => {
                let text = String::from_utf8_lossy(name);
                interface.name = Some(text.trim_end_matches('\0').chars().take(NAME_CHARS_MAX).collect());
            }
            (OPTION_TSRESOL, [byte, ..]) => tsresol = *byte,
            (OPTION_TSOFFSET, bytes) => {
                if let Some(bytes) = bytes.first_chunk() {
                    offset_secs = if BE { i64::from_be_bytes(*bytes) } else { i64::from_le_bytes(*bytes) };
                }
            }
            _ => {}
        }
        options = options.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
    }
    interface.clock = Clock::new(tsresol, offset_secs);
}

/// The 32-bit word number `word` of `bytes`, which must have it.
#[inline(always)]
pub(super) fn field<const BE: bool>(bytes: &[u8], word: usize) -> u32 {
    let at = word * 4;
    let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if BE { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// The 16-bit word number `word` of `bytes`, which must have it.
fn half<const BE: bool>(bytes: &[u8], word: usize) -> u16 {
    let bytes = [bytes[word * 2], bytes[word * 2 + 1]];
    if BE { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}
