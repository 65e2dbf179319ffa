//! What can go wrong while reading a capture, said so that it can be found and mended.
//!
//! Owns the messages. Which field is wrong is decided where it is read.

use std::io;

use super::link::LinkType;
use crate::near;

/// What a file without a byte looks like.
pub(super) const EMPTY: &str = "an empty file";

/// Why a capture can't be read, or not further.
///
/// Packet numbers count from 1 as tshark's `frame.number` does; byte offsets count from the start of the
/// capture, uncompressed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file can't be opened.
    #[error("{file}: cannot open the capture")]
    Open {
        /// The file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file can't be read on, or is broken as a compressed file.
    #[error("{file}: packet {packet} (frame.number in tshark), byte offset {offset}: cannot read on")]
    Read {
        /// The file.
        file: String,
        /// The packet that would have come next.
        packet: u64,
        /// Where it would have begun or continued.
        offset: u64,
        /// What the system or the decompressor says.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{file}: not a capture: expected pcap or pcapng, found {found}")]
    NotACapture {
        /// The file.
        file: String,
        /// What it looks like.
        found: String,
    },
    /// A classic pcap of another link layer.
    #[error("{file}: link type {link}: only Ethernet captures can be replayed")]
    Link {
        /// The file.
        file: String,
        /// Its link type.
        link: LinkType,
    },
    /// A packet was captured on an interface that stands for no port.
    #[error("{file}: packet {packet} (frame.number in tshark): {interface} stands for no port")]
    NoPort {
        /// The file.
        file: String,
        /// The packet.
        packet: u64,
        /// The interface, with its name.
        interface: String,
    },
    /// A break in the file: what comes before was delivered.
    #[error("{file}: packet {packet} (frame.number in tshark), byte offset {offset}: {what}")]
    Broken {
        /// The file.
        file: String,
        /// The packet at which it breaks, or the next one when the break lies between packets.
        packet: u64,
        /// Where the broken record or block begins.
        offset: u64,
        /// What is wrong, and what was expected.
        what: Break,
    },
}

impl CaptureError {
    /// What to do about it, if there is something general to say.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NotACapture { found, .. } if found == EMPTY => {
                Some("was the capture stopped before it wrote? `tcpdump -U` writes each packet at once".into())
            }
            Self::NotACapture { .. } | Self::Broken { what: Break::Version { .. }, .. } => {
                Some("Wireshark's `editcap` converts most other formats: editcap -F pcapng IN OUT".into())
            }
            Self::NoPort { .. } => {
                Some("say for which: `--interface INTERFACE=PORT`; `tshark -r FILE -T fields -e frame.interface_name` shows the names".into())
            }
            Self::Broken { what: Break::NotEthernet { .. }, .. } => {
                Some("keep only the Ethernet frames: tshark -r IN -Y eth -w OUT".into())
            }
            Self::Broken { packet: packet @ 2.., file, .. } => Some(format!(
                "the {count} packets before it are good; `editcap -r {file} OUT 1-{count}` keeps just them",
                count = packet - 1
            )),
            Self::Open { file, source } if source.kind() == io::ErrorKind::NotFound => {
                Some(near::did_you_mean(file).unwrap_or_else(|| "look at the directory and the name".into()))
            }
            Self::Open { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("captures by root often belong to root: sudo chown $USER FILE".into())
            }
            Self::Read { packet: packet @ 2.., source, .. }
                if source.kind() == io::ErrorKind::UnexpectedEof =>
            {
                let count = packet - 1;
                Some(format!("the file was cut off: copy it again; the {count} packets before are good"))
            }
            Self::Link { .. } => {
                Some("capture on an Ethernet port, or keep the Ethernet frames: tshark -r IN -Y eth -w OUT".into())
            }
            _ => None,
        }
    }
}

/// What is wrong at a break, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// The file ends inside a record or block.
    #[error("the file ends after {have} of the {need} bytes expected here")]
    Cut {
        /// Bytes that are there.
        have: u64,
        /// Bytes that the format says are needed at least.
        need: u64,
    },
    /// A record or block claims more data than any Ethernet capture holds.
    #[error("captured length {captured}; expected at most {}", super::FRAME_BYTES_MAX)]
    FrameTooLong {
        /// What it claims.
        captured: u32,
    },
    /// A truncated frame can't be padded.
    #[error("original length {original}: cannot pad the frame; expected at most {}", super::FRAME_BYTES_MAX)]
    PadTooLong {
        /// The original length.
        original: u32,
    },
    /// The file's header has an unknown version.
    #[error("{format} version {major}.{minor}; expected {expected}")]
    Version {
        /// The format.
        format: &'static str,
        /// The version's first part.
        major: u16,
        /// The version's second part.
        minor: u16,
        /// What can be read.
        expected: &'static str,
    },
    /// A pcapng block's length can't be right.
    #[error("block of type {kind:#x} with length {total}; expected {expected}")]
    BlockLength {
        /// The block's type.
        kind: u32,
        /// Its length.
        total: u32,
        /// What was expected.
        expected: &'static str,
    },
    /// A pcapng block begins and ends with different lengths.
    #[error(
        "block of type {kind:#x} begins with length {leading} and ends with {trailing}; expected the same"
    )]
    BlockTrailer {
        /// The block's type.
        kind: u32,
        /// The length at its start.
        leading: u32,
        /// The length at its end.
        trailing: u32,
    },
    /// A packet block is too short for the data it claims.
    #[error(
        "packet block claims {captured} captured bytes; expected at most the {room} that it has room for"
    )]
    PacketPastBlock {
        /// What it claims.
        captured: u32,
        /// Room for data in the block.
        room: u32,
    },
    /// A section header's byte-order magic is unknown.
    #[error("section header with byte-order magic {magic:#010x}; expected 0x1a2b3c4d in either order")]
    SectionMagic {
        /// What is there.
        magic: u32,
    },
    /// A packet of an interface that no block described.
    #[error("packet of interface {interface}; expected one of the {described} that the section describes")]
    NoInterface {
        /// The interface it claims.
        interface: u32,
        /// How many the section described so far.
        described: usize,
    },
    /// More interfaces than anyone has.
    #[error("one more interface; expected at most {} different ones", super::interface::Interfaces::MAX)]
    TooManyInterfaces,
    /// A packet of an interface with another link layer.
    #[error("{interface} has link type {link}: only Ethernet captures can be replayed")]
    NotEthernet {
        /// The interface, with its name.
        interface: String,
        /// Its link type.
        link: LinkType,
    },
}
