//! Any bytes as a capture: read whole in every way there is, without a panic, in bounded memory, and with
//! sums that agree.
#![no_main]

use std::convert::Infallible;
use std::io::Cursor;
use std::sync::{Arc, Mutex, OnceLock};

use libfuzzer_sys::fuzz_target;
use xdpsim::capture::{
    CaptureError, CaptureReader, CaptureWriter, FRAME_BYTES_MAX, Fill, FrameIndex, FrameTable, MemoryCapture,
    ReadOptions, Resolution, Truncated, WriteOptions,
};
use xdpsim::runner::{Settings, run};
use xdpsim_core::{Batch, Ingress, Nanos, NullSink, Plan, Timing};
use xdpsim_devmap::DevId;

/// Small, so that records are cut by the buffer's end.
const BUFFER_BYTES: usize = 512;
/// A buffer, or the longest block, and the padding that a table may take.
const TABLE_BYTES_MAX: usize = (16 + 5) << 20;
/// Packed inputs may unpack to gigabytes; this much of them is enough.
const FRAMES_MAX: usize = 20_000;

/// What one way of reading delivered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    frames: Vec<(Nanos, Vec<u8>)>,
    error: Option<String>,
}

impl Seen {
    /// Takes in a batch. Whatever else takes batches is run from here.
    fn batch(&mut self, batch: &Batch<'_>) {
        assert_eq!(batch.first.0, self.frames.len() as u64);
        assert_eq!(batch.frames.len(), batch.stamps.len());
        assert!(batch.bytes.len() <= TABLE_BYTES_MAX);
        for (desc, stamp) in batch.frames.iter().zip(batch.stamps) {
            assert_eq!(u64::from(desc.frame), self.frames.len() as u64);
            assert!(desc.len <= FRAME_BYTES_MAX);
            let data = &batch.bytes[desc.off as usize..][..desc.len as usize];
            self.frames.push((*stamp, data.to_vec()));
        }
    }

    fn bytes(&self) -> usize {
        self.frames.iter().map(|(_, data)| data.len()).sum()
    }
}

fn ingress() -> Ingress<'static> {
    Ingress::One(DevId(1))
}

fn stream(bytes: &[u8], truncated: Truncated) -> Seen {
    let options = ReadOptions { truncated, buffer_bytes: BUFFER_BYTES, ..ReadOptions::default() };
    let mut seen = Seen::default();
    let mut read = || -> Result<(), CaptureError> {
        let mut reader = CaptureReader::from_reader("fuzz", Cursor::new(bytes.to_vec()), &options)?;
        let mut tables = [FrameTable::default(), FrameTable::default()];
        let mut padded = 0;
        while seen.frames.len() < FRAMES_MAX && padded < 4 * TABLE_BYTES_MAX {
            tables.swap(0, 1);
            match reader.fill(&mut tables[0])? {
                Fill::End => break,
                Fill::Frames(count) => assert_eq!(count, tables[0].len()),
            }
            let batch = tables[0].batch(ingress());
            seen.batch(&batch);
            padded += batch.bytes.len();
        }
        Ok(())
    };
    let error = read().err().map(|error| error.to_string());
    Seen { error, ..seen }
}

fn in_place(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut index = FrameIndex::default();
    let mut scan = || -> Result<(), CaptureError> {
        let mut capture = MemoryCapture::new("fuzz", bytes)?;
        while let Some(window) = capture.scan(&mut index, BUFFER_BYTES)? {
            seen.batch(&index.batch(window, ingress()));
        }
        Ok(())
    };
    let error = scan().err().map(|error| error.to_string());
    Seen { error, ..seen }
}

/// The built-in example's ports, maps and programs: broadcast, a slow line, veths, a timed change.
fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let parsed = xdpsim::scenario::builtin().expect("the built-in scenario is fine");
        Plan::new(&parsed.scenario).expect("and builds")
    })
}

/// Replays the capture: every frame that was read and every copy of it ends in exactly one fate.
fn replayed(bytes: &[u8], frames: usize, timing: Timing) {
    let options = ReadOptions { buffer_bytes: BUFFER_BYTES, ..ReadOptions::default() };
    let Ok(mut reader) = CaptureReader::from_reader("fuzz", Cursor::new(bytes.to_vec()), &options) else {
        return;
    };
    let settings = Settings { timing, ..Settings::default() };
    let mut ignore = |_, _| Ok::<(), Infallible>(());
    let Ok(finished) = run(plan(), DevId(0), &mut reader, &settings, &|_| NullSink, &mut ignore);
    assert!(finished.report.is_balanced());
    if frames < FRAMES_MAX {
        assert_eq!(finished.report.arrivals, frames as u64);
    }
}

/// Writes frames to a pcapng and reads them back.
fn rewritten(seen: &Seen) -> Seen {
    let out = Sink::default();
    let options = WriteOptions { resolution: Resolution::Nanos, ..WriteOptions::default() };
    let mut writer = CaptureWriter::to_writer("fuzz", out.clone(), &options).expect("memory takes it");
    for (stamp, data) in &seen.frames {
        writer.write(*stamp, data, data.len() as u32).expect("what was read can be written");
    }
    writer.finish().expect("memory takes it");
    let bytes = out.0.lock().expect("one thread").clone();
    in_place(&bytes)
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one thread").write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let captured = stream(bytes, Truncated::AsCaptured);
    let padded = stream(bytes, Truncated::Pad);
    for (short, long) in captured.frames.iter().zip(&padded.frames) {
        assert!(short.0 == long.0 && long.1.starts_with(&short.1));
    }
    let is_packed = matches!(bytes, [0x1f, 0x8b, ..] | [0x28, 0xb5, ..] | [0x50..=0x5f, 0x2a, ..]);
    if !is_packed {
        // Every frame and its record's head lie in the file once.
        assert!(captured.bytes() + 16 * captured.frames.len() <= bytes.len());
        if captured.frames.len() < FRAMES_MAX {
            assert_eq!(captured, in_place(bytes));
        }
        replayed(bytes, captured.frames.len(), Timing::Capture);
        replayed(bytes, captured.frames.len(), Timing::Asap);
    }
    assert_eq!(rewritten(&captured), Seen { frames: captured.frames, error: None });
});
