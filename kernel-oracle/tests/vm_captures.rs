//! Every Ethernet capture of `testdata/captures` through each of Debian's objects, on the virtual machine with every
//! engine and on the running kernel: the same verdicts, bytes, metadata and maps.
//!
//! Frames that a test run does not take (below 14 bytes) are counted and listed; so are those that it would put into
//! several buffers, which are not modelled.
#![cfg(target_os = "linux")]

mod vm_draw;
mod vm_side;

use std::path::{Path, PathBuf};

use pcap_file::DataLink;
use vm_side::{Counts, Loader, Sides, packaged};
use xdpsim_oracle::need;
use xdpsim_vm::load::{LoadOptions, Object};

/// An Ethernet header.
const LEAST: usize = 14;
/// What a page has for a frame of one buffer.
const MOST: usize = 4096 - 320 - 256;

/// A capture's frames, as far as it can be read.
struct Frames {
    name: String,
    frames: Vec<Vec<u8>>,
}

/// None if it is no Ethernet capture. Damaged files are read up to the damage.
fn read(path: &Path) -> Option<Frames> {
    let bytes = std::fs::read(path).unwrap();
    let frames = classic(&bytes).or_else(|| next_generation(&bytes))?;
    Some(Frames { name: path.file_name()?.to_string_lossy().into_owned(), frames })
}

/// pcap, read by its layout alone: many of the corpus's files have headers that a strict reader refuses.
fn classic(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    const MICROS_NANOS_AND_LONG_RECORDS: [u32; 3] = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34];
    const LONGEST: usize = 1 << 18;
    let magic = u32::from_le_bytes(*bytes.first_chunk()?);
    let big = MICROS_NANOS_AND_LONG_RECORDS.contains(&magic.swap_bytes());
    let number = |at: usize| {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    };
    let kind = MICROS_NANOS_AND_LONG_RECORDS.iter().position(|known| Some(*known) == number(0))?;
    let record = if kind == 2 { 24 } else { 16 };
    if number(20)? & 0xffff != u32::from(DataLink::ETHERNET) {
        return None;
    }
    let (mut at, mut frames) = (24, Vec::new());
    while let Some(len) = number(at + 8).map(|len| len as usize).filter(|len| *len <= LONGEST) {
        let Some(data) = bytes.get(at + record..at + record + len) else { break };
        frames.push(data.to_vec());
        at += record + len;
    }
    Some(frames)
}

/// pcapng, by its layout, too: sections, interfaces and enhanced packets are all that the corpus has.
fn next_generation(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    const SECTION: u32 = 0x0a0d_0d0a;
    const INTERFACE: u32 = 1;
    const ENHANCED: u32 = 6;
    let word = |at: usize, big: bool| -> Option<u32> {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    };
    if word(0, false) != Some(SECTION) {
        return None;
    }
    let (mut at, mut big, mut ethernet, mut frames) = (0, false, true, Vec::new());
    let mut block = || -> Option<()> {
        match word(at, big)? {
            SECTION => big = word(at + 8, false)? == 0x1a2b_3c4d_u32.swap_bytes(),
            INTERFACE => {
                let link = if big { word(at + 8, big)? >> 16 } else { word(at + 8, big)? & 0xffff };
                ethernet &= link == u32::from(DataLink::ETHERNET);
            }
            ENHANCED if ethernet => {
                frames.push(bytes.get(at + 28..at + 28 + word(at + 20, big)? as usize)?.to_vec());
            }
            _ => {}
        }
        at += word(at + 4, big).filter(|len| *len >= 12)?.next_multiple_of(4) as usize;
        Some(())
    };
    while block().is_some() {}
    ethernet.then_some(frames)
}

fn captures() -> Vec<Frames> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/captures"));
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let is_capture = |path: &&PathBuf| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng");
    files.iter().filter(is_capture).filter_map(|path| read(path)).collect()
}

/// Sends all captures through an object, one after the other.
fn play(object: &Object, bytes: &[u8], captures: &[Frames]) -> Counts {
    let mut sides = Sides::new(object, bytes, Loader::Ours, &[]);
    for capture in captures {
        for frame in &capture.frames {
            if frame.len() > MOST {
                continue;
            }
            let taken = sides.run(frame);
            assert_eq!(taken, frame.len() >= LEAST, "{}: a frame of {} bytes", capture.name, frame.len());
        }
    }
    sides.compare_maps(object, &[]);
    sides.counts
}

#[test]
fn packaged_objects_do_with_every_capture_what_they_do_on_the_kernel() {
    let Some(objects) = packaged("packaged_objects_do_with_every_capture_what_they_do_on_the_kernel") else {
        return;
    };
    let captures = captures();
    let frames: usize = captures.iter().map(|capture| capture.frames.len()).sum();
    let mut counts = Counts::default();
    for (name, bytes) in &objects {
        if let Ok(object) = Object::load(name, bytes, LoadOptions::default()) {
            counts.add(play(&object, bytes, &captures));
        }
    }
    let outside = |frame: &Vec<u8>| !(LEAST..=MOST).contains(&frame.len());
    let (mut short, mut long) = (0, 0);
    for capture in &captures {
        let listed: Vec<String> = (1..)
            .zip(&capture.frames)
            .filter(|(_, frame)| outside(frame))
            .map(|(number, frame)| format!("{number} ({} bytes)", frame.len()))
            .collect();
        if !listed.is_empty() {
            need::compared(&format!(
                "captures: not for test runs: {}: frames {}",
                capture.name,
                listed.join(", ")
            ));
        }
        long += capture.frames.iter().filter(|frame| frame.len() > MOST).count();
        short += capture.frames.iter().filter(|frame| frame.len() < LEAST).count();
    }
    let files = captures.len();
    need::compared(&format!(
        "captures: {files} files, {frames} frames, {short} of them below {LEAST} bytes and {long} above {MOST}; {counts}"
    ));
    assert!(files == 358 && frames == 8002 && counts.objects >= 12, "{files}, {frames}, {counts}");
}
