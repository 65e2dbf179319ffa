//! Classic pcap: byte orders, resolutions, odd but accepted fields, breaks.

use crate::capture_support;
use capture_support::{
    MICROS, NANOS, Order, collect, frame, options, pcap_head, read, read_from, record, record_of, scan,
};
use xdpsim::capture::synth::{Sizes, Synth};
use xdpsim::capture::{
    Break, CaptureError, CaptureReader, Fill, FrameTable, ReadOptions, Resolution, Truncated,
};
use xdpsim_core::{FrameNo, Ingress};
use xdpsim_devmap::DevId;

fn pcap(order: Order, magic: u32, records: &[Vec<u8>]) -> Vec<u8> {
    [pcap_head(order, magic, 1), records.concat()].concat()
}

fn padded() -> ReadOptions {
    ReadOptions { truncated: Truncated::Pad, ..ReadOptions::default() }
}

#[test]
fn both_byte_orders_and_both_resolutions_are_read() {
    for order in Order::BOTH {
        for (magic, nanos, resolution) in [(MICROS, 5_000, Resolution::Micros), (NANOS, 5, Resolution::Nanos)]
        {
            let bytes =
                pcap(order, magic, &[record(order, (7, 5), b"first"), record(order, (8, 0), b"second")]);
            let expected = [frame(7_000_000_000 + nanos, b"first"), frame(8_000_000_000, b"second")];
            assert_eq!(read(&bytes, &ReadOptions::default()).whole(), expected);
            let reader =
                CaptureReader::from_reader("test", std::io::Cursor::new(bytes), &options(100)).unwrap();
            assert_eq!(reader.resolution(), resolution);
        }
    }
}

#[test]
fn a_capture_without_frames_is_no_error() {
    let bytes = pcap(Order::Little, MICROS, &[]);
    assert_eq!(read(&bytes, &ReadOptions::default()).whole(), []);
    assert_eq!(scan(&bytes, 4096).whole(), []);
}

#[test]
fn timestamps_may_run_backward_and_overflow_their_fraction() {
    let order = Order::Little;
    let stamps = [(9, 0), (1, 0), (u32::MAX, u32::MAX), (5, 1_500_000)];
    let bytes = pcap(order, MICROS, &stamps.map(|stamp| record(order, stamp, b"x")));
    let read: Vec<u64> = read(&bytes, &options(64)).whole().iter().map(|frame| frame.stamp).collect();
    let last = u64::from(u32::MAX) * 1_000_001_000;
    assert_eq!(read, [9_000_000_000, 1_000_000_000, last, 6_500_000_000]);
}

#[test]
fn odd_lengths_that_other_tools_accept_are_accepted() {
    let order = Order::Big;
    let long = vec![7; 70_000];
    let records = [
        record(order, (1, 0), b""),
        record_of(order, (2, 0), (4, 2), b"four"),
        record(order, (3, 0), &long),
        record_of(order, (4, 0), (0, 60), b""),
    ];
    let outcome = read(&pcap(order, MICROS, &records), &options(1000));
    assert_eq!(outcome.truncated, 1);
    let lens: Vec<usize> = outcome.whole().iter().map(|frame| frame.bytes.len()).collect();
    assert_eq!(lens, [0, 4, 70_000, 0]);
}

#[test]
fn truncated_frames_are_padded_with_zero_bytes_when_asked() {
    let order = Order::Little;
    let records = [
        record_of(order, (1, 0), (3, 6), b"abc"),
        record(order, (2, 0), b"whole"),
        record_of(order, (3, 0), (0, 2), b""),
        record_of(order, (4, 0), (4, 2), b"more"),
    ];
    let bytes = pcap(order, MICROS, &records);
    for buffer_bytes in [1, 20, 1000] {
        let outcome = read(&bytes, &ReadOptions { buffer_bytes, ..padded() });
        assert_eq!(outcome.truncated, 2);
        let frames = outcome.whole();
        let data: Vec<&[u8]> = frames.iter().map(|frame| &frame.bytes[..]).collect();
        assert_eq!(data, [&b"abc\0\0\0"[..], b"whole", b"\0\0", b"more"]);
    }
}

#[test]
fn padding_beyond_the_longest_frame_is_a_break() {
    let order = Order::Little;
    let records = [record(order, (1, 0), b"good"), record_of(order, (2, 0), (3, 262_145), b"bad")];
    let bytes = pcap(order, MICROS, &records);
    assert_eq!(read(&bytes, &ReadOptions::default()).whole().len(), 2);
    let outcome = read(&bytes, &padded());
    assert_eq!(outcome.frames, [frame(1_000_000_000, b"good")]);
    assert_eq!(
        outcome.message(),
        "test: packet 2 (frame.number in tshark), byte offset 44: original length 262145: cannot pad the \
         frame; expected at most 262144"
    );
}

