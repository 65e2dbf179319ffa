//! What programs tell user space: perf events, records of ring buffers, printed lines.
//!
//! There is always a reader that keeps up: perf events are taken at once, ring buffers are emptied after each poll, so
//! no program sees a full buffer for want of one. What is told is counted, and kept only if somebody wants it.

use std::fmt::Write as _;

use serde::Serialize;
use xdpsim_core::FrameNo;

/// Bytes of what is kept of a run; more is only counted.
const BYTES_MAX: usize = 64 << 20;

/// Something that a program told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The frame's number in its run, from 1; of a ring buffer's record, of the last frame of the poll.
    pub frame: u64,
    /// `perf`, `ring` or `print`.
    pub kind: &'static str,
    /// The map; none for what is printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// The perf event array's slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
    /// What is printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Everything else, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// What the programs of a run told.
#[derive(Clone, Debug, Default)]
pub struct Tellings {
    /// Does somebody want it?
    pub(super) wanted: bool,
    pub(super) list: Vec<Told>,
    bytes: usize,
    /// How much was told in all.
    pub(super) count: u64,
}

impl Tellings {
    pub(super) fn tell(&mut self, data: &[u8], told: impl FnOnce() -> Told) {
        self.count += 1;
        if self.wanted && self.bytes < BYTES_MAX {
            let told = told();
            self.bytes += size_of::<Told>() + 2 * data.len();
            self.list.push(told);
        }
    }

    /// What was kept, and how much was told in all.
    #[must_use]
    pub fn kept(&self) -> (&[Told], u64) {
        (&self.list, self.count)
    }

    /// Adds those of another copy of the machine, by frame.
    pub(super) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.list.extend_from_slice(&other.list);
        self.list.sort_by_key(|told| told.frame);
    }
}

impl Told {
    pub(super) fn perf(frame: FrameNo, map: String, slot: u32, data: &[u8]) -> Self {
        let (map, slot, data) = (Some(map), Some(slot), Some(hex(data)));
        Self { frame: frame.0 + 1, kind: "perf", map, slot, text: None, data }
    }

    pub(super) fn ring(frame: FrameNo, map: String, data: &[u8]) -> Self {
        let (map, data) = (Some(map), Some(hex(data)));
        Self { frame: frame.0 + 1, kind: "ring", map, slot: None, text: None, data }
    }

    pub(super) fn print(frame: FrameNo, text: &[u8]) -> Self {
        let text = Some(String::from_utf8_lossy(text).into_owned());
        Self { frame: frame.0 + 1, kind: "print", map: None, slot: None, text, data: None }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string cannot fail.
        _ = write!(out, "{byte:02x}");
    }
    out
}
