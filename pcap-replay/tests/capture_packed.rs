//! Compressed captures are recognised by their first bytes and unpacked while they are read.

use crate::capture_support;
use std::io::Write;

use capture_support::{options, read};
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use xdpsim::capture::synth::{Sizes, Synth};
use xdpsim::capture::{CaptureError, ReadOptions};

fn capture() -> Vec<u8> {
    Synth { frames: 2000, sizes: Sizes::Imix, ..Synth::default() }.to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn gzip_of_several_members_is_read() {
    let bytes = capture();
    let expected = read(&bytes, &ReadOptions::default()).whole();
    let (head, tail) = bytes.split_at(30_001);
    for packed in [gzip(&bytes), [gzip(head), gzip(tail)].concat()] {
        assert_eq!(read(&packed, &options(10_000)).whole(), expected);
    }
}

#[test]
fn zstd_of_several_frames_is_read_and_skippable_ones_are_skipped() {
    let bytes = capture();
    let expected = read(&bytes, &ReadOptions::default()).whole();
    let (head, tail) = bytes.split_at(30_001);
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any"].concat();
    for packed in [zstd(&bytes), [skippable.clone(), zstd(head), skippable, zstd(tail)].concat()] {
        assert_eq!(read(&packed, &options(10_000)).whole(), expected);
    }
}

#[test]
fn a_compressed_file_that_is_cut_delivers_what_can_be_unpacked() {
    let bytes = capture();
    let expected = read(&bytes, &ReadOptions::default()).whole();
    for packed in [gzip(&bytes), zstd(&bytes)] {
        let outcome = read(&packed[..packed.len() / 2], &options(10_000));
        assert!(outcome.frames.len() > 100 && outcome.frames.len() < expected.len());
        assert_eq!(outcome.frames, expected[..outcome.frames.len()]);
        let Some(CaptureError::Read { packet, offset, .. }) = outcome.error else {
            panic!("{:?}", outcome.error)
        };
        assert_eq!(packet, outcome.frames.len() as u64 + 1);
        let before: usize = outcome.frames.iter().map(|frame| frame.bytes.len() + 16).sum();
        assert_eq!(offset, before as u64 + 24);
    }
}

#[test]
fn a_compressed_file_that_is_damaged_is_an_error() {
    let bytes = capture();
    for (packed, back) in [(gzip(&bytes), 6), (zstd(&bytes), 2)] {
        let mut damaged = packed.clone();
        let at = packed.len() - back;
        damaged[at] ^= 0x55;
        let outcome = read(&damaged, &options(10_000));
        assert!(matches!(outcome.error, Some(CaptureError::Read { .. })), "{:?}", outcome.error);
    }
}

#[test]
fn what_is_packed_is_named_when_it_is_no_capture() {
    let message = read(&gzip(b"hello"), &ReadOptions::default()).message();
    assert_eq!(message, "test: not a capture: expected pcap or pcapng, found text: \"hello\"");
    assert!(read(&[0x28, 0xb5, 0x2f, 0xfd], &ReadOptions::default()).error.is_some());
    assert!(read(&[0x1f, 0x8b], &ReadOptions::default()).error.is_some());
}
