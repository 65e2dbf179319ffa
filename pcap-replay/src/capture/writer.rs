//! Writing captures: pcapng or classic pcap, the same bytes for the same frames.
//!
//! Owns the output formats. Headers come from the `pcap-file` crate, records from here: its block writer
//! formats every packet twice (once into a sink, to learn its length) and takes stamps as `Duration`s,
//! which made it 3 to 4 times slower on 64-byte frames.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use pcap_file::pcap::{PcapHeader, PcapTsResolution};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, Endianness};
use xdpsim_core::Nanos;

use super::FRAME_BYTES_MAX;
use super::clock::Resolution;

/// Which file format to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One section, one interface, one enhanced packet block a frame.
    #[default]
    PcapNg,
    /// Classic pcap, for tools that read nothing else.
    Pcap,
}

/// How to write a capture.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// The file format.
    pub format: Format,
    /// Unit of the stamps; finer parts are cut off.
    pub resolution: Resolution,
    /// Name of the port, for formats that have a place for it.
    pub interface: String,
}

/// Why a capture can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file can't be created.
    #[error("{file}: cannot create the capture")]
    Create {
        /// The file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file can't be written on.
    #[error("{file}: cannot write the capture")]
    Write {
        /// The file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// Classic pcap counts seconds in 32 bits.
    #[error("{file}: a classic pcap cannot hold the time {stamp}; expected one before 2106: write pcapng")]
    Stamp {
        /// The file.
        file: String,
        /// Seconds since the epoch.
        stamp: Nanos,
    },
    /// No reader would take the frame back.
    #[error("{file}: cannot write a frame of {len} bytes; expected at most {FRAME_BYTES_MAX}")]
    FrameTooLong {
        /// The file.
        file: String,
        /// Bytes of the frame.
        len: usize,
    },
}

/// Writes one capture. Only whole records leave its buffer, so that the file is a valid capture whenever
/// the buffer was flushed.
pub struct CaptureWriter {
    file: String,
    out: Box<dyn Write + Send>,
    buffer: Vec<u8>,
    format: Format,
    nanos_per_tick: u64,
}

impl CaptureWriter {
    /// Whole records are collected up to this size. Small, because there is one buffer for each port.
    const BUFFER_BYTES: usize = 64 * 1024;

    /// Creates a file (`-` is standard output) that begins with its headers.
    ///
    /// # Errors
    /// If it can't be created or written.
    pub fn create(path: &Path, options: &WriteOptions) -> Result<Self, WriteError> {
        if path == Path::new("-") {
            return Self::to_writer("standard output", io::stdout(), options);
        }
        let file = path.display().to_string();
        match File::create(path) {
            Ok(out) => Self::to_writer(&file, out, options),
            Err(source) => Err(WriteError::Create { file, source }),
        }
    }

    /// Writes to any stream; `file` is its name in messages.
    ///
    /// # Errors
    /// If the headers can't be written.
    pub fn to_writer(
        file: &str,
        out: impl Write + Send + 'static,
        options: &WriteOptions,
    ) -> Result<Self, WriteError> {
        let buffer = match options.format {
            Format::PcapNg => pcapng_head(options),
            Format::Pcap => pcap_head(options),
        };
        let buffer = buffer.map_err(|source| WriteError::Create { file: file.to_owned(), source })?;
        let nanos_per_tick = match options.resolution {
            Resolution::Micros => 1_000,
            Resolution::Nanos => 1,
        };
        let mut writer = Self {
            file: file.to_owned(),
            out: Box::new(out),
            buffer,
            format: options.format,
            nanos_per_tick,
        };
        writer.flush()?;
        Ok(writer)
    }

    /// Appends a frame that was `original` bytes long before it was captured (at least what is there).
    ///
    /// # Errors
    /// If the frame or its stamp doesn't fit the format, or the file can't be written.
    pub fn write(&mut self, stamp: Nanos, data: &[u8], original: u32) -> Result<(), WriteError> {
        if data.len() > FRAME_BYTES_MAX as usize {
            return Err(WriteError::FrameTooLong { file: self.file.clone(), len: data.len() });
        }
        let original = original.max(data.len() as u32);
        match self.format {
            Format::PcapNg => self.enhanced_packet(stamp, data, original),
            Format::Pcap => self.record(stamp, data, original)?,
        }
        if self.buffer.len() >= Self::BUFFER_BYTES { self.drain() } else { Ok(()) }
    }

    /// Hands everything on to the system.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.drain()?;
        self.out.flush().map_err(|source| WriteError::Write { file: self.file.clone(), source })
    }

    /// Ends the capture. A writer that is dropped instead writes the rest too, but can't say that it
    /// failed.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn finish(mut self) -> Result<(), WriteError> {
        self.flush()
    }

    fn drain(&mut self) -> Result<(), WriteError> {
        let written = self.out.write_all(&self.buffer);
        // After an error too: what the file already has must not be written to it again.
        self.buffer.clear();
        written.map_err(|source| WriteError::Write { file: self.file.clone(), source })
    }

    fn enhanced_packet(&mut self, stamp: Nanos, data: &[u8], original: u32) {
        const KIND: u32 = 6;
        const INTERFACE: u32 = 0;
        let captured = data.len() as u32;
        let total = 32 + captured.next_multiple_of(4);
        let ticks = stamp.0 / self.nanos_per_tick;
        self.words([KIND, total, INTERFACE, (ticks >> 32) as u32, ticks as u32, captured, original]);
        self.buffer.extend_from_slice(data);
        self.buffer.extend_from_slice(&[0; 3][..(total - 32 - captured) as usize]);
        self.words([total]);
    }

    fn record(&mut self, stamp: Nanos, data: &[u8], original: u32) -> Result<(), WriteError> {
        let secs = u32::try_from(stamp.0 / 1_000_000_000);
        let secs = secs.map_err(|_| WriteError::Stamp { file: self.file.clone(), stamp })?;
        let fraction = stamp.0 % 1_000_000_000 / self.nanos_per_tick;
        self.words([secs, fraction as u32, data.len() as u32, original]);
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    fn words<const N: usize>(&mut self, words: [u32; N]) {
        self.buffer.extend_from_slice(words.map(u32::to_le_bytes).as_flattened());
    }
}

