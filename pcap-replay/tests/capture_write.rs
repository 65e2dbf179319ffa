//! Written captures: what comes back, byte for byte, and what every reader makes of it.

use crate::capture_support;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use capture_support::{Frame, frame, options, read, scan};
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use proptest::collection::vec;
use proptest::prelude::*;
use xdpsim::capture::{CaptureWriter, Format, ReadOptions, Resolution, WriteError, WriteOptions};
use xdpsim_core::Nanos;

/// A file in memory that can be looked at while it is written.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Shared {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_options(format: Format, resolution: Resolution) -> WriteOptions {
    WriteOptions { format, resolution, interface: "eth1".into() }
}

fn written(frames: &[Frame], options: &WriteOptions) -> Vec<u8> {
    let out = Shared::default();
    let mut writer = CaptureWriter::to_writer("out", out.clone(), options).unwrap();
    for frame in frames {
        writer.write(Nanos(frame.stamp), &frame.bytes, frame.bytes.len() as u32).unwrap();
    }
    writer.finish().unwrap();
    out.bytes()
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    // Seconds that fit both formats.
    let stamp = 0..u64::from(u32::MAX) * 1_000_000_000;
    let one = (stamp, vec(any::<u8>(), 0..200)).prop_map(|(stamp, bytes)| frame(stamp, &bytes));
    vec(one, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn written_frames_come_back_equal(frames in frames(), size in 1_usize..5000) {
        for format in [Format::PcapNg, Format::Pcap] {
            for resolution in [Resolution::Nanos, Resolution::Micros] {
                let bytes = written(&frames, &write_options(format, resolution));
                let unit = if resolution == Resolution::Micros { 1000 } else { 1 };
                let expected: Vec<Frame> =
                    frames.iter().map(|one| frame(one.stamp / unit * unit, &one.bytes)).collect();
                prop_assert_eq!(&read(&bytes, &options(size)).whole(), &expected);
                prop_assert_eq!(&scan(&bytes, size).whole(), &expected);
            }
        }
    }

    #[test]
    fn another_reader_sees_the_same_frames(frames in frames()) {
        let bytes = written(&frames, &write_options(Format::PcapNg, Resolution::Nanos));
        let mut seen = Vec::new();
        let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
        while let Some(block) = reader.next_block() {
            if let (Block::EnhancedPacket(packet), _) = block.unwrap() {
                seen.push(frame(packet.timestamp.as_nanos() as u64, &packet.data));
            }
        }
        prop_assert_eq!(&seen, &frames);

        let bytes = written(&frames, &write_options(Format::Pcap, Resolution::Nanos));
        let mut seen = Vec::new();
        let mut reader = PcapReader::new(&bytes[..]).unwrap();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.unwrap();
            seen.push(frame(packet.timestamp().as_nanos() as u64, packet.data()));
        }
        prop_assert_eq!(&seen, &frames);
    }
}

#[test]
fn pcapng_names_port_program_and_resolution() {
    let one = [frame(1_500, b"abc")];
    let bytes = written(&one, &write_options(Format::PcapNg, Resolution::Nanos));
    let user = concat!("xdpsim ", env!("CARGO_PKG_VERSION"));
    let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
    assert!(format!("{:?}", reader.section().options).contains(user));
    reader.next_block().unwrap().unwrap();
    let [interface] = reader.interfaces() else { panic!() };
    assert_eq!(interface.snaplen, 262_144);
    let described = format!("{:?}", interface.options);
    assert!(described.contains(r#"IfName("eth1")"#) && described.contains("IfTsResol"), "{described}");
    assert_eq!(bytes, written(&one, &write_options(Format::PcapNg, Resolution::Nanos)), "not deterministic");
}

#[test]
fn the_original_length_is_kept_and_never_below_what_is_there() {
    for format in [Format::PcapNg, Format::Pcap] {
        let out = Shared::default();
        let mut writer =
            CaptureWriter::to_writer("out", out.clone(), &write_options(format, Resolution::Nanos)).unwrap();
        writer.write(Nanos(1), b"abcd", 60).unwrap();
        writer.write(Nanos(2), b"abcd", 1).unwrap();
        writer.finish().unwrap();
        let padded = ReadOptions { truncated: xdpsim::capture::Truncated::Pad, ..ReadOptions::default() };
        let lens: Vec<usize> = read(&out.bytes(), &padded).whole().iter().map(|f| f.bytes.len()).collect();
        assert_eq!(lens, [60, 4]);
    }
}

#[test]
fn the_file_is_a_valid_capture_at_every_moment() {
    for format in [Format::PcapNg, Format::Pcap] {
        let out = Shared::default();
        let mut writer =
            CaptureWriter::to_writer("out", out.clone(), &write_options(format, Resolution::Micros)).unwrap();
        assert_eq!(read(&out.bytes(), &options(100)).whole(), []);
        let mut sizes = Vec::new();
        for number in 0..2000_u64 {
            writer.write(Nanos(number * 1000), &[number as u8; 133], 133).unwrap();
            let bytes = out.bytes();
            if sizes.last() != Some(&bytes.len()) {
                sizes.push(bytes.len());
                let frames = read(&bytes, &ReadOptions::default()).whole();
                assert!(frames.len() as u64 <= number + 1);
            }
        }
        assert!(sizes.len() > 3, "the buffer never went out: {sizes:?}");
        writer.flush().unwrap();
        assert_eq!(read(&out.bytes(), &ReadOptions::default()).whole().len(), 2000);
        writer.write(Nanos(0), b"dropped, not finished", 21).unwrap();
        drop(writer);
        assert_eq!(read(&out.bytes(), &ReadOptions::default()).whole().len(), 2001);
    }
}

/// Takes the headers and nothing more.
struct Full(bool);

impl Write for Full {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn errors_name_the_file() {
    let pcap = write_options(Format::Pcap, Resolution::Nanos);
    let mut writer = CaptureWriter::to_writer("out/eth1.pcap", Full(false), &pcap).unwrap();
    writer.write(Nanos(1), b"frame", 5).unwrap();
    assert_eq!(writer.finish().unwrap_err().to_string(), "out/eth1.pcap: cannot write the capture");

    let mut writer = CaptureWriter::to_writer("eth1.pcap", io::sink(), &pcap).unwrap();
    let late = writer.write(Nanos(u64::MAX), b"", 0).unwrap_err();
    assert!(matches!(late, WriteError::Stamp { .. }));
    assert_eq!(
        late.to_string(),
        "eth1.pcap: a classic pcap cannot hold the time 18446744073.709551615; expected one before 2106: write \
         pcapng"
    );
    let long = writer.write(Nanos(0), &vec![0; 262_145], 0).unwrap_err();
    assert!(matches!(long, WriteError::FrameTooLong { len: 262_145, .. }));

    let missing = CaptureWriter::create("no/such/dir.pcapng".as_ref(), &pcap).err().unwrap();
    assert_eq!(missing.to_string(), "no/such/dir.pcapng: cannot create the capture");
}

#[test]
fn a_stamp_that_only_pcapng_can_hold_comes_back() {
    let last = [frame(u64::MAX, b"x")];
    let bytes = written(&last, &write_options(Format::PcapNg, Resolution::Nanos));
    assert_eq!(read(&bytes, &ReadOptions::default()).whole(), last);
}
