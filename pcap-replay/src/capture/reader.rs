//! Reading a capture of any size through one bounded buffer.
//!
//! Owns the loop of reading, scanning and carrying over what was cut, and when an error is told: after the
//! frames before it. Decompression is [`source`](super::source)'s business, finding frames
//! [`format`](super::format)'s.

use std::io::Read;
use std::path::Path;

use xdpsim_core::FrameNo;

use super::clock::Resolution;
use super::error::{Break, CaptureError};
use super::format::{Format, Stop};
use super::interface::Interface;
use super::source::{Ended, Source};
use super::table::FrameTable;

/// What becomes of frames that the capture has only in part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truncated {
    /// They arrive as short as they are.
    #[default]
    AsCaptured,
    /// Zero bytes follow up to the original length (at most 262,144).
    Pad,
}

/// How to read a capture.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Truncated frames.
    pub truncated: Truncated,
    /// Bytes read at a time (1 byte to 64 MiB). A record or block that is longer makes the buffer grow to
    /// hold it, to 16 MiB at most.
    pub buffer_bytes: usize,
    /// Number of the first frame, where other captures came before.
    pub first: FrameNo,
}

impl ReadOptions {
    const BUFFER_BYTES_MAX: usize = 64 * 1024 * 1024;
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { truncated: Truncated::AsCaptured, buffer_bytes: 1024 * 1024, first: FrameNo(0) }
    }
}

/// What a fill delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// This many frames, at least one.
    Frames(usize),
    /// The capture is at its end; the table is empty.
    End,
}

/// How far reading got, in bytes of the file as it lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Taken so far.
    pub taken: u64,
    /// Size of the file; `None` for pipes.
    pub total: Option<u64>,
}

/// Reads one capture, table by table.
///
/// Each fill takes as much as the buffer holds; it waits on a pipe until it has that, or the pipe ends.
pub struct CaptureReader {
    file: String,
    source: Source,
    format: Format,
    truncated: Truncated,
    buffer_bytes: usize,
    /// What the last fill left over: the start of a record that was cut, mostly.
    carry: Vec<u8>,
    /// Offset of `carry` in the capture.
    offset: u64,
    first: FrameNo,
    frames: u64,
    ended: Option<Ended>,
    /// To be told when the frames before it are out.
    failure: Option<CaptureError>,
    finished: bool,
}

impl CaptureReader {
    /// Opens a capture (`-` is standard input) and reads its header.
    ///
    /// # Errors
    /// If it can't be opened, is no capture, or is a classic pcap of another link layer than Ethernet.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, CaptureError> {
        let file = match path.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => path.display().to_string(),
        };
        match Source::open(path) {
            Ok(source) => Self::new(file, source, options),
            Err(source) => Err(CaptureError::Open { file, source }),
        }
    }

    /// Reads a capture from any stream; `file` is its name in messages.
    ///
    /// # Errors
    /// As [`CaptureReader::open`].
    pub fn from_reader(
        file: &str,
        stream: impl Read + Send + 'static,
        options: &ReadOptions,
    ) -> Result<Self, CaptureError> {
        match Source::new(Box::new(stream), None) {
            Ok(source) => Self::new(file.to_owned(), source, options),
            Err(source) => Err(CaptureError::Open { file: file.to_owned(), source }),
        }
    }

    fn new(file: String, mut source: Source, options: &ReadOptions) -> Result<Self, CaptureError> {
        let mut head = [0; Format::HEAD_BYTES];
        let (filled, ended) = source.fill(&mut head);
        if let Some(Ended::Failed(source)) = ended {
            return Err(CaptureError::Read { file, packet: 1, offset: filled as u64, source });
        }
        let (format, header) = Format::recognise(&file, &head[..filled])?;
        Ok(Self {
            file,
            source,
            format,
            truncated: options.truncated,
            buffer_bytes: options.buffer_bytes.clamp(1, ReadOptions::BUFFER_BYTES_MAX),
            carry: head[header..filled].to_vec(),
            offset: header as u64,
            first: options.first,
            frames: 0,
            ended,
            failure: None,
            finished: false,
        })
    }

    /// The capture's name in messages.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Number of the frame that the next fill begins with.
    #[must_use]
    pub fn next_frame(&self) -> FrameNo {
        FrameNo(self.first.0 + self.frames)
    }

    /// The interfaces met so far; a pcapng may describe more later.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        self.format.interfaces()
    }

    /// The finest resolution of the interfaces met so far. For a pcapng it is known after the first fill.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        self.format.resolution()
    }

    /// How far reading got.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { taken: self.source.taken(), total: self.source.total() }
    }

    /// Replaces what is in the table by the next frames.
    ///
    /// # Errors
    /// At a break in the file, once all frames before it were delivered. Every fill after that answers
    /// [`Fill::End`].
    pub fn fill(&mut self, table: &mut FrameTable) -> Result<Fill, CaptureError> {
        table.restart(self.next_frame(), &self.carry);
        let mut want = self.buffer_bytes;
        loop {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.finished {
                return Ok(Fill::End);
            }
            self.read_up_to(want, table);
            let needed = self.scan(table);
            if !table.is_empty() {
                self.frames += table.len() as u64;
                table.pad();
                return Ok(Fill::Frames(table.len()));
            }
            // Not a frame yet: go on behind what was skipped, with room for what was cut. Doubling keeps a
            // block that only claims to be long from taking its length in memory.
            table.reload(&self.carry);
            want = self.buffer_bytes.max(needed.min(self.carry.len() * 2));
        }
    }

    fn read_up_to(&mut self, want: usize, table: &mut FrameTable) {
        if self.ended.is_none() {
            let (read, ended) = self.source.fill(table.room(want));
            table.add_read(read);
            self.ended = ended;
        }
    }

    /// Scans the table's bytes and keeps the rest. Returns how many bytes the rest must grow to.
    fn scan(&mut self, table: &mut FrameTable) -> usize {
        let (bytes, index) = table.parts();
        let scan = self.format.scan(bytes, self.truncated, index);
        self.offset += scan.consumed as u64;
        self.carry.clear();
        self.carry.extend_from_slice(&table.bytes()[scan.consumed..]);
        match scan.stop {
            Stop::Full => 0,
            Stop::Broken(what) => self.finish(table, Some(what)),
            Stop::More(needed) => match self.ended {
                None => needed,
                Some(_) if self.carry.is_empty() => self.finish(table, None),
                Some(_) => {
                    let (have, need) = (self.carry.len() as u64, needed as u64);
                    self.finish(table, Some(Break::Cut { have, need }))
                }
            },
        }
    }

    /// Nothing comes after what the table holds now. If reading failed, that is why a record was cut.
    fn finish(&mut self, table: &FrameTable, broken: Option<Break>) -> usize {
        let packet = self.frames + table.len() as u64 + 1;
        let (file, offset) = (self.file.clone(), self.offset);
        self.failure = match (self.ended.take(), broken) {
            (Some(Ended::Failed(source)), None | Some(Break::Cut { .. })) => {
                Some(CaptureError::Read { file, packet, offset, source })
            }
            (_, broken) => broken.map(|what| CaptureError::Broken { file, packet, offset, what }),
        };
        self.ended = Some(Ended::Here);
        self.finished = true;
        self.carry.clear();
        0
    }
}
