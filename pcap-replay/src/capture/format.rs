//! Which format a stream has, and the one interface to both.
//!
//! Owns the recognition. A format's own module finds the frames in a window of bytes; who fetches the
//! bytes is [`reader`](super::reader)'s or [`memory`](super::memory)'s business.

use super::clock::Resolution;
use super::error::{Break, CaptureError};
use super::interface::Interface;
use super::pcap::Pcap;
use super::pcapng::PcapNg;
use super::reader::Truncated;
use super::table::FrameIndex;

/// Why a scan of a window ended.
#[derive(Debug)]
pub(super) enum Stop {
    /// What begins at the end of what was consumed needs this many bytes, or at least.
    More(usize),
    /// The table takes no more.
    Full,
    /// What begins at the end of what was consumed is broken.
    Broken(Break),
}

/// How far a scan got.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) consumed: usize,
    pub(super) stop: Stop,
}

/// A recognised format with what it has learnt from the stream so far.
#[derive(Debug)]
pub(super) enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

impl Format {
    /// As many bytes as [`Format::recognise`] looks at.
    pub(super) const HEAD_BYTES: usize = Pcap::HEAD_BYTES;

    /// Recognises the first bytes of a stream (all of them if there are fewer than 24). Returns the
    /// format and how many bytes its header takes.
    pub(super) fn recognise(file: &str, head: &[u8]) -> Result<(Self, usize), CaptureError> {
        if PcapNg::begins(head) {
            return Ok((Self::PcapNg(PcapNg::default()), 0));
        }
        if !Pcap::begins(head) {
            return Err(CaptureError::NotACapture { file: file.into(), found: found(head) });
        }
        let broken = |what| CaptureError::Broken { file: file.into(), packet: 1, offset: 0, what };
        let pcap = Pcap::new(head).map_err(broken)?;
        match pcap.link() {
            link if link.is_ethernet() => Ok((Self::Pcap(pcap), Pcap::HEAD_BYTES)),
            link => Err(CaptureError::Link { file: file.into(), link }),
        }
    }

    /// Finds the frames in a window that begins where the last scan stopped.
    pub(super) fn scan(&mut self, bytes: &[u8], mode: Truncated, index: &mut FrameIndex) -> Scan {
        match self {
            Self::Pcap(pcap) => pcap.scan(bytes, mode, index),
            Self::PcapNg(pcapng) => pcapng.scan(bytes, mode, index),
        }
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        match self {
            Self::Pcap(pcap) => pcap.interfaces(),
            Self::PcapNg(pcapng) => pcapng.interfaces(),
        }
    }

    /// The finest of the interfaces met so far.
    pub(super) fn resolution(&self) -> Resolution {
        self.interfaces().iter().map(|interface| interface.clock.resolution()).max().unwrap_or_default()
    }
}

/// Names what a file that is no capture seems to be.
fn found(head: &[u8]) -> String {
    let known: [(&[u8], &str); 9] = [
        (b"snoop\0\0\0", "a Solaris snoop capture"),
        (b"GMBU", "a Microsoft Network Monitor capture"),
        (b"RTSS", "a Microsoft Network Monitor 1 capture"),
        (b"\xa1\xb2\xcd\x34", "a modified pcap (magic 0xa1b2cd34)"),
        (b"\x34\xcd\xb2\xa1", "a modified pcap (magic 0xa1b2cd34)"),
        (b"\xfd7zXZ\0", "an xz file: decompress it first"),
        (b"BZh", "a bzip2 file: decompress it first"),
        (b"PK\x03\x04", "a zip archive: unpack it first"),
        (b"\x7fELF", "an ELF file"),
    ];
    if let Some((_, name)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*name).into();
    }
    match head {
        [] => super::error::EMPTY.into(),
        text if text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')) => {
            format!("text: {:?}", String::from_utf8_lossy(text))
        }
        bytes => {
            let hex: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("a file that begins with {}", hex.join(" "))
        }
    }
}
