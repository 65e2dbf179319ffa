//! The corpus of captures against tcpdump and Wireshark's editcap, frame by frame.
//!
//! The corpus is `testdata/captures` of the repository, or the directory that `XDPSIM_CAPTURES` names.

use crate::capture_support;
use std::path::{Path, PathBuf};
use std::process::Command;

use capture_support::{Outcome, collect};
use xdpsim::capture::{Break, CaptureError, CaptureReader, ReadOptions};

/// What another program read.
struct Theirs {
    link: u32,
    snaplen: usize,
    frames: Vec<TheirFrame>,
    complaint: Option<String>,
}

struct TheirFrame {
    secs: u64,
    nanos: u64,
    bytes: Vec<u8>,
}

/// A program that copies a capture to standard output as a nanosecond pcap.
struct Peer {
    program: &'static str,
    cuts: bool,
    arguments: fn(&str) -> Vec<&str>,
}

const TCPDUMP: Peer = Peer {
    program: "tcpdump",
    cuts: true,
    arguments: |file| vec!["-r", file, "--time-stamp-precision=nano", "-w", "-"],
};
const EDITCAP: Peer =
    Peer { program: "editcap", cuts: false, arguments: |file| vec!["-F", "nsecpcap", file, "-"] };

impl Peer {
    /// Copies a capture; `None` (and a line that says so) if the program is missing.
    fn read(&self, file: &Path) -> Option<Theirs> {
        let output = Command::new(self.program).args((self.arguments)(file.to_str()?)).output();
        let Ok(output) = output else {
            eprintln!("SKIPPED capture_corpus: {} is not installed", self.program);
            return None;
        };
        let complaint = (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into());
        let (link, snaplen, frames) = parse(&output.stdout);
        Some(Theirs { link, snaplen, frames, complaint })
    }
}

/// A little-endian nanosecond pcap, as both programs write it on this machine's byte order.
fn parse(bytes: &[u8]) -> (u32, usize, Vec<TheirFrame>) {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    if bytes.len() < 24 {
        return (0, 0, Vec::new());
    }
    assert_eq!(word(0), 0xa1b2_3c4d);
    let (mut at, mut frames) = (24, Vec::new());
    while at + 16 <= bytes.len() {
        let (secs, nanos) = (u64::from(word(at)), u64::from(word(at + 4)));
        let end = at + 16 + word(at + 8) as usize;
        frames.push(TheirFrame { secs, nanos, bytes: bytes[at + 16..end].to_vec() });
        at = end;
    }
    (word(20) & 0xffff, word(16) as usize, frames)
}

/// The corpus, or `None` (and a line that says so) without one.
fn corpus() -> Option<Vec<PathBuf>> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/captures");
    let dir = std::env::var_os("XDPSIM_CAPTURES").map_or(committed, PathBuf::from);
    let Ok(entries) = std::fs::read_dir(&dir) else {
        eprintln!("SKIPPED capture_corpus: there is no directory {}", dir.display());
        return None;
    };
    let is_capture = |path: &PathBuf| {
        path.extension().is_some_and(|end| ["pcap", "pcapng", "cap"].iter().any(|known| end == *known))
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(is_capture).collect();
    files.sort();
    assert!(files.len() > 600, "only {} captures in {}", files.len(), dir.display());
    Some(files)
}

fn ours(file: &Path) -> Outcome {
    collect(CaptureReader::open(file, &ReadOptions { buffer_bytes: 4096, ..ReadOptions::default() }))
}

/// Is this the answer to frames of another link layer?
fn refuses_link(error: &Option<CaptureError>) -> bool {
    matches!(
        error,
        Some(CaptureError::Link { .. } | CaptureError::Broken { what: Break::NotEthernet { .. }, .. })
    )
}

impl Peer {
    /// The same frames, as far as the peer can say.
    #[track_caller]
    fn assert_same_frames(&self, file: &Path, ours: &Outcome, theirs: &Theirs) {
        assert_eq!(ours.frames.len(), theirs.frames.len(), "{}: {:?}", file.display(), ours.error);
        for (number, (our, their)) in (1..).zip(ours.frames.iter().zip(&theirs.frames)) {
            // tcpdump cuts frames that are longer than the file's snapshot length; Wireshark doesn't.
            let len = if self.cuts { our.bytes.len().min(theirs.snaplen) } else { our.bytes.len() };
            assert_eq!(our.bytes[..len], their.bytes, "{}: frame {number}", file.display());
            assert!(same_stamp(our.stamp, their), "{}: stamp of frame {number}", file.display());
        }
    }
}

/// Equal stamps, where the peers can say them. Both multiply a fraction in microseconds by 1000 modulo 2^32
/// (the reader under test does not), and their output has 32 bits for the seconds.
fn same_stamp(our: u64, their: &TheirFrame) -> bool {
    let nanos = our.wrapping_sub(their.secs * 1_000_000_000);
    let wrapped =
        nanos > u64::from(u32::MAX) && nanos.is_multiple_of(1000) && nanos & 0xffff_ffff == their.nanos;
    nanos == their.nanos || wrapped || our == u64::MAX
}

/// Every capture: the same frames, and an error exactly where the peer has one.
fn compare_with(peer: &Peer) {
    let Some(files) = corpus() else { return };
    let (mut ethernet, mut refused, mut frames) = (0, 0, 0);
    for file in &files {
        let Some(theirs) = peer.read(file) else { return };
        let ours = ours(file);
        if theirs.link == 1 {
            ethernet += 1;
            frames += ours.frames.len();
            peer.assert_same_frames(file, &ours, &theirs);
            assert_eq!(ours.error.is_some(), theirs.complaint.is_some(), "{}: {ours:?}", file.display());
        } else {
            refused += 1;
            assert!(refuses_link(&ours.error), "{}: {:?}", file.display(), ours.error);
        }
    }
    println!("{}: {ethernet} Ethernet captures, {frames} frames equal; {refused} refused", peer.program);
    assert!(ethernet > 300 && refused > 100);
}

#[test]
fn every_capture_reads_as_tcpdump_reads_it() {
    compare_with(&TCPDUMP);
}

#[test]
fn every_capture_reads_as_editcap_reads_it() {
    compare_with(&EDITCAP);
}

#[test]
fn captures_cut_anywhere_read_as_tcpdump_reads_them() {
    let Some(files) = corpus() else { return };
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut");
    let mut compared = 0;
    for (number, file) in files.iter().enumerate() {
        let bytes = std::fs::read(file).unwrap();
        // Every file is cut in another place: its header, its first records, its end.
        let len = (bytes.len() * (number % 10 + 1) / 10).saturating_sub(number % 7 + 1);
        std::fs::write(&cut, &bytes[..len]).unwrap();
        let Some(theirs) = TCPDUMP.read(&cut) else { return };
        if theirs.link == 1 {
            compared += 1;
            let ours = ours(&cut);
            TCPDUMP.assert_same_frames(file, &ours, &theirs);
            let complaints = (ours.error.is_some(), theirs.complaint.is_some());
            assert_eq!(
                complaints.0,
                complaints.1,
                "{}: {:?}, {:?}",
                file.display(),
                ours.error,
                theirs.complaint
            );
        }
    }
    assert!(compared > 250, "{compared}");
}