#[test]
fn padding_never_makes_a_table_much_larger_than_its_buffer() {
    let order = Order::Little;
    let records: Vec<Vec<u8>> =
        (0..500).map(|i| record_of(order, (i, 0), (1, 262_144), &[i as u8])).collect();
    let stream = std::io::Cursor::new(pcap(order, MICROS, &records));
    let mut reader = CaptureReader::from_reader("test", stream, &padded()).unwrap();
    let mut table = FrameTable::default();
    let (mut fills, mut frames) = (0, 0);
    while let Fill::Frames(count) = reader.fill(&mut table).unwrap() {
        let batch = table.batch(Ingress::One(DevId(1)));
        assert!(batch.bytes.len() <= 6 << 20, "{}", batch.bytes.len());
        for desc in batch.frames {
            let data = &batch.bytes[desc.off as usize..][..desc.len as usize];
            assert_eq!((data.len(), data[0]), (262_144, desc.frame as u8));
            assert!(data[1..].iter().all(|byte| *byte == 0));
        }
        (fills, frames) = (fills + 1, frames + count);
    }
    assert_eq!(frames, 500);
    assert!(fills > 20);
}

#[test]
fn a_giant_captured_length_is_a_break_after_the_frames_before_it() {
    for order in Order::BOTH {
        for claimed in [262_145, 0x7fff_ffff, u32::MAX] {
            let records =
                [record(order, (1, 0), b"good"), record_of(order, (2, 0), (claimed, claimed), b"bad")];
            let bytes = pcap(order, MICROS, &records);
            for outcome in [read(&bytes, &options(30)), scan(&bytes, 30)] {
                assert_eq!(outcome.frames, [frame(1_000_000_000, b"good")]);
                let Some(CaptureError::Broken { packet: 2, offset: 44, what, .. }) = outcome.error else {
                    panic!("{:?}", outcome.error)
                };
                assert_eq!(what, Break::FrameTooLong { captured: claimed });
            }
        }
    }
}

#[test]
fn the_longest_frame_is_read_through_the_smallest_buffer() {
    let order = Order::Little;
    let data: Vec<u8> = (0..262_144_u32).map(|i| i as u8).collect();
    let bytes = pcap(order, NANOS, &[record(order, (1, 1), &data)]);
    assert_eq!(read(&bytes, &options(1)).whole(), [frame(1_000_000_001, &data)]);
}

#[test]
fn a_file_cut_at_any_byte_delivers_the_frames_before_the_cut() {
    let order = Order::Little;
    let frames = [frame(1_000_000, b"one"), frame(2_000_000, b""), frame(3_000_000, b"three")];
    let mut bytes = pcap_head(order, MICROS, 1);
    let mut ends = Vec::new();
    for one in &frames {
        bytes.extend(record(order, (0, (one.stamp / 1000) as u32), &one.bytes));
        ends.push(bytes.len());
    }
    for len in 24..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= len).count();
        for outcome in [read(&bytes[..len], &options(7)), scan(&bytes[..len], 7)] {
            assert_eq!(outcome.frames, frames[..whole], "cut at {len}");
            let offset = ends[..whole].last().copied().unwrap_or(24);
            match outcome.error {
                None => assert_eq!(len, offset),
                Some(CaptureError::Broken {
                    packet, offset: at, what: Break::Cut { have, need }, ..
                }) => {
                    assert_eq!((packet, at, have), (whole as u64 + 1, offset as u64, (len - offset) as u64));
                    assert!(need > have && need <= 21);
                }
                other => panic!("cut at {len}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_file_cut_in_its_header_is_refused() {
    let bytes = pcap_head(Order::Little, MICROS, 1);
    for len in 4..24 {
        let message = read(&bytes[..len], &ReadOptions::default()).message();
        let end = format!("byte offset 0: the file ends after {len} of the 24 bytes expected here");
        assert!(message.ends_with(&end), "{message}");
    }
}

#[test]
fn files_that_are_no_captures_are_named() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "an empty file"),
        (b"kernel = \"6.12\"\n", r#"text: "kernel = \"6.12\"\n""#),
        (b"\x7fELF\x02\x01\x01\0", "an ELF file"),
        (b"snoop\0\0\0\0\0\0\x02", "a Solaris snoop capture"),
        (b"\x34\xcd\xb2\xa1\x02\0\x04\0", "a modified pcap (magic 0xa1b2cd34)"),
        (b"\0\x01\x02\x03\x04\x05\x06\x07\x08", "a file that begins with 00 01 02 03 04 05 06 07"),
    ];
    for (bytes, found) in cases {
        let message = read(bytes, &ReadOptions::default()).message();
        assert_eq!(message, format!("test: not a capture: expected pcap or pcapng, found {found}"));
    }
}

