//! The blocks of an annotated pcapng.
//!
//! Headers come from the `pcap-file` crate, packets from here, as in [`crate::capture`].

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, Endianness};
use xdpsim_core::{DevId, Nanos, QueueId, XdpAction};

use crate::capture::FRAME_BYTES_MAX;
use crate::exit::Failure;

/// Which way a frame went through a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Neither: it was lost.
    None,
    In,
    Out,
}

/// One record.
pub(super) struct Packet<'a> {
    pub port: DevId,
    pub direction: Direction,
    pub stamp: Nanos,
    pub bytes: &'a [u8],
    /// Bytes that there were.
    pub original: u32,
    pub queue: Option<QueueId>,
    pub verdict: Option<XdpAction>,
    pub id: u64,
    pub comments: &'a [String],
}

/// The file.
pub(super) struct Blocks {
    file: String,
    out: BufWriter<Box<dyn Write>>,
    block: Vec<u8>,
    /// Nobody reads any more.
    gone: bool,
}

const COMMENT: u16 = 1;
const FLAGS: u16 = 2;
const PACKET_ID: u16 = 5;
const QUEUE: u16 = 6;
const VERDICT: u16 = 7;
/// The first byte of a verdict: what follows is an XDP action of 64 bits.
const VERDICT_XDP: u8 = 2;

impl Blocks {
    /// Creates the file (`-` is standard output), which begins with an interface for each of the ports.
    pub fn create(path: &Path, ports: &[String]) -> Result<Self, Failure> {
        let (file, out): (String, Box<dyn Write>) = if path == Path::new("-") {
            ("standard output".to_owned(), Box::new(io::stdout()))
        } else {
            let file = path.display().to_string();
            let cannot = format!("{file}: cannot create the annotated capture");
            let out = File::create(path).map_err(|error| Failure::output(&cannot, &error))?;
            (file, Box::new(out))
        };
        let mut blocks = Self { file, out: BufWriter::new(out), block: Vec::new(), gone: false };
        let head = head(ports).and_then(|head| blocks.out.write_all(&head));
        blocks.checked(head)?;
        Ok(blocks)
    }

    /// Appends an enhanced packet block.
    pub fn packet(&mut self, packet: &Packet<'_>) -> Result<(), Failure> {
        const KIND: u32 = 6;
        if self.gone {
            return Ok(());
        }
        let bytes = &packet.bytes[..packet.bytes.len().min(FRAME_BYTES_MAX as usize)];
        let DevId(interface) = packet.port;
        let stamp = packet.stamp.0;
        self.block.clear();
        self.words([
            KIND,
            0,
            interface,
            (stamp >> 32) as u32,
            stamp as u32,
            bytes.len() as u32,
            packet.original,
        ]);
        self.padded(bytes);
        self.options(packet);
        let total = self.block.len() as u32 + 4;
        self.words([total]);
        self.block[4..8].copy_from_slice(&total.to_le_bytes());
        let written = self.out.write_all(&self.block);
        self.checked(written)
    }

    fn options(&mut self, packet: &Packet<'_>) {
        for comment in packet.comments {
            self.option(COMMENT, comment.as_bytes());
        }
        let direction = match packet.direction {
            Direction::None => 0_u32,
            Direction::In => 1,
            Direction::Out => 2,
        };
        self.option(FLAGS, &direction.to_le_bytes());
        self.option(PACKET_ID, &packet.id.to_le_bytes());
        if let Some(QueueId(queue)) = packet.queue {
            self.option(QUEUE, &u32::from(queue).to_le_bytes());
        }
        if let Some(XdpAction(act)) = packet.verdict {
            let mut value = [VERDICT_XDP; 9];
            value[1..].copy_from_slice(&u64::from(act).to_le_bytes());
            self.option(VERDICT, &value);
        }
        self.option(0, &[]);
    }

    /// One option: code, length, value. No value here comes near 64 KiB.
    fn option(&mut self, code: u16, value: &[u8]) {
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.block.extend_from_slice(&code.to_le_bytes());
        self.block.extend_from_slice(&len.to_le_bytes());
        self.padded(&value[..usize::from(len)]);
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn words<const N: usize>(&mut self, words: [u32; N]) {
        self.block.extend_from_slice(words.map(u32::to_le_bytes).as_flattened());
    }

    /// Hands everything on to the system.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.out.flush();
        self.checked(flushed)
    }

    /// A reader that went away is no error.
    fn checked(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            Err(error) => {
                Err(Failure::output(&format!("{}: cannot write the annotated capture", self.file), &error))
            }
            Ok(()) => Ok(()),
        }
    }
}

fn head(ports: &[String]) -> io::Result<Vec<u8>> {
    let section = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(concat!(
            "xdpsim ",
            env!("CARGO_PKG_VERSION")
        )))],
        ..SectionHeaderBlock::default()
    };
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), section).map_err(io::Error::other)?;
    for port in ports {
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: FRAME_BYTES_MAX,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed(port)),
                InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
            ],
        };
        writer.write_block(&interface.into_block()).map_err(io::Error::other)?;
    }
    Ok(writer.into_inner())
}
