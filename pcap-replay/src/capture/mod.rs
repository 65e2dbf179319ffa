//! Captures in and out: pcap and pcapng, plain or compressed, through one bounded buffer.
//!
//! This module owns the file formats. [`CaptureReader`] turns a file, a pipe or any stream into runs of
//! [`Batch`](xdpsim_core::Batch)es without ever holding more than one buffer of it; [`CaptureWriter`] writes
//! frames back; [`synth`] makes captures for tests and benches.
//!
//! It leaves to others which port a frame arrives on (a batch takes an
//! [`Ingress`](xdpsim_core::Ingress) from the caller, who may look at [`FrameTable::interfaces`]), when it
//! arrives (stamps are handed on as they are, backward steps included), and what is done with it.
//!
//! What counts as a readable capture follows tcpdump and tshark: a field that neither of them minds (a
//! captured length above the file's snapshot length or above the original length, a fraction of a second
//! above one second, an unknown block or option) is no error here either. A break in the file is reported
//! with packet number and byte offset, after all frames before it were delivered.
//!
//! ```
//! use xdpsim::capture::{CaptureReader, Fill, FrameTable, ReadOptions, synth};
//! use xdpsim_core::Ingress;
//! use xdpsim_devmap::DevId;
//!
//! let pcap = synth::Synth { frames: 1000, ..synth::Synth::default() }.to_vec();
//! let mut reader = CaptureReader::from_reader("memory", std::io::Cursor::new(pcap), &ReadOptions::default())?;
//! let mut table = FrameTable::default();
//! let mut bytes = 0;
//! while let Fill::Frames(_) = reader.fill(&mut table)? {
//!     let batch = table.batch(Ingress::One(DevId(1)));
//!     bytes += batch.frames.iter().map(|frame| u64::from(frame.len)).sum::<u64>();
//! }
//! assert_eq!(bytes, 64_000);
//! # Ok::<(), xdpsim::capture::CaptureError>(())
//! ```

mod clock;
mod error;
mod format;
mod interface;
mod link;
mod memory;
mod pcap;
mod pcapng;
mod reader;
mod section;
mod source;
pub mod synth;
mod table;
mod walk;
mod warm;
mod writer;
mod zstd;

pub use clock::{Clock, Resolution};
pub use error::{Break, CaptureError};
pub use interface::{Interface, InterfaceNo};
pub use link::LinkType;
pub use memory::MemoryCapture;
pub use reader::{CaptureReader, Fill, Progress, ReadOptions, Truncated};
pub use table::{FrameIndex, FrameTable};
pub use walk::{ENDINGS, captures_in};
pub use writer::{CaptureWriter, Format, WriteError, WriteOptions};

/// Longest frame that a capture may hold, in bytes: libpcap's and Wireshark's bound for Ethernet.
pub const FRAME_BYTES_MAX: u32 = 262_144;

/// Longest pcapng block that is read, in bytes: Wireshark's bound.
pub const BLOCK_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Padding that one table takes before the frames that follow wait for the next one, in bytes. Without
/// it, records of 16 bytes that claim 262,144 could blow one buffer up 16,000 times.
const PAD_BYTES_MAX: usize = 4 * 1024 * 1024;
