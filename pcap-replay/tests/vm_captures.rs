//! Every Ethernet capture of `testdata/captures` through each of Debian's objects, on the virtual machine with every
//! engine and on the running kernel: the same verdicts, bytes, metadata and maps.
//!
//! Frames that a test run does not take (below 14 bytes, or longer than a page) are counted and listed.
#![cfg(target_os = "linux")]

#[path = "../../kernel-oracle/tests/vm_draw/mod.rs"]
mod vm_draw;
#[path = "../../kernel-oracle/tests/vm_side/mod.rs"]
mod vm_side;

use std::path::{Path, PathBuf};

use vm_side::{Counts, Loader, Sides, packaged};
use xdpsim::capture::{FrameIndex, MemoryCapture};
use xdpsim_core::Ingress;
use xdpsim_devmap::DevId;
use xdpsim_oracle::need;
use xdpsim_vm::load::{LoadOptions, Object};

/// An Ethernet header.
const LEAST: usize = 14;
/// What a page has for a frame of one buffer.
const MOST: usize = 4096 - 320 - 256;

/// A capture's frames, as far as it can be read; none if it is no Ethernet capture.
struct Frames {
    name: String,
    frames: Vec<Vec<u8>>,
}

fn read(path: &Path) -> Option<Frames> {
    let bytes = std::fs::read(path).unwrap();
    let name = path.file_name()?.to_string_lossy().into_owned();
    let mut capture = MemoryCapture::new(&name, &bytes).ok()?;
    let (mut index, mut frames) = (FrameIndex::default(), Vec::new());
    while let Ok(Some(window)) = capture.scan(&mut index, 1 << 16) {
        let batch = index.batch(window, Ingress::One(DevId(1)));
        let data = |off: u64, len: u32| batch.bytes[off as usize..][..len as usize].to_vec();
        frames.extend(batch.frames.iter().map(|desc| data(desc.off.into(), desc.len)));
    }
    Some(Frames { name, frames })
}

fn captures() -> Vec<Frames> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/captures"));
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().filter_map(|path| read(path)).collect()
}

/// Sends all captures through an object, one after the other.
fn play(object: &Object, bytes: &[u8], captures: &[Frames]) -> Counts {
    let mut sides = Sides::new(object, bytes, Loader::Ours, &[]);
    for capture in captures {
        for frame in &capture.frames {
            let taken = sides.run(frame);
            let fits = (LEAST..=MOST).contains(&frame.len()) || frame.len() > MOST && taken;
            assert_eq!(taken, fits, "{}: a frame of {} bytes", capture.name, frame.len());
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
    let mut short = 0;
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
        short += capture.frames.iter().filter(|frame| frame.len() < LEAST).count();
    }
    let files = captures.len();
    need::compared(&format!(
        "captures: {files} files, {frames} frames, {short} of them below {LEAST} bytes; {counts}"
    ));
    assert!(files > 300 && frames > 5000 && counts.objects >= 12, "{files}, {frames}, {counts}");
}