#[test]
fn other_link_types_are_refused_by_number_and_name() {
    let message = |link| read(&pcap_head(Order::Big, MICROS, link), &ReadOptions::default()).message();
    assert_eq!(message(105), "test: link type 105 (IEEE 802.11): only Ethernet captures can be replayed");
    assert_eq!(
        message(40_000),
        "test: link type 40000 (not a registered one): only Ethernet captures can be replayed"
    );
    let with_check_sequence = pcap_head(Order::Big, MICROS, 0x2400_0001);
    assert!(read(&with_check_sequence, &ReadOptions::default()).error.is_none());
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = pcap_head(Order::Little, MICROS, 1);
    bytes[6] = 9;
    let message = read(&bytes, &ReadOptions::default()).message();
    assert!(message.ends_with("byte offset 0: pcap version 2.9; expected 2.4"), "{message}");
}

#[test]
fn a_missing_file_is_named() {
    let error = CaptureReader::open("no/such.pcap".as_ref(), &ReadOptions::default()).err().unwrap();
    assert_eq!(error.to_string(), "no/such.pcap: cannot open the capture");
}

/// Delivers one byte at a time and fails at the end.
struct Failing(std::vec::IntoIter<u8>);

impl std::io::Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self.0.next() {
            Some(byte) => {
                buf[0] = byte;
                Ok(1)
            }
            None => Err(std::io::Error::other("the cable is out")),
        }
    }
}

#[test]
fn a_stream_that_fails_delivers_what_came_before() {
    let order = Order::Little;
    let mut bytes = pcap(order, MICROS, &[record(order, (1, 0), b"good"), record(order, (2, 0), b"lost")]);
    for cut in [1, 4, 10, 20] {
        bytes.truncate(64 - cut);
        let outcome = read_from(Failing(bytes.clone().into_iter()), &ReadOptions::default());
        assert_eq!(outcome.frames, [frame(1_000_000_000, b"good")]);
        let Some(CaptureError::Read { packet: 2, offset: 44, ref source, .. }) = outcome.error else {
            panic!("{:?}", outcome.error)
        };
        assert_eq!(source.to_string(), "the cable is out");
    }
}

#[test]
fn any_buffer_size_and_the_scan_in_place_deliver_the_same() {
    let bytes = Synth { frames: 300, sizes: Sizes::Imix, ..Synth::default() }.to_vec();
    let expected = read(&bytes, &ReadOptions::default()).whole();
    assert_eq!(expected.len(), 300);
    for size in (1..200).chain([511, 512, 1533, 1534, 1535, 4096, 100_000]) {
        assert_eq!(read(&bytes, &options(size)).whole(), expected, "buffer of {size}");
        assert_eq!(scan(&bytes, size).whole(), expected, "window of {size}");
    }
}

#[test]
fn frame_numbers_go_on_where_the_last_capture_ended() {
    let order = Order::Little;
    let bytes = pcap(order, MICROS, &[record(order, (1, 0), b"a"), record(order, (2, 0), b"b")]);
    let options = ReadOptions { first: FrameNo(41), buffer_bytes: 17, ..ReadOptions::default() };
    let mut reader = CaptureReader::from_reader("test", std::io::Cursor::new(bytes), &options).unwrap();
    let mut table = FrameTable::default();
    for expected in [41, 42] {
        assert_eq!(reader.fill(&mut table).unwrap(), Fill::Frames(1));
        let batch = table.batch(Ingress::One(DevId(1)));
        assert_eq!((batch.first, batch.frames[0].frame), (FrameNo(expected), expected as u32));
    }
    assert_eq!(reader.next_frame(), FrameNo(43));
}

#[test]
fn progress_counts_the_bytes_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small.pcap");
    let bytes = Synth::default().to_vec();
    std::fs::write(&path, &bytes).unwrap();
    let mut reader = CaptureReader::open(&path, &options(8000)).unwrap();
    assert_eq!(reader.progress().total, Some(bytes.len() as u64));
    reader.fill(&mut FrameTable::default()).unwrap();
    assert!((1..=8024).contains(&reader.progress().taken));
    let taken_to_the_end = {
        while reader.fill(&mut FrameTable::default()).unwrap() != Fill::End {}
        reader.progress().taken
    };
    assert_eq!(taken_to_the_end, bytes.len() as u64);
    assert_eq!(collect(CaptureReader::open(&path, &options(8000))).whole().len(), 1000);
}
