//! Where a capture's bytes come from: a file, standard input or any stream, unpacked on the way.
//!
//! Owns opening and the recognition of gzip and zstd by their first bytes. Nothing is unpacked further
//! than it is read.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::zstd::{self, ZstdReader};

/// Compressed bytes fetched at a time.
const PACKED_BYTES: usize = 128 * 1024;

type Stream = Box<dyn Read + Send>;

/// A stream of unpacked bytes.
pub(super) struct Source {
    unpacked: Stream,
    taken: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::new(Box::new(io::stdin()), None);
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        Self::new(Box::new(file), meta.is_file().then_some(meta.len()))
    }

    pub(super) fn new(stream: Stream, total: Option<u64>) -> io::Result<Self> {
        let taken = Arc::new(AtomicU64::new(0));
        let mut stream = Counted { stream, taken: Arc::clone(&taken) };
        let mut magic = Vec::with_capacity(4);
        stream.by_ref().take(4).read_to_end(&mut magic)?;
        let kind = Packing::of(&magic);
        let whole = Cursor::new(magic).chain(stream);
        let unpacked: Stream = match kind {
            Packing::None => Box::new(whole),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(PACKED_BYTES, whole))),
            Packing::Zstd => Box::new(ZstdReader::new(BufReader::with_capacity(PACKED_BYTES, whole))),
        };
        Ok(Self { unpacked, taken, total })
    }

    /// Reads until `buf` is full or the stream ends; returns how much there is now, and why it is less.
    pub(super) fn fill(&mut self, buf: &mut [u8]) -> (usize, Option<Ended>) {
        let mut filled = 0;
        while filled < buf.len() {
            match self.unpacked.read(&mut buf[filled..]) {
                Ok(0) => return (filled, Some(Ended::Here)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (filled, Some(Ended::Failed(error))),
            }
        }
        (filled, None)
    }

    /// Bytes taken from the file so far, still packed.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Bytes of the file, if it is one.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }
}

/// How a stream ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// There is no more.
    Here,
    /// It can't be read on.
    Failed(io::Error),
}

enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            _ if zstd::is_magic(magic) => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Counts what passes through, for whoever shows progress from another place.
struct Counted {
    stream: Stream,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buf)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