impl Drop for CaptureWriter {
    fn drop(&mut self) {
        let _ = self.out.write_all(&self.buffer);
        let _ = self.out.flush();
    }
}

fn pcapng_head(options: &WriteOptions) -> io::Result<Vec<u8>> {
    let section = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(concat!(
            "xdpsim ",
            env!("CARGO_PKG_VERSION")
        )))],
        ..SectionHeaderBlock::default()
    };
    let tsresol = match options.resolution {
        Resolution::Micros => InterfaceTsResolution::MICRO,
        Resolution::Nanos => InterfaceTsResolution::NANO,
    };
    let mut described = vec![InterfaceDescriptionOption::IfTsResol(tsresol)];
    if !options.interface.is_empty() {
        described.insert(0, InterfaceDescriptionOption::IfName(Cow::Borrowed(&options.interface)));
    }
    let interface = InterfaceDescriptionBlock {
        linktype: DataLink::ETHERNET,
        snaplen: FRAME_BYTES_MAX,
        options: described,
    };
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), section).map_err(io::Error::other)?;
    writer.write_block(&interface.into_block()).map_err(io::Error::other)?;
    Ok(writer.into_inner())
}

fn pcap_head(options: &WriteOptions) -> io::Result<Vec<u8>> {
    let header = PcapHeader {
        snaplen: FRAME_BYTES_MAX,
        ts_resolution: match options.resolution {
            Resolution::Micros => PcapTsResolution::MicroSecond,
            Resolution::Nanos => PcapTsResolution::NanoSecond,
        },
        endianness: Endianness::Little,
        ..PcapHeader::default()
    };
    let mut head = Vec::new();
    header.write_to(&mut head).map_err(io::Error::other)?;
    Ok(head)
}
