//! Runs the built command in a folder of its own, so that no output depends on where that is.

#![allow(dead_code)] // each test binary uses its own part of this

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xdpsim::capture::{CaptureWriter, Format, Resolution, WriteOptions};
use xdpsim_core::Nanos;

/// Stamp of the first frame of every capture made here.
pub const START: Nanos = Nanos(1_700_000_000_000_000_000);

/// A folder with files, and the command in it.
pub struct Folder(tempfile::TempDir);

/// What a run said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for the test"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), bytes).expect("a file of the test");
        self
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A capture of frames of these lengths, `gap` nanoseconds apart.
    pub fn capture(&self, name: &str, lens: &[usize], gap: u64) -> &Self {
        let options =
            WriteOptions { format: Format::Pcap, resolution: Resolution::Nanos, ..Default::default() };
        let mut writer = CaptureWriter::create(&self.path(name), &options).expect("a capture of the test");
        for (i, &len) in lens.iter().enumerate() {
            let stamp = START.after(Nanos(gap * i as u64));
            writer.write(stamp, &frame(i, len), len as u32).expect("a frame of the test");
        }
        writer.finish().expect("a capture of the test");
        self
    }

    /// A capture of four stations that join groups (IGMP) and send to them (UDP), a frame each half millisecond.
    pub fn multicast(&self, name: &str) -> &Self {
        let frame = |host: u8, group: u8, protocol: u8, payload: &[u8]| {
            let mut frame = vec![1, 0, 0x5e, 0, 0, group, 2, 0, 0, 0, 0, host, 8, 0];
            let len = 20 + payload.len() as u8;
            frame.extend([0x45, 0, 0, len, 0, 0, 0, 0, 1, protocol, 0, 0, 10, 0, 0, host, 239, 0, 0, group]);
            frame.extend(payload);
            frame
        };
        let join = |host: u8, group: u8| frame(host, group, 2, &[0x16, 0, 0, 0, 239, 0, 0, group]);
        let data = |host: u8, group: u8| frame(host, group, 17, &[0; 8]);
        let frames = [join(1, 1), join(2, 1), join(3, 2), join(1, 2), data(4, 1), data(1, 2), data(1, 2)];
        let words =
            |words: &[usize]| words.iter().flat_map(|&word| (word as u32).to_le_bytes()).collect::<Vec<u8>>();
        let mut bytes = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
        for (i, frame) in frames.iter().enumerate() {
            bytes.extend(words(&[0, 500 * i, frame.len(), frame.len()]));
            bytes.extend(frame);
        }
        self.write(name, bytes)
    }

    /// Runs `xdpsim` with these arguments, split at spaces.
    pub fn run(&self, arguments: &str) -> Said {
        self.run_args(arguments.split_whitespace())
    }

    pub fn run_args<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xdpsim"));
        let output = command.args(arguments).current_dir(self.0.path()).env("NO_COLOR", "1").output();
        Said::from(output.expect("the command runs"))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command speaks UTF-8");
        let code = output.status.code().unwrap_or(-1);
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    /// Standard output of a run that must have succeeded.
    pub fn fine(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// All of it, for a snapshot.
    pub fn whole(&self) -> String {
        format!("exit code {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}

/// An Ethernet frame whose bytes differ from frame to frame.
pub fn frame(number: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02, 0x88, 0xb5];
    bytes.extend((0..len).map(|i| (number * 7 + i) as u8));
    bytes.truncate(len);
    bytes
}

/// A file of the repository.
pub fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The JSON report of a replay, in which arrivals + clones are the sum of all fates (LAW-01).
pub fn assert_balanced(report: &str) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(report).expect("a JSON document");
    let number = |value: &serde_json::Value| value.as_u64().expect("a number");
    let ended: u64 =
        report["fates"].as_array().expect("fates").iter().map(|row| number(&row["frames"])).sum();
    assert_eq!(number(&report["arrivals"]) + number(&report["clones"]), ended);
    report
}
