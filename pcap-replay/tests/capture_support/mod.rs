//! Captures built byte by byte, and readers that collect everything.
//!
//! Written without the code under test, so that a misunderstanding can't cancel out.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{Cursor, Read};

use xdpsim::capture::{
    CaptureError, CaptureReader, Fill, FrameIndex, FrameTable, MemoryCapture, ReadOptions,
};
use xdpsim_core::{Batch, Ingress};
use xdpsim_devmap::DevId;

/// One frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub stamp: u64,
    pub bytes: Vec<u8>,
    pub interface: u16,
}

/// A frame of interface 0.
pub fn frame(stamp: u64, bytes: &[u8]) -> Frame {
    Frame { stamp, bytes: bytes.to_vec(), interface: 0 }
}

/// All that a capture delivers.
#[derive(Debug)]
pub struct Outcome {
    pub frames: Vec<Frame>,
    pub truncated: u64,
    pub error: Option<CaptureError>,
}

impl Outcome {
    /// The frames of a capture that must be whole.
    #[track_caller]
    pub fn whole(self) -> Vec<Frame> {
        assert!(self.error.is_none(), "{:?}", self.error);
        self.frames
    }

    /// The error's text.
    #[track_caller]
    pub fn message(&self) -> String {
        self.error.as_ref().expect("an error was expected").to_string()
    }
}

pub fn options(buffer_bytes: usize) -> ReadOptions {
    ReadOptions { buffer_bytes, ..ReadOptions::default() }
}

/// Reads a capture from memory through the streaming reader.
pub fn read(bytes: &[u8], options: &ReadOptions) -> Outcome {
    read_from(Cursor::new(bytes.to_vec()), options)
}

pub fn read_from(stream: impl Read + Send + 'static, options: &ReadOptions) -> Outcome {
    collect(CaptureReader::from_reader("test", stream, options))
}

/// Drains a reader, two tables in turn as the replay does it.
pub fn collect(reader: Result<CaptureReader, CaptureError>) -> Outcome {
    let mut outcome = Outcome { frames: Vec::new(), truncated: 0, error: None };
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return Outcome { error: Some(error), ..outcome },
    };
    let mut tables = [FrameTable::default(), FrameTable::default()];
    for turn in 0.. {
        let next = reader.next_frame();
        let table = &mut tables[turn % 2];
        match reader.fill(table) {
            Ok(Fill::End) => break,
            Ok(Fill::Frames(count)) => {
                assert!(count > 0 && count == table.len());
                assert_eq!(table.first(), next);
                outcome.truncated += table.truncated();
                let batch = table.batch(Ingress::One(DevId(1)));
                let interface = table.interface().0;
                append(&batch, |i| table.interfaces().map_or(interface, |all| all[i].0), &mut outcome);
            }
            Err(error) => {
                outcome.error = Some(error);
                assert_eq!(reader.fill(table).expect("an error is told once"), Fill::End);
                break;
            }
        }
    }
    outcome
}

/// Reads a capture in place.
pub fn scan(bytes: &[u8], window: usize) -> Outcome {
    let mut outcome = Outcome { frames: Vec::new(), truncated: 0, error: None };
    let mut index = FrameIndex::default();
    let mut capture = match MemoryCapture::new("test", bytes) {
        Ok(capture) => capture,
        Err(error) => return Outcome { error: Some(error), ..outcome },
    };
    loop {
        match capture.scan(&mut index, window) {
            Ok(None) => return outcome,
            Ok(Some(view)) => {
                outcome.truncated += index.truncated();
                let batch = index.batch(view, Ingress::One(DevId(1)));
                let interface = index.interface().0;
                append(&batch, |i| index.interfaces().map_or(interface, |all| all[i].0), &mut outcome);
            }
            Err(error) => outcome.error = Some(error),
        }
    }
}

fn append(batch: &Batch<'_>, interface: impl Fn(usize) -> u16, outcome: &mut Outcome) {
    assert_eq!(batch.first.0, outcome.frames.len() as u64);
    assert_eq!(batch.frames.len(), batch.stamps.len());
    for (i, (desc, stamp)) in batch.frames.iter().zip(batch.stamps).enumerate() {
        assert_eq!(desc.frame, outcome.frames.len() as u32);
        let bytes = batch.bytes[desc.off as usize..][..desc.len as usize].to_vec();
        outcome.frames.push(Frame { stamp: stamp.0, bytes, interface: interface(i) });
    }
}

/// Byte order of a capture under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    pub const BOTH: [Self; 2] = [Self::Little, Self::Big];

    pub fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }
}

pub const MICROS: u32 = 0xa1b2_c3d4;
pub const NANOS: u32 = 0xa1b2_3c4d;

/// Header of a classic pcap of version 2.4.
pub fn pcap_head(order: Order, magic: u32, link: u32) -> Vec<u8> {
    let mut bytes = order.u32(magic).to_vec();
    bytes.extend(order.u16(2));
    bytes.extend(order.u16(4));
    bytes.extend(order.words(&[0, 0, 65_535, link]));
    bytes
}

/// A record of a classic pcap with these lengths, whatever the data is.
pub fn record_of(order: Order, (secs, fraction): (u32, u32), lens: (u32, u32), data: &[u8]) -> Vec<u8> {
    let mut bytes = order.words(&[secs, fraction, lens.0, lens.1]);
    bytes.extend(data);
    bytes
}

/// A record that holds all of its frame.
pub fn record(order: Order, stamp: (u32, u32), data: &[u8]) -> Vec<u8> {
    record_of(order, stamp, (data.len() as u32, data.len() as u32), data)
}

/// A pcapng block of any kind; the body is filled up to 32 bits.
pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let total = padded as u32 + 12;
    let mut bytes = order.words(&[kind, total]);
    bytes.extend(body);
    bytes.resize(8 + padded, 0);
    bytes.extend(order.u32(total));
    bytes
}

pub fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend(order.u16(1));
    body.extend(order.u16(0));
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

pub fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = order.u16(code).to_vec();
    bytes.extend(order.u16(value.len() as u16));
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub fn interface(order: Order, link: u16, snaplen: u32, options: &[Vec<u8>]) -> Vec<u8> {
    let mut body = order.u16(link).to_vec();
    body.extend([0, 0]);
    body.extend(order.u32(snaplen));
    body.extend(options.concat());
    block(order, 1, &body)
}

/// An enhanced packet block.
pub fn packet(order: Order, interface: u32, ticks: u64, original: u32, data: &[u8]) -> Vec<u8> {
    let fields = [interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, original];
    let mut body = order.words(&fields);
    body.extend(data);
    block(order, 6, &body)
}
